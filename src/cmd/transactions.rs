//! Rows of the transaction commands.
//!
//! Their functions queue on the client and run whole transactions, so they are in `shard::home`.

use super::keyspec::access;
use super::{Command, Group, KeySpec, Run, acl, flag};

/// The rows of this family.
pub static COMMANDS: &[Command] = &[
    Command {
        name: "multi",
        arity: 1,
        flags: flag::NOSCRIPT | flag::LOADING | flag::STALE | flag::FAST | flag::ALLOW_BUSY,
        categories: acl::TRANSACTION,
        group: Group::Transactions,
        keys: &[],
        since: "1.2.0",
        complexity: "O(1)",
        summary: "Mark the start of a transaction block",
        run: Run::Home,
        subcommands: &[],
    },
    Command {
        name: "exec",
        arity: 1,
        flags: flag::NOSCRIPT | flag::LOADING | flag::STALE | flag::SKIP_SLOWLOG,
        categories: acl::TRANSACTION,
        group: Group::Transactions,
        keys: &[],
        since: "1.2.0",
        complexity: "Depends on commands in the transaction",
        summary: "Execute all commands issued after MULTI",
        run: Run::Home,
        subcommands: &[],
    },
    Command {
        name: "discard",
        arity: 1,
        flags: flag::NOSCRIPT | flag::LOADING | flag::STALE | flag::FAST | flag::ALLOW_BUSY,
        categories: acl::TRANSACTION,
        group: Group::Transactions,
        keys: &[],
        since: "2.0.0",
        complexity: "O(N), when N is the number of queued commands",
        summary: "Discard all commands issued after MULTI",
        run: Run::Home,
        subcommands: &[],
    },
    Command {
        name: "watch",
        arity: -2,
        flags: flag::NOSCRIPT | flag::LOADING | flag::STALE | flag::FAST | flag::ALLOW_BUSY,
        categories: acl::TRANSACTION,
        group: Group::Transactions,
        keys: &[KeySpec::range(1, -1, 1, access::RO)],
        since: "2.2.0",
        complexity: "O(1) for every key.",
        summary: "Watch the given keys to determine execution of the MULTI/EXEC block",
        run: Run::Home,
        subcommands: &[],
    },
    Command {
        name: "unwatch",
        arity: 1,
        flags: flag::NOSCRIPT | flag::LOADING | flag::STALE | flag::FAST | flag::ALLOW_BUSY,
        categories: acl::TRANSACTION,
        group: Group::Transactions,
        keys: &[],
        since: "2.2.0",
        complexity: "O(1)",
        summary: "Forget about all watched keys",
        run: Run::Home,
        subcommands: &[],
    },
];
