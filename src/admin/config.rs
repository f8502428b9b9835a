//! CONFIG: reading, changing and rewriting the configuration.
//!
//! Every shard holds the configuration by itself. Changes are made one after the other on shard 0,
//! which numbers them, and reach every shard before the client has its reply; so two changes at
//! once add up, and no later one is overwritten by an earlier one that took longer.

use super::docs::server as docs;
use std::sync::Arc;

use super::help::help;
use crate::base::{ShardId, Token};
use crate::cmd::special::{PLAIN, Special};
use crate::cmd::{Command, Group, Reach, Run, flag};
use crate::config::{Config, Origin, rewrite};
use crate::resp::{Args, Error};
use crate::shard::{Core, Flow, HomeCommand, Query};

/// The commands of this file.
pub static COMMANDS: &[HomeCommand] = &[HomeCommand::container(
    Command {
        name: "config",
        arity: -2,
        flags: 0,
        categories: 0,
        group: Group::Server,
        keys: &[],
        docs: &docs::CONFIG,
        special: PLAIN,
        run: Run::Container,
        subcommands: &[],
    },
    &[SUBCOMMANDS],
)];

/// Subcommands of CONFIG.
static SUBCOMMANDS: &[HomeCommand] = &[
    HomeCommand::new(
        get,
        Command {
            name: "get",
            arity: -3,
            flags: flag::ADMIN | flag::NOSCRIPT | flag::LOADING | flag::STALE,
            categories: 0,
            group: Group::Server,
            keys: &[],
            docs: &docs::CONFIG_GET,
            special: PLAIN,
            run: Run::Home(Reach::Client),
            subcommands: &[],
        },
    ),
    HomeCommand::new(
        set,
        Command {
            name: "set",
            arity: -4,
            flags: flag::ADMIN | flag::NOSCRIPT | flag::LOADING | flag::STALE,
            categories: 0,
            group: Group::Server,
            keys: &[],
            docs: &docs::CONFIG_SET,
            special: Special {
                secret: Some(set_secret),
                ..PLAIN
            },
            run: Run::Home(Reach::Everyone),
            subcommands: &[],
        },
    ),
    HomeCommand::new(
        rewrite_file,
        Command {
            name: "rewrite",
            arity: 2,
            flags: flag::ADMIN | flag::NOSCRIPT | flag::LOADING | flag::STALE,
            categories: 0,
            group: Group::Server,
            keys: &[],
            docs: &docs::CONFIG_REWRITE,
            special: PLAIN,
            run: Run::Home(Reach::Everyone),
            subcommands: &[],
        },
    ),
    HomeCommand::new(
        reset_statistics,
        Command {
            name: "resetstat",
            arity: 2,
            flags: flag::ADMIN | flag::NOSCRIPT | flag::LOADING | flag::STALE,
            categories: 0,
            group: Group::Server,
            keys: &[],
            docs: &docs::CONFIG_RESETSTAT,
            special: PLAIN,
            run: Run::Home(Reach::Everyone),
            subcommands: &[],
        },
    ),
    HomeCommand::new(
        |core, token, _| help(core, token, "CONFIG", HELP),
        Command {
            name: "help",
            arity: 2,
            flags: flag::LOADING | flag::STALE,
            categories: 0,
            group: Group::Server,
            keys: &[],
            docs: &docs::CONFIG_HELP,
            special: PLAIN,
            run: Run::Home(Reach::Client),
            subcommands: &[],
        },
    ),
];

const HELP: &[&str] = &[
    "GET <pattern>",
    "    Return parameters matching the glob-like <pattern> and their values.",
    "SET <directive> <value>",
    "    Set the configuration <directive> to <value>.",
    "RESETSTAT",
    "    Reset statistics reported by the INFO command.",
    "REWRITE",
    "    Rewrite the configuration file.",
];

fn get(core: &mut Core, token: Token, args: &Args<'_>) -> Flow {
    let patterns: Vec<&[u8]> = args.from(2).collect();
    let found = core.config().get(&patterns);
    let mut reply = core.reply(token);
    reply.map(found.len());
    for (name, value) in found {
        reply.bulk(name.as_bytes());
        reply.bulk(value.as_bytes());
    }
    Flow::Next
}

/// The pairs of one CONFIG SET; shard 0 is asked, which makes all changes one after the other.
struct Change {
    pairs: Vec<(Vec<u8>, Vec<u8>)>,
    /// The client came over loopback or the unix socket.
    local: bool,
}

impl Query for Change {
    /// The configuration that is to be used, or the error reply.
    type Answer = Result<Use, String>;

    fn answer(&self, core: &mut Core) -> Result<Use, String> {
        assert!(
            core.id() == ShardId::FIRST,
            "changes of the configuration are ordered by shard 0"
        );
        let pairs: Vec<(&[u8], &[u8])> = self
            .pairs
            .iter()
            .map(|(name, value)| (&name[..], &value[..]))
            .collect();
        let origin = Origin {
            local: self.local,
            loading: false,
        };
        let shards = core.shards();
        let mut config = Config::clone(core.config());
        config.set_as(origin, &pairs, &mut |name, next| match name {
            "port" => {
                Err("Unable to listen on this port. That takes a restart of the server.".into())
            }
            "bind" => Err(
                "Failed to bind to specified addresses. That takes a restart of the server.".into(),
            ),
            "maxclients" => room_for(next.maxclients, shards),
            "dir" => crate::base::enter_directory(std::path::Path::new(&next.dir)),
            _ => Ok(()),
        })?;
        let names: Vec<&[u8]> = pairs.iter().map(|(name, _)| *name).collect();
        let notes = config.notes_of(&names);
        notes.iter().for_each(crate::base::log::warning);
        let new = Use {
            version: core.config_version() + 1,
            config: Arc::new(config),
        };
        new.answer(core);
        Ok(new)
    }
}

/// A configuration that every shard uses from now on, unless a later one is there already.
struct Use {
    version: u64,
    config: Arc<Config>,
}

impl Query for Use {
    type Answer = ();

    fn answer(&self, core: &mut Core) {
        core.configure(self.version, self.config.clone());
    }
}

/// The values of secret directives.
fn set_secret(args: &Args<'_>, at: usize) -> bool {
    at >= 3
        && at % 2 == 1
        && std::str::from_utf8(args.get(at - 1)).is_ok_and(crate::config::is_sensitive)
}

fn set(core: &mut Core, token: Token, args: &Args<'_>) -> Flow {
    if args.len() % 2 == 1 {
        core.error(token, &Error::SYNTAX);
        return Flow::Next;
    }
    let words: Vec<&[u8]> = args.from(2).collect();
    let change = Change {
        pairs: words
            .chunks_exact(2)
            .map(|pair| (pair[0].to_vec(), pair[1].to_vec()))
            .collect(),
        local: core.is_local(token),
    };
    core.ask_one(
        token,
        ShardId::FIRST,
        change,
        |core, token, result| match result {
            Ok(new) => {
                core.ask_all(token, new, |core, token, _| {
                    core.complete(token, |reply| reply.ok());
                });
            }
            Err(text) => {
                let error = Error::from(text);
                core.complete(token, |reply| reply.error(&error));
            }
        },
    )
}

fn rewrite_file(core: &mut Core, token: Token, _args: &Args<'_>) -> Flow {
    let Some(path) = core.shared().config_file.clone() else {
        let error = Error::new("ERR The server is running without a config file");
        core.error(token, &error);
        return Flow::Next;
    };
    let config = core.config().clone();
    let edit = move |old: &[u8]| rewrite(&String::from_utf8_lossy(old), &config).into_bytes();
    core.rewrite_file(token, path, edit)
}

/// A shard forgets what it has counted and measured.
struct Reset;

impl Query for Reset {
    type Answer = ();

    fn answer(&self, core: &mut Core) {
        core.metrics_mut().reset();
        core.reset_memory_account();
    }
}

fn reset_statistics(core: &mut Core, token: Token, _args: &Args<'_>) -> Flow {
    core.ask_all(token, Reset, |core, token, _| {
        core.complete(token, |reply| reply.ok());
    })
}

/// Refuses more clients than the system has descriptors for.
fn room_for(clients: u32, shards: usize) -> Result<(), String> {
    let room = crate::base::descriptors::make_room(clients, shards);
    if room == clients {
        return Ok(());
    }
    Err(format!(
        "The operating system is not able to handle the specified number of clients, try with {room}"
    ))
}
