//! Lending transactions: the owners' entries come here, the handler runs over them, the entries go
//! home.
//!
//! The coordinator's part of commands and transactions whose keys several shards own and that do
//! not divide by key. The entries lie in `Keyspace::borrowed` while the handlers run, so these
//! cannot tell.
//!
//! A command that finds keys while it runs (`flag::FINDS_KEYS`) may touch only what is lent. When
//! it needs more, the entries go home as they were, and it starts over with what it has learned:
//! each time with more keys, never with all.

use std::sync::Arc;

use super::Core;
use super::coordinate::{Coordinated, Plan, Share};
use super::execute::Call;
use crate::base::Token;
use crate::cmd::{flag, key_slot};
use crate::conn::State;
use crate::resp::Reply;
use crate::route::{DbKey, Note, Part, ReplyTo, Returned, Sequence, Task, Wait, Work};
use crate::store::Entry;

/// The same entry once more.
fn copy(entry: &Entry) -> Entry {
    entry.clone_with_key(entry.key())
}

impl Core {
    /// Commands that run here over lent entries of all their keys; `watched` keys are locked
    /// besides.
    pub fn lend_all(&mut self, token: Token, task: Task, watched: Vec<DbKey>) {
        let mut keys: Vec<DbKey> = watched;
        for (head, args) in task.commands.iter() {
            self.keys_of(head, &args, &mut keys);
        }
        keys.sort_unstable();
        keys.dedup();
        let mut owned: Vec<(usize, Vec<DbKey>)> = Vec::new();
        for key in keys {
            let shard = self.slots.owner(key_slot(&key.1));
            match owned.iter_mut().find(|(owner, _)| *owner == shard) {
                Some((_, keys)) => keys.push(key),
                None => owned.push((shard, vec![key])),
            }
        }
        let watcher = task.watcher;
        let sequence = self.open(token, Plan::Lend(task), owned.len());
        for (shard, keys) in owned {
            let keys: Arc<[DbKey]> = keys.into();
            let intents = self.exclusive_intents(&*keys);
            let work = Work::Lend(Arc::clone(&keys));
            self.ask_share(sequence, Share::new(shard, keys), intents, work, watcher);
        }
        if self.transactions.coordinated[&sequence].missing == 0 {
            self.decide(sequence);
        }
    }

    /// Runs commands over lent entries, answers, and sends the entries home.
    pub fn run_lent(&mut self, sequence: Sequence, mut coordinated: Coordinated) {
        let Plan::Lend(task) = &coordinated.plan else {
            panic!("only lending transactions run here")
        };
        let before = self.borrow_entries(&mut coordinated.shares, self.finds_keys(task));
        self.effects.lent.sort_unstable();
        let listened = std::mem::replace(&mut self.effects.wants.modified, true);
        let aborted = task.exec && coordinated.dirty;
        let mut reply = Vec::new();
        let gone = coordinated.offered && self.has_left(task.to);
        let clock_ms = Some(coordinated.clock_ms);
        let blocks = !gone
            && self.at_clock(clock_ms, |core| {
                core.run_borrowed(task, aborted, &mut reply)
            });
        self.effects.wants.modified = listened;
        self.effects.lent.clear();
        if !self.effects.found.is_empty() {
            return self.start_over(sequence, coordinated, before);
        }
        let mut modified: Vec<(usize, DbKey)> = std::mem::take(&mut self.effects.modified)
            .into_iter()
            .map(|key| (self.slots.owner(key_slot(&key.1)), key))
            .collect();
        self.settle_effects();
        for share in &coordinated.shares {
            let waits = blocks && !coordinated.offered;
            let finish = self.finish_share(sequence, share, &mut modified, waits.then_some(task));
            self.tell(share.shard, finish);
        }
        let lent_left: usize = (0..usize::from(self.settings.config.databases))
            .map(|db| self.keyspace.borrowed.len(db))
            .sum();
        assert!(lent_left == 0, "a handler keeps to the keys of its command");
        if !blocks {
            let (home, to) = (task.home, task.to);
            assert!(
                usize::from(home) == self.id(),
                "the coordinator is the client's home"
            );
            self.late(to, &reply);
            return;
        }
        let Plan::Lend(task) = coordinated.plan else {
            panic!("only lending transactions run here")
        };
        if coordinated.offered {
            self.attempt_again(task);
        } else {
            self.blocked(task.to, coordinated.shares.iter().map(|share| share.shard));
        }
    }

    /// Puts what the owners have lent into `borrowed`; copies of it are returned when it may have
    /// to be undone.
    fn borrow_entries(&mut self, shares: &mut [Share], undoes: bool) -> Vec<Returned> {
        let mut before: Vec<Returned> = Vec::new();
        for share in shares {
            let Some(Part::Entries(entries)) = share.part.take() else {
                panic!("a granted share has its entries")
            };
            if undoes {
                before.push(
                    entries
                        .iter()
                        .map(|entry| entry.as_ref().map(copy))
                        .collect(),
                );
                self.effects.lent.extend(share.keys.iter().cloned());
            }
            for ((db, key), entry) in share.keys.iter().zip(entries) {
                if let Some(entry) = entry {
                    let displaced =
                        self.keyspace
                            .borrowed
                            .insert(usize::from(*db), key_slot(key), entry);
                    assert!(displaced.is_none(), "a key is lent by its one owner");
                }
            }
        }
        before
    }

    pub(super) fn finds_keys(&self, task: &Task) -> bool {
        let mut rows = task
            .commands
            .iter()
            .map(|(head, _)| self.table().row(head.row));
        rows.any(|row| row.has(flag::FINDS_KEYS))
    }

    /// A command found keys that are not lent: what it did is undone, and it runs again when they
    /// are.
    fn start_over(&mut self, sequence: Sequence, coordinated: Coordinated, before: Vec<Returned>) {
        let Plan::Lend(task) = coordinated.plan else {
            panic!("only lending transactions run here")
        };
        assert!(
            !coordinated.offered,
            "a command that finds keys does not block"
        );
        let mut keys = std::mem::take(&mut self.effects.found);
        self.effects.forget();
        for (share, entries) in coordinated.shares.iter().zip(before) {
            for (db, key) in share.keys.iter() {
                if let Some(entry) =
                    self.keyspace
                        .borrowed
                        .take(usize::from(*db), key_slot(key), key)
                {
                    self.keyspace.borrowed.discard(entry);
                }
            }
            keys.extend(share.keys.iter().cloned());
            self.tell(share.shard, Note::unchanged(sequence, entries));
        }
        self.metrics.count().restarts += 1;
        assert!(!task.counted, "a command that finds keys does not block");
        for (head, _) in task.commands.iter() {
            // Counted again when it runs again.
            self.metrics.uncount_call(head.row);
        }
        if self.has_left(task.to) {
            return self.late(task.to, &[]);
        }
        self.lend_all(task.to.token, task, keys);
    }

    /// Nobody would hear the reply.
    pub(super) fn has_left(&mut self, to: ReplyTo) -> bool {
        let client = self.clients.of(to.token, to.client);
        client.is_none_or(|client| client.state == State::Closing)
    }

    /// The commands of a lending transaction, over `borrowed`. True when its one command must
    /// block.
    fn run_borrowed(&mut self, task: &Task, aborted: bool, reply: &mut Vec<u8>) -> bool {
        let protocol = task.protocol;
        if aborted {
            Reply::new(reply, protocol).null_array();
            return false;
        }
        if task.exec {
            Reply::new(reply, protocol).array(task.commands.len());
        }
        let alone = !task.exec && task.block != 0;
        for (head, args) in task.commands.iter() {
            let call = Call {
                counted: task.counted,
                ..Call::of(head, true)
            };
            if task.needs_client {
                self.run_queued((task.to.token, task.to.client), call, &args, reply);
            } else {
                self.run_handler(if alone { call.alone() } else { call }, &args, reply);
            }
        }
        alone && self.effects.block.is_some()
    }

    fn finish_share(
        &mut self,
        sequence: Sequence,
        share: &Share,
        modified: &mut Vec<(usize, DbKey)>,
        blocks: Option<&Task>,
    ) -> Note {
        let returned: Returned = share
            .keys
            .iter()
            .map(|(db, key)| {
                self.keyspace
                    .borrowed
                    .take(usize::from(*db), key_slot(key), key)
            })
            .collect();
        let modified = modified
            .extract_if(.., |(owner, _)| *owner == share.shard)
            .map(|(_, key)| key)
            .collect();
        let wait: Option<Box<Wait>> =
            blocks.map(|task| Box::new(self.wait_of(task, share.keys.to_vec())));
        Note::Finish {
            sequence,
            returned,
            modified,
            wait,
        }
    }
}

#[cfg(test)]
#[path = "finding_tests.rs"]
mod tests;
