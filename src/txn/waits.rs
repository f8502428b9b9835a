//! Who waits for which key of a shard, who is served first, and when its clients stop waiting.
//!
//! A blocked client has a registration at every owner of a key it waits for, first come first
//! served. A key that may have something to take is *ready*; its first suitable waiter becomes the
//! *candidate* for whom the key is locked and then offered. Each shard owns one; plain bookkeeping,
//! must not touch the keyspace. Ordered maps, so that a seeded run repeats itself.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::route::{ClientRef, DbKey, Returned, Wait};
use crate::store::{Db, Entry};

/// A registration, its place in the queues and what it has seen.
#[derive(Debug)]
struct Registered {
    wait: Wait,
    /// Lower ones are served first.
    ticket: u64,
    /// The change up to which its client has looked at the keys and found nothing.
    looked_at: u64,
}

/// A waiter for whom a key is being locked.
#[derive(Debug)]
pub struct Candidate(Registered);

impl Candidate {
    /// What it waits for.
    #[must_use]
    pub fn wait(&self) -> &Wait {
        &self.0.wait
    }
}

/// Those who wait for one key, first come first.
#[derive(Debug, Default)]
struct Queue {
    clients: VecDeque<u64>,
    changed_at: u64,
    /// The key is in `ready`, in `deferred`.
    is_ready: bool,
    is_deferred: bool,
}

/// When a client stops waiting: monotonic microseconds, the client, its count of blocking commands.
pub type Deadline = (u64, ClientRef, u32);

/// Waits on this shard's keys, and deadlines of this shard's clients.
#[derive(Debug, Default)]
pub struct Waits {
    by_key: BTreeMap<DbKey, Queue>,
    by_client: BTreeMap<u64, Registered>,
    /// Clients, with the number of their block, for whom a key is being locked.
    locking: BTreeMap<u64, u32>,
    /// Keys that are being offered, and ready ones whose next waiter may yet be served by one of
    /// these.
    offered: BTreeSet<DbKey>,
    deferred: Vec<DbKey>,
    tickets: u64,
    /// Counts changes of keys that somebody waits for.
    changes: u64,
    /// Keys with waiters that were modified.
    ready: VecDeque<DbKey>,
    deadlines: BTreeSet<Deadline>,
}

impl Waits {
    /// True when nobody waits for a key of this shard.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_client.is_empty()
    }

    /// A client of this shard waits until then; one that starts anew keeps its deadline.
    pub fn add_deadline(&mut self, deadline: Deadline) {
        self.deadlines.insert(deadline);
    }

    /// It waits no longer.
    pub fn drop_deadline(&mut self, deadline: Deadline) {
        self.deadlines.remove(&deadline);
    }

    /// When the first deadline is, monotonic microseconds.
    #[must_use]
    pub fn next_deadline_us(&self) -> Option<u64> {
        self.deadlines.first().map(|(at_us, ..)| *at_us)
    }

    /// How many clients of this shard wait until some time.
    #[must_use]
    pub fn deadlines(&self) -> usize {
        self.deadlines.len()
    }

    /// The next client whose deadline has passed.
    pub fn next_timed_out(&mut self, now_us: u64) -> Option<Deadline> {
        let first = self.deadlines.first()?;
        (first.0 <= now_us)
            .then(|| self.deadlines.pop_first())
            .flatten()
    }

    /// A client waits, behind all others; it has just looked.
    pub fn register(&mut self, wait: Wait) {
        self.forget(wait.client.id);
        if wait.keys.is_empty() {
            return;
        }
        self.tickets += 1;
        self.put(Registered {
            wait,
            ticket: self.tickets,
            looked_at: self.changes,
        });
    }

    /// A client has been served or has gone.
    pub fn forget(&mut self, client: u64) {
        self.remove(client);
        self.locking.remove(&client);
    }

    /// A key changed.
    pub fn modified(&mut self, key: DbKey) {
        if let Some(queue) = self.by_key.get_mut(&key) {
            self.changes += 1;
            queue.changed_at = self.changes;
            self.look_again(key);
        }
    }

    /// Lent entries come back, perhaps unchanged: they may still be there for the next waiter.
    pub fn came_back(&mut self, keys: &[DbKey], returned: &Returned) {
        assert!(
            keys.len() == returned.len() || returned.is_empty(),
            "what comes back was lent"
        );
        if self.is_empty() {
            return;
        }
        for key in keys.iter().take(returned.len()) {
            self.look_again(key.clone());
        }
    }

    /// A key may be there for the next waiter, unchanged.
    fn look_again(&mut self, key: DbKey) {
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

    /// The next waiter who is to be offered a key, and the key; `at` says what is there.
    pub fn next_candidate<'e>(
        &mut self,
        at: impl Fn(&DbKey) -> Option<&'e Entry>,
    ) -> Option<(Candidate, DbKey)> {
        while let Some(key) = self.ready.pop_front() {
            if let Some(queue) = self.by_key.get_mut(&key) {
                queue.is_ready = false;
            }
            let first = self.first_for(&key, at(&key));
            let Some(first) = first else {
                continue;
            };
            if self.may_be_served_before(first) {
                self.defer(key);
                continue;
            }
            let registered = self.remove(first);
            let registered = registered.expect("the queues name clients that wait");
            self.offered.insert(key.clone());
            let wait = &registered.wait;
            self.locking.insert(wait.client.id, wait.block);
            return Some((Candidate(registered), key));
        }
        None
    }

    /// The key is locked for its candidate, and this is there: whom to offer it. None: somebody
    /// else's turn, when the locks are gone.
    pub fn locked_for(
        &mut self,
        candidate: Candidate,
        key: &DbKey,
        entry: Option<&Entry>,
    ) -> Option<Wait> {
        let Candidate(registered) = candidate;
        let (client, block) = (registered.wait.client.id, registered.wait.block);
        if self.locking.get(&client) != Some(&block) {
            // Served by another shard, or gone, while the lock was awaited.
            self.look_again(key.clone());
            self.offer_over(key);
            return None;
        }
        self.locking.remove(&client);
        if serves(&registered.wait, key, entry) {
            return Some(registered.wait);
        }
        let keys = registered.wait.keys.clone();
        self.put(registered);
        // What happened to them meanwhile found nobody waiting.
        for key in keys {
            self.modified(key);
        }
        self.offer_over(key);
        None
    }

    /// The key waits for the end of an offer.
    fn defer(&mut self, key: DbKey) {
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
    pub fn database_replaced(&mut self, db: Db) {
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

    /// Where it belongs by its ticket.
    fn put(&mut self, registered: Registered) {
        let client = registered.wait.client.id;
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

    fn remove(&mut self, client: u64) -> Option<Registered> {
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
    fn may_be_served_before(&self, client: u64) -> bool {
        let keys = &self.by_client[&client].wait.keys;
        keys.iter().any(|key| self.offered.contains(key))
    }

    /// True while somebody could be served with what is at the key, and is not.
    #[cfg(test)]
    pub fn is_overlooked(&self, key: &DbKey, entry: Option<&Entry>) -> bool {
        let queue = self.by_key.get(key);
        let mut clients = queue.into_iter().flat_map(|queue| &queue.clients);
        clients.any(|client| serves(&self.by_client[client].wait, key, entry))
    }

    /// True when no client is a candidate.
    #[cfg(test)]
    pub fn no_candidates(&self) -> bool {
        self.locking.is_empty()
    }

    /// The first who can take what is at the key now and has not looked since it changed.
    fn first_for(&self, key: &DbKey, entry: Option<&Entry>) -> Option<u64> {
        let queue = self.by_key.get(key)?;
        queue.clients.iter().copied().find(|client| {
            let registered = &self.by_client[client];
            registered.looked_at < queue.changed_at && serves(&registered.wait, key, entry)
        })
    }
}

/// Whether what is at the key, perhaps nothing, is what the client waits for.
fn serves(wait: &Wait, (_, key): &DbKey, entry: Option<&Entry>) -> bool {
    let args = wait.command.args();
    (wait.blocking.serves)(wait.blocking, &args, key, entry)
}
