//! What our handlers tell the log, beside what redis-server 7.0.15 writes into its own.
//!
//! One list of commands runs on redis-server, which logs to an append-only file, and over a store
//! of ours; command by command both logs must say the same, but for times, which may lie a little
//! apart. Then our stream, as records in a log, is loaded by another redis-server, which must hold
//! what the first one holds. Differences that are meant stand in a list, with reasons.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use cairn::admin;
use cairn::cmd::{Context, Effects, Random, Run, Table, Terms, Wants};
use cairn::config::Config;
use cairn::resp::{Args, Commands, Limits, Parsed, Protocol, Reply, parse, write_command};
use cairn::store::{Db, Store};
use cairn::wal::{Encoder, Kind};

use super::harness::client::{Client, Value, encode};
use super::harness::server::Server;
use super::{SERVER, directory, header, missing, scratch};

/// How far two absolute times of one command may lie apart, milliseconds.
const APART_MS: u64 = 20_000;
/// Numbers from here on are unix times in milliseconds.
const TIMES_MS: u64 = 1_000_000_000_000;

/// What decides whether a key goes by DEL or by UNLINK; one at a time is on.
const LAZY: [&str; 3] = [
    "lazyfree-lazy-expire",
    "lazyfree-lazy-server-del",
    "lazyfree-lazy-user-del",
];
/// Commands, as one would type them; `{dump}` is the payload of the key `dumped`.
const SCRIPT: &str = include_str!("effects.txt");

/// A command line whose two logs differ, and why.
const DIFFERENT: &[(&str, &str)] = &[
    ("EXPIRE n 200 GT", HELD),
    ("EXPIRE n 50 LT", HELD),
    ("FLUSHDB SYNC", EMPTY),
    ("FLUSHALL SYNC", EMPTY),
];
const HELD: &str = "the condition held; who applies it need not ask again";
const EMPTY: &str = "nothing was there, so nothing changes";

type Logged = Vec<Vec<Vec<u8>>>;

/// Our side: handlers over a store.
struct Ours {
    table: &'static Table,
    store: Store,
    effects: Effects,
    config: Config,
    random: Random,
    db: Db,
    encoder: Encoder,
    log: Vec<u8>,
    /// Where its last record begins.
    last_record: usize,
}

impl Ours {
    fn new(lazy: &str) -> Self {
        let mut config = Config::default();
        let set = config.set(&[(lazy.as_bytes(), b"yes")]);
        set.expect("it can be set");
        let wants = Wants {
            stream: true,
            ..Wants::default()
        };
        Self {
            table: &admin::commands(&[]).expect("nothing is renamed").table,
            store: Store::new(usize::from(config.databases), 42),
            effects: Effects {
                wants,
                ..Effects::default()
            },
            config,
            random: Random::new(42),
            db: Db::FIRST,
            encoder: Encoder::new(3, 0),
            log: Vec::new(),
            last_record: 0,
        }
    }

    /// Runs a command; what it tells the log.
    fn run(&mut self, bytes: &[u8], ticket: u64) -> Logged {
        let mut commands = Commands::new(bytes);
        let args = commands.next().expect("a whole command");
        if args.is(0, "SELECT") {
            let number = std::str::from_utf8(args.get(1)).expect("a number");
            self.db = Db::new(number.parse().expect("a number"));
            return Logged::new();
        }
        let row = self
            .table
            .row(self.table.resolve(&args).expect("a known command"));
        let (Run::Keys(handler) | Run::Split(handler, _) | Run::Everywhere(handler, _)) =
            row.command.run
        else {
            panic!("{} needs a client", row.full_name);
        };
        let mut out = Vec::new();
        let terms = Terms {
            config: &self.config,
            db: self.db,
            now_ms: now_ms(),
            lru_clock: 0,
            no_touch: false,
            may_block: false,
            served: false,
            expiry_held: false,
            routed: None,
        };
        let reply = Reply::new(&mut out, Protocol::Resp2);
        let mut context = Context::new(
            &mut self.store,
            &mut self.effects,
            &mut self.random,
            reply,
            terms,
        );
        // What a refused command has changed before is told as well.
        let _ = handler(&mut context, &args);
        self.effects
            .close_command((row, self.db), &args, &self.store, &self.config);
        let stream = &mut self.effects.stream;
        let logged = stream
            .effects()
            .flat_map(|effect| all_of(effect.command))
            .collect();
        if let Some((database, _)) = stream.stretches().next() {
            let header = header(ticket, Kind::Write, database);
            self.last_record = self.log.len();
            self.encoder
                .append(&mut self.log, &header, stream.stretches());
        }
        stream.clear();
        logged
    }
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    u64::try_from(since.expect("after 1970").as_millis()).expect("64 bits")
}

/// The commands of a log, without those that only group or select.
fn all_of(bytes: &[u8]) -> Logged {
    let mut commands = Commands::new(bytes);
    let mut logged = Logged::new();
    while let Some(args) = commands.next() {
        if ["SELECT", "MULTI", "EXEC"]
            .iter()
            .all(|name| !args.is(0, name))
        {
            let mut words: Vec<Vec<u8>> = args.from(0).map(<[u8]>::to_vec).collect();
            words[0].make_ascii_uppercase();
            logged.push(words);
        }
    }
    assert_eq!(commands.position(), bytes.len(), "whole commands");
    logged
}

/// A command line's words, as RESP.
fn words_of(line: &str, dump: &str) -> Vec<u8> {
    let line = line.replace("{dump}", dump);
    let (mut spans, mut unescaped) = (Vec::new(), Vec::new());
    let limits = Limits {
        bulk_bytes_max: 1 << 20,
        authenticated: true,
    };
    let bytes = format!("{line}\n").into_bytes();
    let parsed = parse(&bytes, limits, &mut spans, &mut unescaped);
    assert!(matches!(parsed, Parsed::Command { .. }), "{line}");
    let source = if unescaped.is_empty() {
        &bytes
    } else {
        &unescaped
    };
    let args = Args::new(source, &spans);
    let mut command = Vec::new();
    write_command(&mut command, args.from(0));
    command
}

/// Their side: a redis-server and its log.
struct Theirs {
    client: Client,
    _server: Server,
    log: PathBuf,
    read: usize,
}

impl Theirs {
    fn start(lazy: &str) -> Self {
        let arguments = [
            "--appendonly",
            "yes",
            "--appendfsync",
            "always",
            "--save",
            "",
            "--aof-use-rdb-preamble",
            "no",
            "--enable-debug-command",
            "yes",
        ];
        let server = Server::start(Path::new(SERVER), &arguments, scratch()).expect("it starts");
        let client = server
            .connect()
            .and_then(Client::new)
            .expect("a connection");
        let log = server
            .directory()
            .join("appendonlydir/appendonly.aof.1.incr.aof");
        let mut theirs = Self {
            client,
            _server: server,
            log,
            read: 0,
        };
        // Keys end when a command finds them, as on our side.
        theirs.call(&["DEBUG", "SET-ACTIVE-EXPIRE", "0"]);
        theirs.call(&["CONFIG", "SET", lazy, "yes"]);
        theirs
    }

    fn call(&mut self, words: &[&str]) -> Value {
        let words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
        self.send(&encode(&words))
    }

    fn send(&mut self, command: &[u8]) -> Value {
        self.client.send(command).expect("it listens");
        self.client.read().expect("it answers")
    }

    /// Runs a command; what stands in its log when it answers.
    fn run(&mut self, command: &[u8]) -> Logged {
        self.send(command);
        let log = fs::read(&self.log).expect("there is a log");
        let logged = all_of(&log[self.read..]);
        self.read = log.len();
        logged
    }

    /// A payload, as one would type it.
    fn dump(&mut self) -> String {
        let Value::Bulk(payload) = self.call(&["DUMP", "dumped"]) else {
            return String::new();
        };
        let bytes: Vec<String> = payload
            .iter()
            .map(|byte| format!("\\x{byte:02x}"))
            .collect();
        format!("\"{}\"", bytes.concat())
    }

    fn digest(&mut self) -> Value {
        self.call(&["DEBUG", "DIGEST"])
    }
}

fn same_word(one: &[u8], other: &[u8]) -> bool {
    let time = |word: &[u8]| {
        let text = std::str::from_utf8(word).ok()?;
        text.parse::<u64>().ok().filter(|number| *number > TIMES_MS)
    };
    match (time(one), time(other)) {
        (Some(one), Some(other)) => one.abs_diff(other) < APART_MS,
        _ => one.eq_ignore_ascii_case(other),
    }
}

fn same(ours: &Logged, theirs: &Logged) -> bool {
    ours.len() == theirs.len()
        && ours.iter().zip(theirs).all(|(ours, theirs)| {
            ours.len() == theirs.len()
                && ours
                    .iter()
                    .zip(theirs)
                    .all(|(one, other)| same_word(one, other))
        })
}

fn shown(logged: &Logged) -> String {
    let line = |words: &Vec<Vec<u8>>| {
        let words: Vec<_> = words
            .iter()
            .map(|word| word.escape_ascii().to_string())
            .collect();
        words.join(" ")
    };
    logged.iter().map(line).collect::<Vec<_>>().join("; ")
}

#[test]
fn handlers_tell_what_redis_logs() {
    if let Some(reason) = missing() {
        println!("skipped: {reason}");
        return;
    }
    LAZY.into_iter().for_each(compare);
}

/// Runs the script on both sides, with this directive on.
fn compare(lazy: &str) {
    let (mut ours, mut theirs) = (Ours::new(lazy), Theirs::start(lazy));
    let mut differences = Vec::new();
    let mut compared = 0;
    let lines = SCRIPT
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    for (line, ticket) in lines.zip(1..) {
        let command = words_of(line, &theirs.dump());
        let (mine, other) = (ours.run(&command, ticket), theirs.run(&command));
        compared += 1;
        let meant = DIFFERENT.iter().any(|(different, _)| *different == line);
        if same(&mine, &other) == meant {
            let (mine, other) = (shown(&mine), shown(&other));
            differences.push(format!("{line}\n  cairn: {mine}\n  redis: {other}"));
        }
    }
    assert!(compared > 100, "{compared} commands");
    assert!(
        differences.is_empty(),
        "{lazy}: {} differences:\n{}",
        differences.len(),
        differences.join("\n")
    );
    let held = theirs.digest();
    ours.encoder.pad(&mut ours.log);
    assert_eq!(
        loaded_digest(&ours.log),
        held,
        "who has loaded our log holds the same"
    );
    // Without its last record it is another keyspace: the comparison can fail.
    assert_ne!(loaded_digest(&ours.log[..ours.last_record]), held);
}

/// The digest of a redis-server that has loaded a log.
fn loaded_digest(log: &[u8]) -> Value {
    let directory = directory("effects", log);
    let path = directory.to_str().expect("the path is text");
    let arguments = [
        "--appendonly",
        "yes",
        "--dir",
        path,
        "--save",
        "",
        "--enable-debug-command",
        "yes",
    ];
    let server = Server::start(Path::new(SERVER), &arguments, scratch()).expect("it loads the log");
    let mut client = server
        .connect()
        .and_then(Client::new)
        .expect("a connection");
    let digest = client.call(&["DEBUG", "DIGEST"]).expect("it answers");
    drop(server);
    fs::remove_dir_all(directory).expect("the directory goes");
    digest
}
