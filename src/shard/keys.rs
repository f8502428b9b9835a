//! Which keys a command has, which shard owns them, and how it needs them.
//!
//! Answers for routing, for locks and for fetching memory ahead, from the row's key specs and the
//! slot table. Looks at the keyspace for expiry times only; changes nothing.

use smallvec::SmallVec;

use super::Core;
use crate::cmd::{Keys, Row, changes_keys, flag, key_slot};
use crate::limits::AHEAD_MAX;
use crate::resp::Args;
use crate::route::{DbKey, Head, Intent, Mode, ShardId, WHOLE, lock_key, strongest};
use crate::store::{Db, Slot};

/// Who owns the keys of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// It has no keys, or none that can be found: its handler will say what is wrong.
    Anywhere,
    /// One shard owns them all; slot and argument of the first.
    One {
        shard: ShardId,
        slot: Slot,
        key_at: u16,
    },
    /// Several shards own them; `positions` holds where the keys stand.
    Several,
}

/// Where a command's keys stand; None where they cannot be found.
fn positions_of(row: &Row, args: &Args<'_>) -> Option<Vec<usize>> {
    let mut positions = Vec::new();
    for spec in row.command.keys {
        spec.positions(args, &mut positions).ok()?;
    }
    Some(positions)
}

impl Core {
    /// Which shard owns the keys of a command; with `Route::Several`, `positions` is filled.
    #[inline]
    pub fn route(&mut self, row: &Row, args: &Args<'_>) -> Route {
        self.route_from(row, args, None)
    }

    #[inline]
    pub(super) fn route_from(
        &mut self,
        row: &Row,
        args: &Args<'_>,
        first_slot: Option<Slot>,
    ) -> Route {
        match row.keys {
            Keys::One(at) => {
                let slot = match first_slot {
                    Some(slot) if at == 1 => slot,
                    _ => key_slot(args.get(at)),
                };
                Route::One {
                    shard: self.slots.owner(slot),
                    slot,
                    key_at: at as u16,
                }
            }
            Keys::None => Route::Anywhere,
            Keys::Many => self.route_many(row, args),
        }
    }

    fn route_many(&mut self, row: &Row, args: &Args<'_>) -> Route {
        self.parsing.positions.clear();
        for spec in row.command.keys {
            if spec.positions(args, &mut self.parsing.positions).is_err() {
                return Route::Anywhere;
            }
        }
        if row.has(flag::FINDS_KEYS) {
            // It may find keys of any shard, so it runs over lent ones, wherever they are.
            return Route::Several;
        }
        let Some(&first) = self.parsing.positions.first() else {
            return Route::Anywhere;
        };
        let slot = key_slot(args.get(first));
        let shard = self.slots.owner(slot);
        let one = self.parsing.positions[1..]
            .iter()
            .all(|&at| self.slots.owner(key_slot(args.get(at))) == shard);
        if one {
            Route::One {
                shard,
                slot,
                key_at: u16::try_from(first).unwrap_or(0),
            }
        } else {
            Route::Several
        }
    }

    /// The keys of a command.
    pub(super) fn keys_of(&self, head: Head, args: &Args<'_>, out: &mut Vec<DbKey>) {
        let row = self.table().row(head.row);
        let Some(positions) = positions_of(row, args) else {
            return;
        };
        for db in self.databases_of(row, head.db, args) {
            out.extend(positions.iter().map(|&at| (db, Box::from(args.get(at)))));
        }
    }

    /// The databases in which a command touches its keys: the client's, and the one that COPY or
    /// MOVE names.
    fn databases_of(&self, row: &Row, db: Db, args: &Args<'_>) -> impl Iterator<Item = Db> + use<> {
        let other = row.command.special.other_database.and_then(|of| of(args));
        let other =
            other.filter(|&other| other != db && other.number() < self.settings.config.databases);
        std::iter::once(db).chain(other)
    }

    /// True when a transaction holds a key of this command in a way that does not fit.
    pub(super) fn is_locked(&self, row: &Row, db: Db, args: &Args<'_>) -> bool {
        if self.transactions.participants.no_locks() {
            return false;
        }
        if row.command.keys.is_empty() {
            return false;
        }
        let Some(positions) = positions_of(row, args) else {
            return false;
        };
        // The end of an expired key is a change, too, also to those who have looked at all keys.
        let mut some = Mode::SomeShared;
        let locked = self.databases_of(row, db, args).any(|db| {
            positions.iter().any(|&at| {
                let key = args.get(at);
                let mode = self.mode_of(row, db, key);
                if mode == Mode::Exclusive {
                    some = Mode::SomeExclusive;
                }
                self.transactions
                    .participants
                    .conflicts(self.lock_key(db, key), mode)
            })
        });
        locked || self.transactions.participants.conflicts(WHOLE, some)
    }

    /// How a command needs a key. Whoever finds that a key has expired ends it, and that is a
    /// write: those who have read it and are not done yet come before.
    #[must_use]
    pub(super) fn mode_of(&self, row: &Row, db: Db, key: &[u8]) -> Mode {
        match changes_keys(row) || self.is_expired(db, key) {
            true => Mode::Exclusive,
            false => Mode::Shared,
        }
    }

    /// True for a key that is there, but has expired, or in which something has ended.
    #[must_use]
    pub fn is_expired(&self, db: Db, key: &[u8]) -> bool {
        if self.keyspace.own.expires(db) == 0 && !self.keyspace.own.wakes() {
            return false;
        }
        let entry = self.keyspace.own.get(db, key_slot(key), key);
        let now_ms = self.now.unix_ms();
        entry.is_some_and(|entry| {
            entry.is_expired(now_ms) || entry.wake_ms().is_some_and(|at_ms| at_ms <= now_ms)
        })
    }

    /// Things with their slots, by the slots' owners, in the order in which owners first appear.
    pub(super) fn by_owner<T>(
        &self,
        things: impl Iterator<Item = (Slot, T)>,
    ) -> SmallVec<[(ShardId, Vec<T>); 4]> {
        let mut owned: SmallVec<[(ShardId, Vec<T>); 4]> = SmallVec::new();
        for (slot, thing) in things {
            let shard = self.slots.owner(slot);
            match owned.iter_mut().find(|(owner, _)| *owner == shard) {
                Some((_, things)) => things.push(thing),
                None => owned.push((shard, vec![thing])),
            }
        }
        owned
    }

    /// Appends the intents of a command.
    pub(super) fn add_intents(&self, head: Head, args: &Args<'_>, intents: &mut Vec<Intent>) {
        let row = self.table().row(head.row);
        let Some(positions) = positions_of(row, args) else {
            return;
        };
        for db in self.databases_of(row, head.db, args) {
            intents.extend(positions.iter().map(|&at| Intent {
                key: self.lock_key(db, args.get(at)),
                mode: self.mode_of(row, db, args.get(at)),
            }));
        }
    }

    /// Locks on these keys, each once.
    pub(super) fn exclusive_intents<'a>(
        &self,
        keys: impl IntoIterator<Item = &'a DbKey>,
    ) -> Vec<Intent> {
        let mut intents: Vec<Intent> = keys
            .into_iter()
            .map(|(db, key)| Intent {
                key: self.lock_key(*db, key),
                mode: Mode::Exclusive,
            })
            .collect();
        strongest(&mut intents);
        intents
    }

    /// The name of a key in the lock table.
    #[must_use]
    pub(super) fn lock_key(&self, db: Db, key: &[u8]) -> u64 {
        lock_key(db, self.keyspace.own.hash(key))
    }

    /// Fetches what commands will look at: all buckets, then all entries; databases, slots and keys
    /// of at most `AHEAD_MAX` commands.
    #[inline]
    pub(super) fn prefetch_keys<'a>(&self, keys: impl Iterator<Item = (Db, Slot, &'a [u8])>) {
        let mut found = [(Db::FIRST, Slot::FIRST, 0); AHEAD_MAX];
        let mut count = 0;
        for ((db, slot, key), place) in keys.zip(&mut found) {
            *place = (db, slot, self.keyspace.own.hash(key));
            self.keyspace.own.prefetch_table(place.0, slot);
            count += 1;
        }
        for &(db, slot, hash) in &found[..count] {
            self.keyspace.own.prefetch_bucket(db, slot, hash);
        }
        for &(db, slot, hash) in &found[..count] {
            self.keyspace.own.prefetch_entry(db, slot, hash);
        }
    }
}
