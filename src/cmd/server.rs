//! Rows of the server commands; their functions, which need the whole server, are in `shard::home`.

use super::Command;

/// The rows of this family.
pub static COMMANDS: &[Command] = &[];
