//! What LATENCY DOCTOR says: the samples of each event in figures, and what may help.
//!
//! Pure functions from samples to text; they read no clock.

use crate::metrics::LatencyEvent;

/// What the samples of an event say, as LATENCY DOCTOR counts them.
struct Statistics {
    spikes: u64,
    average_ms: u64,
    mean_deviation_ms: u64,
    /// Seconds from one spike to the next.
    period_s: f64,
}

impl Statistics {
    fn of(event: &LatencyEvent, now_s: u64) -> Self {
        let samples = &event.samples;
        let spikes = samples.len().max(1) as u64;
        let average_ms = samples
            .iter()
            .map(|sample| sample.milliseconds)
            .sum::<u64>()
            / spikes;
        let deviations = samples
            .iter()
            .map(|sample| sample.milliseconds.abs_diff(average_ms));
        let oldest_s = samples.first().map_or(now_s, |sample| sample.time_s);
        Self {
            spikes,
            average_ms,
            mean_deviation_ms: deviations.sum::<u64>() / spikes,
            period_s: now_s.saturating_sub(oldest_s).max(1) as f64 / spikes as f64,
        }
    }
}

/// One line of statistics an event, in Redis's form; the advice is for this server.
pub fn report(events: &[LatencyEvent], threshold_ms: u64, now_s: u64) -> String {
    if events.is_empty() && threshold_ms == 0 {
        return "Latency monitoring is disabled. CONFIG SET latency-monitor-threshold \
                <milliseconds> enables it.\n"
            .to_string();
    }
    if events.is_empty() {
        return "No latency spike was observed since the start or the last LATENCY RESET.\n"
            .to_string();
    }
    let mut text = String::from("Latency spikes were observed:\n\n");
    for (index, event) in events.iter().enumerate() {
        let statistics = Statistics::of(event, now_s);
        text.push_str(&format!(
            "{}. {}: {} latency spikes (average {}ms, mean deviation {}ms, period {:.2} sec). \
             Worst all time event {}ms.\n",
            index + 1,
            event.name,
            statistics.spikes,
            statistics.average_ms,
            statistics.mean_deviation_ms,
            statistics.period_s,
            event.max_ms
        ));
    }
    text.push_str("\nWhat may help:\n\n");
    for (name, advice) in ADVICE {
        if events.iter().any(|event| event.name == *name) {
            text.push_str(&format!("- {advice}\n"));
        }
    }
    text
}

/// What LATENCY DOCTOR says about each event there is.
const ADVICE: &[(&str, &str)] = &[
    (
        "command",
        "SLOWLOG GET shows which commands took long. A command over many elements holds its shard: \
         ask for fewer at a time, or spread them over several keys.",
    ),
    (
        "fast-command",
        "Commands that do little took long, so the machine did not run the server meanwhile: look \
         for other load on the shards' cores, and for noisy neighbours of a virtual machine.",
    ),
];
