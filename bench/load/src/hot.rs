//! Contention: 64 clients that put every multi-key command to the same 8 keys.
//!
//! All commands conflict, across shards too; SWAPDB and FLUSHDB take the whole keyspace in between.
//! What counts is how many commands get through and the longest wait: nobody may starve. Waiting
//! for ever ends the load with an error.

use std::time::{Duration, Instant};

use crate::Report;
use crate::commands::{Numbers, push};
use crate::connection::{Connection, fail};

const CLIENTS: u64 = 64;
const KEYS: u64 = 8;

/// Runs for `time`; an operation is one command or one transaction.
pub fn run(port: u16, time: Duration) -> Report {
    let start = Instant::now();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| std::thread::spawn(move || hammer(port, client, start + time)))
        .collect();
    let mut waits = Vec::new();
    for client in clients {
        let (mine, connection) = client.join().expect("a client ends or the process does");
        if connection.errors > 0 {
            fail(&String::from_utf8_lossy(&connection.last_error));
        }
        waits.extend(mine);
    }
    Report {
        operations: waits.len() as u64,
        seconds: start.elapsed().as_secs_f64(),
        waits,
        errors: 0,
    }
}

fn hammer(port: u16, client: u64, end: Instant) -> (Vec<Duration>, Connection) {
    let mut connection = Connection::open(port);
    let mut numbers = Numbers(client);
    let mut waits = Vec::new();
    let mut bytes = Vec::new();
    while Instant::now() < end {
        bytes.clear();
        let replies = write(&mut bytes, &mut numbers);
        let start = Instant::now();
        connection.send(&bytes);
        connection.await_replies(replies);
        waits.push(start.elapsed());
    }
    (waits, connection)
}

/// One operation; returns its replies.
fn write(out: &mut Vec<u8>, numbers: &mut Numbers) -> usize {
    let key = |numbers: &mut Numbers| format!("hot:{}", numbers.below(KEYS));
    let (a, b, c) = (key(numbers), key(numbers), key(numbers));
    let (a, b, c) = (a.as_str(), b.as_str(), c.as_str());
    match numbers.below(100) {
        0..20 => push(out, &["MSET", a, "1", b, "2", c, "3"]),
        20..40 => push(out, &["MGET", a, b, c]),
        40..45 => push(out, &["MSETNX", a, "4", b, "5"]),
        45..53 => push(out, &["RENAME", a, b]),
        53..56 => push(out, &["RENAMENX", a, b]),
        // Not onto itself, which is an error of the client.
        56..62 => push(
            out,
            &["COPY", a, if a == b { "copy" } else { b }, "REPLACE"],
        ),
        62..66 => push(out, &["DEL", a, b]),
        66..70 => push(out, &["UNLINK", b, c]),
        70..75 => push(out, &["EXISTS", a, b, c]),
        75..78 => push(out, &["TOUCH", a, b]),
        78..81 => push(out, &["LCS", a, b]),
        81..85 => push(out, &["SET", a, "6"]),
        85..89 => push(out, &["GET", a]),
        89..97 => {
            push(out, &["MULTI"]);
            push(out, &["SET", a, "7"]);
            push(out, &["INCR", b]);
            push(out, &["GET", c]);
            push(out, &["EXEC"]);
            return 5;
        }
        97 => push(out, &["DBSIZE"]),
        98 => push(out, &["SWAPDB", "0", "1"]),
        _ => push(out, &["FLUSHDB"]),
    }
    1
}
