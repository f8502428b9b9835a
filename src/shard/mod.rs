//! One core: everything a shard owns and the order in which it does things.
//!
//! `tick` is the loop, `Core` the state that no other thread touches, and the other files are the chapters:
//! `input` (bytes to commands), `dispatch` (gates and routing), `execute` (handlers and what follows from
//! them), `mesh` (messages of other shards), `coordinate` and `participate` (transactions over shards),
//! `multi`, `watch`, `blocking`, `queries` (questions to all shards), `commands` (what clients may call; the
//! functions that need the client are `admin`'s and handed in at start).

mod account;
mod admission;
mod ahead;
mod background;
mod blocking;
mod commands;
mod coordinate;
mod core;
mod dispatch;
mod execute;
mod figures;
mod files;
#[cfg(test)]
mod fuzz_tests;
mod gates;
mod happened;
mod input;
#[cfg(test)]
mod isolation_tests;
mod keys;
mod lend;
mod mail;
mod memory;
mod merge;
mod mesh;
mod monitor;
mod multi;
mod offer;
mod output;
mod participate;
mod pause;
mod probe;
mod queries;
#[cfg(test)]
mod queue_tests;
mod ready;
mod replies;
mod sequence;
mod slow;
mod snapshot;
mod split;
mod steps;
#[cfg(test)]
mod syntax_tests;
mod task;
#[cfg(test)]
pub mod testing;
mod tick;
mod turns;
mod waits;
mod watch;

pub use self::core::{Core, Identity, Shared};
pub use commands::{Commands, HomeCommand, HomeFunction};
pub use input::Flow;
pub use queries::Query;
pub use tick::Shard;
