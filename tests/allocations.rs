//! Steady GET and SET loops allocate nothing: machinery is allocated at start, values when they
//! change.
//!
//! Two shards over real sockets and epoll, ticked by the test's own thread, so that the allocator's
//! count of this thread is that of the shards. Only what the rounds allocate counts; the clients
//! are the test's.

#![allow(
    clippy::disallowed_methods,
    reason = "the clients are sockets of the test's own"
)]

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::IntoRawFd;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use cairn::base::{EpollIo, Sleep, Socket, Wakers, mesh};
use cairn::cmd::key_slot;
use cairn::config::Config;
use cairn::limits::{RECEIVE_BUFFER_BYTES, RECEIVE_BUFFERS};
use cairn::route::{Message, ShardId, SlotTable};
use cairn::shard::{Identity, Shard, Shared};
use tikv_jemalloc_ctl::thread::allocatedp;

const SHARDS: usize = 2;
/// Commands of a loop, and of the same loop before, which makes buffers and lists as large as they
/// get.
const COMMANDS: usize = 10_000;
const WARM_UP: usize = 5000;
/// Runs of a loop, the least of which counts.
const ATTEMPTS: usize = 3;
/// Rounds after which an answer should have come.
const PATIENCE: usize = 1_000_000;

struct House {
    shards: Vec<Shard<EpollIo>>,
    shared: Arc<Shared>,
    /// Bytes that rounds have allocated.
    allocated: u64,
}

impl House {
    /// Shards that serve this port.
    fn new() -> (Self, u16) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
        listener.set_nonblocking(true).expect("a socket can be so");
        let port = listener.local_addr().expect("it is bound").port();
        let wakers = Wakers::new(SHARDS).expect("descriptors");
        let shared = Arc::new(Shared::new(
            SHARDS,
            42,
            1_700_000_000_000_000,
            "0".repeat(40),
        ));
        let config = Arc::new(Config::default());
        let commands = cairn::admin::commands(&[]).expect("nothing is renamed");
        let shard = |(number, endpoint)| {
            let identity = Identity {
                shard: ShardId::at(number),
                shards: SHARDS,
                shared: shared.clone(),
            };
            let buffers = RECEIVE_BUFFERS;
            let io = EpollIo::new(wakers.clone(), number, buffers, RECEIVE_BUFFER_BYTES);
            Shard::new(
                identity,
                config.clone(),
                commands,
                io.expect("descriptors"),
                endpoint,
            )
        };
        let shards = mesh::<Message>(SHARDS).into_iter().enumerate().map(shard);
        let mut house = Self {
            shards: shards.collect(),
            shared,
            allocated: 0,
        };
        house.shards[0].listen(0, Socket(listener.into_raw_fd()));
        (house, port)
    }

    /// Every shard once.
    fn round(&mut self) {
        let counter = allocatedp::read().expect("the allocator counts");
        let before = counter.get();
        for shard in &mut self.shards {
            assert!(shard.round(Sleep::No), "the shards go on");
        }
        self.allocated += counter.get() - before;
    }
}

/// A connection, and what it has received.
struct Client {
    stream: TcpStream,
    received: Vec<u8>,
}

impl Client {
    fn new(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
        stream.set_nonblocking(true).expect("a socket can be so");
        Self {
            stream,
            received: Vec::new(),
        }
    }

    /// Sends commands and lets the shards work until so many bytes have come.
    fn ask(&mut self, house: &mut House, commands: &[u8], wanted: usize) -> &[u8] {
        self.received.clear();
        self.stream
            .write_all(commands)
            .expect("the buffers are large enough");
        for _ in 0..PATIENCE {
            house.round();
            let mut chunk = [0; 16 * 1024];
            match self.stream.read(&mut chunk) {
                Ok(0) => panic!("the server has closed the connection"),
                Ok(count) => self.received.extend_from_slice(&chunk[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => panic!("{error}"),
            }
            if self.received.len() >= wanted {
                return &self.received;
            }
        }
        panic!("no answer: {}", String::from_utf8_lossy(&self.received));
    }
}

fn command(arguments: &[&[u8]]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", arguments.len()).into_bytes();
    for argument in arguments {
        bytes.extend(format!("${}\r\n", argument.len()).into_bytes());
        bytes.extend_from_slice(argument);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}

/// So many keys that this shard owns.
fn keys_of(shard: usize, count: usize) -> Vec<String> {
    let slots = SlotTable::even(SHARDS);
    let names = (0..).map(|number| format!("key:{number:06}"));
    let own = names.filter(|name| slots.owner(key_slot(name.as_bytes())).index() == shard);
    own.take(count).collect()
}

/// Bytes that a loop of commands over these keys allocates, once it is warm.
fn steady(
    house: &mut House,
    client: &mut Client,
    name: &str,
    keys: &[String],
    depth: usize,
) -> u64 {
    let value = [b'v'; 64];
    let one = |key: &String| match name {
        "SET" => command(&[b"SET", key.as_bytes(), &value]),
        _ => command(&[b"GET", key.as_bytes()]),
    };
    let answer = match name {
        "SET" => b"+OK\r\n".to_vec(),
        _ => [&b"$64\r\n"[..], &value, b"\r\n"].concat(),
    };
    let batches: Vec<Vec<u8>> = keys
        .chunks_exact(depth)
        .map(|keys| keys.iter().flat_map(one).collect())
        .collect();
    let wanted = answer.repeat(depth);
    let run = |commands: usize, house: &mut House, client: &mut Client| {
        for number in 0..commands / depth {
            let batch = &batches[number % batches.len()];
            assert_eq!(client.ask(house, batch, wanted.len()), wanted);
        }
    };
    run(WARM_UP, house, client);
    // What happens by time (a stall that is noted, housekeeping) is no part of the loop.
    let measured = (0..ATTEMPTS).map(|_| {
        let before = house.allocated;
        run(COMMANDS, house, client);
        house.allocated - before
    });
    measured.min().expect("there are attempts")
}

/// A connection to each shard, in their order.
fn clients(house: &mut House, port: u16) -> Vec<Client> {
    let mut found: Vec<Option<Client>> = (0..SHARDS).map(|_| None).collect();
    for _ in 0..SHARDS {
        let counts = |house: &House| {
            let counts = &house.shared.clients_per_shard;
            counts
                .iter()
                .map(|count| count.load(Ordering::Relaxed))
                .collect::<Vec<_>>()
        };
        let before = counts(house);
        let mut client = Client::new(port);
        assert_eq!(client.ask(house, b"PING\r\n", 7), b"+PONG\r\n");
        let after = counts(house);
        let home = (0..SHARDS).find(|&shard| after[shard] > before[shard]);
        found[home.expect("the client is counted")] = Some(client);
    }
    let each = found
        .into_iter()
        .map(|client| client.expect("clients are dealt round"));
    each.collect()
}

#[test]
fn steady_loops_allocate_nothing() {
    let (mut house, port) = House::new();
    let mut too_many = Vec::new();
    for (home, mut client) in clients(&mut house, port).into_iter().enumerate() {
        for owner in 0..SHARDS {
            let keys = keys_of(owner, 64);
            for (name, depth) in [("SET", 1), ("GET", 1), ("SET", 16), ("GET", 16)] {
                let bytes = steady(&mut house, &mut client, name, &keys, depth);
                let figure = format!("{name} P={depth}, shard {home} to {owner}: {bytes} bytes");
                println!("{figure}");
                if bytes > 0 {
                    too_many.push(figure);
                }
            }
        }
    }
    assert!(too_many.is_empty(), "{}", too_many.join("\n"));
}

/// The control: new keys are memory, and are seen.
#[test]
fn new_keys_are_seen() {
    let (mut house, port) = House::new();
    let mut client = Client::new(port);
    let keys = keys_of(0, 256);
    for key in &keys {
        let set = command(&[b"SET", key.as_bytes(), &[b'v'; 64]]);
        client.ask(&mut house, &set, 5);
    }
    assert!(house.allocated > 256 * 80, "{} bytes", house.allocated);
}
