//! The home shard's side of transactions over several shards.
//!
//! Phases, each one message per shard: Schedule -> Granted -> (Execute or Finish). When every shard has
//! granted, the transaction is decided: from then on it waits for nobody and its effects are as good as
//! done, so the client is answered at once; whoever touches a key of it before the last message has
//! arrived waits behind the locks. Three plans:
//!
//! - `Lend`: the owners lend the entries, the handler runs here over `borrowed`, the entries go home.
//! - `Split`, reading: each owner runs its part at the grant; the parts are merged.
//! - `Split`, writing: each owner runs its part at the decision; parts with results are merged then.

use super::Core;
use super::dispatch::Place;
use super::execute::Call;
use super::input::Flow;
use super::merge::merge;
use super::participate::strongest;
use crate::base::Token;
use crate::cmd::{Merge, Row, Run, changes_keys, flag, key_slot, other_database};
use crate::conn::State;
use crate::resp::{Args, Protocol, Reply};
use crate::route::{
    Carried, DbKey, Intent, Mode, Note, Part, Returned, Schedule, Sequence, Task, WHOLE, Wait, Work,
};
use crate::store::Entry;

/// What happens at the decision.
#[derive(Debug)]
pub enum Plan {
    Lend(Task),
    Split {
        merge: Merge,
        writes: bool,
        /// The client's arguments may be refused by the parts, so the reply waits for theirs.
        fallible: bool,
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
    pub keys: Vec<DbKey>,
    /// For `Split` by key: which of the command's keys they are.
    pub ordinals: Vec<usize>,
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
    pub plan: Plan,
}

impl Core {
    /// A keyed command of a waiting client that does not belong to one shard alone, or that may block elsewhere.
    pub fn coordinate(
        &mut self,
        token: Token,
        row: &'static Row,
        task: Task,
        place: Place,
    ) -> Flow {
        self.client(token).state = State::Waiting;
        let positions = std::mem::take(&mut self.positions);
        match (place, row.command.run) {
            (Place::One { shard, .. }, _) => self.tell(shard, Note::Bundle(Box::new(task))),
            (_, Run::Split(_, merge)) if divides(row, &task.commands[0].args()) => {
                self.split(token, &task.commands[0], &positions, merge);
            }
            // A command whose arguments do not divide is refused by its handler before it touches a key.
            (Place::Anywhere, _) | (_, Run::Split(..)) => self.perform(task),
            _ => self.lend_all(token, task, Vec::new()),
        }
        self.positions = positions;
        Flow::Stop
    }

    /// A command that divides by key: a part for every owner.
    fn split(&mut self, token: Token, carried: &Carried, positions: &[usize], merge: Merge) {
        let row = self.table.row(carried.row);
        let writes = changes_keys(row);
        let mode = if writes {
            Mode::Exclusive
        } else {
            Mode::Shared
        };
        let args = carried.args();
        let step = positions.get(1).map_or(1, |second| second - positions[0]);
        let mut shares: Vec<(Share, Vec<Intent>)> = Vec::new();
        for (ordinal, &at) in positions.iter().enumerate() {
            let key = args.get(at);
            let shard = self.slots.owner(key_slot(key));
            let index = shares
                .iter()
                .position(|(share, _)| share.shard == shard)
                .unwrap_or_else(|| {
                    shares.push((Share::new(shard, Vec::new()), Vec::new()));
                    shares.len() - 1
                });
            shares[index].0.ordinals.push(ordinal);
            shares[index].1.push(Intent {
                key: self.lock_key(carried.db, key),
                mode,
            });
        }
        let first = positions[0];
        let parts: Vec<Carried> = shares
            .iter()
            .map(|(share, _)| {
                let keys = share
                    .ordinals
                    .iter()
                    .flat_map(|&ordinal| positions[ordinal]..positions[ordinal] + step);
                carried.part(&args, (0..first).chain(keys))
            })
            .collect();
        let plan = Plan::Split {
            merge,
            writes,
            fallible: false,
        };
        let sequence = self.open(token, plan, shares.len());
        for ((share, mut intents), part) in shares.into_iter().zip(parts) {
            strongest(&mut intents);
            let work = if writes {
                Work::Write(part)
            } else {
                Work::Read(part)
            };
            self.ask_share(sequence, share, intents, work, None);
        }
    }

    /// A command on the whole keyspace of every shard.
    pub fn everywhere(&mut self, token: Token, row_number: u16, args: &Args<'_>) -> Flow {
        if self.has_outstanding(token) {
            return self.wait_for_replies(token);
        }
        let row: &'static Row = self.table.row(row_number);
        if self.identity.shards == 1 && self.locks.is_empty() {
            return self.execute_here(token, row_number, row, args, (0, 0));
        }
        let task = self.task(token, row_number, args);
        self.client(token).state = State::Waiting;
        self.spread(token, row, &task.commands[0]);
        Flow::Stop
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
            fallible: true,
        };
        let sequence = self.open(token, plan, self.identity.shards);
        for shard in 0..self.identity.shards {
            let work = if writes {
                Work::Write(carried.clone())
            } else {
                Work::Read(carried.clone())
            };
            self.ask_share(
                sequence,
                Share::new(shard, Vec::new()),
                vec![Intent { key: WHOLE, mode }],
                work,
                None,
            );
        }
    }

    /// Commands that run here over lent entries of all their keys; `watched` keys are locked besides.
    pub fn lend_all(&mut self, token: Token, task: Task, watched: Vec<DbKey>) {
        let mut keys: Vec<DbKey> = watched;
        for carried in &task.commands {
            self.keys_of(carried, &mut keys);
        }
        keys.sort_unstable();
        keys.dedup();
        let mut shares: Vec<Share> = Vec::new();
        for key in keys {
            let shard = self.slots.owner(key_slot(&key.1));
            match shares.iter_mut().find(|share| share.shard == shard) {
                Some(share) => share.keys.push(key),
                None => shares.push(Share::new(shard, vec![key])),
            }
        }
        let watcher = task.watcher;
        let sequence = self.open(token, Plan::Lend(task), shares.len());
        for share in shares {
            let intents = self.exclusive_intents(&share.keys);
            let work = Work::Lend(share.keys.clone());
            self.ask_share(sequence, share, intents, work, watcher);
        }
    }

    fn exclusive_intents(&self, keys: &[DbKey]) -> Vec<Intent> {
        let mut intents: Vec<Intent> = keys
            .iter()
            .map(|(db, key)| Intent {
                key: self.lock_key(*db, key),
                mode: Mode::Exclusive,
            })
            .collect();
        strongest(&mut intents);
        intents
    }

    /// The keys of a command.
    pub fn keys_of(&self, carried: &Carried, out: &mut Vec<DbKey>) {
        let args = carried.args();
        let row = self.table.row(carried.row);
        let mut positions = Vec::new();
        for spec in row.command.keys {
            if spec.positions(&args, &mut positions).is_err() {
                return;
            }
        }
        for db in self.databases_of(row, carried.db, &args) {
            out.extend(positions.iter().map(|&at| (db, Box::from(args.get(at)))));
        }
    }

    /// The databases in which a command touches its keys: the client's, and the one that COPY or MOVE names.
    pub fn databases_of(
        &self,
        row: &Row,
        db: u16,
        args: &Args<'_>,
    ) -> impl Iterator<Item = u16> + use<> {
        let other =
            other_database(row, args).filter(|&other| other != db && other < self.config.databases);
        std::iter::once(db).chain(other)
    }

    /// Registers a transaction that will have `shares` shares.
    pub fn open(&mut self, token: Token, plan: Plan, shares: usize) -> Sequence {
        let sequence = self.next_sequence();
        let counted = shares.min(self.identity.shards);
        let counts = &mut self.statistics.transactions;
        if counts.len() <= counted {
            counts.resize(counted + 1, 0);
        }
        counts[counted] += 1;
        let client = self.clients.get(token).map_or(0, |client| client.id);
        let coordinated = Coordinated {
            token,
            client,
            shares: Vec::with_capacity(shares),
            missing: shares,
            decided: false,
            dirty: false,
            plan,
        };
        self.coordinated.insert(sequence, coordinated);
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
            .coordinated
            .get_mut(&sequence)
            .expect("the transaction was just opened");
        coordinated.shares.push(share);
        let token = coordinated.token;
        let within = self
            .clients
            .get(token)
            .is_some_and(|client| client.steps.is_some());
        self.tell(
            shard,
            Note::Schedule(Box::new(Schedule {
                sequence,
                intents,
                within,
                work,
                watcher,
            })),
        );
    }

    /// A shard has granted its locks.
    pub fn granted(&mut self, from: usize, sequence: Sequence, part: Part, dirty: bool) {
        let coordinated = self
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
        share.part = Some(part);
        coordinated.dirty |= dirty;
        coordinated.missing -= 1;
        if coordinated.missing == 0 {
            coordinated.decided = true;
            self.decide(sequence);
        }
    }

    /// An older transaction waits at a shard: give way unless it is too late for that.
    pub fn revoke(&mut self, from: usize, sequence: Sequence) {
        let Some(coordinated) = self
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
    fn decide(&mut self, sequence: Sequence) {
        let coordinated = self.coordinated.get_mut(&sequence).expect("decided once");
        match &coordinated.plan {
            Plan::Lend(_) => {
                let coordinated = self
                    .coordinated
                    .remove(&sequence)
                    .expect("it was just there");
                self.run_lent(sequence, coordinated);
            }
            Plan::Split { writes: false, .. } => {
                let coordinated = self
                    .coordinated
                    .remove(&sequence)
                    .expect("it was just there");
                for share in &coordinated.shares {
                    let finish = Note::Finish {
                        sequence,
                        returned: Vec::new(),
                        modified: Vec::new(),
                        wait: None,
                    };
                    self.tell(share.shard, finish);
                }
                self.reply_merged(coordinated);
            }
            Plan::Split {
                merge: Merge::Ok,
                fallible: false,
                ..
            } => {
                let coordinated = self
                    .coordinated
                    .remove(&sequence)
                    .expect("it was just there");
                for share in &coordinated.shares {
                    self.tell(
                        share.shard,
                        Note::Execute {
                            sequence,
                            answer: false,
                        },
                    );
                }
                self.reply_merged(coordinated);
            }
            Plan::Steps => self.begin_steps(sequence),
            Plan::Split { .. } => {
                coordinated.missing = coordinated.shares.len();
                let shards: Vec<usize> =
                    coordinated.shares.iter().map(|share| share.shard).collect();
                for shard in shards {
                    self.tell(
                        shard,
                        Note::Execute {
                            sequence,
                            answer: true,
                        },
                    );
                }
            }
        }
    }

    /// The result of a part that ran after the decision.
    pub fn executed(&mut self, from: usize, sequence: Sequence, reply: Vec<u8>) {
        let coordinated = self
            .coordinated
            .get_mut(&sequence)
            .expect("a transaction waits for its parts");
        coordinated.share(from).part = Some(Part::Reply(reply));
        coordinated.missing -= 1;
        if coordinated.missing == 0 {
            let coordinated = self
                .coordinated
                .remove(&sequence)
                .expect("it was just there");
            self.reply_merged(coordinated);
        }
    }

    fn reply_merged(&mut self, coordinated: Coordinated) {
        let Coordinated {
            token,
            client,
            shares,
            plan,
            ..
        } = coordinated;
        let Plan::Split { merge: how, .. } = plan else {
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
        self.complete(token, |reply| merge(how, &parts, reply));
    }

    /// Runs commands over lent entries, answers, and sends the entries home.
    fn run_lent(&mut self, sequence: Sequence, mut coordinated: Coordinated) {
        let Plan::Lend(task) = &coordinated.plan else {
            panic!("only lending transactions run here")
        };
        for share in &mut coordinated.shares {
            let Some(Part::Entries(entries)) = share.part.take() else {
                panic!("a granted share has its entries")
            };
            for ((db, key), entry) in share.keys.iter().zip(entries) {
                if let Some(entry) = entry {
                    let displaced = self.borrowed.insert(usize::from(*db), key_slot(key), entry);
                    assert!(displaced.is_none(), "a key is lent by its one owner");
                }
            }
        }
        let listened = std::mem::replace(&mut self.effects.wants.modified, true);
        let aborted = task.exec && coordinated.dirty;
        let mut reply = Vec::new();
        let blocks = self.run_borrowed(task, aborted, &mut reply);
        self.effects.wants.modified = listened;
        let modified = std::mem::take(&mut self.effects.modified);
        self.settle_effects();
        for share in &coordinated.shares {
            let finish = self.finish_share(sequence, share, &modified, blocks.then_some(task));
            self.tell(share.shard, finish);
        }
        let lent_left: usize = (0..usize::from(self.config.databases))
            .map(|db| self.borrowed.len(db))
            .sum();
        assert!(lent_left == 0, "a handler keeps to the keys of its command");
        if !blocks {
            let (home, to) = (task.home, task.to);
            assert!(
                usize::from(home) == self.id(),
                "the coordinator is the client's home"
            );
            self.late(to, &reply);
        } else {
            let to = task.to;
            self.blocked(to);
        }
    }

    /// The commands of a lending transaction, over `borrowed`. True when its one command must block.
    fn run_borrowed(&mut self, task: &Task, aborted: bool, reply: &mut Vec<u8>) -> bool {
        let protocol = task
            .commands
            .first()
            .map_or(Protocol::Resp2, |carried| carried.protocol);
        if aborted {
            Reply::new(reply, protocol).null_array();
            return false;
        }
        if task.exec {
            Reply::new(reply, protocol).array(task.commands.len());
        }
        let alone = !task.exec && task.block != 0;
        for carried in &task.commands {
            let call = Call::of(carried, true);
            self.run_handler(
                if alone { call.alone() } else { call },
                &carried.args(),
                reply,
            );
        }
        alone && self.effects.block.is_some()
    }

    fn finish_share(
        &mut self,
        sequence: Sequence,
        share: &Share,
        modified: &[DbKey],
        blocks: Option<&Task>,
    ) -> Note {
        let returned: Returned = share
            .keys
            .iter()
            .map(|(db, key)| {
                let entry: Option<Entry> = self.borrowed.take(usize::from(*db), key_slot(key), key);
                ((*db, key.clone()), entry)
            })
            .collect();
        let modified = modified
            .iter()
            .filter(|key| share.keys.contains(key))
            .cloned()
            .collect();
        let wait: Option<Box<Wait>> =
            blocks.map(|task| Box::new(self.wait_of(task, share.keys.clone())));
        Note::Finish {
            sequence,
            returned,
            modified,
            wait,
        }
    }
}

impl Share {
    /// A share that is not asked for yet.
    #[must_use]
    pub fn new(shard: usize, keys: Vec<DbKey>) -> Self {
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

/// True when the arguments behind the first key divide evenly among the keys; else the handler refuses them.
fn divides(row: &Row, args: &Args<'_>) -> bool {
    row.command
        .keys
        .iter()
        .all(|spec| match (spec.begin, spec.find) {
            (crate::cmd::Begin::Index(at), crate::cmd::Find::Range { step, .. }) => {
                (args.len() - at).is_multiple_of(step)
            }
            _ => true,
        })
}
