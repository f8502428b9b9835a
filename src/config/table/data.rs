//! Rows: memory, eviction, expiry, encodings, keyspace events.
//!
//! What the store and its eviction read; rows without a field concern allocators Cairn does not
//! use. Data only: names, defaults and ranges; `config/directive.rs` gives them meaning.

use super::super::choice::{Choice, MaxmemoryPolicy, SanitizeDumpPayload};
use super::super::directive::{
    Directive, Effect, Unit, boolean, choices, field, integer, number, special,
};
use super::super::effect;
use super::super::special::NOTIFY;
use super::{
    ARENAS, CHECKED, DEFRAG, EVICTION, INT_MAX, INT_MIN, LONG_MAX, MB, NO_PUBSUB, SLICES, TABLES,
    TICKS, ULONG_MAX,
};

pub const ROWS: &[Directive] = &[
    number(
        "maxmemory",
        Unit::Memory,
        0,
        0,
        ULONG_MAX,
        field!(maxmemory),
    ),
    choices(
        "maxmemory-policy",
        MaxmemoryPolicy::NAMES,
        MaxmemoryPolicy::NoEviction as u32,
        field!(maxmemory_policy),
    )
    .effect(Effect::Depends(effect::maxmemory_policy)),
    integer(
        "maxmemory-samples",
        5,
        1,
        INT_MAX,
        field!(maxmemory_samples),
    )
    .inert(EVICTION),
    integer(
        "maxmemory-eviction-tenacity",
        10,
        0,
        100,
        field!(maxmemory_eviction_tenacity),
    )
    .inert(EVICTION),
    integer("lfu-log-factor", 10, 0, INT_MAX, field!(lfu_log_factor)),
    integer("lfu-decay-time", 1, 0, INT_MAX, field!(lfu_decay_time)),
    integer(
        "active-expire-effort",
        1,
        1,
        10,
        field!(active_expire_effort),
    )
    .inert(TICKS),
    boolean(
        "lazyfree-lazy-eviction",
        false,
        field!(lazyfree_lazy_eviction),
    )
    .inert(EVICTION),
    boolean("lazyfree-lazy-expire", false, field!(lazyfree_lazy_expire)).inert(SLICES),
    boolean(
        "lazyfree-lazy-server-del",
        false,
        field!(lazyfree_lazy_server_del),
    )
    .inert(SLICES),
    boolean(
        "lazyfree-lazy-user-del",
        false,
        field!(lazyfree_lazy_user_del),
    )
    .inert(SLICES),
    boolean(
        "lazyfree-lazy-user-flush",
        false,
        field!(lazyfree_lazy_user_flush),
    )
    .inert(SLICES),
    boolean("activerehashing", true, None).inert(TABLES),
    boolean("jemalloc-bg-thread", true, None).inert(ARENAS),
    boolean("activedefrag", false, None).inert(DEFRAG),
    integer("active-defrag-cycle-min", 1, 1, 99, None).inert(DEFRAG),
    integer("active-defrag-cycle-max", 25, 1, 99, None).inert(DEFRAG),
    integer("active-defrag-threshold-lower", 10, 0, 1000, None).inert(DEFRAG),
    integer("active-defrag-threshold-upper", 100, 0, 1000, None).inert(DEFRAG),
    integer("active-defrag-max-scan-fields", 1000, 1, LONG_MAX, None).inert(DEFRAG),
    number(
        "active-defrag-ignore-bytes",
        Unit::Memory,
        100 * MB,
        1,
        LONG_MAX,
        None,
    )
    .inert(DEFRAG),
    integer(
        "list-max-listpack-size",
        -2,
        INT_MIN,
        INT_MAX,
        field!(list_max_listpack_size),
    )
    .alias(&["list-max-ziplist-size"]),
    integer(
        "list-compress-depth",
        0,
        0,
        INT_MAX,
        field!(list_compress_depth),
    ),
    integer(
        "hash-max-listpack-entries",
        512,
        0,
        LONG_MAX,
        field!(hash_max_listpack_entries),
    )
    .alias(&["hash-max-ziplist-entries"]),
    number(
        "hash-max-listpack-value",
        Unit::Memory,
        64,
        0,
        LONG_MAX,
        field!(hash_max_listpack_value),
    )
    .alias(&["hash-max-ziplist-value"]),
    integer(
        "set-max-intset-entries",
        512,
        0,
        LONG_MAX,
        field!(set_max_intset_entries),
    ),
    integer(
        "set-max-listpack-entries",
        128,
        0,
        LONG_MAX,
        field!(set_max_listpack_entries),
    ),
    number(
        "set-max-listpack-value",
        Unit::Memory,
        64,
        0,
        LONG_MAX,
        field!(set_max_listpack_value),
    ),
    integer(
        "zset-max-listpack-entries",
        128,
        0,
        LONG_MAX,
        field!(zset_max_listpack_entries),
    )
    .alias(&["zset-max-ziplist-entries"]),
    number(
        "zset-max-listpack-value",
        Unit::Memory,
        64,
        0,
        LONG_MAX,
        field!(zset_max_listpack_value),
    )
    .alias(&["zset-max-ziplist-value"]),
    number(
        "stream-node-max-bytes",
        Unit::Memory,
        4096,
        0,
        LONG_MAX,
        field!(stream_node_max_bytes),
    ),
    integer(
        "stream-node-max-entries",
        100,
        0,
        LONG_MAX,
        field!(stream_node_max_entries),
    ),
    number(
        "hll-sparse-max-bytes",
        Unit::Memory,
        3000,
        0,
        LONG_MAX,
        field!(hll_sparse_max_bytes),
    ),
    special("notify-keyspace-events", NOTIFY).inert(NO_PUBSUB),
    choices(
        "sanitize-dump-payload",
        SanitizeDumpPayload::NAMES,
        0,
        field!(sanitize_dump_payload),
    )
    .inert(CHECKED),
];
