//! Commands as arrays of bulk strings, written and read back: the form of logs and streams.
//!
//! Pure functions over bytes. Reads only what `write_command` writes, arrays that are whole: what
//! clients send, inline commands and pieces included, is `parse`'s business.

use super::{Args, Limits, Parsed, Span, parse};
use crate::limits::COMMAND_BYTES_MAX;

/// Appends a command of these words, the name first.
pub fn write_command<'a>(out: &mut Vec<u8>, words: impl ExactSizeIterator<Item = &'a [u8]>) {
    write_count(out, words.len());
    for word in words {
        write_bulk(out, word);
    }
}

/// Appends what stands before a command of so many words.
#[inline]
pub fn write_count(out: &mut Vec<u8>, words: usize) {
    assert!(words > 0, "a command has a name");
    write_length(out, b'*', words);
}

/// Appends a word of a command.
#[inline]
pub fn write_bulk(out: &mut Vec<u8>, word: &[u8]) {
    write_length(out, b'$', word.len());
    out.extend_from_slice(word);
    out.extend_from_slice(b"\r\n");
}

#[inline]
fn write_length(out: &mut Vec<u8>, kind: u8, len: usize) {
    if len < 100 {
        // Pieces of a constant size are one store each; what is too much goes again.
        let (tens, ones) = (b'0' + (len / 10) as u8, b'0' + (len % 10) as u8);
        let (line, size) = match len {
            0..10 => ([kind, ones, b'\r', b'\n', 0], 4),
            _ => ([kind, tens, ones, b'\r', b'\n'], 5),
        };
        let end = out.len() + size;
        out.extend_from_slice(&line);
        out.truncate(end);
        return;
    }
    let mut digits = itoa::Buffer::new();
    out.push(kind);
    out.extend_from_slice(digits.format(len).as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// Reads commands one after the other. Not an iterator: the arguments of a command are valid until
/// the next one is read.
#[derive(Debug)]
pub struct Commands<'a> {
    bytes: &'a [u8],
    at: usize,
    spans: Vec<Span>,
}

impl<'a> Commands<'a> {
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            at: 0,
            spans: Vec::new(),
        }
    }

    /// The next command; None at the end, or where no whole command stands.
    #[allow(
        clippy::should_implement_trait,
        reason = "a command borrows from the reader"
    )]
    pub fn next(&mut self) -> Option<Args<'_>> {
        let rest = &self.bytes[self.at..];
        if rest.first() != Some(&b'*') {
            return None;
        }
        let limits = Limits {
            bulk_bytes_max: COMMAND_BYTES_MAX,
            authenticated: true,
        };
        match parse(rest, limits, &mut self.spans, &mut Vec::new()) {
            Parsed::Command { consumed } => {
                self.at += consumed;
                assert!(self.at <= self.bytes.len(), "a command lies in its bytes");
                Some(Args::new(rest, &self.spans))
            }
            _ => None,
        }
    }

    /// How many bytes have been read; all of them after the last command of a whole stream.
    #[must_use]
    pub fn position(&self) -> usize {
        self.at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back() {
        let commands: [&[&[u8]]; 3] = [
            &[b"SET", b"key", b"a\r\n$3\r\nb"],
            &[b"DEL", b""],
            &[b"FLUSHALL"],
        ];
        let mut out = Vec::new();
        for words in commands {
            write_command(&mut out, words.iter().copied());
        }
        assert!(out.starts_with(b"*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$8\r\na\r\n$3\r\nb\r\n*2\r\n"));
        let mut read = Commands::new(&out);
        for words in commands {
            let args = read.next().expect("there is another one");
            assert_eq!(args.from(0).collect::<Vec<_>>(), words);
        }
        assert!(read.next().is_none());
        assert_eq!(read.position(), out.len());
    }

    #[test]
    fn lengths_of_every_size_are_written() {
        for len in [0, 1, 9, 10, 57, 99, 100, 101, 65_536] {
            let mut out = Vec::new();
            let word = vec![b'w'; len];
            write_bulk(&mut out, &word);
            let expected = format!("${len}\r\n{}\r\n", "w".repeat(len));
            assert_eq!(out, expected.as_bytes(), "{len}");
            out.clear();
            write_count(&mut out, len + 1);
            assert_eq!(out, format!("*{}\r\n", len + 1).as_bytes());
        }
    }

    #[test]
    fn it_stops_where_no_whole_array_stands() {
        let whole = b"*1\r\n$4\r\nPING\r\n";
        for rest in [
            &b"*1\r\n$4\r\nPIN"[..],
            b"PING\r\n",
            b"*0\r\n",
            b"*x\r\n",
            b"\0",
        ] {
            let bytes = [whole, rest].concat();
            let mut read = Commands::new(&bytes);
            assert!(read.next().is_some());
            assert!(read.next().is_none(), "{}", rest.escape_ascii());
            assert_eq!(read.position(), whole.len());
        }
    }
}
