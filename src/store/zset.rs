//! Sorted sets: members with scores, in the order of scores and, where those are equal, of bytes.
//!
//! Few short members are a listpack, all others a hash table with a B+ tree beside it, which OBJECT
//! ENCODING calls `skiplist`. A sorted set becomes large when an edit reaches a limit, which comes
//! with each edit, and never small again. Owned by an entry; must not know keys, commands, clock.
//! ```text
//! listpack   member, score, member, score ... ascending      `listpack.rs`
//! skiplist   32 bytes a short member, 10 in the table, 7 in the tree     `zset/ordered.rs`
//! ```

#![allow(
    clippy::float_cmp,
    reason = "a score is equal or not, as clients gave it"
)]

#[allow(
    unsafe_code,
    reason = "names of members in a tree beside the table that owns them"
)]
mod ordered;
mod pack;
mod range;
mod tree;

use self::ordered::Ordered;
use super::content::Content;
use super::key_hash::KeyHash;
use super::listpack::{Element, Listpack};
use super::value::{Encoding, FormLimits, Kind};
use crate::limits::COMPACT_BYTES_MAX;

pub use self::range::{Bound, LexBound, LexRange, ScoreRange};

/// How large the compact form may get: `zset-max-listpack-entries` and `zset-max-listpack-value`.
#[derive(Clone, Copy, Debug)]
pub struct ZsetLimits {
    pub listpack_entries: usize,
    pub listpack_value: usize,
}

impl Default for ZsetLimits {
    fn default() -> ZsetLimits {
        ZsetLimits {
            listpack_entries: 128,
            listpack_value: 64,
        }
    }
}

#[derive(Debug)]
enum Form {
    Pack(Listpack),
    /// Boxed, so that small ones are small.
    Ordered(Box<Ordered>),
}

/// A sorted set as it is kept, for those who write it.
#[derive(Clone, Copy, Debug)]
pub enum ZsetView<'a> {
    Listpack(&'a Listpack),
    Ordered(&'a Ordered),
}

/// Members with scores.
#[derive(Debug)]
pub struct Zset {
    form: Form,
    /// For copies.
    hash: KeyHash,
}

/// The number of members in a listpack.
fn pairs(pack: &Listpack) -> usize {
    pack.len() / 2
}

impl Zset {
    /// An empty one in the form for `count` members, the longest of this length.
    #[must_use]
    pub fn for_members(longest: usize, count: usize, limits: &FormLimits) -> Zset {
        let is_small =
            count <= limits.zset.listpack_entries && longest <= limits.zset.listpack_value;
        let form = if is_small {
            Form::Pack(Listpack::new())
        } else {
            Form::Ordered(Box::new(Ordered::new(limits.hash)))
        };
        Zset {
            form,
            hash: limits.hash,
        }
    }

    /// Before so many members are added: as in Redis, more at once than the compact form may have
    /// end it.
    pub fn expect(&mut self, count: usize, limits: &FormLimits) {
        if count > limits.zset.listpack_entries {
            self.enlarge();
        }
    }

    fn enlarge(&mut self) {
        if let Form::Pack(pack) = &self.form {
            let mut ordered = Ordered::new(self.hash);
            pack::for_each(pack, |element, score| {
                element.with_text(|text| ordered.insert_new(text, score));
            });
            assert!(ordered.len() == pairs(pack), "each member is there once");
            self.form = Form::Ordered(Box::new(ordered));
        }
    }

    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.form {
            Form::Pack(pack) => pairs(pack),
            Form::Ordered(ordered) => ordered.len(),
        }
    }

    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    #[inline]
    #[must_use]
    pub fn score(&self, text: &[u8]) -> Option<f64> {
        match &self.form {
            Form::Pack(pack) => pack::find(pack, text).map(|found| found.score),
            Form::Ordered(ordered) => ordered.score(text),
        }
    }

    /// Gives a member this score, which is a number; the score that it had. None: it was added.
    pub fn put(&mut self, text: &[u8], score: f64, limits: &FormLimits) -> Option<f64> {
        let before = self.score(text);
        match before {
            Some(before) => self.rescore(text, before, score),
            None => self.add_new(text, score, limits),
        }
        before
    }

    /// Adds a member that is not there.
    pub fn add_new(&mut self, text: &[u8], score: f64, limits: &FormLimits) {
        assert!(!score.is_nan(), "scores are numbers");
        if let Form::Pack(pack) = &self.form {
            let takes = pairs(pack) < limits.zset.listpack_entries
                && text.len() <= limits.zset.listpack_value
                && pack.framed_bytes() + text.len() <= COMPACT_BYTES_MAX;
            if !takes {
                self.enlarge();
            }
        }
        match &mut self.form {
            Form::Pack(pack) => pack::insert(pack, text, score),
            Form::Ordered(ordered) => ordered.insert_new(text, score),
        }
    }

    /// Changes the score of a member that is there from what it is.
    pub fn rescore(&mut self, text: &[u8], before: f64, score: f64) {
        assert!(!score.is_nan(), "scores are numbers");
        if before == score {
            return;
        }
        match &mut self.form {
            Form::Pack(pack) => {
                pack::remove(pack, text);
                pack::insert(pack, text, score);
            }
            Form::Ordered(ordered) => ordered.change(text, before, score),
        }
    }

    /// Removes a member; the score it had. None when it is not there.
    pub fn remove(&mut self, text: &[u8]) -> Option<f64> {
        match &mut self.form {
            Form::Pack(pack) => pack::remove(pack, text),
            Form::Ordered(ordered) => ordered.remove(text),
        }
    }

    /// The rank and the score of a member.
    #[must_use]
    pub fn rank(&self, text: &[u8]) -> Option<(usize, f64)> {
        match &self.form {
            Form::Pack(pack) => pack::find(pack, text).map(|found| (found.rank, found.score)),
            Form::Ordered(ordered) => {
                let score = ordered.score(text)?;
                Some((ordered.rank(score, text), score))
            }
        }
    }

    /// The rank of the first member in the range, and how many there are.
    #[must_use]
    pub fn in_scores(&self, range: &ScoreRange) -> (usize, usize) {
        match &self.form {
            Form::Pack(pack) => pack::span(
                pack,
                |_, score| !range.least.admits_from_below(score),
                |_, score| range.most.admits_from_above(score),
            ),
            Form::Ordered(ordered) => ordered.in_scores(range),
        }
    }

    /// As `in_scores`, by bytes; all scores should be one.
    #[must_use]
    pub fn in_bytes(&self, range: &LexRange<'_>) -> (usize, usize) {
        match &self.form {
            Form::Pack(pack) => pack::span(
                pack,
                |text, _| !range.least.admits_from_below(text),
                |text, _| range.most.admits_from_above(text),
            ),
            Form::Ordered(ordered) => ordered.in_bytes(range),
        }
    }

    /// Shows so many members from a rank on, upwards or downwards. They must be there.
    pub fn range<'a>(
        &'a self,
        from: usize,
        count: usize,
        backwards: bool,
        mut show: impl FnMut(Element<'a>, f64),
    ) {
        if count == 0 {
            return;
        }
        match &self.form {
            Form::Pack(pack) => pack::range(pack, from, count, backwards, show),
            Form::Ordered(ordered) => ordered
                .range(from, count, backwards)
                .for_each(|(bytes, score)| show(Element::Bytes(bytes), score)),
        }
    }

    /// Shows all members, ascending.
    pub fn for_each<'a>(&'a self, show: impl FnMut(Element<'a>, f64)) {
        self.range(0, self.len(), false, show);
    }

    /// The member of a rank, which there must be.
    #[must_use]
    pub fn at(&self, rank: usize) -> (Element<'_>, f64) {
        let mut found = None;
        self.range(rank, 1, false, |element, score| {
            found = Some((element, score))
        });
        found.expect("ranks are below the number of members")
    }

    /// Removes so many members from a rank on. They must be there.
    pub fn remove_ranks(&mut self, from: usize, count: usize) {
        let before = self.len();
        assert!(from + count <= before, "only what is there is removed");
        match &mut self.form {
            Form::Pack(pack) => {
                let (start, end) = (pack.position(2 * from), pack.position(2 * (from + count)));
                pack.cut(start, end, 2 * count);
            }
            Form::Ordered(ordered) => ordered.remove_ranks(from, count),
        }
        assert!(self.len() == before - count);
    }

    /// One step of ZSCAN; the compact form is seen in one.
    pub fn scan<'a>(
        &'a self,
        cursor: u64,
        count: usize,
        mut visit: impl FnMut(Element<'a>, f64),
    ) -> u64 {
        if let Form::Ordered(ordered) = &self.form {
            return ordered.elements().scan(cursor, count, |member| {
                let score = member.score().expect("members here have scores");
                visit(Element::Bytes(member.bytes()), score);
            });
        }
        self.for_each(visit);
        0
    }

    #[must_use]
    pub fn view(&self) -> ZsetView<'_> {
        match &self.form {
            Form::Pack(pack) => ZsetView::Listpack(pack),
            Form::Ordered(ordered) => ZsetView::Ordered(ordered),
        }
    }

    /// From what Redis keeps as a listpack; None when it is empty, has a member twice, or what is
    /// no score. Members that are out of order are put in order.
    #[must_use]
    pub fn from_listpack(pack: &Listpack, limits: &FormLimits) -> Option<Zset> {
        if pack.is_empty() || !pack.len().is_multiple_of(2) {
            return None;
        }
        let count = pairs(pack);
        let mut zset = Zset::for_members(0, count, limits);
        let mut elements = pack.iter();
        while let (Some(element), Some(score)) = (elements.next(), elements.next()) {
            let score = pack::read_score(score)?;
            if element
                .with_text(|text| zset.put(text, score, limits))
                .is_some()
            {
                return None;
            }
        }
        assert!(zset.len() == count);
        Some(zset)
    }
}

impl Clone for Zset {
    fn clone(&self) -> Zset {
        Zset {
            form: match &self.form {
                Form::Pack(pack) => Form::Pack(pack.clone()),
                Form::Ordered(ordered) => Form::Ordered(Box::new(ordered.copy(self.hash))),
            },
            hash: self.hash,
        }
    }
}

impl Content for Zset {
    fn kind(&self) -> Kind {
        Kind::Zset
    }

    fn encoding(&self) -> Encoding {
        match self.form {
            Form::Pack(_) => Encoding::Listpack,
            Form::Ordered(_) => Encoding::Skiplist,
        }
    }

    fn elements(&self) -> usize {
        self.len()
    }

    fn pieces(&self) -> usize {
        match &self.form {
            Form::Pack(_) => 1,
            Form::Ordered(ordered) => ordered.len() + 1,
        }
    }

    fn free_pieces(&mut self, budget: usize) -> usize {
        match &mut self.form {
            Form::Pack(_) => 0,
            Form::Ordered(ordered) => ordered.free_pieces(budget),
        }
    }

    fn heap_bytes(&self) -> usize {
        let form = match &self.form {
            Form::Pack(pack) => pack.heap_bytes(),
            Form::Ordered(ordered) => {
                super::size_class(size_of::<Ordered>()) + ordered.heap_bytes()
            }
        };
        super::size_class(size_of::<Zset>()) + form
    }
}

#[cfg(test)]
#[path = "zset_tests.rs"]
mod tests;
