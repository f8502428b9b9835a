//! CLIENT LIST, KILL, UNBLOCK: commands about the clients of all shards.
//!
//! The asking shard parses, every shard looks through its own clients, the answers are merged here.
//! A client that kills itself still gets its reply.

use super::client_line::{client_line, note_own_bytes};
use super::docs::connection as docs;
use crate::base::Token;
use crate::cmd::special::PLAIN;
use crate::cmd::{Command, Group, Reach, Run, acl, flag};
use crate::conn::{Client, State};
use crate::resp::{Args, Error, parse_i64};
use crate::shard::{Core, Flow, HomeCommand, Query};

/// Subcommands of CLIENT.
pub(super) static SUBCOMMANDS: &[HomeCommand] = &[
    HomeCommand::new(
        list,
        Command {
            name: "list",
            arity: -2,
            flags: flag::ADMIN | flag::NOSCRIPT | flag::LOADING | flag::STALE,
            categories: acl::CONNECTION,
            group: Group::Connection,
            keys: &[],
            docs: &docs::CLIENT_LIST,
            special: PLAIN,
            run: Run::Home(Reach::Everyone),
            subcommands: &[],
        },
    ),
    HomeCommand::new(
        kill,
        Command {
            name: "kill",
            arity: -3,
            flags: flag::ADMIN | flag::NOSCRIPT | flag::LOADING | flag::STALE,
            categories: acl::CONNECTION,
            group: Group::Connection,
            keys: &[],
            docs: &docs::CLIENT_KILL,
            special: PLAIN,
            run: Run::Home(Reach::Everyone),
            subcommands: &[],
        },
    ),
    HomeCommand::new(
        unblock,
        Command {
            name: "unblock",
            arity: -3,
            flags: flag::ADMIN | flag::NOSCRIPT | flag::LOADING | flag::STALE,
            categories: acl::CONNECTION,
            group: Group::Connection,
            keys: &[],
            docs: &docs::CLIENT_UNBLOCK,
            special: PLAIN,
            run: Run::Home(Reach::Everyone),
            subcommands: &[],
        },
    ),
];

/// Which clients are meant; None fits all.
#[derive(Debug, Clone, Default)]
struct Filter {
    ids: Option<Vec<u64>>,
    address: Option<String>,
    local_address: Option<String>,
    user: Option<String>,
    kind: Option<String>,
    max_age_s: Option<u64>,
    /// A client that is never meant: the asking one under SKIPME yes.
    skip: Option<u64>,
}

/// Client types as `TYPE` names them; `slave` is Redis's old word for `replica`.
fn kind(word: &[u8]) -> Result<&'static str, Error> {
    let known = ["normal", "master", "replica", "slave", "pubsub"];
    known
        .into_iter()
        .find(|known| known.as_bytes().eq_ignore_ascii_case(word))
        .map(|known| if known == "slave" { "replica" } else { known })
        .ok_or_else(|| {
            let word = String::from_utf8_lossy(word);
            Error::from(format!("ERR Unknown client type '{word}'"))
        })
}

/// The type of a client, for `TYPE` and the output limits.
fn kind_of(_client: &Client) -> &'static str {
    "normal"
}

fn fits(client: &Client, filter: &Filter, now_us: u64) -> bool {
    let Filter {
        ids,
        address,
        local_address,
        user,
        kind,
        max_age_s,
        skip,
    } = filter;
    let age_s = now_us.saturating_sub(client.created_us) / 1_000_000;
    ids.as_ref().is_none_or(|ids| ids.contains(&client.id))
        && address
            .as_ref()
            .is_none_or(|wanted| **wanted == *client.address)
        && local_address
            .as_ref()
            .is_none_or(|wanted| **wanted == *client.local_address)
        && user
            .as_ref()
            .is_none_or(|wanted| **wanted == *client.session.user)
        && kind.as_ref().is_none_or(|wanted| wanted == kind_of(client))
        && max_age_s.is_none_or(|wanted| age_s >= wanted)
        && *skip != Some(client.id)
}

fn list_filter(args: &Args<'_>) -> Result<Filter, Error> {
    let mut filter = Filter::default();
    if args.len() == 4 && args.is(2, "type") {
        filter.kind = Some(kind(args.get(3))?.to_string());
    } else if args.len() > 3 && args.is(2, "id") {
        let ids: Option<Vec<i64>> = args.from(3).map(parse_i64).collect();
        let ids = ids.ok_or(Error::new("ERR Invalid client ID"))?;
        // No client has a negative id.
        filter.ids = Some(
            ids.into_iter()
                .filter_map(|id| id.try_into().ok())
                .collect(),
        );
    } else if args.len() != 2 {
        return Err(Error::SYNTAX);
    }
    Ok(filter)
}

fn list(core: &mut Core, token: Token, args: &Args<'_>) -> Flow {
    let filter = match list_filter(args) {
        Ok(filter) => filter,
        Err(error) => {
            core.error(token, &error);
            return Flow::Next;
        }
    };
    note_own_bytes(core, token, args);
    let wanted = filter.ids.clone();
    core.ask_all(token, List(filter), move |core, token, answers| {
        core.client(token).own_bytes = (0, 0);
        let text = in_order(answers, wanted.as_deref());
        core.complete(token, |reply| reply.verbatim("txt", text.as_bytes()));
    })
}

/// A shard's clients that are meant.
struct List(Filter);

impl Query for List {
    /// The id and the line of each.
    type Answer = Vec<(u64, String)>;

    fn answer(&self, core: &mut Core) -> Self::Answer {
        let now_us = core.now().monotonic_us;
        let fitting = core
            .clients()
            .iter()
            .filter(|client| !client.closing && fits(client, &self.0, now_us));
        fitting
            .map(|client| (client.id, client_line(core, client.token)))
            .collect()
    }
}

/// The shards' lines as one text: the oldest client first, or as they were asked for.
fn in_order(answers: Vec<Vec<(u64, String)>>, wanted: Option<&[u64]>) -> String {
    let mut lines: Vec<(u64, String)> = answers.into_iter().flatten().collect();
    lines.sort_unstable_by_key(|(id, _)| *id);
    let mut text = String::new();
    let mut add = |line: &str| {
        text.push_str(line);
        text.push('\n');
    };
    match wanted {
        None => lines.iter().for_each(|(_, line)| add(line)),
        Some(ids) => {
            for id in ids {
                if let Ok(at) = lines.binary_search_by_key(id, |(id, _)| *id) {
                    add(&lines[at].1);
                }
            }
        }
    }
    text
}

fn kill_filter(args: &Args<'_>, own_id: u64) -> Result<Filter, Error> {
    let mut filter = Filter::default();
    let text = |at: usize| String::from_utf8_lossy(args.get(at)).into_owned();
    if args.len() == 3 {
        filter.address = Some(text(2));
        return Ok(filter);
    }
    filter.skip = Some(own_id);
    let mut at = 2;
    while at < args.len() {
        let value = at + 1;
        if value >= args.len() {
            return Err(Error::SYNTAX);
        }
        if args.is(at, "id") {
            let id = parse_i64(args.get(value)).filter(|id| *id > 0);
            let id = id.ok_or(Error::new("ERR client-id should be greater than 0"))?;
            filter.ids = Some(vec![id.unsigned_abs()]);
        } else if args.is(at, "type") {
            filter.kind = Some(kind(args.get(value))?.to_string());
        } else if args.is(at, "addr") {
            filter.address = Some(text(value));
        } else if args.is(at, "laddr") {
            filter.local_address = Some(text(value));
        } else if args.is(at, "user") {
            if args.get(value) != b"default" {
                return Err(Error::from(format!("ERR No such user '{}'", text(value))));
            }
            filter.user = Some(text(value));
        } else if args.is(at, "maxage") {
            let age = parse_i64(args.get(value));
            let age = age.ok_or(Error::new("ERR maxage is not an integer or out of range"))?;
            if age <= 0 {
                return Err(Error::new("ERR maxage should be greater than 0"));
            }
            filter.max_age_s = Some(age.unsigned_abs());
        } else if args.is(at, "skipme") && args.is(value, "yes") {
            filter.skip = Some(own_id);
        } else if args.is(at, "skipme") && args.is(value, "no") {
            filter.skip = None;
        } else {
            return Err(Error::SYNTAX);
        }
        at += 2;
    }
    Ok(filter)
}

fn kill(core: &mut Core, token: Token, args: &Args<'_>) -> Flow {
    let id = core.client(token).id;
    let filter = match kill_filter(args, id) {
        Ok(filter) => filter,
        Err(error) => {
            core.error(token, &error);
            return Flow::Next;
        }
    };
    core.client(token).killing = true;
    let old_form = args.len() == 3;
    core.ask_all(token, Kill(filter), move |core, token, killed| {
        let killed: usize = killed.into_iter().sum();
        end_kill(core, token, |reply| match killed {
            0 if old_form => reply.error(&Error::new("ERR No such client")),
            _ if old_form => reply.ok(),
            _ => reply.integer(killed as i64),
        });
    })
}

/// A shard closes its clients that are meant; the one that asks closes when it has its reply.
struct Kill(Filter);

impl Query for Kill {
    /// How many.
    type Answer = usize;

    fn answer(&self, core: &mut Core) -> usize {
        let now_us = core.now().monotonic_us;
        let mut killed = 0;
        for token in core.clients().tokens() {
            let client = core.client(token);
            if client.closing || !fits(client, &self.0, now_us) {
                continue;
            }
            killed += 1;
            if client.killing {
                client.doomed = true;
            } else {
                core.close_now(token);
            }
        }
        killed
    }
}

fn end_kill(core: &mut Core, token: Token, write: impl FnOnce(&mut crate::resp::Reply<'_>)) {
    core.client(token).killing = false;
    core.complete(token, write);
    core.close_if_doomed(token);
}

/// The shard that has this client ends its wait, with an error or as by time-out.
struct Unblock {
    id: u64,
    error: bool,
}

impl Query for Unblock {
    /// True when it was waiting.
    type Answer = bool;

    fn answer(&self, core: &mut Core) -> bool {
        let blocked = |client: &&Client| client.id == self.id && client.state == State::Blocked;
        let found = core.clients().iter().find(blocked);
        let Some(token) = found.map(|client| client.token) else {
            return false;
        };
        core.unblock_waiting(token, self.error);
        true
    }
}

fn unblock(core: &mut Core, token: Token, args: &Args<'_>) -> Flow {
    let error = match args.len() {
        3 => Ok(false),
        4 if args.is(3, "timeout") => Ok(false),
        4 if args.is(3, "error") => Ok(true),
        4 => Err(Error::new(
            "ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR",
        )),
        _ => Err(Error::arity("client|unblock")),
    };
    let id = parse_i64(args.get(2)).ok_or(Error::NOT_INTEGER);
    match error.and_then(|error| Ok((error, id?))) {
        Ok((error, id)) => {
            let id = u64::try_from(id).unwrap_or(0);
            core.ask_all(token, Unblock { id, error }, |core, token, found| {
                let found = found.contains(&true);
                core.complete(token, |reply| reply.integer(i64::from(found)));
            })
        }
        Err(error) => {
            core.error(token, &error);
            Flow::Next
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::shard::testing::Shards;

    /// The ids of the clients in a reply of CLIENT LIST.
    fn ids(list: &str) -> Vec<u64> {
        list.lines()
            .filter_map(|line| line.strip_prefix("id="))
            .map(|rest| {
                rest.split(' ')
                    .next()
                    .expect("a word")
                    .parse()
                    .expect("an id")
            })
            .collect()
    }

    #[test]
    fn the_clients_of_all_shards_are_listed_by_id() {
        let mut shards = Shards::new(3);
        let peers = [shards.connect(2), shards.connect(0), shards.connect(1)];
        shards.advance(2000);
        shards.send(peers[2], "SELECT 2");
        let list = shards.call(peers[0], "CLIENT LIST");
        assert_eq!(ids(&list), peers.map(|peer| peer.id));
        let own = list.lines().nth(1).expect("a first line");
        for field in [
            " laddr=127.0.0.1:6379 ",
            " age=2 idle=0 flags=N db=0 ",
            " multi=-1 qbuf=26 ",
            " argv-mem=10 ",
            " obl=0 oll=0 omem=0 ",
            " events=r cmd=client|list user=default redir=-1 resp=2 ",
        ] {
            assert!(own.contains(field), "{field} in {own}");
        }
        let other = list.lines().nth(2).expect("a second line");
        assert!(other.contains(" idle=2 ") && other.contains(" cmd=NULL "));
        let line = format!("CLIENT LIST ID {} 999 {}", peers[1].id, peers[0].id);
        let wanted = [peers[1].id, peers[0].id];
        assert_eq!(ids(&shards.call(peers[0], &line)), wanted);
        assert_eq!(
            ids(&shards.call(peers[0], "CLIENT LIST TYPE normal")).len(),
            3
        );
        assert_eq!(
            shards.call(peers[0], "CLIENT LIST TYPE pubsub"),
            "$0\r\n\r\n"
        );
        for (line, reply) in [
            ("CLIENT LIST TYPE x", "-ERR Unknown client type 'x'\r\n"),
            ("CLIENT LIST ID x", "-ERR Invalid client ID\r\n"),
            ("CLIENT LIST x", "-ERR syntax error\r\n"),
        ] {
            assert_eq!(shards.call(peers[0], line), reply);
        }
    }

    #[test]
    fn clients_of_other_shards_are_killed() {
        let mut shards = Shards::new(2);
        let (asking, near, far) = (shards.connect(0), shards.connect(0), shards.connect(1));
        for (line, reply) in [
            (
                "CLIENT KILL ID 0",
                "-ERR client-id should be greater than 0\r\n",
            ),
            ("CLIENT KILL ID 10 x", "-ERR syntax error\r\n"),
            ("CLIENT KILL USER x", "-ERR No such user 'x'\r\n"),
            ("CLIENT KILL SKIPME x", "-ERR syntax error\r\n"),
            (
                "CLIENT KILL MAXAGE 0",
                "-ERR maxage should be greater than 0\r\n",
            ),
            ("CLIENT KILL MAXAGE 5", ":0\r\n"),
            ("CLIENT KILL 127.0.0.1:1", "-ERR No such client\r\n"),
        ] {
            assert_eq!(shards.call(asking, line), reply, "{line}");
        }
        let line = format!("CLIENT KILL ID {} TYPE normal", far.id);
        assert_eq!(shards.call(asking, &line), ":1\r\n");
        assert!(shards.closed(far) && !shards.closed(near));
        let again = shards.connect(1);
        shards.advance(6000);
        let young = shards.connect(1);
        assert_eq!(
            shards.call(asking, "CLIENT KILL MAXAGE 5 USER default"),
            ":2\r\n"
        );
        assert!(shards.closed(near) && shards.closed(again) && !shards.closed(young));
        assert_eq!(
            shards.call(asking, "CLIENT KILL LADDR 127.0.0.1:6379 SKIPME no"),
            ":2\r\n"
        );
        assert!(shards.closed(asking) && shards.closed(young));
    }

    #[test]
    fn a_transaction_outlives_its_own_kill() {
        let mut shards = Shards::new(2);
        let asking = shards.connect(0);
        let line = format!("CLIENT KILL ID {} SKIPME no", asking.id);
        for line in ["MULTI", &line, "SET after kill"] {
            shards.call(asking, line);
        }
        assert_eq!(shards.call(asking, "EXEC"), "*2\r\n:1\r\n+OK\r\n");
        assert!(shards.closed(asking));
        let other = shards.connect(1);
        assert_eq!(shards.call(other, "GET after"), "$4\r\nkill\r\n");
    }

    #[test]
    fn only_blocked_clients_are_unblocked() {
        let mut shards = Shards::new(2);
        let (asking, other) = (shards.connect(0), shards.connect(1));
        let line = format!("CLIENT UNBLOCK {}", other.id);
        for (line, reply) in [
            (line.as_str(), ":0\r\n"),
            (
                "CLIENT UNBLOCK x",
                "-ERR value is not an integer or out of range\r\n",
            ),
            (
                "CLIENT UNBLOCK 1 now",
                "-ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR\r\n",
            ),
        ] {
            assert_eq!(shards.call(asking, line), reply, "{line}");
        }
    }

    #[test]
    fn a_blocked_client_is_released_with_or_without_an_error() {
        let mut shards = Shards::new(2);
        let (asking, waiting) = (shards.connect(0), shards.connect(1));
        let key = shards.key(0, 0);
        let line = format!("CLIENT UNBLOCK {}", waiting.id);
        for (reason, reply) in [
            ("", "*-1\r\n"),
            (" TIMEOUT", "*-1\r\n"),
            (
                " ERROR",
                "-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n",
            ),
        ] {
            assert_eq!(shards.call(waiting, &format!("BLPOP {key} 0")), "");
            assert!(shards.call(asking, "CLIENT LIST").contains(" flags=b "));
            assert_eq!(shards.call(asking, &format!("{line}{reason}")), ":1\r\n");
            assert_eq!(shards.read(waiting), reply);
            assert_eq!(shards.call(waiting, "PING"), "+PONG\r\n");
        }
        assert_eq!(shards.call(asking, &line), ":0\r\n");
    }
}
