//! What a client has sent and nobody has parsed yet.
//!
//! Bytes join at the end and leave at the front. A backlog is worked off in many small turns, so
//! leaving only moves a mark; the bytes behind it are moved once they are fewer than those before
//! it.

/// Received bytes; `done` of them are parsed.
#[derive(Debug, Default)]
pub struct Input {
    bytes: Vec<u8>,
    done: usize,
}

impl Input {
    /// Bytes that are not parsed.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len() - self.done
    }

    /// True when everything is parsed.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of memory.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// What is not parsed.
    #[must_use]
    pub fn unparsed(&self) -> &[u8] {
        &self.bytes[self.done..]
    }

    /// More has come.
    pub fn extend(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// So many bytes at the front are done with.
    pub fn advance(&mut self, bytes: usize) {
        assert!(bytes <= self.len(), "only what has come is parsed");
        self.done += bytes;
        if self.is_empty() {
            // An idle client keeps no buffer.
            *self = Self::default();
        } else if self.done > self.len() {
            self.bytes.drain(..self.done);
            self.done = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_leave_in_the_order_they_came() {
        let mut input = Input::default();
        let (mut came, mut left) = (0u8, 0u8);
        for round in 0..200 {
            for _ in 0..round % 7 {
                input.extend(&[came]);
                came = came.wrapping_add(1);
            }
            let count = input.len().min(round % 5);
            for &byte in &input.unparsed()[..count] {
                assert_eq!(byte, left);
                left = left.wrapping_add(1);
            }
            input.advance(count);
            assert_eq!(input.len(), usize::from(came.wrapping_sub(left)));
            assert!(input.done <= input.len(), "what is done does not pile up");
        }
        input.advance(input.len());
        assert_eq!(input.capacity(), 0);
    }
}
