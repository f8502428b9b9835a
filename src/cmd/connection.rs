//! Rows of the connection commands; their functions, which need the client, are in `shard::home`.

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
        summary: "Returns the server's liveliness response.",
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
        summary: "Changes the selected database.",
        run: Run::Home,
        subcommands: &[],
    },
];
