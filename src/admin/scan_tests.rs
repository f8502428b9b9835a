//! SCAN and RANDOMKEY beside transactions that lend keys away: nothing is missed, nobody is held
//! up.
//!
//! Owned by `scan`. Shards tick in a random order from a seed, so keys are away at any moment.

use std::collections::BTreeSet;

use crate::base::ShardId;
use crate::cmd::{Cursor, Random};
use crate::shard::testing::{Peer, Shards};
use crate::store::Slot;

const SHARDS: usize = 3;

fn below(random: &mut Random, limit: usize) -> usize {
    usize::try_from(random.next_u64() >> 32).expect("32 bits") % limit
}

/// A client that changes two keys, over and over again.
struct Lender {
    peer: Peer,
    replies: String,
    rounds: usize,
}

impl Lender {
    fn new(shards: &mut Shards, random: &mut Random) -> Self {
        Self {
            peer: shards.connect(below(random, SHARDS)),
            replies: String::new(),
            rounds: 0,
        }
    }

    /// Sends the next transaction when the one before is answered.
    fn go_on(&mut self, shards: &mut Shards, random: &mut Random, keys: &[String]) {
        self.replies += &shards.read(self.peer);
        if !self.replies.is_empty() && !self.replies.contains("*2\r\n") {
            return;
        }
        self.replies.clear();
        self.replies.push(' ');
        self.rounds += 1;
        let one = &keys[below(random, keys.len())];
        let other = &keys[below(random, keys.len())];
        let lines = [
            "MULTI".to_string(),
            format!("APPEND {one} x"),
            format!("STRLEN {other}"),
            "EXEC".to_string(),
        ];
        for line in lines {
            shards.send(self.peer, &line);
        }
    }
}

/// The cursor and the keys of a whole reply of SCAN.
fn parse(reply: &str) -> Option<(String, Vec<String>)> {
    let mut words = reply.split("\r\n").filter(|word| !word.starts_with('$'));
    assert_eq!(words.next(), Some("*2"), "{reply}");
    let cursor = words.next()?.to_string();
    let count: usize = words.next()?.strip_prefix('*')?.parse().ok()?;
    let keys: Vec<String> = words.map(ToString::to_string).collect();
    // Behind the last line end stands nothing.
    (keys.len() == count + 1).then(|| (cursor, keys[..count].to_vec()))
}

/// Keys of all shards, half of them in one slot.
fn names() -> Vec<String> {
    let name = |number| match number % 2 {
        0 => format!("key{number}"),
        _ => format!("{{tag}}{number}"),
    };
    (0..40).map(name).collect()
}

/// How often a transaction or query has waited for locks.
fn waits(shards: &mut Shards) -> u64 {
    (0..SHARDS)
        .map(|shard| shards.core(shard).statistics().lock_waits)
        .sum()
}

/// Whole iterations beside lenders; returns how often keys were away when a shard was asked.
fn iterate(seed: u64, count: usize) -> u64 {
    let mut random = Random::new(seed);
    let mut shards = Shards::new(SHARDS);
    let scanner = shards.connect(below(&mut random, SHARDS));
    let mover = shards.connect(below(&mut random, SHARDS));
    let keys = names();
    for key in &keys {
        shards.call(scanner, &format!("SET {key} v"));
    }
    shards.call(scanner, "SET moved0 v");
    let mut lenders: Vec<Lender> = (0..4)
        .map(|_| Lender::new(&mut shards, &mut random))
        .collect();
    let before = waits(&mut shards);
    for iteration in 0..4 {
        // What has gone before the iteration begins is not seen.
        shards.send(
            mover,
            &format!("RENAME moved{iteration} moved{}", iteration + 1),
        );
        let mut renamed = String::new();
        let (mut cursor, mut seen) = (String::new(), BTreeSet::new());
        let mut reply = String::new();
        for step in 0.. {
            assert!(
                step < 200_000,
                "seed {seed}: the iteration comes to its end"
            );
            for lender in &mut lenders {
                lender.go_on(&mut shards, &mut random, &keys);
            }
            shards.tick(below(&mut random, SHARDS));
            if cursor.is_empty() {
                renamed += &shards.read(mover);
                if renamed.ends_with("+OK\r\n") {
                    cursor = "0".to_string();
                    shards.send(scanner, &format!("SCAN 0 COUNT {count}"));
                }
                continue;
            }
            reply += &shards.read(scanner);
            if reply.is_empty() {
                continue;
            }
            let Some((next, found)) = parse(&reply) else {
                continue;
            };
            reply.clear();
            seen.extend(found);
            if next == "0" {
                break;
            }
            cursor.clone_from(&next);
            shards.send(scanner, &format!("SCAN {next} COUNT {count}"));
        }
        let mut expected: BTreeSet<String> = keys.iter().cloned().collect();
        expected.insert(format!("moved{}", iteration + 1));
        assert_eq!(seen, expected, "seed {seed}, iteration {iteration}");
    }
    assert!(lenders.iter().all(|lender| lender.rounds > 3));
    waits(&mut shards) - before
}

#[test]
fn a_scan_finds_what_is_there_though_it_is_lent() {
    let mut waits = 0;
    for seed in 1..=12 {
        for count in [1, 7, 1000] {
            waits += iterate(seed, count);
        }
    }
    assert!(waits > 100, "keys were away: {waits}");
}

#[test]
fn a_random_key_is_found_though_it_is_lent() {
    for seed in 1..=12 {
        let mut random = Random::new(seed);
        let mut shards = Shards::new(SHARDS);
        let asking = shards.connect(below(&mut random, SHARDS));
        let keys = [shards.key(1, 0)];
        shards.call(asking, &format!("SET {} v", keys[0]));
        let mut lender = Lender::new(&mut shards, &mut random);
        let absent = [keys[0].clone(), shards.key(2, 0)];
        let (mut replies, mut asked) = (String::new(), 0);
        while asked < 30 {
            lender.go_on(&mut shards, &mut random, &absent[..=asked % 2]);
            if replies.ends_with("\r\n") || asked == 0 {
                assert!(!replies.contains("$-1"), "seed {seed}: {replies}");
                replies.clear();
                asked += 1;
                shards.send(asking, "RANDOMKEY");
            }
            for _ in 0..4 {
                shards.tick(below(&mut random, SHARDS));
            }
            replies += &shards.read(asking);
        }
    }
}

#[test]
fn a_scan_holds_up_no_transaction() {
    let mut shards = Shards::new(SHARDS);
    let (lender, scanner) = (shards.connect(0), shards.connect(2));
    let (away, free) = (shards.key(1, 0), shards.key(1, 1));
    let own: Vec<String> = (0..SHARDS).map(|shard| shards.key(shard, 0)).collect();
    for key in [&away, &free] {
        shards.call(lender, &format!("SET {key} v"));
    }
    let other = shards.connect(2);
    // Shard 1 has lent the key, shard 0 does not go on.
    shards.send(lender, &format!("COPY {away} {}", own[0]));
    for shard in [0, 1] {
        shards.tick(shard);
    }
    for command in [
        format!("SCAN {} COUNT 1000", first_cursor(&mut shards, 1)),
        format!(
            "SCAN {} COUNT 1000 MATCH {free}",
            first_cursor(&mut shards, 1)
        ),
    ] {
        shards.send(scanner, &command);
        for shard in [2, 1, 2, 1] {
            shards.tick(shard);
        }
        shards.send(other, &format!("COPY {free} {}", own[2]));
        for shard in [2, 1, 2, 1, 2] {
            shards.tick(shard);
        }
        let answered = shards.read(other);
        assert!(answered.starts_with(':'), "beside {command}: {answered}");
        // Only what is away, and fits, is waited for.
        let found = shards.read(scanner);
        assert_eq!(found.is_empty(), !command.contains("MATCH"), "{found}");
        if found.is_empty() {
            shards.tick(0);
            for shard in [1, 2, 1, 2] {
                shards.tick(shard);
            }
            let found = shards.read(scanner);
            assert!(found.contains(&away) && found.contains(&free), "{found}");
            shards.run();
            shards.call(lender, &format!("DEL {} {}", own[0], own[2]));
            shards.send(lender, &format!("COPY {away} {}", own[0]));
            for shard in [0, 1] {
                shards.tick(shard);
            }
        }
    }
    shards.run();
}

/// Where a scan of a shard's slots begins.
fn first_cursor(shards: &mut Shards, shard: usize) -> u64 {
    let slots = shards.core(shard).slots().clone();
    let slot = Slot::all().find(|&slot| slots.owner(slot) == ShardId::at(shard));
    let slot = slot.expect("every shard owns a slot");
    let position = 0;
    Cursor { slot, position }.number()
}
