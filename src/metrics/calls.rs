//! Calls per command: how many, how long, refused, failed.
//!
//! Indexed by the row of the command table. Owned by `Metrics`; plain data.

use super::Histogram;

/// Calls of one command.
#[derive(Debug, Clone, Default)]
pub struct CommandCalls {
    pub calls: u64,
    pub nanoseconds: u64,
    pub rejected: u64,
    pub failed: u64,
    /// Once it was called while `latency-tracking` is on.
    pub histogram: Option<Histogram>,
}

/// Calls of all commands.
#[derive(Debug)]
pub struct Calls(Vec<CommandCalls>);

impl Calls {
    /// None yet, for so many rows.
    #[must_use]
    pub fn new(rows: usize) -> Self {
        Self(vec![CommandCalls::default(); rows])
    }

    #[inline]
    pub(super) fn of(&mut self, row: u16) -> &mut CommandCalls {
        &mut self.0[usize::from(row)]
    }

    /// In the order of the rows.
    pub fn iter(&self) -> impl Iterator<Item = &CommandCalls> {
        self.0.iter()
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True for a table without rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
