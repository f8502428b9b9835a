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

/// Appends a command as it arrived, in one piece. Returns how far its words have moved: a word that
/// was at `x` stands at `x + moved` now. None, and nothing is appended, where the words do not
/// stand as `write_command` would write them: an inline command, one that was packed up.
#[inline]
pub fn write_arrived(out: &mut Vec<u8>, args: &Args<'_>) -> Option<isize> {
    let (bytes, spans) = args.parts();
    let first = spans.first()?;
    let mut end = (first.start + first.len) as usize;
    for span in &spans[1..] {
        // "\r\n$", digits, "\r\n": nothing between two inline words has this byte in it.
        let start = end + 5 + digits(span.len as usize);
        if span.start as usize != start || bytes[end + 2] != b'$' {
            return None;
        }
        end = start + span.len as usize;
    }
    // "*", digits, "\r\n$", digits, "\r\n" stand before the first word.
    let name = digits(first.len as usize) + 3;
    let header = digits(spans.len()) + 3 + name;
    let start = (first.start as usize).checked_sub(header)?;
    let command = bytes.get(start..end + 2)?;
    if command[0] != b'*' || command[header - name] != b'$' || command[end + 1 - start] != b'\n' {
        return None;
    }
    let moved = out.len() as isize - start as isize;
    out.extend_from_slice(command);
    Some(moved)
}

#[inline]
fn digits(number: usize) -> usize {
    match number {
        0..10 => 1,
        10..100 => 2,
        100..1000 => 3,
        _ => number.ilog10() as usize + 1,
    }
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
    fn what_arrived_is_copied_if_it_is_written_so() {
        let (mut spans, mut words) = (Vec::new(), Vec::new());
        let limits = Limits {
            bulk_bytes_max: COMMAND_BYTES_MAX,
            authenticated: true,
        };
        let long = format!("*2\r\n$3\r\nGET\r\n$1234\r\n{}\r\n", "k".repeat(1234));
        for (sent, copied) in [
            (
                "*3\r\n$3\r\nSET\r\n$1\r\na\r\n$10\r\n$\r\n4567890\r\n",
                true,
            ),
            (&long, true),
            ("*1\r\n$4\r\nPING\r\n", true),
            ("*2\r\n$3\r\nGET\r\n$01\r\na\r\n", false),
            ("GET       abc\r\n", false),
        ] {
            let Parsed::Command { .. } = parse(sent.as_bytes(), limits, &mut spans, &mut words)
            else {
                continue;
            };
            let args = Args::new(sent.as_bytes(), &spans);
            let mut out = b"before".to_vec();
            let moved = write_arrived(&mut out, &args);
            assert_eq!(moved.is_some(), copied, "{sent:?}");
            assert_eq!(out.len() > 6, copied);
            if let Some(moved) = moved {
                assert_eq!(&out[6..], sent.as_bytes());
                let at = (spans[0].start as isize + moved) as usize;
                assert!(out[at..].starts_with(args.get(0)));
            }
        }
        // Packed up, words stand side by side.
        let packed = [Span::new(0, 3), Span::new(3, 1)];
        assert!(write_arrived(&mut Vec::new(), &Args::new(b"GETa", &packed)).is_none());
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
