//! This shard's side of transactions: locks granted, entries lent, parts executed.
//!
//! Whoever coordinates, this shard included, speaks to it through the same notes. What happens at a
//! grant is the participant's `Duty`; `act` works off everything that a change of the locks set
//! free, in a loop rather than by recursion, because a released task may free the next.

use super::keys::strongest;
use std::sync::Arc;

use smallvec::SmallVec;

use super::Core;
use super::execute::Call;
use super::happened::Happened;
use super::queries::Asked;
use super::waits::Candidate;
use crate::cmd::{Merge, Run, key_slot};
use crate::limits::AHEAD_MAX;
use crate::route::{
    Carried, DbKey, Intent, Mode, Note, Outcome, Part, Returned, Schedule, Sequence, Task, Wait,
    Work,
};
use crate::store::Entry;

/// First capacity of a part's reply, bytes.
pub(super) const PART_REPLY_BYTES: usize = 1024;

/// What a participant does once it holds its locks.
#[derive(Debug)]
pub enum Duty {
    /// Lend these entries.
    Lend(Arc<[DbKey]>),
    /// These are lent to a client that waits for the first.
    Offered(Arc<[DbKey]>),
    /// Run the part and send the reply.
    Read(Carried),
    /// Wait for the decision, then run the part.
    Write(Carried),
    /// A command of this shard alone that met a lock: run it and be done.
    Task(Box<Task>),
    /// See whether the source of a blocking command is there.
    Probe(Box<Task>),
    /// Hold the locks.
    Hold,
    /// Answer a query of the coordinator's and be done.
    Query(Asked),
    /// Offer this key's entry to a blocked client.
    Offer(Box<Candidate>, DbKey),
}

/// One transaction on this shard.
#[derive(Debug)]
pub struct Participant {
    pub coordinator: usize,
    pub duty: Duty,
    pub watcher: Option<u64>,
    /// Its transaction holds the whole keyspace already, so it has no locks of its own; and its
    /// clock.
    pub within_ms: Option<u64>,
}

impl Core {
    /// A coordinator asks for locks.
    pub fn schedule(&mut self, coordinator: usize, mut schedule: Schedule) {
        if let Work::Read(part) = &schedule.work {
            // The coordinator does not know whose time is over.
            self.add_intents(part.head, &part.args(), &mut schedule.intents);
            strongest(&mut schedule.intents);
        }
        let duty = match schedule.work {
            Work::Lend(keys) => Duty::Lend(keys),
            Work::Read(part) => Duty::Read(part),
            Work::Write(part) => Duty::Write(part),
            Work::Hold => Duty::Hold,
        };
        let participant = Participant {
            coordinator,
            duty,
            watcher: schedule.watcher,
            within_ms: schedule.within_ms,
        };
        self.take_part(schedule.sequence, schedule.intents, participant);
    }

    /// Registers a participant and asks for its locks.
    pub fn take_part(
        &mut self,
        sequence: Sequence,
        intents: Vec<Intent>,
        participant: Participant,
    ) {
        let known = self.transactions.participants.insert(sequence, participant);
        assert!(known.is_none(), "a transaction takes part once per shard");
        if self.transactions.participants[&sequence]
            .within_ms
            .is_some()
        {
            self.grant(sequence);
            return;
        }
        let mut outcome = Outcome::default();
        self.transactions
            .locks
            .request(sequence, intents, &mut outcome);
        if outcome.granted.is_empty() {
            self.metrics.count().lock_waits += 1;
        }
        self.act(outcome);
    }

    /// Works off what a change of the locks brought about.
    pub fn act(&mut self, outcome: Outcome) {
        let mut granted: std::collections::VecDeque<Sequence> = outcome.granted.into();
        let mut revoke = outcome.revoke;
        while let Some(sequence) = granted.pop_front() {
            // Between the grant and now an older transaction may have taken a lock back.
            if !self.transactions.locks.is_granted(sequence) {
                continue;
            }
            let mut outcome = Outcome::default();
            if let Some(stronger) = self.stronger_intents(sequence) {
                self.transactions.locks.release(sequence, &mut outcome);
                self.transactions
                    .locks
                    .request(sequence, stronger, &mut outcome);
            } else if self.grant(sequence) {
                self.transactions.participants.remove(&sequence);
                self.transactions.locks.release(sequence, &mut outcome);
            }
            granted.extend(outcome.granted);
            revoke.extend(outcome.revoke);
        }
        // Last: what was granted and revoked by the same change must hear of it in this order.
        self.ask_to_yield(&revoke);
    }

    /// The intents of a reading part that was granted what it needs no longer, because the time of
    /// a key has run out since it asked: that is a change, which comes behind those who have read
    /// the key.
    fn stronger_intents(&self, sequence: Sequence) -> Option<Vec<Intent>> {
        let Duty::Read(part) = &self.transactions.participants[&sequence].duty else {
            return None;
        };
        if self.keyspace.own.expires(usize::from(part.head.db)) == 0 {
            return None;
        }
        let mut intents = Vec::new();
        self.add_intents(part.head, &part.args(), &mut intents);
        strongest(&mut intents);
        let weak = |intent: &Intent| {
            intent.mode == Mode::Exclusive
                && self.transactions.locks.held(sequence, intent.key) != Some(Mode::Exclusive)
        };
        intents.iter().any(weak).then_some(intents)
    }

    fn ask_to_yield(&mut self, sequences: &[Sequence]) {
        for &sequence in sequences {
            // It may be over, or have asked anew, meanwhile.
            if !self.transactions.locks.is_revoking(sequence) {
                continue;
            }
            // A task is being run, and so nearly over.
            let Some(participant) = self.transactions.participants.get(&sequence) else {
                continue;
            };
            self.metrics.count().revocations += 1;
            self.tell(participant.coordinator, Note::Revoke { sequence });
        }
    }

    /// All locks are held. True when the transaction is over here already.
    fn grant(&mut self, sequence: Sequence) -> bool {
        let participant = self
            .transactions
            .participants
            .remove(&sequence)
            .expect("a granted transaction takes part");
        let dirty = participant
            .watcher
            .is_some_and(|client| self.watched_changed(client));
        let (part, duty) = match participant.duty {
            Duty::Lend(keys) => (Part::Entries(self.lend(&keys)), Duty::Lend(keys)),
            Duty::Offered(keys) => (Part::Entries(self.lend(&keys)), Duty::Offered(keys)),
            Duty::Read(carried) => {
                let reply = self.at_clock(participant.within_ms, |core| core.run_part(&carried));
                (Part::Reply(reply), Duty::Read(carried))
            }
            Duty::Write(carried) => (Part::Ready, Duty::Write(carried)),
            Duty::Hold => (Part::Ready, Duty::Hold),
            Duty::Task(task) => {
                self.run_task(*task);
                return true;
            }
            Duty::Probe(task) => {
                let Some(keys) = self.run_probe(sequence, *task) else {
                    return true;
                };
                let duty = Duty::Lend(keys);
                let lending = Participant {
                    duty,
                    ..participant
                };
                self.transactions.participants.insert(sequence, lending);
                return false;
            }
            Duty::Query(asked) => {
                self.answer_query(asked);
                return true;
            }
            Duty::Offer(candidate, key) => {
                let Some(keys) = self.make_offer(sequence, *candidate, key) else {
                    return true;
                };
                let duty = Duty::Offered(keys);
                let offering = Participant {
                    duty,
                    ..participant
                };
                self.transactions.participants.insert(sequence, offering);
                return false;
            }
        };
        let granted = Note::Granted {
            sequence,
            part,
            dirty,
            clock_ms: self.now.unix_ms(),
        };
        self.tell(participant.coordinator, granted);
        let granted = Participant {
            duty,
            ..participant
        };
        self.transactions.participants.insert(sequence, granted);
        false
    }

    /// Takes entries out of the keyspace for a coordinator.
    pub fn lend(&mut self, keys: &[DbKey]) -> Vec<Option<Entry>> {
        let mut entries = Vec::with_capacity(keys.len());
        for keys in keys.chunks(AHEAD_MAX) {
            let slots: SmallVec<[u16; AHEAD_MAX]> =
                keys.iter().map(|(_, key)| key_slot(key)).collect();
            let places = keys.iter().zip(&slots);
            self.prefetch_keys(places.clone().map(|((db, key), &slot)| (*db, slot, &**key)));
            entries.extend(
                places
                    .map(|((db, key), &slot)| self.keyspace.own.take(usize::from(*db), slot, key)),
            );
        }
        entries
    }

    /// The keys of a database that are lent to transactions, whether or not there are such keys.
    pub fn lent_away(&self, db: u16) -> impl Iterator<Item = &[u8]> {
        let lending = self
            .transactions
            .participants
            .iter()
            .filter(|(sequence, participant)| {
                participant.within_ms.is_some() || self.transactions.locks.is_granted(**sequence)
            });
        let keys = lending.filter_map(|(_, participant)| participant.duty.lent());
        keys.flat_map(|keys| keys.iter())
            .filter(move |key| key.0 == db)
            .map(|(_, key)| &**key)
    }

    /// Puts lent entries of these keys back.
    pub fn take_back(&mut self, keys: &[DbKey], returned: Returned) {
        for ((db, key), entry) in keys.iter().zip(returned) {
            if let Some(entry) = entry {
                let displaced =
                    self.keyspace
                        .own
                        .insert(usize::from(*db), crate::cmd::key_slot(key), entry);
                assert!(
                    displaced.is_none(),
                    "a lent key stays locked, so nobody else can have set it"
                );
            }
        }
    }

    /// Runs one command on our own keyspace and returns its reply.
    pub fn run_part(&mut self, carried: &Carried) -> Vec<u8> {
        let reply = self.run_unsettled(carried);
        let run = self.table().row(carried.head.row).command.run;
        if matches!(run, Run::Everywhere(_, Merge::Once)) && self.id() != 0 {
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
    pub fn execute_part(&mut self, coordinator: usize, sequence: Sequence, answer: bool) {
        let participant = self
            .transactions
            .participants
            .remove(&sequence)
            .expect("a decided transaction takes part");
        let Duty::Write(carried) = &participant.duty else {
            panic!("only a write waits for the decision")
        };
        let reply = self.at_clock(participant.within_ms, |core| core.run_part(carried));
        if answer {
            self.tell(coordinator, Note::Executed { sequence, reply });
        }
        // Before the locks go, so that who waits for them finds the waiting clients served.
        self.serve_ready_behind(sequence);
        self.release(sequence, &participant);
        self.serve_ready();
    }

    /// The transaction is over here.
    pub fn finish(
        &mut self,
        sequence: Sequence,
        returned: Returned,
        modified: Vec<DbKey>,
        wait: Option<Box<Wait>>,
    ) {
        let participant = self
            .transactions
            .participants
            .remove(&sequence)
            .expect("a finished transaction took part");
        if let Some(keys) = participant.duty.lent() {
            self.mark_ready(keys, &returned);
            self.take_back(keys, returned);
        }
        if let Some(wait) = wait {
            self.register_wait(*wait);
        }
        for key in modified {
            self.happened(&Happened::Modified(key));
        }
        if let Duty::Offered(keys) = &participant.duty {
            self.waits.offer_over(&keys[0]);
        }
        // Before the locks go, so that who waits for them finds the waiting clients served.
        self.serve_ready_behind(sequence);
        self.release(sequence, &participant);
        self.serve_ready();
    }

    fn release(&mut self, sequence: Sequence, participant: &Participant) {
        if participant.within_ms.is_some() {
            return;
        }
        let mut outcome = Outcome::default();
        self.transactions.locks.release(sequence, &mut outcome);
        self.act(outcome);
    }

    /// The coordinator gave way to an older transaction.
    pub fn yielded(&mut self, sequence: Sequence, returned: Returned) {
        let participant = self
            .transactions
            .participants
            .get(&sequence)
            .expect("a yielding transaction takes part");
        if let Some(keys) = participant.duty.lent() {
            let keys = Arc::clone(keys);
            self.mark_ready(&keys, &returned);
            self.take_back(&keys, returned);
        }
        let mut outcome = Outcome::default();
        self.transactions.locks.yield_back(sequence, &mut outcome);
        self.act(outcome);
        self.serve_ready();
    }
}

impl Participant {
    /// A task of this shard alone.
    #[must_use]
    pub fn task(coordinator: usize, task: Task) -> Self {
        Self {
            coordinator,
            duty: Duty::Task(Box::new(task)),
            watcher: None,
            within_ms: None,
        }
    }
}

impl Duty {
    /// What a coordinator has, in the order of what comes back.
    fn lent(&self) -> Option<&Arc<[DbKey]>> {
        match self {
            Duty::Lend(keys) | Duty::Offered(keys) => Some(keys),
            _ => None,
        }
    }
}
