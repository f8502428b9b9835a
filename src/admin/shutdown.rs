//! SHUTDOWN: every shard closes its clients and ends its thread, then the process ends with code 0.
//!
//! The shards see the same flag that a signal sets, within one round of housekeeping.

use super::docs::server as docs;
use std::sync::atomic::Ordering;

use crate::base::Token;
use crate::cmd::special::{InMulti, PLAIN, Special};
use crate::cmd::{Command, Group, Reach, Run, flag};
use crate::conn::State;
use crate::resp::{Args, Error};
use crate::shard::{Core, Flow, HomeCommand};

/// The commands of this file.
pub static COMMANDS: &[HomeCommand] = &[HomeCommand::new(
    shutdown,
    Command {
        name: "shutdown",
        arity: -1,
        flags: flag::ADMIN | flag::NOSCRIPT | flag::LOADING | flag::STALE | flag::ALLOW_BUSY,
        categories: 0,
        group: Group::Server,
        keys: &[],
        docs: &docs::SHUTDOWN,
        special: Special {
            in_multi: InMulti::Refused,
            ..PLAIN
        },
        run: Run::Home(Reach::Everyone),
        subcommands: &[],
    },
)];

/// What the arguments ask for.
#[derive(Debug, Default, PartialEq, Eq)]
struct Wish {
    save: bool,
    no_save: bool,
    abort: bool,
}

impl Wish {
    /// None for arguments that make no sense together.
    fn read(args: &Args<'_>) -> Option<Self> {
        let mut wish = Self::default();
        let mut hurried = false;
        for at in 1..args.len() {
            if args.is(at, "nosave") {
                wish.no_save = true;
            } else if args.is(at, "save") {
                wish.save = true;
            } else if args.is(at, "now") || args.is(at, "force") {
                hurried = true;
            } else if args.is(at, "abort") {
                wish.abort = true;
            } else {
                return None;
            }
        }
        let alone = !wish.save && !wish.no_save && !hurried;
        let sensible = !(wish.save && wish.no_save) && (!wish.abort || alone);
        sensible.then_some(wish)
    }
}

fn shutdown(core: &mut Core, token: Token, args: &Args<'_>) -> Flow {
    let error = match Wish::read(args) {
        None => Error::SYNTAX,
        Some(Wish { abort: true, .. }) => Error::new("ERR No shutdown in progress."),
        Some(Wish { save: true, .. }) => {
            // Stopping without having saved would lose what the client asked to keep.
            Error::new("ERR Errors trying to SHUTDOWN. This server cannot save.")
        }
        Some(_) => {
            core.client(token).state = State::Waiting;
            core.shared().stop.store(true, Ordering::SeqCst);
            // This shard need not wait for its housekeeping.
            core.stop();
            return Flow::Stop;
        }
    };
    core.error(token, &error);
    Flow::Next
}
