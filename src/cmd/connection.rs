//! Rows of the connection commands; their functions, which need the client, are in `shard::home`.
//!
//! CLIENT's subcommands have their rows in `connection/client.rs`.

mod client;

use super::{Command, Group, Run, acl, flag};

/// The rows of this family.
pub static COMMANDS: &[Command] = &[
    Command {
        name: "ping",
        arity: -1,
        flags: flag::FAST,
        categories: acl::CONNECTION,
        group: Group::Connection,
        keys: &[],
        since: "1.0.0",
        complexity: "O(1)",
        summary: "Ping the server",
        run: Run::Home,
        subcommands: &[],
    },
    Command {
        name: "echo",
        arity: 2,
        flags: flag::LOADING | flag::STALE | flag::FAST,
        categories: acl::CONNECTION,
        group: Group::Connection,
        keys: &[],
        since: "1.0.0",
        complexity: "O(1)",
        summary: "Echo the given string",
        run: Run::Home,
        subcommands: &[],
    },
    Command {
        name: "hello",
        arity: -1,
        flags: flag::NOSCRIPT
            | flag::LOADING
            | flag::STALE
            | flag::FAST
            | flag::NO_AUTH
            | flag::ALLOW_BUSY,
        categories: acl::CONNECTION,
        group: Group::Connection,
        keys: &[],
        since: "6.0.0",
        complexity: "O(1)",
        summary: "Handshake with Redis",
        run: Run::Home,
        subcommands: &[],
    },
    Command {
        name: "auth",
        arity: -2,
        flags: flag::NOSCRIPT
            | flag::LOADING
            | flag::STALE
            | flag::FAST
            | flag::NO_AUTH
            | flag::ALLOW_BUSY,
        categories: acl::CONNECTION,
        group: Group::Connection,
        keys: &[],
        since: "1.0.0",
        complexity: "O(N) where N is the number of passwords defined for the user",
        summary: "Authenticate to the server",
        run: Run::Home,
        subcommands: &[],
    },
    Command {
        name: "select",
        arity: 2,
        flags: flag::LOADING | flag::STALE | flag::FAST,
        categories: acl::CONNECTION,
        group: Group::Connection,
        keys: &[],
        since: "1.0.0",
        complexity: "O(1)",
        summary: "Change the selected database for the current connection",
        run: Run::Home,
        subcommands: &[],
    },
    Command {
        name: "quit",
        arity: -1,
        flags: flag::NOSCRIPT
            | flag::LOADING
            | flag::STALE
            | flag::FAST
            | flag::NO_AUTH
            | flag::ALLOW_BUSY,
        categories: acl::CONNECTION,
        group: Group::Connection,
        keys: &[],
        since: "1.0.0",
        complexity: "O(1)",
        summary: "Close the connection",
        run: Run::Home,
        subcommands: &[],
    },
    Command {
        name: "reset",
        arity: 1,
        flags: flag::NOSCRIPT
            | flag::LOADING
            | flag::STALE
            | flag::FAST
            | flag::NO_AUTH
            | flag::ALLOW_BUSY,
        categories: acl::CONNECTION,
        group: Group::Connection,
        keys: &[],
        since: "6.2.0",
        complexity: "O(1)",
        summary: "Reset the connection",
        run: Run::Home,
        subcommands: &[],
    },
    Command {
        name: "client",
        arity: -2,
        flags: 0,
        categories: 0,
        group: Group::Connection,
        keys: &[],
        since: "2.4.0",
        complexity: "Depends on subcommand.",
        summary: "A container for client connection commands",
        run: Run::Home,
        subcommands: client::SUBCOMMANDS,
    },
];
