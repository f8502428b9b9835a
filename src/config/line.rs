//! One line of a config file: split into words, and a value written so that it reads back the same.
//!
//! The quoting rules are those of Redis's config files and of `redis-cli`: words between blanks,
//! double quotes with `\n \r \t \b \a \" \\ \xHH`, single quotes with `\'` only. Pure functions
//! over bytes.

use std::fmt::Write as _;

/// The words of a line; None when quotes do not balance or a closing quote does not end its word.
#[must_use]
pub fn split(line: &[u8]) -> Option<Vec<Vec<u8>>> {
    // A NUL ends the text, as it does in C.
    let line = line.split(|byte| *byte == 0).next().unwrap_or(line);
    let mut words = Vec::new();
    let mut at = 0;
    loop {
        at += line[at..]
            .iter()
            .take_while(|byte| is_blank(**byte))
            .count();
        if at >= line.len() {
            return Some(words);
        }
        let mut word = Vec::new();
        while at < line.len() && !ends_word(line[at]) {
            at = match line[at] {
                quote @ (b'"' | b'\'') => {
                    at = quoted(line, at + 1, quote, &mut word)?;
                    break;
                }
                byte => {
                    word.push(byte);
                    at + 1
                }
            };
        }
        words.push(word);
    }
}

/// What C's `isspace` takes for a blank; it separates words.
fn is_blank(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == 0x0b
}

/// Inside a plain word the rarer blanks are ordinary bytes, as in Redis.
fn ends_word(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\r' | b'\t')
}

/// The inside of quotes from `at` on; returns the position behind the closing quote.
fn quoted(line: &[u8], mut at: usize, quote: u8, word: &mut Vec<u8>) -> Option<usize> {
    loop {
        match (*line.get(at)?, line.get(at + 1)) {
            (byte, next) if byte == quote => {
                return next.is_none_or(|byte| is_blank(*byte)).then_some(at + 1);
            }
            (b'\\', Some(&escaped)) if quote == b'"' => {
                let (byte, len) = unescape(line, at, escaped);
                word.push(byte);
                at += len;
            }
            (b'\\', Some(b'\'')) => {
                word.push(b'\'');
                at += 2;
            }
            (byte, _) => {
                word.push(byte);
                at += 1;
            }
        }
    }
}

/// The byte that the escape at `at` stands for and the escape's length.
fn unescape(line: &[u8], at: usize, escaped: u8) -> (u8, usize) {
    if escaped == b'x' {
        let digit = |offset| {
            line.get(at + offset)
                .and_then(|byte| char::from(*byte).to_digit(16))
        };
        if let (Some(high), Some(low)) = (digit(2), digit(3)) {
            let byte = u8::try_from(high * 16 + low).expect("two hexadecimal digits fit a byte");
            return (byte, 4);
        }
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

/// A value between double quotes, everything unprintable escaped.
#[must_use]
pub fn quote(value: &[u8]) -> String {
    let mut out = String::with_capacity(value.len() + 2);
    out.push('"');
    for &byte in value {
        match byte {
            b'\\' | b'"' => {
                out.push('\\');
                out.push(char::from(byte));
            }
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            0x07 => out.push_str("\\a"),
            0x08 => out.push_str("\\b"),
            b' '..=b'~' => out.push(char::from(byte)),
            _ => write!(out, "\\x{byte:02x}").expect("writing to a String never fails"),
        }
    }
    out.push('"');
    out
}

/// A line without the blanks and line ends around it.
#[must_use]
pub fn trim(line: &[u8]) -> &[u8] {
    let is_edge = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
    let start = line
        .iter()
        .position(|byte| !is_edge(byte))
        .unwrap_or(line.len());
    let end = line
        .iter()
        .rposition(|byte| !is_edge(byte))
        .map_or(start, |last| last + 1);
    &line[start..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Option<Vec<String>> {
        let words = split(line.as_bytes())?;
        Some(
            words
                .into_iter()
                .map(|word| String::from_utf8_lossy(&word).into_owned())
                .collect(),
        )
    }

    #[test]
    fn quotes_and_escapes() {
        assert_eq!(words("save 900  1\t").unwrap(), ["save", "900", "1"]);
        assert_eq!(words(r#"a "b c" 'd "e' "#).unwrap(), ["a", "b c", "d \"e"]);
        assert_eq!(
            words(r#""\x41\n\"\q\x4" '\'\n'"#).unwrap(),
            ["A\n\"qx4", "'\\n"]
        );
        assert_eq!(words(r#"save """#).unwrap(), ["save", ""]);
        assert_eq!(words(r#"a"b c""#).unwrap(), ["ab c"]);
        assert_eq!(words(""), Some(vec![]));
        for unbalanced in ["\"a", "'a", "\"a\"b", "'a'b", "\"a\\\""] {
            assert_eq!(words(unbalanced), None, "{unbalanced}");
        }
    }

    #[test]
    fn what_is_quoted_reads_back() {
        let every: Vec<u8> = (0..=255).collect();
        assert_eq!(split(quote(&every).as_bytes()), Some(vec![every]));
    }

    #[test]
    fn trim_keeps_the_inside() {
        assert_eq!(trim(b" \t a b\r\n"), b"a b");
        assert_eq!(trim(b" \r\n"), b"");
    }
}
