//! What `Core` begins with: what all shards share, which shard this is, three rooms, accessors.
//!
//! `Core` itself stands in `mod.rs`. What is here needs one room or the client; what runs commands
//! is in the other files.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use crate::base::{Now, Socket, Token};
use crate::cmd::{Effects, Random, Table};
use crate::config::Config;
use crate::conn::{Client, Clients, State};
use crate::limits::TURN_INPUT_BYTES;
use crate::metrics::{Metrics, Statistics, Thresholds};
use crate::resp::{Error, Reply};
use crate::route::{Note, ShardId, SlotTable};
use crate::store::{Cleared, Slot, Store};
use crate::txn::Transactions;

use super::Core;
use super::account::{Memory, SharedMemory};
use super::ahead::Parsing;
use super::background::Chores;
use super::commands::Commands;
use super::mail::Mail;
use super::monitor::Monitors;
use super::output::Output;
use super::pause::Pause;
use super::queries::Queries;
use super::ready::Ready;
use super::record::Record;

/// What all shards of a server have in common: a few counters, nothing else is shared.
#[derive(Debug)]
pub struct Shared {
    /// The global order of transactions over several shards.
    pub sequence: AtomicU64,
    /// Numbers the units of the record of what changed.
    pub tickets: AtomicU64,
    /// The order of the commands that monitoring clients are shown.
    pub monitored: AtomicU64,
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
            tickets: AtomicU64::new(1),
            monitored: AtomicU64::new(1),
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

    /// A client of a shard's has gone.
    pub(super) fn uncount_client(&self, shard: ShardId) {
        let all = self.clients.fetch_sub(1, Ordering::Relaxed);
        let own = self.clients_per_shard[shard.index()].fetch_sub(1, Ordering::Relaxed);
        assert!(
            all > 0 && own > 0,
            "a client is counted from when it is accepted until it goes"
        );
    }
}

/// Which shard this is.
#[derive(Debug, Clone)]
pub struct Identity {
    pub shard: ShardId,
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
    Rewrite(super::files::Rewrite),
    CloseListeners,
    /// Stop the thread for so long, then answer the query.
    StandStill {
        duration: std::time::Duration,
        asked: super::queries::Asked,
    },
    Discard(Socket),
}

/// The configuration in force, and what it lets clients call.
pub(super) struct Settings {
    pub(super) config: Arc<Config>,
    /// The number of CONFIG SET that made it; shard 0 counts.
    pub(super) version: u64,
    /// What clients may call.
    pub(super) commands: &'static Commands,
}

/// The keys of one shard, and those that others have lent it.
pub(super) struct Keyspace {
    pub(super) own: Store,
    /// Entries that other shards have lent; empty between commands.
    pub(super) borrowed: Store,
    /// Emptied databases that are freed bit by bit.
    pub(super) cleared: Vec<Cleared>,
    /// Chooses among keys and elements.
    pub(super) random: Random,
}

impl Keyspace {
    fn new(databases: usize, hash_seed: u64, random_seed: u64) -> Self {
        Self {
            own: Store::new(databases, hash_seed),
            borrowed: Store::new(databases, hash_seed),
            cleared: Vec::new(),
            random: Random::new(random_seed),
        }
    }
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
        let seed = identity.shared.hash_seed;
        assert!(
            identity.shared.clients_per_shard.len() == identity.shards,
            "what the shards share has room for each"
        );
        Self {
            metrics: Metrics::new(commands.table.len(), thresholds(&config)),
            keyspace: Keyspace::new(usize::from(config.databases), seed, random_seed),
            settings: Settings {
                config,
                version: 0,
                commands,
            },
            slots: SlotTable::even(identity.shards),
            clients: Clients::default(),
            now: Now::default(),
            effects: Effects::default(),
            mail: Mail::new(identity.shard, identity.shards),
            output: Output::default(),
            ready: Ready::default(),
            parsing: Parsing::default(),
            requests: Vec::new(),
            transactions: Transactions::default(),
            queries: Queries::default(),
            pause: Pause::default(),
            chores: Chores::default(),
            monitors: Monitors::default(),
            #[cfg(test)]
            recorded: None,
            record: Record::default(),
            memory: Memory::default(),
            identity,
        }
    }

    /// This shard's number.
    #[inline]
    #[must_use]
    pub fn id(&self) -> ShardId {
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
        &self.settings.config
    }

    /// Everything that clients may call.
    #[must_use]
    pub fn table(&self) -> &'static Table {
        &self.settings.commands.table
    }

    /// How many times the configuration has been changed.
    #[must_use]
    pub fn config_version(&self) -> u64 {
        self.settings.version
    }

    /// This shard's keys.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.keyspace.own
    }

    /// This shard's keys, past every handler: whoever changes them here tells nobody.
    pub fn store_mut(&mut self) -> &mut Store {
        &mut self.keyspace.own
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
        &mut self.keyspace.random
    }

    /// Which shard owns what.
    #[must_use]
    pub fn slots(&self) -> &SlotTable {
        &self.slots
    }

    /// The shard that owns a slot.
    #[must_use]
    pub fn owner(&self, slot: Slot) -> ShardId {
        self.slots.owner(slot)
    }

    /// What this shard has counted.
    #[must_use]
    pub fn statistics(&self) -> &Statistics {
        self.metrics.counters()
    }

    /// What a test hears of the shard's keys from now on.
    #[cfg(test)]
    pub fn record(&mut self) {
        self.recorded = Some(Vec::new());
        self.update_wants();
    }

    /// Grants every lock at once: the seeded defect that the checkers must find.
    #[doc(hidden)]
    pub fn ignore_lock_conflicts(&mut self) {
        self.transactions.participants.ignore_conflicts();
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
    pub(super) fn tell(&mut self, shard: ShardId, note: Note) {
        self.metrics.count().notes += u64::from(shard != self.id());
        self.mail.tell(shard, note);
    }

    /// Tells another shard what does not matter soon.
    pub(super) fn tell_later(&mut self, shard: ShardId, note: Note) {
        self.metrics.count().notes += 1;
        self.mail.tell_later(shard, note);
    }

    /// The client may go on with its input: at once if that is little, else when its turn comes.
    pub(super) fn run_again(&mut self, token: Token) {
        let Some(client) = self.clients.get_mut(token) else {
            return;
        };
        client.active_us = self.now.monotonic_us;
        let much = client.state == State::Throttled || client.input.len() >= TURN_INPUT_BYTES;
        if client.closing || client.state == State::Closing {
            return;
        }
        client.state = State::Running;
        if much {
            self.await_turn(token);
        } else if !client.awaits_turn {
            self.ready.push(token);
        }
    }
}

/// From when on a configuration has commands looked at closely.
#[must_use]
pub fn thresholds(config: &Config) -> Thresholds {
    Thresholds {
        slow_log_us: u64::try_from(config.slowlog_log_slower_than).ok(),
        latency_event_ms: config.latency_monitor_threshold,
        tracking: config.latency_tracking,
        slow_log_len: usize::try_from(config.slowlog_max_len).unwrap_or(usize::MAX),
    }
}
