//! Who waits for which key of a shard: the queues, and when their clients' time is over.
//!
//! Owned by `blocking`, which offers keys and serves clients; plain bookkeeping, must not touch the
//! keyspace. Ordered maps, so that a seeded run repeats itself.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::base::Token;
use crate::route::{DbKey, Wait};
use crate::store::Kind;

/// A registration, its place in the queues and what it has seen.
#[derive(Debug)]
pub(super) struct Registered {
    pub(super) wait: Wait,
    /// Lower ones are served first.
    pub(super) ticket: u64,
    /// The change up to which its client has looked at the keys and found nothing.
    pub(super) looked_at: u64,
}

/// A waiter for whom a key is being locked.
#[derive(Debug)]
pub struct Candidate(pub(super) Registered);

/// Those who wait for one key, first come first.
#[derive(Debug, Default)]
pub(super) struct Queue {
    pub(super) clients: VecDeque<u64>,
    pub(super) changed_at: u64,
    /// The key is in `ready`, in `deferred`.
    is_ready: bool,
    is_deferred: bool,
}

/// Waits on this shard's keys, and deadlines of this shard's clients.
#[derive(Debug, Default)]
pub struct Waits {
    pub(super) by_key: BTreeMap<DbKey, Queue>,
    pub(super) by_client: BTreeMap<u64, Registered>,
    /// Clients, with the number of their block, for whom a key is being locked.
    pub(super) locking: BTreeMap<u64, u32>,
    /// Keys that are being offered, and ready ones whose next waiter may yet be served by one of
    /// these.
    pub(super) offered: BTreeSet<DbKey>,
    deferred: Vec<DbKey>,
    pub(super) tickets: u64,
    /// Counts changes of keys that somebody waits for.
    pub(super) changes: u64,
    /// Keys with waiters that were modified.
    ready: VecDeque<DbKey>,
    /// Monotonic microseconds, token, client, block number.
    pub(super) deadlines: BTreeSet<(u64, Token, u64, u32)>,
}

impl Waits {
    /// True when nobody waits for a key of this shard.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_client.is_empty()
    }

    /// When the first deadline is, monotonic microseconds.
    #[must_use]
    pub fn next_deadline_us(&self) -> Option<u64> {
        self.deadlines.first().map(|(at_us, ..)| *at_us)
    }

    /// A key changed.
    pub fn modified(&mut self, key: DbKey) {
        if let Some(queue) = self.by_key.get_mut(&key) {
            self.changes += 1;
            queue.changed_at = self.changes;
            self.look_again(key);
        }
    }

    /// A key may be there for the next waiter, unchanged.
    pub(super) fn look_again(&mut self, key: DbKey) {
        if let Some(queue) = self.by_key.get_mut(&key)
            && !queue.is_ready
        {
            queue.is_ready = true;
            self.ready.push_back(key);
        }
    }

    /// True when a key may be there for a waiter.
    #[inline]
    #[must_use]
    pub fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// The next such key.
    pub(super) fn next_ready(&mut self) -> Option<DbKey> {
        let key = self.ready.pop_front()?;
        if let Some(queue) = self.by_key.get_mut(&key) {
            queue.is_ready = false;
        }
        Some(key)
    }

    /// The key waits for the end of an offer.
    pub(super) fn defer(&mut self, key: DbKey) {
        if let Some(queue) = self.by_key.get_mut(&key)
            && !queue.is_deferred
        {
            queue.is_deferred = true;
            self.deferred.push(key);
        }
    }

    /// The offer of a key is over: it is served on before those that waited for that.
    pub fn offer_over(&mut self, key: &DbKey) {
        if self.offered.remove(key) {
            for key in std::mem::take(&mut self.deferred) {
                if let Some(queue) = self.by_key.get_mut(&key) {
                    queue.is_deferred = false;
                }
                self.look_again(key);
            }
        }
    }

    /// Any key of the database may have changed.
    pub fn database_replaced(&mut self, db: u16) {
        let keys: Vec<DbKey> = self
            .by_key
            .keys()
            .filter(|key| key.0 == db)
            .cloned()
            .collect();
        for key in keys {
            self.modified(key);
        }
    }

    /// At the end of the queues: its client has just looked.
    pub(super) fn add(&mut self, wait: Wait) {
        self.tickets += 1;
        self.put(Registered {
            wait,
            ticket: self.tickets,
            looked_at: self.changes,
        });
    }

    /// Where it belongs by its ticket.
    pub(super) fn put(&mut self, registered: Registered) {
        let client = registered.wait.client;
        for key in &registered.wait.keys {
            let queue = self.by_key.entry(key.clone()).or_default();
            let later = |other: &u64| self.by_client[other].ticket > registered.ticket;
            let behind = queue.clients.iter().rev().take_while(|&other| later(other));
            let place = queue.clients.len() - behind.count();
            queue.clients.insert(place, client);
        }
        let known = self.by_client.insert(client, registered);
        assert!(known.is_none(), "a client waits once");
    }

    pub(super) fn remove(&mut self, client: u64) -> Option<Registered> {
        let registered = self.by_client.remove(&client)?;
        for key in &registered.wait.keys {
            if let Some(queue) = self.by_key.get_mut(key) {
                queue.clients.retain(|&other| other != client);
                if queue.clients.is_empty() {
                    self.by_key.remove(key);
                }
            }
        }
        Some(registered)
    }

    /// True when the client also waits for a key that is being offered to those before it: as in
    /// Redis, one key is served to its end before the next.
    pub(super) fn may_be_served_before(&self, client: u64) -> bool {
        let keys = &self.by_client[&client].wait.keys;
        keys.iter().any(|key| self.offered.contains(key))
    }

    /// The first who can take what is at the key now and has not looked since it changed.
    pub(super) fn first_for(&self, key: &DbKey, offered: (Kind, usize)) -> Option<u64> {
        let queue = self.by_key.get(key)?;
        queue.clients.iter().copied().find(|client| {
            let registered = &self.by_client[client];
            registered.looked_at < queue.changed_at && suits(&registered.wait, offered)
        })
    }
}

/// Whether a value of this kind, with so many elements, is what the client waits for.
pub(super) fn suits(wait: &Wait, (kind, len): (Kind, usize)) -> bool {
    wait.kind == kind && len >= wait.least
}
