//! What clients read about the connection commands: summary, syntax, history, tips.
//!
//! As COMMAND DOCS and COMMAND INFO of Redis 7.0.15 say, which `tests/wire/described.rs` checks;
//! CLIENT SETINFO and NO-TOUCH follow Redis 7.2. Data only.

use crate::cmd::docs::{Docs, block, flag, integer, one_of, string};

pub static PING: Docs = Docs::new("Ping the server", "1.0.0", "O(1)")
    .tips(&["request_policy:all_shards", "response_policy:all_succeeded"])
    .arguments(&[string("message").optional()]);

pub static ECHO: Docs =
    Docs::new("Echo the given string", "1.0.0", "O(1)").arguments(&[string("message")]);

pub static HELLO: Docs = Docs::new("Handshake with Redis", "6.0.0", "O(1)")
    .history(&[(
        "6.2.0",
        "`protover` made optional; when called without arguments the command reports the \
         current connection's context.",
    )])
    .arguments(&[block(
        "arguments",
        &[
            integer("protover"),
            block(
                "username_password",
                &[string("username"), string("password")],
            )
            .token("AUTH")
            .optional(),
            string("clientname").token("SETNAME").optional(),
        ],
    )
    .optional()]);

pub static AUTH: Docs = Docs::new(
    "Authenticate to the server",
    "1.0.0",
    "O(N) where N is the number of passwords defined for the user",
)
.history(&[("6.0.0", "Added ACL style (username and password).")])
.arguments(&[
    string("username").optional().since("6.0.0"),
    string("password"),
]);

pub static SELECT: Docs = Docs::new(
    "Change the selected database for the current connection",
    "1.0.0",
    "O(1)",
)
.arguments(&[integer("index")]);

pub static QUIT: Docs = Docs::new("Close the connection", "1.0.0", "O(1)");

pub static RESET: Docs = Docs::new("Reset the connection", "6.2.0", "O(1)");

pub static CLIENT: Docs = Docs::new(
    "A container for client connection commands",
    "2.4.0",
    "Depends on subcommand.",
);

pub static CLIENT_ID: Docs = Docs::new(
    "Returns the client ID for the current connection",
    "5.0.0",
    "O(1)",
);

pub static CLIENT_INFO: Docs = Docs::new(
    "Returns information about the current client connection.",
    "6.2.0",
    "O(1)",
)
.tips(&["nondeterministic_output"]);

pub static CLIENT_LIST: Docs = Docs::new(
    "Get the list of client connections",
    "2.4.0",
    "O(N) where N is the number of client connections",
)
.history(&[
    ("2.8.12", "Added unique client `id` field."),
    ("5.0.0", "Added optional `TYPE` filter."),
    ("6.0.0", "Added `user` field."),
    (
        "6.2.0",
        "Added `argv-mem`, `tot-mem`, `laddr` and `redir` fields and the optional `ID` \
         filter.",
    ),
    (
        "7.0.0",
        "Added `resp`, `multi-mem`, `rbs` and `rbp` fields.",
    ),
    ("7.0.3", "Added `ssub` field."),
])
.tips(&["nondeterministic_output"])
.arguments(&[
    one_of(
        "normal_master_replica_pubsub",
        &[
            flag("normal", "NORMAL"),
            flag("master", "MASTER"),
            flag("replica", "REPLICA"),
            flag("pubsub", "PUBSUB"),
        ],
    )
    .token("TYPE")
    .optional()
    .since("5.0.0"),
    block("id", &[integer("client-id").multiple()])
        .token("ID")
        .optional()
        .since("6.2.0"),
]);

pub static CLIENT_KILL: Docs = Docs::new(
    "Kill the connection of a client",
    "2.4.0",
    "O(N) where N is the number of client connections",
)
.history(&[
    ("2.8.12", "Added new filter format."),
    ("2.8.12", "`ID` option."),
    ("3.2.0", "Added `master` type in for `TYPE` option."),
    (
        "5.0.0",
        "Replaced `slave` `TYPE` with `replica`. `slave` still supported for backward \
         compatibility.",
    ),
    ("6.2.0", "`LADDR` option."),
])
.arguments(&[one_of(
    "filter",
    &[
        string("ip:port").deprecated_since("2.8.12"),
        one_of(
            "new-format",
            &[
                integer("client-id").token("ID").optional().since("2.8.12"),
                one_of(
                    "normal_master_slave_pubsub",
                    &[
                        flag("normal", "NORMAL"),
                        flag("master", "MASTER").since("3.2.0"),
                        flag("slave", "SLAVE"),
                        flag("replica", "REPLICA").since("5.0.0"),
                        flag("pubsub", "PUBSUB"),
                    ],
                )
                .token("TYPE")
                .optional()
                .since("2.8.12"),
                string("username").token("USER").optional(),
                string("ip:port").token("ADDR").optional(),
                string("ip:port").token("LADDR").optional().since("6.2.0"),
                string("yes/no").token("SKIPME").optional(),
            ],
        )
        .multiple(),
    ],
)]);

pub static CLIENT_SETNAME: Docs = Docs::new("Set the current connection name", "2.6.9", "O(1)")
    .arguments(&[string("connection-name")]);

pub static CLIENT_GETNAME: Docs = Docs::new("Get the current connection name", "2.6.9", "O(1)");

pub static CLIENT_NO_EVICT: Docs = Docs::new(
    "Set client eviction mode for the current connection",
    "7.0.0",
    "O(1)",
)
.arguments(&[one_of("enabled", &[flag("on", "ON"), flag("off", "OFF")])]);

pub static CLIENT_REPLY: Docs = Docs::new(
    "Instruct the server whether to reply to commands",
    "3.2.0",
    "O(1)",
)
.arguments(&[one_of(
    "on_off_skip",
    &[flag("on", "ON"), flag("off", "OFF"), flag("skip", "SKIP")],
)]);

pub static CLIENT_PAUSE: Docs = Docs::new(
    "Stop processing commands from clients for some time",
    "2.9.50",
    "O(1)",
)
.history(&[(
    "6.2.0",
    "`CLIENT PAUSE WRITE` mode added along with the `mode` option.",
)])
.arguments(&[
    integer("timeout"),
    one_of("mode", &[flag("write", "WRITE"), flag("all", "ALL")])
        .optional()
        .since("6.2.0"),
]);

pub static CLIENT_UNPAUSE: Docs = Docs::new(
    "Resume processing of clients that were paused",
    "6.2.0",
    "O(N) Where N is the number of paused clients",
);

pub static CLIENT_UNBLOCK: Docs = Docs::new(
    "Unblock a client blocked in a blocking command from a different connection",
    "5.0.0",
    "O(log N) where N is the number of client connections",
)
.arguments(&[
    integer("client-id"),
    one_of(
        "timeout_error",
        &[flag("timeout", "TIMEOUT"), flag("error", "ERROR")],
    )
    .optional(),
]);

pub static CLIENT_GETREDIR: Docs = Docs::new(
    "Get tracking notifications redirection client ID if any",
    "6.0.0",
    "O(1)",
);

pub static CLIENT_TRACKINGINFO: Docs = Docs::new(
    "Return information about server assisted client side caching for the current connection",
    "6.2.0",
    "O(1)",
);

pub static CLIENT_HELP: Docs = Docs::new(
    "Show helpful text about the different subcommands",
    "5.0.0",
    "O(1)",
);

pub static CLIENT_SETINFO: Docs = Docs::new(
    "Sets information specific to the client or connection.",
    "7.2.0",
    "O(1)",
)
.tips(&["request_policy:all_nodes", "response_policy:all_succeeded"])
.arguments(&[one_of(
    "attr",
    &[
        string("libname").token("lib-name"),
        string("libver").token("lib-ver"),
    ],
)]);

pub static CLIENT_NO_TOUCH: Docs = Docs::new(
    "Controls whether commands sent by the client affect the LRU/LFU of accessed keys.",
    "7.2.0",
    "O(1)",
)
.arguments(&[one_of("enabled", &[flag("on", "ON"), flag("off", "OFF")])]);
