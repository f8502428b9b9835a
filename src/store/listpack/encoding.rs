//! One entry of a listpack: written at once, read from either side.
//!
//! Pure functions of bytes; nothing that is read is believed.
//!
//! ```text
//! entry     head  data  size of head and data, 7 bits a byte, readable backwards (1 to 5 bytes)
//! head      0nnnnnnn | 110nnnnn n | f1 i16 | f2 i24 | f3 i32 | f4 i64   integer, LE (13 bits: BE)
//!           10LLLLLL | 1110LLLL L | f0 L4 LE                            string of length L
//! ```

use super::Element;

/// Longest head, and longest size behind the data.
const HEAD_BYTES_MAX: usize = 9;
const BACK_BYTES_MAX: usize = 5;

/// An entry about to be written.
pub(super) struct Encoded<'a> {
    head: [u8; HEAD_BYTES_MAX],
    head_len: usize,
    data: &'a [u8],
    back: [u8; BACK_BYTES_MAX],
    back_len: usize,
}

impl<'a> Encoded<'a> {
    #[inline]
    pub(super) fn new(element: Element<'a>) -> Encoded<'a> {
        let mut entry = Encoded {
            head: [0; HEAD_BYTES_MAX],
            head_len: 0,
            data: &[],
            back: [0; BACK_BYTES_MAX],
            back_len: 0,
        };
        match element {
            Element::Int(number) => entry.integer(number),
            Element::Bytes(bytes) => entry.string(bytes),
        }
        let size = entry.head_len + entry.data.len();
        entry.back_len = back_bytes(size);
        for (index, place) in entry.back[..entry.back_len].iter_mut().rev().enumerate() {
            *place = (size >> (7 * index)) as u8 & 127 | 128;
        }
        entry.back[0] &= 127;
        entry
    }

    #[inline]
    fn integer(&mut self, number: i64) {
        let mut wide = |mark: u8, len: usize| {
            self.head[0] = mark;
            self.head[1..=len].copy_from_slice(&number.to_le_bytes()[..len]);
            self.head_len = 1 + len;
        };
        match number {
            0..=127 => {
                self.head[0] = number as u8;
                self.head_len = 1;
            }
            -4096..=4095 => {
                let bits = number as u16 & 0x1fff;
                self.head[..2].copy_from_slice(&(0xc000 | bits).to_be_bytes());
                self.head_len = 2;
            }
            -0x8000..=0x7fff => wide(0xf1, 2),
            -0x80_0000..=0x7f_ffff => wide(0xf2, 3),
            -0x8000_0000..=0x7fff_ffff => wide(0xf3, 4),
            _ => wide(0xf4, 8),
        }
    }

    #[inline]
    fn string(&mut self, bytes: &'a [u8]) {
        self.data = bytes;
        let len = bytes.len();
        if len < 64 {
            self.head[0] = 0x80 | len as u8;
            self.head_len = 1;
        } else if len < 4096 {
            self.head[..2].copy_from_slice(&(0xe000 | len as u16).to_be_bytes());
            self.head_len = 2;
        } else {
            let len = u32::try_from(len).expect("the protocol bounds strings below 4 GiB");
            self.head[0] = 0xf0;
            self.head[1..5].copy_from_slice(&len.to_le_bytes());
            self.head_len = 5;
        }
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.head_len + self.data.len() + self.back_len
    }

    #[inline]
    pub(super) fn head(&self) -> &[u8] {
        &self.head[..self.head_len]
    }

    #[inline]
    pub(super) fn data(&self) -> &[u8] {
        self.data
    }

    #[inline]
    pub(super) fn back(&self) -> &[u8] {
        &self.back[..self.back_len]
    }

    #[inline]
    pub(super) fn write(&self, place: &mut [u8]) {
        let (head, rest) = place.split_at_mut(self.head_len);
        let (data, back) = rest.split_at_mut(self.data.len());
        head.copy_from_slice(self.head());
        data.copy_from_slice(self.data);
        back.copy_from_slice(self.back());
    }
}

/// The element at the front of the bytes, and the size of its head and data.
#[inline]
pub(super) fn decode(bytes: &[u8]) -> Option<(Element<'_>, usize)> {
    let first = *bytes.first()?;
    if first < 0x80 {
        return Some((Element::Int(i64::from(first)), 1));
    }
    if first < 0xc0 {
        let size = 1 + usize::from(first & 0x3f);
        return Some((Element::Bytes(bytes.get(1..size)?), size));
    }
    if first < 0xe0 {
        let bits = u16::from(first & 0x1f) << 8 | u16::from(*bytes.get(1)?);
        // The sign is bit 12.
        return Some((Element::Int(i64::from((bits << 3) as i16 >> 3)), 2));
    }
    if first < 0xf0 {
        let size = 2 + (usize::from(first & 0x0f) << 8 | usize::from(*bytes.get(1)?));
        return Some((Element::Bytes(bytes.get(2..size)?), size));
    }
    let wide = |len: usize| {
        let mut word = [0; 8];
        word[8 - len..].copy_from_slice(bytes.get(1..=len)?);
        let number = i64::from_le_bytes(word) >> (64 - 8 * len);
        Some((Element::Int(number), 1 + len))
    };
    match first {
        0xf0 => {
            let len = u32::from_le_bytes(bytes.get(1..5)?.try_into().ok()?) as usize;
            Some((Element::Bytes(bytes.get(5..5 + len)?), 5 + len))
        }
        0xf1 => wide(2),
        0xf2 => wide(3),
        0xf3 => wide(4),
        0xf4 => wide(8),
        _ => None,
    }
}

/// Bytes of the size behind an entry. The bounds are one short of 7 bits' in all but the first, as
/// in Redis.
#[inline]
pub(super) fn back_bytes(size: usize) -> usize {
    match size {
        0..=127 => 1,
        128..=16_382 => 2,
        16_383..=2_097_150 => 3,
        2_097_151..=268_435_454 => 4,
        _ => 5,
    }
}

/// The size that these bytes end with.
#[inline]
pub(super) fn read_back(bytes: &[u8]) -> Option<usize> {
    let mut size = 0;
    for (index, &byte) in bytes.iter().rev().take(BACK_BYTES_MAX).enumerate() {
        size |= usize::from(byte & 127) << (7 * index);
        if byte < 128 {
            return Some(size);
        }
    }
    None
}
