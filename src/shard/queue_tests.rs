//! What MULTI queues besides commands on keys: whom that holds up, and what it changes for the
//! commands behind it.
//!
//! Owned by `multi`. Commands that need only their client hold up nobody; those that concern
//! everybody run in steps.

use crate::shard::testing::{Peer, Shards};

const SHARDS: usize = 8;

fn queue(shards: &mut Shards, client: Peer, lines: &[String]) {
    assert_eq!(shards.call(client, "MULTI"), "+OK\r\n");
    for line in lines {
        assert_eq!(shards.call(client, line), "+QUEUED\r\n", "{line}");
    }
}

fn notes(shards: &mut Shards) -> u64 {
    (0..SHARDS)
        .map(|shard| shards.core(shard).statistics().notes)
        .sum()
}

/// Many GETs on all shards, with `other` among them.
fn gets_with(other: &str) -> Vec<String> {
    let mut lines: Vec<String> = (0..500).map(|number| format!("GET key{number}")).collect();
    lines.insert(250, other.to_string());
    lines
}

#[test]
fn who_needs_only_the_client_holds_up_nobody() {
    let mut shards = Shards::new(SHARDS);
    let client = shards.connect(0);
    let others: Vec<Peer> = (0..SHARDS).map(|shard| shards.connect(shard)).collect();
    let own: Vec<String> = (0..SHARDS).map(|shard| shards.key(shard, 900)).collect();
    for other in [
        "PING",
        "ECHO x",
        "TIME",
        "SELECT 0",
        "CLIENT ID",
        "LASTSAVE",
        "COMMAND COUNT",
    ] {
        queue(&mut shards, client, &gets_with(other));
        let before = notes(&mut shards);
        shards.send(client, "EXEC");
        for round in 0..4 {
            for shard in 0..SHARDS {
                shards.send(others[shard], &format!("GET {}", own[shard]));
                let answered = shards.tick_and_read(others[shard]);
                assert_eq!(answered, "$-1\r\n", "{other}, round {round}");
            }
        }
        shards.run();
        let reply = shards.read(client);
        assert_eq!(reply.matches("$-1\r\n").count(), 500, "{other}");
        assert!(reply.starts_with("*501\r\n"), "{other}");
        // Each of the others is asked, grants and is told the end.
        assert_eq!(
            notes(&mut shards) - before,
            3 * (SHARDS as u64 - 1),
            "{other}"
        );
    }
    queue(
        &mut shards,
        client,
        &["PING".to_string(), "GETRANGE".to_string() + " k 0 1"],
    );
    assert_eq!(shards.call(client, "EXEC"), "*2\r\n+PONG\r\n$0\r\n\r\n");
}

#[test]
fn steps_on_keys_are_one_lending() {
    let mut shards = Shards::new(SHARDS);
    let client = shards.connect(0);
    queue(&mut shards, client, &gets_with("DBSIZE"));
    let before = notes(&mut shards);
    let reply = shards.call(client, "EXEC");
    assert_eq!(reply.matches("$-1\r\n").count(), 500);
    // All are held, two lendings and the question, and all are let go.
    let told = notes(&mut shards) - before;
    assert!(
        told <= (3 + 2 * 3 + 3) * (SHARDS as u64 - 1),
        "{told} notes"
    );
    for shard in 0..SHARDS {
        assert!(shards.core(shard).transactions.participants.no_locks());
    }
}

#[test]
fn what_changes_the_session_holds_for_the_commands_behind_it() {
    for count in [1, 3] {
        let mut shards = Shards::new(count);
        let client = shards.connect(0);
        for owner in 0..count {
            let (key, other) = (shards.key(owner, 0), shards.key((owner + 1) % count, 1));
            shards.call(client, "FLUSHALL");
            for others in ["ECHO x", "DBSIZE"] {
                let lines = [
                    format!("SET {key} zero"),
                    "SELECT 3".to_string(),
                    format!("SET {key} three"),
                    format!("GET {key}"),
                    "SELECT 99".to_string(),
                    format!("COPY {key} {other} DB 1"),
                    others.to_string(),
                    "SELECT x".to_string(),
                    format!("MGET {key} {other}"),
                    "SELECT 0".to_string(),
                    format!("GET {key}"),
                    "SELECT 1".to_string(),
                    format!("GETDEL {other}"),
                ];
                queue(&mut shards, client, &lines);
                let reply = shards.call(client, "EXEC");
                let between = if others == "DBSIZE" { ":1" } else { "$1\r\nx" };
                let expected = format!(
                    "*13\r\n+OK\r\n+OK\r\n+OK\r\n$5\r\nthree\r\n-ERR DB index is out of range\r\n:1\r\n\
                     {between}\r\n-ERR value is not an integer or out of range\r\n\
                     *2\r\n$5\r\nthree\r\n$-1\r\n+OK\r\n$4\r\nzero\r\n+OK\r\n$5\r\nthree\r\n"
                );
                assert_eq!(reply, expected, "{count} shards, {key}, {others}");
                assert_eq!(shards.call(client, &format!("EXISTS {key}")), ":0\r\n");
                shards.call(client, "SELECT 0");
            }
            // One that is not executed changes nothing.
            shards.call(client, &format!("WATCH {key}"));
            shards.call(client, &format!("SET {key} zero"));
            queue(
                &mut shards,
                client,
                &["SELECT 3".to_string(), format!("GET {other}")],
            );
            assert_eq!(shards.call(client, "EXEC"), "*-1\r\n");
            assert_eq!(shards.call(client, &format!("GET {key}")), "$4\r\nzero\r\n");
            let lines = [
                format!("GET {key}x"),
                "HELLO 3".to_string(),
                format!("GET {other}x"),
                format!("GET {key}x"),
                "HELLO 2".to_string(),
            ];
            queue(&mut shards, client, &lines);
            let reply = shards.call(client, "EXEC");
            assert!(reply.starts_with("*5\r\n$-1\r\n%"), "{reply}");
            assert_eq!(reply.matches("\r\n_\r\n_\r\n*").count(), 1, "{reply}");
        }
    }
}

#[test]
fn who_leaves_in_the_course_of_it_leaves_nothing_behind() {
    for other in ["SELECT 2", "DBSIZE"] {
        for moment in 0..40 {
            let mut shards = Shards::new(3);
            let (client, reader) = (shards.connect(0), shards.connect(1));
            let keys: Vec<String> = (0..3).map(|shard| shards.key(shard, 0)).collect();
            let mut lines = vec![other.to_string(), "PING".to_string()];
            lines.extend(keys.iter().map(|key| format!("INCR {key}")));
            lines.push("SELECT 0".to_string());
            shards.call(client, &format!("WATCH {}", keys[1]));
            queue(&mut shards, client, &lines);
            shards.send(client, "EXEC");
            for step in 0..moment {
                shards.tick(step % 3);
            }
            let kills = moment % 2 == 0;
            if kills {
                shards.hang_up(client);
            } else {
                shards.send(reader, &format!("CLIENT KILL ID {}", client.id));
            }
            shards.run();
            for shard in 0..3 {
                let core = shards.core(shard);
                assert!(
                    core.transactions.participants.no_locks()
                        && core.transactions.watches.is_empty(),
                    "{other}, {moment}"
                );
                assert!(
                    core.transactions.coordinator.is_empty()
                        && core.transactions.participants.is_empty()
                );
            }
            assert!(shards.core(0).clients.get(client.token).is_none());
            shards.read(reader);
            let all = format!("MGET {}", keys.join(" "));
            if other == "SELECT 2" {
                shards.call(reader, "SELECT 2");
            }
            let values = shards.call(reader, &all);
            let (none, one) = ("$-1\r\n".repeat(3), "$1\r\n1\r\n".repeat(3));
            let whole = [format!("*3\r\n{none}"), format!("*3\r\n{one}")];
            assert!(whole.contains(&values), "{other}, {moment}: {values}");
        }
    }
}

#[test]
fn commands_of_one_owner_each_run_there_and_are_answered_in_order() {
    for protocol in [2, 3] {
        let mut shards = Shards::new(SHARDS);
        let client = shards.connect(0);
        shards.call(client, &format!("HELLO {protocol}"));
        let keys: Vec<String> = (0..4).map(|owner| shards.key(owner, 0)).collect();
        let mut lines = Vec::new();
        for key in &keys {
            lines.push(format!("SET {key} {key}"));
        }
        for key in keys.iter().rev() {
            lines.push(format!("GET {key}"));
            lines.push(format!("LPUSH {key} wrong"));
            lines.push(format!("LPOP list{key} 3"));
            lines.push(format!("BLPOP list{key} 0"));
        }
        queue(&mut shards, client, &lines);
        let before = notes(&mut shards);
        let reply = shards.call(client, "EXEC");
        // Four parts of keys and four of lists, as they may lie on any shard.
        let told = notes(&mut shards) - before;
        assert!(told <= 4 * (SHARDS as u64 - 1), "{told} notes");
        let null = if protocol == 3 { "_\r\n" } else { "*-1\r\n" };
        let mut expected = format!("*20\r\n{}", "+OK\r\n".repeat(4));
        for key in keys.iter().rev() {
            expected += &format!("${}\r\n{key}\r\n", key.len());
            expected += "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n";
            expected += &null.repeat(2);
        }
        assert_eq!(reply, expected);
        let statistics = (0..SHARDS).map(|shard| shards.core(shard).statistics().failed);
        assert_eq!(statistics.sum::<u64>(), 4, "each error counts once");
        for shard in 0..SHARDS {
            assert!(shards.core(shard).transactions.participants.no_locks());
            assert_eq!(shards.core(shard).transactions.coordinator.len(), 0);
        }
    }
}
