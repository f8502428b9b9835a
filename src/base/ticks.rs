//! The cheapest clock of the processor, for timing every command.
//!
//! One reading of the time-stamp counter costs 13 ns in a virtual machine (8 ns on bare metal)
//! where the system's clock costs 30 to 38: cheap enough to read it once per command, so that
//! SLOWLOG misses nothing and statistics are exact. Where the counter is missing or not steady the
//! system's clock stands in. For durations only, never for decisions about data.

use std::sync::OnceLock;

use super::clock::precise_ns;

/// How long the calibration compares the two clocks, nanoseconds.
const CALIBRATION_NS: u64 = 2_000_000;

/// Reads ticks and turns them into time. A copy per shard, so that reading touches no shared line.
#[derive(Debug, Clone, Copy)]
pub struct Ticker {
    counter: bool,
    /// Nanoseconds per tick, times 2^32.
    scale: u64,
}

impl Ticker {
    /// The machine's; the first call compares the clocks for two milliseconds.
    #[must_use]
    pub fn of_machine() -> Self {
        static TICKER: OnceLock<Ticker> = OnceLock::new();
        *TICKER.get_or_init(Self::calibrate)
    }

    fn calibrate() -> Self {
        if !is_steady() {
            return Self {
                counter: false,
                scale: 1 << 32,
            };
        }
        let (start_ns, start) = (precise_ns(), counter());
        let mut end_ns = precise_ns();
        while end_ns - start_ns < CALIBRATION_NS {
            end_ns = precise_ns();
        }
        let ticks = counter().wrapping_sub(start).max(1);
        Self {
            counter: true,
            scale: ((u128::from(end_ns - start_ns) << 32) / u128::from(ticks)) as u64,
        }
    }

    /// Ticks since an arbitrary start.
    #[inline]
    #[must_use]
    pub fn now(self) -> u64 {
        if self.counter {
            counter()
        } else {
            precise_ns()
        }
    }

    /// Stays awake until `done` or for so many microseconds; whether it was done.
    pub(super) fn spin_until(self, limit_us: u64, mut done: impl FnMut() -> bool) -> bool {
        let (start, limit) = (self.now(), self.ticks(limit_us * 1000));
        while !done() {
            if self.now().wrapping_sub(start) >= limit {
                return false;
            }
            std::hint::spin_loop();
        }
        true
    }

    /// A number of ticks as nanoseconds.
    #[must_use]
    pub fn nanoseconds(self, ticks: u64) -> u64 {
        ((u128::from(ticks) * u128::from(self.scale)) >> 32) as u64
    }

    /// Nanoseconds as a number of ticks.
    #[must_use]
    pub fn ticks(self, nanoseconds: u64) -> u64 {
        u64::try_from((u128::from(nanoseconds) << 32) / u128::from(self.scale.max(1)))
            .unwrap_or(u64::MAX)
    }
}

#[cfg(target_arch = "x86_64")]
#[inline]
fn counter() -> u64 {
    // SAFETY: every x86-64 processor has the instruction, and Linux leaves it to programs.
    unsafe { core::arch::x86_64::_rdtsc() }
}

/// The processor says that the counter runs evenly, in every state of power.
#[cfg(target_arch = "x86_64")]
fn is_steady() -> bool {
    const POWER_LEAF: u32 = 0x8000_0007;
    const INVARIANT: u32 = 1 << 8;
    let most = core::arch::x86_64::__cpuid(0x8000_0000).eax;
    most >= POWER_LEAF && core::arch::x86_64::__cpuid(POWER_LEAF).edx & INVARIANT != 0
}

#[cfg(target_arch = "aarch64")]
#[inline]
fn counter() -> u64 {
    let ticks: u64;
    // SAFETY: Linux lets programs read the virtual counter; the instruction touches nothing else.
    unsafe { core::arch::asm!("mrs {}, cntvct_el0", out(reg) ticks, options(nomem, nostack)) };
    ticks
}

/// The virtual counter of the architecture always is.
#[cfg(target_arch = "aarch64")]
fn is_steady() -> bool {
    true
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn counter() -> u64 {
    precise_ns()
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn is_steady() -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_follow_the_clock() {
        let ticker = Ticker::of_machine();
        let (start_ns, start) = (precise_ns(), ticker.now());
        while precise_ns() - start_ns < 10_000_000 {}
        let ticked_ns = ticker.nanoseconds(ticker.now() - start);
        let passed_ns = precise_ns() - start_ns;
        assert!(
            ticked_ns <= passed_ns + passed_ns / 10,
            "{ticked_ns} of {passed_ns}"
        );
        assert!(ticked_ns >= 9_000_000, "{ticked_ns} of {passed_ns}");
    }

    #[test]
    fn spinning_ends() {
        let ticker = Ticker::of_machine();
        let start_ns = precise_ns();
        assert!(!ticker.spin_until(2000, || false));
        assert!(precise_ns() - start_ns >= 1_800_000);
        let mut left = 10;
        assert!(ticker.spin_until(u64::MAX / 1000, || {
            left -= 1;
            left == 0
        }));
    }

    #[test]
    fn both_ways() {
        let ticker = Ticker {
            counter: true,
            scale: 1 << 31,
        };
        assert_eq!(ticker.nanoseconds(3000), 1500);
        assert_eq!(ticker.ticks(1500), 3000);
    }
}
