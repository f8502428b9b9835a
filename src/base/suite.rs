//! One test suite for every `Io` on real sockets.
//!
//! Each back end instantiates it with `io_suite!`, so their semantics cannot drift apart. Peers are
//! plain standard-library sockets on the loopback. No test sleeps: the back end's own `poll` waits,
//! bounded by a deadline.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::ShardId;
use super::io::{Buffer, CloseReason, Event, Io, Sleep, Socket, Token};
use super::socket::{self, ListenOptions};
use super::wake::Wakers;

const DEADLINE: Duration = Duration::from_secs(20);

/// Sizes that a test wants small or large.
#[derive(Clone, Copy)]
pub(super) struct Sizes {
    pub(super) entries: u32,
    pub(super) buffers: usize,
    pub(super) buffer_bytes: usize,
}

pub(super) const NORMAL: Sizes = Sizes {
    entries: 256,
    buffers: 64,
    buffer_bytes: 4096,
};

/// Everything that the shard side of a test has seen.
pub(super) struct Bench<I: Io> {
    pub(super) io: I,
    events: Vec<Event>,
    port: u16,
    accepted: Vec<Socket>,
    received: HashMap<Token, Vec<u8>>,
    sent: Vec<(Token, usize, bool)>,
    closed: Vec<(Token, CloseReason)>,
    /// Buffers are kept instead of recycled while this is set.
    hoard: bool,
    held: Vec<Buffer>,
    /// Received bytes go straight back.
    echo: bool,
    unsent: HashMap<Token, Vec<u8>>,
    sending: HashMap<Token, bool>,
}

impl<I: Io> Bench<I> {
    pub(super) fn new(mut io: I) -> Self {
        let options = ListenOptions {
            backlog: 511,
            keepalive_s: 300,
            shared: false,
        };
        let listener = socket::listen_tcp("127.0.0.1", 0, options).unwrap();
        let port = socket::local_port(listener).unwrap();
        io.listen(7, listener);
        Bench {
            io,
            events: Vec::new(),
            port,
            accepted: Vec::new(),
            received: HashMap::new(),
            sent: Vec::new(),
            closed: Vec::new(),
            hoard: false,
            held: Vec::new(),
            echo: false,
            unsent: HashMap::new(),
            sending: HashMap::new(),
        }
    }

    fn step(&mut self, wait: Sleep) {
        self.io.poll(wait, &mut self.events);
        for event in std::mem::take(&mut self.events) {
            match event {
                Event::Accepted { listener, socket } => {
                    assert_eq!(listener, 7);
                    self.accepted.push(socket);
                }
                Event::AcceptFailed { errno, .. } => panic!("accept failed: {errno}"),
                Event::Received { token, buffer } => self.take(token, buffer),
                Event::Sent {
                    token,
                    bytes,
                    result,
                } => {
                    self.sent.push((token, bytes.len(), result.is_ok()));
                    self.sending.insert(token, false);
                    self.flush(token);
                }
                Event::Closed { token, reason } => {
                    assert!(
                        !self.closed.iter().any(|(t, _)| *t == token),
                        "closed twice"
                    );
                    self.closed.push((token, reason));
                }
                Event::Ended(ended) => panic!("nothing was requested: {ended:?}"),
            }
        }
    }

    fn take(&mut self, token: Token, buffer: Buffer) {
        assert!(
            !self.closed.iter().any(|(t, _)| *t == token),
            "received after closed"
        );
        assert!(!buffer.is_empty());
        self.received
            .entry(token)
            .or_default()
            .extend_from_slice(&buffer);
        if self.echo {
            self.unsent
                .entry(token)
                .or_default()
                .extend_from_slice(&buffer);
            self.flush(token);
        }
        if self.hoard {
            self.held.push(buffer);
        } else {
            self.io.recycle(buffer);
        }
    }

    fn flush(&mut self, token: Token) {
        let ready = self
            .unsent
            .get(&token)
            .is_some_and(|bytes| !bytes.is_empty());
        if ready && !self.sending.get(&token).copied().unwrap_or(false) {
            self.sending.insert(token, true);
            let bytes = self.unsent.remove(&token).unwrap();
            self.io.send(token, bytes);
        }
    }

    fn until(&mut self, what: &str, mut done: impl FnMut(&Self) -> bool) {
        let start = Instant::now();
        while !done(self) {
            assert!(start.elapsed() < DEADLINE, "waited too long for {what}");
            self.step(Sleep::AtMost(50_000));
        }
    }

    /// A connected pair: the peer, and the shard's side attached as `token`.
    fn connect(&mut self, token: Token) -> TcpStream {
        let peer = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        peer.set_read_timeout(Some(DEADLINE)).unwrap();
        peer.set_write_timeout(Some(DEADLINE)).unwrap();
        self.until("accept", |bench| !bench.accepted.is_empty());
        let socket = self.accepted.pop().unwrap();
        self.io.attach(token, socket).unwrap();
        peer
    }

    fn received(&self, token: Token) -> usize {
        self.received.get(&token).map_or(0, Vec::len)
    }

    fn is_closed(&self, token: Token) -> bool {
        self.closed.iter().any(|(t, _)| *t == token)
    }
}

fn pattern(bytes: usize) -> Vec<u8> {
    (0..bytes)
        .map(|index| (index.wrapping_mul(31) >> 3) as u8)
        .collect()
}

pub(super) fn echo<I: Io>(io: I) {
    let mut bench = Bench::new(io);
    bench.echo = true;
    let mut peer = bench.connect(0);
    for round in 1..=5_usize {
        peer.write_all(b"PING\r\n").unwrap();
        bench.until("echo", |b| b.sent.len() == round);
        let mut reply = [0; 6];
        peer.read_exact(&mut reply).unwrap();
        assert_eq!(&reply, b"PING\r\n");
    }
    assert!(bench.sent.iter().all(|(_, _, ok)| *ok));
}

pub(super) fn addresses<I: Io>(io: I) {
    let mut bench = Bench::new(io);
    let peer = bench.connect(3);
    let (remote, local) = bench.io.addresses(3);
    assert_eq!(remote, peer.local_addr().unwrap().to_string());
    assert_eq!(local, peer.peer_addr().unwrap().to_string());
    assert!(bench.io.descriptor(3) > 2);
    assert_eq!(bench.io.descriptor(4), -1);
}

pub(super) fn parts_arrive_in_order<I: Io>(io: I) {
    let mut bench = Bench::new(io);
    let mut peer = bench.connect(5);
    let whole = pattern(1000);
    for (index, part) in whole.chunks(100).enumerate() {
        peer.write_all(part).unwrap();
        bench.until("a part", |b| b.received(5) == (index + 1) * 100);
    }
    assert_eq!(bench.received[&5], whole);
}

pub(super) fn large_transfer_to_slow_reader<I: Io>(io: I) {
    const BYTES: usize = 10 * 1024 * 1024;
    let mut bench = Bench::new(io);
    let mut peer = bench.connect(1);
    let whole = pattern(BYTES);
    bench.io.send(1, whole.clone());
    // Ten polls without a reader: the socket fills up and the send must stay under way.
    for _ in 0..10 {
        bench.step(Sleep::AtMost(1000));
    }
    assert!(
        bench.sent.is_empty(),
        "ten megabytes do not fit into a socket"
    );
    let reader = std::thread::spawn(move || {
        let mut got = vec![0; BYTES];
        for part in got.chunks_mut(10_000) {
            peer.read_exact(part).unwrap();
        }
        (peer, got)
    });
    bench.until("the send", |b| !b.sent.is_empty());
    let (_peer, got) = reader.join().unwrap();
    assert_eq!(bench.sent, [(1, BYTES, true)]);
    assert!(got == whole);
}

pub(super) fn large_transfer_echoed<I: Io>(io: I) {
    const BYTES: usize = 10 * 1024 * 1024;
    let mut bench = Bench::new(io);
    bench.echo = true;
    let mut peer = bench.connect(1);
    let mut writer = peer.try_clone().unwrap();
    let whole = pattern(BYTES);
    let expected = whole.clone();
    let writing = std::thread::spawn(move || writer.write_all(&whole).unwrap());
    let reading = std::thread::spawn(move || {
        let mut got = vec![0; BYTES];
        peer.read_exact(&mut got).unwrap();
        (peer, got)
    });
    bench.until("all bytes both ways", |b| {
        b.sent.iter().map(|(_, bytes, _)| bytes).sum::<usize>() == BYTES
    });
    writing.join().unwrap();
    let (_peer, got) = reading.join().unwrap();
    assert!(got == expected);
}

pub(super) fn pause_and_resume<I: Io>(io: I) {
    let mut bench = Bench::new(io);
    let mut peer = bench.connect(2);
    peer.write_all(b"before").unwrap();
    bench.until("the first bytes", |b| b.received(2) == 6);
    bench.io.pause(2);
    bench.step(Sleep::No);
    bench.step(Sleep::No);
    peer.write_all(b"while paused").unwrap();
    for _ in 0..5 {
        bench.step(Sleep::AtMost(2000));
    }
    assert_eq!(bench.received(2), 6, "a paused connection does not receive");
    bench.io.resume(2);
    bench.until("the rest", |b| b.received(2) == 18);
    // A pause that is taken back at once must not lose the receive.
    bench.io.pause(2);
    bench.io.resume(2);
    bench.step(Sleep::No);
    peer.write_all(b"after").unwrap();
    bench.until("the last bytes", |b| b.received(2) == 23);
    assert_eq!(bench.received[&2], b"beforewhile pausedafter");
}

pub(super) fn peer_closes<I: Io>(io: I) {
    let mut bench = Bench::new(io);
    let mut peer = bench.connect(4);
    peer.write_all(b"bye").unwrap();
    peer.shutdown(Shutdown::Write).unwrap();
    bench.until("closed", |b| b.is_closed(4));
    assert_eq!(bench.closed, [(4, CloseReason::PeerClosed)]);
    assert_eq!(bench.received[&4], b"bye");
    // The peer only ended its own direction: a reply still reaches it.
    bench.io.send(4, b"reply".to_vec());
    bench.until("sent", |b| b.sent.len() == 1);
    bench.io.close(4);
    bench.step(Sleep::No);
    let mut reply = Vec::new();
    peer.read_to_end(&mut reply).unwrap();
    assert_eq!(reply, b"reply");
    assert_eq!(bench.closed.len(), 1, "closed is reported once");
    bench.closed.clear();
    let _peer = bench.connect(4);
}

pub(super) fn peer_resets<I: Io>(io: I) {
    let mut bench = Bench::new(io);
    let mut peer = bench.connect(6);
    bench.io.send(6, vec![1; 100]);
    bench.until("sent", |b| b.sent.len() == 1);
    let mut one = [0];
    peer.read_exact(&mut one).unwrap();
    // Closing with unread bytes resets the connection.
    drop(peer);
    bench.until("closed", |b| b.is_closed(6));
    assert_eq!(bench.closed, [(6, CloseReason::Failed(libc::ECONNRESET))]);
    bench.io.send(6, b"into the void".to_vec());
    bench.until("the failed send", |b| b.sent.len() == 2);
    assert!(!bench.sent[1].2);
    bench.io.close(6);
    bench.step(Sleep::No);
}

pub(super) fn shard_closes<I: Io>(io: I) {
    let mut bench = Bench::new(io);
    let mut peer = bench.connect(8);
    bench.io.close(8);
    bench.until("closed", |b| b.is_closed(8));
    assert_eq!(bench.closed, [(8, CloseReason::Asked)]);
    bench.step(Sleep::No);
    assert_eq!(peer.read(&mut [0; 8]).unwrap(), 0);
    assert_eq!(bench.io.descriptor(8), -1);
    // Closed while paused, with nothing under way at all.
    bench.closed.clear();
    let mut peer = bench.connect(8);
    bench.io.pause(8);
    bench.step(Sleep::No);
    bench.step(Sleep::No);
    bench.io.close(8);
    bench.until("closed", |b| b.is_closed(8));
    bench.step(Sleep::No);
    assert_eq!(peer.read(&mut [0; 8]).unwrap(), 0);
}

pub(super) fn close_abandons_the_send<I: Io>(io: I) {
    let mut bench = Bench::new(io);
    for round in 0..3 {
        bench.closed.clear();
        bench.sent.clear();
        let peer = bench.connect(9);
        bench.io.send(9, vec![round; 20 * 1024 * 1024]);
        bench.step(Sleep::AtMost(1000));
        assert!(bench.sent.is_empty());
        bench.io.close(9);
        bench.until("closed", |b| {
            assert!(!b.is_closed(9) || !b.sent.is_empty(), "closed comes last");
            b.is_closed(9)
        });
        assert_eq!(bench.sent, [(9, 20 * 1024 * 1024, false)]);
        drop(peer);
    }
}

/// The error that a peer finds which does not read, within a time.
fn error_of(bench: &mut Bench<impl Io>, peer: &TcpStream) -> Option<std::io::ErrorKind> {
    for _ in 0..200 {
        bench.step(Sleep::AtMost(1000));
        if let Some(error) = peer.take_error().unwrap() {
            return Some(error.kind());
        }
    }
    None
}

pub(super) fn a_reset_reaches_who_does_not_read<I: Io>(io: I) {
    let mut bench = Bench::new(io);
    for reset in [true, false] {
        bench.closed.clear();
        bench.sent.clear();
        bench.received.clear();
        let mut peer = bench.connect(9);
        // All that it sends is read: else closing is a reset anyway.
        peer.write_all(b"request").unwrap();
        bench.until("the request", |b| b.received(9) == 7);
        bench.io.send(9, vec![1; 20 * 1024 * 1024]);
        bench.step(Sleep::AtMost(1000));
        match reset {
            true => bench.io.reset(9),
            false => bench.io.close(9),
        }
        bench.until("closed", |b| b.is_closed(9));
        let found = error_of(&mut bench, &peer);
        assert_eq!(found, reset.then_some(std::io::ErrorKind::ConnectionReset));
        drop(peer);
    }
}

pub(super) fn closed_with_a_send_after_peer_closed<I: Io>(io: I) {
    let mut bench = Bench::new(io);
    let peer = bench.connect(9);
    peer.shutdown(Shutdown::Write).unwrap();
    bench.until("closed", |b| b.is_closed(9));
    bench.io.send(9, vec![0; 20 * 1024 * 1024]);
    bench.step(Sleep::AtMost(1000));
    bench.io.close(9);
    bench.until("the abandoned send", |b| b.sent.len() == 1);
    assert!(!bench.sent[0].2);
    assert_eq!(bench.closed.len(), 1);
    bench.closed.clear();
    let _peer = bench.connect(9);
}

pub(super) fn wake_across_threads<I: Io>(io: I, wakers: &Arc<Wakers>) {
    let mut bench = Bench::new(io);
    let waker = wakers.waker(0);
    for _ in 0..20 {
        let other = waker.clone();
        let start = Instant::now();
        let thread = std::thread::spawn(move || other.wake());
        // Either the wake arrives while we sleep, or it has arrived before: both end the poll.
        bench.step(Sleep::AtMost(10_000_000));
        assert!(
            start.elapsed() < Duration::from_secs(9),
            "the wake was lost"
        );
        thread.join().unwrap();
    }
}

/// Two shards that wake each other in turn; each sleeps far longer than the test may take.
pub(super) fn wake_between_shards<I: Io>(
    make: impl Fn(Arc<Wakers>, usize, Sizes) -> Option<I> + Sync,
) {
    use std::sync::atomic::{AtomicU32, Ordering};
    const TURNS: u32 = 200;
    let wakers = Wakers::new(2).unwrap();
    let turn = AtomicU32::new(0);
    let ready = std::sync::Barrier::new(2);
    let start = Instant::now();
    std::thread::scope(|scope| {
        for shard in 0..2_usize {
            let (make, wakers, turn, ready) = (&make, &wakers, &turn, &ready);
            scope.spawn(move || {
                let io = make(Arc::clone(wakers), shard, NORMAL);
                ready.wait();
                let Some(mut io) = io else { return };
                let mut events = Vec::new();
                loop {
                    let now = turn.load(Ordering::SeqCst);
                    if now >= TURNS {
                        break;
                    }
                    if now as usize % 2 == shard {
                        turn.store(now + 1, Ordering::SeqCst);
                        io.wake(ShardId::at(1 - shard));
                        // A wake takes effect at the waker's own next poll.
                        io.poll(Sleep::No, &mut events);
                        continue;
                    }
                    io.poll(Sleep::AtMost(5_000_000), &mut events);
                }
                // The other ring must live until the last message has reached it.
                ready.wait();
            });
        }
    });
    assert!(start.elapsed() < Duration::from_secs(4), "a wake was lost");
}

pub(super) fn many_connections<I: Io>(io: I) {
    const CONNECTIONS: usize = 200;
    let mut bench = Bench::new(io);
    bench.echo = true;
    let mut peers: Vec<TcpStream> = (0..CONNECTIONS)
        .map(|token| bench.connect(token as Token))
        .collect();
    for round in 0..3_usize {
        for (index, peer) in peers.iter_mut().enumerate() {
            peer.write_all(format!("{index:08}").as_bytes()).unwrap();
        }
        bench.until("all echoes", |b| b.sent.len() == CONNECTIONS * (round + 1));
        for (index, peer) in peers.iter_mut().enumerate() {
            let mut reply = [0; 8];
            peer.read_exact(&mut reply).unwrap();
            assert_eq!(reply, format!("{index:08}").as_bytes());
        }
    }
    drop(peers);
    bench.until("all closed", |b| b.closed.len() == CONNECTIONS);
    for token in 0..CONNECTIONS {
        bench.io.close(token as Token);
    }
    bench.step(Sleep::No);
    bench.step(Sleep::No);
    bench.closed.clear();
    let _peer = bench.connect(0);
}

pub(super) fn few_buffers<I: Io>(io: I) {
    const CONNECTIONS: usize = 20;
    const BYTES: usize = 5000;
    let mut bench = Bench::new(io);
    let mut peers: Vec<TcpStream> = (0..CONNECTIONS)
        .map(|token| bench.connect(token as Token))
        .collect();
    bench.hoard = true;
    let (first, others) = peers.split_first_mut().expect("there are some");
    first.write_all(&pattern(BYTES)).unwrap();
    bench.until("all buffers lent", |b| b.held.len() == 4);
    others[0].write_all(b"little").unwrap();
    bench.step(Sleep::AtMost(1000));
    for peer in &mut others[1..] {
        peer.write_all(&pattern(BYTES)).unwrap();
    }
    for _ in 0..5 {
        bench.step(Sleep::AtMost(1000));
    }
    assert_eq!(bench.held.len(), 4, "there are only four buffers");
    // One is closed while it waits; its peer neither leaves nor sends enough to run out of buffers
    // again.
    bench.io.close(1);
    bench.hoard = false;
    for buffer in std::mem::take(&mut bench.held) {
        bench.io.recycle(buffer);
    }
    let stay = (0..CONNECTIONS as Token).filter(|&token| token != 1);
    bench.until("everything received", |b| {
        let all = stay.clone().all(|token| b.received(token) == BYTES);
        all && b.is_closed(1)
    });
    for token in stay.clone() {
        assert_eq!(bench.received[&token], pattern(BYTES));
    }
}

pub(super) fn unlisten_refuses<I: Io>(io: I) {
    let mut bench = Bench::new(io);
    let _first = bench.connect(0);
    bench.io.unlisten(7);
    for _ in 0..3 {
        bench.step(Sleep::No);
    }
    assert!(TcpStream::connect(("127.0.0.1", bench.port)).is_err());
}

pub(super) fn unix_socket<I: Io>(mut io: I) {
    let path =
        std::env::temp_dir().join(format!("cairn-{}-{}.sock", io.name(), std::process::id()));
    let listener = socket::listen_unix(&path, Some(0o700), 16).unwrap();
    io.listen(7, listener);
    let mut bench = Bench::new(io);
    bench.echo = true;
    let mut peer = std::os::unix::net::UnixStream::connect(&path).unwrap();
    bench.until("accept", |b| !b.accepted.is_empty());
    let socket = bench.accepted.pop().unwrap();
    bench.io.attach(0, socket).unwrap();
    peer.write_all(b"hello").unwrap();
    bench.until("echo", |b| b.sent.len() == 1);
    let mut reply = [0; 5];
    peer.read_exact(&mut reply).unwrap();
    assert_eq!(&reply, b"hello");
    let expected = format!("{}:0", path.display());
    assert_eq!(bench.io.addresses(0), (expected.clone(), expected));
    std::fs::remove_file(&path).unwrap();
}

pub(super) fn time_passes<I: Io>(mut io: I) {
    let mut events = Vec::new();
    let before = io.now().monotonic_us;
    io.poll(Sleep::AtMost(3000), &mut events);
    assert!(events.is_empty());
    let slept_us = io.now().monotonic_us - before;
    assert!(slept_us >= 3000, "woke after {slept_us} us");
    assert_ne!(io.random(), io.random());
}

pub(super) fn lingering_is_short_and_sends<I: Io>(io: I) {
    const LIMIT_US: u64 = 500;
    let mut bench = Bench::new(io);
    bench.step(Sleep::No);
    assert!(bench.io.linger(u64::MAX / 1000, || true), "mail is there");
    let start = Instant::now();
    assert!(!bench.io.linger(LIMIT_US, || false), "nothing comes");
    assert!(start.elapsed() >= Duration::from_micros(LIMIT_US - 50));
    let mut peer = bench.connect(3);
    bench.io.send(3, b"reply".to_vec());
    // As a shard does: what is asked for has been done when a shard has nothing but to sleep.
    while bench.io.linger(LIMIT_US, || false) {
        bench.step(Sleep::No);
    }
    let mut reply = [0; 5];
    peer.read_exact(&mut reply).unwrap();
    assert_eq!(&reply, b"reply");
}

/// The suite as `#[test]` functions of one back end.
macro_rules! io_suite {
    ($make:ident) => {
        use crate::base::suite;

        fn with(sizes: suite::Sizes, test: impl FnOnce(Tested, &Arc<Wakers>)) {
            let wakers = Wakers::new(1).unwrap();
            if let Some(io) = $make(Arc::clone(&wakers), 0, sizes) {
                test(io, &wakers);
            }
        }

        suite::io_suite!(@each suite::NORMAL;
            echo, addresses, parts_arrive_in_order, large_transfer_to_slow_reader,
            large_transfer_echoed, pause_and_resume, peer_closes, peer_resets, shard_closes,
            close_abandons_the_send, a_reset_reaches_who_does_not_read, closed_with_a_send_after_peer_closed, many_connections,
            unlisten_refuses, unix_socket, time_passes, lingering_is_short_and_sends);

        #[test]
        fn few_buffers() {
            let sizes = suite::Sizes { buffers: 4, buffer_bytes: 1024, ..suite::NORMAL };
            with(sizes, |io, _| suite::few_buffers(io));
        }

        #[test]
        fn tiny_queue() {
            let sizes = suite::Sizes { entries: 2, ..suite::NORMAL };
            with(sizes, |io, _| suite::many_connections(io));
        }

        #[test]
        fn wake_across_threads() {
            with(suite::NORMAL, suite::wake_across_threads);
        }

        #[test]
        fn wake_between_shards() {
            suite::wake_between_shards($make);
        }
    };
    (@each $sizes:expr; $($name:ident),*) => {
        $(#[test]
        fn $name() {
            with($sizes, |io, _| suite::$name(io));
        })*
    };
}
pub(super) use io_suite;
