//! Logs of records, read by the programs that people have: `redis-check-aof` and `redis-server`.
//!
//! A log of random records is handed to Redis 7.0.15 as its own append-only file: checked, loaded,
//! and what it then holds compared with what the records say. Skipped where Redis is not installed,
//! with the reason. Knows codec, handlers and harness, nothing of the server; `record/effects.rs`
//! compares what handlers tell with what Redis logs.

#![allow(
    clippy::disallowed_methods,
    reason = "a black-box test talks to sockets and files itself"
)]

#[path = "record/effects.rs"]
mod effects;
mod harness;
#[path = "record/replay.rs"]
mod replay;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use cairn::base::sim::Random;
use cairn::base::{ShardId, ShardSet};
use cairn::resp::write_command;
use cairn::store::Db;
use cairn::wal::{Encoder, Header, Kind, VERSION};
use harness::client::{Client, Value};
use harness::server::Server;

const SERVER: &str = "redis-server";
const CHECKER: &str = "redis-check-aof";
const EXPECTED: &str = "7.0.15";
const RECORDS: u64 = 300;

/// What the keyspace must hold: by database and key.
type Model = BTreeMap<(Db, String), String>;

/// Why Redis cannot be asked, if so.
fn missing() -> Option<String> {
    let Ok(output) = Command::new(SERVER).arg("--version").output() else {
        return Some(format!("{SERVER} is not installed"));
    };
    let version = String::from_utf8_lossy(&output.stdout).into_owned();
    (!version.contains(EXPECTED)).then(|| format!("{SERVER} is not {EXPECTED}: {version}"))
}

fn scratch() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
}

fn header(ticket: u64, kind: Kind, database: Db) -> Header {
    let mut participants = ShardSet::only(ShardId::new(1));
    participants.insert(ShardId::new(40));
    Header {
        version: VERSION,
        kind,
        database,
        slot: None,
        ticket,
        shard: ShardId::new(40),
        participants,
        at_ms: 1_700_000_000_000 + ticket,
    }
}

fn command(words: &[&str]) -> Vec<u8> {
    let mut out = Vec::new();
    write_command(&mut out, words.iter().map(|word| word.as_bytes()));
    out
}

/// A log of several writes over several databases, and what it leaves.
fn log(seed: u64) -> (Vec<u8>, Model) {
    let mut random = Random::new(seed);
    let mut encoder = Encoder::new(7, 0);
    let (mut out, mut model) = (Vec::new(), Model::new());
    for ticket in 1..=RECORDS {
        let mut commands = Vec::new();
        for _ in 0..random.below(4) {
            let database = Db::new(random.below(5) as u16);
            let key = format!("key:{}", random.below(50));
            if random.one_in(4) {
                commands.push((database, command(&["DEL", &key])));
                model.remove(&(database, key));
            } else {
                let most = if random.one_in(20) { 9000 } else { 20 };
                let value = "#\r\n*x".repeat(random.below(most) as usize);
                commands.push((database, command(&["SET", &key, &value])));
                model.insert((database, key), value);
            }
        }
        let kind = *random.pick(&[Kind::Write, Kind::Expiry, Kind::Eviction]);
        let database = commands
            .first()
            .map_or(Db::new(3), |(database, _)| *database);
        let stretches = commands
            .iter()
            .map(|(database, bytes)| (*database, &bytes[..]));
        encoder.append(&mut out, &header(ticket, kind, database), stretches);
        if random.one_in(10) {
            // What Redis must not run, and does not even know.
            let hidden = *random.pick(&[Kind::Control, Kind::StreamOnly]);
            let unknown = command(&["CUT", "\n*1\r\n$8\r\nFLUSHALL\r\n"]);
            encoder.append(
                &mut out,
                &header(ticket, hidden, Db::new(9)),
                [(Db::new(9), &unknown[..])],
            );
        }
        if random.one_in(5) {
            encoder.pad(&mut out);
            encoder.durable(encoder.position());
        }
    }
    encoder.pad(&mut out);
    (out, model)
}

/// A directory with this log as Redis's only append-only file.
fn directory(name: &str, log: &[u8]) -> PathBuf {
    let directory = scratch().join(format!("record-{name}-{}", std::process::id()));
    let logs = directory.join("appendonlydir");
    fs::create_dir_all(&logs).expect("a directory");
    fs::write(logs.join("appendonly.aof.1.incr.aof"), log).expect("the log is written");
    let manifest = "file appendonly.aof.1.incr.aof seq 1 type i\n";
    fs::write(logs.join("appendonly.aof.manifest"), manifest).expect("the manifest is written");
    directory
}

/// What `redis-check-aof` says of a log: whether it is fine, and its words.
fn check(name: &str, log: &[u8]) -> (bool, String) {
    let directory = directory(name, log);
    let manifest = directory.join("appendonlydir/appendonly.aof.manifest");
    let output = Command::new(CHECKER).arg(manifest).output();
    let output = output.expect("it is installed with the server");
    fs::remove_dir_all(directory).expect("the directory goes");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    (output.status.success(), text)
}

/// What `redis-server` holds after it has loaded a log.
fn load(name: &str, log: &[u8]) -> Result<Model, String> {
    let directory = directory(name, log);
    let path = directory.to_str().expect("the path is text");
    let arguments = ["--appendonly", "yes", "--dir", path, "--save", ""];
    let loaded = Server::start(Path::new(SERVER), &arguments, scratch()).map(|server| {
        let client = server.connect().and_then(Client::new);
        contents(&mut client.expect("a connection"))
    });
    fs::remove_dir_all(directory).expect("the directory goes");
    loaded
}

fn contents(client: &mut Client) -> Model {
    let mut call = |words: &[&str]| client.call(words).expect("a reply");
    let mut model = Model::new();
    for database in Db::all(16) {
        call(&["SELECT", &database.to_string()]);
        let Value::Array(keys) = call(&["KEYS", "*"]) else {
            panic!("KEYS answers an array");
        };
        for key in keys {
            let Value::Bulk(key) = key else {
                panic!("a key is a string");
            };
            let key = String::from_utf8(key).expect("keys are text");
            let Value::Bulk(value) = call(&["GET", &key]) else {
                panic!("{key} is a string");
            };
            let value = String::from_utf8(value).expect("values are text");
            model.insert((database, key), value);
        }
    }
    model
}

#[test]
fn redis_checks_and_loads_our_logs() {
    if let Some(reason) = missing() {
        println!("skipped: {reason}");
        return;
    }
    for seed in 1..=3 {
        let (log, model) = log(seed);
        assert!(log.len() > 100_000 && log.len().is_multiple_of(4096));
        let (fine, text) = check(&format!("checked-{seed}"), &log);
        assert!(fine && text.contains("is valid"), "seed {seed}: {text}");
        assert!(!text.contains("--fix"), "seed {seed}: {text}");
        let loaded = load(&format!("loaded-{seed}"), &log);
        assert_eq!(loaded.as_ref(), Ok(&model), "seed {seed}");
    }
}

/// The check above can fail: a line too long for Redis, and a command that it sees and does not
/// know.
#[test]
fn redis_refuses_what_is_not_in_the_form() {
    if let Some(reason) = missing() {
        println!("skipped: {reason}");
        return;
    }
    let (log, _) = log(1);
    let long = [&log[..], b"#", &[b'.'; 1100], b"\n"].concat();
    let (fine, text) = check("long", &long);
    assert!(!fine, "{text}");
    assert!(load("long", &long).is_err());
    let unknown = [&log[..], &command(&["CUT", "x"])].concat();
    let refused = load("unknown", &unknown).expect_err("it does not know the command");
    assert!(refused.contains("Unknown command"), "{refused}");
}
