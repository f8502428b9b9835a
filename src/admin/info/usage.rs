//! INFO's sections about use: Memory, CPU, Commandstats, Errorstats, Keyspace, Shards.
//!
//! Pure functions from figures to lines, but for the process's own figures, which the kernel gives.

use super::{Figures, Lines};
use crate::base::ShardId;
use crate::base::arena::{self, ProcessMemory};
use crate::base::process::{self, Whose};

pub(super) fn memory(figures: &Figures<'_>, lines: &mut Lines) {
    let config = &figures.core.config();
    let sum = figures.sum;
    let used = sum.used_bytes();
    let process = ProcessMemory::read();
    let peak = sum.used_memory_peak.max(used);
    let machine = process::machine_memory_bytes();
    bytes(lines, "used_memory", used);
    bytes(lines, "used_memory_rss", process.rss);
    bytes(lines, "used_memory_peak", peak);
    let percent = |part: u64, whole: u64| {
        let percent = part as f64 * 100.0 / whole.max(1) as f64;
        format!("{percent:.2}%")
    };
    let startup = sum.startup_bytes();
    let dataset = sum.dataset_memory();
    lines.add("used_memory_peak_perc", percent(used, peak));
    lines.add("used_memory_overhead", sum.overhead_memory());
    lines.add("used_memory_startup", startup);
    lines.add("used_memory_dataset", dataset);
    let net = used.saturating_sub(startup);
    lines.add("used_memory_dataset_perc", percent(dataset, net));
    lines.add("allocator_allocated", process.allocated);
    lines.add("allocator_active", process.active);
    lines.add("allocator_resident", process.resident);
    bytes(lines, "total_system_memory", machine);
    scripts(lines);
    bytes(lines, "maxmemory", config.maxmemory);
    let policy = config.text("maxmemory-policy").unwrap_or_default();
    lines.add("maxmemory_policy", policy);
    fragmentation(lines, &process, used);
    for name in [
        "mem_not_counted_for_evict",
        "mem_replication_backlog",
        "mem_total_replication_buffers",
        "mem_clients_slaves",
    ] {
        lines.add(name, 0);
    }
    lines.add("mem_clients_normal", sum.client_memory);
    lines.add("mem_cluster_links", 0);
    lines.add("mem_aof_buffer", 0);
    let allocator = arena::allocator_version();
    lines.add("mem_allocator", format_args!("jemalloc-{allocator}"));
    lines.add("active_defrag_running", 0);
    lines.add("lazyfree_pending_objects", sum.lazy_free_pending);
    lines.add("lazyfreed_objects", sum.lazy_freed);
}

/// A field and its short form.
fn bytes(lines: &mut Lines, name: &str, value: u64) {
    lines.add(name, value);
    lines.add(&format!("{name}_human"), human(value));
}

/// There are no scripts, and no functions.
fn scripts(lines: &mut Lines) {
    lines.add("used_memory_lua", 0);
    lines.add("used_memory_vm_eval", 0);
    lines.add("used_memory_lua_human", human(0));
    lines.add("used_memory_scripts_eval", 0);
    lines.add("number_of_cached_scripts", 0);
    lines.add("number_of_functions", 0);
    lines.add("number_of_libraries", 0);
    lines.add("used_memory_vm_functions", 0);
    bytes(lines, "used_memory_vm_total", 0);
    lines.add("used_memory_functions", 0);
    bytes(lines, "used_memory_scripts", 0);
}

/// How the allocator's memory compares with what is used of it.
fn fragmentation(lines: &mut Lines, process: &ProcessMemory, used: u64) {
    for (name, whole, part) in [
        ("allocator_frag", process.active, process.allocated),
        ("allocator_rss", process.resident, process.active),
        ("rss_overhead", process.rss, process.resident),
        ("mem_fragmentation", process.rss, used),
    ] {
        let ratio = whole as f64 / part.max(1) as f64;
        lines.add(&format!("{name}_ratio"), format_args!("{ratio:.2}"));
        let more = i128::from(whole) - i128::from(part);
        lines.add(&format!("{name}_bytes"), more);
    }
}

/// Bytes as Redis shortens them: `1.50M`.
fn human(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "K", "M", "G", "T"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 {
        format!("{bytes}B")
    } else {
        format!("{value:.2}{}", UNITS[unit])
    }
}

pub(super) fn cpu(_figures: &Figures<'_>, lines: &mut Lines) {
    let process = process::cpu_times(Whose::Process);
    let children = process::cpu_times(Whose::Children);
    let shard = process::cpu_times(Whose::Thread);
    for (name, seconds) in [
        ("used_cpu_sys", process.system_s),
        ("used_cpu_user", process.user_s),
        ("used_cpu_sys_children", children.system_s),
        ("used_cpu_user_children", children.user_s),
        ("used_cpu_sys_main_thread", shard.system_s),
        ("used_cpu_user_main_thread", shard.user_s),
    ] {
        lines.add(name, format!("{seconds:.6}"));
    }
}

pub(super) fn commandstats(figures: &Figures<'_>, lines: &mut Lines) {
    for (number, (calls, microseconds, rejected, failed)) in figures.sum.calls.iter().enumerate() {
        if calls + rejected + failed == 0 {
            continue;
        }
        let number = u16::try_from(number).expect("the table numbers its rows with 16 bits");
        let per_call = *microseconds as f64 / (*calls).max(1) as f64;
        lines.add(
            &format!("cmdstat_{}", figures.table.row(number).full_name),
            format_args!(
                "calls={calls},usec={microseconds},usec_per_call={per_call:.2},\
                 rejected_calls={rejected},failed_calls={failed}"
            ),
        );
    }
}

pub(super) fn errorstats(figures: &Figures<'_>, lines: &mut Lines) {
    let mut errors = figures.sum.errors.clone();
    errors.sort_unstable();
    for (code, count) in errors {
        lines.add(&format!("errorstat_{code}"), format_args!("count={count}"));
    }
}

pub(super) fn latencystats(figures: &Figures<'_>, lines: &mut Lines) {
    let percents = &figures.core.config().latency_tracking_info_percentiles;
    for (row, _, histogram) in figures.histograms {
        let name = &figures.table.row(*row).full_name;
        let values: Vec<String> = percents
            .iter()
            .map(|percent| {
                let microseconds = histogram.percentile(*percent) as f64 / 1000.0;
                format!("p{percent}={microseconds:.3}")
            })
            .collect();
        lines.add(
            &format!("latency_percentiles_usec_{name}"),
            values.join(","),
        );
    }
}

pub fn keyspace(figures: &Figures<'_>, lines: &mut Lines) {
    for (db, (keys, expires, average_ms)) in figures.sum.keyspace.iter().enumerate() {
        if *keys > 0 {
            lines.add(
                &format!("db{db}"),
                format_args!("keys={keys},expires={expires},avg_ttl={average_ms}"),
            );
        }
    }
}

/// Our own: the machine as the server found it, and each shard's share of the work.
pub fn shards(figures: &Figures<'_>, lines: &mut Lines) {
    for (name, value) in &figures.core.shared().machine {
        lines.add(name, value);
    }
    for (shards, count) in figures.sum.transactions.iter().enumerate() {
        if *count > 0 {
            lines.add(&format!("transactions_over_{shards}_shards"), count);
        }
    }
    lines.add("lock_waits", figures.sum.lock_waits);
    lines.add("revocations", figures.sum.revocations);
    lines.add("restarts", figures.sum.restarts);
    lines.add("hops", figures.sum.hops);
    lines.add("notes", figures.sum.notes);
    lines.add("snapshots", figures.sum.snapshots);
    lines.add("snapshots_failed", figures.sum.snapshots_failed);
    lines.add("socket_failures", figures.sum.socket_failures);
    for (number, shard) in figures.shards.iter().enumerate() {
        let keys: u64 = shard.keyspace.iter().map(|(keys, _, _)| keys).sum();
        lines.add(
            &format!("shard_{number}"),
            format_args!(
                "clients={},keys={keys},used_memory={},commands={},hops={},ticks={},\
                 longest_round_usec={},longest_round_cause={},stalls={}",
                shard.clients,
                figures
                    .core
                    .shared()
                    .memory
                    .arena_bytes(ShardId::at(number)),
                shard.commands,
                shard.hops,
                shard.ticks,
                shard.longest_round_us,
                shard.longest_round_cause,
                shard.stalls
            ),
        );
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn bytes_are_shortened() {
        assert_eq!(super::human(0), "0B");
        assert_eq!(super::human(1023), "1023B");
        assert_eq!(super::human(1536), "1.50K");
        assert_eq!(super::human(3 << 30), "3.00G");
    }
}
