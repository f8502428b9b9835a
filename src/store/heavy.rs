//! Values too large to be freed at once: taken out of their entries, freed piece by piece.
//!
//! Owned by a `Store`, for values that were deleted, overwritten or expired, and by what FLUSHALL
//! detached. Whoever owns it calls `free_some` until nothing is left. Must not know keys.

use super::entry::Entry;
use super::value::Object;
use crate::limits::FREED_AT_ONCE_MAX;

/// Objects on their way out.
#[derive(Default)]
pub(super) struct Heavy(Vec<Object>);

impl Heavy {
    /// Takes the value out of an entry that is to be dropped or overwritten, if it is too large for
    /// that. Returns when that value wanted attention.
    #[inline]
    pub fn relieve(&mut self, entry: &mut Entry) -> Option<u64> {
        let object = entry.object_mut()?;
        let wake_ms = object.wake_ms();
        if object.pieces() > FREED_AT_ONCE_MAX {
            self.0
                .push(std::mem::replace(object, Object::Bytes(Vec::new())));
        }
        wake_ms
    }

    /// Values that wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Frees up to `budget` pieces and returns how many; fewer than `budget` means that nothing is
    /// left.
    pub fn free_some(&mut self, budget: usize) -> usize {
        let mut freed = 0;
        while freed < budget
            && let Some(object) = self.0.last_mut()
        {
            let gone = object.free_pieces(budget - freed);
            assert!(gone <= budget - freed);
            assert!(gone > 0 || object.pieces() <= 1, "freeing comes to an end");
            freed += gone;
            if object.pieces() <= 1 {
                self.0.pop();
                freed += 1;
            }
        }
        freed.min(budget)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Db, End, List, NodeLimits, Slot, Store, Value};

    /// A list of so many nodes.
    fn long_list(nodes: usize) -> Object {
        let limits = NodeLimits {
            fill: 1,
            ..NodeLimits::default()
        };
        let mut list = List::new();
        for number in 0..nodes {
            list.push(End::Back, number.to_string().as_bytes(), limits);
        }
        Object::List(Box::new(list))
    }

    #[test]
    fn large_values_are_freed_in_steps_whoever_ends_them() {
        const NODES: usize = 1000;
        let ends: [fn(&mut Store); 4] = [
            |store| {
                let entry = store
                    .take(Db::FIRST, Slot::new(7), b"list")
                    .expect("it is there");
                store.discard(entry);
            },
            |store| {
                store.set_string(
                    Db::FIRST,
                    Slot::new(7),
                    b"list",
                    Value::Bytes(b"text"),
                    None,
                    |_| 0,
                );
            },
            |store| {
                assert!(store.set_expiry(Db::FIRST, Slot::new(7), b"list", Some(1)));
                let mut ended = 0;
                store.expire_step(100, usize::MAX, &mut |_, _, _| ended += 1);
                assert_eq!(ended, 1);
            },
            |store| {
                let mut cleared = store.clear(Db::FIRST);
                // The entry itself, then its value in three steps.
                assert!((0..3).all(|_| !cleared.drop_some(400)));
                assert!(cleared.drop_some(400));
            },
        ];
        for (case, end) in ends.iter().enumerate() {
            let mut store = Store::new(1, 3);
            store.insert(
                Db::FIRST,
                Slot::new(7),
                Entry::new(b"list", Value::Object(long_list(NODES)), None),
            );
            end(&mut store);
            assert_eq!(store.unfreed(), usize::from(case < 3), "case {case}");
            let mut steps = 0;
            while store.unfreed() > 0 {
                store.free_some(100);
                steps += 1;
            }
            assert_eq!(steps, if case < 3 { NODES / 100 } else { 0 }, "case {case}");
            // A small one goes at once.
            store.discard(Entry::new(b"list", Value::Object(long_list(9)), None));
            assert_eq!(store.unfreed(), 0);
        }
    }
}
