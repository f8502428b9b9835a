//! CLIENT PAUSE and UNPAUSE: every shard holds its clients' commands, all of them or just writes.
//!
//! How they are held stands in `shard/pause.rs`. PAUSE answers when no command from before is under
//! way any more, so whoever has read the answer sees no further write.

use super::docs::connection as docs;
use crate::base::Token;
use crate::cmd::special::PLAIN;
use crate::cmd::{Command, Group, Reach, Run, acl, flag};
use crate::resp::{Args, Error, parse_i64};
use crate::shard::{Core, Flow, HomeCommand, Query};

/// Subcommands of CLIENT.
pub(super) static SUBCOMMANDS: &[HomeCommand] = &[
    HomeCommand::new(
        pause,
        Command {
            name: "pause",
            arity: -3,
            flags: flag::ADMIN | flag::NOSCRIPT | flag::LOADING | flag::STALE,
            categories: acl::CONNECTION,
            group: Group::Connection,
            keys: &[],
            docs: &docs::CLIENT_PAUSE,
            special: PLAIN,
            run: Run::Home(Reach::Everyone),
            subcommands: &[],
        },
    ),
    HomeCommand::new(
        unpause,
        Command {
            name: "unpause",
            arity: 2,
            flags: flag::ADMIN | flag::NOSCRIPT | flag::LOADING | flag::STALE,
            categories: acl::CONNECTION,
            group: Group::Connection,
            keys: &[],
            docs: &docs::CLIENT_UNPAUSE,
            special: PLAIN,
            run: Run::Home(Reach::Everyone),
            subcommands: &[],
        },
    ),
];

/// Clients wait until this time of the wall clock, with all commands or writes only; 0 ends it.
struct Pause {
    until_ms: u64,
    all: bool,
}

impl Query for Pause {
    /// How many commands are in progress.
    type Answer = usize;

    fn answer(&self, core: &mut Core) -> usize {
        core.pause_here(self.until_ms, self.all)
    }
}

fn pause(core: &mut Core, token: Token, args: &Args<'_>) -> Flow {
    let all = match args.len() {
        3 => Ok(true),
        4 if args.is(3, "write") => Ok(false),
        4 if args.is(3, "all") => Ok(true),
        4 => Err(Error::new("ERR CLIENT PAUSE mode must be WRITE or ALL")),
        _ => Err(Error::arity("client|pause")),
    };
    let now_ms = core.now().unix_ms();
    let until = match parse_i64(args.get(2)) {
        None => Err(Error::new("ERR timeout is not an integer or out of range")),
        Some(timeout_ms) => u64::try_from(timeout_ms)
            .map(|timeout_ms| now_ms.saturating_add(timeout_ms))
            .map_err(|_| Error::new("ERR timeout is negative")),
    };
    match all.and_then(|all| Ok((all, until?))) {
        Ok((all, until_ms)) => core.ask_all(token, Pause { until_ms, all }, settled),
        Err(error) => {
            core.error(token, &error);
            Flow::Next
        }
    }
}

/// Asks again while commands that were taken before the pause are in progress. A transaction that
/// holds every shard does not wait: what is in progress waits for its end.
fn settled(core: &mut Core, token: Token, in_progress: Vec<usize>) {
    let any = in_progress.iter().any(|commands| *commands > 0);
    let (until_ms, all) = core.pause();
    if any && until_ms != 0 && core.client(token).steps.is_none() {
        core.ask_all(token, Pause { until_ms, all }, settled);
    } else {
        core.complete(token, |reply| reply.ok());
    }
}

fn unpause(core: &mut Core, token: Token, _args: &Args<'_>) -> Flow {
    let end = Pause {
        until_ms: 0,
        all: false,
    };
    core.ask_all(token, end, |core, token, _| {
        core.complete(token, |reply| reply.ok());
    })
}

#[cfg(test)]
mod tests {
    use crate::shard::testing::Shards;

    #[test]
    fn writes_are_held_on_every_shard_and_reads_are_not() {
        let mut shards = Shards::new(2);
        let (asking, writer, other) = (shards.connect(0), shards.connect(1), shards.connect(1));
        let (near, far) = (shards.key(1, 0), shards.key(0, 0));
        assert_eq!(shards.call(asking, "CLIENT PAUSE 1000 WRITE"), "+OK\r\n");
        assert_eq!(shards.call(writer, &format!("SET {near} 1")), "");
        assert_eq!(shards.call(other, &format!("SET {far} 1")), "");
        assert_eq!(shards.call(asking, &format!("GET {near}")), "$-1\r\n");
        assert_eq!(shards.call(asking, "PING"), "+PONG\r\n");
        assert_eq!(
            shards.call(asking, "SET k"),
            "-ERR wrong number of arguments for 'set' command\r\n"
        );
        assert!(shards.call(asking, "CLIENT LIST").contains(" flags=b "));
        shards.advance(999);
        assert_eq!(shards.read(writer), "");
        assert_eq!(shards.call(asking, "CLIENT UNPAUSE"), "+OK\r\n");
        assert_eq!(shards.read(writer), "+OK\r\n");
        assert_eq!(shards.read(other), "+OK\r\n");
    }

    #[test]
    fn all_holds_everything_until_its_time_is_over() {
        let mut shards = Shards::new(2);
        let (asking, other) = (shards.connect(0), shards.connect(1));
        assert_eq!(shards.call(asking, "CLIENT PAUSE 1000 WRITE"), "+OK\r\n");
        assert_eq!(shards.call(asking, "CLIENT PAUSE 100"), "+OK\r\n");
        assert_eq!(shards.call(other, "PING"), "");
        assert_eq!(shards.call(asking, "CLIENT UNPAUSE"), "");
        shards.advance(999);
        assert_eq!(shards.read(other), "", "the longer time counts");
        shards.advance(1);
        assert_eq!(shards.read(other), "+PONG\r\n");
        assert_eq!(shards.read(asking), "+OK\r\n");
        assert_eq!(shards.call(asking, "CLIENT PAUSE 0"), "+OK\r\n");
        assert_eq!(shards.call(other, "PING"), "+PONG\r\n");
        for (line, reply) in [
            (
                "CLIENT PAUSE x",
                "-ERR timeout is not an integer or out of range\r\n",
            ),
            ("CLIENT PAUSE -1", "-ERR timeout is negative\r\n"),
            (
                "CLIENT PAUSE 1 x",
                "-ERR CLIENT PAUSE mode must be WRITE or ALL\r\n",
            ),
        ] {
            assert_eq!(shards.call(asking, line), reply, "{line}");
        }
    }

    #[test]
    fn transactions_are_held_when_they_write() {
        let mut shards = Shards::new(2);
        let (asking, reader, writer) = (shards.connect(0), shards.connect(1), shards.connect(1));
        shards.call(reader, "MULTI");
        shards.call(reader, "GET k");
        shards.call(writer, "MULTI");
        assert_eq!(shards.call(writer, "SET k v"), "+QUEUED\r\n");
        shards.call(asking, "CLIENT PAUSE 1000 WRITE");
        assert_eq!(shards.call(reader, "EXEC"), "*1\r\n$-1\r\n");
        assert_eq!(shards.call(writer, "EXEC"), "");
        shards.call(asking, "CLIENT UNPAUSE");
        assert_eq!(shards.read(writer), "*1\r\n+OK\r\n");
    }

    #[test]
    fn a_pause_inside_a_transaction_begins_at_its_end() {
        let mut shards = Shards::new(2);
        let (asking, other) = (shards.connect(0), shards.connect(1));
        for line in ["MULTI", "SET a 1", "CLIENT PAUSE 1000 WRITE", "SET b 2"] {
            shards.call(asking, line);
        }
        assert_eq!(shards.call(asking, "EXEC"), "*3\r\n+OK\r\n+OK\r\n+OK\r\n");
        assert_eq!(shards.call(other, "SET c 3"), "");
        assert_eq!(
            shards.call(asking, "MGET a b c"),
            "*3\r\n$1\r\n1\r\n$1\r\n2\r\n$-1\r\n"
        );
    }

    #[test]
    fn keys_are_not_removed_while_clients_are_paused() {
        let mut shards = Shards::new(2);
        let asking = shards.connect(0);
        let keys = [shards.key(0, 0), shards.key(1, 0)];
        for key in &keys {
            shards.call(asking, &format!("SET {key} v PX 10"));
        }
        shards.call(asking, "CLIENT PAUSE 1000 WRITE");
        shards.advance(100);
        for (shard, key) in keys.iter().enumerate() {
            assert_eq!(shards.call(asking, &format!("GET {key}")), "$-1\r\n");
            assert_eq!(shards.core(shard).statistics().expired, 0);
        }
        assert_eq!(shards.call(asking, "DBSIZE"), ":2\r\n");
        shards.call(asking, "CLIENT UNPAUSE");
        shards.advance(1);
        assert_eq!(shards.call(asking, "DBSIZE"), ":0\r\n");
        assert_eq!(shards.core(1).statistics().expired, 1);
    }
}
