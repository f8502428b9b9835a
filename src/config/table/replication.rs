//! Rows: replicas and their primaries.
//!
//! Until replication exists every row is inert and says so.
//! Data only: names, defaults and ranges; `config/directive.rs` gives them meaning.

use super::super::choice::{DISKLESS_LOAD, PROPAGATION_ERROR};
use super::super::directive::{
    DENY_LOADING, Directive, IMMUTABLE, SENSITIVE, Unit, WORDS, boolean, choices, field, integer,
    number, special, text,
};
use super::super::special::REPLICAOF;
use super::{INT_MAX, LONG_MAX, MB, NO_REPLICATION, PORT_MAX};

pub const ROWS: &[Directive] = &[
    special("replicaof", REPLICAOF)
        .alias(&["slaveof"])
        .flags(IMMUTABLE | WORDS)
        .refused(NO_REPLICATION),
    text("masterauth", "", field!(masterauth))
        .alias(&["primaryauth"])
        .flags(SENSITIVE)
        .inert(NO_REPLICATION),
    text("masteruser", "", field!(masteruser))
        .alias(&["primaryuser"])
        .flags(SENSITIVE)
        .inert(NO_REPLICATION),
    boolean("replica-read-only", true, field!(replica_read_only))
        .alias(&["slave-read-only"])
        .inert(NO_REPLICATION),
    boolean(
        "replica-serve-stale-data",
        true,
        field!(replica_serve_stale_data),
    )
    .alias(&["slave-serve-stale-data"])
    .inert(NO_REPLICATION),
    integer(
        "replica-priority",
        100,
        0,
        INT_MAX,
        field!(replica_priority),
    )
    .alias(&["slave-priority"])
    .inert(NO_REPLICATION),
    boolean("replica-ignore-maxmemory", true, None)
        .alias(&["slave-ignore-maxmemory"])
        .inert(NO_REPLICATION),
    boolean("replica-lazy-flush", false, None)
        .alias(&["slave-lazy-flush"])
        .inert(NO_REPLICATION),
    boolean("replica-announced", true, None).inert(NO_REPLICATION),
    boolean("replica-ignore-disk-write-errors", false, None).inert(NO_REPLICATION),
    text("replica-announce-ip", "", None)
        .alias(&["slave-announce-ip"])
        .inert(NO_REPLICATION),
    integer("replica-announce-port", 0, 0, PORT_MAX, None)
        .alias(&["slave-announce-port"])
        .inert(NO_REPLICATION),
    integer("min-replicas-to-write", 0, 0, INT_MAX, None)
        .alias(&["min-slaves-to-write"])
        .refused(NO_REPLICATION),
    integer("min-replicas-max-lag", 10, 0, INT_MAX, None)
        .alias(&["min-slaves-max-lag"])
        .inert(NO_REPLICATION),
    boolean("repl-diskless-sync", true, None).inert(NO_REPLICATION),
    integer("repl-diskless-sync-delay", 5, 0, INT_MAX, None).inert(NO_REPLICATION),
    integer("repl-diskless-sync-max-replicas", 0, 0, INT_MAX, None).inert(NO_REPLICATION),
    choices("repl-diskless-load", DISKLESS_LOAD, 0, None)
        .flags(DENY_LOADING)
        .inert(NO_REPLICATION),
    boolean("repl-disable-tcp-nodelay", false, None).inert(NO_REPLICATION),
    integer("repl-timeout", 60, 1, INT_MAX, None).inert(NO_REPLICATION),
    integer("repl-ping-replica-period", 10, 1, INT_MAX, None)
        .alias(&["repl-ping-slave-period"])
        .inert(NO_REPLICATION),
    number("repl-backlog-size", Unit::Memory, MB, 1, LONG_MAX, None).inert(NO_REPLICATION),
    integer("repl-backlog-ttl", 3600, 0, LONG_MAX, None).inert(NO_REPLICATION),
    boolean("rdb-del-sync-files", false, None).inert(NO_REPLICATION),
    choices("propagation-error-behavior", PROPAGATION_ERROR, 0, None).inert(NO_REPLICATION),
];
