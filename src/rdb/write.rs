//! Writing RDB lengths and strings into a byte vector.
//!
//! Chooses the shortest form as Redis does, so that payloads of the same value mostly agree byte by
//! byte. Used by `rdb` for each type of value.

use crate::base::lzf;

/// Longest text that is tried as a 32-bit integer (Redis: 11).
const INTEGER_TEXT_BYTES_MAX: usize = 11;
/// Strings up to this length are not worth packing, and packing must save at least this many bytes.
const PACK_ABOVE_BYTES: usize = 20;
const PACK_SAVES_BYTES: usize = 4;

/// Appends a length.
pub(super) fn write_length(out: &mut Vec<u8>, length: u64) {
    match length {
        0..=0x3f => out.push(low_byte(length)),
        0x40..=0x3fff => out.extend_from_slice(&[0x40 | low_byte(length >> 8), low_byte(length)]),
        _ => match u32::try_from(length) {
            Ok(short) => {
                out.push(0x80);
                out.extend_from_slice(&short.to_be_bytes());
            }
            Err(_) => {
                out.push(0x81);
                out.extend_from_slice(&length.to_be_bytes());
            }
        },
    }
}

/// Appends a string: as a small integer where its text is one, packed where that is asked for and
/// helps.
pub(super) fn write_string(out: &mut Vec<u8>, bytes: &[u8], compress: bool) {
    if bytes.len() <= INTEGER_TEXT_BYTES_MAX
        && let Some(number) = canonical_i32(bytes)
    {
        return write_i32(out, number);
    }
    if compress
        && bytes.len() > PACK_ABOVE_BYTES
        && let Some(packed) = lzf::compress(bytes, bytes.len() - PACK_SAVES_BYTES)
    {
        assert!(packed.len() + PACK_SAVES_BYTES <= bytes.len());
        out.push(0xc3);
        write_length(out, packed.len() as u64);
        write_length(out, bytes.len() as u64);
        out.extend_from_slice(&packed);
        return;
    }
    write_plain(out, bytes);
}

/// Appends an integer as a string.
pub(super) fn write_integer(out: &mut Vec<u8>, number: i64) {
    match i32::try_from(number) {
        Ok(short) => write_i32(out, short),
        Err(_) => write_plain(out, itoa::Buffer::new().format(number).as_bytes()),
    }
}

fn write_plain(out: &mut Vec<u8>, bytes: &[u8]) {
    write_length(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn write_i32(out: &mut Vec<u8>, number: i32) {
    if let Ok(number) = i8::try_from(number) {
        out.push(0xc0);
        out.extend_from_slice(&number.to_le_bytes());
    } else if let Ok(number) = i16::try_from(number) {
        out.push(0xc1);
        out.extend_from_slice(&number.to_le_bytes());
    } else {
        out.push(0xc2);
        out.extend_from_slice(&number.to_le_bytes());
    }
}

fn canonical_i32(text: &[u8]) -> Option<i32> {
    let number: i32 = std::str::from_utf8(text).ok()?.parse().ok()?;
    (itoa::Buffer::new().format(number).as_bytes() == text).then_some(number)
}

fn low_byte(number: u64) -> u8 {
    number.to_le_bytes()[0]
}
