//! The home shard's side of transactions: who was asked, who has granted, and what follows when all
//! have.
//!
//! Phases, each one message per shard: Schedule -> Granted -> (Finish, or Execute -> Executed where
//! the reply depends on what then runs). When every shard has granted, the transaction is
//! *decided*: it waits for no other any more, and the client is answered as soon as the reply is
//! known; whoever touches a key of it before the last message waits behind the locks.
//! Each shard owns one; it sees neither keys nor clients, and its decisions are carried out by
//! `shard`.

use std::collections::HashMap;
use std::sync::Arc;

use crate::cmd::Merge;
use crate::route::{ClientRef, DbKey, Grant, Part, Returned, Sequence, ShardId, ShardSet, Task};
use foldhash::fast::FixedState;

/// What happens at the decision.
#[derive(Debug)]
pub enum Plan {
    /// The owners lend the entries, the commands run here over them, the entries go home.
    Lend(Task),
    /// Each owner runs its part; the parts' replies are merged.
    Split(Split),
    /// An EXEC that must be alone on every shard: its commands run one after the other.
    Steps,
}

/// A command or an EXEC in parts: one that only reads runs at the grant, others at the decision.
#[derive(Debug, Clone, Copy)]
pub struct Split {
    pub merge: Merge,
    pub writes: bool,
    /// The row of a command whose arguments the parts may refuse, so that the reply waits for
    /// theirs.
    pub fallible: Option<u16>,
}

impl Split {
    /// The reply is known when the parts are about to run.
    fn is_foregone(self) -> bool {
        matches!(self.merge, Merge::Ok) && self.fallible.is_none()
    }
}

/// One shard's share of a transaction.
#[derive(Debug)]
pub struct Share {
    pub shard: ShardId,
    granted: bool,
    /// What it has contributed, from its grant on.
    pub part: Option<Part>,
    /// For `Lend`: the keys, as lent.
    pub keys: Arc<[DbKey]>,
    /// For `Split` by key: which of the command's keys, or of the EXEC's commands, are there.
    pub ordinals: Vec<usize>,
}

impl Share {
    /// A share that is not asked for yet.
    #[must_use]
    pub fn new(shard: ShardId, keys: Arc<[DbKey]>) -> Self {
        Self {
            shard,
            granted: false,
            part: None,
            keys,
            ordinals: Vec::new(),
        }
    }

    /// The share of a command's part that has these of its keys.
    #[must_use]
    pub fn of_part(shard: ShardId, ordinals: Vec<usize>) -> Self {
        Self {
            ordinals,
            ..Self::new(shard, [].into())
        }
    }
}

/// A transaction as it begins.
#[derive(Debug)]
pub struct Opening {
    pub client: ClientRef,
    /// It is part of a transaction that holds every shard already, with this clock.
    pub within_ms: Option<u64>,
    /// It begins with a key that was offered to a blocked client.
    pub offered: bool,
    pub plan: Plan,
}

/// A transaction that this shard coordinates.
#[derive(Debug)]
struct Coordinated {
    opening: Opening,
    shares: Vec<Share>,
    /// Shares that are not granted, or whose executed part has not come.
    missing: usize,
    decided: bool,
    watch_changed: bool,
    clock_ms: u64,
}

/// A transaction that waits for nobody any more.
#[derive(Debug)]
pub struct Decided {
    pub client: ClientRef,
    pub shares: Vec<Share>,
    /// A watched key has changed.
    pub watch_changed: bool,
    pub offered: bool,
    /// It is a step of one that holds every shard.
    pub is_step: bool,
    /// What the time is for all that it does: no earlier than on any shard that has granted, so
    /// that no key that was found gone there comes back.
    pub clock_ms: u64,
}

impl Decided {
    /// Where its parts run, and when.
    #[must_use]
    pub fn parts(&self) -> Parts {
        Parts {
            shards: self.shares.iter().map(|share| share.shard).collect(),
            clock_ms: self.clock_ms,
            is_step: self.is_step,
        }
    }
}

/// The parts of a transaction that run at its decision.
#[derive(Debug)]
pub struct Parts {
    pub shards: ShardSet,
    pub clock_ms: u64,
    /// It is a step of one that holds every shard.
    pub is_step: bool,
}

/// What a decision asks for.
#[derive(Debug)]
pub enum Decision {
    /// The commands run over what the shares lend; then each share is told the end.
    Run(Task, Decided),
    /// Each share is told the end; the parts are there to be merged.
    Merge(Split, Decided),
    /// Each share is told to run its part; the reply is known, whatever comes of that.
    Execute(Split, Decided),
    /// These shards are told to run their parts and answer.
    ExecuteAndAnswer(Parts),
    /// The steps begin; the transaction stays open until they `end`.
    Step {
        client: ClientRef,
        watch_changed: bool,
        clock_ms: u64,
    },
}

/// The transactions that this shard coordinates.
#[derive(Debug, Default)]
pub struct Coordinator {
    open: HashMap<Sequence, Coordinated, FixedState>,
}

impl Coordinator {
    /// How many transactions are open.
    #[must_use]
    pub fn len(&self) -> usize {
        self.open.len()
    }

    /// True when none is open.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// A transaction begins; room for so many shares.
    pub fn open(&mut self, sequence: Sequence, opening: Opening, shares: usize) {
        let coordinated = Coordinated {
            opening,
            missing: 0,
            shares: Vec::with_capacity(shares),
            decided: false,
            watch_changed: false,
            clock_ms: 0,
        };
        let known = self.open.insert(sequence, coordinated);
        assert!(known.is_none(), "a sequence number is given once");
    }

    /// A shard is asked for its share; all are asked before the first grant comes. Returns the
    /// clock of the transaction that this one is part of, if it is.
    pub fn ask(&mut self, sequence: Sequence, share: Share) -> Option<u64> {
        let coordinated = self.undecided(sequence);
        assert!(!share.granted, "a share is asked for before it is granted");
        let shares = &mut coordinated.shares;
        assert!(
            shares.iter().all(|other| other.shard != share.shard),
            "a shard has one share"
        );
        assert!(
            coordinated.missing == shares.len(),
            "all are asked before the first grant comes"
        );
        shares.push(share);
        coordinated.missing += 1;
        coordinated.opening.within_ms
    }

    /// True when every share is granted; at once where there is none.
    #[must_use]
    pub fn is_granted(&self, sequence: Sequence) -> bool {
        self.open[&sequence].missing == 0
    }

    /// A shard has granted its locks. True when it was the last: the transaction is to be decided.
    #[must_use]
    pub fn granted(&mut self, from: ShardId, sequence: Sequence, grant: Grant) -> bool {
        let coordinated = self.undecided(sequence);
        let share = coordinated.share(from);
        assert!(!share.granted, "a share is granted once");
        share.granted = true;
        share.part = Some(grant.part);
        coordinated.watch_changed |= grant.watch_changed;
        coordinated.clock_ms = coordinated.clock_ms.max(grant.clock_ms);
        coordinated.missing -= 1;
        coordinated.missing == 0
    }

    /// An older transaction waits at a shard: what was lent goes back there, unless it is too late
    /// for that.
    #[must_use]
    pub fn revoked(&mut self, from: ShardId, sequence: Sequence) -> Option<Returned> {
        let coordinated = self.open.get_mut(&sequence)?;
        if coordinated.decided {
            return None;
        }
        let share = coordinated.share(from);
        assert!(share.granted, "only a granted share is revoked");
        share.granted = false;
        let part = share.part.take();
        coordinated.missing += 1;
        Some(match part {
            Some(Part::Entries(entries)) => entries,
            _ => Vec::new(),
        })
    }

    /// Every lock is held: what the transaction does becomes so now.
    #[must_use]
    pub fn decide(&mut self, sequence: Sequence, now_ms: u64) -> Decision {
        let coordinated = self.undecided(sequence);
        assert!(coordinated.missing == 0, "every share has been granted");
        coordinated.decided = true;
        coordinated.clock_ms = match coordinated.opening.within_ms {
            Some(fixed_ms) => fixed_ms,
            None => coordinated.clock_ms.max(now_ms),
        };
        match coordinated.opening.plan {
            Plan::Lend(_) => {
                let (plan, decided) = self.close(sequence);
                match plan {
                    Plan::Lend(task) => Decision::Run(task, decided),
                    _ => panic!("its plan does not change"),
                }
            }
            Plan::Split(split) if !split.writes => Decision::Merge(split, self.close(sequence).1),
            Plan::Split(split) if split.is_foregone() => {
                Decision::Execute(split, self.close(sequence).1)
            }
            Plan::Split(_) => {
                coordinated.missing = coordinated.shares.len();
                let shards = coordinated.shares.iter().map(|share| share.shard);
                Decision::ExecuteAndAnswer(Parts {
                    shards: shards.collect(),
                    clock_ms: coordinated.clock_ms,
                    is_step: coordinated.opening.within_ms.is_some(),
                })
            }
            Plan::Steps => Decision::Step {
                client: coordinated.opening.client,
                watch_changed: coordinated.watch_changed,
                clock_ms: coordinated.clock_ms,
            },
        }
    }

    /// The result of a part that ran after the decision; the transaction, if it was the last.
    #[must_use]
    pub fn executed(
        &mut self,
        from: ShardId,
        sequence: Sequence,
        reply: Vec<u8>,
    ) -> Option<(Split, Decided)> {
        let coordinated = self.open.get_mut(&sequence);
        let coordinated = coordinated.expect("a transaction waits for its parts");
        assert!(
            coordinated.decided,
            "a part that writes runs when that is decided"
        );
        let Plan::Split(split) = coordinated.opening.plan else {
            panic!("only the parts of a command answer")
        };
        let share = coordinated.share(from);
        assert!(
            !matches!(share.part, Some(Part::Reply(_))),
            "a part runs once"
        );
        share.part = Some(Part::Reply(reply));
        coordinated.missing -= 1;
        (coordinated.missing == 0).then(|| (split, self.close(sequence).1))
    }

    /// The steps are over.
    #[must_use]
    pub fn end_steps(&mut self, sequence: Sequence) -> Decided {
        let (plan, decided) = self.close(sequence);
        assert!(matches!(plan, Plan::Steps), "only steps end by themselves");
        decided
    }

    /// Nothing more is asked of a decided transaction.
    fn close(&mut self, sequence: Sequence) -> (Plan, Decided) {
        let coordinated = self.open.remove(&sequence);
        let coordinated = coordinated.expect("a transaction is known until it is over");
        assert!(
            coordinated.decided && coordinated.missing == 0,
            "only a decided transaction ends"
        );
        let Opening {
            client,
            offered,
            plan,
            within_ms,
        } = coordinated.opening;
        let decided = Decided {
            client,
            shares: coordinated.shares,
            watch_changed: coordinated.watch_changed,
            offered,
            is_step: within_ms.is_some(),
            clock_ms: coordinated.clock_ms,
        };
        (plan, decided)
    }

    fn undecided(&mut self, sequence: Sequence) -> &mut Coordinated {
        let coordinated = self.open.get_mut(&sequence);
        let coordinated = coordinated.expect("an undecided transaction is known");
        assert!(
            !coordinated.decided,
            "a decided transaction has all its grants"
        );
        coordinated
    }
}

impl Coordinated {
    fn share(&mut self, shard: ShardId) -> &mut Share {
        self.shares
            .iter_mut()
            .find(|share| share.shard == shard)
            .expect("a shard that answers was asked")
    }
}
