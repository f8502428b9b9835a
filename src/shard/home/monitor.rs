//! MONITOR: a client is sent every command that any client of the server executes.
//!
//! Every shard knows the monitoring clients and writes a line per command of its own clients; lines travel as
//! notes, many in one. While nobody monitors, a command costs one test of `Core::monitored`. The commands of
//! an EXEC are shown when it begins, also when a watched key then keeps it from running them.

use super::HomeFunction;
use crate::base::Token;
use crate::cmd::{Row, flag};
use crate::conn::State;
use crate::limits::MONITOR_UNSENT_BYTES_MAX;
use crate::resp::{Args, Error};
use crate::route::{Answer, Batch, Errand, Note};
use crate::shard::Core;
use crate::shard::input::Flow;

/// The functions of this file.
pub static FUNCTIONS: &[(&str, HomeFunction)] = &[("monitor", monitor)];

/// One monitoring client.
#[derive(Debug, Clone, Copy)]
pub struct Monitor {
    home: usize,
    client: u64,
    token: Token,
    /// At its home: every shard sends, and the client has been told so.
    ready: bool,
}

/// What stands in place of a secret.
const REDACTED: &[u8] = b"(redacted)";

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
    let errand = Errand::Monitor {
        home: u16::try_from(core.id()).expect("shards are limited to 256"),
        client: core.client(token).id,
        token,
    };
    core.ask_all(token, &errand, |core, token, _| {
        let id = core.client(token).id;
        for monitor in &mut core.monitors {
            monitor.ready |= monitor.client == id;
        }
        core.complete(token, |reply| reply.ok());
    })
}

impl Core {
    /// From now on this client wants to hear of commands.
    pub fn monitor_here(&mut self, home: u16, client: u64, token: Token) -> Answer {
        self.monitors.push(Monitor {
            home: usize::from(home),
            client,
            token,
            ready: false,
        });
        self.monitored = true;
        Answer::Done
    }

    /// The client has gone or has been reset.
    pub fn unmonitor_here(&mut self, client: u64) {
        self.monitors.retain(|monitor| monitor.client != client);
        self.monitored = !self.monitors.is_empty();
    }

    /// Ends MONITOR for a client, if it is on.
    pub fn stop_monitoring(&mut self, token: Token) {
        let client = self.client(token);
        if !std::mem::take(&mut client.session.monitor) {
            return;
        }
        let client = client.id;
        for shard in 0..self.identity.shards {
            self.tell(shard, Note::Unmonitor { client });
        }
    }

    /// A client of ours has executed a command.
    #[cold]
    pub fn feed_monitors(&mut self, token: Token, row: u16, args: &Args<'_>) {
        if let Some(client) = self.clients.get(token) {
            let db = client.session.db;
            self.feed_monitors_with(token, self.table.row(row), db, args);
        }
    }

    /// A client of ours executes a transaction.
    #[cold]
    pub fn feed_monitors_queue(&mut self, token: Token, commands: &Batch) {
        for (head, args) in commands.iter() {
            let row = self.table.row(head.row);
            self.feed_monitors_with(token, row, head.db, &args);
        }
    }

    fn feed_monitors_with(&mut self, token: Token, row: &Row, db: u16, args: &Args<'_>) {
        if row.has(flag::SKIP_MONITOR | flag::ADMIN) {
            return;
        }
        let Some(client) = self.clients.get(token) else {
            return;
        };
        let address = if client.address.starts_with('/') {
            format!("unix:{}", self.config.unixsocket)
        } else {
            client.address.to_string()
        };
        let (seconds, microseconds) = (self.now.unix_us / 1_000_000, self.now.unix_us % 1_000_000);
        let mut line = format!("+{seconds}.{microseconds:06} [{db} {address}]").into_bytes();
        for (at, argument) in args.from(0).enumerate() {
            line.push(b' ');
            let shown = if is_secret(row, args, at) {
                REDACTED
            } else {
                argument
            };
            quote(shown, &mut line);
        }
        line.extend_from_slice(b"\r\n");
        for home in 0..self.identity.shards {
            if self.monitors.iter().any(|monitor| monitor.home == home) {
                self.mail.add_monitored(home, &line);
            }
        }
    }

    /// Lines for the monitoring clients of this shard.
    pub fn show_monitors(&mut self, lines: &[u8]) {
        let here = self.id();
        for monitor in self.monitors.clone() {
            let Monitor {
                client,
                token,
                home,
                ready,
            } = monitor;
            let Some(client) = self
                .clients
                .of(token, client)
                .filter(|_| ready && home == here)
            else {
                continue;
            };
            if client.state == State::Closing {
                continue;
            }
            let in_order = client.replies.in_order();
            let sink = client.replies.sink();
            let start = sink.len();
            sink.extend_from_slice(lines);
            if !in_order {
                client.replies.seal(start);
            }
            if client.unsent_bytes() > MONITOR_UNSENT_BYTES_MAX {
                self.close_now(token);
            } else {
                self.list_output(token);
            }
        }
    }
}

/// True for the arguments that no one must read: passwords, and the user names beside them.
fn is_secret(row: &Row, args: &Args<'_>, at: usize) -> bool {
    match row.command.name {
        "auth" => at > 0,
        "hello" => (2..at).any(|option| args.is(option, "auth") && at - option <= 2),
        "migrate" => (6..at).any(|option| {
            args.is(option, "auth") && at - option == 1
                || args.is(option, "auth2") && at - option <= 2
        }),
        _ => false,
    }
}

/// Appends text as redis-cli would have it typed.
fn quote(text: &[u8], line: &mut Vec<u8>) {
    line.push(b'"');
    for &byte in text {
        match byte {
            b'"' | b'\\' => line.extend_from_slice(&[b'\\', byte]),
            b'\n' => line.extend_from_slice(b"\\n"),
            b'\r' => line.extend_from_slice(b"\\r"),
            b'\t' => line.extend_from_slice(b"\\t"),
            7 => line.extend_from_slice(b"\\a"),
            8 => line.extend_from_slice(b"\\b"),
            b' '..=b'~' => line.push(byte),
            _ => line.extend_from_slice(format!("\\x{byte:02x}").as_bytes()),
        }
    }
    line.push(b'"');
}

#[cfg(test)]
mod tests {
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
        assert!(shards.core(0).monitored);
        shards.hang_up(second);
        shards.run();
        assert!(!shards.core(0).monitored && !shards.core(1).monitored);
    }
}
