//! The hash table: linear hashing over cache-line buckets, generic over pointer-sized elements.
//!
//! One per slot and database; later types own tables of their own elements. It grows and shrinks
//! by one bucket per insertion or removal, so no operation touches more than two chains. The
//! caller brings hashes; the table must not know how they are made, nor what an element means.
//!
//! Bucket addresses are the low 32 bits of a hash, fingerprints the 8 bits above them. Read
//! backwards, the address is the *position* of an element: every bucket, split or not, covers one
//! interval of positions, so a SCAN that walks positions upwards sees all that stays, whatever
//! splits and merges happen between its steps.

use super::bucket::{Bucket, CELLS};
use super::segments::Segments;
use crate::limits::{CHAIN_LIKELY_MAX, RANDOM_BUCKET_TRIES};

/// One element a cell, in tenths.
const ONE_A_CELL: usize = 10;

/// An element that knows its key.
pub trait Keyed {
    fn key(&self) -> &[u8];
}

/// What a table occupies and how well it is spread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TableStatistics {
    pub elements: usize,
    pub buckets: usize,
    pub overflow_nodes: usize,
    pub longest_chain: usize,
    /// Allocated bytes, without the elements and the `Table` itself.
    pub bytes: usize,
}

/// A set of elements by key. Empty tables allocate nothing. `LOAD` tenths of an element stand on a
/// cell of a primary bucket before the table grows: more is less memory and longer chains.
pub struct Table<E, const LOAD: usize = ONE_A_CELL> {
    segments: Segments<E>,
    len: u32,
    /// Linear hashing's number of buckets, all in `segments`.
    buckets: u32,
}

const _: () = assert!(size_of::<Table<super::Entry>>() <= 32);

impl<E, const LOAD: usize> Default for Table<E, LOAD> {
    fn default() -> Self {
        Table::new()
    }
}

#[inline]
fn fingerprint(hash: u64) -> u8 {
    (hash >> 32) as u8
}

impl<E, const LOAD: usize> Table<E, LOAD> {
    #[must_use]
    pub const fn new() -> Self {
        Table {
            segments: Segments::new(),
            len: 0,
            buckets: 0,
        }
    }

    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.len as usize
    }

    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Buckets that the address bits tell apart everywhere: the largest power of two in `buckets`.
    #[inline]
    fn level(&self) -> u32 {
        1 << self.buckets.ilog2()
    }

    /// Index of the bucket of an address. There must be buckets.
    #[inline]
    fn index(&self, address: u32) -> usize {
        let level = self.level();
        let wide = address & (2 * level - 1);
        (if wide < self.buckets {
            wide
        } else {
            wide & (level - 1)
        }) as usize
    }

    #[inline]
    fn bucket(&self, hash: u64) -> Option<&Bucket<E>> {
        (self.len != 0).then(|| self.segments.at(self.index(hash as u32)))
    }

    #[inline]
    fn bucket_mut(&mut self, hash: u64) -> Option<&mut Bucket<E>> {
        if self.len == 0 {
            return None;
        }
        let index = self.index(hash as u32);
        Some(self.segments.at_mut(index))
    }

    /// Asks for the cache line of the bucket that this hash is in.
    #[inline]
    pub fn prefetch_bucket(&self, hash: u64) {
        if let Some(bucket) = self.bucket(hash) {
            bucket.prefetch();
        }
    }

    /// Asks for the elements that may have this hash; the bucket should have arrived.
    #[inline]
    pub fn prefetch_element(&self, hash: u64) {
        if let Some(bucket) = self.bucket(hash) {
            bucket.prefetch_candidates(fingerprint(hash));
        }
    }

    /// The element with this hash that `matches`. At least 40 low bits of the hash must be true.
    #[inline]
    pub fn find(&self, hash: u64, matches: impl FnMut(&E) -> bool) -> Option<&E> {
        self.bucket(hash)?.find(fingerprint(hash), matches)
    }

    /// As `find`; the caller must not change the element's key.
    #[inline]
    pub fn find_mut(&mut self, hash: u64, matches: impl FnMut(&E) -> bool) -> Option<&mut E> {
        self.bucket_mut(hash)?.find_mut(fingerprint(hash), matches)
    }

    /// Adds an element whose key is not in the table. `hash_of` gives any element's full hash.
    pub fn insert_new(&mut self, hash: u64, element: E, hash_of: impl Fn(&E) -> u64) {
        self.grow(hash_of);
        self.len = self
            .len
            .checked_add(1)
            .expect("a table holds fewer than 2^32 elements");
        let index = self.index(hash as u32);
        self.segments.at_mut(index).push(fingerprint(hash), element);
    }

    /// Takes the element with this hash that `matches` out.
    pub fn remove(&mut self, hash: u64, matches: impl FnMut(&E) -> bool) -> Option<E> {
        let removed = self.bucket_mut(hash)?.remove(fingerprint(hash), matches)?;
        self.len -= 1;
        if self.len() * 4 <= self.buckets as usize * CELLS {
            self.merge();
        }
        Some(removed)
    }

    /// Splits one bucket when the primary buckets are full on average.
    #[inline]
    fn grow(&mut self, hash_of: impl Fn(&E) -> u64) {
        if self.buckets == 0
            || self.len() * ONE_A_CELL > self.segments.full_at(self.buckets as usize) * LOAD
        {
            self.split(hash_of);
        }
    }

    #[cold]
    fn split(&mut self, hash_of: impl Fn(&E) -> u64) {
        self.segments.push(self.buckets as usize);
        self.buckets += 1;
        if self.buckets == 1 {
            return;
        }
        let new = self.buckets - 1;
        // The bucket that held the new one's elements: the same address without its top bit.
        let old = (new & !(1 << new.ilog2())) as usize;
        let mut chain = std::mem::replace(self.segments.at_mut(old), Bucket::new());
        while let Some((print, element)) = chain.pop() {
            let index = self.index(hash_of(&element) as u32);
            assert!(index == old || index == new as usize, "hashes never change");
            self.segments.at_mut(index).push(print, element);
        }
    }

    /// Merges the last bucket into its origin: when three quarters of the primary cells are empty.
    #[cold]
    fn merge(&mut self) {
        if self.len == 0 {
            assert!(self.buckets <= 2, "every removal before this one merged");
            *self = Table::new();
            return;
        }
        if self.buckets == 1 {
            return;
        }
        let last = self.buckets - 1;
        let origin = (last & !(1 << last.ilog2())) as usize;
        assert!(origin < last as usize, "it was split from an earlier one");
        let taken = self.segments.pop(self.buckets as usize);
        let mut chain = taken.expect("there are at least two buckets");
        self.buckets = last;
        while let Some((print, element)) = chain.pop() {
            self.segments.at_mut(origin).push(print, element);
        }
    }

    /// Where a scan passes an element with this hash, whether or not it is in the table.
    #[must_use]
    pub fn position(hash: u64) -> u32 {
        (hash as u32).reverse_bits()
    }

    /// Visits every element of the bucket that covers `position`; returns where the next begins.
    pub fn scan_bucket<'a>(&'a self, position: u32, visit: impl FnMut(&'a E)) -> Option<u32> {
        if self.len == 0 {
            return None;
        }
        let level = self.level();
        let index = self.index(position.reverse_bits());
        self.segments.at(index).for_each(visit);
        let split = index as u32 >= level || (index as u32 | level) < self.buckets;
        let bits = level.ilog2() + u32::from(split);
        if bits == 0 {
            return None;
        }
        // The interval of all positions with these top `bits`; the last one ends beyond 32 bits.
        let next = (position | (u32::MAX >> bits)).checked_add(1);
        assert!(next.is_none_or(|next| next > position), "a scan ends");
        next
    }

    pub fn for_each<'a>(&'a self, mut visit: impl FnMut(&'a E)) {
        for index in 0..self.buckets as usize {
            self.segments.at(index).for_each(&mut visit);
        }
    }

    /// All elements, bucket by bucket.
    pub fn iter(&self) -> impl Iterator<Item = &E> {
        let (mut index, mut number) = (0, 0);
        std::iter::from_fn(move || {
            while index < self.buckets as usize {
                if let Some(element) = self.segments.at(index).nth(number) {
                    number += 1;
                    return Some(element);
                }
                (index, number) = (index + 1, 0);
            }
            None
        })
    }

    /// A random element; all are nearly equally likely, whichever bucket they are in.
    pub fn random(&self, random: &mut impl FnMut() -> u64) -> Option<&E> {
        if self.len == 0 {
            return None;
        }
        let likely_max = CHAIN_LIKELY_MAX * LOAD as u64 / ONE_A_CELL as u64;
        let first = (random() % u64::from(self.buckets)) as usize;
        let mut index = first;
        for _ in 0..RANDOM_BUCKET_TRIES {
            let len = self.segments.at(index).len() as u64;
            if self.buckets == 1 || len > random() % likely_max {
                break;
            }
            index = (random() % u64::from(self.buckets)) as usize;
        }
        while self.segments.at(index).len() == 0 {
            index = (index + 1) % self.buckets as usize;
        }
        let bucket = self.segments.at(index);
        let mut left = random() % bucket.len() as u64;
        let mut chosen = None;
        bucket.for_each(|element| {
            if left == 0 && chosen.is_none() {
                chosen = Some(element);
            }
            left = left.saturating_sub(1);
        });
        assert!(chosen.is_some(), "the bucket was found to have elements");
        chosen
    }

    /// Hands elements out, bucket by bucket from the end, until they have cost `budget`; `free`
    /// says what one cost, an empty bucket costs 1. The rest is no longer a table, only to be
    /// discarded further. Returns the cost: less than `budget` means that nothing is left.
    pub(super) fn discard(&mut self, budget: usize, mut free: impl FnMut(E) -> usize) -> usize {
        let mut freed = 0;
        while freed < budget {
            let Some(mut bucket) = self.segments.pop(self.buckets as usize) else {
                assert!(self.len == 0, "all elements were in buckets");
                *self = Table::new();
                return freed;
            };
            self.buckets -= 1;
            let mut cost = 0;
            while let Some((_, element)) = bucket.pop() {
                cost += free(element);
                self.len -= 1;
            }
            freed += cost.max(1);
        }
        freed
    }

    #[must_use]
    pub fn statistics(&self) -> TableStatistics {
        let mut statistics = TableStatistics {
            elements: self.len(),
            buckets: self.buckets as usize,
            bytes: self.segments.allocation_bytes(),
            ..TableStatistics::default()
        };
        let mut counted = 0;
        for index in 0..self.buckets as usize {
            let bucket = self.segments.at(index);
            counted += bucket.len();
            let (nodes, bytes) = bucket.overflow();
            statistics.overflow_nodes += nodes;
            statistics.bytes += bytes;
            statistics.longest_chain = statistics.longest_chain.max(bucket.len());
        }
        assert!(counted == self.len(), "the table counts its elements");
        statistics
    }
}

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;
