//! The record of what changed, unit by unit: what handlers have told is closed, gets its ticket and
//! goes to whoever reads it.
//!
//! A unit is what this shard did in a tick between two transactions over several shards, or its
//! part of one such transaction. It is closed before any message or reply of the tick leaves, so
//! that whoever acts on what it did draws a larger ticket: ticket order is execution order, per key
//! and for whoever was answered. Owned by the tick; while nobody listens nothing is told, and all
//! this is one test per tick.

use std::sync::atomic::Ordering;

use super::Core;
use crate::cmd::EffectStream;

/// A number of the one order of all units; dense.
pub type Ticket = u64;

/// What one shard did, to be applied as a whole.
#[derive(Debug, Clone)]
#[cfg_attr(
    not(test),
    expect(dead_code, reason = "the log is the first to read units; tests do")
)]
pub struct Unit {
    /// That of a transaction is common to its parts on all shards.
    pub ticket: Ticket,
    /// The clock at which it was done.
    pub clock_ms: u64,
    pub effects: EffectStream,
}

/// One who reads the record.
struct Reader {
    /// Whether it listens now.
    listens: fn(&Core) -> bool,
    reads: fn(&mut Core, &Unit),
}

/// The list is closed: the log, replicas and slot moves join by a row each.
static READERS: &[Reader] = &[
    #[cfg(test)]
    Reader {
        listens: |core| core.units.is_some(),
        reads: |core, unit| {
            let units = core.units.as_mut().expect("it listens");
            units.push(unit.clone());
        },
    },
];

/// True while somebody reads the record.
pub(super) fn is_read(core: &Core) -> bool {
    READERS.iter().any(|reader| (reader.listens)(core))
}

impl Core {
    /// Closes what was told since the last unit. Before anything of the tick leaves the shard, and
    /// before a part of a transaction runs.
    #[inline]
    pub(super) fn close_unit(&mut self) {
        if !self.effects.stream.is_empty() {
            let ticket = self.next_ticket();
            self.read_unit(ticket, self.now.unix_ms());
        }
    }

    /// A transaction is decided: everything that comes behind it has a larger ticket. None while
    /// nobody listens.
    pub(super) fn draw_ticket(&mut self) -> Option<Ticket> {
        if !self.effects.wants.stream {
            return None;
        }
        self.close_unit();
        Some(self.next_ticket())
    }

    /// What was told since `close_unit` is this shard's part of a transaction, done at its clock;
    /// it may be nothing.
    pub(super) fn close_part(&mut self, ticket: Option<Ticket>, clock_ms: u64) {
        match ticket {
            Some(ticket) => self.read_unit(ticket, clock_ms),
            None => self.close_unit(),
        }
    }

    fn next_ticket(&self) -> Ticket {
        // Relaxed: what the number orders travels by messages, which synchronize by themselves.
        let tickets = &self.identity.shared.tickets;
        tickets.fetch_add(1, Ordering::Relaxed)
    }

    #[cold]
    fn read_unit(&mut self, ticket: Ticket, clock_ms: u64) {
        let unit = Unit {
            ticket,
            clock_ms,
            effects: std::mem::take(&mut self.effects.stream),
        };
        for reader in READERS {
            if (reader.listens)(self) {
                (reader.reads)(self, &unit);
            }
        }
        assert!(
            self.effects.stream.is_empty(),
            "who reads what was done does nothing"
        );
        self.effects.stream = unit.effects;
        self.effects.stream.clear();
    }

    /// What a test reads of this shard from now on.
    #[cfg(test)]
    pub(super) fn record_units(&mut self) {
        self.units = Some(Vec::new());
        self.update_wants();
    }
}

#[cfg(test)]
#[path = "record_tests.rs"]
mod tests;
