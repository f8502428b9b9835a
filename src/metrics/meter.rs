//! Rates per second: means over the last sixteen samples of counters.
//!
//! Housekeeping samples ten times a second. Owned by `Metrics`; plain data.

use super::Rates;
use crate::limits::BUFFER_PEAKS_US;

const SAMPLES: usize = 16;

/// Counters as they were at the last sample, and the rates between samples.
#[derive(Debug, Clone, Default)]
pub(super) struct Meter {
    last_us: u64,
    last: [u64; 3],
    samples: [[f64; 3]; SAMPLES],
    next: usize,
}

impl Meter {
    /// Takes the counters down; they only grow, but for CONFIG RESETSTAT.
    pub(super) fn sample(&mut self, now_us: u64, counters: [u64; 3]) {
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
    pub(super) fn rates(&self) -> Rates {
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

/// The largest of some values lately: in the present window of time and in the one before.
#[derive(Debug, Clone, Default)]
pub(super) struct Peaks {
    windows: [[u64; 2]; 2],
    since_us: u64,
}

impl Peaks {
    /// Adds values; returns the largest.
    pub(super) fn add(&mut self, now_us: u64, values: [u64; 2]) -> [u64; 2] {
        if now_us.saturating_sub(self.since_us) > BUFFER_PEAKS_US {
            self.windows = [[0; 2], self.windows[0]];
            self.since_us = now_us;
        }
        let [present, before] = &mut self.windows;
        std::array::from_fn(|index| {
            present[index] = present[index].max(values[index]);
            present[index].max(before[index])
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peaks_are_forgotten_after_two_windows() {
        let mut peaks = Peaks::default();
        let step = BUFFER_PEAKS_US / 2 + 1;
        assert_eq!(peaks.add(step, [5, 1]), [5, 1]);
        assert_eq!(peaks.add(2 * step, [3, 2]), [5, 2]);
        assert_eq!(peaks.add(4 * step, [0, 0]), [3, 2]);
        assert_eq!(peaks.add(6 * step, [1, 0]), [1, 0]);
    }

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
