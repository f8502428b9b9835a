//! The record of several shards, replayed in the order of tickets, gives the same keys.
//!
//! Random commands of clients on all shards, with transactions, blocked clients, expiry and whole
//! databases on the way; what the readers got is played to a server of one shard, whose clock
//! follows the record's.

use std::collections::BTreeMap;

use super::Unit;
use crate::cmd::Random;
use crate::shard::testing::{Peer, Shards};

/// What a test does wrong on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Defect {
    None,
    /// The parts of shards are played one shard after the other.
    NoOrder,
    /// Units are lost now and then.
    Loss,
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
            shards.core(shard).record_units();
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
                if self.below(8) == 0 {
                    self.shards.send(client, "DBSIZE");
                }
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

    /// All units, in the order in which they were read shard by shard.
    fn units(&mut self) -> Vec<Unit> {
        let taken = |shard| self.shards.core(shard).units.replace(Vec::new());
        let units = (0..self.count).map(taken);
        let units: Vec<Vec<Unit>> = units.map(|units| units.expect("it records")).collect();
        units.into_iter().flatten().collect()
    }
}

/// The values and expiry times of all live keys.
fn contents(shards: &mut Shards, client: Peer) -> BTreeMap<(u16, String), String> {
    let mut contents = BTreeMap::new();
    for db in 0..DATABASES {
        shards.call(client, &format!("SELECT {db}"));
        for key in (0..12).flat_map(|n| [format!("k{n}"), format!("lk{n}")]) {
            let read = match key.starts_with('l') {
                true => format!("LRANGE {key} 0 -1"),
                false => format!("GET {key}"),
            };
            let value = shards.call(client, &read);
            let expiry = shards.call(client, &format!("PEXPIRETIME {key}"));
            if expiry != ":-2\r\n" {
                contents.insert((db, key), format!("{value}{expiry}"));
            }
        }
    }
    contents
}

/// Plays units to a server of one shard; None when a command is refused.
fn replay(units: &[Unit], end_ms: u64) -> Option<BTreeMap<(u16, String), String>> {
    let mut shards = Shards::new(1);
    shards.core(0).debugged_mut().active_expiry_off = true;
    let client = shards.connect(0);
    let mut now_ms = shards.core(0).now().unix_ms();
    for unit in units {
        shards.pass(unit.clock_ms.saturating_sub(now_ms));
        now_ms = now_ms.max(unit.clock_ms);
        for effect in unit.effects.effects() {
            shards.call(client, &format!("SELECT {}", effect.db));
            shards.feed(client, effect.command);
            shards.run();
            let reply = shards.read(client);
            if reply.starts_with('-') {
                return None;
            }
        }
    }
    shards.advance(end_ms.saturating_sub(now_ms));
    Some(contents(&mut shards, client))
}

/// Whether the record of one seed gives the same keys, at its end and at moments between.
fn same(count: usize, seed: u64, defect: Defect) -> bool {
    let mut play = Play::new(count, seed);
    let mut units = Vec::new();
    for _ in 0..4 {
        for _ in 0..150 {
            play.step();
        }
        // Until the blocked have timed out.
        play.shards.advance(60);
        let clients = play.clients.clone();
        let answered: usize = clients.iter().map(|&it| play.shards.read(it).len()).sum();
        assert!(answered > 0, "somebody was answered");
        units.append(&mut play.units());
        let mut ordered: Vec<Unit> = units.clone();
        match defect {
            Defect::NoOrder => {}
            _ => ordered.sort_by_key(|unit| unit.ticket),
        }
        if defect == Defect::None {
            let tickets = ordered.iter().map(|unit| unit.ticket);
            let mut dense: Vec<u64> = tickets.collect();
            dense.dedup();
            assert!(
                dense.iter().zip(1..).all(|(ticket, nth)| *ticket == nth),
                "no number is missing"
            );
        }
        if defect == Defect::Loss {
            ordered.retain(|unit| unit.ticket % 7 != 0);
        }
        let reader = play.shards.connect(0);
        let end_ms = play.shards.core(0).now().unix_ms();
        let there = contents(&mut play.shards, reader);
        if replay(&ordered, end_ms) != Some(there) {
            return false;
        }
    }
    true
}

#[test]
fn units_in_the_order_of_tickets_give_the_same_keys() {
    for seed in 0..24 {
        for count in [1, 2, 4] {
            assert!(same(count, seed + 1, Defect::None), "seed {seed}, {count}");
        }
    }
}

#[test]
fn lost_units_and_lost_order_are_caught() {
    let caught = |defect| (0..12).filter(|seed| !same(4, seed + 1, defect)).count();
    assert!(caught(Defect::NoOrder) > 6);
    assert!(caught(Defect::Loss) > 6);
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
