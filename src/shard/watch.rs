//! WATCH: which clients look at which of our keys, and whether those have changed.
//!
//! The owner of a key keeps the registration; an EXEC asks every owner, under the locks, whether
//! anything that its client watches has changed. No message is sent when a watched key changes.

use super::input::Flow;
use crate::base::Token;
use crate::conn::State;
use crate::resp::{Args, Error};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use super::Core;
use crate::cmd::key_slot;
use crate::route::{DbKey, Mode, Note, Watch};

/// A key when its watch began.
#[derive(Debug)]
struct Watched {
    /// A live entry was there when the watch began.
    existed: bool,
    /// An entry was there, but its time was over: its removal is no change.
    stale: bool,
}

#[derive(Debug, Default)]
struct Watcher {
    keys: BTreeMap<DbKey, Watched>,
    changed: bool,
}

/// All watches on keys of this shard; ordered maps, so that a seeded run repeats itself and a
/// client may watch any number of keys.
#[derive(Debug, Default)]
pub struct Watches {
    by_client: BTreeMap<u64, Watcher>,
    by_key: BTreeMap<DbKey, BTreeSet<u64>>,
}

impl Watches {
    /// True when nobody watches anything here.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_client.is_empty()
    }

    /// What a client watches here.
    pub fn keys_of(&self, client: u64) -> impl Iterator<Item = &DbKey> {
        let watcher = self.by_client.get(&client);
        watcher.into_iter().flat_map(|watcher| watcher.keys.keys())
    }

    /// A key changed; `exists` says whether an entry is there now. That an entry whose time was
    /// over before the watch has gone is no change.
    pub fn changed(&mut self, key: &DbKey, exists: bool) {
        let Some(clients) = self.by_key.get(key) else {
            return;
        };
        for client in clients {
            let watcher = self.by_client.get_mut(client);
            let watcher = watcher.expect("who watches a key is known as a watcher");
            match watcher.keys.get_mut(key) {
                Some(watched) if watched.stale && !exists => watched.stale = false,
                Some(_) => watcher.changed = true,
                None => panic!("a watcher knows the keys that it is known by"),
            }
        }
    }
}

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

    pub fn unwatch_keys(&mut self, client: u64, watched: &BTreeSet<DbKey>) {
        let owners: BTreeSet<usize> = watched
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
    pub fn end_exec(&mut self, token: Token) {
        if !self.client(token).unwatching.is_empty() {
            self.finish_unwatch(token);
        }
        self.end_command(token);
    }

    /// Drops the registrations of an EXEC that is over.
    pub fn finish_unwatch(&mut self, token: Token) {
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
        let mut shares: BTreeMap<usize, Vec<DbKey>> = BTreeMap::new();
        for key in new {
            let owner = self.slots.owner(key_slot(&key.1));
            shares.entry(owner).or_default().push(key);
        }
        if let Some(own) = shares.remove(&self.id()) {
            self.watch_here(id, own);
        }
        if shares.is_empty() {
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
        transaction.unconfirmed = shares.len();
        for (owner, keys) in shares {
            let client = id;
            let watch = Watch {
                client,
                token,
                keys,
            };
            self.tell(owner, Note::Watch(Box::new(watch)));
        }
        Flow::Stop
    }

    /// An owner has registered what a client of ours watches there.
    pub fn watch_confirmed(&mut self, token: Token, id: u64) {
        let Some(client) = self.clients.of(token, id) else {
            return;
        };
        // It has left: what it watched is forgotten already.
        let Some(transaction) = client.transaction.as_mut() else {
            return;
        };
        assert!(transaction.unconfirmed > 0, "an owner confirms once");
        transaction.unconfirmed -= 1;
        if transaction.unconfirmed == 0 {
            self.complete(token, |reply| reply.ok());
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

    /// A client of another shard watches keys of ours.
    pub fn watch_for(&mut self, home: usize, watch: Watch) {
        let Watch {
            client,
            token,
            keys,
        } = watch;
        self.watch_here(client, keys);
        self.tell(home, Note::Watched { client, token });
    }

    /// A client watches keys that are ours.
    pub fn watch_here(&mut self, client: u64, keys: Vec<DbKey>) {
        let now_ms = self.now.unix_ms();
        for key in keys {
            let slot = key_slot(&key.1);
            assert!(
                self.slots.owner(slot) == self.id(),
                "only the owner of a key keeps its watches"
            );
            // One that is lent has gone for a moment only.
            let lent = !self.transactions.locks.is_empty()
                && self
                    .transactions
                    .locks
                    .conflicts(self.lock_key(key.0, &key.1), Mode::Shared);
            let watcher = self.watches.by_client.entry(client).or_default();
            let Entry::Vacant(place) = watcher.keys.entry(key) else {
                continue;
            };
            let key = place.key();
            let entry = self.keyspace.own.get(usize::from(key.0), slot, &key.1);
            let stale = entry.is_some_and(|entry| entry.is_expired(now_ms));
            let watchers = self.watches.by_key.entry(key.clone()).or_default();
            watchers.insert(client);
            place.insert(Watched {
                existed: entry.is_some() && !stale || lent,
                stale,
            });
        }
        self.update_wants();
    }

    /// A client watches nothing here any longer.
    pub fn unwatch_here(&mut self, client: u64) {
        let Some(watcher) = self.watches.by_client.remove(&client) else {
            return;
        };
        for key in watcher.keys.keys() {
            let clients = self.watches.by_key.get_mut(key);
            let clients = clients.expect("a watched key has its watchers");
            clients.remove(&client);
            if clients.is_empty() {
                self.watches.by_key.remove(key);
            }
        }
        self.update_wants();
    }

    /// True when a key that the client watches here has changed or has expired since.
    #[must_use]
    pub fn watched_changed(&self, client: u64) -> bool {
        let Some(watcher) = self.watches.by_client.get(&client) else {
            return false;
        };
        let now_ms = self.now.unix_ms();
        watcher.changed
            || watcher.keys.iter().any(|((db, key), watched)| {
                let entry = self.keyspace.own.get(usize::from(*db), key_slot(key), key);
                !watched.stale && entry.is_some_and(|entry| entry.is_expired(now_ms))
            })
    }

    /// A key that is watched, or waited for, changed.
    pub fn watched_key_changed(&mut self, key: &DbKey) {
        let exists = self
            .keyspace
            .own
            .get(usize::from(key.0), key_slot(&key.1), &key.1)
            .is_some();
        self.watches.changed(key, exists);
    }

    /// A database was emptied or exchanged: watched keys that were or are in it have changed,
    /// unless an entry whose time is over takes the place of another such one, or of none.
    pub fn watched_database_replaced(&mut self, db: u16) {
        let now_ms = self.now.unix_ms();
        let Self {
            watches, keyspace, ..
        } = self;
        let store = &keyspace.own;
        for watcher in watches.by_client.values_mut() {
            let first = (db, Box::default());
            let in_db = watcher.keys.range_mut(first..);
            for ((_, key), watched) in in_db.take_while(|((other, _), _)| *other == db) {
                let entry = store.get(usize::from(db), key_slot(key), key);
                let exists = entry.is_some();
                let stale = entry.is_some_and(|entry| entry.is_expired(now_ms));
                if watched.stale && (!exists || stale) || !watched.existed && stale {
                    watched.stale = stale;
                } else if watched.stale || watched.existed || exists {
                    watcher.changed = true;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::shard::testing::Shards;

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
        assert!(!shards.core(5).watches.is_empty());
        shards.advance(200);
        for shard in 0..16 {
            assert!(shards.core(shard).watches.is_empty(), "shard {shard}");
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
            assert!(core.watches.is_empty() && !core.effects.wants.modified);
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

    /// What this thread has used, however many others share the processor.
    #[allow(clippy::disallowed_methods, reason = "asks the system, not a clock")]
    fn processor_time_ns() -> u64 {
        let figures = std::fs::read_to_string("/proc/thread-self/schedstat")
            .expect("Linux tells a thread its times");
        let first = figures.split(' ').next().expect("it begins with a number");
        first.parse().expect("it begins with a number")
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
