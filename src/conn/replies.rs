//! A client's replies, in the order of its commands.
//!
//! Straight into `ready` while nothing is outstanding elsewhere. Once a command is on its way to
//! another shard, it and everything behind it get a place; what is answered out of turn is held.
//! What is complete at the front moves to `ready`.
//! ```text
//! places:  [answered][waiting][answered]...      place number = first + index, modulo 2^31
//! held:    bytes of answered places, any order
//! ready:   bytes to send next; swapped for an empty vector when a send starts
//! ```

use std::collections::VecDeque;

use crate::limits::{
    HELD_BYTES_KEPT, OUTPUT_PAUSE_BYTES, OUTSTANDING_PER_CLIENT, PLACE_MAX, REPLY_BYTES_ASSUMED,
};

#[derive(Debug, Clone, Copy)]
enum Place {
    Waiting,
    Answered { start: usize, len: usize },
}

/// Replies owed and replies ready.
#[derive(Debug)]
pub struct Replies {
    ready: Vec<u8>,
    held: Vec<u8>,
    places: VecDeque<Place>,
    first: u32,
    /// How long a reply from elsewhere is expected to be, and the least that is expected, bytes.
    expected: u32,
    expected_min: u32,
}

impl Default for Replies {
    fn default() -> Self {
        Self {
            ready: Vec::new(),
            held: Vec::new(),
            places: VecDeque::new(),
            first: 0,
            expected: REPLY_BYTES_ASSUMED,
            expected_min: 0,
        }
    }
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

    /// True when the next command must wait for replies under way: they are many, or expected to be
    /// long.
    ///
    /// Nobody knows a reply's length before it comes, and a client that does not read must not have
    /// a thousand values of a megabyte under way. So the window opens with the replies that came:
    /// one long reply narrows it at once and for good, short ones widen it slowly.
    #[inline]
    #[must_use]
    pub fn is_window_full(&self) -> bool {
        let outstanding = self.places.len();
        outstanding >= OUTSTANDING_PER_CLIENT
            || outstanding * self.expected as usize >= OUTPUT_PAUSE_BYTES
    }

    #[inline]
    fn learn(&mut self, bytes: usize) {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let faded = self.expected - self.expected / 16;
        self.expected_min = self.expected_min.max(bytes / 64);
        self.expected = faded.max(bytes).max(self.expected_min);
    }

    /// Where a reply is written now: `ready`, or `held` behind unanswered commands. In the second
    /// case the caller ends the reply with `seal`.
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
        let index = u32::try_from(self.places.len()).expect("bounded by OUTSTANDING_PER_CLIENT");
        self.places.push_back(Place::Waiting);
        self.first.wrapping_add(index) & PLACE_MAX
    }

    /// The reply of a reserved place has come.
    pub fn answer(&mut self, number: u32, reply: &[u8]) {
        self.learn(reply.len());
        let index = (number.wrapping_sub(self.first) & PLACE_MAX) as usize;
        let place = self
            .places
            .get_mut(index)
            .expect("a reply comes for a reserved place");
        assert!(matches!(place, Place::Waiting), "a place is answered once");
        if index == 0 {
            self.ready.extend_from_slice(reply);
            self.next_first();
            self.advance();
        } else {
            *place = Place::Answered {
                start: self.held.len(),
                len: reply.len(),
            };
            self.held.extend_from_slice(reply);
        }
    }

    fn next_first(&mut self) {
        let first = self.places.pop_front();
        assert!(first.is_some(), "only a place that was there is passed");
        self.first = self.first.wrapping_add(1) & PLACE_MAX;
    }

    fn advance(&mut self) {
        while let Some(&Place::Answered { start, len }) = self.places.front() {
            self.ready.extend_from_slice(&self.held[start..start + len]);
            self.next_first();
        }
        if self.places.is_empty() {
            self.held.clear();
            // An idle client keeps no buffer.
            if self.held.capacity() > HELD_BYTES_KEPT {
                self.held = Vec::new();
            }
        }
    }

    /// Bytes that may be sent now.
    #[inline]
    #[must_use]
    pub fn ready_bytes(&self) -> usize {
        self.ready.len()
    }

    /// Bytes that are ready, and those that are expected from elsewhere.
    #[inline]
    #[must_use]
    pub fn owed_bytes(&self) -> usize {
        self.ready.len() + self.places.len() * self.expected as usize
    }

    /// Bytes of replies behind unanswered commands, and of those that were there since some command
    /// was last unanswered.
    #[inline]
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        self.held.len()
    }

    /// All bytes kept for the client.
    #[must_use]
    pub(super) fn kept_bytes(&self) -> usize {
        self.ready.capacity() + self.held.capacity()
    }

    /// Takes the bytes to send.
    #[inline]
    pub fn take_ready(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.ready)
    }

    /// True when nothing is owed: no reply is ready, none is expected.
    #[must_use]
    pub(super) fn is_idle(&self) -> bool {
        self.ready.is_empty() && self.places.is_empty()
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

    #[test]
    fn what_was_held_may_be_sent_before_the_last_of_it_is_ready() {
        let mut replies = Replies::default();
        let numbers: Vec<u32> = (0..4).map(|_| replies.reserve()).collect();
        replies.answer(numbers[1], b"bb");
        replies.answer(numbers[3], b"d");
        replies.answer(numbers[0], b"a");
        assert_eq!(replies.take_ready(), b"abb");
        replies.answer(numbers[2], b"c");
        assert_eq!(replies.take_ready(), b"cd");
        assert!(replies.in_order() && replies.held_bytes() == 0);
    }

    #[test]
    fn places_begin_anew_before_their_numbers_run_out() {
        let mut replies = Replies {
            first: PLACE_MAX - 1,
            ..Replies::default()
        };
        let numbers: Vec<u32> = (0..4).map(|_| replies.reserve()).collect();
        assert_eq!(numbers, [PLACE_MAX - 1, PLACE_MAX, 0, 1]);
        for &number in [2, 0, 3, 1].map(|index| &numbers[index]) {
            replies.answer(number, number.to_string().as_bytes());
        }
        let expected = format!("{}{}01", PLACE_MAX - 1, PLACE_MAX);
        assert_eq!(replies.take_ready(), expected.as_bytes());
        assert!(replies.in_order());
    }

    #[test]
    fn long_replies_narrow_the_window() {
        let window = |replies: &mut Replies| {
            let mut open = Vec::new();
            while !replies.is_window_full() {
                open.push(replies.reserve());
            }
            open
        };
        let mut replies = Replies::default();
        let mut answer_all = |len: usize| {
            let open = window(&mut replies);
            for number in &open {
                replies.answer(*number, &vec![b'x'; len]);
                replies.take_ready();
            }
            open.len()
        };
        assert_eq!(answer_all(10), 4);
        for _ in 0..20 {
            answer_all(10);
        }
        assert_eq!(answer_all(1 << 20), OUTSTANDING_PER_CLIENT);
        assert_eq!(answer_all(10), 1, "a megabyte is expected again");
        for _ in 0..80 {
            answer_all(10);
        }
        assert_eq!(answer_all(10), 64, "what was long once may be so again");
    }
}
