//! What the server can say: the table of commands and one handler per command.
//!
//! A command is one row (`Command`) in a family's file and one function. Handlers turn parsed
//! arguments into store calls; they answer into `ctx.reply`, report what changed through `ctx`, and
//! never do I/O, read a clock, see a client or another shard. Commands that need those are
//! `Run::Home`: their rows stand above their functions in `admin`.

mod age;
mod bitmap;
#[cfg(test)]
mod complete_tests;
mod context;
#[cfg(test)]
mod fixture;
mod form_limits;
mod group;
mod hash;
mod hyperloglog;
#[cfg(test)]
pub(crate) mod invocation;
mod key;
mod keys;
mod list;
mod long_double;
#[cfg(test)]
mod replay_tests;
mod set;
mod several;
mod slot;
mod sort;
mod stream;
mod string;
mod table;
mod timeout;
mod zset;

pub mod category;
pub mod docs;
pub mod keyspec;
pub mod special;

pub use context::{
    Block, Cause, Context, Edit, Effect, EffectStream, Effects, KeyEvent, Lookup, Random, Terms,
    Wants, attend,
};
pub use docs::Docs;
pub use form_limits::{form_limits, list_limits};
pub use group::Group;
pub use key::{Key, RoutedKey};
pub use keys::object::usage as memory_usage;
pub use keys::scan::{
    Cursor, ScanOptions, ScanPart, parse_cursor, random_part, scan_lent, scan_part, scan_returned,
};
pub use keyspec::{Begin, Find, KeySpec};
pub use slot::key_slot;
pub use special::{Blocking, InMulti, Special, WaitsFor};
#[cfg(test)]
pub use table::table;
pub use table::{Keys, NotRenamed, Renamed, Row, Table, TopLevel, changes_keys, may_replicate};

use crate::resp::{Args, Error};

/// What a handler returns; the executor writes the error reply.
pub type Outcome = Result<(), Error>;

/// A command's function.
pub type Handler = fn(&mut Context<'_>, &Args<'_>) -> Outcome;

/// How the parts of a command that several shards executed become one reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Merge {
    /// Every part says `+OK`.
    Ok,
    /// As `Ok`, and what all the parts changed counts as what one of them did.
    Once,
    /// The parts' integers are added.
    Sum,
    /// The parts are arrays with one element per key; elements return to their keys' positions.
    ByKey,
    /// The parts are arrays that are strung together.
    Concat,
}

/// Where and how a command runs.
#[derive(Debug, Clone, Copy)]
pub enum Run {
    /// On the shard that owns its keys; when several shards own them, on one that borrows the
    /// others' entries.
    Keys(Handler),
    /// As `Keys`, but a subset of the keys may run on each owner: the handler gets the command with
    /// just that shard's keys (and their values), the parts are merged.
    Split(Handler, Merge),
    /// On every shard, without keys; the parts are merged.
    Everywhere(Handler, Merge),
    /// On the client's own shard, with the client at hand: connection and server commands. The
    /// function stands beside the row, in `admin`.
    Home(Reach),
    /// Not by itself: its arity asks for a subcommand.
    Container,
}

/// Whom a home command needs besides its client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Nobody: it answers at once, from what its client and its shard know by themselves.
    Client,
    /// It asks other shards, looks at keys, or answers later.
    Everyone,
}

/// One row of the command table.
#[derive(Debug)]
pub struct Command {
    /// Lower case; a subcommand's own name without its container's.
    pub name: &'static str,
    /// Number of arguments with the name; negative: at least that many. A subcommand counts its
    /// container.
    pub arity: i32,
    /// Bits of `flag`.
    pub flags: u32,
    /// Bits of `acl`, beyond those that follow from the flags and the group.
    pub categories: u32,
    pub group: Group,
    pub keys: &'static [KeySpec],
    pub docs: &'static Docs,
    pub special: Special,
    pub run: Run,
    pub subcommands: &'static [Command],
}

/// Command flags, as COMMAND INFO names them.
pub mod flag {
    pub const WRITE: u32 = 1 << 0;
    pub const READONLY: u32 = 1 << 1;
    pub const DENYOOM: u32 = 1 << 2;
    pub const ADMIN: u32 = 1 << 3;
    pub const PUBSUB: u32 = 1 << 4;
    pub const NOSCRIPT: u32 = 1 << 5;
    pub const BLOCKING: u32 = 1 << 6;
    pub const LOADING: u32 = 1 << 7;
    pub const STALE: u32 = 1 << 8;
    pub const SKIP_MONITOR: u32 = 1 << 9;
    pub const SKIP_SLOWLOG: u32 = 1 << 10;
    pub const ASKING: u32 = 1 << 11;
    pub const FAST: u32 = 1 << 12;
    pub const NO_AUTH: u32 = 1 << 13;
    pub const MOVABLEKEYS: u32 = 1 << 14;
    pub const ALLOW_BUSY: u32 = 1 << 15;
    pub const NO_ASYNC_LOADING: u32 = 1 << 16;
    /// Follows from `Special::in_multi`.
    pub const NO_MULTI: u32 = 1 << 17;
    pub const NO_MANDATORY_KEYS: u32 = 1 << 18;
    /// Not printed by COMMAND INFO: COMMAND DOCS calls it a system command.
    pub const SYSTEM: u32 = 1 << 19;
    /// Not printed: does not write but may reach replicas (PUBLISH, PFCOUNT, EVAL); CLIENT PAUSE
    /// WRITE holds it.
    pub const MAY_REPLICATE: u32 = 1 << 20;
    /// Not printed: finds keys while it runs (patterns of SORT, scripts) and asks `Context::reach`
    /// before it touches them.
    pub const FINDS_KEYS: u32 = 1 << 21;
}

/// ACL categories that a row may name explicitly; the rest follow from flags and group.
pub mod acl {
    pub const KEYSPACE: u32 = 1 << 0;
    pub const DANGEROUS: u32 = 1 << 1;
    pub const CONNECTION: u32 = 1 << 2;
    pub const TRANSACTION: u32 = 1 << 3;
    pub const SCRIPTING: u32 = 1 << 4;
    pub const FAST: u32 = 1 << 5;
    pub const ADMIN: u32 = 1 << 6;
    pub const SET: u32 = 1 << 7;
    pub const SORTEDSET: u32 = 1 << 8;
    pub const LIST: u32 = 1 << 9;
}
