//! Several shards in one thread, without sockets: what tests of clients and transactions share.
//!
//! Owned by the tests. The shards tick for real, over a real mesh, one after the other; only the Io
//! is a recorder: what a client sends is fed by hand, what it is sent is kept, and the clock stands
//! still until `advance`. So a test sees every byte and nothing depends on time or on threads.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::io;
use std::rc::Rc;
use std::sync::Arc;

use super::core::IoRequest;
use super::{Commands, Core, Identity, Shard, Shared};
#[cfg(test)]
use crate::admin;
use crate::base::sim::Disk;
use crate::base::{
    Buffer, CloseReason, Event, Io, Now, Operation, RequestId, ShardId, Sleep, Socket, Token, mesh,
};
use crate::cmd::key_slot;
use crate::config::Config;

/// Where the clock starts: a plausible unix time, microseconds.
const START_US: u64 = 1_700_000_000_000_000;
/// Rounds without work after which nothing will happen by itself.
const QUIET_ROUNDS: usize = 3;
/// Rounds after which a test is in an endless loop.
const ROUNDS_MAX: usize = 10_000;

/// What the recorder keeps for one shard.
#[derive(Default)]
struct Outside {
    now: Now,
    events: Vec<Event>,
    sent: HashMap<Token, Vec<u8>>,
    tokens: HashMap<i32, Token>,
    addresses: HashMap<Token, String>,
    closed: HashSet<Token>,
    busy: bool,
    disk: Disk,
}

/// An Io that does nothing but remember.
struct Recorder(Rc<RefCell<Outside>>);

impl Io for Recorder {
    fn now(&self) -> Now {
        self.0.borrow().now
    }
    fn precise_ns(&self) -> u64 {
        self.now().monotonic_us * 1000
    }
    fn random(&mut self) -> u64 {
        42
    }
    fn listen(&mut self, _listener: u32, _socket: Socket) {}
    fn unlisten(&mut self, _listener: u32) {}
    fn attach(&mut self, token: Token, socket: Socket) -> io::Result<()> {
        let mut outside = self.0.borrow_mut();
        outside.tokens.insert(socket.0, token);
        outside.sent.insert(token, Vec::new());
        outside.closed.remove(&token);
        Ok(())
    }
    fn pause(&mut self, _token: Token) {}
    fn resume(&mut self, _token: Token) {}
    fn send(&mut self, token: Token, bytes: Vec<u8>) {
        let mut outside = self.0.borrow_mut();
        outside
            .sent
            .entry(token)
            .or_default()
            .extend_from_slice(&bytes);
        outside.events.push(Event::Sent {
            token,
            bytes,
            result: Ok(()),
        });
    }
    fn close(&mut self, token: Token) {
        let mut outside = self.0.borrow_mut();
        if outside.closed.insert(token) {
            let reason = CloseReason::Asked;
            outside.events.push(Event::Closed { token, reason });
        }
    }
    fn reset(&mut self, token: Token) {
        self.close(token);
    }
    fn recycle(&mut self, _buffer: Buffer) {}
    fn addresses(&self, token: Token) -> (String, String) {
        let known = self.0.borrow().addresses.get(&token).cloned();
        let remote = known.unwrap_or_else(|| format!("127.0.0.1:{}", 50_000 + token));
        (remote, "127.0.0.1:6379".to_string())
    }
    fn descriptor(&self, token: Token) -> i32 {
        i32::try_from(token).expect("a test has few clients") + 10
    }
    fn wake(&mut self, _shard: ShardId) {}
    fn poll(&mut self, wait: Sleep, events: &mut Vec<Event>) {
        let mut outside = self.0.borrow_mut();
        let idle = matches!(wait, Sleep::AtMost(us) if us > 0);
        outside.busy = !idle || !outside.events.is_empty();
        events.append(&mut outside.events);
    }
    fn discard(&mut self, _socket: Socket) {}
    fn request(&mut self, id: RequestId, mut operation: Operation) -> Result<(), Operation> {
        let outside = &mut *self.0.borrow_mut();
        let result = outside.disk.perform(&mut operation);
        outside
            .events
            .push(Event::Ended(operation.ended(id, result)));
        Ok(())
    }
    fn cancel(&mut self, _id: RequestId) {}
    fn name(&self) -> &'static str {
        "recorder"
    }
}

/// A client of a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    pub shard: usize,
    pub token: Token,
    pub id: u64,
}

/// A server of several shards.
pub struct Shards {
    shards: Vec<Shard<Recorder>>,
    outside: Vec<Rc<RefCell<Outside>>>,
    sockets: i32,
}

impl Shards {
    /// With the default configuration.
    pub fn new(count: usize) -> Self {
        Self::with(count, &[])
    }

    /// With these directives set.
    pub fn with(count: usize, directives: &[(&str, &str)]) -> Self {
        let mut config = Config::default();
        for (name, value) in directives {
            config
                .set(&[(name.as_bytes(), value.as_bytes())])
                .expect("a test's directives are valid");
        }
        let config = Arc::new(config);
        let shared = Arc::new(Shared::new(count, 42, START_US, "0".repeat(40)));
        let now = Now {
            monotonic_us: 1_000_000_000,
            unix_us: START_US,
        };
        let outside: Vec<Rc<RefCell<Outside>>> = (0..count)
            .map(|_| {
                Rc::new(RefCell::new(Outside {
                    now,
                    ..Outside::default()
                }))
            })
            .collect();
        let shards = mesh(count)
            .into_iter()
            .enumerate()
            .map(|(shard, endpoint)| {
                let identity = Identity {
                    shard: ShardId::at(shard),
                    shards: count,
                    shared: shared.clone(),
                };
                let recorder = Recorder(outside[shard].clone());
                Shard::new(
                    identity,
                    config.clone(),
                    admin::standard(),
                    recorder,
                    endpoint,
                )
            })
            .collect();
        Self {
            shards,
            outside,
            sockets: 0,
        }
    }

    /// One shard's state.
    pub fn core(&mut self, shard: usize) -> &mut Core {
        &mut self.shards[shard].core
    }

    /// Other commands than the server's; before anything is called.
    pub fn use_commands(&mut self, commands: &'static Commands) {
        for shard in &mut self.shards {
            let core = &mut shard.core;
            core.settings.commands = commands;
            let thresholds = super::core::thresholds(&core.settings.config);
            core.metrics = crate::metrics::Metrics::new(commands.table.len(), thresholds);
        }
    }

    /// A new client of a shard, from 127.0.0.1.
    pub fn connect(&mut self, shard: usize) -> Peer {
        self.sockets += 1;
        let socket = Socket(self.sockets);
        let core = &mut self.shards[shard].core;
        let shared = core.identity.shared.clone();
        let order = std::sync::atomic::Ordering::Relaxed;
        shared.clients.fetch_add(1, order);
        shared.clients_per_shard[shard].fetch_add(1, order);
        core.requests.push(IoRequest::Attach {
            socket,
            listener: 0,
        });
        self.run();
        let token = self.outside[shard].borrow().tokens[&socket.0];
        let id = self.core(shard).clients.get(token).map_or(0, |it| it.id);
        Peer { shard, token, id }
    }

    /// The next client of this shard that gets this token comes from another address.
    pub fn address(&mut self, shard: usize, token: Token, address: &str) {
        let addresses = &mut self.outside[shard].borrow_mut().addresses;
        addresses.insert(token, address.to_string());
    }

    /// Bytes arrive from a client; nothing ticks yet.
    pub fn feed(&mut self, peer: Peer, bytes: &[u8]) {
        let core = &mut self.shards[peer.shard].core;
        core.received(peer.token, bytes);
        core.handle_own_notes();
    }

    /// A command line arrives, words parted by blanks; nothing ticks yet.
    pub fn send(&mut self, peer: Peer, line: &str) {
        let words: Vec<&str> = line.split(' ').collect();
        let mut bytes = format!("*{}\r\n", words.len());
        for word in words {
            bytes.push_str(&format!("${}\r\n{word}\r\n", word.len()));
        }
        self.feed(peer, bytes.as_bytes());
    }

    /// One tick of one shard.
    pub fn tick(&mut self, shard: usize) {
        self.shards[shard].tick();
    }

    /// Ticks a client's shard once and reads what the client is sent.
    pub fn tick_and_read(&mut self, peer: Peer) -> String {
        self.tick(peer.shard);
        self.read(peer)
    }

    /// Ticks all shards until nothing happens any more.
    pub fn run(&mut self) {
        let mut quiet = 0;
        for _ in 0..ROUNDS_MAX {
            let mut busy = false;
            for shard in 0..self.shards.len() {
                self.tick(shard);
                busy |= self.outside[shard].borrow().busy;
            }
            quiet = if busy { 0 } else { quiet + 1 };
            if quiet == QUIET_ROUNDS {
                return;
            }
        }
        panic!("the shards do not come to rest");
    }

    /// What a client has been sent since it last read.
    pub fn read(&mut self, peer: Peer) -> String {
        let mut outside = self.outside[peer.shard].borrow_mut();
        let sent = std::mem::take(outside.sent.entry(peer.token).or_default());
        String::from_utf8_lossy(&sent).into_owned()
    }

    /// Sends a command line and reads what comes back when all is quiet.
    pub fn call(&mut self, peer: Peer, line: &str) -> String {
        self.send(peer, line);
        self.run();
        self.read(peer)
    }

    /// Time passes on every shard, and what is due happens.
    pub fn advance(&mut self, milliseconds: u64) {
        self.pass(milliseconds);
        self.run();
    }

    /// Time passes on every shard; nothing ticks yet.
    pub fn pass(&mut self, milliseconds: u64) {
        for outside in &self.outside {
            let now = &mut outside.borrow_mut().now;
            now.monotonic_us += milliseconds * 1000;
            now.unix_us += milliseconds * 1000;
        }
    }

    /// The client goes away by itself.
    pub fn hang_up(&mut self, peer: Peer) {
        let outside = &mut self.outside[peer.shard].borrow_mut();
        outside.closed.insert(peer.token);
        outside.events.push(Event::Closed {
            token: peer.token,
            reason: CloseReason::PeerClosed,
        });
    }

    /// True when the server has closed the connection, or the client has hung up.
    pub fn closed(&self, peer: Peer) -> bool {
        self.outside[peer.shard]
            .borrow()
            .closed
            .contains(&peer.token)
    }

    /// A key that a shard owns; different ones for different `nth`.
    pub fn key(&mut self, shard: usize, nth: usize) -> String {
        let slots = &self.shards[0].core.slots;
        (0..)
            .map(|number| format!("key{number}"))
            .filter(|key| slots.owner(key_slot(key.as_bytes())) == ShardId::at(shard))
            .nth(nth)
            .expect("every shard owns some of infinitely many keys")
    }
}

mod tests {
    use super::*;

    #[test]
    fn commands_hop_between_shards_and_time_passes() {
        let mut shards = Shards::new(3);
        let client = shards.connect(1);
        for owner in 0..3 {
            let key = shards.key(owner, 0);
            assert_eq!(
                shards.call(client, &format!("SET {key} v PX 50")),
                "+OK\r\n"
            );
            assert_eq!(shards.call(client, &format!("GET {key}")), "$1\r\nv\r\n");
        }
        let (near, far) = (shards.key(1, 0), shards.key(2, 0));
        assert_ne!(near, shards.key(1, 1));
        assert_eq!(
            shards.call(client, &format!("EXISTS {near} {far}")),
            ":2\r\n"
        );
        shards.advance(60);
        assert_eq!(
            shards.call(client, &format!("EXISTS {near} {far}")),
            ":0\r\n"
        );
    }

    #[test]
    fn clients_come_and_go() {
        let mut shards = Shards::with(2, &[("timeout", "5")]);
        let (first, second) = (shards.connect(0), shards.connect(0));
        assert_ne!(first.id, second.id);
        shards.feed(first, b"PING\r\nQUIT\r\n");
        shards.run();
        assert_eq!(shards.read(first), "+PONG\r\n+OK\r\n");
        assert!(shards.closed(first) && !shards.closed(second));
        shards.hang_up(second);
        shards.run();
        assert!(shards.core(0).clients.is_empty());
        shards.address(0, 0, "10.0.0.9:1");
        let third = shards.connect(0);
        shards.advance(6000);
        assert!(shards.closed(third), "an idle client is closed");
    }
}

/// What this thread has used, however many others share the processor.
#[allow(clippy::disallowed_methods, reason = "asks the system, not a clock")]
pub fn processor_time_ns() -> u64 {
    let figures = std::fs::read_to_string("/proc/thread-self/schedstat")
        .expect("Linux tells a thread its times");
    let first = figures.split(' ').next().expect("it begins with a number");
    first.parse().expect("it begins with a number")
}
