//! How large a buffer a client keeps for its replies.
//!
//! Between sends the client holds its buffer, of 1 to 16 KB. It grows with what is written to it;
//! now and then the shard looks whether half of it would have done since its peak was last
//! forgotten, and cuts it then. Who says nothing for long holds none. A larger buffer goes back to
//! the shard, which lends it to whoever is next; as its size counts then what a client may hold at
//! most. Knows neither clock nor socket.

use super::Replies;
use crate::limits::{REPLY_BUFFER_BYTES_MAX, REPLY_BUFFER_BYTES_MIN, REPLY_BUFFER_PEAK_US};

/// What may change the rules: DEBUG REPLYBUFFER.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReplyBufferRules {
    /// Buffers are cut at all.
    pub resizing: bool,
    /// After how long a peak is forgotten, microseconds; None: never.
    pub peak_reset_us: Option<u64>,
}

impl Default for ReplyBufferRules {
    fn default() -> Self {
        Self {
            resizing: true,
            peak_reset_us: Some(REPLY_BUFFER_PEAK_US),
        }
    }
}

/// What a client's buffer was and is used for.
#[derive(Debug, Default, Clone, Copy)]
pub struct ReplyBuffer {
    /// The largest number of bytes sent at once since the peak was last forgotten.
    peak: u32,
    /// Its capacity when it last came back, whether it stayed with the client or was too large to.
    bytes: u32,
    forgotten_us: u64,
}

impl ReplyBuffer {
    /// The largest number of bytes sent at once lately.
    #[must_use]
    pub fn peak_bytes(&self) -> usize {
        self.peak as usize
    }

    /// So many bytes are sent.
    #[inline]
    pub fn sends(&mut self, bytes: usize) {
        self.peak = self.peak.max(u32::try_from(bytes).unwrap_or(u32::MAX));
    }

    /// The buffer's size.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes as usize
    }

    /// An empty buffer comes back from a send. It stays with the client if it fits; else (or if
    /// there is another one by now) it is returned. True with it if the client's buffer has grown.
    #[inline]
    pub fn comes_back(
        &mut self,
        replies: &mut Replies,
        mut buffer: Vec<u8>,
    ) -> (Option<Vec<u8>>, bool) {
        assert!(buffer.is_empty(), "what was sent is gone");
        if !replies.needs_buffer() {
            return (Some(buffer), false);
        }
        if buffer.capacity() < REPLY_BUFFER_BYTES_MIN {
            buffer.reserve_exact(REPLY_BUFFER_BYTES_MIN);
        }
        let large = buffer.capacity() > REPLY_BUFFER_BYTES_MAX;
        let bytes = buffer.capacity().min(REPLY_BUFFER_BYTES_MAX) as u32;
        let grown = self.bytes > 0 && bytes > self.bytes;
        self.bytes = bytes;
        if large {
            return (Some(buffer), grown);
        }
        replies.lend_buffer(buffer);
        (None, grown)
    }

    /// Cuts a buffer of which less than half was needed. True if it was cut.
    pub fn cut(&mut self, replies: &mut Replies, now_us: u64, rules: ReplyBufferRules) -> bool {
        let half = self.bytes() / 2;
        let less = half >= REPLY_BUFFER_BYTES_MIN && self.peak_bytes() < half;
        let cut = rules.resizing && less && replies.is_idle();
        if cut {
            let bytes = (self.peak_bytes() + 1).max(REPLY_BUFFER_BYTES_MIN);
            assert!(bytes <= self.bytes(), "a cut buffer is smaller");
            drop(replies.take_ready());
            replies.lend_buffer(Vec::with_capacity(bytes));
            self.bytes = u32::try_from(bytes).expect("a buffer only gets smaller");
        }
        let since_us = now_us.saturating_sub(self.forgotten_us);
        if rules
            .peak_reset_us
            .is_some_and(|after_us| since_us > after_us)
        {
            self.peak = 0;
            self.forgotten_us = now_us;
        }
        cut
    }

    /// Its client has said nothing for long.
    pub fn release(&mut self, replies: &mut Replies) {
        if replies.is_idle() {
            drop(replies.take_ready());
            self.bytes = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn send(buffer: &mut ReplyBuffer, replies: &mut Replies, bytes: usize) -> bool {
        replies.sink().resize(bytes, b'x');
        buffer.sends(bytes);
        let mut sent = replies.take_ready();
        sent.clear();
        buffer.comes_back(replies, sent).1
    }

    #[test]
    fn it_grows_with_what_is_sent_and_is_cut_when_less_would_do() {
        let (mut buffer, mut replies) = (ReplyBuffer::default(), Replies::default());
        let rules = ReplyBufferRules {
            peak_reset_us: Some(100),
            ..ReplyBufferRules::default()
        };
        assert!(
            !send(&mut buffer, &mut replies, 5),
            "the first one is not a grown one"
        );
        assert_eq!(replies.kept_bytes(), REPLY_BUFFER_BYTES_MIN);
        assert!(send(&mut buffer, &mut replies, 40_000));
        assert_eq!(buffer.bytes(), REPLY_BUFFER_BYTES_MAX);
        assert_eq!(replies.kept_bytes(), 0, "the shard has it");
        assert!(!buffer.cut(&mut replies, 50, rules), "it was needed lately");
        assert!(!buffer.cut(&mut replies, 101, rules), "until now");
        send(&mut buffer, &mut replies, 3000);
        send(&mut buffer, &mut replies, 9000);
        assert!(!buffer.cut(&mut replies, 202, rules));
        send(&mut buffer, &mut replies, 3000);
        let fixed = ReplyBufferRules {
            resizing: false,
            ..rules
        };
        assert!(!buffer.cut(&mut replies, 210, fixed));
        assert!(buffer.cut(&mut replies, 210, rules));
        assert_eq!((replies.kept_bytes(), buffer.peak_bytes()), (3001, 3000));
        assert!(!buffer.cut(&mut replies, 303, rules));
        assert!(buffer.cut(&mut replies, 304, rules));
        assert_eq!(replies.kept_bytes(), REPLY_BUFFER_BYTES_MIN);
        buffer.release(&mut replies);
        assert_eq!(replies.kept_bytes(), 0);
    }

    #[test]
    fn a_peak_that_is_never_forgotten_keeps_the_buffer() {
        let (mut buffer, mut replies) = (ReplyBuffer::default(), Replies::default());
        let rules = ReplyBufferRules {
            peak_reset_us: None,
            ..ReplyBufferRules::default()
        };
        send(&mut buffer, &mut replies, 16_000);
        for round in 1..100 {
            send(&mut buffer, &mut replies, 5);
            assert!(!buffer.cut(&mut replies, round * 10_000_000, rules));
        }
        assert!(replies.kept_bytes() >= 16_000);
    }

    #[test]
    fn nobody_cuts_a_buffer_with_replies_in_it() {
        let (mut buffer, mut replies) = (ReplyBuffer::default(), Replies::default());
        send(&mut buffer, &mut replies, 16_000);
        buffer.cut(&mut replies, 10_000_000, ReplyBufferRules::default());
        replies.sink().extend_from_slice(b"+OK\r\n");
        assert!(!buffer.cut(&mut replies, 20_000_000, ReplyBufferRules::default()));
        buffer.release(&mut replies);
        assert_eq!(replies.take_ready(), b"+OK\r\n");
    }
}
