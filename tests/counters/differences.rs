//! What need not be equal, each with its reason.
//!
//! `Shards`: figures of the moment, of the machine or of the process, which two servers never have
//! in common. `Redis`: figures that are the same whatever the number of shards, and deliberately
//! not Redis's; the test complains about those that have become equal. A name may hold one `*`;
//! `client.` stands for every client.

/// Between whom a figure may differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Between any two servers.
    Shards,
    /// Only between Cairn and Redis.
    Redis,
    /// The same, but not in every run.
    RedisAtTimes,
}

/// A figure that may differ, and why.
pub struct Difference {
    pub name: &'static str,
    pub reach: Reach,
    pub reason: &'static str,
}

const fn varies(name: &'static str, reason: &'static str) -> Difference {
    Difference {
        name,
        reach: Reach::Shards,
        reason,
    }
}

const fn differs(name: &'static str, reason: &'static str) -> Difference {
    Difference {
        name,
        reach: Reach::Redis,
        reason,
    }
}

const PROCESS: &str = "of this process or machine";
const CLOCK: &str = "of this moment";
const MEMORY: &str = "memory of this process; tests of its own say what must hold";
const SHARDS: &str = "Cairn's own: about its shards and how they work together";
const BUILD: &str = "about the program, not about what it did";

pub const DIFFERENCES: &[Difference] = &[
    Difference {
        name: "clients in order",
        reach: Reach::RedisAtTimes,
        reason: "Redis's housekeeping turns its list round; here it is in the order of ids",
    },
    varies("run_id", PROCESS),
    varies("master_replid", PROCESS),
    varies("process_id", PROCESS),
    varies("tcp_port", PROCESS),
    varies("executable", PROCESS),
    varies("server_time_usec", CLOCK),
    varies("uptime_in_*", CLOCK),
    varies("lru_clock", CLOCK),
    varies("rdb_last_save_time", CLOCK),
    varies("used_cpu_*", CLOCK),
    varies("instantaneous_*", CLOCK),
    varies("cmdstat_*.usec", CLOCK),
    varies("cmdstat_*.usec_per_call", CLOCK),
    varies("latency_percentiles_usec_*", CLOCK),
    varies("expire_cycle_cpu_milliseconds", CLOCK),
    varies("total_eviction_exceeded_time", CLOCK),
    varies("current_eviction_exceeded_time", CLOCK),
    varies("db*.avg_ttl", CLOCK),
    varies("client.age", CLOCK),
    varies("client.idle", CLOCK),
    varies(
        "client.id",
        "given out as connections arrive; some more of them ask whether the server is ready",
    ),
    varies("client.addr", PROCESS),
    varies("client.laddr", PROCESS),
    varies("client.fd", PROCESS),
    varies("client.rbs", MEMORY),
    varies("client.rbp", MEMORY),
    varies("client.tot-mem", MEMORY),
    varies("client.qbuf-free", MEMORY),
    varies("client_recent_max_*", MEMORY),
    varies("reply_buffer_*", MEMORY),
    varies("used_memory*", MEMORY),
    varies("allocator_*", MEMORY),
    varies("mem_fragmentation_*", MEMORY),
    varies("rss_overhead_*", MEMORY),
    varies("mem_clients_normal", MEMORY),
    varies("multiplexing_api", "the back end is what is varied"),
    varies(
        "total_net_*",
        "replies name addresses, times and memory, whose lengths vary",
    ),
    varies(
        "total_reads_processed",
        "the end of a connection may come with what was sent before it",
    ),
    varies(
        "total_writes_processed",
        "a long reply may be cut into several writes",
    ),
    varies(
        "expired_stale_perc",
        "what Redis guesses from samples; 0 here, where expiry is exact",
    ),
    varies("backend*", SHARDS),
    varies("feature_*", SHARDS),
    varies("hops", SHARDS),
    varies("lock_waits", SHARDS),
    varies("notes", SHARDS),
    varies("restarts", SHARDS),
    varies("revocations", SHARDS),
    varies("shards", SHARDS),
    varies("shard_*", SHARDS),
    varies("snapshots*", SHARDS),
    varies("transactions_over_*", SHARDS),
    differs("cores", SHARDS),
    differs("numa_nodes", SHARDS),
    differs("huge_pages", SHARDS),
    differs("socket_failures", SHARDS),
    differs("redis_version", BUILD),
    differs("cairn_version", BUILD),
    differs("redis_build_id", BUILD),
    differs("gcc_version", BUILD),
    differs("atomicvar_api", BUILD),
    differs("mem_allocator", BUILD),
    differs(
        "client",
        "lines end with lib-name and lib-ver, as from Redis 7.2 on",
    ),
    differs("client.lib-*", "fields of Redis 7.2"),
    differs(
        "lazyfreed_objects",
        "whatever empties a database, its keys are freed in slices",
    ),
];

impl Difference {
    /// Why this figure may differ there, if it may.
    pub fn allowed(name: &str, reach: Reach) -> Option<&'static Self> {
        let plain = match (name.find('('), name.find(')')) {
            (Some(open), Some(close)) => format!("{}{}", &name[..open], &name[close + 1..]),
            _ => name.to_string(),
        };
        DIFFERENCES.iter().find(|difference| {
            let fits = match difference.name.split_once('*') {
                Some((start, end)) => plain.starts_with(start) && plain.ends_with(end),
                None => plain == difference.name,
            };
            fits && (difference.reach == Reach::Shards || reach == Reach::Redis)
        })
    }
}
