//! The server as a client sees it: transcripts of bytes sent and bytes expected.
//!
//! `wire/*.txt` are the transcripts (`wire/transcript.rs` says how they are written). Each runs on
//! every back end, the simulator among them, with one shard and with four, sent whole and sent one
//! byte at a time, and against the installed redis-server 7.0.15 where the transcript says that the
//! two must agree.

#![allow(
    clippy::disallowed_methods,
    reason = "a black-box test talks to sockets and files itself"
)]

#[path = "wire/described.rs"]
mod described;
#[path = "wire/differential.rs"]
mod differential;
mod harness;
#[path = "wire/integers.rs"]
mod integers;
#[path = "wire/limits.rs"]
mod limits;
#[path = "sim/machine.rs"]
mod machine;
#[path = "wire/session.rs"]
mod session;
#[path = "wire/simulated.rs"]
mod simulated;
#[path = "wire/transcript.rs"]
mod transcript;
#[path = "wire/version.rs"]
mod version;

use std::path::{Path, PathBuf};
use std::time::Duration;

use harness::client::{Client, Value};
use harness::server::Server;
use simulated::Simulated;
use transcript::{Pace, Stage, Transcript};

/// The reference that comparable transcripts also run against.
const REFERENCE: &str = "redis-server";
/// How long an expected reply, or the close, may take.
const READ_LIMIT: Duration = Duration::from_secs(10);

fn cairn() -> PathBuf {
    match std::env::var_os("CAIRN_SERVER") {
        Some(path) => PathBuf::from(path),
        None => PathBuf::from(env!("CARGO_BIN_EXE_cairn-server")),
    }
}

fn scratch() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
}

/// The transcripts, those with the same arguments beside each other.
fn transcripts(comparable_only: bool) -> Vec<Transcript> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wire");
    let mut transcripts = Transcript::read_all(&directory).expect("the transcripts can be read");
    transcripts.retain(|transcript| transcript.comparable || !comparable_only);
    assert!(!transcripts.is_empty(), "no transcript");
    transcripts.sort_by(|left, right| left.arguments.cmp(&right.arguments));
    transcripts
}

/// Plays transcripts at both paces on servers of the arguments that each group wants; panics with
/// every difference.
fn play_groups<S: Stage>(
    transcripts: &[Transcript],
    arguments: &[&str],
    start: impl Fn(&[&str]) -> S,
    mut health: impl FnMut(&mut S) -> Result<(), String>,
) {
    let mut differences = Vec::new();
    for group in transcripts.chunk_by(|left, right| left.arguments == right.arguments) {
        let mut all: Vec<&str> = arguments.to_vec();
        all.extend(group[0].arguments.iter().map(String::as_str));
        let mut server = start(&all);
        for transcript in group {
            for pace in [Pace::Whole, Pace::Bytewise] {
                if let Err(difference) = transcript.play(&server, pace, READ_LIMIT) {
                    differences.push(difference);
                }
                if let Err(end) = health(&mut server) {
                    differences.push(end);
                    panic!("{}", differences.join("\n"));
                }
            }
        }
    }
    assert!(
        differences.is_empty(),
        "{} differ:\n{}",
        differences.len(),
        differences.join("\n")
    );
}

/// Plays transcripts against one kind of server process.
fn play_all(binary: &Path, arguments: &[&str], comparable_only: bool) {
    let start = |arguments: &[&str]| {
        Server::start(binary, arguments, scratch())
            .unwrap_or_else(|reason| panic!("{} {arguments:?}: {reason}", binary.display()))
    };
    let health = |server: &mut Server| match server.alive() {
        true => Ok(()),
        false => Err(format!("the server died:\n{}", server.output())),
    };
    play_groups(&transcripts(comparable_only), arguments, start, health);
}

fn play_on(back_end: &str, shards: &str) {
    let arguments = ["--save", "", "--enable-debug-command", "yes"];
    let ours = ["--backend", back_end, "--shards", shards];
    play_all(&cairn(), &[&arguments[..], &ours[..]].concat(), false);
}

#[test]
fn redis_server_agrees() {
    let arguments = ["--save", "", "--enable-debug-command", "yes"];
    play_all(Path::new(REFERENCE), &arguments, true);
}

#[test]
fn uring_with_one_shard() {
    play_on("uring", "1");
}

#[test]
fn uring_with_four_shards() {
    play_on("uring", "4");
}

#[test]
fn epoll_with_one_shard() {
    play_on("epoll", "1");
}

#[test]
fn epoll_with_four_shards() {
    play_on("epoll", "4");
}

/// The same in one thread on simulated sockets, where pieces are cut anywhere and take their time.
fn play_simulated(shards: usize) {
    let arguments = ["--save", "", "--enable-debug-command", "yes"];
    for seed in 0..2 {
        let start = |arguments: &[&str]| Simulated::start(shards, arguments, seed);
        play_groups(&transcripts(false), &arguments, start, |_| Ok(()));
    }
}

#[test]
fn sim_with_one_shard() {
    play_simulated(1);
}

#[test]
fn sim_with_four_shards() {
    play_simulated(4);
}

#[test]
fn the_sample_configuration_serves() {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/cairn.conf");
    let sample = sample.to_str().expect("the path is text");
    let server = Server::start(&cairn(), &[sample, "--shards", "1"], scratch());
    let server = server.unwrap_or_else(|reason| panic!("{reason}"));
    let mut client = Client::new(server.connect().expect("a connection")).expect("a client");
    let reply = client.call(&["CONFIG", "GET", "backend"]).expect("a reply");
    let expected = ["backend", "auto"].map(|word| Value::Bulk(word.into()));
    assert_eq!(reply, Value::Array(expected.to_vec()));
}

/// The positive control: a transcript that is wrong in one byte must be reported.
#[test]
fn a_wrong_transcript_is_reported() {
    let server = Server::start(Path::new(REFERENCE), &["--save", ""], scratch());
    let server = server.expect("redis-server starts");
    let limit = Duration::from_millis(200);
    for (text, complaint) in [
        ("> PING\n< +PONK\n", "line 2"),
        ("> PING\n", "left over"),
        ("> PING\n< +PONG\n<EOF\n", "line 3"),
        (
            "> ECHO ab\n<~ $?\n<~ a[bc]\n> ECHO ab\n<~ $?\n<~ a[cd]\n",
            "line 6",
        ),
    ] {
        let transcript = Transcript::parse("control", text).expect("the control is well formed");
        for pace in [Pace::Whole, Pace::Bytewise] {
            let difference = transcript.play(&server, pace, limit).expect_err(text);
            assert!(difference.contains(complaint), "{text}: {difference}");
        }
    }
    assert!(Transcript::parse("control", "nonsense\n").is_err());
}
