//! What SORT is asked: order, window, patterns, destination.
//!
//! The last of an option given twice holds, but for GET, which may be given often. The same reading
//! finds the key of STORE for routing and locks.

use crate::resp::{Args, Error, parse_i64};
use std::ops::Range;

/// The element itself, as a pattern.
const ELEMENT: &[u8] = b"#";

/// A pattern of BY or GET: what makes a key of an element, and perhaps a field in it.
/// ```text
/// prefix * suffix | prefix * suffix -> field | #
/// ```
pub(super) struct Pattern<'a> {
    text: &'a [u8],
    /// Where the star is.
    star: Option<usize>,
    /// Where the key's pattern ends and its field begins.
    field: Option<(usize, &'a [u8])>,
}

impl<'a> Pattern<'a> {
    fn new(text: &'a [u8]) -> Self {
        let star = text.iter().position(|&byte| byte == b'*');
        let arrow = star.and_then(|star| {
            let behind = &text[star + 1..];
            let at = behind.windows(2).position(|pair| pair == b"->")?;
            Some(star + 1 + at)
        });
        let field = arrow.map(|arrow| (arrow, &text[arrow + 2..]));
        Self {
            text,
            star,
            field: field.filter(|(_, field)| !field.is_empty()),
        }
    }

    /// True for the element itself.
    pub fn is_element(&self) -> bool {
        self.text == ELEMENT
    }

    /// The key for an element; None when the pattern makes none.
    pub fn key(&self, element: &[u8]) -> Option<Vec<u8>> {
        let star = self.star?;
        let end = self.field.map_or(self.text.len(), |(arrow, _)| arrow);
        Some([&self.text[..star], element, &self.text[star + 1..end]].concat())
    }

    /// The field of that key's hash.
    pub fn field(&self) -> Option<&'a [u8]> {
        self.field.map(|(_, field)| field)
    }
}

#[derive(Default)]
pub(super) struct Options<'a> {
    pub descending: bool,
    pub alpha: bool,
    /// What elements are sorted by instead of themselves.
    pub by: Option<Pattern<'a>>,
    pub get: Vec<Pattern<'a>>,
    /// The argument that is the destination.
    pub store: Option<usize>,
    /// BY a constant: in whatever order they are.
    unsorted: bool,
    /// LIMIT's two numbers.
    limit: Option<(i64, i64)>,
}

impl<'a> Options<'a> {
    pub fn parse(args: &Args<'a>, may_store: bool) -> Result<Self, Error> {
        let mut options = Self::default();
        let mut at = 2;
        while at < args.len() {
            let left = args.len() - at - 1;
            at += 1;
            if args.is(at - 1, "asc") {
                options.descending = false;
            } else if args.is(at - 1, "desc") {
                options.descending = true;
            } else if args.is(at - 1, "alpha") {
                options.alpha = true;
            } else if args.is(at - 1, "limit") && left >= 2 {
                let number = |at| parse_i64(args.get(at)).ok_or(Error::NOT_INTEGER);
                options.limit = Some((number(at)?, number(at + 1)?));
                at += 2;
            } else if may_store && args.is(at - 1, "store") && left >= 1 {
                options.store = Some(at);
                at += 1;
            } else if args.is(at - 1, "by") && left >= 1 {
                let pattern = Pattern::new(args.get(at));
                // Once a constant was given no later pattern sorts, as in Redis.
                options.unsorted |= pattern.star.is_none();
                options.by = Some(pattern);
                at += 1;
            } else if args.is(at - 1, "get") && left >= 1 {
                options.get.push(Pattern::new(args.get(at)));
                at += 1;
            } else {
                return Err(Error::SYNTAX);
            }
        }
        Ok(options)
    }

    pub fn sorts(&self) -> bool {
        !self.unsorted
    }

    /// Sorts by the elements' own texts, whatever was asked.
    pub fn sort_by_text(&mut self) {
        self.unsorted = false;
        self.alpha = true;
        self.by = None;
    }

    /// Whether other keys are looked at.
    pub fn finds_keys(&self) -> bool {
        let mut patterns = self.by.iter().chain(&self.get);
        patterns.any(|pattern| pattern.star.is_some())
    }

    /// Which of so many elements are shown.
    pub fn window(&self, len: usize) -> Range<usize> {
        let (start, count) = self.limit.unwrap_or((0, -1));
        let start = usize::try_from(start).unwrap_or(0).min(len);
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        start..start.saturating_add(count).min(len)
    }
}

/// The argument that names the destination.
pub(super) fn store_at(args: &Args<'_>) -> Option<usize> {
    Options::parse(args, true).ok()?.store
}
