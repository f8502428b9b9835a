//! The state of one shard. Only its own thread touches it; it does no I/O.
//!
//! What the outside must do (close a socket, pause receiving) is left in `asks` for the tick to carry out, so
//! that everything here can run, and be tested, without any `Io`.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize};

use crate::base::{Now, Socket, Token};
use crate::cmd::{Effects, Random, Table};
use crate::config::Config;
use crate::conn::{Client, Clients, State};
use crate::limits::TURN_INPUT_BYTES;
use crate::metrics::{Metrics, Statistics};
use crate::resp::{Error, Reply};
use crate::route::{Locks, Note, Sequence, SlotTable};
use crate::store::Store;

use super::account::{Memory, SharedMemory};
use super::ahead::Parsing;
use super::background::Chores;
use super::commands::Commands;
use super::coordinate::Coordinated;
use super::mail::Mail;
use super::monitor::Monitors;
use super::output::Output;
use super::participate::Participant;
use super::pause::Pause;
use super::ready::Ready;

/// What all shards of a server have in common: a few counters, nothing else is shared.
#[derive(Debug)]
pub struct Shared {
    /// The global order of transactions over several shards.
    pub sequence: AtomicU64,
    /// Ids of clients.
    pub client_ids: AtomicU64,
    /// Clients of all shards, for `maxclients`.
    pub clients: AtomicUsize,
    /// What each shard's memory is.
    pub memory: SharedMemory,
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
            memory: SharedMemory::new(shards),
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
pub enum IoRequest {
    Close(Token),
    /// Close, and drop what the peer has not read.
    Reset(Token),
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
    /// Stop the thread for so long, then answer the query.
    StandStill {
        duration: std::time::Duration,
        asked: super::queries::Asked,
    },
    Discard(Socket),
}

/// Everything one shard owns.
pub struct Core {
    pub identity: Identity,
    pub config: Arc<Config>,
    /// The number of CONFIG SET that made `config`; shard 0 counts.
    pub config_version: u64,
    pub commands: &'static Commands,
    pub table: &'static Table,
    pub slots: SlotTable,
    pub store: Store,
    /// A keyspace for entries that other shards have lent; empty between commands.
    pub borrowed: Store,
    pub clients: Clients,
    pub now: Now,
    pub random: Random,
    pub effects: Effects,
    pub mail: Mail,
    pub output: Output,
    pub ready: Ready,
    pub parsing: Parsing,
    /// In the order in which they were made.
    pub requests: Vec<IoRequest>,
    /// Emptied databases that are freed bit by bit.
    pub cleared: Vec<crate::store::Cleared>,
    /// The newest drawn number behind which this shard has given places, and how many of them.
    pub behind_drawn: (u64, u64),
    pub locks: Locks,
    pub participants: HashMap<Sequence, Participant, foldhash::fast::FixedState>,
    pub coordinated: HashMap<Sequence, Coordinated, foldhash::fast::FixedState>,
    /// Commands behind a suspended one of the same client and shard, in order.
    pub behind: HashMap<(u16, Token), VecDeque<crate::route::Task>, foldhash::fast::FixedState>,
    pub waits: super::waits::Waits,
    pub watches: super::watch::Watches,
    pub queries: super::queries::Queries,
    pub snapshots: super::snapshot::Snapshots,
    pub metrics: Metrics,
    pub pause: Pause,
    pub chores: Chores,
    pub monitors: Monitors,
    /// What a test has heard of the shard's keys; it listens when it puts an empty list here.
    #[cfg(test)]
    pub recorded: Option<Vec<super::happened::Happened>>,
    /// The account of its memory.
    pub memory: Memory,
}

impl Core {
    /// A shard with an empty keyspace.
    #[must_use]
    pub fn new(
        identity: Identity,
        config: Arc<Config>,
        commands: &'static Commands,
        random_seed: u64,
    ) -> Self {
        let databases = usize::from(config.databases);
        let seed = identity.shared.hash_seed;
        let shards = identity.shards;
        Self {
            metrics: Metrics::new(commands.table.len(), super::slow::thresholds(&config)),
            config,
            config_version: 0,
            commands,
            table: &commands.table,
            slots: SlotTable::even(shards),
            store: Store::new(databases, seed),
            borrowed: Store::new(databases, seed),
            clients: Clients::default(),
            now: Now::default(),
            random: Random::new(random_seed),
            effects: Effects::default(),
            mail: Mail::new(identity.shard, shards),
            output: Output::default(),
            ready: Ready::default(),
            parsing: Parsing::default(),
            requests: Vec::new(),
            cleared: Vec::new(),
            behind_drawn: (0, 0),
            locks: Locks::default(),
            participants: HashMap::default(),
            coordinated: HashMap::default(),
            behind: HashMap::default(),
            waits: super::waits::Waits::default(),
            watches: super::watch::Watches::default(),
            queries: super::queries::Queries::default(),
            snapshots: super::snapshot::Snapshots::default(),
            pause: Pause::default(),
            chores: Chores::default(),
            monitors: Monitors::default(),
            #[cfg(test)]
            recorded: None,
            memory: Memory::default(),
            identity,
        }
    }

    /// This shard's number.
    #[inline]
    #[must_use]
    pub fn id(&self) -> usize {
        self.identity.shard
    }

    /// How many shards the server has.
    #[must_use]
    pub fn shards(&self) -> usize {
        self.identity.shards
    }

    /// What all shards have in common.
    #[must_use]
    pub fn shared(&self) -> &Arc<Shared> {
        &self.identity.shared
    }

    /// The configuration as it is now.
    #[must_use]
    pub fn config(&self) -> &Arc<Config> {
        &self.config
    }

    /// Everything that clients may call.
    #[must_use]
    pub fn table(&self) -> &'static Table {
        self.table
    }

    /// How many times the configuration has been changed.
    #[must_use]
    pub fn config_version(&self) -> u64 {
        self.config_version
    }

    /// This shard's keys.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// This shard's keys, past every handler: whoever changes them here tells nobody.
    pub fn store_mut(&mut self) -> &mut Store {
        &mut self.store
    }

    /// What this shard measures.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// What this shard measures, to be forgotten.
    pub fn metrics_mut(&mut self) -> &mut Metrics {
        &mut self.metrics
    }

    /// The time of this tick.
    #[must_use]
    pub fn now(&self) -> Now {
        self.now
    }

    /// This shard's clients.
    #[must_use]
    pub fn clients(&self) -> &Clients {
        &self.clients
    }

    /// A source of random numbers.
    pub fn random(&mut self) -> &mut Random {
        &mut self.random
    }

    /// Which shard owns what.
    #[must_use]
    pub fn slots(&self) -> &SlotTable {
        &self.slots
    }

    /// The shard that owns a slot.
    #[must_use]
    pub fn owner(&self, slot: u16) -> usize {
        self.slots.owner(slot)
    }

    /// True while some client monitors.
    #[must_use]
    pub fn is_monitored(&self) -> bool {
        !self.monitors.is_empty()
    }

    /// True while there is something to do without waiting.
    #[must_use]
    pub fn has_work(&self) -> bool {
        !self.ready.is_empty() || self.mail.has_own() || !self.output.is_empty()
    }

    /// What this shard has counted.
    #[must_use]
    pub fn statistics(&self) -> &Statistics {
        self.metrics.counters()
    }

    /// What is under way, by name; nothing is once every client has gone.
    #[must_use]
    pub fn leftovers(&self) -> [(&'static str, usize); 9] {
        [
            ("locks", self.locks.len()),
            ("participants", self.participants.len()),
            ("coordinated transactions", self.coordinated.len()),
            ("commands behind others", self.behind.len()),
            ("queries", self.queries.pending()),
            ("blocked clients", usize::from(!self.waits.is_empty())),
            ("watches", usize::from(!self.watches.is_empty())),
            ("clients", self.clients.len()),
            ("messages", self.mail.waiting()),
        ]
    }

    /// Grants every lock at once: the seeded defect that the checkers must find.
    pub fn ignore_lock_conflicts(&mut self) {
        self.locks.ignore_conflicts();
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
        self.metrics.count().count_error(code);
    }

    /// Tells a shard, this one included, at the end of the tick.
    pub fn tell(&mut self, shard: usize, note: Note) {
        self.metrics.count().notes += u64::from(shard != self.id());
        self.mail.tell(shard, note);
    }

    /// Tells another shard what does not matter soon.
    pub fn tell_later(&mut self, shard: usize, note: Note) {
        self.metrics.count().notes += 1;
        self.mail.tell_later(shard, note);
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
            self.ready.push(token);
        }
    }

    /// Uses a configuration from now on, unless a later one came first.
    pub fn configure(&mut self, version: u64, config: Arc<Config>) {
        if version <= self.config_version {
            return;
        }
        self.config_version = version;
        if self.id() == 0 && config.loglevel != self.config.loglevel {
            crate::base::log::set_level(config.loglevel.into());
        }
        self.metrics.configure(super::slow::thresholds(&config));
        self.config = config;
        // A new `maxmemory` is held against what is used now.
        self.publish_memory();
        self.update_wants();
    }
}
