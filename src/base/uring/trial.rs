//! A trial ring: does what a shard does, once, to learn what this kernel allows.
//!
//! Called by `base::probe` before any shard starts. Asking the kernel for its version or its list
//! of operations is not enough: containers forbid single calls, and vendors move features between
//! versions. Everything made here is gone when the trial ends.

use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;

use io_uring::{cqueue, opcode, types};

use super::buffers::{BufferRing, GROUP};
use super::files;
use super::ring::{Ring, TaskWork};

const ENTRIES: u32 = 8;
const BUFFERS: usize = 4;
const BUFFER_BYTES: usize = 1024;
/// A loopback message takes microseconds; whatever has not come by then does not come.
const PATIENCE_US: u64 = 200_000;

/// What a ring can do here beyond what is indispensable.
#[derive(Debug)]
pub(in crate::base) struct Granted {
    pub(in crate::base) task_work: TaskWork,
    pub(in crate::base) registered_files: io::Result<()>,
    pub(in crate::base) ring_messages: io::Result<()>,
    /// Names of the operations on files that the ring lacks.
    pub(in crate::base) no_file_operations: Vec<&'static str>,
}

/// # Errors
/// The indispensable step that failed and what the kernel said.
pub(in crate::base) fn run() -> Result<Granted, (&'static str, io::Error)> {
    let mut ring = Ring::new(ENTRIES).map_err(|error| ("io_uring_setup", error))?;
    let buffers = BufferRing::new(&ring.submitter(), BUFFERS, BUFFER_BYTES)
        .map_err(|error| ("provided-buffer ring", error))?;
    receive_twice(&mut ring).map_err(|error| ("multishot receive", error))?;
    files::connects(&ring.submitter()).map_err(|error| ("connect", error))?;
    let no_file_operations = files::missing(&ring.submitter());
    let registered_files = ring.submitter().register_files_sparse(ENTRIES);
    let ring_messages = message(&mut ring);
    let task_work = ring.task_work();
    drop(ring);
    drop(buffers);
    Ok(Granted {
        task_work,
        registered_files,
        ring_messages,
        no_file_operations,
    })
}

/// Two messages must arrive through one multishot receive.
fn receive_twice(ring: &mut Ring) -> io::Result<()> {
    use std::io::Write;
    let (mut near, far) = UnixStream::pair()?;
    let entry = opcode::RecvMulti::new(types::Fd(far.as_raw_fd()), GROUP).build();
    // SAFETY: the entry names no memory; buffers come from the registered group.
    unsafe { ring.push(entry) };
    for _ in 0..2 {
        near.write_all(b"trial")?;
        let completion = next(ring)?;
        if completion.result() < 0 {
            return Err(io::Error::from_raw_os_error(-completion.result()));
        }
        let more = cqueue::more(completion.flags());
        if !more || cqueue::buffer_select(completion.flags()).is_none() {
            return Err(io::Error::from_raw_os_error(libc::EOPNOTSUPP));
        }
    }
    drop(near);
    // The end of the stream is the receive's last completion; nothing is under way afterwards.
    next(ring).map(drop)
}

/// A message to a second ring must arrive there.
fn message(ring: &mut Ring) -> io::Result<()> {
    const MARK: u64 = 7;
    let mut other = Ring::new(ENTRIES)?;
    let target = types::Fd(other.descriptor());
    let entry = opcode::MsgRingData::new(target, 0, MARK, None).build();
    // SAFETY: the entry names no memory.
    unsafe { ring.push(entry) };
    let sent = next(ring)?;
    if sent.result() < 0 {
        return Err(io::Error::from_raw_os_error(-sent.result()));
    }
    let arrived = next(&mut other)?;
    if arrived.user_data() != MARK {
        return Err(io::Error::from_raw_os_error(libc::EOPNOTSUPP));
    }
    Ok(())
}

fn next(ring: &mut Ring) -> io::Result<cqueue::Entry> {
    let mut batch = Vec::with_capacity(1);
    ring.enter(PATIENCE_US);
    ring.reap(&mut batch, 1);
    batch
        .pop()
        .ok_or_else(|| io::Error::from_raw_os_error(libc::ETIME))
}
