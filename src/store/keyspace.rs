//! The keyspace of one shard: its databases, the hash of keys, and the expiry wheel kept exact with
//! both.
//!
//! Owned by the shard; every command's way to keys. Slots are computed by the caller. It never
//! reads a clock: an entry whose expiry has passed stays visible until `expire_step` takes it out,
//! and callers compare `Entry::expiry` with their own time. Expiries change only through the
//! methods here.

mod waking;

use self::waking::Waking;
use super::database::{Cleared, Database, DatabaseStatistics, ExpiryCount, timed};
use super::db::Db;
use super::entry::Entry;
use super::expiry::{ExpireProgress, Filed, Reference, Wheel};
use super::heavy::Heavy;
use super::key_hash::KeyHash;
use super::slot::Slot;
use super::value::Value;
use crate::limits::{DATABASES_MAX, HELD_EXPIRY_MS, STALE_REFERENCES_MAX, SWEPT_PER_REFERENCE};

/// What a key had before `set_string`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Previous {
    pub expiry: Option<u64>,
}

/// All databases of one shard.
pub struct Store {
    /// By identity. SWAPDB exchanges which identity a number means, so that references stay true.
    databases: Vec<Database>,
    identity_of: Vec<u8>,
    number_of: Vec<u8>,
    hash: KeyHash,
    wheel: Wheel,
    /// Entries in all databases whose expiry the wheel knows: its live references.
    expiring: usize,
    /// Values that are gone but too large to be freed at once.
    heavy: Heavy,
    /// When values want attention.
    waking: Waking,
}

impl Store {
    #[must_use]
    pub fn new(databases: usize, seed: u64) -> Store {
        assert!((1..=DATABASES_MAX).contains(&databases));
        let numbers: Vec<u8> = (0..=u8::MAX).take(databases).collect();
        Store {
            databases: (0..databases).map(|_| Database::default()).collect(),
            identity_of: numbers.clone(),
            number_of: numbers,
            hash: KeyHash::new(seed),
            wheel: Wheel::default(),
            expiring: 0,
            heavy: Heavy::default(),
            waking: Waking::default(),
        }
    }

    /// How keys are hashed, for use while the store itself is lent.
    #[must_use]
    pub fn key_hash(&self) -> KeyHash {
        self.hash
    }

    #[inline]
    #[must_use]
    pub fn hash(&self, key: &[u8]) -> u64 {
        self.hash.of(key)
    }

    pub fn databases(&self) -> impl Iterator<Item = Db> + use<> {
        Db::all(self.databases.len())
    }

    #[inline]
    fn database(&self, db: Db) -> &Database {
        &self.databases[usize::from(self.identity_of[db.index()])]
    }

    /// First of three hints that a key of this slot will be looked up: the slot's table is fetched.
    #[inline]
    pub fn prefetch_table(&self, db: Db, slot: Slot) {
        self.database(db).prefetch_table(slot);
    }

    /// Second hint, some work later: the bucket of this hash is fetched.
    #[inline]
    pub fn prefetch_bucket(&self, db: Db, slot: Slot, hash: u64) {
        if let Some(table) = self.database(db).table(slot) {
            table.prefetch_bucket(hash);
        }
    }

    /// Third hint, some work later: the entry itself is fetched.
    #[inline]
    pub fn prefetch_entry(&self, db: Db, slot: Slot, hash: u64) {
        if let Some(table) = self.database(db).table(slot) {
            table.prefetch_element(hash);
        }
    }

    #[inline]
    #[must_use]
    pub fn get(&self, db: Db, slot: Slot, key: &[u8]) -> Option<&Entry> {
        self.database(db)
            .table(slot)?
            .find(self.hash(key), |entry| entry.key() == key)
    }

    /// For changing the value and the access clock. Another entry must not be swapped in.
    #[inline]
    #[must_use]
    pub fn get_mut(&mut self, db: Db, slot: Slot, key: &[u8]) -> Option<&mut Entry> {
        let hash = self.hash(key);
        let database = &mut self.databases[usize::from(self.identity_of[db.index()])];
        database
            .table_mut(slot)?
            .find_mut(hash, |entry| entry.key() == key)
    }

    /// Puts an entry in, with its expiry; returns the one it replaces.
    pub fn insert(&mut self, db: Db, slot: Slot, entry: Entry) -> Option<Entry> {
        assert!(entry.filed() == Filed::NOWHERE.0, "it comes from no wheel");
        let hash = self.hash(entry.key());
        let identity = self.identity_of[db.index()];
        let expiry = entry.expiry();
        let wake = entry.wake_ms();
        let database = &mut self.databases[usize::from(identity)];
        let replaced = match database.find_mut(slot, hash, |other| other.key() == entry.key()) {
            Some((held, count)) => {
                let mut old = std::mem::replace(held, entry);
                let before = (old.expiry(), Filed(old.filed()));
                let reference = Reference::new(identity, slot, hash);
                self.expiring = self.expiring + timed(expiry) - timed(before.0);
                settle(&mut self.wheel, count, reference, held, before);
                unfile(&mut old);
                self.waking.change(reference, old.wake_ms(), wake);
                old
            }
            None => {
                self.insert_absent(db, slot, hash, entry);
                let reference = Reference::new(identity, slot, hash);
                self.waking.change(reference, None, wake);
                return None;
            }
        };
        self.sweep_behind(expiry);
        Some(replaced)
    }

    /// Makes the key a string with this expiry, whatever it was: one lookup, in place where it
    /// fits. `age` gives the access clock from the entry before. For keeping the expiry (KEEPTTL)
    /// use `get_mut` and `set_value`.
    #[inline]
    pub fn set_string(
        &mut self,
        db: Db,
        slot: Slot,
        key: &[u8],
        value: Value<'_>,
        expiry: Option<u64>,
        age: impl FnOnce(Option<&Entry>) -> u32,
    ) -> Option<Previous> {
        let hash = self.hash(key);
        let identity = self.identity_of[db.index()];
        let database = &mut self.databases[usize::from(identity)];
        let Some((entry, count)) = database.find_mut(slot, hash, |entry| entry.key() == key) else {
            let mut entry = Entry::new(key, value, expiry);
            entry.set_lru(age(None));
            self.insert_absent(db, slot, hash, entry);
            return None;
        };
        let old = entry.expiry();
        let lru = age(Some(entry));
        if let Some(at_ms) = self.heavy.relieve(entry) {
            let reference = Reference::new(identity, slot, hash);
            self.waking.change(reference, Some(at_ms), None);
        }
        entry.set_value(value);
        entry.set_lru(lru);
        if old.is_some() || expiry.is_some() {
            self.expiring = self.expiring + timed(expiry) - timed(old);
            let reference = Reference::new(identity, slot, hash);
            change_expiry(&mut self.wheel, count, reference, entry, expiry);
            self.sweep_behind(expiry);
        }
        Some(Previous { expiry: old })
    }

    /// Puts an entry in whose key is not there.
    fn insert_absent(&mut self, db: Db, slot: Slot, hash: u64, mut entry: Entry) {
        let identity = self.identity_of[db.index()];
        let (key_hash, expiry) = (self.hash, entry.expiry());
        self.expiring += timed(expiry);
        let reference = Reference::new(identity, slot, hash);
        file_new(&mut self.wheel, reference, &mut entry);
        let database = &mut self.databases[usize::from(identity)];
        database.insert_new(slot, hash, entry, |entry| key_hash.of(entry.key()));
        self.sweep_behind(expiry);
    }

    /// Takes a key out.
    pub fn take(&mut self, db: Db, slot: Slot, key: &[u8]) -> Option<Entry> {
        let hash = self.hash(key);
        let database = &mut self.databases[usize::from(self.identity_of[db.index()])];
        let mut entry = database.remove(slot, hash, |entry| entry.key() == key)?;
        self.expiring -= usize::from(entry.timed().is_some());
        unfile(&mut entry);
        if !self.waking.is_empty() {
            self.rewake(db, slot, key, entry.wake_ms(), None);
        }
        Some(entry)
    }

    /// Ends an entry that was taken out. A large value is freed later, by `free_some`.
    pub fn discard(&mut self, mut entry: Entry) {
        self.heavy.relieve(&mut entry);
    }

    /// Values that wait to be freed.
    #[must_use]
    pub fn unfreed(&self) -> usize {
        self.heavy.len()
    }

    /// Frees up to `budget` pieces of the values that wait.
    pub fn free_some(&mut self, budget: usize) {
        self.heavy.free_some(budget);
    }

    /// Gives a key an expiry or takes it away; false if there is no such key.
    pub fn set_expiry(&mut self, db: Db, slot: Slot, key: &[u8], expiry: Option<u64>) -> bool {
        let hash = self.hash(key);
        let identity = self.identity_of[db.index()];
        let database = &mut self.databases[usize::from(identity)];
        let Some((entry, count)) = database.find_mut(slot, hash, |entry| entry.key() == key) else {
            return false;
        };
        self.expiring = self.expiring + timed(expiry) - timed(entry.expiry());
        let reference = Reference::new(identity, slot, hash);
        change_expiry(&mut self.wheel, count, reference, entry, expiry);
        self.sweep_behind(expiry);
        true
    }

    #[must_use]
    pub fn len(&self, db: Db) -> usize {
        self.database(db).len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.databases.iter().all(|database| database.len() == 0)
    }

    /// Keys with an expiry.
    #[must_use]
    pub fn expires(&self, db: Db) -> usize {
        self.database(db).expiring.entries
    }

    /// Mean time to live of the keys that have one, milliseconds.
    #[must_use]
    pub fn average_ttl(&self, db: Db, now_ms: u64) -> u64 {
        self.database(db).expiring.average_ttl_ms(now_ms)
    }

    /// A random entry, all nearly equally likely; it may have expired.
    pub fn random(&self, db: Db, random: &mut impl FnMut() -> u64) -> Option<&Entry> {
        self.database(db).random(random)
    }

    /// Visits the entries of one bucket of a slot and returns the position to go on at; `None`: the
    /// slot is done. What stays from the first step (position 0) to the last is visited at least
    /// once.
    pub fn scan<'a>(
        &'a self,
        db: Db,
        slot: Slot,
        position: u32,
        visit: impl FnMut(&'a Entry),
    ) -> Option<u32> {
        self.database(db).table(slot)?.scan_bucket(position, visit)
    }

    /// Where a scan of its slot passes this key: steps from at most this position to beyond it
    /// visit it.
    #[must_use]
    pub fn position(&self, key: &[u8]) -> u32 {
        super::Table::<Entry>::position(self.hash(key))
    }

    /// The first slot from `from` on that has keys.
    #[must_use]
    pub fn next_used_slot(&self, db: Db, from: Slot) -> Option<Slot> {
        self.database(db).next_used_slot(from)
    }

    pub fn for_each<'a>(&'a self, db: Db, mut visit: impl FnMut(Slot, &'a Entry)) {
        for (slot, table) in self.database(db).used_tables() {
            table.for_each(|entry| visit(slot, entry));
        }
    }

    /// Empties a database at once; the caller frees what it held, in pieces.
    #[must_use]
    pub fn clear(&mut self, db: Db) -> Cleared {
        let database =
            std::mem::take(&mut self.databases[usize::from(self.identity_of[db.index()])]);
        self.expiring -= database.expiring.timed;
        if database.len() > 0 && !self.waking.is_empty() {
            self.waking.clear(self.identity_of[db.index()]);
        }
        Cleared::new(database)
    }

    /// Exchanges two databases.
    pub fn swap(&mut self, db_a: Db, db_b: Db) {
        self.identity_of.swap(db_a.index(), db_b.index());
        for db in [db_a, db_b] {
            self.number_of[usize::from(self.identity_of[db.index()])] =
                u8::try_from(db.number()).expect("there are at most 256 databases");
        }
    }

    #[must_use]
    pub fn statistics(&self, db: Db) -> DatabaseStatistics {
        self.database(db).statistics()
    }

    /// Bytes that the expiry wheel holds.
    #[must_use]
    pub fn wheel_bytes(&self) -> usize {
        self.wheel.bytes()
    }

    /// Takes expired entries out and hands them over, files others anew, throws stale references
    /// away: examines at most `budget` references. Entries come up to 16 ms late, never early.
    pub fn expire_step(
        &mut self,
        now_ms: u64,
        budget: usize,
        on_expired: &mut dyn FnMut(Db, Slot, Entry),
    ) -> ExpireProgress {
        self.expire_step_unless(&|_, _| false, now_ms, budget, on_expired)
    }

    /// As `expire_step`; an expired key that `is_held` names, by number of database and key, stays
    /// until a little later.
    pub fn expire_step_unless(
        &mut self,
        is_held: &dyn Fn(Db, &[u8]) -> bool,
        now_ms: u64,
        budget: usize,
        on_expired: &mut dyn FnMut(Db, Slot, Entry),
    ) -> ExpireProgress {
        let mut progress = ExpireProgress::default();
        while progress.examined < budget {
            let Some((reference, source)) = self.wheel.next_due(now_ms) else {
                break;
            };
            progress.examined += 1;
            let db = self.db_of(reference.database());
            let is_held = |key: &[u8]| is_held(db, key);
            if let Some(mut entry) = self.resolve(reference, source, now_ms, &is_held) {
                progress.expired += 1;
                self.heavy.relieve(&mut entry);
                on_expired(db, reference.slot(), entry);
            }
        }
        while progress.examined < budget && self.is_stale() && self.sweep_one() {
            progress.examined += 1;
        }
        progress.more = progress.examined == budget;
        progress
    }

    /// When `expire_step` has something to do, unix milliseconds; `None`: not before another key
    /// gets an expiry.
    #[must_use]
    pub fn next_deadline(&self, now_ms: u64) -> Option<u64> {
        if self.is_stale() {
            return Some(now_ms);
        }
        let due_ms = [self.wheel.next_due_ms(), self.waking.first_ms()];
        let first_ms = due_ms.into_iter().flatten().min();
        first_ms.map(|due_ms| due_ms.max(now_ms))
    }

    /// Follows a reference taken from `source`: takes its entry out if expired before `now_ms`,
    /// files it anew if it lives longer or is held. Stale references end here.
    fn resolve(
        &mut self,
        reference: Reference,
        source: Filed,
        now_ms: u64,
        is_held: &dyn Fn(&[u8]) -> bool,
    ) -> Option<Entry> {
        let (slot, key_hash) = (reference.slot(), self.hash);
        let is_live =
            |entry: &Entry| entry.filed() == source.0 && reference.is_of(key_hash.of(entry.key()));
        let database = &mut self.databases[usize::from(reference.database())];
        let (entry, _) = database.find_mut(slot, reference.hash(), is_live)?;
        let expiry_ms = entry.timed().expect("filed entries have an expiry");
        let held = expiry_ms < now_ms && is_held(entry.key());
        if expiry_ms >= now_ms || held {
            let at_ms = if held {
                now_ms + HELD_EXPIRY_MS
            } else {
                expiry_ms
            };
            entry.set_filed(self.wheel.file(reference, Filed::NOWHERE, at_ms).0);
            return None;
        }
        let mut entry = database
            .remove(slot, reference.hash(), is_live)
            .expect("the entry was just found");
        self.expiring -= 1;
        unfile(&mut entry);
        self.waking.change(reference, entry.wake_ms(), None);
        Some(entry)
    }

    /// Whether stale references take more than their share of the wheel.
    #[inline]
    fn is_stale(&self) -> bool {
        let references = self.wheel.references();
        assert!(references >= self.expiring, "every expiry has a reference");
        references - self.expiring > self.expiring / 4 + STALE_REFERENCES_MAX
    }

    /// Examines one reference for staleness; expired entries are only filed anew. False if there is
    /// none.
    fn sweep_one(&mut self) -> bool {
        let Some((reference, source)) = self.wheel.next_swept() else {
            return false;
        };
        let expired = self.resolve(reference, source, 0, &|_| false);
        assert!(expired.is_none(), "nothing expires before time 0");
        true
    }

    /// After a reference may have been added: pays for it, so that the wheel stays bounded between
    /// steps.
    #[inline]
    fn sweep_behind(&mut self, added: Option<u64>) {
        if added.is_none() || !self.is_stale() {
            return;
        }
        for _ in 0..SWEPT_PER_REFERENCE {
            self.sweep_one();
        }
    }

    /// Checks all invariants, by walking: for tests.
    #[cfg(test)]
    fn verify(&self) {
        let mut expiring = 0;
        for database in &self.databases {
            let (mut len, mut with_expiry, mut sum) = (0, 0, 0u128);
            for (_, table) in database.used_tables() {
                table.for_each(|entry| {
                    len += 1;
                    with_expiry += usize::from(entry.expiry().is_some());
                    sum += u128::from(entry.expiry().unwrap_or(0));
                    expiring += usize::from(entry.timed().is_some());
                    assert_eq!(entry.timed().is_some(), entry.filed() != 0);
                });
            }
            assert_eq!(
                (len, with_expiry),
                (database.len(), database.expiring.entries)
            );
            let mean = sum.checked_div(with_expiry as u128).unwrap_or(0);
            assert_eq!(mean, u128::from(database.expiring.average_ttl_ms(0)));
        }
        assert_eq!(expiring, self.expiring);
        assert!(self.wheel.references() >= expiring);
    }
}

/// Brings counts and wheel in line with an entry whose expiry changed; `old`: its expiry and place
/// before.
#[inline]
fn settle(
    wheel: &mut Wheel,
    count: &mut ExpiryCount,
    reference: Reference,
    entry: &mut Entry,
    old: (Option<u64>, Filed),
) {
    count.change(old.0, entry.expiry());
    if let Some(expiry_ms) = entry.timed() {
        entry.set_filed(wheel.file(reference, old.1, expiry_ms).0);
    }
}

/// Changes the expiry of an entry in the store.
#[inline]
fn change_expiry(
    wheel: &mut Wheel,
    count: &mut ExpiryCount,
    reference: Reference,
    entry: &mut Entry,
    expiry: Option<u64>,
) {
    let old = (entry.expiry(), Filed(entry.filed()));
    entry.set_expiry(expiry);
    settle(wheel, count, reference, entry, old);
}

fn file_new(wheel: &mut Wheel, reference: Reference, entry: &mut Entry) {
    if let Some(expiry_ms) = entry.timed() {
        entry.set_filed(wheel.file(reference, Filed::NOWHERE, expiry_ms).0);
    }
}

/// An entry that leaves the store is no longer the wheel's.
fn unfile(entry: &mut Entry) {
    if entry.timed().is_some() {
        assert!(
            entry.filed() != Filed::NOWHERE.0,
            "the wheel knows every expiry that comes"
        );
        entry.set_filed(Filed::NOWHERE.0);
    }
}

#[cfg(test)]
#[path = "keyspace_tests.rs"]
mod tests;
