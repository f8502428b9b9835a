//! Which values want attention when: those in which something ends by itself, as fields of a hash.
//!
//! A value says its time (`Content::wake_ms`); whoever changes it tells the store (`rewake`), and
//! what comes into the store or leaves it is noted there. Exact, but for values that were
//! overwritten in place: at their time nothing is found. Part of the `Store`; must not know what
//! happens at that time.

use super::super::db::Db;
use super::super::entry::Entry;
use super::super::expiry::Reference;
use super::super::slot::Slot;
use super::super::value::ValueRef;
use super::Store;
use crate::limits::HELD_EXPIRY_MS;
use std::collections::BTreeSet;

/// Times, unix milliseconds, with the keys that they are of.
#[derive(Default)]
pub(super) struct Waking(BTreeSet<(u64, Reference)>);

impl Waking {
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The first time at which something is due.
    #[inline]
    pub fn first_ms(&self) -> Option<u64> {
        self.0.first().map(|&(at_ms, _)| at_ms)
    }

    /// The time of a value changes from `old` to `new`.
    pub fn change(&mut self, reference: Reference, old: Option<u64>, new: Option<u64>) {
        if old != new
            && let Some(at_ms) = old
        {
            self.0.remove(&(at_ms, reference));
        }
        if let Some(at_ms) = new {
            self.0.insert((at_ms, reference));
        }
    }

    /// Forgets a database, by its identity.
    pub fn clear(&mut self, identity: u8) {
        self.0
            .retain(|(_, reference)| reference.database() != identity);
    }

    fn pop(&mut self, now_ms: u64) -> Option<Reference> {
        if self.first_ms()? > now_ms {
            return None;
        }
        self.0.pop_first().map(|(_, reference)| reference)
    }
}

impl Entry {
    /// When the value wants attention, unix milliseconds.
    #[inline]
    #[must_use]
    pub fn wake_ms(&self) -> Option<u64> {
        match self.value() {
            ValueRef::Object(object) => object.wake_ms(),
            ValueRef::Int(_) | ValueRef::Bytes(_) => None,
        }
    }
}

impl Store {
    /// Whether any value wants attention at some time.
    #[inline]
    #[must_use]
    pub fn wakes(&self) -> bool {
        !self.waking.is_empty()
    }

    /// The time at which the value of a key wants attention has changed.
    pub fn rewake(&mut self, db: Db, slot: Slot, key: &[u8], old: Option<u64>, new: Option<u64>) {
        if old.is_some() || new.is_some() {
            let reference = self.reference(db, slot, key);
            self.waking.change(reference, old, new);
        }
    }

    /// The next key whose value wants attention by `now_ms`; whoever takes it sees to it, or it is
    /// asked for again by `rewake_later`.
    pub fn next_waking(&mut self, now_ms: u64) -> Option<(Db, Slot, Box<[u8]>)> {
        loop {
            let reference = self.waking.pop(now_ms)?;
            let (db, slot) = (self.db_of(reference.database()), reference.slot());
            let Some(entry) = self.resolve_waking(reference) else {
                continue;
            };
            let key = entry.key().into();
            match entry.wake_ms() {
                Some(at_ms) if at_ms <= now_ms => return Some((db, slot, key)),
                later => self.waking.change(reference, None, later),
            }
        }
    }

    /// A key of `next_waking` may not be changed now.
    pub fn rewake_later(&mut self, db: Db, slot: Slot, key: &[u8], now_ms: u64) {
        let reference = self.reference(db, slot, key);
        self.waking
            .change(reference, None, Some(now_ms + HELD_EXPIRY_MS));
        assert!(self.wakes(), "it is asked for again");
    }

    fn resolve_waking(&self, reference: Reference) -> Option<&Entry> {
        let wakes =
            |entry: &Entry| reference.is_of(self.hash(entry.key())) && entry.wake_ms().is_some();
        self.find_referenced(reference, wakes)
    }

    /// How the wheel and others name a key.
    fn reference(&self, db: Db, slot: Slot, key: &[u8]) -> Reference {
        Reference::new(self.identity_of[db.index()], slot, self.hash(key))
    }

    /// The database of an identity.
    pub(super) fn db_of(&self, identity: u8) -> Db {
        let db = Db::new(u16::from(self.number_of[usize::from(identity)]));
        assert!(self.identity_of[db.index()] == identity);
        db
    }

    /// An entry that `is_it` among those that a reference may mean.
    fn find_referenced(
        &self,
        reference: Reference,
        is_it: impl FnMut(&Entry) -> bool,
    ) -> Option<&Entry> {
        self.databases[usize::from(reference.database())]
            .table(reference.slot())?
            .find(reference.hash(), is_it)
    }
}
