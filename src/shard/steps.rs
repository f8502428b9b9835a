//! EXEC in steps: every shard is held while the commands run one after the other, each in its
//! ordinary way.
//!
//! For a queue with a command that concerns the whole keyspace or asks other shards. What runs
//! meanwhile is part of this transaction (`Schedule::within_ms`); nothing else changes a key. The
//! reply leaves at the end. Owned by `multi`.

use super::Core;
use super::input::Flow;
use crate::base::Token;
use crate::cmd::{Row, Run};
use crate::conn::{ReplyMode, State, Steps};
use crate::limits::{PARCEL_BYTES_MAX, STEP_COMMANDS_MAX};
use crate::route::{
    Carried, ClientRef, Head, Intent, Mode, Note, Sequence, ShardId, Task, Unit, Work,
};
use crate::txn::{Plan, Share};

impl Core {
    /// Locks every shard for an EXEC that runs in steps.
    pub(super) fn hold_everything(&mut self, token: Token, task: Task) {
        assert!(
            task.exec && self.client(token).steps.is_none(),
            "a client is in one EXEC at a time"
        );
        let sequence = self.open(token, Plan::Steps, self.identity.shards);
        let watcher = task.watcher;
        for shard in ShardId::all(self.identity.shards) {
            let intents = vec![Intent::whole(Mode::Exclusive)];
            self.ask_share(
                sequence,
                Share::new(shard, [].into()),
                intents,
                Work::Hold,
                watcher,
            );
        }
        self.client(token).steps = Some(Box::new(Steps {
            sequence,
            left: (0..task.commands.len())
                .map(|index| task.commands.carried(index))
                .collect(),
            clock_ms: 0,
        }));
    }

    /// Every shard is held: the commands run one after the other.
    pub(super) fn begin_steps(
        &mut self,
        sequence: Sequence,
        client: ClientRef,
        watch_changed: bool,
        clock_ms: u64,
    ) {
        let token = client.token;
        let Some(client) = self.clients.of(client) else {
            return self.end_steps(sequence);
        };
        // A server that stops takes the steps from the clients that it closes.
        let Some(steps) = client.steps.as_mut() else {
            return self.end_steps(sequence);
        };
        assert!(
            clock_ms > 0 && steps.clock_ms == 0,
            "the clock is fixed once"
        );
        steps.clock_ms = clock_ms;
        let start = client.replies.sink().len();
        if watch_changed {
            steps.left.clear();
            self.reply(token).null_array();
        } else {
            let count = steps.left.len();
            self.reply(token).array(count);
        }
        self.mute(token, start);
        self.next_step(token);
    }

    /// Runs steps until one has to wait for its reply.
    pub(super) fn next_step(&mut self, token: Token) {
        loop {
            let client = self.client(token);
            let steps = client.steps.as_mut().expect("the client is in steps");
            let sequence = steps.sequence;
            assert!(
                steps.clock_ms > 0 && client.replies.in_order(),
                "a step is taken when every shard is held and the one before is answered"
            );
            let Some(mut carried) = steps.left.pop_front() else {
                client.steps = None;
                self.list_output(token);
                self.end_steps(sequence);
                self.end_exec(token);
                return self.close_if_doomed(token);
            };
            // SELECT among the steps moves the later ones.
            carried.head.db = client.session.db;
            carried.head.protocol = client.session.protocol;
            if self.step(token, carried) == Flow::Stop {
                return;
            }
        }
    }

    fn step(&mut self, token: Token, carried: Carried) -> Flow {
        let row: &'static Row = self.table().row(carried.head.row);
        let client = self.client(token);
        if client.state != State::Closing {
            client.state = State::Waiting;
        }
        match row.command.run {
            Run::Home(_) => return self.run_home(token, carried.head.row, &carried.args()),
            Run::Container => panic!("a container's arity asks for a subcommand"),
            Run::Everywhere(..) => self.spread(token, row, &carried),
            Run::Keys(_) | Run::Split(..) => return self.step_on_keys(token, carried),
        }
        Flow::Stop
    }

    /// A step on keys, with those that follow it: one lending.
    fn step_on_keys(&mut self, token: Token, carried: Carried) -> Flow {
        let (row, args) = (carried.head.row, carried.args());
        let mut keys = Vec::new();
        self.keys_of(carried.head, &args, &mut keys);
        let client = self.client(token);
        let skips = !matches!(client.session.reply, ReplyMode::On | ReplyMode::Off);
        let steps = client.steps.as_mut().expect("the client is in steps");
        if keys.is_empty() {
            let clock_ms = Some(steps.clock_ms);
            self.count_call(row, 1);
            let reply = self.at_clock(clock_ms, |core| core.run_part(&carried));
            let sink = self.client(token).replies.sink();
            let start = sink.len();
            sink.extend_from_slice(&reply);
            self.mute(token, start);
            return Flow::Next;
        }
        let mut left = std::mem::take(&mut steps.left);
        // Inside a transaction nothing blocks.
        let mut task = Task {
            block: 0,
            ..self.task(token, row, &args)
        };
        while let Some(next) = left.pop_front() {
            let run = self.table().row(next.head.row).command.run;
            let on_keys = matches!(run, Run::Keys(_) | Run::Split(..));
            let full = task.commands.len() >= STEP_COMMANDS_MAX
                || task.commands.bytes() >= PARCEL_BYTES_MAX;
            if !on_keys || full || skips {
                left.push_front(next);
                break;
            }
            let Head { db, protocol, .. } = carried.head;
            let head = Head {
                db,
                protocol,
                ..next.head
            };
            task.commands.push(head, &next.args());
        }
        let steps = self.client(token).steps.as_mut();
        steps.expect("the client is in steps").left = left;
        self.lend_all(task, Vec::new());
        Flow::Stop
    }

    /// Releases every shard.
    fn end_steps(&mut self, sequence: Sequence) {
        let decided = self.transactions.coordinator.end_steps(sequence);
        assert!(
            decided.shares.len() == self.identity.shards,
            "steps are taken while every shard is held"
        );
        let unit = self.unit_of_steps(decided.clock_ms);
        for share in &decided.shares {
            let has_part = |unit: &Unit| unit.participants.contains(share.shard);
            let unit = unit.clone().filter(has_part);
            self.tell(share.shard, Note::steps_over(sequence, unit));
        }
    }
}
