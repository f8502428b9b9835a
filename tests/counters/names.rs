//! INFO's text: the fields and sections of Redis, in its order, for every way of asking.
//!
//! What is Cairn's own stands behind Redis's fields of a section, or in a section behind Redis's.

use std::path::Path;

use super::harness::client::{Client, Value};
use super::player::text;
use super::{REFERENCE, cairn, harness::server::Server, missing_reference};

/// Sections whose fields depend on what happened.
const OPEN: [&str; 4] = ["Commandstats", "Errorstats", "Latencystats", "Keyspace"];
const OWN_SECTION: &str = "Shards";

/// Ways of asking.
const QUESTIONS: [&[&str]; 14] = [
    &[],
    &["default"],
    &["all"],
    &["ALL"],
    &["everything"],
    &["Everything", "server"],
    &["server"],
    &["SERVER", "Cpu"],
    &["keyspace", "server", "server"],
    &["default", "commandstats"],
    &["commandstats", "latencystats", "errorstats"],
    &["modules"],
    &["nonsense"],
    &["nonsense", "replication", "shards"],
];

/// Sections and the names in them.
fn sections(info: &str) -> Vec<(String, Vec<String>)> {
    let mut sections: Vec<(String, Vec<String>)> = Vec::new();
    for line in info.lines().filter(|line| !line.is_empty()) {
        if let Some(name) = line.strip_prefix("# ") {
            sections.push((name.to_string(), Vec::new()));
            continue;
        }
        let (name, _) = line
            .split_once(':')
            .unwrap_or_else(|| panic!("no field: {line}"));
        let (_, names) = sections.last_mut().expect("a field stands in a section");
        names.push(name.to_string());
    }
    sections
}

fn start(binary: &Path, own: &[&str]) -> (Server, Client) {
    let scratch = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let server = Server::start(binary, &[&["--save", ""], own].concat(), scratch);
    let server = server.unwrap_or_else(|reason| panic!("{}: {reason}", binary.display()));
    let mut client = Client::new(server.connect().expect("a connection")).expect("a client");
    client.call(&["SET", "key", "value"]).expect("a reply");
    client.call(&["NONSENSE"]).expect("a reply");
    (server, client)
}

fn ask(client: &mut Client, words: &[&str]) -> Vec<(String, Vec<String>)> {
    let reply = client.call(&[&["INFO"], words].concat()).expect("a reply");
    sections(&text(&reply))
}

#[test]
fn info_has_the_fields_of_redis_in_its_order() {
    if let Some(reason) = missing_reference() {
        return println!("skipped: {reason}");
    }
    let (_theirs, mut reference) = start(Path::new(REFERENCE), &[]);
    for back_end in ["uring", "epoll"] {
        let (_ours, mut client) = start(&cairn(), &["--shards", "2", "--backend", back_end]);
        for question in QUESTIONS {
            let expected = ask(&mut reference, question);
            let mut found = ask(&mut client, question);
            let own = found.iter().position(|(name, _)| name == OWN_SECTION);
            if let Some(own) = own {
                assert_eq!(
                    own + 1,
                    found.len(),
                    "{question:?}: our own section is the last"
                );
                found.pop();
            }
            let names = |sections: &[(String, Vec<String>)]| -> Vec<String> {
                sections.iter().map(|(name, _)| name.clone()).collect()
            };
            assert_eq!(names(&found), names(&expected), "{question:?}");
            for ((section, found), (_, expected)) in found.iter().zip(&expected) {
                if OPEN.contains(&section.as_str()) {
                    assert!(!found.is_empty(), "{question:?}: nothing in {section}");
                    continue;
                }
                let begin = &found[..expected.len().min(found.len())];
                assert_eq!(begin, &expected[..], "{question:?}, {section}");
                let all = found.iter().all(|name| !name.contains(' '));
                assert!(all, "a blank in a name of {section}: {found:?}");
            }
        }
        let own = ask(&mut client, &[OWN_SECTION]).pop();
        let (_, names) = own.expect("our own section can be asked for");
        assert!(names.contains(&"shard_1".to_string()), "{names:?}");
        assert!(names.iter().all(|name| !name.contains(' ')), "{names:?}");
    }
}

/// The names in a reply of MEMORY STATS, without those that every database has.
fn memory_names(client: &mut Client) -> Vec<String> {
    let reply = client.call(&["MEMORY", "STATS"]).expect("a reply");
    let Value::Array(pairs) = reply else {
        panic!("not a list: {reply:?}")
    };
    let names = pairs.iter().step_by(2).map(text);
    names.filter(|name| !name.starts_with("db.")).collect()
}

#[test]
fn memory_stats_has_the_fields_of_redis_in_its_order() {
    if let Some(reason) = missing_reference() {
        return println!("skipped: {reason}");
    }
    let (_theirs, mut reference) = start(Path::new(REFERENCE), &[]);
    let (_ours, mut client) = start(&cairn(), &["--shards", "2"]);
    let names = memory_names(&mut client);
    assert_eq!(names, memory_names(&mut reference));
    assert!(names.len() > 20, "{names:?}");
}
