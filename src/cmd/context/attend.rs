//! What ends inside a value by itself: fields of a hash whose time is over.
//!
//! Whoever meets such a value, a command or the background, ends them here, so that all are told
//! alike: counters, watchers, events, log. Owned by `Context`; must not know commands.

use super::{Context, Effects};
use crate::cmd::Key;
use crate::config::events;
use crate::limits::TOLD_MEMBERS_MAX;
use crate::store::{Db, Object, Store};

/// Ends about `budget` fields of the value at a key that have expired at `now_ms`, and the key with
/// the last of them; returns how many.
pub fn attend(
    store: &mut Store,
    effects: &mut Effects,
    (db, key): (Db, Key<'_>),
    now_ms: u64,
    budget: usize,
) -> usize {
    let Some(entry) = store.get_mut(db, key.slot, key.bytes) else {
        return 0;
    };
    let Some(Object::Hash(hash)) = entry.object_mut() else {
        return 0;
    };
    let before = hash.next_expiry();
    let ended = hash.end_fields(now_ms, budget);
    let (is_emptied, after) = (hash.is_empty(), hash.next_expiry());
    store.rewake(db, key.slot, key.bytes, before, after);
    if ended.is_empty() {
        return 0;
    }
    let key_hash = store.key_hash();
    effects.notify(db, events::HASH, "hexpired", key.bytes);
    if is_emptied {
        let entry = store.take(db, key.slot, key.bytes);
        store.discard(entry.expect("it was just seen"));
        effects.notify(db, events::GENERIC, "del", key.bytes);
    }
    for told in ended.chunks(TOLD_MEMBERS_MAX) {
        effects.tell_ended(db, key.bytes, key_hash, told);
    }
    ended.len()
}

impl Context<'_> {
    /// Ends what has ended in the value at a key, unless nothing ends now.
    #[cold]
    pub(in crate::cmd) fn attend(&mut self, key: Key<'_>) {
        if !self.expiry_held {
            let (now_ms, place) = (self.now_ms, (self.db, key));
            attend(self.store, self.effects, place, now_ms, usize::MAX);
        }
    }

    /// The time at which the value of a key wants attention has changed with an edit.
    #[inline]
    pub(in crate::cmd) fn rewake(&mut self, key: Key<'_>, old: Option<u64>, new: Option<u64>) {
        if old != new {
            self.store.rewake(self.db, key.slot, key.bytes, old, new);
        }
    }
}
