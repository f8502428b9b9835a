//! The record of a running server, replayed, gives the same keys.
//!
//! Clients on several threads send random commands to servers of 1 to 8 shards: transactions over
//! shards, in parts, over lent keys and in steps, blocked clients, expiry, whole databases. What
//! `DEBUG RECORD` has kept of each shard is played to a server of one shard; all keys must have the
//! same digests. `CAIRN_RECORD_COMMANDS` sets how many commands each server gets.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use cairn::base::sim::Random;

use super::harness::client::{Client, Value, encode};
use super::harness::server::Server;

const COMMANDS: u64 = 20_000;
const CLIENTS: u64 = 4;
const PIPELINE: u64 = 16;
const DATABASES: u64 = 2;
const KEYS: u64 = 60;

fn server(shards: usize) -> Server {
    let arguments = [
        "--shards",
        &shards.to_string(),
        "--enable-debug-command",
        "local",
    ];
    let binary = Path::new(env!("CARGO_BIN_EXE_cairn-server"));
    Server::start(binary, &arguments, super::scratch()).expect("the server starts")
}

fn words(line: &str) -> Vec<u8> {
    let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
    encode(&words)
}

/// A command that may be queued.
fn command(random: &mut Random) -> String {
    let (a, b, n) = (random.below(KEYS), random.below(KEYS), random.below(1000));
    match random.below(26) {
        0..3 => format!("SET k{a} {n}"),
        3 => format!("MSET k{a} {n} k{b} x{n}"),
        4 => format!("DEL k{a} k{b}"),
        5 => format!("RENAME k{a} k{b}"),
        6 => format!("COPY k{a} k{b} REPLACE"),
        7 => format!("APPEND k{a} x"),
        8 => format!("GETEX k{a} PX 1000000"),
        9..12 => format!("RPUSH l{a} {n} x y"),
        12 => format!("LMOVE l{a} l{b} LEFT RIGHT"),
        13 => format!("LPOP l{a} 2"),
        14 => format!("LMPOP 2 l{a} l{b} LEFT COUNT 2"),
        15 => format!("LTRIM l{a} 0 20"),
        16 => format!("PEXPIRE k{a} 2000000"),
        17 => format!("PERSIST k{a}"),
        18 => format!("GETDEL k{a}"),
        19 => format!("MSETNX k{a} {n} k{b} {n}"),
        20 => format!("MGET k{a} k{b} e{a}"),
        21 => format!("MOVE k{a} 1"),
        // Keys that end at once: nothing else is done to them, so that a late replay agrees.
        22 => format!("SET e{a} {n} PX {}", 1 + n % 5),
        23 => format!("UNLINK k{a} l{b}"),
        24 => format!("RENAME l{a} l{b}"),
        _ => format!("SETRANGE k{a} 3 z"),
    }
}

/// Some commands that belong together.
fn lines(random: &mut Random) -> Vec<String> {
    let (a, b) = (random.below(KEYS), random.below(KEYS));
    match random.below(200) {
        0 => vec!["FLUSHDB".into()],
        1 if random.one_in(4) => vec!["FLUSHALL".into()],
        2 => vec!["SWAPDB 0 1".into()],
        3..6 => vec![format!("BLPOP l{a} l{b} 0.01")],
        6..9 => vec![format!("BLMOVE l{a} l{b} LEFT RIGHT 0.01")],
        9..12 => vec![format!("SELECT {}", random.below(DATABASES))],
        12..40 => {
            let mut lines = vec!["MULTI".to_string()];
            for _ in 0..=random.below(5) {
                lines.push(command(random));
            }
            match random.below(30) {
                0 => lines.push("DBSIZE".into()),
                1 => lines.push("FLUSHDB".into()),
                2 => lines.push("PING".into()),
                _ => {}
            }
            lines.push(command(random));
            lines.push("EXEC".into());
            lines
        }
        _ => vec![command(random)],
    }
}

fn play(client: &mut Client, seed: u64, count: u64) {
    let mut random = Random::new(seed);
    let mut sent = 0;
    while sent < count {
        let mut batch = Vec::new();
        let mut replies = 0;
        while replies < PIPELINE {
            for line in lines(&mut random) {
                batch.extend_from_slice(&words(&line));
                replies += 1;
            }
        }
        client.send(&batch).expect("the server reads");
        for _ in 0..replies {
            client.read().expect("the server answers");
        }
        sent += replies;
    }
}

/// A part as DEBUG RECORD shows it.
#[derive(Debug)]
struct Part {
    ticket: i64,
    shards: Vec<i64>,
    commands: Vec<(i64, Vec<u8>)>,
}

fn array(value: &Value) -> &[Value] {
    match value {
        Value::Array(items) => items,
        other => panic!("{other:?} is no array"),
    }
}

fn integer(value: &Value) -> i64 {
    match value {
        Value::Integer(number) => *number,
        other => panic!("{other:?} is no integer"),
    }
}

fn bytes(value: &Value) -> Vec<u8> {
    match value {
        Value::Bulk(bytes) => bytes.clone(),
        other => panic!("{other:?} is no string"),
    }
}

fn take(client: &mut Client, parts: &mut [Vec<Part>]) {
    let reply = client.call(&["DEBUG", "RECORD", "TAKE"]).expect("a reply");
    assert_eq!(array(&reply).len(), parts.len());
    for (own, shard) in parts.iter_mut().zip(array(&reply)) {
        assert_eq!(integer(&array(shard)[0]), 0, "nothing is lost");
        for part in array(&array(shard)[1]) {
            let [ticket, _, _, shards, commands] = array(part) else {
                panic!("a part has five fields")
            };
            let commands = array(commands).iter().map(|command| {
                let [db, command] = array(command) else {
                    panic!("a command has its database")
                };
                (integer(db), bytes(command))
            });
            own.push(Part {
                ticket: integer(ticket),
                shards: array(shards).iter().map(integer).collect(),
                commands: commands.collect(),
            });
        }
    }
}

/// Digests of all keys that are there.
fn digests(client: &mut Client) -> BTreeMap<(u64, String), String> {
    let mut digests = BTreeMap::new();
    for db in 0..DATABASES {
        client.call(&["SELECT", &db.to_string()]).expect("a reply");
        for key in ["k", "l"]
            .iter()
            .flat_map(|kind| (0..KEYS).map(move |n| format!("{kind}{n}")))
        {
            let reply = client
                .call(&["DEBUG", "DIGEST-VALUE", &key])
                .expect("a reply");
            let digest = array(&reply).first().map(|digest| format!("{digest:?}"));
            let digest = digest.expect("a digest for each key");
            if !digest.contains(&"0".repeat(40)) {
                digests.insert((db, key), digest);
            }
        }
    }
    digests
}

/// Plays each shard's parts, in its own order, to a server that is empty before.
fn replay(parts: &[Vec<Part>]) -> BTreeMap<(u64, String), String> {
    let server = server(1);
    let mut client = Client::new(server.connect().expect("it listens")).expect("a client");
    let mut all = BTreeMap::new();
    for own in parts {
        client.call(&["FLUSHALL"]).expect("a reply");
        let mut selected = -1;
        for part in own {
            for (db, command) in &part.commands {
                if *db != selected {
                    client.call(&["SELECT", &db.to_string()]).expect("a reply");
                    selected = *db;
                }
                client.send(command).expect("the server reads");
                let reply = client.read().expect("the server answers");
                let text = String::from_utf8_lossy(command);
                assert!(!matches!(reply, Value::Error(_)), "{text:?}: {reply:?}");
            }
        }
        let before = all.len();
        let mut more = digests(&mut client);
        let many = more.len();
        all.append(&mut more);
        assert_eq!(all.len(), before + many, "a key has one owner");
    }
    all
}

/// Tickets are dense, and every unit is there with all of its parts.
fn check_whole(parts: &[Vec<Part>]) {
    let mut units: BTreeMap<i64, (BTreeSet<i64>, BTreeSet<i64>)> = BTreeMap::new();
    for (shard, own) in parts.iter().enumerate() {
        for part in own {
            let (there, named) = units.entry(part.ticket).or_default();
            assert!(there.insert(shard as i64), "a shard has one part of a unit");
            named.extend(&part.shards);
        }
    }
    let first = units
        .keys()
        .next()
        .copied()
        .expect("something was recorded");
    for (nth, (ticket, (there, named))) in (first..).zip(&units) {
        assert_eq!(nth, *ticket, "no number is missing");
        assert_eq!(there, named, "unit {ticket} is whole");
    }
}

fn check(shards: usize, count: u64, seed: u64) {
    let server = server(shards);
    let mut control = Client::new(server.connect().expect("it listens")).expect("a client");
    let on = control.call(&["DEBUG", "RECORD", "ON"]).expect("a reply");
    assert!(!matches!(on, Value::Error(_)), "{on:?}");
    let mut parts: Vec<Vec<Part>> = (0..shards).map(|_| Vec::new()).collect();
    let playing = AtomicUsize::new(CLIENTS as usize);
    thread::scope(|scope| {
        for client in 0..CLIENTS {
            let (server, playing) = (&server, &playing);
            scope.spawn(move || {
                let stream = server.connect().expect("it listens");
                let mut player = Client::new(stream).expect("a client");
                play(&mut player, seed * CLIENTS + client, count / CLIENTS);
                playing.fetch_sub(1, Ordering::SeqCst);
            });
        }
        while playing.load(Ordering::SeqCst) > 0 {
            take(&mut control, &mut parts);
        }
    });
    take(&mut control, &mut parts);
    check_whole(&parts);
    let there = digests(&mut control);
    assert!(!there.is_empty(), "there are keys to compare");
    let replayed = replay(&parts);
    let differs: Vec<_> = there
        .iter()
        .filter(|(key, digest)| replayed.get(key) != Some(digest))
        .collect();
    assert!(
        differs.is_empty() && there.len() == replayed.len(),
        "{differs:?}"
    );
}

#[test]
fn replayed_records_give_the_same_keys() {
    let count = std::env::var("CAIRN_RECORD_COMMANDS");
    let count = count.map_or(COMMANDS, |count| count.parse().expect("a number"));
    for (seed, shards) in [1, 2, 4, 8].into_iter().enumerate() {
        check(shards, count, seed as u64 + 1);
    }
}
