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
use super::blocking::waits_as;
use super::execute::Call;
use crate::cmd::{flag, key_slot};
use crate::conn::State;
use crate::resp::Reply;
use crate::route::{
    ClientRef, DbKey, Note, Part, Returned, Sequence, ShardId, Task, Told, Wait, Work,
};
use crate::store::Entry;
use crate::txn::{Decided, Plan, Share};

/// The same entry once more.
fn copy(entry: &Entry) -> Entry {
    entry.clone_with_key(entry.key())
}

impl Core {
    /// Commands that run here over lent entries of all their keys; `more` keys are locked and lent
    /// besides.
    pub(super) fn lend_all(&mut self, task: Task, more: Vec<DbKey>) {
        let mut keys: Vec<DbKey> = more;
        for (head, args) in task.commands.iter() {
            self.keys_of(head, &args, &mut keys);
        }
        keys.sort_unstable();
        keys.dedup();
        let owned = self.by_owner(keys.into_iter().map(|key| (key_slot(&key.1), key)));
        let (token, watcher) = (task.to.client().token, task.watcher);
        let sequence = self.open(token, Plan::Lend(task), owned.len());
        for (shard, keys) in owned {
            let keys: Arc<[DbKey]> = keys.into();
            let intents = self.exclusive_intents(&*keys);
            let work = Work::Lend(Arc::clone(&keys));
            self.ask_share(sequence, Share::new(shard, keys), intents, work, watcher);
        }
        if self.transactions.coordinator.is_granted(sequence) {
            self.decide(sequence);
        }
    }

    /// Runs commands over lent entries, answers, and sends the entries home.
    pub(super) fn run_lent(&mut self, sequence: Sequence, mut task: Task, mut decided: Decided) {
        self.close_unit();
        self.effects.stream.keep();
        let before = self.borrow_entries(&mut decided.shares, self.finds_keys(&task));
        self.effects.lent.sort_unstable();
        assert!(
            self.effects.found.is_empty(),
            "what an earlier command found has been lent to it"
        );
        let wanted = std::mem::replace(&mut self.effects.wants.modified, true);
        let aborted = task.exec && decided.watch_changed;
        let mut reply = Vec::new();
        let gone = decided.offered && self.has_left(decided.client);
        let clock_ms = Some(decided.clock_ms);
        let blocks = !gone
            && self.at_clock(clock_ms, |core| {
                core.run_borrowed(&task, aborted, &mut reply)
            });
        self.effects.wants.modified = wanted;
        self.effects.lent.clear();
        if !self.effects.found.is_empty() {
            self.effects.stream.cut_back();
            return self.start_over(sequence, task, decided, before);
        }
        let mut modified: Vec<(ShardId, DbKey)> = std::mem::take(&mut self.effects.modified)
            .into_iter()
            .map(|key| (self.slots.owner(key_slot(&key.1)), key))
            .collect();
        self.settle_effects();
        let mut told = self.told_apart(&decided);
        let waits = blocks && !decided.offered;
        let instead = waits_as(&mut self.effects, &mut task);
        for share in &decided.shares {
            let its = told.iter().position(|(shard, _)| *shard == share.shard);
            let its = its.map(|at| told.swap_remove(at).1);
            let waits = waits.then_some(&task);
            let finish = self.finish_share(sequence, share, &mut modified, its, waits);
            self.tell(share.shard, finish);
        }
        if let Some((shard, told)) = told.pop() {
            assert!(
                shard == self.id() && told.unit.is_some(),
                "what is told concerns keys that were lent, or none"
            );
            self.hear_told(*told);
        }
        assert!(told.is_empty(), "every owner is told");
        assert!(
            modified.is_empty(),
            "every change is told to the owner of its key"
        );
        let databases = self.keyspace.borrowed.databases();
        let lent_left: usize = databases.map(|db| self.keyspace.borrowed.len(db)).sum();
        assert!(lent_left == 0, "a handler keeps to the keys of its command");
        if !blocks {
            assert!(
                task.home == self.id(),
                "the coordinator is the client's home"
            );
            self.late(task.to, &reply);
        } else if decided.offered {
            self.attempt_again(task);
        } else {
            let owners = decided.shares.iter().map(|share| share.shard);
            self.blocked(decided.client, instead, owners);
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
            assert!(
                entries.len() == share.keys.len(),
                "an owner lends what it was asked for"
            );
            if undoes {
                let copies = entries.iter().map(|entry| entry.as_ref().map(copy));
                before.push(copies.collect());
                self.effects.lent.extend(share.keys.iter().cloned());
            }
            for ((db, key), entry) in share.keys.iter().zip(entries) {
                let Some(entry) = entry else { continue };
                let (db, slot) = (*db, key_slot(key));
                let displaced = self.keyspace.borrowed.insert(db, slot, entry);
                assert!(displaced.is_none(), "a key is lent by its one owner");
            }
        }
        before
    }

    /// Takes a key's entry out of `borrowed`.
    fn unborrow(&mut self, (db, key): &DbKey) -> Option<Entry> {
        let borrowed = &mut self.keyspace.borrowed;
        borrowed.take(*db, key_slot(key), key)
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
    fn start_over(
        &mut self,
        sequence: Sequence,
        task: Task,
        decided: Decided,
        before: Vec<Returned>,
    ) {
        assert!(
            !decided.offered && !task.counted,
            "a command that finds keys does not block"
        );
        assert!(
            before.len() == decided.shares.len(),
            "what may be undone was copied for every owner"
        );
        let mut keys = std::mem::take(&mut self.effects.found);
        self.effects.forget();
        for (share, entries) in decided.shares.iter().zip(before) {
            for key in share.keys.iter() {
                if let Some(entry) = self.unborrow(key) {
                    self.keyspace.borrowed.discard(entry);
                }
            }
            keys.extend(share.keys.iter().cloned());
            self.tell(share.shard, Note::unchanged(sequence, entries));
        }
        self.metrics.count().restarts += 1;
        for (head, _) in task.commands.iter() {
            // Counted again when it runs again.
            self.metrics.uncount_call(head.row);
        }
        if self.has_left(decided.client) {
            return self.late(task.to, &[]);
        }
        self.lend_all(task, keys);
    }

    /// Nobody would hear the reply.
    pub(super) fn has_left(&mut self, client: ClientRef) -> bool {
        let client = self.clients.of(client);
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
                self.run_queued(task.to.client(), call, &args, reply);
            } else {
                self.run_handler(if alone { call.alone() } else { call }, &args, reply);
            }
        }
        alone && self.effects.block.is_some()
    }

    /// What an owner is told at the end: its entries come home, and what else concerns its keys.
    fn finish_share(
        &mut self,
        sequence: Sequence,
        share: &Share,
        modified: &mut Vec<(ShardId, DbKey)>,
        told: Option<Box<Told>>,
        blocks: Option<&Task>,
    ) -> Note {
        let returned: Returned = share.keys.iter().map(|key| self.unborrow(key)).collect();
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
            told,
        }
    }
}

#[cfg(test)]
#[path = "finding_tests.rs"]
mod tests;
