//! The record of several shards, replayed in the order of tickets, gives the same keys, wherever it
//! is cut.
//!
//! Random commands of clients on all shards, with transactions, blocked clients, expiry and whole
//! databases on the way. What each shard's readers got is played to a server of one shard of its
//! own, whose clock stands still: no key ends there unless the record says so. From time to time a
//! transaction reads all keys at once: up to its ticket, the record gives what it saw.

use std::collections::{BTreeMap, BTreeSet};

use super::UnitPart;
use crate::base::ShardId;
use crate::cmd::{Cause, Random};
use crate::shard::testing::{Peer, Shards};
use crate::wal::Kind;

/// What a test does wrong on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Defect {
    None,
    /// Tickets are drawn when messages have left.
    Late,
    /// Units are lost now and then.
    Loss,
    /// One part of a transaction is.
    HalfLoss,
    /// The ends of expired keys are not told.
    Expiry,
}

/// In what order a shard's parts are played to its server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    /// As its log has them.
    Own,
    Tickets,
}

const DATABASES: u16 = 3;

struct Play {
    shards: Shards,
    count: usize,
    clients: Vec<Peer>,
    random: Random,
}

impl Play {
    fn new(count: usize, seed: u64) -> Self {
        let mut shards = Shards::new(count);
        for shard in 0..count {
            shards.core(shard).keep_record(true);
        }
        let clients = (0..2 * count).map(|n| shards.connect(n % count)).collect();
        Self {
            shards,
            count,
            clients,
            random: Random::new(seed),
        }
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.random.next_u64() >> 20) as usize % bound
    }

    fn key(&mut self) -> String {
        format!("k{}", self.below(12))
    }

    /// A command that may be queued.
    fn plain(&mut self) -> String {
        let (a, b, n) = (self.key(), self.key(), self.below(100));
        match self.below(24) {
            0 | 1 => format!("SET {a} {n}"),
            2 => format!("SET {a} {n} PX {}", 1 + n),
            3 => format!("MSET {a} {n} {b} {n}"),
            4 => format!("DEL {a} {b}"),
            5 => format!("RENAME {a} {b}"),
            6 => format!("COPY {a} {b} REPLACE"),
            7 => format!("APPEND {a} x"),
            8 => format!("INCRBYFLOAT {a} 0.5"),
            9 => format!("RPUSH l{a} {n} x y"),
            10 => format!("LMOVE l{a} l{b} LEFT RIGHT"),
            11 => format!("LPOP l{a} 2"),
            12 => format!("LMPOP 2 l{a} l{b} LEFT COUNT 2"),
            13 => format!("PEXPIRE {a} {}", 1 + n),
            14 => format!("PERSIST {a}"),
            15 => format!("GETDEL {a}"),
            16 => format!("GETEX {a} PX 20"),
            17 => format!("MSETNX {a} {n} {b} {n}"),
            18 => format!("MGET {a} {b}"),
            19 => format!("MOVE {a} 1"),
            20 => format!("SETRANGE {a} 3 z"),
            21 => format!("UNLINK {a} l{b}"),
            22 => format!("PEXPIRE l{a} {n}"),
            _ => format!("LTRIM l{a} 0 3"),
        }
    }

    fn step(&mut self) {
        let at = self.below(self.clients.len());
        let client = self.clients[at];
        match self.below(40) {
            0..24 => {
                let line = self.plain();
                self.shards.send(client, &line);
            }
            24..30 => {
                self.shards.send(client, "MULTI");
                for _ in 0..=self.below(5) {
                    let line = self.plain();
                    self.shards.send(client, &line);
                }
                match self.below(24) {
                    0 | 1 => self.shards.send(client, "DBSIZE"),
                    2 => self.shards.send(client, "FLUSHALL"),
                    3 => self.shards.send(client, "SWAPDB 0 1"),
                    _ => {}
                }
                let line = self.plain();
                self.shards.send(client, &line);
                self.shards.send(client, "EXEC");
            }
            30 => {
                let (a, b) = (self.key(), self.key());
                self.shards.send(client, &format!("BLPOP l{a} l{b} 0.05"));
            }
            31 => {
                let (a, b) = (self.key(), self.key());
                let line = format!("BLMOVE l{a} l{b} LEFT RIGHT 0.05");
                self.shards.send(client, &line);
            }
            32 if self.below(8) == 0 => self.shards.send(client, "FLUSHALL"),
            33 if self.below(8) == 0 => self.shards.send(client, "FLUSHDB"),
            34 if self.below(4) == 0 => self.shards.send(client, "SWAPDB 0 1"),
            35 => {
                let db = self.below(usize::from(DATABASES));
                self.shards.send(client, &format!("SELECT {db}"));
            }
            36 => {
                let some = self.below(30) as u64;
                self.shards.pass(some);
            }
            _ => {
                let shard = self.below(self.count);
                self.shards.tick(shard);
            }
        }
    }

    /// A transaction that reads all keys at once; the client is its own, and has nothing else.
    fn look(&mut self, client: Peer, number: usize) {
        if self.count == 1 {
            // There it is no unit of its own, but the tick's.
            self.shards.run();
        }
        self.shards.send(client, "MULTI");
        for line in look(number) {
            self.shards.send(client, &line);
        }
        self.shards.send(client, "EXEC");
        if self.count == 1 {
            self.shards.run();
        }
    }

    /// All parts of each shard, in the order in which they were read.
    fn parts(&mut self) -> Vec<Vec<UnitPart>> {
        let parts = (0..self.count).map(|shard| {
            let kept = self.shards.core(shard).take_record().expect("it is on");
            assert_eq!(kept.lost, 0);
            kept.parts
        });
        parts.collect()
    }
}

const KEYS: usize = 12;

/// The commands of a look: what marks it, then values and expiry times.
fn look(number: usize) -> Vec<String> {
    let mut lines = vec!["SELECT 0".to_string(), format!("SET mark {number}")];
    for db in 0..DATABASES {
        lines.push(format!("SELECT {db}"));
        for n in 0..KEYS {
            lines.push(format!("PEXPIRETIME k{n}"));
            lines.push(format!("GET k{n}"));
            lines.push(format!("PEXPIRETIME lk{n}"));
            lines.push(format!("LRANGE lk{n} 0 -1"));
        }
    }
    lines
}

/// The values and expiry times of all keys that are alive at this time, by database and name.
type Contents = BTreeMap<(u16, String), (String, u64)>;

/// What the replies to a look say, at the time at which it was taken.
fn contents_of(replies: &[String], now_ms: u64) -> Contents {
    let lines = look(0);
    assert_eq!(replies.len(), lines.len());
    let mut contents = Contents::new();
    let mut db = 0;
    for (at, line) in lines.iter().enumerate() {
        let (name, key) = line.split_once(' ').expect("a command of two words");
        match name {
            "SELECT" => db = key.parse().expect("a number"),
            "PEXPIRETIME" => {
                let until: i64 = replies[at][1..].trim().parse().expect("an integer");
                let alive = until == -1 || until > now_ms as i64;
                if alive {
                    let value = (replies[at + 1].clone(), until as u64);
                    contents.insert((db, key.to_string()), value);
                }
            }
            _ => {}
        }
    }
    contents
}

/// One reply after the other.
fn split_replies(mut bytes: &str) -> Vec<String> {
    let mut replies = Vec::new();
    while !bytes.is_empty() {
        let len = crate::resp::element_len(bytes.as_bytes());
        let (reply, rest) = bytes.split_at(len);
        replies.push(reply.to_string());
        bytes = rest;
    }
    replies
}

/// A server of one shard that replays one shard's record.
struct Replica {
    shards: Shards,
    client: Peer,
}

impl Replica {
    fn new() -> Self {
        let mut shards = Shards::new(1);
        shards.core(0).debugged_mut().active_expiry_off = true;
        let client = shards.connect(0);
        Self { shards, client }
    }

    /// False: a command is refused.
    fn play(&mut self, part: &UnitPart, defect: Defect) -> bool {
        for effect in part.effects.effects() {
            if defect == Defect::Expiry && effect.cause == Cause::Expiry {
                continue;
            }
            self.shards
                .call(self.client, &format!("SELECT {}", effect.db));
            self.shards.feed(self.client, effect.command);
            self.shards.run();
            if self.shards.read(self.client).starts_with('-') {
                return false;
            }
        }
        true
    }

    fn contents(&mut self, now_ms: u64) -> Contents {
        let lines = look(0);
        let replies = lines.iter().map(|line| match line.starts_with("SET ") {
            true => "+OK\r\n".to_string(),
            false => self.shards.call(self.client, line),
        });
        let replies: Vec<String> = replies.collect();
        contents_of(&replies, now_ms)
    }
}

/// Plays all parts up to a ticket; None when a command is refused.
fn replay(
    parts: &[Vec<UnitPart>],
    upto: u64,
    order: Order,
    now_ms: u64,
    defect: Defect,
) -> Option<Contents> {
    let mut contents = Contents::new();
    for own in parts {
        let mut replica = Replica::new();
        let mut own: Vec<&UnitPart> = own.iter().filter(|part| part.unit.ticket <= upto).collect();
        if order == Order::Tickets {
            own.sort_by_key(|part| part.unit.ticket);
        }
        if !own.iter().all(|part| replica.play(part, defect)) {
            return None;
        }
        let before = contents.len();
        let mut more = replica.contents(now_ms);
        let many = more.len();
        contents.append(&mut more);
        assert_eq!(contents.len(), before + many, "a key has one owner");
    }
    Some(contents)
}

/// Every number is there, with all of its parts.
fn check_units(parts: &[Vec<UnitPart>]) {
    let mut units: BTreeMap<u64, BTreeSet<ShardId>> = BTreeMap::new();
    for (shard, own) in ShardId::all(parts.len()).zip(parts) {
        for part in own {
            let known = units.entry(part.unit.ticket).or_default();
            assert!(known.insert(shard), "a shard has one part of a unit");
            let participants = part.unit.participants.shards();
            assert!(part.header(shard).kind != Kind::Control);
            assert!(participants.count() >= known.len());
        }
    }
    assert!(
        units.keys().zip(1..).all(|(ticket, nth)| *ticket == nth),
        "no number is missing"
    );
    for own in parts {
        for part in own {
            let there = &units[&part.unit.ticket];
            assert!(
                part.unit.participants.shards().eq(there.iter().copied()),
                "all parts of a unit are there, and no others"
            );
        }
    }
}

fn spoil(parts: &mut [Vec<UnitPart>], defect: Defect) {
    for (shard, own) in parts.iter_mut().enumerate() {
        own.retain(|part| match defect {
            Defect::Loss => part.unit.ticket % 7 != 0,
            Defect::HalfLoss => shard != 0 || part.unit.participants.count() == 1,
            _ => true,
        });
    }
}

/// Whether the record of one seed gives what each of some transactions has read.
fn same(count: usize, seed: u64, defect: Defect) -> bool {
    let mut play = Play::new(count, seed);
    if defect == Defect::Late {
        for shard in 0..count {
            play.shards.core(shard).record.late = Some(0);
        }
    }
    let looker = play.shards.connect(0);
    let mut looks = Vec::new();
    let mut parts: Vec<Vec<UnitPart>> = vec![Vec::new(); count];
    for round in 0..6 {
        for _ in 0..100 {
            play.step();
        }
        play.look(looker, round);
        for _ in 0..50 {
            play.step();
        }
        // Until the blocked have timed out.
        play.shards.advance(60);
        for client in play.clients.clone() {
            assert!(!play.shards.read(client).contains("-ERR Protocol"));
        }
        let read = play.shards.read(looker);
        let start = read.find('*').expect("EXEC answers with an array");
        let replies = &read[start..];
        let line = replies.find("\r\n").expect("a whole reply") + 2;
        looks.push((round, split_replies(&replies[line..])));
        for (own, mut more) in parts.iter_mut().zip(play.parts()) {
            own.append(&mut more);
        }
    }
    if defect == Defect::None {
        check_units(&parts);
    }
    spoil(&mut parts, defect);
    let mut keys = 0;
    let same = looks.iter().all(|(number, replies)| {
        let mark = format!("SET\r\n$4\r\nmark\r\n$1\r\n{number}\r\n");
        let marked = parts.iter().flatten().find(|part| {
            let mut effects = part.effects.effects();
            effects.any(|effect| String::from_utf8_lossy(effect.command).contains(&mark))
        });
        let Some(marked) = marked else { return false };
        let (upto, now_ms) = (marked.unit.ticket, marked.unit.clock_ms);
        let seen = contents_of(replies, now_ms);
        keys += seen.len();
        [Order::Own, Order::Tickets]
            .into_iter()
            .all(|order| replay(&parts, upto, order, now_ms, defect).as_ref() == Some(&seen))
    });
    assert!(!same || keys > 0, "there are keys");
    same
}

#[test]
fn cut_at_a_ticket_the_record_gives_what_was_there() {
    for seed in 0..16 {
        for count in [1, 2, 4] {
            assert!(same(count, seed + 1, Defect::None), "seed {seed}, {count}");
        }
    }
}

#[test]
fn what_is_lost_or_out_of_order_is_caught() {
    let caught = |defect| (0..8).filter(|seed| !same(4, seed + 1, defect)).count();
    for defect in [Defect::Late, Defect::Loss, Defect::HalfLoss, Defect::Expiry] {
        let caught = caught(defect);
        assert!(caught > 3, "{defect:?}: {caught} of 8");
    }
}

#[test]
fn while_nobody_reads_nothing_is_told() {
    let mut shards = Shards::new(2);
    let client = shards.connect(0);
    let (near, far) = (shards.key(0, 0), shards.key(1, 0));
    shards.call(client, &format!("MSET {near} 1 {far} 2"));
    shards.call(client, &format!("RENAME {near} {far}"));
    let tickets = &shards.core(0).shared().tickets;
    assert_eq!(tickets.load(std::sync::atomic::Ordering::Relaxed), 1);
    assert!(shards.core(1).effects.stream.is_empty());
}
