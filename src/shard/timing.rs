//! How long commands take: exact times per command, the slow log, latency events and histograms.
//!
//! The counter is read once per command: what passed since the reading before is the command's time. So a
//! batch begins with a reading of its own (`begin`), and nothing else may run between. What a command took
//! beyond the limits of `slowlog-log-slower-than` or `latency-monitor-threshold` is written down by the shard
//! that ran it, or by the client's own when that is known.

use std::collections::VecDeque;

use super::Core;
use super::execute::Call;
use crate::base::{Ticker, Token};
use crate::cmd::{Row, flag};
use crate::config::Config;
use crate::limits::{LATENCY_SAMPLES_MAX, SLOW_ARGUMENT_BYTES_MAX, SLOW_ARGUMENTS_MAX};
use crate::metrics::{Histogram, LatencyEvent, LatencySample, SlowEntry};
use crate::resp::Args;
use crate::route::Note;

/// A shard's stop watch and what it wrote down.
#[derive(Debug)]
pub struct Timing {
    pub ticker: Ticker,
    /// The last reading.
    stamp: u64,
    /// From here on a command is looked at closely.
    slow_ticks: u64,
    /// Commands have histograms.
    pub tracking: bool,
    /// Newest last.
    pub slow_log: VecDeque<SlowEntry>,
    pub events: Vec<LatencyEvent>,
}

impl Timing {
    /// Before any command.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let mut timing = Self {
            ticker: Ticker::of_machine(),
            stamp: 0,
            slow_ticks: u64::MAX,
            tracking: false,
            slow_log: VecDeque::new(),
            events: Vec::new(),
        };
        timing.configure(config);
        timing
    }

    /// Takes over thresholds.
    pub fn configure(&mut self, config: &Config) {
        let slow_log_ns = u64::try_from(config.slowlog_log_slower_than)
            .ok()
            .map(|microseconds| microseconds.saturating_mul(1000));
        let event_ns = (config.latency_monitor_threshold > 0)
            .then(|| config.latency_monitor_threshold.saturating_mul(1_000_000));
        let least_ns = slow_log_ns.into_iter().chain(event_ns).min();
        self.slow_ticks = least_ns.map_or(u64::MAX, |least| self.ticker.ticks(least));
        self.tracking = config.latency_tracking;
        self.trim(config);
    }

    fn trim(&mut self, config: &Config) {
        let most = usize::try_from(config.slowlog_max_len).unwrap_or(usize::MAX);
        while self.slow_log.len() > most {
            self.slow_log.pop_front();
        }
    }

    /// A batch of commands begins.
    #[inline]
    pub fn begin(&mut self) {
        self.stamp = self.ticker.now();
    }

    /// A reading to be given to `since`.
    #[must_use]
    pub fn now(&self) -> u64 {
        self.ticker.now()
    }

    /// A command has ended: its ticks.
    #[inline]
    fn end(&mut self) -> u64 {
        let now = self.ticker.now();
        let ticks = now.saturating_sub(self.stamp);
        self.stamp = now;
        ticks
    }
}

impl Core {
    /// The handler of a call has ended.
    #[inline]
    pub fn timed(&mut self, call: Call, args: &Args<'_>) {
        let ticks = self.timing.end();
        self.stalls.command(call.head.row, ticks);
        self.count_time(call, args, ticks);
    }

    /// A home command that had to ask other shards has ended.
    pub fn timed_since(&mut self, started: u64, call: Call, args: &Args<'_>) {
        let ticks = self.timing.now().saturating_sub(started);
        self.count_time(call, args, ticks);
    }

    #[inline]
    fn count_time(&mut self, call: Call, args: &Args<'_>, ticks: u64) {
        let nanoseconds = self.timing.ticker.nanoseconds(ticks);
        let calls = &mut self.calls[usize::from(call.head.row)];
        calls.nanoseconds += nanoseconds;
        if self.timing.tracking {
            calls
                .histogram
                .get_or_insert_with(Histogram::default)
                .record(nanoseconds);
        }
        if ticks >= self.timing.slow_ticks {
            self.slow(call, args, nanoseconds / 1000);
        }
    }

    /// A command that may have to be written down.
    #[cold]
    fn slow(&mut self, call: Call, args: &Args<'_>, duration_us: u64) {
        if self.effects.block.is_some() {
            // It has not ended: it waits for a key.
            return;
        }
        let row = self.table.row(call.head.row);
        let threshold_ms = self.config.latency_monitor_threshold;
        if threshold_ms > 0 && duration_us / 1000 >= threshold_ms {
            let event = if row.has(flag::FAST) {
                "fast-command"
            } else {
                "command"
            };
            self.latency_event(event, duration_us / 1000);
        }
        let logged = u64::try_from(self.config.slowlog_log_slower_than)
            .is_ok_and(|threshold_us| duration_us >= threshold_us);
        if !logged || row.has(flag::SKIP_SLOWLOG) || self.config.slowlog_max_len == 0 {
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
            Some(home) if usize::from(home) != self.id() => {
                let note = Note::Slow {
                    token: call.token,
                    client: call.client,
                    entry: Box::new(entry),
                };
                self.tell(usize::from(home), note);
            }
            _ => self.write_down(call.token, call.client, entry),
        }
    }

    /// Puts a slow command into the log of its client's shard.
    pub fn write_down(&mut self, token: Token, client: u64, mut entry: SlowEntry) {
        if let Some(client) = self.clients.of(token, client) {
            entry.address = client.address.to_string();
            entry.name = client.session.name.to_string();
        }
        let ids = &self.identity.shared.slow_log_ids;
        entry.id = ids.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        self.timing.slow_log.push_back(entry);
        self.timing.trim(&self.config);
    }

    /// Something took long: at most one sample a second is kept for each event, the longest.
    pub fn latency_event(&mut self, name: &'static str, milliseconds: u64) {
        let time_s = self.now.unix_us / 1_000_000;
        let events = &mut self.timing.events;
        let index = events
            .iter()
            .position(|event| event.name == name)
            .unwrap_or_else(|| {
                events.push(LatencyEvent::new(name));
                events.len() - 1
            });
        let event = &mut events[index];
        event.max_ms = event.max_ms.max(milliseconds);
        match event.samples.last_mut() {
            Some(last) if last.time_s == time_s => {
                last.milliseconds = last.milliseconds.max(milliseconds);
            }
            _ => event.samples.push(LatencySample {
                time_s,
                milliseconds,
            }),
        }
        if event.samples.len() > LATENCY_SAMPLES_MAX {
            event.samples.remove(0);
        }
    }
}

/// The words of a command as the log shows them: at most 32, none very long, no secrets.
fn shortened(row: &Row, args: &Args<'_>) -> Vec<Vec<u8>> {
    let shown = if args.len() > SLOW_ARGUMENTS_MAX {
        SLOW_ARGUMENTS_MAX - 1
    } else {
        args.len()
    };
    let mut words: Vec<Vec<u8>> = (0..shown)
        .map(|index| {
            if is_secret(row, args, index) {
                return b"(redacted)".to_vec();
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
    words
}

/// The value of a secret directive in CONFIG SET.
fn is_secret(row: &Row, args: &Args<'_>, index: usize) -> bool {
    row.full_name == "config|set"
        && index >= 3
        && index % 2 == 1
        && std::str::from_utf8(args.get(index - 1)).is_ok_and(crate::config::is_sensitive)
}
