//! The encoder: replies written straight into a byte vector, in RESP2 or RESP3.
//!
//! One method per kind of reply. A kind that RESP2 lacks is written the way Redis writes it to a
//! RESP2 client (a map as a flat array, a double as a bulk string, null as `$-1`). Simple strings
//! and errors are stripped of line ends here, so nothing that a client or a script sends can forge
//! a reply.

use super::{Error, format_f64};

/// The protocol version a client speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Protocol {
    #[default]
    Resp2,
    Resp3,
}

/// Writes one reply.
#[derive(Debug)]
pub struct Reply<'a> {
    out: &'a mut Vec<u8>,
    protocol: Protocol,
}

impl<'a> Reply<'a> {
    /// Appends to `out` in the given protocol.
    pub fn new(out: &'a mut Vec<u8>, protocol: Protocol) -> Self {
        Self { out, protocol }
    }

    /// The protocol that is written.
    #[must_use]
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Bytes in the sink, whatever wrote them; with `truncate` it undoes a half-written reply.
    #[must_use]
    pub fn position(&self) -> usize {
        self.out.len()
    }

    /// Cuts the sink back to a `position`.
    pub fn truncate(&mut self, position: usize) {
        assert!(
            position <= self.out.len(),
            "truncate only takes back what was written"
        );
        self.out.truncate(position);
    }

    /// `+OK`.
    #[inline]
    pub fn ok(&mut self) {
        self.out.extend_from_slice(b"+OK\r\n");
    }

    /// A simple string.
    pub fn simple(&mut self, text: &str) {
        self.line(b'+', text.as_bytes());
    }

    /// An error reply.
    pub fn error(&mut self, error: &Error) {
        self.line(b'-', error.text().as_bytes());
    }

    /// An integer.
    #[inline]
    pub fn integer(&mut self, value: i64) {
        self.header(b':', value);
    }

    /// A bulk string.
    #[inline]
    pub fn bulk(&mut self, bytes: &[u8]) {
        self.out.reserve(bytes.len() + 32);
        self.header(
            b'$',
            i64::try_from(bytes.len()).expect("a slice's length fits i64"),
        );
        self.out.extend_from_slice(bytes);
        self.out.extend_from_slice(b"\r\n");
    }

    /// An integer as a bulk string, as GET answers for an int-encoded value.
    pub fn bulk_integer(&mut self, value: i64) {
        self.bulk(itoa::Buffer::new().format(value).as_bytes());
    }

    /// A double as a bulk string in either protocol, as ZSCAN answers.
    pub fn bulk_double(&mut self, value: f64) {
        self.bulk(format_f64(value).as_bytes());
    }

    /// No value: `$-1` or `_`.
    #[inline]
    pub fn null(&mut self) {
        self.out.extend_from_slice(match self.protocol {
            Protocol::Resp2 => b"$-1\r\n",
            Protocol::Resp3 => b"_\r\n",
        });
    }

    /// No array: `*-1` or `_`.
    pub fn null_array(&mut self) {
        self.out.extend_from_slice(match self.protocol {
            Protocol::Resp2 => b"*-1\r\n",
            Protocol::Resp3 => b"_\r\n",
        });
    }

    /// The head of an array; `len` replies follow.
    pub fn array(&mut self, len: usize) {
        self.aggregate(b'*', len);
    }

    /// The head of a map of `len` pairs; 2 x `len` replies follow.
    pub fn map(&mut self, len: usize) {
        match self.protocol {
            Protocol::Resp2 => self.aggregate(b'*', len * 2),
            Protocol::Resp3 => self.aggregate(b'%', len),
        }
    }

    /// The head of a set.
    pub fn set(&mut self, len: usize) {
        match self.protocol {
            Protocol::Resp2 => self.aggregate(b'*', len),
            Protocol::Resp3 => self.aggregate(b'~', len),
        }
    }

    /// The head of a push message (an array for RESP2).
    pub fn push(&mut self, len: usize) {
        match self.protocol {
            Protocol::Resp2 => self.aggregate(b'*', len),
            Protocol::Resp3 => self.aggregate(b'>', len),
        }
    }

    /// The head of an attribute map of `len` pairs; RESP3 only, the caller leaves it out for RESP2.
    pub fn attribute(&mut self, len: usize) {
        assert!(
            self.protocol == Protocol::Resp3,
            "attributes exist in RESP3 only"
        );
        self.aggregate(b'|', len);
    }

    /// A double; a bulk string for RESP2.
    pub fn double(&mut self, value: f64) {
        let text = format_f64(value);
        match self.protocol {
            Protocol::Resp2 => self.bulk(text.as_bytes()),
            Protocol::Resp3 => self.line(b',', text.as_bytes()),
        }
    }

    /// A truth value; `:1` or `:0` for RESP2.
    pub fn boolean(&mut self, value: bool) {
        match self.protocol {
            Protocol::Resp2 => self.integer(i64::from(value)),
            Protocol::Resp3 => {
                self.out
                    .extend_from_slice(if value { b"#t\r\n" } else { b"#f\r\n" })
            }
        }
    }

    /// A big number, decimal digits; a bulk string for RESP2.
    pub fn big_number(&mut self, digits: &str) {
        match self.protocol {
            Protocol::Resp2 => self.bulk(digits.as_bytes()),
            Protocol::Resp3 => self.line(b'(', digits.as_bytes()),
        }
    }

    /// Text with a three-letter format (`txt`, `mkd`); a bulk string for RESP2.
    pub fn verbatim(&mut self, format: &str, text: &[u8]) {
        assert!(
            format.len() == 3,
            "a verbatim string's format has three letters"
        );
        if self.protocol == Protocol::Resp2 {
            return self.bulk(text);
        }
        self.header(
            b'=',
            i64::try_from(text.len() + 4).expect("a slice's length fits i64"),
        );
        self.out.extend_from_slice(format.as_bytes());
        self.out.push(b':');
        self.out.extend_from_slice(text);
        self.out.extend_from_slice(b"\r\n");
    }

    /// Bytes that are encoded already, for example a part of a reply that another shard made.
    pub fn encoded(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    fn aggregate(&mut self, kind: u8, len: usize) {
        self.header(
            kind,
            i64::try_from(len).expect("an array's length fits i64"),
        );
    }

    #[inline]
    fn header(&mut self, kind: u8, value: i64) {
        let mut digits = itoa::Buffer::new();
        self.out.push(kind);
        self.out.extend_from_slice(digits.format(value).as_bytes());
        self.out.extend_from_slice(b"\r\n");
    }

    fn line(&mut self, kind: u8, text: &[u8]) {
        self.out.push(kind);
        self.out.extend(text.iter().map(|&byte| {
            if byte == b'\r' || byte == b'\n' {
                b' '
            } else {
                byte
            }
        }));
        self.out.extend_from_slice(b"\r\n");
    }
}

/// The length of the first encoded reply in `bytes`, nested elements included.
#[must_use]
pub fn element_len(bytes: &[u8]) -> usize {
    let mut at = 0;
    let mut left = 1usize;
    while left > 0 {
        let line =
            memchr::memchr(b'\n', &bytes[at..]).expect("an encoded reply has its line ends") + 1;
        let number = super::parse_i64(&bytes[at + 1..at + line - 2]);
        let count = number.and_then(|number| usize::try_from(number).ok());
        left -= 1;
        match (bytes[at], count) {
            (b'$' | b'=', Some(len)) => at += len + 2,
            (b'*' | b'~' | b'>', Some(len)) => left += len,
            (b'%', Some(len)) => left += 2 * len,
            (b'|', Some(len)) => left += 2 * len + 1,
            _ => {}
        }
        at += line;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    fn both(write: impl Fn(&mut Reply)) -> (String, String) {
        let mut texts = [Protocol::Resp2, Protocol::Resp3]
            .into_iter()
            .map(|protocol| {
                let mut out = Vec::new();
                write(&mut Reply::new(&mut out, protocol));
                String::from_utf8(out).expect("replies of this test are text")
            });
        (texts.next().expect("two"), texts.next().expect("two"))
    }

    #[test]
    fn kinds_fall_back_in_resp2() {
        assert_eq!(
            both(|reply| reply.null()),
            ("$-1\r\n".into(), "_\r\n".into())
        );
        assert_eq!(
            both(|reply| reply.null_array()),
            ("*-1\r\n".into(), "_\r\n".into())
        );
        assert_eq!(both(|r| r.map(2)), ("*4\r\n".into(), "%2\r\n".into()));
        assert_eq!(
            both(|r| r.double(1.5)),
            ("$3\r\n1.5\r\n".into(), ",1.5\r\n".into())
        );
        assert_eq!(
            both(|r| r.boolean(true)),
            (":1\r\n".into(), "#t\r\n".into())
        );
        assert_eq!(
            both(|r| r.verbatim("txt", b"a")),
            ("$1\r\na\r\n".into(), "=5\r\ntxt:a\r\n".into())
        );
    }

    #[test]
    fn a_line_cannot_be_forged() {
        let text = both(|r| r.error(&Error::from("ERR a\r\n+OK".to_string()))).0;
        assert_eq!(text, "-ERR a  +OK\r\n");
    }
}
