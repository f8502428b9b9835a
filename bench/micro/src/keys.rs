//! The keys of the benches: 16 bytes, as many as wanted, in an order no prefetcher guesses.
//!
//! The order is the same in every run, so that two builds meet the same cache misses.

/// Bytes of a key.
pub const KEY_BYTES: usize = 16;

/// Keys in the store of the lookup and insert benches: far more than any cache holds.
pub const KEYS: usize = 1_000_000;

/// The value every key has; 64 bytes.
pub const VALUE: [u8; 64] = [b'v'; 64];

/// Key number `number`.
pub fn key(number: usize) -> [u8; KEY_BYTES] {
    let mut key = *b"key:000000000000";
    let mut rest = number;
    for digit in key[4..].iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    key
}

/// SplitMix64: the numbers of the benches.
pub struct Numbers(pub u64);

impl Numbers {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }
}
