//! How many descriptors the process may open, and how many clients that leaves room for.
//!
//! Asked at start and by CONFIG SET maxclients; raises the soft limit, and the hard one where the
//! user may, as redis-server does and with its words in the log. What to do without room, the
//! caller decides.

use std::io;

use super::log;
use super::socket::error_text;
use crate::limits::{CLIENTS_PER_SHARD_MAX, DESCRIPTORS_PER_SHARD, DESCRIPTORS_RESERVED};

/// The limit as it is and as it was.
#[derive(Debug)]
struct Raised {
    before: u64,
    now: u64,
    /// Why it is not what was wanted.
    error: Option<io::Error>,
}

/// Descriptors that a server of so many shards opens besides its clients'.
#[must_use]
pub fn reserved(shards: usize) -> u64 {
    DESCRIPTORS_RESERVED + shards as u64 * DESCRIPTORS_PER_SHARD
}

/// Raises the limit so that this many clients fit; how many do, which may be fewer or none.
#[must_use]
pub fn make_room(clients: u32, shards: usize) -> u32 {
    let most = u32::try_from(shards * CLIENTS_PER_SHARD_MAX).unwrap_or(u32::MAX);
    let wanted = u64::from(clients) + reserved(shards);
    let raised = raise(wanted);
    if raised.now < wanted {
        let room = raised.now.saturating_sub(reserved(shards));
        let room = u32::try_from(room)
            .expect("fewer than were wanted")
            .min(most);
        say_short(clients, wanted, &raised, room);
        return room;
    }
    if raised.before < wanted {
        log::notice(format_args!(
            "Increased maximum number of open files to {} (it was originally set to {}).",
            raised.now, raised.before
        ));
    }
    clients.min(most)
}

fn say_short(clients: u32, wanted: u64, raised: &Raised, room: u32) {
    log::warning(format_args!(
        "You requested maxclients of {clients} requiring at least {wanted} max file descriptors."
    ));
    let reason = raised.error.as_ref().map(error_text).unwrap_or_default();
    log::warning(format_args!(
        "Server can't set maximum open files to {wanted} because of OS error: {reason}."
    ));
    log::warning(format_args!(
        "Current maximum open files is {}. maxclients has been reduced to {room} to compensate for low \
         ulimit. If you need higher maxclients increase 'ulimit -n'.",
        raised.now
    ));
}

fn raise(wanted: u64) -> Raised {
    let Ok((soft, hard)) = limits() else {
        // Redis's guess where the system does not say.
        return Raised {
            before: 1024,
            now: 1024,
            error: Some(io::Error::last_os_error()),
        };
    };
    if soft >= wanted {
        return Raised {
            before: soft,
            now: soft,
            error: None,
        };
    }
    // The most any process may have; a privileged one may go that far.
    let system = std::fs::read_to_string("/proc/sys/fs/nr_open");
    let system = system.ok().and_then(|text| text.trim().parse().ok());
    let mut error = None;
    for limit in [wanted, system.unwrap_or(hard).min(wanted), hard.min(wanted)] {
        if limit <= soft {
            continue;
        }
        match set_limits(limit, limit.max(hard)) {
            Ok(()) => {
                return Raised {
                    before: soft,
                    now: limit,
                    error,
                };
            }
            Err(refusal) => error = error.or(Some(refusal)),
        }
    }
    Raised {
        before: soft,
        now: soft,
        error,
    }
}

/// The soft and the hard limit.
fn limits() -> io::Result<(u64, u64)> {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: the call fills the structure it is given.
    match unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } {
        0 => Ok((limit.rlim_cur, limit.rlim_max)),
        _ => Err(io::Error::last_os_error()),
    }
}

fn set_limits(soft: u64, hard: u64) -> io::Result<()> {
    assert!(
        soft <= hard,
        "the kernel refuses a soft limit above the hard one"
    );
    let limit = libc::rlimit {
        rlim_cur: soft,
        rlim_max: hard,
    };
    // SAFETY: the call only reads the structure it is given.
    match unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_room_up_to_what_the_system_allows() {
        assert_eq!(make_room(1, 1), 1);
        assert_eq!(make_room(10, 2), 10);
        let most = make_room(u32::MAX, 4);
        let (soft, hard) = limits().unwrap();
        assert!(soft <= hard && u64::from(most) + reserved(4) <= soft);
        assert!(most > 10 && most < u32::MAX);
    }
}
