//! A run of a stream's entries in one listpack, laid out as Redis lays them out.
//!
//! Owned by `Stream`. A deleted entry is only marked. Must not know groups.
//! ```text
//! listpack  master  entry ... entry
//! master    live  deleted  fields:n  field ... field  0
//! entry     flags  ms - node's  seq - node's  [n  field value ...] | [value ...]  pieces
//! flags     1 deleted, 2 the fields are the master's; pieces: elements of the entry before it
//! ```

use super::super::listpack::{Element, Listpack};
use super::id::StreamId;

const DELETED: i64 = 1;
const SAME_FIELDS: i64 = 2;
/// Flags and the two differences.
const ENTRY_FIXED_PIECES: usize = 3;

/// An entry as it lies in its node.
#[derive(Clone, Copy, Debug)]
pub struct Item<'a> {
    pub id: StreamId,
    pack: &'a Listpack,
    /// Where the flags stand.
    flags_at: usize,
    flags: i64,
    /// Where the first master field stands, if the fields are the master's.
    master_at: Option<usize>,
    /// Where the first value, or field, stands.
    at: usize,
    pairs: usize,
}

impl Item<'_> {
    /// How many pairs of field and value it has.
    #[must_use]
    pub fn pairs_len(&self) -> usize {
        self.pairs
    }

    /// Shows the pairs of field and value in their order.
    pub fn pairs(&self, mut show: impl FnMut(Element<'_>, Element<'_>)) {
        let mut at = self.at;
        let mut master_at = self.master_at;
        for _ in 0..self.pairs {
            let place = master_at.as_mut().unwrap_or(&mut at);
            let (field, next) = self.pack.at(*place);
            *place = next;
            let (value, next) = self.pack.at(at);
            at = next;
            show(field, value);
        }
    }

    fn is_deleted(&self) -> bool {
        self.flags & DELETED != 0
    }

    /// The position behind the entry.
    fn end(&self) -> usize {
        let pieces = match self.master_at {
            Some(_) => self.pairs,
            None => 2 * self.pairs,
        };
        let mut at = self.at;
        for _ in 0..=pieces {
            at = self.pack.at(at).1;
        }
        at
    }
}

/// A node: its entries, and where to begin.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pack: Listpack,
}

/// The head of a node.
struct Master {
    live: u64,
    deleted: u64,
    fields: usize,
    /// Where the first field stands.
    fields_at: usize,
}

/// An integer of the layout; nodes are checked when they come from outside.
fn integer(pack: &Listpack, at: usize) -> (i64, usize) {
    match pack.at(at) {
        (Element::Int(number), next) => (number, next),
        (Element::Bytes(_), _) => unreachable!("the layout has an integer here"),
    }
}

/// The difference of two identifiers' parts as it is kept.
fn difference(of: u64, from: u64) -> Element<'static> {
    Element::Int(of.wrapping_sub(from).cast_signed())
}

impl Node {
    /// A node for an entry with these fields, still without it.
    pub(super) fn new<'f>(fields: impl ExactSizeIterator<Item = &'f [u8]>) -> Node {
        let mut pack = Listpack::new();
        let count = i64::try_from(fields.len()).expect("a command's arguments fit i64");
        for number in [0, 0, count] {
            pack.push_back(Element::Int(number));
        }
        for field in fields {
            pack.push_back(Element::from_text(field));
        }
        pack.push_back(Element::Int(0));
        Node { pack }
    }

    fn master(&self) -> Master {
        let (live, at) = integer(&self.pack, self.pack.first());
        let (deleted, at) = integer(&self.pack, at);
        let (fields, fields_at) = integer(&self.pack, at);
        Master {
            live: live.cast_unsigned(),
            deleted: deleted.cast_unsigned(),
            fields: fields.cast_unsigned() as usize,
            fields_at,
        }
    }

    /// Entries that are not deleted.
    pub(super) fn live(&self) -> u64 {
        integer(&self.pack, self.pack.first()).0.cast_unsigned()
    }

    /// Entries that have room here, deleted ones included.
    pub(super) fn entries(&self) -> u64 {
        let (live, at) = integer(&self.pack, self.pack.first());
        let (deleted, _) = integer(&self.pack, at);
        (live + deleted).cast_unsigned()
    }

    pub(super) fn bytes(&self) -> usize {
        self.pack.framed_bytes()
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.pack.heap_bytes()
    }

    pub(super) fn framed(&self) -> Vec<u8> {
        self.pack.framed()
    }

    /// Gives back what is allocated beyond need: no entry comes any more.
    pub(super) fn shrink(&mut self) {
        self.pack.shrink();
    }

    /// Adds an entry of `words`, field and value in turn, behind the others.
    pub(super) fn push<'w>(
        &mut self,
        key: StreamId,
        id: StreamId,
        words: impl ExactSizeIterator<Item = &'w [u8]> + Clone,
    ) {
        assert!(
            id >= key && words.len().is_multiple_of(2),
            "an entry belongs behind its node's first and consists of pairs"
        );
        let master = self.master();
        let same = self.has_fields(&master, words.clone().step_by(2));
        let first = self.pack.first();
        self.pack
            .replace(first, Element::Int((master.live + 1).cast_signed()));
        let flags = if same { SAME_FIELDS } else { 0 };
        self.pack.push_back(Element::Int(flags));
        self.pack.push_back(difference(id.ms, key.ms));
        self.pack.push_back(difference(id.seq, key.seq));
        let mut pieces = ENTRY_FIXED_PIECES;
        if same {
            pieces += words.len() / 2;
            for value in words.skip(1).step_by(2) {
                self.pack.push_back(Element::from_text(value));
            }
        } else {
            pieces += words.len() + 1;
            let pairs = i64::try_from(words.len() / 2).expect("a command's arguments fit i64");
            self.pack.push_back(Element::Int(pairs));
            for word in words {
                self.pack.push_back(Element::from_text(word));
            }
        }
        let pieces = i64::try_from(pieces).expect("a command's arguments fit i64");
        self.pack.push_back(Element::Int(pieces));
    }

    fn has_fields<'f>(
        &self,
        master: &Master,
        fields: impl ExactSizeIterator<Item = &'f [u8]>,
    ) -> bool {
        if fields.len() != master.fields {
            return false;
        }
        let mut at = master.fields_at;
        for field in fields {
            let (known, next) = self.pack.at(at);
            let equal = match known {
                Element::Bytes(bytes) => bytes == field,
                Element::Int(_) => known == Element::from_text(field),
            };
            if !equal {
                return false;
            }
            at = next;
        }
        true
    }

    /// Where the first entry begins.
    fn entries_at(&self, master: &Master) -> usize {
        let mut at = master.fields_at;
        for _ in 0..=master.fields {
            at = self.pack.at(at).1;
        }
        at
    }

    /// The entry whose flags stand at a position.
    fn item(&self, key: StreamId, master: &Master, flags_at: usize) -> Item<'_> {
        let (flags, at) = integer(&self.pack, flags_at);
        let (ms, at) = integer(&self.pack, at);
        let (seq, mut at) = integer(&self.pack, at);
        let same = flags & SAME_FIELDS != 0;
        let mut pairs = master.fields;
        if !same {
            let (own, next) = integer(&self.pack, at);
            pairs = own.cast_unsigned() as usize;
            at = next;
        }
        Item {
            id: StreamId::new(
                key.ms.wrapping_add(ms.cast_unsigned()),
                key.seq.wrapping_add(seq.cast_unsigned()),
            ),
            pack: &self.pack,
            flags_at,
            flags,
            master_at: same.then_some(master.fields_at),
            at,
            pairs,
        }
    }

    /// The live entries, the first first.
    pub(super) fn items(&self, key: StreamId) -> impl Iterator<Item = Item<'_>> {
        self.all(key).filter(|item| !item.is_deleted())
    }

    fn all(&self, key: StreamId) -> impl Iterator<Item = Item<'_>> {
        let master = self.master();
        let mut at = self.entries_at(&master);
        std::iter::from_fn(move || {
            (at < self.pack.end()).then(|| {
                let item = self.item(key, &master, at);
                at = item.end();
                item
            })
        })
    }

    /// The live entries, the last first.
    pub(super) fn items_back(&self, key: StreamId) -> impl Iterator<Item = Item<'_>> {
        self.all_back(key).filter(|item| !item.is_deleted())
    }

    /// The last entry that was put into it, deleted or not.
    pub(super) fn last(&self, key: StreamId) -> StreamId {
        self.all_back(key).next().map_or(key, |item| item.id)
    }

    fn all_back(&self, key: StreamId) -> impl Iterator<Item = Item<'_>> {
        let master = self.master();
        let first = self.entries_at(&master);
        let mut end = self.pack.end();
        std::iter::from_fn(move || {
            (end > first).then(|| {
                let count_at = self.pack.before(end);
                let pieces = integer(&self.pack, count_at).0;
                end = (0..pieces).fold(count_at, |at, _| self.pack.before(at));
                self.item(key, &master, end)
            })
        })
    }

    /// Marks as deleted the live entries that `choose` picks, from the first on until it says stop.
    /// Returns how many.
    pub(super) fn delete(
        &mut self,
        key: StreamId,
        mut choose: impl FnMut(StreamId) -> Choice,
    ) -> u64 {
        let mut chosen = Vec::new();
        for item in self.items(key) {
            match choose(item.id) {
                Choice::Delete => chosen.push((item.flags_at, item.flags)),
                Choice::Keep => {}
                Choice::Stop => break,
            }
        }
        for &(at, flags) in &chosen {
            self.pack.replace(at, Element::Int(flags | DELETED));
        }
        let master = self.master();
        let count = chosen.len() as u64;
        assert!(count <= master.live, "only what lives is deleted");
        let live = (master.live - count).cast_signed();
        let deleted = (master.deleted + count).cast_signed();
        let first = self.pack.first();
        let next = self.pack.replace(first, Element::Int(live));
        self.pack.replace(next, Element::Int(deleted));
        count
    }

    /// Reads what Redis keeps, believing nothing; None when it is not a node.
    pub(super) fn from_framed(framed: &[u8]) -> Option<Node> {
        let node = Node {
            pack: Listpack::from_framed(framed)?,
        };
        node.is_sound().then_some(node)
    }

    /// Whether the layout is kept: every count is that of what follows it.
    fn is_sound(&self) -> bool {
        let end = self.pack.end();
        let number = |at: &mut usize| {
            let (element, next) = (*at < end).then(|| self.pack.at(*at))?;
            *at = next;
            match element {
                Element::Int(number) => Some(number),
                Element::Bytes(_) => None,
            }
        };
        let skip = |at: &mut usize, count: i64| {
            for _ in 0..count {
                if *at >= end {
                    return None;
                }
                *at = self.pack.at(*at).1;
            }
            Some(())
        };
        let check = || {
            let mut at = self.pack.first();
            let (live, deleted) = (number(&mut at)?, number(&mut at)?);
            let fields = number(&mut at).filter(|&fields| fields >= 0)?;
            skip(&mut at, fields)?;
            if live <= 0 || deleted < 0 || number(&mut at)? != 0 {
                return None;
            }
            let (mut seen_live, mut seen_deleted) = (0, 0);
            while at < end {
                let flags = number(&mut at)?;
                number(&mut at)?;
                number(&mut at)?;
                let pieces = if flags & SAME_FIELDS != 0 {
                    fields
                } else {
                    let pairs = number(&mut at).filter(|&pairs| pairs >= 0)?;
                    pairs.checked_mul(2)?
                };
                skip(&mut at, pieces)?;
                let counted = pieces + 3 + i64::from(flags & SAME_FIELDS == 0);
                if number(&mut at)? != counted {
                    return None;
                }
                *if flags & DELETED != 0 {
                    &mut seen_deleted
                } else {
                    &mut seen_live
                } += 1;
            }
            (live == seen_live && deleted == seen_deleted).then_some(())
        };
        check().is_some()
    }
}

/// What becomes of an entry that is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Choice {
    Delete,
    Keep,
    /// It and all behind it stay.
    Stop,
}
