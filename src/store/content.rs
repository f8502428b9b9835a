//! What every type of value answers about itself.
//!
//! Each type implements this beside its own code; `Object` names the types once and passes the
//! questions on, so a new type is asked for all of it by the compiler. Must not know entries, keys
//! or expiry.

use super::size_class::size_class;
use super::value::{Encoding, Kind};

/// The content of an `Object`.
pub(super) trait Content {
    fn kind(&self) -> Kind;

    /// As OBJECT ENCODING names it; it may change with every edit.
    fn encoding(&self) -> Encoding;

    /// How many elements clients count in it; a string is one.
    fn elements(&self) -> usize;

    /// Whether the last element was taken; asked behind every edit.
    fn is_emptied(&self) -> bool {
        self.elements() == 0
    }

    /// When it wants attention, unix milliseconds: then something in it ends by itself.
    fn wake_ms(&self) -> Option<u64> {
        None
    }

    /// Allocations that freeing it takes, about.
    fn pieces(&self) -> usize;

    /// Frees up to `budget` pieces, but not the last, and returns how many: some, while there are
    /// several. The rest is only to be freed further.
    fn free_pieces(&mut self, budget: usize) -> usize;

    /// Bytes allocated behind the object, in the allocator's classes.
    fn heap_bytes(&self) -> usize;
}

/// A string too long to be inline.
impl Content for Vec<u8> {
    fn kind(&self) -> Kind {
        Kind::String
    }

    fn encoding(&self) -> Encoding {
        Encoding::Raw
    }

    fn elements(&self) -> usize {
        1
    }

    fn pieces(&self) -> usize {
        1
    }

    fn free_pieces(&mut self, _budget: usize) -> usize {
        0
    }

    fn heap_bytes(&self) -> usize {
        size_class(self.capacity())
    }
}
