//! DEBUG: looking into the server and putting it into states that tests need.
//!
//! Guarded by `enable-debug-command`. What concerns keys or every shard goes out as an errand and is carried
//! out by `debug_here`; the others are answered at once. A subcommand that this server has nothing to do
//! for, because it lacks the mechanism (scripts, packed list nodes), is accepted if its values make sense.

mod data;
mod digest;
mod protocol;

use super::docs::server as docs;
use std::sync::Arc;
use std::time::Duration;

use super::help::help;
use crate::base::Token;
use crate::base::fatal::{Crash, crash};
use crate::cmd::{Command, Group, Reach, Run, flag, key_slot};
use crate::resp::{Args, Error, Reply, glob_match, parse_f64, parse_i64, parse_u64};
use crate::route::{Answer, Carried, Errand, Head};
use crate::shard::{Core, Flow, HomeCommand, HomeFunction};

/// The commands of this file.
pub static COMMANDS: &[HomeCommand] = &[HomeCommand::new(
    debug,
    Command {
        name: "debug",
        arity: -2,
        flags: flag::ADMIN | flag::NOSCRIPT | flag::LOADING | flag::STALE | flag::SYSTEM,
        categories: 0,
        group: Group::Server,
        keys: &[],
        docs: &docs::DEBUG,
        run: Run::Home(Reach::Everyone),
        subcommands: &[],
    },
)];

const FORBIDDEN: &str = "ERR DEBUG command not allowed. If the enable-debug-command option is set to \"local\", \
    you can run it from a local connection, otherwise you need to set this option in the \
    configuration file, and then restart the server.";
const RELOAD_FAILED: Error =
    Error::new("ERR Error trying to load the RDB dump, check server logs.");

/// Longest DEBUG SLEEP, seconds.
const SLEEP_MAX_S: f64 = 3600.0;

/// Subcommands: name, least and most arguments behind it, function.
type Subcommand = (&'static str, usize, usize, HomeFunction);

static SUBCOMMANDS: &[Subcommand] = &[
    ("sleep", 1, 1, sleep),
    ("set-active-expire", 1, 1, on_all_shards),
    ("pause-cron", 1, 1, on_all_shards),
    ("populate", 1, 3, populate),
    ("reload", 0, 3, reload),
    ("loadaof", 0, 0, reload),
    ("digest", 0, 0, digest::dataset),
    ("digest-value", 0, usize::MAX, digest::values),
    ("object", 1, 2, on_owner),
    ("htstats", 1, 2, table_statistics),
    ("change-repl-id", 0, 0, change_replication_id),
    ("protocol", 1, 1, protocol::protocol),
    ("error", 1, 1, error),
    ("log", 1, 1, log),
    ("stringmatch-len", 2, 2, match_length),
    ("quicklist-packed-threshold", 1, 1, packed_threshold),
    ("set-disable-deny-scripts", 1, 1, accept),
    ("replybuffer", 2, 2, accept),
    ("segfault", 0, 0, |_, _, _| crash(Crash::Segfault)),
    ("panic", 0, 0, |_, _, _| crash(Crash::Panic)),
    ("assert", 0, 0, |_, _, _| crash(Crash::Assertion)),
    ("help", 0, 0, |core, token, _| {
        help(core, token, "DEBUG", HELP)
    }),
];

const HELP: &[&str] = &[
    "ASSERT",
    "    Crash by assertion failed.",
    "CHANGE-REPL-ID",
    "    Change the replication ID of the server.",
    "DIGEST",
    "    Output a hex signature representing the current DB content.",
    "DIGEST-VALUE <key> [<key> ...]",
    "    Output a hex signature of the values of all the specified keys.",
    "ERROR <string>",
    "    Return a Redis protocol error with <string> as message.",
    "HTSTATS <dbid>",
    "    Return hash table statistics of the specified database, by shard.",
    "LOADAOF",
    "    As RELOAD: there is no log yet.",
    "LOG <message>",
    "    Write <message> to the server log.",
    "OBJECT <key>",
    "    Show low level info about <key> and its value.",
    "PANIC",
    "    Crash the server simulating a panic.",
    "PAUSE-CRON <0|1>",
    "    Stop the background work that changes data: expiring keys.",
    "POPULATE <count> [<prefix>] [<size>]",
    "    Create <count> string keys named key:<num>, or <prefix>:<num>.",
    "PROTOCOL <type>",
    "    Reply with a test value of the specified type.",
    "QUICKLIST-PACKED-THRESHOLD <size>",
    "    Accepted: how long elements are stored is not up for tuning.",
    "RELOAD",
    "    Write every value as into a snapshot, in memory, and read it back.",
    "REPLYBUFFER <PEAK-RESET-TIME|RESIZING> <value>",
    "    Accepted: idle clients have no reply buffer.",
    "SEGFAULT",
    "    Crash the server with sigsegv.",
    "SET-ACTIVE-EXPIRE <0|1>",
    "    Setting it to 0 disables expiring keys in background.",
    "SET-DISABLE-DENY-SCRIPTS <0|1>",
    "    Accepted: there are no scripts.",
    "SLEEP <seconds>",
    "    Stop every shard for <seconds>. Decimals allowed.",
    "STRINGMATCH-LEN <len> <pattern>",
    "    Match <pattern> against a string of <len> bytes.",
];

fn debug(core: &mut Core, token: Token, args: &Args<'_>) -> Flow {
    let local = core.is_local(token);
    if !core.config().enable_debug_command.allows(local) {
        return refuse(core, token, &Error::new(FORBIDDEN));
    }
    let behind = args.len() - 2;
    let found = SUBCOMMANDS
        .iter()
        .find(|(name, least, most, _)| args.is(1, name) && (*least..=*most).contains(&behind));
    if let Some((_, _, _, function)) = found {
        return function(core, token, args);
    }
    let shown = String::from_utf8_lossy(args.get(1)).into_owned();
    let error = Error::from(format!(
        "ERR unknown subcommand or wrong number of arguments for '{shown}'. Try DEBUG HELP."
    ));
    refuse(core, token, &error)
}

fn refuse(core: &mut Core, token: Token, error: &Error) -> Flow {
    core.error(token, error);
    Flow::Next
}

fn accept(core: &mut Core, token: Token, _args: &Args<'_>) -> Flow {
    core.reply(token).ok();
    Flow::Next
}

fn log(core: &mut Core, token: Token, args: &Args<'_>) -> Flow {
    let text = String::from_utf8_lossy(args.get(2));
    crate::base::log::warning(format_args!("DEBUG LOG: {text}"));
    accept(core, token, args)
}

fn error(core: &mut Core, token: Token, args: &Args<'_>) -> Flow {
    let text = String::from_utf8_lossy(args.get(2)).into_owned();
    refuse(core, token, &Error::from(text))
}

fn packed_threshold(core: &mut Core, token: Token, args: &Args<'_>) -> Flow {
    const BYTES_MAX: u64 = 4 << 30;
    let text = args.get(2);
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let known = ["", "b", "k", "kb", "m", "mb", "g", "gb"]
        .iter()
        .any(|unit| text[digits..].eq_ignore_ascii_case(unit.as_bytes()));
    if known && parse_u64(&text[..digits]).is_some_and(|size| size < BYTES_MAX) {
        return accept(core, token, args);
    }
    let error =
        Error::new("ERR argument must be a memory value bigger than 1 and smaller than 4gb");
    refuse(core, token, &error)
}

fn match_length(core: &mut Core, token: Token, args: &Args<'_>) -> Flow {
    const LENGTH_MAX: u64 = 1 << 20;
    let Some(length) = parse_u64(args.get(2)).filter(|length| *length <= LENGTH_MAX) else {
        return refuse(core, token, &Error::NOT_INTEGER);
    };
    let text = vec![b'A'; length as usize];
    let fits = glob_match(args.get(3), &text, false);
    core.reply(token).integer(i64::from(fits));
    Flow::Next
}

fn carried(core: &mut Core, token: Token, args: &Args<'_>) -> Arc<Carried> {
    let head = core.client(token).session.head(0);
    Arc::new(Carried::new(
        Head {
            no_touch: true,
            ..head
        },
        args,
    ))
}

/// Sends the subcommand to every shard, this one included; the reply is OK.
fn on_all_shards(core: &mut Core, token: Token, args: &Args<'_>) -> Flow {
    let errand = Errand::Debug(carried(core, token, args));
    core.ask_all(token, &errand, |core, token, _| {
        core.complete(token, |reply| reply.ok());
    })
}

/// Sends the subcommand to the owner of its key, whose answer is the reply.
fn on_owner(core: &mut Core, token: Token, args: &Args<'_>) -> Flow {
    let owner = core.owner(key_slot(args.get(2)));
    let errand = Errand::Debug(carried(core, token, args));
    core.ask(token, &[owner], &errand, |core, token, answers| {
        let text = texts(answers).pop().unwrap_or_default();
        core.complete(token, |reply| reply.encoded(&text));
    })
}

/// The texts among the answers.
fn texts(answers: Vec<Answer>) -> Vec<Vec<u8>> {
    answers
        .into_iter()
        .filter_map(|answer| match answer {
            Answer::Text(text) => Some(text),
            _ => None,
        })
        .collect()
}

fn sleep(core: &mut Core, token: Token, args: &Args<'_>) -> Flow {
    let seconds = parse_f64(args.get(2))
        .unwrap_or(0.0)
        .clamp(0.0, SLEEP_MAX_S);
    let errand = Errand::Sleep(Duration::from_secs_f64(seconds));
    core.ask_all(token, &errand, |core, token, _| {
        core.complete(token, |reply| reply.ok());
    })
}

fn populate(core: &mut Core, token: Token, args: &Args<'_>) -> Flow {
    let size_fits = args.len() < 5 || parse_u64(args.get(4)).is_some();
    if parse_u64(args.get(2)).is_none() || !size_fits {
        let error = Error::new("ERR value is out of range, must be positive");
        return refuse(core, token, &error);
    }
    on_all_shards(core, token, args)
}

fn reload(core: &mut Core, token: Token, args: &Args<'_>) -> Flow {
    for option in 2..args.len() {
        if args.is(option, "nosave") {
            let error = Error::new("ERR There is no saved data set to load.");
            return refuse(core, token, &error);
        }
        if !args.is(option, "merge") && !args.is(option, "noflush") {
            let error =
                Error::new("ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.");
            return refuse(core, token, &error);
        }
    }
    let errand = Errand::Debug(carried(core, token, args));
    core.ask_all(token, &errand, |core, token, answers| {
        let failed = !texts(answers).is_empty();
        core.complete(token, |reply| match failed {
            false => reply.ok(),
            true => reply.error(&RELOAD_FAILED),
        });
    })
}

fn table_statistics(core: &mut Core, token: Token, args: &Args<'_>) -> Flow {
    let db = parse_i64(args.get(2)).and_then(|db| u16::try_from(db).ok());
    if db.is_none_or(|db| db >= core.config().databases) {
        return refuse(core, token, &Error::new("ERR Out of range database"));
    }
    let errand = Errand::Debug(carried(core, token, args));
    core.ask_all(token, &errand, |core, token, answers| {
        let mut text = b"[Dictionary HT]\n".to_vec();
        for (shard, part) in texts(answers).into_iter().enumerate() {
            text.extend_from_slice(format!("Shard {shard}:\n").as_bytes());
            text.extend_from_slice(&part);
        }
        core.complete(token, |reply| reply.verbatim("txt", &text));
    })
}

fn change_replication_id(core: &mut Core, token: Token, _args: &Args<'_>) -> Flow {
    let words: [u64; 3] = std::array::from_fn(|_| core.random().next_u64());
    let digits: String = words.iter().map(|word| format!("{word:016x}")).collect();
    let errand = Errand::ReplicationId(digits[..40].into());
    core.ask_all(token, &errand, |core, token, _| {
        core.complete(token, |reply| reply.ok());
    })
}

impl Core {
    /// This shard's part of a DEBUG subcommand.
    pub fn debug_here(&mut self, carried: &Carried) -> Answer {
        let args = carried.args();
        let switched_on = args.len() == 3 && parse_i64(args.get(2)) != Some(0);
        if args.is(1, "set-active-expire") {
            self.debugged.active_expiry_off = !switched_on;
        } else if args.is(1, "pause-cron") {
            self.debugged.expiry_paused = switched_on;
        } else if args.is(1, "digest") {
            return Answer::Text(self.digest_here());
        } else if args.is(1, "digest-value") {
            return Answer::Text(self.digest_values_here(carried));
        } else if args.is(1, "object") {
            let mut text = Vec::new();
            self.describe_here(carried, &mut Reply::new(&mut text, carried.head.protocol));
            return Answer::Text(text);
        } else if args.is(1, "populate") {
            self.populate_here(carried);
        } else if args.is(1, "htstats") {
            let db = parse_u64(args.get(2)).expect("the asking shard has read the number");
            return Answer::Text(self.table_statistics_here(db as usize));
        } else if !self.reload_here() {
            return Answer::Text(b"failed".to_vec());
        }
        Answer::Done
    }
}
