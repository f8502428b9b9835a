//! MULTI, EXEC, DISCARD, WATCH, UNWATCH: rows; what they do is the shard's (`shard/multi.rs`).
//!
//! Transactions concern every part of a shard, so the functions are its methods.
//! Nothing but rows belongs here.

use super::docs::transactions as docs;
use crate::cmd::keyspec::access;
use crate::cmd::special::{InMulti, PLAIN, Special};
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
            docs: &docs::MULTI,
            special: Special {
                in_multi: InMulti::Runs,
                ..PLAIN
            },
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
            docs: &docs::EXEC,
            special: Special {
                in_multi: InMulti::Executes,
                ..PLAIN
            },
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
            docs: &docs::DISCARD,
            special: Special {
                in_multi: InMulti::GivesUp,
                ..PLAIN
            },
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
            docs: &docs::WATCH,
            special: Special {
                in_multi: InMulti::Runs,
                ..PLAIN
            },
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
            docs: &docs::UNWATCH,
            special: PLAIN,
            run: Run::Home(Reach::Client),
            subcommands: &[],
        },
    ),
];
