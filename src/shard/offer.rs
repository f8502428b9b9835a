//! Offers: a key that a blocked client waits for is lent to its home, which takes it or sends it
//! back.
//!
//! The owner's side locks the key for the first waiter; the home's side completes the offer into a
//! lending transaction whose first lock is held already. Owned by `blocking`, which says who waits;
//! never takes an element itself.

use std::sync::Arc;

use super::Core;
use super::blocking::moves;
use super::coordinate::{Coordinated, Grant, Plan, Share};
use super::replies::ALONE;
use super::waits::{Candidate, suits};
use crate::cmd::{Row, key_slot};
use crate::conn::State;
use crate::route::{Batch, DbKey, Note, Offer, Part, ReplyTo, Sequence, Task, Work};

impl Core {
    /// The key is locked for the waiter: lend it, or put the waiter back when there is nothing any
    /// more.
    pub fn make_offer(
        &mut self,
        sequence: Sequence,
        candidate: Candidate,
        key: DbKey,
    ) -> Option<Arc<[DbKey]>> {
        let Candidate(registered) = candidate;
        let (client, block) = (registered.wait.client, registered.wait.block);
        if self.waits.locking.get(&client) != Some(&block) {
            // Served by another shard, or gone, while the lock was awaited: the next one's turn.
            self.waits.look_again(key.clone());
            self.waits.offer_over(&key);
            return None;
        }
        self.waits.locking.remove(&client);
        if self
            .live_value(&key)
            .is_none_or(|offered| !suits(&registered.wait, offered))
        {
            let keys = registered.wait.keys.clone();
            self.waits.put(registered);
            // What happened to them meanwhile found nobody waiting.
            for key in keys {
                self.waits.modified(key);
            }
            self.waits.offer_over(&key);
            self.update_wants();
            return None;
        }
        let wait = registered.wait;
        let keys: Arc<[DbKey]> = std::iter::once(key).chain(wait.also).collect();
        let entries = self.lend(&keys);
        let offer = Offer {
            sequence,
            client,
            token: wait.token,
            block,
            keys: Arc::clone(&keys),
            entries,
            clock_ms: self.now.unix_ms(),
        };
        self.tell(usize::from(wait.home), Note::Offer(Box::new(offer)));
        Some(keys)
    }

    /// An owner holds a key for one of our clients.
    pub fn offered(&mut self, from: usize, offer: Offer) {
        let Offer {
            sequence,
            client: id,
            token,
            block,
            keys,
            entries,
            clock_ms,
        } = offer;
        let waits = |client: &&mut crate::conn::Client| {
            client.state == State::Blocked && client.block == block
        };
        let Some(client) = self.clients.of(token, id).filter(waits) else {
            return self.tell(from, Note::unchanged(sequence, entries));
        };
        client.state = State::Waiting;
        let carried = client
            .waiting
            .as_deref()
            .expect("a blocked client has its command")
            .clone();
        let mut elsewhere = self.waits_at(&carried);
        let offers = elsewhere.remove(&from);
        assert!(
            offers,
            "only an owner of a key that is waited for offers it"
        );
        self.unblock(id, elsewhere);
        let mut others = Vec::new();
        if moves(self.table().row(carried.head.row)) {
            self.keys_of(carried.head, &carried.args(), &mut others);
            others.retain(|key| !keys.contains(key));
            others.dedup();
        }
        let home = u16::try_from(self.id()).expect("shards are limited to 256");
        let to = ReplyTo {
            token,
            client: id,
            place: ALONE,
        };
        let task = Task {
            home,
            to,
            protocol: carried.head.protocol,
            commands: Batch::of(carried.head, &carried.args()),
            exec: false,
            watcher: None,
            block,
            needs_client: false,
            counted: true,
        };
        let grant = Grant {
            part: Part::Entries(entries),
            dirty: false,
            clock_ms,
        };
        self.accept(from, sequence, task, (keys, grant), others, true);
    }

    /// What was offered was gone when it came to it: the command starts anew, and waits again on
    /// every owner.
    pub fn attempt_again(&mut self, task: Task) {
        let ReplyTo { token, client, .. } = task.to;
        let there = |client: &mut crate::conn::Client| client.state != State::Closing;
        if !self.clients.of(token, client).is_some_and(there) {
            return;
        }
        let (head, args) = task.commands.get(0);
        let row: &'static Row = self.table().row(head.row);
        let place = self.place(row, &args);
        self.coordinate(token, row, task, place);
    }

    /// Completes what an owner has locked and lent into a lending transaction; `others` are keys of
    /// one other shard. `offered` when the client was waiting.
    pub(super) fn accept(
        &mut self,
        from: usize,
        sequence: Sequence,
        task: Task,
        (lent, grant): (Arc<[DbKey]>, Grant),
        others: Vec<DbKey>,
        offered: bool,
    ) {
        let ReplyTo { token, client, .. } = task.to;
        let first = Share::new(from, lent);
        let missing = 1 + usize::from(!others.is_empty());
        let plan = Plan::Lend(task);
        let shares = vec![first];
        self.transactions.coordinated.insert(
            sequence,
            Coordinated {
                token,
                client,
                shares,
                missing,
                decided: false,
                dirty: false,
                clock_ms: 0,
                within_ms: None,
                offered,
                plan,
            },
        );
        if let Some(key) = others.first() {
            let shard = self.slots.owner(key_slot(&key.1));
            assert!(shard != from, "an owner lends all its keys at once");
            let intents = self.exclusive_intents(&others);
            let others: Arc<[DbKey]> = others.into();
            let work = Work::Lend(Arc::clone(&others));
            self.ask_share(sequence, Share::new(shard, others), intents, work, None);
        }
        self.granted(from, sequence, grant);
    }
}
