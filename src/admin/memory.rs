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
use crate::limits::DOCTOR_BYTES_MIN;
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

/// A figure of MEMORY STATS.
enum Figure {
    Count(u64),
    /// Bytes that may be fewer than those they are compared with.
    Difference(u64, u64),
    Ratio(u64, u64),
    Percent(u64, u64),
}

impl Figure {
    fn write(&self, reply: &mut Reply<'_>) {
        let ratio = |part: u64, whole: u64| part as f64 / whole.max(1) as f64;
        let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        match *self {
            Self::Count(count) => reply.integer(number(count)),
            Self::Difference(more, less) => reply.integer(number(more) - number(less)),
            Self::Ratio(part, whole) => reply.double(ratio(part, whole)),
            Self::Percent(part, whole) => reply.double(ratio(part, whole) * 100.0),
        }
    }
}

/// In Redis's order.
fn write_stats(account: &Account, reply: &mut Reply<'_>) {
    use Figure::{Count, Difference, Percent, Ratio};
    let Account { sum, process, keys } = account;
    let (used, startup, dataset) = (sum.used_bytes(), sum.startup_bytes(), sum.dataset_memory());
    let net = used.saturating_sub(startup);
    let peak = sum.used_memory_peak.max(used);
    let ProcessMemory {
        allocated,
        active,
        resident,
        rss,
        ..
    } = *process;
    let figures = [
        ("peak.allocated", Count(peak)),
        ("total.allocated", Count(used)),
        ("startup.allocated", Count(startup)),
        ("replication.backlog", Count(0)),
        ("clients.slaves", Count(0)),
        ("clients.normal", Count(sum.client_memory)),
        ("cluster.links", Count(0)),
        ("aof.buffer", Count(0)),
        ("lua.caches", Count(0)),
        ("functions.caches", Count(0)),
        ("overhead.total", Count(sum.overhead_memory())),
        ("keys.count", Count(*keys)),
        (
            "keys.bytes-per-key",
            Count(net.checked_div(*keys).unwrap_or(0)),
        ),
        ("dataset.bytes", Count(dataset)),
        ("dataset.percentage", Percent(dataset, net)),
        ("peak.percentage", Percent(used, peak)),
        ("allocator.allocated", Count(allocated)),
        ("allocator.active", Count(active)),
        ("allocator.resident", Count(resident)),
        ("allocator-fragmentation.ratio", Ratio(active, allocated)),
        (
            "allocator-fragmentation.bytes",
            Difference(active, allocated),
        ),
        ("allocator-rss.ratio", Ratio(resident, active)),
        ("allocator-rss.bytes", Difference(resident, active)),
        ("rss-overhead.ratio", Ratio(rss, resident)),
        ("rss-overhead.bytes", Difference(rss, resident)),
        ("fragmentation", Ratio(rss, used)),
        ("fragmentation.bytes", Difference(rss, used)),
    ];
    reply.map(figures.len());
    for (name, figure) in &figures {
        reply.bulk(name.as_bytes());
        figure.write(reply);
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
    if sum.used_bytes() < DOCTOR_BYTES_MIN {
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
