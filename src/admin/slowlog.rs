//! SLOWLOG: what took long, newest first, over all shards.
//!
//! Each client's shard keeps its log; ids count up over all of them, so that the newest entries of
//! the whole server are those within `slowlog-max-len` of the latest id.

use super::docs::server as docs;
use std::sync::atomic::Ordering;

use super::help::help;
use crate::base::Token;
use crate::cmd::special::PLAIN;
use crate::cmd::{Command, Group, Reach, Run, flag};
use crate::limits::SLOWLOG_COUNT_DEFAULT;
use crate::metrics::SlowEntry;
use crate::resp::{Args, Error, parse_i64};
use crate::shard::{Core, Flow, HomeCommand, Query};

/// The commands of this file.
pub static COMMANDS: &[HomeCommand] = &[HomeCommand::container(
    Command {
        name: "slowlog",
        arity: -2,
        flags: 0,
        categories: 0,
        group: Group::Server,
        keys: &[],
        docs: &docs::SLOWLOG,
        special: PLAIN,
        run: Run::Container,
        subcommands: &[],
    },
    &[SUBCOMMANDS],
)];

/// Subcommands of SLOWLOG.
static SUBCOMMANDS: &[HomeCommand] = &[
    HomeCommand::new(
        get,
        Command {
            name: "get",
            arity: -2,
            flags: flag::ADMIN | flag::LOADING | flag::STALE,
            categories: 0,
            group: Group::Server,
            keys: &[],
            docs: &docs::SLOWLOG_GET,
            special: PLAIN,
            run: Run::Home(Reach::Everyone),
            subcommands: &[],
        },
    ),
    HomeCommand::new(
        len,
        Command {
            name: "len",
            arity: 2,
            flags: flag::ADMIN | flag::LOADING | flag::STALE,
            categories: 0,
            group: Group::Server,
            keys: &[],
            docs: &docs::SLOWLOG_LEN,
            special: PLAIN,
            run: Run::Home(Reach::Everyone),
            subcommands: &[],
        },
    ),
    HomeCommand::new(
        reset,
        Command {
            name: "reset",
            arity: 2,
            flags: flag::ADMIN | flag::LOADING | flag::STALE,
            categories: 0,
            group: Group::Server,
            keys: &[],
            docs: &docs::SLOWLOG_RESET,
            special: PLAIN,
            run: Run::Home(Reach::Everyone),
            subcommands: &[],
        },
    ),
    HomeCommand::new(
        |core, token, _| help(core, token, "SLOWLOG", HELP),
        Command {
            name: "help",
            arity: 2,
            flags: flag::LOADING | flag::STALE,
            categories: 0,
            group: Group::Server,
            keys: &[],
            docs: &docs::SLOWLOG_HELP,
            special: PLAIN,
            run: Run::Home(Reach::Client),
            subcommands: &[],
        },
    ),
];

const HELP: &[&str] = &[
    "GET [<count>]",
    "    Return top <count> entries from the slowlog (default: 10, -1 mean all).",
    "    Entries are made of:",
    "    id, timestamp, time in microseconds, arguments array, client IP and port,",
    "    client name",
    "LEN",
    "    Return the length of the slowlog.",
    "RESET",
    "    Reset the slowlog.",
];

/// A shard's part of the log.
struct Read;

impl Query for Read {
    type Answer = Vec<SlowEntry>;

    fn answer(&self, core: &mut Core) -> Vec<SlowEntry> {
        core.metrics().slow_log().iter().cloned().collect()
    }
}

/// Forgets a shard's part of the log.
struct Forget;

impl Query for Forget {
    type Answer = ();

    fn answer(&self, core: &mut Core) {
        core.metrics_mut().clear_slow_log();
    }
}

/// The server's log, newest first.
fn newest(core: &Core, parts: Vec<Vec<SlowEntry>>) -> Vec<SlowEntry> {
    let next_id = core.shared().slow_log_ids.load(Ordering::Relaxed);
    let oldest = next_id.saturating_sub(core.config().slowlog_max_len);
    let mut entries: Vec<SlowEntry> = parts.into_iter().flatten().collect();
    entries.retain(|entry| entry.id >= oldest);
    entries.sort_unstable_by_key(|entry| std::cmp::Reverse(entry.id));
    entries
}

fn get(core: &mut Core, token: Token, args: &Args<'_>) -> Flow {
    let count = if args.len() == 2 {
        Some(SLOWLOG_COUNT_DEFAULT)
    } else {
        match parse_i64(args.get(2)) {
            Some(-1) => Some(usize::MAX),
            Some(number) => usize::try_from(number).ok(),
            None => None,
        }
    };
    let Some(count) = count else {
        let error = Error::new("ERR count should be greater than or equal to -1");
        core.error(token, &error);
        return Flow::Next;
    };
    core.ask_all(token, Read, move |core, token, answers| {
        let mut entries = newest(core, answers);
        entries.truncate(count);
        core.complete(token, |reply| {
            reply.array(entries.len());
            let number = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
            for entry in &entries {
                reply.array(6);
                reply.integer(number(entry.id));
                reply.integer(number(entry.time_s));
                reply.integer(number(entry.duration_us));
                reply.array(entry.words.len());
                entry.words.iter().for_each(|word| reply.bulk(word));
                reply.bulk(entry.address.as_bytes());
                reply.bulk(entry.name.as_bytes());
            }
        });
    })
}

fn len(core: &mut Core, token: Token, _args: &Args<'_>) -> Flow {
    core.ask_all(token, Read, |core, token, answers| {
        let entries = newest(core, answers);
        core.complete(token, |reply| reply.integer(entries.len() as i64));
    })
}

fn reset(core: &mut Core, token: Token, _args: &Args<'_>) -> Flow {
    core.ask_all(token, Forget, |core, token, _| {
        core.complete(token, |reply| reply.ok());
    })
}
