//! Every handler understands the syntax that its row carries.
//!
//! Commands made from the rows run on three shards in one thread; none may be answered with a
//! syntax error, a wrong number of arguments or an unknown word. What a command says about values
//! is its own affair. So the syntax that clients read and the handler that reads their arguments
//! cannot drift apart.

use super::testing::{Peer, Shards};
use super::{Commands, HomeCommand};
use crate::admin;
use crate::cmd::docs::{Docs, flag as word, key};
use crate::cmd::invocation::{invocation, is_container};
use crate::cmd::keyspec::access;
use crate::cmd::special::PLAIN;
use crate::cmd::{Command, Context, Group, KeySpec, Outcome, Random, Row, Run};
use crate::resp::{Args, Error};

/// Commands of one run.
const COMMANDS: usize = 20_000;
/// Milliseconds after which whatever waits or holds others has ended: no generated time is longer.
const WAIT_MS: u64 = 1000;

/// Where the documented syntax, which is Redis's, allows what the command refuses.
struct Exception {
    command: &'static str,
    /// The words that contradict each other; none: whatever the arguments.
    words: &'static [&'static str],
    reason: &'static str,
}

const EXCEPTIONS: &[Exception] = &[
    Exception {
        command: "shutdown",
        words: &[],
        reason: "it ends the server of the test",
    },
    Exception {
        command: "debug",
        words: &[],
        reason: "Redis documents none of its subcommands",
    },
    Exception {
        command: "command|getkeys",
        words: &[],
        reason: "Redis does not document the command that it takes",
    },
    Exception {
        command: "command|getkeysandflags",
        words: &[],
        reason: "Redis does not document the command that it takes",
    },
    Exception {
        command: "restore",
        words: &["IDLETIME", "FREQ"],
        reason: "a key has one of the two: the syntax error is Redis's",
    },
    Exception {
        command: "client|list",
        words: &["TYPE", "ID"],
        reason: "one filter at a time: the syntax error is Redis's",
    },
    Exception {
        command: "client|kill",
        words: &["SKIPME"],
        reason: "its argument is documented as a string, but only yes and no are known",
    },
    Exception {
        command: "zrange",
        words: &["LIMIT"],
        reason: "a range of ranks takes none: the syntax error is Redis's",
    },
    Exception {
        command: "zrange",
        words: &["BYLEX", "WITHSCORES"],
        reason: "they contradict each other: the syntax error is Redis's",
    },
    Exception {
        command: "zrangestore",
        words: &["LIMIT"],
        reason: "a range of ranks takes none: the syntax error is Redis's",
    },
    Exception {
        command: "zunion",
        words: &["WEIGHTS"],
        reason: "it wants as many weights as keys, which no syntax says",
    },
    Exception {
        command: "zinter",
        words: &["WEIGHTS"],
        reason: "it wants as many weights as keys, which no syntax says",
    },
    Exception {
        command: "zunionstore",
        words: &["WEIGHTS"],
        reason: "it wants as many weights as keys, which no syntax says",
    },
    Exception {
        command: "zinterstore",
        words: &["WEIGHTS"],
        reason: "it wants as many weights as keys, which no syntax says",
    },
    Exception {
        command: "increx",
        words: &["PERSIST", "ENX"],
        reason: "ENX wants a time to set: the syntax error is Redis 8.8's",
    },
    Exception {
        command: "xadd",
        words: &["LIMIT"],
        reason: "a limit needs ~: the error is Redis's",
    },
    Exception {
        command: "xtrim",
        words: &["LIMIT"],
        reason: "a limit needs ~: the error is Redis's",
    },
];

/// What no command made from its row's syntax may be answered.
const FAULTS: [&str; 5] = [
    "syntax error",
    "wrong number of arguments",
    "unknown command",
    "unknown subcommand",
    "Unknown subcommand",
];

/// The client that sends, and what surrounds it.
struct Bench {
    shards: Shards,
    peer: Peer,
}

impl Bench {
    fn new(commands: &'static Commands) -> Self {
        let mut shards = Shards::new(3);
        shards.use_commands(commands);
        let peer = shards.connect(0);
        Self { shards, peer }
    }

    /// The reply to a command. Afterwards the client is as new, whatever the command has made of
    /// it.
    fn run(&mut self, words: &[String]) -> String {
        let mut bytes = format!("*{}\r\n", words.len());
        for word in words {
            bytes.push_str(&format!("${}\r\n{word}\r\n", word.len()));
        }
        bytes.push_str("RESET\r\n");
        self.shards.feed(self.peer, bytes.as_bytes());
        self.shards.run();
        let mut reply = self.shards.read(self.peer);
        if !reply.ends_with("+RESET\r\n") {
            self.shards.advance(WAIT_MS);
            reply.push_str(&self.shards.read(self.peer));
        }
        if self.shards.closed(self.peer) {
            self.peer = self.shards.connect((self.peer.shard + 1) % 3);
        } else {
            assert!(reply.ends_with("+RESET\r\n"), "{words:?} waits: {reply}");
        }
        reply
    }
}

/// Plays commands of all rows in turn; what is wrong with them, and how often each exception was
/// met.
fn play(commands: &'static Commands, count: usize) -> (Vec<String>, Vec<usize>) {
    let table = &commands.table;
    let number = |at: usize| u16::try_from(at).expect("rows have 16 bits");
    let rows = (0..table.len()).map(|at| table.row(number(at)));
    let rows: Vec<&Row> = rows.filter(|row| !is_container(row)).collect();
    let mut random = Random::new(7);
    let mut below = |bound: usize| (random.next_u64() >> 11) as usize % bound;
    let mut bench = Bench::new(commands);
    let mut met = vec![0; EXCEPTIONS.len()];
    let mut faults = Vec::new();
    for row in rows.iter().cycle().take(count) {
        let words = invocation(row, &mut below).words;
        let has = |wanted: &&str| words.iter().any(|word| word == wanted);
        let excepted = EXCEPTIONS.iter().position(|exception| {
            exception.command == row.full_name && exception.words.iter().all(has)
        });
        if let Some(at) = excepted {
            met[at] += 1;
            continue;
        }
        let reply = bench.run(&words);
        if FAULTS.iter().any(|fault| reply.contains(fault)) {
            faults.push(format!("{}: {}", words.join(" "), reply.trim_end()));
        }
    }
    (faults, met)
}

#[test]
fn handlers_understand_the_documented_syntax() {
    let (faults, met) = play(admin::standard(), COMMANDS);
    assert!(
        faults.is_empty(),
        "{} of {COMMANDS}:\n{}",
        faults.len(),
        faults.join("\n")
    );
    for (exception, met) in EXCEPTIONS.iter().zip(met) {
        let (command, words) = (exception.command, exception.words);
        assert!(exception.reason.len() > 20, "{command}: no reason");
        assert!(met > 0, "{command} {words:?}: the exception was never met");
    }
}

/// The control: a row whose syntax promises a word that its handler does not know.
#[test]
fn a_wrong_syntax_is_found() {
    static PROMISES: &[HomeCommand] = &[HomeCommand::on_keys(Command {
        name: "promise",
        arity: -2,
        flags: 0,
        categories: 0,
        group: Group::Generic,
        keys: &[KeySpec::one(1, access::RO)],
        docs: &Docs::new("Promises too much", "0.0.0", "O(1)")
            .arguments(&[key("key", 0), word("more", "MORE").optional()]),
        special: PLAIN,
        run: Run::Keys(promise),
        subcommands: &[],
    })];
    fn promise(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
        if args.len() > 2 {
            return Err(Error::SYNTAX);
        }
        ctx.reply.ok();
        Ok(())
    }
    let commands = admin::commands_and(PROMISES);
    let (faults, _) = play(commands, 10 * commands.table.len());
    assert!(!faults.is_empty());
    let ours = |fault: &String| fault.starts_with("promise k") && fault.contains(" MORE: ");
    assert!(faults.iter().all(ours), "{faults:?}");
}
