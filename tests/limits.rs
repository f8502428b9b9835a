//! Limits: what the server must withstand, as checks with a figure and a positive control each.
//!
//! Every check runs short by default, so that a change that breaks a limit is seen at once, and
//! long with `CAIRN_LIMITS=long`: the loads and limits that are asked of a release, which want a
//! quiet machine and a release build (`CAIRN_SERVER`). Each prints its figures; `bench/RESULTS.md`
//! keeps them. A check alone measures: the others wait.

#![allow(
    clippy::disallowed_methods,
    reason = "a black-box test talks to sockets and clocks itself"
)]

#[path = "limits/bombs.rs"]
mod bombs;
#[path = "limits/expiry.rs"]
mod expiry;
#[path = "limits/growth.rs"]
mod growth;
mod harness;
#[path = "limits/heavy.rs"]
mod heavy;
#[path = "limits/idle.rs"]
mod idle;
#[path = "limits/memory.rs"]
mod memory;
#[path = "limits/probe.rs"]
mod probe;
#[path = "limits/process.rs"]
mod process;
#[path = "limits/readers.rs"]
mod readers;
#[path = "limits/storm.rs"]
mod storm;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};

use harness::client::{Client, Value};
use harness::server::Server;

/// True for the loads that are asked of a release.
fn long() -> bool {
    std::env::var("CAIRN_LIMITS").is_ok_and(|value| value == "long")
}

/// The load of a check: short or long.
fn load(short: usize, long_one: usize) -> usize {
    if long() { long_one } else { short }
}

/// One check at a time: they measure.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    // A check that failed has been reported; it must not fail the others.
    ALONE
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Starts the server with these arguments.
fn start(arguments: &[&str]) -> Server {
    let binary = match std::env::var_os("CAIRN_SERVER") {
        Some(path) => PathBuf::from(path),
        None => PathBuf::from(env!("CARGO_BIN_EXE_cairn-server")),
    };
    let scratch = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let always = ["--save", "", "--enable-debug-command", "yes"];
    let arguments = [&always[..], arguments].concat();
    Server::start(&binary, &arguments, scratch).unwrap_or_else(|reason| panic!("{reason}"))
}

fn connect(server: &Server) -> Client {
    Client::new(server.connect().expect("a connection")).expect("a client")
}

fn ok() -> Value {
    Value::Simple("OK".into())
}

/// A figure of a check, for the page of results.
fn figure(check: &str, what: &str, value: impl std::fmt::Display) {
    println!("{check}: {what}: {value}");
}

/// A control: the same check must fail where the defect is.
fn must_fail(check: &str, result: &Result<(), String>) {
    let reason = result
        .as_ref()
        .expect_err("the control must be caught by the check");
    figure(check, "control caught", reason);
}
