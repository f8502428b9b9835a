//! The glob matcher: never panics, and literal text escaped as a pattern matches itself.
//!
//! The input is a pattern and a text, separated by the first line end.

use cairn::resp::glob_match;

use crate::Target;

pub const TARGET: Target = Target {
    name: "glob",
    check,
    seeds: &[
        b"h[a-e]*l?o\nhello",
        b"a*a*a*b\naaaaaaaa",
        b"[^x]\\*\ny*",
        b"[\nx",
        b"\n",
    ],
    words: &[
        b"*", b"**", b"?", b"[", b"]", b"[^", b"-", b"\\", b"[a-", b"a", b"\n",
    ],
};

fn check(input: &[u8]) {
    let mut parts = input.splitn(2, |byte| *byte == b'\n');
    let (pattern, text) = (
        parts.next().unwrap_or_default(),
        parts.next().unwrap_or_default(),
    );
    let exact = glob_match(pattern, text, false);
    // Escaped members of a class are compared exactly even where case is ignored, and `[^...]`
    // inverts.
    let simple = !pattern.contains(&b'[');
    let relaxed = glob_match(pattern, text, true);
    assert!(!exact || relaxed || !simple, "ignoring case loses a match");
    if text.is_empty() {
        return assert_eq!(
            exact,
            pattern.is_empty(),
            "only the empty pattern fits the empty text"
        );
    }
    let literal: Vec<u8> = text.iter().flat_map(|byte| [b'\\', *byte]).collect();
    assert!(
        glob_match(&literal, text, false),
        "an escaped text matches itself"
    );
    let around = [b"*".as_slice(), &literal, b"*"].concat();
    assert!(
        glob_match(&around, text, true),
        "stars match nothing at all"
    );
    let first: Vec<u8> = [b"*".as_slice(), &literal[literal.len() - 2..]].concat();
    assert!(
        glob_match(&first, text, false),
        "a star takes all but the last byte"
    );
}
