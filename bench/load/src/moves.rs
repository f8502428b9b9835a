//! One element that two clients move to and fro with BLMOVE, each blocked until the other has moved
//! it.
//!
//! The two lists lie in the first and the last quarter of the slots, so on different shards of a
//! server that deals slots out in runs. A wait is one BLMOVE: half of it is the other client's
//! move.

use std::time::{Duration, Instant};

use crate::Report;
use crate::connection::Connection;

/// Slot 21.
const NEAR: &str = "ping:43";
/// Slot 16069.
const FAR: &str = "pong:53";

/// `operations` moves, half of them each way.
pub fn run(port: u16, operations: u64) -> Report {
    let mut first = Connection::open(port);
    first.ask(&["DEL", NEAR, FAR]);
    first.ask(&["RPUSH", NEAR, "ball"]);
    let each = (operations / 2).max(1);
    let start = Instant::now();
    let second = std::thread::spawn(move || bounce(Connection::open(port), FAR, NEAR, each));
    let (mut waits, errors) = bounce(first, NEAR, FAR, each);
    let (other, more_errors) = second
        .join()
        .expect("the other client ends or the process does");
    waits.extend(other);
    Report {
        operations: each * 2,
        seconds: start.elapsed().as_secs_f64(),
        waits,
        errors: errors + more_errors,
    }
}

fn bounce(mut client: Connection, from: &str, to: &str, moves: u64) -> (Vec<Duration>, u64) {
    let mut waits = Vec::new();
    for _ in 0..moves {
        let start = Instant::now();
        client.ask(&["BLMOVE", from, to, "LEFT", "RIGHT", "0"]);
        waits.push(start.elapsed());
    }
    (waits, client.errors)
}
