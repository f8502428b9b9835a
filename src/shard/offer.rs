//! Offers: a key that a blocked client waits for is lent to its home, which takes it or sends it
//! back.
//!
//! The owner's side lends the key once it is locked for its first waiter; the home's side completes
//! the offer into a lending transaction whose first lock is held already. Who waits is
//! `txn::Waits`'; nothing here takes an element itself.

use std::sync::Arc;

use super::Core;
use super::blocking::{moves, value_at};
use crate::cmd::{Row, key_slot};
use crate::conn::State;
use crate::route::{DbKey, Lent, Note, Offer, ReplyTo, Sequence, ShardId, Task, Work};
use crate::txn::{Candidate, Opening, Plan, Share};

impl Core {
    /// The key is locked for the waiter: lend it. None: it is not for him any more.
    pub(super) fn make_offer(
        &mut self,
        sequence: Sequence,
        candidate: Candidate,
        key: DbKey,
    ) -> Option<Arc<[DbKey]>> {
        let Self {
            transactions,
            keyspace,
            now,
            ..
        } = self;
        let entry = value_at(&keyspace.own, &key, now.unix_ms());
        let wait = transactions.waits.locked_for(candidate, &key, entry);
        self.update_wants();
        let wait = wait?;
        let keys: Arc<[DbKey]> = std::iter::once(key).chain(wait.also).collect();
        let offer = Offer {
            client: wait.client,
            block: wait.block,
            lent: self.lent(sequence, Arc::clone(&keys)),
        };
        self.tell(wait.home, Note::Offer(Box::new(offer)));
        Some(keys)
    }

    /// Locked keys, lent to the home of a client.
    pub(super) fn lent(&mut self, sequence: Sequence, keys: Arc<[DbKey]>) -> Lent {
        Lent {
            sequence,
            entries: self.lend(&keys),
            keys,
            clock_ms: self.now.unix_ms(),
        }
    }

    /// An owner holds a key for one of our clients.
    pub(super) fn take_offer(&mut self, from: ShardId, offer: Offer) {
        let Offer {
            client: waiter,
            block,
            lent,
        } = offer;
        let waits = |client: &&mut crate::conn::Client| {
            client.state == State::Blocked && client.block == block
        };
        let Some(client) = self.clients.of(waiter).filter(waits) else {
            return self.tell(from, Note::unchanged(lent.sequence, lent.entries));
        };
        client.state = State::Waiting;
        let carried = client.kept_command.as_deref();
        let carried = carried.expect("a blocked client has its command").clone();
        let mut elsewhere = self.waits_at(&carried);
        let offers = elsewhere.remove(&from);
        assert!(
            offers,
            "only an owner of a key that is waited for offers it"
        );
        self.unblock(waiter.id, elsewhere);
        let to = ReplyTo::Alone(waiter);
        let task = Task {
            block,
            counted: true,
            ..Task::of(self.id(), to, carried.head, &carried.args())
        };
        self.complete_offer(from, lent, task);
    }

    /// What was offered was gone when it came to it: the command starts anew, and waits again on
    /// every owner.
    pub(super) fn attempt_again(&mut self, task: Task) {
        if self.has_left(task.to.client()) {
            return;
        }
        let (head, args) = task.commands.get(0);
        let row: &'static Row = self.table().row(head.row);
        let route = self.route(row, &args);
        self.coordinate(row, task, route);
    }

    /// Completes what an owner has locked and lent into a lending transaction, with those keys of
    /// the command that its source needs besides and one other shard has.
    fn complete_offer(&mut self, from: ShardId, lent: Lent, task: Task) {
        let (head, args) = task.commands.get(0);
        let mut others = Vec::new();
        if moves(self.table().row(head.row)) {
            self.keys_of(head, &args, &mut others);
            others.retain(|key| !lent.keys.contains(key));
            others.dedup();
        }
        let client = task.to.client();
        let opening = Opening {
            client,
            within_ms: None,
            offered: true,
            plan: Plan::Lend(task),
        };
        let sequence = lent.sequence;
        let (keys, grant) = lent.into_grant();
        let coordinator = &mut self.transactions.coordinator;
        coordinator.open(sequence, opening, 2);
        coordinator.ask(sequence, Share::new(from, keys));
        if let Some(key) = others.first() {
            let shard = self.slots.owner(key_slot(&key.1));
            assert!(
                self.by_owner(others.iter().map(|(_, key)| (key_slot(key), ())))
                    .len()
                    == 1,
                "besides its source's owner a command that moves needs one other"
            );
            let intents = self.exclusive_intents(&others);
            let others: Arc<[DbKey]> = others.into();
            let work = Work::Lend(Arc::clone(&others));
            self.ask_share(sequence, Share::new(shard, others), intents, work, None);
        }
        self.granted(from, sequence, grant);
    }
}
