//! WATCH: which clients look at which of our keys, and whether those have changed.
//!
//! The owner of a key keeps the registration; an EXEC asks every owner, under the locks, whether anything
//! that its client watches has changed. No message is sent when a watched key changes.

use std::collections::BTreeMap;

use super::Core;
use crate::cmd::key_slot;
use crate::route::{DbKey, Mode, Watch};

#[derive(Debug)]
struct Watched {
    key: DbKey,
    /// A live entry was there when the watch began.
    existed: bool,
    /// An entry was there, but its time was over: its removal is no change.
    stale: bool,
}

#[derive(Debug, Default)]
struct Watcher {
    keys: Vec<Watched>,
    changed: bool,
}

/// All watches on keys of this shard.
#[derive(Debug, Default)]
pub struct Watches {
    by_client: BTreeMap<u64, Watcher>,
    by_key: BTreeMap<DbKey, Vec<u64>>,
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
        watcher
            .into_iter()
            .flat_map(|watcher| watcher.keys.iter().map(|watched| &watched.key))
    }

    /// A key changed; `exists` says whether an entry is there now. That an entry whose time was over before
    /// the watch has gone is no change.
    pub fn changed(&mut self, key: &DbKey, exists: bool) {
        let Some(clients) = self.by_key.get(key) else {
            return;
        };
        for client in clients {
            let Some(watcher) = self.by_client.get_mut(client) else {
                continue;
            };
            let watched = watcher.keys.iter_mut().find(|watched| watched.key == *key);
            match watched {
                Some(watched) if watched.stale && !exists => watched.stale = false,
                _ => watcher.changed = true,
            }
        }
    }
}

impl Core {
    /// A client of any shard watches keys; ours are registered.
    pub fn watch_here(&mut self, watch: &Watch) {
        let now_ms = self.now.unix_ms();
        for key in &watch.keys {
            let slot = key_slot(&key.1);
            if self.slots.owner(slot) != self.id() {
                continue;
            }
            // One that is lent has gone for a moment only.
            let lent = !self.locks.is_empty()
                && self
                    .locks
                    .conflicts(self.lock_key(key.0, &key.1), Mode::Shared);
            let watcher = self.watches.by_client.entry(watch.client).or_default();
            if watcher.keys.iter().any(|watched| watched.key == *key) {
                continue;
            }
            let entry = self.store.get(usize::from(key.0), slot, &key.1);
            let stale = entry.is_some_and(|entry| entry.expiry().is_some_and(|at| at <= now_ms));
            watcher.keys.push(Watched {
                key: key.clone(),
                existed: entry.is_some() && !stale || lent,
                stale,
            });
            self.watches
                .by_key
                .entry(key.clone())
                .or_default()
                .push(watch.client);
        }
        self.update_wants();
    }

    /// A client watches nothing here any longer.
    pub fn unwatch_here(&mut self, client: u64) {
        let Some(watcher) = self.watches.by_client.remove(&client) else {
            return;
        };
        for watched in watcher.keys {
            if let Some(clients) = self.watches.by_key.get_mut(&watched.key) {
                clients.retain(|&other| other != client);
                if clients.is_empty() {
                    self.watches.by_key.remove(&watched.key);
                }
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
            || watcher.keys.iter().any(|watched| {
                let (db, key) = &watched.key;
                let entry = self.store.get(usize::from(*db), key_slot(key), key);
                !watched.stale
                    && entry.is_some_and(|entry| entry.expiry().is_some_and(|at| at <= now_ms))
            })
    }

    /// A key that is watched, or waited for, changed.
    pub fn watched_key_changed(&mut self, key: &DbKey) {
        let exists = self
            .store
            .get(usize::from(key.0), key_slot(&key.1), &key.1)
            .is_some();
        self.watches.changed(key, exists);
    }

    /// A database was emptied or exchanged: watched keys that were or are in it have changed, unless an entry
    /// whose time is over takes the place of another such one, or of none.
    pub fn watched_database_replaced(&mut self, db: u16) {
        let now_ms = self.now.unix_ms();
        let Self { watches, store, .. } = self;
        for watcher in watches.by_client.values_mut() {
            for watched in watcher
                .keys
                .iter_mut()
                .filter(|watched| watched.key.0 == db)
            {
                let key = &watched.key.1;
                let entry = store.get(usize::from(db), key_slot(key), key);
                let expired = |at_ms: Option<u64>| at_ms.is_some_and(|at_ms| at_ms <= now_ms);
                let exists = entry.is_some();
                let stale = entry.is_some_and(|entry| expired(entry.expiry()));
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
            shards.core(shard).active_expire = false;
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
