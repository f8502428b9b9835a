//! One key with its value and expiry in one allocation: the layout, and the unsafe code for it.
//!
//! Owned by the store's tables; an `Entry` is a pointer that owns its memory. It must not know
//! tables, slots or the clock. Its allocation has exactly the size class that the header tells.
//! ```text
//! header 8 | key length 4, unused 4 (WIDE) | filed 12 bits, expiry 52 (EXPIRES) | key | value
//!                                          | expiry 64 bits (FAR as well)
//! header, low bits first: kind 4, encoding 4, flags 8, lru 24, key length 8, inline length 16
//! value: inline bytes, or an i64, or (at the next multiple of 8) an Object
//! ```

use super::shape::{
    EXPIRES, EXPIRY_BITS, FAR, FORM_SHIFT, Form, KEY_SHIFT, LRU_MASK, LRU_SHIFT, Shape,
    VALUE_SHIFT, WIDE, WIDE_KEY_BYTES, time_bits,
};
use super::size_class::size_class;
use super::table::Keyed;
use super::value::{Encoding, Kind, Object, Value, ValueRef};
use crate::limits::{EXPIRY_MS_MAX, INLINE_VALUE_BYTES_MAX};
use std::alloc::{alloc, dealloc, handle_alloc_error, realloc};
use std::fmt;
use std::mem::{ManuallyDrop, size_of};
use std::ptr::{self, NonNull};

/// A key, its value and its expiry. Dropping it frees everything.
pub struct Entry {
    at: NonNull<u8>,
}

// SAFETY: an entry owns its memory alone, and what it holds (bytes, integers, `Object`) is Send.
unsafe impl Send for Entry {}
const _: () = assert!(size_of::<Option<Entry>>() == 8);
const _: fn() = || {
    fn is_send<T: Send>() {}
    is_send::<Object>();
};

impl Entry {
    /// `expiry`: unix milliseconds.
    #[must_use]
    pub fn new(key: &[u8], value: Value<'_>, expiry: Option<u64>) -> Entry {
        Entry::build(key, value, expiry, 0)
    }

    fn build(key: &[u8], value: Value<'_>, expiry: Option<u64>, lru: u64) -> Entry {
        assert!(
            u32::try_from(key.len()).is_ok(),
            "the protocol bounds keys at 512 MB"
        );
        let value = value.spill();
        let shape = Shape {
            time: time_bits(expiry),
            key_len: key.len(),
            form: Form::of(&value),
        };
        let mut entry = Entry::allocate(shape);
        entry.write_front(shape, key, expiry);
        entry.write_value(shape, value, lru);
        entry
    }

    fn allocate(shape: Shape) -> Entry {
        let layout = shape.layout();
        // SAFETY: the size is at least the header's 8 bytes.
        let Some(at) = NonNull::new(unsafe { alloc(layout) }) else {
            handle_alloc_error(layout)
        };
        #[cfg(test)]
        super::testing::live::add(1);
        Entry { at }
    }

    fn free(at: NonNull<u8>, shape: Shape) {
        #[cfg(test)]
        super::testing::live::add(-1);
        // SAFETY: every entry was allocated with the layout of its current shape (the file's head).
        unsafe { dealloc(at.as_ptr(), shape.layout()) }
    }

    /// Key, its length and the expiry, not filed; the header follows with the value.
    fn write_front(&mut self, shape: Shape, key: &[u8], expiry: Option<u64>) {
        let at = self.at.as_ptr();
        // SAFETY: the allocation holds `shape`; offsets below `key_at` are multiples of 8: aligned.
        unsafe {
            if shape.key_len >= WIDE_KEY_BYTES {
                at.add(8).cast::<u64>().write(key.len() as u64);
            }
            if let Some(word) = expiry {
                at.add(shape.expiry_at()).cast::<u64>().write(word);
            }
            ptr::copy_nonoverlapping(key.as_ptr(), at.add(shape.key_at()), key.len());
        }
    }

    /// The value and the header. What the value's place held before must already be dropped.
    #[inline]
    fn write_value(&mut self, shape: Shape, value: Value<'_>, lru: u64) {
        let header =
            shape.bits() | value.kind() as u64 | (value.encoding() as u64) << 4 | lru << LRU_SHIFT;
        // SAFETY: the allocation holds `shape`, which `Form::of(&value)` determined; an object's
        // place is aligned.
        unsafe {
            let place = self.at.as_ptr().add(shape.value_at());
            match value {
                Value::Int(number) => place.cast::<i64>().write_unaligned(number),
                Value::Bytes(bytes) | Value::Raw(bytes) => {
                    ptr::copy_nonoverlapping(bytes.as_ptr(), place, bytes.len());
                }
                Value::Object(object) => place.cast::<Object>().write(object),
            }
        }
        self.set_header(header);
    }

    #[inline]
    fn header(&self) -> u64 {
        // SAFETY: every entry begins with its aligned header.
        unsafe { self.at.cast::<u64>().read() }
    }

    #[inline]
    fn set_header(&mut self, header: u64) {
        // SAFETY: as in `header`, and `self` is borrowed mutably.
        unsafe { self.at.cast::<u64>().write(header) }
    }

    #[inline]
    fn shape(&self) -> Shape {
        let header = self.header();
        let form = match (header >> FORM_SHIFT) & 3 {
            0 => Form::Inline((header >> VALUE_SHIFT) as usize),
            1 => Form::Int,
            _ => Form::Object,
        };
        Shape {
            time: header & (EXPIRES | FAR),
            key_len: self.key_len(header),
            form,
        }
    }

    #[inline]
    fn key_len(&self, header: u64) -> usize {
        if header & WIDE == 0 {
            return (header >> KEY_SHIFT) as usize & 0xff;
        }
        // SAFETY: a WIDE entry has its key length in the second aligned word.
        unsafe { self.at.as_ptr().add(8).cast::<u64>().read() as usize }
    }

    #[inline]
    #[must_use]
    pub fn key(&self) -> &[u8] {
        let header = self.header();
        let key_at = 8 + 8 * ((header >> 8) & 3).count_ones() as usize;
        // SAFETY: the key lies at this offset, initialised, as long as `self` is borrowed.
        unsafe { std::slice::from_raw_parts(self.at.as_ptr().add(key_at), self.key_len(header)) }
    }

    #[inline]
    #[must_use]
    pub fn value(&self) -> ValueRef<'_> {
        let shape = self.shape();
        // SAFETY: the value lies at `value_at` in the form the header says, an object aligned.
        unsafe {
            let place = self.at.as_ptr().add(shape.value_at());
            match shape.form {
                Form::Inline(len) => ValueRef::Bytes(std::slice::from_raw_parts(place, len)),
                Form::Int => ValueRef::Int(place.cast::<i64>().read_unaligned()),
                Form::Object => match &*place.cast::<Object>() {
                    Object::Bytes(bytes) => ValueRef::Bytes(bytes),
                    object => ValueRef::Object(object),
                },
            }
        }
    }

    #[inline]
    #[must_use]
    pub fn object_mut(&mut self) -> Option<&mut Object> {
        let shape = self.shape();
        // SAFETY: form Object means that an initialised, aligned Object lies there; `self` is
        // borrowed mutably.
        (shape.form == Form::Object)
            .then(|| unsafe { &mut *self.at.as_ptr().add(shape.value_at()).cast::<Object>() })
    }

    #[inline]
    fn object(&self) -> Option<&Object> {
        let shape = self.shape();
        // SAFETY: as in `object_mut`.
        (shape.form == Form::Object)
            .then(|| unsafe { &*self.at.as_ptr().add(shape.value_at()).cast::<Object>() })
    }

    /// True when nothing is left of a value that consists of elements: its key is to go.
    #[inline]
    #[must_use]
    pub fn is_emptied(&self) -> bool {
        self.object().is_some_and(Object::is_emptied)
    }

    #[inline]
    #[must_use]
    pub fn kind(&self) -> Kind {
        Kind::from_number(self.header() as u8 & 15)
    }

    #[must_use]
    pub fn encoding(&self) -> Encoding {
        match self.object() {
            Some(object) => object.encoding(),
            None => Encoding::from_number(self.header() as u8 >> 4),
        }
    }

    /// The access clock, 24 bits: LRU time or LFU counter.
    #[inline]
    #[must_use]
    pub fn lru(&self) -> u32 {
        ((self.header() >> LRU_SHIFT) & LRU_MASK) as u32
    }

    #[inline]
    pub fn set_lru(&mut self, lru: u32) {
        assert!(u64::from(lru) <= LRU_MASK);
        self.set_header(self.header() & !(LRU_MASK << LRU_SHIFT) | u64::from(lru) << LRU_SHIFT);
    }

    #[inline]
    fn expiry_word(&self) -> Option<u64> {
        let header = self.header();
        let at = if header & WIDE == 0 { 8 } else { 16 };
        // SAFETY: an EXPIRES entry has its expiry in the aligned word after the length fields.
        (header & EXPIRES != 0).then(|| unsafe { self.at.as_ptr().add(at).cast::<u64>().read() })
    }

    /// When the key expires, unix milliseconds.
    #[inline]
    #[must_use]
    pub fn expiry(&self) -> Option<u64> {
        let is_far = self.header() & FAR != 0;
        let time = |word| if is_far { word } else { word & EXPIRY_MS_MAX };
        self.expiry_word().map(time)
    }

    /// The expiry, if the wheel has to know it: a far one does not come in the life of any clock.
    #[inline]
    pub(super) fn timed(&self) -> Option<u64> {
        self.expiry().filter(|&at_ms| at_ms <= EXPIRY_MS_MAX)
    }

    /// Where the expiry wheel keeps its reference to this entry; 0: nowhere.
    #[inline]
    pub(super) fn filed(&self) -> u16 {
        let is_far = self.header() & FAR != 0;
        self.expiry_word()
            .filter(|_| !is_far)
            .map_or(0, |word| (word >> EXPIRY_BITS) as u16)
    }

    pub(super) fn set_filed(&mut self, filed: u16) {
        let expiry = self
            .timed()
            .expect("only entries with an expiry that the wheel knows are filed");
        assert!(filed < 1 << (64 - EXPIRY_BITS));
        let at = self.shape().expiry_at();
        // SAFETY: the entry has an expiry, as just checked, in this aligned word.
        unsafe {
            self.at
                .as_ptr()
                .add(at)
                .cast::<u64>()
                .write(expiry | u64::from(filed) << EXPIRY_BITS);
        }
    }

    /// Changes the expiry and keeps `filed` where it has one. Only for the store, which tells the
    /// wheel.
    pub(super) fn set_expiry(&mut self, expiry: Option<u64>) {
        let filed = u64::from(self.filed()) << EXPIRY_BITS;
        let old = self.shape();
        let new = Shape {
            time: time_bits(expiry),
            ..old
        };
        if old.expires() != new.expires() {
            self.move_tail(old, new);
        }
        self.set_header(self.header() & !(EXPIRES | FAR) | new.time);
        if let Some(at_ms) = expiry {
            let word = if new.time & FAR == 0 {
                at_ms | filed
            } else {
                at_ms
            };
            // SAFETY: the allocation now holds `new`, which has this aligned word.
            unsafe {
                self.at
                    .as_ptr()
                    .add(new.expiry_at())
                    .cast::<u64>()
                    .write(word);
            }
        }
    }

    /// Makes or removes room for the expiry: key and value move together, by one word. The caller
    /// sets the header.
    fn move_tail(&mut self, old: Shape, new: Shape) {
        let tail_bytes = old.value_at() + old.value_bytes() - old.key_at();
        assert!(new.value_at() + new.value_bytes() - new.key_at() == tail_bytes);
        let from = self.at;
        if old.class() != new.class() {
            self.at = ManuallyDrop::new(Entry::allocate(new)).at;
        }
        // SAFETY: both allocations hold their shapes; `copy` allows the overlap of a move in place.
        // The front (header and key length) is the same in both. Objects move by bits, and the old
        // place is forgotten.
        unsafe {
            ptr::copy(
                from.as_ptr().add(old.key_at()),
                self.at.as_ptr().add(new.key_at()),
                tail_bytes,
            );
            if self.at != from {
                ptr::copy_nonoverlapping(from.as_ptr(), self.at.as_ptr(), old.expiry_at());
            }
        }
        if self.at != from {
            Entry::free(from, old);
        }
    }

    /// Replaces the value; expiry and access clock stay. In place when the allocation class stays.
    #[inline]
    pub fn set_value(&mut self, value: Value<'_>) {
        let value = match (value, self.object_mut()) {
            (Value::Bytes(bytes) | Value::Raw(bytes), Some(Object::Bytes(old)))
                if refills(old, bytes.len()) =>
            {
                old.clear();
                old.extend_from_slice(bytes);
                return;
            }
            (value, _) => value.spill(),
        };
        let old = self.shape();
        let new = Shape {
            form: Form::of(&value),
            ..old
        };
        let lru = u64::from(self.lru());
        self.drop_object();
        if old.class() != new.class() {
            self.resize(old, new);
        }
        self.write_value(new, value, lru);
    }

    #[inline]
    pub fn set_int(&mut self, number: i64) {
        self.set_value(Value::Int(number));
    }

    /// Drops the object, if the value is one. The caller must write another value before anything
    /// can unwind.
    fn drop_object(&mut self) {
        let shape = self.shape();
        if shape.form != Form::Object {
            return;
        }
        // SAFETY: an initialised Object lies there and is not used again.
        unsafe { ptr::drop_in_place(self.at.as_ptr().add(shape.value_at()).cast::<Object>()) }
    }

    /// Moves to an allocation of the class of `new`; what both shapes have in common is kept.
    fn resize(&mut self, old: Shape, new: Shape) {
        assert!(old.key_at() == new.key_at() && old.key_len == new.key_len);
        let layout = new.layout();
        // SAFETY: the allocation has the layout of `old`, and the new size is not zero.
        let at = unsafe { realloc(self.at.as_ptr(), old.layout(), layout.size()) };
        let Some(at) = NonNull::new(at) else {
            handle_alloc_error(layout)
        };
        self.at = at;
    }

    /// The string's bytes for editing in place: at least `min_len` of them, zeros where it grew.
    /// The encoding becomes `raw`. APPEND, SETRANGE, SETBIT and BITFIELD edit through this. Panics
    /// on other types.
    pub fn string_mut(&mut self, min_len: usize) -> &mut [u8] {
        assert!(self.kind() == Kind::String);
        let old_len = match self.value() {
            ValueRef::Int(number) => {
                self.set_value(Value::Raw(itoa::Buffer::new().format(number).as_bytes()));
                return self.string_mut(min_len);
            }
            ValueRef::Bytes(bytes) => bytes.len(),
            ValueRef::Object(_) => unreachable!("a string is an integer or bytes"),
        };
        let len = old_len.max(min_len);
        if len > INLINE_VALUE_BYTES_MAX && self.object().is_none() {
            let mut bytes = Vec::with_capacity(size_class(len + len / 4));
            if let ValueRef::Bytes(inline) = self.value() {
                bytes.extend_from_slice(inline);
            }
            self.set_value(Value::Object(Object::Bytes(bytes)));
        }
        if self.object().is_none() {
            return self.inline_mut(old_len, len);
        }
        let Some(Object::Bytes(bytes)) = self.object_mut() else {
            unreachable!("a string's object is its bytes")
        };
        bytes.resize(len, 0);
        bytes
    }

    fn inline_mut(&mut self, old_len: usize, len: usize) -> &mut [u8] {
        let old = self.shape();
        assert!(old.form == Form::Inline(old_len) && old_len <= len);
        let new = Shape {
            form: Form::Inline(len),
            ..old
        };
        let rest = self.header() & (LRU_MASK << LRU_SHIFT | 15) | (Encoding::Raw as u64) << 4;
        if old.class() != new.class() {
            self.resize(old, new);
        }
        self.set_header(rest | new.bits());
        // SAFETY: the allocation holds `new`; the first `old_len` bytes are initialised, the rest
        // is zeroed here.
        unsafe {
            let place = self.at.as_ptr().add(new.value_at());
            ptr::write_bytes(place.add(old_len), 0, len - old_len);
            std::slice::from_raw_parts_mut(place, len)
        }
    }

    /// The same value, expiry and access clock under another key; not filed in any wheel.
    #[must_use]
    pub fn with_key(self, key: &[u8]) -> Entry {
        let (expiry, lru) = (self.expiry(), self.lru());
        let old = self.shape();
        if old.form != Form::Object {
            return self.clone_with_key(key);
        }
        // SAFETY: the Object is moved out; the old entry is then freed without dropping it.
        let object = unsafe { self.at.as_ptr().add(old.value_at()).cast::<Object>().read() };
        let old_entry = ManuallyDrop::new(self);
        Entry::free(old_entry.at, old);
        Entry::build(key, Value::Object(object), expiry, u64::from(lru))
    }

    /// A copy under another key; not filed in any wheel.
    #[must_use]
    pub fn clone_with_key(&self, key: &[u8]) -> Entry {
        let value = match (self.object(), self.value()) {
            (Some(object), _) => Value::Object(object.clone()),
            (None, ValueRef::Int(number)) => Value::Int(number),
            (None, ValueRef::Bytes(bytes)) if self.encoding() == Encoding::Raw => Value::Raw(bytes),
            (None, ValueRef::Bytes(bytes)) => Value::Bytes(bytes),
            (None, ValueRef::Object(_)) => unreachable!("objects were matched first"),
        };
        Entry::build(key, value, self.expiry(), u64::from(self.lru()))
    }

    /// What the entry occupies in the allocator, its object's payload included.
    #[must_use]
    pub fn allocation_bytes(&self) -> usize {
        self.shape().class() + self.object().map_or(0, Object::heap_bytes)
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let shape = self.shape();
        self.drop_object();
        Entry::free(self.at, shape);
    }
}

impl Keyed for Entry {
    #[inline]
    fn key(&self) -> &[u8] {
        Entry::key(self)
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Entry")
            .field("key", &self.key().escape_ascii().to_string())
            .field("value", &self.value())
            .field("expiry", &self.expiry())
            .finish()
    }
}

/// Whether a long string's buffer takes `len` bytes without growing, nor half of it unused.
fn refills(buffer: &Vec<u8>, len: usize) -> bool {
    len > INLINE_VALUE_BYTES_MAX && buffer.capacity() >= len && buffer.capacity() / 2 <= len
}

#[cfg(test)]
#[path = "entry_tests.rs"]
mod tests;
