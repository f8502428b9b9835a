//! A client's replies, in the order of its commands.
//!
//! Straight into `ready` while nothing is outstanding elsewhere. Once a command is on its way to another shard, it and
//! everything behind it get a place; what is answered out of turn is held. What is complete at the front moves to `ready`.
//! ```text
//! places:  [answered][waiting][answered]...      place number = first + index
//! held:    bytes of answered places, any order
//! ready:   bytes to send next; swapped for an empty vector when a send starts
//! ```

use std::collections::VecDeque;

#[derive(Debug, Clone, Copy)]
enum Place {
    Waiting,
    Answered { start: usize, len: usize },
}

/// Replies owed and replies ready.
#[derive(Debug, Default)]
pub struct Replies {
    ready: Vec<u8>,
    held: Vec<u8>,
    places: VecDeque<Place>,
    first: u32,
}

impl Replies {
    /// True when no earlier command is unanswered: a reply may be written to `ready` directly.
    #[inline]
    #[must_use]
    pub fn in_order(&self) -> bool {
        self.places.is_empty()
    }

    /// Commands that are not answered, or answered behind one that is not.
    #[must_use]
    pub fn outstanding(&self) -> usize {
        self.places.len()
    }

    /// Where a reply is written now: `ready`, or `held` behind unanswered commands. In the second case the
    /// caller ends the reply with `seal`.
    #[inline]
    pub fn sink(&mut self) -> &mut Vec<u8> {
        if self.places.is_empty() {
            &mut self.ready
        } else {
            &mut self.held
        }
    }

    /// Gives the bytes that were written to `held` since `start` their place at the end.
    pub fn seal(&mut self, start: usize) {
        assert!(
            !self.places.is_empty(),
            "only a reply behind others needs a place"
        );
        self.places.push_back(Place::Answered {
            start,
            len: self.held.len() - start,
        });
    }

    /// A place at the end for a reply that comes later; returns its number.
    pub fn reserve(&mut self) -> u32 {
        let number = self.first.wrapping_add(
            u32::try_from(self.places.len()).expect("bounded by OUTSTANDING_PER_CLIENT"),
        );
        self.places.push_back(Place::Waiting);
        number
    }

    /// The reply of a reserved place has come.
    pub fn answer(&mut self, number: u32, reply: &[u8]) {
        let index = number.wrapping_sub(self.first) as usize;
        let place = self
            .places
            .get_mut(index)
            .expect("a reply comes for a reserved place");
        assert!(matches!(place, Place::Waiting), "a place is answered once");
        if index == 0 {
            self.ready.extend_from_slice(reply);
            self.places.pop_front();
            self.first = self.first.wrapping_add(1);
            self.advance();
        } else {
            *place = Place::Answered {
                start: self.held.len(),
                len: reply.len(),
            };
            self.held.extend_from_slice(reply);
        }
    }

    fn advance(&mut self) {
        while let Some(&Place::Answered { start, len }) = self.places.front() {
            self.ready.extend_from_slice(&self.held[start..start + len]);
            self.places.pop_front();
            self.first = self.first.wrapping_add(1);
        }
        if self.places.is_empty() {
            self.held.clear();
        }
    }

    /// Bytes that may be sent now.
    #[inline]
    #[must_use]
    pub fn ready_bytes(&self) -> usize {
        self.ready.len()
    }

    /// All bytes kept for the client.
    #[must_use]
    pub fn kept_bytes(&self) -> usize {
        self.ready.capacity() + self.held.capacity()
    }

    /// Takes the bytes to send.
    #[inline]
    pub fn take_ready(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.ready)
    }

    /// True when `ready` has no memory of its own yet.
    #[inline]
    #[must_use]
    pub fn needs_buffer(&self) -> bool {
        self.ready.capacity() == 0
    }

    /// Lends an empty vector with capacity.
    #[inline]
    pub fn lend_buffer(&mut self, buffer: Vec<u8>) {
        assert!(
            buffer.is_empty() && self.ready.capacity() == 0,
            "a buffer is lent once"
        );
        self.ready = buffer;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_leave_in_the_order_of_their_commands() {
        let mut replies = Replies::default();
        replies.sink().extend_from_slice(b"a");
        let second = replies.reserve();
        let third = replies.reserve();
        let start = replies.sink().len();
        replies.sink().extend_from_slice(b"d");
        replies.seal(start);
        replies.answer(third, b"c");
        assert_eq!(replies.take_ready(), b"a");
        assert_eq!(replies.ready_bytes(), 0);
        replies.answer(second, b"b");
        assert_eq!(replies.take_ready(), b"bcd");
        assert!(replies.in_order() && replies.outstanding() == 0);
        let again = replies.reserve();
        assert_eq!(again, 3);
    }
}
