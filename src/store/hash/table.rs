//! The large form of a hash: fields in a hash table, and which of them expires next.
//!
//! A field's time stands in its member; the queue is a heap of 8-byte items that say when and
//! about where to look, so it holds no pointers. Items of fields that went or got another time are
//! stale: at their time nothing is found. Owned by `hash`; must not know the compact form.
//!
//! ```text
//! item   unix milliseconds:48 | high bits of the field's position in the table:16
//! ```

use crate::limits::{MEMBER_EXPIRY_MS_MAX, STALE_FIELD_ITEMS_MAX};
use crate::store::elements::Elements;
use crate::store::key_hash::KeyHash;
use crate::store::member::Member;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

const POSITION_BITS: u32 = 16;
const _: () = assert!(MEMBER_EXPIRY_MS_MAX < 1 << (64 - POSITION_BITS));

/// Fields with their values and times.
#[derive(Clone, Debug)]
pub struct Fields {
    elements: Elements,
    queue: BinaryHeap<Reverse<u64>>,
    /// Fields that expire.
    expiring: usize,
}

impl Fields {
    pub fn new(hash: KeyHash) -> Fields {
        Fields {
            elements: Elements::new(hash),
            queue: BinaryHeap::new(),
            expiring: 0,
        }
    }

    pub fn elements(&self) -> &Elements {
        &self.elements
    }

    /// Adds a field that is not there.
    pub fn insert_new(&mut self, field: &[u8], value: &[u8], expiry: Option<u64>) {
        self.elements.insert_new(Member::with_value(field, value));
        if expiry.is_some() {
            self.set_expiry(field, expiry);
        }
    }

    /// Gives a field this value; true when it is new. An expiry that it has stays only if `keep`.
    #[inline]
    pub fn set(&mut self, field: &[u8], value: &[u8], keep: bool) -> bool {
        let mut lost = false;
        let is_new = self.elements.put(
            field,
            || Member::with_value(field, value),
            |member| {
                member.set_value(value);
                lost = !keep && member.expiry().is_some();
            },
        );
        if lost {
            self.set_expiry(field, None);
        }
        is_new
    }

    /// Gives a field, which is there, an expiry, or takes it away.
    pub fn set_expiry(&mut self, field: &[u8], expiry: Option<u64>) {
        let had = self.elements.edit(field, |member| {
            let had = member.expiry().is_some();
            member.set_expiry(expiry);
            had
        });
        let had = had.expect("only a field that is there expires");
        assert!(self.expiring >= usize::from(had), "what expires is counted");
        self.expiring = self.expiring + usize::from(expiry.is_some()) - usize::from(had);
        assert!(self.expiring <= self.elements.len(), "only fields expire");
        if let Some(at_ms) = expiry {
            let position = self.elements.position(field);
            self.push(at_ms, position);
        }
        self.bound_queue();
    }

    fn push(&mut self, at_ms: u64, position: u32) {
        assert!(at_ms <= MEMBER_EXPIRY_MS_MAX, "callers refuse later ones");
        if self.queue.len() == self.queue.capacity() {
            self.queue.reserve_exact(self.queue.len() / 8 + 4);
        }
        let place = u64::from(position >> (u32::BITS - POSITION_BITS));
        self.queue.push(Reverse(at_ms << POSITION_BITS | place));
    }

    pub fn remove(&mut self, field: &[u8]) -> bool {
        let Some(member) = self.elements.remove(field) else {
            return false;
        };
        if member.expiry().is_some() {
            assert!(self.expiring > 0, "what expires is counted");
            self.expiring -= 1;
            self.bound_queue();
        }
        true
    }

    /// Makes the queue anew when more than half of it is stale.
    fn bound_queue(&mut self) {
        if self.expiring == 0 {
            self.queue = BinaryHeap::new();
        } else if self.queue.len() > 2 * self.expiring + STALE_FIELD_ITEMS_MAX {
            let mut queue = std::mem::take(&mut self.queue);
            queue.clear();
            queue.shrink_to(self.expiring);
            self.queue = queue;
            let items: Vec<(u64, u32)> = self
                .elements
                .iter()
                .filter_map(|member| {
                    let position = self.elements.position(member.bytes());
                    member.expiry().map(|at_ms| (at_ms, position))
                })
                .collect();
            for (at_ms, position) in items {
                self.push(at_ms, position);
            }
            assert!(self.queue.len() == self.expiring, "each field has one item");
        }
    }

    /// A time no later than that of the first field to expire.
    #[inline]
    pub fn next_expiry(&self) -> Option<u64> {
        self.queue.peek().map(|item| item.0 >> POSITION_BITS)
    }

    /// Fields that expire.
    pub fn expiring(&self) -> usize {
        self.expiring
    }

    /// Removes fields that have expired at `now_ms` and returns them: about `budget`.
    pub fn end_fields(&mut self, now_ms: u64, budget: usize) -> Vec<Vec<u8>> {
        let mut ended = Vec::new();
        while ended.len() < budget && self.next_expiry().is_some_and(|at_ms| at_ms <= now_ms) {
            let Some(Reverse(item)) = self.queue.pop() else {
                break;
            };
            let place = (item & ((1 << POSITION_BITS) - 1)) << (u32::BITS - POSITION_BITS);
            let last = place | u64::from(u32::MAX >> POSITION_BITS);
            let (mut position, from) = (place, ended.len());
            loop {
                position = self.elements.scan(position, 1, |member| {
                    if member.expiry().is_some_and(|at_ms| at_ms <= now_ms) {
                        ended.push(member.bytes().to_vec());
                    }
                });
                if position == 0 || position > last {
                    break;
                }
            }
            for field in &ended[from..] {
                let removed = self.elements.remove(field);
                assert!(removed.is_some(), "it was just seen");
                self.expiring -= 1;
            }
        }
        if self.expiring == 0 {
            self.queue = BinaryHeap::new();
        }
        assert!(
            self.queue.len() >= self.expiring,
            "each field that expires has an item"
        );
        ended
    }

    pub fn free_pieces(&mut self, budget: usize) -> usize {
        self.queue = BinaryHeap::new();
        self.elements.free_pieces(budget)
    }

    pub fn heap_bytes(&self) -> usize {
        let queue = self.queue.capacity() * size_of::<u64>();
        self.elements.heap_bytes()
            + if queue == 0 {
                0
            } else {
                crate::store::size_class(queue)
            }
    }
}
