//! This shard's side of transactions: entries lent, parts executed, tasks run, offers made.
//!
//! `txn::Participants` says whose turn it is. Everything only queues what it has set free; `act`,
//! called at the end of each note and command, does the duties one after the other, so that a chain
//! of transactions that free one another never recurses. Decides nothing.

use smallvec::SmallVec;

use super::Core;
use super::enlist::{Duty, Participant};
use super::execute::Call;
use super::happened::Happened;
use crate::cmd::{Merge, Run, key_slot};
use crate::limits::{AHEAD_MAX, PART_REPLY_BYTES};
use crate::route::{
    Carried, DbKey, Grant, Intent, Mode, Note, Part, Returned, Schedule, Sequence, ShardId, Told,
    Unit, Wait, Work, strongest,
};
use crate::store::{Db, Entry, Slot};
use crate::txn::Transactions;

impl Core {
    /// A coordinator asks for locks.
    pub(super) fn schedule(&mut self, coordinator: ShardId, mut schedule: Schedule) {
        if let Work::Read(part) = &schedule.work {
            // The coordinator does not know which keys have expired.
            self.add_intents(part.head, &part.args(), &mut schedule.intents);
            strongest(&mut schedule.intents);
        }
        let participant = Participant {
            coordinator,
            duty: schedule.work.into(),
            watcher: schedule.watcher,
            within_ms: schedule.within_ms,
        };
        self.take_part(schedule.sequence, schedule.intents, participant);
    }

    /// Does the duty of everybody who holds what it needs, and asks back what older ones wait for.
    /// To be called when a note or a command is done; with nothing to do it costs a test.
    #[inline]
    pub(super) fn act(&mut self) {
        let Transactions {
            participants,
            waits,
            ..
        } = &self.transactions;
        if !participants.is_settled() || waits.has_ready() {
            self.do_duties();
        }
    }

    #[cold]
    fn do_duties(&mut self) {
        loop {
            while let Some(sequence) = self.transactions.participants.next_granted() {
                self.go_ahead(sequence);
            }
            if !self.transactions.waits.has_ready() {
                break;
            }
            self.offer_ready(None);
        }
        while let Some((coordinator, sequence)) = self.transactions.participants.next_revoked() {
            self.metrics.count().revocations += 1;
            self.tell(coordinator, Note::Revoke { sequence });
        }
    }

    /// It holds what it has asked for.
    fn go_ahead(&mut self, sequence: Sequence) {
        if let Some(stronger) = self.stronger_intents(sequence) {
            let participants = &mut self.transactions.participants;
            return participants.ask_anew(sequence, stronger);
        }
        let participant = self.transactions.participants.take(sequence);
        let within_ms = participant.within_ms;
        match self.do_duty(sequence, participant) {
            Some(waiting) => self.transactions.participants.keep(sequence, waiting),
            None => self.transactions.participants.release(sequence, within_ms),
        }
    }

    /// The intents of one that was granted what is no longer enough, because a key that it only
    /// reads has expired since it asked: whoever finds it so ends it, and that is a change, which
    /// comes behind those who have read the key.
    fn stronger_intents(&self, sequence: Sequence) -> Option<Vec<Intent>> {
        let participants = &self.transactions.participants;
        if participants.is_within(sequence) {
            // Its transaction holds everything already.
            return None;
        }
        let expires = |db: Db| self.keyspace.own.expires(db) != 0;
        let intents = match participants.duty(sequence) {
            Duty::Read(part) if expires(part.head.db) => {
                let mut intents = Vec::new();
                self.add_intents(part.head, &part.args(), &mut intents);
                strongest(&mut intents);
                intents
            }
            Duty::Task(task) if task.commands.iter().any(|(head, _)| expires(head.db)) => {
                self.intents_of(task)
            }
            _ => return None,
        };
        let weak = |intent: &Intent| {
            intent.mode == Mode::Exclusive
                && participants.held(sequence, intent.key) != Some(Mode::Exclusive)
        };
        intents.iter().any(weak).then_some(intents)
    }

    /// All locks are held. None: the transaction is over here.
    fn do_duty(&mut self, sequence: Sequence, participant: Participant) -> Option<Participant> {
        let Participant {
            coordinator,
            duty,
            watcher,
            within_ms,
        } = participant;
        let (part, duty) = match duty {
            Duty::Lend(keys) => (Part::Entries(self.lend(&keys)), Duty::Lend(keys)),
            Duty::LendOffered(keys) => (Part::Entries(self.lend(&keys)), Duty::LendOffered(keys)),
            Duty::Read(carried) => {
                let reply = self.at_clock(within_ms, |core| core.run_part(&carried));
                (Part::Reply(reply), Duty::Read(carried))
            }
            Duty::Write(carried) => (Part::Ready, Duty::Write(carried)),
            Duty::Run(batch) => (Part::Ready, Duty::Run(batch)),
            Duty::Hold => {
                self.close_unit();
                self.record.begin_steps();
                (Part::Ready, Duty::Hold)
            }
            Duty::Task(task) => {
                self.run_task(*task);
                return None;
            }
            Duty::Query(asked) => {
                self.answer_query(asked);
                return None;
            }
            Duty::Watch(watch) => {
                self.begin_watch(coordinator, *watch);
                return None;
            }
            Duty::MakeOffer(candidate, key) => {
                let keys = self.make_offer(sequence, *candidate, key)?;
                return Some(Participant::new(coordinator, Duty::LendOffered(keys)));
            }
        };
        let grant = Grant {
            part,
            watch_changed: watcher.is_some_and(|client| self.watched_changed(client)),
            clock_ms: self.now.unix_ms(),
        };
        self.tell(coordinator, Note::Granted { sequence, grant });
        Some(Participant {
            coordinator,
            duty,
            watcher,
            within_ms,
        })
    }

    /// Takes entries out of the keyspace for a coordinator.
    pub(super) fn lend(&mut self, keys: &[DbKey]) -> Vec<Option<Entry>> {
        let mut entries = Vec::with_capacity(keys.len());
        for keys in keys.chunks(AHEAD_MAX) {
            let slots: SmallVec<[Slot; AHEAD_MAX]> =
                keys.iter().map(|(_, key)| key_slot(key)).collect();
            let places = keys.iter().zip(&slots);
            self.prefetch_keys(places.clone().map(|((db, key), &slot)| (*db, slot, &**key)));
            entries.extend(places.map(|((db, key), &slot)| self.keyspace.own.take(*db, slot, key)));
        }
        entries
    }

    /// The keys of a database that are lent to transactions, whether or not there are such keys.
    pub fn lent_away(&self, db: Db) -> impl Iterator<Item = &[u8]> {
        self.transactions.participants.lent_away(db)
    }

    /// What was lent comes back, if anything was.
    fn take_back(&mut self, duty: &Duty, returned: Returned) {
        let Some(keys) = duty.lent() else {
            assert!(returned.is_empty(), "only what was lent comes back");
            return;
        };
        self.transactions.waits.came_back(keys, &returned);
        for ((db, key), entry) in keys.iter().zip(returned) {
            let Some(entry) = entry else { continue };
            let (db, slot) = (*db, key_slot(key));
            let displaced = self.keyspace.own.insert(db, slot, entry);
            assert!(
                displaced.is_none(),
                "a lent key stays locked, so nobody else can have set it"
            );
        }
    }

    /// Runs one command on our own keyspace and returns its reply.
    pub(super) fn run_part(&mut self, carried: &Carried) -> Vec<u8> {
        let reply = self.run_unsettled(carried);
        let run = self.table().row(carried.head.row).command.run;
        if matches!(run, Run::Everywhere(_, Merge::Once)) && self.id() != ShardId::FIRST {
            self.effects.dirty = 0;
        }
        self.settle_effects();
        reply
    }

    /// As `run_part`, but what it did is still to be settled.
    pub(super) fn run_unsettled(&mut self, carried: &Carried) -> Vec<u8> {
        let mut reply = Vec::with_capacity(PART_REPLY_BYTES);
        let call = Call {
            counted: true,
            ..Call::of(carried.head, false)
        };
        self.run_handler(call, &carried.args(), &mut reply);
        reply
    }

    /// The coordinator has decided: the part runs now.
    pub(super) fn execute_part(
        &mut self,
        coordinator: ShardId,
        sequence: Sequence,
        (answer, clock_ms): (bool, u64),
        unit: Option<Unit>,
    ) {
        self.close_unit();
        let participant = self.transactions.participants.take(sequence);
        assert!(
            participant.coordinator == coordinator,
            "who asked for the locks decides"
        );
        let within_ms = participant.within_ms;
        let (reply, batch) = self.at_clock(Some(clock_ms), |core| match participant.duty {
            Duty::Write(carried) => (core.run_part(&carried), None),
            Duty::Run(batch) => {
                let mut reply = Vec::with_capacity(PART_REPLY_BYTES);
                let (head, _) = batch.get(0);
                core.run_batch(&batch, head.protocol, None, &mut reply);
                (reply, Some(batch))
            }
            _ => panic!("only a write waits for the decision"),
        });
        self.close_part(unit);
        if answer {
            let executed = Note::Executed {
                sequence,
                reply,
                batch,
            };
            self.tell(coordinator, executed);
        }
        self.end_part(sequence, within_ms);
    }

    /// The transaction is over here.
    pub(super) fn finish(
        &mut self,
        sequence: Sequence,
        returned: Returned,
        modified: Vec<DbKey>,
        wait: Option<Box<Wait>>,
        told: Option<Box<Told>>,
    ) {
        let participant = self.transactions.participants.take(sequence);
        self.take_back(&participant.duty, returned);
        match (&participant.duty, told) {
            (Duty::Hold, told) => {
                self.record.end_steps();
                self.close_part(told.and_then(|told| told.unit));
            }
            (_, Some(told)) => self.hear_told(*told),
            (_, None) => {}
        }
        if let Some(wait) = wait {
            self.register_wait(*wait);
        }
        for key in modified {
            self.happened(&Happened::Modified(key));
        }
        if let Duty::LendOffered(keys) = &participant.duty {
            self.transactions.waits.offer_over(&keys[0]);
        }
        self.end_part(sequence, participant.within_ms);
    }

    /// What a transaction has made ready is offered before its locks go, so that who waits for them
    /// finds the waiting clients served.
    fn end_part(&mut self, sequence: Sequence, within_ms: Option<u64>) {
        self.offer_ready(Some(sequence));
        self.transactions.participants.release(sequence, within_ms);
    }

    /// The coordinator gave way to an older transaction.
    pub(super) fn yielded(&mut self, sequence: Sequence, returned: Returned) {
        let participant = self.transactions.participants.take(sequence);
        self.take_back(&participant.duty, returned);
        if let Duty::Hold = participant.duty {
            self.record.end_steps();
        }
        self.transactions
            .participants
            .yielded(sequence, participant);
    }
}
