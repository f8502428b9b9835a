//! What every black-box test needs: a server process and a client that speaks to it.
//!
//! Used by `tests/wire.rs` and `tests/suite.rs`, and by whatever test wants a live server. Knows
//! nothing of the crate's inside: only the binary and the socket. Loopback only.

// Each test binary compiles this module for itself and uses a part of it.
#![allow(dead_code, reason = "every test binary uses another part")]

pub mod client;
pub mod server;
