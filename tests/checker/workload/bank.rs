//! Transfers between accounts on all shards, and clients that look at all accounts at once.
//!
//! Transfers by EXEC, blind and behind WATCH. Nothing but the sum is judged.

use cairn::base::sim::Random;

use super::super::bank;
use super::super::reply::{Reply, Words, words};
use super::{Seen, Unit, Workload};

const ACCOUNTS: u64 = 7;
const OPENING: i64 = 100;

pub struct Bank;

impl Bank {
    fn all(verb: &str) -> String {
        let keys: Vec<String> = (0..ACCOUNTS)
            .map(|account| format!("account:{account}"))
            .collect();
        format!("{verb} {}", keys.join(" "))
    }
}

impl Workload for Bank {
    fn prepare(&self) -> Vec<Words> {
        let pairs: Vec<String> = (0..ACCOUNTS)
            .map(|account| format!("account:{account} {OPENING}"))
            .collect();
        vec![words(&format!("MSET {}", pairs.join(" ")))]
    }

    fn next(&mut self, random: &mut Random) -> Unit {
        let from = random.below(ACCOUNTS);
        let to = (from + 1 + random.below(ACCOUNTS - 1)) % ACCOUNTS;
        match random.below(4) {
            0 => Unit::default().plain(words(&Self::all("MGET"))),
            1 => Unit::default()
                .aside(words(&format!("WATCH account:{from} account:{to}")))
                .aside(words(&format!("MGET account:{from} account:{to}"))),
            _ => {
                let amount = random.below(50);
                let out = words(&format!("DECRBY account:{from} {amount}"));
                let into = words(&format!("INCRBY account:{to} {amount}"));
                Unit::default().exec(vec![out, into], Vec::new())
            }
        }
    }

    fn sequel(&mut self, unit: &Unit, replies: &[Reply], random: &mut Random) -> Option<Unit> {
        if unit.requests[0][0] != b"WATCH" {
            return None;
        }
        let Reply::Array(values) = &replies[1] else {
            return None;
        };
        let amounts: Vec<i64> = values
            .iter()
            .filter_map(|value| match value {
                Reply::Bulk(text) => String::from_utf8_lossy(text).parse().ok(),
                _ => None,
            })
            .collect();
        let [from, to] = amounts[..] else { return None };
        let moved = random.below(50) as i64;
        let keys = &unit.requests[0];
        let set = |key: &[u8], amount: i64| {
            vec![
                b"SET".to_vec(),
                key.to_vec(),
                amount.to_string().into_bytes(),
            ]
        };
        let commands = vec![set(&keys[1], from - moved), set(&keys[2], to + moved)];
        // Whether the guard held shows in the sums.
        let guard = vec![(keys[1].clone(), values[0].clone())];
        Some(Unit::default().exec(commands, guard))
    }

    fn check(&self, history: &[Seen]) -> Result<(), String> {
        let total = ACCOUNTS as i64 * OPENING;
        let views = history.iter().filter(|seen| seen.commands[0][0] == b"MGET");
        views
            .filter(|seen| seen.complete.is_some())
            .try_for_each(|seen| bank::check(&seen.replies[0], total))
    }
}
