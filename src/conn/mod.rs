//! One client: what it sent and is not parsed yet, what it is owed, and its session.
//!
//! Pure state. The shard moves bytes between `Io` and these structures; nothing here executes,
//! routes or does I/O.

mod client;
mod input;
mod replies;
mod reply_buffer;
mod table;

pub use crate::limits::PLACE_MAX;
pub use client::{Client, Owners, ReplyMode, Session, State, Steps, Transaction, Turn};
pub use input::Input;
pub use replies::Replies;
pub use reply_buffer::{ReplyBuffer, ReplyBufferRules};
pub use table::Clients;
