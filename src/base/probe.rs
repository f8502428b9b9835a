//! Which back end this machine allows, and why.
//!
//! Called by main once, before any shard starts; the answer is logged and shown by INFO. The ring
//! is judged by a trial of the operations that a shard uses, never by the kernel's version.

use std::fmt;
use std::fs;
use std::io;

use super::fatal::Fatal;
use super::socket::error_text;
use super::uring::{Granted, TaskWork, trial};

/// What the configuration asks for (`io-backend`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Choice {
    /// The ring where it works, epoll elsewhere.
    #[default]
    Auto,
    Uring,
    Epoll,
}

/// What the shards will use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    Uring,
    Epoll,
}

impl Backend {
    /// As `Io::name` says it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Backend::Uring => "uring",
            Backend::Epoll => "epoll",
        }
    }
}

/// Whether the machine has a feature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Support {
    Present,
    /// Why it is missing, and what its absence costs.
    Missing {
        why: String,
        cost: &'static str,
    },
}

/// The outcome of the probe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capabilities {
    pub backend: Backend,
    /// Each optional feature by name.
    pub features: Vec<(&'static str, Support)>,
    /// One line: why this back end.
    pub reason: String,
}

impl fmt::Display for Capabilities {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "I/O back end {}: {}",
            self.backend.name(),
            self.reason
        )?;
        for (name, support) in &self.features {
            if let Support::Missing { why, cost } = support {
                write!(formatter, "; without {name} ({why}): {cost}")?;
            }
        }
        Ok(())
    }
}

/// Tries what the choice allows.
///
/// # Errors
/// `Fatal::RingSetup` or `Fatal::MemoryLock` when the ring was demanded and does not work.
pub fn probe(choice: Choice) -> Result<Capabilities, Fatal> {
    if choice == Choice::Epoll {
        return Ok(epoll("chosen by the configuration".to_owned()));
    }
    match trial::run() {
        Ok(granted) => Ok(Capabilities {
            backend: Backend::Uring,
            features: features(&granted),
            reason: "a trial ring did everything that a shard needs".to_owned(),
        }),
        Err((step, error)) if choice == Choice::Auto => Ok(epoll(explain(step, &error))),
        Err((_, error)) if error.raw_os_error() == Some(libc::ENOMEM) => {
            Err(Fatal::MemoryLock(error))
        }
        Err((step, error)) => Err(Fatal::RingSetup(explain(step, &error))),
    }
}

fn epoll(reason: String) -> Capabilities {
    Capabilities {
        backend: Backend::Epoll,
        features: Vec::new(),
        reason,
    }
}

fn features(granted: &Granted) -> Vec<(&'static str, Support)> {
    let support = |result: &io::Result<()>, cost| match result {
        Ok(()) => Support::Present,
        Err(error) => Support::Missing {
            why: error_text(error),
            cost,
        },
    };
    let task_work = |wanted: &[TaskWork], cost| {
        if wanted.contains(&granted.task_work) {
            Support::Present
        } else {
            let why = "refused by the kernel".to_owned();
            Support::Missing { why, cost }
        }
    };
    vec![
        (
            "deferred task work",
            task_work(
                &[TaskWork::Deferred],
                "completions arrive outside the tick, a few percent of throughput",
            ),
        ),
        (
            "cooperative task work",
            task_work(
                &[TaskWork::Deferred, TaskWork::Cooperative],
                "each completion may interrupt the shard",
            ),
        ),
        (
            "registered files",
            support(
                &granted.registered_files,
                "a descriptor look-up per receive and send",
            ),
        ),
        (
            "ring messages",
            support(
                &granted.ring_messages,
                "a system call per wake-up of another shard",
            ),
        ),
        ("file operations", file_operations(granted)),
    ]
}

fn file_operations(granted: &Granted) -> Support {
    match granted.no_file_operations.is_empty() {
        true => Support::Present,
        false => Support::Missing {
            why: format!("no {}", granted.no_file_operations.join(", ")),
            cost: "a thread per shard does them, one after the other",
        },
    }
}

/// Why the ring does not work, in words that an operator can act on.
fn explain(step: &str, error: &io::Error) -> String {
    let cause = match error.raw_os_error() {
        Some(libc::ENOSYS) => ": the kernel has none or a seccomp filter hides it",
        Some(libc::EPERM | libc::EACCES) if is_disabled() => {
            ": kernel.io_uring_disabled is set on this machine"
        }
        Some(libc::EPERM | libc::EACCES) => ": forbidden, usually by a container's seccomp filter",
        Some(libc::ENOMEM) => ": not enough memory, or the locked-memory limit is too low",
        Some(libc::EINVAL | libc::EOPNOTSUPP) => ": the kernel is too old (6.0 has all of it)",
        _ => "",
    };
    format!("{step} failed with {}{cause}", error_text(error))
}

fn is_disabled() -> bool {
    let setting = fs::read_to_string("/proc/sys/kernel/io_uring_disabled");
    setting.is_ok_and(|text| text.trim() != "0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_is_obeyed() {
        let capabilities = probe(Choice::Epoll).unwrap();
        assert_eq!(capabilities.backend, Backend::Epoll);
        assert_eq!(
            capabilities.to_string(),
            "I/O back end epoll: chosen by the configuration"
        );
    }

    #[test]
    fn automatic_choice_agrees_with_the_demanded_ring() {
        let automatic = probe(Choice::Auto).unwrap();
        match probe(Choice::Uring) {
            Ok(capabilities) => assert_eq!(capabilities, automatic),
            Err(Fatal::RingSetup(why)) => assert_eq!(automatic.reason, why),
            Err(other) => panic!("unexpected: {other}"),
        }
    }

    #[test]
    fn a_refusal_says_what_to_do() {
        let refused = io::Error::from_raw_os_error(libc::ENOSYS);
        assert_eq!(
            explain("io_uring_setup", &refused),
            "io_uring_setup failed with Function not implemented: the kernel has none or a seccomp filter hides it"
        );
    }

    #[test]
    fn missing_features_are_listed_with_their_cost() {
        let granted = Granted {
            task_work: TaskWork::Cooperative,
            registered_files: Err(io::Error::from_raw_os_error(libc::EMFILE)),
            ring_messages: Ok(()),
            no_file_operations: vec!["renameat", "mkdirat"],
        };
        let capabilities = Capabilities {
            backend: Backend::Uring,
            features: features(&granted),
            reason: "reason".to_owned(),
        };
        assert_eq!(
            capabilities.to_string(),
            "I/O back end uring: reason; without deferred task work (refused by the kernel): completions \
             arrive outside the tick, a few percent of throughput; without registered files (Too many open \
             files): a descriptor look-up per receive and send; without file operations (no renameat, \
             mkdirat): a thread per shard does them, one after the other"
        );
    }

    /// A container's filter, built by hand: io_uring_setup answers what the test says.
    fn forbid_io_uring(errno: u32) {
        let setup = libc::SYS_io_uring_setup as u32;
        let statement = |code: u32, k: u32| libc::sock_filter {
            code: code as u16,
            jt: 0,
            jf: 0,
            k,
        };
        let mut program = [
            statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0),
            libc::sock_filter {
                code: (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16,
                jt: 0,
                jf: 1,
                k: setup,
            },
            statement(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ERRNO | errno),
            statement(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ALLOW),
        ];
        let filter = libc::sock_fprog {
            len: program.len() as u16,
            filter: program.as_mut_ptr(),
        };
        // SAFETY: the program outlives the call, which copies it; the filter binds only this
        // thread.
        unsafe {
            assert_eq!(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
            let mode = libc::SECCOMP_MODE_FILTER;
            assert_eq!(
                libc::prctl(libc::PR_SET_SECCOMP, mode, &raw const filter),
                0
            );
        }
    }

    #[test]
    fn a_container_without_io_uring_gets_epoll_and_a_reason() {
        for (errno, words) in [
            (libc::EPERM, "Operation not permitted"),
            (libc::ENOSYS, "seccomp"),
        ] {
            let probing = std::thread::spawn(move || {
                forbid_io_uring(errno.cast_unsigned());
                (probe(Choice::Auto), probe(Choice::Uring))
            });
            let (automatic, demanded) = probing.join().unwrap();
            let automatic = automatic.unwrap();
            assert_eq!(automatic.backend, Backend::Epoll);
            assert!(automatic.reason.contains(words), "{}", automatic.reason);
            assert!(automatic.reason.starts_with("io_uring_setup failed"));
            assert_eq!(demanded.unwrap_err().code(), 20);
        }
    }
}
