//! What the clients ask, and how many bytes answer it.
//!
//! Every key exists and every value has 64 bytes, so that a batch's answer has a length that is
//! known beforehand: whoever gets other bytes than these has got an error.

use cairn::base::sim::Random;

/// Clients of a measured run.
pub const CLIENTS: usize = 50;
/// Keys, all of them there.
const KEYS: u64 = 10_000;
const VALUE: [u8; 64] = [b'v'; 64];
const KEYS_OF_MGET: u64 = 10;
/// SETs of one batch of the preparation.
const PREPARED_AT_ONCE: u64 = 100;

/// One load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    pub name: &'static str,
    /// Commands that a client sends at once.
    pub pipeline: u64,
    multi_key: bool,
}

pub const SHAPES: [Shape; 4] = [
    Shape {
        name: "GET/SET P=1",
        pipeline: 1,
        multi_key: false,
    },
    Shape {
        name: "GET/SET P=16",
        pipeline: 16,
        multi_key: false,
    },
    Shape {
        name: "GET/SET P=50",
        pipeline: 50,
        multi_key: false,
    },
    Shape {
        name: "MGET of 10",
        pipeline: 1,
        multi_key: true,
    },
];

/// What a client sends at once, and the length of the answer.
#[derive(Debug, Default)]
pub struct Batch {
    pub bytes: Vec<u8>,
    pub answer_bytes: usize,
}

impl Batch {
    /// The next batch of a client.
    pub fn of(shape: Shape, random: &mut Random) -> Self {
        let mut batch = Self::default();
        for _ in 0..shape.pipeline {
            batch.command(shape, random);
        }
        batch
    }

    fn command(&mut self, shape: Shape, random: &mut Random) {
        let value_bytes = b"$64\r\n".len() + VALUE.len() + 2;
        if shape.multi_key {
            let keys: Vec<String> = (0..KEYS_OF_MGET).map(|_| key(random.below(KEYS))).collect();
            let mut words: Vec<&[u8]> = vec![b"MGET"];
            words.extend(keys.iter().map(String::as_bytes));
            let answer_bytes = b"*10\r\n".len() + keys.len() * value_bytes;
            self.push(&words, answer_bytes);
        } else if random.one_in(2) {
            let key = key(random.below(KEYS));
            self.push(&[b"SET", key.as_bytes(), &VALUE], b"+OK\r\n".len());
        } else {
            let key = key(random.below(KEYS));
            self.push(&[b"GET", key.as_bytes()], value_bytes);
        }
    }

    fn push(&mut self, words: &[&[u8]], answer_bytes: usize) {
        self.bytes
            .extend_from_slice(format!("*{}\r\n", words.len()).as_bytes());
        for word in words {
            self.bytes
                .extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
            self.bytes.extend_from_slice(word);
            self.bytes.extend_from_slice(b"\r\n");
        }
        self.answer_bytes += answer_bytes;
    }
}

fn key(number: u64) -> String {
    format!("key:{number:012}")
}

/// Batches that set every key.
pub fn preparation() -> impl Iterator<Item = Batch> {
    (0..KEYS / PREPARED_AT_ONCE).map(|part| {
        let mut batch = Batch::default();
        for number in part * PREPARED_AT_ONCE..(part + 1) * PREPARED_AT_ONCE {
            let key = key(number);
            batch.push(&[b"SET", key.as_bytes(), &VALUE], b"+OK\r\n".len());
        }
        batch
    })
}
