//! The machine, and the only home of unsafe code: rings, sockets, memory, topology.
//!
//! Everything above reaches the outside through `Io`. Imports the standard library and crates only.

#![allow(
    clippy::disallowed_methods,
    reason = "base is the outside that the list keeps others from"
)]

pub mod arena;
mod clock;
pub mod descriptors;
pub mod double;
mod epoll;
pub mod fatal;
mod file;
#[cfg(test)]
mod file_suite;
pub mod huge_pages;
mod io;
pub mod log;
pub mod lzf;
mod memory;
mod mesh;
mod outgoing;
mod pool;
pub mod probe;
pub mod process;
mod shard_id;
mod shard_set;
pub mod signals;
pub mod sim;
pub mod socket;
#[cfg(test)]
mod suite;
pub mod supervisor;
mod table;
mod ticks;
pub mod topology;
mod uring;
mod wake;

pub use epoll::EpollIo;
pub use file::{
    Address, Ended, Extent, File, FileBuffer, OpenOptions, Operation, Outcome, RequestId,
};
pub use io::{Buffer, CloseReason, Event, Io, Now, Sleep, Socket, Token};
pub use mesh::{Endpoint, mesh};
pub use shard_id::ShardId;
pub use shard_set::ShardSet;
pub use ticks::Ticker;
pub use uring::{TaskWork, UringIo, UringOptions};
pub use wake::{Waker, Wakers};

/// Both clocks, for the time before any `Io` exists.
#[must_use]
pub fn now() -> Now {
    clock::now()
}

/// Makes a directory the process's current one.
///
/// # Errors
/// The system's words.
pub fn enter_directory(path: &std::path::Path) -> Result<(), String> {
    std::env::set_current_dir(path).map_err(|error| socket::error_text(&error))
}

/// Stops the calling thread, for DEBUG SLEEP only.
fn stand_still(duration: std::time::Duration) {
    std::thread::sleep(duration);
}

/// 64 bits from the kernel.
#[must_use]
pub fn random_seed() -> u64 {
    clock::Random::new().next()
}
