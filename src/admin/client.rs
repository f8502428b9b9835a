//! CLIENT: the subcommands that concern the client itself.
//!
//! Those about other clients are in `clients.rs`, CLIENT PAUSE in `pause.rs`.
//! Changes nothing but the client's own session.

use super::client_line::{client_line, note_own_bytes};
use super::docs::connection as docs;
use super::hello::is_printable;
use crate::base::Token;
use crate::cmd::special::PLAIN;
use crate::cmd::{Command, Group, Reach, Run, acl, flag};
use crate::conn::ReplyMode;
use crate::resp::{Args, Error};
use crate::shard::{Core, Flow, HomeCommand};

/// The commands of this file.
pub static COMMANDS: &[HomeCommand] = &[HomeCommand::container(
    Command {
        name: "client",
        arity: -2,
        flags: 0,
        categories: 0,
        group: Group::Connection,
        keys: &[],
        docs: &docs::CLIENT,
        special: PLAIN,
        run: Run::Container,
        subcommands: &[],
    },
    &[
        SUBCOMMANDS,
        super::clients::SUBCOMMANDS,
        super::pause::SUBCOMMANDS,
    ],
)];

/// Subcommands of CLIENT.
static SUBCOMMANDS: &[HomeCommand] = &[
    HomeCommand::new(
        id,
        Command {
            name: "id",
            arity: 2,
            flags: flag::NOSCRIPT | flag::LOADING | flag::STALE,
            categories: acl::CONNECTION,
            group: Group::Connection,
            keys: &[],
            docs: &docs::CLIENT_ID,
            special: PLAIN,
            run: Run::Home(Reach::Client),
            subcommands: &[],
        },
    ),
    HomeCommand::new(
        info,
        Command {
            name: "info",
            arity: 2,
            flags: flag::NOSCRIPT | flag::LOADING | flag::STALE,
            categories: acl::CONNECTION,
            group: Group::Connection,
            keys: &[],
            docs: &docs::CLIENT_INFO,
            special: PLAIN,
            run: Run::Home(Reach::Client),
            subcommands: &[],
        },
    ),
    HomeCommand::new(
        set_name,
        Command {
            name: "setname",
            arity: 3,
            flags: flag::NOSCRIPT | flag::LOADING | flag::STALE,
            categories: acl::CONNECTION,
            group: Group::Connection,
            keys: &[],
            docs: &docs::CLIENT_SETNAME,
            special: PLAIN,
            run: Run::Home(Reach::Client),
            subcommands: &[],
        },
    ),
    HomeCommand::new(
        get_name,
        Command {
            name: "getname",
            arity: 2,
            flags: flag::NOSCRIPT | flag::LOADING | flag::STALE,
            categories: acl::CONNECTION,
            group: Group::Connection,
            keys: &[],
            docs: &docs::CLIENT_GETNAME,
            special: PLAIN,
            run: Run::Home(Reach::Client),
            subcommands: &[],
        },
    ),
    HomeCommand::new(
        set_info,
        Command {
            name: "setinfo",
            arity: 4,
            flags: flag::NOSCRIPT | flag::LOADING | flag::STALE,
            categories: acl::CONNECTION,
            group: Group::Connection,
            keys: &[],
            docs: &docs::CLIENT_SETINFO,
            special: PLAIN,
            run: Run::Home(Reach::Client),
            subcommands: &[],
        },
    ),
    HomeCommand::new(
        no_evict,
        Command {
            name: "no-evict",
            arity: 3,
            flags: flag::ADMIN | flag::NOSCRIPT | flag::LOADING | flag::STALE,
            categories: acl::CONNECTION,
            group: Group::Connection,
            keys: &[],
            docs: &docs::CLIENT_NO_EVICT,
            special: PLAIN,
            run: Run::Home(Reach::Client),
            subcommands: &[],
        },
    ),
    HomeCommand::new(
        no_touch,
        Command {
            name: "no-touch",
            arity: 3,
            flags: flag::NOSCRIPT | flag::LOADING | flag::STALE,
            categories: acl::CONNECTION,
            group: Group::Connection,
            keys: &[],
            docs: &docs::CLIENT_NO_TOUCH,
            special: PLAIN,
            run: Run::Home(Reach::Client),
            subcommands: &[],
        },
    ),
    HomeCommand::new(
        reply,
        Command {
            name: "reply",
            arity: 3,
            flags: flag::NOSCRIPT | flag::LOADING | flag::STALE,
            categories: acl::CONNECTION,
            group: Group::Connection,
            keys: &[],
            docs: &docs::CLIENT_REPLY,
            special: PLAIN,
            run: Run::Home(Reach::Everyone),
            subcommands: &[],
        },
    ),
    HomeCommand::new(
        get_redirection,
        Command {
            name: "getredir",
            arity: 2,
            flags: flag::NOSCRIPT | flag::LOADING | flag::STALE,
            categories: acl::CONNECTION,
            group: Group::Connection,
            keys: &[],
            docs: &docs::CLIENT_GETREDIR,
            special: PLAIN,
            run: Run::Home(Reach::Client),
            subcommands: &[],
        },
    ),
    HomeCommand::new(
        tracking_info,
        Command {
            name: "trackinginfo",
            arity: 2,
            flags: flag::NOSCRIPT | flag::LOADING | flag::STALE,
            categories: acl::CONNECTION,
            group: Group::Connection,
            keys: &[],
            docs: &docs::CLIENT_TRACKINGINFO,
            special: PLAIN,
            run: Run::Home(Reach::Client),
            subcommands: &[],
        },
    ),
    HomeCommand::new(
        help,
        Command {
            name: "help",
            arity: 2,
            flags: flag::LOADING | flag::STALE,
            categories: acl::CONNECTION,
            group: Group::Connection,
            keys: &[],
            docs: &docs::CLIENT_HELP,
            special: PLAIN,
            run: Run::Home(Reach::Client),
            subcommands: &[],
        },
    ),
];

fn id(core: &mut Core, token: Token, _args: &Args<'_>) -> Flow {
    let id = i64::try_from(core.client(token).id).expect("ids count up from 1");
    core.reply(token).integer(id);
    Flow::Next
}

fn info(core: &mut Core, token: Token, args: &Args<'_>) -> Flow {
    note_own_bytes(core, token, args);
    let mut line = client_line(core, token);
    core.client(token).own_bytes = (0, 0);
    line.push('\n');
    core.reply(token).verbatim("txt", line.as_bytes());
    Flow::Next
}

fn set_name(core: &mut Core, token: Token, args: &Args<'_>) -> Flow {
    match core.name_client(token, args.get(2)) {
        Ok(()) => core.reply(token).ok(),
        Err(error) => core.error(token, &error),
    }
    Flow::Next
}

fn get_name(core: &mut Core, token: Token, _args: &Args<'_>) -> Flow {
    let name = core.client(token).session.name.clone();
    if name.is_empty() {
        core.reply(token).null();
    } else {
        core.reply(token).bulk(name.as_bytes());
    }
    Flow::Next
}

fn set_info(core: &mut Core, token: Token, args: &Args<'_>) -> Flow {
    let option = String::from_utf8_lossy(args.get(2)).into_owned();
    let session = &mut core.client(token).session;
    let field = if args.is(2, "lib-name") {
        &mut session.library_name
    } else if args.is(2, "lib-ver") {
        &mut session.library_version
    } else {
        let error = Error::from(format!("ERR Unrecognized option '{option}'"));
        core.error(token, &error);
        return Flow::Next;
    };
    if is_printable(args.get(3)) {
        *field = String::from_utf8_lossy(args.get(3)).into();
        core.reply(token).ok();
    } else {
        let error = Error::from(format!(
            "ERR {option} cannot contain spaces, newlines or special characters."
        ));
        core.error(token, &error);
    }
    Flow::Next
}

/// ON or OFF as argument `at`.
fn switch(args: &Args<'_>, at: usize) -> Option<bool> {
    let on = args.is(at, "on");
    (on || args.is(at, "off")).then_some(on)
}

fn no_evict(core: &mut Core, token: Token, args: &Args<'_>) -> Flow {
    match switch(args, 2) {
        Some(on) => {
            core.client(token).session.no_evict = on;
            core.reply(token).ok();
        }
        None => core.error(token, &Error::SYNTAX),
    }
    Flow::Next
}

fn no_touch(core: &mut Core, token: Token, args: &Args<'_>) -> Flow {
    match switch(args, 2) {
        Some(on) => {
            core.client(token).session.no_touch = on;
            core.reply(token).ok();
        }
        None => core.error(token, &Error::SYNTAX),
    }
    Flow::Next
}

fn reply(core: &mut Core, token: Token, args: &Args<'_>) -> Flow {
    let mode = &mut core.client(token).session.reply;
    if args.is(2, "on") {
        *mode = ReplyMode::On;
        core.reply(token).ok();
    } else if args.is(2, "off") {
        *mode = ReplyMode::Off;
    } else if args.is(2, "skip") {
        if *mode != ReplyMode::Off {
            *mode = ReplyMode::SkipNext;
        }
    } else {
        core.error(token, &Error::SYNTAX);
    }
    Flow::Next
}

/// -1: this client does not track keys.
fn get_redirection(core: &mut Core, token: Token, _args: &Args<'_>) -> Flow {
    core.reply(token).integer(-1);
    Flow::Next
}

fn tracking_info(core: &mut Core, token: Token, _args: &Args<'_>) -> Flow {
    let mut reply = core.reply(token);
    reply.map(3);
    reply.bulk(b"flags");
    reply.set(1);
    reply.bulk(b"off");
    reply.bulk(b"redirect");
    reply.integer(-1);
    reply.bulk(b"prefixes");
    reply.array(0);
    Flow::Next
}

fn help(core: &mut Core, token: Token, _args: &Args<'_>) -> Flow {
    super::help::help(core, token, "CLIENT", HELP)
}

static HELP: &[&str] = &[
    "GETREDIR",
    "    Return the client ID we are redirecting to when tracking is enabled.",
    "GETNAME",
    "    Return the name of the current connection.",
    "ID",
    "    Return the ID of the current connection.",
    "INFO",
    "    Return information about the current client connection.",
    "KILL <ip:port>",
    "    Kill connection made from <ip:port>.",
    "KILL <option> <value> [<option> <value> [...]]",
    "    Kill connections. Options are:",
    "    * ADDR (<ip:port>|<unixsocket>:0)",
    "      Kill connections made from the specified address",
    "    * LADDR (<ip:port>|<unixsocket>:0)",
    "      Kill connections made to specified local address",
    "    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)",
    "      Kill connections by type.",
    "    * USER <username>",
    "      Kill connections authenticated by <username>.",
    "    * SKIPME (YES|NO)",
    "      Skip killing current connection (default: yes).",
    "    * ID <client-id>",
    "      Kill connections by client id.",
    "    * MAXAGE <maxage>",
    "      Kill connections older than the specified age.",
    "LIST [options ...]",
    "    Return information about client connections. Options:",
    "    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)",
    "      Return clients of specified type.",
    "    * ID <client-id> [<client-id> ...]",
    "      Return clients of specified IDs only.",
    "UNPAUSE",
    "    Stop the current client pause, resuming traffic.",
    "PAUSE <timeout> [WRITE|ALL]",
    "    Suspend all, or just write, clients for <timeout> milliseconds.",
    "REPLY (ON|OFF|SKIP)",
    "    Control the replies sent to the current connection.",
    "SETNAME <name>",
    "    Assign the name <name> to the current connection.",
    "SETINFO <option> <value>",
    "    Set client meta attr. Options are:",
    "    * LIB-NAME: the client lib name.",
    "    * LIB-VER: the client lib version.",
    "UNBLOCK <clientid> [TIMEOUT|ERROR]",
    "    Unblock the specified blocked client.",
    "TRACKINGINFO",
    "    Report tracking status for the current connection.",
    "NO-EVICT (ON|OFF)",
    "    Protect current client connection from eviction.",
    "NO-TOUCH (ON|OFF)",
    "    Will not touch LRU/LFU stats when this mode is on.",
];

#[cfg(test)]
mod tests {
    use crate::shard::testing::Shards;

    #[test]
    fn a_session_is_described_and_changed() {
        let mut shards = Shards::new(2);
        let client = shards.connect(1);
        let id = format!(":{}\r\n", client.id);
        for (line, reply) in [
            ("CLIENT ID", id.as_str()),
            ("CLIENT GETNAME", "$-1\r\n"),
            ("CLIENT SETNAME me", "+OK\r\n"),
            ("CLIENT GETNAME", "$2\r\nme\r\n"),
            ("CLIENT SETINFO lib-name jedis", "+OK\r\n"),
            ("CLIENT SETINFO LIB-VER 1.2", "+OK\r\n"),
            (
                "CLIENT SETINFO other x",
                "-ERR Unrecognized option 'other'\r\n",
            ),
            ("CLIENT NO-EVICT on", "+OK\r\n"),
            ("CLIENT NO-EVICT maybe", "-ERR syntax error\r\n"),
            ("CLIENT NO-TOUCH on", "+OK\r\n"),
            ("CLIENT NO-TOUCH maybe", "-ERR syntax error\r\n"),
            ("CLIENT GETREDIR", ":-1\r\n"),
        ] {
            assert_eq!(shards.call(client, line), reply, "{line}");
        }
        let info = shards.call(client, "CLIENT INFO");
        assert!(info.contains(" name=me ") && info.contains(" flags=eT "));
        assert!(info.ends_with(" lib-name=jedis lib-ver=1.2\n\r\n"));
        assert!(info.contains(" qbuf=26 ") && info.contains(" argv-mem=10 "));
        let tracking = shards.call(client, "CLIENT TRACKINGINFO");
        assert!(tracking.starts_with("*6\r\n$5\r\nflags\r\n*1\r\n$3\r\noff\r\n"));
        let help = shards.call(client, "CLIENT HELP");
        assert!(help.contains("+CLIENT <subcommand> ["));
        let lines = help.matches("\r\n").count() - 1;
        assert!(help.starts_with(&format!("*{lines}\r\n")));
    }

    /// The reply that SKIP swallows is the next one, though an error is known before it arrives.
    #[test]
    fn a_skipped_reply_from_elsewhere_is_not_mistaken() {
        let mut shards = Shards::new(2);
        let client = shards.connect(0);
        let far = shards.key(1, 0);
        for (wrong, error) in [
            ("NOSUCH x", "-ERR unknown command 'NOSUCH'"),
            ("CLIENT NOSUCH", "-ERR unknown subcommand 'NOSUCH'"),
            ("GET", "-ERR wrong number of arguments for 'get' command"),
        ] {
            shards.send(client, "CLIENT REPLY SKIP");
            shards.send(client, &format!("SET {far} v"));
            let reply = shards.call(client, wrong);
            assert!(reply.starts_with(error), "{wrong}: {reply}");
            assert_eq!(reply.lines().count(), 1, "{reply}");
        }
    }

    #[test]
    fn replies_are_left_out_as_asked() {
        let mut shards = Shards::new(2);
        let client = shards.connect(0);
        let far = shards.key(1, 0);
        assert_eq!(shards.call(client, "CLIENT REPLY SKIP"), "");
        assert_eq!(shards.call(client, &format!("SET {far} v")), "");
        assert_eq!(shards.call(client, &format!("GET {far}")), "$1\r\nv\r\n");
        assert_eq!(shards.call(client, "CLIENT REPLY SKIP"), "");
        assert_eq!(shards.call(client, "NOSUCH"), "");
        assert_eq!(shards.call(client, "PING"), "+PONG\r\n");
        assert_eq!(shards.call(client, "CLIENT REPLY OFF"), "");
        assert_eq!(shards.call(client, "CLIENT REPLY SKIP"), "");
        assert_eq!(shards.call(client, "PING"), "");
        assert_eq!(shards.call(client, &format!("GET {far}")), "");
        assert_eq!(shards.call(client, "CLIENT REPLY ON"), "+OK\r\n");
        assert_eq!(shards.call(client, "PING"), "+PONG\r\n");
        assert_eq!(
            shards.call(client, "CLIENT REPLY no"),
            "-ERR syntax error\r\n"
        );
    }
}
