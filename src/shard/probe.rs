//! Probes: a blocking command whose source alone decides asks the source's owner first.
//!
//! BLMOVE and its kin wait while the source is absent, whatever the destination is. So nothing is
//! lent as long as there is nothing to move: the owner of the source registers the client at once.
//! When the source is there, its owner locks and lends it, and the client's home completes that
//! into a lending transaction. Owned by `coordinate`; moves nothing itself.

use std::sync::Arc;

use super::Core;
use super::coordinate::Grant;
use super::participate::{Duty, Participant};
use crate::cmd::key_slot;
use crate::conn::State;
use crate::route::{DbKey, Found, Mode, Note, Part, Sequence, Task};

impl Core {
    /// Asks the owner of the source, which is the first argument.
    pub fn ask_source(&mut self, task: Task) {
        assert!(
            task.block != 0 && !task.exec,
            "only what may block is decided so"
        );
        let (head, args) = task.commands.get(0);
        let owner = self.slots.owner(key_slot(args.get(1)));
        let source = self.lock_key(head.db, args.get(1));
        if owner == self.id() && self.transactions.locks.conflicts(source, Mode::Exclusive) {
            // It is on its way: whether or not it comes here, the destination can be locked
            // meanwhile.
            return self.lend_all(task.to.token, task, Vec::new());
        }
        self.tell(owner, Note::Probe(Box::new(task)));
    }

    /// A command asks about its source, which is ours; it may be lent to a transaction.
    pub fn probe(&mut self, task: Task) {
        let keys = self.probed_keys(&task);
        if self.transactions.locks.is_empty() && self.live_value(&keys[0]).is_none() {
            return self.run_task(task);
        }
        let intents = self.exclusive_intents(&keys);
        let participant = Participant {
            coordinator: usize::from(task.home),
            duty: Duty::Probe(Box::new(task)),
            watcher: None,
            within_ms: None,
        };
        let sequence = self.next_sequence();
        self.take_part(sequence, intents, participant);
    }

    /// The source, and then whatever other keys of the command are ours.
    fn probed_keys(&self, task: &Task) -> Vec<DbKey> {
        let (head, args) = task.commands.get(0);
        let mut keys = Vec::new();
        self.keys_of(head, &args, &mut keys);
        keys.retain(|(_, key)| self.slots.owner(key_slot(key)) == self.id());
        assert!(
            keys.first().is_some_and(|(_, key)| **key == *args.get(1)),
            "the owner of the source is asked"
        );
        keys.dedup();
        keys
    }

    /// The source is locked. When nothing is there the handler says so, or what else is wrong, and
    /// touches no other key: then this is over. Else the keys are lent.
    pub(super) fn run_probe(&mut self, sequence: Sequence, task: Task) -> Option<Arc<[DbKey]>> {
        let keys: Arc<[DbKey]> = self.probed_keys(&task).into();
        if self.live_value(&keys[0]).is_none() {
            self.run_task(task);
            return None;
        }
        let home = usize::from(task.home);
        let found = Found {
            sequence,
            task,
            keys: Arc::clone(&keys),
            entries: self.lend(&keys),
            clock_ms: self.now.unix_ms(),
        };
        self.tell(home, Note::Found(Box::new(found)));
        Some(keys)
    }

    /// There is something at the source: the command runs over all its keys, if its client is still
    /// there.
    pub fn found(&mut self, from: usize, found: Found) {
        let Found {
            sequence,
            task,
            keys,
            entries,
            clock_ms,
        } = found;
        if self.has_left(task.to) {
            return self.tell(from, Note::unchanged(sequence, entries));
        }
        let client = self.client(task.to.token);
        assert!(
            client.state == State::Waiting,
            "the client waits for its command"
        );
        let mut others = Vec::new();
        let (head, args) = task.commands.get(0);
        self.keys_of(head, &args, &mut others);
        others.retain(|key| !keys.contains(key));
        others.dedup();
        let grant = Grant {
            part: Part::Entries(entries),
            dirty: false,
            clock_ms,
        };
        self.accept(from, sequence, task, (keys, grant), others, false);
    }
}
