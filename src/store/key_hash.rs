//! How keys are hashed: keyed, so that nobody who chooses keys can choose buckets.
//!
//! Owned by a `Store`; all shards of a process have the same seed, because entries move between
//! them. Must not allocate when it hashes.

use std::hash::Hasher;

use foldhash::SharedSeed;
use foldhash::fast::FoldHasher;

/// The keyed hash of a store; copied into closures that rehash elements.
#[derive(Clone, Copy, Debug)]
pub struct KeyHash {
    seed: u64,
    shared: &'static SharedSeed,
}

impl KeyHash {
    /// Leaks the seed's tables (a few words), once per store and thus per shard.
    pub(super) fn new(seed: u64) -> KeyHash {
        KeyHash {
            seed,
            shared: Box::leak(Box::new(SharedSeed::from_u64(seed))),
        }
    }

    #[inline]
    #[must_use]
    pub fn of(self, key: &[u8]) -> u64 {
        let mut hasher = FoldHasher::with_seed(self.seed, self.shared);
        hasher.write(key);
        hasher.finish()
    }
}

/// For tests of what is kept: any hash will do.
#[cfg(test)]
impl Default for KeyHash {
    fn default() -> KeyHash {
        KeyHash::new(0)
    }
}
