//! Blocked clients: who waits for which key, who is served first, and for how long.
//!
//! The home shard owns the client and its deadline; every owner of a key it waits for holds a
//! `Wait`, first come first served. When a key gets something to take, its owner locks it for the
//! first waiter and *offers* the entry to the home shard: a lending transaction whose first lock is
//! held already. The home shard accepts if the client still waits (then it runs the client's
//! command over the lent entry, with locks on further keys such as a destination), or sends the
//! entry back, and the next waiter is offered it. So an element is never taken for a client that
//! has gone, and never by two.

use std::collections::BTreeSet;

use super::Core;
use super::enlist::{Duty, Participant};
use crate::base::Token;
use crate::cmd::{Blocking, Effects, Row, WaitsFor, flag, key_slot};
use crate::conn::State;
use crate::resp::Error;
use crate::route::{
    Batch, Carried, ClientRef, DbKey, Note, ReplyTo, Sequence, ShardId, Task, Wait,
};
use crate::store::{Entry, Store};

/// How a command that may wait does so.
fn waiting_of(row: &'static Row) -> &'static Blocking {
    let blocking = row.command.special.blocking.as_ref();
    blocking.expect("what waits has a row that says how")
}

/// True for commands that need all their keys at once, not just the one that has something to take.
pub(super) fn moves(row: &Row) -> bool {
    let blocking = row.command.special.blocking.as_ref();
    blocking.is_some_and(|blocking| blocking.waits_for == WaitsFor::Source)
}

/// Puts the words in which a command is to be tried again, if it has said some, in its place; so
/// must its client.
pub(super) fn waits_as(effects: &mut Effects, task: &mut Task) -> Option<Box<Carried>> {
    let words = effects.waits_as.take()?;
    let (head, _) = task.commands.get(0);
    let carried = Carried::of(head, words.iter().map(|word| &**word));
    task.commands = Batch::of(head, &carried.args());
    Some(Box::new(carried))
}

impl Core {
    /// Keeps a blocking command with its client, before its first attempt.
    pub(super) fn remember_blocking(&mut self, token: Token, row: &Row, task: &mut Task) {
        if row.has(flag::BLOCKING) {
            let now_us = self.now.monotonic_us;
            let client = self.client(token);
            // 0 is a command that does not block.
            client.block = client.block.checked_add(1).unwrap_or(1);
            task.block = client.block;
            client.kept_command = Some(Box::new(task.commands.carried(0)));
            client.blocked_at_us = now_us;
        }
    }

    /// The owner's part of registering a command that found nothing.
    pub(super) fn wait_here(&mut self, mut task: Task) {
        assert!(
            matches!(task.to, ReplyTo::Alone(_)) && !task.exec,
            "only a command that is alone in its pipeline waits for a key"
        );
        let instead = waits_as(&mut self.effects, &mut task);
        let mut keys = Vec::new();
        let (head, args) = task.commands.get(0);
        self.keys_of(head, &args, &mut keys);
        // Others may own the destination of one that was decided by its source.
        keys.retain(|(_, key)| self.slots.owner(key_slot(key)) == self.id());
        assert!(
            !keys.is_empty(),
            "a command waits at the owners of its keys"
        );
        let wait = self.wait_of(&task, keys);
        self.register_wait(wait);
        self.tell(task.home, Note::Blocked(task.to.client(), instead));
    }

    /// The registration of a task's client for those of its keys that one shard owns.
    #[must_use]
    pub(super) fn wait_of(&self, task: &Task, mut keys: Vec<DbKey>) -> Wait {
        let (head, args) = task.commands.get(0);
        let row = self.table().row(head.row);
        let mut also = Vec::new();
        if moves(row) {
            // The first key is the source; only there something can appear.
            let source = args.get(1);
            also = keys
                .iter()
                .filter(|(_, key)| **key != *source)
                .cloned()
                .collect();
            keys.retain(|(_, key)| **key == *source);
        }
        keys.sort_unstable();
        keys.dedup();
        let blocking = waiting_of(row);
        Wait {
            home: task.home,
            client: task.to.client(),
            block: task.block,
            blocking,
            command: Carried::new(head, &args),
            keys,
            also,
        }
    }

    /// A client waits for keys of this shard.
    pub(super) fn register_wait(&mut self, wait: Wait) {
        self.transactions.waits.register(wait);
        self.update_wants();
    }

    /// The client has been served or has gone.
    pub(super) fn forget_waits(&mut self, client: u64) {
        self.transactions.waits.forget(client);
        self.update_wants();
    }

    /// Locks every ready key for its first waiter, to be offered when it is locked: before
    /// everybody who came after the transaction that made the keys ready, if one did.
    pub(super) fn offer_ready(&mut self, behind: Option<Sequence>) {
        if !self.transactions.waits.has_ready() {
            return;
        }
        loop {
            let Self {
                transactions,
                keyspace,
                now,
                ..
            } = self;
            let value = |key: &DbKey| value_at(&keyspace.own, key, now.unix_ms());
            let Some((candidate, key)) = transactions.waits.next_candidate(value) else {
                break;
            };
            let wait = candidate.wait();
            let home = wait.home;
            let intents = self.exclusive_intents(std::iter::once(&key).chain(&wait.also));
            let sequence = behind.and_then(|behind| self.sequence_behind(behind));
            let sequence = sequence.unwrap_or_else(|| self.next_sequence());
            let duty = Duty::MakeOffer(Box::new(candidate), key);
            self.take_part(sequence, intents, Participant::new(home, duty));
        }
        self.update_wants();
    }

    fn sequence_behind(&mut self, sequence: Sequence) -> Option<Sequence> {
        let shard = self.id();
        self.transactions.order.behind(sequence, shard)
    }

    /// True when something is at a key of this shard that has not expired.
    #[must_use]
    pub fn is_live(&self, key: &DbKey) -> bool {
        self.live_value(key).is_some()
    }

    /// What is at a key of this shard and has not expired.
    pub(super) fn live_value(&self, key: &DbKey) -> Option<&Entry> {
        value_at(&self.keyspace.own, key, self.now.unix_ms())
    }

    /// Its first attempt found nothing: from now on the client waits and its time runs. `owners`
    /// have registered it.
    pub(super) fn blocked(
        &mut self,
        waiter: ClientRef,
        instead: Option<Box<Carried>>,
        owners: impl IntoIterator<Item = ShardId>,
    ) {
        let client = self.clients.of(waiter);
        let Some(client) = client.filter(|client| client.state != State::Closing) else {
            return self.unblock(waiter.id, owners);
        };
        assert!(
            client.kept_command.is_some(),
            "a client that blocks has kept its command"
        );
        if instead.is_some() {
            client.kept_command = instead;
        }
        if client.ended {
            return self.close_now(waiter.token);
        }
        assert!(
            client.state == State::Waiting,
            "a client blocks once for each attempt of its command"
        );
        client.state = State::Blocked;
        let (block, since_us) = (client.block, client.blocked_at_us);
        self.list_output(waiter.token);
        if let Some(timeout_us) = self.timeout_us(waiter.token) {
            let at_us = since_us + timeout_us;
            self.transactions.waits.add_deadline((at_us, waiter, block));
            let earlier = self.client(waiter.token).deadline_us.replace(at_us);
            assert!(
                earlier.is_none_or(|earlier_us| earlier_us == at_us),
                "a command's time runs from when it was issued, however often it is tried"
            );
        }
    }

    /// How long the client waits, microseconds; None: for ever.
    fn timeout_us(&mut self, token: Token) -> Option<u64> {
        let carried = self.clients.get(token)?.kept_command.as_ref()?;
        let row = self.table().row(carried.head.row);
        let args = carried.args();
        // The handler has refused what is no timeout.
        let timeout_ms = (waiting_of(row).timeout_ms)(&args).ok().flatten()?;
        Some(timeout_ms * 1000)
    }

    /// Unregisters a client where it is registered.
    pub(super) fn unblock(&mut self, client: u64, owners: impl IntoIterator<Item = ShardId>) {
        for shard in owners {
            self.tell(shard, Note::Unblock { client });
        }
    }

    /// The shards where a blocking command is registered while it waits.
    pub(super) fn waits_at(&self, command: &Carried) -> BTreeSet<ShardId> {
        let args = command.args();
        let mut keys = Vec::new();
        self.keys_of(command.head, &args, &mut keys);
        if moves(self.table().row(command.head.row)) {
            keys.retain(|(_, key)| **key == *args.get(1));
        }
        keys.iter()
            .map(|(_, key)| self.slots.owner(key_slot(key)))
            .collect()
    }

    /// CLIENT UNBLOCK ends a client's wait.
    pub fn unblock_waiting(&mut self, token: Token, error: bool) {
        let command = self.client(token).kept_command.as_ref();
        let row = command.expect("a blocked client has its command").head.row;
        self.metrics.count_unblocked(row);
        self.stop_waiting(token, error);
    }

    /// A client waits no longer: its owners forget it. False: it did not wait.
    fn end_wait(&mut self, token: Token) -> bool {
        let client = self.client(token);
        let id = client.id;
        let Some(command) = client.kept_command.take() else {
            return false;
        };
        self.forget_deadline(token);
        let owners = self.waits_at(&command);
        self.unblock(id, owners);
        true
    }

    /// Ends a client's wait without an element.
    pub(super) fn stop_waiting(&mut self, token: Token, error: bool) {
        assert!(
            self.client(token).state == State::Blocked,
            "only a blocked client is released"
        );
        let waited = self.end_wait(token);
        assert!(waited, "a blocked client has its command");
        if error {
            let error = Error::new("UNBLOCKED client unblocked via CLIENT UNBLOCK");
            return self.complete(token, |reply| reply.error(&error));
        }
        // Also for those that would have answered with a single element, as Redis does.
        self.complete(token, |reply| reply.null_array());
    }

    /// Releases the clients whose timeout has passed.
    pub(super) fn time_out_waits(&mut self) {
        let now_us = self.now.monotonic_us;
        while let Some((_, client, block)) = self.transactions.waits.next_timed_out(now_us) {
            let waits = |client: &mut crate::conn::Client| {
                client.state == State::Blocked && client.block == block
            };
            if self.clients.of(client).is_some_and(waits) {
                self.stop_waiting(client.token, false);
            }
        }
    }

    /// A client leaves: nobody serves it any more.
    pub(super) fn leave_waits(&mut self, token: Token) {
        self.end_wait(token);
    }
}

/// What is at a key and has not expired at that time.
pub(super) fn value_at<'s>(store: &'s Store, key: &DbKey, now_ms: u64) -> Option<&'s Entry> {
    let entry = store.get(key.0, key_slot(&key.1), &key.1)?;
    (!entry.is_expired(now_ms)).then_some(entry)
}

#[cfg(test)]
#[path = "blocking_tests.rs"]
mod tests;
