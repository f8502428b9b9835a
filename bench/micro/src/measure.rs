//! Timed batches and their median and spread.
//!
//! A batch is as many calls as take a few milliseconds, so that the clock costs nothing; a sample
//! is one batch's time divided by its operations. Quartiles instead of a mean: an interrupt must
//! not move a figure.

use std::time::{Duration, Instant};

/// How long one batch should take.
const BATCH: Duration = Duration::from_millis(4);
const SAMPLES: usize = 51;
const SAMPLES_QUICK: usize = 5;

/// Runs benches and prints a row for each.
pub struct Bench {
    samples: usize,
    words: Vec<String>,
}

impl Bench {
    /// `words` choose by name; none chooses all. `quick` is for a look whether it works.
    pub fn new(quick: bool, words: Vec<String>) -> Self {
        println!("| primitive | ns per operation | spread % | fastest |\n|---|---|---|---|");
        let samples = if quick { SAMPLES_QUICK } else { SAMPLES };
        Self { samples, words }
    }

    /// Whether a bench of this name is wanted: for those with a costly preparation.
    pub fn wants(&self, name: &str) -> bool {
        self.words.is_empty() || self.words.iter().any(|word| name.contains(word.as_str()))
    }

    /// Measures `call`, which does `operations` operations each time.
    pub fn run(&mut self, name: &str, operations: usize, mut call: impl FnMut()) {
        if !self.wants(name) {
            return;
        }
        let mut calls = 1u32;
        loop {
            let took = time(|| (0..calls).for_each(|_| call()));
            if took >= BATCH / 2 {
                calls = scale(calls, took);
                break;
            }
            calls *= 2;
        }
        let samples = (0..self.samples)
            .map(|_| {
                let took = time(|| (0..calls).for_each(|_| call()));
                nanoseconds(took) / f64::from(calls)
            })
            .collect();
        print(name, operations, samples);
    }

    /// Measures what cannot be repeated at once: `sample` prepares, times its own part and returns
    /// that.
    pub fn run_timed(
        &mut self,
        name: &str,
        operations: usize,
        mut sample: impl FnMut() -> Duration,
    ) {
        if !self.wants(name) {
            return;
        }
        sample();
        // Preparing is slow: fewer samples keep the whole within a minute.
        let samples = (0..self.samples.min(11))
            .map(|_| nanoseconds(sample()))
            .collect();
        print(name, operations, samples);
    }
}

/// The time `call` takes.
pub fn time(call: impl FnOnce()) -> Duration {
    let start = Instant::now();
    call();
    start.elapsed()
}

fn scale(calls: u32, took: Duration) -> u32 {
    let factor = BATCH.as_secs_f64() / took.as_secs_f64();
    ((f64::from(calls) * factor) as u32).max(1)
}

fn nanoseconds(took: Duration) -> f64 {
    took.as_secs_f64() * 1e9
}

fn print(name: &str, operations: usize, mut samples: Vec<f64>) {
    assert!(operations > 0 && !samples.is_empty());
    samples.sort_by(f64::total_cmp);
    let quartile = |of: usize| samples[(samples.len() - 1) * of / 4] / operations as f64;
    let (median, fastest) = (quartile(2), quartile(0));
    let spread = (quartile(3) - quartile(1)) / 2.0 / median * 100.0;
    println!("| {name} | {median:.1} | {spread:.0} | {fastest:.1} |");
}
