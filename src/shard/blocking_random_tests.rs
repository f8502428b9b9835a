//! Random clients that push, pop, move, wait and leave: every text ends up in one place.
//!
//! Owned by `blocking`'s tests. The seeds are constants, so a failure repeats itself.

use crate::cmd::Random;
use crate::route::DbKey;
use crate::shard::testing::{Peer, Shards};
use crate::store::Db;
use std::collections::HashMap;

/// A client of the random test, and how many texts it has been told to push: `t<id>-0`, `t<id>-1`,
/// ...
struct Actor {
    peer: Peer,
    pushed: usize,
}

/// What a random client may do; every pushed text is unique.
fn line(random: &mut Random, keys: &[String], actor: &mut Actor) -> String {
    let mut below = |bound: u64| (random.next_u64() >> 20) % bound;
    let mut key = || keys[below(keys.len() as u64) as usize].clone();
    let (a, b) = (key(), key());
    let timeout = ["0", "0.05", "0.2"][below(3) as usize];
    let mut text = || {
        actor.pushed += 1;
        format!("t{}-{}", actor.peer.id, actor.pushed - 1)
    };
    match below(14) {
        0..=2 => format!("BLPOP {a} {b} {timeout}"),
        3 => format!("BRPOP {a} {timeout}"),
        4 => format!("BLMPOP {timeout} 2 {a} {b} RIGHT COUNT 2"),
        5..=6 => format!("BLMOVE {a} {b} LEFT RIGHT {timeout}"),
        7 => format!("BLMOVEM {a} {b} LEFT LEFT {timeout} EXACTLY 2 OBO"),
        8 => format!("LMOVE {a} {b} LEFT LEFT"),
        9 => format!("RPUSH {a} {} {}", text(), text()),
        _ => format!("LPUSH {a} {}", text()),
    }
}

/// Texts that a client was given for good: by a pop, not by a move.
fn taken(sent: &str) -> Vec<String> {
    let mut found = Vec::new();
    let lines: Vec<&str> = sent.split("\r\n").collect();
    let mut at = 0;
    while at < lines.len() {
        let key_follows =
            lines[at] == "*2" && lines.get(at + 2).is_some_and(|it| it.starts_with("key"));
        if !key_follows {
            at += 1;
            continue;
        }
        let many = lines[at + 3]
            .strip_prefix('*')
            .map_or(0, |n| n.parse().expect("a count"));
        let texts = if many == 0 {
            vec![at + 4]
        } else {
            (0..many).map(|n| at + 5 + 2 * n).collect()
        };
        at = texts[texts.len() - 1];
        found.extend(texts.into_iter().map(|index| lines[index].to_string()));
    }
    found
}

/// At rest, nobody waits for what is there.
fn assert_nobody_waits_in_vain(shards: &mut Shards, count: usize, keys: &[String]) {
    for shard in 0..count {
        let core = shards.core(shard);
        for key in keys {
            let key: DbKey = (Db::FIRST, key.as_bytes().into());
            let waits = &core.transactions.waits;
            let overlooked = core.live_value(&key);
            let overlooked = waits.is_overlooked(&key, overlooked);
            assert!(!overlooked, "{key:?} at {shard} of {count}");
        }
    }
}

#[test]
fn nothing_is_lost_nor_taken_twice_nor_left_lying() {
    for (count, seed) in (0..30).map(|n| ([1, 2, 3, 4][n % 4], n as u64)) {
        let mut random = Random::new(seed * 77 + 1);
        let mut shards = Shards::new(count);
        let keys: Vec<String> = (0..5).map(|n| shards.key(n % count, n)).collect();
        let mut actors: Vec<Actor> = (0..12)
            .map(|n| Actor {
                peer: shards.connect(n % count),
                pushed: 0,
            })
            .collect();
        let mut found: Vec<String> = Vec::new();
        for _ in 0..6000 {
            let index = (random.next_u64() >> 20) as usize % actors.len();
            let command = line(&mut random, &keys, &mut actors[index]);
            let peer = actors[index].peer;
            shards.send(peer, &command);
            match random.next_u64() >> 57 {
                0..=7 => shards.advance(60),
                8..=10 => {
                    // At rest: a pop that is under way is run even if nobody is there to hear of
                    // it.
                    shards.run();
                    shards.hang_up(peer);
                    shards.run();
                    found.extend(taken(&shards.read(peer)));
                    actors[index] = Actor {
                        peer: shards.connect(index % count),
                        pushed: 0,
                    };
                }
                11..=60 => shards.tick(index % count),
                _ => {
                    shards.run();
                    assert_nobody_waits_in_vain(&mut shards, count, &keys);
                }
            }
        }
        shards.run();
        for actor in &actors {
            shards.hang_up(actor.peer);
        }
        shards.run();
        for actor in &actors {
            found.extend(taken(&shards.read(actor.peer)));
        }
        let reader = shards.connect(0);
        for key in &keys {
            let rest = shards.call(reader, &format!("LRANGE {key} 0 -1"));
            let texts = rest.split("\r\n").filter(|it| it.starts_with('t'));
            found.extend(texts.map(str::to_string));
        }
        for shard in 0..count {
            assert!(
                shards.core(shard).transactions.waits.is_empty(),
                "shard {shard} of {count}"
            );
            assert!(shards.core(shard).transactions.participants.no_locks());
        }
        assert_whole(&found);
    }
}

/// No text twice, and of each client's pushes all up to the last that was run: those after a
/// command that waited until its client left never were.
fn assert_whole(found: &[String]) {
    let mut numbers: HashMap<&str, Vec<usize>> = HashMap::new();
    for text in found {
        let (client, number) = text.split_once('-').expect("texts name their client");
        let number = number.parse().expect("texts are numbered");
        numbers.entry(client).or_default().push(number);
    }
    assert!(found.len() > 1000, "{} texts", found.len());
    for (client, mut numbers) in numbers {
        numbers.sort_unstable();
        let expected: Vec<usize> = (0..numbers.len()).collect();
        assert_eq!(numbers, expected, "{client}");
    }
}
