//! Rows: the process, its log, guards, monitoring and access control.
//!
//! The hidden rows are answered only by their full name, as in Redis.
//! Data only: names, defaults and ranges; `config/directive.rs` gives them meaning.

use super::super::choice::{
    AclPubsubDefault, Choice, LogLevel, OOM_SCORE_ADJ, Permission, SHUTDOWN, SYSLOG_FACILITY,
    Supervised,
};
use super::super::directive::{
    AT_START, DENY_LOADING, Directive, Effect, Field, HIDDEN, IMMUTABLE, PROTECTED, WORDS, boolean,
    choices, field, integer, special, text,
};
use super::super::effect;
use super::super::special::{DIR, OOM_VALUES, PERCENTILES};
use super::{
    CRASH, INT_MAX, LOGO, LONG_MAX, NO_MODULES, NO_REPLICATION, NO_SCRIPTS, NO_USERS, OOM, PINNED,
    SYSLOG, TEST_ONLY, TICKS,
};
use crate::limits::{DATABASES_DEFAULT, DATABASES_MAX};

/// Out of range is taken as the nearest sensible value, as in Redis.
const HZ: Field<i128> = Field {
    name: "hz",
    read: |settings| i128::from(settings.hz),
    write: |settings, value| {
        settings.hz = u32::try_from(value.clamp(1, 500)).expect("clamped to 500");
    },
};

pub const ROWS: &[Directive] = &[
    boolean("ignore-unsupported", false, field!(ignore_unsupported)).flags(AT_START),
    boolean("daemonize", false, field!(daemonize)).flags(IMMUTABLE),
    text("pidfile", "", field!(pidfile)).flags(IMMUTABLE),
    text("logfile", "", field!(logfile)).flags(IMMUTABLE),
    choices(
        "loglevel",
        LogLevel::NAMES,
        LogLevel::Notice as u32,
        field!(loglevel),
    ),
    special("dir", DIR).flags(PROTECTED | DENY_LOADING),
    integer(
        "databases",
        DATABASES_DEFAULT as i128,
        1,
        DATABASES_MAX as i128,
        field!(databases),
    )
    .flags(IMMUTABLE),
    choices(
        "enable-protected-configs",
        Permission::NAMES,
        0,
        field!(enable_protected_configs),
    )
    .flags(IMMUTABLE),
    choices(
        "enable-debug-command",
        Permission::NAMES,
        0,
        field!(enable_debug_command),
    )
    .flags(IMMUTABLE),
    choices(
        "enable-module-command",
        Permission::NAMES,
        0,
        field!(enable_module_command),
    )
    .flags(IMMUTABLE)
    .inert(NO_MODULES),
    integer(
        "busy-reply-threshold",
        5000,
        0,
        LONG_MAX,
        field!(busy_reply_threshold),
    )
    .alias(&["lua-time-limit"])
    .inert(NO_SCRIPTS),
    integer("hz", 10, 0, INT_MAX, Some(HZ)).inert(TICKS),
    boolean("dynamic-hz", true, None).inert(TICKS),
    integer("shutdown-timeout", 10, 0, INT_MAX, field!(shutdown_timeout)).inert(NO_REPLICATION),
    choices(
        "shutdown-on-sigint",
        SHUTDOWN,
        0,
        field!(shutdown_on_sigint),
    )
    .flags(WORDS)
    .effect(Effect::Depends(effect::shutdown_on_sigint)),
    choices(
        "shutdown-on-sigterm",
        SHUTDOWN,
        0,
        field!(shutdown_on_sigterm),
    )
    .flags(WORDS)
    .effect(Effect::Depends(effect::shutdown_on_sigterm)),
    integer(
        "slowlog-log-slower-than",
        10_000,
        -1,
        LONG_MAX,
        field!(slowlog_log_slower_than),
    ),
    integer("slowlog-max-len", 128, 0, LONG_MAX, field!(slowlog_max_len)),
    integer(
        "latency-monitor-threshold",
        0,
        0,
        LONG_MAX,
        field!(latency_monitor_threshold),
    ),
    boolean("latency-tracking", true, field!(latency_tracking)),
    special("latency-tracking-info-percentiles", PERCENTILES).flags(WORDS),
    text("aclfile", "", field!(aclfile))
        .flags(IMMUTABLE)
        .refused(NO_USERS),
    integer("acllog-max-len", 128, 0, LONG_MAX, field!(acllog_max_len)).inert(NO_USERS),
    choices(
        "acl-pubsub-default",
        AclPubsubDefault::NAMES,
        AclPubsubDefault::ResetChannels as u32,
        field!(acl_pubsub_default),
    )
    .inert(NO_USERS),
    choices(
        "supervised",
        Supervised::NAMES,
        Supervised::No as u32,
        field!(supervised),
    )
    .flags(IMMUTABLE),
    boolean("syslog-enabled", false, None)
        .flags(IMMUTABLE)
        .inert(SYSLOG),
    text("syslog-ident", "redis", None)
        .flags(IMMUTABLE)
        .inert(SYSLOG),
    choices("syslog-facility", SYSLOG_FACILITY, 1, None)
        .flags(IMMUTABLE)
        .inert(SYSLOG),
    boolean("always-show-logo", false, None)
        .flags(IMMUTABLE)
        .inert(LOGO),
    boolean("set-proc-title", true, None)
        .flags(IMMUTABLE)
        .inert(LOGO),
    text(
        "proc-title-template",
        "{title} {listen-addr} {server-mode}",
        None,
    )
    .check(title_template)
    .inert(LOGO),
    text("ignore-warnings", "", None).inert("there are no warnings to ignore"),
    boolean("crash-log-enabled", true, None).inert(CRASH),
    boolean("crash-memcheck-enabled", true, None).inert(CRASH),
    boolean("use-exit-on-panic", false, None)
        .flags(HIDDEN)
        .inert(CRASH),
    integer("watchdog-period", 0, 0, INT_MAX, None)
        .flags(HIDDEN)
        .inert(TEST_ONLY),
    boolean("disable-thp", true, None)
        .flags(IMMUTABLE)
        .inert("`huge-pages` decides"),
    choices("oom-score-adj", OOM_SCORE_ADJ, 0, None).inert(OOM),
    special("oom-score-adj-values", OOM_VALUES)
        .flags(WORDS)
        .inert(OOM),
    text("server_cpulist", "", None)
        .alias(&["server-cpulist"])
        .flags(AT_START)
        .inert(PINNED),
    text("bio_cpulist", "", None)
        .alias(&["bio-cpulist"])
        .flags(AT_START)
        .inert(PINNED),
    text("aof_rewrite_cpulist", "", None)
        .alias(&["aof-rewrite-cpulist"])
        .flags(AT_START)
        .inert(PINNED),
    text("bgsave_cpulist", "", None)
        .alias(&["bgsave-cpulist"])
        .flags(AT_START)
        .inert(PINNED),
    boolean("extended-redis-compatibility", false, None)
        .flags(HIDDEN)
        .inert("the server always speaks as Redis"),
];

/// Variables that Redis knows in `proc-title-template`.
const TITLE_VARIABLES: &[&str] = &[
    "title",
    "listen-addr",
    "server-mode",
    "port",
    "tls-port",
    "unixsocket",
    "config-file",
];

fn title_template(template: &str) -> Result<(), String> {
    let well_formed = template.split('{').skip(1).all(|rest| {
        rest.split_once('}')
            .is_some_and(|(variable, _)| TITLE_VARIABLES.contains(&variable))
    });
    let stray = template
        .split('{')
        .next()
        .is_some_and(|head| head.contains('}'));
    if well_formed && !stray && !template.is_empty() {
        return Ok(());
    }
    Err("template format is invalid or contains unknown variables".to_string())
}
