//! The two clocks and the random source of the real machine.
//!
//! Owned by each `Io` implementation, which reads the clocks once per `poll`. Both readings go
//! through the vDSO, so they cost no system call. Random bits come from the kernel in blocks and
//! are therefore good enough for identifiers and passwords as well as for sampling.

use super::io::Now;
use crate::limits::RANDOM_BLOCK_BYTES;

fn read(clock: libc::clockid_t) -> libc::timespec {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` is a valid timespec that the call fills; both clocks exist on every Linux.
    let result = unsafe { libc::clock_gettime(clock, &raw mut time) };
    assert!(result == 0, "the clock cannot be read");
    time
}

fn microseconds(time: libc::timespec) -> u64 {
    time.tv_sec.cast_unsigned() * 1_000_000 + time.tv_nsec.cast_unsigned() / 1000
}

/// Both clocks, now.
#[must_use]
pub(super) fn now() -> Now {
    Now {
        monotonic_us: microseconds(read(libc::CLOCK_MONOTONIC)),
        unix_us: microseconds(read(libc::CLOCK_REALTIME)),
    }
}

/// A moment as Redis's log writes it, in local time: `25 Nov 2026 07:56:23.336`.
#[must_use]
pub(super) fn local_text(unix_us: u64) -> String {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let seconds = libc::time_t::try_from(unix_us / 1_000_000).expect("64 bits of seconds");
    // SAFETY: both pointers are to live locals; a zeroed tm is valid and the call fills it.
    let parts = unsafe {
        let mut parts: libc::tm = std::mem::zeroed();
        let filled = libc::localtime_r(&raw const seconds, &raw mut parts);
        assert!(!filled.is_null(), "the year fits an int");
        parts
    };
    let month = MONTHS[usize::try_from(parts.tm_mon).expect("months are 0 to 11")];
    format!(
        "{:02} {month} {} {:02}:{:02}:{:02}.{:03}",
        parts.tm_mday,
        parts.tm_year + 1900,
        parts.tm_hour,
        parts.tm_min,
        parts.tm_sec,
        unix_us / 1000 % 1000
    )
}

/// The monotonic clock in nanoseconds.
#[must_use]
pub(super) fn precise_ns() -> u64 {
    let time = read(libc::CLOCK_MONOTONIC);
    time.tv_sec.cast_unsigned() * 1_000_000_000 + time.tv_nsec.cast_unsigned()
}

/// Kernel randomness, drawn in blocks.
pub(super) struct Random {
    block: [u8; RANDOM_BLOCK_BYTES],
    used: usize,
}

impl Random {
    pub(super) fn new() -> Self {
        Random {
            block: [0; RANDOM_BLOCK_BYTES],
            used: RANDOM_BLOCK_BYTES,
        }
    }

    pub(super) fn next(&mut self) -> u64 {
        if self.used == RANDOM_BLOCK_BYTES {
            self.refill();
        }
        let mut word = [0; 8];
        word.copy_from_slice(&self.block[self.used..self.used + 8]);
        self.used += 8;
        u64::from_ne_bytes(word)
    }

    fn refill(&mut self) {
        let mut filled = 0;
        while filled < RANDOM_BLOCK_BYTES {
            let rest = &mut self.block[filled..];
            // SAFETY: `rest` is a writable slice and its own length bounds the write.
            let got = unsafe { libc::getrandom(rest.as_mut_ptr().cast(), rest.len(), 0) };
            // Up to 256 bytes getrandom neither fails nor is interrupted once the pool is seeded.
            filled += usize::try_from(got).unwrap_or(0);
        }
        self.used = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_agree_and_advance() {
        let first = now();
        let precise = precise_ns();
        let second = now();
        assert!(first.monotonic_us <= precise / 1000 && precise / 1000 <= second.monotonic_us);
        assert!(first.unix_us > 1_700_000_000_000_000);
    }

    #[test]
    fn random_words_differ_across_blocks() {
        let mut random = Random::new();
        let words: std::collections::HashSet<u64> = (0..1000).map(|_| random.next()).collect();
        assert_eq!(words.len(), 1000);
    }
}
