//! Directives as a running server takes them: which start, which are refused, which are named in the log.
//!
//! The table itself is walked by unit tests in `src/config/tests/`; here the process must say what they
//! promise. redis-server 7.0.15 is right where both have the directive.

use std::fs;
use std::path::Path;

use super::harness::client::{Client, Value};
use super::harness::server::Server;
use super::{cairn, client, fresh_directory, run, scratch, start, text};

/// Some value that a directive takes and that is not its present one, if one of these is.
fn change(client: &mut Client, name: &str, present: &str) -> bool {
    const VALUES: [&str; 12] = [
        "yes",
        "no",
        "1",
        "2000000",
        "warning",
        "strict",
        "AKE",
        "allkeys-lru",
        "always",
        "60 1",
        "replica 1 2 3",
        "x",
    ];
    let ok = Value::Simple("OK".into());
    let different = VALUES.iter().filter(|value| **value != present);
    let mut set = |value: &&&str| client.call(&["CONFIG", "SET", name, value]).unwrap() == ok;
    different.clone().any(|value| set(&value))
}

#[test]
fn config_set_answers_ok_only_to_what_has_an_effect_or_is_named_in_the_log() {
    use cairn::config::{Effect, find};
    let server = start(&["--logfile", "server.log"]);
    let log = server.directory().join("server.log");
    let mut client = client(&server);
    let Value::Array(pairs) = client.call(&["CONFIG", "GET", "*"]).unwrap() else {
        panic!("CONFIG GET answers with a list")
    };
    let text_of = |value: &Value| match value {
        Value::Bulk(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        other => panic!("{other:?}"),
    };
    let (mut changed, mut named) = (0, 0);
    for pair in pairs.chunks_exact(2) {
        let (name, present) = (text_of(&pair[0]), text_of(&pair[1]));
        // What would end this client or move the server.
        if matches!(&*name, "maxclients" | "maxmemory-clients" | "dir") {
            continue;
        }
        let row = find(&name).expect("what is printed is known");
        let before = text(&log).len();
        if !change(&mut client, &name, &present) {
            continue;
        }
        changed += 1;
        let lines = text(&log)[before..].to_string();
        let is_named = lines.contains(&format!(" # `{}` ", row.name));
        named += usize::from(is_named);
        assert!(
            is_named || matches!(row.effect, Effect::Works),
            "{name}: {lines}"
        );
        let back = client.call(&["CONFIG", "SET", &name, &present]).unwrap();
        assert_eq!(back, Value::Simple("OK".into()), "{name} {present}");
    }
    assert!(
        changed > 100 && named > 60 && named < changed,
        "{changed} {named}"
    );
    let reply = client
        .call(&["CONFIG", "SET", "appendonly", "yes"])
        .unwrap();
    let Value::Error(refusal) = reply else {
        panic!("{reply:?}")
    };
    assert!(
        refusal.contains("this is not supported: there is no append log yet"),
        "{refusal}"
    );
}

/// Files that people have: the stock ones start, those that ask for what is not there do not.
#[test]
fn what_is_not_supported_stops_the_start_unless_it_may_be_ignored() {
    let output = run(&["--port", "0", "--appendonly", "yes"]);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success());
    assert!(
        errors.contains("\n*** FATAL CONFIG FILE ERROR (Cairn "),
        "{errors}"
    );
    assert!(
        errors.contains(">>> 'appendonly \"yes\"'\nThis is not supported: "),
        "{errors}"
    );
    let server = start(&["--appendonly", "yes", "--ignore-unsupported", "yes"]);
    assert!(
        server.output().contains(" # `appendonly` has no effect: "),
        "{}",
        server.output()
    );

    let stock = Path::new("/etc/redis/redis.conf");
    let Ok(stock_text) = fs::read_to_string(stock) else {
        eprintln!("skipped: there is no readable {}", stock.display());
        return;
    };
    let directory = fresh_directory("stock");
    let place = directory.to_str().expect("text");
    let conf = directory.join("redis.conf");
    // Where it writes needs rights that a test has not.
    let moved = stock_text
        .replace("/var/lib/redis", place)
        .replace("/var/log/redis", place)
        .replace("/run/redis", place);
    fs::write(&conf, moved).expect("a copy");
    let conf = conf.to_str().expect("text");
    let server = Server::start(
        &cairn(),
        &[conf, "--daemonize", "no", "--shards", "1"],
        scratch(),
    );
    let server = server.unwrap_or_else(|reason| panic!("{reason}"));
    let log = text(&directory.join("redis-server.log"));
    let named: Vec<&str> = log
        .lines()
        .filter(|line| line.contains("has no effect"))
        .collect();
    assert!(named.len() == 1 && named[0].contains("`save`"), "{log}");
    drop(server);
    let _ = fs::remove_dir_all(&directory);
}
