//! The machine, and the only home of unsafe code: rings, sockets, memory, topology.
//!
//! Everything above reaches the outside through `Io`. Imports the standard library and crates only.

#![allow(
    clippy::disallowed_methods,
    reason = "base is the outside that the list keeps others from"
)]

pub mod arena;
mod clock;
mod epoll;
pub mod fatal;
mod files;
mod io;
mod memory;
mod mesh;
mod pool;
pub mod probe;
pub mod socket;
#[cfg(test)]
mod suite;
mod table;
pub mod topology;
mod uring;
mod wake;

pub use epoll::EpollIo;
pub use io::{Buffer, CloseReason, Event, Io, Now, Socket, Token, Wait};
pub use mesh::{Endpoint, mesh};
pub use uring::{TaskWork, UringIo, UringOptions};
pub use wake::{Waker, Wakers};
