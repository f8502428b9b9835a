//! A tiny client of RESP2 and RESP3 for tests written in Rust.
//!
//! Sends arrays of bulk strings and decodes any reply into a `Value`. Blocks with a read limit, so
//! a server that never answers fails a test instead of stopping it. Keeps no state but its buffer.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// How long one reply may take.
const READ_LIMIT: Duration = Duration::from_secs(10);

/// A decoded reply; what RESP3 adds is kept apart from what RESP2 has.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Simple(String),
    Error(String),
    Integer(i64),
    Bulk(Vec<u8>),
    Null,
    Array(Vec<Value>),
    Map(Vec<(Value, Value)>),
    Set(Vec<Value>),
    Push(Vec<Value>),
    Double(String),
    Boolean(bool),
    BigNumber(String),
    Verbatim(Vec<u8>),
}

/// One connection.
pub struct Client {
    stream: TcpStream,
    received: Vec<u8>,
    position: usize,
}

impl Client {
    pub fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_read_timeout(Some(READ_LIMIT))?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            received: Vec::new(),
            position: 0,
        })
    }

    /// Sends one command and reads its reply.
    pub fn call(&mut self, words: &[&str]) -> io::Result<Value> {
        let words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
        self.send(&encode(&words))?;
        self.read()
    }

    /// Another handle to send with, while this one reads.
    pub fn sender(&self) -> io::Result<TcpStream> {
        self.stream.try_clone()
    }

    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// Reads one reply or push.
    pub fn read(&mut self) -> io::Result<Value> {
        if self.position == self.received.len() {
            self.received.clear();
            self.position = 0;
        }
        let line = self.line()?;
        let (kind, rest) = line.split_at_checked(1).ok_or_else(|| bad(&line))?;
        let text = || String::from_utf8_lossy(rest).into_owned();
        Ok(match kind[0] {
            b'+' => Value::Simple(text()),
            b'-' => Value::Error(text()),
            b':' => Value::Integer(text().parse().map_err(|_| bad(&line))?),
            b',' => Value::Double(text()),
            b'(' => Value::BigNumber(text()),
            b'#' => Value::Boolean(rest == b"t"),
            b'_' => Value::Null,
            b'$' | b'=' => match count(&line)? {
                None => Value::Null,
                Some(len) if kind[0] == b'=' => Value::Verbatim(self.bytes(len)?),
                Some(len) => Value::Bulk(self.bytes(len)?),
            },
            b'*' | b'~' | b'>' => match count(&line)? {
                None => Value::Null,
                Some(len) => {
                    let items = (0..len)
                        .map(|_| self.read())
                        .collect::<io::Result<Vec<_>>>()?;
                    match kind[0] {
                        b'*' => Value::Array(items),
                        b'~' => Value::Set(items),
                        _ => Value::Push(items),
                    }
                }
            },
            b'%' => {
                let pairs = count(&line)?.ok_or_else(|| bad(&line))?;
                let pair = |client: &mut Self| Ok((client.read()?, client.read()?));
                Value::Map(
                    (0..pairs)
                        .map(|_| pair(self))
                        .collect::<io::Result<Vec<_>>>()?,
                )
            }
            _ => return Err(bad(&line)),
        })
    }

    /// One line without its CRLF.
    fn line(&mut self) -> io::Result<Vec<u8>> {
        let mut scanned = self.position;
        loop {
            let found = self.received[scanned..]
                .windows(2)
                .position(|pair| pair == b"\r\n");
            if let Some(offset) = found {
                let line = self.received[self.position..scanned + offset].to_vec();
                self.position = scanned + offset + 2;
                return Ok(line);
            }
            scanned = self.received.len().saturating_sub(1).max(self.position);
            self.fill()?;
        }
    }

    /// `len` bytes and the CRLF behind them.
    fn bytes(&mut self, len: usize) -> io::Result<Vec<u8>> {
        while self.received.len() - self.position < len + 2 {
            self.fill()?;
        }
        let bytes = self.received[self.position..self.position + len].to_vec();
        self.position += len + 2;
        Ok(bytes)
    }

    fn fill(&mut self) -> io::Result<()> {
        let mut chunk = [0; 16 * 1024];
        match self.stream.read(&mut chunk)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            count => {
                self.received.extend_from_slice(&chunk[..count]);
                Ok(())
            }
        }
    }
}

/// The command as an array of bulk strings.
pub fn encode(words: &[&[u8]]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        bytes.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        bytes.extend_from_slice(word);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}

/// The number after a type byte; None for -1.
fn count(line: &[u8]) -> io::Result<Option<usize>> {
    let text = std::str::from_utf8(&line[1..]).map_err(|_| bad(line))?;
    let number: i64 = text.parse().map_err(|_| bad(line))?;
    Ok(usize::try_from(number).ok())
}

fn bad(line: &[u8]) -> io::Error {
    let text = format!("not RESP: {:?}", String::from_utf8_lossy(line));
    io::Error::new(io::ErrorKind::InvalidData, text)
}
