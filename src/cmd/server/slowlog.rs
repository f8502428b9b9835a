//! Rows of SLOWLOG's subcommands.
//!
//! Their functions, which need the whole server, are in `shard::home`.
//! Nothing but rows belongs here.

use crate::cmd::{Command, Group, Run, flag};

/// The rows of the subcommands.
pub static SUBCOMMANDS: &[Command] = &[
    Command {
        name: "get",
        arity: -2,
        flags: flag::ADMIN | flag::LOADING | flag::STALE,
        categories: 0,
        group: Group::Server,
        keys: &[],
        since: "2.2.12",
        complexity: "O(N) where N is the number of entries returned",
        summary: "Get the slow log's entries",
        run: Run::Home,
        subcommands: &[],
    },
    Command {
        name: "len",
        arity: 2,
        flags: flag::ADMIN | flag::LOADING | flag::STALE,
        categories: 0,
        group: Group::Server,
        keys: &[],
        since: "2.2.12",
        complexity: "O(1)",
        summary: "Get the slow log's length",
        run: Run::Home,
        subcommands: &[],
    },
    Command {
        name: "reset",
        arity: 2,
        flags: flag::ADMIN | flag::LOADING | flag::STALE,
        categories: 0,
        group: Group::Server,
        keys: &[],
        since: "2.2.12",
        complexity: "O(N) where N is the number of entries in the slowlog",
        summary: "Clear all entries from the slow log",
        run: Run::Home,
        subcommands: &[],
    },
    Command {
        name: "help",
        arity: 2,
        flags: flag::LOADING | flag::STALE,
        categories: 0,
        group: Group::Server,
        keys: &[],
        since: "6.2.0",
        complexity: "O(1)",
        summary: "Show helpful text about the different subcommands",
        run: Run::Home,
        subcommands: &[],
    },
];
