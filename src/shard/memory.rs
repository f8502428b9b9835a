//! How much memory the shard has in use, and whether the server has any left.
//!
//! Each shard publishes its own figure; a write that may need memory looks at the sum. Frees
//! nothing itself.

use super::Core;
use crate::base::arena::Arena;

impl Core {
    /// CONFIG RESETSTAT's part of the account.
    pub fn reset_memory_account(&mut self) {
        self.memory.reset();
    }

    /// Counts the memory of this shard's thread from now on.
    pub fn measure_memory(&mut self, arena: Option<Arena>) {
        let shard = self.id();
        self.memory
            .measure(&self.identity.shared.memory, shard, arena);
    }

    /// Lets the other shards, and INFO, know how much memory this one uses.
    pub(super) fn publish_memory(&mut self) {
        let (shard, shared) = (self.id(), &self.identity.shared.memory);
        let used = self.memory.publish(shared, shard);
        let counters = self.metrics.count();
        counters.used_memory = used;
        counters.used_memory_peak = shared.peak_bytes();
        counters.used_memory_startup = self.memory.startup_bytes();
    }

    /// True when a command that may need memory must be refused.
    #[must_use]
    pub(super) fn out_of_memory(&mut self) -> bool {
        let (shard, shared) = (self.id(), &self.identity.shared.memory);
        let (limit, now_us) = (self.settings.config.maxmemory, self.now.monotonic_us);
        if limit == 0 {
            self.memory.note_below(now_us);
            return false;
        }
        if !self.memory.exceeds(shared, shard, limit, now_us) {
            return false;
        }
        // What is only kept for use again goes before a client is refused.
        self.output.forget_spare();
        self.mail.forget_spare();
        self.memory
            .exceeds(&self.identity.shared.memory, shard, limit, now_us)
    }

    /// Large values that wait to be freed.
    #[must_use]
    pub fn unfreed(&self) -> usize {
        self.keyspace.own.unfreed() + self.keyspace.borrowed.unfreed()
    }
}
