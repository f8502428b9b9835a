//! What a shard counts and measures: counters, histograms, the slow log, latency events, stalls.
//!
//! Plain data, owned by the shard that measures; whoever asks gets a copy, and copies are added up here.
//! Reads no clock and knows nobody that is measured.

mod histogram;
mod slow;
mod stall;
mod statistics;

pub use histogram::Histogram;
pub use slow::{LatencyEvent, LatencySample, SlowEntry};
pub use stall::{Stall, Stalls, Step};
pub use statistics::{Rates, Statistics};
