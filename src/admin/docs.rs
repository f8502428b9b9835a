//! What clients read about the commands of this folder, by family.
//!
//! As COMMAND DOCS and COMMAND INFO of Redis 7.0.15 say, which `tests/wire/described.rs` checks.
//! Data only; a row refers to one of these.

pub mod connection;
pub mod keyspace;
pub mod server;
pub mod transactions;
