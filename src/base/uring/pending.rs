//! A request that the ring carries out: its entries, and what their completions mean.
//!
//! Owned by `Files`, which keeps it in its place until its last completion has come. Goes on after
//! short reads and writes, as the file thread does. Submits nothing itself.

use std::ffi::CString;
use std::io;
use std::os::fd::RawFd;

use io_uring::{opcode, squeue, types};

use crate::base::file::{
    Extent, File, Operation, Outcome, RequestId, allocation_mode, ends_a_direct_read, errno, name,
};
use crate::base::outgoing::Outgoing;

/// What the entry of a request points at besides its operation's buffer.
pub(super) enum Pinned {
    Nothing,
    Names([CString; 2]),
    Status(Box<libc::statx>),
    Outgoing(Box<Outgoing>),
}

/// A request that the ring carries out.
pub(super) struct Pending {
    pub(super) id: RequestId,
    pub(super) operation: Operation,
    pub(super) pinned: Pinned,
    /// Bytes that have been read or written.
    pub(super) bytes: u32,
    /// Its tag, and what tells it from those that had the place before.
    pub(super) tag: u32,
    pub(super) cancelled: bool,
}

/// Makes what the entry of an operation points at.
pub(super) fn pin(operation: &Operation) -> io::Result<Pinned> {
    Ok(match operation {
        Operation::Open { path, .. }
        | Operation::Remove { path }
        | Operation::RemoveDirectory { path }
        | Operation::MakeDirectory { path, .. } => Pinned::Names([name(path)?, CString::default()]),
        Operation::Rename { from, to } => Pinned::Names([name(from)?, name(to)?]),
        // SAFETY: all-zero bytes are a valid statx, which the kernel fills.
        Operation::Size { .. } => Pinned::Status(Box::new(unsafe { std::mem::zeroed() })),
        Operation::Connect { address } => Pinned::Outgoing(Box::new(Outgoing::new(address)?)),
        _ => Pinned::Nothing,
    })
}

const HERE: types::Fd = types::Fd(libc::AT_FDCWD);

const fn of(file: File) -> types::Fd {
    types::Fd(file.number as RawFd)
}

impl Pending {
    fn names(&self) -> [*const libc::c_char; 2] {
        match &self.pinned {
            Pinned::Names([first, second]) => [first.as_ptr(), second.as_ptr()],
            _ => unreachable!("`pin` gave this operation its names"),
        }
    }

    /// The entry for what is left of the operation.
    pub(super) fn entry(&mut self) -> squeue::Entry {
        let bytes = self.bytes;
        match &mut self.operation {
            Operation::Read { file, at, buffer } => {
                let rest = buffer.capacity() as u32 - bytes;
                let entry = opcode::Read::new(of(*file), buffer.address(bytes), rest);
                entry.offset(*at + u64::from(bytes)).build()
            }
            Operation::Write { file, at, buffer } => {
                let rest = buffer.len() as u32 - bytes;
                let entry = opcode::Write::new(of(*file), buffer.address(bytes), rest);
                entry.offset(*at + u64::from(bytes)).build()
            }
            // The file was opened for appending: the kernel ignores the position.
            Operation::Append { file, buffer } => {
                let rest = buffer.len() as u32 - bytes;
                opcode::Write::new(of(*file), buffer.address(bytes), rest).build()
            }
            _ => self.plain_entry(),
        }
    }

    /// The entry of an operation that is one step.
    fn plain_entry(&mut self) -> squeue::Entry {
        match &self.operation {
            Operation::Open { options, .. } => opcode::OpenAt::new(HERE, self.names()[0])
                .flags(options.flags())
                .mode(options.mode)
                .build(),
            Operation::Close { file } => opcode::Close::new(of(*file)).build(),
            Operation::Sync { file, extent } => {
                let flags = match extent {
                    Extent::Data => types::FsyncFlags::DATASYNC,
                    Extent::Everything => types::FsyncFlags::empty(),
                };
                opcode::Fsync::new(of(*file)).flags(flags).build()
            }
            Operation::Allocate {
                file,
                at,
                bytes,
                keep_size,
            } => opcode::Fallocate::new(of(*file), *bytes)
                .offset(*at)
                .mode(allocation_mode(*keep_size))
                .build(),
            Operation::Resize { file, bytes } => opcode::Ftruncate::new(of(*file), *bytes).build(),
            Operation::Size { file } => {
                let Pinned::Status(status) = &mut self.pinned else {
                    unreachable!("`pin` gave this operation its status");
                };
                let status = (&raw mut **status).cast::<types::statx>();
                opcode::Statx::new(of(*file), c"".as_ptr(), status)
                    .flags(libc::AT_EMPTY_PATH)
                    .mask(libc::STATX_SIZE)
                    .build()
            }
            Operation::Rename { .. } => {
                let [from, to] = self.names();
                opcode::RenameAt::new(HERE, from, HERE, to).build()
            }
            Operation::Remove { .. } => opcode::UnlinkAt::new(HERE, self.names()[0]).build(),
            Operation::RemoveDirectory { .. } => opcode::UnlinkAt::new(HERE, self.names()[0])
                .flags(libc::AT_REMOVEDIR)
                .build(),
            Operation::MakeDirectory { mode, .. } => opcode::MkDirAt::new(HERE, self.names()[0])
                .mode(*mode)
                .build(),
            Operation::Connect { .. } => {
                let Pinned::Outgoing(outgoing) = &self.pinned else {
                    unreachable!("`pin` gave this operation its socket");
                };
                let (address, bytes) = outgoing.address();
                opcode::Connect::new(types::Fd(outgoing.descriptor()), address, bytes).build()
            }
            Operation::Read { .. } | Operation::Write { .. } | Operation::Append { .. } => {
                unreachable!("these go on where they stopped")
            }
            Operation::List { .. } => unreachable!("no ring lists a directory"),
        }
    }

    /// What a completion says; None when there is more to do.
    pub(super) fn step(&mut self, result: i32) -> Option<io::Result<Outcome>> {
        let Ok(count) = u32::try_from(result) else {
            return self.failed(-result).map(Err);
        };
        match &mut self.operation {
            Operation::Read { file, buffer, .. } => {
                self.bytes += count;
                let whole = self.bytes as usize == buffer.capacity();
                if !whole && count > 0 && !ends_a_direct_read(*file, self.bytes) {
                    return None;
                }
                buffer.set_len(self.bytes);
                Some(Ok(Outcome::Bytes(self.bytes)))
            }
            Operation::Write { buffer, .. } | Operation::Append { buffer, .. } => {
                self.bytes += count;
                match self.bytes as usize == buffer.len() {
                    true => Some(Ok(Outcome::Bytes(self.bytes))),
                    false if count == 0 => Some(Err(errno(libc::EIO))),
                    false => None,
                }
            }
            Operation::Open { options, .. } => Some(Ok(Outcome::Opened(File {
                number: result,
                direct: options.direct,
            }))),
            Operation::Size { .. } => {
                let Pinned::Status(status) = &self.pinned else {
                    unreachable!("`pin` gave this operation its status");
                };
                Some(Ok(Outcome::Size(status.stx_size)))
            }
            Operation::Connect { .. } => {
                let Pinned::Outgoing(outgoing) = &mut self.pinned else {
                    unreachable!("`pin` gave this operation its socket");
                };
                Some(Ok(Outcome::Connected(outgoing.keep())))
            }
            _ => Some(Ok(Outcome::Done)),
        }
    }

    /// An errno; None when it is tried again.
    fn failed(&mut self, number: i32) -> Option<io::Error> {
        // A sync is never tried again, not even after an interruption.
        let passing = matches!(number, libc::EINTR | libc::EAGAIN);
        let may_repeat = match &mut self.operation {
            Operation::Open { options, .. } => {
                if number == libc::EINVAL
                    && let Some(cached) = options.without_direct()
                {
                    *options = cached;
                    return None;
                }
                true
            }
            Operation::Read { buffer, .. } => {
                buffer.clear();
                true
            }
            Operation::Write { .. }
            | Operation::Append { .. }
            | Operation::Allocate { .. }
            | Operation::Resize { .. } => true,
            _ => false,
        };
        match passing && may_repeat && !self.cancelled {
            true => None,
            false => Some(errno(number)),
        }
    }
}
