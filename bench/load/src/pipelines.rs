//! Fifty clients that send batches in turn: transactions, and lists in pipelines of 16.
//!
//! One thread sends to all, then reads from all: the server meets fifty ready clients at once, as under
//! redis-benchmark, and the generator costs little.

use std::time::Instant;

use crate::Report;
use crate::commands::{Numbers, VALUE, push};
use crate::connection::{Connection, fail};

const CLIENTS: usize = 50;
const PIPELINE: u64 = 16;
const KEYS: u64 = 1_000_000;
const LISTS: u64 = 10_000;
const SETS_PER_MULTI: usize = 5;

/// MULTI, five SETs, EXEC in one packet; an operation is one transaction.
pub fn multi(port: u16, operations: u64, one_slot: bool) -> Report {
    let mut numbers = Numbers(11);
    rounds(port, operations, 1, SETS_PER_MULTI + 2, |out| {
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
    })
}

/// LPUSH or LPOP on random lists, 16 at a time.
pub fn list(port: u16, operations: u64, command: &str) -> Report {
    let mut numbers = Numbers(12);
    rounds(port, operations, PIPELINE, PIPELINE as usize, |out| {
        for _ in 0..PIPELINE {
            let key = format!("list:{:011}", numbers.below(LISTS));
            match command {
                "LPUSH" => push(out, &[command, &key, VALUE]),
                _ => push(out, &[command, &key]),
            }
        }
    })
}

/// Until `operations` are done: a batch from `write` to each client, then the replies of each.
fn rounds(
    port: u16,
    operations: u64,
    per_batch: u64,
    replies: usize,
    mut write: impl FnMut(&mut Vec<u8>),
) -> Report {
    let mut clients: Vec<Connection> = (0..CLIENTS).map(|_| Connection::open(port)).collect();
    let mut waits = Vec::new();
    let mut sent = Vec::with_capacity(CLIENTS);
    let mut done = 0;
    let mut batch = Vec::new();
    let start = Instant::now();
    while done < operations {
        sent.clear();
        for client in &mut clients {
            batch.clear();
            write(&mut batch);
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
