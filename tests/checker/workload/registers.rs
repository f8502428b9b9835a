//! Pipelines of commands on single keys, each key judged by itself.
//!
//! Linearizability is local, so every key's history is searched alone; commands of one pipeline for
//! one key take effect in the order sent.

use std::collections::BTreeMap;

use cairn::base::sim::Random;

use super::super::linear::{self, Failure};
use super::super::model::State;
use super::super::reply::{Words, words};
use super::mixed::{call_of, show, step};
use super::{Seen, Unit, Workload};

/// Most commands of one pipeline.
const PIPELINE_MAX: u64 = 12;

pub struct Registers {
    keys: u64,
    next_value: u64,
}

impl Registers {
    pub fn new(keys: u64) -> Self {
        Self {
            keys,
            next_value: 0,
        }
    }
}

impl Workload for Registers {
    fn prepare(&self) -> Vec<Words> {
        Vec::new()
    }

    fn next(&mut self, random: &mut Random) -> Unit {
        let mut unit = Unit::default();
        for _ in 0..=random.below(PIPELINE_MAX) {
            self.next_value += 1;
            let (key, value) = (random.below(self.keys), self.next_value);
            unit = unit.plain(words(&match random.below(6) {
                0 | 1 => format!("GET register:{key}"),
                2 => format!("SET register:{key} {value}"),
                3 => format!("INCRBY register:{key} {value}"),
                4 => format!("GETSET register:{key} {value}"),
                _ => format!("APPEND register:{key} 7"),
            }));
            // Two keys of one pipeline in one command: it waits for all that came before.
            if random.one_in(40) {
                unit = unit.aside(words(&format!("EXISTS register:{key} other:{value}")));
            }
        }
        unit
    }

    fn check(&self, history: &[Seen]) -> Result<(), String> {
        let mut by_key: BTreeMap<&[u8], Vec<&Seen>> = BTreeMap::new();
        for seen in history {
            by_key.entry(&seen.commands[0][1]).or_default().push(seen);
        }
        for (key, history) in by_key {
            let calls: Vec<_> = history.iter().map(|seen| call_of(seen, true)).collect();
            let step = |state: &State, number: usize| step(state, history[number]);
            linear::check(&calls, &State::new(), step).map_err(|failure| {
                let at = match failure {
                    Failure::NoOrder(at) => at,
                    Failure::TooLarge => {
                        return "too large a history to be judged".to_string();
                    }
                };

                let from = at.saturating_sub(8);
                let around = &history[from..history.len().min(at + 8)];
                let shown: Vec<String> = around.iter().map(|seen| show(seen)).collect();
                let key = String::from_utf8_lossy(key);
                format!("{key}: no order explains call {at}:\n{}", shown.join("\n"))
            })?;
        }
        Ok(())
    }
}
