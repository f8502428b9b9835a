//! Running a handler, and what follows from what it did.
//!
//! The same few lines serve a local client, a parcel of another shard, a transaction and a replay:
//! a `Context` is built over this shard's keyspace (or over lent entries), the handler runs, an
//! error becomes the reply, and the effects are settled: counters, watchers, blocked clients,
//! events.

use super::Core;
use crate::base::Token;
use crate::cmd::{Context, Handler, RoutedKey, Row, Run, Terms};
use crate::resp::{Args, Protocol, Reply};
use crate::route::{ClientRef, Head, ReplyTo, ShardId, Task};
use crate::store::Db;

/// What a handler is told besides its arguments.
#[derive(Debug, Clone, Copy)]
pub struct Call {
    pub head: Head,
    /// The keyspace is `borrowed`.
    pub borrowed: bool,
    /// The command may wait for a key: it stands alone, outside any transaction.
    pub may_block: bool,
    /// The client, where it is known, and its home where that is another shard; for the slow log.
    pub client: Option<ClientRef>,
    pub home: Option<ShardId>,
    /// The call is counted elsewhere: a part, whose coordinator counts it, or a command that was
    /// counted when it began to wait.
    pub counted: bool,
    /// The time of this call begins where that of the one before ended.
    pub chained: bool,
}

impl Call {
    /// The call of a command of nobody in particular.
    #[inline]
    #[must_use]
    pub fn of(head: Head, borrowed: bool) -> Self {
        Self {
            head,
            borrowed,
            may_block: false,
            client: None,
            home: None,
            counted: false,
            chained: false,
        }
    }

    /// Only the row is known: for counting.
    #[must_use]
    pub(super) fn unknown(row: u16) -> Self {
        Self::of(Head::new(row, Db::FIRST, Protocol::Resp2, false), false)
    }

    /// The same call of a command that stands alone.
    #[must_use]
    pub fn alone(self) -> Self {
        Self {
            may_block: true,
            ..self
        }
    }
}

/// The handler of a row that has one.
#[must_use]
pub fn handler(row: &Row) -> Handler {
    match row.command.run {
        Run::Keys(handler) | Run::Split(handler, _) | Run::Everywhere(handler, _) => handler,
        Run::Home(_) | Run::Container => panic!("the row has no handler"),
    }
}

impl Core {
    /// Runs a handler and writes its reply, or its error, to `out`.
    #[inline]
    pub(super) fn run_handler(&mut self, call: Call, args: &Args<'_>, out: &mut Vec<u8>) {
        let row = self.table().row(call.head.row);
        let start = out.len();
        if !call.chained {
            self.metrics.begin_commands();
        }
        let store = if call.borrowed {
            self.effects.tell_apart();
            &mut self.keyspace.borrowed
        } else {
            &mut self.keyspace.own
        };
        let terms = Terms {
            config: &self.settings.config,
            db: call.head.db,
            now_ms: self.now.unix_ms(),
            no_touch: call.head.no_touch,
            may_block: call.may_block,
            served: call.may_block && call.counted,
            expiry_held: self.pause.is_on(),
            routed: RoutedKey::new(call.head.key_at, call.head.slot),
            lru_clock: (self.now.unix_us / 1_000_000) as u32 & 0x00ff_ffff,
        };
        let reply = Reply::new(out, call.head.protocol);
        let (effects, random) = (&mut self.effects, &mut self.keyspace.random);
        let mut context = Context::new(store, effects, random, reply, terms);
        let result = handler(row)(&mut context, args);
        if let Err(error) = result {
            context.reply.truncate(start);
            context.reply.error(&error);
            // All shards refuse alike, and the coordinator counts it once.
            if !(call.counted && matches!(row.command.run, Run::Everywhere(..))) {
                self.metrics.count_failed(call.head.row, error.code());
            }
        }
        if self.effects.wants.stream {
            self.tell_stream(&call, row, args);
        }
        self.count_call(call.head.row, u64::from(!call.counted));
        self.timed(call, args);
    }

    /// Log and replicas are told what the command did.
    #[cold]
    fn tell_stream(&mut self, call: &Call, row: &Row, args: &Args<'_>) {
        let store = match call.borrowed {
            true => &self.keyspace.borrowed,
            false => &self.keyspace.own,
        };
        let command = (row, call.head.db);
        self.effects
            .close_command(command, args, store, &self.settings.config);
    }

    /// Runs something for a transaction at its clock; None: at the tick's.
    pub(super) fn at_clock<T>(
        &mut self,
        clock_ms: Option<u64>,
        run: impl FnOnce(&mut Self) -> T,
    ) -> T {
        let Some(clock_ms) = clock_ms.filter(|&clock_ms| clock_ms != self.now.unix_ms()) else {
            return run(self);
        };
        assert!(clock_ms > 0, "a transaction that runs has its clock");
        let ticks = std::mem::replace(&mut self.now.unix_us, clock_ms * 1000);
        let result = run(self);
        assert!(
            self.now.unix_us == clock_ms * 1000,
            "time stands still for a transaction"
        );
        self.now.unix_us = ticks;
        result
    }

    /// Counts calls of a command.
    #[inline]
    pub(super) fn count_call(&mut self, row: u16, calls: u64) {
        self.metrics.count_calls(row, calls);
    }

    /// Lets a function look at this shard's keys outside any command's handler.
    pub fn with_context<T>(
        &mut self,
        db: Db,
        protocol: Protocol,
        out: &mut Vec<u8>,
        look: impl FnOnce(&mut Context<'_>) -> T,
    ) -> T {
        let terms = Terms {
            config: &self.settings.config,
            db,
            now_ms: self.now.unix_ms(),
            no_touch: true,
            may_block: false,
            served: false,
            // An expired key is ended under its lock only.
            expiry_held: self.pause.is_on() || !self.transactions.participants.no_locks(),
            routed: None,
            lru_clock: (self.now.unix_us / 1_000_000) as u32 & 0x00ff_ffff,
        };
        let (store, effects) = (&mut self.keyspace.own, &mut self.effects);
        let reply = Reply::new(out, protocol);
        let result = look(&mut Context::new(
            store,
            effects,
            &mut self.keyspace.random,
            reply,
            terms,
        ));
        self.settle_effects();
        result
    }

    /// A command of one of our clients, alone in its pipeline, packed up to wait or travel.
    pub(super) fn task(&mut self, token: Token, row_number: u16, args: &Args<'_>) -> Task {
        let client = self.client(token);
        let (to, block) = (ReplyTo::Alone(client.reference()), client.block);
        let head = client.session.head(row_number);
        Task {
            block,
            ..Task::of(self.id(), to, head, args)
        }
    }

    /// Counts what a command did and tells whoever waits for it.
    #[inline]
    pub(super) fn settle_effects(&mut self) {
        let effects = &mut self.effects;
        self.metrics.count().dirty += effects.dirty;
        self.metrics.count().hits += effects.hits;
        self.metrics.count().misses += effects.misses;
        self.metrics.count().expired += effects.expired;
        effects.dirty = 0;
        effects.hits = 0;
        effects.misses = 0;
        effects.expired = 0;
        effects.block = None;
        if !effects.cleared.is_empty() {
            self.keyspace.cleared.append(&mut effects.cleared);
        }
        let silent = effects.modified.is_empty() && effects.replaced.is_empty();
        if !silent || !effects.events.is_empty() {
            self.tell_observers();
        }
    }
}
