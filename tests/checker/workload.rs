//! What clients do: units of requests, and the transactions that they make up.
//!
//! A unit is written to the connection at once; a call is one request or a whole MULTI ... EXEC
//! among them. A unit may have a sequel that depends on its replies, as after WATCH. `History`
//! collects what the clients saw and hands it to the checkers.

mod append;
mod bank;
mod lists;
mod mixed;
mod registers;
mod sets;

use cairn::base::sim::Random;

pub use append::Append;
pub use bank::Bank;
pub use lists::{Lists, Queues};
pub use mixed::{Mixed, Sequential};
pub use registers::Registers;
pub use sets::Sets;

use super::reply::{Reply, Words};

/// Commands without effect.
const READS: &[&[u8]] = &[b"GET", b"MGET", b"EXISTS", b"DBSIZE", b"LRANGE", b"LLEN"];

/// One transaction of a unit: which requests, and what must hold for an EXEC behind WATCH.
#[derive(Debug, Clone)]
pub struct Part {
    pub first: usize,
    /// 1: a plain command. More: MULTI, commands, EXEC.
    pub count: usize,
    /// Keys that were watched, and what they held then.
    pub guard: Vec<(Vec<u8>, Reply)>,
}

/// What a client sends at once.
#[derive(Debug, Clone, Default)]
pub struct Unit {
    pub requests: Vec<Words>,
    pub parts: Vec<Part>,
    /// The client waits this long before, microseconds.
    pub pause_us: u64,
}

/// One transaction as its client saw it.
#[derive(Debug, Clone)]
pub struct Seen {
    pub process: usize,
    pub invoke: u64,
    /// None: the connection ended first.
    pub complete: Option<u64>,
    pub commands: Vec<Words>,
    /// One per command; empty without an end.
    pub replies: Vec<Reply>,
    pub guard: Vec<(Vec<u8>, Reply)>,
}

/// What a test's clients do and what must be true of it.
pub trait Workload {
    /// What is there before the clients begin.
    fn prepare(&self) -> Vec<Words>;

    /// What an undisturbed client asks when all others are done; part of the history.
    fn last(&self) -> Vec<Words> {
        Vec::new()
    }

    /// The next unit of a client.
    fn next(&mut self, random: &mut Random) -> Unit;

    /// What follows on the same connection when every reply has come.
    fn sequel(&mut self, _unit: &Unit, _replies: &[Reply], _random: &mut Random) -> Option<Unit> {
        None
    }

    /// Judges the history, which is ordered by invocation.
    fn check(&self, history: &[Seen]) -> Result<(), String>;
}

impl Unit {
    pub fn plain(mut self, request: Words) -> Self {
        self.parts.push(Part {
            first: self.requests.len(),
            count: 1,
            guard: Vec::new(),
        });
        self.requests.push(request);
        self
    }

    /// A request whose reply is not part of the history.
    pub fn aside(mut self, request: Words) -> Self {
        self.requests.push(request);
        self
    }

    pub fn exec(mut self, commands: Vec<Words>, guard: Vec<(Vec<u8>, Reply)>) -> Self {
        self.parts.push(Part {
            first: self.requests.len(),
            count: commands.len() + 2,
            guard,
        });
        self.requests.push(vec![b"MULTI".to_vec()]);
        self.requests.extend(commands);
        self.requests.push(vec![b"EXEC".to_vec()]);
        self
    }
}

impl Seen {
    /// What a part of a unit was, given the replies that came. None: it had no effect (EXEC was
    /// aborted).
    pub fn of(
        unit: &Unit,
        part: &Part,
        replies: &[Reply],
        process: usize,
        times: (u64, Option<u64>),
    ) -> Result<Option<Seen>, String> {
        let requests = &unit.requests[part.first..part.first + part.count];
        let came = replies.get(part.first..part.first + part.count);
        let inner = match part.count {
            1 => 0..1,
            count => 1..count - 1,
        };
        let commands = requests[inner].to_vec();
        let seen = |complete, replies| Seen {
            process,
            invoke: times.0,
            complete,
            commands: commands.clone(),
            replies,
            guard: part.guard.clone(),
        };
        let Some(came) = came else {
            let reads = |words: &Words| READS.contains(&words[0].as_slice());
            // A read that nobody saw explains nothing.
            return match commands.iter().all(reads) {
                true => Ok(None),
                false => Ok(Some(seen(None, Vec::new()))),
            };
        };
        if part.count == 1 {
            return Ok(Some(seen(times.1, came.to_vec())));
        }
        match &came[part.count - 1] {
            Reply::Null if !part.guard.is_empty() => Ok(None),
            Reply::Array(items) if items.len() == part.count - 2 => {
                Ok(Some(seen(times.1, items.clone())))
            }
            other => Err(format!("EXEC of {requests:?} answered {other:?}")),
        }
    }
}
