//! The large form of a sorted set: members found by their bytes, and the same members in order. Its
//! unsafe code is all that sorted sets have.
//!
//! `Elements` owns the members; the tree names them by their addresses, six bytes each. That way
//! round, because the table moves owned pointers between buckets by itself, while the tree copies
//! and drops names freely. Owned by `Zset`; must not know keys or the clock.
//!
//! What keeps the names valid: a name is in the tree exactly while its member is in the table, and
//! a member's address changes only when it gets an expiry or a value, which those here never do.

use super::range::{LexRange, ScoreRange};
use super::tree::{Scored, Tree};
use crate::store::KeyHash;
use crate::store::elements::Elements;
use crate::store::member::Member;
use std::cmp::Ordering;
use std::fmt;
use std::ptr::NonNull;

/// User addresses are shorter than this on x86-64 and aarch64.
const NAME_LEN: usize = 6;

/// The address of a member in the table beside the tree that holds it.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Name([u8; NAME_LEN]);

impl Name {
    #[inline]
    fn of(member: &Member) -> Name {
        let bytes = member.address().as_ptr().expose_provenance().to_le_bytes();
        let (name, rest) = bytes.split_at(NAME_LEN);
        assert!(rest == [0, 0], "user addresses have 48 bits");
        Name(name.try_into().expect("it was split there"))
    }

    #[inline]
    fn address(self) -> NonNull<u8> {
        let mut bytes = [0; 8];
        bytes[..NAME_LEN].copy_from_slice(&self.0);
        let address = std::ptr::with_exposed_provenance_mut(usize::from_le_bytes(bytes));
        NonNull::new(address).expect("it was a member's")
    }
}

impl Scored for Name {
    #[inline]
    fn score(self) -> f64 {
        let address = self.address();
        // SAFETY: only the tree asks, for names that it holds, or is given while they are members
        // of the table (see the head of this file); what is read is copied.
        let member = unsafe { Member::at(&address) };
        member.score().expect("members here have scores")
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:x?}", self.0)
    }
}

/// Members with scores, in both orders.
#[derive(Debug)]
pub struct Ordered {
    elements: Elements,
    tree: Tree<Name>,
}

impl Ordered {
    #[must_use]
    pub fn new(hash: KeyHash) -> Ordered {
        Ordered {
            elements: Elements::new(hash),
            tree: Tree::new(),
        }
    }

    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.tree.len()
    }

    /// The bytes behind a name.
    #[inline]
    #[allow(
        clippy::unused_self,
        reason = "the table must be borrowed while the bytes are"
    )]
    fn bytes(&self, name: Name) -> &[u8] {
        let address = name.address();
        // SAFETY: names are those of members in the table, which is borrowed with `self`, so that
        // none is dropped or changed meanwhile. The bytes lie in the member's allocation, not in
        // the pointer to it on this stack.
        unsafe { &*std::ptr::from_ref(Member::at(&address).bytes()) }
    }

    /// True for what stands before a member with this score and these bytes.
    fn precedes(&self, score: f64, bytes: &[u8]) -> impl Fn(f64, Name) -> bool {
        move |other, name| match other.partial_cmp(&score) {
            Some(Ordering::Less) => true,
            Some(Ordering::Equal) => self.bytes(name) < bytes,
            _ => false,
        }
    }

    #[inline]
    #[must_use]
    pub fn score(&self, bytes: &[u8]) -> Option<f64> {
        self.elements.get(bytes)?.score()
    }

    /// The rank of a member with this score, which is there.
    #[must_use]
    pub fn rank(&self, score: f64, bytes: &[u8]) -> usize {
        self.tree.rank(self.precedes(score, bytes))
    }

    /// How many members are before the range, and how many are in it.
    #[must_use]
    pub fn in_scores(&self, range: &ScoreRange) -> (usize, usize) {
        let first = self
            .tree
            .rank(|score, _| !range.least.admits_from_below(score));
        let end = self
            .tree
            .rank(|score, _| range.most.admits_from_above(score));
        (first, end.saturating_sub(first))
    }

    /// As `in_scores`, by bytes; all scores should be one.
    #[must_use]
    pub fn in_bytes(&self, range: &LexRange<'_>) -> (usize, usize) {
        let first = self
            .tree
            .rank(|_, name| !range.least.admits_from_below(self.bytes(name)));
        let end = self
            .tree
            .rank(|_, name| range.most.admits_from_above(self.bytes(name)));
        (first, end.saturating_sub(first))
    }

    /// The member of a rank, which there must be.
    #[must_use]
    pub fn at(&self, rank: usize) -> (&[u8], f64) {
        let name = self.tree.get(rank);
        (self.bytes(name), name.score())
    }

    /// So many members from a rank on, upwards or downwards. They must be there.
    pub fn range(
        &self,
        from: usize,
        count: usize,
        backwards: bool,
    ) -> impl Iterator<Item = (&[u8], f64)> {
        let names = self.tree.range(from, count, backwards);
        names.map(|name| (self.bytes(name), name.score()))
    }

    /// Adds a member of whose bytes there is none.
    pub fn insert_new(&mut self, bytes: &[u8], score: f64) {
        let member = Member::with_score(bytes, score);
        let name = Name::of(&member);
        self.elements.insert_new(member);
        self.link(name, score, bytes);
    }

    fn link(&mut self, name: Name, score: f64, bytes: &[u8]) {
        // The tree is apart while it asks for bytes of the members.
        let mut tree = std::mem::replace(&mut self.tree, Tree::new());
        tree.insert(name, self.precedes(score, bytes));
        self.tree = tree;
        assert!(self.tree.len() == self.elements.len(), "all are in both");
    }

    fn unlink(&mut self, score: f64, bytes: &[u8]) -> Name {
        let rank = self.rank(score, bytes);
        let mut taken = None;
        self.tree.remove(rank, 1, |name| taken = Some(name));
        let name = taken.expect("one was taken");
        assert!(
            self.bytes(name) == bytes,
            "a member stands where its score is"
        );
        name
    }

    /// Gives a member that is there another score than it has.
    pub fn change(&mut self, bytes: &[u8], from: f64, to: f64) {
        let name = self.unlink(from, bytes);
        let changed = self.elements.edit(bytes, |member| member.set_score(to));
        assert!(changed.is_some(), "what is in the tree is in the table");
        self.link(name, to, bytes);
    }

    /// Removes a member; its score. None when it is not there.
    pub fn remove(&mut self, bytes: &[u8]) -> Option<f64> {
        let score = self.score(bytes)?;
        self.unlink(score, bytes);
        let member = self.elements.remove(bytes);
        assert!(member.is_some(), "it was just found");
        Some(score)
    }

    /// Removes so many members from a rank on.
    pub fn remove_ranks(&mut self, from: usize, count: usize) {
        let mut names = Vec::with_capacity(count);
        self.tree.remove(from, count, |name| names.push(name));
        for name in names {
            let address = name.address();
            // SAFETY: its member is in the table until it is removed there, two lines below, from
            // where it is dropped after that call; the bytes are not used later.
            let bytes = unsafe { Member::at(&address) }.bytes();
            let member = self.elements.remove(bytes);
            assert!(member.is_some(), "what is in the tree is in the table");
        }
    }

    #[must_use]
    pub fn elements(&self) -> &Elements {
        &self.elements
    }

    /// Frees up to `budget` members, the last ones; the rest is still a sorted set.
    pub fn free_pieces(&mut self, budget: usize) -> usize {
        let count = budget.min(self.len());
        self.remove_ranks(self.len() - count, count);
        count
    }

    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        self.elements.heap_bytes() + self.tree.heap_bytes()
    }

    /// A copy, whose members are its own.
    #[must_use]
    pub fn copy(&self, hash: KeyHash) -> Ordered {
        let mut copy = Ordered::new(hash);
        for (bytes, score) in self.range(0, self.len(), false) {
            copy.insert_new(bytes, score);
        }
        assert!(copy.len() == self.len());
        copy
    }
}
