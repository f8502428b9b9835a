//! INFO: what the server knows about itself, by sections, added up over the shards.
//!
//! Every shard sends its `Statistics`; the client's shard adds them up and prints. Section names,
//! fields and their order are Redis's; `# Shards` is our own. A field stands here only if its value
//! is true.

mod sections;
mod usage;

use super::docs::server as docs;
use super::latency::{self, ByRow};
use crate::base::Token;
use crate::cmd::special::PLAIN;
use crate::cmd::{Command, Group, Reach, Run, Table, acl, flag};
use crate::metrics::Statistics;
use crate::resp::Args;
use crate::shard::{Core, Flow, HomeCommand, Query};

/// The commands of this file.
pub static COMMANDS: &[HomeCommand] = &[HomeCommand::new(
    info,
    Command {
        name: "info",
        arity: -1,
        flags: flag::LOADING | flag::STALE,
        categories: acl::DANGEROUS,
        group: Group::Server,
        keys: &[],
        docs: &docs::INFO,
        special: PLAIN,
        run: Run::Home(Reach::Everyone),
        subcommands: &[],
    },
)];

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

/// Everything that sections print from.
struct Figures<'a> {
    core: &'a Core,
    table: &'static Table,
    /// Each shard's own.
    shards: &'a [Statistics],
    histograms: &'a ByRow,
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
    core.ask_all(token, latency::Histograms, move |core, token, answers| {
        gather(core, token, wanted, latency::together(answers));
    })
}

fn gather(core: &mut Core, token: Token, wanted: Vec<bool>, histograms: ByRow) -> Flow {
    core.ask_all(token, ShardStatistics, move |core, token, shards| {
        let text = print(core, &shards, &histograms, &wanted);
        core.complete(token, |reply| reply.verbatim("txt", text.as_bytes()));
    })
}

/// What a shard has counted and measured.
pub(super) struct ShardStatistics;

impl Query for ShardStatistics {
    type Answer = Statistics;

    fn answer(&self, core: &mut Core) -> Statistics {
        core.statistics_now()
    }
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

fn print(core: &Core, shards: &[Statistics], histograms: &ByRow, wanted: &[bool]) -> String {
    let mut sum = Statistics::default();
    for statistics in shards {
        sum.add(statistics);
    }
    let figures = Figures {
        core,
        table: core.table(),
        shards,
        histograms,
        sum: &sum,
        now_us: core.now().unix_us,
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
