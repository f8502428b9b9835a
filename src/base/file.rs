//! Files and outgoing connections as `Io` offers them: what may be asked, and how it ends.
//!
//! A request is an `Operation` under an identifier of the shard's choice. It never blocks the shard
//! and ends in exactly one `Ended`, in which the buffer of a read or write comes back whatever has
//! become of it. Here are the types and what all implementations decide alike; who carries an
//! operation out is in `uring/files.rs`, `file/thread.rs` and `sim/disk.rs`. Knows no shard.

// What holds for every implementation.
//
// **Order.** Requests that are under way together may be carried out in any order, except appends
// to one file, which land in the order in which they were asked for. Whoever wants a sync to cover
// a write asks for it after the write has ended; whoever closes a file waits for its requests
// first.
//
// **Whole or an error.** A write or append ends with all of its bytes written, or with an error and
// an unknown part of them. A read ends with fewer bytes than its buffer holds only at the end of
// the file. An error is the system's errno.
//
// **Durability.** A write is durable after a `Sync` of its file, a name (created, renamed, removed)
// after a `Sync` of its directory, opened as a file with `OpenOptions::DIRECTORY`. A `Sync` that
// fails has lost what it should have saved, though it can still be read: trying again proves
// nothing.
//
// **Direct.** A file opened with `direct` goes past the system's cache: what is written or read
// then begins and ends at multiples of `FILE_ALIGNMENT`, else EINVAL. Where the file system
// refuses, the file is opened without, and `File::is_direct` says so.

mod buffer;
mod perform;
mod thread;

use std::ffi::{CString, OsString};
use std::io;
use std::net::SocketAddr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

pub use self::buffer::FileBuffer;
pub(super) use self::perform::{allocation_mode, close, ends_a_direct_read};
pub(super) use self::thread::FileThread;
use super::io::Socket;
use crate::limits::FILE_ALIGNMENT;

/// The shard's name of a request; two that are under way at the same time have different ones.
pub type RequestId = u64;

/// An open file.
///
/// A descriptor with uring and epoll, a number of the simulated disk with sim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct File {
    pub(super) number: i32,
    pub(super) direct: bool,
}

impl File {
    /// True when reads and writes go past the system's cache and must be aligned.
    #[must_use]
    pub fn is_direct(self) -> bool {
        self.direct
    }
}

/// How a file is opened; at least one of `read`, `write` and `append` is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenOptions {
    pub read: bool,
    pub write: bool,
    /// For `Append` only: positioned writes land at the end, too.
    pub append: bool,
    /// Makes the file when there is none.
    pub create: bool,
    /// Makes the file; EEXIST when there is one.
    pub create_new: bool,
    /// Empties the file.
    pub truncate: bool,
    /// Only a directory; ENOTDIR otherwise.
    pub directory: bool,
    /// Past the system's cache, see the head of this file.
    pub direct: bool,
    /// Permission bits of a new file, before the umask.
    pub mode: u32,
}

impl OpenOptions {
    pub const READ: Self = Self {
        read: true,
        write: false,
        append: false,
        create: false,
        create_new: false,
        truncate: false,
        directory: false,
        direct: false,
        mode: 0o666,
    };
    /// An empty file to be written, whatever was there.
    pub const REPLACE: Self = Self {
        read: false,
        write: true,
        create: true,
        truncate: true,
        ..Self::READ
    };
    pub const DIRECTORY: Self = Self {
        directory: true,
        ..Self::READ
    };

    /// The flags of `open`.
    pub(super) fn flags(self) -> i32 {
        let access = match (self.read, self.write || self.append) {
            (true, true) => libc::O_RDWR,
            (false, true) => libc::O_WRONLY,
            _ => libc::O_RDONLY,
        };
        let optional = [
            (self.append, libc::O_APPEND),
            (self.create, libc::O_CREAT),
            (self.create_new, libc::O_CREAT | libc::O_EXCL),
            (self.truncate, libc::O_TRUNC),
            (self.directory, libc::O_DIRECTORY),
            (self.direct, libc::O_DIRECT),
        ];
        let wanted = optional.iter().filter(|(wanted, _)| *wanted);
        wanted.fold(access | libc::O_CLOEXEC, |flags, (_, flag)| flags | flag)
    }

    /// What to try when `open` has answered EINVAL, which may mean that the file system cannot do
    /// without its cache. It has made the file all the same: then it is not new any more.
    pub(super) fn without_direct(self) -> Option<Self> {
        self.direct.then_some(Self {
            direct: false,
            create: self.create || self.create_new,
            create_new: false,
            ..self
        })
    }
}

/// What a `Sync` makes durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// The bytes and what is needed to find them again (fdatasync).
    Data,
    /// Also what is known about the file (fsync).
    Everything,
}

/// Whom to connect to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Address {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

/// What may be asked. Closed set.
#[derive(Debug)]
pub enum Operation {
    /// Ends with `Opened`.
    Open {
        path: PathBuf,
        options: OpenOptions,
    },
    Close {
        file: File,
    },
    /// Fills the buffer up to its capacity; ends with `Bytes`.
    Read {
        file: File,
        at: u64,
        buffer: FileBuffer,
    },
    /// Ends with `Bytes`, all that the buffer holds.
    Write {
        file: File,
        at: u64,
        buffer: FileBuffer,
    },
    /// As `Write`, at the end of a file that was opened for it.
    Append {
        file: File,
        buffer: FileBuffer,
    },
    Sync {
        file: File,
        extent: Extent,
    },
    /// Reserves space, so that writing there does not find the disk full. The file becomes as long
    /// as that, unless `keep_size`; what was not written reads as zeros.
    Allocate {
        file: File,
        at: u64,
        bytes: u64,
        keep_size: bool,
    },
    /// Cuts the file, or makes it longer with zeros.
    Resize {
        file: File,
        bytes: u64,
    },
    /// Ends with `Size`.
    Size {
        file: File,
    },
    /// In one step; what had the new name is gone.
    Rename {
        from: PathBuf,
        to: PathBuf,
    },
    /// A file.
    Remove {
        path: PathBuf,
    },
    /// An empty directory.
    RemoveDirectory {
        path: PathBuf,
    },
    /// The permission bits are those before the umask.
    MakeDirectory {
        path: PathBuf,
        mode: u32,
    },
    /// Ends with `Names`; EOVERFLOW when there are more than `LISTED_NAMES_MAX`.
    List {
        path: PathBuf,
    },
    /// Ends with `Connected`.
    Connect {
        address: Address,
    },
}

/// What an operation has brought.
#[derive(Debug)]
pub enum Outcome {
    Done,
    Opened(File),
    /// How many were read or written.
    Bytes(u32),
    Size(u64),
    /// What is in a directory, sorted.
    Names(Box<Vec<OsString>>),
    Connected(Socket),
}

/// The end of a request.
#[derive(Debug)]
pub struct Ended {
    pub id: RequestId,
    pub result: io::Result<Outcome>,
    /// That of a read or write; what was read is in it.
    pub buffer: Option<FileBuffer>,
}

impl Operation {
    /// The end of a request for this operation.
    pub(crate) fn ended(self, id: RequestId, result: io::Result<Outcome>) -> Ended {
        let buffer = match self {
            Self::Read { buffer, .. }
            | Self::Write { buffer, .. }
            | Self::Append { buffer, .. } => Some(buffer),
            _ => None,
        };
        Ended { id, result, buffer }
    }

    /// The file that it is about.
    pub(super) fn file(&self) -> Option<File> {
        match self {
            Self::Close { file }
            | Self::Read { file, .. }
            | Self::Write { file, .. }
            | Self::Append { file, .. }
            | Self::Sync { file, .. }
            | Self::Allocate { file, .. }
            | Self::Resize { file, .. }
            | Self::Size { file } => Some(*file),
            _ => None,
        }
    }

    /// Refuses what no implementation may try.
    ///
    /// # Errors
    /// EINVAL.
    pub(super) fn check(&self) -> io::Result<()> {
        let aligned = |file: &File, at: u64, bytes: usize| {
            !file.direct
                || at.is_multiple_of(FILE_ALIGNMENT as u64) && bytes.is_multiple_of(FILE_ALIGNMENT)
        };
        let valid = match self {
            Self::Read { file, at, buffer } => {
                i64::try_from(*at).is_ok() && aligned(file, *at, buffer.capacity())
            }
            Self::Write { file, at, buffer } => {
                i64::try_from(*at).is_ok() && aligned(file, *at, buffer.len())
            }
            Self::Resize { bytes, .. } => i64::try_from(*bytes).is_ok(),
            Self::Append { file, buffer } => aligned(file, 0, buffer.len()),
            Self::Rename { from, to } => name(from).and_then(|_| name(to)).is_ok(),
            Self::Open { path, .. }
            | Self::Remove { path }
            | Self::RemoveDirectory { path }
            | Self::MakeDirectory { path, .. }
            | Self::List { path } => name(path).is_ok(),
            Self::Allocate { at, bytes, .. } => {
                *bytes > 0
                    && at
                        .checked_add(*bytes)
                        .is_some_and(|end| i64::try_from(end).is_ok())
            }
            _ => true,
        };
        match valid {
            true => Ok(()),
            false => Err(errno(libc::EINVAL)),
        }
    }
}

/// An error of the system by its number.
pub(super) fn errno(number: i32) -> io::Error {
    io::Error::from_raw_os_error(number)
}

/// A path as the system takes it.
///
/// # Errors
/// EINVAL when it holds a zero byte.
pub(super) fn name(path: &Path) -> io::Result<CString> {
    CString::new(path.as_os_str().as_bytes()).map_err(|_| errno(libc::EINVAL))
}
