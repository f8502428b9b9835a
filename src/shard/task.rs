//! Commands for this shard alone: packed up, run at once or when the locks allow, answered wherever
//! they came from.
//!
//! An EXEC whose keys are all ours is such a task, a command that met a lock, and one that may
//! block. Owned by `participate`; takes no part in what several shards decide.

use super::Core;
use super::enlist::{Duty, Participant};
use super::execute::Call;
use super::input::Flow;
use crate::cmd::Run;
use crate::limits::{AHEAD_MAX, PART_REPLY_BYTES};
use crate::resp::{Args, Protocol, Reply};
use crate::route::{Batch, ClientRef, Intent, Mode, Note, ReplyTo, Task, strongest};

impl Core {
    /// Runs a task whose keys are all ours, now or when the locks allow.
    pub(super) fn perform(&mut self, task: Task) {
        if self.transactions.participants.no_locks() {
            return self.run_task(task);
        }
        let intents = self.intents_of(&task);
        let sequence = self.next_sequence();
        let participant = Participant::new(self.id(), Duty::Task(Box::new(task)));
        self.take_part(sequence, intents, participant);
    }

    /// The locks that a task needs as things are.
    pub(super) fn intents_of(&self, task: &Task) -> Vec<Intent> {
        let mut intents: Vec<Intent> = Vec::new();
        for (head, args) in task.commands.iter() {
            self.add_intents(head, &args, &mut intents);
        }
        if let Some(client) = task.watcher {
            // A decided transaction may be about to change a watched key: its changes must be seen.
            let watched = self.transactions.watches.keys_of(client);
            intents.extend(watched.map(|(db, key)| Intent {
                key: self.lock_key(*db, key),
                mode: Mode::Shared,
            }));
        }
        strongest(&mut intents);
        intents
    }

    /// Runs a task and delivers its reply, unless its client blocks.
    pub(super) fn run_task(&mut self, task: Task) {
        let (home, to) = (task.home, task.to);
        if task.exec {
            self.run_exec(task);
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
                self.wait_here(task);
            } else {
                self.deliver(home, to, reply);
            }
        }
        if let ReplyTo::Place(client, _) = to
            && let Some(next) = self.transactions.behind.next(home, client)
        {
            // As a note, so that a long queue does not become deep recursion.
            self.tell(self.id(), Note::Task(Box::new(next)));
        }
        self.offer_ready(None);
    }

    /// EXEC with keys of this shard only; the batch goes home with the reply.
    fn run_exec(&mut self, task: Task) {
        let mut reply = Vec::with_capacity(PART_REPLY_BYTES);
        if task
            .watcher
            .is_some_and(|client| self.watched_changed(client))
        {
            Reply::new(&mut reply, task.protocol).null_array();
        } else {
            let with = task.needs_client.then_some(task.to.client());
            self.run_batch(&task.commands, task.protocol, with, &mut reply);
        }
        let done = Note::TaskDone {
            to: task.to,
            reply,
            batch: task.commands,
        };
        self.tell(task.home, done);
    }

    /// Every command of a transaction, one array; `with` is the client that some of them need at
    /// hand.
    pub(super) fn run_batch(
        &mut self,
        batch: &Batch,
        protocol: Protocol,
        with: Option<ClientRef>,
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
        client: ClientRef,
        mut call: Call,
        args: &Args<'_>,
        reply: &mut Vec<u8>,
    ) {
        let row = self.table().row(call.head.row);
        let at_home = matches!(row.command.run, Run::Home(_));
        let token = client.token;
        let Some(client) = self.clients.of(client) else {
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
}
