//! Runs commands against a store of its own: what the handlers' tests share.
//!
//! Owned by the tests. A command is written as a client would type it, the reply is its bytes on
//! the wire. Commands that need the client's home shard have no handler and cannot run here.

use super::context::{Context, Effects, Random, Terms, Wants};
use super::slot::key_slot;
use super::{Run, table};
use crate::config::Config;
use crate::resp::{Args, Commands, Limits, Parsed, Protocol, Reply, Span, parse};
use crate::store::{Db, Entry, Store};

/// Where the fixture's clock starts: a plausible unix time, milliseconds.
const START_MS: u64 = 1_700_000_000_000;

pub(crate) struct Fixture {
    pub store: Store,
    pub effects: Effects,
    pub config: Config,
    pub random: Random,
    pub protocol: Protocol,
    pub db: Db,
    pub now_ms: u64,
    /// Expired keys stay where they are, as while a log is loaded.
    pub expiry_held: bool,
    /// Keys are told of apart, as when they are lent.
    pub apart: bool,
    /// Commands that reach the log, with their database.
    stream: Vec<(Db, Vec<u8>)>,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        let wants = Wants {
            events: u32::MAX,
            modified: true,
            stream: true,
            stamps: false,
        };
        let config = Config::default();
        Self {
            store: Store::new(usize::from(config.databases), 42),
            effects: Effects {
                wants,
                ..Effects::default()
            },
            config,
            random: Random::new(42),
            protocol: Protocol::Resp2,
            db: Db::FIRST,
            now_ms: START_MS,
            expiry_held: false,
            apart: false,
            stream: Vec::new(),
        }
    }

    /// From now on the client speaks RESP3.
    pub(crate) fn resp3(&mut self) {
        self.protocol = Protocol::Resp3;
    }

    /// The reply to a command line; what is no text in it is replaced.
    pub(crate) fn run(&mut self, line: &str) -> String {
        let (mut spans, mut unescaped) = (Vec::new(), Vec::new());
        let limits = Limits {
            bulk_bytes_max: usize::MAX,
            authenticated: true,
        };
        let bytes = format!("{line}\n").into_bytes();
        let parsed = parse(&bytes, limits, &mut spans, &mut unescaped);
        assert!(
            matches!(parsed, Parsed::Command { .. }),
            "{line}: {parsed:?}"
        );
        let bytes = if unescaped.is_empty() {
            &bytes
        } else {
            &unescaped
        };
        String::from_utf8_lossy(&self.execute(&Args::new(bytes, &spans))).into_owned()
    }

    /// As `run`, with all that came before forgotten: effects, events and log are then this
    /// command's.
    pub(crate) fn fresh(&mut self, line: &str) -> String {
        self.forget();
        self.run(line)
    }

    /// Forgets effects, events and log.
    pub(crate) fn forget(&mut self) {
        self.effects = Effects {
            wants: self.effects.wants,
            ..Effects::default()
        };
        self.stream.clear();
    }

    /// Calls a function with a context whose reply goes to `out`.
    pub(crate) fn with<T>(
        &mut self,
        out: &mut Vec<u8>,
        call: impl FnOnce(&mut Context<'_>) -> T,
    ) -> T {
        call(&mut self.context(out))
    }

    fn context<'c>(&'c mut self, out: &'c mut Vec<u8>) -> Context<'c> {
        let terms = Terms {
            config: &self.config,
            db: self.db,
            now_ms: self.now_ms,
            no_touch: false,
            expiry_held: self.expiry_held,
            may_block: true,
            served: false,
            routed: None,
            lru_clock: u32::try_from((self.now_ms / 1000) & 0xff_ffff).expect("masked to 24 bits"),
        };
        let reply = Reply::new(out, self.protocol);
        let (store, effects) = (&mut self.store, &mut self.effects);
        Context::new(store, effects, &mut self.random, reply, terms)
    }

    /// The reply to a command of words that may hold any bytes.
    pub(crate) fn run_words(&mut self, words: &[&[u8]]) -> Vec<u8> {
        let mut spans = Vec::new();
        let mut start = 0;
        for word in words {
            let len = u32::try_from(word.len()).expect("tests use short words");
            spans.push(Span { start, len });
            start += len;
        }
        self.execute(&Args::new(&words.concat(), &spans))
    }

    /// Asserts the reply to a command line.
    #[track_caller]
    pub(crate) fn check(&mut self, line: &str, reply: &str) {
        assert_eq!(self.run(line), reply, "{line}");
    }

    /// The reply to a command; what it did is told to the log.
    pub(crate) fn execute(&mut self, args: &Args<'_>) -> Vec<u8> {
        let out = self.unlogged(args);
        for effect in self.effects.stream.effects() {
            self.stream.push((effect.db, effect.command.to_vec()));
        }
        self.effects.stream.clear();
        out
    }

    /// As `execute`, and what it tells the log stays in its effects.
    pub(crate) fn unlogged(&mut self, args: &Args<'_>) -> Vec<u8> {
        let row = table().row(table().resolve(args).expect("tests name existing commands"));
        let mut out = Vec::new();
        let mut reply = Reply::new(&mut out, self.protocol);
        if !row.arity_fits(args.len()) {
            reply.error(&crate::resp::Error::arity(&row.full_name));
            return out;
        }
        let (Run::Keys(handler) | Run::Split(handler, _) | Run::Everywhere(handler, _)) =
            row.command.run
        else {
            panic!("{} runs at the client's home shard", row.full_name);
        };
        if self.apart {
            self.effects.tell_apart();
        }
        let mut ctx = self.context(&mut out);
        if let Err(error) = handler(&mut ctx, args) {
            ctx.reply.truncate(0);
            ctx.reply.error(&error);
        }
        self.effects
            .close_command((row, self.db), args, &self.store, &self.config);
        out
    }

    /// What reached the log since the last call, a line per command.
    pub(crate) fn stream(&mut self) -> Vec<String> {
        let line = |(_, command): (Db, Vec<u8>)| {
            let mut commands = Commands::new(&command);
            let args = commands.next().expect("a command is whole");
            let words = args.from(0).map(String::from_utf8_lossy);
            words.collect::<Vec<_>>().join(" ")
        };
        self.streamed().into_iter().map(line).collect()
    }

    /// What reached the log since the last call: commands as RESP, with their database.
    pub(crate) fn streamed(&mut self) -> Vec<(Db, Vec<u8>)> {
        std::mem::take(&mut self.stream)
    }

    /// The keyspace events since the last call, as `name key`.
    pub(crate) fn events(&mut self) -> Vec<String> {
        let text = |event: super::KeyEvent| {
            format!("{} {}", event.name, String::from_utf8_lossy(&event.key))
        };
        self.effects.events.drain(..).map(text).collect()
    }

    /// When a key expires, unix milliseconds.
    pub(crate) fn expiry(&self, key: &str) -> Option<u64> {
        self.entry(key).expiry()
    }

    /// How a key's value is kept, as OBJECT ENCODING names it.
    pub(crate) fn encoding(&self, key: &str) -> &'static str {
        self.entry(key).encoding().name()
    }

    /// The entry at an existing key of the current database, expired or not.
    #[track_caller]
    pub(crate) fn entry(&self, key: &str) -> &Entry {
        let key = key.as_bytes();
        self.store
            .get(self.db, key_slot(key), key)
            .expect("the test made the key")
    }

    /// Sets a directive.
    pub(crate) fn set_config(&mut self, name: &str, value: &str) {
        self.config
            .set(&[(name.as_bytes(), value.as_bytes())])
            .expect("a valid setting");
    }
}
