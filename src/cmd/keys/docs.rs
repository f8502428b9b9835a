//! What clients read about the generic key commands: summary, syntax, history, tips.
//!
//! As COMMAND DOCS and COMMAND INFO of Redis 7.0.15 say, which `tests/wire/described.rs` checks.
//! Data only.

use crate::cmd::docs::{Docs, flag, integer, key, one_of, pattern, string, unix_time};

pub static DEL: Docs = Docs::new(
    "Delete a key",
    "1.0.0",
    "O(N) where N is the number of keys that will be removed. When a key to remove holds a value \
     other than a string, the individual complexity for this key is O(M) where M is the number \
     of elements in the list, set, sorted set or hash. Removing a single key that holds a string \
     value is O(1).",
)
.tips(&["request_policy:multi_shard", "response_policy:agg_sum"])
.arguments(&[key("key", 0).multiple()]);

pub static UNLINK: Docs = Docs::new(
    "Delete a key asynchronously in another thread. Otherwise it is just as DEL, but non \
     blocking.",
    "4.0.0",
    "O(1) for each key removed regardless of its size. Then the command does O(N) work in a \
     different thread in order to reclaim memory, where N is the number of allocations the \
     deleted objects where composed of.",
)
.tips(&["request_policy:multi_shard", "response_policy:agg_sum"])
.arguments(&[key("key", 0).multiple()]);

pub static EXISTS: Docs = Docs::new(
    "Determine if a key exists",
    "1.0.0",
    "O(N) where N is the number of keys to check.",
)
.history(&[("3.0.3", "Accepts multiple `key` arguments.")])
.tips(&["request_policy:multi_shard", "response_policy:agg_sum"])
.arguments(&[key("key", 0).multiple()]);

pub static TOUCH: Docs = Docs::new(
    "Alters the last access time of a key(s). Returns the number of existing keys specified.",
    "3.2.1",
    "O(N) where N is the number of keys that will be touched.",
)
.tips(&["request_policy:multi_shard", "response_policy:agg_sum"])
.arguments(&[key("key", 0).multiple()]);

pub static TYPE: Docs =
    Docs::new("Determine the type stored at key", "1.0.0", "O(1)").arguments(&[key("key", 0)]);

pub static OBJECT: Docs = Docs::new(
    "A container for object introspection commands",
    "2.2.3",
    "Depends on subcommand.",
);

pub static OBJECT_ENCODING: Docs = Docs::new(
    "Inspect the internal encoding of a Redis object",
    "2.2.3",
    "O(1)",
)
.tips(&["nondeterministic_output"])
.arguments(&[key("key", 0)]);

pub static OBJECT_FREQ: Docs = Docs::new(
    "Get the logarithmic access frequency counter of a Redis object",
    "4.0.0",
    "O(1)",
)
.tips(&["nondeterministic_output"])
.arguments(&[key("key", 0)]);

pub static OBJECT_IDLETIME: Docs = Docs::new(
    "Get the time since a Redis object was last accessed",
    "2.2.3",
    "O(1)",
)
.tips(&["nondeterministic_output"])
.arguments(&[key("key", 0)]);

pub static OBJECT_REFCOUNT: Docs = Docs::new(
    "Get the number of references to the value of the key",
    "2.2.3",
    "O(1)",
)
.tips(&["nondeterministic_output"])
.arguments(&[key("key", 0)]);

pub static OBJECT_HELP: Docs = Docs::new(
    "Show helpful text about the different subcommands",
    "6.2.0",
    "O(1)",
);

pub static EXPIRE: Docs = Docs::new("Set a key's time to live in seconds", "1.0.0", "O(1)")
    .history(&[("7.0.0", "Added options: `NX`, `XX`, `GT` and `LT`.")])
    .arguments(&[
        key("key", 0),
        integer("seconds"),
        one_of(
            "condition",
            &[
                flag("nx", "NX"),
                flag("xx", "XX"),
                flag("gt", "GT"),
                flag("lt", "LT"),
            ],
        )
        .optional()
        .since("7.0.0"),
    ]);

pub static PEXPIRE: Docs = Docs::new("Set a key's time to live in milliseconds", "2.6.0", "O(1)")
    .history(&[("7.0.0", "Added options: `NX`, `XX`, `GT` and `LT`.")])
    .arguments(&[
        key("key", 0),
        integer("milliseconds"),
        one_of(
            "condition",
            &[
                flag("nx", "NX"),
                flag("xx", "XX"),
                flag("gt", "GT"),
                flag("lt", "LT"),
            ],
        )
        .optional()
        .since("7.0.0"),
    ]);

pub static EXPIREAT: Docs = Docs::new(
    "Set the expiration for a key as a UNIX timestamp",
    "1.2.0",
    "O(1)",
)
.history(&[("7.0.0", "Added options: `NX`, `XX`, `GT` and `LT`.")])
.arguments(&[
    key("key", 0),
    unix_time("unix-time-seconds"),
    one_of(
        "condition",
        &[
            flag("nx", "NX"),
            flag("xx", "XX"),
            flag("gt", "GT"),
            flag("lt", "LT"),
        ],
    )
    .optional()
    .since("7.0.0"),
]);

pub static PEXPIREAT: Docs = Docs::new(
    "Set the expiration for a key as a UNIX timestamp specified in milliseconds",
    "2.6.0",
    "O(1)",
)
.history(&[("7.0.0", "Added options: `NX`, `XX`, `GT` and `LT`.")])
.arguments(&[
    key("key", 0),
    unix_time("unix-time-milliseconds"),
    one_of(
        "condition",
        &[
            flag("nx", "NX"),
            flag("xx", "XX"),
            flag("gt", "GT"),
            flag("lt", "LT"),
        ],
    )
    .optional()
    .since("7.0.0"),
]);

pub static TTL: Docs = Docs::new("Get the time to live for a key in seconds", "1.0.0", "O(1)")
    .history(&[("2.8.0", "Added the -2 reply.")])
    .tips(&["nondeterministic_output"])
    .arguments(&[key("key", 0)]);

pub static PTTL: Docs = Docs::new(
    "Get the time to live for a key in milliseconds",
    "2.6.0",
    "O(1)",
)
.history(&[("2.8.0", "Added the -2 reply.")])
.tips(&["nondeterministic_output"])
.arguments(&[key("key", 0)]);

pub static EXPIRETIME: Docs = Docs::new(
    "Get the expiration Unix timestamp for a key",
    "7.0.0",
    "O(1)",
)
.arguments(&[key("key", 0)]);

pub static PEXPIRETIME: Docs = Docs::new(
    "Get the expiration Unix timestamp for a key in milliseconds",
    "7.0.0",
    "O(1)",
)
.arguments(&[key("key", 0)]);

pub static PERSIST: Docs =
    Docs::new("Remove the expiration from a key", "2.2.0", "O(1)").arguments(&[key("key", 0)]);

pub static RENAME: Docs =
    Docs::new("Rename a key", "1.0.0", "O(1)").arguments(&[key("key", 0), key("newkey", 1)]);

pub static RENAMENX: Docs = Docs::new(
    "Rename a key, only if the new key does not exist",
    "1.0.0",
    "O(1)",
)
.history(&[(
    "3.2.0",
    "The command no longer returns an error when source and destination names are the \
     same.",
)])
.arguments(&[key("key", 0), key("newkey", 1)]);

pub static COPY: Docs = Docs::new(
    "Copy a key",
    "6.2.0",
    "O(N) worst case for collections, where N is the number of nested items. O(1) for string \
     values.",
)
.arguments(&[
    key("source", 0),
    key("destination", 1),
    integer("destination-db").token("DB").optional(),
    flag("replace", "REPLACE").optional(),
]);

pub static MOVE: Docs = Docs::new("Move a key to another database", "1.0.0", "O(1)")
    .arguments(&[key("key", 0), integer("db")]);

pub static DUMP: Docs = Docs::new(
    "Return a serialized version of the value stored at the specified key.",
    "2.6.0",
    "O(1) to access the key and additional O(N*M) to serialize it, where N is the number of \
     Redis objects composing the value and M their average size. For small string values the \
     time complexity is thus O(1)+O(1*M) where M is small, so simply O(1).",
)
.tips(&["nondeterministic_output"])
.arguments(&[key("key", 0)]);

pub static RESTORE: Docs = Docs::new(
    "Create a key using the provided serialized value, previously obtained using DUMP.",
    "2.6.0",
    "O(1) to create the new key and additional O(N*M) to reconstruct the serialized value, where \
     N is the number of Redis objects composing the value and M their average size. For small \
     string values the time complexity is thus O(1)+O(1*M) where M is small, so simply O(1). \
     However for sorted set values the complexity is O(N*M*log(N)) because inserting values into \
     sorted sets is O(log(N)).",
)
.history(&[
    ("3.0.0", "Added the `REPLACE` modifier."),
    ("5.0.0", "Added the `ABSTTL` modifier."),
    ("5.0.0", "Added the `IDLETIME` and `FREQ` options."),
])
.arguments(&[
    key("key", 0),
    integer("ttl"),
    string("serialized-value"),
    flag("replace", "REPLACE").optional().since("3.0.0"),
    flag("absttl", "ABSTTL").optional().since("5.0.0"),
    integer("seconds")
        .token("IDLETIME")
        .optional()
        .since("5.0.0"),
    integer("frequency").token("FREQ").optional().since("5.0.0"),
]);

pub static KEYS: Docs = Docs::new(
    "Find all keys matching the given pattern",
    "1.0.0",
    "O(N) with N being the number of keys in the database, under the assumption that the key \
     names in the database and the given pattern have limited length.",
)
.tips(&["request_policy:all_shards", "nondeterministic_output_order"])
.arguments(&[pattern("pattern")]);

pub static DBSIZE: Docs = Docs::new(
    "Return the number of keys in the selected database",
    "1.0.0",
    "O(1)",
)
.tips(&["request_policy:all_shards", "response_policy:agg_sum"]);

pub static FLUSHDB: Docs = Docs::new(
    "Remove all keys from the current database",
    "1.0.0",
    "O(N) where N is the number of keys in the selected database",
)
.history(&[
    ("4.0.0", "Added the `ASYNC` flushing mode modifier."),
    ("6.2.0", "Added the `SYNC` flushing mode modifier."),
])
.tips(&["request_policy:all_shards", "response_policy:all_succeeded"])
.arguments(&[one_of(
    "async",
    &[
        flag("async", "ASYNC").since("4.0.0"),
        flag("sync", "SYNC").since("6.2.0"),
    ],
)
.optional()]);

pub static FLUSHALL: Docs = Docs::new(
    "Remove all keys from all databases",
    "1.0.0",
    "O(N) where N is the total number of keys in all databases",
)
.history(&[
    ("4.0.0", "Added the `ASYNC` flushing mode modifier."),
    ("6.2.0", "Added the `SYNC` flushing mode modifier."),
])
.tips(&["request_policy:all_shards", "response_policy:all_succeeded"])
.arguments(&[one_of(
    "async",
    &[
        flag("async", "ASYNC").since("4.0.0"),
        flag("sync", "SYNC").since("6.2.0"),
    ],
)
.optional()]);

pub static SWAPDB: Docs = Docs::new(
    "Swaps two Redis databases",
    "4.0.0",
    "O(N) where N is the count of clients watching or blocking on keys from both databases.",
)
.arguments(&[integer("index1"), integer("index2")]);
