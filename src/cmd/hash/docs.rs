//! What clients read about the hash commands: summary, syntax, history, tips.
//!
//! As COMMAND DOCS and COMMAND INFO of Redis 7.0.15 say, which `tests/wire/described.rs` checks;
//! those about fields' times follow Redis 8 and Valkey 9. Data only.

use crate::cmd::docs::{
    Docs, block, double, flag, integer, key, one_of, pattern, string, unix_time,
};

pub static HSET: Docs = Docs::new(
    "Set the string value of a hash field",
    "2.0.0",
    "O(1) for each field/value pair added, so O(N) to add N field/value pairs when \
     the command is called with multiple field/value pairs.",
)
.history(&[("4.0.0", "Accepts multiple `field` and `value` arguments.")])
.arguments(&[
    key("key", 0),
    block("field_value", &[string("field"), string("value")]).multiple(),
]);

pub static HSETNX: Docs = Docs::new(
    "Set the value of a hash field, only if the field does not exist",
    "2.0.0",
    "O(1)",
)
.arguments(&[key("key", 0), string("field"), string("value")]);

pub static HGET: Docs = Docs::new("Get the value of a hash field", "2.0.0", "O(1)")
    .arguments(&[key("key", 0), string("field")]);

pub static HMSET: Docs = Docs::new(
    "Set multiple hash fields to multiple values",
    "2.0.0",
    "O(N) where N is the number of fields being set.",
)
.deprecated("4.0.0", "`HSET` with multiple field-value pairs")
.arguments(&[
    key("key", 0),
    block("field_value", &[string("field"), string("value")]).multiple(),
]);

pub static HMGET: Docs = Docs::new(
    "Get the values of all the given hash fields",
    "2.0.0",
    "O(N) where N is the number of fields being requested.",
)
.arguments(&[key("key", 0), string("field").multiple()]);

pub static HINCRBY: Docs = Docs::new(
    "Increment the integer value of a hash field by the given number",
    "2.0.0",
    "O(1)",
)
.arguments(&[key("key", 0), string("field"), integer("increment")]);

pub static HINCRBYFLOAT: Docs = Docs::new(
    "Increment the float value of a hash field by the given amount",
    "2.6.0",
    "O(1)",
)
.arguments(&[key("key", 0), string("field"), double("increment")]);

pub static HDEL: Docs = Docs::new(
    "Delete one or more hash fields",
    "2.0.0",
    "O(N) where N is the number of fields to be removed.",
)
.history(&[("2.4.0", "Accepts multiple `field` arguments.")])
.arguments(&[key("key", 0), string("field").multiple()]);

pub static HLEN: Docs =
    Docs::new("Get the number of fields in a hash", "2.0.0", "O(1)").arguments(&[key("key", 0)]);

pub static HSTRLEN: Docs = Docs::new(
    "Get the length of the value of a hash field",
    "3.2.0",
    "O(1)",
)
.arguments(&[key("key", 0), string("field")]);

pub static HKEYS: Docs = Docs::new(
    "Get all the fields in a hash",
    "2.0.0",
    "O(N) where N is the size of the hash.",
)
.tips(&["nondeterministic_output_order"])
.arguments(&[key("key", 0)]);

pub static HVALS: Docs = Docs::new(
    "Get all the values in a hash",
    "2.0.0",
    "O(N) where N is the size of the hash.",
)
.tips(&["nondeterministic_output_order"])
.arguments(&[key("key", 0)]);

pub static HGETALL: Docs = Docs::new(
    "Get all the fields and values in a hash",
    "2.0.0",
    "O(N) where N is the size of the hash.",
)
.tips(&["nondeterministic_output_order"])
.arguments(&[key("key", 0)]);

pub static HEXISTS: Docs = Docs::new("Determine if a hash field exists", "2.0.0", "O(1)")
    .arguments(&[key("key", 0), string("field")]);

pub static HRANDFIELD: Docs = Docs::new(
    "Get one or multiple random fields from a hash",
    "6.2.0",
    "O(N) where N is the number of fields returned",
)
.tips(&["nondeterministic_output"])
.arguments(&[
    key("key", 0),
    block(
        "options",
        &[
            integer("count"),
            flag("withvalues", "WITHVALUES").optional(),
        ],
    )
    .optional(),
]);

pub static HSCAN: Docs = Docs::new(
    "Incrementally iterate hash fields and associated values",
    "2.8.0",
    "O(1) for every call. O(N) for a complete iteration, including enough command \
     calls for the cursor to return back to 0. N is the number of elements inside \
     the collection..",
)
.tips(&["nondeterministic_output"])
.arguments(&[
    key("key", 0),
    integer("cursor"),
    pattern("pattern").token("MATCH").optional(),
    integer("count").token("COUNT").optional(),
]);

pub static HEXPIRE: Docs = Docs::new(
    "Set expiry for hash field using relative time to expire (seconds)",
    "7.4.0",
    "O(N) where N is the number of specified fields",
)
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
    .optional(),
    block(
        "fields",
        &[integer("numfields"), string("field").multiple()],
    )
    .token("FIELDS"),
]);

pub static HPEXPIRE: Docs = Docs::new(
    "Set expiry for hash field using relative time to expire (milliseconds)",
    "7.4.0",
    "O(N) where N is the number of specified fields",
)
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
    .optional(),
    block(
        "fields",
        &[integer("numfields"), string("field").multiple()],
    )
    .token("FIELDS"),
]);

pub static HEXPIREAT: Docs = Docs::new(
    "Set expiry for hash field using an absolute Unix timestamp (seconds)",
    "7.4.0",
    "O(N) where N is the number of specified fields",
)
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
    .optional(),
    block(
        "fields",
        &[integer("numfields"), string("field").multiple()],
    )
    .token("FIELDS"),
]);

pub static HPEXPIREAT: Docs = Docs::new(
    "Set expiry for hash field using an absolute Unix timestamp (milliseconds)",
    "7.4.0",
    "O(N) where N is the number of specified fields",
)
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
    .optional(),
    block(
        "fields",
        &[integer("numfields"), string("field").multiple()],
    )
    .token("FIELDS"),
]);

pub static HTTL: Docs = Docs::new(
    "Returns the TTL in seconds of a hash field.",
    "7.4.0",
    "O(N) where N is the number of specified fields",
)
.tips(&["nondeterministic_output"])
.arguments(&[
    key("key", 0),
    block(
        "fields",
        &[integer("numfields"), string("field").multiple()],
    )
    .token("FIELDS"),
]);

pub static HPTTL: Docs = Docs::new(
    "Returns the TTL in milliseconds of a hash field.",
    "7.4.0",
    "O(N) where N is the number of specified fields",
)
.tips(&["nondeterministic_output"])
.arguments(&[
    key("key", 0),
    block(
        "fields",
        &[integer("numfields"), string("field").multiple()],
    )
    .token("FIELDS"),
]);

pub static HEXPIRETIME: Docs = Docs::new(
    "Returns the expiration time of a hash field as a Unix timestamp, in seconds.",
    "7.4.0",
    "O(N) where N is the number of specified fields",
)
.arguments(&[
    key("key", 0),
    block(
        "fields",
        &[integer("numfields"), string("field").multiple()],
    )
    .token("FIELDS"),
]);

pub static HPEXPIRETIME: Docs = Docs::new(
    "Returns the expiration time of a hash field as a Unix timestamp, in msec.",
    "7.4.0",
    "O(N) where N is the number of specified fields",
)
.arguments(&[
    key("key", 0),
    block(
        "fields",
        &[integer("numfields"), string("field").multiple()],
    )
    .token("FIELDS"),
]);

pub static HPERSIST: Docs = Docs::new(
    "Removes the expiration time for each specified field",
    "7.4.0",
    "O(N) where N is the number of specified fields",
)
.arguments(&[
    key("key", 0),
    block(
        "fields",
        &[integer("numfields"), string("field").multiple()],
    )
    .token("FIELDS"),
]);

pub static HGETEX: Docs = Docs::new(
    "Get the value of one or more fields of a given hash key, and optionally set \
     their expiration.",
    "8.0.0",
    "O(N) where N is the number of specified fields",
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
    block(
        "fields",
        &[integer("numfields"), string("field").multiple()],
    )
    .token("FIELDS"),
]);

pub static HSETEX: Docs = Docs::new(
    "Set the value of one or more fields of a given hash key, and optionally set \
     their expiration.",
    "8.0.0",
    "O(N) where N is the number of fields being set.",
)
.arguments(&[
    key("key", 0),
    one_of("key-condition", &[flag("nx", "NX"), flag("xx", "XX")]).optional(),
    one_of("condition", &[flag("fnx", "FNX"), flag("fxx", "FXX")]).optional(),
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
    block(
        "fields",
        &[
            integer("numfields"),
            block("data", &[string("field"), string("value")]).multiple(),
        ],
    )
    .token("FIELDS"),
]);

pub static HGETDEL: Docs = Docs::new(
    "Returns the value of a field and deletes it from the hash.",
    "8.0.0",
    "O(N) where N is the number of specified fields",
)
.arguments(&[
    key("key", 0),
    block(
        "fields",
        &[integer("numfields"), string("field").multiple()],
    )
    .token("FIELDS"),
]);
