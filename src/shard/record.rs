//! The record of what changed, unit by unit: what handlers have told is closed, gets its ticket and
//! goes to whoever reads it.
//!
//! A unit is what this shard did in a tick between two transactions over several shards, or one
//! such transaction, of which each owner of a changed key has a part. A unit is closed before any
//! message or reply of the tick leaves, so that whoever acts on what it did draws a larger ticket:
//! ticket order is execution order, per key and for whoever was answered. Owned by the tick; while
//! nobody listens nothing is told, and all this is one test per tick.

use std::sync::atomic::Ordering;

use super::Core;
use crate::base::ShardSet;
use crate::cmd::{Cause, EffectStream};
use crate::limits::RECORD_KEPT_BYTES_MAX;
use crate::route::{ShardId, Told, Unit};
use crate::store::{Db, Slot};
use crate::txn::{Decided, Parts};
use crate::wal::{Header, Kind, VERSION};

/// What one shard has of a unit, to be applied as a whole.
#[derive(Debug, Clone)]
pub struct UnitPart {
    pub unit: Unit,
    pub effects: EffectStream,
}

impl UnitPart {
    /// What a log says of it, on this shard.
    #[must_use]
    pub fn header(&self, shard: ShardId) -> Header {
        let Unit {
            ticket,
            clock_ms,
            participants,
        } = self.unit;
        let first = self.effects.effects().next();
        Header {
            version: VERSION,
            kind: self.kind(),
            database: first.map_or(Db::FIRST, |first| first.db),
            slot: self.slot(),
            ticket,
            shard,
            participants,
            at_ms: clock_ms,
        }
    }

    fn kind(&self) -> Kind {
        let mut effects = self.effects.effects();
        if effects.any(|effect| effect.keys().len() == 0) {
            return Kind::WholeServer;
        }
        let mut effects = self.effects.effects();
        match !self.effects.is_empty() && effects.all(|effect| effect.cause == Cause::Expiry) {
            true => Kind::Expiry,
            false => Kind::Write,
        }
    }

    /// The slot of all commands, if they have one.
    fn slot(&self) -> Option<Slot> {
        let mut slots = self.effects.effects().map(|effect| effect.slot());
        let first = slots.next()??;
        slots.all(|slot| slot == Some(first)).then_some(first)
    }
}

/// One who reads the record.
struct Reader {
    /// Whether it listens now.
    listens: fn(&Core) -> bool,
    reads: fn(&mut Core, &UnitPart),
}

/// The list is closed: the log, replicas and slot moves join by a row each.
static READERS: &[Reader] = &[Reader {
    listens: |core| core.record.kept.is_some(),
    reads: |core, part| {
        let kept = core.record.kept.as_mut().expect("it listens");
        kept.keep(part);
    },
}];

/// What this shard's record is about at the moment.
#[derive(Debug, Default)]
pub struct Record {
    /// An EXEC in steps holds the shard: what is told is its part, until it ends.
    in_steps: bool,
    /// Shards that have a part of the steps that this one coordinates.
    steps: ShardSet,
    /// Parts that DEBUG RECORD keeps, while it is on.
    kept: Option<Kept>,
    /// A test's defect: most units get their tickets when their messages have left.
    #[cfg(test)]
    late: Option<u32>,
}

impl Record {
    /// Steps hold this shard: what it does until they end is their unit's. All units are closed.
    pub fn begin_steps(&mut self) {
        assert!(!self.in_steps, "one transaction holds a whole shard");
        self.in_steps = true;
    }

    /// The steps are over, or hold the shard no longer, before they have begun.
    pub fn end_steps(&mut self) {
        assert!(self.in_steps, "what ends has begun");
        self.in_steps = false;
    }
}

/// The latest parts, up to a limit.
#[derive(Debug, Default)]
pub struct Kept {
    pub parts: Vec<UnitPart>,
    bytes: usize,
    /// Parts that were let go, because nobody took those before them.
    pub lost: u64,
}

impl Kept {
    fn keep(&mut self, part: &UnitPart) {
        let bytes = size_of::<UnitPart>() + part.effects.bytes();
        if self.bytes + bytes > RECORD_KEPT_BYTES_MAX {
            self.lost += 1;
            return;
        }
        self.bytes += bytes;
        self.parts.push(part.clone());
    }
}

/// True while somebody reads the record.
pub(super) fn is_read(core: &Core) -> bool {
    READERS.iter().any(|reader| (reader.listens)(core))
}

impl Core {
    /// Closes what was told since the last unit. Before anything of the tick leaves the shard, and
    /// before a part of a transaction runs.
    #[inline]
    pub(super) fn close_unit(&mut self) {
        #[cfg(test)]
        if let Some(late) = &mut self.record.late {
            *late += 1;
            if !late.is_multiple_of(6) {
                return;
            }
        }
        if !self.effects.stream.is_empty() && !self.record.in_steps {
            let unit = self.new_unit(self.now.unix_ms(), ShardSet::only(self.id()));
            self.read_unit(unit);
        }
    }

    /// A transaction is decided that runs in parts: they are one unit, and everything that comes
    /// behind it has a larger ticket. None while nobody listens, and for a step.
    pub(super) fn open_unit(&mut self, parts: &Parts) -> Option<Unit> {
        if !self.effects.wants.stream {
            return None;
        }
        if parts.is_step {
            self.record.steps.extend(parts.shards);
            return None;
        }
        self.close_unit();
        Some(self.new_unit(parts.clock_ms, parts.shards))
    }

    /// What was told since `close_unit` is this shard's part of a transaction; it may be nothing.
    pub(super) fn close_part(&mut self, unit: Option<Unit>) {
        match unit {
            Some(unit) => self.read_unit(unit),
            None => self.close_unit(),
        }
    }

    /// What was told since the stream was kept, for the shards that own the keys; what has no keys
    /// is this one's.
    pub(super) fn told_apart(&mut self, decided: &Decided) -> Vec<(ShardId, Box<Told>)> {
        if self.effects.stream.is_empty() {
            return Vec::new();
        }
        let (slots, here) = (&self.slots, self.id());
        let owner = |slot: Option<Slot>| slot.map_or(here, |slot| slots.owner(slot));
        let parts = self.effects.stream.divide(owner);
        let shards: ShardSet = parts.iter().map(|(shard, _)| *shard).collect();
        let unit = match decided.is_step {
            true => {
                self.record.steps.extend(shards);
                None
            }
            false => (!shards.is_empty()).then(|| self.new_unit(decided.clock_ms, shards)),
        };
        let told = parts.into_iter().map(|(shard, effects)| {
            let unit = unit.clone();
            (shard, Box::new(Told { effects, unit }))
        });
        told.collect()
    }

    /// A coordinator did this to keys of this shard, whose entries are back.
    pub(super) fn hear_told(&mut self, told: Told) {
        let Told { effects, unit } = told;
        if let Some(unit) = unit {
            self.close_unit();
            return self.hand_on(&UnitPart { unit, effects });
        }
        assert!(self.record.in_steps, "a step has no unit of its own");
        self.effects.stream.extend(&effects);
    }

    /// The steps that this shard has taken as a coordinator are one unit, of those that changed
    /// something in it.
    pub(super) fn unit_of_steps(&mut self, clock_ms: u64) -> Option<Unit> {
        let shards = std::mem::take(&mut self.record.steps);
        (!shards.is_empty()).then(|| self.new_unit(clock_ms, shards))
    }

    fn new_unit(&self, clock_ms: u64, participants: ShardSet) -> Unit {
        // Relaxed: what the number orders travels by messages, which synchronize by themselves.
        let tickets = &self.identity.shared.tickets;
        Unit {
            ticket: tickets.fetch_add(1, Ordering::Relaxed),
            clock_ms,
            participants,
        }
    }

    /// What was told is this shard's part of a unit.
    #[cold]
    fn read_unit(&mut self, unit: Unit) {
        let part = UnitPart {
            unit,
            effects: std::mem::take(&mut self.effects.stream),
        };
        self.hand_on(&part);
        self.effects.stream = part.effects;
        self.effects.stream.clear();
    }

    fn hand_on(&mut self, part: &UnitPart) {
        assert!(
            part.unit.participants.contains(self.id()),
            "who has a part is among those who have"
        );
        let told = self.effects.stream.len();
        for reader in READERS {
            if (reader.listens)(self) {
                (reader.reads)(self, part);
            }
        }
        assert!(
            self.effects.stream.len() == told,
            "who reads what was done does nothing"
        );
    }

    /// DEBUG RECORD: parts are kept from now on, or not.
    pub fn keep_record(&mut self, on: bool) {
        self.record.kept = on.then(Kept::default);
        self.update_wants();
    }

    /// The parts that were kept since they were taken last; None while none are.
    pub fn take_record(&mut self) -> Option<Kept> {
        self.record.kept.as_mut().map(std::mem::take)
    }
}

#[cfg(test)]
#[path = "record_tests.rs"]
mod tests;
