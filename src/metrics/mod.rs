//! What a shard counts and measures: counters, histograms, the slow log, latency events, stalls.
//!
//! Plain data, owned by the shard that measures; whoever asks gets a copy, and copies are added up
//! here. Reads no clock but the machine's counter, and knows nobody that is measured.

mod calls;
mod histogram;
mod meter;
mod slow;
mod stall;
mod statistics;
mod stopwatch;

use std::collections::VecDeque;

pub use calls::{Calls, CommandCalls};
pub use histogram::Histogram;
use meter::{Meter, Peaks};
pub use slow::{LatencyEvent, LatencySample, SlowEntry};
use stall::Stalls;
pub use stall::{Stall, Step};
pub use statistics::{Rates, Statistics};
use stopwatch::Stopwatch;
pub use stopwatch::Thresholds;

/// All that one shard measures. Rows are numbers of the command table.
#[derive(Debug)]
pub struct Metrics {
    counters: Statistics,
    calls: Calls,
    stopwatch: Stopwatch,
    stalls: Stalls,
    meter: Meter,
    buffers: Peaks,
    thresholds: Thresholds,
    /// Newest last.
    slow_log: VecDeque<SlowEntry>,
    events: Vec<LatencyEvent>,
}

impl Metrics {
    /// Nothing measured yet, for a table of so many rows.
    #[must_use]
    pub fn new(rows: usize, thresholds: Thresholds) -> Self {
        let stopwatch = Stopwatch::new(&thresholds);
        Self {
            counters: Statistics::default(),
            calls: Calls::new(rows),
            stalls: Stalls::new(stopwatch.ticker()),
            stopwatch,
            meter: Meter::default(),
            buffers: Peaks::default(),
            thresholds,
            slow_log: VecDeque::new(),
            events: Vec::new(),
        }
    }

    /// Takes over thresholds.
    pub fn configure(&mut self, thresholds: Thresholds) {
        self.stopwatch.configure(&thresholds);
        self.thresholds = thresholds;
        self.trim_slow_log();
    }

    #[inline]
    #[must_use]
    pub fn counters(&self) -> &Statistics {
        &self.counters
    }

    /// To count in.
    #[inline]
    pub fn count(&mut self) -> &mut Statistics {
        &mut self.counters
    }

    /// The calls of all commands.
    #[must_use]
    pub fn calls(&self) -> &Calls {
        &self.calls
    }

    /// Counts calls of a command.
    #[inline]
    pub fn count_calls(&mut self, row: u16, calls: u64) {
        self.calls.of(row).calls += calls;
        self.counters.commands += calls;
    }

    /// A call that was counted is undone and comes again.
    pub fn uncount_call(&mut self, row: u16) {
        let calls = self.calls.of(row);
        assert!(calls.calls > 0, "only a counted call is undone");
        calls.calls -= 1;
        self.counters.commands -= 1;
    }

    /// A command was refused before it ran.
    pub fn count_rejected(&mut self, row: u16) {
        self.calls.of(row).rejected += 1;
    }

    /// A command ran and answered with an error of this code.
    #[cold]
    pub fn count_failed(&mut self, row: u16, code: &str) {
        self.calls.of(row).failed += 1;
        self.counters.failed += 1;
        self.counters.count_error(code);
    }

    /// Errors that no command has answered for yet.
    #[must_use]
    pub fn unattributed_errors(&self) -> u64 {
        let counters = &self.counters;
        counters.error_replies.wrapping_sub(counters.failed)
    }

    /// A command that counts its errors without saying whose they are has failed if there are more
    /// such errors than before it ran.
    pub fn attribute_errors(&mut self, row: u16, before: u64) {
        if self
            .unattributed_errors()
            .wrapping_sub(before)
            .cast_signed()
            > 0
        {
            self.calls.of(row).failed += 1;
            self.counters.failed += 1;
        }
    }

    /// Somebody looked at buffers of clients: the largest.
    pub fn see_buffers(&mut self, now_us: u64, input_bytes: u64, output_bytes: u64) {
        let largest = self.buffers.add(now_us, [input_bytes, output_bytes]);
        [
            self.counters.input_buffer_max,
            self.counters.output_buffer_max,
        ] = largest;
    }

    /// A batch of commands begins.
    #[inline]
    pub fn begin_commands(&mut self) {
        self.stopwatch.begin();
    }

    /// A reading to be given to `ticks_since`.
    #[inline]
    #[must_use]
    pub fn reading(&self) -> u64 {
        self.stopwatch.now()
    }

    /// Ticks of the counter since a reading.
    #[must_use]
    pub fn ticks_since(&self, reading: u64) -> u64 {
        self.stopwatch.now().saturating_sub(reading)
    }

    /// A command has ended that began where the one before ended: its ticks.
    #[inline]
    pub fn end_command(&mut self, row: u16) -> u64 {
        let ticks = self.stopwatch.end();
        self.stalls.command(row, ticks);
        ticks
    }

    /// Counts time of a command that goes on later.
    pub fn add_time(&mut self, row: u16, ticks: u64) {
        self.calls.of(row).nanoseconds += self.stopwatch.nanoseconds(ticks);
    }

    /// A command that waited for a key has been ended by another client: it failed.
    pub fn count_unblocked(&mut self, row: u16) {
        let calls = self.calls.of(row);
        calls.failed += 1;
        if self.thresholds.tracking {
            let histogram = calls.histogram.get_or_insert_with(Histogram::default);
            histogram.record(0);
        }
    }

    /// Counts the time of a command. Its microseconds, when it took so long that it may have to be
    /// written down.
    #[inline]
    pub fn count_time(&mut self, row: u16, ticks: u64) -> Option<u64> {
        let nanoseconds = self.stopwatch.nanoseconds(ticks);
        let calls = self.calls.of(row);
        calls.nanoseconds += nanoseconds;
        if self.thresholds.tracking {
            let histogram = calls.histogram.get_or_insert_with(Histogram::default);
            histogram.record(nanoseconds);
        }
        self.stopwatch.is_slow(ticks).then_some(nanoseconds / 1000)
    }

    /// Keys were ended in background since a reading.
    pub fn count_expiry_time(&mut self, reading: u64) {
        let ticks = self.ticks_since(reading);
        self.counters.expiry_ns += self.stopwatch.nanoseconds(ticks);
    }

    /// The thresholds in force.
    #[must_use]
    pub fn thresholds(&self) -> &Thresholds {
        &self.thresholds
    }

    /// Puts an entry into the slow log.
    pub fn log_slow(&mut self, entry: SlowEntry) {
        self.slow_log.push_back(entry);
        self.trim_slow_log();
    }

    fn trim_slow_log(&mut self) {
        while self.slow_log.len() > self.thresholds.slow_log_len {
            self.slow_log.pop_front();
        }
    }

    /// The slow log, newest last.
    #[must_use]
    pub fn slow_log(&self) -> &VecDeque<SlowEntry> {
        &self.slow_log
    }

    pub fn clear_slow_log(&mut self) {
        self.slow_log.clear();
    }

    /// Something took long, in this second of the wall clock.
    pub fn latency_event(&mut self, name: &'static str, time_s: u64, milliseconds: u64) {
        let known = self.events.iter().position(|event| event.name == name);
        let index = known.unwrap_or_else(|| {
            self.events.push(LatencyEvent::new(name));
            self.events.len() - 1
        });
        self.events[index].add(time_s, milliseconds);
    }

    /// The latency events.
    #[must_use]
    pub fn latency_events(&self) -> &[LatencyEvent] {
        &self.events
    }

    /// Keeps the events that `keep` chooses.
    pub fn retain_latency_events(&mut self, keep: impl FnMut(&LatencyEvent) -> bool) {
        self.events.retain(keep);
    }

    /// The shard has woken.
    #[inline]
    pub fn begin_round(&mut self) {
        self.stalls.begin(self.stopwatch.now());
    }

    /// A step of the round is done.
    #[inline]
    pub fn lap(&mut self, step: Step) {
        self.stalls.lap(step, self.stopwatch.now());
    }

    /// The round is over, with its last lap.
    #[inline]
    pub fn end_round(&mut self) {
        self.stalls.end(self.stopwatch.ticker());
    }

    /// The longest round so far, and how many were stalls.
    #[must_use]
    pub fn stalls(&self) -> (Stall, u64) {
        (self.stalls.longest, self.stalls.count)
    }

    /// Housekeeping's part: rates.
    pub fn sample(&mut self, now_us: u64) {
        let counters = &mut self.counters;
        let sampled = [
            counters.commands,
            counters.input_bytes,
            counters.output_bytes,
        ];
        self.meter.sample(now_us, sampled);
        counters.rates = self.meter.rates();
    }

    /// CONFIG RESETSTAT.
    pub fn reset(&mut self) {
        self.counters.reset();
        self.stalls.reset();
        self.meter = Meter::default();
        self.calls = Calls::new(self.calls.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_reset_begins_anew_and_what_is_there_stays() {
        let mut metrics = Metrics::new(2, Thresholds::default());
        metrics.count_calls(1, 3);
        metrics.count_failed(1, "ERR");
        metrics.count().used_memory = 7;
        metrics.uncount_call(1);
        assert_eq!(metrics.calls().iter().map(|row| row.calls).sum::<u64>(), 2);
        assert_eq!(metrics.counters().errors, [("ERR".to_string(), 1)]);
        metrics.reset();
        assert_eq!(metrics.counters().commands, 0);
        assert_eq!(metrics.counters().used_memory, 7);
        assert_eq!(metrics.calls().len(), 2);
    }

    #[test]
    fn the_slow_log_keeps_the_newest() {
        let mut metrics = Metrics::new(1, Thresholds::default());
        let thresholds = Thresholds {
            slow_log_us: Some(0),
            slow_log_len: 2,
            ..Thresholds::default()
        };
        metrics.configure(thresholds);
        assert!(metrics.count_time(0, 1).is_some(), "everything is slow");
        for id in 0..3 {
            let entry = SlowEntry {
                id,
                ..SlowEntry::default()
            };
            metrics.log_slow(entry);
        }
        let ids: Vec<u64> = metrics.slow_log().iter().map(|entry| entry.id).collect();
        assert_eq!(ids, [1, 2]);
    }
}
