//! Everything on a few keys: plain, multi-key and transactional commands, judged by search.
//!
//! The whole keyspace is one object of the search, so histories stay small. `Sequential` is the
//! same with one client and more commands: there every reply is determined.

use cairn::base::sim::Random;

use super::super::linear::{self, Call, Failure};
use super::super::model::{self, State};
use super::super::reply::{Reply, Words, words};
use super::{Seen, Unit, Workload};

/// Several clients, few keys.
pub struct Mixed {
    keys: u64,
    next_value: u64,
}

impl Mixed {
    pub fn new(keys: u64) -> Self {
        Self {
            keys,
            next_value: 0,
        }
    }

    fn key(&self, random: &mut Random) -> String {
        format!("key:{}", random.below(self.keys))
    }

    /// A value that nobody else writes; sometimes a number, so that INCRBY works on it.
    fn value(&mut self, random: &mut Random) -> String {
        self.next_value += 1;
        match random.one_in(2) {
            true => format!("{}", self.next_value * 1000),
            false => format!("v{}", self.next_value),
        }
    }

    fn command(&mut self, random: &mut Random) -> Words {
        let (a, b, c) = (self.key(random), self.key(random), self.key(random));
        let (value, other) = (self.value(random), self.value(random));
        words(&match random.below(15) {
            0 => format!("GET {a}"),
            1 => format!("SET {a} {value}"),
            2 => format!("INCRBY {a} {}", self.next_value),
            3 => format!("APPEND {a} {value}"),
            4 | 5 => format!("MGET {a} {b} {c}"),
            6 | 7 => format!("MSET {a} {value} {b} {other}"),
            8 => format!("MSETNX {a} {value} {b} {other}"),
            9 => format!("DEL {a} {b}"),
            10 => format!("RENAME {a} {b}"),
            11 => format!("RENAMENX {a} {b}"),
            12 => format!("COPY {a} {b} REPLACE"),
            13 => format!("EXISTS {a} {b} {c}"),
            _ => format!("GETSET {a} {value}"),
        })
    }

    fn commands(&mut self, random: &mut Random) -> Vec<Words> {
        let count = 1 + random.below(3);
        let mut commands: Vec<Words> = (0..count).map(|_| self.command(random)).collect();
        // A command on the whole keyspace makes EXEC hold every shard.
        if random.one_in(4) {
            commands.push(words("DBSIZE"));
        }
        commands
    }
}

impl Workload for Mixed {
    fn prepare(&self) -> Vec<Words> {
        Vec::new()
    }

    fn next(&mut self, random: &mut Random) -> Unit {
        match random.below(10) {
            0..=5 => Unit::default().plain(self.command(random)),
            6 | 7 => {
                let commands = self.commands(random);
                Unit::default().exec(commands, Vec::new())
            }
            8 => Unit::default().plain(words("DBSIZE")),
            _ => {
                let (a, b) = (self.key(random), self.key(random));
                Unit::default()
                    .aside(words(&format!("WATCH {a} {b}")))
                    .plain(words(&format!("MGET {a} {b}")))
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
        let guard = unit.requests[0][1..]
            .iter()
            .cloned()
            .zip(values.iter().cloned());
        let guard = guard.collect();
        let commands = self.commands(random);
        Some(Unit::default().exec(commands, guard))
    }

    fn check(&self, history: &[Seen]) -> Result<(), String> {
        search(history, &State::new())
    }
}

/// Searches an order of a history over the whole keyspace.
pub fn search(history: &[Seen], initial: &State) -> Result<(), String> {
    let calls: Vec<Call> = history.iter().map(|seen| call_of(seen, false)).collect();
    let step = |state: &State, number: usize| step(state, &history[number]);
    linear::check(&calls, initial, step).map_err(|failure| {
        let at = match failure {
            Failure::NoOrder(at) => at,
            Failure::TooLarge => return "too large a history to be judged".to_string(),
        };

        let from = at.saturating_sub(8);
        let shown: Vec<String> = history[from..history.len().min(at + 8)]
            .iter()
            .map(show)
            .collect();
        format!(
            "no order explains call {at} of {}:\n{}",
            history.len(),
            shown.join("\n")
        )
    })
}

pub fn call_of(seen: &Seen, ordered: bool) -> Call {
    Call {
        process: seen.process,
        invoke: seen.invoke,
        complete: seen.complete,
        ordered,
    }
}

/// One transaction as text.
pub fn show(seen: &Seen) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let commands: Vec<String> = seen
        .commands
        .iter()
        .map(|words| {
            words
                .iter()
                .map(|word| text(word))
                .collect::<Vec<_>>()
                .join(" ")
        })
        .collect();
    format!(
        "  client {} {}..{:?} [{}] -> {:?} guard {:?}",
        seen.process,
        seen.invoke,
        seen.complete,
        commands.join("; "),
        seen.replies,
        seen.guard
    )
}

/// The states that may be behind a transaction, if its replies fit.
pub fn step(state: &State, seen: &Seen) -> Vec<State> {
    let waits = |words: &Words| words[0] == b"BLPOP" || words[0] == b"BRPOP";
    if seen.commands.len() > 1 || !waits(&seen.commands[0]) {
        return Vec::from_iter(step_exactly(state, seen, &seen.commands));
    }
    // Who has waited is served by the key that was written first, whichever it is among its own.
    let command = &seen.commands[0];
    let (first, last) = (command[0].clone(), command[command.len() - 1].clone());
    let keys = &command[1..command.len() - 1];
    let only = |key: &Vec<u8>| vec![vec![first.clone(), key.clone(), last.clone()]];
    match seen.replies.first() {
        Some(Reply::Array(pair)) => {
            let taken = keys
                .iter()
                .find(|key| pair[0] == Reply::Bulk((*key).clone()));
            Vec::from_iter(taken.and_then(|key| step_exactly(state, seen, &only(key))))
        }
        Some(_) => Vec::from_iter(step_exactly(state, seen, &seen.commands)),
        None => keys
            .iter()
            .filter_map(|key| step_exactly(state, seen, &only(key)))
            .collect(),
    }
}

fn step_exactly(state: &State, seen: &Seen, commands: &[Words]) -> Option<State> {
    let mut state = state.clone();
    for (key, value) in &seen.guard {
        let now = model::apply(&mut state, &vec![b"GET".to_vec(), key.clone()]);
        if now != *value {
            return None;
        }
    }
    for (index, command) in commands.iter().enumerate() {
        let reply = model::apply(&mut state, command);
        if seen.complete.is_some() && reply != seen.replies[index] {
            return None;
        }
    }
    Some(state)
}

/// One client and the model, with deadlines.
pub struct Sequential {
    mixed: Mixed,
}

/// How long the client waits for near deadlines to pass, microseconds.
const PASS_US: u64 = 400_000;

impl Sequential {
    pub fn new() -> Self {
        Self {
            mixed: Mixed::new(12),
        }
    }
}

impl Workload for Sequential {
    fn prepare(&self) -> Vec<Words> {
        Vec::new()
    }

    fn next(&mut self, random: &mut Random) -> Unit {
        let key = self.mixed.key(random);
        let command = words(&match random.below(24) {
            0 => format!("PEXPIRE {key} 1"),
            1 => format!("EXPIRE {key} 1000"),
            2 => format!("PERSIST {key}"),
            3 => format!("SET {key} 7 PX 1"),
            4 => format!("SET {key} 7 PX 100000"),
            5 => format!("SET {key} 8 NX"),
            6 => format!("SET {key} 9 XX"),
            7 => format!("STRLEN {key}"),
            8 => format!("TYPE {key}"),
            9 => format!("PTTL {key}"),
            10 => format!("GETDEL {key}"),
            11 => format!("UNLINK {key} {}", self.mixed.key(random)),
            12 => "DBSIZE".to_string(),
            13 => format!("COPY {key} {}", self.mixed.key(random)),
            _ => return self.mixed.next(random),
        });
        let near = command.last().is_some_and(|word| word == b"1");
        // A near deadline passes inside the unit: the command after it comes when it is over.
        let mut unit = Unit::default().plain(command);
        if near {
            unit = unit.aside(words("ECHO near"));
        }
        unit
    }

    fn sequel(&mut self, unit: &Unit, replies: &[Reply], random: &mut Random) -> Option<Unit> {
        if unit.requests.last() == Some(&words("ECHO near")) {
            let passed = words("ECHO passed");
            return Some(Unit {
                pause_us: PASS_US,
                ..Unit::default().plain(passed)
            });
        }
        self.mixed.sequel(unit, replies, random)
    }

    fn check(&self, history: &[Seen]) -> Result<(), String> {
        let mut state = State::new();
        for (number, seen) in history.iter().enumerate() {
            if seen.commands[0][0] == b"ECHO" {
                model::time_passes(&mut state);
                continue;
            }
            let mut seen = seen.clone();
            for (command, reply) in seen.commands.iter().zip(&mut seen.replies) {
                if command[0] == b"PTTL" && matches!(reply, Reply::Integer(left) if *left > 0) {
                    *reply = Reply::Integer(1);
                }
            }
            let Some(next) = step(&state, &seen).pop() else {
                return Err(format!(
                    "call {number} does not fit {state:?}:\n{}",
                    show(&seen)
                ));
            };
            state = next;
        }
        Ok(())
    }
}
