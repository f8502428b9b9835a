//! Server commands over several shards: what one client sets, sees or asks concerns all of them.
//!
//! The shards tick for real, without sockets (`shard::testing`).

use crate::cmd::category;
use crate::config::{Disk, load_text};
use crate::shard::testing::{Peer, Shards};

/// Every key that SCAN shows, in calls of this COUNT.
fn scan_all(shards: &mut Shards, peer: Peer, count: usize) -> (Vec<String>, usize) {
    let (mut keys, mut cursor, mut calls) = (Vec::new(), "0".to_string(), 0);
    loop {
        let reply = shards.call(peer, &format!("SCAN {cursor} COUNT {count}"));
        let words: Vec<&str> = reply
            .split("\r\n")
            .filter(|word| !word.is_empty() && !word.starts_with(['*', '$']))
            .collect();
        cursor = words[0].to_string();
        keys.extend(words[1..].iter().map(ToString::to_string));
        calls += 1;
        if cursor == "0" {
            keys.sort();
            return (keys, calls);
        }
    }
}

#[test]
fn changes_of_the_configuration_at_once_add_up_on_every_shard() {
    let mut shards = Shards::new(4);
    let peers: Vec<Peer> = (0..4).map(|shard| shards.connect(shard)).collect();
    let changes = [
        "hz 11",
        "maxmemory-samples 7",
        "timeout 30",
        "lfu-decay-time 3",
    ];
    for (peer, change) in peers.iter().zip(changes) {
        shards.send(*peer, &format!("CONFIG SET {change}"));
    }
    shards.run();
    for peer in peers {
        assert_eq!(shards.read(peer), "+OK\r\n");
    }
    for shard in 0..4 {
        let config = shards.core(shard).config().clone();
        let values = (config.hz, config.maxmemory_samples, config.timeout);
        assert_eq!(values, (11, 7, 30), "shard {shard}");
        assert_eq!(config.lfu_decay_time, 3);
    }
}

#[test]
fn a_refused_change_changes_nothing_anywhere() {
    let mut shards = Shards::new(2);
    let peer = shards.connect(1);
    let reply = shards.call(peer, "CONFIG SET hz 12 port 1");
    assert!(reply.starts_with("-ERR CONFIG SET failed (possibly related to argument 'port')"));
    assert_eq!(shards.core(0).config().hz, 10);
    assert_eq!(shards.core(1).config().hz, 10);
}

#[test]
fn a_scan_goes_through_all_shards() {
    let mut shards = Shards::new(3);
    let peer = shards.connect(2);
    let mut expected = Vec::new();
    for number in 0..100 {
        let key = format!("key{number}");
        assert_eq!(shards.call(peer, &format!("SET {key} 1")), "+OK\r\n");
        expected.push(key);
    }
    expected.sort();
    let (keys, calls) = scan_all(&mut shards, peer, 1000);
    assert_eq!(
        (keys, calls),
        (expected.clone(), 1),
        "one call shows a small database whole"
    );
    let (mut keys, calls) = scan_all(&mut shards, peer, 7);
    keys.dedup();
    assert_eq!(keys, expected);
    assert!(calls > 3, "{calls}");
}

#[test]
fn a_random_key_may_be_any_shards() {
    let mut shards = Shards::new(2);
    let peer = shards.connect(0);
    assert_eq!(shards.call(peer, "RANDOMKEY"), "$-1\r\n");
    let keys = [shards.key(0, 0), shards.key(1, 0)];
    for key in &keys {
        shards.call(peer, &format!("SET {key} 1"));
    }
    let mut seen = [false; 2];
    for _ in 0..100 {
        let reply = shards.call(peer, "RANDOMKEY");
        for (key, seen) in keys.iter().zip(&mut seen) {
            *seen |= reply.contains(&format!("\r\n{key}\r\n"));
        }
    }
    assert_eq!(seen, [true, true]);
}

#[test]
fn the_slow_log_has_the_commands_of_all_shards_and_their_clients() {
    let mut shards = Shards::with(
        2,
        &[("slowlog-log-slower-than", "0"), ("slowlog-max-len", "3")],
    );
    let peer = shards.connect(0);
    let keys = [shards.key(0, 0), shards.key(1, 0)];
    for key in &keys {
        shards.call(peer, &format!("SET {key} slow"));
    }
    let reply = shards.call(peer, "SLOWLOG GET -1");
    for key in &keys {
        assert!(
            reply.contains(&format!("\r\n{key}\r\n$4\r\nslow\r\n")),
            "{reply}"
        );
    }
    assert!(reply.contains("127.0.0.1"), "{reply}");
    assert_eq!(shards.call(peer, "PING"), "+PONG\r\n");
    assert_eq!(shards.call(peer, "SLOWLOG LEN"), ":3\r\n");
}

#[test]
fn no_secret_is_written_down() {
    let mut shards = Shards::with(2, &[("slowlog-log-slower-than", "0")]);
    let peer = shards.connect(0);
    for line in [
        "AUTH password",
        "AUTH default password",
        "HELLO 2 AUTH default password SETNAME me",
        "CONFIG SET masterauth password maxmemory-samples 7",
        "CONFIG SET requirepass password",
    ] {
        shards.call(peer, line);
    }
    let log = shards.call(peer, "SLOWLOG GET -1");
    assert!(!log.contains("password"), "{log}");
    let redacted = "$10\r\n(redacted)\r\n";
    for shown in [
        format!("*2\r\n$4\r\nAUTH\r\n{redacted}"),
        format!("*3\r\n$4\r\nAUTH\r\n{redacted}{redacted}"),
        format!("AUTH\r\n{redacted}{redacted}$7\r\nSETNAME\r\n$2\r\nme\r\n"),
        format!("masterauth\r\n{redacted}$17\r\nmaxmemory-samples\r\n$1\r\n7\r\n"),
    ] {
        assert!(log.contains(&shown), "{shown} in {log}");
    }
}

#[test]
fn info_adds_up_the_shards() {
    let mut shards = Shards::new(2);
    let peer = shards.connect(0);
    for shard in 0..2 {
        let key = shards.key(shard, 0);
        shards.call(peer, &format!("SET {key} 1"));
    }
    let text = shards.call(peer, "INFO");
    assert!(
        text.contains("\r\ndb0:keys=2,expires=0,avg_ttl=0\r\n"),
        "{text}"
    );
    assert!(text.contains("\r\nconnected_clients:1\r\n"), "{text}");
    assert!(!text.contains("# Commandstats"), "{text}");
    let text = shards.call(peer, "INFO commandstats");
    assert!(text.contains("cmdstat_set:calls=2,"), "{text}");
    assert_eq!(shards.call(peer, "CONFIG RESETSTAT"), "+OK\r\n");
    let text = shards.call(peer, "INFO commandstats");
    assert!(!text.contains("cmdstat_set:"), "{text}");
}

#[test]
fn debug_is_guarded() {
    let mut shards = Shards::new(1);
    let peer = shards.connect(0);
    assert!(
        shards
            .call(peer, "DEBUG DIGEST")
            .starts_with("-ERR DEBUG command not allowed.")
    );
    let mut shards = Shards::new(2);
    let peer = shards.connect(0);
    let allowed = load_text(&Disk, b"enable-debug-command local").expect("it is valid");
    let version = shards.core(0).config_version() + 1;
    shards
        .core(0)
        .configure(version, std::sync::Arc::new(allowed.config));
    assert_eq!(
        shards.call(peer, "DEBUG DIGEST"),
        format!("+{}\r\n", "0".repeat(40))
    );
    assert_eq!(shards.call(peer, "DEBUG POPULATE 50"), "+OK\r\n");
    assert_eq!(shards.call(peer, "DBSIZE"), ":50\r\n");
}

#[test]
fn a_shutdown_stops_every_shard() {
    let mut shards = Shards::new(2);
    let peer = shards.connect(1);
    assert_eq!(
        shards.call(peer, "SHUTDOWN ABORT"),
        "-ERR No shutdown in progress.\r\n"
    );
    shards.send(peer, "SHUTDOWN NOSAVE");
    assert!(shards.core(1).is_stopping());
    let stop = &shards.core(0).shared().clone().stop;
    assert!(stop.load(std::sync::atomic::Ordering::Relaxed));
}

/// The lines between README's marks: every family with its commands, subcommands in brackets.
fn listed() -> String {
    let table = &super::standard().table;
    let mut families: Vec<(String, Vec<String>)> = Vec::new();
    for number in table.top_level() {
        let row = table.row(number);
        let mut subcommands: Vec<String> = row
            .subcommands
            .clone()
            .map(|sub| table.row(sub).command.name.to_uppercase())
            .collect();
        subcommands.sort();
        let mut shown = row.full_name.to_uppercase();
        if !subcommands.is_empty() {
            shown.push_str(&format!(" ({})", subcommands.join(", ")));
        }
        let family = format!("{:?}", row.command.group);
        match families.iter_mut().find(|(name, _)| *name == family) {
            Some((_, commands)) => commands.push(shown),
            None => families.push((family, vec![shown])),
        }
    }
    let mut text = String::from("| family | commands |\n|---|---|\n");
    for (family, mut commands) in families {
        commands.sort();
        text.push_str(&format!("| {family} | {} |\n", commands.join(", ")));
    }
    text
}

/// `UPDATE_README=1 cargo test --lib readme` writes the list.
#[test]
#[allow(clippy::disallowed_methods, reason = "reads and writes the README")]
fn readme_lists_all_commands() {
    const BEGIN: &str = "<!-- commands: generated, see src/admin/tests.rs -->\n";
    const END: &str = "<!-- end of commands -->";
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
    let page = std::fs::read_to_string(path).expect("there is a README");
    let (before, rest) = page.split_once(BEGIN).expect("the list's begin is marked");
    let (there, after) = rest.split_once(END).expect("the list's end is marked");
    let wanted = listed();
    if std::env::var_os("UPDATE_README").is_some() {
        let page = format!("{before}{BEGIN}{wanted}{END}{after}");
        return std::fs::write(path, page).expect("the README is written");
    }
    assert!(
        there == wanted,
        "stale: UPDATE_README=1 cargo test --lib readme\n{wanted}"
    );
}

#[test]
fn categories_follow_from_rows() {
    let named = |name: &str| {
        let table = &super::standard().table;
        let row = table.find_full(name.as_bytes()).expect("a row");
        let all = category::of(table.row(row).command);
        let names = category::NAMES.iter().enumerate();
        let names = names.filter(|(at, _)| all & 1 << at != 0);
        names.map(|(_, name)| *name).collect::<Vec<_>>()
    };
    assert_eq!(named("get"), ["read", "string", "fast"]);
    assert_eq!(named("del"), ["keyspace", "write", "slow"]);
    let kill = ["admin", "slow", "dangerous", "connection"];
    assert_eq!(named("client|kill"), kill);
    assert_eq!(category::by_name(b"SCRIPTING"), Some(1 << 20));
    assert_eq!(category::by_name(b"nosuch"), None);
}
