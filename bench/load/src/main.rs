//! Load shapes that redis-benchmark lacks, for any server of the protocol.
//!
//! `load --port PORT SHAPE` runs one shape, bounded and from a fixed seed, and prints one line of
//! JSON: operations, seconds, how long a client waited for its replies (median, 99th percentile,
//! longest, in milliseconds) and how many replies were errors. What the server spent on it,
//! `versus/compare.py` reads.

mod commands;
mod connection;
mod hot;
mod moves;
mod pipelines;

use std::time::Duration;

/// What a shape reports.
pub struct Report {
    pub operations: u64,
    pub seconds: f64,
    /// One wait of a client each.
    pub waits: Vec<Duration>,
    pub errors: u64,
}

/// Threads of the pipelined shapes share their clients.
const MOST_THREADS: u64 = 50;

const USAGE: &str = "load --port PORT [--scale PERCENT] [--threads N] SHAPE
shapes: multi-one-slot multi-random lpush-pipelined lpop-pipelined sadd-pipelined
    sismember-pipelined sinter blmove hot-keys";

fn main() {
    let mut port = 0u16;
    let mut scale = 100u64;
    let mut threads = 1u64;
    let mut shape = String::new();
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut number = || words.next().and_then(|word| word.parse::<u64>().ok());
        match word.as_str() {
            "--port" => port = number().and_then(|n| u16::try_from(n).ok()).unwrap_or(0),
            "--scale" => scale = number().unwrap_or(0),
            "--threads" => threads = number().unwrap_or(0),
            _ => shape = word,
        }
    }
    if port == 0 || scale == 0 || !(1..=MOST_THREADS).contains(&threads) {
        usage();
    }
    let part = |operations: u64| (operations * scale / 100).max(1);
    let report = match shape.as_str() {
        "multi-one-slot" => pipelines::multi(port, part(60_000), true, threads),
        "multi-random" => pipelines::multi(port, part(60_000), false, threads),
        "lpush-pipelined" => pipelines::list(port, part(1_000_000), "LPUSH", threads),
        "lpop-pipelined" => pipelines::list(port, part(1_000_000), "LPOP", threads),
        "sadd-pipelined" => pipelines::set(port, part(1_000_000), "SADD", threads),
        "sismember-pipelined" => pipelines::set(port, part(1_000_000), "SISMEMBER", threads),
        "sinter" => pipelines::intersection(port, part(5_000), threads),
        "blmove" => moves::run(port, part(20_000)),
        "hot-keys" => hot::run(port, Duration::from_millis(part(5_000))),
        _ => usage(),
    };
    print(&shape, report);
}

fn usage() -> ! {
    eprintln!("{USAGE}");
    std::process::exit(2);
}

fn print(shape: &str, mut report: Report) {
    assert!(!report.waits.is_empty(), "every shape waits for replies");
    report.waits.sort_unstable();
    let at = |of_thousand: usize| {
        let wait = report.waits[(report.waits.len() - 1) * of_thousand / 1000];
        wait.as_secs_f64() * 1000.0
    };
    println!(
        "{{\"shape\": \"{shape}\", \"operations\": {}, \"seconds\": {:.3}, \"median_ms\": {:.3}, \
         \"high_ms\": {:.3}, \"longest_ms\": {:.3}, \"errors\": {}}}",
        report.operations,
        report.seconds,
        at(500),
        at(990),
        at(1000),
        report.errors
    );
}
