//! What clients read about the stream commands: summary, syntax, history, tips.
//!
//! As COMMAND DOCS and COMMAND INFO of Redis 7.0.15 say, which `tests/wire/described.rs` checks;
//! what is newer follows the documentation of Redis 8.10. Data only.

use crate::cmd::docs::{Docs, block, flag, integer, key, one_of, string, unix_time};

pub static XADD: Docs = Docs::new(
    "Appends a new entry to a stream",
    "5.0.0",
    "O(1) when adding a new entry, O(N) when trimming where N being the number of entries evicted.",
)
.history(&[
    (
        "6.2.0",
        "Added the `NOMKSTREAM` option, `MINID` trimming strategy and the `LIMIT` option.",
    ),
    ("7.0.0", "Added support for the `<ms>-*` explicit ID form."),
])
.tips(&["nondeterministic_output"])
.arguments(&[
    key("key", 0),
    flag("nomkstream", "NOMKSTREAM").since("6.2.0").optional(),
    block(
        "trim",
        &[
            one_of(
                "strategy",
                &[
                    flag("maxlen", "MAXLEN"),
                    flag("minid", "MINID").since("6.2.0"),
                ],
            ),
            one_of(
                "operator",
                &[flag("equal", "="), flag("approximately", "~")],
            )
            .optional(),
            string("threshold"),
            integer("count").token("LIMIT").since("6.2.0").optional(),
        ],
    )
    .optional(),
    one_of("id_or_auto", &[flag("auto_id", "*"), string("id")]),
    block("field_value", &[string("field"), string("value")]).multiple(),
]);

pub static XLEN: Docs = Docs::new("Return the number of entries in a stream", "5.0.0", "O(1)")
    .arguments(&[key("key", 0)]);

pub static XRANGE: Docs = Docs::new("Return a range of elements in a stream, with IDs matching the specified IDs interval", "5.0.0", "O(N) with N being the number of elements being returned. If N is constant (e.g. always asking for the first 10 elements with COUNT), you can consider it O(1).").history(&[("6.2.0", "Added exclusive ranges.")]).arguments(&[key("key", 0), string("start"), string("end"), integer("count").token("COUNT").optional()]);

pub static XREVRANGE: Docs = Docs::new("Return a range of elements in a stream, with IDs matching the specified IDs interval, in reverse order (from greater to smaller IDs) compared to XRANGE", "5.0.0", "O(N) with N being the number of elements returned. If N is constant (e.g. always asking for the first 10 elements with COUNT), you can consider it O(1).").history(&[("6.2.0", "Added exclusive ranges.")]).arguments(&[key("key", 0), string("end"), string("start"), integer("count").token("COUNT").optional()]);

pub static XDEL: Docs = Docs::new("Removes the specified entries from the stream. Returns the number of items actually deleted, that may be different from the number of IDs passed in case certain IDs do not exist.", "5.0.0", "O(1) for each single item to delete in the stream, regardless of the stream size.").arguments(&[key("key", 0), string("id").multiple()]);

pub static XTRIM: Docs = Docs::new("Trims the stream to (approximately if '~' is passed) a certain size", "5.0.0", "O(N), with N being the number of evicted entries. Constant times are very small however, since entries are organized in macro nodes containing multiple entries that can be released with a single deallocation.").history(&[("6.2.0", "Added the `MINID` trimming strategy and the `LIMIT` option.")]).tips(&["nondeterministic_output"]).arguments(&[key("key", 0), block("trim", &[one_of("strategy", &[flag("maxlen", "MAXLEN"), flag("minid", "MINID").since("6.2.0")]), one_of("operator", &[flag("equal", "="), flag("approximately", "~")]).optional(), string("threshold"), integer("count").token("LIMIT").since("6.2.0").optional()])]);

pub static XREAD: Docs = Docs::new("Return never seen elements in multiple streams, with IDs greater than the ones reported by the caller for each stream. Can block.", "5.0.0", "For each stream mentioned: O(N) with N being the number of elements being returned, it means that XREAD-ing with a fixed COUNT is O(1). Note that when the BLOCK option is used, XADD will pay O(M) time in order to serve the M clients blocked on the stream getting new data.").arguments(&[integer("count").token("COUNT").optional(), integer("milliseconds").token("BLOCK").optional(), block("streams", &[key("key", 0).multiple(), string("id").multiple()]).token("STREAMS")]);

pub static XREADGROUP: Docs = Docs::new("Return new entries from a stream using a consumer group, or access the history of the pending entries for a given consumer. Can block.", "5.0.0", "For each stream mentioned: O(M) with M being the number of elements returned. If M is constant (e.g. always asking for the first 10 elements with COUNT), you can consider it O(1). On the other side when XREADGROUP blocks, XADD will pay the O(N) time in order to serve the N clients blocked on the stream getting new data.").arguments(&[block("group_consumer", &[string("group"), string("consumer")]).token("GROUP"), integer("count").token("COUNT").optional(), integer("milliseconds").token("BLOCK").optional(), flag("noack", "NOACK").optional(), block("streams", &[key("key", 0).multiple(), string("id").multiple()]).token("STREAMS")]);

pub static XACK: Docs = Docs::new("Marks a pending message as correctly processed, effectively removing it from the pending entries list of the consumer group. Return value of the command is the number of messages successfully acknowledged, that is, the IDs we were actually able to resolve in the PEL.", "5.0.0", "O(1) for each message ID processed.").arguments(&[key("key", 0), string("group"), string("id").multiple()]);

pub static XPENDING: Docs = Docs::new("Return information and entries from a stream consumer group pending entries list, that are messages fetched but never acknowledged.", "5.0.0", "O(N) with N being the number of elements returned, so asking for a small fixed number of entries per call is O(1). O(M), where M is the total number of entries scanned when used with the IDLE filter. When the command returns just the summary and the list of consumers is small, it runs in O(1) time; otherwise, an additional O(N) time for iterating every consumer.").history(&[("6.2.0", "Added the `IDLE` option and exclusive range intervals.")]).tips(&["nondeterministic_output"]).arguments(&[key("key", 0), string("group"), block("filters", &[integer("min-idle-time").token("IDLE").since("6.2.0").optional(), string("start"), string("end"), integer("count"), string("consumer").optional()]).optional()]);

pub static XCLAIM: Docs = Docs::new("Changes (or acquires) ownership of a message in a consumer group, as if the message was delivered to the specified consumer.", "5.0.0", "O(log N) with N being the number of messages in the PEL of the consumer group.").tips(&["nondeterministic_output"]).arguments(&[key("key", 0), string("group"), string("consumer"), string("min-idle-time"), string("id").multiple(), integer("ms").token("IDLE").optional(), unix_time("unix-time-milliseconds").token("TIME").optional(), integer("count").token("RETRYCOUNT").optional(), flag("force", "FORCE").optional(), flag("justid", "JUSTID").optional(), string("id").token("LASTID").optional()]);

pub static XAUTOCLAIM: Docs = Docs::new("Changes (or acquires) ownership of messages in a consumer group, as if the messages were delivered to the specified consumer.", "6.2.0", "O(1) if COUNT is small.").history(&[("7.0.0", "Added an element to the reply array, containing deleted entries the command cleared from the PEL")]).tips(&["nondeterministic_output"]).arguments(&[key("key", 0), string("group"), string("consumer"), string("min-idle-time"), string("start"), integer("count").token("COUNT").optional(), flag("justid", "JUSTID").optional()]);

pub static XSETID: Docs = Docs::new(
    "An internal command for replicating stream values",
    "5.0.0",
    "O(1)",
)
.history(&[(
    "7.0.0",
    "Added the `entries_added` and `max_deleted_entry_id` arguments.",
)])
.arguments(&[
    key("key", 0),
    string("last-id"),
    integer("entries_added")
        .token("ENTRIESADDED")
        .since("7.0.0")
        .optional(),
    string("max_deleted_entry_id")
        .token("MAXDELETEDID")
        .since("7.0.0")
        .optional(),
]);

pub static XINFO: Docs = Docs::new(
    "A container for stream introspection commands",
    "5.0.0",
    "Depends on subcommand.",
);

pub static XINFO_CONSUMERS: Docs =
    Docs::new("List the consumers in a consumer group", "5.0.0", "O(1)")
        .tips(&["nondeterministic_output"])
        .arguments(&[key("key", 0), string("groupname")]);

pub static XINFO_GROUPS: Docs = Docs::new("List the consumer groups of a stream", "5.0.0", "O(1)")
    .history(&[("7.0.0", "Added the `entries-read` and `lag` fields")])
    .arguments(&[key("key", 0)]);

pub static XINFO_HELP: Docs = Docs::new(
    "Show helpful text about the different subcommands",
    "5.0.0",
    "O(1)",
);

pub static XINFO_STREAM: Docs = Docs::new("Get information about a stream", "5.0.0", "O(1)").history(&[("6.0.0", "Added the `FULL` modifier."), ("7.0.0", "Added the `max-deleted-entry-id`, `entries-added`, `recorded-first-entry-id`, `entries-read` and `lag` fields")]).arguments(&[key("key", 0), block("full", &[integer("count").token("COUNT").optional()]).token("FULL").optional()]);

pub static XGROUP: Docs = Docs::new(
    "A container for consumer groups commands",
    "5.0.0",
    "Depends on subcommand.",
);

pub static XGROUP_CREATE: Docs = Docs::new("Create a consumer group.", "5.0.0", "O(1)")
    .history(&[("7.0.0", "Added the `entries_read` named argument.")])
    .arguments(&[
        key("key", 0),
        string("groupname"),
        one_of("id", &[string("id"), flag("new_id", "$")]),
        flag("mkstream", "MKSTREAM").optional(),
        integer("entries_read").token("ENTRIESREAD").optional(),
    ]);

pub static XGROUP_CREATECONSUMER: Docs =
    Docs::new("Create a consumer in a consumer group.", "6.2.0", "O(1)").arguments(&[
        key("key", 0),
        string("groupname"),
        string("consumername"),
    ]);

pub static XGROUP_DELCONSUMER: Docs =
    Docs::new("Delete a consumer from a consumer group.", "5.0.0", "O(1)").arguments(&[
        key("key", 0),
        string("groupname"),
        string("consumername"),
    ]);

pub static XGROUP_DESTROY: Docs = Docs::new(
    "Destroy a consumer group.",
    "5.0.0",
    "O(N) where N is the number of entries in the group's pending entries list (PEL).",
)
.arguments(&[key("key", 0), string("groupname")]);

pub static XGROUP_HELP: Docs = Docs::new(
    "Show helpful text about the different subcommands",
    "5.0.0",
    "O(1)",
);

pub static XGROUP_SETID: Docs = Docs::new(
    "Set a consumer group to an arbitrary last delivered ID value.",
    "5.0.0",
    "O(1)",
)
.history(&[("7.0.0", "Added the optional `entries_read` argument.")])
.arguments(&[
    key("key", 0),
    string("groupname"),
    one_of("id", &[string("id"), flag("new_id", "$")]),
    integer("entries_read").token("ENTRIESREAD").optional(),
]);

pub static XDELEX: Docs = Docs::new(
    "Deletes one or multiple entries from the stream.",
    "8.2.0",
    "O(1) for each single item to delete in the stream, regardless of the stream size.",
)
.arguments(&[
    key("key", 0),
    one_of(
        "condition",
        &[
            flag("keepref", "KEEPREF"),
            flag("delref", "DELREF"),
            flag("acked", "ACKED"),
        ],
    )
    .optional(),
    block("ids", &[integer("numids"), string("id").multiple()]).token("IDS"),
]);

pub static XACKDEL: Docs = Docs::new(
    "Acknowledges and deletes one or multiple messages for a stream consumer group.",
    "8.2.0",
    "O(1) for each message ID processed.",
)
.arguments(&[
    key("key", 0),
    string("group"),
    one_of(
        "condition",
        &[
            flag("keepref", "KEEPREF"),
            flag("delref", "DELREF"),
            flag("acked", "ACKED"),
        ],
    )
    .optional(),
    block("ids", &[integer("numids"), string("id").multiple()]).token("IDS"),
]);

pub static XNACK: Docs = Docs::new("Releases pending messages back to the group's PEL without acknowledging them, making them available for re-delivery.", "8.8.0", "O(1) for each message ID processed.").arguments(&[key("key", 0), string("group"), one_of("mode", &[flag("silent", "SILENT"), flag("fail", "FAIL"), flag("fatal", "FATAL")]), block("ids", &[integer("numids"), string("id").multiple()]).token("IDS"), integer("count").token("RETRYCOUNT").optional(), flag("force", "FORCE").optional()]);

pub static XCFGSET: Docs = Docs::new(
    "Sets the IDMP configuration parameters for a stream.",
    "8.6.0",
    "O(1)",
)
.arguments(&[
    key("key", 0),
    integer("idmp-duration").token("IDMP-DURATION").optional(),
    integer("idmp-maxsize").token("IDMP-MAXSIZE").optional(),
]);

pub static XIDMPRECORD: Docs = Docs::new(
    "An internal command for setting IDMP metadata on an existing stream message.",
    "8.6.2",
    "O(1)",
)
.arguments(&[
    key("key", 0),
    string("pid"),
    string("iid"),
    string("stream-id"),
]);
