//! The options that SET, GETEX and MSETEX share: conditions and expiry times.
//!
//! Redis's rules for repeated and contradicting options hold: the same option may be repeated and
//! the last one counts, a contradiction is a syntax error. Only parsing; the handlers apply what
//! stands here.

use super::digest::{digest_of, parse_digest};
use super::text;
use crate::resp::{Args, Error, parse_i64};
use crate::store::Entry;

/// Whose options are read; each accepts others.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Accept {
    Set,
    GetEx,
    MsetEx,
}

/// How an expiry time was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Ex,
    Px,
    ExAt,
    PxAt,
}

impl Unit {
    pub(super) fn parse(word: &[u8]) -> Option<Self> {
        let is = |name: &[u8]| word.eq_ignore_ascii_case(name);
        match word.len() {
            2 if is(b"EX") => Some(Self::Ex),
            2 if is(b"PX") => Some(Self::Px),
            4 if is(b"EXAT") => Some(Self::ExAt),
            4 if is(b"PXAT") => Some(Self::PxAt),
            _ => None,
        }
    }

    pub(super) fn is_absolute(self) -> bool {
        matches!(self, Self::ExAt | Self::PxAt)
    }

    fn is_seconds(self) -> bool {
        matches!(self, Self::Ex | Self::ExAt)
    }
}

/// The unix time in milliseconds that an expiry option means.
///
/// # Errors
/// When the text is no positive integer or the time is beyond 63 bits.
pub(super) fn deadline(unit: Unit, text: &[u8], now_ms: u64, command: &str) -> Result<u64, Error> {
    let amount = parse_i64(text).ok_or(Error::NOT_INTEGER)?;
    let scaled = if unit.is_seconds() {
        amount.checked_mul(1000)
    } else {
        Some(amount)
    };
    let base_ms = if unit.is_absolute() {
        Some(0)
    } else {
        i64::try_from(now_ms).ok()
    };
    scaled
        .filter(|&amount_ms| amount_ms > 0)
        .and_then(|amount_ms| amount_ms.checked_add(base_ms?))
        .and_then(|at_ms| u64::try_from(at_ms).ok())
        .ok_or_else(|| Error::from(format!("ERR invalid expire time in '{command}' command")))
}

/// What must hold for a write to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Condition<'a> {
    Always,
    Absent,
    Present,
    Equal(&'a [u8]),
    NotEqual(&'a [u8]),
    DigestEqual(u64),
    DigestNotEqual(u64),
}

impl<'a> Condition<'a> {
    /// The comparing conditions by name; None when the word is none of them.
    pub(super) fn parse(word: &[u8], operand: &'a [u8]) -> Result<Option<Self>, Error> {
        let is = |name: &[u8]| word.eq_ignore_ascii_case(name);
        Ok(match word.len() {
            4 if is(b"IFEQ") => Some(Self::Equal(operand)),
            4 if is(b"IFNE") => Some(Self::NotEqual(operand)),
            5 if is(b"IFDEQ") => Some(Self::DigestEqual(parse_digest(operand)?)),
            5 if is(b"IFDNE") => Some(Self::DigestNotEqual(parse_digest(operand)?)),
            _ => None,
        })
    }

    /// Whether it looks at the value.
    pub(super) fn compares(self) -> bool {
        !matches!(self, Self::Always | Self::Absent | Self::Present)
    }

    /// Whether it holds for what is at the key.
    ///
    /// # Errors
    /// WRONGTYPE when a comparison meets another type.
    pub(super) fn holds(self, entry: Option<&Entry>) -> Result<bool, Error> {
        let Some(entry) = entry else {
            return Ok(matches!(
                self,
                Self::Always | Self::Absent | Self::NotEqual(_) | Self::DigestNotEqual(_)
            ));
        };
        let mut digits = itoa::Buffer::new();
        Ok(match self {
            Self::Always | Self::Present => true,
            Self::Absent => false,
            Self::Equal(wanted) => text(entry, &mut digits)? == wanted,
            Self::NotEqual(unwanted) => text(entry, &mut digits)? != unwanted,
            Self::DigestEqual(wanted) => digest_of(text(entry, &mut digits)?) == wanted,
            Self::DigestNotEqual(unwanted) => digest_of(text(entry, &mut digits)?) != unwanted,
        })
    }
}

/// All options of one command.
#[derive(Debug, Clone, Copy)]
pub(super) struct Options<'a> {
    pub condition: Condition<'a>,
    pub expiry: Option<(Unit, &'a [u8])>,
    pub keep_ttl: bool,
    pub persist: bool,
    pub get: bool,
}

impl<'a> Options<'a> {
    pub(super) const NONE: Self = Self {
        condition: Condition::Always,
        expiry: None,
        keep_ttl: false,
        persist: false,
        get: false,
    };

    /// Reads the arguments from `first` to the end.
    ///
    /// # Errors
    /// At an unknown word, a missing operand or a contradiction.
    pub(super) fn parse(args: &Args<'a>, first: usize, accept: Accept) -> Result<Self, Error> {
        let mut options = Self::NONE;
        let mut at = first;
        while at < args.len() {
            let operand = (at + 1 < args.len()).then(|| args.get(at + 1));
            at += options.take(args.get(at), operand, accept)?;
        }
        Ok(options)
    }

    /// Takes one option; returns how many arguments it used.
    fn take(
        &mut self,
        word: &[u8],
        operand: Option<&'a [u8]>,
        accept: Accept,
    ) -> Result<usize, Error> {
        let is = |name: &[u8]| word.eq_ignore_ascii_case(name);
        let writes = accept != Accept::GetEx;
        if let Some(unit) = Unit::parse(word) {
            let other = self.expiry.is_some_and(|(given, _)| given != unit);
            let Some(operand) = operand.filter(|_| !other && !self.keep_ttl && !self.persist)
            else {
                return Err(Error::SYNTAX);
            };
            self.expiry = Some((unit, operand));
            return Ok(2);
        }
        if writes && is(b"KEEPTTL") && self.expiry.is_none() {
            self.keep_ttl = true;
        } else if !writes && is(b"PERSIST") && self.expiry.is_none() {
            self.persist = true;
        } else if accept == Accept::Set && is(b"GET") {
            self.get = true;
        } else if writes
            && is(b"NX")
            && matches!(self.condition, Condition::Always | Condition::Absent)
        {
            self.condition = Condition::Absent;
        } else if writes
            && is(b"XX")
            && matches!(self.condition, Condition::Always | Condition::Present)
        {
            self.condition = Condition::Present;
        } else if accept == Accept::Set && self.condition == Condition::Always {
            let operand = operand.ok_or(Error::SYNTAX)?;
            self.condition = Condition::parse(word, operand)?.ok_or(Error::SYNTAX)?;
            return Ok(2);
        } else {
            return Err(Error::SYNTAX);
        }
        Ok(1)
    }
}
