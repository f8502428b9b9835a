//! MEMORY, but for USAGE, which belongs to the keys: STATS, DOCTOR, PURGE, MALLOC-STATS.
//!
//! Figures are the shards' own counters added up, and the allocator's for the process.

use super::docs::server as docs;
use super::help::help;
use super::info::ShardStatistics;
use crate::base::Token;
use crate::base::arena::{self, ProcessMemory};
use crate::cmd::keyspec::access;
use crate::cmd::special::PLAIN;
use crate::cmd::{Command, Group, KeySpec, Reach, Run, flag};
use crate::metrics::Statistics;
use crate::resp::{Args, Reply};
use crate::shard::{Core, Flow, HomeCommand};

/// The commands of this file.
pub static COMMANDS: &[HomeCommand] = &[HomeCommand::container(
    Command {
        name: "memory",
        arity: -2,
        flags: 0,
        categories: 0,
        group: Group::Server,
        keys: &[],
        docs: &docs::MEMORY,
        special: PLAIN,
        run: Run::Container,
        subcommands: &[],
    },
    &[SUBCOMMANDS],
)];

/// Subcommands of MEMORY.
static SUBCOMMANDS: &[HomeCommand] = &[
    HomeCommand::new(
        stats,
        Command {
            name: "stats",
            arity: 2,
            flags: 0,
            categories: 0,
            group: Group::Server,
            keys: &[],
            docs: &docs::MEMORY_STATS,
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
            flags: 0,
            categories: 0,
            group: Group::Server,
            keys: &[],
            docs: &docs::MEMORY_DOCTOR,
            special: PLAIN,
            run: Run::Home(Reach::Everyone),
            subcommands: &[],
        },
    ),
    HomeCommand::new(
        purge,
        Command {
            name: "purge",
            arity: 2,
            flags: 0,
            categories: 0,
            group: Group::Server,
            keys: &[],
            docs: &docs::MEMORY_PURGE,
            special: PLAIN,
            run: Run::Home(Reach::Client),
            subcommands: &[],
        },
    ),
    HomeCommand::new(
        malloc_stats,
        Command {
            name: "malloc-stats",
            arity: 2,
            flags: 0,
            categories: 0,
            group: Group::Server,
            keys: &[],
            docs: &docs::MEMORY_MALLOC_STATS,
            special: PLAIN,
            run: Run::Home(Reach::Client),
            subcommands: &[],
        },
    ),
    HomeCommand::new(
        |core, token, _| help(core, token, "MEMORY", HELP),
        Command {
            name: "help",
            arity: 2,
            flags: flag::LOADING | flag::STALE,
            categories: 0,
            group: Group::Server,
            keys: &[],
            docs: &docs::MEMORY_HELP,
            special: PLAIN,
            run: Run::Home(Reach::Client),
            subcommands: &[],
        },
    ),
    HomeCommand::on_keys(Command {
        name: "usage",
        arity: -3,
        flags: flag::READONLY,
        categories: 0,
        group: Group::Server,
        keys: &[KeySpec::one(2, access::RO)],
        docs: &docs::MEMORY_USAGE,
        special: PLAIN,
        run: Run::Keys(crate::cmd::memory_usage),
        subcommands: &[],
    }),
];

const HELP: &[&str] = &[
    "DOCTOR",
    "    Return memory problems reports.",
    "MALLOC-STATS",
    "    Return internal statistics report from the memory allocator.",
    "PURGE",
    "    Attempt to purge dirty pages for reclamation by the allocator.",
    "STATS",
    "    Return information about the memory usage of the server.",
    "USAGE <key> [SAMPLES <count>]",
    "    Return memory in bytes used by <key> and its value. Nested values are",
    "    sampled up to <count> times (default: 5, 0 means sample all).",
];

/// Below this much data, ratios say nothing.
const DOCTOR_LEAST_BYTES: u64 = 5 << 20;

fn purge(core: &mut Core, token: Token, _args: &Args<'_>) -> Flow {
    arena::purge();
    core.reply(token).ok();
    Flow::Next
}

fn malloc_stats(core: &mut Core, token: Token, _args: &Args<'_>) -> Flow {
    let report = arena::report();
    core.reply(token).verbatim("txt", &report);
    Flow::Next
}

/// Everything that the reports are made of.
struct Account {
    sum: Statistics,
    process: ProcessMemory,
    keys: u64,
}

impl Account {
    fn of(shards: &[Statistics]) -> Self {
        let mut sum = Statistics::default();
        for statistics in shards {
            sum.add(statistics);
        }
        let keys = sum.keyspace.iter().map(|(keys, _, _)| keys).sum();
        let process = ProcessMemory::read();
        Self { sum, process, keys }
    }
}

fn stats(core: &mut Core, token: Token, _args: &Args<'_>) -> Flow {
    core.ask_all(token, ShardStatistics, |core, token, shards| {
        let account = Account::of(&shards);
        core.complete(token, |reply| write_stats(&account, reply));
    })
}

fn write_stats(account: &Account, reply: &mut Reply<'_>) {
    let Account { sum, process, keys } = account;
    let dataset = sum.dataset_memory();
    let net = sum.used_bytes().saturating_sub(sum.startup_bytes());
    let peak = sum.used_memory_peak.max(sum.used_bytes());
    let ratio = |part: u64, whole: u64| part as f64 / whole.max(1) as f64;
    let numbers: &[(&str, u64)] = &[
        ("peak.allocated", peak),
        ("total.allocated", sum.used_bytes()),
        ("startup.allocated", sum.startup_bytes()),
        ("replication.backlog", 0),
        ("clients.slaves", 0),
        ("clients.normal", sum.client_memory),
        ("cluster.links", 0),
        ("aof.buffer", 0),
        ("lua.caches", 0),
        ("functions.caches", 0),
        ("overhead.total", sum.overhead_memory()),
        ("keys.count", *keys),
        (
            "keys.bytes-per-key",
            if *keys == 0 { 0 } else { net / keys },
        ),
        ("dataset.bytes", dataset),
        ("allocator.allocated", process.allocated),
        ("allocator.active", process.active),
        ("allocator.resident", process.resident),
        (
            "allocator-fragmentation.bytes",
            process.active.saturating_sub(process.allocated),
        ),
        (
            "allocator-rss.bytes",
            process.resident.saturating_sub(process.active),
        ),
        (
            "rss-overhead.bytes",
            process.rss.saturating_sub(process.resident),
        ),
        (
            "fragmentation.bytes",
            process.rss.saturating_sub(sum.used_bytes()),
        ),
    ];
    let ratios: &[(&str, f64)] = &[
        ("dataset.percentage", ratio(dataset, net) * 100.0),
        ("peak.percentage", ratio(sum.used_bytes(), peak) * 100.0),
        (
            "allocator-fragmentation.ratio",
            ratio(process.active, process.allocated),
        ),
        (
            "allocator-rss.ratio",
            ratio(process.resident, process.active),
        ),
        ("rss-overhead.ratio", ratio(process.rss, process.resident)),
        ("fragmentation", ratio(process.rss, sum.used_bytes())),
    ];
    reply.map(numbers.len() + ratios.len());
    for (name, value) in numbers {
        reply.bulk(name.as_bytes());
        reply.integer(i64::try_from(*value).unwrap_or(i64::MAX));
    }
    for (name, value) in ratios {
        reply.bulk(name.as_bytes());
        reply.double(*value);
    }
}

fn doctor(core: &mut Core, token: Token, _args: &Args<'_>) -> Flow {
    core.ask_all(token, ShardStatistics, |core, token, shards| {
        let text = diagnosis(&Account::of(&shards));
        core.complete(token, |reply| reply.verbatim("txt", text.as_bytes()));
    })
}

fn diagnosis(account: &Account) -> String {
    let Account { sum, process, .. } = account;
    if sum.used_bytes() < DOCTOR_LEAST_BYTES {
        return "This instance is empty or is using very little memory: \
                there is too little to judge by.\n"
            .to_string();
    }
    let mut text = String::new();
    if sum.used_memory_peak > sum.used_bytes() / 2 * 3 {
        text.push_str(
            " * The memory used at the peak was more than 150% of what is used now. \
             What the allocator kept since may be given back by MEMORY PURGE.\n",
        );
    }
    if process.active > process.allocated / 10 * 14 {
        text.push_str(
            " * Pages are badly filled: the allocator's active pages exceed what is \
             allocated by more than 40%.\n",
        );
    }
    if process.rss > process.resident / 10 * 11 {
        text.push_str(" * The process has more than 10% of memory beside the allocator's.\n");
    }
    let worst = sum.clients > 0 && sum.client_memory / sum.clients > 200 * 1024;
    if worst {
        text.push_str(" * Clients hold more than 200 KiB of buffers each on average.\n");
    }
    if text.is_empty() {
        return "No memory problem was found in this instance.\n".to_string();
    }
    format!("These are the memory problems of this instance:\n{text}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(used: u64, peak: u64, active: u64) -> Account {
        Account {
            sum: Statistics {
                used_memory: i64::try_from(used).expect("a test uses little"),
                used_memory_peak: peak,
                ..Statistics::default()
            },
            process: ProcessMemory {
                allocated: used,
                active,
                ..ProcessMemory::default()
            },
            keys: 0,
        }
    }

    #[test]
    fn the_doctor_tells_what_is_wrong() {
        const MB: u64 = 1 << 20;
        assert!(diagnosis(&account(MB, MB, MB)).contains("very little"));
        assert!(diagnosis(&account(100 * MB, 100 * MB, 110 * MB)).starts_with("No memory problem"));
        assert!(diagnosis(&account(100 * MB, 200 * MB, 110 * MB)).contains("150%"));
        assert!(diagnosis(&account(100 * MB, 100 * MB, 150 * MB)).contains("badly filled"));
    }
}
