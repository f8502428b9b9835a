//! What happens beside commands: the tick's clock, new clients, expiry, housekeeping.
//!
//! Background work comes in slices: a bounded number of expired keys per tick, and a round of
//! housekeeping every tenth of a second.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::Core;
use super::core::IoRequest;
use crate::base::{Now, Socket, Token};
use crate::cmd::{Key, attend};
use crate::conn::{Client, ReplyBufferRules, State};
use crate::limits::{EXPIRE_PER_TICK, EXPIRE_PER_TICK_MAX, FREE_PER_TICK, IDLE_SLEEP_US};
use crate::route::{Mode, Note, ShardId, WHOLE, lock_key};

/// What a shard does beside commands, and whether it still does.
#[derive(Debug, Default)]
pub struct Chores {
    /// The last housekeeping, monotonic microseconds.
    housekeeping_us: u64,
    /// Commands that had run when keys were last looked through for expired ones.
    commands_at_expiry: u64,
    /// SHUTDOWN was asked for.
    stopping: bool,
    debugged: Debugged,
}

/// What DEBUG has changed about a shard.
#[derive(Debug, Clone, Default)]
pub struct Debugged {
    /// SET-ACTIVE-EXPIRE 0.
    pub active_expiry_off: bool,
    /// PAUSE-CRON 1.
    pub expiry_paused: bool,
    /// REPLYBUFFER.
    pub reply_buffers: ReplyBufferRules,
    /// The replication id, once it has been changed.
    pub replication_id: Option<Arc<str>>,
}

impl Chores {
    /// The first housekeeping comes in its time from now on, monotonic microseconds.
    #[must_use]
    pub fn from(now_us: u64) -> Self {
        Self {
            housekeeping_us: now_us,
            ..Self::default()
        }
    }

    /// True once the shard takes no new clients and lets the present ones go.
    #[inline]
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.stopping
    }
}

impl Core {
    /// What DEBUG has changed.
    #[must_use]
    pub fn debugged(&self) -> &Debugged {
        &self.chores.debugged
    }

    /// What DEBUG changes.
    pub fn debugged_mut(&mut self) -> &mut Debugged {
        &mut self.chores.debugged
    }

    /// SHUTDOWN was asked for.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.chores.is_stopping()
    }

    /// A tick begins.
    pub fn begin_tick(&mut self, now: Now) {
        assert!(
            now.monotonic_us >= self.now.monotonic_us,
            "the monotonic clock does not go back"
        );
        assert!(
            self.effects.block.is_none() && self.effects.modified.is_empty(),
            "what a command did is settled before its tick ends"
        );
        self.now = now;
        self.metrics.count().ticks += 1;
        self.effects.stamps.begin_tick(now.monotonic_us);
    }

    /// How long the shard may sleep for all that it has to do by itself, microseconds.
    #[must_use]
    pub(super) fn sleep_us(&self) -> u64 {
        let mut sleep = IDLE_SLEEP_US;
        if let Some(at) = self.transactions.waits.next_deadline_us() {
            sleep = sleep.min(at.saturating_sub(self.now.monotonic_us));
        }
        if self.expires_keys()
            && let Some(at_ms) = self.keyspace.own.next_deadline(self.now.unix_ms())
        {
            sleep = sleep.min(at_ms.saturating_mul(1000).saturating_sub(self.now.unix_us));
        }
        if let Some(end_ms) = self.pause.end_ms() {
            let left_us = end_ms.saturating_mul(1000);
            sleep = sleep.min(left_us.saturating_sub(self.now.unix_us));
        }
        if self.keyspace.cleared.is_empty() && self.unfreed() == 0 {
            sleep
        } else {
            0
        }
    }

    /// True when keys may end by themselves now: not while a transaction holds or has looked at
    /// them all.
    fn expires_keys(&self) -> bool {
        !self.chores.debugged.active_expiry_off
            && !self.chores.debugged.expiry_paused
            && !self.pause.is_on()
            && !self
                .transactions
                .participants
                .conflicts(WHOLE, Mode::SomeExclusive)
    }

    /// One slice of work that no command asked for.
    pub(super) fn background(&mut self) {
        self.time_out_waits();
        // Before its client can ask anew: a registration ends by its own end, not by that of the
        // one before.
        self.handle_own_notes();
        if self.expires_keys() {
            self.expire_keys();
        }
        if let Some(cleared) = self.keyspace.cleared.last_mut()
            && cleared.drop_some(FREE_PER_TICK)
        {
            self.metrics.count().lazy_freed += cleared.len() as u64;
            self.keyspace.cleared.pop();
        }
        self.free_values();
        self.end_pause();
        let (shard, limit) = (self.id(), self.settings.config.maxmemory);
        let shared = &self.identity.shared.memory;
        self.memory.publish_if_moved(shared, shard, limit);
        if self
            .now
            .monotonic_us
            .saturating_sub(self.chores.housekeeping_us)
            >= IDLE_SLEEP_US
        {
            self.chores.housekeeping_us = self.now.monotonic_us;
            self.keep_house();
        }
    }

    /// Values that were deleted, overwritten or expired, and were too large to be freed then.
    fn free_values(&mut self) {
        let before = self.unfreed();
        if before > 0 {
            self.keyspace.own.free_some(FREE_PER_TICK);
            self.keyspace.borrowed.free_some(FREE_PER_TICK);
            let left = self.unfreed();
            assert!(left <= before, "nothing joins what is being freed");
            self.metrics.count().lazy_freed += (before - left) as u64;
        }
    }

    fn expire_keys(&mut self) {
        let now_ms = self.now.unix_ms();
        let due = self.keyspace.own.next_deadline(now_ms);
        let started = due
            .is_some_and(|at_ms| at_ms <= now_ms)
            .then(|| self.metrics.reading());
        // CONFIG RESETSTAT sets the count back.
        let commands = self.metrics.counters().commands;
        let since = commands.saturating_sub(self.chores.commands_at_expiry) as usize;
        self.chores.commands_at_expiry = commands;
        let budget = (2 * since).clamp(EXPIRE_PER_TICK, EXPIRE_PER_TICK_MAX);
        let Self {
            effects,
            transactions,
            settings,
            ..
        } = self;
        let participants = &transactions.participants;
        let hash = self.keyspace.own.key_hash();
        // A key's end is a write, which waits for those who have read it.
        let is_held = |db, key: &[u8]| {
            !participants.no_locks()
                && participants.conflicts(lock_key(db, hash.of(key)), Mode::Exclusive)
        };
        let mut expired = 0;
        self.keyspace
            .own
            .expire_step_unless(&is_held, now_ms, budget, &mut |db, _slot, entry| {
                expired += 1;
                effects.tell_expired(db, entry.key(), hash, &settings.config);
            });
        let mut left = budget;
        while left > 0
            && let Some((db, slot, key)) = self.keyspace.own.next_waking(now_ms)
        {
            if is_held(db, &key) {
                self.keyspace.own.rewake_later(db, slot, &key, now_ms);
                left -= 1;
                continue;
            }
            let place = (db, Key::new(&key));
            let ended = attend(&mut self.keyspace.own, effects, place, now_ms, left);
            expired += ended;
            left = left.saturating_sub(ended.max(1));
        }
        if expired > 0 {
            self.settle_effects();
        }
        if let Some(started) = started {
            self.metrics.count_expiry_time(started);
        }
    }

    fn keep_house(&mut self) {
        self.enforce_output_limits();
        self.flush_held_replies();
        self.mail.hurry_all();
        self.rest_stamps();
        self.close_idle();
        self.look_at_clients();
        // Also where nobody writes: what this shard keeps for use again may be what others lack.
        let _ = self.out_of_memory();
        self.publish_memory();
        self.metrics.sample(self.now.monotonic_us);
        if self.identity.shared.stop.load(Ordering::Relaxed) {
            self.stop();
        }
    }

    /// `timeout`: clients that have not said anything for that long.
    fn close_idle(&mut self) {
        let timeout_us = u64::from(self.settings.config.timeout) * 1_000_000;
        if timeout_us == 0 {
            return;
        }
        let now_us = self.now.monotonic_us;
        for token in self.clients.tokens() {
            let client = self.client(token);
            // One that reads slowly is not idle.
            let idle = client.active_us + timeout_us < now_us && client.sending.is_none();
            if idle && client.state == State::Running && !client.session.monitor {
                self.close_now(token);
            }
        }
    }

    /// Stops: no new clients, and the present ones are closed.
    pub fn stop(&mut self) {
        if self.chores.stopping {
            return;
        }
        self.chores.stopping = true;
        self.requests.push(IoRequest::CloseListeners);
        for token in self.clients.tokens() {
            self.close_now(token);
        }
    }

    /// A listener of ours accepted a connection: the shard with the fewest clients gets it.
    pub fn accepted(&mut self, listener: u32, socket: Socket) {
        if self.chores.stopping {
            return self.requests.push(IoRequest::Discard(socket));
        }
        self.metrics.count().connections += 1;
        let loads = &self.identity.shared.clients_per_shard;
        let shards = self.identity.shards;
        // From the next shard on, so that ties are dealt round.
        let first = self.metrics.counters().connections as usize % shards;
        let home = (0..shards)
            .map(|step| ShardId::at((first + step) % shards))
            .min_by_key(|&shard| loads[shard.index()].load(Ordering::Relaxed))
            .expect("there is at least one shard");
        loads[home.index()].fetch_add(1, Ordering::Relaxed);
        self.identity.shared.clients.fetch_add(1, Ordering::Relaxed);
        self.tell(home, Note::Adopt { socket, listener });
    }

    /// A slot for a client that is being attached.
    pub(super) fn reserve_client(&mut self) -> Option<Token> {
        let token = self.clients.reserve();
        if token.is_none() {
            self.identity.shared.uncount_client(self.id());
        }
        token
    }

    /// The Io refused the socket.
    pub(super) fn unreserve_client(&mut self, token: Token) {
        self.clients.unreserve(token);
        self.identity.shared.uncount_client(self.id());
    }

    /// A client is attached.
    pub fn connected(
        &mut self,
        token: Token,
        listener: u32,
        addresses: (String, String),
        descriptor: i32,
    ) {
        let id = self
            .identity
            .shared
            .client_ids
            .fetch_add(1, Ordering::Relaxed);
        let mut client = Client::new(
            id,
            token,
            listener,
            self.settings.config.requirepass.is_empty(),
            self.now.monotonic_us,
        );
        client.descriptor = descriptor;
        (client.address, client.local_address) = (addresses.0.into(), addresses.1.into());
        self.clients.insert(client);
        self.admit(token);
    }
}
