//! Server commands of a few lines each: TIME, LASTSAVE, ROLE, LOLWUT, FUNCTION.
//!
//! What the server does not have is answered truthfully: no functions, no replicas.

use super::docs::server as docs;
use super::help::help;
use crate::base::Token;
use crate::cmd::special::PLAIN;
use crate::cmd::{Command, Group, Reach, Run, acl, flag};
use crate::limits::STONES_MAX;
use crate::resp::{Args, Error, REDIS_VERSION, parse_i64};
use crate::shard::{Core, Flow, HomeCommand};

/// The commands of this file.
pub static COMMANDS: &[HomeCommand] = &[
    HomeCommand::new(
        time,
        Command {
            name: "time",
            arity: 1,
            flags: flag::LOADING | flag::STALE | flag::FAST,
            categories: 0,
            group: Group::Server,
            keys: &[],
            docs: &docs::TIME,
            special: PLAIN,
            run: Run::Home(Reach::Client),
            subcommands: &[],
        },
    ),
    HomeCommand::new(
        last_save,
        Command {
            name: "lastsave",
            arity: 1,
            flags: flag::LOADING | flag::STALE | flag::FAST,
            categories: acl::ADMIN | acl::DANGEROUS,
            group: Group::Server,
            keys: &[],
            docs: &docs::LASTSAVE,
            special: PLAIN,
            run: Run::Home(Reach::Client),
            subcommands: &[],
        },
    ),
    HomeCommand::new(
        role,
        Command {
            name: "role",
            arity: 1,
            flags: flag::NOSCRIPT | flag::LOADING | flag::STALE | flag::FAST,
            categories: acl::ADMIN | acl::DANGEROUS,
            group: Group::Server,
            keys: &[],
            docs: &docs::ROLE,
            special: PLAIN,
            run: Run::Home(Reach::Client),
            subcommands: &[],
        },
    ),
    HomeCommand::new(
        lolwut,
        Command {
            name: "lolwut",
            arity: -1,
            flags: flag::READONLY | flag::FAST,
            categories: 0,
            group: Group::Server,
            keys: &[],
            docs: &docs::LOLWUT,
            special: PLAIN,
            run: Run::Home(Reach::Client),
            subcommands: &[],
        },
    ),
    HomeCommand::container(
        Command {
            name: "function",
            arity: -2,
            flags: 0,
            categories: 0,
            group: Group::Scripting,
            keys: &[],
            docs: &docs::FUNCTION,
            special: PLAIN,
            run: Run::Container,
            subcommands: &[],
        },
        &[SUBCOMMANDS],
    ),
];

/// Subcommands of FUNCTION.
static SUBCOMMANDS: &[HomeCommand] = &[
    HomeCommand::new(
        function_flush,
        Command {
            name: "flush",
            arity: -2,
            flags: flag::WRITE | flag::NOSCRIPT,
            categories: acl::SCRIPTING,
            group: Group::Scripting,
            keys: &[],
            docs: &docs::FUNCTION_FLUSH,
            special: PLAIN,
            run: Run::Home(Reach::Client),
            subcommands: &[],
        },
    ),
    HomeCommand::new(
        function_list,
        Command {
            name: "list",
            arity: -2,
            flags: flag::NOSCRIPT,
            categories: acl::SCRIPTING,
            group: Group::Scripting,
            keys: &[],
            docs: &docs::FUNCTION_LIST,
            special: PLAIN,
            run: Run::Home(Reach::Client),
            subcommands: &[],
        },
    ),
    HomeCommand::new(
        |core, token, _| help(core, token, "FUNCTION", FUNCTION_HELP),
        Command {
            name: "help",
            arity: 2,
            flags: flag::LOADING | flag::STALE,
            categories: acl::SCRIPTING,
            group: Group::Scripting,
            keys: &[],
            docs: &docs::FUNCTION_HELP,
            special: PLAIN,
            run: Run::Home(Reach::Client),
            subcommands: &[],
        },
    ),
];

const FUNCTION_HELP: &[&str] = &[
    "LIST [LIBRARYNAME PATTERN] [WITHCODE]",
    "    Return the libraries; there are none.",
    "FLUSH [ASYNC|SYNC]",
    "    Delete all the libraries.",
];

fn time(core: &mut Core, token: Token, _args: &Args<'_>) -> Flow {
    let now_us = crate::base::now().unix_us;
    let mut reply = core.reply(token);
    reply.array(2);
    reply.bulk((now_us / 1_000_000).to_string().as_bytes());
    reply.bulk((now_us % 1_000_000).to_string().as_bytes());
    Flow::Next
}

/// Nothing is ever saved: as in Redis, the start counts as the last save then.
fn last_save(core: &mut Core, token: Token, _args: &Args<'_>) -> Flow {
    let started_s = core.shared().started_us / 1_000_000;
    let seconds = i64::try_from(started_s).expect("seconds since 1970 fit 63 bits");
    core.reply(token).integer(seconds);
    Flow::Next
}

fn role(core: &mut Core, token: Token, _args: &Args<'_>) -> Flow {
    let mut reply = core.reply(token);
    reply.array(3);
    reply.bulk(b"master");
    reply.integer(0);
    reply.array(0);
    Flow::Next
}

/// A cairn of as many stones as the server has shards, and the version.
fn lolwut(core: &mut Core, token: Token, args: &Args<'_>) -> Flow {
    if args.is(1, "version") && args.len() >= 3 && parse_i64(args.get(2)).is_none() {
        core.error(token, &Error::NOT_INTEGER);
        return Flow::Next;
    }
    let stones = core.shards().min(STONES_MAX);
    let mut art = String::new();
    for stone in 1..=stones {
        let width = 2 * stone + 1;
        let indent = stones - stone + 1;
        art.push_str(&format!("{:indent$}({})\n", "", "_".repeat(width)));
    }
    art.push_str(&format!(
        "\nRedis ver. {} (Cairn {}, {} shards)\n",
        REDIS_VERSION,
        env!("CARGO_PKG_VERSION"),
        core.shards()
    ));
    core.reply(token).verbatim("txt", art.as_bytes());
    Flow::Next
}

fn function_flush(core: &mut Core, token: Token, args: &Args<'_>) -> Flow {
    if args.len() > 3 || args.len() == 3 && !args.is(2, "sync") && !args.is(2, "async") {
        let error = Error::new("ERR FUNCTION FLUSH only supports SYNC|ASYNC option");
        core.error(token, &error);
    } else {
        // Nothing was there to be deleted; a change it is all the same, as in Redis.
        core.metrics_mut().count().dirty += 1;
        core.reply(token).ok();
    }
    Flow::Next
}

fn function_list(core: &mut Core, token: Token, args: &Args<'_>) -> Flow {
    let mut option = 2;
    while option < args.len() {
        if args.is(option, "withcode") {
            option += 1;
        } else if args.is(option, "libraryname") && option + 1 < args.len() {
            option += 2;
        } else {
            let word = String::from_utf8_lossy(args.get(option)).into_owned();
            core.error(token, &Error::from(format!("ERR Unknown argument {word}")));
            return Flow::Next;
        }
    }
    core.reply(token).array(0);
    Flow::Next
}
