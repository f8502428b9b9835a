//! A line split into words, with quotes and escapes: inline commands and config files alike.
//!
//! The rules are those of Redis's `sdssplitargs`: words between blanks, double quotes with
//! `\n \r \t \b \a \xHH` and any other byte as itself, single quotes with `\'` only; a quote that
//! closes ends its word. A NUL ends the line, as it does in C. Pure functions over bytes.

use super::Span;

/// What C's `isspace` takes for a blank; it stands before words.
fn is_blank(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == 0x0b
}

/// What ends a word without quotes: inside one the rarer blanks are ordinary bytes.
fn ends_word(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\r' | b'\t')
}

fn before_nul(line: &[u8]) -> &[u8] {
    line.split(|byte| *byte == 0).next().unwrap_or(line)
}

/// Where the first word from `at` on begins, or the end.
fn skip_blanks(line: &[u8], at: usize) -> usize {
    let word = line[at..].iter().position(|byte| !is_blank(*byte));
    word.map_or(line.len(), |blanks| at + blanks)
}

/// Appends the places in the line of the words of one without quotes.
pub(super) fn split_plain(line: &[u8], words: &mut Vec<Span>) {
    let line = before_nul(line);
    let mut start = skip_blanks(line, 0);
    while start < line.len() {
        let len = line[start..].iter().position(|byte| ends_word(*byte));
        let len = len.unwrap_or(line.len() - start);
        words.push(Span::new(start, len));
        start = skip_blanks(line, start + len);
    }
}

/// Appends the words' bytes to `text` and their places there to `words`; None when quotes do not
/// balance or a closing quote does not end its word.
#[must_use]
pub fn split_words(line: &[u8], text: &mut Vec<u8>, words: &mut Vec<Span>) -> Option<()> {
    let line = before_nul(line);
    let mut at = skip_blanks(line, 0);
    while at < line.len() {
        let start = text.len();
        while at < line.len() && !ends_word(line[at]) {
            at = match line[at] {
                quote @ (b'"' | b'\'') => {
                    at = quoted(line, at + 1, quote, text)?;
                    break;
                }
                byte => {
                    text.push(byte);
                    at + 1
                }
            };
        }
        words.push(Span::new(start, text.len() - start));
        at = skip_blanks(line, at);
    }
    Some(())
}

/// The inside of quotes from `at` on; returns the position behind the closing quote.
fn quoted(line: &[u8], mut at: usize, quote: u8, text: &mut Vec<u8>) -> Option<usize> {
    loop {
        let (byte, len) = match (*line.get(at)?, line.get(at + 1)) {
            (byte, next) if byte == quote => {
                return next.is_none_or(|byte| is_blank(*byte)).then_some(at + 1);
            }
            (b'\\', Some(&escaped)) if quote == b'"' => unescape(line, at, escaped),
            (b'\\', Some(b'\'')) => (b'\'', 2),
            (byte, _) => (byte, 1),
        };
        text.push(byte);
        at += len;
    }
}

/// The byte that the escape at `at` stands for and the escape's length.
fn unescape(line: &[u8], at: usize, escaped: u8) -> (u8, usize) {
    let digit = |offset| char::from(*line.get(at + offset)?).to_digit(16);
    if escaped == b'x'
        && let (Some(high), Some(low)) = (digit(2), digit(3))
    {
        let byte = u8::try_from(high * 16 + low).expect("two hexadecimal digits fit a byte");
        return (byte, 4);
    }
    let byte = match escaped {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 0x08,
        b'a' => 0x07,
        other => other,
    };
    (byte, 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &[u8]) -> Option<Vec<Vec<u8>>> {
        let (mut text, mut spans) = (Vec::new(), Vec::new());
        split_words(line, &mut text, &mut spans)?;
        let all = |spans: &[Span], text: &[u8]| -> Vec<Vec<u8>> {
            spans.iter().map(|span| span.of(text).to_vec()).collect()
        };
        let words = all(&spans, &text);
        if !line.iter().any(|byte| matches!(byte, b'"' | b'\'')) {
            spans.clear();
            split_plain(line, &mut spans);
            assert_eq!(all(&spans, line), words, "in place or not");
        }
        Some(words)
    }

    #[test]
    fn words_quotes_and_escapes_are_redis_s() {
        for (line, expected) in [
            (&b""[..], &[][..]),
            (b"\x0b \t", &[]),
            (b"save 900  1\t", &[&b"save"[..], b"900", b"1"]),
            (b"a \"b c\" 'd \"e' ", &[b"a", b"b c", b"d \"e"]),
            (b"\"\\x41\\n\\\"\\q\\x4\" '\\'\\n'", &[b"A\n\"qx4", b"'\\n"]),
            (b"save \"\"", &[b"save", b""]),
            (b"a\"b c\"", &[b"ab c"]),
            // Inside a word only four blanks end it, behind a quote all do.
            (b"a\x0bb a\x0cb \x0bab", &[b"a\x0bb", b"a\x0cb", b"ab"]),
            (b"a\rb", &[b"a", b"b"]),
            (b"\"a\"\x0bb", &[b"a", b"b"]),
            (b"a\x0b'b'", &[b"a\x0bb"]),
            (b"a b\0c d", &[b"a", b"b"]),
        ] {
            let expected: Vec<Vec<u8>> = expected.iter().map(|word| word.to_vec()).collect();
            assert_eq!(words(line), Some(expected), "{}", line.escape_ascii());
        }
        for unbalanced in [
            "\"a", "'a", "\"a\"b", "'a'b", "\"a\\\"", "a\"b\"c", "\"a\"'b'",
        ] {
            assert_eq!(words(unbalanced.as_bytes()), None, "{unbalanced}");
        }
    }
}
