//! INFO: what the server knows about itself, by sections, added up over the shards.
//!
//! Every shard sends its `Statistics`; the client's shard adds them up and prints. Section names, fields
//! and their order are Redis's; `# Shards` is our own. A field stands here only if its value is true.

mod sections;
mod usage;

use super::docs::server as docs;
use crate::base::Token;
use crate::cmd::{Command, Group, Reach, Run, Table, acl, flag};
use crate::metrics::{Histogram, Statistics};
use crate::resp::Args;
use crate::route::{Answer, Errand};
use crate::shard::{Core, Flow, HomeCommand};

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
