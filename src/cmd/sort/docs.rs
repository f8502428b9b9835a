//! What clients read about SORT and SORT_RO: summary, syntax.
//!
//! As COMMAND DOCS and COMMAND INFO of Redis 7.0.15 say, which `tests/wire/described.rs` checks.
//! Data only.

use crate::cmd::docs::{Docs, block, flag, integer, key, one_of, pattern};

pub static SORT: Docs = Docs::new(
    "Sort the elements in a list, set or sorted set",
    "1.0.0",
    "O(N+M*log(M)) where N is the number of elements in the list or set to sort, and M the \
     number of returned elements. When the elements are not sorted, complexity is O(N).",
)
.arguments(&[
    key("key", 0),
    pattern("pattern").token("BY").key_spec(1).optional(),
    block("offset_count", &[integer("offset"), integer("count")])
        .token("LIMIT")
        .optional(),
    pattern("pattern")
        .token("GET")
        .key_spec(1)
        .optional()
        .multiple_token(),
    one_of("order", &[flag("asc", "ASC"), flag("desc", "DESC")]).optional(),
    flag("sorting", "ALPHA").optional(),
    key("destination", 2).token("STORE").optional(),
]);

pub static SORT_RO: Docs = Docs::new(
    "Sort the elements in a list, set or sorted set. Read-only variant of SORT.",
    "7.0.0",
    "O(N+M*log(M)) where N is the number of elements in the list or set to sort, and M the \
     number of returned elements. When the elements are not sorted, complexity is O(N).",
)
.arguments(&[
    key("key", 0),
    pattern("pattern").token("BY").key_spec(1).optional(),
    block("offset_count", &[integer("offset"), integer("count")])
        .token("LIMIT")
        .optional(),
    pattern("pattern")
        .token("GET")
        .key_spec(1)
        .optional()
        .multiple_token(),
    one_of("order", &[flag("asc", "ASC"), flag("desc", "DESC")]).optional(),
    flag("sorting", "ALPHA").optional(),
]);
