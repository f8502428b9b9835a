//! The protocol: RESP2, RESP3 and inline commands in, replies out.
//!
//! `parse` finds one command in received bytes without copying, `words` splits a line, `reply`
//! encodes into a byte vector, `number` converts between text and numbers exactly as Redis does.
//! Pure functions over bytes: no client state, no store, no I/O.

mod command;
mod error;
mod glob;
mod number;
mod parse;
mod reply;
mod words;

pub use command::{Commands, write_arrived, write_bulk, write_command, write_count};
pub use error::Error;
pub use glob::glob_match;
use number::format_f64;
pub use number::{parse_f64, parse_i64, parse_u64};
pub use parse::{Limits, Parsed, Violation, parse, resume};
pub use reply::{Protocol, Reply, element_len};
pub use words::split_words;

/// The version of Redis whose commands and replies clients may expect, as Valkey too says.
pub const REDIS_VERSION: &str = "7.2.4";

/// Where one argument lies in the buffer that holds the command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    pub start: u32,
    pub len: u32,
}

impl Span {
    #[inline]
    fn new(start: usize, len: usize) -> Self {
        let start = u32::try_from(start).expect("a command is shorter than 4 GiB");
        let len = u32::try_from(len).expect("a command is shorter than 4 GiB");
        Self { start, len }
    }

    /// The argument, out of that buffer.
    #[inline]
    #[must_use]
    pub fn of(self, bytes: &[u8]) -> &[u8] {
        &bytes[self.start as usize..][..self.len as usize]
    }
}

/// The arguments of one command, the command's name first; borrowed from the buffer they arrived
/// in.
#[derive(Debug, Clone, Copy)]
pub struct Args<'a> {
    bytes: &'a [u8],
    spans: &'a [Span],
}

impl<'a> Args<'a> {
    /// Arguments at `spans` of `bytes`.
    #[must_use]
    pub fn new(bytes: &'a [u8], spans: &'a [Span]) -> Self {
        Self { bytes, spans }
    }

    /// The number of arguments, the name included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// True for a command without even a name, which the parser never yields.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Argument `index`; 0 is the name. Panics beyond the end, as slices do: arity is checked
    /// before.
    #[inline]
    #[must_use]
    pub fn get(&self, index: usize) -> &'a [u8] {
        self.spans[index].of(self.bytes)
    }

    /// Bytes of all arguments.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.spans.iter().map(|span| span.len as usize).sum()
    }

    /// All arguments from `first` on.
    pub fn from(&self, first: usize) -> impl ExactSizeIterator<Item = &'a [u8]> + Clone + use<'a> {
        let bytes = self.bytes;
        let spans = self.spans;
        (first.min(spans.len())..spans.len()).map(move |index| spans[index].of(bytes))
    }

    /// True when argument `index` exists and equals `word`, ignoring ASCII case.
    #[must_use]
    pub fn is(&self, index: usize, word: &str) -> bool {
        index < self.len() && self.get(index).eq_ignore_ascii_case(word.as_bytes())
    }

    /// The same arguments without the first `count`; for subcommand handlers that count from their
    /// own name.
    #[must_use]
    pub fn skip(&self, count: usize) -> Args<'a> {
        Args {
            bytes: self.bytes,
            spans: &self.spans[count..],
        }
    }

    /// The bytes of the spans, for carrying a command elsewhere.
    #[must_use]
    pub fn parts(&self) -> (&'a [u8], &'a [Span]) {
        (self.bytes, self.spans)
    }
}
