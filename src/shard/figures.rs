//! Figures that a shard takes down now and then: rates per second, and the most memory it had.
//!
//! Read by INFO. Housekeeping samples ten times a second; a rate is the mean of the last sixteen samples.

use super::Core;
use crate::conn::Client;
use crate::metrics::Rates;

const SAMPLES: usize = 16;

/// Counters as they were at the last sample, and the rates between samples.
#[derive(Debug, Clone, Default)]
pub struct Meter {
    last_us: u64,
    last: [u64; 3],
    samples: [[f64; 3]; SAMPLES],
    next: usize,
}

impl Meter {
    /// Takes the counters down; they only grow, but for CONFIG RESETSTAT.
    pub fn sample(&mut self, now_us: u64, counters: [u64; 3]) {
        let passed_s = now_us.saturating_sub(self.last_us) as f64 / 1e6;
        if self.last_us > 0 && passed_s > 0.0 {
            self.samples[self.next] = std::array::from_fn(|index| {
                counters[index].saturating_sub(self.last[index]) as f64 / passed_s
            });
            self.next = (self.next + 1) % SAMPLES;
        }
        self.last_us = now_us;
        self.last = counters;
    }

    /// The means.
    #[must_use]
    pub fn rates(&self) -> Rates {
        let mean = |index: usize| {
            self.samples.iter().map(|sample| sample[index]).sum::<f64>() / SAMPLES as f64
        };
        Rates {
            commands: mean(0),
            input_bytes: mean(1),
            output_bytes: mean(2),
        }
    }
}

impl Core {
    /// Housekeeping's part, once the memory in use has been read.
    pub fn take_figures(&mut self) {
        let statistics = &mut self.statistics;
        if statistics.used_memory_startup == 0 {
            statistics.used_memory_startup = statistics.used_memory;
        }
        statistics.used_memory_peak = statistics.used_memory_peak.max(statistics.used_memory);
        let counters = [
            statistics.commands,
            statistics.input_bytes,
            statistics.output_bytes,
        ];
        self.meter.sample(self.now.monotonic_us, counters);
        statistics.rates = self.meter.rates();
    }

    /// Bytes of the clients and their buffers, about.
    #[must_use]
    pub fn client_memory(&self) -> u64 {
        let of =
            |client: &Client| size_of::<Client>() + client.input.capacity() + client.unsent_bytes();
        self.clients.iter().map(|client| of(client) as u64).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_means_over_the_last_samples() {
        let mut meter = Meter::default();
        for step in 0..=16u64 {
            meter.sample(1_000_000 + step * 100_000, [step * 10, step, 0]);
        }
        let rates = meter.rates();
        assert!((rates.commands - 100.0).abs() < 0.001, "{rates:?}");
        assert!((rates.input_bytes - 10.0).abs() < 0.001, "{rates:?}");
        meter.sample(2_700_000, [0, 0, 0]);
        assert!(meter.rates().commands < 100.0);
    }
}
