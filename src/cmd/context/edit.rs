//! Changing a key in place: the one door to a value that is there.
//!
//! A handler looks first (`entry`), and from the moment it writes the key counts as changed: what
//! is to be told of it is told when the edit ends, also when the handler forgets it or fails on the
//! way. Whoever must see a value as it was (a copy for a snapshot, an undo) attaches to `begin`,
//! which runs before the first byte changes. Owned by `Context::edit`; must not outlive it.

use super::Effects;
use super::effects::removal;
use crate::config::events;
use crate::resp::Error;
use crate::store::{Db, Entry, Kind, Object, Value};

/// What becomes of the key when the edit ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    Stays,
    /// It gets this expiry, or loses the one it has.
    Expires(Option<u64>),
    Goes,
}

/// What is at the key.
enum Place<'e> {
    Vacant,
    Held(&'e mut Entry),
    /// Made where nothing was; goes into the store at the end.
    Fresh(Entry),
}

/// A place of the keyspace that a handler may change: the entry there, or none yet.
pub struct Edit<'e> {
    db: Db,
    key: &'e [u8],
    place: Place<'e>,
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
        db: Db,
        key: &'e [u8],
        held: Option<&'e mut Entry>,
        effects: &'e mut Effects,
    ) -> Self {
        Self {
            db,
            key,
            place: held.map_or(Place::Vacant, Place::Held),
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
        match &self.place {
            Place::Vacant => None,
            Place::Held(entry) => Some(entry),
            Place::Fresh(entry) => Some(entry),
        }
    }

    /// The entry, for changing its value: from here on it counts as changed, once. Only where there
    /// is one.
    #[inline]
    pub fn write(&mut self) -> &mut Entry {
        self.begin();
        match &mut self.place {
            Place::Vacant => panic!("only what has been seen is written"),
            Place::Held(entry) => entry,
            Place::Fresh(entry) => entry,
        }
    }

    /// The value of a type with elements, for changing it, as `write`. None where nothing is.
    ///
    /// # Errors
    /// WRONGTYPE for a value of another type, which counts as not written.
    #[expect(clippy::inline_always, reason = "inlined, an edit lives in registers")]
    #[inline(always)]
    pub fn write_object(&mut self, kind: Kind) -> Result<Option<&mut Object>, Error> {
        match self.entry() {
            None => return Ok(None),
            Some(entry) if entry.kind() != kind => return Err(Error::WRONG_TYPE),
            Some(_) => {}
        }
        Ok(self.write().object_mut())
    }

    /// Gives the key this value, whether it has one or not; its expiry stays.
    #[inline]
    pub fn put(&mut self, value: Value<'_>) {
        self.begin();
        match &mut self.place {
            Place::Held(entry) => entry.set_value(value),
            Place::Fresh(entry) => entry.set_value(value),
            Place::Vacant => {
                self.effects.notify(self.db, events::NEW, "new", self.key);
                self.place = Place::Fresh(Entry::new(self.key, value, None));
            }
        }
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
        assert!(
            matches!(self.place, Place::Held(_)),
            "only what is there is removed"
        );
        self.begin();
        self.ending = Ending::Goes;
    }

    /// As `remove`; log and replicas apply just that, whatever the command asked.
    pub fn remove_for_all(&mut self, lazily: bool) {
        self.remove();
        self.propagate(&[removal(lazily), self.key]);
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
            !matches!(self.place, Place::Fresh(_)) && self.ending == Ending::Stays,
            "what came, goes or expires has changed"
        );
        self.changes = None;
    }

    /// A keyspace event on the key, recorded when somebody wants its class.
    #[inline]
    pub fn notify(&mut self, class: u32, name: &'static str) {
        self.effects.notify(self.db, class, name, self.key);
    }

    /// What log and replicas apply instead of the command as sent; as `Context::propagate`.
    pub fn propagate(&mut self, words: &[&[u8]]) {
        self.effects.propagate(self.db, 1, words);
    }

    /// As `propagate`, with a command whose one key is this argument.
    pub fn propagate_key(&mut self, at: usize, words: &[&[u8]]) {
        self.effects.propagate_key(self.db, at, words);
    }

    /// Whether log and replicas hear what is propagated: to prepare it would else be for nothing.
    #[inline]
    #[must_use]
    pub fn is_told(&self) -> bool {
        self.effects.wants.stream
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
    #[expect(clippy::inline_always, reason = "inlined, an edit lives in registers")]
    #[inline(always)]
    pub(super) fn end(self) -> Edited {
        let (fresh, emptied) = match self.place {
            Place::Vacant => (None, false),
            Place::Held(entry) => (None, self.changes.is_some() && entry.is_emptied()),
            Place::Fresh(entry) => {
                assert!(!entry.is_emptied(), "what is made has something in it");
                (Some(entry), false)
            }
        };
        Edited {
            fresh,
            changes: self.changes,
            ending: if emptied { Ending::Goes } else { self.ending },
        }
    }
}

impl Edited {
    /// Whether something is to be done besides telling.
    #[inline]
    pub fn is_open(&self) -> bool {
        self.fresh.is_some() || self.ending != Ending::Stays
    }
}
