//! The layout of an entry as numbers: where each part lies, how large the whole is, what the header
//! says of it.
//!
//! Owned by `entry`, which draws the picture and does the unsafe reading and writing. Pure
//! arithmetic: must not touch memory.

use super::size_class::size_class;
use super::value::{Object, Value};
use crate::limits::{EXPIRY_MS_MAX, INLINE_VALUE_BYTES_MAX};
use std::alloc::Layout;

pub(super) const EXPIRES: u64 = 1 << 8;
pub(super) const WIDE: u64 = 1 << 9;
pub(super) const FORM_SHIFT: u32 = 10;
/// With EXPIRES: the expiry is later than `EXPIRY_MS_MAX`, takes its whole word and is not filed.
pub const FAR: u64 = 1 << 12;
pub(super) const LRU_SHIFT: u32 = 16;
pub(super) const LRU_MASK: u64 = 0xff_ffff;
pub(super) const KEY_SHIFT: u32 = 40;
pub(super) const VALUE_SHIFT: u32 = 48;
/// Keys from this length on are WIDE.
pub(super) const WIDE_KEY_BYTES: usize = 255;
const ALIGN: usize = 8;
pub(super) const EXPIRY_BITS: u32 = 52;
const _: () = assert!(EXPIRY_MS_MAX == (1 << EXPIRY_BITS) - 1);

/// The header's bits about an expiry, unix milliseconds.
#[inline]
pub(super) fn time_bits(expiry: Option<u64>) -> u64 {
    match expiry {
        None => 0,
        Some(0..=EXPIRY_MS_MAX) => EXPIRES,
        Some(_) => EXPIRES | FAR,
    }
}

/// Where and how the value is stored.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Inline(usize),
    Int,
    Object,
}

impl Form {
    #[inline]
    pub fn of(value: &Value<'_>) -> Form {
        match value {
            Value::Int(_) => Form::Int,
            Value::Bytes(bytes) | Value::Raw(bytes) => Form::Inline(bytes.len()),
            Value::Object(_) => Form::Object,
        }
    }
}

/// All that determines the layout of an entry.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    /// EXPIRES and FAR, where they are in the header.
    pub time: u64,
    pub key_len: usize,
    pub form: Form,
}

impl Shape {
    #[inline]
    pub fn expires(self) -> bool {
        self.time & EXPIRES != 0
    }

    #[inline]
    pub fn expiry_at(self) -> usize {
        8 + 8 * usize::from(self.key_len >= WIDE_KEY_BYTES)
    }

    #[inline]
    pub fn key_at(self) -> usize {
        self.expiry_at() + 8 * usize::from(self.expires())
    }

    #[inline]
    pub fn value_at(self) -> usize {
        let key_end = self.key_at() + self.key_len;
        if self.form == Form::Object {
            key_end.next_multiple_of(ALIGN)
        } else {
            key_end
        }
    }

    #[inline]
    pub fn value_bytes(self) -> usize {
        match self.form {
            Form::Inline(len) => len,
            Form::Int => 8,
            Form::Object => size_of::<Object>(),
        }
    }

    #[inline]
    pub fn class(self) -> usize {
        size_class(self.value_at() + self.value_bytes())
    }

    #[inline]
    pub fn layout(self) -> Layout {
        Layout::from_size_align(self.class(), ALIGN)
            .expect("a key and an inline value are below isize::MAX")
    }

    /// The header's bits that this shape determines.
    #[inline]
    pub fn bits(self) -> u64 {
        let wide = self.key_len >= WIDE_KEY_BYTES;
        let (form, value_len) = match self.form {
            Form::Inline(len) => (0, len as u64),
            Form::Int => (1, 0),
            Form::Object => (2, 0),
        };
        assert!(value_len <= INLINE_VALUE_BYTES_MAX as u64);
        let key_len = if wide { 0 } else { self.key_len as u64 };
        let flags = self.time | if wide { WIDE } else { 0 } | form << FORM_SHIFT;
        flags | key_len << KEY_SHIFT | value_len << VALUE_SHIFT
    }
}
