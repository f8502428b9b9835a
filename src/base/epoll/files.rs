//! Files and connections without a ring.
//!
//! The second part of `EpollIo`. epoll cannot wait for a disk: all operations on files go to the
//! file thread. Connections are made by the shard itself: a socket that is being connected is
//! watched until it can be written. Must not block.

use std::io;

use super::{EpollIo, KIND_OUTGOING};
use crate::base::file::{Address, Ended, FileThread, Operation, Outcome, RequestId, errno};
use crate::base::io::Event;
use crate::base::outgoing::Outgoing;
use crate::base::socket;
use crate::base::wake::Waker;
use crate::limits::FILE_REQUESTS_MAX;

/// A connection that is being made.
struct Connecting {
    id: RequestId,
    outgoing: Outgoing,
}

/// All requests of one shard.
pub(super) struct Files {
    thread: FileThread,
    connecting: Vec<Option<Connecting>>,
    /// Files that requests under way are about.
    used: Vec<(RequestId, i32)>,
    /// What ended without the thread, to be reported by the next `poll`.
    ended: Vec<Ended>,
}

impl Files {
    pub(super) fn new(waker: Waker) -> Self {
        Files {
            thread: FileThread::new(waker),
            connecting: Vec::new(),
            used: Vec::new(),
            ended: Vec::new(),
        }
    }

    fn under_way(&self) -> usize {
        self.thread.under_way() + self.connecting.iter().flatten().count() + self.ended.len()
    }

    /// True when the next `poll` has something to report without waiting.
    pub(super) fn have_ended(&self) -> bool {
        !self.ended.is_empty()
    }

    /// True when something may have ended that `report` reports.
    #[inline]
    pub(super) fn has_news(&self) -> bool {
        !self.ended.is_empty() || self.thread.under_way() > 0
    }

    /// Reports what has ended.
    #[cold]
    pub(super) fn report(&mut self, events: &mut Vec<Event>) {
        let Files {
            thread,
            used,
            ended,
            ..
        } = self;
        events.extend(ended.drain(..).map(Event::Ended));
        thread.collect(|ended| {
            used.retain(|(id, _)| *id != ended.id);
            events.push(Event::Ended(ended));
        });
    }

    fn end(&mut self, id: RequestId, result: io::Result<Outcome>) {
        let buffer = None;
        self.ended.push(Ended { id, result, buffer });
    }
}

impl EpollIo {
    pub(super) fn begin(&mut self, id: RequestId, operation: Operation) -> Result<(), Operation> {
        if self.files.under_way() >= FILE_REQUESTS_MAX {
            return Err(operation);
        }
        if let Operation::Connect { address } = &operation {
            if let Err(error) = self.connect(id, address) {
                self.files.end(id, Err(error));
            }
            return Ok(());
        }
        let file = operation.file();
        if let (Operation::Close { .. }, Some(file)) = (&operation, file) {
            let used = self.files.used.iter().any(|(_, it)| *it == file.number);
            assert!(!used, "a file is closed when its requests have ended");
        }
        let submitted = match operation.check() {
            Ok(()) => self.files.thread.submit(id, operation),
            Err(error) => Err((operation, error)),
        };
        match submitted {
            Ok(()) => self.files.used.extend(file.map(|file| (id, file.number))),
            Err((operation, error)) => self.files.ended.push(operation.ended(id, Err(error))),
        }
        Ok(())
    }

    pub(super) fn cancel_request(&mut self, id: RequestId) {
        self.files.thread.cancel(id);
        let places = &mut self.files.connecting;
        let found = places
            .iter_mut()
            .find(|place| place.as_ref().is_some_and(|it| it.id == id));
        // Its socket is closed, and with that no longer watched.
        if found.and_then(Option::take).is_some() {
            self.files.end(id, Err(errno(libc::ECANCELED)));
        }
    }

    fn connect(&mut self, id: RequestId, address: &Address) -> io::Result<()> {
        let mut outgoing = Outgoing::new(address)?;
        let descriptor = outgoing.descriptor();
        socket::set_nonblocking(descriptor, true)?;
        let (raw, bytes) = outgoing.address();
        // SAFETY: the address is readable for its length.
        match socket::check(unsafe { libc::connect(descriptor, raw, bytes) }) {
            Ok(()) => self.files.end(id, Ok(Outcome::Connected(outgoing.keep()))),
            Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) => {
                let places = &mut self.files.connecting;
                let index = places.iter().position(Option::is_none).unwrap_or_else(|| {
                    places.push(None);
                    places.len() - 1
                });
                let data = KIND_OUTGOING << 32 | index as u64;
                let events = (libc::EPOLLOUT | libc::EPOLLET) as u32;
                self.control(libc::EPOLL_CTL_ADD, descriptor, events, data)?;
                self.files.connecting[index] = Some(Connecting { id, outgoing });
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// A socket that is being connected can be written, or has failed.
    pub(super) fn connected(&mut self, index: u32, events: &mut Vec<Event>) {
        // It may have been cancelled after the kernel said so.
        let Some(mut connecting) = self.files.connecting[index as usize].take() else {
            return;
        };
        let descriptor = connecting.outgoing.descriptor();
        let result = match socket::take_error(descriptor) {
            Ok(()) => {
                let forgotten = self.control(libc::EPOLL_CTL_DEL, descriptor, 0, 0);
                forgotten.expect("a registered descriptor can be removed");
                Ok(Outcome::Connected(connecting.outgoing.keep()))
            }
            Err(error) => Err(error),
        };
        let (id, buffer) = (connecting.id, None);
        events.push(Event::Ended(Ended { id, result, buffer }));
    }
}
