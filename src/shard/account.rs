//! How much memory the server uses: each shard counts what its thread allocates; the sum counts.
//!
//! A thread's figure alone says little: what one allocates and another frees (a reply on its way
//! home, a lent entry) makes the first too high and the second negative. So figures stay signed
//! until they are added, and only the sum is compared with `maxmemory`. A shard publishes whenever
//! its figure has moved much, so that the others' view is never far off. What lies in a shard's
//! arena, whoever allocated it, is asked of the allocator, for INFO.

use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering};

use crate::base::arena::{self, Arena, ThreadMemory};
use crate::limits::{MEMORY_UNPUBLISHED_BYTES, MEMORY_UNPUBLISHED_SHARE};
use crate::route::ShardId;

/// No arena of its own.
const NO_ARENA: u32 = u32::MAX;

/// One shard's published figure, alone in its cache line: it is written while others read theirs.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Published(AtomicI64);

/// What the shards publish.
#[derive(Debug)]
pub struct SharedMemory {
    used: Vec<Published>,
    arenas: Vec<AtomicU32>,
    peak: AtomicU64,
}

impl SharedMemory {
    /// For so many shards, which use nothing yet.
    #[must_use]
    pub fn new(shards: usize) -> Self {
        Self {
            used: (0..shards).map(|_| Published::default()).collect(),
            arenas: (0..shards).map(|_| AtomicU32::new(NO_ARENA)).collect(),
            peak: AtomicU64::new(0),
        }
    }

    /// Bytes that all shards use, as published.
    #[must_use]
    pub fn used_bytes(&self) -> u64 {
        let sum: i64 = self
            .used
            .iter()
            .map(|used| used.0.load(Ordering::Relaxed))
            .sum();
        u64::try_from(sum).unwrap_or(0)
    }

    /// The most that they ever used, as far as somebody looked.
    #[must_use]
    pub fn peak_bytes(&self) -> u64 {
        self.peak.load(Ordering::Relaxed).max(self.used_bytes())
    }

    /// Bytes that lie in a shard's arena, whoever allocated them; what it uses by its own count if
    /// it has no arena.
    #[must_use]
    pub fn arena_bytes(&self, shard: ShardId) -> u64 {
        let counted = self.used[shard.index()].0.load(Ordering::Relaxed);
        match self.arenas[shard.index()].load(Ordering::Relaxed) {
            NO_ARENA => u64::try_from(counted).unwrap_or(0),
            index => arena::allocated_bytes(index),
        }
    }

    /// Sets what a shard without a count of its own uses.
    #[cfg(test)]
    pub(super) fn set_used(&self, shard: ShardId, bytes: i64) {
        self.used[shard.index()].0.store(bytes, Ordering::Relaxed);
    }
}

/// One shard's account.
#[derive(Debug, Default)]
pub struct Memory {
    /// None in tests, where a thread runs many shards: what is published stands.
    thread: Option<ThreadMemory>,
    published: i64,
    /// What it used before its first client.
    startup: i64,
    /// Since when more than `maxmemory` has been used, microseconds; and how long that has been so
    /// before.
    exceeded_since_us: Option<u64>,
    exceeded_us: u64,
}

impl Memory {
    /// Counts the calling thread's memory from now on.
    pub fn measure(&mut self, shared: &SharedMemory, shard: ShardId, arena: Option<Arena>) {
        assert!(self.thread.is_none(), "a shard begins once");
        self.thread = ThreadMemory::of_this_thread().ok();
        let index = arena.map_or(NO_ARENA, Arena::index);
        shared.arenas[shard.index()].store(index, Ordering::Relaxed);
        self.startup = self.publish(shared, shard);
    }

    /// Bytes that this shard's thread has allocated and not freed; negative if it freed more than
    /// it allocated.
    #[must_use]
    pub fn used_bytes(&self, shared: &SharedMemory, shard: ShardId) -> i64 {
        match &self.thread {
            Some(thread) => thread.used_bytes(),
            None => shared.used[shard.index()].0.load(Ordering::Relaxed),
        }
    }

    /// Lets the others know, and remembers the peak.
    pub fn publish(&mut self, shared: &SharedMemory, shard: ShardId) -> i64 {
        let used = self.used_bytes(shared, shard);
        self.store(shared, shard, used);
        shared
            .peak
            .fetch_max(shared.used_bytes(), Ordering::Relaxed);
        used
    }

    fn store(&mut self, shared: &SharedMemory, shard: ShardId, used: i64) {
        self.published = used;
        shared.used[shard.index()].0.store(used, Ordering::Relaxed);
    }

    /// Publishes if the figure has moved much: by more than a fixed amount, and, if there is a
    /// limit, by more than this shard's part of a small share of it. Every tick does, so that the
    /// sum is never far off.
    #[inline]
    pub(super) fn publish_if_moved(&mut self, shared: &SharedMemory, shard: ShardId, limit: u64) {
        let used = self.used_bytes(shared, shard);
        let allowed = match limit {
            0 => MEMORY_UNPUBLISHED_BYTES,
            _ => MEMORY_UNPUBLISHED_BYTES
                .min(limit / MEMORY_UNPUBLISHED_SHARE / shared.used.len() as u64),
        };
        if used.abs_diff(self.published) > allowed {
            self.store(shared, shard, used);
        }
    }

    /// True while more than `limit` bytes are used: this shard's as of now, the others' as
    /// published.
    pub fn exceeds(
        &mut self,
        shared: &SharedMemory,
        shard: ShardId,
        limit: u64,
        now_us: u64,
    ) -> bool {
        assert!(limit > 0, "without a limit nobody asks");
        self.publish_if_moved(shared, shard, limit);
        let published = shared.used[shard.index()].0.load(Ordering::Relaxed);
        let unpublished = self.used_bytes(shared, shard) - published;
        let used = shared.used_bytes().saturating_add_signed(unpublished);
        let exceeds = used > limit;
        match exceeds {
            true => _ = self.exceeded_since_us.get_or_insert(now_us),
            false => self.note_below(now_us),
        }
        exceeds
    }

    /// No more than `maxmemory` is used, or there is no such limit.
    pub(super) fn note_below(&mut self, now_us: u64) {
        self.exceeded_us += self.exceeded_for_us(now_us);
        self.exceeded_since_us = None;
    }

    /// True while more than `maxmemory` was used when this shard last looked.
    #[inline]
    #[must_use]
    pub(super) fn is_exceeded(&self) -> bool {
        self.exceeded_since_us.is_some()
    }

    /// What was used before the first client.
    #[must_use]
    pub fn startup_bytes(&self) -> i64 {
        self.startup
    }

    /// How long more than `maxmemory` has been used by now, microseconds.
    #[must_use]
    pub(super) fn exceeded_for_us(&self, now_us: u64) -> u64 {
        let since = self.exceeded_since_us;
        since.map_or(0, |since_us| now_us.saturating_sub(since_us))
    }

    /// How long it has been so before, microseconds.
    #[must_use]
    pub(super) fn exceeded_before_us(&self) -> u64 {
        self.exceeded_us
    }

    /// CONFIG RESETSTAT.
    pub fn reset(&mut self) {
        (self.exceeded_since_us, self.exceeded_us) = (None, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_shard_allocates_and_another_frees_adds_up_to_nothing() {
        let shared = SharedMemory::new(3);
        let mut shards = [Memory::default(), Memory::default(), Memory::default()];
        for (shard, used) in ShardId::all(3).zip([700 << 20, -(690 << 20), 1 << 20]) {
            shared.set_used(shard, used);
            assert_eq!(shards[shard.index()].publish(&shared, shard), used);
        }
        assert_eq!(shared.used_bytes(), 11 << 20);
        assert!(!shards[0].exceeds(&shared, ShardId::FIRST, 12 << 20, 5));
        assert!(shards[1].exceeds(&shared, ShardId::new(1), 10 << 20, 7));
        assert_eq!(shards[1].exceeded_for_us(10), 3);
        assert!(!shards[1].exceeds(&shared, ShardId::new(1), 12 << 20, 11));
        assert_eq!(
            (
                shards[1].exceeded_for_us(12),
                shards[1].exceeded_before_us()
            ),
            (0, 4)
        );
    }

    #[test]
    fn the_peak_is_that_of_the_sum() {
        let shared = SharedMemory::new(2);
        let mut shards = [Memory::default(), Memory::default()];
        for (first, second) in [(900, -500), (100, 100), (-500, 900)] {
            shared.set_used(ShardId::FIRST, first);
            shared.set_used(ShardId::new(1), second);
            shards[0].publish(&shared, ShardId::FIRST);
        }
        assert_eq!(shared.peak_bytes(), 400);
        shared.set_used(ShardId::FIRST, -1000);
        assert_eq!((shared.used_bytes(), shared.peak_bytes()), (0, 400));
    }

    #[test]
    fn small_movements_are_not_published() {
        std::thread::spawn(|| {
            let shared = SharedMemory::new(1);
            let mut memory = Memory::default();
            memory.measure(&shared, ShardId::FIRST, None);
            let before = memory.publish(&shared, ShardId::FIRST);
            let limit = 64 << 20;
            let small = vec![1_u8; 1000];
            memory.publish_if_moved(&shared, ShardId::FIRST, limit);
            assert_eq!(shared.used[0].0.load(Ordering::Relaxed), before);
            let large = vec![1_u8; 1 << 20];
            memory.publish_if_moved(&shared, ShardId::FIRST, limit);
            assert!(shared.used[0].0.load(Ordering::Relaxed) >= before + (1 << 20));
            drop((small, large));
        })
        .join()
        .expect("the thread ends well");
    }
}
