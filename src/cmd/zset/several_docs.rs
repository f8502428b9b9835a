//! What clients read about the commands of several sorted sets: summary, syntax, history, tips.
//!
//! As COMMAND DOCS and COMMAND INFO of Redis 7.0.15 say, which `tests/wire/described.rs` checks;
//! ZRANK and ZREVRANK as of Redis 7.2, which gave them an argument. Data only.

use crate::cmd::docs::{Docs, block, double, flag, integer, key, one_of, string};

pub static ZRANGESTORE: Docs = Docs::new(
    "Store a range of members from sorted set into another key",
    "6.2.0",
    "O(log(N)+M) with N being the number of elements in the sorted set and M the number of \
     elements stored into the destination key.",
)
.arguments(&[
    key("dst", 0),
    key("src", 1),
    string("min"),
    string("max"),
    one_of(
        "sortby",
        &[flag("byscore", "BYSCORE"), flag("bylex", "BYLEX")],
    )
    .optional(),
    flag("rev", "REV").optional(),
    block("offset_count", &[integer("offset"), integer("count")])
        .token("LIMIT")
        .optional(),
]);

pub static ZMPOP: Docs = Docs::new(
    "Remove and return members with scores in a sorted set",
    "7.0.0",
    "O(K) + O(M*log(N)) where K is the number of provided keys, N being the number of elements \
     in the sorted set, and M being the number of elements popped.",
)
.arguments(&[
    integer("numkeys"),
    key("key", 0).multiple(),
    one_of("where", &[flag("min", "MIN"), flag("max", "MAX")]),
    integer("count").token("COUNT").optional(),
]);

pub static BZPOPMIN: Docs = Docs::new(
    "Remove and return the member with the lowest score from one or more sorted sets, or block \
     until one is available",
    "5.0.0",
    "O(log(N)) with N being the number of elements in the sorted set.",
)
.history(&[(
    "6.0.0",
    "`timeout` is interpreted as a double instead of an integer.",
)])
.arguments(&[key("key", 0).multiple(), double("timeout")]);

pub static BZPOPMAX: Docs = Docs::new(
    "Remove and return the member with the highest score from one or more sorted sets, or \
     block until one is available",
    "5.0.0",
    "O(log(N)) with N being the number of elements in the sorted set.",
)
.history(&[(
    "6.0.0",
    "`timeout` is interpreted as a double instead of an integer.",
)])
.arguments(&[key("key", 0).multiple(), double("timeout")]);

pub static BZMPOP: Docs = Docs::new(
    "Remove and return members with scores in a sorted set or block until one is available",
    "7.0.0",
    "O(K) + O(M*log(N)) where K is the number of provided keys, N being the number of elements \
     in the sorted set, and M being the number of elements popped.",
)
.arguments(&[
    double("timeout"),
    integer("numkeys"),
    key("key", 0).multiple(),
    one_of("where", &[flag("min", "MIN"), flag("max", "MAX")]),
    integer("count").token("COUNT").optional(),
]);

pub static ZUNION: Docs = Docs::new(
    "Add multiple sorted sets",
    "6.2.0",
    "O(N)+O(M*log(M)) with N being the sum of the sizes of the input sorted sets, and M being \
     the number of elements in the resulting sorted set.",
)
.arguments(&[
    integer("numkeys"),
    key("key", 0).multiple(),
    integer("weight").token("WEIGHTS").optional().multiple(),
    one_of(
        "aggregate",
        &[flag("sum", "SUM"), flag("min", "MIN"), flag("max", "MAX")],
    )
    .token("AGGREGATE")
    .optional(),
    flag("withscores", "WITHSCORES").optional(),
]);

pub static ZUNIONSTORE: Docs = Docs::new(
    "Add multiple sorted sets and store the resulting sorted set in a new key",
    "2.0.0",
    "O(N)+O(M log(M)) with N being the sum of the sizes of the input sorted sets, and M being \
     the number of elements in the resulting sorted set.",
)
.arguments(&[
    key("destination", 0),
    integer("numkeys"),
    key("key", 1).multiple(),
    integer("weight").token("WEIGHTS").optional().multiple(),
    one_of(
        "aggregate",
        &[flag("sum", "SUM"), flag("min", "MIN"), flag("max", "MAX")],
    )
    .token("AGGREGATE")
    .optional(),
]);

pub static ZINTER: Docs = Docs::new(
    "Intersect multiple sorted sets",
    "6.2.0",
    "O(N*K)+O(M*log(M)) worst case with N being the smallest input sorted set, K being the \
     number of input sorted sets and M being the number of elements in the resulting sorted \
     set.",
)
.arguments(&[
    integer("numkeys"),
    key("key", 0).multiple(),
    integer("weight").token("WEIGHTS").optional().multiple(),
    one_of(
        "aggregate",
        &[flag("sum", "SUM"), flag("min", "MIN"), flag("max", "MAX")],
    )
    .token("AGGREGATE")
    .optional(),
    flag("withscores", "WITHSCORES").optional(),
]);

pub static ZINTERSTORE: Docs = Docs::new(
    "Intersect multiple sorted sets and store the resulting sorted set in a new key",
    "2.0.0",
    "O(N*K)+O(M*log(M)) worst case with N being the smallest input sorted set, K being the \
     number of input sorted sets and M being the number of elements in the resulting sorted \
     set.",
)
.arguments(&[
    key("destination", 0),
    integer("numkeys"),
    key("key", 1).multiple(),
    integer("weight").token("WEIGHTS").optional().multiple(),
    one_of(
        "aggregate",
        &[flag("sum", "SUM"), flag("min", "MIN"), flag("max", "MAX")],
    )
    .token("AGGREGATE")
    .optional(),
]);

pub static ZINTERCARD: Docs = Docs::new(
    "Intersect multiple sorted sets and return the cardinality of the result",
    "7.0.0",
    "O(N*K) worst case with N being the smallest input sorted set, K being the number of input \
     sorted sets.",
)
.arguments(&[
    integer("numkeys"),
    key("key", 0).multiple(),
    integer("limit").token("LIMIT").optional(),
]);

pub static ZDIFF: Docs = Docs::new(
    "Subtract multiple sorted sets",
    "6.2.0",
    "O(L + (N-K)log(N)) worst case where L is the total number of elements in all the sets, N \
     is the size of the first set, and K is the size of the result set.",
)
.arguments(&[
    integer("numkeys"),
    key("key", 0).multiple(),
    flag("withscores", "WITHSCORES").optional(),
]);

pub static ZDIFFSTORE: Docs = Docs::new(
    "Subtract multiple sorted sets and store the resulting sorted set in a new key",
    "6.2.0",
    "O(L + (N-K)log(N)) worst case where L is the total number of elements in all the sets, N \
     is the size of the first set, and K is the size of the result set.",
)
.arguments(&[
    key("destination", 0),
    integer("numkeys"),
    key("key", 1).multiple(),
]);
