//! Places in the global order of transactions: drawn from the one counter, or right behind one that
//! was drawn.
//!
//! The order decides who waits for whom; that it is global is what keeps transactions from
//! deadlock.

use super::Core;
use crate::limits::{SEQUENCE_BEHIND_BITS, SEQUENCES_BEHIND_EACH};
use crate::route::Sequence;

impl Core {
    /// The next place in the global order.
    pub fn next_sequence(&mut self) -> Sequence {
        let drawn = self
            .identity
            .shared
            .sequence
            .fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        drawn << SEQUENCE_BEHIND_BITS
    }

    /// A place right behind another's, before everything that was drawn later: for what a
    /// transaction set off, so that nobody sees the state between. Where there is none left, the
    /// next one.
    ///
    /// ```text
    /// place   drawn number | shard that made the place | 1, 2, 3 ...
    /// ```
    pub fn sequence_behind(&mut self, sequence: Sequence) -> Sequence {
        let drawn = sequence >> SEQUENCE_BEHIND_BITS;
        let (last, used) = self.transactions.behind_drawn;
        let used = if drawn > last { 1 } else { used + 1 };
        // An older number's places may have been given before: only the newest is sure to have some
        // left.
        if drawn < last || used >= SEQUENCES_BEHIND_EACH {
            return self.next_sequence();
        }
        self.transactions.behind_drawn = (drawn, used);
        let shard = self.id() as u64;
        (drawn << SEQUENCE_BEHIND_BITS) | (shard * SEQUENCES_BEHIND_EACH) | used
    }
}
