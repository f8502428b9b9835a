//! Fifty clients that send batches in turn: transactions, lists and sets in pipelines of 16.
//!
//! A thread sends to all of its clients, then reads from all: the server meets many ready clients
//! at once, as under redis-benchmark, and the generator costs little. Two threads, each with half
//! of the clients, are what a server of several threads needs to stay busy.

use std::time::Instant;

use crate::Report;
use crate::commands::{Numbers, VALUE, push};
use crate::connection::{Connection, fail};

const CLIENTS: usize = 50;
const PIPELINE: u64 = 16;
const KEYS: u64 = 1_000_000;
const LISTS: u64 = 10_000;
const SETS: u64 = 10_000;
/// Different members of a small set, and of a large one.
const SMALL_SET: u64 = 100;
const LARGE_SET: u64 = 10_000;
const SETS_PER_MULTI: usize = 5;

/// MULTI, five SETs, EXEC in one packet; an operation is one transaction.
pub fn multi(port: u16, operations: u64, one_slot: bool, threads: u64) -> Report {
    let write = |numbers: &mut Numbers, out: &mut Vec<u8>| {
        push(out, &["MULTI"]);
        let tag = numbers.below(KEYS / 10);
        for member in 0..SETS_PER_MULTI {
            let key = if one_slot {
                format!("{{{tag:08}}}:{member:05}")
            } else {
                format!("key:{:012}", numbers.below(KEYS))
            };
            push(out, &["SET", &key, VALUE]);
        }
        push(out, &["EXEC"]);
    };
    rounds(port, operations, threads, (1, SETS_PER_MULTI + 2), write)
}

/// LPUSH or LPOP on random lists, 16 at a time.
pub fn list(port: u16, operations: u64, command: &str, threads: u64) -> Report {
    let write = |numbers: &mut Numbers, out: &mut Vec<u8>| {
        for _ in 0..PIPELINE {
            let key = format!("list:{:011}", numbers.below(LISTS));
            match command {
                "LPUSH" => push(out, &[command, &key, VALUE]),
                _ => push(out, &[command, &key]),
            }
        }
    };
    rounds(
        port,
        operations,
        threads,
        (PIPELINE, PIPELINE as usize),
        write,
    )
}

/// SADD or SISMEMBER on random sets, 16 at a time; the members are few, so that sets stay small.
pub fn set(port: u16, operations: u64, command: &str, threads: u64) -> Report {
    let write = |numbers: &mut Numbers, out: &mut Vec<u8>| {
        for _ in 0..PIPELINE {
            let key = format!("set:{:012}", numbers.below(SETS));
            let member = format!("member:{:08}", numbers.below(SMALL_SET));
            push(out, &[command, &key, &member]);
        }
    };
    rounds(
        port,
        operations,
        threads,
        (PIPELINE, PIPELINE as usize),
        write,
    )
}

/// SINTERCARD of two sets of 10,000 members, half of them in both; one at a time. The sets are made
/// first.
pub fn intersection(port: u16, operations: u64, threads: u64) -> Report {
    let keys = ["{pair}:one", "{pair}:two"];
    for (key, from) in keys.into_iter().zip([0, LARGE_SET / 2]) {
        let fill = |numbers: &mut Numbers, out: &mut Vec<u8>| {
            let member = format!("member:{:08}", from + numbers.below(LARGE_SET));
            push(out, &["SADD", key, &member]);
        };
        // Of so many random ones nearly all of them come.
        let filled = rounds(port, LARGE_SET * 10, 1, (1, 1), fill);
        assert!(filled.errors == 0, "the server knows sets");
    }
    let write = |_: &mut Numbers, out: &mut Vec<u8>| {
        push(out, &["SINTERCARD", "2", keys[0], keys[1]]);
    };
    rounds(port, operations, threads, (1, 1), write)
}

/// `operations` of threads that share the clients; a batch is so many operations with so many
/// replies.
fn rounds(
    port: u16,
    operations: u64,
    threads: u64,
    batch: (u64, usize),
    write: impl Fn(&mut Numbers, &mut Vec<u8>) + Sync,
) -> Report {
    let write = &write;
    let start = Instant::now();
    let reports: Vec<Report> = std::thread::scope(|scope| {
        let run = |thread| {
            scope.spawn(move || {
                turns(
                    port,
                    operations / threads,
                    threads,
                    batch,
                    Numbers(11 + thread),
                    write,
                )
            })
        };
        let running: Vec<_> = (0..threads).map(run).collect();
        running
            .into_iter()
            .map(|thread| thread.join().expect("a thread ends or the process does"))
            .collect()
    });
    Report {
        operations: reports.iter().map(|report| report.operations).sum(),
        seconds: start.elapsed().as_secs_f64(),
        errors: reports.iter().map(|report| report.errors).sum(),
        waits: reports
            .into_iter()
            .flat_map(|report| report.waits)
            .collect(),
    }
}

/// Until `operations` are done: a batch from `write` to each client, then the replies of each.
fn turns(
    port: u16,
    operations: u64,
    threads: u64,
    (per_batch, replies): (u64, usize),
    mut numbers: Numbers,
    write: &impl Fn(&mut Numbers, &mut Vec<u8>),
) -> Report {
    let mut clients: Vec<Connection> = (0..CLIENTS / threads as usize)
        .map(|_| Connection::open(port))
        .collect();
    let mut waits = Vec::new();
    let mut sent = Vec::with_capacity(clients.len());
    let mut done = 0;
    let mut batch = Vec::new();
    let start = Instant::now();
    while done < operations {
        sent.clear();
        for client in &mut clients {
            batch.clear();
            write(&mut numbers, &mut batch);
            client.send(&batch);
            sent.push(Instant::now());
        }
        for (client, sent) in clients.iter_mut().zip(&sent) {
            client.await_replies(replies);
            waits.push(sent.elapsed());
            done += per_batch;
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    let errors = clients.iter().map(|client| client.errors).sum();
    if let Some(client) = clients.iter().find(|client| client.errors > 0) {
        fail(&String::from_utf8_lossy(&client.last_error));
    }
    Report {
        operations: done,
        seconds,
        waits,
        errors,
    }
}
