//! What clients read about the string commands: summary, syntax, history, tips.
//!
//! As COMMAND DOCS and COMMAND INFO of Redis 7.0.15 say, which `tests/wire/described.rs` checks;
//! the newer commands follow their own documentation. Data only.

use crate::cmd::docs::{Docs, block, double, flag, integer, key, one_of, string, unix_time};

pub static GET: Docs =
    Docs::new("Get the value of a key", "1.0.0", "O(1)").arguments(&[key("key", 0)]);

pub static SET: Docs = Docs::new("Set the string value of a key", "1.0.0", "O(1)")
    .history(&[
        ("2.6.12", "Added the `EX`, `PX`, `NX` and `XX` options."),
        ("6.0.0", "Added the `KEEPTTL` option."),
        ("6.2.0", "Added the `GET`, `EXAT` and `PXAT` option."),
        (
            "7.0.0",
            "Allowed the `NX` and `GET` options to be used together.",
        ),
    ])
    .arguments(&[
        key("key", 0),
        string("value"),
        one_of("condition", &[flag("nx", "NX"), flag("xx", "XX")])
            .optional()
            .since("2.6.12"),
        flag("get", "GET").optional().since("6.2.0"),
        one_of(
            "expiration",
            &[
                integer("seconds").token("EX").since("2.6.12"),
                integer("milliseconds").token("PX").since("2.6.12"),
                unix_time("unix-time-seconds").token("EXAT").since("6.2.0"),
                unix_time("unix-time-milliseconds")
                    .token("PXAT")
                    .since("6.2.0"),
                flag("keepttl", "KEEPTTL").since("6.0.0"),
            ],
        )
        .optional(),
    ]);

pub static GETSET: Docs = Docs::new(
    "Set the string value of a key and return its old value",
    "1.0.0",
    "O(1)",
)
.deprecated("6.2.0", "`SET` with the `!GET` argument")
.arguments(&[key("key", 0), string("value")]);

pub static GETDEL: Docs = Docs::new("Get the value of a key and delete the key", "6.2.0", "O(1)")
    .arguments(&[key("key", 0)]);

pub static GETEX: Docs = Docs::new(
    "Get the value of a key and optionally set its expiration",
    "6.2.0",
    "O(1)",
)
.arguments(&[
    key("key", 0),
    one_of(
        "expiration",
        &[
            integer("seconds").token("EX"),
            integer("milliseconds").token("PX"),
            unix_time("unix-time-seconds").token("EXAT"),
            unix_time("unix-time-milliseconds").token("PXAT"),
            flag("persist", "PERSIST"),
        ],
    )
    .optional(),
]);

pub static SETNX: Docs = Docs::new(
    "Set the value of a key, only if the key does not exist",
    "1.0.0",
    "O(1)",
)
.arguments(&[key("key", 0), string("value")]);

pub static SETEX: Docs = Docs::new("Set the value and expiration of a key", "2.0.0", "O(1)")
    .arguments(&[key("key", 0), integer("seconds"), string("value")]);

pub static PSETEX: Docs = Docs::new(
    "Set the value and expiration in milliseconds of a key",
    "2.6.0",
    "O(1)",
)
.arguments(&[key("key", 0), integer("milliseconds"), string("value")]);

pub static APPEND: Docs = Docs::new(
    "Append a value to a key",
    "2.0.0",
    "O(1). The amortized time complexity is O(1) assuming the appended value is small and the \
     already present value is of any size, since the dynamic string library used by Redis will \
     double the free space available on every reallocation.",
)
.arguments(&[key("key", 0), string("value")]);

pub static STRLEN: Docs = Docs::new(
    "Get the length of the value stored in a key",
    "2.2.0",
    "O(1)",
)
.arguments(&[key("key", 0)]);

pub static GETRANGE: Docs = Docs::new(
    "Get a substring of the string stored at a key",
    "2.4.0",
    "O(N) where N is the length of the returned string. The complexity is ultimately determined \
     by the returned length, but because creating a substring from an existing string is very \
     cheap, it can be considered O(1) for small strings.",
)
.arguments(&[key("key", 0), integer("start"), integer("end")]);

pub static SUBSTR: Docs = Docs::new(
    "Get a substring of the string stored at a key",
    "1.0.0",
    "O(N) where N is the length of the returned string. The complexity is ultimately determined \
     by the returned length, but because creating a substring from an existing string is very \
     cheap, it can be considered O(1) for small strings.",
)
.deprecated("2.0.0", "`GETRANGE`")
.arguments(&[key("key", 0), integer("start"), integer("end")]);

pub static SETRANGE: Docs = Docs::new(
    "Overwrite part of a string at key starting at the specified offset",
    "2.2.0",
    "O(1), not counting the time taken to copy the new string in place. Usually, this string is \
     very small so the amortized complexity is O(1). Otherwise, complexity is O(M) with M being \
     the length of the value argument.",
)
.arguments(&[key("key", 0), integer("offset"), string("value")]);

pub static MGET: Docs = Docs::new(
    "Get the values of all the given keys",
    "1.0.0",
    "O(N) where N is the number of keys to retrieve.",
)
.tips(&["request_policy:multi_shard"])
.arguments(&[key("key", 0).multiple()]);

pub static MSET: Docs = Docs::new(
    "Set multiple keys to multiple values",
    "1.0.1",
    "O(N) where N is the number of keys to set.",
)
.tips(&[
    "request_policy:multi_shard",
    "response_policy:all_succeeded",
])
.arguments(&[block("key_value", &[key("key", 0), string("value")]).multiple()]);

pub static MSETNX: Docs = Docs::new(
    "Set multiple keys to multiple values, only if none of the keys exist",
    "1.0.1",
    "O(N) where N is the number of keys to set.",
)
.tips(&["request_policy:multi_shard", "response_policy:agg_min"])
.arguments(&[block("key_value", &[key("key", 0), string("value")]).multiple()]);

pub static MSETEX: Docs = Docs::new(
    "Atomically sets multiple string keys with a shared expiration in a single operation. \
     Supports flexible argument parsing where condition and expiration flags can appear in any \
     order.",
    "8.4.0",
    "O(N) where N is the number of keys to set.",
)
.tips(&[
    "request_policy:multi_shard",
    "response_policy:all_succeeded",
])
.arguments(&[
    integer("numkeys"),
    block("data", &[key("key", 0), string("value")]).multiple(),
    one_of("condition", &[flag("nx", "NX"), flag("xx", "XX")]).optional(),
    one_of(
        "expiration",
        &[
            integer("seconds").token("EX"),
            integer("milliseconds").token("PX"),
            unix_time("unix-time-seconds").token("EXAT"),
            unix_time("unix-time-milliseconds").token("PXAT"),
            flag("keepttl", "KEEPTTL"),
        ],
    )
    .optional(),
]);

pub static INCR: Docs = Docs::new(
    "Increment the integer value of a key by one",
    "1.0.0",
    "O(1)",
)
.arguments(&[key("key", 0)]);

pub static DECR: Docs = Docs::new(
    "Decrement the integer value of a key by one",
    "1.0.0",
    "O(1)",
)
.arguments(&[key("key", 0)]);

pub static INCRBY: Docs = Docs::new(
    "Increment the integer value of a key by the given amount",
    "1.0.0",
    "O(1)",
)
.arguments(&[key("key", 0), integer("increment")]);

pub static DECRBY: Docs = Docs::new(
    "Decrement the integer value of a key by the given number",
    "1.0.0",
    "O(1)",
)
.arguments(&[key("key", 0), integer("decrement")]);

pub static INCRBYFLOAT: Docs = Docs::new(
    "Increment the float value of a key by the given amount",
    "2.6.0",
    "O(1)",
)
.arguments(&[key("key", 0), double("increment")]);

pub static INCREX: Docs = Docs::new(
    "Increments the numeric value of a key by a number and sets its expiration time. Uses 0 as \
     initial value if the key doesn't exist.",
    "8.8.0",
    "O(1)",
)
.arguments(&[
    key("key", 0),
    one_of(
        "increment",
        &[
            double("float").token("BYFLOAT"),
            integer("integer").token("BYINT"),
        ],
    )
    .optional(),
    string("lowerbound").token("LBOUND").optional(),
    string("upperbound").token("UBOUND").optional(),
    flag("saturate", "SATURATE").optional(),
    one_of(
        "expiration",
        &[
            integer("seconds").token("EX"),
            integer("milliseconds").token("PX"),
            unix_time("unix-time-seconds").token("EXAT"),
            unix_time("unix-time-milliseconds").token("PXAT"),
            flag("persist", "PERSIST"),
        ],
    )
    .optional(),
    flag("enx", "ENX").optional(),
]);

pub static LCS: Docs = Docs::new(
    "Find longest common substring",
    "7.0.0",
    "O(N*M) where N and M are the lengths of s1 and s2, respectively",
)
.arguments(&[
    key("key1", 0),
    key("key2", 0),
    flag("len", "LEN").optional(),
    flag("idx", "IDX").optional(),
    integer("len").token("MINMATCHLEN").optional(),
    flag("withmatchlen", "WITHMATCHLEN").optional(),
]);

pub static DIGEST: Docs = Docs::new(
    "Returns the XXH3 hash of a string value.",
    "8.4.0",
    "O(N) where N is the length of the string value.",
)
.arguments(&[key("key", 0)]);

pub static DELEX: Docs = Docs::new(
    "Conditionally removes the specified key based on value or digest comparison.",
    "8.4.0",
    "O(1) for IFEQ/IFNE, O(N) for IFDEQ/IFDNE where N is the length of the string value.",
)
.arguments(&[
    key("key", 0),
    one_of(
        "condition",
        &[
            string("ifeq-value").token("IFEQ"),
            string("ifne-value").token("IFNE"),
            string("ifdeq-digest").token("IFDEQ"),
            string("ifdne-digest").token("IFDNE"),
        ],
    )
    .optional(),
]);

pub static DELIFEQ: Docs = Docs::new("Delete key if value matches string.", "9.0.0", "O(1)")
    .arguments(&[key("key", 0), string("value")]);
