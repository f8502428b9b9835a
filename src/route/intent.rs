//! What a transaction wants of a key: the words in which shards ask one another for locks.
//!
//! Keys are known by a 64-bit hash; a collision only makes two keys wait for each other. The rules
//! are in `txn::Locks`; nothing here holds a lock.

use crate::store::Db;

/// A transaction's number in the one global order; unique.
pub type Sequence = u64;

/// The pseudo key that stands for the whole keyspace of the shard.
pub const WHOLE: u64 = 0;

/// How a transaction uses a key, or the whole keyspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mode {
    /// On `WHOLE` only: reads some keys.
    SomeShared,
    /// On `WHOLE` only: changes some keys.
    SomeExclusive,
    /// Reads.
    Shared,
    /// Changes.
    Exclusive,
}

impl Mode {
    /// Two transactions may hold these modes of one key at the same time.
    #[must_use]
    pub fn fits(self, other: Mode) -> bool {
        use Mode::{Exclusive, Shared, SomeExclusive, SomeShared};
        match (self, other) {
            (Exclusive, _) | (_, Exclusive) | (Shared, SomeExclusive) | (SomeExclusive, Shared) => {
                false
            }
            (SomeShared | SomeExclusive | Shared, SomeShared | SomeExclusive | Shared) => true,
        }
    }
}

/// One key and what a transaction does to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Intent {
    /// Hash of database and key; never `WHOLE`.
    pub key: u64,
    pub mode: Mode,
}

impl Intent {
    /// All keys of a shard.
    #[must_use]
    pub fn whole(mode: Mode) -> Self {
        Self { key: WHOLE, mode }
    }
}

/// The name in the lock table of a key with this hash.
#[must_use]
pub fn lock_key(db: Db, key_hash: u64) -> u64 {
    let hash = key_hash ^ u64::from(db.number()).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    if hash == WHOLE { 1 } else { hash }
}

/// Leaves each key once, with its strongest mode.
pub fn strongest(intents: &mut Vec<Intent>) {
    intents.sort_unstable_by_key(|intent| (intent.key, std::cmp::Reverse(intent.mode)));
    intents.dedup_by_key(|intent| intent.key);
}
