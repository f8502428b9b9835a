//! Which shard owns which slot.
//!
//! Every shard holds its own copy; a change is a message to all. At start the slots are dealt out
//! in contiguous runs of equal length, so that a scan walks one shard after the other.

use crate::base::ShardId;
use crate::limits::{SHARDS_MAX, SLOTS};
use crate::store::Slot;

/// Owner by slot.
#[derive(Debug, Clone)]
pub struct SlotTable {
    owners: Box<[ShardId]>,
    shards: usize,
}

impl SlotTable {
    /// Contiguous, even runs over `shards` shards.
    #[must_use]
    pub fn even(shards: usize) -> Self {
        assert!(
            (1..=SHARDS_MAX).contains(&shards),
            "a server has 1 to {SHARDS_MAX} shards"
        );
        let owners = (0..SLOTS)
            .map(|slot| ShardId::at(slot * shards / SLOTS))
            .collect();
        Self { owners, shards }
    }

    /// The shard that owns `slot`.
    #[inline]
    #[must_use]
    pub fn owner(&self, slot: Slot) -> ShardId {
        self.owners[slot.index()]
    }

    /// How many shards there are.
    #[must_use]
    pub fn shards(&self) -> usize {
        self.shards
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_slot_has_an_owner_and_runs_are_even() {
        for shards in [1, 2, 3, 7, 64, 256] {
            let table = SlotTable::even(shards);
            let mut counts = vec![0usize; shards];
            for slot in Slot::all() {
                counts[table.owner(slot).index()] += 1;
            }
            let (least, most) = (
                counts.iter().min().expect("some"),
                counts.iter().max().expect("some"),
            );
            assert!(most - least <= 1, "{shards} shards: {least} to {most}");
        }
    }
}
