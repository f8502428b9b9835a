//! Key specs: where the keys of a command are, and what happens to them.
//!
//! The model is Redis 7's own (begin_search, find_keys, flags), so COMMAND INFO prints it as it is.
//! One extraction serves routing, locking, ACL and cluster redirection; a command whose keys cannot
//! be found is an error, never "no keys".

use crate::resp::{Args, parse_i64};

/// Where the search for keys begins.
#[derive(Debug, Clone, Copy)]
pub enum Begin {
    /// At this argument.
    Index(usize),
    /// Behind the first argument equal to the word, searching from `from` (negative: backwards from
    /// the end).
    Keyword { word: &'static str, from: i32 },
    /// At the argument, if there is one, that the command's own reading of its options finds. Redis
    /// calls it unknown.
    Options(fn(&Args<'_>) -> Option<usize>),
}

/// How the keys lie from there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Find {
    /// From the begin to `last` (relative to it; negative: from the end of the arguments), each
    /// `step`-th. With a negative `last`, `limit` above 1 takes only the first 1/limit of what
    /// remains.
    Range {
        last: i32,
        step: usize,
        limit: usize,
    },
    /// The count stands at `count_at`, the first key at `first` (both relative to the begin), each
    /// `step`-th.
    Count {
        count_at: usize,
        first: usize,
        step: usize,
    },
}

/// What a command does to the keys of a spec; names as COMMAND INFO prints them, lower case.
pub mod access {
    pub const RO: u32 = 1 << 0;
    pub const RW: u32 = 1 << 1;
    pub const OW: u32 = 1 << 2;
    pub const RM: u32 = 1 << 3;
    pub const ACCESS: u32 = 1 << 4;
    pub const UPDATE: u32 = 1 << 5;
    pub const INSERT: u32 = 1 << 6;
    pub const DELETE: u32 = 1 << 7;
    pub const NOT_KEY: u32 = 1 << 8;
    pub const INCOMPLETE: u32 = 1 << 9;
    pub const VARIABLE_FLAGS: u32 = 1 << 10;
}

/// One group of keys of a command.
#[derive(Debug, Clone, Copy)]
pub struct KeySpec {
    pub begin: Begin,
    pub find: Find,
    /// Bits of `access`.
    pub access: u32,
    /// What COMMAND INFO says about it; mostly nothing.
    pub notes: &'static str,
}

/// The arguments cannot hold keys where the spec says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidKeys;

impl KeySpec {
    /// One key at argument `index`.
    #[must_use]
    pub const fn one(index: usize, access: u32) -> Self {
        Self {
            begin: Begin::Index(index),
            find: Find::Range {
                last: 0,
                step: 1,
                limit: 0,
            },
            access,
            notes: "",
        }
    }

    /// Keys from argument `index` to `last` (negative: from the end), each `step`-th.
    #[must_use]
    pub const fn range(index: usize, last: i32, step: usize, access: u32) -> Self {
        Self {
            begin: Begin::Index(index),
            find: Find::Range {
                last,
                step,
                limit: 0,
            },
            access,
            notes: "",
        }
    }

    /// A count at argument `index` and that many keys behind it.
    #[must_use]
    pub const fn counted(index: usize, step: usize, access: u32) -> Self {
        Self {
            begin: Begin::Index(index),
            find: Find::Count {
                count_at: 0,
                first: 1,
                step,
            },
            access,
            notes: "",
        }
    }

    /// One key, where the command's own reading of its options finds it.
    #[must_use]
    pub(super) const fn by_options(find: fn(&Args<'_>) -> Option<usize>, access: u32) -> Self {
        Self {
            begin: Begin::Options(find),
            ..Self::one(0, access)
        }
    }

    /// With a note for the reader of COMMAND INFO.
    #[must_use]
    pub(super) const fn notes(mut self, notes: &'static str) -> Self {
        self.notes = notes;
        self
    }

    /// Appends the argument positions of this spec's keys.
    ///
    /// # Errors
    /// When the arguments are too few or the count is no sensible number.
    pub fn positions(&self, args: &Args<'_>, out: &mut Vec<usize>) -> Result<(), InvalidKeys> {
        let Some(begin) = self.begin_at(args) else {
            return Ok(());
        };
        let (first, last, step) = match self.find {
            Find::Range { last, step, limit } => {
                (begin, range_end(args.len(), begin, last, limit)?, step)
            }
            Find::Count {
                count_at,
                first,
                step,
            } => {
                let count_at = begin + count_at;
                let count = (count_at < args.len())
                    .then(|| parse_i64(args.get(count_at)))
                    .flatten();
                let count = count
                    .and_then(|count| usize::try_from(count).ok())
                    .ok_or(InvalidKeys)?;
                if count == 0 || count > args.len() {
                    return Err(InvalidKeys);
                }
                (begin + first, begin + first + (count - 1) * step, step)
            }
        };
        if first > last || last >= args.len() {
            return Err(InvalidKeys);
        }
        out.extend((first..=last).step_by(step));
        Ok(())
    }

    fn begin_at(&self, args: &Args<'_>) -> Option<usize> {
        match self.begin {
            Begin::Index(index) => (index < args.len()).then_some(index),
            Begin::Options(find) => find(args),
            Begin::Keyword { word, from } => {
                let found = if from >= 0 {
                    (usize::try_from(from).ok()?..args.len()).find(|&index| args.is(index, word))
                } else {
                    let start = args.len().checked_sub(from.unsigned_abs() as usize)?;
                    (1..=start).rev().find(|&index| args.is(index, word))
                };
                found
                    .map(|index| index + 1)
                    .filter(|&index| index < args.len())
            }
        }
    }
}

fn range_end(len: usize, begin: usize, last: i32, limit: usize) -> Result<usize, InvalidKeys> {
    if last >= 0 {
        return Ok(begin + last.unsigned_abs() as usize);
    }
    let end = len
        .checked_sub(last.unsigned_abs() as usize)
        .ok_or(InvalidKeys)?;
    if limit <= 1 {
        return Ok(end);
    }
    Ok(begin + ((len - begin) / limit).saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resp::Span;

    fn positions(spec: KeySpec, words: &str) -> Result<Vec<usize>, InvalidKeys> {
        let spans: Vec<Span> = words
            .split(' ')
            .map(|word| Span {
                start: u32::try_from(word.as_ptr() as usize - words.as_ptr() as usize)
                    .expect("short"),
                len: u32::try_from(word.len()).expect("short"),
            })
            .collect();
        let mut out = Vec::new();
        spec.positions(&Args::new(words.as_bytes(), &spans), &mut out)
            .map(|()| out)
    }

    #[test]
    fn ranges_counts_and_keywords() {
        assert_eq!(positions(KeySpec::one(1, access::RO), "GET k"), Ok(vec![1]));
        assert_eq!(
            positions(KeySpec::range(1, -1, 2, access::OW), "MSET a 1 b 2"),
            Ok(vec![1, 3])
        );
        assert_eq!(
            positions(KeySpec::range(1, -2, 1, access::RW), "BLPOP a b 0"),
            Ok(vec![1, 2])
        );
        assert_eq!(
            positions(KeySpec::counted(2, 1, access::RO), "EVAL s 2 a b c"),
            Ok(vec![3, 4])
        );
        assert_eq!(
            positions(KeySpec::counted(1, 1, access::RO), "LMPOP 9 a LEFT"),
            Err(InvalidKeys)
        );
        assert_eq!(
            positions(KeySpec::counted(1, 1, access::RO), "LMPOP x a LEFT"),
            Err(InvalidKeys)
        );
        let store = KeySpec {
            begin: Begin::Keyword {
                word: "STORE",
                from: 2,
            },
            find: Find::Range {
                last: 0,
                step: 1,
                limit: 0,
            },
            access: access::OW,
            notes: "",
        };
        assert_eq!(positions(store, "SORT k store d"), Ok(vec![3]));
        assert_eq!(positions(store, "SORT k"), Ok(vec![]));
    }
}
