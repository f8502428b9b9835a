//! A set of shards, as bits: copied, compared and counted without memory of its own.
//!
//! Whoever speaks of several shards at once owns one, above all the record, which says with each
//! part of a unit which shards have the others. Knows nothing of what shards are.

use super::ShardId;
use crate::limits::SHARDS_MAX;

/// Some shards of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ShardSet([u64; SHARDS_MAX / 64]);

impl ShardSet {
    /// One shard alone.
    #[must_use]
    pub fn only(shard: ShardId) -> Self {
        let mut set = Self::default();
        set.insert(shard);
        set
    }

    pub fn insert(&mut self, shard: ShardId) {
        let shard = shard.index();
        self.0[shard / 64] |= 1 << (shard % 64);
    }

    /// These belong to it as well.
    pub fn extend(&mut self, others: ShardSet) {
        for (word, other) in self.0.iter_mut().zip(others.0) {
            *word |= other;
        }
    }

    #[must_use]
    pub fn contains(&self, shard: ShardId) -> bool {
        let shard = shard.index();
        self.0[shard / 64] >> (shard % 64) & 1 == 1
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|&word| word == 0)
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Their numbers, ascending.
    pub fn shards(&self) -> impl Iterator<Item = ShardId> {
        let set = *self;
        ShardId::all(SHARDS_MAX).filter(move |shard| set.contains(*shard))
    }

    /// How many come before this one of them.
    #[must_use]
    pub fn place_of(&self, shard: ShardId) -> usize {
        assert!(self.contains(shard), "shard {shard} is none of them");
        self.shards().take_while(|other| *other < shard).count()
    }
}

impl FromIterator<ShardId> for ShardSet {
    fn from_iter<T: IntoIterator<Item = ShardId>>(shards: T) -> Self {
        let mut set = Self::default();
        for shard in shards {
            set.insert(shard);
        }
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_are_in_it_once_and_in_order() {
        let [low, middle, last] = [3, 64, 255].map(ShardId::new);
        let set: ShardSet = [last, low, middle, low].into_iter().collect();
        assert_eq!(set.shards().collect::<Vec<_>>(), [low, middle, last]);
        assert_eq!((set.count(), set.place_of(middle)), (3, 1));
        assert!(set.contains(last) && !set.contains(ShardId::new(4)));
        assert!(!set.is_empty() && ShardSet::default().is_empty());
        assert_eq!(ShardSet::only(low), [low].into_iter().collect());
    }
}
