//! Rows of MEMORY's subcommands.
//!
//! Their functions, which need the whole server, are in `shard::home`. MEMORY USAGE
//! works on a key, so it runs where the key is.
//! Nothing but rows belongs here.

use crate::cmd::keyspec::access;
use crate::cmd::{Command, Group, KeySpec, Run, flag};

/// The rows of the subcommands.
pub static SUBCOMMANDS: &[Command] = &[
    Command {
        name: "doctor",
        arity: 2,
        flags: 0,
        categories: 0,
        group: Group::Server,
        keys: &[],
        since: "4.0.0",
        complexity: "O(1)",
        summary: "Outputs memory problems report",
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
        since: "4.0.0",
        complexity: "O(1)",
        summary: "Show helpful text about the different subcommands",
        run: Run::Home,
        subcommands: &[],
    },
    Command {
        name: "malloc-stats",
        arity: 2,
        flags: 0,
        categories: 0,
        group: Group::Server,
        keys: &[],
        since: "4.0.0",
        complexity: "Depends on how much memory is allocated, could be slow",
        summary: "Show allocator internal stats",
        run: Run::Home,
        subcommands: &[],
    },
    Command {
        name: "purge",
        arity: 2,
        flags: 0,
        categories: 0,
        group: Group::Server,
        keys: &[],
        since: "4.0.0",
        complexity: "Depends on how much memory is allocated, could be slow",
        summary: "Ask the allocator to release memory",
        run: Run::Home,
        subcommands: &[],
    },
    Command {
        name: "stats",
        arity: 2,
        flags: 0,
        categories: 0,
        group: Group::Server,
        keys: &[],
        since: "4.0.0",
        complexity: "O(1)",
        summary: "Show memory usage details",
        run: Run::Home,
        subcommands: &[],
    },
    Command {
        name: "usage",
        arity: -3,
        flags: flag::READONLY,
        categories: 0,
        group: Group::Server,
        keys: &[KeySpec::one(2, access::RO)],
        since: "4.0.0",
        complexity: "O(N) where N is the number of samples.",
        summary: "Estimate the memory usage of a key",
        run: Run::Keys(crate::cmd::keys::object::usage),
        subcommands: &[],
    },
];
