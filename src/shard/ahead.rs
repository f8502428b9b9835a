//! Commands parsed ahead of their execution.
//!
//! A pipeline is parsed a few commands at a time before any of them runs, so that the memory they
//! will need can be fetched meanwhile. Parsing has no effects, so a command that must not run yet
//! is simply parsed again later. Owned by the shard, reused for every buffer; knows nothing of
//! clients.

use crate::cmd::key_slot;
use crate::limits::{AHEAD_MAX, AHEAD_SPANS_KEPT, RESUMED_SPANS_MIN};
use crate::resp::{Limits, Parsed, Span, Violation, parse, resume};
use crate::store::Slot;

/// Why parsing stopped where it did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// There may be more.
    Full,
    /// Bytes up to `end` hold nothing.
    Nothing { end: usize },
    /// The rest is no whole command; it needs this many bytes.
    Incomplete { needed: usize },
    /// The rest violates the protocol.
    Violation(Violation),
}

/// One parsed command.
#[derive(Debug, Clone, Copy)]
pub struct AheadCommand {
    /// Where its bytes begin and end.
    pub start: usize,
    pub end: usize,
    pub first_span: usize,
    pub spans: usize,
    /// Its spans point into `Ahead::unescaped`; such a command is always the only one.
    pub unescaped: bool,
    /// Slot of its first argument, should that be a key.
    pub first_slot: Option<Slot>,
}

impl AheadCommand {
    /// The first argument.
    #[inline]
    #[must_use]
    pub(super) fn key_bytes<'a>(&self, ahead: &Ahead, bytes: &'a [u8]) -> &'a [u8] {
        let span = ahead.spans[self.first_span + 1];
        &bytes[self.start + span.start as usize..][..span.len as usize]
    }
}

/// The commands, and the memory for finding them.
#[derive(Debug, Default)]
pub struct Ahead {
    pub commands: Vec<AheadCommand>,
    pub spans: Vec<Span>,
    pub unescaped: Vec<u8>,
    scratch: Vec<Span>,
    /// `scratch` holds the first arguments of the unfinished command that comes next.
    resumed: bool,
}

/// What the shard parses and routes with, used again for every buffer and command.
#[derive(Debug, Default)]
pub struct Parsing {
    pub ahead: Ahead,
    /// Where the keys of the command in hand stand among its arguments.
    pub positions: Vec<usize>,
}

/// Where a run of empty lines and empty arrays ends: whoever sends thousands of them costs no more
/// than their bytes.
fn behind_nothing(bytes: &[u8], mut at: usize) -> usize {
    const EMPTY: [&[u8]; 3] = [b"*0\r\n", b"\r\n", b"\n"];
    while let Some(empty) = EMPTY.iter().find(|empty| bytes[at..].starts_with(empty)) {
        at += empty.len();
    }
    at
}

impl Ahead {
    /// Parses up to `most` commands of `bytes` from `at` on.
    #[inline]
    pub fn parse(&mut self, bytes: &[u8], mut at: usize, limits: Limits, most: usize) -> Stop {
        assert!(
            (1..=AHEAD_MAX).contains(&most),
            "how far to parse ahead is bounded"
        );
        self.commands.clear();
        self.spans.clear();
        // Before AUTH the next command's limits depend on this one's outcome.
        let most = if limits.authenticated { most } else { 1 };
        while self.commands.len() < most && at < bytes.len() {
            let parsed = if self.resumed {
                self.resumed = false;
                resume(&bytes[at..], limits, &mut self.scratch)
            } else {
                parse(&bytes[at..], limits, &mut self.scratch, &mut self.unescaped)
            };
            match parsed {
                Parsed::Command { consumed } => {
                    let unescaped = !self.unescaped.is_empty();
                    if unescaped && !self.commands.is_empty() {
                        self.unescaped.clear();
                        return Stop::Full;
                    }
                    self.push(bytes, at, consumed, unescaped);
                    at += consumed;
                    if unescaped {
                        return Stop::Full;
                    }
                }
                Parsed::Nothing { consumed } => {
                    let end = behind_nothing(bytes, at + consumed);
                    return Stop::Nothing { end };
                }
                Parsed::Incomplete { needed } => return Stop::Incomplete { needed },
                Parsed::Violation(violation) => return Stop::Violation(violation),
            }
        }
        Stop::Full
    }

    /// The next bytes parsed begin with an unfinished command whose first arguments these are.
    pub fn resume(&mut self, spans: Vec<Span>) {
        assert!(!self.resumed, "one unfinished command at a time");
        self.scratch = spans;
        self.resumed = true;
        self.unescaped.clear();
    }

    /// After `Stop::Incomplete`: the arguments found so far, if finding them again would cost much.
    #[inline]
    #[allow(
        clippy::box_collection,
        reason = "clients keep it, and most have none: a pointer instead of three words"
    )]
    pub fn unfinished(&mut self) -> Option<Box<Vec<Span>>> {
        (self.scratch.len() >= RESUMED_SPANS_MIN)
            .then(|| Box::new(std::mem::take(&mut self.scratch)))
    }

    /// Gives back what a command of very many arguments took.
    #[inline]
    pub fn shrink(&mut self) {
        if self.spans.capacity().max(self.scratch.capacity()) > AHEAD_SPANS_KEPT {
            self.spans = Vec::new();
            self.scratch = Vec::new();
        }
    }

    #[inline]
    fn push(&mut self, bytes: &[u8], start: usize, consumed: usize, unescaped: bool) {
        let first_span = self.spans.len();
        self.spans.extend_from_slice(&self.scratch);
        let first = self.scratch.get(1).filter(|_| !unescaped);
        let first_slot =
            first.map(|span| key_slot(&bytes[start + span.start as usize..][..span.len as usize]));
        let (end, spans) = (start + consumed, self.scratch.len());
        self.commands.push(AheadCommand {
            start,
            end,
            first_span,
            spans,
            unescaped,
            first_slot,
        });
    }
}
