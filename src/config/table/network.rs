//! Rows: sockets, clients and their limits, and Cairn's own rows about shards.
//!
//! Cairn's own rows stand last; those that shape the shards can only change at start.
//! Data only: names, defaults and ranges; `config/directive.rs` gives them meaning.

use super::super::choice::{Backend, Choice, HugePages, PipelineOrder, Placement};
use super::super::directive::{
    AT_START, Directive, Effect, IMMUTABLE, SENSITIVE, Unit, WORDS, boolean, choices, field,
    integer, number, special, text,
};
use super::super::effect;
use super::super::special::{BIND, OUTPUT_LIMITS};
use super::{
    EVICTION_OF_CLIENTS, GB, INT_MAX, LONG_MAX, MB, NO_TRACKING, ONE_PORT, PORT_MAX, SOCKETS,
    THREADS, UINT_MAX,
};
use crate::limits::SHARDS_MAX;

pub const ROWS: &[Directive] = &[
    special("bind", BIND).flags(WORDS),
    integer("port", 6379, 0, PORT_MAX, field!(port)),
    text("unixsocket", "", field!(unixsocket)).flags(IMMUTABLE),
    number(
        "unixsocketperm",
        Unit::Octal,
        0,
        0,
        0o777,
        field!(unixsocketperm),
    )
    .flags(IMMUTABLE),
    integer("tcp-backlog", 511, 0, INT_MAX, field!(tcp_backlog)).flags(IMMUTABLE),
    integer("tcp-keepalive", 300, 0, INT_MAX, field!(tcp_keepalive)).effect(Effect::WorksAtStart),
    integer("timeout", 0, 0, INT_MAX, field!(timeout)),
    boolean("protected-mode", true, field!(protected_mode)),
    text("bind-source-addr", "", None).inert(SOCKETS),
    integer("socket-mark-id", 0, 0, UINT_MAX, None)
        .flags(IMMUTABLE)
        .inert(SOCKETS),
    integer("maxclients", 10_000, 1, UINT_MAX, field!(maxclients)),
    number(
        "maxmemory-clients",
        Unit::MemoryOrPercent,
        0,
        -100,
        LONG_MAX,
        field!(maxmemory_clients),
    )
    .inert(EVICTION_OF_CLIENTS),
    number(
        "client-query-buffer-limit",
        Unit::Memory,
        GB,
        MB,
        LONG_MAX,
        field!(client_query_buffer_limit),
    ),
    number(
        "proto-max-bulk-len",
        Unit::Memory,
        512 * MB,
        MB,
        LONG_MAX,
        field!(proto_max_bulk_len),
    ),
    special("client-output-buffer-limit", OUTPUT_LIMITS)
        .flags(WORDS)
        .effect(Effect::Depends(effect::output_limits)),
    text("requirepass", "", field!(requirepass)).flags(SENSITIVE),
    integer(
        "tracking-table-max-keys",
        1_000_000,
        0,
        LONG_MAX,
        field!(tracking_table_max_keys),
    )
    .inert(NO_TRACKING),
    integer("io-threads", 1, 1, 128, None)
        .flags(IMMUTABLE)
        .inert(THREADS),
    boolean("io-threads-do-reads", false, None)
        .flags(IMMUTABLE)
        .inert(THREADS),
    integer("shards", 0, 0, SHARDS_MAX as i128, field!(shards)).flags(AT_START),
    choices(
        "backend",
        Backend::NAMES,
        Backend::Auto as u32,
        field!(backend),
    )
    .flags(AT_START),
    integer("shard-ports", 0, 0, PORT_MAX, field!(shard_ports))
        .flags(AT_START)
        .inert(ONE_PORT),
    choices(
        "placement",
        Placement::NAMES,
        Placement::Compact as u32,
        field!(placement),
    )
    .flags(AT_START),
    choices(
        "huge-pages",
        HugePages::NAMES,
        HugePages::Off as u32,
        field!(huge_pages),
    )
    .flags(AT_START)
    .effect(Effect::Depends(effect::huge_pages)),
    choices(
        "pipeline-order",
        PipelineOrder::NAMES,
        PipelineOrder::Overlap as u32,
        field!(pipeline_order),
    ),
];
