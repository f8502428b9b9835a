//! How much memory the shard has in use, and whether the server has any left.
//!
//! Each shard publishes its own figure; a write that may need memory looks at the sum. Frees nothing itself.

use std::sync::atomic::Ordering;

use super::Core;
use crate::base::arena::ThreadMemory;

impl Core {
    /// From now on what the shard's thread allocates is read here; None: it is not known.
    pub fn measure_memory(&mut self, memory: Option<ThreadMemory>) {
        self.memory = memory;
    }

    /// Bytes that this shard's thread has allocated and not freed.
    #[must_use]
    pub fn used_memory(&self) -> i64 {
        let published = &self.identity.shared.used_memory[self.id()];
        match &self.memory {
            Some(memory) => memory.used_bytes(),
            None => published.load(Ordering::Relaxed),
        }
    }

    /// Lets the other shards, and INFO, know how much memory this one uses.
    pub fn publish_memory(&mut self) {
        let used = self.used_memory();
        self.metrics.count().used_memory = u64::try_from(used).unwrap_or(0);
        self.identity.shared.used_memory[self.id()].store(used, Ordering::Relaxed);
    }

    /// True when a write that may need memory must be refused.
    #[must_use]
    pub fn out_of_memory(&self) -> bool {
        let limit = self.config.maxmemory;
        let shards = self.identity.shared.used_memory.iter().enumerate();
        let others: i64 = shards
            .filter(|(shard, _)| *shard != self.id())
            .map(|(_, used)| used.load(Ordering::Relaxed))
            .sum();
        let used = u64::try_from(others + self.used_memory()).unwrap_or(0);
        limit > 0 && used > limit
    }

    /// Large values that wait to be freed.
    #[must_use]
    pub fn unfreed(&self) -> usize {
        self.store.unfreed() + self.borrowed.unfreed()
    }
}
