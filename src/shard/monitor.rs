//! What monitoring clients are sent: every command that any client of the server executes.
//!
//! Every shard knows the monitoring clients and writes a line per command of its own clients; lines
//! travel as notes, many in one. While nobody monitors, a command costs one test of
//! `Monitors::is_empty`. The commands of an EXEC are shown when it begins, also when a watched key
//! then keeps it from running them. MONITOR itself is in `admin`.

use super::Core;
use super::slow::REDACTED;
use crate::base::Token;
use crate::cmd::{Row, flag};
use crate::conn::State;
use crate::limits::MONITOR_UNSENT_BYTES_MAX;
use crate::resp::Args;
use crate::route::{Batch, ClientRef, Note, ShardId};
use crate::store::Db;

/// One monitoring client.
#[derive(Debug, Clone, Copy)]
struct Monitor {
    home: ShardId,
    client: u64,
    token: Token,
    /// At its home: every shard sends, and the client has been told so.
    ready: bool,
}

/// The monitoring clients of the whole server.
#[derive(Debug, Default)]
pub struct Monitors(Vec<Monitor>);

impl Monitors {
    /// True when nobody monitors.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many clients monitor.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True when a client of this shard monitors.
    fn has_home(&self, shard: ShardId) -> bool {
        self.0.iter().any(|monitor| monitor.home == shard)
    }
}

impl Core {
    /// From now on this client wants to hear of commands.
    pub fn monitor_for(&mut self, home: ShardId, client: u64, token: Token) {
        assert!(
            self.monitors.0.iter().all(|other| other.client != client),
            "a client monitors once"
        );
        self.monitors.0.push(Monitor {
            home,
            client,
            token,
            ready: false,
        });
    }

    /// Every shard sends what this client wants to hear.
    pub fn monitor_ready(&mut self, token: Token) {
        let id = self.client(token).id;
        for monitor in &mut self.monitors.0 {
            monitor.ready |= monitor.client == id;
        }
    }

    /// The client has gone or has been reset.
    pub(super) fn unmonitor_here(&mut self, client: u64) {
        self.monitors.0.retain(|monitor| monitor.client != client);
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
            self.feed_monitors_with(token, self.table().row(row), db, args);
        }
    }

    /// A client of ours executes a transaction.
    #[cold]
    pub(super) fn feed_monitors_queue(&mut self, token: Token, commands: &Batch) {
        for (head, args) in commands.iter() {
            let row = self.table().row(head.row);
            self.feed_monitors_with(token, row, head.db, &args);
        }
    }

    fn feed_monitors_with(&mut self, token: Token, row: &Row, db: Db, args: &Args<'_>) {
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
        let mut line = format!("+{seconds}.{microseconds:06} [{db} {address}]").into_bytes();
        for (at, argument) in args.from(0).enumerate() {
            line.push(b' ');
            let secret = row.command.special.secret;
            let shown = match secret.is_some_and(|secret| secret(args, at)) {
                true => REDACTED,
                false => argument,
            };
            quote(shown, &mut line);
        }
        line.extend_from_slice(b"\r\n");
        for home in ShardId::all(self.identity.shards) {
            if self.monitors.has_home(home) {
                self.mail.add_monitored(home, &line);
            }
        }
    }

    /// Lines for the monitoring clients of this shard.
    pub(super) fn show_monitors(&mut self, lines: &[u8]) {
        let here = self.id();
        for monitor in self.monitors.0.clone() {
            let Monitor {
                client,
                token,
                home,
                ready,
            } = monitor;
            let Some(client) = self
                .clients
                .of(ClientRef { token, id: client })
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
