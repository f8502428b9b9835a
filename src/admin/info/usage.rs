//! INFO's sections about use: Memory, CPU, Commandstats, Errorstats, Keyspace, Shards.
//!
//! Pure functions from figures to lines, but for the process's own figures, which the kernel gives.

use super::{Figures, Lines};
use crate::base::arena::ProcessMemory;
use crate::base::process::{self, Whose};

pub fn memory(figures: &Figures<'_>, lines: &mut Lines) {
    let config = &figures.core.config();
    let used = figures.sum.used_memory;
    let process = ProcessMemory::read();
    let peak = figures.sum.used_memory_peak.max(used);
    let machine = process::machine_memory_bytes();
    let share = |part: u64, whole: u64| format!("{:.2}", part as f64 / whole.max(1) as f64);
    let mut bytes = |name: &str, value: u64| {
        lines.add(name, value);
        lines.add(&format!("{name}_human"), human(value));
    };
    bytes("used_memory", used);
    bytes("used_memory_rss", process.rss);
    bytes("used_memory_peak", peak);
    let percent = used as f64 * 100.0 / peak.max(1) as f64;
    lines.add("used_memory_peak_perc", format!("{percent:.2}%"));
    lines.add("used_memory_overhead", figures.sum.overhead_memory());
    lines.add("used_memory_startup", figures.sum.used_memory_startup);
    lines.add("used_memory_dataset", figures.sum.dataset_memory());
    lines.add("allocator_allocated", process.allocated);
    lines.add("allocator_active", process.active);
    lines.add("allocator_resident", process.resident);
    lines.add("total_system_memory", machine);
    lines.add("total_system_memory_human", human(machine));
    lines.add("used_memory_lua", 0);
    lines.add("used_memory_vm_eval", 0);
    lines.add("used_memory_scripts_eval", 0);
    lines.add("number_of_cached_scripts", 0);
    lines.add("number_of_functions", 0);
    lines.add("number_of_libraries", 0);
    lines.add("maxmemory", config.maxmemory);
    lines.add("maxmemory_human", human(config.maxmemory));
    let policy = config.text("maxmemory-policy").unwrap_or_default();
    lines.add("maxmemory_policy", policy);
    lines.add(
        "allocator_frag_ratio",
        share(process.active, process.allocated),
    );
    lines.add(
        "allocator_frag_bytes",
        process.active.saturating_sub(process.allocated),
    );
    lines.add(
        "allocator_rss_ratio",
        share(process.resident, process.active),
    );
    lines.add(
        "allocator_rss_bytes",
        process.resident.saturating_sub(process.active),
    );
    lines.add("rss_overhead_ratio", share(process.rss, process.resident));
    lines.add("mem_fragmentation_ratio", share(process.rss, used));
    lines.add("mem_fragmentation_bytes", process.rss.saturating_sub(used));
    lines.add("mem_not_counted_for_evict", 0);
    lines.add("mem_replication_backlog", 0);
    lines.add("mem_total_replication_buffers", 0);
    lines.add("mem_clients_slaves", 0);
    lines.add("mem_clients_normal", figures.sum.client_memory);
    lines.add("mem_cluster_links", 0);
    lines.add("mem_aof_buffer", 0);
    lines.add("mem_allocator", "jemalloc-5.3");
    lines.add("active_defrag_running", 0);
    lines.add("lazyfree_pending_objects", figures.sum.lazy_free_pending);
    lines.add("lazyfreed_objects", figures.sum.lazy_freed);
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

pub fn cpu(_figures: &Figures<'_>, lines: &mut Lines) {
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

pub fn commandstats(figures: &Figures<'_>, lines: &mut Lines) {
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

pub fn errorstats(figures: &Figures<'_>, lines: &mut Lines) {
    let mut errors = figures.sum.errors.clone();
    errors.sort_unstable();
    for (code, count) in errors {
        lines.add(&format!("errorstat_{code}"), format_args!("count={count}"));
    }
}

pub fn latencystats(figures: &Figures<'_>, lines: &mut Lines) {
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
                shard.used_memory,
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
