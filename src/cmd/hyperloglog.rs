//! HyperLogLog commands: how many different elements were added, in 12 KB at most.
//!
//! A value is a string, byte for byte Redis 7.0's; Flajolet et al. 2007, estimated as in Ertl 2017:
//!
//! ```text
//! "HYLL"  1: encoding (0 dense, 1 sparse)  3: unused  8: cached count, little endian  registers
//!                                                     its highest bit: not valid any more
//! ```
//!
//! 16,384 registers (`dense`, `sparse`). Anybody may SET such bytes: nothing here trusts them.

mod dense;
mod docs;
mod estimate;
mod rows;
mod run;
mod sparse;

pub use rows::COMMANDS;

use crate::resp::Error;

/// Registers of a value.
const REGISTERS: usize = 1 << INDEX_BITS;
/// Bits of an element's hash that choose its register.
const INDEX_BITS: u32 = 14;
/// What stands before the registers.
const HEADER_LEN: usize = 16;
const MAGIC: &[u8] = b"HYLL";
const DENSE: u8 = 0;
const SPARSE: u8 = 1;

const CORRUPT: Error = Error::new("INVALIDOBJ Corrupted HLL object detected");

/// A value's bytes, whose header is right.
///
/// # Errors
/// Any other string.
fn check(bytes: &[u8]) -> Result<&[u8], Error> {
    const NOT_ONE: Error = Error::new("WRONGTYPE Key is not a valid HyperLogLog string value.");
    let fits = bytes.len() >= HEADER_LEN
        && bytes.starts_with(MAGIC)
        && match bytes[4] {
            DENSE => bytes.len() == HEADER_LEN + dense::BYTES,
            encoding => encoding == SPARSE,
        };
    if fits { Ok(bytes) } else { Err(NOT_ONE) }
}

fn is_dense(bytes: &[u8]) -> bool {
    bytes[4] == DENSE
}

/// A value to which nothing was added.
fn empty() -> Vec<u8> {
    let mut bytes = vec![0; HEADER_LEN];
    bytes[..4].copy_from_slice(MAGIC);
    bytes[4] = SPARSE;
    sparse::push_zeros(&mut bytes, REGISTERS);
    bytes
}

/// The count that was kept, if nothing was added since.
fn cached(bytes: &[u8]) -> Option<u64> {
    let count = bytes[8..16].try_into().expect("eight bytes were taken");
    let count = u64::from_le_bytes(count);
    (count >> 63 == 0).then_some(count)
}

fn keep(bytes: &mut [u8], count: u64) {
    assert!(count >> 63 == 0, "a count has 63 bits");
    bytes[8..16].copy_from_slice(&count.to_le_bytes());
}

fn invalidate(bytes: &mut [u8]) {
    bytes[15] |= 0x80;
}

/// The same registers, dense.
///
/// # Errors
/// The sparse ones are not 16,384.
fn to_dense(bytes: &[u8]) -> Result<Vec<u8>, Error> {
    assert!(!is_dense(bytes), "it becomes dense once");
    let mut result = bytes[..HEADER_LEN].to_vec();
    result[4] = DENSE;
    result.resize(HEADER_LEN + dense::BYTES, 0);
    let registers = &mut result[HEADER_LEN..];
    let complete = sparse::for_each(&bytes[HEADER_LEN..], |range, value| {
        range.for_each(|index| dense::set(registers, index, value));
    });
    if complete { Ok(result) } else { Err(CORRUPT) }
}

/// How often each value stands in a register.
///
/// # Errors
/// The sparse registers are not 16,384.
fn histogram(bytes: &[u8]) -> Result<[u32; 64], Error> {
    let registers = &bytes[HEADER_LEN..];
    if is_dense(bytes) {
        return Ok(dense::histogram(registers));
    }
    let mut counts = [0; 64];
    let mut valued = 0;
    let complete = sparse::for_each(registers, |range, value| {
        counts[usize::from(value)] += u32::try_from(range.len()).expect("at most 16,384");
        valued += range.len();
    });
    if !complete {
        return Err(CORRUPT);
    }
    counts[0] += u32::try_from(REGISTERS - valued).expect("at most 16,384");
    Ok(counts)
}

/// Raises registers to those of a value where they are lower.
///
/// # Errors
/// The sparse registers are not 16,384.
fn merge(registers: &mut [u8; REGISTERS], bytes: &[u8]) -> Result<(), Error> {
    let others = &bytes[HEADER_LEN..];
    if is_dense(bytes) {
        dense::merge(registers, others);
        return Ok(());
    }
    let complete = sparse::for_each(others, |range, value| {
        for register in &mut registers[range] {
            *register = (*register).max(value);
        }
    });
    if complete { Ok(()) } else { Err(CORRUPT) }
}

/// What became of a value to which something was to be added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Raised {
    /// The register was as high.
    No,
    Yes,
}

/// Raises one register of a value, which becomes dense where it must.
///
/// # Errors
/// The sparse registers are not 16,384.
fn raise(
    bytes: &mut Vec<u8>,
    index: usize,
    value: u8,
    sparse_bytes_max: usize,
) -> Result<Raised, Error> {
    if is_dense(bytes) {
        return Ok(raise_dense(bytes, index, value));
    }
    match sparse::raise(bytes, index, value, sparse_bytes_max)? {
        sparse::Outcome::Raised => Ok(Raised::Yes),
        sparse::Outcome::AsHigh => Ok(Raised::No),
        sparse::Outcome::TooLarge => {
            *bytes = to_dense(bytes)?;
            let raised = raise_dense(bytes, index, value);
            assert!(raised == Raised::Yes, "it became dense to be raised");
            Ok(raised)
        }
    }
}

fn raise_dense(bytes: &mut [u8], index: usize, value: u8) -> Raised {
    let registers = &mut bytes[HEADER_LEN..];
    if dense::get(registers, index) >= value {
        return Raised::No;
    }
    dense::set(registers, index, value);
    Raised::Yes
}

#[cfg(test)]
mod tests;
