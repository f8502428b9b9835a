//! The dense registers: 16,384 of 6 bits, one behind the other from the lowest bit of the first
//! byte.
//!
//! ```text
//! byte 0    byte 1    byte 2
//! 11000000  22221111  33333322     digits: of which register
//! ```
//!
//! Four registers are three bytes, which the loops take together; twins that go through them one by
//! one are in the tests. Knows no header.

use super::REGISTERS;

/// Bytes of the registers.
pub const BYTES: usize = REGISTERS * 6 / 8;

pub fn get(registers: &[u8], index: usize) -> u8 {
    let (at, shift) = (index * 6 / 8, index * 6 % 8);
    let next = registers.get(at + 1).copied().unwrap_or(0);
    let both = u16::from_le_bytes([registers[at], next]);
    let [value, _] = (both >> shift & 63).to_le_bytes();
    value
}

pub fn set(registers: &mut [u8], index: usize, value: u8) {
    assert!(value < 64, "a register has 6 bits");
    let (at, shift) = (index * 6 / 8, index * 6 % 8);
    let (mask, bits) = (63_u16 << shift, u16::from(value) << shift);
    let ([mask, mask_next], [bits, bits_next]) = (mask.to_le_bytes(), bits.to_le_bytes());
    registers[at] = registers[at] & !mask | bits;
    if mask_next != 0 {
        registers[at + 1] = registers[at + 1] & !mask_next | bits_next;
    }
}

#[inline]
fn four(three: [u8; 3]) -> [u8; 4] {
    let [a, b, c] = three;
    [
        a & 63,
        a >> 6 | (b & 15) << 2,
        b >> 4 | (c & 3) << 4,
        c >> 2,
    ]
}

/// How often each value stands there. Four counters for each, so that equal neighbours do not wait
/// for each other.
pub fn histogram(registers: &[u8]) -> [u32; 64] {
    assert!(registers.len() == BYTES);
    let mut counts = [[0_u32; 64]; 4];
    let (threes, _) = registers.as_chunks::<3>();
    for three in threes {
        let values = four(*three);
        for (counts, value) in counts.iter_mut().zip(values) {
            counts[usize::from(value)] += 1;
        }
    }
    std::array::from_fn(|value| counts.iter().map(|counts| counts[value]).sum())
}

/// Raises each register to that of the others.
pub fn merge(target: &mut [u8; REGISTERS], registers: &[u8]) {
    assert!(registers.len() == BYTES);
    let (threes, _) = registers.as_chunks::<3>();
    let (fours, _) = target.as_chunks_mut::<4>();
    for (target, three) in fours.iter_mut().zip(threes) {
        for (target, value) in target.iter_mut().zip(four(*three)) {
            *target = (*target).max(value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cmd::Random;

    #[test]
    fn registers_are_read_and_merged_as_one_by_one() {
        let mut random = Random::new(8);
        let mut value = || u8::try_from(random.next_u64() >> 58).expect("6 bits");
        let mut registers = vec![0; BYTES];
        let values: Vec<u8> = (0..REGISTERS).map(|_| value()).collect();
        for (index, value) in values.iter().enumerate() {
            set(&mut registers, index, 63);
            set(&mut registers, index, *value);
        }
        let mut counts = [0; 64];
        for (index, value) in values.iter().enumerate() {
            assert_eq!(get(&registers, index), *value);
            counts[usize::from(*value)] += 1;
        }
        assert_eq!(histogram(&registers), counts);
        let others: Vec<u8> = (0..REGISTERS).map(|_| value()).collect();
        let mut merged: [u8; REGISTERS] = others.clone().try_into().expect("as many");
        merge(&mut merged, &registers);
        for (index, merged) in merged.iter().enumerate() {
            assert_eq!(*merged, values[index].max(others[index]));
        }
    }
}
