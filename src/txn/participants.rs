//! This shard's side of transactions: what each will do here, and who may do it now.
//!
//! Whoever coordinates, this shard included, speaks to it through the same notes. A change of the
//! locks only queues what it has set free; `shard` takes one after the other (`next_granted`), does
//! what its `Duty` says and says whether it is over. So nothing here recurses, however long a chain
//! of transactions frees one another. Sees neither keys nor clients.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use foldhash::fast::FixedState;

use super::locks::{Locks, Outcome};
use super::waits::Candidate;
use crate::route::{Batch, Carried, DbKey, Intent, Mode, Sequence, ShardId, Task, Watch, Work};
use crate::store::Db;

/// What a participant does once it holds its locks. `Q` is a query of another shard's.
#[derive(Debug)]
pub enum Duty<Q> {
    /// Lend these entries.
    Lend(Arc<[DbKey]>),
    /// These were offered to a client that waits for the first: lend them, as for any coordinator.
    LendOffered(Arc<[DbKey]>),
    /// Run the part and send the reply.
    Read(Carried),
    /// Wait for the decision, then run the part.
    Write(Carried),
    /// Wait for the decision, then run the commands.
    Run(Batch),
    /// A command of this shard alone that met a lock: run it and be done.
    Task(Box<Task>),
    /// Hold the locks.
    Hold,
    /// Answer a query of the coordinator's and be done.
    Query(Q),
    /// Register what a client watches and be done.
    Watch(Box<Watch>),
    /// Offer this key to a blocked client; from then on the duty is `LendOffered`.
    MakeOffer(Box<Candidate>, DbKey),
}

impl<Q> From<Work> for Duty<Q> {
    fn from(work: Work) -> Self {
        match work {
            Work::Lend(keys) => Duty::Lend(keys),
            Work::Read(part) => Duty::Read(part),
            Work::Write(part) => Duty::Write(part),
            Work::Run(commands) => Duty::Run(commands),
            Work::Hold => Duty::Hold,
        }
    }
}

impl<Q> Duty<Q> {
    /// What a coordinator has, in the order of what comes back.
    #[must_use]
    pub fn lent(&self) -> Option<&Arc<[DbKey]>> {
        match self {
            Duty::Lend(keys) | Duty::LendOffered(keys) => Some(keys),
            _ => None,
        }
    }
}

/// One transaction on this shard.
#[derive(Debug)]
pub struct Participant<Q> {
    pub coordinator: ShardId,
    pub duty: Duty<Q>,
    /// The client whose watched keys decide whether it runs.
    pub watcher: Option<u64>,
    /// Its transaction holds the whole keyspace already, so it has no locks of its own; and its
    /// clock.
    pub within_ms: Option<u64>,
}

impl<Q> Participant<Q> {
    /// One that takes its own locks and watches nothing.
    #[must_use]
    pub fn new(coordinator: ShardId, duty: Duty<Q>) -> Self {
        Self {
            coordinator,
            duty,
            watcher: None,
            within_ms: None,
        }
    }
}

/// The transactions that take part here, and their locks.
#[derive(Debug)]
pub struct Participants<Q> {
    locks: Locks,
    known: HashMap<Sequence, Participant<Q>, FixedState>,
    /// They hold their locks and have not done their duty.
    granted: VecDeque<Sequence>,
    /// They are in an older one's way, and their coordinators have not been told.
    revoked: VecDeque<Sequence>,
    outcome: Outcome,
}

impl<Q> Default for Participants<Q> {
    fn default() -> Self {
        Self {
            locks: Locks::default(),
            known: HashMap::default(),
            granted: VecDeque::new(),
            revoked: VecDeque::new(),
            outcome: Outcome::default(),
        }
    }
}

impl<Q> Participants<Q> {
    /// How many take part, holding or waiting.
    #[must_use]
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// True when nobody takes part.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// How many have locks or wait for some.
    #[must_use]
    pub fn locking(&self) -> usize {
        self.locks.len()
    }

    /// True when nobody has or wants a lock: then no command needs to look further.
    #[inline]
    #[must_use]
    pub fn no_locks(&self) -> bool {
        self.locks.is_empty()
    }

    /// True when a command that ends at once must wait for a holder of this key.
    #[must_use]
    pub fn conflicts(&self, key: u64, mode: Mode) -> bool {
        self.locks.conflicts(key, mode)
    }

    /// From now on every lock is granted at once. Only for tests that must notice it.
    #[doc(hidden)]
    pub fn ignore_conflicts(&mut self) {
        self.locks.ignore_conflicts();
    }

    /// A transaction takes part and asks for its locks. True when it has to wait for them.
    pub fn join(
        &mut self,
        sequence: Sequence,
        intents: Vec<Intent>,
        participant: Participant<Q>,
    ) -> bool {
        let within = participant.within_ms.is_some();
        let known = self.known.insert(sequence, participant);
        assert!(known.is_none(), "a transaction takes part once per shard");
        if within {
            self.granted.push_back(sequence);
            return false;
        }
        self.locks.request(sequence, intents, &mut self.outcome);
        let waits = self.outcome.granted.is_empty();
        self.queue_outcome();
        waits
    }

    /// True when every duty that could be done is done, and every coordinator told.
    #[inline]
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.granted.is_empty() && self.revoked.is_empty()
    }

    /// The next one that holds its locks and has not done its duty.
    pub fn next_granted(&mut self) -> Option<Sequence> {
        while let Some(sequence) = self.granted.pop_front() {
            // Meanwhile an older transaction may have taken a lock back.
            if self.locks.is_granted(sequence) || self.is_within(sequence) {
                return Some(sequence);
            }
        }
        None
    }

    /// True when its transaction holds the whole keyspace already.
    #[must_use]
    pub fn is_within(&self, sequence: Sequence) -> bool {
        let known = self.known.get(&sequence);
        known.is_some_and(|participant| participant.within_ms.is_some())
    }

    /// What a transaction will do here.
    #[must_use]
    pub fn duty(&self, sequence: Sequence) -> &Duty<Q> {
        &self.known[&sequence].duty
    }

    /// How a transaction holds a key; None: it does not hold it.
    #[must_use]
    pub fn held(&self, sequence: Sequence, key: u64) -> Option<Mode> {
        self.locks.held(sequence, key)
    }

    /// One that was granted needs stronger locks than it asked for: it waits anew, at its old place
    /// in the order.
    pub fn ask_anew(&mut self, sequence: Sequence, intents: Vec<Intent>) {
        assert!(
            self.known.contains_key(&sequence),
            "only a transaction that takes part asks"
        );
        self.locks.release(sequence, &mut self.outcome);
        self.locks.request(sequence, intents, &mut self.outcome);
        self.queue_outcome();
    }

    /// Takes a participant out: to do its duty, or because its transaction is over. Its locks stay.
    #[must_use]
    pub fn take(&mut self, sequence: Sequence) -> Participant<Q> {
        let participant = self.known.remove(&sequence);
        participant.expect("a transaction takes part until it is over")
    }

    /// It has done its duty, and its coordinator will say what comes next.
    pub fn keep(&mut self, sequence: Sequence, participant: Participant<Q>) {
        assert!(
            participant.within_ms.is_some() || self.locks.is_granted(sequence),
            "whoever waits for its coordinator holds its locks"
        );
        let known = self.known.insert(sequence, participant);
        assert!(known.is_none(), "a transaction takes part once per shard");
    }

    /// It is over here: its locks go, if it has some of its own.
    pub fn release(&mut self, sequence: Sequence, within_ms: Option<u64>) {
        assert!(
            !self.known.contains_key(&sequence),
            "who is over takes part no more"
        );
        if within_ms.is_none() {
            self.locks.release(sequence, &mut self.outcome);
            self.queue_outcome();
        }
    }

    /// Its coordinator gave way: it waits again, in its old place.
    pub fn yielded(&mut self, sequence: Sequence, participant: Participant<Q>) {
        assert!(
            participant.within_ms.is_none(),
            "who holds every shard is in nobody's way"
        );
        let known = self.known.insert(sequence, participant);
        assert!(known.is_none(), "a transaction takes part once per shard");
        self.locks.yield_back(sequence, &mut self.outcome);
        self.queue_outcome();
    }

    /// The next one that is to give way, with its coordinator. To be asked when nobody is granted
    /// any more: what was granted and revoked by the same change must hear of it in this order.
    pub fn next_revoked(&mut self) -> Option<(ShardId, Sequence)> {
        assert!(
            self.granted.is_empty(),
            "grants are told before revocations"
        );
        while let Some(sequence) = self.revoked.pop_front() {
            // It may be over, or have asked anew, meanwhile.
            if self.locks.is_revoking(sequence)
                && let Some(participant) = self.known.get(&sequence)
            {
                return Some((participant.coordinator, sequence));
            }
        }
        None
    }

    /// The keys of a database that are lent to transactions, whether or not there are such keys.
    pub fn lent_away(&self, db: Db) -> impl Iterator<Item = &[u8]> {
        let lending = self.known.iter().filter(|(sequence, participant)| {
            participant.within_ms.is_some() || self.locks.is_granted(**sequence)
        });
        let keys = lending.filter_map(|(_, participant)| participant.duty.lent());
        keys.flat_map(|keys| keys.iter())
            .filter(move |key| key.0 == db)
            .map(|(_, key)| &**key)
    }

    fn queue_outcome(&mut self) {
        self.granted.extend(self.outcome.granted.drain(..));
        self.revoked.extend(self.outcome.revoke.drain(..));
    }
}
