//! Rows: Redis Cluster and TLS.
//!
//! Until cluster mode and TLS exist every row is inert and says so.
//! Data only: names, defaults and ranges; `config/directive.rs` gives them meaning.

use super::super::choice::{ENDPOINT_TYPE, TLS_AUTH_CLIENTS};
use super::super::directive::{
    Directive, IMMUTABLE, SENSITIVE, Unit, boolean, choices, integer, number, text,
};
use super::{INT_MAX, LONG_MAX, NO_CLUSTER, NO_TLS, PORT_MAX, ULONG_MAX};
use crate::limits::HOST_NAME_BYTES_MAX;

pub const ROWS: &[Directive] = &[
    boolean("cluster-enabled", false, None)
        .flags(IMMUTABLE)
        .refused(NO_CLUSTER),
    text("cluster-config-file", "nodes.conf", None)
        .flags(IMMUTABLE)
        .inert(NO_CLUSTER),
    integer("cluster-port", 0, 0, PORT_MAX, None)
        .flags(IMMUTABLE)
        .inert(NO_CLUSTER),
    integer("cluster-node-timeout", 15_000, 0, LONG_MAX, None).inert(NO_CLUSTER),
    integer("cluster-migration-barrier", 1, 0, INT_MAX, None).inert(NO_CLUSTER),
    boolean("cluster-allow-replica-migration", true, None).inert(NO_CLUSTER),
    integer("cluster-replica-validity-factor", 10, 0, INT_MAX, None)
        .alias(&["cluster-slave-validity-factor"])
        .inert(NO_CLUSTER),
    boolean("cluster-replica-no-failover", false, None)
        .alias(&["cluster-slave-no-failover"])
        .inert(NO_CLUSTER),
    boolean("cluster-require-full-coverage", true, None).inert(NO_CLUSTER),
    boolean("cluster-allow-reads-when-down", false, None).inert(NO_CLUSTER),
    boolean("cluster-allow-pubsubshard-when-down", true, None).inert(NO_CLUSTER),
    number(
        "cluster-link-sendbuf-limit",
        Unit::Memory,
        0,
        0,
        ULONG_MAX,
        None,
    )
    .inert(NO_CLUSTER),
    text("cluster-announce-ip", "", None).inert(NO_CLUSTER),
    text("cluster-announce-hostname", "", None)
        .check(host_name)
        .inert(NO_CLUSTER),
    integer("cluster-announce-port", 0, 0, PORT_MAX, None).inert(NO_CLUSTER),
    integer("cluster-announce-tls-port", 0, 0, PORT_MAX, None).inert(NO_CLUSTER),
    integer("cluster-announce-bus-port", 0, 0, PORT_MAX, None).inert(NO_CLUSTER),
    choices("cluster-preferred-endpoint-type", ENDPOINT_TYPE, 0, None).inert(NO_CLUSTER),
    integer("tls-port", 0, 0, PORT_MAX, None).refused(NO_TLS),
    boolean("tls-replication", false, None).refused(NO_TLS),
    boolean("tls-cluster", false, None).refused(NO_TLS),
    choices("tls-auth-clients", TLS_AUTH_CLIENTS, 1, None).inert(NO_TLS),
    boolean("tls-prefer-server-ciphers", false, None).inert(NO_TLS),
    boolean("tls-session-caching", true, None).inert(NO_TLS),
    integer("tls-session-cache-size", 20_480, 0, INT_MAX, None).inert(NO_TLS),
    integer("tls-session-cache-timeout", 300, 0, INT_MAX, None).inert(NO_TLS),
    text("tls-cert-file", "", None).inert(NO_TLS),
    text("tls-key-file", "", None).inert(NO_TLS),
    text("tls-key-file-pass", "", None)
        .flags(SENSITIVE)
        .inert(NO_TLS),
    text("tls-client-cert-file", "", None).inert(NO_TLS),
    text("tls-client-key-file", "", None).inert(NO_TLS),
    text("tls-client-key-file-pass", "", None)
        .flags(SENSITIVE)
        .inert(NO_TLS),
    text("tls-dh-params-file", "", None).inert(NO_TLS),
    text("tls-ca-cert-file", "", None).inert(NO_TLS),
    text("tls-ca-cert-dir", "", None).inert(NO_TLS),
    text("tls-protocols", "", None).inert(NO_TLS),
    text("tls-ciphers", "", None).inert(NO_TLS),
    text("tls-ciphersuites", "", None).inert(NO_TLS),
];

fn host_name(name: &str) -> Result<(), String> {
    if name.len() > HOST_NAME_BYTES_MAX {
        return Err("Hostnames must be less than NET_HOST_STR_LEN characters".to_string());
    }
    if name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'))
    {
        return Ok(());
    }
    Err("Hostnames may only contain alphanumeric characters, hyphens or dots".to_string())
}
