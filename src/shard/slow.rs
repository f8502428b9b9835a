//! Commands that took long: what is written down of them, and where.
//!
//! What a command took beyond the limits of `slowlog-log-slower-than` or
//! `latency-monitor-threshold` is written down by the shard that ran it, or by the client's own
//! when that is known. Measuring is `metrics`'.

use super::Core;
use super::execute::Call;
use crate::cmd::{Row, flag};
use crate::limits::{SLOW_ARGUMENT_BYTES_MAX, SLOW_ARGUMENTS_MAX};
use crate::metrics::SlowEntry;
use crate::resp::Args;
use crate::route::{ClientRef, Note};

/// What stands in place of a secret.
pub(super) const REDACTED: &[u8] = b"(redacted)";

impl Core {
    /// The handler of a call has ended.
    #[inline]
    pub fn timed(&mut self, call: Call, args: &Args<'_>) {
        let ticks = self.metrics.end_command(call.head.row);
        if call.may_block && self.effects.block.is_some() {
            // It has not ended: it waits for a key.
            return self.metrics.add_time(call.head.row, ticks);
        }
        self.count_time(call, args, ticks);
    }

    /// A home command that had to ask other shards has ended.
    pub(super) fn timed_since(&mut self, started: u64, call: Call, args: &Args<'_>) {
        let ticks = self.metrics.ticks_since(started);
        self.count_time(call, args, ticks);
    }

    #[inline]
    fn count_time(&mut self, call: Call, args: &Args<'_>, ticks: u64) {
        if let Some(duration_us) = self.metrics.count_time(call.head.row, ticks) {
            self.slow(call, args, duration_us);
        }
    }

    /// A command that may have to be written down.
    #[cold]
    fn slow(&mut self, call: Call, args: &Args<'_>, duration_us: u64) {
        let row = self.table().row(call.head.row);
        let thresholds = *self.metrics.thresholds();
        let threshold_ms = thresholds.latency_event_ms;
        if threshold_ms > 0 && duration_us / 1000 >= threshold_ms {
            let event = if row.has(flag::FAST) {
                "fast-command"
            } else {
                "command"
            };
            let time_s = self.now.unix_us / 1_000_000;
            self.metrics
                .latency_event(event, time_s, duration_us / 1000);
        }
        let logged = thresholds
            .slow_log_us
            .is_some_and(|least| duration_us >= least);
        if !logged || row.has(flag::SKIP_SLOWLOG) || thresholds.slow_log_len == 0 {
            return;
        }
        let entry = SlowEntry {
            id: 0,
            time_s: self.now.unix_us / 1_000_000,
            duration_us,
            words: shortened(row, args),
            address: String::new(),
            name: String::new(),
        };
        match call.home {
            Some(home) if home != self.id() => {
                let entry = Box::new(entry);
                let client = call.client;
                let note = Note::Slow { client, entry };
                self.tell(home, note);
            }
            _ => self.write_down(call.client, entry),
        }
    }

    /// Puts a slow command into the log of its client's shard.
    pub(super) fn write_down(&mut self, client: Option<ClientRef>, mut entry: SlowEntry) {
        if let Some(client) = client.and_then(|client| self.clients.of(client)) {
            entry.address = client.address.to_string();
            entry.name = client.session.name.to_string();
        }
        let ids = &self.identity.shared.slow_log_ids;
        entry.id = ids.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        self.metrics.log_slow(entry);
    }
}

/// The words of a command as the log shows them: at most 32, none very long, no secrets.
fn shortened(row: &Row, args: &Args<'_>) -> Vec<Vec<u8>> {
    let shown = if args.len() > SLOW_ARGUMENTS_MAX {
        SLOW_ARGUMENTS_MAX - 1
    } else {
        args.len()
    };
    let secret = row.command.special.secret;
    let mut words: Vec<Vec<u8>> = (0..shown)
        .map(|index| {
            if secret.is_some_and(|secret| secret(args, index)) {
                return REDACTED.to_vec();
            }
            let word = args.get(index);
            if word.len() <= SLOW_ARGUMENT_BYTES_MAX {
                return word.to_vec();
            }
            let mut cut = word[..SLOW_ARGUMENT_BYTES_MAX].to_vec();
            let more = word.len() - SLOW_ARGUMENT_BYTES_MAX;
            cut.extend_from_slice(format!("... ({more} more bytes)").as_bytes());
            cut
        })
        .collect();
    if shown < args.len() {
        let more = args.len() - shown;
        words.push(format!("... ({more} more arguments)").into_bytes());
    }
    assert!(
        words.len() <= SLOW_ARGUMENTS_MAX,
        "an entry of the log is short"
    );
    words
}
