//! The record of what changed: what a record is, and the form in which logs and streams hold it.
//!
//! State and codecs only, driven by the shard: this folder opens no file, reads no clock and knows
//! no other shard. `record` draws the form; `encode` writes it, `decode` reads it back.

mod decode;
mod encode;
mod log;
mod record;

pub use decode::{Decoder, Ending, Fault, Record, Stop};
pub use encode::Encoder;
pub use log::{Failure, Log, SyncPolicy, Task};
pub use record::{Header, Kind, VERSION};

#[cfg(test)]
mod record_tests;
