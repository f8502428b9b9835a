//! WATCH: which clients look at which of our keys, and whether those have changed.
//!
//! The owner of a key keeps the registration; an EXEC asks every owner, under the locks, whether anything
//! that its client watches has changed. No message is sent when a watched key changes.

use std::collections::HashMap;

use super::Core;
use crate::cmd::key_slot;
use crate::route::{DbKey, Watch};

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
    by_client: HashMap<u64, Watcher>,
    by_key: HashMap<DbKey, Vec<u64>>,
}

impl Watches {
    /// True when nobody watches anything here.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_client.is_empty()
    }

    /// A key changed.
    pub fn changed(&mut self, key: &DbKey) {
        let Some(clients) = self.by_key.get(key) else {
            return;
        };
        for client in clients {
            if let Some(watcher) = self.by_client.get_mut(client) {
                watcher.changed = true;
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
            let watcher = self.watches.by_client.entry(watch.client).or_default();
            if watcher.keys.iter().any(|watched| watched.key == *key) {
                continue;
            }
            let entry = self.store.get(usize::from(key.0), slot, &key.1);
            let stale = entry.is_some_and(|entry| entry.expiry().is_some_and(|at| at <= now_ms));
            watcher.keys.push(Watched {
                key: key.clone(),
                existed: entry.is_some() && !stale,
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

    /// A database was emptied or exchanged: watched keys that were or are in it have changed.
    pub fn watched_database_replaced(&mut self, db: u16) {
        let mut changed = Vec::new();
        for (client, watcher) in &self.watches.by_client {
            for watched in watcher.keys.iter().filter(|watched| watched.key.0 == db) {
                let key = &watched.key.1;
                if watched.existed
                    || self
                        .store
                        .get(usize::from(db), key_slot(key), key)
                        .is_some()
                {
                    changed.push(*client);
                }
            }
        }
        for client in changed {
            if let Some(watcher) = self.watches.by_client.get_mut(&client) {
                watcher.changed = true;
            }
        }
    }
}
