//! Reading RDB lengths and strings from a byte slice.
//!
//! Every step checks that the bytes are there; nothing is allocated from a declared length that the
//! input could not fill. Used by `rdb` for each type of value.

use std::borrow::Cow;

use crate::base::lzf;

/// The bytes are not what the format says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed;

/// A length, or the encoding that stands in its place.
enum Length {
    Plain(u64),
    Encoded(u8),
}

/// Reads from the front of a slice.
#[derive(Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Bytes not read yet.
    #[must_use]
    pub(super) fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// The next `len` bytes as they are.
    ///
    /// # Errors
    /// When there are fewer.
    pub fn take(&mut self, len: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or(Malformed)?;
        self.rest = rest;
        Ok(taken)
    }

    /// The next byte.
    ///
    /// # Errors
    /// At the end.
    pub fn byte(&mut self) -> Result<u8, Malformed> {
        self.array::<1>().map(|[byte]| byte)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(Malformed)?;
        self.rest = rest;
        Ok(*taken)
    }

    fn length(&mut self) -> Result<Length, Malformed> {
        let first = self.byte()?;
        let low = first & 0x3f;
        Ok(match first >> 6 {
            0 => Length::Plain(u64::from(low)),
            1 => Length::Plain(u64::from(low) << 8 | u64::from(self.byte()?)),
            3 => Length::Encoded(low),
            _ => Length::Plain(match first {
                0x80 => u64::from(u32::from_be_bytes(self.array()?)),
                0x81 => u64::from_be_bytes(self.array()?),
                _ => return Err(Malformed),
            }),
        })
    }

    /// A plain length: of a string, or a number as some types keep it.
    ///
    /// # Errors
    /// When it is cut off or an encoding stands in its place.
    pub(super) fn plain_length(&mut self) -> Result<u64, Malformed> {
        match self.length()? {
            Length::Plain(length) => Ok(length),
            Length::Encoded(_) => Err(Malformed),
        }
    }

    /// A number of elements, each of which takes at least one byte: never more than remain.
    ///
    /// # Errors
    /// As `plain_length`, and when the input cannot hold that many.
    pub fn count(&mut self) -> Result<usize, Malformed> {
        let count = usize::try_from(self.plain_length()?).map_err(|_| Malformed)?;
        if count <= self.remaining() {
            Ok(count)
        } else {
            Err(Malformed)
        }
    }

    /// A string in any of its encodings.
    ///
    /// # Errors
    /// When it is cut off, its encoding unknown or its packed form broken.
    pub(super) fn string(&mut self) -> Result<Cow<'a, [u8]>, Malformed> {
        match self.length()? {
            Length::Plain(length) => {
                let length = usize::try_from(length).map_err(|_| Malformed)?;
                self.take(length).map(Cow::Borrowed)
            }
            Length::Encoded(0) => Ok(digits(i64::from(i8::from_le_bytes(self.array()?)))),
            Length::Encoded(1) => Ok(digits(i64::from(i16::from_le_bytes(self.array()?)))),
            Length::Encoded(2) => Ok(digits(i64::from(i32::from_le_bytes(self.array()?)))),
            Length::Encoded(3) => self.packed().map(Cow::Owned),
            Length::Encoded(_) => Err(Malformed),
        }
    }

    fn packed(&mut self) -> Result<Vec<u8>, Malformed> {
        let packed_len = usize::try_from(self.plain_length()?).map_err(|_| Malformed)?;
        let len = usize::try_from(self.plain_length()?).map_err(|_| Malformed)?;
        let packed = self.take(packed_len)?;
        let unpacked = lzf::decompress(packed, len).ok_or(Malformed)?;
        assert!(unpacked.len() == len, "all that was declared, or nothing");
        Ok(unpacked)
    }
}

fn digits(number: i64) -> Cow<'static, [u8]> {
    Cow::Owned(itoa::Buffer::new().format(number).as_bytes().to_vec())
}
