//! Identifiers of entries as clients write and read them.
//!
//! `ms-seq`, a bare `ms`, `ms-*`; `-` and `+` for the ends of a range, `(` in front of what is
//! excluded. Pure functions of text.

use crate::limits::{STREAM_ID_BYTES, STREAM_ID_WRITTEN_BYTES_MAX};
use crate::resp::{Error, parse_u64};
use crate::store::StreamId;

const INVALID: Error = Error::new("ERR Invalid stream ID specified as stream command argument");

/// An identifier's text.
pub(super) struct IdText {
    bytes: [u8; STREAM_ID_BYTES],
    len: usize,
}

impl IdText {
    #[inline]
    pub(super) fn new(id: StreamId) -> IdText {
        let mut digits = itoa::Buffer::new();
        let mut text = IdText {
            bytes: [0; STREAM_ID_BYTES],
            len: 0,
        };
        text.push(digits.format(id.ms).as_bytes());
        text.push(b"-");
        text.push(digits.format(id.seq).as_bytes());
        text
    }

    #[inline]
    fn push(&mut self, bytes: &[u8]) {
        self.bytes[self.len..self.len + bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len();
    }

    #[inline]
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// What a client asks an entry to be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    Auto,
    /// Any number in this millisecond.
    Within(u64),
    Exactly(StreamId),
}

impl Wanted {
    pub(super) fn parse(text: &[u8]) -> Result<Wanted, Error> {
        if text == b"*" {
            return Ok(Wanted::Auto);
        }
        if let Some(ms) = text.strip_suffix(b"-*") {
            return number(ms).map(Wanted::Within).ok_or(INVALID);
        }
        strict(text, 0).map(Wanted::Exactly)
    }
}

/// An identifier; `missing_seq` where only milliseconds are given.
pub(super) fn strict(text: &[u8], missing_seq: u64) -> Result<StreamId, Error> {
    let parse = || {
        if text.len() > STREAM_ID_WRITTEN_BYTES_MAX {
            return None;
        }
        match memchr::memchr(b'-', text) {
            None => Some(StreamId::new(number(text)?, missing_seq)),
            Some(at) => Some(StreamId::new(
                number(&text[..at])?,
                number(&text[at + 1..])?,
            )),
        }
    };
    parse().ok_or(INVALID)
}

/// As `strict`, and `-` and `+` are the first and the last.
pub(super) fn any(text: &[u8], missing_seq: u64) -> Result<StreamId, Error> {
    match text {
        b"-" => Ok(StreamId::MIN),
        b"+" => Ok(StreamId::MAX),
        _ => strict(text, missing_seq),
    }
}

/// Where a range begins.
pub(super) fn range_start(text: &[u8]) -> Result<StreamId, Error> {
    match text.strip_prefix(b"(") {
        Some(excluded) if !excluded.is_empty() => strict(excluded, 0)?
            .next()
            .ok_or(Error::new("ERR invalid start ID for the interval")),
        _ => any(text, 0),
    }
}

/// Where a range ends.
pub(super) fn range_end(text: &[u8]) -> Result<StreamId, Error> {
    match text.strip_prefix(b"(") {
        Some(excluded) if !excluded.is_empty() => strict(excluded, u64::MAX)?
            .previous()
            .ok_or(Error::new("ERR invalid end ID for the interval")),
        _ => any(text, u64::MAX),
    }
}

/// A number as Redis reads it here: also with blanks, zeros or a `+` in front.
fn number(text: &[u8]) -> Option<u64> {
    if let Some(number) = parse_u64(text) {
        return Some(number);
    }
    let text = text.trim_ascii_start();
    let digits = text.strip_prefix(b"+").unwrap_or(text);
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    let digits = std::str::from_utf8(digits).ok().filter(|_| is_number)?;
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_read_as_redis_reads_them() {
        for (text, expected) in [
            (&b"5"[..], Some((5, 9))),
            (b"5-3", Some((5, 3))),
            (b"007-+1", Some((7, 1))),
            (
                b"18446744073709551615-18446744073709551615",
                Some((u64::MAX, u64::MAX)),
            ),
            (b"18446744073709551616", None),
            (b"-", None),
            (b"+", None),
            (b"5-", None),
            (b"", None),
            (b"5-3-1", None),
            (b"a", None),
        ] {
            let expected = expected.map(|(ms, seq)| StreamId::new(ms, seq));
            assert_eq!(strict(text, 9).ok(), expected, "{}", text.escape_ascii());
        }
        assert_eq!(Wanted::parse(b"5-*"), Ok(Wanted::Within(5)));
        assert_eq!(Wanted::parse(b"*"), Ok(Wanted::Auto));
        assert_eq!(range_start(b"(5-3"), Ok(StreamId::new(5, 4)));
        assert_eq!(range_end(b"(5"), Ok(StreamId::new(5, u64::MAX - 1)));
        assert!(range_start(b"(-").is_err() && range_end(b"(0-0").is_err());
        assert_eq!(
            IdText::new(StreamId::MAX).bytes(),
            StreamId::MAX.to_string().as_bytes()
        );
    }
}
