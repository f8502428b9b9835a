//! Members in a hash table: the large form of sets and hashes, and the index of sorted sets.
//!
//! Wraps a `Table` of `Member`s, and adds what a table does not know: their hash and their bytes.
//! It grows by one bucket at a time, is scanned by position as the keyspace is, so SSCAN, HSCAN and
//! ZSCAN have SCAN's guarantee, and is freed in slices. Must not know types, commands or the clock.

use super::key_hash::KeyHash;
use super::member::Member;
use super::table::Table;
use crate::limits::SCAN_BUCKETS_PER_ELEMENT;
use std::fmt;

/// Tenths of a member for each cell of a table: 10.8 bytes a member instead of 12.1, and half of
/// the look-ups touch a second line.
const LOAD: usize = 16;

/// A set of members, found by their bytes.
pub struct Elements {
    table: Table<Member, LOAD>,
    hash: KeyHash,
    /// What the members occupy in the allocator.
    member_bytes: usize,
}

impl Elements {
    #[must_use]
    pub fn new(hash: KeyHash) -> Elements {
        Elements {
            table: Table::new(),
            hash,
            member_bytes: 0,
        }
    }

    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.table.len()
    }

    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// Asks for the memory that finding these bytes will touch first.
    #[inline]
    pub fn prefetch(&self, bytes: &[u8]) {
        self.table.prefetch_bucket(self.hash.of(bytes));
    }

    #[inline]
    #[must_use]
    pub fn get(&self, bytes: &[u8]) -> Option<&Member> {
        self.table
            .find(self.hash.of(bytes), |member| member.bytes() == bytes)
    }

    /// Changes a member, whose bytes stay; None when there is none with these bytes.
    #[inline]
    pub fn edit<T>(&mut self, bytes: &[u8], change: impl FnOnce(&mut Member) -> T) -> Option<T> {
        self.edit_hashed(self.hash.of(bytes), bytes, change)
    }

    #[inline]
    fn edit_hashed<T>(
        &mut self,
        hash: u64,
        bytes: &[u8],
        change: impl FnOnce(&mut Member) -> T,
    ) -> Option<T> {
        let member = self
            .table
            .find_mut(hash, |member| member.bytes() == bytes)?;
        let before = member.allocation_bytes();
        let result = change(member);
        assert!(member.bytes() == bytes, "a member stays where it is found");
        self.member_bytes = self.member_bytes - before + member.allocation_bytes();
        Some(result)
    }

    /// Changes the member with these bytes, or adds the one that `make` makes of them; true when it
    /// was added. One hash for both.
    #[inline]
    pub fn put(
        &mut self,
        bytes: &[u8],
        make: impl FnOnce() -> Member,
        change: impl FnOnce(&mut Member),
    ) -> bool {
        let hash = self.hash.of(bytes);
        if self.edit_hashed(hash, bytes, change).is_some() {
            return false;
        }
        self.insert_hashed(hash, make());
        true
    }

    /// Adds a member of a set; false when it is there already.
    #[inline]
    pub fn add(&mut self, bytes: &[u8]) -> bool {
        let hash = self.hash.of(bytes);
        let found = self.table.find(hash, |member| member.bytes() == bytes);
        if found.is_some() {
            return false;
        }
        self.insert_hashed(hash, Member::new(bytes));
        true
    }

    /// Adds a member of whose bytes there is none yet.
    pub fn insert_new(&mut self, member: Member) {
        debug_assert!(self.get(member.bytes()).is_none());
        self.insert_hashed(self.hash.of(member.bytes()), member);
    }

    #[inline]
    fn insert_hashed(&mut self, hash: u64, member: Member) {
        self.member_bytes += member.allocation_bytes();
        let key_hash = self.hash;
        self.table
            .insert_new(hash, member, |member| key_hash.of(member.bytes()));
    }

    /// Takes a member out.
    #[inline]
    pub fn remove(&mut self, bytes: &[u8]) -> Option<Member> {
        let hash = self.hash.of(bytes);
        let member = self.table.remove(hash, |member| member.bytes() == bytes)?;
        self.uncount(&member);
        Some(member)
    }

    #[inline]
    fn uncount(&mut self, member: &Member) {
        let bytes = member.allocation_bytes();
        assert!(bytes <= self.member_bytes, "every member was counted");
        self.member_bytes -= bytes;
    }

    /// Where a scan passes these bytes, whether or not a member has them.
    #[must_use]
    pub fn position(&self, bytes: &[u8]) -> u32 {
        Table::<Member>::position(self.hash.of(bytes))
    }

    /// A random member, all nearly equally likely; None when there is none.
    #[must_use]
    pub fn random(&self, random: &mut impl FnMut() -> u64) -> Option<&Member> {
        self.table.random(random)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Member> {
        self.table.iter()
    }

    /// One step of SSCAN and its kin: visits whole buckets from `cursor` on, until `count` members
    /// were seen or too many buckets were empty. Returns where to go on; 0 when all was seen.
    #[must_use]
    pub fn scan<'a>(&'a self, cursor: u64, count: usize, mut visit: impl FnMut(&'a Member)) -> u64 {
        // Positions are 32 bits wide; of a cursor that nobody was given the rest is ignored.
        let mut position = cursor as u32;
        let mut seen = 0;
        let mut buckets_left = count.saturating_mul(SCAN_BUCKETS_PER_ELEMENT).max(1);
        loop {
            let next = self.table.scan_bucket(position, |member| {
                seen += 1;
                visit(member);
            });
            let Some(next) = next else { return 0 };
            assert!(next > position, "a scan comes to an end");
            position = next;
            buckets_left -= 1;
            if seen >= count || buckets_left == 0 {
                return u64::from(position);
            }
        }
    }

    /// Allocations that freeing it takes, about.
    #[must_use]
    pub fn pieces(&self) -> usize {
        self.len() + 1
    }

    /// Frees up to `budget` members, or about as many buckets, and returns how many pieces that
    /// was; the rest is only to be freed further.
    pub fn free_pieces(&mut self, budget: usize) -> usize {
        let mut gone_bytes = 0;
        let freed = self.table.discard(budget, |member| {
            gone_bytes += member.allocation_bytes();
            1
        });
        assert!(gone_bytes <= self.member_bytes, "every member was counted");
        self.member_bytes -= gone_bytes;
        // The last bucket may have cost more than was left.
        freed.min(budget)
    }

    /// Bytes allocated behind it. Walks over the buckets.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        self.member_bytes + self.table.statistics().bytes
    }
}

impl Clone for Elements {
    fn clone(&self) -> Elements {
        let mut copy = Elements::new(self.hash);
        for member in self.iter() {
            copy.insert_hashed(self.hash.of(member.bytes()), member.clone());
        }
        assert!(copy.len() == self.len() && copy.member_bytes == self.member_bytes);
        copy
    }
}

impl fmt::Debug for Elements {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Elements({})", self.len())
    }
}

#[cfg(test)]
#[path = "elements_tests.rs"]
mod tests;
