//! The parser: one command from the front of received bytes, without copying.
//!
//! Of an incomplete command it says how many bytes are surely missing, so a long bulk string is not
//! scanned again for every packet, and leaves the spans it has found, from which `resume` goes on:
//! a command of a million small arguments costs the same in one packet and in a million. Never
//! allocates from a declared length.

use super::words::{split_plain, split_words};
use super::{Span, parse_i64};
use crate::limits::{
    ARGUMENTS_MAX, COMMAND_BYTES_MAX, INLINE_BYTES_MAX, UNAUTHENTICATED_ARGUMENTS_MAX,
    UNAUTHENTICATED_BULK_BYTES_MAX,
};

/// What a client may send at this moment.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Longest bulk string, bytes (`proto-max-bulk-len`).
    pub bulk_bytes_max: usize,
    /// False until a client that must authenticate has done so; then stricter limits hold.
    pub authenticated: bool,
}

/// The outcome of one attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parsed {
    /// A command lies in the first `consumed` bytes; its spans were written.
    Command { consumed: usize },
    /// Nothing but `consumed` bytes to skip: an empty line or an empty array.
    Nothing { consumed: usize },
    /// The command is incomplete; it cannot be complete before `needed` bytes are there in total.
    Incomplete { needed: usize },
    /// The protocol is violated; the text goes behind `ERR Protocol error: `, then the connection
    /// closes.
    Violation(Violation),
}

/// A protocol violation in Redis's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Violation {
    TooBigInline,
    UnbalancedQuotes,
    TooBigCountLine,
    TooBigBulkLine,
    InvalidMultibulkLength,
    UnauthenticatedMultibulkLength,
    InvalidBulkLength,
    UnauthenticatedBulkLength,
    ExpectedBulk(u8),
}

impl Violation {
    /// The whole error text, code included.
    #[must_use]
    pub fn text(self) -> String {
        let what = match self {
            Violation::TooBigInline => "too big inline request",
            Violation::UnbalancedQuotes => "unbalanced quotes in request",
            Violation::TooBigCountLine => "too big mbulk count string",
            Violation::TooBigBulkLine => "too big bulk count string",
            Violation::InvalidMultibulkLength => "invalid multibulk length",
            Violation::UnauthenticatedMultibulkLength => "unauthenticated multibulk length",
            Violation::InvalidBulkLength => "invalid bulk length",
            Violation::UnauthenticatedBulkLength => "unauthenticated bulk length",
            Violation::ExpectedBulk(byte) => {
                return format!(
                    "ERR Protocol error: expected '$', got '{}'",
                    char::from(byte)
                );
            }
        };
        format!("ERR Protocol error: {what}")
    }
}

/// Finds the command at the front of `bytes` and writes where its arguments lie into `spans`.
///
/// `unescaped` receives the arguments of an inline command that holds quotes or escapes; then the
/// spans point into it and it is not empty. Otherwise it is left empty and the spans point into
/// `bytes`.
#[inline]
pub fn parse(
    bytes: &[u8],
    limits: Limits,
    spans: &mut Vec<Span>,
    unescaped: &mut Vec<u8>,
) -> Parsed {
    spans.clear();
    unescaped.clear();
    match bytes.first() {
        None => Parsed::Incomplete { needed: 1 },
        Some(b'*') => multibulk(bytes, limits, spans),
        Some(_) => inline(bytes, spans, unescaped),
    }
}

/// Goes on with an incomplete array whose first arguments lie at `spans`, as an earlier attempt on
/// the same bytes, fewer then, left them.
#[cold]
pub fn resume(bytes: &[u8], limits: Limits, spans: &mut Vec<Span>) -> Parsed {
    assert!(
        bytes.first() == Some(&b'*'),
        "only an array has arguments to go on from"
    );
    multibulk(bytes, limits, spans)
}

/// A number line: `Ok(Some((value, end)))`, `end` behind its line end; `Ok(None)` while incomplete.
#[inline]
fn length_line(
    bytes: &[u8],
    at: usize,
    too_big: Violation,
) -> Result<Option<(Option<i64>, usize)>, Violation> {
    // The common case first: one or two digits.
    if let [digit @ b'0'..=b'9', b'\r', b'\n', ..] = bytes[at..] {
        return Ok(Some((Some(i64::from(digit - b'0')), at + 3)));
    }
    if let [tens @ b'1'..=b'9', ones @ b'0'..=b'9', b'\r', b'\n', ..] = bytes[at..] {
        return Ok(Some((
            Some(i64::from(tens - b'0') * 10 + i64::from(ones - b'0')),
            at + 4,
        )));
    }
    let Some(end) = memchr::memchr(b'\r', &bytes[at..]) else {
        return if bytes.len() - at > INLINE_BYTES_MAX {
            Err(too_big)
        } else {
            Ok(None)
        };
    };
    // Also when the whole line arrived at once: packet borders must not decide.
    if end > INLINE_BYTES_MAX {
        return Err(too_big);
    }
    if at + end + 1 >= bytes.len() {
        return Ok(None);
    }
    Ok(Some((parse_i64(&bytes[at..at + end]), at + end + 2)))
}

fn multibulk(bytes: &[u8], limits: Limits, spans: &mut Vec<Span>) -> Parsed {
    let (count, mut at) = match length_line(bytes, 1, Violation::TooBigCountLine) {
        Ok(Some((count, end))) => (count, end),
        Ok(None) => {
            return Parsed::Incomplete {
                needed: bytes.len() + 1,
            };
        }
        Err(violation) => return Parsed::Violation(violation),
    };
    let count = match count {
        Some(count) if count <= ARGUMENTS_MAX as i64 => count,
        _ => return Parsed::Violation(Violation::InvalidMultibulkLength),
    };
    if count > UNAUTHENTICATED_ARGUMENTS_MAX as i64 && !limits.authenticated {
        return Parsed::Violation(Violation::UnauthenticatedMultibulkLength);
    }
    let Ok(count) = usize::try_from(count) else {
        return Parsed::Nothing { consumed: at };
    };
    if count == 0 {
        return Parsed::Nothing { consumed: at };
    }
    if let Some(last) = spans.last() {
        at = last.start as usize + last.len as usize + 2;
    }
    for _ in spans.len()..count {
        match bulk(bytes, at, limits) {
            Ok((span, end)) => {
                spans.push(span);
                at = end;
            }
            Err(parsed) => return parsed,
        }
    }
    Parsed::Command { consumed: at }
}

#[inline]
fn bulk(bytes: &[u8], at: usize, limits: Limits) -> Result<(Span, usize), Parsed> {
    match bytes.get(at) {
        None => return Err(Parsed::Incomplete { needed: at + 1 }),
        Some(b'$') => {}
        Some(&other) => return Err(Parsed::Violation(Violation::ExpectedBulk(other))),
    }
    let (len, start) = match length_line(bytes, at + 1, Violation::TooBigBulkLine) {
        Ok(Some((len, end))) => (len, end),
        Ok(None) => {
            return Err(Parsed::Incomplete {
                needed: bytes.len() + 1,
            });
        }
        Err(violation) => return Err(Parsed::Violation(violation)),
    };
    let len = match len.map(usize::try_from) {
        Some(Ok(len)) if len <= limits.bulk_bytes_max => len,
        _ => return Err(Parsed::Violation(Violation::InvalidBulkLength)),
    };
    if len > UNAUTHENTICATED_BULK_BYTES_MAX && !limits.authenticated {
        return Err(Parsed::Violation(Violation::UnauthenticatedBulkLength));
    }
    let end = start + len + 2;
    if end > COMMAND_BYTES_MAX {
        return Err(Parsed::Violation(Violation::InvalidBulkLength));
    }
    if end > bytes.len() {
        return Err(Parsed::Incomplete { needed: end });
    }
    Ok((Span::new(start, len), end))
}

fn inline(bytes: &[u8], spans: &mut Vec<Span>, unescaped: &mut Vec<u8>) -> Parsed {
    let Some(newline) = memchr::memchr(b'\n', bytes) else {
        return if bytes.len() > INLINE_BYTES_MAX {
            Parsed::Violation(Violation::TooBigInline)
        } else {
            Parsed::Incomplete {
                needed: bytes.len() + 1,
            }
        };
    };
    if newline > INLINE_BYTES_MAX {
        return Parsed::Violation(Violation::TooBigInline);
    }
    let line = bytes[..newline]
        .strip_suffix(b"\r")
        .unwrap_or(&bytes[..newline]);
    let consumed = newline + 1;
    if !line.iter().any(|byte| matches!(byte, b'"' | b'\'')) {
        split_plain(line, spans);
    } else if split_words(line, unescaped, spans).is_none() {
        return Parsed::Violation(Violation::UnbalancedQuotes);
    }
    if spans.is_empty() {
        Parsed::Nothing { consumed }
    } else {
        Parsed::Command { consumed }
    }
}
