//! What the ring remembers of a connection, a listener and the registered file table.
//!
//! Owned by `UringIo`; plain state and the entries built from it. Submits nothing itself, except
//! that a place in the file table is filled by a system call when a connection is attached.

use io_uring::{Submitter, opcode, squeue, types};

use super::buffers::GROUP;
use crate::limits::SEND_BYTES_MAX;

/// Where the multishot receive of a connection stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Receive {
    /// Not submitted: paused.
    Idle,
    /// Submitted; its last completion is still to come.
    Armed,
    /// Ended for want of a buffer; armed again when one comes back.
    Starved,
    /// The peer is gone.
    Ended,
}

/// A send under way.
pub(super) struct Sending {
    pub(super) bytes: Vec<u8>,
    pub(super) done: usize,
}

pub(super) struct Connection {
    pub(super) fd: i32,
    /// Place in the registered file table.
    pub(super) fixed: Option<u32>,
    pub(super) receive: Receive,
    /// Not paused by the shard.
    pub(super) wanted: bool,
    /// The shard called `close`.
    pub(super) closing: bool,
    /// `Closed` was reported.
    pub(super) reported: bool,
    pub(super) sending: Option<Sending>,
}

impl Connection {
    pub(super) fn new(fd: i32, fixed: Option<u32>) -> Self {
        Connection {
            fd,
            fixed,
            receive: Receive::Idle,
            wanted: true,
            closing: false,
            reported: false,
            sending: None,
        }
    }

    /// Whether an operation of this connection has yet to complete.
    pub(super) fn is_busy(&self) -> bool {
        self.receive == Receive::Armed || self.sending.is_some()
    }

    pub(super) fn begin_send(&mut self, bytes: Vec<u8>) {
        self.sending = Some(Sending { bytes, done: 0 });
    }

    pub(super) fn receive_entry(&self) -> squeue::Entry {
        match self.fixed {
            Some(fixed) => opcode::RecvMulti::new(types::Fixed(fixed), GROUP).build(),
            None => opcode::RecvMulti::new(types::Fd(self.fd), GROUP).build(),
        }
    }

    /// What is left of the send; MSG_WAITALL makes the kernel go on by itself after a partial one.
    pub(super) fn send_entry(&self) -> squeue::Entry {
        let sending = self.sending.as_ref().expect("called with a send under way");
        let rest = &sending.bytes[sending.done..];
        let len = rest.len().min(SEND_BYTES_MAX) as u32;
        let flags = libc::MSG_NOSIGNAL | libc::MSG_WAITALL;
        match self.fixed {
            Some(fixed) => opcode::Send::new(types::Fixed(fixed), rest.as_ptr(), len)
                .flags(flags)
                .build(),
            None => opcode::Send::new(types::Fd(self.fd), rest.as_ptr(), len)
                .flags(flags)
                .build(),
        }
    }
}

pub(super) struct Listener {
    /// The shard's name of it.
    pub(super) name: u32,
    pub(super) fd: i32,
    pub(super) armed: bool,
    pub(super) closing: bool,
    /// Accepting failed and is tried again at this monotonic time.
    pub(super) retry_at_us: Option<u64>,
}

impl Listener {
    pub(super) fn new(name: u32, fd: i32) -> Self {
        Listener {
            name,
            fd,
            armed: false,
            closing: false,
            retry_at_us: None,
        }
    }
}

/// The free places of the registered file table.
pub(super) struct FixedFiles {
    places: usize,
    free: Vec<u32>,
}

impl FixedFiles {
    /// A sparse table; empty when the kernel refuses, and every socket then stays a plain
    /// descriptor.
    pub(super) fn new(submitter: &Submitter<'_>, wanted: u32) -> Self {
        let places = wanted.min(descriptor_limit());
        let granted = places > 0 && submitter.register_files_sparse(places).is_ok();
        let places = if granted { places } else { 0 };
        FixedFiles {
            places: places as usize,
            free: (0..places).rev().collect(),
        }
    }

    pub(super) fn places(&self) -> usize {
        self.places
    }

    pub(super) fn take(&mut self, submitter: &Submitter<'_>, fd: i32) -> Option<u32> {
        let fixed = self.free.pop()?;
        if submitter.register_files_update(fixed, &[fd]).is_err() {
            self.free.push(fixed);
            return None;
        }
        Some(fixed)
    }

    pub(super) fn give_back(&mut self, fixed: u32) {
        assert!(self.free.len() < self.places, "a place came back twice");
        self.free.push(fixed);
    }
}

/// Descriptors that the process may open; the kernel refuses a larger table.
fn descriptor_limit() -> u32 {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: the kernel fills the structure given.
    let result = unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) };
    if result != 0 {
        return 0;
    }
    u32::try_from(limit.rlim_cur).unwrap_or(u32::MAX)
}
