//! INFO's sections about the server as such: Server, Clients, Persistence, Stats, Replication,
//! Cluster.
//!
//! Pure functions from figures to lines.

use super::{Figures, Lines};
use crate::base::process;
use crate::resp::REDIS_VERSION;

pub fn server(figures: &Figures<'_>, lines: &mut Lines) {
    let shared = &figures.core.shared();
    let config = &figures.core.config();
    let uptime_s = figures.now_us.saturating_sub(shared.started_us) / 1_000_000;
    let version = env!("CARGO_PKG_VERSION");
    let build = xxhash_rust::xxh3::xxh3_64(version.as_bytes());
    lines.add("redis_version", REDIS_VERSION);
    // As Redis says where it was not built from a repository, and not by gcc.
    lines.add("redis_git_sha1", "00000000");
    lines.add("redis_git_dirty", 0);
    lines.add("redis_build_id", format_args!("{build:x}"));
    lines.add("redis_mode", "standalone");
    lines.add("os", process::system_name());
    lines.add("arch_bits", usize::BITS);
    lines.add("monotonic_clock", "POSIX clock_gettime");
    lines.add("multiplexing_api", machine(figures, "backend"));
    lines.add("atomicvar_api", "rust");
    lines.add("gcc_version", "0.0.0");
    lines.add("process_id", std::process::id());
    let supervised = config.text("supervised").unwrap_or_default();
    lines.add("process_supervised", supervised);
    lines.add("run_id", &shared.run_id);
    lines.add("tcp_port", config.port);
    lines.add("server_time_usec", figures.now_us);
    lines.add("uptime_in_seconds", uptime_s);
    lines.add("uptime_in_days", uptime_s / 86_400);
    lines.add("hz", 10);
    lines.add("configured_hz", config.hz);
    lines.add("lru_clock", (figures.now_us / 1_000_000) & 0x00ff_ffff);
    lines.add("executable", process::executable());
    let file = shared.config_file.as_ref();
    lines.add(
        "config_file",
        file.map_or(String::new(), |path| path.to_string_lossy().into_owned()),
    );
    lines.add("io_threads_active", 0);
    lines.add("cairn_version", version);
}

fn machine<'a>(figures: &'a Figures<'_>, name: &str) -> &'a str {
    let lines = &figures.core.shared().machine;
    let line = lines.iter().find(|(known, _)| known == name);
    line.map_or("none", |(_, value)| value)
}

pub fn clients(figures: &Figures<'_>, lines: &mut Lines) {
    let sum = figures.sum;
    lines.add("connected_clients", sum.clients);
    lines.add("cluster_connections", 0);
    lines.add("maxclients", figures.core.config().maxclients);
    lines.add("client_recent_max_input_buffer", sum.input_buffer_max);
    lines.add("client_recent_max_output_buffer", sum.output_buffer_max);
    lines.add("blocked_clients", sum.blocked_clients);
    lines.add("tracking_clients", 0);
    lines.add("clients_in_timeout_table", sum.clients_with_deadline);
}

/// Fields of what this server has not done or does not have, as Redis prints them then.
fn none_yet(lines: &mut Lines, names: &[&str]) {
    for name in names {
        lines.add(name, 0);
    }
}

pub(super) fn persistence(figures: &Figures<'_>, lines: &mut Lines) {
    let started_s = figures.core.shared().started_us / 1_000_000;
    none_yet(
        lines,
        &[
            "loading",
            "async_loading",
            "current_cow_peak",
            "current_cow_size",
            "current_cow_size_age",
        ],
    );
    lines.add("current_fork_perc", "0.00");
    none_yet(
        lines,
        &["current_save_keys_processed", "current_save_keys_total"],
    );
    lines.add("rdb_changes_since_last_save", figures.sum.dirty);
    lines.add("rdb_bgsave_in_progress", 0);
    lines.add("rdb_last_save_time", started_s);
    lines.add("rdb_last_bgsave_status", "ok");
    lines.add("rdb_last_bgsave_time_sec", -1);
    lines.add("rdb_current_bgsave_time_sec", -1);
    none_yet(
        lines,
        &[
            "rdb_saves",
            "rdb_last_cow_size",
            "rdb_last_load_keys_expired",
            "rdb_last_load_keys_loaded",
            "aof_enabled",
            "aof_rewrite_in_progress",
            "aof_rewrite_scheduled",
        ],
    );
    lines.add("aof_last_rewrite_time_sec", -1);
    lines.add("aof_current_rewrite_time_sec", -1);
    lines.add("aof_last_bgrewrite_status", "ok");
    none_yet(
        lines,
        &["aof_rewrites", "aof_rewrites_consecutive_failures"],
    );
    lines.add("aof_last_write_status", "ok");
    none_yet(
        lines,
        &[
            "aof_last_cow_size",
            "module_fork_in_progress",
            "module_fork_last_cow_size",
        ],
    );
}

pub(super) fn stats(figures: &Figures<'_>, lines: &mut Lines) {
    let sum = figures.sum;
    traffic(figures, lines);
    lines.add("rejected_connections", sum.rejected_connections);
    none_yet(lines, &["sync_full", "sync_partial_ok", "sync_partial_err"]);
    lines.add("expired_keys", sum.expired);
    // Expiry is exact: no key is left over, no cycle is cut short.
    lines.add("expired_stale_perc", "0.00");
    lines.add("expired_time_cap_reached_count", 0);
    lines.add("expire_cycle_cpu_milliseconds", sum.expiry_ns / 1_000_000);
    lines.add("evicted_keys", sum.evicted);
    lines.add("evicted_clients", 0);
    let (before_us, now_us) = sum.memory_exceeded_us;
    lines.add("total_eviction_exceeded_time", (before_us + now_us) / 1000);
    lines.add("current_eviction_exceeded_time", now_us / 1000);
    lines.add("keyspace_hits", sum.hits);
    lines.add("keyspace_misses", sum.misses);
    none_yet(
        lines,
        &[
            "pubsub_channels",
            "pubsub_patterns",
            "pubsubshard_channels",
            "latest_fork_usec",
            "total_forks",
            "migrate_cached_sockets",
            "slave_expires_tracked_keys",
            "active_defrag_hits",
            "active_defrag_misses",
            "active_defrag_key_hits",
            "active_defrag_key_misses",
            "total_active_defrag_time",
            "current_active_defrag_time",
            "tracking_total_keys",
            "tracking_total_items",
            "tracking_total_prefixes",
            "unexpected_error_replies",
        ],
    );
    lines.add("total_error_replies", sum.error_replies);
    lines.add("dump_payload_sanitizations", 0);
    lines.add("total_reads_processed", sum.reads);
    lines.add("total_writes_processed", sum.writes);
    none_yet(
        lines,
        &[
            "io_threaded_reads_processed",
            "io_threaded_writes_processed",
        ],
    );
    lines.add("reply_buffer_shrinks", sum.reply_buffer_shrinks);
    lines.add("reply_buffer_expands", sum.reply_buffer_expands);
}

/// What came and went over the network.
fn traffic(figures: &Figures<'_>, lines: &mut Lines) {
    let sum = figures.sum;
    let kilobytes = |bytes: f64| format!("{:.2}", bytes / 1024.0);
    let rates = &sum.rates;
    lines.add("total_connections_received", sum.connections);
    lines.add("total_commands_processed", sum.commands);
    lines.add("instantaneous_ops_per_sec", rates.commands as u64);
    lines.add("total_net_input_bytes", sum.input_bytes);
    lines.add("total_net_output_bytes", sum.output_bytes);
    none_yet(
        lines,
        &["total_net_repl_input_bytes", "total_net_repl_output_bytes"],
    );
    let (input, output) = (rates.input_bytes, rates.output_bytes);
    lines.add("instantaneous_input_kbps", kilobytes(input));
    lines.add("instantaneous_output_kbps", kilobytes(output));
    for name in [
        "instantaneous_input_repl_kbps",
        "instantaneous_output_repl_kbps",
    ] {
        lines.add(name, kilobytes(0.0));
    }
}

pub(super) fn replication(figures: &Figures<'_>, lines: &mut Lines) {
    lines.add("role", "master");
    lines.add("connected_slaves", 0);
    lines.add("master_failover_state", "no-failover");
    let changed = figures.core.debugged().replication_id.as_deref();
    let id = changed.unwrap_or(&figures.core.shared().run_id);
    lines.add("master_replid", id);
    lines.add("master_replid2", "0".repeat(40));
    lines.add("master_repl_offset", 0);
    lines.add("second_repl_offset", -1);
    lines.add("repl_backlog_active", 0);
    let backlog = figures.core.config().text("repl-backlog-size");
    lines.add("repl_backlog_size", backlog.unwrap_or_default());
    lines.add("repl_backlog_first_byte_offset", 0);
    lines.add("repl_backlog_histlen", 0);
}

pub(super) fn cluster(_figures: &Figures<'_>, lines: &mut Lines) {
    lines.add("cluster_enabled", 0);
}
