//! Cairn: a Redis-protocol server for many-core Linux machines.
//!
//! `ARCHITECTURE.md` beside this file is the map; start there.

#![deny(unsafe_code)]

pub mod admin;
#[allow(unsafe_code, reason = "the machine: rings, sockets, memory")]
pub mod base;
pub mod cmd;
pub mod config;
pub mod conn;
pub mod limits;
pub mod metrics;
pub mod rdb;
pub mod resp;
pub mod route;
pub mod server;
pub mod shard;
pub mod store;
pub mod txn;
pub mod wal;
