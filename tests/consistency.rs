//! The simulator's workloads and checkers against the real server: real sockets, real threads, real
//! time.
//!
//! Sixteen clients at once, two and four shards, on both back ends, while the server is stopped and
//! continued at random (SIGSTOP). A normal run takes a few seconds; `CAIRN_CONSISTENCY_SECONDS=n`
//! lets every workload run again and again for n seconds, with stops of up to three seconds.

#![allow(
    clippy::disallowed_methods,
    reason = "a black-box test talks to sockets and reads the clock itself"
)]

mod checker;
mod harness;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use cairn::base::sim::Random;
use checker::reply::{Reply, encode};
use checker::workload::{
    Append, Bank, Lists, Mixed, Queues, Registers, Seen, Sets, Unit, Workload,
};
use harness::server::Server;

const CLIENTS: usize = 16;
/// How long one reply may take.
const READ_LIMIT: Duration = Duration::from_secs(10);

/// A workload, its clients and the units of each.
struct Run {
    name: &'static str,
    make: fn() -> Box<dyn Workload + Send>,
    clients: usize,
    units: usize,
}

/// Those whose orders are searched have few clients, the others many.
const RUNS: &[Run] = &[
    Run {
        name: "append",
        make: || Box::new(Append::new()),
        clients: CLIENTS,
        units: 150,
    },
    Run {
        name: "bank",
        make: || Box::new(Bank),
        clients: CLIENTS,
        units: 150,
    },
    Run {
        name: "queues",
        make: || Box::new(Queues::new()),
        clients: CLIENTS,
        units: 60,
    },
    Run {
        name: "registers",
        make: || Box::new(Registers::new(24)),
        clients: CLIENTS,
        units: 30,
    },
    Run {
        name: "mixed",
        make: || Box::new(Mixed::new(5)),
        clients: 4,
        units: 100,
    },
    Run {
        name: "lists",
        make: || Box::new(Lists::new(3)),
        clients: 4,
        units: 60,
    },
    Run {
        name: "sets",
        make: || Box::new(Sets::new(3)),
        clients: 4,
        units: 60,
    },
];

/// What all clients of a run share.
struct Shared {
    workload: Mutex<Box<dyn Workload + Send>>,
    /// Moves on with everything observed.
    order: AtomicU64,
    history: Mutex<Vec<Seen>>,
}

struct Client<'a> {
    stream: TcpStream,
    received: Vec<u8>,
    process: usize,
    shared: &'a Shared,
}

impl Client<'_> {
    fn observe(&self) -> u64 {
        self.shared.order.fetch_add(1, Ordering::SeqCst)
    }

    /// Sends a unit, awaits every reply, and keeps what was seen.
    fn perform(&mut self, unit: &Unit) -> Result<Vec<Reply>, String> {
        let mut bytes = Vec::new();
        for request in &unit.requests {
            encode(request, &mut bytes);
        }
        let invokes: Vec<u64> = unit.parts.iter().map(|_| self.observe()).collect();
        self.stream
            .write_all(&bytes)
            .map_err(|error| error.to_string())?;
        let (mut replies, mut completes) = (Vec::new(), Vec::new());
        while replies.len() < unit.requests.len() {
            let mut at = 0;
            while let Some((reply, len)) = Reply::decode(&self.received[at..]) {
                at += len;
                replies.push(reply);
                completes.push(self.observe());
            }
            self.received.drain(..at);
            if replies.len() < unit.requests.len() {
                let mut chunk = [0; 4096];
                let count = self
                    .stream
                    .read(&mut chunk)
                    .map_err(|error| format!("{error} awaiting {unit:?}"))?;
                if count == 0 {
                    return Err(format!("the server closed a connection at {unit:?}"));
                }
                self.received.extend_from_slice(&chunk[..count]);
            }
        }
        for (part, invoke) in unit.parts.iter().zip(invokes) {
            let complete = Some(completes[part.first + part.count - 1]);
            if let Some(seen) = Seen::of(unit, part, &replies, self.process, (invoke, complete))? {
                self.shared
                    .history
                    .lock()
                    .expect("no client panics")
                    .push(seen);
            }
        }
        Ok(replies)
    }

    fn work(&mut self, units: usize, random: &mut Random) -> Result<(), String> {
        for _ in 0..units {
            let mut next = Some(
                self.shared
                    .workload
                    .lock()
                    .expect("no client panics")
                    .next(random),
            );
            while let Some(unit) = next {
                let replies = self.perform(&unit)?;
                let mut workload = self.shared.workload.lock().expect("no client panics");
                next = workload.sequel(&unit, &replies, random);
            }
        }
        Ok(())
    }
}

/// One run on an empty server.
fn run(server: &Server, run: &Run, seed: u64) -> Result<usize, String> {
    let shared = Shared {
        workload: Mutex::new((run.make)()),
        order: AtomicU64::new(0),
        history: Mutex::new(Vec::new()),
    };
    let connect = |process| -> Result<Client<'_>, String> {
        let stream = server.connect().map_err(|error| error.to_string())?;
        stream
            .set_read_timeout(Some(READ_LIMIT))
            .map_err(|error| error.to_string())?;
        Ok(Client {
            stream,
            received: Vec::new(),
            process,
            shared: &shared,
        })
    };
    let mut first = connect(CLIENTS)?;
    first.perform(&Unit::default().aside(checker::reply::words("FLUSHALL")))?;
    let prepare = shared.workload.lock().expect("nobody works yet").prepare();
    for request in prepare {
        first.perform(&Unit::default().aside(request))?;
    }
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..run.clients)
            .map(|process| {
                let mut client = connect(process)?;
                let mut random = Random::new(seed * 1000 + process as u64);
                Ok(scope.spawn(move || client.work(run.units, &mut random)))
            })
            .collect::<Result<_, String>>()?;
        workers
            .into_iter()
            .try_for_each(|worker| worker.join().map_err(|_| "a client panicked".to_string())?)
    })?;
    let last = shared
        .workload
        .lock()
        .expect("nobody works any more")
        .last();
    for request in last {
        first.perform(&Unit::default().plain(request))?;
    }
    let mut history = shared.history.into_inner().expect("nobody works any more");
    history.sort_by_key(|seen| seen.invoke);
    let workload = shared.workload.into_inner().expect("nobody works any more");
    workload.check(&history)?;
    Ok(history.len())
}

/// Stops the process now and then, for `most_ms` at most, until the other end of `end` is gone.
/// Returns how often.
fn stop_now_and_then(process: u32, most_ms: u64, end: &Receiver<()>) -> usize {
    const LEAST_MS: u64 = 100;
    let signal = |name: &str| {
        let sent = Command::new("kill")
            .args([name, &process.to_string()])
            .status();
        assert!(sent.is_ok_and(|status| status.success()), "kill {name}");
    };
    let mut random = Random::new(u64::from(process));
    let mut wait = |most_ms: u64| {
        let pause_ms = LEAST_MS + random.below(most_ms - LEAST_MS);
        end.recv_timeout(Duration::from_millis(pause_ms)) == Err(RecvTimeoutError::Timeout)
    };
    for stops in 1.. {
        signal("-STOP");
        let goes_on = wait(most_ms);
        signal("-CONT");
        if !goes_on || !wait(2 * most_ms) {
            return stops;
        }
    }
    unreachable!("the stops are endless")
}

fn all(shards: &str, backend: &str) {
    let seconds: Option<u64> = std::env::var("CAIRN_CONSISTENCY_SECONDS")
        .ok()
        .map(|text| text.parse().expect("CAIRN_CONSISTENCY_SECONDS is a number"));
    let binary = Path::new(env!("CARGO_BIN_EXE_cairn-server"));
    let scratch = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let arguments = ["--shards", shards, "--backend", backend, "--save", ""];
    let server = Server::start(binary, &arguments, scratch).expect("the server starts");
    let (running, end) = channel();
    let (process, most_ms) = (server.process_id(), seconds.map_or(200, |_| 3000));
    let stops = std::thread::scope(|scope| {
        let stopper = scope.spawn(move || stop_now_and_then(process, most_ms, &end));
        // A failure, too, must end the stops.
        let running = running;
        let failure = RUNS
            .iter()
            .find_map(|each| again_and_again(&server, each, seconds).err());
        drop(running);
        let stops = stopper.join().expect("signals can be sent");
        if let Some(reason) = failure {
            panic!("{shards} shards ({backend}): {reason}\n{}", server.output());
        }
        stops
    });
    println!("{shards} shards ({backend}): {stops} stops");
}

/// A workload, once or for so many seconds.
fn again_and_again(server: &Server, each: &Run, seconds: Option<u64>) -> Result<(), String> {
    let end = Instant::now() + Duration::from_secs(seconds.unwrap_or(0));
    let (mut seed, mut transactions) = (0, 0);
    while seed == 0 || Instant::now() < end {
        transactions += run(server, each, seed)
            .map_err(|reason| format!("{}, seed {seed}: {reason}", each.name))?;
        seed += 1;
    }
    println!(
        "{}: {transactions} transactions in {seed} histories",
        each.name
    );
    Ok(())
}

#[test]
fn two_shards_on_epoll() {
    all("2", "epoll");
}

#[test]
fn four_shards() {
    all("4", "auto");
}
