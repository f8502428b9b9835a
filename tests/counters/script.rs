//! Draws commands from the families' patterns: the same ones for the same seed.
//!
//! Pure: knows no server. A pattern's words that begin with `%` stand for something drawn;
//! everything else is sent as it stands. `families.rs` explains the marks in front of a pattern.

use super::families::Family;
use super::player::client_name;

/// Clients that play; the observer is none of them.
pub const CLIENTS: usize = 4;
/// Keys, spread over the slots, so that four shards have some each.
const KEYS: u64 = 12;

/// What one client does.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Sends a command and reads the reply.
    Call(usize, Vec<String>),
    /// Sends a command that will block, and waits until it does.
    Block(usize, Vec<String>),
    /// Sends a command that is not answered.
    Mute(usize, Vec<String>),
    /// Reads the reply of a command that has blocked.
    Served(usize),
    /// Closes its connection and opens a new one.
    Reconnect(usize),
    /// Lets the clock go on until short times to live are over.
    Pass,
}

/// A sequence of random numbers (splitmix64).
pub struct Script {
    state: u64,
}

impl Script {
    pub fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    fn next(&mut self, below: u64) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.state;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (word ^ (word >> 31)) % below
    }

    /// A round of a family: as many scenes as it wants, each drawn from its list.
    pub fn round(&mut self, family: &Family) -> Vec<Step> {
        let mut steps = Vec::new();
        while steps.len() < family.steps {
            let scene = family.scenes[self.next(family.scenes.len() as u64) as usize];
            let client = self.next(CLIENTS as u64) as usize;
            let key = self.key();
            for line in scene.split(';') {
                steps.push(self.step(line.trim(), client, &key));
            }
        }
        steps
    }

    fn key(&mut self) -> String {
        format!("key{}", self.next(KEYS))
    }

    /// One line of a scene; `client` and `key` are those of the scene.
    fn step(&mut self, line: &str, client: usize, key: &str) -> Step {
        let (mark, command) = match line.as_bytes()[0] {
            mark @ (b'+' | b'!' | b'~' | b'<' | b'^' | b'@') => (mark, line[1..].trim()),
            _ => (b' ', line),
        };
        let other = (client + 1) % CLIENTS;
        let third = (client + 2) % CLIENTS;
        match mark {
            b'^' if command == "2" => return Step::Served(third),
            b'^' => return Step::Served(client),
            b'@' if command == "pass" => return Step::Pass,
            b'@' => return Step::Reconnect(client),
            _ => {}
        }
        let words = command
            .split(' ')
            .map(|word| self.word(word, client, key))
            .collect();
        match mark {
            b'+' => Step::Call(other, words),
            b'!' => Step::Block(client, words),
            b'<' => Step::Block(third, words),
            b'~' => Step::Mute(client, words),
            _ => Step::Call(client, words),
        }
    }

    fn word(&mut self, word: &str, client: usize, key: &str) -> String {
        match word {
            "%c" => client_name(client),
            "%k" => key.to_string(),
            "%K" => self.key(),
            "%v" => format!("value{}", self.next(1_000)),
            "%n" => self.next(10).to_string(),
            "%i" => (self.next(9) as i64 - 4).to_string(),
            "%d" => self.next(4).to_string(),
            "%V" => "x".repeat(self.next(3_000) as usize),
            "%_" => String::new(),
            "%s" => "two words".to_string(),
            _ => word.to_string(),
        }
    }
}
