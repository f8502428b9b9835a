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
use super::participate::{Duty, Participant};
use super::waits::Candidate;
use crate::base::Token;
use crate::cmd::{Blocking, Row, WaitsFor, flag, key_slot};
use crate::conn::State;
use crate::resp::Error;
use crate::route::{Carried, DbKey, Note, ReplyTo, Returned, Sequence, Task, Wait};
use crate::store::Kind;

/// How a command that may wait does so.
fn waiting_of(row: &Row) -> &Blocking {
    let blocking = row.command.special.blocking.as_ref();
    blocking.expect("what waits has a row that says how")
}

/// True for commands that need all their keys at once, not just the one that has something to take.
pub(super) fn moves(row: &Row) -> bool {
    let blocking = row.command.special.blocking.as_ref();
    blocking.is_some_and(|blocking| blocking.waits_for == WaitsFor::Source)
}

impl Core {
    /// Keeps a blocking command with its client, before its first attempt.
    pub fn remember_blocking(&mut self, token: Token, row: &Row, task: &mut Task) {
        if row.has(flag::BLOCKING) {
            let now_us = self.now.monotonic_us;
            let client = self.client(token);
            client.block = client.block.wrapping_add(1);
            task.block = client.block;
            client.waiting = Some(Box::new(task.commands.carried(0)));
            client.blocked_at_us = now_us;
        }
    }

    /// The owner's part of registering a command that found nothing.
    pub fn wait_here(&mut self, task: &Task) {
        let mut keys = Vec::new();
        let (head, args) = task.commands.get(0);
        self.keys_of(head, &args, &mut keys);
        // Others may own the destination of one that was decided by its source.
        keys.retain(|(_, key)| self.slots.owner(key_slot(key)) == self.id());
        assert!(
            !keys.is_empty(),
            "a command waits at the owners of its keys"
        );
        let wait = self.wait_of(task, keys);
        self.register_wait(wait);
        self.tell(usize::from(task.home), Note::Blocked { to: task.to });
    }

    /// The registration of a task's client for those of its keys that one shard owns.
    #[must_use]
    pub fn wait_of(&self, task: &Task, mut keys: Vec<DbKey>) -> Wait {
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
        let (home, block) = (task.home, task.block);
        Wait {
            home,
            token: task.to.token,
            client: task.to.client,
            block,
            kind: blocking.takes,
            least: (blocking.least)(&args),
            keys,
            also,
        }
    }

    /// A client waits for keys of this shard.
    pub fn register_wait(&mut self, wait: Wait) {
        self.waits.remove(wait.client);
        self.waits.locking.remove(&wait.client);
        if !wait.keys.is_empty() {
            self.waits.add(wait);
        }
        self.update_wants();
    }

    /// The client has been served or has gone.
    pub fn forget_waits(&mut self, client: u64) {
        self.waits.remove(client);
        self.waits.locking.remove(&client);
        self.update_wants();
    }

    /// Lent entries that come back unchanged may still be there for the next waiter.
    pub fn mark_ready(&mut self, keys: &[DbKey], returned: &Returned) {
        if self.waits.is_empty() {
            return;
        }
        for (key, entry) in keys.iter().zip(returned) {
            if entry.is_some() {
                self.waits.look_again(key.clone());
            }
        }
    }

    /// Offers every ready key to its first waiter.
    pub fn serve_ready(&mut self) {
        self.offer_ready(None);
    }

    /// As `serve_ready`, before everybody who came after the transaction that made the keys ready.
    pub fn serve_ready_behind(&mut self, sequence: Sequence) {
        self.offer_ready(Some(sequence));
    }

    fn offer_ready(&mut self, behind: Option<Sequence>) {
        while let Some(key) = self.waits.next_ready() {
            let Some(offered) = self.live_value(&key) else {
                continue;
            };
            let Some(first) = self.waits.first_for(&key, offered) else {
                continue;
            };
            if self.waits.may_be_served_before(first) {
                self.waits.defer(key);
                continue;
            }
            let registered = self
                .waits
                .remove(first)
                .expect("the queues name clients that wait");
            self.waits.offered.insert(key.clone());
            let wait = &registered.wait;
            self.waits.locking.insert(wait.client, wait.block);
            let intents = self.exclusive_intents(std::iter::once(&key).chain(&wait.also));
            let sequence = match behind {
                Some(behind) => self.sequence_behind(behind),
                None => self.next_sequence(),
            };
            let participant = Participant {
                coordinator: usize::from(wait.home),
                duty: Duty::Offer(Box::new(Candidate(registered)), key),
                watcher: None,
                within_ms: None,
            };
            self.take_part(sequence, intents, participant);
        }
        self.update_wants();
    }

    /// True when something is at a key of this shard, and its time is not over.
    #[must_use]
    pub fn is_live(&self, key: &DbKey) -> bool {
        self.live_value(key).is_some()
    }

    /// What is at a key, and how many elements it has.
    pub(super) fn live_value(&self, key: &DbKey) -> Option<(Kind, usize)> {
        let entry = self
            .keyspace
            .own
            .get(usize::from(key.0), key_slot(&key.1), &key.1)?;
        let live = !entry.is_expired(self.now.unix_ms());
        live.then(|| (entry.kind(), entry.value().elements()))
    }

    /// Its first attempt found nothing: from now on the client waits and its time runs. `owners`
    /// have registered it.
    pub fn blocked(&mut self, to: ReplyTo, owners: impl IntoIterator<Item = usize>) {
        let client = self.clients.of(to.token, to.client);
        let Some(client) = client.filter(|client| client.state != State::Closing) else {
            return self.unblock(to.client, owners);
        };
        assert!(
            client.waiting.is_some(),
            "a client that blocks has kept its command"
        );
        if client.ended {
            return self.close_now(to.token);
        }
        client.state = State::Blocked;
        let (block, since_us) = (client.block, client.blocked_at_us);
        self.list_output(to.token);
        if let Some(timeout_us) = self.timeout_us(to.token) {
            let deadline = (since_us + timeout_us, to.token, to.client, block);
            self.waits.deadlines.insert(deadline);
            self.client(to.token).deadline_us = Some(deadline.0);
        }
    }

    /// How long the client waits, microseconds; None: for ever.
    fn timeout_us(&mut self, token: Token) -> Option<u64> {
        let carried = self.clients.get(token)?.waiting.as_ref()?;
        let row = self.table().row(carried.head.row);
        let args = carried.args();
        // The handler has refused what is no timeout.
        let timeout_ms = (waiting_of(row).timeout_ms)(&args).ok().flatten()?;
        Some(timeout_ms * 1000)
    }

    /// Unregisters a client where it is registered.
    pub(super) fn unblock(&mut self, client: u64, owners: impl IntoIterator<Item = usize>) {
        for shard in owners {
            self.tell(shard, Note::Unblock { client });
        }
    }

    /// The shards where a blocking command is registered while it waits.
    pub(super) fn waits_at(&self, command: &Carried) -> BTreeSet<usize> {
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
        let command = self.client(token).waiting.as_ref();
        let row = command.expect("a blocked client has its command").head.row;
        self.metrics.count_unblocked(row);
        self.stop_waiting(token, error);
    }

    /// Ends a client's wait without an element.
    pub fn stop_waiting(&mut self, token: Token, error: bool) {
        let client = self.client(token);
        assert!(
            client.state == State::Blocked,
            "only a blocked client is released"
        );
        let id = client.id;
        let command = client.waiting.take();
        let command = command.expect("a blocked client has its command");
        self.forget_deadline(token);
        let owners = self.waits_at(&command);
        self.unblock(id, owners);
        if error {
            let error = Error::new("UNBLOCKED client unblocked via CLIENT UNBLOCK");
            return self.complete(token, |reply| reply.error(&error));
        }
        // Also for those that would have answered with a single element, as Redis does.
        self.complete(token, |reply| reply.null_array());
    }

    /// Releases the clients whose time is over.
    pub fn expire_waits(&mut self) {
        while let Some(&(at_us, token, id, block)) = self.waits.deadlines.first() {
            if at_us > self.now.monotonic_us {
                return;
            }
            self.waits.deadlines.pop_first();
            let waits = |client: &mut crate::conn::Client| {
                client.state == State::Blocked && client.block == block
            };
            if self.clients.of(token, id).is_some_and(waits) {
                self.stop_waiting(token, false);
            }
        }
    }

    /// A client leaves: nobody serves it any more.
    pub fn leave_waits(&mut self, token: Token) {
        let client = self.client(token);
        let id = client.id;
        let Some(command) = client.waiting.take() else {
            return;
        };
        self.forget_deadline(token);
        let owners = self.waits_at(&command);
        self.unblock(id, owners);
    }
}

#[cfg(test)]
#[path = "blocking_tests.rs"]
mod tests;
