//! A connection and a listener as the epoll back end knows them: state and single system calls.
//!
//! Owned by `EpollIo`. Decides nothing about fairness or order; reports what one attempt achieved.

use std::io;

use crate::base::io::{Event, Socket};
use crate::limits::{ACCEPT_RETRY_US, ACCEPTS_PER_POLL};

struct Sending {
    bytes: Vec<u8>,
    done: usize,
}

/// What an attempt to send achieved.
pub(super) enum Progress {
    /// No send is under way.
    Nothing,
    /// The socket is full.
    Blocked,
    Done {
        bytes: Vec<u8>,
        result: io::Result<()>,
    },
}

pub(super) struct Connection {
    pub(super) fd: i32,
    /// The kernel announced bytes that have not been read to the end.
    pub(super) readable: bool,
    /// The kernel announced the end of the stream: read on after a short read.
    pub(super) ending: bool,
    /// In the list of tokens to be read.
    pub(super) queued: bool,
    /// Not paused by the shard.
    pub(super) wanted: bool,
    /// The shard called `close`.
    pub(super) closing: bool,
    /// `Closed` was reported.
    pub(super) reported: bool,
    /// Registered for output readiness as well.
    pub(super) watches_output: bool,
    sending: Option<Sending>,
}

impl Connection {
    pub(super) fn new(fd: i32) -> Self {
        Connection {
            fd,
            readable: false,
            ending: false,
            queued: false,
            wanted: true,
            closing: false,
            reported: false,
            watches_output: false,
            sending: None,
        }
    }

    pub(super) fn may_read(&self) -> bool {
        self.readable && self.wanted && !self.closing && !self.reported
    }

    pub(super) fn is_sending(&self) -> bool {
        self.sending.is_some()
    }

    pub(super) fn begin_send(&mut self, bytes: Vec<u8>) {
        assert!(
            self.sending.is_none(),
            "one send per token may be under way"
        );
        self.sending = Some(Sending { bytes, done: 0 });
    }

    pub(super) fn abandon_send(&mut self) -> Option<Vec<u8>> {
        self.sending.take().map(|sending| sending.bytes)
    }

    /// Receives once into a buffer; the length, or the errno.
    pub(super) fn receive(&mut self, buffer: *mut u8, bytes: usize) -> Result<u32, i32> {
        loop {
            // SAFETY: the caller passes a pool buffer of that size, which nobody else holds.
            let result = unsafe { libc::recv(self.fd, buffer.cast(), bytes, libc::MSG_DONTWAIT) };
            if let Ok(len) = u32::try_from(result) {
                // A short read has emptied the socket; what comes later is a new edge.
                self.readable = len as usize == bytes || self.ending;
                return Ok(len);
            }
            let errno = io::Error::last_os_error().raw_os_error().unwrap_or(0);
            if errno != libc::EINTR {
                self.readable = false;
                return Err(errno);
            }
        }
    }

    /// Sends until everything is sent or the socket is full.
    pub(super) fn push_out(&mut self) -> Progress {
        let Some(sending) = &mut self.sending else {
            return Progress::Nothing;
        };
        let result = loop {
            let rest = &sending.bytes[sending.done..];
            if rest.is_empty() {
                break Ok(());
            }
            let flags = libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT;
            // SAFETY: `rest` is readable for its length.
            let sent = unsafe { libc::send(self.fd, rest.as_ptr().cast(), rest.len(), flags) };
            if let Ok(sent) = usize::try_from(sent) {
                sending.done += sent;
                continue;
            }
            let error = io::Error::last_os_error();
            match error.raw_os_error() {
                Some(libc::EINTR) => {}
                Some(libc::EAGAIN) => return Progress::Blocked,
                _ => break Err(error),
            }
        };
        let bytes = self
            .abandon_send()
            .expect("the send was there when this began");
        Progress::Done { bytes, result }
    }
}

pub(super) struct Listener {
    /// The shard's name of it.
    pub(super) name: u32,
    pub(super) fd: i32,
    /// Connections may be waiting.
    pub(super) ready: bool,
    /// Accepting failed and is tried again at this monotonic time.
    retry_at_us: u64,
}

impl Listener {
    pub(super) fn new(name: u32, fd: i32) -> Self {
        Listener {
            name,
            fd,
            ready: false,
            retry_at_us: 0,
        }
    }

    pub(super) fn is_due(&self, now_us: u64) -> bool {
        self.ready && self.retry_at_us <= now_us
    }

    /// Microseconds until this listener wants to accept.
    pub(super) fn due_us(&self, now_us: u64) -> u64 {
        if self.ready {
            self.retry_at_us.saturating_sub(now_us)
        } else {
            u64::MAX
        }
    }

    /// Accepts until nobody waits, a bounded number of times.
    pub(super) fn accept(&mut self, now_us: u64, events: &mut Vec<Event>) {
        let listener = self.name;
        for _ in 0..ACCEPTS_PER_POLL {
            let flags = libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
            let no_address = std::ptr::null_mut();
            // SAFETY: no address is asked for, so the kernel writes nothing.
            let fd = unsafe { libc::accept4(self.fd, no_address, std::ptr::null_mut(), flags) };
            if fd >= 0 {
                let socket = Socket(fd);
                events.push(Event::Accepted { listener, socket });
                continue;
            }
            match io::Error::last_os_error().raw_os_error().unwrap_or(0) {
                libc::EAGAIN => {
                    self.ready = false;
                    return;
                }
                // A connection that died before it was accepted, or an interruption.
                libc::ECONNABORTED | libc::EINTR => {}
                errno => {
                    self.retry_at_us = now_us + ACCEPT_RETRY_US;
                    events.push(Event::AcceptFailed { listener, errno });
                    return;
                }
            }
        }
    }
}
