//! Slow readers: clients that ask without end and never read cost bounded memory and hurt nobody.
//!
//! Requirement R12. With an output limit they are closed; without one they are simply not read
//! from.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::harness::client::{Client, encode};
use crate::harness::server::Server;
use crate::probe::{Probe, quiet};
use crate::{alone, connect, figure, load, must_fail, ok, process, start};

const READERS: usize = 50;
const VALUE_BYTES: usize = 1 << 20;
/// What one may cost: the output at which its commands wait, the replies under way then, and room
/// to grow.
const BYTES_EACH_MAX: usize = 6 << 20;

/// A client that writes this over and over until the server takes no more; it never reads.
struct Reader {
    stream: TcpStream,
    pipeline: Vec<u8>,
    at: usize,
}

impl Reader {
    fn new(server: &Server, command: &[&[u8]]) -> Self {
        let stream = server.connect().expect("a connection");
        stream.set_nonblocking(true).expect("a socket can be so");
        let pipeline = encode(command).repeat(500);
        Self {
            stream,
            pipeline,
            at: 0,
        }
    }

    /// Writes what fits; the number of bytes.
    fn push(&mut self) -> usize {
        let mut written = 0;
        while written < 1 << 20 {
            let Ok(count) = self.stream.write(&self.pipeline[self.at..]) else {
                break;
            };
            self.at = (self.at + count) % self.pipeline.len();
            written += count;
        }
        written
    }

    /// True when the server has closed it: a close with unread input is a reset.
    fn is_closed(&mut self) -> bool {
        matches!(self.stream.take_error(), Ok(Some(_)))
            || self.stream.write(b"").is_err()
            || matches!(self.stream.peek(&mut [0]), Ok(0))
            || matches!(self.stream.peek(&mut [0]), Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset)
    }
}

/// Lets readers push for so long; the most that resident memory has grown per reader.
fn growth(server: &Server, command: &[&[u8]], time: Duration) -> (usize, Vec<Reader>) {
    let before = server.resident_bytes();
    let mut readers: Vec<Reader> = (0..READERS).map(|_| Reader::new(server, command)).collect();
    let (began, mut most) = (Instant::now(), 0);
    while began.elapsed() < time {
        for reader in &mut readers {
            reader.push();
        }
        most = most.max(server.resident_bytes().saturating_sub(before));
        std::thread::sleep(Duration::from_millis(1));
    }
    (most / READERS, readers)
}

/// Waits until the server has answered what it was asked, as far as it is read.
fn calm(server: &Server) {
    let mut before = process::cpu_seconds(server);
    let used = || {
        std::thread::sleep(Duration::from_millis(100));
        let now = process::cpu_seconds(server);
        now - std::mem::replace(&mut before, now)
    };
    let idle = process::settle(Duration::from_secs(20), used, |seconds| seconds < 0.02);
    idle.expect("clients that do not read stop being served");
}

fn bounded(bytes_each: usize) -> Result<(), String> {
    if bytes_each <= BYTES_EACH_MAX {
        return Ok(());
    }
    Err(format!("{bytes_each} resident bytes a client"))
}

#[test]
fn clients_that_never_read_are_bounded() {
    let _alone = alone();
    let time = Duration::from_secs(load(2, 20) as u64);
    let big = "x".repeat(VALUE_BYTES);
    for back_end in ["uring", "epoll"] {
        let server = start(&["--shards", "2", "--backend", back_end]);
        let mut client = connect(&server);
        assert_eq!(client.call(&["SET", "big", &big]).expect("a reply"), ok());
        let before = quiet(connect(&server), "probe", Duration::from_millis(500));
        // Values, errors and answers of the client's own shard: each has its own way to the output.
        let ways: [&[&[u8]]; 4] = [
            &[b"GET", b"big"],
            &[b"NOSUCH", &[b'y'; 100]],
            &[b"COMMAND", b"DOCS", b"set"],
            &[b"ECHO", &big.as_bytes()[..100_000]],
        ];
        for command in ways {
            let rushed = Probe::with_pause(connect(&server), "probe", Duration::from_millis(1));
            let (bytes, readers) = growth(&server, command, time / 2);
            let rushed = rushed.stop();
            calm(&server);
            let seen = quiet(connect(&server), "probe", time / 2);
            drop(readers);
            let name = String::from_utf8_lossy(command[0]).into_owned();
            figure(
                "readers",
                &format!("{back_end}, {name}, bytes a client"),
                bytes,
            );
            figure(
                "readers",
                &format!("{back_end}, {name}, probe in the rush"),
                &rushed,
            );
            figure("readers", &format!("{back_end}, {name}, probe"), &seen);
            bounded(bytes).unwrap_or_else(|reason| panic!("{back_end}: {name}: {reason}"));
            let limit = (2 * before.permille(990)).max(load(100_000, 5_000) as u64);
            seen.within(990, limit).expect("others are served");
        }
    }
}

#[test]
fn strangers_that_never_read_are_bounded() {
    let _alone = alone();
    let server = start(&["--shards", "2", "--requirepass", "secret"]);
    let time = Duration::from_secs(load(2, 20) as u64);
    let (bytes, _readers) = growth(&server, &[b"GET", b"k"], time);
    figure("readers", "unauthenticated errors, bytes a client", bytes);
    bounded(bytes).expect("bounded");
    // The control: clients whose output is allowed to pile up elsewhere, in what they send.
    let open = start(&["--shards", "2"]);
    let mut held: Vec<Client> = Vec::new();
    let before = open.resident_bytes();
    for _ in 0..10 {
        let mut client = connect(&open);
        let mut half = b"*2\r\n$4\r\nECHO\r\n$9000000\r\n".to_vec();
        half.resize(8 << 20, b'x');
        client.send(&half).expect("sent");
        held.push(client);
    }
    let mut client = connect(&open);
    client.call(&["PING"]).expect("a reply");
    let grown = open.resident_bytes().saturating_sub(before) / held.len();
    must_fail("readers", &bounded(grown));
}

/// How long until every reader is closed, if they are.
fn closed_after(readers: &mut [Reader], limit: Duration) -> Result<Duration, String> {
    let began = Instant::now();
    loop {
        let left = readers
            .iter_mut()
            .filter_map(|reader| (!reader.is_closed()).then_some(()));
        let left = left.count();
        if left == 0 {
            return Ok(began.elapsed());
        }
        if began.elapsed() > limit {
            return Err(format!("{left} of {} are still open", readers.len()));
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn output_limits_close_slow_readers() {
    let _alone = alone();
    let big = "x".repeat(VALUE_BYTES / 4);
    let value = big.as_bytes();
    for (limit, wanted) in [
        ("normal 2mb 0 0", Duration::from_secs(5)),
        ("normal 0 512kb 1", Duration::from_secs(5)),
    ] {
        let server = start(&["--shards", "2", "--client-output-buffer-limit", limit]);
        let mut client = connect(&server);
        // One reply of 4 MB is past the hard limit at once.
        for number in 0..16 {
            let key = format!("big{number}");
            client
                .send(&encode(&[b"SET", key.as_bytes(), value]))
                .expect("sent");
            assert_eq!(client.read().expect("a reply"), ok());
        }
        let mut all: Vec<Vec<u8>> = vec![b"MGET".to_vec()];
        all.extend((0..16).map(|number| format!("big{number}").into_bytes()));
        let all: Vec<&[u8]> = all.iter().map(Vec::as_slice).collect();
        let (_, mut readers) = growth(&server, &all, Duration::from_millis(100));
        let took = closed_after(&mut readers, wanted);
        figure("readers", limit, format!("{took:?}"));
        took.expect("closed in time");
        // Once is enough: all that such a client has sent is read, and its end must not stand
        // behind what it does not read.
        let twice = [&all[..], &all[1..]].concat();
        let mut readers: Vec<Reader> = (0..READERS / 5)
            .map(|_| Reader::new(&server, &twice))
            .collect();
        for reader in &mut readers {
            let command = encode(&twice);
            reader.stream.write_all(&command).expect("a little fits");
        }
        let took = closed_after(&mut readers, wanted);
        figure(
            "readers",
            &format!("{limit}, asked once"),
            format!("{took:?}"),
        );
        took.expect("closed in time");
    }
    // The control: without a limit they stay.
    let server = start(&["--shards", "2"]);
    let (_, mut readers) = growth(&server, &[b"PING"], Duration::from_millis(100));
    must_fail(
        "readers",
        &closed_after(&mut readers, Duration::from_millis(500)).map(|_| ()),
    );
    // And they are served once they read.
    let reader = &mut readers[0].stream;
    reader.set_nonblocking(false).expect("a socket can be so");
    let mut answer = [0; 7];
    reader.read_exact(&mut answer).expect("the first answer");
    assert_eq!(&answer, b"+PONG\r\n");
}
