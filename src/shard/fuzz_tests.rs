//! Fuzzing the whole command table in process.
//!
//! Random commands made from the table's rows and their syntax run on two servers of several
//! shards, whose state is kept: one gets each batch whole, the other cut at random. Nothing may
//! panic or take long, and both must reply alike. A failure prints its seed and leaves the bytes
//! since the last fresh state in a file; `CAIRN_REPLAY=FILE` plays it again, `CAIRN_LIMITS=long`
//! goes on for fifteen minutes, `CAIRN_SEED` chooses the seed.

#![allow(
    clippy::disallowed_methods,
    reason = "a test driver reads the clock and writes its replay file"
)]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use super::testing::{Peer, Shards};
use crate::cmd::Row;
use crate::cmd::invocation::invocation;

/// Batches before the state is thrown away.
const BATCHES_PER_STATE: usize = 2500;
/// Longest that a batch may take.
const BATCH_LIMIT: Duration = Duration::from_secs(1);
/// Commands whose replies or effects depend on when and how bytes arrive, and those that end the
/// server.
const LEFT_OUT: [&str; 14] = [
    "info",
    "shutdown",
    "debug",
    "client|list",
    "client|info",
    "client|kill",
    "monitor",
    "latency",
    "slowlog",
    "config|set",
    "config|rewrite",
    "memory",
    "client|pause",
    "time",
];
const WORDS: [&str; 64] = [
    "0",
    "1",
    "-1",
    "2",
    "10",
    "-10",
    "100",
    "9223372036854775807",
    "-9223372036854775808",
    "9223372036854775808",
    "4294967295",
    "4294967296",
    "-2147483649",
    "1e308",
    "-1e400",
    "nan",
    "inf",
    "-inf",
    "3.14",
    "0x10",
    " 1",
    "1 ",
    "",
    "*",
    "a*",
    "[a-",
    "\\",
    "{",
    "{a}b",
    "EX",
    "PX",
    "EXAT",
    "PXAT",
    "NX",
    "XX",
    "GT",
    "LT",
    "KEEPTTL",
    "PERSIST",
    "GET",
    "MATCH",
    "COUNT",
    "TYPE",
    "LIMIT",
    "BEFORE",
    "AFTER",
    "LEFT",
    "RIGHT",
    "RANK",
    "MAXLEN",
    "LEN",
    "IDX",
    "MINMATCHLEN",
    "WITHMATCHLEN",
    "REPLACE",
    "ABSTTL",
    "DB",
    "ASYNC",
    "SYNC",
    "BYTE",
    "BIT",
    "on",
    "off",
    "string",
];

/// A small generator of its own, so that a seed means the same everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 11) % bound as u64) as usize
    }

    fn one_in(&mut self, bound: usize) -> bool {
        self.below(bound) == 0
    }
}

/// Rows that are fuzzed.
fn rows() -> Vec<&'static Row> {
    let table = &crate::admin::standard().table;
    let number = |at: usize| u16::try_from(at).expect("rows have 16 bits");
    let rows = (0..table.len()).map(|at| table.row(number(at)));
    let left_out = |name: &str| {
        LEFT_OUT
            .iter()
            .any(|out| name == *out || name.split('|').next() == Some(out))
    };
    rows.filter(|row| !left_out(&row.full_name)).collect()
}

/// One argument; where a row has its first key, mostly a key.
fn argument(random: &mut Random, key_likely: bool) -> Vec<u8> {
    let key = |random: &mut Random| {
        format!(
            "{}{}",
            ["k", "{t}", "list"][random.below(3)],
            random.below(6)
        )
        .into_bytes()
    };
    match random.below(12) {
        _ if key_likely && !random.one_in(8) => key(random),
        0..=2 => key(random),
        3 => (0..random.below(40))
            .map(|_| random.below(256) as u8)
            .collect(),
        4 => vec![b'x'; [70, 1025, 9000][random.below(3)]],
        5 => random.below(1000).to_string().into_bytes(),
        _ => WORDS[random.below(WORDS.len())].into(),
    }
}

/// Words at random behind the row's name, mostly as many as it takes.
fn arbitrary(random: &mut Random, row: &Row) -> Vec<Vec<u8>> {
    let names: Vec<&str> = row.full_name.split('|').collect();
    let least = row.command.arity.unsigned_abs() as usize;
    let mut words: Vec<Vec<u8>> = names.iter().map(|name| name.as_bytes().to_vec()).collect();
    let more = if row.command.arity < 0 || random.one_in(20) {
        random.below(5)
    } else {
        0
    };
    let total = if random.one_in(30) {
        random.below(4)
    } else {
        least + more
    };
    let keyed = !row.command.keys.is_empty();
    while words.len() < total {
        words.push(argument(random, keyed && words.len() == names.len()));
    }
    words
}

/// A command as the row's syntax has it, but for a word at times.
fn nearly_valid(random: &mut Random, row: &Row) -> Vec<Vec<u8>> {
    let made = invocation(row, &mut |bound| random.below(bound));
    let mut words: Vec<Vec<u8>> = made.words.into_iter().map(String::into_bytes).collect();
    if random.one_in(2) {
        let at = random.below(words.len());
        words[at] = argument(random, false);
    }
    words
}

/// A command of a row.
fn command(random: &mut Random, row: &Row, out: &mut Vec<u8>) {
    let words = if random.one_in(2) {
        nearly_valid(random, row)
    } else {
        arbitrary(random, row)
    };
    // Some arrive as lines, if they can.
    let plain = |word: &Vec<u8>| !word.is_empty() && word.iter().all(u8::is_ascii_alphanumeric);
    if random.one_in(20) && words.iter().all(plain) {
        out.extend(words.join(&b' '));
        return out.extend(b"\r\n");
    }
    out.extend(format!("*{}\r\n", words.len()).bytes());
    for word in &words {
        out.extend(format!("${}\r\n", word.len()).bytes());
        out.extend_from_slice(word);
        out.extend_from_slice(b"\r\n");
    }
}

/// A pipeline, perhaps inside MULTI, perhaps broken.
fn batch(random: &mut Random, rows: &[&'static Row]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let multi = random.one_in(4);
    if multi && random.one_in(3) {
        bytes.extend(b"WATCH k1 {t}2\r\n");
    }
    if multi {
        bytes.extend(b"MULTI\r\n");
    }
    for _ in 0..=random.below(6) {
        let row = rows[random.below(rows.len())];
        command(random, row, &mut bytes);
    }
    if multi {
        bytes.extend(if random.one_in(6) {
            &b"DISCARD\r\n"[..]
        } else {
            b"EXEC\r\n"
        });
    }
    if random.one_in(60) {
        let at = random.below(bytes.len());
        bytes[at] = random.below(256) as u8;
    }
    bytes
}

/// A server and the client that is fuzzed.
struct Subject {
    shards: Shards,
    peer: Peer,
    cut: Option<Random>,
}

impl Subject {
    fn new(cut: Option<Random>) -> Self {
        let mut shards = Shards::with(3, &[("proto-max-bulk-len", "1mb")]);
        let peer = shards.connect(0);
        Self { shards, peer, cut }
    }

    /// Feeds a batch and reads what comes back. A client that is closed or waits without end is
    /// followed by another.
    fn feed(&mut self, bytes: &[u8]) -> String {
        let mut left = bytes;
        while !left.is_empty() && !self.shards.closed(self.peer) {
            let most = left.len();
            let (piece, rest) = left.split_at(self.cut.as_mut().map_or(most, |cut| {
                let most = if cut.one_in(3) { most } else { most.min(9) };
                1 + cut.below(most)
            }));
            self.shards.feed(self.peer, piece);
            if self.cut.as_mut().is_some_and(|cut| cut.one_in(2)) {
                self.shards.run();
            }
            left = rest;
        }
        self.shards.run();
        self.shards.advance(3);
        let mut replies = self.shards.read(self.peer);
        let idle = self.shards.closed(self.peer) || {
            let client = self.shards.core(self.peer.shard).client(self.peer.token);
            client.input.is_empty() && client.state == crate::conn::State::Running
        };
        if !idle {
            self.shards.hang_up(self.peer);
            self.shards.run();
            replies.push_str("(waits)");
        }
        if !idle || self.shards.closed(self.peer) {
            replies.push_str("(closed)");
            let shard = (self.peer.shard + 1) % 3;
            self.peer = self.shards.connect(shard);
        }
        replies
    }
}

/// Runs one batch on both servers; Err says what was wrong.
fn compare(pair: &mut [Subject; 2], bytes: &[u8], defect: Defect) -> Result<(), String> {
    let began = Instant::now();
    let replies = catch_unwind(AssertUnwindSafe(|| {
        defect.strike(bytes);
        let mut replies = pair.each_mut().map(|subject| subject.feed(bytes));
        defect.alter(&mut replies[1]);
        replies
    }))
    .map_err(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string))
            .unwrap_or_default()
    })?;
    if began.elapsed() > BATCH_LIMIT {
        return Err(format!("a batch took {:?}", began.elapsed()));
    }
    // A broken array may leave the name of a command left out as a line of its own.
    let figures = replies[0].contains("# Server");
    if replies[0] != replies[1] && !figures {
        let [whole, cut] = replies.each_ref().map(String::as_bytes);
        let same = whole
            .iter()
            .zip(cut)
            .take_while(|(one, other)| one == other);
        let from = same.count().saturating_sub(100);
        let shown = |reply: &[u8]| {
            reply[from..]
                .escape_ascii()
                .take(600)
                .map(char::from)
                .collect::<String>()
        };
        return Err(format!(
            "from byte {from} on\nwhole: {}\ncut: {}",
            shown(whole),
            shown(cut)
        ));
    }
    Ok(())
}

/// What the control runs put in.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Defect {
    None,
    /// A handler that panics on an extreme number.
    Panic,
    /// A handler that takes too long.
    Hang,
    /// A reply that depends on how the bytes were cut.
    Split,
}

impl Defect {
    fn strike(self, bytes: &[u8]) {
        let has = |word: &[u8]| bytes.windows(word.len()).any(|window| window == word);
        let struck = has(b"getrange") && has(b"-9223372036854775808");
        assert!(!(self == Self::Panic && struck), "the seeded panic");
        if self == Self::Hang && struck {
            std::thread::sleep(BATCH_LIMIT + Duration::from_millis(50));
        }
    }

    fn alter(self, reply: &mut String) {
        if self == Self::Split && reply.contains("WRONGTYPE") {
            reply.push(' ');
        }
    }
}

/// Fuzzes for so long; Err names seed and file.
fn fuzz(seed: u64, time: Duration, defect: Defect) -> Result<usize, String> {
    let rows = rows();
    let mut random = Random(seed | 1);
    let (began, mut batches) = (Instant::now(), 0);
    while began.elapsed() < time {
        let mut pair = [
            Subject::new(None),
            Subject::new(Some(Random(seed.rotate_left(7) | 1))),
        ];
        let mut history: Vec<Vec<u8>> = Vec::new();
        for _ in 0..BATCHES_PER_STATE {
            let bytes = batch(&mut random, &rows);
            history.push(bytes);
            let bytes = history.last().expect("just pushed");
            if let Err(reason) = compare(&mut pair, bytes, defect) {
                let path = std::env::temp_dir().join(format!("cairn-fuzz-{seed}.replay"));
                let lines: Vec<String> = history
                    .iter()
                    .map(|bytes| bytes.escape_ascii().to_string())
                    .collect();
                std::fs::write(&path, lines.join("\n")).expect("the replay file is written");
                let last = lines.last().expect("one failed");
                return Err(format!(
                    "seed {seed}, replay {}: {reason}\nin: {last}",
                    path.display()
                ));
            }
            batches += 1;
            if began.elapsed() >= time {
                break;
            }
        }
    }
    Ok(batches)
}

/// Plays a file that a failure left.
fn replay(path: &str) -> Result<(), String> {
    let text = std::fs::read_to_string(path).expect("the replay file is there");
    let mut pair = [Subject::new(None), Subject::new(Some(Random(7)))];
    text.lines()
        .try_for_each(|line| compare(&mut pair, &unescape(line), Defect::None))
}

/// Back from `escape_ascii`.
fn unescape(line: &str) -> Vec<u8> {
    let (mut bytes, mut rest) = (Vec::new(), line.as_bytes());
    while let Some((&first, after)) = rest.split_first() {
        let (byte, left) = match (first, after) {
            (b'\\', [b'x', high, low, left @ ..]) => {
                let digit = |byte: &u8| char::from(*byte).to_digit(16).expect("a hex digit") as u8;
                (digit(high) * 16 + digit(low), left)
            }
            (b'\\', [escaped, left @ ..]) => match escaped {
                b'n' => (b'\n', left),
                b'r' => (b'\r', left),
                b't' => (b'\t', left),
                other => (*other, left),
            },
            _ => (first, after),
        };
        bytes.push(byte);
        rest = left;
    }
    bytes
}

#[test]
fn random_commands_neither_break_nor_differ() {
    if let Ok(path) = std::env::var("CAIRN_REPLAY") {
        return replay(&path).unwrap_or_else(|reason| panic!("{reason}"));
    }
    let long = std::env::var("CAIRN_LIMITS").is_ok_and(|value| value == "long");
    let time = Duration::from_secs(if long { 900 } else { 4 });
    let seed = std::env::var("CAIRN_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| u64::from(std::process::id()) * 7919);
    let batches = fuzz(seed, time, Defect::None).unwrap_or_else(|reason| panic!("{reason}"));
    println!("table fuzz: {batches} batches, seed {seed}");
}

#[test]
fn seeded_defects_are_found() {
    for (defect, wanted) in [
        (Defect::Panic, "the seeded panic"),
        (Defect::Hang, "a batch took"),
        (Defect::Split, "from byte"),
    ] {
        let found = fuzz(12, Duration::from_secs(30), defect).expect_err("the defect is found");
        assert!(
            found.contains(wanted) && found.contains("seed 12"),
            "{defect:?}: {found}"
        );
    }
}
