//! Ranges of a sorted set: by score and by bytes, each end open, closed or without bound.
//!
//! Data and comparisons only.

#![allow(
    clippy::float_cmp,
    reason = "a score is equal or not, as clients gave it"
)]

/// An end of a range of scores.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bound {
    pub score: f64,
    /// The score itself is outside.
    pub exclusive: bool,
}

impl Bound {
    /// As the lower end.
    #[inline]
    pub(super) fn admits_from_below(self, score: f64) -> bool {
        score > self.score || (score == self.score && !self.exclusive)
    }

    /// As the upper end.
    #[inline]
    pub(super) fn admits_from_above(self, score: f64) -> bool {
        score < self.score || (score == self.score && !self.exclusive)
    }
}

/// Scores between two ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScoreRange {
    pub least: Bound,
    pub most: Bound,
}

/// An end of a range of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LexBound<'a> {
    /// Before all bytes: `-`.
    Least,
    /// Behind all bytes: `+`.
    Greatest,
    Closed(&'a [u8]),
    Open(&'a [u8]),
}

impl LexBound<'_> {
    /// As the lower end.
    #[inline]
    pub(super) fn admits_from_below(self, bytes: &[u8]) -> bool {
        match self {
            LexBound::Least => true,
            LexBound::Greatest => false,
            LexBound::Closed(end) => bytes >= end,
            LexBound::Open(end) => bytes > end,
        }
    }

    /// As the upper end.
    #[inline]
    pub(super) fn admits_from_above(self, bytes: &[u8]) -> bool {
        match self {
            LexBound::Least => false,
            LexBound::Greatest => true,
            LexBound::Closed(end) => bytes <= end,
            LexBound::Open(end) => bytes < end,
        }
    }
}

/// Bytes between two ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LexRange<'a> {
    pub least: LexBound<'a>,
    pub most: LexBound<'a>,
}
