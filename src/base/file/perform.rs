//! Operations on files as plain system calls, for a thread that may wait for the disk.
//!
//! Called by the file thread only. Goes on after short reads and writes and after interruptions, as
//! the ring's half does. Must not be called by a shard: every function here blocks.

use std::ffi::{CStr, OsString};
use std::io;
use std::path::Path;

use super::{Extent, File, FileBuffer, OpenOptions, Operation, Outcome, errno, name};
use crate::limits::{FILE_ALIGNMENT, LISTED_NAMES_MAX};

/// Carries an operation out.
///
/// # Errors
/// The system's errno.
pub(super) fn perform(operation: &mut Operation) -> io::Result<Outcome> {
    match operation {
        Operation::Open { path, options } => open(&name(path)?, *options).map(Outcome::Opened),
        Operation::Close { file } => {
            // SAFETY: the shard has given the file up; nothing uses the number afterwards.
            done(i64::from(unsafe { libc::close(file.number) }))
        }
        Operation::Read { file, at, buffer } => read(*file, *at, buffer),
        Operation::Write { file, at, buffer } => write(*file, *at, buffer),
        // The file was opened for appending: the system ignores the position.
        Operation::Append { file, buffer } => write(*file, 0, buffer),
        Operation::Sync { file, extent } => sync(*file, *extent),
        Operation::Allocate {
            file,
            at,
            bytes,
            keep_size,
        } => allocate(*file, *at, *bytes, *keep_size),
        Operation::Resize { file, bytes } => {
            let bytes = bytes.cast_signed();
            // SAFETY: ftruncate takes no pointers.
            patiently(|| i64::from(unsafe { libc::ftruncate(file.number, bytes) }))?;
            Ok(Outcome::Done)
        }
        Operation::Size { file } => size(*file),
        Operation::Rename { from, to } => {
            let (from, to) = (name(from)?, name(to)?);
            // SAFETY: both names end in a zero byte and live through the call.
            done(i64::from(unsafe {
                libc::rename(from.as_ptr(), to.as_ptr())
            }))
        }
        Operation::Remove { path } => {
            let path = name(path)?;
            // SAFETY: the name ends in a zero byte and lives through the call.
            done(i64::from(unsafe { libc::unlink(path.as_ptr()) }))
        }
        Operation::RemoveDirectory { path } => {
            let path = name(path)?;
            // SAFETY: as above.
            done(i64::from(unsafe { libc::rmdir(path.as_ptr()) }))
        }
        Operation::MakeDirectory { path, mode } => {
            let path = name(path)?;
            // SAFETY: as above.
            done(i64::from(unsafe { libc::mkdir(path.as_ptr(), *mode) }))
        }
        Operation::List { path } => list(path),
        Operation::Connect { .. } => unreachable!("sockets are connected by the shard's own poll"),
    }
}

fn check(result: i64) -> io::Result<u64> {
    u64::try_from(result).map_err(|_| io::Error::last_os_error())
}

fn done(result: i64) -> io::Result<Outcome> {
    check(result).map(|_| Outcome::Done)
}

/// Calls until it is not interrupted.
fn patiently(mut call: impl FnMut() -> i64) -> io::Result<u64> {
    loop {
        match check(call()) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

fn open(name: &CStr, options: OpenOptions) -> io::Result<File> {
    // SAFETY: the name ends in a zero byte and lives through the call.
    let number = patiently(|| unsafe {
        i64::from(libc::open(name.as_ptr(), options.flags(), options.mode))
    });
    match (number, options.without_direct()) {
        (Ok(number), _) => Ok(File {
            number: i32::try_from(number).expect("descriptors are ints"),
            direct: options.direct,
        }),
        (Err(error), Some(cached)) if error.raw_os_error() == Some(libc::EINVAL) => {
            open(name, cached)
        }
        (Err(error), _) => Err(error),
    }
}

fn read(file: File, at: u64, buffer: &mut FileBuffer) -> io::Result<Outcome> {
    let capacity = buffer.capacity() as u32;
    buffer.clear();
    let filled = read_on(file, capacity, |filled| {
        let (target, room) = (buffer.address(filled), (capacity - filled) as usize);
        let offset = (at + u64::from(filled)).cast_signed();
        // SAFETY: `room` bytes from `target` on are the buffer's own, which nobody else holds.
        unsafe { libc::pread(file.number, target.cast(), room, offset) as i64 }
    })?;
    buffer.set_len(filled);
    Ok(Outcome::Bytes(filled))
}

/// Reads until nothing is left, of the file or of the room.
fn read_on(file: File, room: u32, mut read: impl FnMut(u32) -> i64) -> io::Result<u32> {
    let mut filled = 0;
    while filled < room {
        let got = patiently(|| read(filled))? as u32;
        filled += got;
        if got == 0 || ends_a_direct_read(file, filled) {
            break;
        }
    }
    Ok(filled)
}

/// Past the cache only the end of the file makes a read stop inside a block, and no further one may
/// begin there.
pub(in crate::base) fn ends_a_direct_read(file: File, filled: u32) -> bool {
    file.direct && !(filled as usize).is_multiple_of(FILE_ALIGNMENT)
}

fn write(file: File, at: u64, buffer: &mut FileBuffer) -> io::Result<Outcome> {
    let len = buffer.len() as u32;
    write_on(len, |written| {
        let (source, rest) = (buffer.address(written), (len - written) as usize);
        let offset = (at + u64::from(written)).cast_signed();
        // SAFETY: `rest` bytes from `source` on are initialised and the buffer's own.
        unsafe { libc::pwrite(file.number, source.cast(), rest, offset) as i64 }
    })?;
    Ok(Outcome::Bytes(len))
}

/// Writes until nothing is left.
fn write_on(len: u32, mut write: impl FnMut(u32) -> i64) -> io::Result<()> {
    let mut written = 0;
    while written < len {
        let taken = patiently(|| write(written))? as u32;
        if taken == 0 {
            return Err(errno(libc::EIO));
        }
        written += taken;
    }
    Ok(())
}

fn sync(file: File, extent: Extent) -> io::Result<Outcome> {
    // Never tried again, not even after an interruption: a second sync may answer for nothing.
    // SAFETY: neither call takes pointers.
    done(i64::from(unsafe {
        match extent {
            Extent::Data => libc::fdatasync(file.number),
            Extent::Everything => libc::fsync(file.number),
        }
    }))
}

fn allocate(file: File, at: u64, bytes: u64, keep_size: bool) -> io::Result<Outcome> {
    let mode = allocation_mode(keep_size);
    let (at, bytes) = (at.cast_signed(), bytes.cast_signed());
    // SAFETY: fallocate takes no pointers.
    patiently(|| i64::from(unsafe { libc::fallocate(file.number, mode, at, bytes) }))?;
    Ok(Outcome::Done)
}

pub(in crate::base) fn allocation_mode(keep_size: bool) -> i32 {
    match keep_size {
        true => libc::FALLOC_FL_KEEP_SIZE,
        false => 0,
    }
}

fn size(file: File) -> io::Result<Outcome> {
    // SAFETY: all-zero bytes are a valid stat, which the call fills.
    let status = unsafe {
        let mut status: libc::stat = std::mem::zeroed();
        check(i64::from(libc::fstat(file.number, &raw mut status)))?;
        status
    };
    Ok(Outcome::Size(status.st_size.cast_unsigned()))
}

fn list(path: &Path) -> io::Result<Outcome> {
    let mut names: Vec<OsString> = Vec::new();
    for entry in std::fs::read_dir(path)? {
        if names.len() == LISTED_NAMES_MAX {
            return Err(errno(libc::EOVERFLOW));
        }
        names.push(entry?.file_name());
    }
    names.sort();
    Ok(Outcome::Names(Box::new(names)))
}

/// Closes a file that nobody will use.
pub(in crate::base) fn close(file: File) {
    // SAFETY: the caller gives the file up; nothing uses the number afterwards.
    unsafe { libc::close(file.number) };
}

#[cfg(test)]
mod tests {
    use super::*;

    const CACHED: File = File {
        number: -1,
        direct: false,
    };

    /// A system call that answers one after the other; what it was asked to go on from.
    fn answers<'a>(
        list: &'a [Result<i64, i32>],
        from: &'a mut Vec<u32>,
    ) -> impl FnMut(u32) -> i64 + 'a {
        let mut list = list.iter();
        move |done| {
            from.push(done);
            match list.next().expect("no call too many") {
                Ok(count) => *count,
                Err(number) => {
                    // SAFETY: the thread's own errno.
                    unsafe { *libc::__errno_location() = *number };
                    -1
                }
            }
        }
    }

    #[test]
    fn short_writes_go_on_until_all_is_written() {
        let mut from = Vec::new();
        let calls = [Ok(3), Err(libc::EINTR), Ok(1), Ok(6)];
        write_on(10, answers(&calls, &mut from)).unwrap();
        assert_eq!(from, [0, 3, 3, 4]);
        for (calls, number) in [
            ([Ok(3), Err(libc::ENOSPC)], libc::ENOSPC),
            ([Ok(9), Ok(0)], libc::EIO),
        ] {
            let mut from = Vec::new();
            let error = write_on(10, answers(&calls, &mut from)).unwrap_err();
            assert_eq!(error.raw_os_error(), Some(number));
        }
        write_on(0, answers(&[], &mut Vec::new())).unwrap();
    }

    #[test]
    fn short_reads_go_on_until_the_end() {
        let mut from = Vec::new();
        let calls = [Ok(3), Err(libc::EINTR), Ok(4), Ok(0)];
        let read = read_on(CACHED, 10, answers(&calls, &mut from));
        assert_eq!((read.unwrap(), &from[..]), (7, &[0, 3, 3, 7][..]));
        let direct = File {
            direct: true,
            ..CACHED
        };
        let mut from = Vec::new();
        let read = read_on(direct, 20_000, answers(&[Ok(8192), Ok(100)], &mut from));
        assert_eq!((read.unwrap(), &from[..]), (8292, &[0, 8192][..]));
        let mut from = Vec::new();
        let error = read_on(CACHED, 10, answers(&[Ok(3), Err(libc::EIO)], &mut from));
        assert_eq!(error.unwrap_err().raw_os_error(), Some(libc::EIO));
    }
}
