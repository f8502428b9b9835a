//! What a handler may touch: the keyspace, its reply, and the record of what it changed.
//!
//! The shard builds one `Context` per command. The keyspace may be the shard's own or a small one
//! made of entries that other shards have lent; a handler cannot tell. Time, randomness and
//! configuration come in as values, so a handler is a function of its arguments.

mod edit;
mod effects;
mod stream;

pub use edit::Edit;
pub use effects::{Block, Effects, KeyEvent, Wants};
pub use stream::{Effect, EffectStream};

use super::age::Aging;
use super::slot::key_slot;
use crate::config::{Config, events};
use crate::limits::AHEAD_MAX;
use crate::resp::{Args, Reply};
use crate::store::{Entry, Store, Value};
use edit::{Edited, Ending};
use effects::db_number;

/// Why a key is looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lookup {
    /// Counts as hit or miss and refreshes the key's age.
    Read,
    /// Refreshes the key's age.
    Write,
    /// Leaves no trace: TTL, OBJECT, TYPE and the like.
    Peek,
}

/// A small fast generator for sampling (RANDOMKEY, LFU); seeded by the shard's `Io`.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// Any seed but zero; zero is replaced.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    /// The next 64 bits (xorshift64*).
    #[inline]
    pub fn next_u64(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }
}

/// Everything one command may use.
pub struct Context<'a> {
    pub store: &'a mut Store,
    pub reply: Reply<'a>,
    pub effects: &'a mut Effects,
    pub config: &'a Config,
    pub random: &'a mut Random,
    /// The client's database.
    pub db: usize,
    /// Wall clock of this tick, milliseconds.
    pub now_ms: u64,
    /// The client asked not to refresh keys' ages.
    pub no_touch: bool,
    /// A blocking command may wait; else it answers at once as if its time were over.
    pub may_block: bool,
    /// It has waited, and is served now.
    pub served: bool,
    /// The routed key's address and slot, so that the slot is not computed twice. Null for an empty
    /// key: in packed arguments it has the address of the argument behind it.
    pub routed: (*const u8, u16),
    /// Keys whose time is over are as good as gone but not removed: clients are paused.
    pub expiry_held: bool,
    /// The LRU clock of this tick: seconds, 24 bits.
    pub lru_clock: u32,
}

impl<'a> Context<'a> {
    /// The slot of a key.
    #[inline]
    #[must_use]
    pub fn slot(&self, key: &[u8]) -> u16 {
        if std::ptr::eq(key.as_ptr(), self.routed.0) && !key.is_empty() {
            self.routed.1
        } else {
            key_slot(key)
        }
    }

    /// The live entry at `key` in the client's database; an expired one is removed on the way.
    #[inline]
    pub fn find(&mut self, key: &[u8], lookup: Lookup) -> Option<&mut Entry> {
        self.find_in(self.db, key, lookup)
    }

    /// As `find`, in any database.
    #[inline]
    pub fn find_in(&mut self, db: usize, key: &[u8], lookup: Lookup) -> Option<&mut Entry> {
        if !self.view_in(db, key, lookup, |entry, _| entry.is_some()) {
            return None;
        }
        let slot = self.slot(key);
        self.store.get_mut(db, slot, key)
    }

    /// Shows the live entry at `key`, if there is one, beside the reply. One table lookup: the hot
    /// path of reads.
    #[inline]
    pub fn view<T>(
        &mut self,
        key: &[u8],
        lookup: Lookup,
        show: impl FnOnce(Option<&mut Entry>, &mut Reply<'a>) -> T,
    ) -> T {
        self.view_in(self.db, key, lookup, show)
    }

    #[inline]
    fn view_in<T>(
        &mut self,
        db: usize,
        key: &[u8],
        lookup: Lookup,
        show: impl FnOnce(Option<&mut Entry>, &mut Reply<'a>) -> T,
    ) -> T {
        self.with_entry(db, key, lookup, |entry, _, reply| show(entry, reply))
    }

    /// Hands out the place of `key`, to be changed: the one way to write a value that is there, and
    /// to make one where none is. What follows from a change is done when `change` returns, whatever
    /// it returns: counters, watchers, the end of a key whose last element was taken.
    #[inline]
    pub fn edit<T>(
        &mut self,
        key: &[u8],
        change: impl FnOnce(&mut Edit<'_>, &mut Reply<'a>) -> T,
    ) -> T {
        self.edit_as(key, Lookup::Write, change)
    }

    /// As `edit`, for commands that count as readers, or that have looked at the key before.
    #[inline]
    pub fn edit_as<T>(
        &mut self,
        key: &[u8],
        lookup: Lookup,
        change: impl FnOnce(&mut Edit<'_>, &mut Reply<'a>) -> T,
    ) -> T {
        let db = self.db;
        let (result, edited) = self.with_entry(db, key, lookup, |entry, effects, reply| {
            let mut edit = Edit::new(db, key, entry, effects);
            let result = change(&mut edit, reply);
            (result, edit.end())
        });
        self.settle(key, edited);
        result
    }

    /// Does what an edit has left to be done.
    #[inline]
    fn settle(&mut self, key: &[u8], edited: Edited) {
        let Some(changes) = edited.changes else {
            return;
        };
        let (db, slot) = (self.db, self.slot(key));
        if let Some(mut entry) = edited.fresh {
            entry.set_lru(self.aging().fresh());
            if let Some(expired) = self.store.insert(db, slot, entry) {
                assert!(self.expiry_held, "the edit found nothing at the key");
                self.store.discard(expired);
                self.effects
                    .lapsed(db, key, self.store.key_hash(), self.config);
            }
        }
        match edited.ending {
            Ending::Stays => {}
            Ending::Expires(expiry) => {
                let is_there = self.store.set_expiry(db, slot, key, expiry);
                assert!(is_there, "the edited entry is there");
            }
            Ending::Goes => {
                let entry = self.store.take(db, slot, key);
                let entry = entry.expect("the edited entry is there");
                self.store.discard(entry);
                self.effects.notify(db, events::GENERIC, "del", key);
            }
        }
        self.effects
            .changed(db, key, self.store.key_hash(), changes);
    }

    /// Looks a key up, and removes it on the way if it has expired. One table lookup: the hot path.
    #[inline]
    fn with_entry<T>(
        &mut self,
        db: usize,
        key: &[u8],
        lookup: Lookup,
        then: impl FnOnce(Option<&mut Entry>, &mut Effects, &mut Reply<'a>) -> T,
    ) -> T {
        let (slot, now_ms) = (self.slot(key), self.now_ms);
        let mut found = loop {
            match self.store.get_mut(db, slot, key) {
                Some(entry) if entry.is_expired(now_ms) => {
                    if self.expiry_held {
                        break None;
                    }
                }
                found => break found,
            }
            self.expire(db, slot, key);
        };
        match &mut found {
            Some(entry) => {
                self.effects.hits += u64::from(lookup == Lookup::Read);
                if lookup != Lookup::Peek && !self.no_touch {
                    let aging = Aging::of(self.config, self.lru_clock, now_ms);
                    entry.set_lru(aging.used(entry.lru(), self.random));
                }
            }
            None if lookup == Lookup::Read => {
                self.effects.misses += 1;
                self.effects.notify(db, events::KEY_MISS, "keymiss", key);
            }
            None => {}
        }
        then(found, self.effects, &mut self.reply)
    }

    /// For loops over keys at `at`, `at + step`...: with every sixteenth key, the next sixteen are
    /// fetched from memory together: all tables, then all buckets, then all entries.
    #[inline]
    pub fn prefetch(&self, args: &Args<'_>, first: usize, at: usize, step: usize) {
        if ((at - first) / step).is_multiple_of(AHEAD_MAX) && at + step < args.len() {
            self.prefetch_keys(args, at, step);
        }
    }

    fn prefetch_keys(&self, args: &Args<'_>, at: usize, step: usize) {
        let mut found = [(0u16, 0u64); AHEAD_MAX];
        let keys = (at..args.len()).step_by(step);
        let mut count = 0;
        for (key, place) in keys.zip(&mut found) {
            let key = args.get(key);
            *place = (self.slot(key), self.store.hash(key));
            self.store.prefetch_table(self.db, place.0);
            count += 1;
        }
        for &(slot, hash) in &found[..count] {
            self.store.prefetch_bucket(self.db, slot, hash);
        }
        for &(slot, hash) in &found[..count] {
            self.store.prefetch_entry(self.db, slot, hash);
        }
    }

    /// True when a live entry is at `key`.
    #[inline]
    pub fn exists(&mut self, key: &[u8], lookup: Lookup) -> bool {
        self.view(key, lookup, |entry, _| entry.is_some())
    }

    /// Puts an entry in place, replacing what was there; returns it.
    pub fn put(&mut self, db: usize, entry: Entry) -> Option<Entry> {
        let slot = self.slot(entry.key());
        let aging = self.aging();
        let mut entry = entry;
        entry.set_lru(aging.fresh());
        if self.effects.wants.events & events::NEW != 0
            && self.store.get(db, slot, entry.key()).is_none()
        {
            self.notify_in(db, events::NEW, "new", entry.key());
        }
        self.store.insert(db, slot, entry)
    }

    /// Puts a string in place of whatever is at `key`, with one table lookup: the hot path of SET.
    /// One change.
    #[inline]
    pub fn put_string(&mut self, key: &[u8], value: Value<'_>, expiry: Option<u64>) {
        let slot = self.slot(key);
        let aging = self.aging();
        let (now_ms, random) = (self.now_ms, &mut *self.random);
        let expired = |at_ms: Option<u64>| at_ms.is_some_and(|at_ms| at_ms <= now_ms);
        let previous = self
            .store
            .set_string(self.db, slot, key, value, expiry, |old| {
                aging.replaced(
                    old.filter(|old| !expired(old.expiry())).map(Entry::lru),
                    random,
                )
            });
        match previous {
            Some(previous) if !expired(previous.expiry) => {}
            previous => {
                if previous.is_some() {
                    self.effects
                        .lapsed(self.db, key, self.store.key_hash(), self.config);
                }
                self.notify(events::NEW, "new", key);
            }
        }
        self.modified(key);
    }

    /// How the keys that this command uses age.
    #[inline]
    pub(super) fn aging(&self) -> Aging {
        Aging::of(self.config, self.lru_clock, self.now_ms)
    }

    /// Removes the entry at `key`, live or not, and hands it out.
    pub fn take(&mut self, db: usize, key: &[u8]) -> Option<Entry> {
        let slot = self.slot(key);
        self.store.take(db, slot, key)
    }

    /// Removes the entry at `key` for good: a large value is freed bit by bit.
    pub fn remove(&mut self, db: usize, key: &[u8]) {
        if let Some(entry) = self.take(db, key) {
            self.store.discard(entry);
        }
    }

    /// Sets or clears the expiry of an existing key.
    pub fn set_expiry(&mut self, key: &[u8], expiry: Option<u64>) -> bool {
        let slot = self.slot(key);
        self.store.set_expiry(self.db, slot, key, expiry)
    }

    /// The value at `key` changed: counts it and tells watchers, trackers and blocked clients.
    #[inline]
    pub fn modified(&mut self, key: &[u8]) {
        self.modified_in(self.db, key);
    }

    /// As `modified`, in any database.
    #[inline]
    pub fn modified_in(&mut self, db: usize, key: &[u8]) {
        self.effects.changed(db, key, self.store.key_hash(), 1);
    }

    /// The whole content of a database changed at once.
    pub fn replaced(&mut self, db: usize) {
        self.effects.replaced(db);
    }

    /// Whether the command may touch a key that its arguments do not name. False: it is to return
    /// at once; whatever it did is undone, and it runs again with this key, too. For rows with
    /// `flag::FINDS_KEYS`, before each touch of such a key.
    #[must_use]
    pub fn reach(&mut self, key: &[u8]) -> bool {
        let key = (db_number(self.db), Box::from(key));
        if self.effects.lent.binary_search(&key).is_ok() {
            return true;
        }
        self.effects.found.push(key);
        false
    }

    /// A keyspace event on a key of the client's database, recorded when somebody listens to its
    /// class.
    #[inline]
    pub fn notify(&mut self, class: u32, name: &'static str, key: &[u8]) {
        self.notify_in(self.db, class, name, key);
    }

    /// As `notify`, in any database.
    #[inline]
    pub fn notify_in(&mut self, db: usize, class: u32, name: &'static str, key: &[u8]) {
        self.effects.notify(db, class, name, key);
    }

    /// What log and replicas apply instead of the command as sent: another one, whose first
    /// argument is its one key.
    pub fn propagate(&mut self, words: &[&[u8]]) {
        self.effects.propagate(self.db, 1, words);
    }

    /// As `propagate`, with a command whose first two arguments are keys.
    pub fn propagate_pair(&mut self, words: &[&[u8]]) {
        self.effects.propagate(self.db, 2, words);
    }

    /// Log and replicas apply nothing but what else was propagated.
    pub fn propagate_nothing(&mut self) {
        self.effects.propagate_nothing();
    }

    #[cold]
    fn expire(&mut self, db: usize, slot: u16, key: &[u8]) {
        let entry = self.store.take(db, slot, key);
        let entry = entry.expect("an entry that was just found expired is there to take");
        self.store.discard(entry);
        self.effects
            .lapsed(db, key, self.store.key_hash(), self.config);
    }
}

#[cfg(test)]
mod tests;
