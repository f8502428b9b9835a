//! The typed values that the server reads: one plain field per directive that has an effect.
//!
//! Written only through the rows in `config/table/`; read everywhere as `config.port`. A directive
//! that is accepted without effect has no field here, `Config` keeps it by name. Defaults stand in
//! the rows.

use super::choice::{
    AclPubsubDefault, Appendfsync, Backend, HugePages, LogLevel, MaxmemoryPolicy, Permission,
    PipelineOrder, Placement, SanitizeDumpPayload, Supervised,
};

/// One rule of `save`: write a snapshot after `seconds` if at least `changes` happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SaveRule {
    pub seconds: u64,
    pub changes: u64,
}

/// Output buffer limits of one class of clients; 0 means none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OutputLimit {
    pub hard_bytes: u64,
    pub soft_bytes: u64,
    pub soft_seconds: u64,
}

/// `client-output-buffer-limit`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OutputLimits {
    pub normal: OutputLimit,
    pub replica: OutputLimit,
    pub pubsub: OutputLimit,
}

/// The classes of keyspace events that are published; printed and read in Redis's letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EventClasses(pub u32);

/// Everything the server reads from the configuration. Units stand in the names or beside the
/// field.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    // Network and clients.
    pub bind: Vec<String>,
    pub port: u16,
    pub unixsocket: String,
    pub unixsocketperm: u32,
    pub tcp_backlog: u32,
    /// Seconds; 0 switches keepalive off.
    pub tcp_keepalive: u32,
    /// Seconds after which an idle client is closed; 0 is never.
    pub timeout: u32,
    pub protected_mode: bool,
    pub maxclients: u32,
    /// Bytes.
    pub client_query_buffer_limit: u64,
    /// Bytes.
    pub proto_max_bulk_len: u64,
    pub client_output_buffer_limits: OutputLimits,
    /// Bytes; negative is a percentage of `maxmemory`; 0 is no limit.
    pub maxmemory_clients: i64,
    pub requirepass: String,
    pub tracking_table_max_keys: u64,

    // Shards: Cairn's own.
    /// 0 is one per physical core.
    pub shards: u16,
    pub backend: Backend,
    /// Shard i also listens on this port + i; 0 is off.
    pub shard_ports: u16,
    pub placement: Placement,
    pub huge_pages: HugePages,
    pub pipeline_order: PipelineOrder,

    // Process and log.
    /// Starts although a directive is set that is not supported and should not be relied on.
    pub ignore_unsupported: bool,
    pub daemonize: bool,
    pub supervised: Supervised,
    pub pidfile: String,
    pub logfile: String,
    pub loglevel: LogLevel,
    /// Absolute after `load`.
    pub dir: String,
    pub databases: u16,
    pub enable_debug_command: Permission,
    pub enable_module_command: Permission,
    pub enable_protected_configs: Permission,
    /// Milliseconds.
    pub busy_reply_threshold: u64,
    pub hz: u32,
    pub shutdown_timeout: u32,
    /// Flags of `choice::SHUTDOWN`.
    pub shutdown_on_sigint: u32,
    pub shutdown_on_sigterm: u32,
    /// Microseconds; negative is off, 0 logs everything.
    pub slowlog_log_slower_than: i64,
    pub slowlog_max_len: u64,
    /// Milliseconds; 0 is off.
    pub latency_monitor_threshold: u64,
    pub latency_tracking: bool,
    pub latency_tracking_info_percentiles: Vec<f64>,
    pub aclfile: String,
    pub acllog_max_len: u64,
    pub acl_pubsub_default: AclPubsubDefault,

    // Memory, expiry and eviction.
    /// Bytes; 0 is no limit.
    pub maxmemory: u64,
    pub maxmemory_policy: MaxmemoryPolicy,
    pub maxmemory_samples: u32,
    pub maxmemory_eviction_tenacity: u32,
    pub lfu_log_factor: u32,
    /// Minutes.
    pub lfu_decay_time: u32,
    pub active_expire_effort: u32,
    pub lazyfree_lazy_eviction: bool,
    pub lazyfree_lazy_expire: bool,
    pub lazyfree_lazy_server_del: bool,
    pub lazyfree_lazy_user_del: bool,
    pub lazyfree_lazy_user_flush: bool,

    // Encodings and events.
    /// Negative: -1 to -5 stand for 4, 8, 16, 32, 64 KiB per node.
    pub list_max_listpack_size: i32,
    pub list_compress_depth: u32,
    pub hash_max_listpack_entries: u64,
    pub hash_max_listpack_value: u64,
    pub set_max_intset_entries: u64,
    pub set_max_listpack_entries: u64,
    pub set_max_listpack_value: u64,
    pub zset_max_listpack_entries: u64,
    pub zset_max_listpack_value: u64,
    pub stream_node_max_bytes: u64,
    pub stream_node_max_entries: u64,
    pub hll_sparse_max_bytes: u64,
    pub notify_keyspace_events: EventClasses,
    pub sanitize_dump_payload: SanitizeDumpPayload,

    // Durability.
    pub save: Vec<SaveRule>,
    pub appendonly: bool,
    pub appendfsync: Appendfsync,
    pub appendfilename: String,
    pub appenddirname: String,
    pub dbfilename: String,
    pub no_appendfsync_on_rewrite: bool,
    pub auto_aof_rewrite_percentage: u32,
    /// Bytes.
    pub auto_aof_rewrite_min_size: u64,
    pub aof_load_truncated: bool,
    pub aof_use_rdb_preamble: bool,
    pub aof_timestamp_enabled: bool,
    pub rdbcompression: bool,
    pub rdbchecksum: bool,
    pub stop_writes_on_bgsave_error: bool,

    // Replication.
    /// Host and port of the primary; none on a primary.
    pub replicaof: Option<(String, u16)>,
    pub masterauth: String,
    pub masteruser: String,
    pub replica_read_only: bool,
    pub replica_serve_stale_data: bool,
    pub replica_priority: u32,

    /// Of a main, replica and background process; kept for tools that set it.
    pub oom_score_adj_values: [i32; 3],
}
