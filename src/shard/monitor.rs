//! What monitoring clients are sent: every command that any client of the server executes.
//!
//! Every shard knows the monitoring clients and writes a line per command of its own clients; lines
//! travel as notes, many in one. Each has a number, drawn before its command can be answered, from
//! one counter of the server; numbers have no gaps, so a monitor's home shows lines in their order
//! and waits for those that are on their way. While nobody monitors, no number is drawn, and a
//! command costs one test of `Monitors::is_empty`. The commands of an EXEC are shown when it
//! begins, also when a watched key then keeps it from running them; together they have one number.
//! MONITOR itself is in `admin`.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use super::Core;
use super::slow::REDACTED;
use crate::base::Token;
use crate::cmd::{Row, flag};
use crate::conn::State;
use crate::limits::MONITOR_UNSENT_BYTES_MAX;
use crate::resp::Args;
use crate::route::{Batch, ClientRef, Lines, Note, ShardId};
use crate::store::Db;

/// One monitoring client.
#[derive(Debug, Clone, Copy)]
struct Monitor {
    home: ShardId,
    client: u64,
    token: Token,
    /// At its home: from this number on every shard sends, and the client has been told so.
    from: Option<u64>,
}

/// The monitoring clients of the whole server.
#[derive(Debug, Default)]
pub struct Monitors {
    all: Vec<Monitor>,
    /// At the home of monitors: the next number to show, and lines that wait for it.
    next: u64,
    waiting: BTreeMap<u64, Box<[u8]>>,
    waiting_bytes: usize,
}

impl Monitors {
    /// True when nobody monitors.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// How many clients monitor.
    #[must_use]
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// True when a client of this shard monitors.
    fn has_home(&self, shard: ShardId) -> bool {
        self.all.iter().any(|monitor| monitor.home == shard)
    }

    /// Forgets a client, and what waits for it if it was the last one of this shard.
    fn remove(&mut self, client: u64, here: ShardId) {
        self.all.retain(|monitor| monitor.client != client);
        if !self.has_home(here) {
            (self.next, self.waiting_bytes) = (0, 0);
            self.waiting.clear();
        }
    }

    /// A client of this shard is shown the lines from this number on, unless it has left while the
    /// shards were asked.
    fn begin(&mut self, client: u64, here: ShardId, from: u64) {
        assert!(from > 0, "numbers begin with 1");
        let mut own = self.all.iter().filter(|other| other.home == here);
        let first = own.all(|other| other.from.is_none());
        let Some(its) = self.all.iter_mut().find(|other| other.client == client) else {
            return;
        };
        its.from = Some(from);
        // One that has left may have been shown more already: this one's lines come after those.
        if first && from > self.next {
            // What was numbered before is not sent by all.
            self.next = from;
            self.waiting = self.waiting.split_off(&from);
            self.waiting_bytes = self.waiting.values().map(|line| line.len()).sum();
        }
    }

    /// A line has come; lines from before the monitors began are not waited for.
    fn arrived(&mut self, number: u64, line: &[u8]) {
        if number >= self.next {
            self.waiting_bytes += line.len();
            let known = self.waiting.insert(number, line.into());
            assert!(known.is_none(), "a number is drawn once");
        }
    }

    /// The next line, if it is there. None has the number 0: before the first monitor has begun,
    /// all wait.
    fn next_line(&mut self) -> Option<(u64, Box<[u8]>)> {
        let line = self.waiting.remove(&self.next)?;
        self.waiting_bytes -= line.len();
        self.next += 1;
        Some((self.next - 1, line))
    }
}

impl Core {
    /// From now on this client wants to hear of commands. Returns the number from which on this
    /// shard sends every line.
    pub fn monitor_for(&mut self, home: ShardId, client: u64, token: Token) -> u64 {
        assert!(
            self.monitors.all.iter().all(|other| other.client != client),
            "a client monitors once"
        );
        self.monitors.all.push(Monitor {
            home,
            client,
            token,
            from: None,
        });
        self.identity.shared.monitored.load(Ordering::Relaxed)
    }

    /// From this number on every shard sends what this client, which has been told so, wants to
    /// hear. Some lines may have come before the last shard's answer.
    pub fn monitor_ready(&mut self, client: u64, from: u64) {
        self.monitors.begin(client, self.identity.shard, from);
        self.show_next();
    }

    /// How many numbers have been drawn.
    #[cfg(test)]
    pub fn lines_numbered(&self) -> u64 {
        self.identity.shared.monitored.load(Ordering::Relaxed)
    }

    /// The client has gone or has been reset.
    pub(super) fn unmonitor_here(&mut self, client: u64) {
        self.monitors.remove(client, self.identity.shard);
    }

    /// Ends MONITOR for a client, if it is on.
    pub fn stop_monitoring(&mut self, token: Token) {
        let client = self.client(token);
        if !std::mem::take(&mut client.session.monitor) {
            return;
        }
        let client = client.id;
        for shard in ShardId::all(self.identity.shards) {
            self.tell(shard, Note::Unmonitor { client });
        }
    }

    /// A client of ours has executed a command.
    #[cold]
    pub(super) fn feed_monitors(&mut self, token: Token, row: u16, args: &Args<'_>) {
        if let Some(client) = self.clients.get(token) {
            let db = client.session.db;
            let mut line = Vec::new();
            self.add_line(token, self.table().row(row), db, args, &mut line);
            self.send_lines(&line);
        }
    }

    /// A client of ours executes a transaction.
    #[cold]
    pub(super) fn feed_monitors_queue(&mut self, token: Token, commands: &Batch) {
        let mut lines = Vec::new();
        for (head, args) in commands.iter() {
            let row = self.table().row(head.row);
            self.add_line(token, row, head.db, &args, &mut lines);
        }
        // One number: no command of another shard's clients comes between them.
        self.send_lines(&lines);
    }

    /// Appends the line of a command, if it is shown.
    fn add_line(&self, token: Token, row: &Row, db: Db, args: &Args<'_>, lines: &mut Vec<u8>) {
        if row.has(flag::SKIP_MONITOR | flag::ADMIN) {
            return;
        }
        let Some(client) = self.clients.get(token) else {
            return;
        };
        let address = if client.address.starts_with('/') {
            format!("unix:{}", self.settings.config.unixsocket)
        } else {
            client.address.to_string()
        };
        let (seconds, microseconds) = (self.now.unix_us / 1_000_000, self.now.unix_us % 1_000_000);
        let start = format!("+{seconds}.{microseconds:06} [{db} {address}]");
        lines.extend_from_slice(start.as_bytes());
        for (at, argument) in args.from(0).enumerate() {
            lines.push(b' ');
            let secret = row.command.special.secret;
            let shown = match secret.is_some_and(|secret| secret(args, at)) {
                true => REDACTED,
                false => argument,
            };
            quote(shown, lines);
        }
        lines.extend_from_slice(b"\r\n");
    }

    /// Numbers what is shown, and sends it where somebody monitors.
    fn send_lines(&mut self, lines: &[u8]) {
        if lines.is_empty() {
            return;
        }
        let number = self
            .identity
            .shared
            .monitored
            .fetch_add(1, Ordering::Relaxed);
        for home in ShardId::all(self.identity.shards) {
            if self.monitors.has_home(home) {
                self.mail.add_monitored(home, number, lines);
            }
        }
    }

    /// Lines for the monitoring clients of this shard, from one shard.
    pub(super) fn hear_lines(&mut self, lines: &Lines) {
        if !self.monitors.has_home(self.id()) {
            return;
        }
        let mut start = 0;
        for &(number, end) in &lines.ends {
            self.monitors.arrived(number, &lines.bytes[start..end]);
            start = end;
        }
        if lines.cut || self.monitors.waiting_bytes > MONITOR_UNSENT_BYTES_MAX {
            return self.close_monitors();
        }
        self.show_next();
    }

    /// Shows the lines up to the first that is on its way.
    fn show_next(&mut self) {
        while let Some((number, line)) = self.monitors.next_line() {
            self.show_monitors(number, &line);
        }
    }

    /// The clients of this shard that monitor cannot be shown everything.
    fn close_monitors(&mut self) {
        for monitor in self.monitors.all.clone() {
            let (token, id) = (monitor.token, monitor.client);
            let is_here = monitor.home == self.id();
            if is_here && self.clients.of(ClientRef { token, id }).is_some() {
                self.close_now(token);
            }
        }
    }

    /// A line for the monitoring clients of this shard.
    fn show_monitors(&mut self, number: u64, line: &[u8]) {
        let here = self.id();
        for monitor in self.monitors.all.clone() {
            let Monitor {
                client,
                token,
                home,
                from,
            } = monitor;
            let wants = home == here && from.is_some_and(|from| number >= from);
            let Some(client) = self
                .clients
                .of(ClientRef { token, id: client })
                .filter(|_| wants)
            else {
                continue;
            };
            if client.state == State::Closing {
                continue;
            }
            let in_order = client.replies.in_order();
            let sink = client.replies.sink();
            let start = sink.len();
            sink.extend_from_slice(line);
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
