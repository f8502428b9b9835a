//! What clients read about the bitmap commands: summary, syntax, history, tips.
//!
//! As COMMAND DOCS and COMMAND INFO of Redis 7.0.15 say, which `tests/wire/described.rs` checks.
//! Data only.

use crate::cmd::docs::{Docs, integer, key};

pub static SETBIT: Docs = Docs::new(
    "Sets or clears the bit at offset in the string value stored at key",
    "2.2.0",
    "O(1)",
)
.arguments(&[key("key", 0), integer("offset"), integer("value")]);

pub static GETBIT: Docs = Docs::new(
    "Returns the bit value at offset in the string value stored at key",
    "2.2.0",
    "O(1)",
)
.arguments(&[key("key", 0), integer("offset")]);
