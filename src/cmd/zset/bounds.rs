//! Ranges as arguments: ranks, scores with `(`, bytes with `[`, `(`, `-` and `+`.
//!
//! Reads, and turns what was read into a rank and a count of a sorted set.

use crate::resp::{Args, Error, parse_f64, parse_i64};
use crate::store::{Bound, LexBound, LexRange, ScoreRange, Zset};

/// What a range is of.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    Rank,
    Score,
    Lex,
}

/// A range as it was asked for.
pub(super) enum Range<'a> {
    Ranks(i64, i64),
    Scores(ScoreRange),
    Bytes(LexRange<'a>),
}

const NOT_SCORES: Error = Error::new("ERR min or max is not a float");
const NOT_BYTES: Error = Error::new("ERR min or max not valid string range item");

fn bound(text: &[u8]) -> Result<Bound, Error> {
    let (text, exclusive) = match text {
        [b'(', rest @ ..] => (rest, true),
        _ => (text, false),
    };
    // To strtod, which reads it in Redis, nothing is zero.
    let score = if text.is_empty() {
        Some(0.0)
    } else {
        parse_f64(text)
    };
    let score = score.ok_or(NOT_SCORES)?;
    Ok(Bound { score, exclusive })
}

fn lex_bound(text: &[u8]) -> Result<LexBound<'_>, Error> {
    match text {
        b"-" => Ok(LexBound::Least),
        b"+" => Ok(LexBound::Greatest),
        [b'(', rest @ ..] => Ok(LexBound::Open(rest)),
        [b'[', rest @ ..] => Ok(LexBound::Closed(rest)),
        _ => Err(NOT_BYTES),
    }
}

impl<'a> Range<'a> {
    /// From two arguments, the lower end first.
    pub fn parse(args: &Args<'a>, least: usize, most: usize, by: By) -> Result<Range<'a>, Error> {
        let (least, most) = (args.get(least), args.get(most));
        let rank = |text| parse_i64(text).ok_or(Error::NOT_INTEGER);
        Ok(match by {
            By::Rank => Range::Ranks(rank(least)?, rank(most)?),
            By::Score => Range::Scores(ScoreRange {
                least: bound(least)?,
                most: bound(most)?,
            }),
            By::Lex => Range::Bytes(LexRange {
                least: lex_bound(least)?,
                most: lex_bound(most)?,
            }),
        })
    }

    /// The rank of the first member in it, and how many there are. Ranks may count from the end.
    pub fn of(&self, zset: &Zset, backwards: bool) -> (usize, usize) {
        match self {
            Range::Scores(range) => zset.in_scores(range),
            Range::Bytes(range) => zset.in_bytes(range),
            Range::Ranks(from, to) => {
                let len = zset.len();
                let Some((first, count)) = ranks(*from, *to, len) else {
                    return (0, 0);
                };
                if backwards {
                    (len - first - count, count)
                } else {
                    (first, count)
                }
            }
        }
    }
}

/// The first rank and the number of ranks; None when there is none.
fn ranks(from: i64, to: i64, len: usize) -> Option<(usize, usize)> {
    let len = i64::try_from(len).expect("lengths fit i64");
    let at = |rank: i64| {
        if rank < 0 {
            rank.saturating_add(len)
        } else {
            rank
        }
    };
    let (from, to) = (at(from).max(0), at(to).min(len - 1));
    let count = to.checked_sub(from)?.checked_add(1)?;
    let count = usize::try_from(count).ok().filter(|&count| count > 0)?;
    Some((usize::try_from(from).expect("it is not negative"), count))
}
