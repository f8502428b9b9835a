//! Transcripts: what clients send and what must come back, byte for byte.
//!
//! Bytes are compared, never decoded values, so that a reply's exact form is tested too. How a
//! transcript is written stands at `Transcript`. Knows the harness only, nothing of the server.

use std::fs;
use std::io::{Read, Result as IoResult, Write};
use std::net::{Shutdown, TcpStream};
use std::path::Path;
use std::time::Duration;

use crate::harness::client::encode;
use crate::harness::server::Server;

/// Sends longer than this are cut into as many pieces, not into single bytes, when sent bytewise.
const PIECES_MAX: usize = 8 * 1024;

/// Bytes of a reply that a complaint shows.
const SHOWN: usize = 300;

/// How the bytes of one step are written to the socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    Whole,
    Bytewise,
}

enum Action {
    Send(Vec<u8>),
    Expect(Vec<u8>),
    Match(String),
    Closed,
}

struct Step {
    line: usize,
    client: String,
    action: Action,
}

/// One file.
///
/// One step a line; `name` is a client, none means the first. A client connects at its first step.
///
/// ```text
/// # comment            @ compare             also run against redis-server, which must agree
/// name> SET a "b\n"    one command, as an array of bulk strings; words are quoted as in redis-cli
/// name>> PING\r\n      these bytes; name>>1000 *0\r\n sends them 1000 times
/// name< $1\r\na        these bytes and a line end must come back
/// name<~ :[0-9]*       one line must match this glob
/// name<EOF             the server must close
/// @ args --databases 4                       further arguments of the server
/// ```
///
/// A blank at the end of a line is written `\x20`, so that no editor removes it.
pub struct Transcript {
    name: String,
    /// Redis 7.0.15 answers the same bytes.
    pub comparable: bool,
    /// Further arguments of the server.
    pub arguments: Vec<String>,
    steps: Vec<Step>,
}

/// A server that transcripts are played on.
pub trait Stage {
    type Line: Line;

    /// A fresh connection; no read of it may take longer than `limit`.
    fn open(&self, limit: Duration) -> IoResult<Self::Line>;
}

/// A client's end of a connection.
pub trait Line: Read + Write {
    fn set_limit(&mut self, limit: Duration);

    /// No more comes; the server may have closed first, which is no fault.
    fn shut_down(&mut self);
}

impl Stage for Server {
    type Line = TcpStream;

    fn open(&self, limit: Duration) -> IoResult<TcpStream> {
        let mut stream = self.connect()?;
        stream.set_limit(limit);
        Ok(stream)
    }
}

impl Line for TcpStream {
    fn set_limit(&mut self, limit: Duration) {
        let set = self.set_read_timeout(Some(limit));
        set.expect("a limit that is not zero is accepted");
    }

    fn shut_down(&mut self) {
        let _ = self.shutdown(Shutdown::Write);
    }
}

struct Connection<L> {
    client: String,
    line: L,
    closed: bool,
}

impl Transcript {
    /// All `*.txt` of a directory, in order of name.
    pub fn read_all(directory: &Path) -> Result<Vec<Self>, String> {
        let entries = fs::read_dir(directory).map_err(|error| error.to_string())?;
        let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "txt"));
        paths.sort();
        let read = |path: &std::path::PathBuf| {
            let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            Self::parse(&name, &text)
        };
        paths.iter().map(read).collect()
    }

    pub fn parse(name: &str, text: &str) -> Result<Self, String> {
        let mut transcript = Self {
            name: name.to_string(),
            comparable: false,
            arguments: Vec::new(),
            steps: Vec::new(),
        };
        for (index, line) in text.lines().enumerate() {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let bad = || format!("{name}: line {}: not understood: {line}", index + 1);
            if let Some(directive) = line.strip_prefix("@ ") {
                match directive.split_once(' ') {
                    None if directive == "compare" => transcript.comparable = true,
                    Some(("args", rest)) => {
                        transcript.arguments = rest.split(' ').map(str::to_string).collect();
                    }
                    _ => return Err(bad()),
                }
                continue;
            }
            let at = line.find(['<', '>']).ok_or_else(bad)?;
            let (client, rest) = line.split_at(at);
            if !client.chars().all(char::is_alphanumeric) {
                return Err(bad());
            }
            transcript.steps.push(Step {
                line: index + 1,
                client: client.to_string(),
                action: action(rest).ok_or_else(bad)?,
            });
        }
        Ok(transcript)
    }

    /// Plays it on an emptied server; no reply may take longer than `limit`. The error names the
    /// line and both sides' bytes.
    pub fn play<S: Stage>(&self, server: &S, pace: Pace, limit: Duration) -> Result<(), String> {
        let place =
            |line: usize, what: String| format!("{} line {line} ({pace:?}): {what}", self.name);
        empty(server, limit).map_err(|error| place(0, format!("emptying: {error}")))?;
        let mut connections: Vec<Connection<S::Line>> = Vec::new();
        for step in &self.steps {
            let known = connections
                .iter()
                .position(|held| held.client == step.client);
            let index = match known {
                Some(index) => index,
                None => {
                    let opened = server.open(limit);
                    let line = opened.map_err(|error| place(step.line, error.to_string()))?;
                    let client = step.client.clone();
                    connections.push(Connection {
                        client,
                        line,
                        closed: false,
                    });
                    connections.len() - 1
                }
            };
            connections[index]
                .perform(&step.action, pace)
                .map_err(|what| place(step.line, what))?;
        }
        for connection in connections
            .iter_mut()
            .filter(|connection| !connection.closed)
        {
            let rest = connection.drain().map_err(|what| place(0, what))?;
            if !rest.is_empty() {
                return Err(place(0, format!("left over: {}", escape(&rest))));
            }
        }
        Ok(())
    }
}

impl<L: Line> Connection<L> {
    fn perform(&mut self, action: &Action, pace: Pace) -> Result<(), String> {
        match action {
            Action::Send(bytes) => {
                let piece = match pace {
                    Pace::Whole => bytes.len(),
                    Pace::Bytewise => bytes.len().div_ceil(PIECES_MAX),
                };
                for part in bytes.chunks(piece.max(1)) {
                    // The server may already have closed; what it said then is checked by a later
                    // step.
                    if self.line.write_all(part).is_err() {
                        break;
                    }
                }
                Ok(())
            }
            Action::Expect(bytes) => self.expect(bytes),
            Action::Match(glob) => {
                let line = self.read_line()?;
                match matches(glob.as_bytes(), &line) {
                    true => Ok(()),
                    false => Err(format!("{} does not match {glob}", escape(&line))),
                }
            }
            Action::Closed => {
                self.closed = true;
                let mut rest = Vec::new();
                match self.line.read_to_end(&mut rest) {
                    Err(error) if error.kind() != std::io::ErrorKind::ConnectionReset => {
                        Err(format!("not closed: {error}"))
                    }
                    _ if rest.is_empty() => Ok(()),
                    _ => Err(format!("before the close came {}", escape(&rest))),
                }
            }
        }
    }

    /// Reads exactly as many bytes as are expected and compares.
    fn expect(&mut self, expected: &[u8]) -> Result<(), String> {
        let mut got = vec![0; expected.len()];
        let mut filled = 0;
        let mut end = String::new();
        // A reply that differs early may be shorter: stop at the first wrong byte.
        while filled < got.len() && got[..filled] == expected[..filled] {
            match self.line.read(&mut got[filled..]) {
                Ok(0) => end = " and the end".to_string(),
                Ok(count) => filled += count,
                Err(error) => end = format!(" and then {error}"),
            }
            if !end.is_empty() {
                break;
            }
        }
        got.truncate(filled);
        if got == expected {
            return Ok(());
        }
        // The rest of a wrong reply says more than its beginning; it is either there or not.
        let mut rest = [0; SHOWN];
        self.line.set_limit(Duration::from_millis(20));
        if end.is_empty()
            && let Ok(count) = self.line.read(&mut rest)
        {
            got.extend_from_slice(&rest[..count]);
        }
        Err(format!(
            "expected {}, got {}{end}",
            escape(expected),
            escape(&got)
        ))
    }

    /// One line without its line end.
    fn read_line(&mut self) -> Result<Vec<u8>, String> {
        let mut line = Vec::new();
        let mut byte = [0];
        while !line.ends_with(b"\r\n") {
            self.line
                .read_exact(&mut byte)
                .map_err(|error| format!("after {}: {error}", escape(&line)))?;
            line.push(byte[0]);
        }
        line.truncate(line.len() - 2);
        Ok(line)
    }

    /// What else the server has to say, once it is told that no more comes.
    fn drain(&mut self) -> Result<Vec<u8>, String> {
        let mut rest = Vec::new();
        self.line.shut_down();
        match self.line.read_to_end(&mut rest) {
            Err(error) if error.kind() != std::io::ErrorKind::ConnectionReset => {
                Err(format!("not closed after the client did: {error}"))
            }
            _ => Ok(rest),
        }
    }
}

/// Removes all keys; a server that wants a password is emptied by the transcript itself.
fn empty(server: &impl Stage, limit: Duration) -> IoResult<()> {
    let mut line = server.open(limit)?;
    line.write_all(&encode(&[b"FLUSHALL"]))?;
    let mut answer = [0; 5];
    line.read_exact(&mut answer)
}

/// The part of a line from its arrow on.
fn action(text: &str) -> Option<Action> {
    if let Some(rest) = text.strip_prefix(">>") {
        let (count, bytes) = rest.split_once(' ')?;
        let times = if count.is_empty() {
            1
        } else {
            count.parse().ok()?
        };
        return Some(Action::Send(unescape(bytes)?.repeat(times)));
    }
    if let Some(rest) = text.strip_prefix("> ") {
        let words = words(rest)?;
        let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        return Some(Action::Send(encode(&words)));
    }
    if text == "<EOF" {
        return Some(Action::Closed);
    }
    if let Some(glob) = text.strip_prefix("<~ ") {
        return Some(Action::Match(glob.to_string()));
    }
    let mut bytes = unescape(text.strip_prefix('<')?.strip_prefix(' ').unwrap_or(""))?;
    bytes.extend_from_slice(b"\r\n");
    Some(Action::Expect(bytes))
}

/// Words separated by blanks; double quotes hold blanks and escapes.
fn words(text: &str) -> Option<Vec<Vec<u8>>> {
    let mut words = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        if let Some(quoted) = rest.strip_prefix('"') {
            let mut escaped = false;
            let end = quoted.find(|character| {
                let found = character == '"' && !escaped;
                escaped = character == '\\' && !escaped;
                found
            })?;
            words.push(unescape(&quoted[..end])?);
            rest = quoted[end + 1..].trim_start();
        } else {
            let end = rest.find(' ').unwrap_or(rest.len());
            words.push(rest.as_bytes()[..end].to_vec());
            rest = rest[end..].trim_start();
        }
    }
    Some(words)
}

/// Resolves `\r \n \t \\ \"` and `\xHH`.
fn unescape(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first != b'\\' {
            bytes.push(*first);
            continue;
        }
        let (kind, tail) = rest.split_first()?;
        rest = tail;
        bytes.push(match kind {
            b'r' => b'\r',
            b'n' => b'\n',
            b't' => b'\t',
            b'\\' | b'"' => *kind,
            b'x' => {
                let digits = std::str::from_utf8(rest.get(..2)?).ok()?;
                rest = &rest[2..];
                u8::from_str_radix(digits, 16).ok()?
            }
            _ => return None,
        });
    }
    Some(bytes)
}

/// Bytes as a transcript writes them, cut to what a person reads.
fn escape(bytes: &[u8]) -> String {
    let shown = bytes[..bytes.len().min(SHOWN)].escape_ascii().to_string();
    match bytes.len() > SHOWN {
        true => format!("`{shown}` ... ({} bytes)", bytes.len()),
        false => format!("`{shown}`"),
    }
}

/// Glob with `*`, `?` and `[set]`.
fn matches(glob: &[u8], text: &[u8]) -> bool {
    match glob {
        [] => text.is_empty(),
        [b'*', rest @ ..] => (0..=text.len()).any(|skip| matches(rest, &text[skip..])),
        [b'[', rest @ ..] => {
            let Some(end) = rest.iter().position(|byte| *byte == b']') else {
                return false;
            };
            let [first, tail @ ..] = text else {
                return false;
            };
            in_set(&rest[..end], *first) && matches(&rest[end + 1..], tail)
        }
        [wanted, rest @ ..] => match text {
            [first, tail @ ..] => (*wanted == b'?' || wanted == first) && matches(rest, tail),
            [] => false,
        },
    }
}

fn in_set(set: &[u8], byte: u8) -> bool {
    match set {
        [low, b'-', high, rest @ ..] => (*low..=*high).contains(&byte) || in_set(rest, byte),
        [one, rest @ ..] => *one == byte || in_set(rest, byte),
        [] => false,
    }
}
