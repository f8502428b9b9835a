//! What clients read about the commands of one sorted set: summary, syntax, history, tips.
//!
//! As COMMAND DOCS and COMMAND INFO of Redis 7.0.15 say, which `tests/wire/described.rs` checks;
//! ZRANK and ZREVRANK as of Redis 7.2, which gave them an argument. Data only.

use crate::cmd::docs::{Docs, block, double, flag, integer, key, one_of, pattern, string};

pub static ZADD: Docs = Docs::new(
    "Add one or more members to a sorted set, or update its score if it already exists",
    "1.2.0",
    "O(log(N)) for each item added, where N is the number of elements in the sorted set.",
)
.history(&[
    ("2.4.0", "Accepts multiple elements."),
    ("3.0.2", "Added the `XX`, `NX`, `CH` and `INCR` options."),
    ("6.2.0", "Added the `GT` and `LT` options."),
])
.arguments(&[
    key("key", 0),
    one_of("condition", &[flag("nx", "NX"), flag("xx", "XX")])
        .since("3.0.2")
        .optional(),
    one_of("comparison", &[flag("gt", "GT"), flag("lt", "LT")])
        .since("6.2.0")
        .optional(),
    flag("change", "CH").since("3.0.2").optional(),
    flag("increment", "INCR").since("3.0.2").optional(),
    block("score_member", &[double("score"), string("member")]).multiple(),
]);

pub static ZINCRBY: Docs = Docs::new(
    "Increment the score of a member in a sorted set",
    "1.2.0",
    "O(log(N)) where N is the number of elements in the sorted set.",
)
.arguments(&[key("key", 0), integer("increment"), string("member")]);

pub static ZREM: Docs = Docs::new(
    "Remove one or more members from a sorted set",
    "1.2.0",
    "O(M*log(N)) with N being the number of elements in the sorted set and M the number of \
     elements to be removed.",
)
.history(&[("2.4.0", "Accepts multiple elements.")])
.arguments(&[key("key", 0), string("member").multiple()]);

pub static ZREMRANGEBYRANK: Docs = Docs::new(
    "Remove all members in a sorted set within the given indexes",
    "2.0.0",
    "O(log(N)+M) with N being the number of elements in the sorted set and M the number of \
     elements removed by the operation.",
)
.arguments(&[key("key", 0), integer("start"), integer("stop")]);

pub static ZREMRANGEBYSCORE: Docs = Docs::new(
    "Remove all members in a sorted set within the given scores",
    "1.2.0",
    "O(log(N)+M) with N being the number of elements in the sorted set and M the number of \
     elements removed by the operation.",
)
.arguments(&[key("key", 0), double("min"), double("max")]);

pub static ZREMRANGEBYLEX: Docs = Docs::new(
    "Remove all members in a sorted set between the given lexicographical range",
    "2.8.9",
    "O(log(N)+M) with N being the number of elements in the sorted set and M the number of \
     elements removed by the operation.",
)
.arguments(&[key("key", 0), string("min"), string("max")]);

pub static ZSCORE: Docs = Docs::new(
    "Get the score associated with the given member in a sorted set",
    "1.2.0",
    "O(1)",
)
.arguments(&[key("key", 0), string("member")]);

pub static ZMSCORE: Docs = Docs::new(
    "Get the score associated with the given members in a sorted set",
    "6.2.0",
    "O(N) where N is the number of members being requested.",
)
.arguments(&[key("key", 0), string("member").multiple()]);

pub static ZCARD: Docs = Docs::new("Get the number of members in a sorted set", "1.2.0", "O(1)")
    .arguments(&[key("key", 0)]);

pub static ZCOUNT: Docs = Docs::new(
    "Count the members in a sorted set with scores within the given values",
    "2.0.0",
    "O(log(N)) with N being the number of elements in the sorted set.",
)
.arguments(&[key("key", 0), double("min"), double("max")]);

pub static ZLEXCOUNT: Docs = Docs::new(
    "Count the number of members in a sorted set between a given lexicographical range",
    "2.8.9",
    "O(log(N)) with N being the number of elements in the sorted set.",
)
.arguments(&[key("key", 0), string("min"), string("max")]);

pub static ZRANK: Docs = Docs::new(
    "Determine the index of a member in a sorted set",
    "2.0.0",
    "O(log(N))",
)
.history(&[("7.2.0", "Added the optional `WITHSCORE` argument.")])
.arguments(&[
    key("key", 0),
    string("member"),
    flag("withscore", "WITHSCORE").optional(),
]);

pub static ZREVRANK: Docs = Docs::new(
    "Determine the index of a member in a sorted set, with scores ordered from high to low",
    "2.0.0",
    "O(log(N))",
)
.history(&[("7.2.0", "Added the optional `WITHSCORE` argument.")])
.arguments(&[
    key("key", 0),
    string("member"),
    flag("withscore", "WITHSCORE").optional(),
]);

pub static ZRANGE: Docs = Docs::new(
    "Return a range of members in a sorted set",
    "1.2.0",
    "O(log(N)+M) with N being the number of elements in the sorted set and M the number of \
     elements returned.",
)
.history(&[(
    "6.2.0",
    "Added the `REV`, `BYSCORE`, `BYLEX` and `LIMIT` options.",
)])
.arguments(&[
    key("key", 0),
    string("start"),
    string("stop"),
    one_of(
        "sortby",
        &[flag("byscore", "BYSCORE"), flag("bylex", "BYLEX")],
    )
    .since("6.2.0")
    .optional(),
    flag("rev", "REV").since("6.2.0").optional(),
    block("offset_count", &[integer("offset"), integer("count")])
        .token("LIMIT")
        .since("6.2.0")
        .optional(),
    flag("withscores", "WITHSCORES").optional(),
]);

pub static ZREVRANGE: Docs = Docs::new(
    "Return a range of members in a sorted set, by index, with scores ordered from high to low",
    "1.2.0",
    "O(log(N)+M) with N being the number of elements in the sorted set and M the number of \
     elements returned.",
)
.deprecated("6.2.0", "`ZRANGE` with the `REV` argument")
.arguments(&[
    key("key", 0),
    integer("start"),
    integer("stop"),
    flag("withscores", "WITHSCORES").optional(),
]);

pub static ZRANGEBYSCORE: Docs = Docs::new(
    "Return a range of members in a sorted set, by score",
    "1.0.5",
    "O(log(N)+M) with N being the number of elements in the sorted set and M the number of \
     elements being returned. If M is constant (e.g. always asking for the first 10 elements \
     with LIMIT), you can consider it O(log(N)).",
)
.deprecated("6.2.0", "`ZRANGE` with the `BYSCORE` argument")
.history(&[("2.0.0", "Added the `WITHSCORES` modifier.")])
.arguments(&[
    key("key", 0),
    double("min"),
    double("max"),
    flag("withscores", "WITHSCORES").since("2.0.0").optional(),
    block("offset_count", &[integer("offset"), integer("count")])
        .token("LIMIT")
        .optional(),
]);

pub static ZREVRANGEBYSCORE: Docs = Docs::new(
    "Return a range of members in a sorted set, by score, with scores ordered from high to low",
    "2.2.0",
    "O(log(N)+M) with N being the number of elements in the sorted set and M the number of \
     elements being returned. If M is constant (e.g. always asking for the first 10 elements \
     with LIMIT), you can consider it O(log(N)).",
)
.deprecated("6.2.0", "`ZRANGE` with the `REV` and `BYSCORE` arguments")
.history(&[("2.1.6", "`min` and `max` can be exclusive.")])
.arguments(&[
    key("key", 0),
    double("max"),
    double("min"),
    flag("withscores", "WITHSCORES").optional(),
    block("offset_count", &[integer("offset"), integer("count")])
        .token("LIMIT")
        .optional(),
]);

pub static ZRANGEBYLEX: Docs = Docs::new(
    "Return a range of members in a sorted set, by lexicographical range",
    "2.8.9",
    "O(log(N)+M) with N being the number of elements in the sorted set and M the number of \
     elements being returned. If M is constant (e.g. always asking for the first 10 elements \
     with LIMIT), you can consider it O(log(N)).",
)
.deprecated("6.2.0", "`ZRANGE` with the `BYLEX` argument")
.arguments(&[
    key("key", 0),
    string("min"),
    string("max"),
    block("offset_count", &[integer("offset"), integer("count")])
        .token("LIMIT")
        .optional(),
]);

pub static ZREVRANGEBYLEX: Docs = Docs::new(
    "Return a range of members in a sorted set, by lexicographical range, ordered from higher \
     to lower strings.",
    "2.8.9",
    "O(log(N)+M) with N being the number of elements in the sorted set and M the number of \
     elements being returned. If M is constant (e.g. always asking for the first 10 elements \
     with LIMIT), you can consider it O(log(N)).",
)
.deprecated("6.2.0", "`ZRANGE` with the `REV` and `BYLEX` arguments")
.arguments(&[
    key("key", 0),
    string("max"),
    string("min"),
    block("offset_count", &[integer("offset"), integer("count")])
        .token("LIMIT")
        .optional(),
]);

pub static ZPOPMIN: Docs = Docs::new(
    "Remove and return members with the lowest scores in a sorted set",
    "5.0.0",
    "O(log(N)*M) with N being the number of elements in the sorted set, and M being the number \
     of elements popped.",
)
.arguments(&[key("key", 0), integer("count").optional()]);

pub static ZPOPMAX: Docs = Docs::new(
    "Remove and return members with the highest scores in a sorted set",
    "5.0.0",
    "O(log(N)*M) with N being the number of elements in the sorted set, and M being the number \
     of elements popped.",
)
.arguments(&[key("key", 0), integer("count").optional()]);

pub static ZRANDMEMBER: Docs = Docs::new(
    "Get one or multiple random elements from a sorted set",
    "6.2.0",
    "O(N) where N is the number of elements returned",
)
.tips(&["nondeterministic_output"])
.arguments(&[
    key("key", 0),
    block(
        "options",
        &[
            integer("count"),
            flag("withscores", "WITHSCORES").optional(),
        ],
    )
    .optional(),
]);

pub static ZSCAN: Docs = Docs::new(
    "Incrementally iterate sorted sets elements and associated scores",
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
