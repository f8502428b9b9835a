//! INFO's sections about the server as such: Server, Clients, Persistence, Stats, Replication, Cluster.
//!
//! Pure functions from figures to lines.

use super::{Figures, Lines};
use crate::base::process;
use crate::resp::REDIS_VERSION;

pub fn server(figures: &Figures<'_>, lines: &mut Lines) {
    let shared = &figures.core.shared();
    let config = &figures.core.config();
    let uptime_s = figures.now_us.saturating_sub(shared.started_us) / 1_000_000;
    lines.add("redis_version", REDIS_VERSION);
    lines.add("cairn_version", env!("CARGO_PKG_VERSION"));
    lines.add("redis_mode", "standalone");
    lines.add("os", process::system_name());
    lines.add("arch_bits", usize::BITS);
    lines.add("multiplexing_api", machine(figures, "backend"));
    lines.add("process_id", std::process::id());
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
    lines.add("clients_in_timeout_table", 0);
}

pub fn persistence(figures: &Figures<'_>, lines: &mut Lines) {
    let started_s = figures.core.shared().started_us / 1_000_000;
    lines.add("loading", 0);
    lines.add("async_loading", 0);
    lines.add("rdb_changes_since_last_save", figures.sum.dirty);
    lines.add("rdb_bgsave_in_progress", 0);
    lines.add("rdb_last_save_time", started_s);
    lines.add("rdb_last_bgsave_status", "ok");
    lines.add("rdb_last_bgsave_time_sec", -1);
    lines.add("rdb_current_bgsave_time_sec", -1);
    lines.add("rdb_saves", 0);
    lines.add("aof_enabled", 0);
    lines.add("aof_rewrite_in_progress", 0);
    lines.add("aof_rewrite_scheduled", 0);
    lines.add("aof_last_rewrite_time_sec", -1);
    lines.add("aof_current_rewrite_time_sec", -1);
    lines.add("aof_last_bgrewrite_status", "ok");
    lines.add("aof_last_write_status", "ok");
}

pub fn stats(figures: &Figures<'_>, lines: &mut Lines) {
    let sum = figures.sum;
    let rate = |per_second: f64| format!("{per_second:.2}");
    lines.add("total_connections_received", sum.connections);
    lines.add("total_commands_processed", sum.commands);
    lines.add("instantaneous_ops_per_sec", sum.rates.commands as u64);
    lines.add("total_net_input_bytes", sum.input_bytes);
    lines.add("total_net_output_bytes", sum.output_bytes);
    lines.add(
        "instantaneous_input_kbps",
        rate(sum.rates.input_bytes / 1024.0),
    );
    lines.add(
        "instantaneous_output_kbps",
        rate(sum.rates.output_bytes / 1024.0),
    );
    lines.add("rejected_connections", sum.rejected_connections);
    lines.add("sync_full", 0);
    lines.add("sync_partial_ok", 0);
    lines.add("sync_partial_err", 0);
    lines.add("expired_keys", sum.expired);
    lines.add("expired_stale_perc", "0.00");
    lines.add("expired_time_cap_reached_count", 0);
    lines.add("evicted_keys", sum.evicted);
    lines.add("evicted_clients", 0);
    lines.add("keyspace_hits", sum.hits);
    lines.add("keyspace_misses", sum.misses);
    lines.add("pubsub_channels", 0);
    lines.add("pubsub_patterns", 0);
    lines.add("latest_fork_usec", 0);
    lines.add("total_forks", 0);
    lines.add("tracking_total_keys", 0);
    lines.add("tracking_total_items", 0);
    lines.add("tracking_total_prefixes", 0);
    lines.add("total_error_replies", sum.error_replies);
    lines.add("dump_payload_sanitizations", 0);
}

pub fn replication(figures: &Figures<'_>, lines: &mut Lines) {
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
    lines.add("repl_backlog_size", 0);
    lines.add("repl_backlog_first_byte_offset", 0);
    lines.add("repl_backlog_histlen", 0);
}

pub fn cluster(_figures: &Figures<'_>, lines: &mut Lines) {
    lines.add("cluster_enabled", 0);
}
