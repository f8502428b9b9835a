//! The sparse registers: runs of equal ones.
//!
//! ```text
//! 00nnnnnn           n + 1 zeros
//! 01nnnnnn nnnnnnnn  n + 1 zeros
//! 1vvvvvnn           n + 1 times the value v + 1
//! ```
//!
//! Runs are split and joined where Redis does it, for that decides the bytes. They come from a
//! client and may be any bytes. Knows of the header only its length.

use super::{CORRUPT, HEADER_LEN, REGISTERS};
use crate::resp::Error;
use std::ops::Range;

/// The highest value of a run.
const HIGHEST_VALUE: u8 = 32;
/// Most registers of a run with a value, and of a short one of zeros.
const LONGEST_VALUES: usize = 4;
const LONGEST_SHORT_ZEROS: usize = 64;
/// Runs behind which neighbours are looked at after a change.
const JOINED_RUNS: usize = 5;

/// One run: how many registers, which value, how many bytes it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    pub registers: usize,
    pub value: u8,
    pub bytes: usize,
}

/// The run at the beginning of bytes, of which there is one at least.
pub fn first_run(bytes: &[u8]) -> Run {
    let first = bytes[0];
    if first & 0x80 != 0 {
        return Run {
            registers: usize::from(first & 3) + 1,
            value: (first >> 2 & 31) + 1,
            bytes: 1,
        };
    }
    let (registers, bytes) = if first & 0x40 == 0 {
        (usize::from(first), 1)
    } else {
        let low = bytes.get(1).copied().unwrap_or(0);
        (usize::from(first & 63) << 8 | usize::from(low), 2)
    };
    Run {
        registers: registers + 1,
        value: 0,
        bytes,
    }
}

/// Shows the registers that are not zero, run by run; true when there were 16,384 in all.
pub fn for_each(mut bytes: &[u8], mut show: impl FnMut(Range<usize>, u8)) -> bool {
    let mut at = 0;
    while !bytes.is_empty() {
        let run = first_run(bytes);
        let end = at + run.registers;
        if end > REGISTERS {
            return false;
        }
        if run.value > 0 {
            show(at..end, run.value);
        }
        at = end;
        bytes = bytes.get(run.bytes..).unwrap_or(&[]);
    }
    at == REGISTERS
}

pub fn push_zeros(bytes: &mut Vec<u8>, registers: usize) {
    assert!((1..=REGISTERS).contains(&registers), "a run has registers");
    let [low, high] = u16::try_from(registers - 1)
        .expect("at most 16,384 registers")
        .to_le_bytes();
    if registers > LONGEST_SHORT_ZEROS {
        bytes.push(0x40 | high);
    }
    bytes.push(low);
}

fn values(value: u8, registers: usize) -> u8 {
    assert!((1..=HIGHEST_VALUE).contains(&value) && (1..=LONGEST_VALUES).contains(&registers));
    let registers = u8::try_from(registers - 1).expect("at most four");
    0x80 | (value - 1) << 2 | registers
}

/// Whether a register was raised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    AsHigh,
    Raised,
    /// Not here: the value must become dense for that.
    TooLarge,
}

/// Where a register's run stands, and where the one before it.
struct Place {
    at: usize,
    before: Option<usize>,
    /// Its first register.
    first: usize,
    run: Run,
}

fn find(bytes: &[u8], index: usize) -> Option<Place> {
    let (mut at, mut before, mut first) = (HEADER_LEN, None, 0);
    while at < bytes.len() {
        let run = first_run(&bytes[at..]);
        if index < first + run.registers {
            return Some(Place {
                at,
                before,
                first,
                run,
            });
        }
        before = Some(at);
        at += run.bytes;
        first += run.registers;
    }
    None
}

/// The value of one register; None where the runs end before it.
pub fn get(bytes: &[u8], index: usize) -> Option<u8> {
    find(bytes, index).map(|place| place.run.value)
}

/// Raises one register of a value, header included.
///
/// # Errors
/// The runs end before the register.
pub fn raise(
    bytes: &mut Vec<u8>,
    index: usize,
    value: u8,
    bytes_max: usize,
) -> Result<Outcome, Error> {
    assert!(index < REGISTERS && value > 0);
    if value > HIGHEST_VALUE {
        return Ok(Outcome::TooLarge);
    }
    let place = find(bytes, index).ok_or(CORRUPT)?;
    let run = place.run;
    if run.value >= value {
        return Ok(Outcome::AsHigh);
    }
    let mut split = Vec::with_capacity(5);
    let part = |split: &mut Vec<u8>, registers: usize| match (registers, run.value) {
        (0, _) => {}
        (_, 0) => push_zeros(split, registers),
        (_, value) => split.push(values(value, registers)),
    };
    part(&mut split, index - place.first);
    split.push(values(value, 1));
    part(&mut split, place.first + run.registers - 1 - index);
    let end = bytes.len().min(place.at + run.bytes);
    let len = bytes.len() + split.len() - (end - place.at);
    if len > bytes.len() && len > bytes_max {
        return Ok(Outcome::TooLarge);
    }
    bytes.splice(place.at..end, split);
    assert!(bytes.len() == len, "the run was replaced by its parts");
    join(bytes, place.before.unwrap_or(HEADER_LEN));
    Ok(Outcome::Raised)
}

/// Joins equal neighbours, some runs from `at` on.
fn join(bytes: &mut Vec<u8>, mut at: usize) {
    let mut runs = JOINED_RUNS;
    while at < bytes.len() && runs > 0 {
        runs -= 1;
        let run = first_run(&bytes[at..]);
        if run.value > 0 && at + 1 < bytes.len() {
            let next = first_run(&bytes[at + 1..]);
            let registers = run.registers + next.registers;
            if next.value == run.value && registers <= LONGEST_VALUES {
                bytes[at + 1] = values(run.value, registers);
                bytes.remove(at);
                continue;
            }
        }
        at += run.bytes;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_split_and_joined() {
        let mut bytes = vec![0; HEADER_LEN];
        push_zeros(&mut bytes, REGISTERS);
        let runs = |bytes: &[u8]| {
            let mut runs = Vec::new();
            assert!(for_each(&bytes[HEADER_LEN..], |range, value| runs
                .push((range, value))));
            runs
        };
        let mut raise = |index, value| raise(&mut bytes, index, value, 3000);
        assert_eq!(raise(100, 3), Ok(Outcome::Raised));
        assert_eq!(raise(100, 3), Ok(Outcome::AsHigh));
        assert_eq!(raise(102, 3), Ok(Outcome::Raised));
        assert_eq!(raise(101, 3), Ok(Outcome::Raised));
        assert_eq!(raise(100, 33), Ok(Outcome::TooLarge));
        assert_eq!(runs(&bytes), [(100..103, 3)]);
        assert_eq!(bytes.len(), HEADER_LEN + 5);
        assert_eq!((get(&bytes, 101), get(&bytes, 103)), (Some(3), Some(0)));
        let full = bytes.len();
        assert_eq!(
            super::raise(&mut bytes, 9000, 1, full),
            Ok(Outcome::TooLarge)
        );
        bytes.truncate(HEADER_LEN + 2);
        assert_eq!(super::raise(&mut bytes, 9000, 1, 3000), Err(CORRUPT));
    }
}
