//! Rows of CONFIG's subcommands.
//!
//! Their functions, which need the whole server, are in `shard::home`.
//! Nothing but rows belongs here.

use crate::cmd::{Command, Group, Run, flag};

/// The rows of the subcommands.
pub static SUBCOMMANDS: &[Command] = &[
    Command {
        name: "get",
        arity: -3,
        flags: flag::ADMIN | flag::NOSCRIPT | flag::LOADING | flag::STALE,
        categories: 0,
        group: Group::Server,
        keys: &[],
        since: "2.0.0",
        complexity: "O(N) when N is the number of configuration parameters provided",
        summary: "Get the values of configuration parameters",
        run: Run::Home,
        subcommands: &[],
    },
    Command {
        name: "set",
        arity: -4,
        flags: flag::ADMIN | flag::NOSCRIPT | flag::LOADING | flag::STALE,
        categories: 0,
        group: Group::Server,
        keys: &[],
        since: "2.0.0",
        complexity: "O(N) when N is the number of configuration parameters provided",
        summary: "Set configuration parameters to the given values",
        run: Run::Home,
        subcommands: &[],
    },
    Command {
        name: "rewrite",
        arity: 2,
        flags: flag::ADMIN | flag::NOSCRIPT | flag::LOADING | flag::STALE,
        categories: 0,
        group: Group::Server,
        keys: &[],
        since: "2.8.0",
        complexity: "O(1)",
        summary: "Rewrite the configuration file with the in memory configuration",
        run: Run::Home,
        subcommands: &[],
    },
    Command {
        name: "resetstat",
        arity: 2,
        flags: flag::ADMIN | flag::NOSCRIPT | flag::LOADING | flag::STALE,
        categories: 0,
        group: Group::Server,
        keys: &[],
        since: "2.0.0",
        complexity: "O(1)",
        summary: "Reset the stats returned by INFO",
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
        since: "5.0.0",
        complexity: "O(1)",
        summary: "Show helpful text about the different subcommands",
        run: Run::Home,
        subcommands: &[],
    },
];
