//! Probes: a blocking command whose source alone decides asks the source's owner first.
//!
//! BLMOVE and its kin wait while the source is absent, whatever the destination is. So nothing is lent as long as
//! there is nothing to move: the owner of the source registers the client at once. When the source is there, the
//! command runs over all its keys like any other. Owned by `coordinate`; moves nothing itself.

use super::Core;
use super::participate::{Duty, Participant};
use crate::cmd::key_slot;
use crate::conn::State;
use crate::route::{Intent, Mode, Note, Task};

impl Core {
    /// Asks the owner of the source, which is the first argument.
    pub fn ask_source(&mut self, task: Task) {
        assert!(
            task.block != 0 && !task.exec,
            "only what may block is decided so"
        );
        let (_, args) = task.commands.get(0);
        let owner = self.slots.owner(key_slot(args.get(1)));
        self.tell(owner, Note::Probe(Box::new(task)));
    }

    /// A command asks about its source, which is ours; it may be lent to a transaction.
    pub fn probe(&mut self, task: Task) {
        let (head, args) = task.commands.get(0);
        let key = self.lock_key(head.db, args.get(1));
        if self.locks.is_empty() {
            return self.run_probe(task);
        }
        let participant = Participant {
            coordinator: self.id(),
            duty: Duty::Probe(Box::new(task)),
            watcher: None,
            within_ms: None,
        };
        // A source whose time is over is ended on the way.
        let mode = Mode::Exclusive;
        let sequence = self.next_sequence();
        self.take_part(sequence, vec![Intent { key, mode }], participant);
    }

    /// Nothing at the source: the handler says so, or what else is wrong, and touches no other key.
    pub(super) fn run_probe(&mut self, task: Task) {
        let (head, args) = task.commands.get(0);
        let source = (head.db, Box::from(args.get(1)));
        assert!(
            self.slots.owner(key_slot(&source.1)) == self.id(),
            "the owner of the source is asked"
        );
        if self.live_value(&source).is_some() {
            let home = usize::from(task.home);
            return self.tell(home, Note::Found(Box::new(task)));
        }
        self.run_task(task);
    }

    /// There is something at the source: the command runs over all its keys, if its client is still there.
    pub fn found(&mut self, task: Task) {
        if self.has_left(task.to) {
            return;
        }
        let client = self.client(task.to.token);
        assert!(
            client.state == State::Waiting,
            "the client waits for its command"
        );
        self.lend_all(task.to.token, task, Vec::new());
    }
}
