//! What clients read about commands: COMMAND DOCS, COMMAND INFO, and what redis-cli makes of them.
//!
//! Whatever redis-server 7.0.15 knows as well must be described in the same way, element by
//! element; only the order of flags and of subcommands is free, because Redis's comes from a hash
//! table. Subcommands that only one of the two has are left aside.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{REFERENCE, cairn, scratch};
use crate::harness::client::{Client, Value};
use crate::harness::server::Server;

/// Commands that both have, at least: fewer would mean that the lists were not read.
const COMMON_MIN: usize = 100;
/// Commands that a later version than 7.0.15 gave another argument.
const GROWN: [&str; 2] = ["zrank", "zrevrank"];
/// Seconds after which redis-cli is ended.
const CLI_LIMIT: &str = "20";

fn start(binary: &Path) -> Server {
    Server::start(binary, &["--save", ""], scratch()).unwrap_or_else(|reason| panic!("{reason}"))
}

fn client(server: &Server, protocol: &str) -> Client {
    let stream = server.connect().expect("a connection");
    let mut client = Client::new(stream).expect("a client");
    client.call(&["HELLO", protocol]).expect("a greeting");
    client
}

/// All names, those of subcommands as `client|kill`.
fn names(client: &mut Client) -> Vec<String> {
    let reply = client.call(&["COMMAND", "LIST"]).expect("a list");
    let Value::Array(items) = reply else {
        panic!("no list: {reply:?}");
    };
    items.iter().map(text).collect()
}

fn text(value: &Value) -> String {
    match value {
        Value::Bulk(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Value::Simple(text) => text.clone(),
        _ => format!("{value:?}"),
    }
}

/// The description with flags and subcommands in the order of their names, and of the subcommands
/// only those that are `common`.
fn ordered(value: Value, common: &[String]) -> Value {
    let all = |items: Vec<Value>| -> Vec<Value> {
        let items = items.into_iter();
        items.map(|item| ordered(item, common)).collect()
    };
    match value {
        Value::Array(items) => Value::Array(arranged(all(items), common)),
        Value::Set(items) => Value::Set(arranged(all(items), common)),
        Value::Map(pairs) => {
            let pairs = pairs.into_iter();
            let mut pairs: Vec<(Value, Value)> = pairs
                .map(|(name, value)| (name, ordered(value, common)))
                .collect();
            if pairs.iter().all(|(name, _)| text(name).contains('|')) {
                pairs.retain(|(name, _)| common.contains(&text(name)));
                pairs.sort_by_key(|(name, _)| text(name));
            }
            Value::Map(pairs)
        }
        other => other,
    }
}

fn arranged(mut items: Vec<Value>, common: &[String]) -> Vec<Value> {
    let flags = |item: &Value| matches!(item, Value::Simple(_));
    // COMMAND INFO's subcommands: arrays that begin with a name.
    let subcommand = |item: &Value| match item {
        Value::Array(fields) => fields.first().map(text).filter(|name| name.contains('|')),
        _ => None,
    };
    // COMMAND DOCS's in RESP2: names and descriptions by turns.
    let named = items
        .iter()
        .step_by(2)
        .all(|item| matches!(item, Value::Bulk(_)) && text(item).contains('|'));
    if items.iter().all(flags) {
        items.sort_by_key(text);
    } else if items.iter().all(|item| subcommand(item).is_some()) {
        items.retain(|item| subcommand(item).is_some_and(|name| common.contains(&name)));
        items.sort_by_key(|item| subcommand(item));
    } else if named && items.len().is_multiple_of(2) {
        let mut pairs: Vec<&[Value]> = items.chunks(2).collect();
        pairs.retain(|pair| common.contains(&text(&pair[0])));
        pairs.sort_by_key(|pair| text(&pair[0]));
        items = pairs.concat();
    }
    items
}

/// What the two answer, where it differs.
fn difference(question: &[&str], asked: &mut [Client; 2], common: &[String]) -> Option<String> {
    let [theirs, ours] = asked
        .each_mut()
        .map(|client| ordered(client.call(question).expect("a reply"), common));
    let question = question.join(" ");
    (theirs != ours).then(|| format!("{question}\n  redis: {theirs:?}\n  cairn: {ours:?}"))
}

#[test]
fn commands_are_described_as_by_redis_server() {
    let servers = [PathBuf::from(REFERENCE), cairn()].map(|binary| start(&binary));
    let mut differences = Vec::new();
    for protocol in ["2", "3"] {
        let mut asked = servers.each_ref().map(|server| client(server, protocol));
        let [theirs, ours] = asked.each_mut().map(names);
        let mut common = ours;
        common.retain(|name| theirs.contains(name) && !GROWN.contains(&name.as_str()));
        assert!(common.len() >= COMMON_MIN, "{} in common", common.len());
        for name in &common {
            for what in ["DOCS", "INFO"] {
                let question = ["COMMAND", what, name];
                differences.extend(difference(&question, &mut asked, &common));
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

/// The control: what is put in order is still compared.
#[test]
fn different_descriptions_differ() {
    let servers = [(), ()].map(|()| start(&cairn()));
    let mut asked = servers.each_ref().map(|server| client(server, "3"));
    let docs = ["COMMAND", "DOCS", "client"];
    assert_eq!(difference(&docs, &mut asked, &[]), None);
    let bulk = |text: &str| Value::Bulk(text.into());
    let flags = |flags: &[&str]| {
        Value::Set(
            flags
                .iter()
                .map(|flag| Value::Simple((*flag).into()))
                .collect(),
        )
    };
    let same = |left: Value, right: Value| ordered(left, &[]) == ordered(right, &[]);
    assert!(same(flags(&["RW", "access"]), flags(&["access", "RW"])));
    assert!(!same(flags(&["RW", "access"]), flags(&["access"])));
    let history = |first, second| Value::Array(vec![bulk(first), bulk(second)]);
    assert!(!same(history("1.0.0", "x"), history("x", "1.0.0")));
    let sub = |name: &str, text| (bulk(name), Value::Array(vec![bulk(text)]));
    let common = ["a|b".to_string()];
    let map = |text| Value::Map(vec![sub("a|c", "y"), sub("a|b", text)]);
    let only = Value::Map(vec![sub("a|b", "x")]);
    assert_eq!(ordered(map("x"), &common), only);
    assert_ne!(ordered(map("y"), &common), only);
}

/// What redis-cli prints for arguments on its command line.
fn printed(server: &Server, words: &[&str]) -> String {
    let port = server.port().to_string();
    let output = Command::new("redis-cli")
        .args(["-p", &port])
        .args(words)
        .output()
        .expect("redis-cli runs");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Without the escapes that colour a terminal's text.
fn plain(text: &str) -> String {
    let mut pieces = text.split('\x1b');
    let mut plain = pieces.next().unwrap_or_default().to_string();
    for piece in pieces {
        plain.push_str(piece.split_once('m').map_or(piece, |(_, rest)| rest));
    }
    plain
}

const SET: &str = "key value [NX|XX] [GET] [EX seconds|PX milliseconds|EXAT unix-time-seconds|\
                   PXAT unix-time-milliseconds|KEEPTTL]";

#[test]
fn redis_cli_helps_with_the_syntax() {
    let [theirs, ours] = [PathBuf::from(REFERENCE), cairn()].map(|binary| start(&binary));
    let set = plain(&printed(&ours, &["help", "set"]));
    let wanted = format!("SET {SET}");
    assert!(set.lines().any(|line| line.trim() == wanted), "{set}");
    for words in [
        &["help", "set"][..],
        &["help", "client", "kill"],
        &["help", "lcs"],
        &["help", "hello"],
        &["help", "blmpop"],
    ] {
        assert_eq!(printed(&ours, words), printed(&theirs, words), "{words:?}");
    }
    let newer = plain(&printed(&ours, &["help", "delex"]));
    let wanted =
        "DELEX key [IFEQ ifeq-value|IFNE ifne-value|IFDEQ ifdeq-digest|IFDNE ifdne-digest]";
    assert!(newer.lines().any(|line| line.trim() == wanted), "{newer}");
}

/// On a terminal, redis-cli shows the rest of the syntax behind what was typed.
#[test]
fn redis_cli_hints_while_one_types() {
    let server = start(&cairn());
    let cli = format!("stty cols 200; exec redis-cli -p {}", server.port());
    let mut terminal = Command::new("timeout")
        .args([CLI_LIMIT, "script", "-qec", &cli, "/dev/null"])
        .env("TERM", "xterm")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("a terminal runs");
    let mut keyboard = terminal.stdin.take().expect("stdin is a pipe");
    let mut screen = terminal.stdout.take().expect("stdout is a pipe");
    let mut shown = String::new();
    let mut wait_for = |wanted: &str| {
        let mut chunk = [0; 4096];
        while !shown.contains(wanted) {
            let count = screen.read(&mut chunk).expect("the screen can be read");
            assert!(count > 0, "no {wanted:?}: {shown:?}");
            shown.push_str(&String::from_utf8_lossy(&chunk[..count]));
        }
    };
    wait_for(&format!("{}> ", server.port()));
    keyboard.write_all(b"set ").expect("typed");
    wait_for(SET);
    keyboard.write_all(b"\x03").expect("control-C is typed");
    terminal.wait().expect("the terminal ends");
}
