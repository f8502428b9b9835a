//! What the store's tests share: a random generator that needs no seed from outside, and the count
//! of entries.
//!
//! Owned by the tests. A failing test repeats itself: the seeds are constants.

pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Random {
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// xorshift64*.
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() >> 11) as usize % bound
    }
}

pub mod live {
    //! Counts this thread's living entries, so that tests can assert that nothing leaks.
    use std::cell::Cell;

    thread_local!(static LIVE: Cell<isize> = const { Cell::new(0) });

    pub fn add(entries: isize) {
        LIVE.set(LIVE.get() + entries);
    }

    pub fn count() -> isize {
        LIVE.get()
    }
}
