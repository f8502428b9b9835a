//! DEBUG: looking into the server and putting it into states that tests need.
//!
//! Guarded by `enable-debug-command`. What concerns keys or every shard is a query; the others are
//! answered at once. What looks at keys stands in `debug/data.rs` and `debug/digest.rs`. A
//! subcommand that this server has nothing to do for, because it lacks the mechanism (scripts,
//! packed list nodes), is accepted if its values make sense.

mod data;
mod digest;
mod protocol;
mod record;

#[cfg(test)]
pub(crate) use digest::value_digest;

use super::docs::server as docs;
use std::sync::Arc;
use std::time::Duration;

use super::help::help;
use crate::base::Token;
use crate::base::fatal::{Crash, crash};
use crate::cmd::special::PLAIN;
use crate::cmd::{Command, Group, Reach, Run, flag};
use crate::conn::ReplyBufferRules;
use crate::limits::{GLOB_DEBUG_BYTES_MAX, PACKED_THRESHOLD_BYTES_MAX};
use crate::resp::{Args, Error, glob_match, parse_f64, parse_i64, parse_u64};
use crate::shard::{Core, Flow, HomeCommand, HomeFunction, Query};

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
        special: PLAIN,
        run: Run::Home(Reach::Everyone),
        subcommands: &[],
    },
)];

const FORBIDDEN: &str = "ERR DEBUG command not allowed. If the enable-debug-command option is set to \"local\", \
    you can run it from a local connection, otherwise you need to set this option in the \
    configuration file, and then restart the server.";

/// Longest DEBUG SLEEP, seconds.
const SLEEP_MAX_S: f64 = 3600.0;

/// Subcommands: name, least and most arguments behind it, function.
type Subcommand = (&'static str, usize, usize, HomeFunction);

static SUBCOMMANDS: &[Subcommand] = &[
    ("sleep", 1, 1, sleep),
    ("set-active-expire", 1, 1, set_active_expire),
    ("pause-cron", 1, 1, pause_cron),
    ("populate", 1, 3, data::populate),
    ("reload", 0, 3, data::reload),
    ("loadaof", 0, 0, data::reload),
    ("digest", 0, 0, digest::dataset),
    ("digest-value", 0, usize::MAX, digest::values),
    ("object", 1, 2, data::object),
    ("htstats", 1, 2, data::table_statistics),
    ("change-repl-id", 0, 0, change_replication_id),
    ("protocol", 1, 1, protocol::protocol),
    ("record", 1, 1, record::record),
    ("error", 1, 1, error),
    ("log", 1, 1, log),
    ("stringmatch-len", 2, 2, match_length),
    ("quicklist-packed-threshold", 1, 1, packed_threshold),
    ("set-disable-deny-scripts", 1, 1, accept),
    ("replybuffer", 2, 2, reply_buffer),
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
    "RECORD <ON|OFF|TAKE>",
    "    Keep what log and replicas would be told, or stop; return what was kept, by shard.",
    "RELOAD",
    "    Write every value as into a snapshot, in memory, and read it back.",
    "REPLYBUFFER <PEAK-RESET-TIME|RESIZING> <value>",
    "    Set the time in milliseconds (or NEVER, or RESET for the default) after which the peak use",
    "    of a client's reply buffer is forgotten, or 0 to keep buffers from being cut.",
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
    refuse(core, token, &unknown(args))
}

fn unknown(args: &Args<'_>) -> Error {
    let shown = String::from_utf8_lossy(args.get(1));
    Error::from(format!(
        "ERR unknown subcommand or wrong number of arguments for '{shown}'. Try DEBUG HELP."
    ))
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
    // As in Redis it is nobody's failure, so it is not counted.
    core.reply(token).error(&Error::from(text));
    Flow::Next
}

fn packed_threshold(core: &mut Core, token: Token, args: &Args<'_>) -> Flow {
    let text = args.get(2);
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let known = ["", "b", "k", "kb", "m", "mb", "g", "gb"]
        .iter()
        .any(|unit| text[digits..].eq_ignore_ascii_case(unit.as_bytes()));
    if known && parse_u64(&text[..digits]).is_some_and(|size| size < PACKED_THRESHOLD_BYTES_MAX) {
        return accept(core, token, args);
    }
    let error =
        Error::new("ERR argument must be a memory value bigger than 1 and smaller than 4gb");
    refuse(core, token, &error)
}

fn match_length(core: &mut Core, token: Token, args: &Args<'_>) -> Flow {
    let Some(length) = parse_u64(args.get(2)).filter(|length| *length <= GLOB_DEBUG_BYTES_MAX)
    else {
        return refuse(core, token, &Error::NOT_INTEGER);
    };
    let text = vec![b'A'; length as usize];
    let fits = glob_match(args.get(3), &text, false);
    core.reply(token).integer(i64::from(fits));
    Flow::Next
}

/// Sends a query without a result to every shard; the reply is OK.
fn on_all_shards<Q: Query<Answer = ()>>(core: &mut Core, token: Token, query: Q) -> Flow {
    core.ask_all(token, query, |core, token, _| {
        core.complete(token, |reply| reply.ok());
    })
}

/// A shard stands still; what it is sent meanwhile waits.
struct Sleep(Duration);

impl Query for Sleep {
    type Answer = ();

    fn answer(&self, _core: &mut Core) {}

    fn standstill(&self) -> Option<Duration> {
        Some(self.0)
    }
}

fn sleep(core: &mut Core, token: Token, args: &Args<'_>) -> Flow {
    let seconds = parse_f64(args.get(2))
        .unwrap_or(0.0)
        .clamp(0.0, SLEEP_MAX_S);
    on_all_shards(core, token, Sleep(Duration::from_secs_f64(seconds)))
}

fn switched_on(args: &Args<'_>) -> bool {
    parse_i64(args.get(2)) != Some(0)
}

/// A shard removes expired keys by itself, or only when somebody meets them.
struct ActiveExpiry(bool);

impl Query for ActiveExpiry {
    type Answer = ();

    fn answer(&self, core: &mut Core) {
        core.debugged_mut().active_expiry_off = !self.0;
    }
}

fn set_active_expire(core: &mut Core, token: Token, args: &Args<'_>) -> Flow {
    on_all_shards(core, token, ActiveExpiry(switched_on(args)))
}

/// A shard does no background work that changes data, or does it again.
struct PauseCron(bool);

impl Query for PauseCron {
    type Answer = ();

    fn answer(&self, core: &mut Core) {
        core.debugged_mut().expiry_paused = self.0;
    }
}

fn pause_cron(core: &mut Core, token: Token, args: &Args<'_>) -> Flow {
    on_all_shards(core, token, PauseCron(switched_on(args)))
}

/// A shard names this replication id from now on.
/// What DEBUG REPLYBUFFER changes.
enum ReplyBufferRule {
    Resizing(bool),
    PeakReset(Option<u64>),
}

impl ReplyBufferRule {
    fn parse(args: &Args<'_>) -> Result<Self, Error> {
        if args.is(2, "resizing") {
            let number = parse_i64(args.get(3));
            return Ok(Self::Resizing(number.is_some_and(|number| number != 0)));
        }
        if !args.is(2, "peak-reset-time") {
            return Err(unknown(args));
        }
        let after_us = if args.is(3, "never") {
            None
        } else if args.is(3, "reset") {
            ReplyBufferRules::default().peak_reset_us
        } else {
            let time_ms = parse_i64(args.get(3)).ok_or(Error::NOT_INTEGER)?;
            let time_ms = u64::try_from(time_ms).ok();
            time_ms.map(|time_ms| time_ms.saturating_mul(1000))
        };
        Ok(Self::PeakReset(after_us))
    }
}

impl Query for ReplyBufferRule {
    type Answer = ();

    fn answer(&self, core: &mut Core) {
        let rules = &mut core.debugged_mut().reply_buffers;
        match self {
            Self::Resizing(resizing) => rules.resizing = *resizing,
            Self::PeakReset(after_us) => rules.peak_reset_us = *after_us,
        }
    }
}

fn reply_buffer(core: &mut Core, token: Token, args: &Args<'_>) -> Flow {
    match ReplyBufferRule::parse(args) {
        Ok(rule) => on_all_shards(core, token, rule),
        Err(error) => refuse(core, token, &error),
    }
}

struct ReplicationId(Arc<str>);

impl Query for ReplicationId {
    type Answer = ();

    fn answer(&self, core: &mut Core) {
        core.debugged_mut().replication_id = Some(self.0.clone());
    }
}

fn change_replication_id(core: &mut Core, token: Token, _args: &Args<'_>) -> Flow {
    let words: [u64; 3] = std::array::from_fn(|_| core.random().next_u64());
    let digits: String = words.iter().map(|word| format!("{word:016x}")).collect();
    on_all_shards(core, token, ReplicationId(digits[..40].into()))
}
