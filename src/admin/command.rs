//! COMMAND and its subcommands: what the table of commands says about itself.
//!
//! How one command is printed stands in `describe.rs`. Reads the table, changes nothing.

use super::docs::server as docs;
use super::{describe, document};
use crate::base::Token;
use crate::cmd::keyspec::access;
use crate::cmd::special::PLAIN;
use crate::cmd::{Command, Group, Reach, Row, Run, acl, category, flag};
use crate::resp::{Args, Error, glob_match};
use crate::shard::{Core, Flow, HomeCommand};

/// The commands of this file.
pub static COMMANDS: &[HomeCommand] = &[HomeCommand::new(
    command,
    Command {
        name: "command",
        arity: -1,
        flags: flag::LOADING | flag::STALE,
        categories: acl::CONNECTION,
        group: Group::Server,
        keys: &[],
        docs: &docs::COMMAND,
        special: PLAIN,
        run: Run::Home(Reach::Client),
        subcommands: &[],
    },
)
.with(&[SUBCOMMANDS])];

/// Subcommands of COMMAND.
static SUBCOMMANDS: &[HomeCommand] = &[
    HomeCommand::new(
        count,
        Command {
            name: "count",
            arity: 2,
            flags: flag::LOADING | flag::STALE,
            categories: acl::CONNECTION,
            group: Group::Server,
            keys: &[],
            docs: &docs::COMMAND_COUNT,
            special: PLAIN,
            run: Run::Home(Reach::Client),
            subcommands: &[],
        },
    ),
    HomeCommand::new(
        docs,
        Command {
            name: "docs",
            arity: -2,
            flags: flag::LOADING | flag::STALE,
            categories: acl::CONNECTION,
            group: Group::Server,
            keys: &[],
            docs: &docs::COMMAND_DOCS,
            special: PLAIN,
            run: Run::Home(Reach::Client),
            subcommands: &[],
        },
    ),
    HomeCommand::new(
        get_keys,
        Command {
            name: "getkeys",
            arity: -4,
            flags: flag::LOADING | flag::STALE,
            categories: acl::CONNECTION,
            group: Group::Server,
            keys: &[],
            docs: &docs::COMMAND_GETKEYS,
            special: PLAIN,
            run: Run::Home(Reach::Client),
            subcommands: &[],
        },
    ),
    HomeCommand::new(
        get_keys_and_flags,
        Command {
            name: "getkeysandflags",
            arity: -4,
            flags: flag::LOADING | flag::STALE,
            categories: acl::CONNECTION,
            group: Group::Server,
            keys: &[],
            docs: &docs::COMMAND_GETKEYSANDFLAGS,
            special: PLAIN,
            run: Run::Home(Reach::Client),
            subcommands: &[],
        },
    ),
    HomeCommand::new(
        info,
        Command {
            name: "info",
            arity: -2,
            flags: flag::LOADING | flag::STALE,
            categories: acl::CONNECTION,
            group: Group::Server,
            keys: &[],
            docs: &docs::COMMAND_INFO,
            special: PLAIN,
            run: Run::Home(Reach::Client),
            subcommands: &[],
        },
    ),
    HomeCommand::new(
        list,
        Command {
            name: "list",
            arity: -2,
            flags: flag::LOADING | flag::STALE,
            categories: acl::CONNECTION,
            group: Group::Server,
            keys: &[],
            docs: &docs::COMMAND_LIST,
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
            group: Group::Server,
            keys: &[],
            docs: &docs::COMMAND_HELP,
            special: PLAIN,
            run: Run::Home(Reach::Client),
            subcommands: &[],
        },
    ),
];

fn command(core: &mut Core, token: Token, _args: &Args<'_>) -> Flow {
    let table = core.table();
    let mut reply = core.reply(token);
    reply.array(table.top_level().count());
    for number in table.top_level() {
        describe::info(table, number, &mut reply);
    }
    Flow::Next
}

fn count(core: &mut Core, token: Token, _args: &Args<'_>) -> Flow {
    let count = i64::try_from(core.table().top_level().count()).expect("rows are few");
    core.reply(token).integer(count);
    Flow::Next
}

fn info(core: &mut Core, token: Token, args: &Args<'_>) -> Flow {
    if args.len() == 2 {
        return command(core, token, args);
    }
    let table = core.table();
    let mut reply = core.reply(token);
    reply.array(args.len() - 2);
    for name in args.from(2) {
        match table.find_full(name) {
            Some(number) => describe::info(table, number, &mut reply),
            None => reply.null(),
        }
    }
    Flow::Next
}

fn docs(core: &mut Core, token: Token, args: &Args<'_>) -> Flow {
    let table = core.table();
    let numbers: Vec<u16> = if args.len() == 2 {
        table.top_level().collect()
    } else {
        args.from(2)
            .filter_map(|name| table.find_full(name))
            .collect()
    };
    let mut reply = core.reply(token);
    reply.map(numbers.len());
    for number in numbers {
        document::docs(table, number, &mut reply);
    }
    Flow::Next
}

/// What COMMAND LIST leaves in.
enum Filter<'a> {
    Everything,
    /// There are no modules, so none of their commands.
    Nothing,
    Category(u32),
    Pattern(&'a [u8]),
}

fn list_filter<'a>(args: &Args<'a>) -> Result<Filter<'a>, Error> {
    match args.len() {
        2 => Ok(Filter::Everything),
        5 if args.is(2, "filterby") && args.is(3, "module") => Ok(Filter::Nothing),
        5 if args.is(2, "filterby") && args.is(3, "aclcat") => {
            Ok(category::by_name(args.get(4)).map_or(Filter::Nothing, Filter::Category))
        }
        5 if args.is(2, "filterby") && args.is(3, "pattern") => Ok(Filter::Pattern(args.get(4))),
        _ => Err(Error::SYNTAX),
    }
}

fn list(core: &mut Core, token: Token, args: &Args<'_>) -> Flow {
    let filter = match list_filter(args) {
        Ok(filter) => filter,
        Err(error) => {
            core.error(token, &error);
            return Flow::Next;
        }
    };
    let table = core.table();
    let fits = |row: &Row| match filter {
        Filter::Everything => true,
        Filter::Nothing => false,
        Filter::Category(wanted) => category::of(row.command) & wanted != 0,
        Filter::Pattern(pattern) => glob_match(pattern, row.full_name.as_bytes(), true),
    };
    let numbers = table.top_level().flat_map(|number| {
        let subcommands = table.row(number).subcommands.clone();
        std::iter::once(number).chain(subcommands)
    });
    let names: Vec<&str> = numbers
        .map(|number| table.row(number))
        .filter(|row| fits(row))
        .map(|row| row.full_name.as_str())
        .collect();
    let mut reply = core.reply(token);
    reply.array(names.len());
    for name in names {
        reply.bulk(name.as_bytes());
    }
    Flow::Next
}

fn get_keys(core: &mut Core, token: Token, args: &Args<'_>) -> Flow {
    keys_of(core, token, args, false)
}

fn get_keys_and_flags(core: &mut Core, token: Token, args: &Args<'_>) -> Flow {
    keys_of(core, token, args, true)
}

fn keys_of(core: &mut Core, token: Token, args: &Args<'_>, with_flags: bool) -> Flow {
    let given = args.skip(2);
    match find_keys(core, &given) {
        Ok(keys) => {
            let mut reply = core.reply(token);
            reply.array(keys.len());
            for (at, bits) in keys {
                if with_flags {
                    reply.array(2);
                }
                reply.bulk(given.get(at));
                if with_flags {
                    describe::access_flags(bits, &mut reply);
                }
            }
        }
        Err(error) => core.error(token, &error),
    }
    Flow::Next
}

/// The keys of a command that a client has written out, with what happens to them.
fn find_keys(core: &Core, given: &Args<'_>) -> Result<Vec<(usize, u32)>, Error> {
    let number = core
        .table()
        .resolve(given)
        .map_err(|_| Error::new("ERR Invalid command specified"))?;
    let row = core.table().row(number);
    if row.command.keys.is_empty() {
        return Err(Error::new("ERR The command has no key arguments"));
    }
    if !row.arity_fits(given.len()) {
        return Err(Error::new(
            "ERR Invalid number of arguments specified for command",
        ));
    }
    let mut keys = Vec::new();
    let mut positions = Vec::new();
    for spec in row.command.keys {
        positions.clear();
        if spec.positions(given, &mut positions).is_err() {
            keys.clear();
            break;
        }
        if spec.access & access::NOT_KEY == 0 {
            let bits = exact_access(row, given, spec.access);
            keys.extend(positions.iter().map(|&at| (at, bits)));
        }
    }
    if keys.is_empty() && !row.has(flag::NO_MANDATORY_KEYS) {
        return Err(Error::new("ERR Invalid arguments specified for command"));
    }
    Ok(keys)
}

/// Where what happens to a key depends on the arguments, what these arguments do.
fn exact_access(row: &Row, given: &Args<'_>, bits: u32) -> u32 {
    if bits & access::VARIABLE_FLAGS == 0 {
        return bits;
    }
    let reads_old = (3..given.len()).any(|at| given.is(at, "get"));
    match row.command.name {
        "set" if !reads_old => access::OW | access::UPDATE,
        "set" => access::RW | access::ACCESS | access::UPDATE,
        "bitfield" => {
            let changes = |at: usize| given.is(at, "set") || given.is(at, "incrby");
            if (2..given.len()).any(changes) {
                access::RW | access::ACCESS | access::UPDATE
            } else {
                access::RO | access::ACCESS
            }
        }
        _ => bits & !access::VARIABLE_FLAGS,
    }
}

fn help(core: &mut Core, token: Token, _args: &Args<'_>) -> Flow {
    super::help::help(core, token, "COMMAND", HELP)
}

static HELP: &[&str] = &[
    "(no subcommand)",
    "    Return details about all Redis commands.",
    "COUNT",
    "    Return the total number of commands in this Redis server.",
    "LIST",
    "    Return a list of all commands in this Redis server.",
    "INFO [<command-name> ...]",
    "    Return details about multiple Redis commands.",
    "    If no command names are given, documentation details for all",
    "    commands are returned.",
    "DOCS [<command-name> ...]",
    "    Return documentation details about multiple Redis commands.",
    "    If no command names are given, documentation details for all",
    "    commands are returned.",
    "GETKEYS <full-command>",
    "    Return the keys from a full Redis command.",
    "GETKEYSANDFLAGS <full-command>",
    "    Return the keys and the access flags from a full Redis command.",
];

#[cfg(test)]
mod tests {
    use crate::shard::testing::Shards;

    #[test]
    fn commands_are_described() {
        let mut shards = Shards::new(1);
        let client = shards.connect(0);
        let count = shards.call(client, "COMMAND COUNT");
        let all = shards.call(client, "COMMAND");
        assert_eq!(
            all.lines().next(),
            Some(count.trim().replace(':', "*").as_str())
        );
        assert_eq!(all, shards.call(client, "COMMAND INFO"));
        let some = shards.call(client, "COMMAND INFO get nosuch client|kill get|x");
        assert!(some.starts_with("*4\r\n*10\r\n$3\r\nget\r\n:2\r\n*2\r\n+readonly\r\n+fast\r\n"));
        assert!(some.contains("$-1\r\n*10\r\n$11\r\nclient|kill\r\n:-3\r\n"));
        assert!(some.ends_with("$-1\r\n"));
        let docs = shards.call(client, "COMMAND DOCS nosuch ping client");
        assert!(
            docs.starts_with(
                "*4\r\n$4\r\nping\r\n*10\r\n$7\r\nsummary\r\n$15\r\nPing the server\r\n"
            )
        );
        assert!(docs.contains("$11\r\nsubcommands\r\n"));
        assert!(shards.call(client, "COMMAND DOCS").starts_with('*'));
        assert!(
            shards
                .call(client, "COMMAND HELP")
                .contains("+COMMAND <sub")
        );
    }

    #[test]
    fn commands_are_listed_by_pattern_and_category() {
        let mut shards = Shards::new(1);
        let client = shards.connect(0);
        let list = |shards: &mut Shards, rest: &str| {
            let reply = shards.call(client, &format!("COMMAND LIST{rest}"));
            let names = reply.lines().filter(|line| !line.starts_with(['*', '$']));
            names.map(str::to_string).collect::<Vec<String>>()
        };
        let everything = list(&mut shards, "");
        assert!(everything.contains(&"set".into()) && everything.contains(&"client|list".into()));
        assert_eq!(list(&mut shards, " FILTERBY PATTERN gEt"), ["get"]);
        let config = list(&mut shards, " filterby pattern config|*re*");
        assert_eq!(config.len(), 2, "{config:?}");
        let transactions = list(&mut shards, " FILTERBY ACLCAT Transaction");
        assert_eq!(transactions.len(), 5, "{transactions:?}");
        assert!(list(&mut shards, " FILTERBY ACLCAT x").is_empty());
        assert!(list(&mut shards, " FILTERBY MODULE x").is_empty());
        for rest in [" x", " FILTERBY x", " FILTERBY x y"] {
            assert_eq!(list(&mut shards, rest), ["-ERR syntax error"]);
        }
    }

    #[test]
    fn keys_are_found_in_commands() {
        let mut shards = Shards::new(1);
        let client = shards.connect(0);
        for (line, reply) in [
            ("GETKEYS GET k", "*1\r\n$1\r\nk\r\n"),
            ("GETKEYS MSET a 1 b 2", "*2\r\n$1\r\na\r\n$1\r\nb\r\n"),
            (
                "GETKEYS PING x",
                "-ERR The command has no key arguments\r\n",
            ),
            ("GETKEYS NOSUCH x", "-ERR Invalid command specified\r\n"),
            (
                "GETKEYS GET k x",
                "-ERR Invalid number of arguments specified for command\r\n",
            ),
            (
                "GETKEYSANDFLAGS set k v",
                "*1\r\n*2\r\n$1\r\nk\r\n*2\r\n+OW\r\n+update\r\n",
            ),
            (
                "GETKEYSANDFLAGS set k v GET",
                "*1\r\n*2\r\n$1\r\nk\r\n*3\r\n+RW\r\n+access\r\n+update\r\n",
            ),
        ] {
            assert_eq!(
                shards.call(client, &format!("COMMAND {line}")),
                reply,
                "{line}"
            );
        }
    }
}
