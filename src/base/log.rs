//! The server's log: lines in Redis's format to a file or to standard output.
//!
//! Main opens it once, before any shard runs; every thread writes whole lines without a lock,
//! because the kernel appends each write in one piece. A line may wait for the disk, so nothing is
//! logged per command. Before `open` (in tests and in the simulator) lines go nowhere. Holds no
//! configuration.

use std::ffi::CString;
use std::fmt::Display;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI32, AtomicU8, Ordering};

use super::clock;

/// How much a line matters; a log keeps lines from its own level on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Debug,
    Verbose,
    Notice,
    Warning,
}

impl Level {
    fn mark(self) -> char {
        match self {
            Self::Debug => '.',
            Self::Verbose => '-',
            Self::Notice => '*',
            Self::Warning => '#',
        }
    }
}

/// What the process is at the moment; one letter in every line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Reads its configuration.
    Starting,
    Primary,
    Replica,
}

impl Role {
    fn letter(self) -> u8 {
        match self {
            Self::Starting => b'C',
            Self::Primary => b'M',
            Self::Replica => b'S',
        }
    }
}

const CLOSED: i32 = -1;
/// Read by everybody, written by the server's user, as Redis leaves it to the umask.
const FILE_MODE: libc::c_uint = 0o666;

static DESCRIPTOR: AtomicI32 = AtomicI32::new(CLOSED);
static LEVEL: AtomicU8 = AtomicU8::new(Level::Notice as u8);
static ROLE: AtomicU8 = AtomicU8::new(b'C');
static FILE: OnceLock<PathBuf> = OnceLock::new();

/// Where lines go from now on: a file, or standard output when there is none.
///
/// # Errors
/// When the file cannot be opened for appending.
pub fn open(file: Option<&Path>) -> io::Result<()> {
    let descriptor = match file {
        None => libc::STDOUT_FILENO,
        Some(path) => {
            let descriptor = append_to(path)?;
            assert!(
                FILE.set(path.to_path_buf()).is_ok(),
                "a log file is named once"
            );
            descriptor
        }
    };
    DESCRIPTOR.store(descriptor, Ordering::Release);
    Ok(())
}

/// Opens the log's file by its name again, so that a renamed one can be put away. True when there
/// is a file.
///
/// # Errors
/// When the name cannot be opened; lines then go on to the old file.
pub(super) fn reopen() -> io::Result<bool> {
    let Some(path) = FILE.get() else {
        return Ok(false);
    };
    let fresh = append_to(path)?;
    let number = DESCRIPTOR.load(Ordering::Acquire);
    assert!(number > CLOSED, "a log with a file is open");
    // SAFETY: both descriptors are open and ours. The number that other threads write to stays the
    // same and changes its file in one step; the fresh number is known to nobody else.
    let result = unsafe {
        let result = libc::dup3(fresh, number, libc::O_CLOEXEC);
        libc::close(fresh);
        result
    };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(true)
}

/// True when lines go to a file.
#[must_use]
pub fn has_file() -> bool {
    FILE.get().is_some()
}

/// Leaves out lines that matter less.
pub fn set_level(level: Level) {
    LEVEL.store(level as u8, Ordering::Relaxed);
}

/// The role that lines show from now on.
pub fn set_role(role: Role) {
    ROLE.store(role.letter(), Ordering::Relaxed);
}

/// What an operator wants to read.
pub fn notice(message: impl Display) {
    write(Level::Notice, &message);
}

/// What an operator must read.
pub fn warning(message: impl Display) {
    write(Level::Warning, &message);
}

fn write(level: Level, message: &dyn Display) {
    let descriptor = DESCRIPTOR.load(Ordering::Acquire);
    if descriptor == CLOSED || (level as u8) < LEVEL.load(Ordering::Relaxed) {
        return;
    }
    let role = char::from(ROLE.load(Ordering::Relaxed));
    let time = clock::local_text(clock::now().unix_us);
    let process = std::process::id();
    let line = format!("{process}:{role} {time} {} {message}\n", level.mark());
    write_whole(descriptor, line.as_bytes());
}

/// A log that cannot be written has nobody to tell.
fn write_whole(descriptor: i32, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        // SAFETY: the bytes are readable for the whole call; a bad descriptor is an error, not a
        // fault.
        let written = unsafe { libc::write(descriptor, bytes.as_ptr().cast(), bytes.len()) };
        match usize::try_from(written) {
            Ok(written) if written > 0 => bytes = &bytes[written.min(bytes.len())..],
            _ if io::Error::last_os_error().kind() == io::ErrorKind::Interrupted => {}
            _ => return,
        }
    }
}

fn append_to(path: &Path) -> io::Result<i32> {
    let name = CString::new(path.as_os_str().as_bytes())?;
    let flags = libc::O_WRONLY | libc::O_APPEND | libc::O_CREAT | libc::O_CLOEXEC;
    // SAFETY: the name ends in a zero byte and lives through the call.
    let descriptor = unsafe { libc::open(name.as_ptr(), flags, FILE_MODE) };
    if descriptor < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(descriptor)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One test, because the log is one for the whole process.
    #[test]
    fn lines_are_redis_lines_and_a_renamed_file_is_left_behind() {
        let directory = std::env::temp_dir().join(format!("cairn-log-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let (path, old) = (directory.join("log"), directory.join("log.1"));
        warning("before there is a log of this test");
        assert!(!reopen().unwrap() && !has_file());
        open(Some(&path)).unwrap();
        set_level(Level::Verbose);
        write(Level::Debug, &"left out of this test");
        write(Level::Verbose, &"v of this test");
        set_role(Role::Primary);
        notice("one of this test");
        std::fs::rename(&path, &old).unwrap();
        warning("two of this test");
        assert!(reopen().unwrap() && has_file());
        notice("three of this test");
        std::fs::create_dir(directory.join("d")).unwrap();
        assert!(append_to(&directory.join("d")).is_err());
        DESCRIPTOR.store(CLOSED, Ordering::Release);

        // Other tests of this process may log at the same time.
        let lines = |path: &Path| -> Vec<String> {
            let text = std::fs::read_to_string(path).unwrap();
            let ours = text.lines().filter(|line| line.contains("of this test"));
            ours.map(str::to_string).collect()
        };
        let (before, after) = (lines(&old), lines(&path));
        std::fs::remove_dir_all(&directory).unwrap();
        let ends = |line: &str, head: &str, tail: &str| {
            assert!(
                line.starts_with(&format!("{}:{head}", std::process::id())),
                "{line}"
            );
            assert!(line.ends_with(tail), "{line}");
        };
        assert_eq!((before.len(), after.len()), (3, 1), "{before:?} {after:?}");
        ends(&before[0], "C ", " - v of this test");
        ends(&before[1], "M ", " * one of this test");
        ends(&before[2], "M ", " # two of this test");
        ends(&after[0], "M ", " * three of this test");
    }
}
