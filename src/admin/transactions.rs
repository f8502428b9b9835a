//! MULTI, EXEC, DISCARD, WATCH, UNWATCH: rows; what they do is the shard's (`shard/multi.rs`).
//!
//! Transactions concern every part of a shard, so the functions are its methods.
//! Nothing but rows belongs here.

use crate::cmd::keyspec::access;
use crate::cmd::{Command, Group, KeySpec, Reach, Run, acl, flag};
use crate::shard::HomeCommand;

/// The commands of this file.
pub static COMMANDS: &[HomeCommand] = &[
    HomeCommand::new(
        |core, token, _| core.multi(token),
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
            run: Run::Home(Reach::Client),
            subcommands: &[],
        },
    ),
    HomeCommand::new(
        |core, token, _| core.exec(token),
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
            run: Run::Home(Reach::Everyone),
            subcommands: &[],
        },
    ),
    HomeCommand::new(
        |core, token, _| core.discard(token),
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
            run: Run::Home(Reach::Client),
            subcommands: &[],
        },
    ),
    HomeCommand::new(
        |core, token, args| core.watch(token, args),
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
            run: Run::Home(Reach::Everyone),
            subcommands: &[],
        },
    ),
    HomeCommand::new(
        |core, token, _| core.unwatch(token),
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
            run: Run::Home(Reach::Client),
            subcommands: &[],
        },
    ),
];
