//! One core: everything a shard owns and the order in which it does things. From below:
//!
//! - rooms: `mail`, `ready`, `output`, `queries`, `account`, `pause`, `monitor`, `ahead`;
//! - clients, keys: `core`, `keys`, `gates`, `replies`, `memory`, `slow`, `turns`, `admission`;
//! - a handler runs, and who hears of it: `execute`, `happened`, `watch`;
//! - transactions: `enlist`, `task`, `blocking`, `answers`; in one circle of calls `coordinate`,
//!   `participate`, `lend`, `offer`, `steps`; above them `split`, `snapshot`, `multi`;
//! - `dispatch`, `mesh`, `input`, `figures`, `progress`, `background`; `files` and `tick` do I/O.
//!
//! What clients may call is handed in (`commands`); functions that need the client are `admin`'s.

mod account;
mod admission;
mod ahead;
mod answers;
mod background;
mod blocking;
mod commands;
mod coordinate;
mod core;
mod dispatch;
mod enlist;
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
mod mesh;
mod monitor;
mod multi;
mod offer;
mod output;
mod participate;
mod pause;
mod progress;
mod queries;
#[cfg(test)]
mod queue_tests;
mod ready;
mod record;
mod replies;
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
mod watch;

use crate::base::Now;
use crate::cmd::Effects;
use crate::conn::Clients;
use crate::metrics::Metrics;
use crate::route::SlotTable;
use crate::txn::Transactions;

pub use self::core::{Identity, Shared};
pub use commands::{Commands, HomeCommand, HomeFunction};
pub use input::Flow;
pub use queries::Query;
pub use record::{Kept, UnitPart};
pub use tick::Shard;

/// Everything one shard owns. Only its own thread touches it; it does no I/O.
///
/// A field is a room with a door: its own fields are its file's (not yet those of `keyspace` and
/// `settings`; `transactions` has rooms of its own), and what needs several rooms is a method of
/// `Core`.
/// What the outside must do (close a socket, pause receiving) is left in `requests` for the tick to
/// carry out, so that everything here can run, and be tested, without any `Io`.
pub struct Core {
    identity: Identity,
    settings: core::Settings,
    slots: SlotTable,
    keyspace: core::Keyspace,
    effects: Effects,
    /// What log and replicas are told of.
    record: record::Record,
    now: Now,
    clients: Clients,
    parsing: ahead::Parsing,
    ready: ready::Ready,
    output: output::Output,
    mail: mail::Mail,
    /// In the order in which they were made.
    requests: Vec<core::IoRequest>,
    transactions: Transactions<queries::Asked>,
    queries: queries::Queries,
    metrics: Metrics,
    pause: pause::Pause,
    chores: background::Chores,
    monitors: monitor::Monitors,
    memory: account::Memory,
    /// What a test has heard of the shard's keys; nothing is kept before an empty list is here.
    #[cfg(test)]
    recorded: Option<Vec<happened::Happened>>,
}
