//! When keys were last written, in ticks of their shard: what lets several shards be read at one
//! instant.
//!
//! A reader of keys on several shards need not lock them if nothing it read was written between the
//! earliest of the ticks in which the shards answered and the answers: then all values were there
//! together at that instant. This table gives the upper bound of a key's last write. Keys share
//! places by hash, so the bound may be too late, never too early. Kept by a shard only while such
//! readers are about.

/// Places that keys share, a power of two.
const PLACES: usize = 4096;
/// Ticks whose beginning is remembered, a power of two.
const TICKS: usize = 64;
const _: () = assert!(PLACES.is_power_of_two() && TICKS.is_power_of_two());

/// Last writes by place, and when the last ticks began.
#[derive(Debug)]
pub struct Stamps {
    /// The tick of the last write; empty until switched on.
    written: Vec<u64>,
    /// Monotonic microseconds.
    began_us: [u64; TICKS],
    tick: u64,
    /// Writes before this tick were not recorded, or concerned every key.
    floor: u64,
}

impl Default for Stamps {
    fn default() -> Self {
        Self {
            written: Vec::new(),
            began_us: [0; TICKS],
            tick: 1,
            floor: 0,
        }
    }
}

impl Stamps {
    /// A tick begins.
    #[inline]
    pub fn begin_tick(&mut self, now_us: u64) {
        assert!(now_us >= self.read_us(), "ticks begin one after the other");
        self.tick += 1;
        self.began_us[self.tick as usize % TICKS] = now_us;
    }

    /// Records from now on; what was written before counts as written just now.
    pub fn switch_on(&mut self) {
        self.written = vec![0; PLACES];
        self.floor = self.tick;
    }

    /// Records no longer.
    pub fn switch_off(&mut self) {
        self.written = Vec::new();
    }

    /// A key with this hash is written.
    #[inline]
    pub fn write(&mut self, hash: u64) {
        if !self.written.is_empty() {
            self.written[hash as usize % PLACES] = self.tick;
        }
    }

    /// Any key may have been written.
    pub fn write_all(&mut self) {
        self.floor = self.tick;
    }

    /// When the current tick began, monotonic microseconds: no later than any read in it.
    #[must_use]
    pub fn read_us(&self) -> u64 {
        self.began_us[self.tick as usize % TICKS]
    }

    /// A time, monotonic microseconds, at which the last write of a key with this hash was over;
    /// `u64::MAX` when that may be only just now.
    #[must_use]
    pub fn written_us(&self, hash: u64) -> u64 {
        if self.written.is_empty() {
            return u64::MAX;
        }
        let tick = self.written[hash as usize % PLACES].max(self.floor);
        if tick >= self.tick {
            return u64::MAX;
        }
        // A write of a tick was over when the next tick began; of old ticks only a later bound is
        // known.
        let known = self.tick.saturating_sub(TICKS as u64 - 1);
        self.began_us[(tick + 1).max(known) as usize % TICKS]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_is_over_when_the_next_tick_begins() {
        let mut stamps = Stamps::default();
        stamps.begin_tick(10);
        assert_eq!(
            stamps.written_us(7),
            u64::MAX,
            "nothing is known before it is on"
        );
        stamps.switch_on();
        assert_eq!(stamps.written_us(7), u64::MAX);
        stamps.begin_tick(20);
        assert_eq!((stamps.written_us(7), stamps.read_us()), (20, 20));
        stamps.write(7);
        assert_eq!(stamps.written_us(7), u64::MAX);
        stamps.begin_tick(30);
        stamps.begin_tick(40);
        assert_eq!((stamps.written_us(7), stamps.written_us(8)), (30, 20));
        for tick in 0..200 {
            stamps.begin_tick(100 + tick);
        }
        assert!(stamps.written_us(7) >= 30 && stamps.written_us(7) < stamps.read_us());
        stamps.write_all();
        assert_eq!(stamps.written_us(8), u64::MAX);
    }
}
