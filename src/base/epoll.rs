//! The epoll back end: for kernels and containers without io_uring, with the same semantics.
//!
//! Edge-triggered, so that a connection costs no system call beyond its receives and sends;
//! readiness is remembered per token and each ready token is read once per `poll`, one buffer at a
//! time, so that no connection starves another. Sends wait for `poll` as they do in a ring, so that
//! the replies of a tick leave together. Owned by one shard's thread. Must not block except in
//! `poll`.

mod connection;
mod files;

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::sync::Arc;

use self::connection::{Connection, Listener, Progress};
use self::files::Files;
use super::clock::{self, Random};
use super::file::{Operation, RequestId};
use super::io::{Buffer, CloseReason, Event, Io, Now, Sleep, Socket, Token};
use super::pool::Pool;
use super::socket;
use super::table::Table;
use super::ticks::Ticker;
use super::wake::Wakers;
use crate::limits;

/// What an epoll event is about: the upper half of its 64 bits, the lower half is token or index.
const KIND_CONNECTION: u64 = 0;
const KIND_LISTENER: u64 = 1;
const KIND_SIGNAL: u64 = 2;
const KIND_OUTGOING: u64 = 3;

const READ_EVENTS: u32 = (libc::EPOLLIN | libc::EPOLLRDHUP | libc::EPOLLET) as u32;
const WRITE_EVENTS: u32 = READ_EVENTS | libc::EPOLLOUT as u32;
/// The peer is going: a short read must be followed by another one, which finds the end.
const ENDING: u32 = (libc::EPOLLRDHUP | libc::EPOLLHUP | libc::EPOLLERR) as u32;

/// What one `Io` on epoll holds.
pub struct EpollIo {
    epoll: OwnedFd,
    /// epoll_pwait2 exists (5.11): sleeps are exact to the microsecond.
    exact_sleep: bool,
    pool: Pool,
    free: Vec<u16>,
    connections: Table<Connection>,
    listeners: Vec<Option<Listener>>,
    /// Tokens with something to read, oldest first.
    readable: VecDeque<Token>,
    /// Tokens whose send has not been tried yet.
    unsent: Vec<Token>,
    /// Closed tokens, to be reported by the next `poll`.
    finished: Vec<Token>,
    files: Files,
    ready: Vec<libc::epoll_event>,
    wakers: Arc<Wakers>,
    now: Now,
    random: Random,
}

impl EpollIo {
    /// # Errors
    /// When memory or descriptors run out.
    pub fn new(
        wakers: Arc<Wakers>,
        shard: usize,
        buffers: usize,
        buffer_bytes: usize,
    ) -> io::Result<Self> {
        // SAFETY: epoll_create1 takes no pointers; a non-negative result is a new descriptor of
        // ours.
        let epoll = unsafe {
            let fd = libc::epoll_create1(libc::EPOLL_CLOEXEC);
            socket::check(fd)?;
            OwnedFd::from_raw_fd(fd)
        };
        let pool = Pool::new(buffers, buffer_bytes)?;
        let io = EpollIo {
            epoll,
            exact_sleep: true,
            free: (0..pool.count()).rev().collect(),
            pool,
            connections: Table::new(),
            listeners: Vec::new(),
            readable: VecDeque::new(),
            unsent: Vec::new(),
            finished: Vec::new(),
            files: Files::new(wakers.waker(shard)),
            ready: Vec::with_capacity(limits::EVENTS_PER_POLL),
            wakers,
            now: clock::now(),
            random: Random::new(),
        };
        // Edge-triggered, every write of the eventfd is an event of its own: it never needs
        // reading.
        let event = io.wakers.event(shard);
        io.control(libc::EPOLL_CTL_ADD, event, READ_EVENTS, KIND_SIGNAL << 32)?;
        Ok(io)
    }

    fn control(&self, operation: i32, fd: i32, events: u32, data: u64) -> io::Result<()> {
        let mut event = libc::epoll_event { events, u64: data };
        // SAFETY: the kernel reads one event structure.
        socket::check(unsafe {
            libc::epoll_ctl(self.epoll.as_raw_fd(), operation, fd, &raw mut event)
        })
    }

    /// Waits for readiness; the kernel's answers are in `self.ready` afterwards.
    fn wait(&mut self, sleep_us: u64) {
        let capacity = self.ready.capacity() as i32;
        let epoll = self.epoll.as_raw_fd();
        let answers = self.ready.as_mut_ptr();
        let mut count = -1;
        if self.exact_sleep {
            let time = libc::timespec {
                tv_sec: (sleep_us / 1_000_000).cast_signed(),
                tv_nsec: (sleep_us % 1_000_000).cast_signed() * 1000,
            };
            let no_mask = std::ptr::null::<libc::sigset_t>();
            // SAFETY: the answers go into the vector's own spare capacity, whose size is given; the
            // time is only read and no signal mask is passed.
            count = unsafe {
                libc::syscall(
                    libc::SYS_epoll_pwait2,
                    epoll,
                    answers,
                    capacity,
                    &raw const time,
                    no_mask,
                    0_usize,
                )
            } as i32;
            let errno = io::Error::last_os_error().raw_os_error();
            // Seccomp filters older than the call answer EPERM.
            let missing = matches!(errno, Some(libc::ENOSYS | libc::EPERM));
            self.exact_sleep = count >= 0 || !missing;
        }
        if !self.exact_sleep {
            let sleep_ms = i32::try_from(sleep_us.div_ceil(1000)).unwrap_or(i32::MAX);
            // SAFETY: as above.
            count = unsafe { libc::epoll_wait(epoll, answers, capacity, sleep_ms) };
        }
        // A negative count is an interrupted sleep: nothing is ready.
        let count = usize::try_from(count).unwrap_or(0);
        // SAFETY: the kernel has initialised the first `count` answers, at most the capacity.
        unsafe { self.ready.set_len(count) };
    }

    fn dispatch(&mut self, event: libc::epoll_event, events: &mut Vec<Event>) {
        let (data, flags) = (event.u64, event.events);
        let index = data as u32;
        match data >> 32 {
            KIND_CONNECTION => {
                let Some(connection) = self.connections.get_mut(index) else {
                    return;
                };
                if flags & (ENDING | libc::EPOLLIN as u32) != 0 {
                    connection.readable = true;
                    connection.ending |= flags & ENDING != 0;
                    self.queue_read(index);
                }
                if flags & (ENDING | libc::EPOLLOUT as u32) != 0 {
                    self.try_send(index, events);
                }
            }
            KIND_LISTENER => {
                if let Some(listener) = &mut self.listeners[index as usize] {
                    listener.ready = true;
                }
            }
            KIND_OUTGOING => self.connected(index, events),
            _ => {}
        }
    }

    fn queue_read(&mut self, token: Token) {
        let connection = self.connections.attached(token);
        if connection.may_read() && !connection.queued {
            connection.queued = true;
            self.readable.push_back(token);
        }
    }

    /// Reads each ready token once, while there are buffers.
    fn read_ready(&mut self, events: &mut Vec<Event>) {
        let turns = self.readable.len().min(limits::EVENTS_PER_POLL);
        for _ in 0..turns {
            if self.free.is_empty() {
                return;
            }
            let Some(token) = self.readable.pop_front() else {
                return;
            };
            // The token may have been paused, closed or attached anew since it was queued.
            let Some(connection) = self.connections.get_mut(token) else {
                continue;
            };
            connection.queued = false;
            if connection.may_read() {
                self.read(token, events);
            }
        }
    }

    fn read(&mut self, token: Token, events: &mut Vec<Event>) {
        let id = self.free.pop().expect("the caller has checked");
        let connection = self.connections.attached(token);
        match connection.receive(self.pool.address(id), self.pool.buffer_bytes() as usize) {
            Ok(0) => self.ended(token, CloseReason::PeerClosed, events),
            Ok(len) => {
                let buffer = self.pool.lend(id, len);
                events.push(Event::Received { token, buffer });
                return self.queue_read(token);
            }
            Err(libc::EAGAIN) => {}
            Err(errno) => self.ended(token, CloseReason::Failed(errno), events),
        }
        self.free.push(id);
    }

    fn ended(&mut self, token: Token, reason: CloseReason, events: &mut Vec<Event>) {
        self.connections.attached(token).reported = true;
        events.push(Event::Closed { token, reason });
    }

    fn try_send(&mut self, token: Token, events: &mut Vec<Event>) {
        let Some(connection) = self.connections.get_mut(token) else {
            return;
        };
        if connection.closing {
            return;
        }
        match connection.push_out() {
            Progress::Nothing => {}
            Progress::Done { bytes, result } => events.push(Event::Sent {
                token,
                bytes,
                result,
            }),
            Progress::Blocked if connection.watches_output => {}
            Progress::Blocked => {
                connection.watches_output = true;
                let fd = connection.fd;
                let data = KIND_CONNECTION << 32 | u64::from(token);
                let watched = self.control(libc::EPOLL_CTL_MOD, fd, WRITE_EVENTS, data);
                watched.expect("a registered descriptor can be changed");
            }
        }
    }

    /// Reports a token that was asked to close, and forgets it.
    fn settle(&mut self, token: Token, events: &mut Vec<Event>) {
        let mut connection = self.connections.remove(token);
        if let Some(bytes) = connection.abandon_send() {
            events.push(Event::Sent {
                token,
                bytes,
                result: Err(io::Error::from_raw_os_error(libc::ECANCELED)),
            });
        }
        if !connection.reported {
            let reason = CloseReason::Asked;
            events.push(Event::Closed { token, reason });
        }
        socket::close(Socket(connection.fd));
    }

    /// Accepts on ready listeners.
    fn accept_ready(&mut self, events: &mut Vec<Event>) {
        let now_us = self.now.monotonic_us;
        for listener in self.listeners.iter_mut().flatten() {
            if listener.is_due(now_us) {
                listener.accept(now_us, events);
            }
        }
    }

    /// How long the listeners allow to sleep.
    fn accept_due_us(&self) -> u64 {
        let now_us = self.now.monotonic_us;
        let listeners = self.listeners.iter().flatten();
        listeners
            .map(|listener| listener.due_us(now_us))
            .min()
            .unwrap_or(u64::MAX)
    }
}

impl Io for EpollIo {
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
        let index = match self.listeners.iter().position(Option::is_none) {
            Some(index) => index,
            None => {
                self.listeners.push(None);
                self.listeners.len() - 1
            }
        };
        let data = KIND_LISTENER << 32 | index as u64;
        let watched = socket::set_nonblocking(socket.0, true)
            .and_then(|()| self.control(libc::EPOLL_CTL_ADD, socket.0, READ_EVENTS, data));
        assert!(watched.is_ok(), "epoll refuses a listener: {watched:?}");
        self.listeners[index] = Some(Listener::new(listener, socket.0));
    }

    fn unlisten(&mut self, listener: u32) {
        for place in &mut self.listeners {
            if let Some(found) = place
                && found.name == listener
            {
                socket::close(Socket(found.fd));
                *place = None;
            }
        }
    }

    fn attach(&mut self, token: Token, socket: Socket) -> io::Result<()> {
        let data = KIND_CONNECTION << 32 | u64::from(token);
        let watched = if Table::<Connection>::admits(token) {
            socket::set_nonblocking(socket.0, true)
                .and_then(|()| self.control(libc::EPOLL_CTL_ADD, socket.0, READ_EVENTS, data))
        } else {
            Err(io::Error::from_raw_os_error(libc::EMFILE))
        };
        if let Err(error) = watched {
            socket::close(socket);
            return Err(error);
        }
        self.connections.insert(token, Connection::new(socket.0));
        Ok(())
    }

    fn pause(&mut self, token: Token) {
        self.connections.attached(token).wanted = false;
    }

    fn resume(&mut self, token: Token) {
        self.connections.attached(token).wanted = true;
        self.queue_read(token);
    }

    fn send(&mut self, token: Token, bytes: Vec<u8>) {
        let connection = self.connections.attached(token);
        assert!(!connection.closing, "a closed token sends nothing");
        connection.begin_send(bytes);
        self.unsent.push(token);
    }

    fn close(&mut self, token: Token) {
        let connection = self.connections.attached(token);
        assert!(!connection.closing, "token {token} is closed twice");
        connection.closing = true;
        if connection.reported && !connection.is_sending() {
            let connection = self.connections.remove(token);
            socket::close(Socket(connection.fd));
        } else {
            self.finished.push(token);
        }
    }

    fn reset(&mut self, token: Token) {
        socket::drop_unsent(self.connections.attached(token).fd);
        self.close(token);
    }

    fn recycle(&mut self, buffer: Buffer) {
        let id = self.pool.take_back(&buffer);
        self.free.push(id);
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
        self.wakers.signal(shard.index());
    }

    fn poll(&mut self, wait: Sleep, events: &mut Vec<Event>) {
        let reported = events.len();
        while let Some(token) = self.finished.pop() {
            self.settle(token, events);
        }
        let mut unsent = std::mem::take(&mut self.unsent);
        for token in unsent.drain(..) {
            self.try_send(token, events);
        }
        self.unsent = unsent;
        let may_read = !self.readable.is_empty() && !self.free.is_empty();
        let sleep_us = match wait {
            Sleep::AtMost(limit_us)
                if events.len() == reported && !may_read && !self.files.have_ended() =>
            {
                limit_us.min(self.accept_due_us())
            }
            _ => 0,
        };
        self.wait(sleep_us);
        self.now = clock::now();
        let mut ready = std::mem::take(&mut self.ready);
        for event in ready.drain(..) {
            self.dispatch(event, events);
        }
        self.ready = ready;
        if self.files.has_news() {
            self.files.report(events);
        }
        self.accept_ready(events);
        self.read_ready(events);
    }

    /// Sockets are not looked at meanwhile: that would take a system call.
    fn linger(&mut self, limit_us: u64, mail: impl Fn() -> bool) -> bool {
        let may_read = !self.readable.is_empty() && !self.free.is_empty();
        if may_read || !self.unsent.is_empty() || !self.finished.is_empty() {
            return true;
        }
        Ticker::of_machine().spin_until(limit_us, mail)
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
        "epoll"
    }
}

impl Drop for EpollIo {
    fn drop(&mut self) {
        for connection in self.connections.iter() {
            socket::close(Socket(connection.fd));
        }
        for listener in self.listeners.iter().flatten() {
            socket::close(Socket(listener.fd));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::suite::{NORMAL, Sizes, io_suite};

    type Tested = EpollIo;

    fn make(wakers: Arc<Wakers>, shard: usize, sizes: Sizes) -> Option<EpollIo> {
        Some(EpollIo::new(wakers, shard, sizes.buffers, sizes.buffer_bytes).unwrap())
    }

    io_suite!(make);

    mod files {
        use super::{EpollIo, NORMAL, Wakers, make};
        use crate::base::file_suite::{Bench, Machine, file_suite};

        fn bench() -> Option<Bench<EpollIo, Machine>> {
            let io = make(Wakers::new(1).unwrap(), 0, NORMAL)?;
            Some(Bench::new(io, Machine::new("epoll")))
        }

        file_suite!(of_machine bench);
    }

    #[test]
    fn sleeps_without_the_exact_call() {
        let mut io = make(Wakers::new(1).unwrap(), 0, suite::NORMAL).unwrap();
        io.exact_sleep = false;
        suite::time_passes(io);
    }
}
