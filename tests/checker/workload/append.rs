//! Long histories of transactions over several keys, whose writes append tokens that occur once.
//!
//! Keys are retired when they have grown long, so reads stay small however long the run is. The
//! history goes to the search for cycles.

use cairn::base::sim::Random;

use super::super::cycle::{self, Act, Transaction};
use super::super::reply::{Reply, Words, words};
use super::{Seen, Unit, Workload};

/// Keys in use at a time, and appends after which one is retired.
const KEYS: usize = 8;
const APPENDS_MAX: u64 = 40;
/// Digits of a token; a value is cut into pieces of this length.
const TOKEN_BYTES: usize = 8;

pub struct Append {
    next_token: u64,
    /// Number and appends of the keys in use.
    keys: Vec<(u64, u64)>,
    next_key: u64,
    /// Every transaction holds two keys at least.
    pub only_multi: bool,
}

impl Append {
    pub fn new() -> Self {
        Self {
            next_token: 0,
            keys: (0..KEYS as u64).map(|number| (number, 0)).collect(),
            next_key: KEYS as u64,
            only_multi: false,
        }
    }

    fn append(&mut self, random: &mut Random) -> Words {
        let index = random.below(KEYS as u64) as usize;
        let (number, appends) = &mut self.keys[index];
        *appends += 1;
        let key = *number;
        if *appends == APPENDS_MAX {
            self.keys[index] = (self.next_key, 0);
            self.next_key += 1;
        }
        self.next_token += 1;
        words(&format!("APPEND list:{key} {:08}", self.next_token))
    }

    fn key(&self, random: &mut Random) -> String {
        format!("list:{}", random.pick(&self.keys).0)
    }

    fn act(&mut self, random: &mut Random) -> Words {
        match random.below(4) {
            0 => words(&format!("GET {}", self.key(random))),
            1 => words(&format!("MGET {} {}", self.key(random), self.key(random))),
            _ => self.append(random),
        }
    }

    fn commands(&mut self, random: &mut Random) -> Vec<Words> {
        let count = 2 + random.below(3);
        let mut commands: Vec<Words> = (0..count).map(|_| self.act(random)).collect();
        if random.one_in(8) {
            let at = random.below(count) as usize;
            commands.insert(at, words("DBSIZE"));
        }
        commands
    }
}

impl Workload for Append {
    fn prepare(&self) -> Vec<Words> {
        Vec::new()
    }

    fn next(&mut self, random: &mut Random) -> Unit {
        let lowest = if self.only_multi { 4 } else { 0 };
        match lowest + random.below(10 - lowest) {
            0 | 1 => Unit::default().plain(self.append(random)),
            2 => Unit::default().plain(words(&format!("GET {}", self.key(random)))),
            3 => {
                let key = self.key(random);
                Unit::default()
                    .aside(words(&format!("WATCH {key}")))
                    .plain(words(&format!("GET {key}")))
            }
            4 | 5 => {
                let (a, b, c) = (self.key(random), self.key(random), self.key(random));
                Unit::default().plain(words(&format!("MGET {a} {b} {c}")))
            }
            _ => {
                let commands = self.commands(random);
                Unit::default().exec(commands, Vec::new())
            }
        }
    }

    fn sequel(&mut self, unit: &Unit, replies: &[Reply], random: &mut Random) -> Option<Unit> {
        if unit.requests[0][0] != b"WATCH" {
            return None;
        }
        let guard = vec![(unit.requests[0][1].clone(), replies[1].clone())];
        let commands = self.commands(random);
        Some(Unit::default().exec(commands, guard))
    }

    fn check(&self, history: &[Seen]) -> Result<(), String> {
        let transactions: Result<Vec<Transaction>, String> =
            history.iter().map(transaction).collect();
        cycle::check(&transactions?)
    }
}

/// What a transaction did; what it watched it has read.
fn transaction(seen: &Seen) -> Result<Transaction, String> {
    let text = |word: &[u8]| String::from_utf8_lossy(word).into_owned();
    let mut acts = Vec::new();
    let known = seen.complete.is_some();
    for (key, value) in seen.guard.iter().filter(|_| known) {
        acts.push(Act::Read {
            key: text(key),
            tokens: tokens(value)?,
        });
    }
    for (index, command) in seen.commands.iter().enumerate() {
        match command[0].as_slice() {
            b"APPEND" => acts.push(Act::Append {
                key: text(&command[1]),
                token: text(&command[2]).parse().expect("tokens are numbers"),
            }),
            b"GET" if known => acts.push(Act::Read {
                key: text(&command[1]),
                tokens: tokens(&seen.replies[index])?,
            }),
            b"MGET" if known => {
                let Reply::Array(values) = &seen.replies[index] else {
                    return Err(format!("MGET answered {:?}", seen.replies[index]));
                };
                for (key, value) in command[1..].iter().zip(values) {
                    acts.push(Act::Read {
                        key: text(key),
                        tokens: tokens(value)?,
                    });
                }
            }
            _ => {}
        }
    }
    Ok(Transaction {
        invoke: seen.invoke,
        complete: seen.complete,
        acts,
    })
}

fn tokens(value: &Reply) -> Result<Vec<u64>, String> {
    let text = match value {
        Reply::Null => return Ok(Vec::new()),
        Reply::Bulk(text) => text,
        other => return Err(format!("a read answered {other:?}")),
    };
    text.chunks(TOKEN_BYTES)
        .map(|token| {
            let token = String::from_utf8_lossy(token);
            token.parse().map_err(|_| format!("{token} is no token"))
        })
        .collect()
}
