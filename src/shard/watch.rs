//! WATCH and UNWATCH: the owners of the keys are told, and asked by EXEC.
//!
//! Only owners hear of a watch; what they know is `txn::Watches`. A watch begins under a shared
//! lock where there are locks, so that what was decided before it is no change behind it.

use std::collections::BTreeSet;

use super::Core;
use super::enlist::{Duty, Participant};
use super::input::Flow;
use crate::base::Token;
use crate::cmd::key_slot;
use crate::conn::State;
use crate::resp::{Args, Error};
use crate::route::{ClientRef, DbKey, Intent, Mode, Note, ShardId, WHOLE, Watch, strongest};
use crate::store::{Db, Store};
use crate::txn::KeyState;

impl Core {
    /// Forgets MULTI's queue and every watch.
    pub fn drop_transaction(&mut self, token: Token) {
        let client = self.client(token);
        let id = client.id;
        let Some(transaction) = client.transaction.take() else {
            return;
        };
        self.unwatch_keys(id, &transaction.watched);
    }

    pub(super) fn unwatch_keys(&mut self, client: u64, watched: &BTreeSet<DbKey>) {
        let owners: BTreeSet<ShardId> = watched
            .iter()
            .map(|(_, key)| self.slots.owner(key_slot(key)))
            .collect();
        for shard in owners {
            if shard == self.id() {
                self.unwatch_here(client);
            } else {
                // A registration that outlives its watch by a moment harms nobody.
                self.tell_later(shard, Note::Unwatch { client });
            }
        }
    }

    /// An EXEC is over: its watches go, and its client goes on or, if it has left, goes.
    pub(super) fn end_exec(&mut self, token: Token) {
        if !self.client(token).unwatching.is_empty() {
            self.finish_unwatch(token);
        }
        self.end_command(token);
    }

    /// Drops the registrations of an EXEC that is over.
    fn finish_unwatch(&mut self, token: Token) {
        let client = self.client(token);
        let id = client.id;
        let watched = std::mem::take(&mut client.unwatching);
        self.unwatch_keys(id, &watched);
    }

    /// WATCH: only the owners of its keys hear of it, and of our own there is nothing to wait for.
    pub fn watch(&mut self, token: Token, args: &Args<'_>) -> Flow {
        if self.client(token).in_multi() {
            self.error(token, &Error::new("ERR WATCH inside MULTI is not allowed"));
            return Flow::Next;
        }
        let client = self.client(token);
        let (id, db) = (client.id, client.session.db);
        let watched = &mut client.transaction_mut().watched;
        let new: BTreeSet<DbKey> = args
            .from(1)
            .map(|key| (db, Box::from(key)))
            .filter(|key| watched.insert(key.clone()))
            .collect();
        let shares = self.by_owner(new.into_iter().map(|key| (key_slot(&key.1), key)));
        let here = self.id();
        let watcher = ClientRef { token, id };
        let mut unconfirmed = 0;
        for (owner, keys) in shares {
            let watch = Watch {
                client: watcher,
                keys,
            };
            if owner == here && !self.watch_must_wait(&watch) {
                self.watch_here(watch);
                continue;
            }
            unconfirmed += 1;
            self.tell(owner, Note::Watch(Box::new(watch)));
        }
        if unconfirmed == 0 {
            self.reply(token).ok();
            return Flow::Next;
        }
        let client = self.client(token);
        client.state = State::Waiting;
        let transaction = client.transaction_mut();
        assert!(
            transaction.unconfirmed == 0,
            "a client that waits for a WATCH sends no other"
        );
        transaction.unconfirmed = unconfirmed;
        Flow::Stop
    }

    /// An owner has registered what a client of ours watches there.
    pub(super) fn watch_confirmed(&mut self, watcher: ClientRef) {
        let Some(client) = self.clients.of(watcher) else {
            return;
        };
        // It has left: what it watched is forgotten already.
        let Some(transaction) = client.transaction.as_mut() else {
            return;
        };
        assert!(transaction.unconfirmed > 0, "an owner confirms once");
        transaction.unconfirmed -= 1;
        if transaction.unconfirmed == 0 {
            self.complete(watcher.token, |reply| reply.ok());
        }
    }

    /// UNWATCH.
    pub fn unwatch(&mut self, token: Token) -> Flow {
        let client = self.client(token);
        let id = client.id;
        if let Some(transaction) = client.transaction.as_mut() {
            let watched = std::mem::take(&mut transaction.watched);
            self.unwatch_keys(id, &watched);
        }
        self.reply(token).ok();
        Flow::Next
    }

    /// A client of any shard watches keys of ours: from now on, or from when a decided transaction
    /// that changes them is over.
    pub(super) fn watch_for(&mut self, home: ShardId, watch: Watch) {
        if !self.watch_must_wait(&watch) {
            return self.register_watch(home, watch);
        }
        let mut intents = self.watch_intents(&watch);
        strongest(&mut intents);
        self.transactions.watches.expect(watch.client.id);
        let sequence = self.next_sequence();
        let participant = Participant::new(home, Duty::Watch(Box::new(watch)));
        self.take_part(sequence, intents, participant);
    }

    fn watch_intents(&self, watch: &Watch) -> Vec<Intent> {
        let intents = watch.keys.iter().map(|(db, key)| Intent {
            key: self.lock_key(*db, key),
            mode: Mode::Shared,
        });
        intents.collect()
    }

    /// True when a key is changed by a transaction that may have been answered.
    fn watch_must_wait(&self, watch: &Watch) -> bool {
        let participants = &self.transactions.participants;
        if participants.no_locks() {
            return false;
        }
        let mut intents = self.watch_intents(watch).into_iter();
        intents.any(|intent| participants.conflicts(intent.key, intent.mode))
            || participants.conflicts(WHOLE, Mode::SomeShared)
    }

    /// A watch that waited has its locks.
    pub(super) fn begin_watch(&mut self, home: ShardId, watch: Watch) {
        if self.transactions.watches.take_expected(watch.client.id) {
            self.register_watch(home, watch);
        }
    }

    /// Registers a watch and confirms it to the client's home.
    fn register_watch(&mut self, home: ShardId, watch: Watch) {
        let watcher = watch.client;
        self.watch_here(watch);
        self.tell(home, Note::Watched(watcher));
    }

    fn watch_here(&mut self, watch: Watch) {
        for key in watch.keys {
            assert!(
                self.slots.owner(key_slot(&key.1)) == self.id(),
                "only the owner of a key keeps its watches"
            );
            let found = self.key_state(&key);
            self.transactions.watches.watch(watch.client.id, key, found);
        }
        self.update_wants();
    }

    fn key_state(&self, key: &DbKey) -> KeyState {
        key_state(&self.keyspace.own, key, self.now.unix_ms())
    }

    /// A client watches nothing here any longer.
    pub(super) fn unwatch_here(&mut self, client: u64) {
        if self.transactions.watches.unwatch(client) {
            self.update_wants();
        }
    }

    /// True when a key that the client watches here has changed or has expired since.
    pub(super) fn watched_changed(&self, client: u64) -> bool {
        let expired = |key: &DbKey| self.key_state(key) == KeyState::Expired;
        self.transactions.watches.has_changed(client, expired)
    }

    /// A key that is watched, or waited for, changed.
    pub(super) fn watched_key_changed(&mut self, key: &DbKey) {
        let exists = self.key_state(key) != KeyState::Nothing;
        self.transactions.watches.changed(key, exists);
    }

    /// A database was emptied or exchanged.
    pub(super) fn watched_database_replaced(&mut self, db: Db) {
        let Self {
            transactions,
            keyspace,
            now,
            ..
        } = self;
        let found = |key: &DbKey| key_state(&keyspace.own, key, now.unix_ms());
        transactions.watches.database_replaced(db, found);
    }
}

/// What is at a key.
fn key_state(store: &Store, key: &DbKey, now_ms: u64) -> KeyState {
    let entry = store.get(key.0, key_slot(&key.1), &key.1);
    match entry {
        None => KeyState::Nothing,
        Some(entry) if entry.is_expired(now_ms) => KeyState::Expired,
        Some(_) => KeyState::Live,
    }
}

#[cfg(test)]
mod tests {
    use crate::shard::testing::{Shards, processor_time_ns};

    /// Watches a key, lets something happen, and says whether EXEC still runs.
    fn survives(before: &[&str], wait_ms: u64, meanwhile: &[&str]) -> bool {
        let mut shards = Shards::new(2);
        let (client, other) = (shards.connect(0), shards.connect(1));
        for shard in 0..2 {
            shards.core(shard).debugged_mut().active_expiry_off = true;
        }
        for line in before {
            shards.call(client, line);
        }
        shards.advance(wait_ms);
        shards.call(client, "WATCH x");
        for line in meanwhile {
            shards.call(other, line);
        }
        shards.call(client, "MULTI");
        shards.call(client, "PING");
        shards.call(client, "EXEC") == "*1\r\n+PONG\r\n"
    }

    #[test]
    fn the_end_of_an_expired_key_is_no_change() {
        let expired: &[&str] = &["SET x foo PX 1"];
        assert!(survives(expired, 5, &["GET x"]));
        assert!(survives(expired, 5, &["DEL x"]));
        assert!(survives(expired, 5, &["FLUSHALL"]));
        assert!(!survives(expired, 5, &["SET x bar"]));
        assert!(!survives(expired, 5, &["GET x", "SET x bar"]));
        assert!(!survives(&["SET x foo"], 5, &["DEL x"]));
        assert!(!survives(&["SET x foo"], 5, &["FLUSHDB"]));
        assert!(survives(&[], 5, &["FLUSHALL"]));
    }

    /// Notes that all shards have sent one another.
    fn notes(shards: &mut Shards, count: usize) -> u64 {
        (0..count)
            .map(|shard| shards.core(shard).statistics().notes)
            .sum()
    }

    #[test]
    fn only_owners_hear_of_a_watch() {
        let mut shards = Shards::new(16);
        let client = shards.connect(0);
        let (own, far, third) = (shards.key(0, 0), shards.key(5, 0), shards.key(9, 0));
        let before = notes(&mut shards, 16);
        for _ in 0..3 {
            assert_eq!(
                shards.call(client, &format!("WATCH {own} {own}")),
                "+OK\r\n"
            );
            assert_eq!(shards.call(client, "UNWATCH"), "+OK\r\n");
        }
        assert_eq!(
            notes(&mut shards, 16),
            before,
            "its own keys concern nobody else"
        );
        shards.call(client, &format!("WATCH {own} {far} {third} {far}"));
        // Two were asked and have confirmed.
        assert_eq!(notes(&mut shards, 16), before + 4);
        shards.call(client, &format!("WATCH {far}"));
        assert_eq!(
            notes(&mut shards, 16),
            before + 4,
            "it watches that already"
        );
        shards.call(client, "UNWATCH");
        assert_eq!(notes(&mut shards, 16), before + 6);
        // Nobody was woken up for that.
        assert!(!shards.core(5).transactions.watches.is_empty());
        shards.advance(200);
        for shard in 0..16 {
            assert!(
                shards.core(shard).transactions.watches.is_empty(),
                "shard {shard}"
            );
        }
    }

    #[test]
    fn who_leaves_before_the_owners_confirm_watches_nothing() {
        let mut shards = Shards::new(3);
        let client = shards.connect(0);
        let (near, far) = (shards.key(1, 0), shards.key(2, 0));
        shards.send(client, &format!("WATCH {near} {far}"));
        shards.tick(0);
        shards.tick(1);
        shards.hang_up(client);
        shards.tick(0);
        shards.run();
        shards.advance(200);
        for shard in 0..3 {
            let core = shards.core(shard);
            assert!(core.transactions.watches.is_empty() && !core.effects.wants.modified);
        }
        assert!(shards.core(0).clients.get(client.token).is_none());
    }

    #[test]
    fn each_of_many_watched_keys_counts() {
        const KEYS: usize = 60_000;
        let mut shards = Shards::new(2);
        let (client, other) = (shards.connect(0), shards.connect(1));
        let keys: Vec<String> = (0..KEYS).map(|number| format!("key{number}")).collect();
        let watch = format!("WATCH {}", keys.join(" "));
        let started_ns = processor_time_ns();
        for changed in [0, KEYS / 2, KEYS - 1] {
            assert_eq!(shards.call(client, &watch), "+OK\r\n");
            shards.call(other, &format!("SET {} 1", keys[changed]));
            for line in ["MULTI", "PING"] {
                shards.call(client, line);
            }
            assert_eq!(shards.call(client, "EXEC"), "*-1\r\n");
        }
        let took_ns = processor_time_ns() - started_ns;
        // Comparing each with each takes minutes.
        assert!(took_ns < 5_000_000_000, "{took_ns} ns");
    }

    #[test]
    fn databases_with_expired_keys_are_exchanged() {
        let other: &[&str] = &["SELECT 1", "SET x foo PX 1", "SELECT 0"];
        assert!(survives(other, 5, &["SWAPDB 0 1"]));
        let both: &[&str] = &["SET x foo PX 1", "SELECT 1", "SET x foo PX 1", "SELECT 0"];
        assert!(survives(both, 5, &["SWAPDB 0 1"]));
        let live: &[&str] = &["SELECT 1", "SET x foo", "SELECT 0"];
        assert!(!survives(live, 5, &["SWAPDB 0 1"]));
    }
}
