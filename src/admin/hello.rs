//! HELLO, AUTH and RESET: who a client is and which protocol it speaks.
//!
//! There is one user, `default`, whose password is `requirepass`; without one everybody is that
//! user. Changes nothing but the client's own session.

use super::docs::connection as docs;
use crate::base::Token;
use crate::cmd::special::{InMulti, PLAIN, Special};
use crate::cmd::{Command, Group, Reach, Run, acl, flag};
use crate::conn::Session;
use crate::resp::{Args, Error, Protocol, REDIS_VERSION, parse_i64};
use crate::shard::{Core, Flow, HomeCommand};

/// The commands of this file.
pub static COMMANDS: &[HomeCommand] = &[
    HomeCommand::new(
        hello,
        Command {
            name: "hello",
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
            docs: &docs::HELLO,
            special: Special {
                secret: Some(hello_secret),
                ..PLAIN
            },
            run: Run::Home(Reach::Client),
            subcommands: &[],
        },
    ),
    HomeCommand::new(
        auth,
        Command {
            name: "auth",
            arity: -2,
            flags: flag::NOSCRIPT
                | flag::LOADING
                | flag::STALE
                | flag::FAST
                | flag::NO_AUTH
                | flag::ALLOW_BUSY,
            categories: acl::CONNECTION,
            group: Group::Connection,
            keys: &[],
            docs: &docs::AUTH,
            special: Special {
                secret: Some(|_, at| at > 0),
                ..PLAIN
            },
            run: Run::Home(Reach::Client),
            subcommands: &[],
        },
    ),
    HomeCommand::new(
        reset,
        Command {
            name: "reset",
            arity: 1,
            flags: flag::NOSCRIPT
                | flag::LOADING
                | flag::STALE
                | flag::FAST
                | flag::NO_AUTH
                | flag::ALLOW_BUSY,
            categories: acl::CONNECTION,
            group: Group::Connection,
            keys: &[],
            docs: &docs::RESET,
            special: Special {
                in_multi: InMulti::GivesUp,
                ..PLAIN
            },
            run: Run::Home(Reach::Client),
            subcommands: &[],
        },
    ),
];

/// What clients are told that they talk to: they choose their commands by name and version.
const SERVER_NAME: &str = "redis";

const WRONG_PASSWORD: Error =
    Error::new("WRONGPASS invalid username-password pair or user is disabled.");
const NO_PASSWORD_SET: Error = Error::new(
    "ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?",
);
const HELLO_NEEDS_AUTH: Error = Error::new(
    "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time",
);
const BAD_NAME: Error =
    Error::new("ERR Client names cannot contain spaces, newlines or special characters.");

/// True for what a client's name may consist of: printable ASCII without blanks.
pub(super) fn is_printable(text: &[u8]) -> bool {
    text.iter().all(u8::is_ascii_graphic)
}

/// Compares without telling by its duration how much was right.
fn same_secret(given: &[u8], secret: &[u8]) -> bool {
    let mut difference = given.len() ^ secret.len();
    for (at, byte) in given.iter().enumerate() {
        let wanted = secret.get(at % secret.len().max(1)).copied().unwrap_or(0);
        difference |= usize::from(byte ^ wanted);
    }
    difference == 0
}

impl Core {
    /// Makes the client this user if the password is right.
    fn log_in(&mut self, token: Token, user: &[u8], password: &[u8]) -> Result<(), Error> {
        let secret = self.config().requirepass.as_bytes();
        let right = secret.is_empty() || same_secret(password, secret);
        if user != b"default" || !right {
            return Err(WRONG_PASSWORD);
        }
        let session = &mut self.client(token).session;
        session.authenticated = true;
        session.user = "default".into();
        Ok(())
    }

    /// Names the client; an empty name takes the name away.
    pub(super) fn name_client(&mut self, token: Token, name: &[u8]) -> Result<(), Error> {
        if !is_printable(name) {
            return Err(BAD_NAME);
        }
        self.client(token).session.name = String::from_utf8_lossy(name).into();
        Ok(())
    }
}

/// HELLO's user names and passwords.
fn hello_secret(args: &Args<'_>, at: usize) -> bool {
    (2..at).any(|option| args.is(option, "auth") && at - option <= 2)
}

fn auth(core: &mut Core, token: Token, args: &Args<'_>) -> Flow {
    let (user, password): (&[u8], &[u8]) = match args.len() {
        2 if !core.asks_for_password() => {
            core.error(token, &NO_PASSWORD_SET);
            return Flow::Next;
        }
        2 => (b"default", args.get(1)),
        3 => (args.get(1), args.get(2)),
        _ => {
            core.error(token, &Error::SYNTAX);
            return Flow::Next;
        }
    };
    match core.log_in(token, user, password) {
        Ok(()) => core.reply(token).ok(),
        Err(error) => core.error(token, &error),
    }
    Flow::Next
}

fn hello(core: &mut Core, token: Token, args: &Args<'_>) -> Flow {
    match hello_options(core, token, args) {
        Ok(protocol) => {
            if let Some(protocol) = protocol {
                core.client(token).session.protocol = protocol;
            }
            introduce(core, token);
        }
        Err(error) => core.error(token, &error),
    }
    Flow::Next
}

/// Carries out HELLO's options, in order, as far as they are right; the version that was asked for.
fn hello_options(
    core: &mut Core,
    token: Token,
    args: &Args<'_>,
) -> Result<Option<Protocol>, Error> {
    let protocol = match args.len() {
        1 => None,
        _ => Some(match parse_i64(args.get(1)) {
            Some(2) => Protocol::Resp2,
            Some(3) => Protocol::Resp3,
            Some(_) => return Err(Error::new("NOPROTO unsupported protocol version")),
            None => {
                return Err(Error::new(
                    "ERR Protocol version is not an integer or out of range",
                ));
            }
        }),
    };
    let mut at = 2;
    while at < args.len() {
        let more = args.len() - 1 - at;
        if args.is(at, "auth") && more >= 2 {
            core.log_in(token, args.get(at + 1), args.get(at + 2))?;
            at += 3;
        } else if args.is(at, "setname") && more >= 1 {
            core.name_client(token, args.get(at + 1))?;
            at += 2;
        } else {
            let option = String::from_utf8_lossy(args.get(at));
            return Err(Error::from(format!(
                "ERR Syntax error in HELLO option '{option}'"
            )));
        }
    }
    if !core.client(token).session.authenticated && core.asks_for_password() {
        return Err(HELLO_NEEDS_AUTH);
    }
    Ok(protocol)
}

fn introduce(core: &mut Core, token: Token) {
    let role = if core.config().replicaof.is_some() {
        "replica"
    } else {
        "master"
    };
    let mode = "standalone";
    let id = i64::try_from(core.client(token).id).expect("ids count up from 1");
    let mut reply = core.reply(token);
    let proto = match reply.protocol() {
        Protocol::Resp2 => 2,
        Protocol::Resp3 => 3,
    };
    reply.map(7);
    for (name, value) in [("server", SERVER_NAME), ("version", REDIS_VERSION)] {
        reply.bulk(name.as_bytes());
        reply.bulk(value.as_bytes());
    }
    reply.bulk(b"proto");
    reply.integer(proto);
    reply.bulk(b"id");
    reply.integer(id);
    for (name, value) in [("mode", mode), ("role", role)] {
        reply.bulk(name.as_bytes());
        reply.bulk(value.as_bytes());
    }
    reply.bulk(b"modules");
    reply.array(0);
}

/// Back to how the client was when it connected; what it said about its library stays true.
fn reset(core: &mut Core, token: Token, _args: &Args<'_>) -> Flow {
    core.drop_transaction(token);
    core.stop_monitoring(token);
    let authenticated = !core.asks_for_password();
    let session = &mut core.client(token).session;
    let fresh = Session::new(authenticated);
    *session = Session {
        library_name: std::mem::take(&mut session.library_name),
        library_version: std::mem::take(&mut session.library_version),
        ..fresh
    };
    core.reply(token).simple("RESET");
    Flow::Next
}

#[cfg(test)]
mod tests {
    use crate::shard::testing::Shards;

    #[test]
    fn hello_switches_the_protocol_and_says_who_answers() {
        let mut shards = Shards::new(2);
        let client = shards.connect(1);
        let three = shards.call(client, "HELLO 3 SETNAME me");
        assert!(three.starts_with("%7\r\n$6\r\nserver\r\n$5\r\nredis\r\n"));
        assert!(three.contains("$5\r\nproto\r\n:3\r\n"));
        assert_eq!(shards.call(client, "GET none"), "_\r\n");
        assert_eq!(shards.call(client, "CLIENT GETNAME"), "$2\r\nme\r\n");
        let unchanged = shards.call(client, "HELLO");
        assert!(unchanged.starts_with("%7"), "without a version it stays");
        assert!(shards.call(client, "HELLO 2").starts_with("*14\r\n"));
        assert_eq!(
            shards.call(client, "HELLO 4"),
            "-NOPROTO unsupported protocol version\r\n"
        );
        assert_eq!(
            shards.call(client, "HELLO 3 SETNAME"),
            "-ERR Syntax error in HELLO option 'SETNAME'\r\n"
        );
    }

    #[test]
    fn a_password_is_asked_for_and_checked() {
        let mut shards = Shards::with(2, &[("requirepass", "secret")]);
        let client = shards.connect(0);
        for (line, reply) in [
            ("GET x", "-NOAUTH Authentication required.\r\n"),
            (
                "AUTH secre",
                "-WRONGPASS invalid username-password pair or user is disabled.\r\n",
            ),
            (
                "AUTH secretsecret",
                "-WRONGPASS invalid username-password pair or user is disabled.\r\n",
            ),
            (
                "AUTH nobody secret",
                "-WRONGPASS invalid username-password pair or user is disabled.\r\n",
            ),
            ("AUTH a b c", "-ERR syntax error\r\n"),
            ("AUTH secret", "+OK\r\n"),
            ("GET x", "$-1\r\n"),
            ("RESET", "+RESET\r\n"),
            ("GET x", "-NOAUTH Authentication required.\r\n"),
        ] {
            assert_eq!(shards.call(client, line), reply, "{line}");
        }
        assert!(
            shards
                .call(client, "HELLO 3")
                .starts_with("-NOAUTH HELLO must")
        );
        assert!(
            shards
                .call(client, "HELLO 3 AUTH default secret")
                .starts_with("%7")
        );
    }

    #[test]
    fn reset_forgets_everything_but_the_library() {
        let mut shards = Shards::new(2);
        let client = shards.connect(0);
        for line in [
            "HELLO 3",
            "SELECT 3",
            "CLIENT SETNAME me",
            "CLIENT SETINFO lib-name lib",
            "CLIENT NO-TOUCH on",
            "WATCH a b c",
            "MULTI",
        ] {
            shards.call(client, line);
        }
        assert_eq!(shards.call(client, "RESET"), "+RESET\r\n");
        assert_eq!(shards.call(client, "EXEC"), "-ERR EXEC without MULTI\r\n");
        assert_eq!(shards.call(client, "CLIENT GETNAME"), "$-1\r\n");
        let info = shards.call(client, "CLIENT INFO");
        assert!(info.contains(" db=0 ") && info.contains(" resp=2 "));
        assert!(info.contains(" lib-name=lib ") && info.contains(" flags=N "));
        shards.advance(200);
        for shard in 0..2 {
            assert!(!shards.core(shard).leftovers().contains(&("watches", 1)));
        }
    }
}
