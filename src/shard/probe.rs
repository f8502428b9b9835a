//! Probes: a blocking command whose source alone decides asks the source's owner first.
//!
//! BLMOVE and its kin wait while the source is absent, whatever the destination is. So nothing is
//! lent as long as there is nothing to move: the owner of the source registers the client at once.
//! When the source is there, its owner locks and lends it, and the client's home completes that
//! into a lending transaction. Owned by `coordinate`; moves nothing itself.

use std::sync::Arc;

use super::Core;
use super::enlist::{Duty, Participant};
use crate::cmd::key_slot;
use crate::conn::State;
use crate::route::{DbKey, Found, Mode, Note, Sequence, Task};

impl Core {
    /// Asks the owner of the source, which is the first argument.
    pub(super) fn ask_source(&mut self, task: Task) {
        assert!(
            task.block != 0 && !task.exec,
            "only what may block is decided so"
        );
        let (head, args) = task.commands.get(0);
        let owner = self.slots.owner(key_slot(args.get(1)));
        let source = self.lock_key(head.db, args.get(1));
        let participants = &self.transactions.participants;
        if owner == self.id() && participants.conflicts(source, Mode::Exclusive) {
            // It is on its way: whether or not it comes here, the destination can be locked
            // meanwhile.
            return self.lend_all(task, Vec::new());
        }
        self.tell(owner, Note::Probe(Box::new(task)));
    }

    /// A command asks about its source, which is ours; it may be lent to a transaction.
    pub(super) fn probe(&mut self, task: Task) {
        let keys = self.probed_keys(&task);
        if self.transactions.participants.no_locks() && self.live_value(&keys[0]).is_none() {
            return self.run_task(task);
        }
        let intents = self.exclusive_intents(&keys);
        let home = usize::from(task.home);
        let participant = Participant::new(home, Duty::Probe(Box::new(task)));
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
        let lent = self.lent(sequence, Arc::clone(&keys));
        self.tell(home, Note::Found(Box::new(Found { task, lent })));
        Some(keys)
    }

    /// There is something at the source: the command runs over all its keys, if its client is still
    /// there.
    pub(super) fn found(&mut self, from: usize, found: Found) {
        let Found { task, lent } = found;
        let client = task.to.client();
        if self.has_left(client) {
            return self.tell(from, Note::unchanged(lent.sequence, lent.entries));
        }
        assert!(
            self.client(client.token).state == State::Waiting,
            "the client waits for its command"
        );
        self.accept(from, lent, task, false);
    }
}
