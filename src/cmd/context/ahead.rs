//! The keys of a command of many keys, one after the other, fetched from memory ahead.
//!
//! Sixteen at a time: first all their tables, then all buckets, then all entries, so that a wait
//! for memory serves them all; and their slots are found once. Only for handlers that touch the
//! keys in the order of the arguments.

use super::{Context, Key};
use crate::limits::AHEAD_MAX;
use crate::resp::Args;
use crate::store::Slot;

/// Keys at arguments `first`, `first + step`...
pub struct Keys<'k> {
    args: Args<'k>,
    at: usize,
    step: usize,
    /// Slots of the keys that were looked at ahead, and how many of them have been handed out.
    slots: [Slot; AHEAD_MAX],
    handed_out: usize,
}

impl<'k> Keys<'k> {
    pub(super) fn new(args: &Args<'k>, first: usize, step: usize) -> Self {
        assert!(step > 0, "the next key is another one");
        Self {
            args: *args,
            at: first,
            step,
            slots: [Slot::FIRST; AHEAD_MAX],
            handed_out: AHEAD_MAX,
        }
    }

    /// The next key, and the argument at which it stands.
    #[inline]
    pub fn next(&mut self, ctx: &Context<'_>) -> Option<(usize, Key<'k>)> {
        let at = self.at;
        if at >= self.args.len() {
            return None;
        }
        if self.handed_out == AHEAD_MAX {
            self.look_ahead(ctx);
        }
        let slot = self.slots[self.handed_out];
        self.handed_out += 1;
        self.at += self.step;
        Some((at, Key::routed(self.args.get(at), slot)))
    }

    fn look_ahead(&mut self, ctx: &Context<'_>) {
        let mut hashes = [0u64; AHEAD_MAX];
        let mut count = 0;
        let places = (self.at..self.args.len()).step_by(self.step);
        for (at, (slot, hash)) in places.zip(self.slots.iter_mut().zip(&mut hashes)) {
            let key = ctx.key(&self.args, at);
            *slot = key.slot;
            *hash = ctx.store.hash(key.bytes);
            ctx.store.prefetch_table(ctx.db, key.slot);
            count += 1;
        }
        self.handed_out = 0;
        if count == 1 {
            return;
        }
        let found = || self.slots[..count].iter().zip(&hashes);
        for (&slot, &hash) in found() {
            ctx.store.prefetch_bucket(ctx.db, slot, hash);
        }
        for (&slot, &hash) in found() {
            ctx.store.prefetch_entry(ctx.db, slot, hash);
        }
    }
}
