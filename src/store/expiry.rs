//! The expiry wheel: which keys may expire when, as 8-byte references in buckets of time.
//!
//! Owned by the `Store`, which resolves references to entries and takes keys out. The wheel must
//! not know tables or entries; it never holds a pointer, so entries move and vanish freely.
//!
//! An entry with an expiry has exactly one live reference, in the bucket that its `filed` names; it
//! begins no later than the expiry (or a moment after it, when the entry was held just then), so
//! extending an expiry adds nothing: when the bucket comes up, the reference is filed again. All
//! others (of deleted keys, removed or shortened expiries) are stale: the entry is missing or filed
//! elsewhere.

use super::entry::Entry;
use super::size_class::size_class;
use super::slot::Slot;
use crate::limits::{
    DATABASES_MAX, EXPIRY_CHUNK_REFERENCES_MAX, EXPIRY_CHUNK_REFERENCES_MIN, SLOTS,
};

impl Entry {
    /// True when its time to live is over at `now_ms`, unix milliseconds.
    #[inline]
    #[must_use]
    pub fn is_expired(&self, now_ms: u64) -> bool {
        self.expiry().is_some_and(|at_ms| at_ms <= now_ms)
    }
}

// Level 0 has 256 buckets of 16 ms, each level above 256 buckets as long as all of the level below:
// 4 s, 17 min, 75 h, 2.2 years each.
const TICK_BITS: u32 = 4;
const LEVEL_BITS: u32 = 8;
const LEVEL_BUCKETS: usize = 1 << LEVEL_BITS;
const LEVELS: usize = 5;
const BUCKETS: usize = LEVELS * LEVEL_BUCKETS;

/// Hash bits that a reference keeps: those a table addresses by, and two more.
const HASH_BITS: u32 = 42;
const SLOT_BITS: u32 = 14;
const HASH_MASK: u64 = (1 << HASH_BITS) - 1;
const _: () =
    assert!(SLOTS <= 1 << SLOT_BITS && DATABASES_MAX <= 1 << (64 - HASH_BITS - SLOT_BITS));

/// What one `expire_step` did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExpireProgress {
    /// References examined: the work done.
    pub examined: usize,
    pub expired: usize,
    /// The budget ran out; call again soon.
    pub more: bool,
}

/// Names a key well enough to look it up: database 8 bits, slot 14, hash 42.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Reference(u64);

impl Reference {
    #[inline]
    pub fn new(database: u8, slot: Slot, hash: u64) -> Reference {
        let place = u64::from(database) << SLOT_BITS | u64::from(slot.number());
        Reference(place << HASH_BITS | hash & HASH_MASK)
    }

    pub fn database(self) -> u8 {
        (self.0 >> (HASH_BITS + SLOT_BITS)) as u8
    }

    pub fn slot(self) -> Slot {
        Slot::new((self.0 >> HASH_BITS) as u16 & ((1 << SLOT_BITS) - 1))
    }

    /// The hash's low bits; enough for a table to find candidates.
    pub fn hash(self) -> u64 {
        self.0 & HASH_MASK
    }

    pub fn is_of(self, hash: u64) -> bool {
        (hash ^ self.0) & HASH_MASK == 0
    }
}

/// A bucket of the wheel and its parity, as an entry keeps it in 12 bits; 0: not filed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Filed(pub u16);

impl Filed {
    pub const NOWHERE: Filed = Filed(0);

    fn new(bucket: usize, parity: bool) -> Filed {
        Filed(((bucket + 1) << 1) as u16 | u16::from(parity))
    }

    fn bucket(self) -> Option<usize> {
        (usize::from(self.0) >> 1).checked_sub(1)
    }
}

const _: () = assert!((BUCKETS + 1) << 1 <= 1 << 12);

/// References in chunks that never move: a bucket grows by about an eighth of itself at a time.
#[derive(Default)]
struct Chunks {
    last: Vec<u64>,
    full: Vec<Vec<u64>>,
    len: usize,
}

impl Chunks {
    #[inline]
    fn push(&mut self, reference: Reference) {
        if self.last.len() == self.last.capacity() {
            self.extend();
        }
        self.last.push(reference.0);
        self.len += 1;
    }

    #[cold]
    fn extend(&mut self) {
        let wanted = (self.len / 8).clamp(EXPIRY_CHUNK_REFERENCES_MIN, EXPIRY_CHUNK_REFERENCES_MAX);
        let chunk = Vec::with_capacity(size_class(wanted * 8) / 8);
        let full = std::mem::replace(&mut self.last, chunk);
        if !full.is_empty() {
            self.full.push(full);
        }
    }

    fn pop(&mut self) -> Option<Reference> {
        if self.last.is_empty() {
            self.last = self.full.pop()?;
            assert!(!self.last.is_empty(), "chunks are put aside when full");
        }
        self.len -= 1;
        self.last.pop().map(Reference)
    }

    fn bytes(&self) -> usize {
        let chunks = self.full.iter().chain([&self.last]);
        chunks.map(|chunk| chunk.capacity() * 8).sum::<usize>()
            + self.full.capacity() * size_of::<Vec<u64>>()
    }
}

#[derive(Default)]
struct WheelBucket {
    references: Chunks,
    parity: bool,
}

/// A bucket's references taken out for processing; never empty.
struct Batch {
    source: Filed,
    references: Chunks,
}

impl Batch {
    /// A reference, where it came from, and whether there are more.
    fn pop(&mut self) -> ((Reference, Filed), bool) {
        let reference = self
            .references
            .pop()
            .expect("empty batches are dropped at once");
        ((reference, self.source), self.references.len > 0)
    }
}

/// The wheel. Empty, it allocates nothing.
#[derive(Default)]
pub(super) struct Wheel {
    /// The first tick that has not been processed whole.
    current: u64,
    buckets: Vec<WheelBucket>,
    /// One bit per bucket that has references.
    occupied: [[u64; LEVEL_BUCKETS / 64]; LEVELS],
    /// References in buckets and batches, stale ones included.
    references: usize,
    due: Option<Batch>,
    sweep: Option<Batch>,
    sweep_next: usize,
}

impl Wheel {
    /// References held, stale ones included.
    pub fn references(&self) -> usize {
        self.references
    }

    /// Makes sure that a reference comes up no later than `expiry_ms`. `filed` is where the entry
    /// has one so far; returns where it has one now.
    #[inline]
    pub fn file(&mut self, reference: Reference, filed: Filed, expiry_ms: u64) -> Filed {
        let tick = (expiry_ms >> TICK_BITS).max(self.current);
        if filed
            .bucket()
            .is_some_and(|bucket| self.start_of(bucket) <= tick)
        {
            return filed;
        }
        if self.buckets.is_empty() {
            self.buckets.resize_with(BUCKETS, WheelBucket::default);
        }
        let number = self.bucket_of(tick);
        let bucket = &mut self.buckets[number];
        bucket.references.push(reference);
        self.references += 1;
        self.occupied[number / LEVEL_BUCKETS][number % LEVEL_BUCKETS / 64] |= 1 << (number % 64);
        Filed::new(number, bucket.parity)
    }

    /// The bucket for a tick from `current` on: the finest that reaches so far, else the farthest.
    fn bucket_of(&self, tick: u64) -> usize {
        assert!(tick >= self.current);
        for level in 0..LEVELS {
            let shift = LEVEL_BITS * level as u32;
            let ahead = (tick >> shift) - (self.current >> shift);
            let last = level + 1 == LEVELS;
            if ahead < LEVEL_BUCKETS as u64 || last {
                let number = (self.current >> shift) + ahead.min(LEVEL_BUCKETS as u64 - 1);
                return level * LEVEL_BUCKETS + number as usize % LEVEL_BUCKETS;
            }
        }
        unreachable!("the last level takes every tick")
    }

    /// The tick at which a bucket of the present turn of the wheel begins.
    fn start_of(&self, bucket: usize) -> u64 {
        let shift = LEVEL_BITS * (bucket / LEVEL_BUCKETS) as u32;
        let now = self.current >> shift;
        let ahead = (bucket as u64).wrapping_sub(now) % LEVEL_BUCKETS as u64;
        (now + ahead) << shift
    }

    /// The nearest occupied bucket and its beginning; of those that begin together the coarsest.
    fn next_bucket(&self) -> Option<(usize, u64)> {
        let mut nearest: Option<(usize, u64)> = None;
        for level in (0..LEVELS).rev() {
            let from = (self.current >> (LEVEL_BITS * level as u32)) as usize % LEVEL_BUCKETS;
            if let Some(index) = next_bit(&self.occupied[level], from) {
                let bucket = level * LEVEL_BUCKETS + index;
                let start = self.start_of(bucket);
                if nearest.is_none_or(|(_, other)| start < other) {
                    nearest = Some((bucket, start));
                }
            }
        }
        nearest
    }

    /// When processing is next due, unix milliseconds.
    pub fn next_due_ms(&self) -> Option<u64> {
        if self.due.is_some() {
            return Some(0);
        }
        // A promoted sweep begins with its source; both are found only while that is occupied.
        let sweep = self.sweep.as_ref().and_then(|batch| batch.source.bucket());
        let sweep = sweep.map(|bucket| (bucket, self.start_of(bucket)));
        let next = [self.next_bucket(), sweep]
            .into_iter()
            .flatten()
            .min_by_key(|&(_, start)| start);
        assert!(
            next.is_some() || self.references == 0,
            "a reference is in a bucket or in a batch"
        );
        next.map(|(bucket, start)| due_tick(bucket, start) << TICK_BITS)
    }

    /// Advances to `now_ms` and gives the next reference whose bucket came up, with that bucket.
    #[inline]
    pub fn next_due(&mut self, now_ms: u64) -> Option<(Reference, Filed)> {
        loop {
            if let Some(batch) = &mut self.due {
                let (popped, more) = batch.pop();
                if !more {
                    self.due = None;
                }
                self.references -= 1;
                return Some(popped);
            }
            if !self.advance(now_ms >> TICK_BITS) {
                return None;
            }
        }
    }

    /// Moves on to the next bucket that came up by `now_tick` and takes it out; false without one.
    fn advance(&mut self, now_tick: u64) -> bool {
        if let Some(source) = self.sweep.as_ref().and_then(|batch| batch.source.bucket()) {
            let start = self.start_of(source);
            let first = self.next_bucket().is_none_or(|(_, next)| start <= next);
            if first && due_tick(source, start) <= now_tick {
                self.current = self.current.max(start);
                self.due = self.sweep.take();
                return true;
            }
        }
        match self.next_bucket() {
            Some((bucket, start)) if due_tick(bucket, start) <= now_tick => {
                assert!(start >= self.current);
                self.current = start;
                self.due = Some(self.detach(bucket));
                true
            }
            next => {
                let sweep = self.sweep.as_ref().and_then(|batch| batch.source.bucket());
                let limit = [
                    next.map(|(_, start)| start),
                    sweep.map(|bucket| self.start_of(bucket)),
                ];
                let limit = limit.into_iter().flatten().min().unwrap_or(u64::MAX);
                self.current = self.current.max(now_tick.min(limit));
                false
            }
        }
    }

    /// The next reference of a walk over all buckets in turn, with its bucket: to drop stale ones.
    pub fn next_swept(&mut self) -> Option<(Reference, Filed)> {
        if self.sweep.is_none() {
            let bucket = self.next_to_sweep()?;
            self.sweep_next = (bucket + 1) % BUCKETS;
            self.sweep = Some(self.detach(bucket));
        }
        let (popped, more) = self.sweep.as_mut()?.pop();
        if !more {
            self.sweep = None;
        }
        self.references -= 1;
        Some(popped)
    }

    /// The next occupied bucket in the sweep's order. Not one whose references are just being
    /// processed: of two batches from one bucket the older would have the newer's parity.
    fn next_to_sweep(&self) -> Option<usize> {
        let busy = self.due.as_ref().and_then(|batch| batch.source.bucket());
        let mut from = self.sweep_next;
        for _ in 0..LEVELS + 2 {
            let level = from / LEVEL_BUCKETS;
            let words = &self.occupied[level];
            match next_bit(words, from % LEVEL_BUCKETS)
                .filter(|&index| index >= from % LEVEL_BUCKETS)
            {
                Some(index) if Some(level * LEVEL_BUCKETS + index) != busy => {
                    return Some(level * LEVEL_BUCKETS + index);
                }
                Some(index) => from = (level * LEVEL_BUCKETS + index + 1) % BUCKETS,
                None => from = (level + 1) % LEVELS * LEVEL_BUCKETS,
            }
        }
        None
    }

    /// Takes a bucket's references out and turns its parity: references filed anew are told from
    /// those taken, and of two for one entry the second is stale once the first was filed.
    fn detach(&mut self, number: usize) -> Batch {
        for batch in [&self.due, &self.sweep].into_iter().flatten() {
            assert!(
                batch.source.bucket() != Some(number),
                "one batch per bucket at a time"
            );
        }
        self.occupied[number / LEVEL_BUCKETS][number % LEVEL_BUCKETS / 64] &= !(1 << (number % 64));
        let bucket = &mut self.buckets[number];
        assert!(bucket.references.len > 0, "occupied buckets have some");
        let source = Filed::new(number, bucket.parity);
        bucket.parity = !bucket.parity;
        Batch {
            source,
            references: std::mem::take(&mut bucket.references),
        }
    }

    /// Bytes held by buckets and references.
    pub fn bytes(&self) -> usize {
        let batches = [&self.due, &self.sweep]
            .into_iter()
            .flatten()
            .map(|batch| &batch.references);
        let buckets = self.buckets.iter().map(|bucket| &bucket.references);
        self.buckets.capacity() * size_of::<WheelBucket>()
            + batches.chain(buckets).map(Chunks::bytes).sum::<usize>()
    }
}

/// Level 0 buckets come up when wholly past, so all in them has expired; others when they begin.
fn due_tick(bucket: usize, start: u64) -> u64 {
    start + u64::from(bucket < LEVEL_BUCKETS)
}

/// The first set bit at or after `from`, going around.
fn next_bit(words: &[u64; LEVEL_BUCKETS / 64], from: usize) -> Option<usize> {
    let first = words[from / 64] >> (from % 64) << (from % 64);
    if first != 0 {
        return Some(from / 64 * 64 + first.trailing_zeros() as usize);
    }
    (1..=words.len())
        .map(|step| (from / 64 + step) % words.len())
        .find(|&word| words[word] != 0)
        .map(|word| word * 64 + words[word].trailing_zeros() as usize)
}

#[cfg(test)]
#[path = "expiry_tests.rs"]
mod tests;
