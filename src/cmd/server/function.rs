//! Rows of FUNCTION's subcommands that are true of a server without functions.
//!
//! Their functions, which need the whole server, are in `shard::home`.
//! Nothing but rows belongs here.

use crate::cmd::{Command, Group, Run, acl, flag};

/// The rows of the subcommands.
pub static SUBCOMMANDS: &[Command] = &[
    Command {
        name: "flush",
        arity: -2,
        flags: flag::WRITE | flag::NOSCRIPT,
        categories: acl::SCRIPTING,
        group: Group::Scripting,
        keys: &[],
        since: "7.0.0",
        complexity: "O(N) where N is the number of functions deleted",
        summary: "Deleting all functions",
        run: Run::Home,
        subcommands: &[],
    },
    Command {
        name: "list",
        arity: -2,
        flags: flag::NOSCRIPT,
        categories: acl::SCRIPTING,
        group: Group::Scripting,
        keys: &[],
        since: "7.0.0",
        complexity: "O(N) where N is the number of functions",
        summary: "List information about all the functions",
        run: Run::Home,
        subcommands: &[],
    },
    Command {
        name: "help",
        arity: 2,
        flags: flag::LOADING | flag::STALE,
        categories: acl::SCRIPTING,
        group: Group::Scripting,
        keys: &[],
        since: "7.0.0",
        complexity: "O(1)",
        summary: "Show helpful text about the different subcommands",
        run: Run::Home,
        subcommands: &[],
    },
];
