//! DEBUG: looking into the server and putting it into states that tests need.
//!
//! Guarded by `enable-debug-command`. A subcommand that concerns every shard goes to all of them as an
//! errand and is carried out by `debug_here`; the others are answered at once.

use std::sync::Arc;
use std::time::Duration;

use super::HomeFunction;
use super::help::help;
use crate::base::Token;
use crate::resp::{Args, Error, Protocol, parse_f64, parse_i64};
use crate::route::{Answer, Carried, Errand};
use crate::shard::Core;
use crate::shard::input::Flow;

/// The functions of this file.
pub static FUNCTIONS: &[(&str, HomeFunction)] = &[("debug", debug)];

const FORBIDDEN: &str = "ERR DEBUG command not allowed. If the enable-debug-command option is set to \"local\", \
    you can run it from a local connection, otherwise you need to set this option in the \
    configuration file, and then restart the server.";

/// Longest DEBUG SLEEP, seconds.
const SLEEP_MAX_S: f64 = 3600.0;

/// Subcommands: name, least and most arguments behind it, function.
type Subcommand = (&'static str, usize, usize, HomeFunction);

static SUBCOMMANDS: &[Subcommand] = &[
    ("sleep", 1, 1, on_all_shards),
    ("set-active-expire", 1, 1, on_all_shards),
    ("quicklist-packed-threshold", 1, 1, accept),
    ("set-disable-deny-scripts", 1, 1, accept),
    ("log", 1, 1, log),
    ("jmap", 0, 0, accept),
    ("help", 0, 0, |core, token, _| {
        help(core, token, "DEBUG", HELP)
    }),
];

const HELP: &[&str] = &[
    "SET-ACTIVE-EXPIRE <0|1>",
    "    Setting it to 0 disables expiring keys in background.",
    "SLEEP <seconds>",
    "    Stop the server for <seconds>. Decimals allowed.",
];

fn debug(core: &mut Core, token: Token, args: &Args<'_>) -> Flow {
    let local = core.is_local(token);
    if !core.config.enable_debug_command.allows(local) {
        core.error(token, &Error::new(FORBIDDEN));
        return Flow::Next;
    }
    let behind = args.len() - 2;
    let found = SUBCOMMANDS
        .iter()
        .find(|(name, least, most, _)| args.is(1, name) && (*least..=*most).contains(&behind));
    match found {
        Some((_, _, _, function)) => function(core, token, args),
        None => {
            let shown = String::from_utf8_lossy(args.get(1)).into_owned();
            let error = Error::from(format!(
                "ERR unknown subcommand or wrong number of arguments for '{shown}'. Try DEBUG HELP."
            ));
            core.error(token, &error);
            Flow::Next
        }
    }
}

fn accept(core: &mut Core, token: Token, _args: &Args<'_>) -> Flow {
    core.reply(token).ok();
    Flow::Next
}

fn log(core: &mut Core, token: Token, args: &Args<'_>) -> Flow {
    println!("DEBUG LOG: {}", String::from_utf8_lossy(args.get(2)));
    core.reply(token).ok();
    Flow::Next
}

/// Sends the subcommand to every shard, this one included.
fn on_all_shards(core: &mut Core, token: Token, args: &Args<'_>) -> Flow {
    if args.is(1, "sleep") && sleep_duration(args).is_none() {
        core.error(token, &Error::NOT_FLOAT);
        return Flow::Next;
    }
    let db = core.client(token).session.db;
    let carried = Arc::new(Carried::new(0, db, Protocol::Resp2, true, args));
    core.ask_all(token, &Errand::Debug(carried), |core, token, _| {
        core.complete(token, |reply| reply.ok());
    })
}

fn sleep_duration(args: &Args<'_>) -> Option<Duration> {
    parse_f64(args.get(2))
        .map(|seconds| seconds.clamp(0.0, SLEEP_MAX_S))
        .map(Duration::from_secs_f64)
}

impl Core {
    /// This shard's part of a DEBUG subcommand.
    pub fn debug_here(&mut self, carried: &Carried) -> Answer {
        let args = carried.args();
        if args.is(1, "sleep") {
            crate::base::stall(sleep_duration(&args).expect("the asking shard has read it"));
        } else if args.is(1, "set-active-expire") {
            self.active_expire = parse_i64(args.get(2)) != Some(0);
        }
        Answer::Done
    }
}
