//! What clients read about the server commands: summary, syntax, history, tips.
//!
//! As COMMAND DOCS and COMMAND INFO of Redis 7.0.15 say, which `tests/wire/described.rs` checks.
//! Data only.

use crate::cmd::docs::{Docs, block, flag, integer, key, one_of, pattern, string};

pub static INFO: Docs = Docs::new(
    "Get information and statistics about the server",
    "1.0.0",
    "O(1)",
)
.history(&[(
    "7.0.0",
    "Added support for taking multiple section arguments.",
)])
.tips(&[
    "nondeterministic_output",
    "request_policy:all_shards",
    "response_policy:special",
])
.arguments(&[string("section").optional().multiple()]);

pub static CONFIG: Docs = Docs::new(
    "A container for server configuration commands",
    "2.0.0",
    "Depends on subcommand.",
);

pub static FUNCTION: Docs = Docs::new(
    "A container for function commands",
    "7.0.0",
    "Depends on subcommand.",
);

pub static COMMAND: Docs = Docs::new(
    "Get array of Redis command details",
    "2.8.13",
    "O(N) where N is the total number of Redis commands",
)
.tips(&["nondeterministic_output_order"]);

pub static TIME: Docs =
    Docs::new("Return the current server time", "2.6.0", "O(1)").tips(&["nondeterministic_output"]);

pub static LOLWUT: Docs = Docs::new(
    "Display some computer art and the Redis version",
    "5.0.0",
    "",
)
.arguments(&[integer("version").token("VERSION").optional()]);

pub static MEMORY: Docs = Docs::new(
    "A container for memory diagnostics commands",
    "4.0.0",
    "Depends on subcommand.",
);

pub static SHUTDOWN: Docs = Docs::new(
    "Synchronously save the dataset to disk and then shut down the server",
    "1.0.0",
    "O(N) when saving, where N is the total number of keys in all databases when saving data, \
     otherwise O(1)",
)
.history(&[("7.0.0", "Added the `NOW`, `FORCE` and `ABORT` modifiers.")])
.arguments(&[
    one_of(
        "nosave_save",
        &[flag("nosave", "NOSAVE"), flag("save", "SAVE")],
    )
    .optional(),
    flag("now", "NOW").optional().since("7.0.0"),
    flag("force", "FORCE").optional().since("7.0.0"),
    flag("abort", "ABORT").optional().since("7.0.0"),
]);

pub static DEBUG: Docs = Docs::new(
    "A container for debugging commands",
    "1.0.0",
    "Depends on subcommand.",
);

pub static LATENCY: Docs = Docs::new(
    "A container for latency diagnostics commands",
    "2.8.13",
    "Depends on subcommand.",
);

pub static SLOWLOG: Docs = Docs::new(
    "A container for slow log commands",
    "2.2.12",
    "Depends on subcommand.",
);

pub static LASTSAVE: Docs = Docs::new(
    "Get the UNIX time stamp of the last successful save to disk",
    "1.0.0",
    "O(1)",
)
.tips(&["nondeterministic_output"]);

pub static ROLE: Docs = Docs::new(
    "Return the role of the instance in the context of replication",
    "2.8.12",
    "O(1)",
);

pub static MONITOR: Docs = Docs::new(
    "Listen for all requests received by the server in real time",
    "1.0.0",
    "",
);

pub static COMMAND_COUNT: Docs = Docs::new("Get total number of Redis commands", "2.8.13", "O(1)");

pub static COMMAND_DOCS: Docs = Docs::new(
    "Get array of specific Redis command documentation",
    "7.0.0",
    "O(N) where N is the number of commands to look up",
)
.tips(&["nondeterministic_output_order"])
.arguments(&[string("command-name").optional().multiple()]);

pub static COMMAND_GETKEYS: Docs = Docs::new(
    "Extract keys given a full Redis command",
    "2.8.13",
    "O(N) where N is the number of arguments to the command",
);

pub static COMMAND_GETKEYSANDFLAGS: Docs = Docs::new(
    "Extract keys and access flags given a full Redis command",
    "7.0.0",
    "O(N) where N is the number of arguments to the command",
);

pub static COMMAND_INFO: Docs = Docs::new(
    "Get array of specific Redis command details, or all when no argument is given.",
    "2.8.13",
    "O(N) where N is the number of commands to look up",
)
.history(&[(
    "7.0.0",
    "Allowed to be called with no argument to get info on all commands.",
)])
.tips(&["nondeterministic_output_order"])
.arguments(&[string("command-name").optional().multiple()]);

pub static COMMAND_LIST: Docs = Docs::new(
    "Get an array of Redis command names",
    "7.0.0",
    "O(N) where N is the total number of Redis commands",
)
.tips(&["nondeterministic_output_order"])
.arguments(&[one_of(
    "filterby",
    &[
        string("module-name").token("MODULE"),
        string("category").token("ACLCAT"),
        pattern("pattern").token("PATTERN"),
    ],
)
.token("FILTERBY")
.optional()]);

pub static COMMAND_HELP: Docs = Docs::new(
    "Show helpful text about the different subcommands",
    "5.0.0",
    "O(1)",
);

pub static CONFIG_GET: Docs = Docs::new(
    "Get the values of configuration parameters",
    "2.0.0",
    "O(N) when N is the number of configuration parameters provided",
)
.history(&[(
    "7.0.0",
    "Added the ability to pass multiple pattern parameters in one call",
)])
.arguments(&[block("parameter", &[string("parameter")]).multiple()]);

pub static CONFIG_SET: Docs = Docs::new(
    "Set configuration parameters to the given values",
    "2.0.0",
    "O(N) when N is the number of configuration parameters provided",
)
.history(&[(
    "7.0.0",
    "Added the ability to set multiple parameters in one call.",
)])
.tips(&["request_policy:all_nodes", "response_policy:all_succeeded"])
.arguments(&[block("parameter_value", &[string("parameter"), string("value")]).multiple()]);

pub static CONFIG_REWRITE: Docs = Docs::new(
    "Rewrite the configuration file with the in memory configuration",
    "2.8.0",
    "O(1)",
);

pub static CONFIG_RESETSTAT: Docs = Docs::new("Reset the stats returned by INFO", "2.0.0", "O(1)");

pub static CONFIG_HELP: Docs = Docs::new(
    "Show helpful text about the different subcommands",
    "5.0.0",
    "O(1)",
);

pub static FUNCTION_FLUSH: Docs = Docs::new(
    "Deleting all functions",
    "7.0.0",
    "O(N) where N is the number of functions deleted",
)
.tips(&["request_policy:all_shards", "response_policy:all_succeeded"])
.arguments(&[one_of("async", &[flag("async", "ASYNC"), flag("sync", "SYNC")]).optional()]);

pub static FUNCTION_LIST: Docs = Docs::new(
    "List information about all the functions",
    "7.0.0",
    "O(N) where N is the number of functions",
)
.tips(&["nondeterministic_output_order"])
.arguments(&[
    string("library-name-pattern")
        .token("LIBRARYNAME")
        .optional(),
    flag("withcode", "WITHCODE").optional(),
]);

pub static FUNCTION_HELP: Docs = Docs::new(
    "Show helpful text about the different subcommands",
    "7.0.0",
    "O(1)",
);

pub static LATENCY_DOCTOR: Docs = Docs::new(
    "Return a human readable latency analysis report.",
    "2.8.13",
    "O(1)",
)
.tips(&[
    "nondeterministic_output",
    "request_policy:all_nodes",
    "response_policy:special",
]);

pub static LATENCY_GRAPH: Docs =
    Docs::new("Return a latency graph for the event.", "2.8.13", "O(1)")
        .tips(&[
            "nondeterministic_output",
            "request_policy:all_nodes",
            "response_policy:special",
        ])
        .arguments(&[string("event")]);

pub static LATENCY_HISTOGRAM: Docs = Docs::new(
    "Return the cumulative distribution of latencies of a subset of commands or all.",
    "7.0.0",
    "O(N) where N is the number of commands with latency information being retrieved.",
)
.tips(&[
    "nondeterministic_output",
    "request_policy:all_nodes",
    "response_policy:special",
])
.arguments(&[string("command").optional().multiple()]);

pub static LATENCY_HISTORY: Docs = Docs::new(
    "Return timestamp-latency samples for the event.",
    "2.8.13",
    "O(1)",
)
.tips(&[
    "nondeterministic_output",
    "request_policy:all_nodes",
    "response_policy:special",
])
.arguments(&[string("event")]);

pub static LATENCY_LATEST: Docs = Docs::new(
    "Return the latest latency samples for all events.",
    "2.8.13",
    "O(1)",
)
.tips(&[
    "nondeterministic_output",
    "request_policy:all_nodes",
    "response_policy:special",
]);

pub static LATENCY_RESET: Docs = Docs::new(
    "Reset latency data for one or more events.",
    "2.8.13",
    "O(1)",
)
.tips(&["request_policy:all_nodes", "response_policy:all_succeeded"])
.arguments(&[string("event").optional().multiple()]);

pub static LATENCY_HELP: Docs = Docs::new(
    "Show helpful text about the different subcommands.",
    "2.8.13",
    "O(1)",
);

pub static MEMORY_DOCTOR: Docs =
    Docs::new("Outputs memory problems report", "4.0.0", "O(1)").tips(&[
        "nondeterministic_output",
        "request_policy:all_shards",
        "response_policy:special",
    ]);

pub static MEMORY_HELP: Docs = Docs::new(
    "Show helpful text about the different subcommands",
    "4.0.0",
    "O(1)",
);

pub static MEMORY_MALLOC_STATS: Docs = Docs::new(
    "Show allocator internal stats",
    "4.0.0",
    "Depends on how much memory is allocated, could be slow",
)
.tips(&[
    "nondeterministic_output",
    "request_policy:all_shards",
    "response_policy:special",
]);

pub static MEMORY_PURGE: Docs = Docs::new(
    "Ask the allocator to release memory",
    "4.0.0",
    "Depends on how much memory is allocated, could be slow",
)
.tips(&["request_policy:all_shards", "response_policy:all_succeeded"]);

pub static MEMORY_STATS: Docs = Docs::new("Show memory usage details", "4.0.0", "O(1)").tips(&[
    "nondeterministic_output",
    "request_policy:all_shards",
    "response_policy:special",
]);

pub static MEMORY_USAGE: Docs = Docs::new(
    "Estimate the memory usage of a key",
    "4.0.0",
    "O(N) where N is the number of samples.",
)
.arguments(&[key("key", 0), integer("count").token("SAMPLES").optional()]);

pub static SLOWLOG_GET: Docs = Docs::new(
    "Get the slow log's entries",
    "2.2.12",
    "O(N) where N is the number of entries returned",
)
.history(&[(
    "4.0.0",
    "Added client IP address, port and name to the reply.",
)])
.tips(&["request_policy:all_nodes", "nondeterministic_output"])
.arguments(&[integer("count").optional()]);

pub static SLOWLOG_LEN: Docs = Docs::new("Get the slow log's length", "2.2.12", "O(1)").tips(&[
    "request_policy:all_nodes",
    "response_policy:agg_sum",
    "nondeterministic_output",
]);

pub static SLOWLOG_RESET: Docs = Docs::new(
    "Clear all entries from the slow log",
    "2.2.12",
    "O(N) where N is the number of entries in the slowlog",
)
.tips(&["request_policy:all_nodes", "response_policy:all_succeeded"]);

pub static SLOWLOG_HELP: Docs = Docs::new(
    "Show helpful text about the different subcommands",
    "6.2.0",
    "O(1)",
);
