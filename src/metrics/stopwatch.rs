//! How long commands take: one reading of the counter per command.
//!
//! What passed since the reading before is the command's time. So a batch begins with a reading of
//! its own (`begin`), and nothing else may run between. Owned by `Metrics`; the machine's counter
//! is its only clock.

use crate::base::Ticker;

/// From when on a command is looked at closely, and what is kept of it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Thresholds {
    /// `slowlog-log-slower-than`, microseconds; None: nothing is logged.
    pub slow_log_us: Option<u64>,
    /// `latency-monitor-threshold`, milliseconds; 0: no events.
    pub latency_event_ms: u64,
    /// `latency-tracking`: commands have histograms.
    pub tracking: bool,
    /// `slowlog-max-len`.
    pub slow_log_len: usize,
}

/// The counter and the last reading.
#[derive(Debug)]
pub(super) struct Stopwatch {
    ticker: Ticker,
    last: u64,
    /// From here on a command is slow.
    slow_ticks: u64,
}

impl Stopwatch {
    pub(super) fn new(thresholds: &Thresholds) -> Self {
        let mut watch = Self {
            ticker: Ticker::of_machine(),
            last: 0,
            slow_ticks: u64::MAX,
        };
        watch.configure(thresholds);
        watch
    }

    pub(super) fn configure(&mut self, thresholds: &Thresholds) {
        let slow_log_ns = thresholds.slow_log_us.map(|us| us.saturating_mul(1000));
        let event_ms = thresholds.latency_event_ms;
        let event_ns = (event_ms > 0).then(|| event_ms.saturating_mul(1_000_000));
        let least_ns = slow_log_ns.into_iter().chain(event_ns).min();
        self.slow_ticks = least_ns.map_or(u64::MAX, |least| self.ticker.ticks(least));
    }

    /// A batch of commands begins.
    #[inline]
    pub(super) fn begin(&mut self) {
        self.last = self.ticker.now();
    }

    #[inline]
    pub(super) fn now(&self) -> u64 {
        self.ticker.now()
    }

    /// A command has ended: its ticks.
    #[inline]
    pub(super) fn end(&mut self) -> u64 {
        let now = self.ticker.now();
        let ticks = now.saturating_sub(self.last);
        self.last = now;
        ticks
    }

    #[inline]
    pub(super) fn nanoseconds(&self, ticks: u64) -> u64 {
        self.ticker.nanoseconds(ticks)
    }

    #[inline]
    pub(super) fn is_slow(&self, ticks: u64) -> bool {
        ticks >= self.slow_ticks
    }

    pub(super) fn ticker(&self) -> Ticker {
        self.ticker
    }
}
