//! PING, ECHO, SELECT, QUIT: the connection commands that concern nobody else.
//!
//! Who the client is stands in `hello.rs`, CLIENT in `client.rs` and `clients.rs`.
//! Changes nothing but the client's own session.

use super::docs::connection as docs;
use crate::base::Token;
use crate::cmd::special::{InMulti, PLAIN, Special};
use crate::cmd::{Command, Group, Reach, Run, acl, flag};
use crate::resp::{Args, Error, parse_i64};
use crate::shard::{Core, Flow, HomeCommand};
use crate::store::Db;

/// The commands of this file.
pub static COMMANDS: &[HomeCommand] = &[
    HomeCommand::new(
        ping,
        Command {
            name: "ping",
            arity: -1,
            flags: flag::FAST,
            categories: acl::CONNECTION,
            group: Group::Connection,
            keys: &[],
            docs: &docs::PING,
            special: PLAIN,
            run: Run::Home(Reach::Client),
            subcommands: &[],
        },
    ),
    HomeCommand::new(
        echo,
        Command {
            name: "echo",
            arity: 2,
            flags: flag::LOADING | flag::STALE | flag::FAST,
            categories: acl::CONNECTION,
            group: Group::Connection,
            keys: &[],
            docs: &docs::ECHO,
            special: PLAIN,
            run: Run::Home(Reach::Client),
            subcommands: &[],
        },
    ),
    HomeCommand::new(
        select,
        Command {
            name: "select",
            arity: 2,
            flags: flag::LOADING | flag::STALE | flag::FAST,
            categories: acl::CONNECTION,
            group: Group::Connection,
            keys: &[],
            docs: &docs::SELECT,
            special: PLAIN,
            run: Run::Home(Reach::Client),
            subcommands: &[],
        },
    )
    .moving_to(selected),
    HomeCommand::new(
        quit,
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
            docs: &docs::QUIT,
            special: Special {
                in_multi: InMulti::GivesUp,
                ..PLAIN
            },
            run: Run::Home(Reach::Client),
            subcommands: &[],
        },
    ),
];

fn ping(core: &mut Core, token: Token, args: &Args<'_>) -> Flow {
    match args.len() {
        1 => core.reply(token).simple("PONG"),
        2 => core.reply(token).bulk(args.get(1)),
        _ => core.error(token, &Error::arity("ping")),
    }
    Flow::Next
}

fn echo(core: &mut Core, token: Token, args: &Args<'_>) -> Flow {
    core.reply(token).bulk(args.get(1));
    Flow::Next
}

/// The database that SELECT names, of so many.
fn selected(args: &Args<'_>, databases: u16) -> Option<Db> {
    let number = parse_i64(args.get(1))?;
    Db::among(usize::try_from(number).ok()?, usize::from(databases))
}

fn select(core: &mut Core, token: Token, args: &Args<'_>) -> Flow {
    let databases = core.config().databases;
    match selected(args, databases) {
        Some(db) => {
            core.client(token).session.db = db;
            core.reply(token).ok();
        }
        None if parse_i64(args.get(1)).is_none() => core.error(token, &Error::NOT_INTEGER),
        None if parse_i64(args.get(1)).is_some_and(|it| i32::try_from(it).is_err()) => {
            core.error(token, &Error::NOT_I32);
        }
        None => core.error(token, &Error::new("ERR DB index is out of range")),
    }
    Flow::Next
}

fn quit(core: &mut Core, token: Token, _args: &Args<'_>) -> Flow {
    core.reply(token).ok();
    core.close_after_replies(token);
    Flow::Stop
}
