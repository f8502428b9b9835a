//! The number of a hash slot: one of the 16,384 parts of the keyspace.
//!
//! A type of its own, so that no other number is taken for one, and none is out of range. Which
//! slot a key has is `cmd::key_slot`'s to say, and which shard owns it the slot table's; here
//! neither is known.

use crate::limits::SLOTS;

/// The number of a slot, below `SLOTS`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Slot(u16);

const _: () = assert!(SLOTS <= 1 << u16::BITS && size_of::<Slot>() == size_of::<u16>());

impl Slot {
    /// The slot with the lowest number.
    pub const FIRST: Slot = Slot(0);

    /// The slot of this number.
    ///
    /// # Panics
    /// When there is no such slot.
    #[inline]
    #[must_use]
    pub const fn new(number: u16) -> Slot {
        assert!((number as usize) < SLOTS, "a slot is below SLOTS");
        Slot(number)
    }

    /// The slot at this place of a table of all slots; None where the table ends.
    #[inline]
    #[must_use]
    pub const fn at(index: usize) -> Option<Slot> {
        if index < SLOTS {
            Some(Slot(index as u16))
        } else {
            None
        }
    }

    /// Its number, as it is written down and sent.
    #[inline]
    #[must_use]
    pub const fn number(self) -> u16 {
        self.0
    }

    /// Its place in a table of all slots.
    #[inline]
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// The slot behind it; None behind the last one.
    #[inline]
    #[must_use]
    pub const fn next(self) -> Option<Slot> {
        Slot::at(self.index() + 1)
    }

    /// All of them, in order.
    pub fn all() -> impl Iterator<Item = Slot> {
        (0..SLOTS).filter_map(Slot::at)
    }
}

impl std::fmt::Display for Slot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_numbered_from_0_to_16383() {
        assert_eq!(Slot::all().count(), SLOTS);
        for (index, slot) in Slot::all().enumerate() {
            assert_eq!((slot.index(), usize::from(slot.number())), (index, index));
            assert_eq!(slot, Slot::new(slot.number()));
            assert_eq!(slot.next(), Slot::at(index + 1));
        }
        assert_eq!(Slot::all().last().and_then(Slot::next), None);
        assert_eq!(Slot::at(SLOTS), None);
    }

    #[test]
    #[should_panic(expected = "a slot is below SLOTS")]
    fn there_is_no_slot_16384() {
        let _ = Slot::new(16_384);
    }
}
