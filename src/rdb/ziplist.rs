//! The ziplist of Redis before 7.0, for small lists, hashes and sorted sets: read, never written.
//!
//! Believes nothing: every size is checked against what is there. Pure functions over bytes.
//!
//! ```text
//! bytes:4 LE  offset of the last entry:4 LE  count:2 LE  entry ...  0xff
//! entry  size of the entry before: 1 byte, or 0xfe and 4 LE;  head  data
//! head   00LLLLLL | 01LLLLLL L | 80 L4 BE           a string of length L
//!        c0 i16 | d0 i32 | e0 i64 | f0 i24 | fe i8  an integer, LE;  f1..fd  the integers 0..12
//! ```

use super::Malformed;
use crate::store::Element;

const FRONT_BYTES: usize = 10;
const END: u8 = 0xff;
const COUNT_UNKNOWN: u16 = u16::MAX;

/// Shows every element of a ziplist.
///
/// # Errors
/// When the bytes are no ziplist; some elements may have been shown.
pub(super) fn read_ziplist(
    bytes: &[u8],
    mut show: impl FnMut(Element<'_>),
) -> Result<(), Malformed> {
    let (front, rest) = bytes.split_at_checked(FRONT_BYTES).ok_or(Malformed)?;
    let (&end, entries) = rest.split_last().ok_or(Malformed)?;
    let word = |at: usize| {
        front[at..at + 4]
            .iter()
            .rev()
            .fold(0usize, |word, &byte| word << 8 | usize::from(byte))
    };
    let declared = u16::from_le_bytes([front[8], front[9]]);
    if word(0) != bytes.len() || end != END {
        return Err(Malformed);
    }
    let (mut at, mut last, mut count) = (0, 0, 0usize);
    let mut size_before = 0;
    while at < entries.len() {
        let entry = &entries[at..];
        let (told, told_bytes) = told_size(entry).ok_or(Malformed)?;
        let (element, size) = decode(&entry[told_bytes..]).ok_or(Malformed)?;
        if told != size_before {
            return Err(Malformed);
        }
        show(element);
        count += 1;
        last = at;
        size_before = told_bytes + size;
        at += size_before;
    }
    let counted = declared == COUNT_UNKNOWN || usize::from(declared) == count;
    // Of an empty ziplist the "last entry" is the end mark.
    if counted && word(4) == FRONT_BYTES + last {
        Ok(())
    } else {
        Err(Malformed)
    }
}

/// The size of the entry before, and how many bytes tell it.
fn told_size(entry: &[u8]) -> Option<(usize, usize)> {
    match *entry.first()? {
        0xfe => {
            let size = u32::from_le_bytes(entry.get(1..5)?.try_into().ok()?);
            Some((size as usize, 5))
        }
        0xff => None,
        size => Some((usize::from(size), 1)),
    }
}

/// The element whose head is at the front, and the size of its head and data.
fn decode(bytes: &[u8]) -> Option<(Element<'_>, usize)> {
    let first = *bytes.first()?;
    let string = |head: usize, len: usize| {
        let size = head.checked_add(len)?;
        Some((Element::Bytes(bytes.get(head..size)?), size))
    };
    let integer = |len: usize| {
        let mut word = [0; 8];
        word[8 - len..].copy_from_slice(bytes.get(1..=len)?);
        Some((
            Element::Int(i64::from_le_bytes(word) >> (64 - 8 * len)),
            1 + len,
        ))
    };
    match first {
        0..0x40 => string(1, usize::from(first)),
        0x40..0x80 => string(
            2,
            usize::from(first & 0x3f) << 8 | usize::from(*bytes.get(1)?),
        ),
        0x80 => {
            let len = u32::from_be_bytes(bytes.get(1..5)?.try_into().ok()?);
            string(5, len as usize)
        }
        0xc0 => integer(2),
        0xd0 => integer(4),
        0xe0 => integer(8),
        0xf0 => integer(3),
        0xfe => integer(1),
        0xf1..=0xfd => Some((Element::Int(i64::from(first - 0xf1)), 1)),
        _ => None,
    }
}
