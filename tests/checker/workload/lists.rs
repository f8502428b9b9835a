//! Lists and clients that block on them.
//!
//! `Lists` is judged by search like every small history: an element taken twice, lost, or out of
//! turn has no explanation. `Queues` has many clients and is judged by counting: what was pushed is
//! taken once or is still there.

use std::collections::BTreeSet;

use cairn::base::sim::Random;

use super::super::model::State;
use super::super::reply::{Reply, Words, words};
use super::mixed::{search, show};
use super::{Seen, Unit, Workload};

/// A few clients, a few lists, every reply judged.
pub struct Lists {
    keys: u64,
    next_value: u64,
}

impl Lists {
    pub fn new(keys: u64) -> Self {
        Self {
            keys,
            next_value: 0,
        }
    }

    fn command(&mut self, random: &mut Random) -> Words {
        let key = |random: &mut Random, keys| format!("queue:{}", random.below(keys));
        let (a, b) = (key(random, self.keys), key(random, self.keys));
        self.next_value += 1;
        let v = self.next_value;
        let timeout = ["0.001", "0.02", "0.2"][random.below(3) as usize];
        words(&match random.below(16) {
            0..=3 => format!("RPUSH {a} v{v}"),
            4 => format!("LPUSH {a} v{v} w{v}"),
            5 => format!("LPOP {a}"),
            6 => format!("LMOVE {a} {b} LEFT RIGHT"),
            7..=9 => format!("BLPOP {a} {b} {timeout}"),
            10 => format!("BRPOP {a} {timeout}"),
            11 | 12 => format!("BLMOVE {a} {b} LEFT RIGHT {timeout}"),
            13 => format!("LRANGE {a} 0 -1"),
            14 => format!("RENAME {a} {b}"),
            _ => format!("DEL {a} {b}"),
        })
    }
}

impl Workload for Lists {
    fn prepare(&self) -> Vec<Words> {
        Vec::new()
    }

    fn next(&mut self, random: &mut Random) -> Unit {
        match random.below(5) {
            0 => {
                let count = 1 + random.below(3);
                let mut commands: Vec<Words> = (0..count).map(|_| self.command(random)).collect();
                if random.one_in(3) {
                    commands.push(words("DBSIZE"));
                }
                Unit::default().exec(commands, Vec::new())
            }
            _ => Unit::default().plain(self.command(random)),
        }
    }

    fn check(&self, history: &[Seen]) -> Result<(), String> {
        search(history, &State::new())
    }
}

/// Many clients: producers, movers and takers on a chain of queues.
pub struct Queues {
    next_value: u64,
}

const QUEUES: u64 = 5;

impl Queues {
    pub fn new() -> Self {
        Self { next_value: 0 }
    }
}

impl Workload for Queues {
    fn prepare(&self) -> Vec<Words> {
        Vec::new()
    }

    fn next(&mut self, random: &mut Random) -> Unit {
        let (a, b) = (random.below(QUEUES), random.below(QUEUES));
        self.next_value += 1;
        let v = self.next_value;
        match random.below(8) {
            0 | 1 => Unit::default().plain(words(&format!("RPUSH queue:{a} v{v}"))),
            2 => {
                let push =
                    |queue: u64, name: char| words(&format!("RPUSH queue:{queue} {name}{v}"));
                Unit::default().exec(vec![push(a, 'v'), push(b, 'w')], Vec::new())
            }
            3 | 4 => Unit::default().plain(words(&format!(
                "BLMOVE queue:{a} queue:{b} LEFT RIGHT 0.05"
            ))),
            5 => Unit::default().plain(words(&format!("LMOVE queue:{a} queue:{b} RIGHT LEFT"))),
            _ => Unit::default().plain(words(&format!("BLPOP queue:{a} queue:{b} 0.05"))),
        }
    }

    fn last(&self) -> Vec<Words> {
        let range = |queue| words(&format!("LRANGE queue:{queue} 0 -1"));
        (0..QUEUES).map(range).collect()
    }

    fn check(&self, history: &[Seen]) -> Result<(), String> {
        let (mut pushed, mut perhaps, mut found) =
            (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        let mut takers_lost = 0;
        for seen in history {
            for (index, command) in seen.commands.iter().enumerate() {
                let reply = seen.replies.get(index);
                match (command[0].as_slice(), reply) {
                    (b"RPUSH", Some(_)) => drop(pushed.insert(command[2].clone())),
                    (b"RPUSH", None) => drop(perhaps.insert(command[2].clone())),
                    (b"BLPOP", None) => takers_lost += 1,
                    (b"BLPOP", Some(Reply::Array(pair))) => find(&mut found, &pair[1], seen)?,
                    (b"LRANGE", Some(Reply::Array(items))) => {
                        items
                            .iter()
                            .try_for_each(|item| find(&mut found, item, seen))?;
                    }
                    _ => {}
                }
            }
        }
        let invented = found
            .iter()
            .find(|value| !pushed.contains(*value) && !perhaps.contains(*value));
        if let Some(value) = invented {
            return Err(format!(
                "{} was never pushed",
                String::from_utf8_lossy(value)
            ));
        }
        let lost = pushed.difference(&found).count();
        match lost > takers_lost {
            true => Err(format!(
                "{lost} elements are lost, {takers_lost} may have been taken unseen"
            )),
            false => Ok(()),
        }
    }
}

fn find(found: &mut BTreeSet<Vec<u8>>, item: &Reply, seen: &Seen) -> Result<(), String> {
    let Reply::Bulk(value) = item else {
        return Err(format!("no element: {item:?}"));
    };
    match found.insert(value.clone()) {
        true => Ok(()),
        false => Err(format!(
            "{} is there twice:\n{}",
            String::from_utf8_lossy(value),
            show(seen)
        )),
    }
}
