//! What is special about some commands: how they stand to MULTI, what of them is secret, how they
//! wait, and whose keys in a second database they touch.
//!
//! Each row says it, mostly `special: PLAIN`. The gates, the logs and the transaction layer read it
//! here, so that none of them knows a command by its name. Data and pure functions of arguments.

use super::{Command, flag, timeout};
use crate::resp::{Args, Error};
use crate::store::{Db, Entry, Kind};

/// A row's peculiarities.
#[derive(Debug, Clone, Copy)]
pub struct Special {
    pub in_multi: InMulti,
    /// True for an argument that nobody must read, neither in the slow log nor in MONITOR:
    /// passwords, and the user names beside them. None: no argument is.
    pub secret: Option<fn(&Args<'_>, usize) -> bool>,
    /// How the command waits for a key; with `flag::BLOCKING` only, and always then.
    pub blocking: Option<Blocking>,
    /// The database besides the client's whose keys the command touches, as far as its arguments
    /// tell; the transaction layer locks and lends its keys there too. None also where the handler
    /// will refuse them.
    pub other_database: Option<fn(&Args<'_>) -> Option<Db>>,
}

/// Nothing is special: MULTI queues it, everybody may read it, it never waits and keeps to its
/// database.
pub const PLAIN: Special = Special {
    in_multi: InMulti::Queues,
    secret: None,
    blocking: None,
    other_database: None,
};

/// What MULTI does with a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InMulti {
    /// It waits for EXEC.
    Queues,
    /// It is refused, and the transaction will be.
    Refused,
    /// It runs at once.
    Runs,
    /// It runs at once and gives the queue up, so it is not refused when memory is short.
    GivesUp,
    /// It runs the queue: what the queue needs, it needs, and when it is refused the queue is gone.
    Executes,
}

/// How a command waits for a key that has something to take.
#[derive(Debug, Clone, Copy)]
pub struct Blocking {
    /// How long, milliseconds; None: for ever. The handler reads it by the same function.
    pub timeout_ms: fn(&Args<'_>) -> Result<Option<u64>, Error>,
    /// The type of value that it takes from.
    pub takes: Kind,
    pub waits_for: WaitsFor,
    /// How many elements it needs at once.
    pub least: fn(&Args<'_>) -> usize,
    /// Whether what is at a key of the command, perhaps nothing, serves it: it is run then.
    pub serves: Serves,
}

/// As `Blocking::serves`.
pub type Serves = fn(&Blocking, &Args<'_>, &[u8], Option<&Entry>) -> bool;

/// Which of a blocking command's keys may serve it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitsFor {
    /// Any of them.
    AnyKey,
    /// Only the first, its source; the others it needs besides, at the same time.
    Source,
}

impl Blocking {
    /// A command that takes an element from the end of any of its lists; its timeout is the last
    /// argument.
    pub(super) const LIST: Self = Self {
        timeout_ms: timeout::last,
        takes: Kind::List,
        waits_for: WaitsFor::AnyKey,
        least: |_| 1,
        serves: Self::by_elements,
    };

    /// What has as many elements as are needed serves, if it is of the right type.
    pub(super) fn by_elements(&self, args: &Args<'_>, _: &[u8], entry: Option<&Entry>) -> bool {
        let enough = |entry: &Entry| entry.value().elements() >= (self.least)(args);
        entry.is_some_and(|entry| entry.kind() == self.takes && enough(entry))
    }
}

/// A row whose columns contradict one another does not compile.
pub const fn assert_consistent(command: &Command) {
    assert!(
        (command.flags & flag::BLOCKING != 0) == command.special.blocking.is_some(),
        "a blocking command says how it waits"
    );
    assert!(
        command.flags & flag::NO_MULTI == 0,
        "that MULTI refuses a command is said by `special.in_multi`"
    );
}
