//! What clients read about the HyperLogLog commands: summary, syntax, history, tips.
//!
//! As COMMAND DOCS and COMMAND INFO of Redis 7.0.15 say, which `tests/wire/described.rs` checks.
//! Data only.

use crate::cmd::docs::{Docs, key, string};

pub static PFADD: Docs = Docs::new(
    "Adds the specified elements to the specified HyperLogLog.",
    "2.8.9",
    "O(1) to add every element.",
)
.arguments(&[key("key", 0), string("element").optional().multiple()]);

pub static PFCOUNT: Docs = Docs::new(
    "Return the approximated cardinality of the set(s) observed by the HyperLogLog at key(s).",
    "2.8.9",
    "O(1) with a very small average constant time when called with a single key. O(N) with N \
     being the number of keys, and much bigger constant times, when called with multiple keys.",
)
.arguments(&[key("key", 0).multiple()]);

pub static PFMERGE: Docs = Docs::new(
    "Merge N different HyperLogLogs into a single one.",
    "2.8.9",
    "O(N) to merge N HyperLogLogs, but with high constant times.",
)
.arguments(&[key("destkey", 0), key("sourcekey", 1).multiple()]);

pub static PFDEBUG: Docs = Docs::new(
    "Internal commands for debugging HyperLogLog values",
    "2.8.9",
    "N/A",
)
.arguments(&[string("subcommand"), key("key", 0)]);

pub static PFSELFTEST: Docs = Docs::new(
    "An internal command for testing HyperLogLog values",
    "2.8.9",
    "N/A",
);
