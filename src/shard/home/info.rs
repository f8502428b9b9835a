//! INFO: what the server knows about itself, by sections, added up over the shards.
//!
//! Every shard sends its `Statistics`; the client's shard adds them up and prints. Section names, fields
//! and their order are Redis's; `# Shards` is our own. A field stands here only if its value is true.

mod sections;
mod usage;

use super::HomeFunction;
use crate::base::Token;
use crate::cmd::Table;
use crate::conn::{Client, State};
use crate::metrics::{Histogram, Statistics};
use crate::resp::Args;
use crate::route::{Answer, Errand};
use crate::shard::Core;
use crate::shard::input::Flow;

/// The functions of this file.
pub static FUNCTIONS: &[(&str, HomeFunction)] = &[("info", info)];

/// A section: its name, whether INFO alone prints it, and what writes its lines.
struct Section {
    name: &'static str,
    default: bool,
    write: fn(&Figures<'_>, &mut Lines),
}

const fn section(
    name: &'static str,
    default: bool,
    write: fn(&Figures<'_>, &mut Lines),
) -> Section {
    Section {
        name,
        default,
        write,
    }
}

/// In the order of printing.
static SECTIONS: &[Section] = &[
    section("Server", true, sections::server),
    section("Clients", true, sections::clients),
    section("Memory", true, usage::memory),
    section("Persistence", true, sections::persistence),
    section("Stats", true, sections::stats),
    section("Replication", true, sections::replication),
    section("CPU", true, usage::cpu),
    section("Modules", true, |_, _| {}),
    section("Commandstats", false, usage::commandstats),
    section("Errorstats", true, usage::errorstats),
    section("Latencystats", false, usage::latencystats),
    section("Cluster", true, sections::cluster),
    section("Keyspace", true, usage::keyspace),
    section("Shards", true, usage::shards),
];

/// Calls and histograms, by row.
type Histograms = Vec<(u16, u64, Histogram)>;

/// Everything that sections print from.
struct Figures<'a> {
    core: &'a Core,
    table: &'static Table,
    /// Each shard's own.
    shards: &'a [Statistics],
    histograms: &'a Histograms,
    /// Of all shards.
    sum: &'a Statistics,
    now_us: u64,
}

/// The text so far.
#[derive(Default)]
struct Lines(String);

impl Lines {
    fn add(&mut self, name: &str, value: impl std::fmt::Display) {
        use std::fmt::Write;
        write!(self.0, "{name}:{value}\r\n").expect("writing to a string cannot fail");
    }
}

fn info(core: &mut Core, token: Token, args: &Args<'_>) -> Flow {
    let wanted = wanted(args);
    let latencies = SECTIONS
        .iter()
        .zip(&wanted)
        .any(|(section, wanted)| *wanted && section.name == "Latencystats");
    if !latencies {
        return gather(core, token, wanted, Vec::new());
    }
    core.ask_all(token, &Errand::Histograms, move |core, token, answers| {
        gather(core, token, wanted, super::latency::together(answers));
    })
}

fn gather(core: &mut Core, token: Token, wanted: Vec<bool>, histograms: Histograms) -> Flow {
    core.ask_all(token, &Errand::Info, move |core, token, answers| {
        let shards = statistics_of(answers);
        let text = print(core, &shards, &histograms, &wanted);
        core.complete(token, |reply| reply.verbatim("txt", text.as_bytes()));
    })
}

/// The shards' figures.
pub fn statistics_of(answers: Vec<Answer>) -> Vec<Statistics> {
    let figures = answers.into_iter().filter_map(|answer| match answer {
        Answer::Statistics(statistics) => Some(*statistics),
        _ => None,
    });
    figures.collect()
}

/// For each section, whether the client wants it.
fn wanted(args: &Args<'_>) -> Vec<bool> {
    let named = |name: &str| (1..args.len()).any(|at| args.is(at, name));
    let everything = named("everything") || named("all");
    let default = args.len() == 1 || named("default");
    SECTIONS
        .iter()
        .map(|section| everything || default && section.default || named(section.name))
        .collect()
}

fn print(core: &Core, shards: &[Statistics], histograms: &Histograms, wanted: &[bool]) -> String {
    let mut sum = Statistics::default();
    for statistics in shards {
        sum.add(statistics);
    }
    let figures = Figures {
        core,
        table: core.table,
        shards,
        histograms,
        sum: &sum,
        now_us: core.now.unix_us,
    };
    let mut lines = Lines::default();
    for (section, _) in SECTIONS.iter().zip(wanted).filter(|(_, wanted)| **wanted) {
        if !lines.0.is_empty() {
            lines.0.push_str("\r\n");
        }
        lines.0.push_str(&format!("# {}\r\n", section.name));
        (section.write)(&figures, &mut lines);
    }
    lines.0
}

impl Core {
    /// This shard's figures.
    pub fn statistics_now(&mut self) -> Statistics {
        self.publish_memory();
        let now_ms = self.now.unix_ms();
        let mut statistics = self.metrics.counters().clone();
        statistics.clients = self.clients.len() as u64;
        statistics.blocked_clients = self
            .clients
            .iter()
            .filter(|client| matches!(client.state, State::Blocked | State::Paused))
            .count() as u64;
        statistics.keyspace = (0..self.store.databases())
            .map(|db| {
                let (keys, expires) = (self.store.len(db), self.store.expires(db));
                let average_ms = self.store.average_ttl(db, now_ms);
                (keys as u64, expires as u64, average_ms)
            })
            .collect();
        statistics.calls = self
            .metrics
            .calls()
            .iter()
            .map(|calls| {
                let microseconds = calls.nanoseconds / 1000;
                (calls.calls, microseconds, calls.rejected, calls.failed)
            })
            .collect();
        let (longest, stalls) = self.metrics.stalls();
        let row = longest.row.map(|row| &*self.table.row(row).full_name);
        statistics.longest_round_us = longest.microseconds;
        statistics.longest_round_cause = format!("{}/{}", longest.step.name(), row.unwrap_or("-"));
        statistics.stalls = stalls;
        statistics.client_memory = self.client_memory();
        let cleared = self.cleared.iter().map(|cleared| cleared.len() as u64);
        statistics.lazy_free_pending = cleared.sum::<u64>() + self.unfreed() as u64;
        statistics
    }

    /// Bytes of the clients and their buffers, about.
    #[must_use]
    pub fn client_memory(&self) -> u64 {
        let of =
            |client: &Client| size_of::<Client>() + client.input.capacity() + client.unsent_bytes();
        self.clients.iter().map(|client| of(client) as u64).sum()
    }
    /// CONFIG RESETSTAT.
    pub fn reset_statistics(&mut self) {
        self.metrics.reset();
    }
}
