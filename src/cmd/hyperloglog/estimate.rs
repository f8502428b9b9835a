//! Where an element goes, and how many elements the registers stand for.
//!
//! The hash is MurmurHash64A (Appleby) with Redis's seed; the estimate is Ertl's (2017, algorithm
//! 6), in the same order of floating-point operations as Redis, so that counts are equal. Pure.

#![expect(
    clippy::float_cmp,
    reason = "a sum has converged when it does not change any more"
)]

use super::{INDEX_BITS, REGISTERS};

const SEED: u64 = 0xadc8_3b19;
/// Bits of a hash in which a register's value looks for the first one that is set.
const VALUE_BITS: usize = 64 - INDEX_BITS as usize;
/// 0.5 / ln 2.
const ALPHA: f64 = 0.721_347_520_444_481_7;

/// The register of an element, and the value that it must have at least.
pub fn place(element: &[u8]) -> (usize, u8) {
    let hash = murmur(element);
    let index = usize::try_from(hash).expect("64-bit machines") & (REGISTERS - 1);
    let rest = hash >> INDEX_BITS | 1 << VALUE_BITS;
    let value = u8::try_from(rest.trailing_zeros() + 1).expect("at most 51");
    (index, value)
}

fn murmur(bytes: &[u8]) -> u64 {
    const M: u64 = 0xc6a4_a793_5bd1_e995;
    const R: u32 = 47;
    let mut hash = SEED ^ (bytes.len() as u64).wrapping_mul(M);
    let (words, rest) = bytes.as_chunks::<8>();
    for word in words {
        let mut k = u64::from_le_bytes(*word).wrapping_mul(M);
        k ^= k >> R;
        hash = (hash ^ k.wrapping_mul(M)).wrapping_mul(M);
    }
    if !rest.is_empty() {
        let mut word = [0; 8];
        word[..rest.len()].copy_from_slice(rest);
        hash = (hash ^ u64::from_le_bytes(word)).wrapping_mul(M);
    }
    hash = (hash ^ hash >> R).wrapping_mul(M);
    hash ^ hash >> R
}

/// How many elements were added, from how often each value stands in a register.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the estimate is a small positive number"
)]
pub fn count(histogram: &[u32; 64]) -> u64 {
    let registers = REGISTERS as f64;
    let of = |value: usize| f64::from(histogram[value]);
    let mut z = registers * tau((registers - of(VALUE_BITS + 1)) / registers);
    for value in (1..=VALUE_BITS).rev() {
        z += of(value);
        z *= 0.5;
    }
    z += registers * sigma(of(0) / registers);
    (ALPHA * registers * registers / z).round() as u64
}

fn tau(mut x: f64) -> f64 {
    if x == 0.0 || x == 1.0 {
        return 0.0;
    }
    let (mut y, mut z) = (1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        let before = z;
        y *= 0.5;
        z -= (1.0 - x) * (1.0 - x) * y;
        if before == z {
            return z / 3.0;
        }
    }
}

fn sigma(mut x: f64) -> f64 {
    if x == 1.0 {
        return f64::INFINITY;
    }
    let (mut y, mut z) = (1.0, x);
    loop {
        x *= x;
        let before = z;
        z += x * y;
        y += y;
        if before == z {
            return z;
        }
    }
}
