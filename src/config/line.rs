//! One line of a config file: split into words, and a value written so that it reads back the same.
//!
//! The quoting rules are those of inline commands (`resp::split_words`), as in Redis.
//! Pure functions over bytes.

use crate::resp::split_words;
use std::fmt::Write as _;

/// The words of a line; None when quotes do not balance or a closing quote does not end its word.
#[must_use]
pub fn split(line: &[u8]) -> Option<Vec<Vec<u8>>> {
    let (mut text, mut words) = (Vec::new(), Vec::new());
    split_words(line, &mut text, &mut words)?;
    Some(words.iter().map(|word| word.of(&text).to_vec()).collect())
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
