//! Sequence numbers, the global order of transactions: drawn from the one counter, or right behind
//! one that was drawn.
//!
//! The order decides who waits for whom; that it is global is what keeps transactions from
//! deadlock. Each shard owns one; the counter is shared by all.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::limits::{SEQUENCE_BEHIND_BITS, SEQUENCES_BEHIND_EACH};
use crate::route::{Sequence, ShardId};

/// What a shard knows of the order.
#[derive(Debug, Default)]
pub struct Order {
    /// The newest drawn number behind which this shard has given numbers, and how many.
    behind: (u64, u64),
}

impl Order {
    /// The next number; `counter` is common to all shards.
    #[must_use]
    pub fn next(counter: &AtomicU64) -> Sequence {
        // Relaxed: a number says who is older, and orders no memory.
        let drawn = counter.fetch_add(1, Ordering::Relaxed);
        assert!(
            drawn < 1 << (u64::BITS - SEQUENCE_BEHIND_BITS),
            "no server lives to see the end of the sequence"
        );
        drawn << SEQUENCE_BEHIND_BITS
    }

    /// A number right behind another, before everything that was drawn later: for what a
    /// transaction set off, so that nobody sees the state between. None: there is none left.
    ///
    /// ```text
    /// number   drawn from the counter | shard that made it | 1, 2, 3 ...
    /// ```
    #[must_use]
    pub fn behind(&mut self, sequence: Sequence, shard: ShardId) -> Option<Sequence> {
        let drawn = sequence >> SEQUENCE_BEHIND_BITS;
        let (last, used) = self.behind;
        let used = if drawn > last { 1 } else { used + 1 };
        // Those behind an older one may have been given before: only the newest is sure to have
        // some left.
        if drawn < last || used >= SEQUENCES_BEHIND_EACH {
            return None;
        }
        self.behind = (drawn, used);
        let behind = (drawn << SEQUENCE_BEHIND_BITS)
            | (u64::from(shard.number()) * SEQUENCES_BEHIND_EACH)
            | used;
        assert!(
            behind > sequence || sequence & ((1 << SEQUENCE_BEHIND_BITS) - 1) != 0,
            "what was set off comes behind what set it off"
        );
        Some(behind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_behind_another_come_before_the_next_and_run_out() {
        let counter = AtomicU64::new(7);
        let first = Order::next(&counter);
        let second = Order::next(&counter);
        let mut order = Order::default();
        let mut last = first;
        let mut given = 0;
        while let Some(behind) = order.behind(first, ShardId::new(3)) {
            assert!(last < behind && behind < second);
            last = behind;
            given += 1;
        }
        assert_eq!(given, SEQUENCES_BEHIND_EACH - 1);
        assert!(order.behind(second, ShardId::new(3)).is_some());
        assert_eq!(
            order.behind(first, ShardId::new(3)),
            None,
            "what was given may be taken"
        );
    }

    #[test]
    fn two_shards_never_give_the_same_number() {
        let first = Order::next(&AtomicU64::new(1));
        let (mut one, mut other) = (Order::default(), Order::default());
        assert_ne!(
            one.behind(first, ShardId::new(0)),
            other.behind(first, ShardId::new(1))
        );
    }
}
