//! What clients read about the transaction commands: summary, syntax, history, tips.
//!
//! As COMMAND DOCS and COMMAND INFO of Redis 7.0.15 say, which `tests/wire/described.rs` checks.
//! Data only.

use crate::cmd::docs::{Docs, key};

pub static MULTI: Docs = Docs::new("Mark the start of a transaction block", "1.2.0", "O(1)");

pub static EXEC: Docs = Docs::new(
    "Execute all commands issued after MULTI",
    "1.2.0",
    "Depends on commands in the transaction",
);

pub static DISCARD: Docs = Docs::new(
    "Discard all commands issued after MULTI",
    "2.0.0",
    "O(N), when N is the number of queued commands",
);

pub static WATCH: Docs = Docs::new(
    "Watch the given keys to determine execution of the MULTI/EXEC block",
    "2.2.0",
    "O(1) for every key.",
)
.arguments(&[key("key", 0).multiple()]);

pub static UNWATCH: Docs = Docs::new("Forget about all watched keys", "2.2.0", "O(1)");
