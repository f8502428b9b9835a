//! The same 10,000 commands on redis-server and on Cairn: what INFO and CLIENT LIST say afterwards
//! is equal.
//!
//! Five servers play one script in step: redis-server 7.0.15, and Cairn with one and with four
//! shards on either back end. Replies are compared by their kind after each command, all figures
//! after each round. Cairn's figures do not depend on the number of shards, ever; where they differ
//! from Redis's, `counters/differences.rs` says why.

#![allow(
    clippy::disallowed_methods,
    reason = "a black-box test talks to sockets and files itself"
)]

#[path = "counters/buffers.rs"]
mod buffers;
#[path = "counters/differences.rs"]
mod differences;
#[path = "counters/families.rs"]
mod families;
#[path = "counters/figures.rs"]
mod figures;
mod harness;
#[path = "counters/memory.rs"]
mod memory;
#[path = "counters/names.rs"]
mod names;
#[path = "counters/player.rs"]
mod player;
#[path = "counters/script.rs"]
mod script;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use differences::{DIFFERENCES, Difference, Reach};
use figures::Figures;
use harness::server::Server;
use player::Player;
use script::Script;

/// What the figures must equal.
const REFERENCE: &str = "redis-server";
const VERSION: &str = "v=7.0.15";
const SEED: u64 = 7;
/// Commands that are played at least.
const COMMANDS: usize = 10_000;

/// Directives of every server: no snapshots that set counters back, no slow log of a busy machine.
const ARGUMENTS: [&str; 6] = [
    "--save",
    "",
    "--enable-debug-command",
    "yes",
    "--slowlog-log-slower-than",
    "-1",
];

fn cairn() -> PathBuf {
    match std::env::var_os("CAIRN_SERVER") {
        Some(path) => PathBuf::from(path),
        None => PathBuf::from(env!("CARGO_BIN_EXE_cairn-server")),
    }
}

/// A server process and the clients that play on it.
fn player(name: &'static str, binary: &Path, own: &[&str]) -> Player {
    let arguments: Vec<&str> = ARGUMENTS.iter().chain(own).copied().collect();
    let server = Server::start(binary, &arguments, Path::new(env!("CARGO_TARGET_TMPDIR")));
    let server = server.unwrap_or_else(|reason| panic!("{name}: {reason}"));
    Player::new(name, server)
}

/// Why redis-server cannot be compared with, if so.
fn missing_reference() -> Option<String> {
    let Ok(output) = Command::new(REFERENCE).arg("--version").output() else {
        return Some(format!("{REFERENCE} is not installed"));
    };
    let version = String::from_utf8_lossy(&output.stdout).into_owned();
    (!version.contains(VERSION)).then(|| format!("{REFERENCE} is not {VERSION}: {version}"))
}

fn cairns() -> Vec<Player> {
    [
        ("cairn, 1 shard, uring", "uring", "1"),
        ("cairn, 4 shards, uring", "uring", "4"),
        ("cairn, 1 shard, epoll", "epoll", "1"),
        ("cairn, 4 shards, epoll", "epoll", "4"),
    ]
    .into_iter()
    .map(|(name, back_end, shards)| {
        player(name, &cairn(), &["--backend", back_end, "--shards", shards])
    })
    .collect()
}

/// What was found: for each figure that differs, where it first did, and the reasons that were
/// needed.
#[derive(Default)]
struct Findings {
    first: BTreeMap<String, String>,
    used: BTreeSet<&'static str>,
}

impl Findings {
    /// Compares two servers' figures.
    fn compare(&mut self, left: (&str, &Figures), right: (&str, &Figures), round: &str) {
        let reach = match right.0 == REFERENCE {
            true => Reach::Redis,
            false => Reach::Shards,
        };
        let names: BTreeSet<&String> = left.1.keys().chain(right.1.keys()).collect();
        for name in names {
            let (ours, theirs) = (left.1.get(name), right.1.get(name));
            if ours == theirs {
                continue;
            }
            match Difference::allowed(name, reach) {
                Some(difference) => {
                    self.used.insert(difference.name);
                }
                None => self.note(
                    format!("{name} on {}", right.0),
                    format!("{round}: {} {ours:?}, {} {theirs:?}", left.0, right.0),
                ),
            }
        }
    }

    fn note(&mut self, name: String, text: String) {
        self.first.entry(name).or_insert(text);
    }
}

#[test]
fn counters_are_those_of_redis_whatever_the_number_of_shards() {
    let mut players = cairns();
    let missing = missing_reference();
    match &missing {
        None => players.push(player(REFERENCE, Path::new(REFERENCE), &[])),
        Some(reason) => {
            println!("skipped: Redis ({reason}); shards are compared with each other");
        }
    }
    let mut script = Script::new(SEED);
    let mut findings = Findings::default();
    let mut commands = 0;
    for round in 0.. {
        let family = &families::FAMILIES[round % families::FAMILIES.len()];
        let steps = script.round(family);
        commands += steps.len();
        for (number, step) in steps.iter().enumerate() {
            if let Err(difference) = player::in_step(&mut players, step) {
                let before = &steps[number.saturating_sub(6)..number];
                findings.note(
                    format!("{step:?}"),
                    format!("{difference}, after {before:?}"),
                );
            }
        }
        let figures: Vec<Figures> = players.iter_mut().map(Player::figures).collect();
        let place = format!("round {round}, {}", family.name);
        for (other, theirs) in players.iter().zip(&figures).skip(1) {
            findings.compare((players[0].name, &figures[0]), (other.name, theirs), &place);
        }
        if commands >= COMMANDS {
            break;
        }
    }
    let mut complaints: Vec<String> = findings
        .first
        .iter()
        .map(|(name, text)| format!("{name}: {text}"))
        .collect();
    if missing.is_none() {
        complaints.extend(
            DIFFERENCES
                .iter()
                .filter(|known| known.reach == Reach::Redis && !findings.used.contains(known.name))
                .map(|known| format!("{}: not so any more: {}", known.name, known.reason)),
        );
    }
    assert!(
        complaints.is_empty(),
        "{} differ after {commands} commands:\n{}",
        complaints.len(),
        complaints.join("\n")
    );
}
