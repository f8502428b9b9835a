//! WATCH: which clients look at which keys of a shard, and whether those have changed.
//!
//! The owner of a key keeps the registration; an EXEC asks every owner, under the locks, whether
//! anything that its client watches has changed. No message is sent when a watched key changes.
//! Each shard owns one; what is at a key is told by the caller. Ordered maps, so that a seeded run
//! repeats itself and a client may watch any number of keys.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use crate::route::DbKey;
use crate::store::Db;

/// What is at a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyState {
    Nothing,
    /// An entry that has expired.
    Expired,
    Live,
}

/// A key when its watch began.
#[derive(Debug)]
struct Watched {
    /// A live entry was there when the watch began.
    existed: bool,
    /// An entry was there, but it had expired: its removal is no change.
    stale: bool,
}

#[derive(Debug, Default)]
struct Watcher {
    keys: BTreeMap<DbKey, Watched>,
    changed: bool,
}

/// All watches on keys of this shard.
#[derive(Debug, Default)]
pub struct Watches {
    by_client: BTreeMap<u64, Watcher>,
    by_key: BTreeMap<DbKey, BTreeSet<u64>>,
    /// Clients whose watch waits for a lock.
    expected: BTreeSet<u64>,
}

impl Watches {
    /// True when nobody watches anything here.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_client.is_empty() && self.expected.is_empty()
    }

    /// A client's watch begins when it has its locks.
    pub fn expect(&mut self, client: u64) {
        let new = self.expected.insert(client);
        assert!(new, "a client that waits for a WATCH sends no other");
    }

    /// The locks are there. False: the client watches nothing any longer.
    #[must_use]
    pub fn take_expected(&mut self, client: u64) -> bool {
        self.expected.remove(&client)
    }

    /// What a client watches here.
    pub fn keys_of(&self, client: u64) -> impl Iterator<Item = &DbKey> {
        let watcher = self.by_client.get(&client);
        watcher.into_iter().flat_map(|watcher| watcher.keys.keys())
    }

    /// A client watches a key from now on; `found` is there. Once is enough.
    pub fn watch(&mut self, client: u64, key: DbKey, found: KeyState) {
        let watcher = self.by_client.entry(client).or_default();
        let Entry::Vacant(place) = watcher.keys.entry(key) else {
            return;
        };
        let new = self
            .by_key
            .entry(place.key().clone())
            .or_default()
            .insert(client);
        assert!(new, "a watcher knows the keys that it is known by");
        place.insert(Watched {
            existed: found == KeyState::Live,
            stale: found == KeyState::Expired,
        });
    }

    /// A client watches nothing here any longer. False: it did not.
    pub fn unwatch(&mut self, client: u64) -> bool {
        self.expected.remove(&client);
        let Some(watcher) = self.by_client.remove(&client) else {
            return false;
        };
        for key in watcher.keys.keys() {
            let clients = self.by_key.get_mut(key);
            let clients = clients.expect("a watched key has its watchers");
            clients.remove(&client);
            if clients.is_empty() {
                self.by_key.remove(key);
            }
        }
        true
    }

    /// A key changed; `exists` says whether an entry is there now. That an entry that had expired
    /// before the watch has gone is no change.
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

    /// True when a key that the client watches here has changed or has expired since.
    #[must_use]
    pub fn has_changed(&self, client: u64, expired: impl Fn(&DbKey) -> bool) -> bool {
        let Some(watcher) = self.by_client.get(&client) else {
            return false;
        };
        let mut keys = watcher.keys.iter();
        watcher.changed || keys.any(|(key, watched)| !watched.stale && expired(key))
    }

    /// A database was emptied or exchanged: watched keys that were or are in it have changed,
    /// unless an entry that has expired takes the place of another such one, or of none.
    pub fn database_replaced(&mut self, db: Db, state: impl Fn(&DbKey) -> KeyState) {
        for watcher in self.by_client.values_mut() {
            let in_db = watcher.keys.range_mut((db, Box::default())..);
            for (key, watched) in in_db.take_while(|((other, _), _)| *other == db) {
                let found = state(key);
                let stale = found == KeyState::Expired;
                if watched.stale && found != KeyState::Live || !watched.existed && stale {
                    watched.stale = stale;
                } else if watched.stale || watched.existed || found == KeyState::Live {
                    watcher.changed = true;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(db: Db, name: &str) -> DbKey {
        (db, name.as_bytes().into())
    }

    #[test]
    fn a_change_counts_for_whom_it_concerns() {
        let mut watches = Watches::default();
        watches.watch(1, key(Db::FIRST, "a"), KeyState::Live);
        watches.watch(1, key(Db::FIRST, "a"), KeyState::Nothing);
        watches.watch(2, key(Db::FIRST, "b"), KeyState::Expired);
        watches.changed(&key(Db::FIRST, "b"), false);
        assert!(!watches.has_changed(2, |_| false), "it was gone before");
        watches.changed(&key(Db::FIRST, "b"), false);
        assert!(
            watches.has_changed(2, |_| false),
            "the second time it was not"
        );
        assert!(!watches.has_changed(1, |_| false));
        assert!(
            watches.has_changed(1, |key| *key.1 == *b"a"),
            "its end is a change"
        );
        assert!(watches.unwatch(1) && watches.unwatch(2) && !watches.unwatch(2));
        assert!(watches.is_empty() && watches.by_key.is_empty());
    }

    #[test]
    fn who_leaves_before_its_watch_begins_watches_nothing() {
        let mut watches = Watches::default();
        watches.expect(1);
        watches.expect(2);
        watches.unwatch(1);
        assert!(!watches.take_expected(1) && watches.take_expected(2));
        assert!(watches.is_empty());
    }

    #[test]
    fn an_emptied_database_changes_what_was_there() {
        for (before, after, changes) in [
            (KeyState::Live, KeyState::Nothing, true),
            (KeyState::Nothing, KeyState::Nothing, false),
            (KeyState::Nothing, KeyState::Live, true),
            (KeyState::Nothing, KeyState::Expired, false),
            (KeyState::Expired, KeyState::Nothing, false),
            (KeyState::Expired, KeyState::Expired, false),
            (KeyState::Expired, KeyState::Live, true),
        ] {
            let mut watches = Watches::default();
            watches.watch(1, key(Db::new(3), "a"), before);
            watches.database_replaced(Db::new(2), |_| panic!("that is another database"));
            watches.database_replaced(Db::new(3), |_| after);
            let changed = watches.has_changed(1, |_| false);
            assert_eq!(changed, changes, "{before:?} {after:?}");
        }
    }
}
