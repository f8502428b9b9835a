//! The home shard's side of transactions over several shards.
//!
//! Phases, each one message per shard: Schedule -> Granted -> (Execute or Finish). When every shard
//! has granted, the transaction is decided: it waits for nobody any more, so the client is answered
//! at once; whoever touches a key of it before the last message waits behind the locks. The plans:
//!
//! - `Lend`: the owners lend the entries, the handler runs here over `borrowed`, they go home.
//! - `Split`, reading: each owner runs its part at the grant; the parts are merged.
//! - `Split`, writing: each runs its part at the decision; parts with results are merged then.

use super::merge::{error_code, merge};
use std::sync::Arc;

use super::Core;
use super::blocking::moves;
use super::input::Flow;
use super::keys::Place;
use crate::base::Token;
use crate::cmd::{Merge, Row, Run, flag};
use crate::conn::State;
use crate::route::{
    Carried, DbKey, Intent, Mode, Note, Part, Schedule, Sequence, Task, WHOLE, Work,
};

/// What happens at the decision.
#[derive(Debug)]
pub enum Plan {
    Lend(Task),
    Split {
        merge: Merge,
        writes: bool,
        /// The row of a command whose arguments the parts may refuse, so that the reply waits for
        /// theirs.
        fallible: Option<u16>,
    },
    /// An EXEC that must be alone on every shard: its commands run one after the other.
    Steps,
}

/// One shard's share of a transaction.
#[derive(Debug)]
pub struct Share {
    pub shard: usize,
    pub granted: bool,
    pub part: Option<Part>,
    /// For `Lend`: the keys, as lent.
    pub keys: Arc<[DbKey]>,
    /// For `Split` by key: which of the command's keys they are.
    pub ordinals: Vec<usize>,
}

/// A shard's consent to a transaction.
#[derive(Debug)]
pub struct Grant {
    pub part: Part,
    /// A key that the client watches there has changed.
    pub dirty: bool,
    /// The shard's clock.
    pub clock_ms: u64,
}

/// A transaction that this shard coordinates.
#[derive(Debug)]
pub struct Coordinated {
    pub token: Token,
    pub client: u64,
    pub shares: Vec<Share>,
    /// Shares that are not granted, or whose executed part has not come.
    pub missing: usize,
    pub decided: bool,
    /// A watched key has changed.
    pub dirty: bool,
    /// What the time is for all that it does: no earlier than on any shard that has granted, so
    /// that no key that was found gone there comes back. Fixed by the decision.
    pub clock_ms: u64,
    /// It is part of a transaction that holds every shard already, with this clock.
    pub within_ms: Option<u64>,
    /// It began with a key that was offered to a blocked client.
    pub offered: bool,
    pub plan: Plan,
}

impl Core {
    /// A keyed command of a waiting client that does not belong to one shard alone, or that may
    /// block elsewhere.
    pub fn coordinate(
        &mut self,
        token: Token,
        row: &'static Row,
        task: Task,
        place: Place,
    ) -> Flow {
        self.client(token).state = State::Waiting;
        let positions = std::mem::take(&mut self.parsing.positions);
        match (place, row.command.run) {
            (Place::One { shard, .. }, _) => self.tell(shard, Note::Bundle(Box::new(task))),
            // A command whose arguments do not divide is refused by its handler before it touches a
            // key.
            (Place::Anywhere, _) | (_, Run::Split(..)) => self.perform(task),
            _ if row.has(flag::BLOCKING) && moves(row) => self.ask_source(task),
            _ => self.lend_all(token, task, Vec::new()),
        }
        self.parsing.positions = positions;
        Flow::Stop
    }

    /// Registers a transaction that will have `shares` shares.
    pub fn open(&mut self, token: Token, plan: Plan, shares: usize) -> Sequence {
        let sequence = self.next_sequence();
        let counted = shares.min(self.identity.shards);
        let counts = &mut self.metrics.count().transactions;
        if counts.len() <= counted {
            counts.resize(counted + 1, 0);
        }
        counts[counted] += 1;
        let client = self.clients.get(token);
        let within_ms = client
            .and_then(|client| client.steps.as_deref())
            .map(|steps| steps.clock_ms);
        let client = client.map_or(0, |client| client.id);
        let coordinated = Coordinated {
            token,
            client,
            shares: Vec::with_capacity(shares),
            missing: shares,
            decided: false,
            dirty: false,
            clock_ms: 0,
            within_ms,
            offered: false,
            plan,
        };
        self.transactions.coordinated.insert(sequence, coordinated);
        sequence
    }

    pub fn ask_share(
        &mut self,
        sequence: Sequence,
        share: Share,
        intents: Vec<Intent>,
        work: Work,
        watcher: Option<u64>,
    ) {
        let shard = share.shard;
        let coordinated = self
            .transactions
            .coordinated
            .get_mut(&sequence)
            .expect("the transaction was just opened");
        coordinated.shares.push(share);
        let within_ms = coordinated.within_ms;
        self.tell(
            shard,
            Note::Schedule(Box::new(Schedule {
                sequence,
                intents,
                within_ms,
                work,
                watcher,
            })),
        );
    }

    /// A shard has granted its locks.
    pub fn granted(&mut self, from: usize, sequence: Sequence, grant: Grant) {
        let coordinated = self
            .transactions
            .coordinated
            .get_mut(&sequence)
            .expect("an undecided transaction is known");
        assert!(
            !coordinated.decided,
            "a decided transaction has all its grants"
        );
        let share = coordinated.share(from);
        assert!(!share.granted, "a share is granted once");
        share.granted = true;
        share.part = Some(grant.part);
        coordinated.dirty |= grant.dirty;
        coordinated.clock_ms = coordinated.clock_ms.max(grant.clock_ms);
        coordinated.missing -= 1;
        if coordinated.missing == 0 {
            self.decide(sequence);
        }
    }

    /// An older transaction waits at a shard: give way unless it is too late for that.
    pub fn revoke(&mut self, from: usize, sequence: Sequence) {
        let Some(coordinated) = self
            .transactions
            .coordinated
            .get_mut(&sequence)
            .filter(|coordinated| !coordinated.decided)
        else {
            return;
        };
        let share = coordinated.share(from);
        assert!(share.granted, "only a granted share is revoked");
        share.granted = false;
        let returned = match share.part.take() {
            Some(Part::Entries(entries)) => entries,
            _ => Vec::new(),
        };
        coordinated.missing += 1;
        self.tell(from, Note::Yield { sequence, returned });
    }

    /// Every lock is held: what the transaction does becomes so now.
    pub fn decide(&mut self, sequence: Sequence) {
        let now_ms = self.now.unix_ms();
        let coordinated = self
            .transactions
            .coordinated
            .get_mut(&sequence)
            .expect("decided once");
        assert!(!coordinated.decided, "decided once");
        coordinated.decided = true;
        coordinated.clock_ms = match coordinated.within_ms {
            Some(fixed_ms) => fixed_ms,
            None => coordinated.clock_ms.max(now_ms),
        };
        match &coordinated.plan {
            Plan::Lend(_) => {
                let coordinated = self.take_decided(sequence);
                self.run_lent(sequence, coordinated);
            }
            Plan::Split { writes: false, .. } => {
                let coordinated = self.take_decided(sequence);
                for share in &coordinated.shares {
                    self.tell(share.shard, Note::unchanged(sequence, Vec::new()));
                }
                self.reply_merged(coordinated);
            }
            Plan::Split {
                merge: Merge::Ok,
                fallible: None,
                ..
            } => {
                let coordinated = self.take_decided(sequence);
                for share in &coordinated.shares {
                    let answer = false;
                    self.tell(share.shard, Note::Execute { sequence, answer });
                }
                self.reply_merged(coordinated);
            }
            Plan::Steps => self.begin_steps(sequence),
            Plan::Split { .. } => {
                coordinated.missing = coordinated.shares.len();
                let shards: Vec<usize> =
                    coordinated.shares.iter().map(|share| share.shard).collect();
                for shard in shards {
                    let answer = true;
                    self.tell(shard, Note::Execute { sequence, answer });
                }
            }
        }
    }

    /// A decided transaction that nothing more is asked of.
    fn take_decided(&mut self, sequence: Sequence) -> Coordinated {
        let coordinated = self.transactions.coordinated.remove(&sequence);
        let coordinated = coordinated.expect("a transaction is known until it is over");
        assert!(coordinated.decided, "only a decided transaction ends");
        coordinated
    }

    /// A part of a command without keys for every shard.
    pub fn spread(&mut self, token: Token, row: &'static Row, carried: &Carried) {
        let Run::Everywhere(_, merge) = row.command.run else {
            panic!("only such commands come here")
        };
        let writes = row.has(flag::WRITE);
        let mode = if writes {
            Mode::Exclusive
        } else {
            Mode::Shared
        };
        let plan = Plan::Split {
            merge,
            writes,
            fallible: Some(carried.head.row),
        };
        self.count_call(carried.head.row, 1);
        let sequence = self.open(token, plan, self.identity.shards);
        for shard in 0..self.identity.shards {
            let work = if writes {
                Work::Write(carried.clone())
            } else {
                Work::Read(carried.clone())
            };
            self.ask_share(
                sequence,
                Share::new(shard, [].into()),
                vec![Intent { key: WHOLE, mode }],
                work,
                None,
            );
        }
    }

    pub fn reply_merged(&mut self, coordinated: Coordinated) {
        let Coordinated {
            token,
            client,
            shares,
            plan,
            ..
        } = coordinated;
        let Plan::Split {
            merge: how,
            fallible,
            ..
        } = plan
        else {
            panic!("only split transactions are merged")
        };
        if self.clients.of(token, client).is_none() {
            return;
        }
        let parts: Vec<(Vec<usize>, Vec<u8>)> = shares
            .into_iter()
            .map(|share| match share.part {
                Some(Part::Reply(reply)) => (share.ordinals, reply),
                _ => (share.ordinals, Vec::new()),
            })
            .collect();
        if let (Some(row), Some(code)) = (fallible, error_code(&parts)) {
            self.metrics.count_failed(row, code);
        }
        self.complete_counted(token, |reply| merge(how, &parts, reply));
    }

    /// The result of a part that ran after the decision.
    pub fn executed(&mut self, from: usize, sequence: Sequence, reply: Vec<u8>) {
        let coordinated = self
            .transactions
            .coordinated
            .get_mut(&sequence)
            .expect("a transaction waits for its parts");
        coordinated.share(from).part = Some(Part::Reply(reply));
        coordinated.missing -= 1;
        if coordinated.missing == 0 {
            let coordinated = self.take_decided(sequence);
            self.reply_merged(coordinated);
        }
    }
}

impl Share {
    /// A share that is not asked for yet.
    #[must_use]
    pub fn new(shard: usize, keys: Arc<[DbKey]>) -> Self {
        Self {
            shard,
            granted: false,
            part: None,
            keys,
            ordinals: Vec::new(),
        }
    }
}

impl Coordinated {
    fn share(&mut self, shard: usize) -> &mut Share {
        self.shares
            .iter_mut()
            .find(|share| share.shard == shard)
            .expect("a shard that answers was asked")
    }
}
