//! A key on its way to the table, with the slot that is found once and carried.
//!
//! The router has found the slot of one argument before a handler runs; the others' is found when
//! the handler names them (`Context::key`), and never again.

use super::slot::key_slot;
use crate::store::Slot;
use std::num::NonZeroU16;

/// A key and its slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key<'k> {
    pub bytes: &'k [u8],
    pub(super) slot: Slot,
}

impl<'k> Key<'k> {
    /// A key whose slot nobody has found. Out of line: its callers are short without it.
    #[inline(never)]
    #[must_use]
    pub fn new(bytes: &'k [u8]) -> Self {
        let slot = key_slot(bytes);
        Self { bytes, slot }
    }

    /// A key whose slot was found before.
    #[inline]
    pub(super) fn routed(bytes: &'k [u8], slot: Slot) -> Self {
        debug_assert!(slot == key_slot(bytes), "it is the slot of this key");
        Self { bytes, slot }
    }
}

/// The argument by which a command was routed, and its slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RoutedKey {
    at: NonZeroU16,
    slot: Slot,
}

impl RoutedKey {
    /// None for argument 0, which is the command's name: it was not routed by a key.
    #[inline]
    #[must_use]
    pub fn new(at: u16, slot: Slot) -> Option<Self> {
        NonZeroU16::new(at).map(|at| Self { at, slot })
    }

    /// The key that stands at an argument.
    #[inline]
    pub(super) fn key(routed: Option<Self>, at: usize, bytes: &[u8]) -> Key<'_> {
        match routed {
            Some(routed) if usize::from(routed.at.get()) == at => Key::routed(bytes, routed.slot),
            _ => Key::new(bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_routed_argument_has_its_slot_and_the_others_find_theirs() {
        let routed = RoutedKey::new(2, key_slot(b"b"));
        for (at, bytes) in [(1, &b"a"[..]), (2, b"b"), (3, b""), (4, b"b")] {
            assert_eq!(RoutedKey::key(routed, at, bytes), Key::new(bytes));
        }
        assert_eq!(RoutedKey::new(0, Slot::FIRST), None);
        assert_eq!(RoutedKey::key(None, 1, b"a").slot, key_slot(b"a"));
    }

    #[test]
    fn an_empty_key_may_be_routed() {
        let routed = RoutedKey::new(1, key_slot(b""));
        assert_eq!(RoutedKey::key(routed, 1, b""), Key::new(b""));
        assert_eq!(RoutedKey::key(routed, 2, b"c"), Key::new(b"c"));
    }
}
