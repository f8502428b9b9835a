//! How often a command took how long: a fixed set of buckets, a sixteenth of an octave each.
//!
//! Recording costs a few instructions and one cache line. Shards keep their own; only copies
//! travel.

/// Sub-buckets of an octave, as a power of two.
const FINE_BITS: u32 = 4;
const BUCKETS: usize = (64 - FINE_BITS as usize) << FINE_BITS;

/// Calls by duration: buckets of a sixteenth of an octave of nanoseconds.
#[derive(Debug, Clone)]
pub struct Histogram(Box<[u32; BUCKETS]>);

impl Default for Histogram {
    fn default() -> Self {
        Self(Box::new([0; BUCKETS]))
    }
}

impl Histogram {
    /// Counts a call.
    #[inline]
    pub(super) fn record(&mut self, nanoseconds: u64) {
        let value = nanoseconds.max(1 << FINE_BITS);
        let octave = value.ilog2() - FINE_BITS;
        let fine = (value >> octave) as usize & ((1 << FINE_BITS) - 1);
        let bucket = &mut self.0[((octave as usize) << FINE_BITS) + fine];
        *bucket = bucket.saturating_add(1);
    }

    /// Adds another's counts.
    pub fn add(&mut self, other: &Self) {
        for (sum, count) in self.0.iter_mut().zip(&*other.0) {
            *sum = sum.saturating_add(*count);
        }
    }

    /// The buckets in use: the highest duration of each, nanoseconds, and its calls.
    pub fn used(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.0
            .iter()
            .enumerate()
            .filter(|(_, count)| **count > 0)
            .map(|(index, &count)| {
                let octave = index >> FINE_BITS;
                let fine = (index & ((1 << FINE_BITS) - 1)) as u64;
                let highest = (u128::from((1 << FINE_BITS) | fine) + 1) << octave;
                (
                    u64::try_from(highest - 1).unwrap_or(u64::MAX),
                    u64::from(count),
                )
            })
    }

    /// The duration that this share of the calls did not exceed, nanoseconds.
    #[must_use]
    pub fn percentile(&self, percent: f64) -> u64 {
        let total: u64 = self.used().map(|(_, count)| count).sum();
        let wanted = ((percent / 100.0 * total as f64).ceil() as u64).max(1);
        let mut seen = 0;
        let mut last = 0;
        for (highest_ns, count) in self.used() {
            seen += count;
            last = highest_ns;
            if seen >= wanted {
                break;
            }
        }
        last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn histograms_keep_a_sixteenth() {
        let mut histogram = Histogram::default();
        for nanoseconds in [0, 100, 1000, 1_000_000, u64::MAX] {
            histogram.record(nanoseconds);
        }
        let used: Vec<(u64, u64)> = histogram.used().collect();
        assert_eq!(used.len(), 5);
        for (value, (highest, count)) in [100u64, 1000, 1_000_000].iter().zip(&used[1..]) {
            assert!(
                *highest >= *value && highest - value <= value / 16,
                "{highest} for {value}"
            );
            assert_eq!(*count, 1);
        }
        let median = histogram.percentile(50.0);
        assert!((1000..1063).contains(&median), "{median}");
        let mut twice = histogram.clone();
        twice.add(&histogram);
        assert_eq!(twice.used().map(|(_, count)| count).sum::<u64>(), 10);
    }
}
