//! The simulated machine: network, clocks, randomness and files of a whole server in one thread.
//!
//! A `World` is shared by the `SimIo` of every shard and by the simulated clients. Nothing in it
//! moves by itself: whoever runs the simulation advances the clock, ticks shards and lets clients
//! read and write, and every choice comes from the seed. So a run is repeated exactly by its seed;
//! `trace` tells two runs apart.

mod disk;
mod io;
mod pipe;
mod random;
mod requests;
#[cfg(test)]
mod tests;

pub use disk::{Disk, DiskWeather};
pub use io::SimIo;
pub use pipe::Weather;
pub use random::Random;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;

use self::io::Attached;
use self::pipe::Pipe;
use self::requests::Waiting;
use super::file::Address;
use super::io::{Now, Socket, Token};

/// A client's end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Peer(usize);

/// How a client's connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeerState {
    Open,
    /// The server has ended it and everything was read.
    Ended,
    /// One side has reset it.
    Reset,
}

/// The simulated machine; a handle, cheap to clone.
#[derive(Debug, Clone)]
pub struct World(Rc<RefCell<State>>);

#[derive(Debug)]
struct State {
    now_us: u64,
    /// Wall clock minus monotonic clock.
    unix_offset_us: u64,
    weather: Weather,
    random: Random,
    trace: u64,
    /// A `poll` reports all that has happened, and receive buffers do not run out.
    reports_all: bool,
    connections: Vec<Connection>,
    shards: Vec<ShardSide>,
    disk: Disk,
    requests_begun: u64,
    /// Addresses of the outside at which somebody listens, and who has been accepted there.
    served: BTreeMap<Address, VecDeque<Peer>>,
}

#[derive(Debug)]
struct Connection {
    to_server: Pipe,
    to_client: Pipe,
    /// The client's reset arrives at the server.
    reset_at_us: Option<u64>,
    client_gone: bool,
    server_gone: bool,
    /// The shard that owns it now, once attached.
    owner: Option<(usize, Token)>,
}

/// What the world keeps per shard.
#[derive(Debug, Default)]
struct ShardSide {
    attached: BTreeMap<Token, Attached>,
    listening: BTreeSet<u32>,
    /// Connections to accept: arrival, listener, socket.
    accepting: VecDeque<(u64, u32, Socket)>,
    /// Events that are certain already, in order.
    settled: VecDeque<super::io::Event>,
    /// Requests that have not taken effect.
    requests: Vec<Waiting>,
    woken: bool,
    /// Receive buffers that the shard has not handed back.
    lent: usize,
}

/// The wall clock at the start of every simulation: 2025-01-01, microseconds.
const START_UNIX_US: u64 = 1_735_689_600_000_000;
/// The monotonic clock at the start, microseconds.
const START_US: u64 = 1_000_000;
/// The disk draws from a stream of its own, so that what is said over the network does not change
/// with it.
const DISK_SEED: u64 = 0xd15c;

impl World {
    /// A machine for `shards` shards.
    #[must_use]
    pub fn new(shards: usize, seed: u64, weather: Weather) -> Self {
        Self(Rc::new(RefCell::new(State {
            now_us: START_US,
            unix_offset_us: START_UNIX_US - START_US,
            weather,
            random: Random::new(seed),
            trace: seed,
            reports_all: false,
            connections: Vec::new(),
            shards: (0..shards).map(|_| ShardSide::default()).collect(),
            disk: Disk::new(seed ^ DISK_SEED),
            requests_begun: 0,
            served: BTreeMap::new(),
        })))
    }

    /// The door of one shard.
    #[must_use]
    pub fn io(&self, shard: usize) -> SimIo {
        SimIo::new(self.clone(), shard)
    }

    #[must_use]
    pub fn now(&self) -> Now {
        self.0.borrow().now()
    }

    /// Lets time pass.
    pub fn advance(&self, microseconds: u64) {
        self.0.borrow_mut().now_us += microseconds;
    }

    /// From now on every `poll` reports all that has happened: for counting what a load costs,
    /// where a random share would look like a cost.
    pub fn report_all(&self) {
        self.0.borrow_mut().reports_all = true;
    }

    /// When something arrives next, if anything is under way, monotonic microseconds.
    #[must_use]
    pub fn next_arrival_us(&self) -> Option<u64> {
        let state = self.0.borrow();
        let now_us = state.now_us;
        let pipes = state.connections.iter().flat_map(|connection| {
            [
                connection.to_server.next_arrival(now_us),
                connection.to_client.next_arrival(now_us),
                connection.reset_at_us.filter(|&at_us| at_us > now_us),
            ]
        });
        let accepts = state
            .shards
            .iter()
            .filter_map(|side| side.accepting.front().map(|(at_us, ..)| *at_us))
            .filter(|&at_us| at_us > now_us);
        let requests = state.next_request_us().filter(|&at_us| at_us > now_us);
        pipes.flatten().chain(accepts).chain(requests).min()
    }

    /// A number that depends on everything that happened so far, and on its order.
    #[must_use]
    pub fn trace(&self) -> u64 {
        self.0.borrow().trace
    }

    /// Makes something part of the trace.
    pub fn record(&self, bytes: &[u8]) {
        self.0.borrow_mut().record(bytes);
    }

    /// 64 bits from the seed, for whoever runs the simulation.
    pub fn random(&self) -> u64 {
        self.0.borrow_mut().random.next()
    }

    /// True when another shard has woken this one since its last `poll`.
    #[must_use]
    pub fn is_woken(&self, shard: usize) -> bool {
        self.0.borrow().shards[shard].woken
    }

    /// True when a `poll` of the shard would report something.
    #[must_use]
    pub fn has_events(&self, shard: usize) -> bool {
        self.0.borrow().has_events(shard)
    }
}

/// The clients' side.
impl World {
    /// Connects to a listener of a shard.
    pub fn connect(&self, shard: usize, listener: u32) -> Peer {
        let mut state = self.0.borrow_mut();
        let number = state.connections.len();
        let at_us = state.now_us + state.delay();
        state.connections.push(Connection::new());
        let socket = Socket(i32::try_from(number).expect("a simulation ends before that"));
        let side = &mut state.shards[shard];
        let at_us = side
            .accepting
            .back()
            .map_or(at_us, |(last, ..)| at_us.max(*last));
        side.accepting.push_back((at_us, listener, socket));
        Peer(number)
    }

    /// Sends bytes; returns how many the connection took, fewer when the server does not read.
    pub fn write(&self, peer: Peer, bytes: &[u8]) -> usize {
        let state = &mut *self.0.borrow_mut();
        let connection = &mut state.connections[peer.0];
        assert!(!connection.client_gone, "this client has left");
        if connection.server_gone {
            return bytes.len();
        }
        connection
            .to_server
            .write(bytes, state.now_us, state.weather, &mut state.random)
    }

    /// True when `write` would take something.
    #[must_use]
    pub fn has_room(&self, peer: Peer) -> bool {
        let state = self.0.borrow();
        let connection = &state.connections[peer.0];
        connection.server_gone || connection.to_server.has_room(state.weather)
    }

    /// Reads at most `most` bytes of what has arrived.
    pub fn read(&self, peer: Peer, most: usize) -> Vec<u8> {
        let state = &mut *self.0.borrow_mut();
        let now_us = state.now_us;
        let bytes = state.connections[peer.0].to_client.read(now_us, most);
        state.record(&bytes);
        bytes
    }

    /// True when `read` would return something or the state is no longer `Open`.
    #[must_use]
    pub fn has_news(&self, peer: Peer) -> bool {
        let state = self.0.borrow();
        state.connections[peer.0].to_client.has_bytes(state.now_us)
            || state.peer_state(peer) != PeerState::Open
    }

    #[must_use]
    pub fn peer_state(&self, peer: Peer) -> PeerState {
        self.0.borrow().peer_state(peer)
    }

    /// Sends end of file; replies can still be read.
    pub fn shut_down(&self, peer: Peer) {
        let state = &mut *self.0.borrow_mut();
        state.connections[peer.0]
            .to_server
            .end(state.now_us, state.weather, &mut state.random);
    }

    /// Breaks the connection: what is under way to the client is lost, what is under way to the
    /// server may be.
    pub fn reset(&self, peer: Peer) {
        let state = &mut *self.0.borrow_mut();
        let at_us = state.now_us + state.delay();
        let lost = state.random.one_in(2);
        let connection = &mut state.connections[peer.0];
        connection.client_gone = true;
        connection.to_client.clear();
        connection.reset_at_us = Some(at_us);
        if lost {
            connection.to_server.clear();
        }
    }
}

impl State {
    fn now(&self) -> Now {
        Now {
            monotonic_us: self.now_us,
            unix_us: self.now_us + self.unix_offset_us,
        }
    }

    fn delay(&mut self) -> u64 {
        self.random.below(self.weather.delay_us_max + 1)
    }

    /// FNV-1a, 64 bits.
    fn record(&mut self, bytes: &[u8]) {
        for byte in self.now_us.to_le_bytes().iter().chain(bytes) {
            self.trace = (self.trace ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn peer_state(&self, peer: Peer) -> PeerState {
        let connection = &self.connections[peer.0];
        if connection.client_gone {
            PeerState::Reset
        } else if connection.to_client.ended(self.now_us) {
            PeerState::Ended
        } else {
            PeerState::Open
        }
    }
}

impl Connection {
    fn new() -> Self {
        Self {
            to_server: Pipe::default(),
            to_client: Pipe::default(),
            reset_at_us: None,
            client_gone: false,
            server_gone: false,
            owner: None,
        }
    }

    fn was_reset(&self, now_us: u64) -> bool {
        self.reset_at_us.is_some_and(|at_us| at_us <= now_us)
    }
}
