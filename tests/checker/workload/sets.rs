//! Sets, and commands over several of them.
//!
//! Judged by search: members are single digits, so every reply is certain, whatever form a set has.
//! What is lost or counted twice while sets are lent between shards has no explanation.

use cairn::base::sim::Random;

use super::super::model::State;
use super::super::reply::{Words, words};
use super::mixed::search;
use super::{Seen, Unit, Workload};

/// A few clients, a few sets, every reply judged.
pub struct Sets {
    keys: u64,
}

impl Sets {
    pub fn new(keys: u64) -> Self {
        Self { keys }
    }

    fn command(&self, random: &mut Random) -> Words {
        let mut key = || format!("set:{}", random.below(self.keys));
        let (a, b, c) = (key(), key(), key());
        let (one, two) = (random.below(10), random.below(10));
        words(&match random.below(16) {
            0..=3 => format!("SADD {a} {one} {two}"),
            4 => format!("SREM {a} {one} {two}"),
            5 | 6 => format!("SMOVE {a} {b} {one}"),
            7 => format!("SISMEMBER {a} {one}"),
            8 => format!("SCARD {a}"),
            9 => format!("SMEMBERS {a}"),
            10 => format!("SINTER {a} {b}"),
            11 => format!("SUNION {a} {b} {c}"),
            12 => format!("SDIFF {a} {b}"),
            13 => format!("SINTERSTORE {a} {b} {c}"),
            14 => format!("SUNIONSTORE {a} {b} {c}"),
            _ => format!("SDIFFSTORE {a} {b} {c}"),
        })
    }
}

impl Workload for Sets {
    fn prepare(&self) -> Vec<Words> {
        Vec::new()
    }

    fn next(&mut self, random: &mut Random) -> Unit {
        if random.one_in(5) {
            let count = 1 + random.below(3);
            let commands = (0..count).map(|_| self.command(random)).collect();
            return Unit::default().exec(commands, Vec::new());
        }
        Unit::default().plain(self.command(random))
    }

    fn check(&self, history: &[Seen]) -> Result<(), String> {
        search(history, &State::new())
    }
}
