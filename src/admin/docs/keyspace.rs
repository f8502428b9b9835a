//! What clients read about SCAN and RANDOMKEY, which walk over the keys of all shards.
//!
//! As COMMAND DOCS and COMMAND INFO of Redis 7.0.15 say, which `tests/wire/described.rs` checks.
//! Data only.

use crate::cmd::docs::{Docs, integer, pattern, string};

pub static SCAN: Docs = Docs::new(
    "Incrementally iterate the keys space",
    "2.8.0",
    "O(1) for every call. O(N) for a complete iteration, including enough command calls for the \
     cursor to return back to 0. N is the number of elements inside the collection.",
)
.history(&[("6.0.0", "Added the `TYPE` subcommand.")])
.tips(&["nondeterministic_output", "request_policy:special"])
.arguments(&[
    integer("cursor"),
    pattern("pattern").token("MATCH").optional(),
    integer("count").token("COUNT").optional(),
    string("type").token("TYPE").optional().since("6.0.0"),
]);

pub static RANDOMKEY: Docs = Docs::new("Return a random key from the keyspace", "1.0.0", "O(1)")
    .tips(&["request_policy:all_shards", "nondeterministic_output"]);
