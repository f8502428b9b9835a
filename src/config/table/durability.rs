//! Rows: the append log and snapshots.
//!
//! What the log and the snapshots read; the hidden rows exist for tests of Redis itself.
//! Data only: names, defaults and ranges; `config/directive.rs` gives them meaning.

use super::super::choice::{Appendfsync, Choice};
use super::super::directive::{
    DENY_LOADING, Directive, Effect, HIDDEN, IMMUTABLE, PROTECTED, Unit, WORDS, boolean, choices,
    field, integer, number, special, text,
};
use super::super::effect;
use super::super::special::SAVE;
use super::{ALWAYS_LOG, INT_MAX, INT_MIN, LONG_MAX, MB, NO_FORK, NO_LOG, NO_SNAPSHOTS, TEST_ONLY};

pub const ROWS: &[Directive] = &[
    special("save", SAVE)
        .flags(WORDS)
        .effect(Effect::Depends(effect::save)),
    text("dbfilename", "dump.rdb", field!(dbfilename))
        .flags(PROTECTED)
        .check(|name| base_name("dbfilename", name))
        .inert(NO_SNAPSHOTS),
    boolean("rdbcompression", true, field!(rdbcompression)),
    boolean("rdbchecksum", true, field!(rdbchecksum))
        .flags(IMMUTABLE)
        .inert(NO_SNAPSHOTS),
    boolean(
        "stop-writes-on-bgsave-error",
        true,
        field!(stop_writes_on_bgsave_error),
    )
    .inert(NO_SNAPSHOTS),
    boolean("rdb-save-incremental-fsync", true, None).inert(NO_FORK),
    boolean("appendonly", false, field!(appendonly))
        .flags(DENY_LOADING)
        .refused(NO_LOG),
    text("appendfilename", "appendonly.aof", field!(appendfilename))
        .flags(IMMUTABLE)
        .check(|name| {
            filled("appendfilename", name).and_then(|()| base_name("appendfilename", name))
        })
        .inert(NO_LOG),
    text("appenddirname", "appendonlydir", field!(appenddirname))
        .flags(IMMUTABLE)
        .check(|name| filled("appenddirname", name).and_then(|()| base_name("appenddirname", name)))
        .inert(NO_LOG),
    choices(
        "appendfsync",
        Appendfsync::NAMES,
        Appendfsync::Everysec as u32,
        field!(appendfsync),
    )
    .inert(NO_LOG),
    boolean(
        "no-appendfsync-on-rewrite",
        false,
        field!(no_appendfsync_on_rewrite),
    )
    .inert(NO_LOG),
    integer(
        "auto-aof-rewrite-percentage",
        100,
        0,
        INT_MAX,
        field!(auto_aof_rewrite_percentage),
    )
    .inert(NO_LOG),
    number(
        "auto-aof-rewrite-min-size",
        Unit::Memory,
        64 * MB,
        0,
        LONG_MAX,
        field!(auto_aof_rewrite_min_size),
    )
    .inert(NO_LOG),
    boolean("aof-load-truncated", true, field!(aof_load_truncated)).inert(NO_LOG),
    boolean("aof-use-rdb-preamble", true, field!(aof_use_rdb_preamble)).inert(NO_LOG),
    boolean(
        "aof-timestamp-enabled",
        false,
        field!(aof_timestamp_enabled),
    )
    .inert(NO_LOG),
    boolean("aof-rewrite-incremental-fsync", true, None).inert(NO_FORK),
    boolean("aof-disable-auto-gc", false, None).inert(ALWAYS_LOG),
    integer("rdb-key-save-delay", 0, INT_MIN, INT_MAX, None)
        .flags(HIDDEN)
        .inert(TEST_ONLY),
    integer("key-load-delay", 0, INT_MIN, INT_MAX, None)
        .flags(HIDDEN)
        .inert(TEST_ONLY),
    integer(
        "loading-process-events-interval-bytes",
        2 * MB,
        1024,
        INT_MAX,
        None,
    )
    .flags(HIDDEN)
    .inert(TEST_ONLY),
];

fn filled(directive: &str, name: &str) -> Result<(), String> {
    if name.is_empty() {
        Err(format!("{directive} can't be empty"))
    } else {
        Ok(())
    }
}

fn base_name(directive: &str, name: &str) -> Result<(), String> {
    if !name.contains(['/', '\\']) {
        return Ok(());
    }
    let what = if directive == "appenddirname" {
        "dirname"
    } else {
        "filename"
    };
    Err(format!("{directive} can't be a path, just a {what}"))
}
