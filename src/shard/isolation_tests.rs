//! What others see of a transaction, and it of them: keys that end, clocks that move on, replies in
//! pieces.
//!
//! Owned by `coordinate` and `participate`. The shards' clocks stand still but for `pass`, so every
//! moment at which time runs out can be chosen.

use crate::shard::testing::{Peer, Shards};
use crate::store::Db;

/// Ticks all shards often, while time passes; returns the pieces in which the client was answered.
fn run_slowly(shards: &mut Shards, count: usize, client: Peer, pass_ms: u64) -> Vec<String> {
    let mut pieces = Vec::new();
    for _ in 0..200 {
        for shard in 0..count {
            shards.tick(shard);
        }
        shards.pass(pass_ms);
        let piece = shards.read(client);
        if !piece.is_empty() {
            pieces.push(piece);
        }
    }
    pieces
}

/// Queues commands in MULTI.
fn queue(shards: &mut Shards, client: Peer, lines: &[&str]) {
    assert_eq!(shards.call(client, "MULTI"), "+OK\r\n");
    for line in lines {
        assert_eq!(shards.call(client, line), "+QUEUED\r\n", "{line}");
    }
}

#[test]
fn time_stands_still_for_a_transaction() {
    for count in [1, 3] {
        let mut shards = Shards::new(count);
        let client = shards.connect(0);
        for owner in 0..count {
            let (key, other) = (shards.key(owner, 0), shards.key((owner + 1) % count, 0));
            shards.call(client, "FLUSHALL");
            shards.call(client, &format!("SET {other} v"));
            shards.call(client, &format!("SET {key} v PX 150"));
            let keys = 1 + usize::from(key != other);
            let get = format!("GET {key}");
            let both = format!("EXISTS {key} {other}");
            let lines = [
                "DBSIZE",
                &get,
                "DBSIZE",
                &get,
                &both,
                "DBSIZE",
                "SLOWLOG LEN",
                "KEYS none",
                &get,
                "DBSIZE",
            ];
            queue(&mut shards, client, &lines);
            shards.send(client, "EXEC");
            let pieces = run_slowly(&mut shards, count, client, 100);
            let reply = pieces.concat();
            let found = reply.matches("$1\r\nv\r\n").count();
            assert_eq!(found, 3, "{count} shards, {key}: {reply}");
            let sizes = reply.matches(&format!(":{keys}\r\n")).count();
            assert_eq!(sizes, 4 + usize::from(keys == 2), "{reply}");
            // Afterwards it is gone.
            assert_eq!(shards.call(client, &get), "$-1\r\n");
        }
    }
}

#[test]
fn an_exec_is_answered_in_one_piece() {
    let mut shards = Shards::new(3);
    let client = shards.connect(0);
    let key = shards.key(1, 0);
    let value = "x".repeat(100_000);
    shards.call(client, &format!("SET {key} {value}"));
    let get = format!("GET {key}");
    queue(
        &mut shards,
        client,
        &["DBSIZE", &get, "DBSIZE", &get, "KEYS none", &get, "DBSIZE"],
    );
    shards.send(client, "EXEC");
    // Longer than a round of housekeeping, which sends what is held back.
    let pieces = run_slowly(&mut shards, 3, client, 150);
    let lengths: Vec<usize> = pieces.iter().map(String::len).collect();
    assert_eq!(lengths.len(), 1, "{lengths:?}");
    assert_eq!(pieces[0].matches(&value).count(), 3);
}

#[test]
fn an_expired_key_ends_behind_those_who_have_read_it() {
    let mut shards = Shards::new(4);
    let readers = [shards.connect(0), shards.connect(3)];
    let writer = shards.connect(2);
    let (key, busy) = (shards.key(1, 0), shards.key(1, 1));
    let near: Vec<String> = (0..4).map(|shard| shards.key(shard, 0)).collect();
    shards.call(writer, &format!("SET {key} v PX 50"));
    // The first has read it: its home does not tick, so its lock stays.
    shards.send(readers[0], &format!("MGET {} {key}", near[0]));
    for shard in [0, 1, 0, 1] {
        shards.tick(shard);
    }
    // The second asks for the key while it is there, and waits for another.
    shards.send(writer, &format!("MSET {} 1 {busy} 1", near[2]));
    for shard in [2, 1] {
        shards.tick(shard);
    }
    shards.send(readers[1], &format!("MGET {} {key} {busy}", near[3]));
    for shard in [3, 1, 3, 1] {
        shards.tick(shard);
    }
    shards.pass(100);
    for _ in 0..3 {
        for shard in [2, 1, 3] {
            shards.tick(shard);
        }
    }
    let there = shards.core(1).keyspace.own.len(Db::FIRST);
    assert_eq!(there, 2, "the key is still held by who has read it");
    assert_eq!(shards.read(readers[1]), "", "who finds it gone comes later");
    shards.run();
    assert_eq!(shards.read(readers[0]), "*2\r\n$-1\r\n$1\r\nv\r\n");
    assert_eq!(shards.read(readers[1]), "*3\r\n$-1\r\n$-1\r\n$1\r\n1\r\n");
    assert_eq!(shards.core(1).keyspace.own.len(Db::FIRST), 1);
}

#[test]
fn nothing_ends_while_all_keys_are_held() {
    let mut shards = Shards::new(2);
    let (client, other) = (shards.connect(0), shards.connect(1));
    let key = shards.key(1, 0);
    for line in [
        &format!("MGET {key} {}", shards.key(0, 0)),
        &format!("SET {key} v PX 50"),
    ] {
        shards.call(client, line);
    }
    // Shard 1 has granted, shard 0 does not hear of it.
    for (holding, command) in [("DBSIZE", "EXISTS"), ("FLUSHALL", "GET")] {
        shards.call(client, &format!("SET {key} v PX 50"));
        shards.send(client, holding);
        shards.tick(0);
        shards.tick(1);
        assert!(
            !shards.core(1).transactions.participants.no_locks(),
            "{holding} holds the shard"
        );
        shards.pass(100);
        shards.tick(1);
        shards.send(other, &format!("{command} {key}"));
        for _ in 0..3 {
            shards.tick(1);
        }
        assert_eq!(
            shards.core(1).keyspace.own.len(Db::FIRST),
            1,
            "beside {holding}"
        );
        assert_eq!(shards.read(other), "");
        shards.run();
        assert!(!shards.read(client).is_empty() && !shards.read(other).is_empty());
    }
}

#[test]
fn who_is_killed_while_others_answer_does_nothing_more() {
    let mut shards = Shards::new(2);
    let (other, client) = (shards.connect(0), shards.connect(1));
    // The scan goes from shard 0 to shard 1, which hears of the killing just before the answer.
    shards.feed(
        client,
        b"SCAN 0 COUNT 1000\r\nMONITOR\r\nSET after kill\r\n",
    );
    shards.tick(1);
    shards.send(other, &format!("CLIENT KILL ID {}", client.id));
    shards.run();
    assert_eq!(shards.read(other), ":1\r\n");
    assert!(shards.closed(client));
    assert_eq!(shards.call(other, "EXISTS after"), ":0\r\n");
    for shard in 0..2 {
        assert!(!shards.core(shard).is_monitored(), "shard {shard}");
    }
}

#[test]
fn a_task_that_waited_ends_no_key_that_others_have_read() {
    let mut shards = Shards::new(3);
    let (reader, mover, waiting) = (shards.connect(0), shards.connect(0), shards.connect(1));
    let (read, moved) = (shards.key(1, 0), shards.key(1, 1));
    let (far, to) = (shards.key(2, 0), shards.key(0, 0));
    shards.core(1).debugged_mut().active_expiry_off = true;
    shards.call(waiting, &format!("SET {read} v PX 50"));
    shards.call(waiting, &format!("SET {moved} w"));
    // The reader has read one key, under a shared lock, and waits for the other shard.
    shards.send(reader, &format!("MGET {read} {far}"));
    for shard in [0, 1, 2, 0, 1] {
        shards.tick(shard);
    }
    // Whoever moves a key holds it while the task comes, which has to wait.
    shards.send(mover, &format!("RENAME {moved} {to}"));
    shards.tick(0);
    shards.tick(1);
    for line in [
        "MULTI",
        &format!("GET {read}"),
        &format!("GET {moved}"),
        "EXEC",
    ] {
        shards.send(waiting, line);
    }
    shards.tick(1);
    shards.pass(100);
    shards.tick(0);
    shards.tick(1);
    shards.tick(1);
    assert_eq!(shards.read(mover), "+OK\r\n");
    let queued = "+OK\r\n+QUEUED\r\n+QUEUED\r\n";
    assert_eq!(shards.read(waiting), queued, "it comes behind the reader");
    shards.run();
    assert_eq!(shards.read(reader), "*2\r\n$1\r\nv\r\n$-1\r\n");
    assert_eq!(shards.read(waiting), "*2\r\n$-1\r\n$-1\r\n");
}

#[test]
fn what_was_answered_before_a_watch_is_no_change_behind_it() {
    let mut shards = Shards::new(4);
    let (writer, watcher) = (shards.connect(3), shards.connect(0));
    let own = shards.connect(1);
    let (watched, other) = (shards.key(1, 0), shards.key(2, 0));
    for watcher in [watcher, own] {
        shards.send(writer, &format!("MSET {watched} 1 {other} 1"));
        for shard in [3, 1, 2, 3] {
            shards.tick(shard);
        }
        // Its last message to the owner is under way.
        assert_eq!(shards.read(writer), "+OK\r\n");
        shards.send(watcher, &format!("WATCH {watched}"));
        shards.tick(0);
        shards.run();
        assert_eq!(shards.read(watcher), "+OK\r\n");
        queue(&mut shards, watcher, &["PING"]);
        assert_eq!(shards.call(watcher, "EXEC"), "*1\r\n+PONG\r\n");
    }
}

#[test]
fn parts_of_an_exec_see_one_time() {
    let mut shards = Shards::new(3);
    let client = shards.connect(0);
    let (near, far) = (shards.key(1, 0), shards.key(2, 0));
    for shard in 0..3 {
        shards.core(shard).debugged_mut().active_expiry_off = true;
    }
    for key in [&near, &far] {
        shards.call(client, &format!("SET {key} v PX 50"));
    }
    queue(
        &mut shards,
        client,
        &[&format!("GET {near}"), &format!("GET {far}")],
    );
    shards.send(client, "EXEC");
    for shard in [0, 1, 2, 0, 1] {
        shards.tick(shard);
    }
    // One part has run; the keys expire before the other does.
    shards.pass(100);
    shards.run();
    assert_eq!(shards.read(client), "*2\r\n$1\r\nv\r\n$1\r\nv\r\n");
    assert_eq!(shards.call(client, &format!("GET {far}")), "$-1\r\n");
}
