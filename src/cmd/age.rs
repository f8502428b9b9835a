//! The age that an entry carries in 24 bits: seconds of last use (LRU), or how often it is used
//! (LFU).
//!
//! As Redis keeps it, so that OBJECT IDLETIME and FREQ and eviction mean the same. LFU: 16 bits of
//! minutes above an 8-bit logarithmic counter, which grows by chance and falls with idle minutes.
//! Pure.

use super::context::Random;
use crate::config::Config;

/// The counter of a new key: not at once the first to be evicted.
const COUNTER_START: u8 = 5;
const MINUTES_MASK: u64 = 0xffff;
/// The clock of seconds turns over at 24 bits; half a turn is the longest idleness that can be
/// told.
const SECONDS_MASK: u32 = 0xff_ffff;

/// How this command ages the keys it uses.
#[derive(Debug, Clone, Copy)]
pub(super) enum Aging {
    /// The clock, seconds.
    Lru(u32),
    Lfu {
        minutes: u16,
        log_factor: u32,
        decay_minutes: u32,
    },
}

impl Aging {
    #[inline]
    pub(super) fn of(config: &Config, lru_clock: u32, now_ms: u64) -> Self {
        if !config.maxmemory_policy.is_lfu() {
            return Self::Lru(lru_clock);
        }
        let minutes = u16::try_from((now_ms / 60_000) & MINUTES_MASK).expect("masked to 16 bits");
        Self::Lfu {
            minutes,
            log_factor: config.lfu_log_factor,
            decay_minutes: config.lfu_decay_time,
        }
    }

    /// The age of a key that is written for the first time.
    #[inline]
    pub(super) fn fresh(self) -> u32 {
        match self {
            Self::Lru(clock) => clock,
            Self::Lfu { minutes, .. } => pack(minutes, COUNTER_START),
        }
    }

    /// The age of a key that is used again.
    #[inline]
    pub(super) fn used(self, old: u32, random: &mut Random) -> u32 {
        match self {
            Self::Lru(clock) => clock,
            Self::Lfu {
                minutes,
                log_factor,
                decay_minutes,
            } => {
                let counter = decayed(old, minutes, decay_minutes);
                pack(minutes, grown(counter, log_factor, random))
            }
        }
    }

    /// The age of a key whose value is replaced as a whole: frequency belongs to the key, recency
    /// is now.
    #[inline]
    pub(super) fn replaced(self, old: Option<u32>, random: &mut Random) -> u32 {
        old.map_or_else(|| self.fresh(), |old| self.used(old, random))
    }

    /// Seconds since the last use; None where frequency is kept instead.
    pub(super) fn idle_s(self, age: u32) -> Option<u32> {
        match self {
            Self::Lru(clock) => Some(clock.wrapping_sub(age) & SECONDS_MASK),
            Self::Lfu { .. } => None,
        }
    }

    /// The counter as it has decayed until now; None where recency is kept instead.
    pub(super) fn frequency(self, age: u32) -> Option<u8> {
        match self {
            Self::Lru(_) => None,
            Self::Lfu {
                minutes,
                decay_minutes,
                ..
            } => Some(decayed(age, minutes, decay_minutes)),
        }
    }

    /// The age of a key last used that long ago.
    pub(super) fn with_idle(self, idle_s: u64) -> u32 {
        match self {
            Self::Lru(clock) => {
                let idle_s = u32::try_from(idle_s)
                    .unwrap_or(u32::MAX)
                    .min(SECONDS_MASK / 2);
                clock.wrapping_sub(idle_s) & SECONDS_MASK
            }
            Self::Lfu { .. } => self.fresh(),
        }
    }

    /// The age of a key used that often.
    pub(super) fn with_frequency(self, frequency: u8) -> u32 {
        match self {
            Self::Lru(_) => self.fresh(),
            Self::Lfu { minutes, .. } => pack(minutes, frequency),
        }
    }
}

fn pack(minutes: u16, counter: u8) -> u32 {
    u32::from(minutes) << 8 | u32::from(counter)
}

/// The counter less one for every `decay_minutes` since it was last touched; 0 never decays.
fn decayed(age: u32, minutes: u16, decay_minutes: u32) -> u8 {
    let [counter, low, high, _] = age.to_le_bytes();
    let idle_minutes = u32::from(minutes.wrapping_sub(u16::from_le_bytes([low, high])));
    let periods = idle_minutes.checked_div(decay_minutes).unwrap_or(0);
    u8::try_from(u32::from(counter).saturating_sub(periods)).expect("not above an 8-bit counter")
}

/// One more with probability 1 / ((counter - start) * factor + 1).
fn grown(counter: u8, log_factor: u32, random: &mut Random) -> u8 {
    let base = u64::from(counter.saturating_sub(COUNTER_START));
    let odds = base * u64::from(log_factor) + 1;
    if random.next_u64().is_multiple_of(odds) {
        counter.saturating_add(1)
    } else {
        counter
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frequency_grows_and_decays() {
        let mut random = Random::new(7);
        let aging = |minutes| Aging::Lfu {
            minutes,
            log_factor: 10,
            decay_minutes: 1,
        };
        let mut age = aging(100).fresh();
        assert_eq!(age, 100 << 8 | 5);
        for _ in 0..1000 {
            age = aging(100).used(age, &mut random);
        }
        // Redis documents 18 after 1,000 hits with factor 10.
        assert!((12..=25).contains(&(age & 0xff)), "{}", age & 0xff);
        let later = aging(103).used(age, &mut random);
        assert!(
            (later & 0xff) + 2 <= (age & 0xff),
            "three idle minutes cost three"
        );
        assert_eq!(decayed(age, 99, 0), age.to_le_bytes()[0]);
        assert_eq!(decayed(age, 99, 1), 0, "the clock of minutes wraps");
    }

    #[test]
    fn recency_is_the_clock() {
        let mut random = Random::new(7);
        assert_eq!(Aging::Lru(9).fresh(), 9);
        assert_eq!(Aging::Lru(9).used(3, &mut random), 9);
        assert_eq!(Aging::Lru(2).idle_s(0xff_ffff), Some(3));
        let aging = Aging::Lru(100);
        assert_eq!(aging.idle_s(aging.with_idle(1000)), Some(1000));
        assert_eq!(aging.idle_s(aging.with_idle(u64::MAX)), Some(0x7f_ffff));
    }
}
