//! Reasons to give up: the environment does not let the server run.
//!
//! Used by main at start and by a shard that lost what it cannot work without. Never for a client's
//! fault (an error reply) and never for a bug (an assertion). Each reason has a fixed exit code,
//! one sentence and one line of advice; the codes are part of the interface and documented in the
//! README.

use std::fmt;
use std::io;
use std::path::PathBuf;

use super::log;
use super::socket::{ListenError, error_text};

/// Why the server cannot run.
#[derive(Debug)]
pub enum Fatal {
    /// 2: the configuration file or the command line is wrong; the text says where.
    BadConfiguration(String),
    /// 10: somebody else listens on the address.
    PortTaken(ListenError),
    /// 11: the address cannot be bound or listened on.
    BindRefused(ListenError),
    /// 20: `io-backend uring` was demanded and the kernel has or allows none.
    RingSetup(String),
    /// 21: too little memory may be locked for the rings.
    MemoryLock(io::Error),
    /// 22: the process may not open enough descriptors.
    Descriptors { needed: u64, allowed: u64 },
    /// 30: a directory does not exist.
    DirectoryMissing(PathBuf),
    /// 31: a directory may not be entered or written.
    DirectoryForbidden(PathBuf, io::Error),
    /// 32: another server uses the directory.
    DirectoryInUse(PathBuf),
    /// 40: a data file is damaged; the text names file, offset and reason.
    DataDamaged(String),
    /// 50: a thread, its memory or its descriptors could not be had.
    Resources(&'static str, io::Error),
}

impl Fatal {
    /// Which kind of refusal a failed listener is.
    #[must_use]
    pub fn from_listen(error: ListenError) -> Self {
        if error.is_taken() {
            Fatal::PortTaken(error)
        } else {
            Fatal::BindRefused(error)
        }
    }

    /// The exit code of the process.
    #[must_use]
    pub(super) fn code(&self) -> u8 {
        match self {
            Fatal::BadConfiguration(_) => 2,
            Fatal::PortTaken(_) => 10,
            Fatal::BindRefused(_) => 11,
            Fatal::RingSetup(_) => 20,
            Fatal::MemoryLock(_) => 21,
            Fatal::Descriptors { .. } => 22,
            Fatal::DirectoryMissing(_) => 30,
            Fatal::DirectoryForbidden(..) => 31,
            Fatal::DirectoryInUse(_) => 32,
            Fatal::DataDamaged(_) => 40,
            Fatal::Resources(..) => 50,
        }
    }

    /// What the operator can do.
    #[must_use]
    pub fn advice(&self) -> &'static str {
        match self {
            Fatal::BadConfiguration(_) => "Correct the named directive and start again.",
            Fatal::PortTaken(_) => "Stop the other server or choose another `port`.",
            Fatal::BindRefused(_) => {
                "Check `bind`: the address must belong to this machine; ports below 1024 need a capability."
            }
            Fatal::RingSetup(_) => {
                "Use `io-backend auto` or `epoll`, or allow io_uring (kernel.io_uring_disabled, seccomp)."
            }
            Fatal::MemoryLock(_) => "Raise the locked-memory limit (ulimit -l, LimitMEMLOCK=).",
            Fatal::Descriptors { .. } => {
                "Raise the descriptor limit (ulimit -n, LimitNOFILE=) or lower `maxclients`."
            }
            Fatal::DirectoryMissing(_) => "Create it or correct `dir`.",
            Fatal::DirectoryForbidden(..) => {
                "Give the server's user read, write and search permission."
            }
            Fatal::DirectoryInUse(_) => "Give each server its own `dir`.",
            Fatal::DataDamaged(_) => {
                "Restore the file from a copy; `cairn-server --check DIR` verifies without starting."
            }
            Fatal::Resources(..) => "Check memory, thread and descriptor limits of this user.",
        }
    }
}

impl fmt::Display for Fatal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fatal::BadConfiguration(text) => write!(formatter, "Bad configuration: {text}"),
            Fatal::PortTaken(error) | Fatal::BindRefused(error) => error.fmt(formatter),
            Fatal::RingSetup(text) => write!(formatter, "io_uring cannot be used: {text}"),
            Fatal::MemoryLock(error) => {
                let reason = error_text(error);
                write!(
                    formatter,
                    "The memory of the rings cannot be locked: {reason}"
                )
            }
            Fatal::Descriptors { needed, allowed } => write!(
                formatter,
                "{needed} descriptors are needed and {allowed} are allowed"
            ),
            Fatal::DirectoryMissing(path) => {
                write!(formatter, "Directory {} does not exist", path.display())
            }
            Fatal::DirectoryForbidden(path, error) => write!(
                formatter,
                "Directory {} cannot be used: {}",
                path.display(),
                error_text(error)
            ),
            Fatal::DirectoryInUse(path) => write!(
                formatter,
                "Directory {} is used by another server",
                path.display()
            ),
            Fatal::DataDamaged(text) => write!(formatter, "Damaged data: {text}"),
            Fatal::Resources(what, error) => {
                write!(formatter, "{what} cannot be had: {}", error_text(error))
            }
        }
    }
}

/// Says why on standard error, and in the log where that is a file, and ends the process.
pub fn fatal(reason: &Fatal) -> ! {
    say(&format!("FATAL: {reason}\n{}", reason.advice()));
    std::process::exit(i32::from(reason.code()))
}

/// Last words: a daemon's standard error leads nowhere.
fn say(words: &str) {
    eprintln!("{words}");
    if log::has_file() {
        log::warning(words);
    }
}

/// How DEBUG ends the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crash {
    Segfault,
    Panic,
    Assertion,
}

/// Ends the process as a bug would, core dump included; for DEBUG only.
pub fn crash(how: Crash) -> ! {
    say(&format!("Crashed on demand by DEBUG: {how:?}"));
    if how == Crash::Segfault {
        // SAFETY: raise touches no memory of ours; the signal's default action ends the process.
        unsafe { libc::raise(libc::SIGSEGV) };
    }
    std::process::abort()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::socket::{self, ListenOptions};

    const OPTIONS: ListenOptions = ListenOptions {
        backlog: 1,
        keepalive_s: 0,
        shared: false,
    };

    #[test]
    fn a_taken_port_is_named_as_redis_names_it() {
        let first = socket::listen_tcp("127.0.0.1", 0, OPTIONS).unwrap();
        let port = socket::local_port(first).unwrap();
        let fatal = Fatal::from_listen(socket::listen_tcp("127.0.0.1", port, OPTIONS).unwrap_err());
        socket::close(first);
        assert_eq!(fatal.code(), 10);
        assert_eq!(
            fatal.to_string(),
            format!(
                "Could not create server TCP listening socket 127.0.0.1:{port}: bind: Address already in use"
            )
        );
    }

    #[test]
    fn a_foreign_address_is_refused() {
        let error = socket::listen_tcp("192.0.2.1", 6379, OPTIONS).unwrap_err();
        assert_eq!(Fatal::from_listen(error).code(), 11);
    }

    #[test]
    fn codes_are_unique() {
        let error = || io::Error::from_raw_os_error(libc::EPERM);
        let all = [
            Fatal::BadConfiguration(String::new()),
            Fatal::RingSetup(String::new()),
            Fatal::MemoryLock(error()),
            Fatal::Descriptors {
                needed: 2,
                allowed: 1,
            },
            Fatal::DirectoryMissing(PathBuf::new()),
            Fatal::DirectoryForbidden(PathBuf::new(), error()),
            Fatal::DirectoryInUse(PathBuf::new()),
            Fatal::DataDamaged(String::new()),
            Fatal::Resources("A thread", error()),
        ];
        let codes: std::collections::HashSet<u8> = all.iter().map(Fatal::code).collect();
        assert_eq!(codes.len(), all.len());
        assert!(
            all.iter()
                .all(|fatal| fatal.code() > 1 && !fatal.advice().is_empty())
        );
    }
}
