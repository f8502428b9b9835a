//! MONITOR: a client is sent every command that any client of the server executes.
//!
//! What it is sent, and how, stands in `shard/monitor.rs`.
//! Here a client only begins to listen.

use super::docs::server as docs;
use crate::base::{ShardId, Token};
use crate::cmd::special::PLAIN;
use crate::cmd::{Command, Group, Reach, Run, flag};
use crate::resp::{Args, Error};
use crate::shard::{Core, Flow, HomeCommand, Query};

/// The commands of this file.
pub static COMMANDS: &[HomeCommand] = &[HomeCommand::new(
    monitor,
    Command {
        name: "monitor",
        arity: 1,
        flags: flag::ADMIN | flag::NOSCRIPT | flag::LOADING | flag::STALE,
        categories: 0,
        group: Group::Server,
        keys: &[],
        docs: &docs::MONITOR,
        special: PLAIN,
        run: Run::Home(Reach::Everyone),
        subcommands: &[],
    },
)];

/// Every shard shows this client of that shard what its own clients execute, until
/// `Note::Unmonitor`.
struct Listen {
    home: ShardId,
    client: u64,
    token: Token,
}

impl Query for Listen {
    /// From which number on the shard sends every line.
    type Answer = u64;

    fn answer(&self, core: &mut Core) -> u64 {
        core.monitor_for(self.home, self.client, self.token)
    }
}

fn monitor(core: &mut Core, token: Token, _args: &Args<'_>) -> Flow {
    if core.client(token).steps.is_some() {
        let error = Error::new("ERR MONITOR isn't allowed for DENY BLOCKING client");
        core.error(token, &error);
        return Flow::Next;
    }
    if core.client(token).session.monitor {
        // As Redis: a client that monitors already is not answered.
        return Flow::Next;
    }
    let client = core.client(token);
    client.session.monitor = true;
    let listen = Listen {
        home: core.id(),
        client: core.client(token).id,
        token,
    };
    core.ask_all(token, listen, |core, token, answers| {
        let from = answers.into_iter().max().expect("every shard answers");
        let client = core.client(token).id;
        core.complete(token, |reply| reply.ok());
        core.monitor_ready(client, from);
    })
}

#[cfg(test)]
mod tests {
    use crate::limits::MONITOR_PENDING_BYTES_MAX;
    use crate::shard::testing::{Peer, Shards};

    /// The lines that a monitor has been sent, without time and address.
    fn lines(shards: &mut Shards, monitor: Peer) -> Vec<String> {
        let text = shards.read(monitor);
        let commands = text.lines().map(|line| {
            assert!(line.starts_with("+1700000000.000000 ["), "{line}");
            line.split_once("] ").expect("an address").1.to_string()
        });
        commands.collect()
    }

    #[test]
    fn commands_of_all_shards_are_shown() {
        let mut shards = Shards::new(2);
        let (monitor, near, far) = (shards.connect(0), shards.connect(0), shards.connect(1));
        assert_eq!(shards.call(monitor, "MONITOR"), "+OK\r\n");
        assert_eq!(shards.call(monitor, "MONITOR"), "");
        shards.call(near, "SELECT 3");
        shards.call(near, "SET a 1");
        let text = shards.read(monitor);
        assert_eq!(
            text,
            "+1700000000.000000 [3 127.0.0.1:50001] \"SELECT\" \"3\"\r\n\
             +1700000000.000000 [3 127.0.0.1:50001] \"SET\" \"a\" \"1\"\r\n"
        );
        shards.feed(far, b"*2\r\n$4\r\necho\r\n$7\r\n\x01\"\\\n\r\ta\r\n");
        shards.run();
        assert_eq!(lines(&mut shards, monitor), [r#""echo" "\x01\"\\\n\r\ta""#]);
        shards.call(far, "CONFIG GET maxmemory");
        shards.call(far, "NOSUCH");
        shards.call(far, "GET");
        assert_eq!(
            lines(&mut shards, monitor),
            [""; 0],
            "neither admin nor refused"
        );
        assert_eq!(
            shards.call(monitor, "GET a"),
            "-ERR Replica can't interact with the keyspace\r\n"
        );
        assert!(shards.call(far, "CLIENT LIST").contains(" flags=O "));
    }

    #[test]
    fn lines_are_shown_in_the_order_of_their_commands() {
        let mut shards = Shards::new(3);
        let monitor = shards.connect(0);
        let clients = [shards.connect(1), shards.connect(0), shards.connect(2)];
        shards.call(monitor, "MONITOR");
        let mut expected = Vec::new();
        for number in 0..30 {
            let client = clients[number % 3];
            shards.feed(client, format!("ECHO {number}\r\n").as_bytes());
            // Answered, before the monitor's shard has heard of it.
            shards.tick(client.shard);
            assert!(shards.read(client).ends_with(&format!("{number}\r\n")));
            expected.push(format!(r#""ECHO" "{number}""#));
        }
        shards.run();
        assert_eq!(lines(&mut shards, monitor), expected);
    }

    #[test]
    fn a_second_monitor_sees_all_from_its_beginning() {
        let mut shards = Shards::new(3);
        let (first, second) = (shards.connect(0), shards.connect(2));
        let client = shards.connect(1);
        shards.call(first, "MONITOR");
        for number in 0..10 {
            shards.feed(client, format!("ECHO {number}\r\n").as_bytes());
            if number == 3 {
                shards.send(second, "MONITOR");
                shards.run();
                assert!(shards.read(second).starts_with("+OK\r\n"));
            }
            shards.tick(1);
        }
        shards.run();
        let shown: Vec<String> = lines(&mut shards, second);
        let all: Vec<String> = lines(&mut shards, first);
        assert_eq!(all.len(), 10);
        assert_eq!(shown, all[10 - shown.len()..]);
        assert!(shown.len() >= 6);
        // The first one leaves and comes again: nothing is waited for that was shown meanwhile.
        shards.call(first, "RESET");
        shards.call(client, "PING");
        shards.read(first);
        shards.call(first, "MONITOR");
        shards.call(client, "PING");
        assert_eq!(lines(&mut shards, first), [r#""PING""#]);
    }

    /// A client of shard 0 begins to monitor; then a client of shard 1 sends `ECHO 1`, when all
    /// shards have answered but before the last answer, that of shard 2, is read.
    fn begin_with_a_line_before_the_last_answer(shards: &mut Shards, monitor: Peer, client: Peer) {
        shards.send(monitor, "MONITOR");
        for shard in [0, 1, 0, 2] {
            shards.tick(shard);
        }
        shards.send(client, "ECHO 1");
        shards.tick(1);
    }

    #[test]
    fn lines_that_come_before_the_last_answer_are_shown() {
        let mut shards = Shards::new(3);
        let (monitor, client) = (shards.connect(0), shards.connect(1));
        begin_with_a_line_before_the_last_answer(&mut shards, monitor, client);
        shards.run();
        let shown = shards.read(monitor);
        assert!(shown.starts_with("+OK\r\n+17"), "{shown}");
        assert!(shown.ends_with("\"ECHO\" \"1\"\r\n"), "{shown}");
    }

    #[test]
    fn one_begins_while_another_leaves() {
        let mut shards = Shards::new(3);
        let (first, second) = (shards.connect(0), shards.connect(0));
        let (other, client) = (shards.connect(0), shards.connect(1));
        shards.call(first, "MONITOR");
        begin_with_a_line_before_the_last_answer(&mut shards, second, client);
        shards.core(0).close_now(first.token);
        // The first one is forgotten here, then the line comes, then the last answer.
        shards.call(other, "PING");
        shards.call(client, "ECHO 2");
        let shown = shards.read(second);
        assert!(shown.starts_with("+OK\r\n"), "{shown}");
        assert!(shown.ends_with("\"ECHO\" \"2\"\r\n"), "{shown}");
    }

    #[test]
    fn a_client_that_is_closed_while_the_shards_are_asked_begins_nothing() {
        let mut shards = Shards::new(3);
        let (monitor, other) = (shards.connect(0), shards.connect(0));
        shards.send(monitor, "MONITOR");
        for shard in [0, 1, 2] {
            shards.tick(shard);
        }
        shards.core(0).close_now(monitor.token);
        // It is forgotten here, then the answers come.
        assert_eq!(shards.call(other, "PING"), "+PONG\r\n");
        assert!(shards.closed(monitor));
        assert!((0..3).all(|shard| !shards.core(shard).is_monitored()));
    }

    #[test]
    fn the_commands_of_a_transaction_are_shown_together() {
        let mut shards = Shards::new(2);
        let (monitor, client) = (shards.connect(0), shards.connect(1));
        shards.call(monitor, "MONITOR");
        for line in ["MULTI", "SET a 1", "CONFIG GET port", "PING"] {
            shards.call(client, line);
        }
        let numbers = |shards: &mut Shards| shards.core(0).lines_numbered();
        let before = numbers(&mut shards);
        shards.call(client, "EXEC");
        assert_eq!(numbers(&mut shards) - before, 2, "its commands, and EXEC");
        let shown = lines(&mut shards, monitor);
        assert_eq!(shown[1..], [r#""SET" "a" "1""#, r#""PING""#, r#""EXEC""#]);
    }

    #[test]
    fn where_lines_are_left_out_monitors_are_closed_and_new_ones_miss_nothing() {
        let mut shards = Shards::new(2);
        let monitor = shards.connect(0);
        let (client, other) = (shards.connect(1), shards.connect(1));
        shards.call(monitor, "MONITOR");
        // Both before the tick: the second one's line is left out.
        let long = "x".repeat(MONITOR_PENDING_BYTES_MAX);
        shards.send(client, &format!("ECHO {long}"));
        shards.send(other, "ECHO 1");
        shards.run();
        assert!(shards.read(client).len() > MONITOR_PENDING_BYTES_MAX);
        assert!(shards.closed(monitor));
        assert!((0..2).all(|shard| !shards.core(shard).is_monitored()));
        let next = shards.connect(0);
        shards.call(next, "MONITOR");
        shards.call(client, "ECHO 2");
        assert_eq!(lines(&mut shards, next), [r#""ECHO" "2""#]);
    }

    #[test]
    fn while_nobody_monitors_no_number_is_drawn() {
        let mut shards = Shards::new(2);
        let client = shards.connect(1);
        let before = shards.core(0).lines_numbered();
        shards.call(client, "PING");
        assert_eq!(shards.core(0).lines_numbered(), before);
    }

    #[test]
    fn secrets_are_not_shown_and_transactions_in_order() {
        let mut shards = Shards::new(2);
        let (monitor, client) = (shards.connect(0), shards.connect(1));
        shards.call(monitor, "MONITOR");
        for line in ["AUTH a", "AUTH a b", "HELLO 2 AUTH a b SETNAME me"] {
            shards.call(client, line);
        }
        for line in ["MULTI", "SET a 1", "PING", "EXEC"] {
            shards.call(client, line);
        }
        assert_eq!(
            lines(&mut shards, monitor),
            [
                r#""AUTH" "(redacted)""#,
                r#""AUTH" "(redacted)" "(redacted)""#,
                r#""HELLO" "2" "AUTH" "(redacted)" "(redacted)" "SETNAME" "me""#,
                r#""MULTI""#,
                r#""SET" "a" "1""#,
                r#""PING""#,
                r#""EXEC""#,
            ]
        );
    }

    #[test]
    fn a_monitor_ends_with_reset_and_with_its_client() {
        let mut shards = Shards::new(2);
        let (first, second) = (shards.connect(0), shards.connect(1));
        for monitor in [first, second] {
            shards.call(monitor, "MONITOR");
        }
        assert!(shards.call(first, "RESET").ends_with("+RESET\r\n"));
        shards.call(first, "PING");
        assert_eq!(lines(&mut shards, second), [r#""RESET""#, r#""PING""#]);
        assert!(shards.core(0).is_monitored());
        shards.hang_up(second);
        shards.run();
        assert!(!shards.core(0).is_monitored() && !shards.core(1).is_monitored());
    }
}
