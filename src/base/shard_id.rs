//! The number of a shard, from 0 in the order in which they start.
//!
//! A type of its own, so that no other number is taken for one. Stands in `base` because the mesh
//! and sets of shards are addressed by it; what a shard is, nobody knows here. Plain indices remain
//! where the machine counts: in `sim`, in `wake` and in an `Io`'s own number.

use crate::limits::SHARDS_MAX;

/// The number of a shard, below `SHARDS_MAX`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct ShardId(u16);

const _: () = assert!(SHARDS_MAX <= 1 << u16::BITS && size_of::<ShardId>() == size_of::<u16>());

impl ShardId {
    /// The shard that every server has: it keeps what there is once, such as the version of the
    /// configuration.
    pub const FIRST: ShardId = ShardId(0);

    /// The shard of this number.
    ///
    /// # Panics
    /// When there can be no such shard.
    #[inline]
    #[must_use]
    pub const fn new(number: u16) -> ShardId {
        assert!(
            (number as usize) < SHARDS_MAX,
            "a shard is below SHARDS_MAX"
        );
        ShardId(number)
    }

    /// The shard at this place of a list of all shards.
    ///
    /// # Panics
    /// When there can be no such shard.
    #[inline]
    #[must_use]
    pub const fn at(index: usize) -> ShardId {
        assert!(index < SHARDS_MAX, "a shard is below SHARDS_MAX");
        ShardId(index as u16)
    }

    /// Those of a server of so many, in order.
    pub fn all(shards: usize) -> impl DoubleEndedIterator<Item = ShardId> + Clone {
        assert!(shards <= SHARDS_MAX, "limits.rs bounds the shards");
        (0..shards).map(ShardId::at)
    }

    /// Its number, as it is written down and sent.
    #[inline]
    #[must_use]
    pub const fn number(self) -> u16 {
        self.0
    }

    /// Its place in a list of all shards.
    #[inline]
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl std::fmt::Display for ShardId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_are_numbered_from_0() {
        let numbers: Vec<u16> = ShardId::all(3).map(ShardId::number).collect();
        assert_eq!(numbers, [0, 1, 2]);
        assert_eq!(ShardId::all(SHARDS_MAX).count(), SHARDS_MAX);
        assert_eq!(ShardId::at(255), ShardId::new(255));
        assert_eq!(ShardId::all(1).next(), Some(ShardId::FIRST));
    }

    #[test]
    #[should_panic(expected = "a shard is below SHARDS_MAX")]
    fn there_is_no_shard_beyond_the_limit() {
        let _ = ShardId::at(SHARDS_MAX);
    }
}
