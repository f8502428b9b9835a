//! The rules of tokens, on the simulated network.
//!
//! The cases of the shared suite (`base::suite`), whose peers are real sockets, with simulated
//! peers: same order of events, same rules of `attach`, `close` and `Closed`.

use std::path::{Path, PathBuf};

use super::super::file::Address;
use super::super::file_suite::Outside;
use super::super::io::{CloseReason, Event, Io, Sleep, Socket, Token};
use super::{Peer, PeerState, SimIo, Weather, World};

struct Bench {
    world: World,
    io: SimIo,
    received: Vec<u8>,
    sent: Vec<(usize, bool)>,
    closed: Vec<CloseReason>,
    accepted: Vec<Socket>,
}

const WEATHER: Weather = Weather {
    delay_us_max: 300,
    piece_bytes_max: 1000,
    capacity_bytes: 10_000,
};

impl Bench {
    fn new(seed: u64) -> Self {
        let world = World::new(1, seed, WEATHER);
        let mut io = world.io(0);
        io.listen(7, Socket(0));
        Self {
            world,
            io,
            received: Vec::new(),
            sent: Vec::new(),
            closed: Vec::new(),
            accepted: Vec::new(),
        }
    }

    fn step(&mut self) {
        let expected = self.world.has_events(0);
        let mut events = Vec::new();
        self.io.poll(Sleep::No, &mut events);
        // A send that moved on without an end is no event, so only one direction holds.
        assert!(
            expected || events.is_empty(),
            "nothing is reported unforeseen"
        );
        for event in events {
            match event {
                Event::Accepted { listener, socket } => {
                    assert_eq!(listener, 7);
                    self.accepted.push(socket);
                }
                Event::AcceptFailed { .. } => panic!("the simulated network accepts"),
                Event::Received { buffer, .. } => {
                    assert!(self.closed.is_empty() && !buffer.is_empty());
                    self.received.extend_from_slice(&buffer);
                    self.io.recycle(buffer);
                }
                Event::Sent { bytes, result, .. } => self.sent.push((bytes.len(), result.is_ok())),
                Event::Closed { reason, .. } => self.closed.push(reason),
                Event::Ended(ended) => panic!("nothing was requested: {ended:?}"),
            }
        }
        if let Some(at_us) = self.world.next_arrival_us() {
            self.world.advance(at_us - self.world.now().monotonic_us);
        }
    }

    /// Steps until nothing is under way.
    fn settle(&mut self) {
        while self.world.has_events(0) || self.world.next_arrival_us().is_some() {
            self.step();
        }
    }

    fn connect(&mut self, token: Token) -> Peer {
        let peer = self.world.connect(0, 7);
        self.settle();
        let socket = self.accepted.pop().expect("accepted");
        self.io.attach(token, socket).expect("attached");
        peer
    }

    fn read_all(&mut self, peer: Peer) -> Vec<u8> {
        let mut bytes = Vec::new();
        loop {
            let part = self.world.read(peer, 777);
            if part.is_empty() {
                self.settle();
                if !self.world.has_news(peer) || self.world.peer_state(peer) != PeerState::Open {
                    return bytes;
                }
            }
            bytes.extend(part);
        }
    }
}

fn pattern(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|index| ((index * 31) >> 3) as u8).collect()
}

#[test]
fn bytes_arrive_whole_and_in_order_both_ways() {
    for seed in 0..20 {
        let mut bench = Bench::new(seed);
        let peer = bench.connect(0);
        let whole = pattern(50_000);
        let mut written = 0;
        while written < whole.len() {
            written += bench.world.write(peer, &whole[written..]);
            bench.settle();
        }
        assert_eq!(bench.received, whole);
        bench.io.send(0, whole.clone());
        bench.settle();
        assert!(
            bench.sent.is_empty(),
            "a slow reader keeps the send under way"
        );
        assert_eq!(bench.read_all(peer), whole);
        assert_eq!(bench.sent, [(50_000, true)]);
    }
}

#[test]
fn a_paused_connection_does_not_receive() {
    let mut bench = Bench::new(1);
    let peer = bench.connect(2);
    bench.io.pause(2);
    bench.world.write(peer, b"while paused");
    bench.settle();
    assert!(bench.received.is_empty());
    bench.io.resume(2);
    bench.settle();
    assert_eq!(bench.received, b"while paused");
}

#[test]
fn half_closed_connections_can_be_answered() {
    let mut bench = Bench::new(2);
    let peer = bench.connect(4);
    bench.world.write(peer, b"bye");
    bench.world.shut_down(peer);
    bench.settle();
    assert_eq!(bench.closed, [CloseReason::PeerClosed]);
    assert_eq!(bench.received, b"bye");
    bench.io.send(4, b"reply".to_vec());
    bench.settle();
    assert_eq!(bench.sent, [(5, true)]);
    bench.io.close(4);
    bench.settle();
    assert_eq!(bench.read_all(peer), b"reply");
    assert_eq!(bench.world.peer_state(peer), PeerState::Ended);
    assert_eq!(bench.closed.len(), 1, "closed is reported once");
}

#[test]
fn resets_fail_receive_and_send() {
    let mut bench = Bench::new(3);
    let peer = bench.connect(6);
    bench.io.send(6, pattern(20_000));
    bench.settle();
    bench.world.reset(peer);
    bench.settle();
    assert_eq!(bench.closed, [CloseReason::Failed(libc::ECONNRESET)]);
    assert_eq!(bench.sent, [(20_000, false)]);
    bench.io.close(6);
    bench.settle();
    assert_eq!(bench.closed.len(), 1);
    bench.closed.clear();
    bench.connect(6);
}

#[test]
fn close_abandons_the_send_and_comes_last() {
    let mut bench = Bench::new(4);
    bench.connect(9);
    bench.io.send(9, pattern(20_000));
    bench.settle();
    bench.io.close(9);
    assert_eq!(bench.io.descriptor(9), -1);
    bench.settle();
    assert_eq!(bench.sent, [(20_000, false)]);
    assert_eq!(bench.closed, [CloseReason::Asked]);
}

#[test]
fn lent_buffers_are_bounded() {
    let mut bench = Bench::new(5);
    let peer = bench.connect(0);
    bench.world.write(peer, &pattern(9000));
    let mut held = Vec::new();
    for _ in 0..100 {
        bench.world.advance(1000);
        let mut events = Vec::new();
        bench.io.poll(Sleep::No, &mut events);
        held.extend(events.into_iter().map(|event| match event {
            Event::Received { buffer, .. } => buffer,
            other => panic!("{other:?}"),
        }));
    }
    assert!(held.len() <= 8 && !bench.world.has_events(0));
    let got: Vec<u8> = held.iter().flat_map(|buffer| buffer.to_vec()).collect();
    for buffer in held {
        bench.io.recycle(buffer);
    }
    bench.settle();
    assert_eq!(
        [got, std::mem::take(&mut bench.received)].concat(),
        pattern(9000)
    );
}

/// What is around a simulated shard.
struct Around(World);

impl Outside for Around {
    fn directory(&self) -> PathBuf {
        self.0.make_directory(Path::new("/directory"));
        PathBuf::from("/directory")
    }
    fn pass(&mut self) {
        if let Some(at_us) = self.0.next_arrival_us() {
            self.0.advance(at_us - self.0.now().monotonic_us);
        }
    }
    fn listen(&mut self) -> Address {
        let address = Address::Tcp(([127, 0, 0, 1], 1).into());
        self.0.serve(address.clone());
        address
    }
    fn listen_unix(&mut self) -> Address {
        let address = Address::Unix("/socket".into());
        self.0.serve(address.clone());
        address
    }
    fn nobody(&mut self) -> Address {
        Address::Tcp(([127, 0, 0, 1], 2).into())
    }
    fn stubborn(&mut self) -> Address {
        self.listen()
    }
    fn greet(&mut self, address: &Address, mut answer: impl FnMut()) -> Vec<u8> {
        let peer = self.0.accept(address).expect("a shard has connected");
        assert_eq!(self.0.write(peer, b"hello"), 5);
        let mut got = Vec::new();
        while got.len() < 5 {
            answer();
            self.pass();
            got.extend(self.0.read(peer, 5));
        }
        got
    }
}

mod files {
    use super::{Around, SimIo, WEATHER, World};
    use crate::base::file_suite::{Bench, file_suite};

    fn bench() -> Option<Bench<SimIo, Around>> {
        let world = World::new(1, 11, WEATHER);
        let io = world.io(0);
        Some(Bench::new(io, Around(world)))
    }

    file_suite!(bench);
}

#[test]
fn a_disk_may_refuse_direct_files() {
    let world = World::new(1, 12, WEATHER);
    world.set_disk_weather(super::DiskWeather {
        refuses_direct: true,
        ..super::DiskWeather::default()
    });
    let bench = crate::base::file_suite::Bench::new(world.io(0), Around(world));
    crate::base::file_suite::direct_may_be_refused(bench);
}
