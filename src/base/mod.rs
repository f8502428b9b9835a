//! The machine, and the only home of unsafe code: rings, sockets, memory, topology.
//!
//! Everything above reaches the outside through `Io`. Imports the standard library and crates only.

mod io;

pub use io::{Buffer, CloseReason, Event, Io, Now, Socket, Token, Wait};
