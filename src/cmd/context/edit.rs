//! Changing a key in place: the one door to a value that is there.
//!
//! A handler looks first (`entry`), and from the moment it writes the key counts as changed: what
//! is to be told of it is told when the edit ends, also when the handler forgets it or fails on the
//! way. Whoever must see a value as it was (a copy for a snapshot, an undo) attaches to `begin`,
//! which runs before the first byte changes. Owned by `Context::edit`; must not outlive it.

use super::Effects;
use crate::config::events;
use crate::store::{Entry, Value};

/// What becomes of the key when the edit ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    Stays,
    /// It gets this expiry, or loses the one it has.
    Expires(Option<u64>),
    Goes,
}

/// A place of the keyspace that a handler may change: the entry there, or none yet.
pub struct Edit<'e> {
    db: usize,
    key: &'e [u8],
    held: Option<&'e mut Entry>,
    /// Made where nothing was; goes into the store at the end.
    fresh: Option<Entry>,
    effects: &'e mut Effects,
    /// In how many places the value changed; None: it is as it was.
    changes: Option<u64>,
    ending: Ending,
}

/// What an edit leaves to be done.
pub(super) struct Edited {
    pub fresh: Option<Entry>,
    pub changes: Option<u64>,
    pub ending: Ending,
}

impl<'e> Edit<'e> {
    #[inline]
    pub(super) fn new(
        db: usize,
        key: &'e [u8],
        held: Option<&'e mut Entry>,
        effects: &'e mut Effects,
    ) -> Self {
        Self {
            db,
            key,
            held,
            fresh: None,
            effects,
            changes: None,
            ending: Ending::Stays,
        }
    }

    #[inline]
    #[must_use]
    pub fn key(&self) -> &'e [u8] {
        self.key
    }

    /// The entry as it is, to look at.
    #[inline]
    #[must_use]
    pub fn entry(&self) -> Option<&Entry> {
        self.held.as_deref().or(self.fresh.as_ref())
    }

    /// The entry, for changing its value: from here on it counts as changed, once. Only where there
    /// is one.
    #[inline]
    pub fn write(&mut self) -> &mut Entry {
        self.begin();
        let entry = self.held.as_deref_mut().or(self.fresh.as_mut());
        entry.expect("only what has been seen is written")
    }

    /// Gives the key this value, whether it has one or not; its expiry stays.
    #[inline]
    pub fn put(&mut self, value: Value<'_>) {
        if self.entry().is_some() {
            return self.write().set_value(value);
        }
        self.begin();
        self.effects.notify(self.db, events::NEW, "new", self.key);
        self.fresh = Some(Entry::new(self.key, value, None));
    }

    /// Gives the key an expiry, or takes it away, when the edit ends.
    pub fn set_expiry(&mut self, expiry: Option<u64>) {
        assert!(self.entry().is_some(), "only a key that is there expires");
        self.begin();
        self.ending = Ending::Expires(expiry);
    }

    /// Removes the key when the edit ends, as DEL would. One whose last element is taken goes by
    /// itself.
    pub fn remove(&mut self) {
        assert!(self.held.is_some(), "only what is there is removed");
        self.begin();
        self.ending = Ending::Goes;
    }

    /// In how many places the value changed, where that is not one. Also 0: then it is told of as
    /// changed and not counted.
    #[inline]
    pub fn counts(&mut self, changes: u64) {
        assert!(self.changes.is_some(), "only what was written counts");
        self.changes = Some(changes);
    }

    /// What was written has left the value as it was: nobody is told.
    #[inline]
    pub fn unchanged(&mut self) {
        assert!(
            self.fresh.is_none() && self.ending == Ending::Stays,
            "what came, goes or expires has changed"
        );
        self.changes = None;
    }

    /// A keyspace event on the key, recorded when somebody listens to its class.
    #[inline]
    pub fn notify(&mut self, class: u32, name: &'static str) {
        self.effects.notify(self.db, class, name, self.key);
    }

    /// What log and replicas apply instead of the command as sent; as `Context::propagate`.
    pub fn propagate(&mut self, words: &[&[u8]]) {
        self.effects.propagate(self.db, 1, words);
    }

    /// Log and replicas apply nothing but what else was propagated.
    pub fn propagate_nothing(&mut self) {
        self.effects.propagate_nothing();
    }

    /// Before the first byte changes.
    #[inline]
    fn begin(&mut self) {
        self.changes.get_or_insert(1);
    }

    /// Ends the edit.
    #[inline]
    pub(super) fn end(self) -> Edited {
        let is_empty = |entry: &Entry| entry.value().elements() == 0;
        let emptied = self.changes.is_some() && self.entry().is_some_and(is_empty);
        assert!(
            !(emptied && self.fresh.is_some()),
            "what is made has something in it"
        );
        Edited {
            fresh: self.fresh,
            changes: self.changes,
            ending: if emptied { Ending::Goes } else { self.ending },
        }
    }
}
