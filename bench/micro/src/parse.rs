//! Parse: a pipeline of 16 commands from one buffer, the spans only.
//!
//! What a receive of a pipelining client costs before anything is looked up.

use std::hint::black_box;

use cairn::resp::{Limits, Parsed, parse};

use crate::keys::{VALUE, key};
use crate::measure::Bench;

const PIPELINE: usize = 16;

const LIMITS: Limits = Limits {
    bulk_bytes_max: 512 * 1024 * 1024,
    authenticated: true,
};

fn command(out: &mut Vec<u8>, arguments: &[&[u8]]) {
    out.extend_from_slice(format!("*{}\r\n", arguments.len()).as_bytes());
    for argument in arguments {
        out.extend_from_slice(format!("${}\r\n", argument.len()).as_bytes());
        out.extend_from_slice(argument);
        out.extend_from_slice(b"\r\n");
    }
}

pub fn run(bench: &mut Bench) {
    let (mut gets, mut sets) = (Vec::new(), Vec::new());
    for number in 0..PIPELINE {
        command(&mut gets, &[b"GET", &key(number)]);
        command(&mut sets, &[b"SET", &key(number), &VALUE]);
    }
    let inline = b"GET key:000000000001\r\n".repeat(PIPELINE);
    for (name, bytes) in [
        ("parse: GET in a pipeline of 16", gets),
        ("parse: SET in a pipeline of 16", sets),
        ("parse: inline GET in a pipeline of 16", inline),
    ] {
        let (mut spans, mut unescaped) = (Vec::new(), Vec::new());
        bench.run(name, PIPELINE, || {
            let mut rest = black_box(&bytes[..]);
            while !rest.is_empty() {
                let parsed = parse(rest, LIMITS, &mut spans, &mut unescaped);
                let Parsed::Command { consumed } = parsed else {
                    panic!("{parsed:?}: the pipeline is whole");
                };
                black_box(&spans);
                rest = &rest[consumed..];
            }
        });
    }
}
