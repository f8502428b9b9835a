//! The same commands to redis-server and to Cairn with one and four shards: the replies must be
//! equal.
//!
//! For what transcripts cannot hold: replies with times in them, and more combinations than one
//! would write down. Knows the harness only, nothing of the servers.

use super::{REFERENCE, cairn, scratch};
use crate::harness::client::{Client, Value};
use crate::harness::server::Server;

/// Servers of different make beside each other.
pub struct Side {
    name: &'static str,
    client: Client,
    server: Server,
}

/// redis-server first.
pub fn sides() -> Vec<Side> {
    let common = ["--save", "", "--enable-debug-command", "yes"];
    let ours = |shards| [&common[..], &["--shards", shards]].concat();
    let side = |name, binary: &std::path::Path, arguments: &[&str]| {
        let server = Server::start(binary, arguments, scratch()).expect(name);
        let client = Client::new(server.connect().expect("a connection")).expect("a client");
        Side {
            name,
            client,
            server,
        }
    };
    vec![
        side(REFERENCE, REFERENCE.as_ref(), &common),
        side("one shard", &cairn(), &ours("1")),
        side("four shards", &cairn(), &ours("4")),
    ]
}

impl Side {
    /// A further client.
    fn connect(&self) -> Client {
        Client::new(self.server.connect().expect("a connection")).expect("a client")
    }

    pub fn call(&mut self, words: &[&str]) -> Value {
        self.client.call(words).unwrap_or_else(|error| {
            let output = self.server.output();
            panic!("{} {words:?}: {error}\n{output}", self.name)
        })
    }
}

/// Sends a command to all sides; says where a reply, seen through `view`, is not the first side's.
pub fn differences<T: PartialEq + std::fmt::Debug>(
    sides: &mut [Side],
    words: &[&str],
    view: impl Fn(Value) -> T,
) -> Vec<String> {
    let [reference, others @ ..] = sides else {
        panic!("there is nothing to compare");
    };
    let expected = view(reference.call(words));
    let differs = |side: &mut Side| {
        let found = view(side.call(words));
        let name = side.name;
        let text = || format!("{words:?} {name}: {found:?}, {REFERENCE}: {expected:?}");
        (found != expected).then(text)
    };
    others.iter_mut().filter_map(differs).collect()
}

/// A text with every number in it replaced by one digit.
fn without_numbers(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let mut shape = String::new();
    for letter in text.chars() {
        match letter.is_ascii_digit() {
            true if shape.ends_with('0') => {}
            true => shape.push('0'),
            false => shape.push(letter),
        }
    }
    shape
}

/// A reply with every number in it replaced by one digit.
fn shape(value: Value) -> String {
    match value {
        Value::Bulk(text) => without_numbers(&text),
        other => without_numbers(format!("{other:?}").as_bytes()),
    }
}

#[test]
fn latency_commands_reply_in_redis_s_form() {
    let mut sides = sides();
    let mut wrong = Vec::new();
    for words in [
        &["CONFIG", "SET", "latency-monitor-threshold", "100"][..],
        &["DEBUG", "SLEEP", "0.15"],
        &["LATENCY", "GRAPH", "command"],
        &["LATENCY", "HISTORY", "command"],
        &["LATENCY", "LATEST"],
        &["LATENCY", "GRAPH", "COMMAND"],
        &["LATENCY", "HISTOGRAM", "ping", "config", "nosuch", "debug"],
        &["LATENCY", "RESET", "COMMAND", "nosuch"],
        &["LATENCY", "GRAPH", "command"],
    ] {
        wrong.extend(differences(&mut sides, words, shape));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Only the line about the event: advice is each server's own.
#[test]
fn latency_doctor_counts_as_redis_does() {
    let line = |value| {
        let text = shape(value);
        let found = text.lines().find(|line| line.starts_with("0. command"));
        found.map(ToString::to_string).expect("the event is listed")
    };
    let mut sides = sides();
    for side in &mut sides {
        side.call(&["CONFIG", "SET", "latency-monitor-threshold", "100"]);
        side.call(&["DEBUG", "SLEEP", "0.15"]);
    }
    let wrong = differences(&mut sides, &["LATENCY", "DOCTOR"], line);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What CLIENT LIST says about the first client of a side in one field.
fn field_of_client(side: &mut Side, id: &str, field: &str) -> String {
    let mut observer = side.connect();
    let reply = observer.call(&["CLIENT", "LIST", "ID", id]);
    let Ok(Value::Bulk(line)) = reply else {
        panic!("{}: {reply:?}", side.name);
    };
    let line = String::from_utf8_lossy(&line).into_owned();
    let found = line
        .split([' ', '\n'])
        .find_map(|word| word.strip_prefix(field));
    found.expect("the field is there").to_string()
}

#[test]
fn client_list_names_the_last_command_sent() {
    let mut sides = sides();
    for side in &mut sides {
        let Value::Integer(id) = side.call(&["CLIENT", "ID"]) else {
            panic!("{}: no id", side.name);
        };
        for (words, command) in [
            (&["SET", "a", "1"][..], "set"),
            (&["MULTI"], "multi"),
            (&["GET", "a"], "get"),
            (&["GET"], "get"),
            (&["NOSUCH"], "NULL"),
            (&["CLIENT", "INFO"], "client|info"),
            (&["EXEC"], "exec"),
            (&["GET", "a", "b"], "get"),
            (&["CONFIG", "NOSUCH"], "NULL"),
        ] {
            side.call(words);
            let found = field_of_client(side, &id.to_string(), "cmd=");
            assert_eq!(found, command, "{} after {words:?}", side.name);
        }
    }
}

#[test]
fn a_transaction_that_has_failed_keeps_no_more_commands() {
    let mut sides = sides();
    for side in &mut sides {
        let Value::Integer(id) = side.call(&["CLIENT", "ID"]) else {
            panic!("{}: no id", side.name);
        };
        for (words, kept) in [
            (&["MULTI"][..], "0"),
            (&["SET", "a", "1"], "1"),
            (&["GET"], "1"),
            (&["SET", "a", "2"], "1"),
            (&["DISCARD"], "-1"),
        ] {
            side.call(words);
            let found = field_of_client(side, &id.to_string(), "multi=");
            assert_eq!(found, kept, "{} after {words:?}", side.name);
        }
    }
}
