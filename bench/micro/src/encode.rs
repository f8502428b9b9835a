//! Encode: replies into a send buffer that has room.
//!
//! The last step of every command.

use std::hint::black_box;

use cairn::resp::{Protocol, Reply};

use crate::keys::VALUE;
use crate::measure::Bench;

const REPLIES: usize = 16;

fn each(bench: &mut Bench, name: &str, mut write: impl FnMut(&mut Reply<'_>)) {
    let mut out = Vec::with_capacity(64 * 1024);
    bench.run(name, REPLIES, || {
        out.clear();
        for _ in 0..REPLIES {
            write(&mut Reply::new(&mut out, Protocol::Resp2));
        }
        black_box(&out);
    });
}

pub fn run(bench: &mut Bench) {
    each(bench, "encode: +OK", |reply| reply.ok());
    each(bench, "encode: integer", |reply| {
        reply.integer(black_box(123_456));
    });
    each(bench, "encode: bulk of 64 bytes", |reply| {
        reply.bulk(black_box(&VALUE));
    });
    each(bench, "encode: array of 10 bulks of 64 bytes", |reply| {
        reply.array(10);
        for _ in 0..10 {
            reply.bulk(black_box(&VALUE));
        }
    });
}
