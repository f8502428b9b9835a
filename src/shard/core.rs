//! The state of one shard. Only its own thread touches it; it does no I/O.
//!
//! What the outside must do (close a socket, pause receiving) is left in `asks` for the tick to carry out, so
//! that everything here can run, and be tested, without any `Io`.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize};

use crate::base::{Now, Socket, Token};
use crate::cmd::{Effects, Random, Table, table};
use crate::config::Config;
use crate::conn::{Client, Clients, State};
use crate::limits::TURN_INPUT_BYTES;
use crate::metrics::{Histogram, Stalls, Statistics};
use crate::resp::{Error, Reply};
use crate::route::{Batch, Locks, Message, Note, Parcel, Sequence, SlotTable};
use crate::store::Store;

use super::coordinate::Coordinated;
use super::errand::Gathering;
use super::home::HomeCommands;
use super::participate::Participant;
use super::timing::Timing;

/// What all shards of a server have in common: a few counters, nothing else is shared.
#[derive(Debug)]
pub struct Shared {
    /// The global order of transactions over several shards.
    pub sequence: AtomicU64,
    /// Ids of clients.
    pub client_ids: AtomicU64,
    /// Clients of all shards, for `maxclients`.
    pub clients: AtomicUsize,
    /// Bytes allocated per shard, as of its last housekeeping.
    pub used_memory: Vec<AtomicI64>,
    /// Clients per shard, for dealing out new ones.
    pub clients_per_shard: Vec<AtomicUsize>,
    /// Seed of the key hash: entries move between shards, so all hash alike.
    pub hash_seed: u64,
    /// Wall clock at start, microseconds.
    pub started_us: u64,
    /// 40 hex digits naming this run.
    pub run_id: String,
    /// Back end, features and placement, for INFO.
    pub machine: Vec<(String, String)>,
    /// A signal asks the server to stop.
    pub stop: Arc<AtomicBool>,
    /// Numbers the entries of SLOWLOG.
    pub slow_log_ids: AtomicU64,
    /// The configuration file, for CONFIG REWRITE.
    pub config_file: Option<std::path::PathBuf>,
}

impl Shared {
    /// For a server of `shards` shards.
    #[must_use]
    pub fn new(shards: usize, hash_seed: u64, started_us: u64, run_id: String) -> Self {
        Self {
            sequence: AtomicU64::new(1),
            client_ids: AtomicU64::new(1),
            clients: AtomicUsize::new(0),
            clients_per_shard: (0..shards).map(|_| AtomicUsize::new(0)).collect(),
            used_memory: (0..shards).map(|_| AtomicI64::new(0)).collect(),
            hash_seed,
            started_us,
            run_id,
            machine: Vec::new(),
            stop: Arc::new(AtomicBool::new(false)),
            slow_log_ids: AtomicU64::new(0),
            config_file: None,
        }
    }
}

/// Which shard this is.
#[derive(Debug, Clone)]
pub struct Identity {
    pub shard: usize,
    pub shards: usize,
    pub shared: Arc<Shared>,
}

/// What the tick must do through `Io` on the core's behalf.
#[derive(Debug)]
pub enum Ask {
    Close(Token),
    Pause(Token),
    Resume(Token),
    Attach {
        socket: Socket,
        listener: u32,
    },
    ReplaceFile {
        path: std::path::PathBuf,
        content: Vec<u8>,
        token: Token,
        client: u64,
    },
    CloseListeners,
    /// Stop the thread for so long, then answer an errand.
    Stall {
        from: usize,
        id: u64,
        duration: std::time::Duration,
    },
    Discard(Socket),
}

/// Calls of one command.
#[derive(Debug, Clone, Default)]
pub struct Calls {
    pub calls: u64,
    pub nanoseconds: u64,
    pub rejected: u64,
    pub failed: u64,
    /// Once it was called while `latency-tracking` is on.
    pub histogram: Option<Histogram>,
}

/// Everything one shard owns.
pub struct Core {
    pub identity: Identity,
    pub config: Arc<Config>,
    /// The number of CONFIG SET that made `config`; shard 0 counts.
    pub config_version: u64,
    pub table: &'static Table,
    pub slots: SlotTable,
    pub store: Store,
    /// A keyspace for entries that other shards have lent; empty between commands.
    pub borrowed: Store,
    pub clients: Clients,
    pub now: Now,
    pub random: Random,
    pub effects: Effects,
    /// Clients with output to send.
    pub with_output: Vec<Token>,
    /// Clients whose input may go on.
    pub runnable: VecDeque<Token>,
    /// Clients that have more to do than fits a turn, the next one first.
    pub turns: VecDeque<Token>,
    /// Clients whose replies wait for other shards' answers to leave with them.
    pub with_held: Vec<Token>,
    /// This tick sends what otherwise waits for other shards' answers.
    pub flush_held: bool,
    /// Clients that push against a full mesh: runnable again next tick.
    pub stalled: Vec<(Token, u64)>,
    pub asks: Vec<Ask>,
    /// Emptied databases that are freed bit by bit.
    pub cleared: Vec<crate::store::Cleared>,
    /// Commands that had run when keys were last looked through for expired ones.
    pub commands_at_expiry: u64,
    /// What goes to each shard at the end of the tick.
    pub outbox: Vec<Message>,
    pub parcels: Vec<Box<Parcel>>,
    pub batches: Vec<Batch>,
    /// Parcels and bundles whose replies have not come.
    pub errands_out: usize,
    pub send_buffers: Vec<Vec<u8>>,
    /// Notes to this shard itself, handled with the inbox.
    pub own_notes: VecDeque<Note>,
    /// The newest drawn number behind which this shard has given places, and how many of them.
    pub behind_drawn: (u64, u64),
    pub locks: Locks,
    pub participants: HashMap<Sequence, Participant, foldhash::fast::FixedState>,
    pub coordinated: HashMap<Sequence, Coordinated, foldhash::fast::FixedState>,
    /// Commands behind a suspended one of the same client and shard, in order.
    pub behind: HashMap<(u16, Token), VecDeque<crate::route::Task>, foldhash::fast::FixedState>,
    pub waits: super::waits::Waits,
    pub watches: super::watch::Watches,
    pub errands: HashMap<u64, Gathering, foldhash::fast::FixedState>,
    pub next_errand: u64,
    pub snapshots: HashMap<u64, super::snapshot::Snapshot, foldhash::fast::FixedState>,
    pub next_snapshot: u64,
    /// When somebody last read by stamps, monotonic microseconds.
    pub stamps_used_us: u64,
    pub home: HomeCommands,
    pub statistics: Statistics,
    pub stalls: Stalls,
    pub calls: Vec<Calls>,
    pub timing: Timing,
    pub meter: super::figures::Meter,
    /// Until when clients are paused, milliseconds of the wall clock, and whether all commands are.
    pub pause_until_ms: u64,
    pub pause_all: bool,
    pub active_expire: bool,
    /// Clients that monitor, and whether there are any.
    pub monitors: Vec<super::home::monitor::Monitor>,
    pub monitored: bool,
    /// What a test has heard of the shard's keys; it listens when it puts an empty list here.
    #[cfg(test)]
    pub recorded: Option<Vec<super::happened::Happened>>,
    /// The last housekeeping, monotonic microseconds.
    pub housekeeping_us: u64,
    /// Bytes allocated by this shard's thread, when it last looked.
    pub memory: Option<crate::base::arena::ThreadMemory>,
    /// SHUTDOWN was asked for.
    pub stopping: bool,
    /// Reused between buffers.
    pub ahead: super::ahead::Ahead,
    /// Address and slot of the first argument of the command that is being dispatched.
    pub routed: Option<(*const u8, u16)>,
    pub positions: Vec<usize>,
}

impl Core {
    /// A shard with an empty keyspace.
    #[must_use]
    pub fn new(identity: Identity, config: Arc<Config>, random_seed: u64) -> Self {
        let databases = usize::from(config.databases);
        let seed = identity.shared.hash_seed;
        let shards = identity.shards;
        let table = table();
        Self {
            timing: Timing::new(&config),
            meter: super::figures::Meter::default(),
            config,
            config_version: 0,
            table,
            slots: SlotTable::even(shards),
            store: Store::new(databases, seed),
            borrowed: Store::new(databases, seed),
            clients: Clients::default(),
            now: Now::default(),
            random: Random::new(random_seed),
            effects: Effects::default(),
            with_output: Vec::new(),
            runnable: VecDeque::new(),
            turns: VecDeque::new(),
            with_held: Vec::new(),
            flush_held: false,
            stalled: Vec::new(),
            asks: Vec::new(),
            cleared: Vec::new(),
            commands_at_expiry: 0,
            outbox: (0..shards).map(|_| Message::default()).collect(),
            parcels: Vec::new(),
            batches: Vec::new(),
            errands_out: 0,
            send_buffers: Vec::new(),
            own_notes: VecDeque::new(),
            behind_drawn: (0, 0),
            locks: Locks::default(),
            participants: HashMap::default(),
            coordinated: HashMap::default(),
            behind: HashMap::default(),
            waits: super::waits::Waits::default(),
            watches: super::watch::Watches::default(),
            errands: HashMap::default(),
            next_errand: 1,
            snapshots: HashMap::default(),
            next_snapshot: 1,
            stamps_used_us: 0,
            home: HomeCommands::new(table),
            statistics: Statistics::default(),
            stalls: Stalls::new(crate::base::Ticker::of_machine()),
            calls: vec![Calls::default(); table.len()],
            pause_until_ms: 0,
            pause_all: false,
            active_expire: true,
            monitors: Vec::new(),
            monitored: false,
            #[cfg(test)]
            recorded: None,
            housekeeping_us: 0,
            memory: None,
            stopping: false,
            ahead: super::ahead::Ahead::default(),
            routed: None,
            positions: Vec::new(),
            identity,
        }
    }

    /// This shard's number.
    #[inline]
    #[must_use]
    pub fn id(&self) -> usize {
        self.identity.shard
    }

    /// True while there is something to do without waiting.
    #[must_use]
    pub fn has_work(&self) -> bool {
        !self.runnable.is_empty()
            || !self.turns.is_empty()
            || !self.own_notes.is_empty()
            || !self.stalled.is_empty()
            || !self.with_output.is_empty()
    }

    /// A client that is known to be there.
    #[inline]
    pub fn client(&mut self, token: Token) -> &mut Client {
        self.clients
            .get_mut(token)
            .expect("the caller works for a client that is there")
    }

    /// Where a command that is alone in its client's pipeline writes its reply.
    #[inline]
    pub fn reply(&mut self, token: Token) -> Reply<'_> {
        let client = self
            .clients
            .get_mut(token)
            .expect("the caller works for a client that is there");
        assert!(
            client.replies.in_order(),
            "a command that replies directly is alone"
        );
        let protocol = client.session.protocol;
        Reply::new(client.replies.sink(), protocol)
    }

    /// Writes an error reply and counts it.
    pub fn error(&mut self, token: Token, error: &Error) {
        self.count_error(error.code());
        self.reply(token).error(error);
    }

    /// Counts an error reply by its code, for INFO errorstats.
    pub fn count_error(&mut self, code: &str) {
        self.statistics.error_replies += 1;
        let errors = &mut self.statistics.errors;
        let known = errors.iter().position(|(known, _)| known == code);
        match known {
            Some(index) => errors[index].1 += 1,
            None if errors.len() < crate::limits::ERROR_CODES_MAX => {
                errors.push((code.to_string(), 1))
            }
            None => {}
        }
    }

    /// Tells a shard, this one included, at the end of the tick.
    pub fn tell(&mut self, shard: usize, note: Note) {
        if shard == self.id() {
            self.own_notes.push_back(note);
        } else {
            self.outbox[shard].notes.push(note);
        }
    }

    /// The client may go on with its input: at once if that is little, else when its turn comes.
    pub fn run_again(&mut self, token: Token) {
        let Some(client) = self.clients.get_mut(token) else {
            return;
        };
        client.active_us = self.now.monotonic_us;
        let much = client.state == State::Throttled || client.input.len() >= TURN_INPUT_BYTES;
        match client.state {
            State::Closing => return,
            _ => client.state = State::Running,
        }
        if much {
            self.await_turn(token);
        } else if !client.awaits_turn {
            self.runnable.push_back(token);
        }
    }
}
