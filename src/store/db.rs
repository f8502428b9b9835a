//! The number of a logical database, as SELECT names it.
//!
//! A type of its own, so that no other number is taken for one. How many databases there are is
//! configured: whoever takes a number from a client holds it against that. Which tables a number
//! means is the `Store`'s to say, and SWAPDB's to change.

use crate::limits::DATABASES_MAX;

/// The number of a database, below `DATABASES_MAX`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Db(u16);

const _: () = assert!(DATABASES_MAX <= 1 << u16::BITS && size_of::<Db>() == size_of::<u16>());

impl Db {
    /// The database of a client that has selected none.
    pub const FIRST: Db = Db(0);

    /// The database of this number.
    ///
    /// # Panics
    /// When there can be no such database.
    #[inline]
    #[must_use]
    pub const fn new(number: u16) -> Db {
        assert!(
            (number as usize) < DATABASES_MAX,
            "a database is below DATABASES_MAX"
        );
        Db(number)
    }

    /// The database at this place of a list of so many; None beyond its end.
    #[inline]
    #[must_use]
    pub const fn among(index: usize, databases: usize) -> Option<Db> {
        if index < databases && index < DATABASES_MAX {
            Some(Db(index as u16))
        } else {
            None
        }
    }

    /// The first so many, in order.
    pub fn all(databases: usize) -> impl Iterator<Item = Db> + Clone {
        (0..databases).filter_map(move |index| Db::among(index, databases))
    }

    /// Its number, as it is written down and sent.
    #[inline]
    #[must_use]
    pub const fn number(self) -> u16 {
        self.0
    }

    /// Its place in a list of all databases.
    #[inline]
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl std::fmt::Display for Db {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn databases_are_numbered_from_0_to_what_is_configured() {
        let numbers: Vec<u16> = Db::all(16).map(Db::number).collect();
        assert_eq!(numbers, (0..16).collect::<Vec<u16>>());
        assert_eq!(Db::among(15, 16), Some(Db::new(15)));
        assert_eq!(Db::among(16, 16), None);
        assert_eq!(Db::all(DATABASES_MAX + 1).count(), DATABASES_MAX);
        assert_eq!(Db::among(DATABASES_MAX, usize::MAX), None);
    }

    #[test]
    #[should_panic(expected = "a database is below DATABASES_MAX")]
    fn there_is_no_database_beyond_the_limit() {
        let _ = Db::new(DATABASES_MAX as u16);
    }
}
