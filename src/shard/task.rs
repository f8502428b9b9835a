//! Commands for this shard alone: packed up, run at once or when the locks allow, answered wherever
//! they came from.
//!
//! An EXEC whose keys are all ours is such a task, a command that met a lock, and one that may
//! block. Owned by `participate`; takes no part in what several shards decide.

use super::Core;
use super::execute::Call;
use super::input::Flow;
use super::keys::strongest;
use super::participate::{PART_REPLY_BYTES, Participant};
use super::replies::ALONE;
use crate::base::Token;
use crate::cmd::Run;
use crate::limits::AHEAD_MAX;
use crate::resp::{Args, Protocol, Reply};
use crate::route::{Batch, Intent, Mode, Note, Task};

impl Core {
    /// Runs a task whose keys are all ours, now or when the locks allow.
    pub fn perform(&mut self, task: Task) {
        if self.transactions.locks.is_empty() {
            return self.run_task(task);
        }
        let mut intents: Vec<Intent> = Vec::new();
        for (head, args) in task.commands.iter() {
            self.add_intents(head, &args, &mut intents);
        }
        if let Some(client) = task.watcher {
            // A decided transaction may be about to change a watched key: its changes must be seen.
            for (db, key) in self.watches.keys_of(client) {
                intents.push(Intent {
                    key: self.lock_key(*db, key),
                    mode: Mode::Shared,
                });
            }
        }
        strongest(&mut intents);
        let sequence = self.next_sequence();
        let coordinator = self.id();
        self.take_part(sequence, intents, Participant::task(coordinator, task));
    }

    /// Runs a task and delivers its reply, unless its client blocks.
    pub(super) fn run_task(&mut self, task: Task) {
        let (home, to) = (task.home, task.to);
        if task.exec {
            self.run_bundle(task);
        } else {
            let (head, args) = task.commands.get(0);
            let mut reply = Vec::new();
            let call = Call {
                counted: task.counted,
                ..Call::of(head, false).alone()
            };
            self.run_handler(call, &args, &mut reply);
            let blocks = self.effects.block.is_some();
            self.settle_effects();
            if blocks {
                self.wait_here(&task);
            } else {
                self.deliver(home, to, reply);
            }
        }
        if to.place != ALONE {
            self.run_behind((home, to.token));
        }
        self.serve_ready();
    }

    /// EXEC with keys of this shard only; the batch goes home with the reply.
    fn run_bundle(&mut self, task: Task) {
        let mut reply = Vec::with_capacity(PART_REPLY_BYTES);
        if task
            .watcher
            .is_some_and(|client| self.watched_changed(client))
        {
            Reply::new(&mut reply, task.protocol).null_array();
        } else {
            let with = task.needs_client.then_some((task.to.token, task.to.client));
            self.run_batch(&task.commands, task.protocol, with, &mut reply);
        }
        let bundled = Note::Bundled {
            to: task.to,
            reply,
            batch: task.commands,
        };
        self.tell(usize::from(task.home), bundled);
    }

    /// Every command of a transaction, one array; `with` is the client that some of them need at
    /// hand.
    pub fn run_batch(
        &mut self,
        batch: &Batch,
        protocol: Protocol,
        with: Option<(Token, u64)>,
        reply: &mut Vec<u8>,
    ) {
        Reply::new(reply, protocol).array(batch.len());
        for first in (0..batch.len()).step_by(AHEAD_MAX) {
            let last = batch.len().min(first + AHEAD_MAX);
            let commands = (first..last).map(|index| batch.get(index));
            self.prefetch_keys(
                commands
                    .filter(|(head, _)| head.key_at != 0)
                    .map(|(head, args)| (head.db, head.slot, args.get(usize::from(head.key_at)))),
            );
            for index in first..last {
                let (head, args) = batch.get(index);
                match with {
                    Some(client) => self.run_queued(client, Call::of(head, false), &args, reply),
                    None => self.run_handler(Call::of(head, false), &args, reply),
                }
                self.settle_effects();
            }
        }
    }

    /// A command of an EXEC some of whose commands need their client: they may change what the
    /// later ones are told. When the client has gone, these are left out, as their replies would
    /// be.
    pub(super) fn run_queued(
        &mut self,
        (token, id): (Token, u64),
        mut call: Call,
        args: &Args<'_>,
        reply: &mut Vec<u8>,
    ) {
        let row = self.table().row(call.head.row);
        let at_home = matches!(row.command.run, Run::Home(_));
        let Some(client) = self.clients.of(token, id) else {
            if !at_home {
                self.run_handler(call, args, reply);
            }
            return;
        };
        let told = client.session.head(call.head.row);
        assert!(
            told.db == call.head.db,
            "a command was queued for the database in which it runs"
        );
        (call.head.protocol, call.head.no_touch) = (told.protocol, told.no_touch);
        if !at_home {
            return self.run_handler(call, args, reply);
        }
        std::mem::swap(client.replies.sink(), reply);
        let flow = self.call_home(token, call.head.row, args);
        assert!(flow == Flow::Next, "who needs nobody answers at once");
        std::mem::swap(self.client(token).replies.sink(), reply);
    }

    /// The next command of a client that waited behind one of its own.
    fn run_behind(&mut self, origin: (u16, crate::base::Token)) {
        let Some(queue) = self.transactions.behind.get_mut(&origin) else {
            return;
        };
        match queue.pop_front() {
            // As a note, so that a long queue does not become deep recursion.
            Some(task) => self.tell(self.id(), Note::Bundle(Box::new(task))),
            None => {
                self.transactions.behind.remove(&origin);
            }
        }
    }
}
