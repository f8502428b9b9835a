//! PING, ECHO, SELECT, QUIT: the connection commands that concern nobody else.
//!
//! Who the client is stands in `hello.rs`, CLIENT in `client.rs` and `clients.rs`.
//! Changes nothing but the client's own session.

use super::HomeFunction;
use crate::base::Token;
use crate::resp::{Args, Error, parse_i64};
use crate::shard::Core;
use crate::shard::input::Flow;

/// The functions of this file.
pub static FUNCTIONS: &[(&str, HomeFunction)] = &[
    ("ping", ping),
    ("echo", echo),
    ("select", select),
    ("quit", quit),
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

fn select(core: &mut Core, token: Token, args: &Args<'_>) -> Flow {
    let Some(number) = parse_i64(args.get(1)) else {
        core.error(token, &Error::NOT_INTEGER);
        return Flow::Next;
    };
    match u16::try_from(number)
        .ok()
        .filter(|db| *db < core.config.databases)
    {
        Some(db) => {
            core.client(token).session.db = db;
            core.reply(token).ok();
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
