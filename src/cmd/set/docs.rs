//! What clients read about the set commands: summary, syntax, history, tips.
//!
//! As COMMAND DOCS and COMMAND INFO of Redis 7.0.15 say, which `tests/wire/described.rs` checks;
//! SUNIONCARD and SDIFFCARD follow the documentation of Redis 8.10. Data only.

use crate::cmd::docs::{Docs, flag, integer, key, pattern, string};

pub static SADD: Docs = Docs::new(
    "Add one or more members to a set",
    "1.0.0",
    "O(1) for each element added, so O(N) to add N elements when the command is called with \
     multiple arguments.",
)
.history(&[("2.4.0", "Accepts multiple `member` arguments.")])
.arguments(&[key("key", 0), string("member").multiple()]);

pub static SREM: Docs = Docs::new(
    "Remove one or more members from a set",
    "1.0.0",
    "O(N) where N is the number of members to be removed.",
)
.history(&[("2.4.0", "Accepts multiple `member` arguments.")])
.arguments(&[key("key", 0), string("member").multiple()]);

pub static SISMEMBER: Docs = Docs::new(
    "Determine if a given value is a member of a set",
    "1.0.0",
    "O(1)",
)
.arguments(&[key("key", 0), string("member")]);

pub static SMISMEMBER: Docs = Docs::new(
    "Returns the membership associated with the given elements for a set",
    "6.2.0",
    "O(N) where N is the number of elements being checked for membership",
)
.arguments(&[key("key", 0), string("member").multiple()]);

pub static SCARD: Docs =
    Docs::new("Get the number of members in a set", "1.0.0", "O(1)").arguments(&[key("key", 0)]);

pub static SMEMBERS: Docs = Docs::new(
    "Get all the members in a set",
    "1.0.0",
    "O(N) where N is the set cardinality.",
)
.tips(&["nondeterministic_output_order"])
.arguments(&[key("key", 0)]);

pub static SPOP: Docs = Docs::new(
    "Remove and return one or multiple random members from a set",
    "1.0.0",
    "Without the count argument O(1), otherwise O(N) where N is the value of the passed count.",
)
.history(&[("3.2.0", "Added the `count` argument.")])
.tips(&["nondeterministic_output"])
.arguments(&[key("key", 0), integer("count").optional().since("3.2.0")]);

pub static SRANDMEMBER: Docs = Docs::new(
    "Get one or multiple random members from a set",
    "1.0.0",
    "Without the count argument O(1), otherwise O(N) where N is the absolute value of the \
     passed count.",
)
.history(&[("2.6.0", "Added the optional `count` argument.")])
.tips(&["nondeterministic_output"])
.arguments(&[key("key", 0), integer("count").optional().since("2.6.0")]);

pub static SMOVE: Docs = Docs::new("Move a member from one set to another", "1.0.0", "O(1)")
    .arguments(&[key("source", 0), key("destination", 1), string("member")]);

pub static SINTER: Docs = Docs::new(
    "Intersect multiple sets",
    "1.0.0",
    "O(N*M) worst case where N is the cardinality of the smallest set and M is the number of \
     sets.",
)
.tips(&["nondeterministic_output_order"])
.arguments(&[key("key", 0).multiple()]);

pub static SINTERSTORE: Docs = Docs::new(
    "Intersect multiple sets and store the resulting set in a key",
    "1.0.0",
    "O(N*M) worst case where N is the cardinality of the smallest set and M is the number of \
     sets.",
)
.arguments(&[key("destination", 0), key("key", 1).multiple()]);

pub static SINTERCARD: Docs = Docs::new(
    "Intersect multiple sets and return the cardinality of the result",
    "7.0.0",
    "O(N*M) worst case where N is the cardinality of the smallest set and M is the number of \
     sets.",
)
.arguments(&[
    integer("numkeys"),
    key("key", 0).multiple(),
    integer("limit").token("LIMIT").optional(),
]);

pub static SUNION: Docs = Docs::new(
    "Add multiple sets",
    "1.0.0",
    "O(N) where N is the total number of elements in all given sets.",
)
.tips(&["nondeterministic_output_order"])
.arguments(&[key("key", 0).multiple()]);

pub static SUNIONSTORE: Docs = Docs::new(
    "Add multiple sets and store the resulting set in a key",
    "1.0.0",
    "O(N) where N is the total number of elements in all given sets.",
)
.arguments(&[key("destination", 0), key("key", 1).multiple()]);

pub static SUNIONCARD: Docs = Docs::new(
    "Returns the number of members of the union of multiple sets.",
    "8.10.0",
    "O(N) where N is the total number of elements in all given sets.",
)
.arguments(&[
    integer("numkeys"),
    key("key", 0).multiple(),
    flag("approx", "APPROX").optional(),
    integer("limit").token("LIMIT").optional(),
]);

pub static SDIFF: Docs = Docs::new(
    "Subtract multiple sets",
    "1.0.0",
    "O(N) where N is the total number of elements in all given sets.",
)
.tips(&["nondeterministic_output_order"])
.arguments(&[key("key", 0).multiple()]);

pub static SDIFFSTORE: Docs = Docs::new(
    "Subtract multiple sets and store the resulting set in a key",
    "1.0.0",
    "O(N) where N is the total number of elements in all given sets.",
)
.arguments(&[key("destination", 0), key("key", 1).multiple()]);

pub static SDIFFCARD: Docs = Docs::new(
    "Returns the number of members of the difference between the first set and all successive \
     sets.",
    "8.10.0",
    "O(N) where N is the total number of elements in all given sets.",
)
.arguments(&[
    integer("numkeys"),
    key("key", 0).multiple(),
    integer("limit").token("LIMIT").optional(),
]);

pub static SSCAN: Docs = Docs::new(
    "Incrementally iterate Set elements",
    "2.8.0",
    "O(1) for every call. O(N) for a complete iteration, including enough command calls for \
     the cursor to return back to 0. N is the number of elements inside the collection..",
)
.tips(&["nondeterministic_output"])
.arguments(&[
    key("key", 0),
    integer("cursor"),
    pattern("pattern").token("MATCH").optional(),
    integer("count").token("COUNT").optional(),
]);
