//! One client: sends what it is given and counts the replies that come back.
//!
//! Blocking, with a limit: a reply that does not come within `REPLY_LIMIT` ends the load with a
//! message, because a server that forgets a client must not look like a slow one.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// How long a reply may take.
const REPLY_LIMIT: Duration = Duration::from_secs(20);

/// Errors that are right answers under contention.
const EXPECTED: [&[u8]; 2] = [b"-ERR no such key", b"-WRONGTYPE"];

pub struct Connection {
    socket: TcpStream,
    received: Vec<u8>,
    at: usize,
    /// Error replies that were not expected.
    pub errors: u64,
    pub last_error: Vec<u8>,
}

impl Connection {
    pub fn open(port: u16) -> Self {
        let opened = TcpStream::connect(("127.0.0.1", port)).and_then(|socket| {
            socket.set_nodelay(true)?;
            socket.set_read_timeout(Some(REPLY_LIMIT))?;
            Ok(socket)
        });
        let socket = opened.unwrap_or_else(|error| fail(&format!("port {port}: {error}")));
        Connection {
            socket,
            received: Vec::new(),
            at: 0,
            errors: 0,
            last_error: Vec::new(),
        }
    }

    pub fn send(&mut self, bytes: &[u8]) {
        if let Err(error) = self.socket.write_all(bytes) {
            fail(&format!("send: {error}"));
        }
    }

    /// Waits for `count` replies.
    pub fn await_replies(&mut self, count: usize) {
        for _ in 0..count {
            loop {
                match skip(&self.received, self.at) {
                    Some(end) => {
                        self.look(end);
                        self.at = end;
                        break;
                    }
                    None => self.receive(),
                }
            }
        }
        if self.at == self.received.len() {
            self.received.clear();
            self.at = 0;
        }
    }

    /// Sends one command and waits for its reply.
    pub fn ask(&mut self, arguments: &[&str]) {
        let mut bytes = Vec::new();
        crate::commands::push(&mut bytes, arguments);
        self.send(&bytes);
        self.await_replies(1);
    }

    fn look(&mut self, end: usize) {
        let reply = &self.received[self.at..end];
        let expected = EXPECTED.iter().any(|error| reply.starts_with(error));
        if reply.first() == Some(&b'-') && !expected {
            self.errors += 1;
            self.last_error = reply.to_vec();
        }
    }

    fn receive(&mut self) {
        let start = self.received.len();
        self.received.resize(start + 16 * 1024, 0);
        match self.socket.read(&mut self.received[start..]) {
            Ok(0) => fail("the server closed a connection"),
            Ok(bytes) => self.received.truncate(start + bytes),
            Err(error) => fail(&format!("no reply within {REPLY_LIMIT:?}: {error}")),
        }
    }
}

/// Says what went wrong and ends the load.
pub fn fail(reason: &str) -> ! {
    eprintln!("load: {reason}");
    std::process::exit(1);
}

/// Where the RESP2 reply that begins at `start` ends; None while it is incomplete.
fn skip(bytes: &[u8], start: usize) -> Option<usize> {
    let line = bytes
        .get(start..)?
        .windows(2)
        .position(|two| two == b"\r\n")?;
    let end = start + line + 2;
    let number = || -> i64 {
        let digits = std::str::from_utf8(&bytes[start + 1..start + line]).ok();
        digits
            .and_then(|digits| digits.parse().ok())
            .unwrap_or_else(|| fail("a reply without a length"))
    };
    match bytes[start] {
        b'+' | b'-' | b':' => Some(end),
        b'$' => {
            let end = usize::try_from(number()).map_or(end, |len| end + len + 2);
            (end <= bytes.len()).then_some(end)
        }
        b'*' => (0..number().max(0)).try_fold(end, |at, _| skip(bytes, at)),
        other => fail(&format!("a reply that begins with {other}")),
    }
}

#[cfg(test)]
mod tests {
    use super::skip;

    #[test]
    fn replies_are_skipped_whole_or_not_at_all() {
        for reply in [
            &b"+OK\r\n"[..],
            b"-ERR no\r\n",
            b":12\r\n",
            b"$3\r\na\r\n\r\n",
            b"$-1\r\n",
            b"*-1\r\n",
            b"*0\r\n",
            b"*3\r\n$1\r\na\r\n*1\r\n:1\r\n$-1\r\n",
        ] {
            assert_eq!(skip(reply, 0), Some(reply.len()));
            for len in 0..reply.len() {
                assert_eq!(skip(&reply[..len], 0), None);
            }
        }
    }
}
