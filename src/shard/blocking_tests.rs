//! Clients that wait, on several shards in one thread: order, time, and that nothing is lost or
//! taken twice.
//!
//! Owned by `blocking`. Time passes only by `advance`, so time-outs are exact.

use crate::shard::testing::{Peer, Shards};

const NOTHING: &str = "*-1\r\n";

fn bulk(text: &str) -> String {
    format!("${}\r\n{text}\r\n", text.len())
}

/// The reply of BLPOP.
fn pair(key: &str, text: &str) -> String {
    format!("*2\r\n{}{}", bulk(key), bulk(text))
}

fn parked(shards: &mut Shards, client: Peer, line: &str) {
    assert_eq!(shards.call(client, line), "", "{line}");
}

#[test]
fn first_come_first_served() {
    for count in [1, 2, 4] {
        let mut shards = Shards::new(count);
        for owner in 0..count {
            let key = shards.key(owner, 0);
            let waiters: Vec<Peer> = (0..5).map(|n| shards.connect(n % count)).collect();
            for &waiter in &waiters {
                parked(&mut shards, waiter, &format!("BLPOP {key} 0"));
            }
            let pusher = shards.connect((owner + 1) % count);
            let pushed = shards.call(pusher, &format!("RPUSH {key} a b c"));
            assert_eq!(pushed, ":3\r\n");
            assert_eq!(shards.call(pusher, &format!("RPUSH {key} d e f")), ":3\r\n");
            for (waiter, text) in waiters.into_iter().zip(["a", "b", "c", "d", "e"]) {
                assert_eq!(shards.read(waiter), pair(&key, text));
                assert_eq!(shards.call(waiter, "PING"), "+PONG\r\n");
            }
            assert_eq!(shards.call(pusher, &format!("LPOP {key}")), bulk("f"));
        }
    }
}

#[test]
fn keys_of_several_shards() {
    for count in [2, 4] {
        let mut shards = Shards::new(count);
        let (near, far) = (shards.key(0, 0), shards.key(count - 1, 0));
        let (client, other) = (shards.connect(0), shards.connect(1));
        for (key, rest) in [(&near, &far), (&far, &near)] {
            parked(&mut shards, client, &format!("BRPOP {near} {far} {near} 0"));
            assert_eq!(shards.call(other, &format!("RPUSH {key} a b")), ":2\r\n");
            assert_eq!(shards.read(client), pair(key, "b"));
            assert_eq!(shards.call(other, &format!("RPUSH {rest} c")), ":1\r\n");
            assert_eq!(shards.read(client), "");
            let left = shards.call(client, &format!("BLPOP {rest} {key} 0"));
            assert_eq!(left, pair(rest, "c"));
            let last = shards.call(client, &format!("BLMPOP 0 2 {rest} {key} LEFT COUNT 5"));
            assert_eq!(last, format!("*2\r\n{}*1\r\n{}", bulk(key), bulk("a")));
        }
        for shard in 0..count {
            assert!(shards.core(shard).transactions.waits.is_empty());
        }
    }
}

#[test]
fn moves_wake_the_next() {
    for count in [1, 2, 4] {
        let mut shards = Shards::new(count);
        let keys: Vec<String> = (0..4).map(|n| shards.key(n % count, n)).collect();
        let movers: Vec<Peer> = (0..3).map(|n| shards.connect((n + 1) % count)).collect();
        for (n, &mover) in movers.iter().enumerate() {
            let line = format!("BLMOVE {} {} LEFT RIGHT 0", keys[n], keys[n + 1]);
            parked(&mut shards, mover, &line);
        }
        let last = shards.connect(0);
        parked(&mut shards, last, &format!("BLPOP {} 0", keys[3]));
        let pusher = shards.connect(count - 1);
        assert_eq!(
            shards.call(pusher, &format!("LPUSH {} x", keys[0])),
            ":1\r\n"
        );
        for mover in movers {
            assert_eq!(shards.read(mover), bulk("x"));
        }
        assert_eq!(shards.read(last), pair(&keys[3], "x"));
        let line = format!("BRPOPLPUSH {} {} 0", keys[0], keys[0]);
        parked(&mut shards, last, &line);
        shards.call(pusher, &format!("LPUSH {} y", keys[0]));
        assert_eq!(shards.read(last), bulk("y"));
        assert_eq!(shards.call(pusher, &format!("LLEN {}", keys[0])), ":1\r\n");
    }
}

#[test]
fn a_destination_of_another_type_is_an_error_and_loses_nothing() {
    for count in [1, 2] {
        let mut shards = Shards::new(count);
        let (source, destination) = (shards.key(0, 0), shards.key(count - 1, 1));
        let (mover, next, pusher) = (shards.connect(0), shards.connect(0), shards.connect(0));
        shards.call(pusher, &format!("SET {destination} text"));
        parked(
            &mut shards,
            mover,
            &format!("BLMOVE {source} {destination} LEFT LEFT 0"),
        );
        parked(&mut shards, next, &format!("BLPOP {source} 0"));
        shards.call(pusher, &format!("RPUSH {source} a"));
        assert!(shards.read(mover).starts_with("-WRONGTYPE"));
        assert_eq!(shards.read(next), pair(&source, "a"));
    }
}

#[test]
fn time_runs_out_exactly() {
    for count in [1, 2, 4] {
        let mut shards = Shards::new(count);
        let (key, other) = (shards.key(count - 1, 0), shards.key(0, 1));
        for command in [
            format!("BLPOP {key} 0.1"),
            format!("BRPOP {other} {key} 0.1"),
            format!("BLMPOP 0.1 2 {key} {other} LEFT"),
            format!("BLMOVE {key} {other} LEFT LEFT 0.1"),
            format!("BRPOPLPUSH {key} {other} 0.1"),
            format!("BLMOVEM {key} {other} LEFT LEFT 0.1"),
        ] {
            let client = shards.connect(0);
            parked(&mut shards, client, &command);
            shards.advance(99);
            assert_eq!(shards.read(client), "", "{command}");
            shards.advance(1);
            assert_eq!(shards.read(client), NOTHING, "{command}");
            let pushed = shards.call(client, &format!("RPUSH {key} a"));
            assert_eq!(pushed, ":1\r\n", "nobody waits any more");
            assert_eq!(shards.call(client, &format!("LPOP {key}")), bulk("a"));
        }
        let patient = shards.connect(0);
        parked(&mut shards, patient, &format!("BLPOP {key} 0"));
        shards.advance(86_400_000);
        assert_eq!(shards.read(patient), "");
    }
}

#[test]
fn who_has_gone_takes_nothing() {
    for count in [1, 2, 4] {
        let mut shards = Shards::new(count);
        let key = shards.key(count - 1, 0);
        let (gone, stays, pusher) = (shards.connect(0), shards.connect(0), shards.connect(0));
        parked(&mut shards, gone, &format!("BLPOP {key} 0"));
        parked(&mut shards, stays, &format!("BLPOP {key} 0"));
        shards.hang_up(gone);
        shards.run();
        shards.send(pusher, &format!("RPUSH {key} a"));
        shards.run();
        assert_eq!(shards.read(stays), pair(&key, "a"));
        // The offer is under way when the client leaves.
        let leaver = shards.connect(0);
        parked(&mut shards, leaver, &format!("BLPOP {key} 0"));
        shards.send(pusher, &format!("RPUSH {key} b"));
        for shard in 0..count {
            shards.tick(shard);
        }
        shards.hang_up(leaver);
        shards.run();
        let served = shards.read(leaver) == pair(&key, "b");
        assert_eq!(shards.read(pusher), ":1\r\n:1\r\n");
        let left = shards.call(pusher, &format!("LLEN {key}"));
        assert_eq!(left, if served { ":0\r\n" } else { ":1\r\n" });
        for shard in 0..count {
            assert!(shards.core(shard).transactions.waits.is_empty());
        }
    }
}

#[test]
fn a_released_client_waits_nowhere() {
    for count in [1, 2] {
        let mut shards = Shards::new(count);
        let key = shards.key(count - 1, 0);
        let (client, other) = (shards.connect(0), shards.connect(count - 1));
        for error in [false, true] {
            parked(&mut shards, client, &format!("BLPOP {key} 0"));
            shards.core(0).stop_waiting(client.token, error);
            shards.run();
            let reply = shards.read(client);
            if error {
                assert!(reply.starts_with("-UNBLOCKED client unblocked"), "{reply}");
            } else {
                assert_eq!(reply, NOTHING);
            }
        }
        assert_eq!(shards.call(other, &format!("RPUSH {key} a")), ":1\r\n");
        assert_eq!(
            shards.call(client, &format!("BLPOP {key} 0")),
            pair(&key, "a")
        );
    }
}

#[test]
fn nothing_waits_in_a_transaction() {
    for count in [1, 2, 4] {
        let mut shards = Shards::new(count);
        let (key, other) = (shards.key(count - 1, 0), shards.key(0, 1));
        let client = shards.connect(0);
        // It has waited before: its count of blocking commands is not zero.
        parked(&mut shards, client, &format!("BLPOP {key} 0.1"));
        shards.advance(100);
        assert_eq!(shards.read(client), NOTHING);
        for extra in ["PING", "EXISTS a b c"] {
            for line in [
                "MULTI",
                &format!("BLPOP {key} 0"),
                &format!("BLPOP {key} {other} 0"),
                &format!("BLMOVE {key} {other} LEFT LEFT 0"),
                extra,
            ] {
                shards.call(client, line);
            }
            let reply = shards.call(client, "EXEC");
            assert!(reply.starts_with("*4\r\n*-1\r\n*-1\r\n$-1\r\n"), "{reply}");
        }
    }
}

#[test]
fn a_client_may_have_blocked_as_often_as_can_be_counted() {
    for count in [1, 2] {
        let mut shards = Shards::new(count);
        let (key, other) = (shards.key(count - 1, 0), shards.key(0, 1));
        let client = shards.connect(0);
        for line in [
            format!("BLPOP {key} 0.1"),
            format!("BLPOP {key} {other} 0.1"),
            format!("BLMOVE {key} {other} LEFT LEFT 0.1"),
        ] {
            shards.core(0).client(client.token).block = u32::MAX;
            parked(&mut shards, client, &line);
            shards.advance(100);
            assert!(shards.read(client).ends_with("-1\r\n"), "{line}");
        }
    }
}

#[test]
fn waiters_see_only_the_end_of_a_transaction() {
    for count in [1, 2, 4] {
        let mut shards = Shards::new(count);
        let (key, other) = (shards.key(count - 1, 0), shards.key(0, 1));
        let (client, pusher) = (shards.connect(0), shards.connect(count - 1));
        parked(&mut shards, client, &format!("BLPOP {key} 0"));
        for (line, after) in [("DEL", ""), ("LLEN", "a")] {
            shards.call(pusher, "MULTI");
            shards.call(pusher, &format!("RPUSH {key} a"));
            shards.call(pusher, &format!("SET {other} 1"));
            shards.call(pusher, &format!("{line} {key}"));
            assert_eq!(shards.call(pusher, "EXEC"), "*3\r\n:1\r\n+OK\r\n:1\r\n");
            let expected = if after.is_empty() {
                String::new()
            } else {
                pair(&key, after)
            };
            assert_eq!(shards.read(client), expected);
        }
    }
}

#[test]
fn replies_leave_before_their_client_parks() {
    for count in [1, 2, 4] {
        let mut shards = Shards::new(count);
        let (key, other) = (shards.key(count - 1, 0), shards.key(0, 1));
        let (client, pusher) = (shards.connect(0), shards.connect(0));
        let pipeline =
            format!("SET {other} 1\r\nGET {other}\r\nGET {key}\r\nBLPOP {key} 0\r\nPING\r\n");
        shards.feed(client, pipeline.as_bytes());
        shards.run();
        assert_eq!(shards.read(client), "+OK\r\n$1\r\n1\r\n$-1\r\n");
        shards.call(pusher, &format!("RPUSH {key} a"));
        assert_eq!(shards.read(client), pair(&key, "a") + "+PONG\r\n");
    }
}

#[test]
fn other_types_and_expired_lists_wake_nobody() {
    for count in [1, 2] {
        let mut shards = Shards::new(count);
        let (key, other) = (shards.key(count - 1, 0), shards.key(0, 1));
        let (client, pusher) = (shards.connect(0), shards.connect(0));
        parked(&mut shards, client, &format!("BLPOP {key} 0"));
        shards.call(pusher, &format!("SET {key} text"));
        shards.call(pusher, &format!("DEL {key}"));
        assert_eq!(shards.read(client), "");
        shards.call(pusher, &format!("RPUSH {other} a"));
        assert_eq!(
            shards.call(pusher, &format!("RENAME {other} {key}")),
            "+OK\r\n"
        );
        assert_eq!(shards.read(client), pair(&key, "a"));
        parked(&mut shards, client, &format!("BLPOP {key} 0"));
        shards.call(pusher, "SELECT 1");
        shards.call(pusher, &format!("RPUSH {key} other-database"));
        assert_eq!(shards.read(client), "");
        assert_eq!(shards.call(pusher, "SWAPDB 0 1"), "+OK\r\n");
        assert_eq!(shards.read(client), pair(&key, "other-database"));
    }
}

#[test]
fn one_key_is_served_to_its_end_before_the_next() {
    for count in [1, 2, 4] {
        let mut shards = Shards::new(count);
        let (first, second) = (shards.key(0, 0), shards.key(0, 1));
        let peers: Vec<Peer> = (0..5).map(|n| shards.connect(n % count)).collect();
        for (peer, how) in peers.iter().zip(["left", "right", "left", "right"]) {
            let most = if how == "left" { 1 } else { 2 };
            parked(
                &mut shards,
                *peer,
                &format!("BLMPOP 0 2 {first} {second} {how} COUNT {most}"),
            );
        }
        let pusher = peers[4];
        shards.call(pusher, "MULTI");
        shards.call(pusher, &format!("RPUSH {first} a b c"));
        shards.call(pusher, &format!("RPUSH {second} d e f"));
        assert_eq!(shards.call(pusher, "EXEC"), "*2\r\n:3\r\n:3\r\n");
        let many = |key: &str, texts: &[&str]| {
            let texts: String = texts.iter().map(|text| bulk(text)).collect();
            format!("*2\r\n{}*{}\r\n{texts}", bulk(key), texts.len() / 7)
        };
        assert_eq!(shards.read(peers[0]), many(&first, &["a"]));
        assert_eq!(shards.read(peers[1]), many(&first, &["c", "b"]));
        assert_eq!(shards.read(peers[2]), many(&second, &["d"]));
        assert_eq!(shards.read(peers[3]), many(&second, &["f", "e"]));
    }
}

#[test]
fn who_needs_more_keeps_its_place_and_lets_others_pass() {
    for count in [1, 2, 4] {
        let mut shards = Shards::new(count);
        let (key, other) = (shards.key(count - 1, 0), shards.key(0, 1));
        let peers: Vec<Peer> = (0..4).map(|n| shards.connect(n % count)).collect();
        let exactly = |n| format!("BLMOVEM {key} {other} LEFT RIGHT 0 EXACTLY {n} BULK");
        parked(&mut shards, peers[0], &exactly(3));
        parked(&mut shards, peers[1], &exactly(2));
        parked(&mut shards, peers[2], &format!("BLPOP {key} 0"));
        let pusher = peers[3];
        shards.call(pusher, &format!("RPUSH {key} a"));
        assert_eq!(shards.read(peers[2]), pair(&key, "a"));
        shards.call(pusher, &format!("RPUSH {key} b"));
        assert_eq!(shards.read(peers[1]), "");
        shards.call(pusher, &format!("RPUSH {key} c"));
        assert_eq!(
            shards.read(peers[1]),
            format!("*2\r\n{}{}", bulk("b"), bulk("c"))
        );
        parked(&mut shards, peers[1], &exactly(3));
        shards.call(pusher, &format!("RPUSH {key} d e"));
        shards.call(pusher, &format!("RPUSH {key} f"));
        assert!(shards.read(peers[0]).starts_with("*3\r\n$1\r\nd"));
        assert_eq!(shards.read(peers[1]), "");
    }
}

/// Its first key was offered and was gone when its turn came; the other got something meanwhile.
#[test]
fn who_is_put_back_is_served_from_its_other_key() {
    for count in [1, 2] {
        let mut shards = Shards::new(count);
        let (first, second) = (shards.key(count - 1, 0), shards.key(count - 1, 1));
        let (client, other) = (shards.connect(0), shards.connect(0));
        parked(&mut shards, client, &format!("BLPOP {first} {second} 0"));
        for line in [
            "MULTI",
            &format!("RPUSH {first} a"),
            &format!("RPUSH {second} b"),
            &format!("DEL {first}"),
            // So that every shard is held and the commands run in steps.
            "PING",
        ] {
            shards.call(other, line);
        }
        let done = shards.call(other, "EXEC");
        assert_eq!(done, "*4\r\n:1\r\n:1\r\n:1\r\n+PONG\r\n");
        assert_eq!(shards.read(client), pair(&second, "b"), "{count} shards");
    }
}

/// The end of the first wait is told to the shards late; the second has begun by then.
#[test]
fn the_end_of_a_wait_does_not_end_the_next_one() {
    let mut shards = Shards::new(2);
    let key = shards.key(0, 0);
    let (client, other) = (shards.connect(0), shards.connect(0));
    parked(&mut shards, client, &format!("BLPOP {key} 0.1"));
    shards.send(client, &format!("BLPOP {key} 0"));
    shards.pass(200);
    shards.tick(0);
    // Any byte lets the client's input go on, before anything else of the tick.
    shards.feed(client, b"\r\n");
    shards.run();
    assert_eq!(shards.read(client), NOTHING);
    assert_eq!(shards.call(other, &format!("RPUSH {key} a")), ":1\r\n");
    assert_eq!(shards.read(client), pair(&key, "a"));
}

#[test]
fn a_client_that_waits_for_many_keys_is_quick_to_forget_them() {
    const KEYS: usize = 100_000;
    let mut shards = Shards::new(1);
    let (client, other) = (shards.connect(0), shards.connect(0));
    let keys: Vec<String> = (0..KEYS).map(|number| format!("k{number}")).collect();
    parked(&mut shards, client, &format!("BLPOP {} 0", keys.join(" ")));
    shards.call(other, "SET other 1");
    let comparisons = KEYS * KEYS / 2;
    assert!(comparisons > 1_000_000_000, "which would take seconds");
    assert_eq!(shards.call(other, "FLUSHALL"), "+OK\r\n");
    assert_eq!(shards.call(other, "RPUSH k99999 a"), ":1\r\n");
    assert_eq!(shards.read(client), pair("k99999", "a"));
}

/// Its bytes came with those of the first, its time begins when the first is over.
#[test]
fn the_second_wait_of_a_pipeline_has_its_whole_time() {
    let mut shards = Shards::new(1);
    let client = shards.connect(0);
    shards.feed(client, b"BLPOP a 1\r\nBLPOP b 1\r\n");
    shards.run();
    shards.advance(1100);
    assert_eq!(shards.read(client), NOTHING);
    shards.advance(800);
    assert_eq!(shards.read(client), "");
    shards.advance(300);
    assert_eq!(shards.read(client), NOTHING);
}

#[test]
fn who_has_waited_long_is_not_idle() {
    let mut shards = Shards::with(2, &[("timeout", "5")]);
    let key = shards.key(1, 0);
    let client = shards.connect(0);
    parked(&mut shards, client, &format!("BLPOP {key} 0"));
    for _ in 0..20 {
        shards.advance(1000);
    }
    let other = shards.connect(0);
    assert_eq!(shards.call(other, &format!("RPUSH {key} a")), ":1\r\n");
    shards.advance(1000);
    assert_eq!(shards.read(client), pair(&key, "a"));
    assert!(!shards.closed(client));
    for _ in 0..8 {
        shards.advance(1000);
    }
    assert!(shards.closed(client), "now it is");
}

#[path = "blocking_random_tests.rs"]
mod random;

/// With its lists on one shard; over several, each step is atomic but not the chain.
#[test]
fn nobody_sees_a_chain_of_waiting_clients_half_served() {
    for count in [1, 2, 4] {
        let mut shards = Shards::new(count);
        for owner in 0..count {
            let (first, second) = (shards.key(owner, 0), shards.key(owner, 1));
            let (one, two) = (shards.connect(count / 2), shards.connect(count - 1));
            parked(&mut shards, one, &format!("BRPOPLPUSH {first} {second} 0"));
            parked(&mut shards, two, &format!("BRPOPLPUSH {second} {first} 0"));
            let pusher = shards.connect(owner);
            shards.send(pusher, &format!("RPUSH {first} foo"));
            shards.send(pusher, &format!("LRANGE {first} 0 -1"));
            shards.run();
            let seen = shards.read(pusher);
            assert_eq!(seen, ":1\r\n*1\r\n$3\r\nfoo\r\n", "{count} {owner}");
            shards.call(pusher, &format!("DEL {first}"));
        }
    }
}

/// As `notes_since`, while somebody waits.
fn notes_since_waiting(shards: &mut Shards, count: usize, before: &mut u64) {
    *before = (0..count)
        .map(|shard| shards.core(shard).statistics().notes)
        .sum();
}

/// Notes that all shards have sent one another since, and that nobody waits anywhere any more.
fn notes_since(shards: &mut Shards, count: usize, before: &mut u64) -> u64 {
    let mut sum = 0;
    for shard in 0..count {
        let core = shards.core(shard);
        assert!(core.transactions.waits.is_empty() && core.transactions.waits.no_candidates());
        sum += core.statistics().notes;
    }
    sum - std::mem::replace(before, sum)
}

#[test]
fn only_owners_hear_of_a_client_that_waits_no_longer() {
    const SHARDS: usize = 16;
    let mut shards = Shards::new(SHARDS);
    let (client, other) = (shards.connect(0), shards.connect(0));
    let (key, second) = (shards.key(5, 0), shards.key(9, 0));
    let mut before = 0;
    notes_since(&mut shards, SHARDS, &mut before);
    // Asked, registered, offered, taken; the push is a command.
    parked(&mut shards, client, &format!("BLPOP {key} 0"));
    shards.call(other, &format!("LPUSH {key} a"));
    assert_eq!(shards.read(client), pair(&key, "a"));
    assert_eq!(notes_since(&mut shards, SHARDS, &mut before), 4);
    // Asked, registered; its time ends.
    parked(&mut shards, client, &format!("BLPOP {key} 1"));
    shards.advance(1100);
    assert_eq!(shards.read(client), NOTHING);
    assert_eq!(notes_since(&mut shards, SHARDS, &mut before), 3);
    // Two owners: asked, granted, registered; one offers, the other forgets.
    parked(&mut shards, client, &format!("BLPOP {key} {second} 0"));
    shards.call(other, &format!("LPUSH {second} b"));
    assert_eq!(shards.read(client), pair(&second, "b"));
    assert_eq!(notes_since(&mut shards, SHARDS, &mut before), 3 * 2 + 2 + 1);
    // The owner of the source alone knows of a move that waits.
    let own = shards.key(0, 0);
    for moving in [
        format!("BLMOVE {own} {key} LEFT LEFT 0"),
        format!("BLPOP {own} 0"),
    ] {
        parked(&mut shards, client, &moving);
        notes_since_waiting(&mut shards, SHARDS, &mut before);
        shards.core(0).stop_waiting(client.token, false);
        shards.run();
        assert_eq!(shards.read(client), NOTHING);
        assert_eq!(notes_since(&mut shards, SHARDS, &mut before), 0, "{moving}");
    }
    // It hangs up.
    parked(&mut shards, client, &format!("BLPOP {key} 0"));
    shards.hang_up(client);
    shards.run();
    assert_eq!(notes_since(&mut shards, SHARDS, &mut before), 3);
}

#[test]
fn an_absent_source_is_waited_for_whoever_owns_it() {
    const SHARDS: usize = 4;
    let mut shards = Shards::new(SHARDS);
    let (near, far) = (shards.connect(1), shards.connect(0));
    let (source, destination) = (shards.key(1, 0), shards.key(2, 0));
    let other = shards.connect(3);
    for client in [near, far] {
        for command in [
            format!("BLMOVE {source} {destination} LEFT LEFT 0"),
            format!("BRPOPLPUSH {source} {destination} 0"),
        ] {
            parked(&mut shards, client, &command);
            assert_eq!(shards.call(other, &format!("RPUSH {source} a")), ":1\r\n");
            assert_eq!(shards.read(client), bulk("a"));
            let moved = shards.call(other, &format!("LPOP {destination}"));
            assert_eq!(moved, bulk("a"));
        }
    }
    // What is wrong is said all the same.
    let wrong = "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n";
    let refused = shards.call(far, &format!("BLMOVE {source} {destination} LEFT LEFT x"));
    assert_eq!(refused, "-ERR timeout is not a float or out of range\r\n");
    shards.call(other, &format!("SET {destination} v"));
    let late = format!("BLMOVE {source} {destination} LEFT LEFT 1");
    parked(&mut shards, far, &late);
    shards.advance(1100);
    assert_eq!(shards.read(far), NOTHING);
    shards.call(other, &format!("RPUSH {source} a"));
    assert_eq!(shards.call(far, &late), wrong);
    shards.call(other, &format!("SET {source} v"));
    assert_eq!(shards.call(far, &late), wrong);
    // An expired one is not there.
    shards.call(other, &format!("PEXPIRE {source} 50"));
    shards.core(1).debugged_mut().active_expiry_off = true;
    shards.advance(60);
    parked(&mut shards, far, &late);
    shards.advance(1100);
    assert_eq!(shards.read(far), NOTHING);
    // Who leaves while its source is looked at waits nowhere.
    shards.send(far, &late);
    shards.tick(0);
    shards.hang_up(far);
    shards.run();
    assert_eq!(shards.core(1).leftovers()[5], ("blocked clients", 0));
}

#[test]
fn the_destination_is_locked_while_the_source_is_on_its_way() {
    let mut shards = Shards::new(3);
    let (near, other) = (shards.connect(1), shards.connect(0));
    let (source, destination) = (shards.key(1, 0), shards.key(2, 0));
    let spare = shards.key(0, 0);
    shards.call(other, &format!("RPUSH {source} a"));
    shards.send(other, &format!("COPY {source} {spare}"));
    for shard in [0, 1] {
        shards.tick(shard);
    }
    // It is lent: the destination is locked while it comes home.
    shards.send(near, &format!("BLMOVE {source} {destination} LEFT LEFT 0"));
    assert_eq!(shards.core(1).transactions.coordinator.len(), 1);
    for shard in [1, 2] {
        shards.tick(shard);
    }
    assert!(!shards.core(2).transactions.participants.no_locks());
    shards.run();
    assert_eq!(shards.read(near), bulk("a"));
    assert_eq!(shards.read(other), ":1\r\n");
}

/// Calls, failed calls and times in the histogram of a command, and changes of keys, on all shards.
fn counted(shards: &mut Shards, count: usize, name: &str) -> (u64, u64, u64, u64) {
    let mut sum = (0, 0, 0, 0);
    for shard in 0..count {
        let core = shards.core(shard);
        let row = core
            .table()
            .find_full(name.as_bytes())
            .expect("it is a command");
        let calls = core.metrics.calls().iter().nth(usize::from(row));
        let calls = calls.expect("every row is counted");
        let times = calls
            .histogram
            .iter()
            .flat_map(|histogram| histogram.used());
        sum.0 += calls.calls;
        sum.1 += calls.failed;
        sum.2 += times.last().map_or(0, |(_, times)| times);
        sum.3 += core.statistics().dirty;
    }
    sum
}

/// What redis-server 7.0.15 counts: a command that waits is one call, and its push the one change.
#[test]
fn a_command_that_waits_is_counted_once() {
    for count in [1, 3] {
        let (source, destination) = {
            let mut shards = Shards::new(count);
            (shards.key(count - 1, 0), shards.key(0, 1))
        };
        let push = format!("RPUSH {source} a b c");
        let blpop = format!("BLPOP {source} 1");
        let both = format!("BLPOP {destination} {source} 1");
        let blmove = format!("BLMOVE {source} {destination} LEFT LEFT 1");
        let brpoplpush = format!("BRPOPLPUSH {source} {destination} 1");
        let blmpop = format!("BLMPOP 1 1 {source} LEFT COUNT 2");
        let lmove = format!("LMOVE {source} {destination} LEFT LEFT");
        let (at_once, waits, time_out, unblocked) = (0, 1, 2, 3);
        for (name, command, how, expected) in [
            ("blpop", &blpop, at_once, (1, 0, 1, 3 + 1)),
            ("blpop", &both, at_once, (1, 0, 1, 3 + 1)),
            ("blmove", &blmove, at_once, (1, 0, 1, 3 + 1)),
            ("blmpop", &blmpop, at_once, (1, 0, 1, 3 + 2)),
            ("lmove", &lmove, at_once, (1, 0, 1, 3 + 1)),
            ("blpop", &blpop, waits, (1, 0, 1, 3)),
            ("blpop", &both, waits, (1, 0, 1, 3)),
            ("blmove", &blmove, waits, (1, 0, 1, 3)),
            ("brpoplpush", &brpoplpush, waits, (1, 0, 1, 3)),
            ("blmpop", &blmpop, waits, (1, 0, 1, 3 + 2)),
            ("blpop", &both, time_out, (1, 0, 0, 0)),
            ("blmove", &blmove, time_out, (1, 0, 0, 0)),
            ("blpop", &both, unblocked, (1, 1, 1, 0)),
            ("blmove", &blmove, unblocked, (1, 1, 1, 0)),
        ] {
            let mut shards = Shards::new(count);
            let (client, other) = (shards.connect(0), shards.connect(count - 1));
            if how == at_once {
                shards.call(other, &push);
                assert_ne!(shards.call(client, command), "");
            } else {
                parked(&mut shards, client, command);
            }
            if how == waits {
                shards.call(other, &push);
            } else if how == time_out {
                shards.advance(1100);
            } else if how == unblocked {
                let released = shards.call(other, &format!("CLIENT UNBLOCK {}", client.id));
                assert_eq!(released, ":1\r\n");
            }
            assert_eq!(shards.read(client).is_empty(), how == at_once);
            let found = counted(&mut shards, count, name);
            assert_eq!(found, expected, "{command}, {how}, {count} shards");
        }
    }
}
