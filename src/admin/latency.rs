//! LATENCY: events that took longer than `latency-monitor-threshold`, and histograms of all
//! commands.
//!
//! Every shard keeps its own samples and histograms; here they are put together.

mod doctor;

use super::docs::server as docs;
use super::help::help;
use super::sparkline::{Sample, draw};
use crate::base::Token;
use crate::cmd::special::PLAIN;
use crate::cmd::{Command, Group, Reach, Run, flag};
use crate::limits::LATENCY_SAMPLES_MAX;
use crate::metrics::{Histogram, LatencyEvent, LatencySample};
use crate::resp::{Args, Error, Reply};
use crate::shard::{Core, Flow, HomeCommand, Query};

/// The commands of this file.
pub static COMMANDS: &[HomeCommand] = &[HomeCommand::container(
    Command {
        name: "latency",
        arity: -2,
        flags: 0,
        categories: 0,
        group: Group::Server,
        keys: &[],
        docs: &docs::LATENCY,
        special: PLAIN,
        run: Run::Container,
        subcommands: &[],
    },
    &[SUBCOMMANDS],
)];

/// Subcommands of LATENCY.
static SUBCOMMANDS: &[HomeCommand] = &[
    HomeCommand::new(
        latest,
        Command {
            name: "latest",
            arity: 2,
            flags: flag::ADMIN | flag::NOSCRIPT | flag::LOADING | flag::STALE,
            categories: 0,
            group: Group::Server,
            keys: &[],
            docs: &docs::LATENCY_LATEST,
            special: PLAIN,
            run: Run::Home(Reach::Everyone),
            subcommands: &[],
        },
    ),
    HomeCommand::new(
        history,
        Command {
            name: "history",
            arity: 3,
            flags: flag::ADMIN | flag::NOSCRIPT | flag::LOADING | flag::STALE,
            categories: 0,
            group: Group::Server,
            keys: &[],
            docs: &docs::LATENCY_HISTORY,
            special: PLAIN,
            run: Run::Home(Reach::Everyone),
            subcommands: &[],
        },
    ),
    HomeCommand::new(
        reset,
        Command {
            name: "reset",
            arity: -2,
            flags: flag::ADMIN | flag::NOSCRIPT | flag::LOADING | flag::STALE,
            categories: 0,
            group: Group::Server,
            keys: &[],
            docs: &docs::LATENCY_RESET,
            special: PLAIN,
            run: Run::Home(Reach::Everyone),
            subcommands: &[],
        },
    ),
    HomeCommand::new(
        doctor,
        Command {
            name: "doctor",
            arity: 2,
            flags: flag::ADMIN | flag::NOSCRIPT | flag::LOADING | flag::STALE,
            categories: 0,
            group: Group::Server,
            keys: &[],
            docs: &docs::LATENCY_DOCTOR,
            special: PLAIN,
            run: Run::Home(Reach::Everyone),
            subcommands: &[],
        },
    ),
    HomeCommand::new(
        graph,
        Command {
            name: "graph",
            arity: 3,
            flags: flag::ADMIN | flag::NOSCRIPT | flag::LOADING | flag::STALE,
            categories: 0,
            group: Group::Server,
            keys: &[],
            docs: &docs::LATENCY_GRAPH,
            special: PLAIN,
            run: Run::Home(Reach::Everyone),
            subcommands: &[],
        },
    ),
    HomeCommand::new(
        histogram,
        Command {
            name: "histogram",
            arity: -2,
            flags: flag::ADMIN | flag::NOSCRIPT | flag::LOADING | flag::STALE,
            categories: 0,
            group: Group::Server,
            keys: &[],
            docs: &docs::LATENCY_HISTOGRAM,
            special: PLAIN,
            run: Run::Home(Reach::Everyone),
            subcommands: &[],
        },
    ),
    HomeCommand::new(
        |core, token, _| help(core, token, "LATENCY", HELP),
        Command {
            name: "help",
            arity: 2,
            flags: flag::LOADING | flag::STALE,
            categories: 0,
            group: Group::Server,
            keys: &[],
            docs: &docs::LATENCY_HELP,
            special: PLAIN,
            run: Run::Home(Reach::Client),
            subcommands: &[],
        },
    ),
];

const HELP: &[&str] = &[
    "DOCTOR",
    "    Return a human readable latency analysis report.",
    "GRAPH <event>",
    "    Return an ASCII latency graph for the <event> class.",
    "HISTORY <event>",
    "    Return time-latency samples for the <event> class.",
    "LATEST",
    "    Return the latest latency samples for all events.",
    "RESET [<event> ...]",
    "    Reset latency data of one or more <event> classes.",
    "    (default: reset all data for all event classes)",
    "HISTOGRAM [COMMAND ...]",
    "    Return a cumulative distribution of latencies in the format of a histogram for the specified command names.",
    "    If no commands are specified then all histograms are replied.",
];

/// A shard's events.
struct Read;

impl Query for Read {
    type Answer = Vec<LatencyEvent>;

    fn answer(&self, core: &mut Core) -> Vec<LatencyEvent> {
        core.metrics().latency_events().to_vec()
    }
}

/// A shard forgets the events with these names, or all when there are none, and answers with them.
struct Forget(Vec<Vec<u8>>);

impl Query for Forget {
    type Answer = Vec<LatencyEvent>;

    fn answer(&self, core: &mut Core) -> Vec<LatencyEvent> {
        let Self(names) = self;
        let meant = |event: &LatencyEvent| {
            let named = |name: &Vec<u8>| name.eq_ignore_ascii_case(event.name.as_bytes());
            names.is_empty() || names.iter().any(named)
        };
        let mut events = core.metrics().latency_events().to_vec();
        core.metrics_mut()
            .retain_latency_events(|event| !meant(event));
        events.retain(meant);
        events
    }
}

/// The events of all shards, samples in the order of time.
fn merged(answers: Vec<Vec<LatencyEvent>>) -> Vec<LatencyEvent> {
    let mut events: Vec<LatencyEvent> = Vec::new();
    for other in answers.into_iter().flatten() {
        match events.iter_mut().find(|event| event.name == other.name) {
            Some(event) => {
                event.max_ms = event.max_ms.max(other.max_ms);
                event.samples.extend(other.samples);
            }
            None => events.push(other),
        }
    }
    for event in &mut events {
        let samples = &mut event.samples;
        samples.sort_by_key(|sample| (sample.time_s, std::cmp::Reverse(sample.milliseconds)));
        samples.dedup_by_key(|sample| sample.time_s);
        let excess = samples.len().saturating_sub(LATENCY_SAMPLES_MAX);
        samples.drain(..excess);
    }
    events
}

fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn latest(core: &mut Core, token: Token, _args: &Args<'_>) -> Flow {
    core.ask_all(token, Read, |core, token, answers| {
        let events = merged(answers);
        core.complete(token, |reply| {
            reply.array(events.len());
            for event in &events {
                let last = event.samples.last().expect("an event begins with a sample");
                reply.array(4);
                reply.bulk(event.name.as_bytes());
                reply.integer(number(last.time_s));
                reply.integer(number(last.milliseconds));
                reply.integer(number(event.max_ms));
            }
        });
    })
}

/// The event with this name, if it has samples.
fn named(events: Vec<LatencyEvent>, name: &[u8]) -> Option<LatencyEvent> {
    events
        .into_iter()
        .find(|event| event.name.as_bytes() == name)
}

fn history(core: &mut Core, token: Token, args: &Args<'_>) -> Flow {
    let name = args.get(2).to_vec();
    core.ask_all(token, Read, move |core, token, answers| {
        let samples = named(merged(answers), &name).map_or_else(Vec::new, |event| event.samples);
        core.complete(token, |reply| {
            reply.array(samples.len());
            for sample in &samples {
                reply.array(2);
                reply.integer(number(sample.time_s));
                reply.integer(number(sample.milliseconds));
            }
        });
    })
}

fn reset(core: &mut Core, token: Token, args: &Args<'_>) -> Flow {
    let names: Vec<Vec<u8>> = args.from(2).map(<[u8]>::to_vec).collect();
    core.ask_all(token, Forget(names), |core, token, answers| {
        let forgotten = merged(answers).len();
        core.complete(token, |reply| reply.integer(forgotten as i64));
    })
}

fn doctor(core: &mut Core, token: Token, _args: &Args<'_>) -> Flow {
    core.ask_all(token, Read, move |core, token, answers| {
        let now_s = core.now().unix_us / 1_000_000;
        let text = doctor::report(
            &merged(answers),
            core.config().latency_monitor_threshold,
            now_s,
        );
        core.complete(token, |reply| reply.verbatim("txt", text.as_bytes()));
    })
}

/// The samples with how long ago they were, as Redis draws them.
fn graph(core: &mut Core, token: Token, args: &Args<'_>) -> Flow {
    let name = args.get(2).to_vec();
    core.ask_all(token, Read, move |core, token, answers| {
        let Some(event) = named(merged(answers), &name) else {
            let name = String::from_utf8_lossy(&name);
            let error = Error::from(format!("ERR No samples available for event '{name}'"));
            return core.complete(token, |reply| reply.error(&error));
        };
        let text = drawn(&event, core.now().unix_us / 1_000_000);
        core.complete(token, |reply| reply.verbatim("txt", text.as_bytes()));
    })
}

fn drawn(event: &LatencyEvent, now_s: u64) -> String {
    const COLUMNS: usize = 80;
    let sample = |sample: &LatencySample| Sample {
        value: sample.milliseconds,
        label: age(now_s.saturating_sub(sample.time_s)),
    };
    let samples: Vec<Sample> = event.samples.iter().map(sample).collect();
    let values = samples.iter().map(|sample| sample.value);
    format!(
        "{} - high {} ms, low {} ms (all time high {} ms)\n{}\n{}",
        event.name,
        values.clone().max().unwrap_or(0),
        values.min().unwrap_or(0),
        event.max_ms,
        "-".repeat(COLUMNS),
        draw(&samples, COLUMNS)
    )
}

/// Seconds in the largest unit of which there is a whole one.
fn age(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..86_400 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

fn histogram(core: &mut Core, token: Token, args: &Args<'_>) -> Flow {
    let mut wanted: Vec<u16> = Vec::new();
    for name in args.from(2) {
        let Some(row) = core.table().find_full(name) else {
            continue;
        };
        // A container stands for its subcommands.
        let subcommands = core.table().row(row).subcommands.clone();
        if subcommands.is_empty() {
            wanted.push(row);
        } else {
            wanted.extend(subcommands);
        }
    }
    let all = args.len() == 2;
    core.ask_all(token, Histograms, move |core, token, answers| {
        let known = together(answers);
        if all {
            wanted.extend(known.iter().map(|(row, _, _)| *row));
        }
        // In the order asked for, twice if asked for twice, as Redis replies.
        let of = |row: &u16| known.iter().find(|(known, _, _)| known == row);
        let histograms: Vec<_> = wanted.iter().filter_map(of).collect();
        let table = core.table();
        core.complete(token, |reply| {
            reply.map(histograms.len());
            for (row, calls, histogram) in histograms {
                reply.bulk(table.row(*row).full_name.as_bytes());
                write_histogram(*calls, histogram, reply);
            }
        });
    })
}

/// The histograms of a shard.
pub(super) struct Histograms;

/// Rows that were called, their calls and histograms.
pub(super) type ByRow = Vec<(u16, u64, Histogram)>;

impl Query for Histograms {
    type Answer = ByRow;

    fn answer(&self, core: &mut Core) -> ByRow {
        let rows = core.metrics().calls().iter().enumerate();
        let histograms = rows.filter_map(|(row, calls)| {
            let row = u16::try_from(row).expect("the table numbers its rows with 16 bits");
            Some((row, calls.calls, calls.histogram.clone()?))
        });
        histograms.collect()
    }
}

/// The histograms of all shards.
pub(super) fn together(answers: Vec<ByRow>) -> ByRow {
    let mut all = ByRow::new();
    for (row, calls, histogram) in answers.into_iter().flatten() {
        match all.iter_mut().find(|(known, _, _)| *known == row) {
            Some((_, sum, merged)) => {
                *sum += calls;
                merged.add(&histogram);
            }
            None => all.push((row, calls, histogram)),
        }
    }
    all.sort_unstable_by_key(|(row, _, _)| *row);
    all
}

/// Calls, and by powers of two of 1,024 ns, printed in microseconds, how many did not take longer.
fn write_histogram(calls: u64, histogram: &Histogram, reply: &mut Reply<'_>) {
    let mut steps: Vec<(u64, u64)> = Vec::new();
    let mut bound_ns = 1024u64;
    let mut seen = 0;
    for (highest_ns, count) in histogram.used() {
        while highest_ns > bound_ns {
            bound_ns *= 2;
        }
        seen += count;
        match steps.last_mut() {
            Some((bound, total)) if *bound == bound_ns => *total = seen,
            _ => steps.push((bound_ns, seen)),
        }
    }
    reply.map(2);
    reply.bulk(b"calls");
    reply.integer(number(calls));
    reply.bulk(b"histogram_usec");
    reply.map(steps.len());
    for (bound_ns, total) in steps {
        reply.integer(number(bound_ns / 1000));
        reply.integer(number(total));
    }
}
