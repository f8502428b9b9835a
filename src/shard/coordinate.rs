//! Transactions of this shard's clients: the shares are asked for, and what `txn::Coordinator`
//! decides is carried out.
//!
//! The plans: commands run here over lent entries (`lend`), a command runs in parts (`split`), or
//! an EXEC does (`multi`), or it runs in steps (`steps`). Decides nothing itself.

use super::Core;
use super::keys::Route;
use crate::cmd::{Row, Run};
use crate::conn::State;
use crate::route::{Batch, Grant, Note, Part, Sequence, ShardId, Task};
use crate::txn::{self, Decided, Decision, Parts, Split};

impl Core {
    /// A keyed command of a waiting client that does not belong to one shard alone, or that may
    /// block elsewhere.
    pub(super) fn coordinate(&mut self, row: &'static Row, task: Task, route: Route) {
        self.client(task.to.client().token).state = State::Waiting;
        let positions = std::mem::take(&mut self.parsing.positions);
        match (route, row.command.run) {
            (Route::One { shard, .. }, _) => self.tell(shard, Note::Task(Box::new(task))),
            // A command whose arguments do not divide is refused by its handler before it touches a
            // key.
            (Route::Anywhere, _) | (_, Run::Split(..)) => self.perform(task),
            _ => self.lend_all(task, Vec::new()),
        }
        self.parsing.positions = positions;
    }

    /// A shard has granted its locks.
    pub(super) fn granted(&mut self, from: ShardId, sequence: Sequence, grant: Grant) {
        if self.transactions.coordinator.granted(from, sequence, grant) {
            self.decide(sequence);
        }
    }

    /// An older transaction waits at a shard: give way unless it is too late for that.
    pub(super) fn revoke(&mut self, from: ShardId, sequence: Sequence) {
        if let Some(returned) = self.transactions.coordinator.revoked(from, sequence) {
            self.tell(from, Note::Yield { sequence, returned });
        }
    }

    /// Every lock is held: what the transaction does becomes so now.
    pub(super) fn decide(&mut self, sequence: Sequence) {
        let now_ms = self.now.unix_ms();
        match self.transactions.coordinator.decide(sequence, now_ms) {
            Decision::Run(task, decided) => self.run_lent(sequence, task, decided),
            Decision::Merge(split, decided) => {
                for share in &decided.shares {
                    self.tell(share.shard, Note::unchanged(sequence, Vec::new()));
                }
                self.reply_merged(split, decided);
            }
            Decision::Execute(split, decided) => {
                self.execute(sequence, &decided.parts(), false);
                self.reply_merged(split, decided);
            }
            Decision::ExecuteAndAnswer(parts) => self.execute(sequence, &parts, true),
            Decision::Step {
                client,
                watch_changed,
                clock_ms,
            } => self.begin_steps(sequence, client, watch_changed, clock_ms),
        }
    }

    /// The parts run, as one unit of the record.
    fn execute(&mut self, sequence: Sequence, parts: &Parts, answer: bool) {
        let unit = self.open_unit(parts);
        for shard in parts.shards.shards() {
            let execute = Note::Execute {
                sequence,
                answer,
                clock_ms: parts.clock_ms,
                unit: unit.clone().map(Box::new),
            };
            self.tell(shard, execute);
        }
    }

    /// The result of a part that ran after the decision.
    pub(super) fn executed(
        &mut self,
        from: ShardId,
        sequence: Sequence,
        reply: Vec<u8>,
        batch: Option<Batch>,
    ) {
        if let Some(batch) = batch {
            self.mail.keep_batch(batch);
        }
        let coordinator = &mut self.transactions.coordinator;
        if let Some((split, decided)) = coordinator.executed(from, sequence, reply) {
            self.reply_merged(split, decided);
        }
    }

    fn reply_merged(&mut self, split: Split, decided: Decided) {
        if self.clients.of(decided.client).is_none() {
            return;
        }
        let parts = decided.shares.iter().map(|share| txn::ReplyPart {
            ordinals: &share.ordinals,
            reply: match &share.part {
                Some(Part::Reply(reply)) => reply,
                _ => &[],
            },
        });
        let parts: Vec<txn::ReplyPart<'_>> = parts.collect();
        if let (Some(row), Some(code)) = (split.fallible, txn::error_code(&parts)) {
            self.metrics.count_failed(row, code);
        }
        self.complete_counted(decided.client.token, |reply| {
            txn::merge(split.merge, &parts, reply);
        });
    }
}
