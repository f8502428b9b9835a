//! The table of directives, one file per theme. A new directive is one row here.
//!
//! A row without a field is accepted, kept and answered by CONFIG GET; what changes nothing says
//! why in its column `effect`. Names, defaults and ranges are those of Redis 7.0.15; `tests.rs`
//! lists them.

mod cluster;
mod data;
mod durability;
mod network;
mod process;
mod replication;

use super::directive::Directive;
use super::effect::NO_SNAPSHOTS;

const INT_MIN: i128 = i32::MIN as i128;
const INT_MAX: i128 = i32::MAX as i128;
const UINT_MAX: i128 = u32::MAX as i128;
const LONG_MAX: i128 = i64::MAX as i128;
const ULONG_MAX: i128 = u64::MAX as i128;
const PORT_MAX: i128 = u16::MAX as i128;
const MB: i128 = 1 << 20;
const GB: i128 = 1 << 30;

/// Reasons why a row has no effect; each completes "`name` has no effect: ".
const THREADS: &str = "every shard is a thread";
const TABLES: &str = "tables grow in small steps on every tick";
const ARENAS: &str = "every shard has its own jemalloc arena";
const DEFRAG: &str = "active defragmentation is not supported";
const PINNED: &str = "shards are pinned by `placement`";
const LOGO: &str = "there is no logo and the process keeps its title";
const SYSLOG: &str = "the log goes to `logfile` or standard output";
const TICKS: &str = "expiry is exact and runs on every tick";
const SOCKETS: &str = "sockets are not marked or bound to a source";
const TEST_ONLY: &str = "it serves tests of Redis itself";
const NO_FORK: &str = "snapshots are written without fork";
const CRASH: &str = "a crash is reported by the panic message";
const OOM: &str = "the kernel's score is left to the service manager";
const ALWAYS_LOG: &str = "log files are cleaned up after every rewrite";
const NO_LOG: &str = "there is no append log yet, all data is in memory and goes with the process";
pub(super) const NO_USERS: &str = "there are no users but the default one yet";
pub(super) const NO_MODULES: &str = "modules are not supported yet";
const NO_SCRIPTS: &str = "scripts are not supported yet";
const NO_PUBSUB: &str = "publish and subscribe are not supported yet";
const NO_TRACKING: &str = "client tracking is not supported yet";
const EVICTION: &str = "no key is evicted yet";
const EVICTION_OF_CLIENTS: &str = "no client is evicted yet";
const SLICES: &str = "large values are always freed bit by bit";
const CHECKED: &str = "payloads are always checked";
const ONE_PORT: &str = "all shards share `port` so far";
const NO_REPLICATION: &str = "replication is not supported yet";
const NO_CLUSTER: &str = "cluster mode is not supported yet";
const NO_TLS: &str = "TLS is not supported yet";

const THEMES: [&[Directive]; 6] = [
    network::ROWS,
    process::ROWS,
    data::ROWS,
    durability::ROWS,
    replication::ROWS,
    cluster::ROWS,
];

/// All rows, in the order in which CONFIG GET lists them and CONFIG REWRITE appends them.
pub fn rows() -> impl Iterator<Item = &'static Directive> {
    THEMES.into_iter().flatten()
}

/// True when the value of this directive is a secret.
#[must_use]
pub fn is_sensitive(name: &str) -> bool {
    find(name).is_some_and(|row| row.has(super::directive::SENSITIVE))
}

/// The row of a name or an alias, ignoring case.
#[must_use]
pub fn find(name: &str) -> Option<&'static Directive> {
    rows().find(|row| row.is_named(name))
}
