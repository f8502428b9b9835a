//! Requests about files, and connections to the outside, of the simulated shards.
//!
//! Owned by the world. A request takes effect when its time has come, whether or not its shard
//! polls, and is reported by the next `poll`; of two that are under way together the one that takes
//! longer comes later, but for appends to one file. Peers outside are simulated servers, which
//! tests serve at an address.

use std::collections::VecDeque;
use std::io;

use super::super::file::{Address, Operation, Outcome, RequestId, errno};
use super::super::io::{Event, Socket};
use super::disk::{Disk, DiskWeather};
use super::{Connection, Peer, State, World};
use crate::limits::FILE_REQUESTS_MAX;

/// A request that has not taken effect.
#[derive(Debug)]
pub(super) struct Waiting {
    id: RequestId,
    operation: Operation,
    due_us: u64,
    /// Decides between two that are due at the same time.
    number: u64,
}

impl Waiting {
    pub(super) fn is_due(&self, now_us: u64) -> bool {
        self.due_us <= now_us
    }
}

impl State {
    pub(super) fn begin(
        &mut self,
        shard: usize,
        id: RequestId,
        operation: Operation,
    ) -> Result<(), Operation> {
        let side = &self.shards[shard];
        if side.requests.len() >= FILE_REQUESTS_MAX {
            return Err(operation);
        }
        if let Operation::Close { file } = &operation {
            let used = |it: &Waiting| it.operation.file() == Some(*file);
            let used = side.requests.iter().any(used);
            assert!(!used, "a file is closed when its requests have ended");
        }
        let delay_us = match &operation {
            Operation::Connect { .. } => self.delay(),
            operation => self.disk.delay_us(operation),
        };
        let mut due_us = self.now_us + delay_us;
        let side = &mut self.shards[shard];
        if let Operation::Append { file, .. } = &operation {
            let appends = side.requests.iter().filter(|it| {
                matches!(&it.operation, Operation::Append { file: other, .. } if other == file)
            });
            due_us = appends.fold(due_us, |due_us, append| due_us.max(append.due_us));
        }
        self.requests_begun += 1;
        side.requests.push(Waiting {
            id,
            operation,
            due_us,
            number: self.requests_begun,
        });
        Ok(())
    }

    /// A connection that is being made ends; a disk may have begun.
    pub(super) fn cancel(&mut self, shard: usize, id: RequestId) {
        let requests = &mut self.shards[shard].requests;
        let Some(at) = requests.iter().position(|it| it.id == id) else {
            return;
        };
        let waits = matches!(requests[at].operation, Operation::Connect { .. });
        if waits || self.disk.one_in(2) {
            let Waiting { operation, .. } = requests.remove(at);
            let ended = operation.ended(id, Err(errno(libc::ECANCELED)));
            self.shards[shard].settled.push_back(Event::Ended(ended));
        }
    }

    /// When the next request takes effect.
    pub(super) fn next_request_us(&self) -> Option<u64> {
        let requests = self.shards.iter().flat_map(|side| &side.requests);
        requests.map(|request| request.due_us).min()
    }

    /// Lets all requests take effect whose time has come.
    pub(super) fn run_requests(&mut self) {
        loop {
            let due = self.shards.iter().enumerate().flat_map(|(shard, side)| {
                let requests = side.requests.iter().enumerate();
                requests.map(move |(at, it)| (it.due_us, it.number, shard, at))
            });
            match due.min() {
                Some((due_us, _, shard, at)) if due_us <= self.now_us => self.run(shard, at),
                _ => return,
            }
        }
    }

    fn run(&mut self, shard: usize, at: usize) {
        let mut request = self.shards[shard].requests.remove(at);
        let result = match &mut request.operation {
            Operation::Connect { address } => self.connect(address),
            operation => self.disk.perform(operation),
        };
        let ended = request.operation.ended(request.id, result);
        self.shards[shard].settled.push_back(Event::Ended(ended));
    }

    fn connect(&mut self, address: &Address) -> io::Result<Outcome> {
        let Some(accepted) = self.served.get_mut(address) else {
            return Err(errno(match address {
                Address::Tcp(_) => libc::ECONNREFUSED,
                Address::Unix(_) => libc::ENOENT,
            }));
        };
        let number = self.connections.len();
        self.connections.push(Connection::new());
        accepted.push_back(Peer(number));
        let number = i32::try_from(number).expect("a simulation ends before that");
        Ok(Outcome::Connected(Socket(number)))
    }
}

/// The disk and the outside, as whoever runs the simulation arranges them.
impl World {
    /// From now on somebody listens at an address.
    pub fn serve(&self, address: Address) {
        self.0.borrow_mut().served.insert(address, VecDeque::new());
    }

    /// The next connection that a shard has made to an address.
    pub fn accept(&self, address: &Address) -> Option<Peer> {
        self.0.borrow_mut().served.get_mut(address)?.pop_front()
    }

    /// How the disk behaves from now on.
    pub fn set_disk_weather(&self, weather: DiskWeather) {
        self.0.borrow_mut().disk.weather = weather;
    }

    /// Operations on this path, and on files opened by it, take so long from now on.
    pub fn slow_file(&self, path: &std::path::Path, microseconds: u64) {
        let slow = &mut self.0.borrow_mut().disk.slow;
        slow.insert(path.to_path_buf(), microseconds);
    }

    /// The file operation after `others` more fails with this errno.
    pub fn fail_file_operation(&self, others: u64, errno: i32) {
        self.0.borrow_mut().disk.plan_failure(others, errno);
    }

    /// A file's content.
    #[must_use]
    pub fn file(&self, path: &std::path::Path) -> Option<Vec<u8>> {
        self.0.borrow().disk.content(path)
    }

    /// Puts a durable file there, with the directories that lead to it.
    pub fn put_file(&self, path: &std::path::Path, bytes: &[u8]) {
        self.0.borrow_mut().disk.put(path, bytes);
    }

    /// Makes a directory that is durable.
    pub fn make_directory(&self, path: &std::path::Path) {
        self.0.borrow_mut().disk.make_directory(path);
    }

    /// Files that shards have open.
    #[must_use]
    pub fn open_files(&self) -> usize {
        self.0.borrow().disk.open_files()
    }

    /// Cuts the power: what a restarted machine finds. Requests under way may or may not have been
    /// carried out. The shards of this world are gone.
    #[must_use]
    pub fn power_cut(&self) -> World {
        let state = &mut *self.0.borrow_mut();
        state.run_requests();
        let mut begun: Vec<Waiting> = Vec::new();
        for side in &mut state.shards {
            begun.append(&mut side.requests);
        }
        begun.sort_by_key(|request| (request.due_us, request.number));
        for mut request in begun {
            let network = matches!(request.operation, Operation::Connect { .. });
            if !network && state.disk.one_in(2) {
                // Nobody is left to learn of it.
                let _ = state.disk.perform(&mut request.operation);
            }
        }
        let seed = state.random.next();
        let disk = std::mem::replace(&mut state.disk, Disk::new(seed)).after_power_cut();
        let restarted = World::new(state.shards.len(), seed, state.weather);
        {
            let fresh = &mut *restarted.0.borrow_mut();
            fresh.disk = disk;
            fresh.now_us = state.now_us;
            fresh.unix_offset_us = state.unix_offset_us;
        }
        restarted
    }
}
