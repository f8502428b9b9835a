//! The io_uring back end: one ring per shard, every operation through it.
//!
//! Accepting and receiving are multishot, received bytes land in a provided-buffer ring, sends of a
//! tick travel with the next `poll`, which is one system call in the common case. Owned by one
//! shard's thread and made there, because the kernel ties the ring to it. Must not allocate per
//! event, and must not let a completion of an old connection reach a new one: a token is released
//! only after all its operations have completed.
//!
//! A completion's user data is `kind << 32 | token`, so no lookup but one vector index.

mod buffers;
mod completion;
mod connection;
mod files;
mod pending;
mod ring;
pub(super) mod trial;

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use io_uring::{cqueue, opcode, squeue, types};

use self::buffers::BufferRing;
use self::connection::{Connection, FixedFiles, Listener, Receive};
use self::files::Files;
use self::ring::Ring;
pub use self::ring::TaskWork;
pub(super) use self::trial::Granted;
use super::clock::{self, Random};
use super::file::{Operation, RequestId};
use super::io::{Buffer, Event, Io, Now, Sleep, Socket, Token};
use super::socket;
use super::table::Table;
use super::ticks::Ticker;
use super::wake::Wakers;
use crate::limits;

/// The operation that a completion ends.
#[derive(Clone, Copy)]
#[repr(u64)]
enum Kind {
    /// Nobody waits for it: cancellations, closed descriptors.
    Ignored = 0,
    Accept = 1,
    Receive = 2,
    Send = 3,
    /// Another shard's message: ends the sleep, says nothing.
    Woken = 4,
    /// Our message to another shard; only a failure completes.
    Wake = 5,
    /// The eventfd was written.
    Signal = 6,
    /// A place of the registered file table is empty again.
    FixedFile = 7,
    /// A step of a request about files, or a connection that was made.
    File = 8,
}

const fn user_data(kind: Kind, token: u32) -> u64 {
    ((kind as u64) << 32) | token as u64
}

/// Sizes of one shard's ring.
#[derive(Debug, Clone, Copy)]
pub struct UringOptions {
    /// Submission queue entries.
    pub entries: u32,
    /// Receive buffers, a power of two, and the bytes of each.
    pub buffers: usize,
    pub buffer_bytes: usize,
    /// Sockets that get a place in the registered file table.
    pub registered_files: u32,
}

impl Default for UringOptions {
    fn default() -> Self {
        UringOptions {
            entries: limits::RING_ENTRIES,
            buffers: limits::RECEIVE_BUFFERS,
            buffer_bytes: limits::RECEIVE_BUFFER_BYTES,
            registered_files: limits::REGISTERED_FILES,
        }
    }
}

/// What one `Io` on io_uring holds.
pub struct UringIo {
    // Dropped first: the kernel lets go of the memory that the fields below own.
    ring: Ring,
    buffers: BufferRing,
    /// Where the kernel puts the eventfd's counter; boxed because its address must not change.
    signal_word: Box<u64>,
    connections: Table<Connection>,
    listeners: Vec<Option<Listener>>,
    fixed_files: FixedFiles,
    /// Tokens whose receive ended for want of a buffer, oldest first.
    starved: VecDeque<Token>,
    /// Closed tokens without an operation under way, to be reported by the next `poll`.
    finished: Vec<Token>,
    files: Files,
    batch: Vec<cqueue::Entry>,
    wakers: Arc<Wakers>,
    shard: usize,
    now: Now,
    random: Random,
}

impl UringIo {
    /// Makes the ring of a shard; call it on the shard's own thread.
    ///
    /// # Errors
    /// When the kernel lacks or forbids io_uring, or memory or descriptors run out.
    pub fn new(wakers: Arc<Wakers>, shard: usize, options: UringOptions) -> io::Result<Self> {
        let ring = Ring::new(options.entries)?;
        let buffers = BufferRing::new(&ring.submitter(), options.buffers, options.buffer_bytes)?;
        let fixed_files = FixedFiles::new(&ring.submitter(), options.registered_files);
        let files = Files::new(&ring.submitter(), wakers.waker(shard));
        // Older kernels do not know the limit; theirs is four threads per processor.
        let mut workers = [limits::FILE_WORKERS_MAX; 2];
        let _ = ring.submitter().register_iowq_max_workers(&mut workers);
        let mut io = UringIo {
            ring,
            buffers,
            signal_word: Box::new(0),
            connections: Table::new(),
            listeners: Vec::new(),
            fixed_files,
            starved: VecDeque::new(),
            finished: Vec::new(),
            files,
            batch: Vec::with_capacity(limits::EVENTS_PER_POLL),
            wakers,
            shard,
            now: clock::now(),
            random: Random::new(),
        };
        io.wakers.publish_ring(shard, io.ring.descriptor());
        io.await_signal();
        Ok(io)
    }

    /// How completions reach this ring.
    #[must_use]
    pub fn task_work(&self) -> TaskWork {
        self.ring.task_work()
    }

    /// Places in the registered file table; 0 when the kernel refused it.
    #[must_use]
    pub fn registered_files(&self) -> usize {
        self.fixed_files.places()
    }

    fn await_signal(&mut self) {
        let target = types::Fd(self.wakers.event(self.shard));
        let word = (&raw mut *self.signal_word).cast::<u8>();
        let entry = opcode::Read::new(target, word, size_of::<u64>() as u32).build();
        // SAFETY: the boxed word outlives the ring, which is dropped first, and nothing else reads
        // it.
        unsafe { self.ring.push(entry.user_data(user_data(Kind::Signal, 0))) };
    }

    /// Queues an entry that names no memory of ours.
    fn queue(&mut self, entry: squeue::Entry, kind: Kind, token: u32) {
        // SAFETY: by this function's contract the entry names descriptors only.
        unsafe { self.ring.push(entry.user_data(user_data(kind, token))) };
    }

    fn cancel_entry(&mut self, kind: Kind, token: u32) {
        let entry = opcode::AsyncCancel::new(user_data(kind, token)).build();
        self.queue(entry, Kind::Ignored, 0);
    }

    fn arm_receive(&mut self, token: Token) {
        let connection = self.connections.attached(token);
        assert!(
            connection.receive != Receive::Armed,
            "one receive per connection"
        );
        connection.receive = Receive::Armed;
        let entry = connection.receive_entry();
        self.queue(entry, Kind::Receive, token);
    }

    fn queue_send(&mut self, token: Token) {
        let connection = self.connections.attached(token);
        let entry = connection
            .send_entry()
            .user_data(user_data(Kind::Send, token));
        // SAFETY: the entry names the connection's own vector, which stays in the table, untouched,
        // until the completion of this entry takes it out.
        unsafe { self.ring.push(entry) };
    }

    fn arm_accept(&mut self, index: usize) {
        let Some(listener) = &mut self.listeners[index] else {
            return;
        };
        listener.armed = true;
        listener.retry_at_us = None;
        let entry = opcode::AcceptMulti::new(types::Fd(listener.fd))
            .flags(libc::SOCK_CLOEXEC)
            .build();
        self.queue(entry, Kind::Accept, index as u32);
    }

    /// Receives again where buffers had run out, at most as many as there are buffers now.
    fn feed_starved(&mut self) {
        for _ in 0..self.buffers.free().min(self.starved.len()) {
            let Some(token) = self.starved.pop_front() else {
                return;
            };
            // The token may have been paused, closed or even attached anew since. What is about to
            // be reported as closed must not receive again: nothing would ever end that.
            if self
                .connections
                .get(token)
                .is_some_and(|c| c.receive == Receive::Starved && !c.closing)
            {
                self.arm_receive(token);
            }
        }
    }

    /// Accepts again after a pause; returns the microseconds until the next listener is due.
    fn retry_accepts(&mut self) -> u64 {
        let mut due_us = u64::MAX;
        for index in 0..self.listeners.len() {
            let Some(at_us) = self.listeners[index].as_ref().and_then(|l| l.retry_at_us) else {
                continue;
            };
            if at_us <= self.now.monotonic_us {
                self.arm_accept(index);
            } else {
                due_us = due_us.min(at_us - self.now.monotonic_us);
            }
        }
        due_us
    }
}

impl Io for UringIo {
    fn now(&self) -> Now {
        self.now
    }

    fn precise_ns(&self) -> u64 {
        clock::precise_ns()
    }

    fn random(&mut self) -> u64 {
        self.random.next()
    }

    fn listen(&mut self, listener: u32, socket: Socket) {
        // Should the mode not change, accepting reports why.
        let _ = socket::set_nonblocking(socket.0, false);
        let index = match self.listeners.iter().position(Option::is_none) {
            Some(index) => index,
            None => {
                self.listeners.push(None);
                self.listeners.len() - 1
            }
        };
        self.listeners[index] = Some(Listener::new(listener, socket.0));
        self.arm_accept(index);
    }

    fn unlisten(&mut self, listener: u32) {
        for index in 0..self.listeners.len() {
            let Some(found) = &mut self.listeners[index] else {
                continue;
            };
            if found.name != listener || found.closing {
                continue;
            }
            if found.armed {
                found.closing = true;
                self.cancel_entry(Kind::Accept, index as u32);
            } else {
                socket::close(Socket(found.fd));
                self.listeners[index] = None;
            }
        }
    }

    fn attach(&mut self, token: Token, socket: Socket) -> io::Result<()> {
        let ready = if Table::<Connection>::admits(token) {
            socket::set_nonblocking(socket.0, false)
        } else {
            Err(io::Error::from_raw_os_error(libc::EMFILE))
        };
        if let Err(error) = ready {
            socket::close(socket);
            return Err(error);
        }
        let fixed = self.fixed_files.take(&self.ring.submitter(), socket.0);
        self.connections
            .insert(token, Connection::new(socket.0, fixed));
        self.arm_receive(token);
        Ok(())
    }

    fn pause(&mut self, token: Token) {
        let connection = self.connections.attached(token);
        connection.wanted = false;
        match connection.receive {
            Receive::Armed => self.cancel_entry(Kind::Receive, token),
            Receive::Starved => connection.receive = Receive::Idle,
            Receive::Idle | Receive::Ended => {}
        }
    }

    fn resume(&mut self, token: Token) {
        let connection = self.connections.attached(token);
        connection.wanted = true;
        // While the cancellation of a pause is under way, its completion arms the receive again.
        if connection.receive == Receive::Idle && !connection.closing {
            self.arm_receive(token);
        }
    }

    fn send(&mut self, token: Token, bytes: Vec<u8>) {
        let connection = self.connections.attached(token);
        assert!(
            connection.sending.is_none(),
            "one send per token may be under way"
        );
        assert!(!connection.closing, "a closed token sends nothing");
        connection.begin_send(bytes);
        self.queue_send(token);
    }

    fn close(&mut self, token: Token) {
        let connection = self.connections.attached(token);
        assert!(!connection.closing, "token {token} is closed twice");
        connection.closing = true;
        let (receiving, sending) = (
            connection.receive == Receive::Armed,
            connection.sending.is_some(),
        );
        let (fd, reported) = (connection.fd, connection.reported);
        if receiving || sending {
            // Wakes operations that a cancellation misses because they are between two waits.
            socket::shutdown(fd);
        }
        if receiving {
            self.cancel_entry(Kind::Receive, token);
        }
        if sending {
            self.cancel_entry(Kind::Send, token);
        }
        if !receiving && !sending {
            if reported {
                self.release(token);
            } else {
                self.finished.push(token);
            }
        }
    }

    fn reset(&mut self, token: Token) {
        socket::drop_unsent(self.connections.attached(token).fd);
        self.close(token);
    }

    fn recycle(&mut self, buffer: Buffer) {
        self.buffers.recycle(&buffer);
    }

    fn addresses(&self, token: Token) -> (String, String) {
        socket::addresses(self.descriptor(token))
    }

    fn descriptor(&self, token: Token) -> i32 {
        self.connections
            .get(token)
            .map_or(-1, |connection| connection.fd)
    }

    fn wake(&mut self, shard: super::ShardId) {
        let shard = shard.index();
        match self.wakers.ring(shard) {
            Some(ring) if shard != self.shard => {
                let woken = user_data(Kind::Woken, 0);
                let entry = opcode::MsgRingData::new(types::Fd(ring), 0, woken, None)
                    .build()
                    .flags(squeue::Flags::SKIP_SUCCESS);
                self.queue(entry, Kind::Wake, shard as u32);
            }
            _ => self.wakers.signal(shard),
        }
    }

    fn poll(&mut self, wait: Sleep, events: &mut Vec<Event>) {
        self.feed_starved();
        let due_us = self.retry_accepts();
        let sleep_us = match wait {
            Sleep::AtMost(limit_us)
                if self.finished.is_empty()
                    && self.starved.is_empty()
                    && !self.files.have_ended() =>
            {
                limit_us.min(due_us)
            }
            _ => 0,
        };
        self.ring.enter(sleep_us);
        self.now = clock::now();
        while let Some(token) = self.finished.pop() {
            self.settle(token, events);
        }
        let mut batch = std::mem::take(&mut self.batch);
        self.ring.reap(&mut batch, limits::EVENTS_PER_POLL);
        for completion in &batch {
            self.complete(completion, events);
        }
        batch.clear();
        self.batch = batch;
        if self.files.has_news() {
            self.report_files(events);
        }
    }

    fn linger(&mut self, limit_us: u64, mail: impl Fn() -> bool) -> bool {
        if !self.finished.is_empty() {
            return true;
        }
        self.ring.enter(0);
        let ring = &mut self.ring;
        Ticker::of_machine().spin_until(limit_us, || mail() || ring.is_ready())
    }

    fn stand_still(&mut self, duration: std::time::Duration) {
        self.ring.enter(0);
        super::stand_still(duration);
    }

    fn discard(&mut self, socket: Socket) {
        socket::close(socket);
    }

    fn request(&mut self, id: RequestId, operation: Operation) -> Result<(), Operation> {
        self.begin(id, operation)
    }

    fn cancel(&mut self, id: RequestId) {
        self.cancel_request(id);
    }

    fn name(&self) -> &'static str {
        "uring"
    }
}

impl Drop for UringIo {
    fn drop(&mut self) {
        self.wakers.withdraw_ring(self.shard);
        // Sends and receives must have let go of our memory before it is freed; kernels before 6.0
        // lack this call, but none of them touches user memory after the ring's own close.
        let limit = Some(types::Timespec::new().sec(1));
        let _ = self
            .ring
            .submitter()
            .register_sync_cancel(limit, types::CancelBuilder::any());
        self.release_files(limits::FILE_SHUTDOWN_MS * 1000);
        for connection in self.connections.iter() {
            socket::close(Socket(connection.fd));
        }
        for listener in self.listeners.drain(..).flatten() {
            socket::close(Socket(listener.fd));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::suite::{NORMAL, Sizes, io_suite};

    type Tested = UringIo;

    fn make(wakers: Arc<Wakers>, shard: usize, sizes: Sizes) -> Option<UringIo> {
        let options = UringOptions {
            entries: sizes.entries,
            buffers: sizes.buffers,
            buffer_bytes: sizes.buffer_bytes,
            registered_files: 64,
        };
        match UringIo::new(wakers, shard, options) {
            Ok(io) => Some(io),
            Err(error) => {
                eprintln!("skipped: this machine has no io_uring: {error}");
                None
            }
        }
    }

    io_suite!(make);

    mod files {
        use super::{NORMAL, UringIo, Wakers, make};
        use crate::base::file_suite::{Bench, Machine, file_suite};

        fn bench() -> Option<Bench<UringIo, Machine>> {
            let io = make(Wakers::new(1).unwrap(), 0, NORMAL)?;
            Some(Bench::new(io, Machine::new("uring")))
        }

        file_suite!(of_machine bench);
        file_suite::file_suite!(@each bench; short_reads_and_writes_go_on);
    }

    /// A ring that can do nothing with files.
    mod files_without_the_ring {
        use super::{NORMAL, UringIo, Wakers, make};
        use crate::base::file_suite::{Bench, Machine, file_suite};

        fn bench() -> Option<Bench<UringIo, Machine>> {
            let mut io = make(Wakers::new(1).unwrap(), 0, NORMAL)?;
            io.lack_file_operations();
            Some(Bench::new(io, Machine::new("thread")))
        }

        file_suite!(of_machine bench);
    }
}
