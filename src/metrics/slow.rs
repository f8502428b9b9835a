//! What shards tell each other about slow commands: entries of SLOWLOG, samples of LATENCY.
//!
//! Plain data, made by `shard::slow`.

use crate::limits::LATENCY_SAMPLES_MAX;

/// One entry of SLOWLOG.
#[derive(Debug, Clone, Default)]
pub struct SlowEntry {
    /// Counts up over all shards.
    pub id: u64,
    pub time_s: u64,
    pub duration_us: u64,
    pub words: Vec<Vec<u8>>,
    /// Of the client, where it is known.
    pub address: String,
    pub name: String,
}

/// The longest latency of an event in one second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LatencySample {
    pub time_s: u64,
    pub milliseconds: u64,
}

/// An event of LATENCY and its latest samples, oldest first.
#[derive(Debug, Clone)]
pub struct LatencyEvent {
    pub name: &'static str,
    pub max_ms: u64,
    pub samples: Vec<LatencySample>,
}

impl LatencyEvent {
    /// An event without samples.
    #[must_use]
    pub fn new(name: &'static str) -> Self {
        Self {
            name,
            max_ms: 0,
            samples: Vec::new(),
        }
    }

    /// At most one sample a second is kept, the longest.
    pub(super) fn add(&mut self, time_s: u64, milliseconds: u64) {
        self.max_ms = self.max_ms.max(milliseconds);
        match self.samples.last_mut() {
            Some(last) if last.time_s == time_s => {
                last.milliseconds = last.milliseconds.max(milliseconds);
            }
            _ => self.samples.push(LatencySample {
                time_s,
                milliseconds,
            }),
        }
        if self.samples.len() > LATENCY_SAMPLES_MAX {
            self.samples.remove(0);
        }
    }
}
