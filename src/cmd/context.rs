//! What a handler may touch: the keyspace, its reply, and the record of what it changed.
//!
//! The shard builds one `Context` per command. The keyspace may be the shard's own or a small one
//! made of entries that other shards have lent; a handler cannot tell. Time, randomness and
//! configuration come in as values, so a handler is a function of its arguments.
//!
//! To look and to change are two verbs: `view` shows an entry; `edit`, and beside it `put_string`,
//! `put_in`, `relocate` and `delete`, change the keyspace and record what follows by themselves. A
//! handler has no other way to the store or to the effects, so it cannot change and forget to tell.

mod ahead;
mod apart;
mod attend;
mod edit;
mod effects;
mod stream;

pub use attend::attend;
pub use edit::Edit;
pub use effects::{Block, Effects, KeyEvent, Wants};
pub use stream::{Cause, Effect, EffectStream};

use super::age::Aging;
use super::key::{Key, RoutedKey};
use crate::config::{Config, events};
use crate::resp::{Args, Reply};
use crate::store::{Db, Entry, Object, Store, Value};
use ahead::Keys;
use edit::{Edited, Ending};

/// Why a key is looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lookup {
    /// Counts as hit or miss and refreshes the key's age.
    Read,
    /// Counts as hit or miss and leaves the age alone: TTL, OBJECT, TYPE and the like.
    Observe,
    /// Refreshes the key's age.
    Write,
    /// Leaves no trace: what the same command has looked up before.
    Peek,
}

impl Lookup {
    #[inline]
    fn counts(self) -> bool {
        matches!(self, Self::Read | Self::Observe)
    }

    #[inline]
    fn refreshes(self) -> bool {
        matches!(self, Self::Read | Self::Write)
    }
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

/// On which terms a command runs.
#[derive(Debug, Clone, Copy)]
pub struct Terms<'a> {
    pub config: &'a Config,
    /// The client's database.
    pub db: Db,
    /// Wall clock of this tick, milliseconds.
    pub now_ms: u64,
    /// The LRU clock of this tick: seconds, 24 bits.
    pub lru_clock: u32,
    /// The client asked not to refresh keys' ages.
    pub no_touch: bool,
    /// A blocking command may wait; else it answers at once as if its timeout had passed.
    pub may_block: bool,
    /// It has waited, and is served now.
    pub served: bool,
    /// Keys that have expired are as good as gone but not removed: clients are paused.
    pub expiry_held: bool,
    /// The key whose slot is known, because the command came here by it.
    pub routed: Option<RoutedKey>,
}

/// Everything one command may use.
pub struct Context<'a> {
    pub reply: Reply<'a>,
    pub config: &'a Config,
    /// The client's database.
    pub db: Db,
    /// Wall clock of this tick, milliseconds.
    pub now_ms: u64,
    /// The command has waited, and is served now.
    pub served: bool,
    may_block: bool,
    no_touch: bool,
    expiry_held: bool,
    lru_clock: u32,
    routed: Option<RoutedKey>,
    store: &'a mut Store,
    effects: &'a mut Effects,
    random: &'a mut Random,
}

impl<'a> Context<'a> {
    #[inline]
    #[must_use]
    pub fn new(
        store: &'a mut Store,
        effects: &'a mut Effects,
        random: &'a mut Random,
        reply: Reply<'a>,
        terms: Terms<'a>,
    ) -> Self {
        Self {
            reply,
            config: terms.config,
            db: terms.db,
            now_ms: terms.now_ms,
            served: terms.served,
            may_block: terms.may_block,
            no_touch: terms.no_touch,
            expiry_held: terms.expiry_held,
            lru_clock: terms.lru_clock,
            routed: terms.routed,
            store,
            effects,
            random,
        }
    }

    /// Argument `at`, which is a key.
    #[inline]
    #[must_use]
    pub fn key<'k>(&self, args: &Args<'k>, at: usize) -> Key<'k> {
        RoutedKey::key(self.routed, at, args.get(at))
    }

    /// The keys that stand at arguments `first`, `first + step`...: for loops that touch them in
    /// this order.
    #[inline]
    #[must_use]
    pub fn keys<'k>(&self, args: &Args<'k>, first: usize, step: usize) -> Keys<'k> {
        Keys::new(args, first, step)
    }

    /// Shows the live entry at `key`, if there is one, beside the reply; an expired one is removed
    /// on the way. One table lookup: the hot path of reads.
    #[inline]
    pub fn view<T>(
        &mut self,
        key: Key<'_>,
        lookup: Lookup,
        show: impl FnOnce(Option<&Entry>, &mut Reply<'a>) -> T,
    ) -> T {
        self.with_entry(self.db, key, lookup, |entry, _, reply| {
            show(entry.map(|entry| &*entry), reply)
        })
    }

    /// True when a live entry is at `key`.
    #[inline]
    pub fn exists(&mut self, key: Key<'_>, lookup: Lookup) -> bool {
        self.exists_in(self.db, key, lookup)
    }

    /// As `exists`, in any database.
    #[inline]
    pub fn exists_in(&mut self, db: Db, key: Key<'_>, lookup: Lookup) -> bool {
        self.with_entry(db, key, lookup, |entry, _, _| entry.is_some())
    }

    /// Hands out the place of `key`, to be changed: the one way to write a value that is there, or
    /// to make one where none is. What follows from a change is done when `change` returns,
    /// whatever it returns: counters, watchers, the end of a key whose last element was taken.
    #[inline]
    pub fn edit<T>(
        &mut self,
        key: Key<'_>,
        change: impl FnOnce(&mut Edit<'_>, &mut Reply<'a>) -> T,
    ) -> T {
        self.edit_as(key, Lookup::Write, change)
    }

    /// As `edit`, for commands that count as readers, or that have looked at the key before.
    #[inline]
    pub fn edit_as<T>(
        &mut self,
        key: Key<'_>,
        lookup: Lookup,
        change: impl FnOnce(&mut Edit<'_>, &mut Reply<'a>) -> T,
    ) -> T {
        let db = self.db;
        let (result, edited) = self.with_entry(db, key, lookup, |entry, effects, reply| {
            let mut edit = Edit::new(db, key.bytes, entry, effects);
            let result = change(&mut edit, reply);
            (result, edit.end())
        });
        if let Some(changes) = edited.changes {
            if edited.is_open() {
                self.settle(key, edited);
            }
            self.changed(db, key, changes);
        }
        result
    }

    /// Does what an edit has left to be done.
    fn settle(&mut self, key: Key<'_>, edited: Edited) {
        let db = self.db;
        if let Some(mut entry) = edited.fresh {
            entry.set_lru(self.aging().fresh());
            if let Some(expired) = self.store.insert(db, key.slot, entry) {
                assert!(self.expiry_held, "the edit found nothing at the key");
                self.store.discard(expired);
                self.tell_expired(db, key);
            }
        }
        match edited.ending {
            Ending::Stays => {}
            Ending::Expires(expiry) => {
                let is_there = self.store.set_expiry(db, key.slot, key.bytes, expiry);
                assert!(is_there, "the edited entry is there");
            }
            Ending::Goes => self.discard(db, key),
        }
    }

    /// Looks a key up, and removes it on the way if it has expired. One table lookup: the hot path.
    #[expect(clippy::inline_always, reason = "each instance has one caller")]
    #[inline(always)]
    fn with_entry<T>(
        &mut self,
        db: Db,
        key: Key<'_>,
        lookup: Lookup,
        then: impl FnOnce(Option<&mut Entry>, &mut Effects, &mut Reply<'a>) -> T,
    ) -> T {
        let now_ms = self.now_ms;
        let mut found = loop {
            match self.store.get_mut(db, key.slot, key.bytes) {
                Some(entry) if entry.is_expired(now_ms) => {
                    if self.expiry_held {
                        break None;
                    }
                }
                found => break found,
            }
            self.expire(db, key);
        };
        match &mut found {
            Some(entry) => {
                self.effects.hits += u64::from(lookup.counts());
                if lookup.refreshes() && !self.no_touch {
                    let aging = Aging::of(self.config, self.lru_clock, now_ms);
                    entry.set_lru(aging.used(entry.lru(), self.random));
                }
            }
            None if lookup.counts() => {
                self.effects.misses += 1;
                self.effects
                    .notify(db, events::KEY_MISS, "keymiss", key.bytes);
            }
            None => {}
        }
        then(found, self.effects, &mut self.reply)
    }

    /// Puts a string in place of whatever is at `key`, with one table lookup: the hot path of SET.
    /// One change.
    #[inline]
    pub fn put_string(&mut self, key: Key<'_>, value: Value<'_>, expiry: Option<u64>) {
        let aging = self.aging();
        let (now_ms, random) = (self.now_ms, &mut *self.random);
        let expired = |at_ms: Option<u64>| at_ms.is_some_and(|at_ms| at_ms <= now_ms);
        let age = |old: Option<&Entry>| {
            let live = old.filter(|old| !expired(old.expiry()));
            aging.replaced(live.map(Entry::lru), random)
        };
        let previous = self
            .store
            .set_string(self.db, key.slot, key.bytes, value, expiry, age);
        match previous {
            Some(previous) if !expired(previous.expiry) => {}
            previous => {
                if previous.is_some() {
                    self.tell_expired(self.db, key);
                }
                self.notify(events::NEW, "new", key);
            }
        }
        self.changed(self.db, key, 1);
    }

    /// Puts an entry, with the expiry and the age that it has, in place of whatever is at its key.
    /// One change.
    pub fn put_in(&mut self, db: Db, key: Key<'_>, entry: Entry) {
        self.place(db, key, entry);
        self.changed(db, key, 1);
    }

    /// Gives the entry at one key, which is there, another key or database, in place of whatever is
    /// there. Both keys are told of; it is one change.
    pub fn relocate(&mut self, from: (Db, Key<'_>), to: (Db, Key<'_>)) {
        let entry = self.store.take(from.0, from.1.slot, from.1.bytes);
        let entry = entry.expect("the caller has just found the entry");
        let entry = if from.1 == to.1 {
            entry
        } else {
            entry.with_key(to.1.bytes)
        };
        self.place(to.0, to.1, entry);
        self.changed(from.0, from.1, 1);
        self.changed(to.0, to.1, 0);
    }

    /// Redis calls a key new even where it replaces one.
    fn place(&mut self, db: Db, key: Key<'_>, entry: Entry) {
        assert!(entry.key() == key.bytes, "an entry is put where it belongs");
        self.notify_in(db, events::NEW, "new", key);
        if let Some(replaced) = self.store.insert(db, key.slot, entry) {
            self.store.discard(replaced);
        }
    }

    /// Puts a value of a type with elements in place of whatever is at `key`; it does not expire,
    /// and counts as so many changes. What STORE of several types does.
    pub fn put_object(&mut self, key: Key<'_>, object: Object, changes: u64) {
        assert!(object.pieces() > 0, "a value takes memory");
        let (aging, random) = (self.aging(), &mut *self.random);
        let now_ms = self.now_ms;
        let old = self.store.get(self.db, key.slot, key.bytes);
        let live = old.filter(|old| !old.is_expired(now_ms));
        let mut entry = Entry::new(key.bytes, Value::Object(object), None);
        entry.set_lru(aging.replaced(live.map(Entry::lru), random));
        if live.is_none() {
            self.notify(events::NEW, "new", key);
        }
        if let Some(replaced) = self.store.insert(self.db, key.slot, entry) {
            let expired = replaced.is_expired(now_ms);
            self.store.discard(replaced);
            if expired {
                self.tell_expired(self.db, key);
            }
        }
        self.changed(self.db, key, changes);
    }

    /// Removes the live entry at `key`; false when there is none. One change.
    pub fn delete(&mut self, key: Key<'_>) -> bool {
        let is_there = self.exists(key, Lookup::Peek);
        if is_there {
            self.discard(self.db, key);
            self.changed(self.db, key, 1);
        }
        is_there
    }

    /// Removes an entry that is there; a large value is freed bit by bit.
    fn discard(&mut self, db: Db, key: Key<'_>) {
        let entry = self.store.take(db, key.slot, key.bytes);
        let entry = entry.expect("an entry that was just found is there to take");
        self.store.discard(entry);
        self.notify_in(db, events::GENERIC, "del", key);
    }

    #[cold]
    fn expire(&mut self, db: Db, key: Key<'_>) {
        let entry = self.store.take(db, key.slot, key.bytes);
        let entry = entry.expect("an entry that was just found expired is there to take");
        self.store.discard(entry);
        self.tell_expired(db, key);
    }

    /// A key had expired, whether it was removed or overwritten.
    #[cold]
    fn tell_expired(&mut self, db: Db, key: Key<'_>) {
        let hash = self.store.key_hash();
        self.effects.tell_expired(db, key.bytes, hash, self.config);
    }

    #[inline]
    fn changed(&mut self, db: Db, key: Key<'_>, changes: u64) {
        let hash = self.store.key_hash();
        self.effects.changed(db, key.bytes, hash, changes);
    }

    /// Empties a database; each of its keys is a change.
    pub fn clear(&mut self, db: Db) {
        let cleared = self.store.clear(db);
        if !cleared.is_empty() {
            self.effects.dirty += u64::try_from(cleared.len()).expect("key counts fit 64 bits");
            self.effects.cleared.push(cleared);
            self.effects.replaced(db);
        }
    }

    /// Exchanges two databases, which may be one. One change.
    pub fn swap(&mut self, first: Db, second: Db) {
        self.effects.dirty += 1;
        if first != second {
            self.store.swap(first, second);
            self.effects.replaced(first);
            self.effects.replaced(second);
        }
    }

    /// The keyspace, for what walks over it and changes nothing.
    #[must_use]
    pub fn store(&self) -> &Store {
        self.store
    }

    /// The keyspace, beside the reply.
    pub fn store_and_reply(&mut self) -> (&Store, &mut Reply<'a>) {
        (self.store, &mut self.reply)
    }

    /// A random key of the client's database; it may have expired.
    pub fn random_key(&mut self) -> Option<Vec<u8>> {
        let entry = self.store.random(self.db, &mut || self.random.next_u64())?;
        Some(entry.key().to_vec())
    }

    /// A generator for one command, for use while a key is edited.
    #[must_use]
    pub fn fork_random(&mut self) -> Random {
        Random::new(self.random.next_u64())
    }

    /// Look-ups in `store` that count as a reader's.
    pub fn count_lookups(&mut self, hits: u64, misses: u64) {
        self.effects.hits += hits;
        self.effects.misses += misses;
    }

    /// How the keys that this command uses age.
    #[inline]
    pub(super) fn aging(&self) -> Aging {
        Aging::of(self.config, self.lru_clock, self.now_ms)
    }

    /// There is nothing to take: true when the client waits for it, until `timeout_ms` from now or
    /// for ever.
    pub fn waits(&mut self, timeout_ms: Option<u64>) -> bool {
        if self.may_block {
            let deadline_ms = timeout_ms.map(|timeout_ms| self.now_ms.saturating_add(timeout_ms));
            self.effects.block = Some(Block { deadline_ms });
        }
        self.may_block
    }

    /// The command that waits is tried again in these words: what they leave open is said by what
    /// it has seen. After `waits`.
    pub fn waits_as(&mut self, words: Vec<Box<[u8]>>) {
        assert!(
            self.effects.block.is_some(),
            "only who waits is tried again"
        );
        self.effects.waits_as = Some(words);
    }

    /// Whether the command may touch a key that its arguments do not name. False: it is to return
    /// at once; whatever it did is undone, and it runs again with this key, too. For rows with
    /// `flag::FINDS_KEYS`, before each touch of such a key.
    #[must_use]
    pub fn reach(&mut self, key: &[u8]) -> bool {
        let key = (self.db, Box::from(key));
        if self.effects.lent.binary_search(&key).is_ok() {
            return true;
        }
        self.effects.found.push(key);
        false
    }

    /// A keyspace event on a key of the client's database, recorded when somebody wants its
    /// class.
    #[inline]
    pub fn notify(&mut self, class: u32, name: &'static str, key: Key<'_>) {
        self.notify_in(self.db, class, name, key);
    }

    /// As `notify`, in any database.
    #[inline]
    pub fn notify_in(&mut self, db: Db, class: u32, name: &'static str, key: Key<'_>) {
        self.effects.notify(db, class, name, key.bytes);
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

    /// Whether log and replicas are told of these keys apart, because their owners log apart: then
    /// no command may name both.
    #[must_use]
    pub fn tells_apart(&self, one: Key<'_>, other: Key<'_>) -> bool {
        self.effects.tells_apart(one.slot, other.slot)
    }

    /// Log and replicas apply nothing but what else was propagated.
    pub fn propagate_nothing(&mut self) {
        self.effects.propagate_nothing();
    }
}

#[cfg(test)]
mod tests;
