//! Small elements in one run of bytes: strings and integers, readable from both ends.
//!
//! The entries are those of Redis's listpack, so that DUMP and RESTORE copy them whole; only the frame (length,
//! count, end mark) is added there. In memory a gap in front of the entries makes both ends cheap to push and pop.
//! Owned by the types that keep small things compactly. A position is a byte offset that an edit before it invalidates.
//!
//! ```text
//! memory    gap | entry ... entry                       frame   bytes:4 LE  count:2 LE  entries  0xff
//! entry     head  data  size of head and data, 7 bits a byte, readable backwards (1 to 5 bytes)
//! head      0nnnnnnn | 110nnnnn n | f1 i16 | f2 i24 | f3 i32 | f4 i64     an integer, LE but for 13 bits
//!           10LLLLLL | 1110LLLL L | f0 L4 LE                             a string of length L
//! ```

use super::size_class::size_class;
use super::value::canonical_i64;

/// Bytes of the frame around the entries: total and count in front, the mark behind.
pub const FRAME_BYTES: usize = 7;
const FRAME_FRONT: usize = 6;
const END: u8 = 0xff;
/// The count of a frame that holds this many entries or more.
const COUNT_UNKNOWN: u16 = u16::MAX;
/// Longest head, and longest size behind the data.
const HEAD_BYTES_MAX: usize = 9;
const BACK_BYTES_MAX: usize = 5;
/// Most bytes of a listpack: positions and the frame's total are 32 bits wide.
const BYTES_MAX: usize = u32::MAX as usize - FRAME_BYTES;

/// One element as it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Element<'a> {
    Int(i64),
    Bytes(&'a [u8]),
}

impl<'a> Element<'a> {
    /// Text as it will be kept: an integer where it is the canonical spelling of one.
    #[inline]
    #[must_use]
    pub fn from_text(text: &'a [u8]) -> Element<'a> {
        match canonical_i64(text) {
            Some(number) => Element::Int(number),
            None => Element::Bytes(text),
        }
    }

    /// Shows the text of the element.
    #[inline]
    pub fn with_text<T>(&self, show: impl FnOnce(&[u8]) -> T) -> T {
        match self {
            Element::Int(number) => show(itoa::Buffer::new().format(*number).as_bytes()),
            Element::Bytes(bytes) => show(bytes),
        }
    }
}

/// A text to look for, prepared once.
#[derive(Clone, Copy, Debug)]
pub struct Needle<'a> {
    text: &'a [u8],
    number: Option<i64>,
}

impl<'a> Needle<'a> {
    #[must_use]
    pub fn new(text: &'a [u8]) -> Needle<'a> {
        Needle {
            text,
            number: canonical_i64(text),
        }
    }

    /// True when the element's text is the needle's, however it is kept.
    #[inline]
    #[must_use]
    pub fn is(&self, element: Element<'_>) -> bool {
        match element {
            Element::Int(number) => self.number == Some(number),
            Element::Bytes(bytes) => self.text == bytes,
        }
    }
}

/// Elements in one run of bytes.
#[derive(Clone, Debug, Default)]
pub struct Listpack {
    bytes: Vec<u8>,
    /// Where the entries begin: the gap's end.
    start: u32,
    count: u32,
}

impl Listpack {
    #[must_use]
    pub fn new() -> Listpack {
        Listpack::default()
    }

    /// The number of elements.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.count as usize
    }

    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Bytes of the entries: what a frame around them has besides its own.
    #[inline]
    #[must_use]
    pub fn entry_bytes(&self) -> usize {
        self.bytes.len() - self.start as usize
    }

    /// Bytes allocated.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        size_class(self.bytes.capacity())
    }

    /// Position of the first element, and the end behind the last: equal when there is none.
    #[inline]
    #[must_use]
    pub fn first(&self) -> usize {
        self.start as usize
    }

    #[inline]
    #[must_use]
    pub fn end(&self) -> usize {
        self.bytes.len()
    }

    /// The element at a position, and the position of the next.
    #[inline]
    #[must_use]
    pub fn at(&self, position: usize) -> (Element<'_>, usize) {
        let (element, size) =
            decode(&self.bytes[position..]).expect("a position is where an entry begins");
        (element, position + size + back_bytes(size))
    }

    /// The position of the element before this position, which may be the end.
    #[inline]
    #[must_use]
    pub fn before(&self, position: usize) -> usize {
        assert!(position > self.first());
        let size = read_back(&self.bytes[..position]).expect("entries end with their size");
        position - size - back_bytes(size)
    }

    /// The position of the element with this index, from the nearer end.
    #[must_use]
    pub fn position(&self, index: usize) -> usize {
        assert!(index <= self.len());
        if index <= self.len() / 2 {
            (0..index).fold(self.first(), |position, _| self.at(position).1)
        } else {
            (index..self.len()).fold(self.end(), |position, _| self.before(position))
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = Element<'_>> {
        let mut position = self.first();
        std::iter::from_fn(move || {
            (position < self.end()).then(|| {
                let (element, next) = self.at(position);
                position = next;
                element
            })
        })
    }

    /// Adds an element behind the last.
    #[inline]
    pub fn push_back(&mut self, element: Element<'_>) {
        let entry = Encoded::new(element);
        self.grow_back(entry.len());
        self.bytes.extend_from_slice(entry.head());
        self.bytes.extend_from_slice(entry.data);
        self.bytes.extend_from_slice(entry.back());
        self.count += 1;
    }

    /// Adds an element before the first.
    #[inline]
    pub fn push_front(&mut self, element: Element<'_>) {
        let entry = Encoded::new(element);
        let len = entry.len();
        self.grow_front(len);
        let at = self.start as usize - len;
        entry.write(&mut self.bytes[at..at + len]);
        self.start = at as u32;
        self.count += 1;
    }

    /// Adds an element before the one at a position; at the end, behind the last.
    pub fn insert(&mut self, position: usize, element: Element<'_>) {
        if position == self.end() {
            return self.push_back(element);
        }
        if position == self.first() {
            return self.push_front(element);
        }
        let entry = Encoded::new(element);
        let (len, old_end) = (entry.len(), self.end());
        self.grow_back(len);
        let position = position + self.bytes.len() - old_end;
        let end = self.bytes.len();
        self.bytes.resize(end + len, 0);
        self.bytes.copy_within(position..end, position + len);
        entry.write(&mut self.bytes[position..position + len]);
        self.count += 1;
    }

    /// Removes the element at a position; returns the position of the one that followed.
    #[inline]
    pub fn remove(&mut self, position: usize) -> usize {
        let (_, next) = self.at(position);
        self.cut(position, next, 1)
    }

    /// Removes the `count` elements between two positions; returns the position of the one behind them.
    pub fn cut(&mut self, from: usize, to: usize, count: usize) -> usize {
        assert!(count <= self.len() && from <= to && from >= self.first());
        self.count -= count as u32;
        if from == self.first() {
            self.start = to as u32;
            if to == self.end() {
                self.bytes.clear();
                self.start = 0;
            }
            return self.first();
        }
        self.bytes.drain(from..to);
        from
    }

    /// Moves the elements from a position on, `count` in number, into a listpack of their own.
    #[must_use]
    pub fn split_off(&mut self, position: usize, count: usize) -> Listpack {
        assert!(count <= self.len());
        let bytes = self.bytes.split_off(position);
        self.count -= count as u32;
        Listpack {
            bytes,
            start: 0,
            count: count as u32,
        }
    }

    /// Appends all elements of another.
    pub fn append(&mut self, other: &Listpack) {
        let entries = &other.bytes[other.first()..];
        self.grow_back(entries.len());
        self.bytes.extend_from_slice(entries);
        self.count += other.count;
    }

    /// Gives back what is allocated beyond need.
    pub fn shrink(&mut self) {
        if self.start > 0 || size_class(self.bytes.len()) < self.bytes.capacity() {
            let mut exact = Vec::with_capacity(size_class(self.entry_bytes()));
            exact.extend_from_slice(&self.bytes[self.first()..]);
            self.bytes = exact;
            self.start = 0;
        }
    }

    /// The entries without a frame.
    #[must_use]
    pub fn entries(&self) -> &[u8] {
        &self.bytes[self.first()..]
    }

    /// From entries that another listpack had.
    #[must_use]
    pub(super) fn from_entries(bytes: Vec<u8>, count: usize) -> Listpack {
        Listpack {
            bytes,
            start: 0,
            count: count as u32,
        }
    }

    /// The listpack as Redis keeps it.
    #[must_use]
    pub fn framed(&self) -> Vec<u8> {
        let total = self.entry_bytes() + FRAME_BYTES;
        let mut out = Vec::with_capacity(total);
        let total = u32::try_from(total).expect("entries are bounded to leave room for the frame");
        out.extend_from_slice(&total.to_le_bytes());
        let count = u16::try_from(self.count).unwrap_or(COUNT_UNKNOWN);
        out.extend_from_slice(&count.to_le_bytes());
        out.extend_from_slice(self.entries());
        out.push(END);
        out
    }

    /// Reads what Redis keeps, believing nothing; None when it is not a listpack.
    #[must_use]
    pub fn from_framed(framed: &[u8]) -> Option<Listpack> {
        let (front, rest) = framed.split_at_checked(FRAME_FRONT)?;
        let (&end, entries) = rest.split_last()?;
        let total = u32::from_le_bytes(front[..4].try_into().ok()?);
        let declared = u16::from_le_bytes(front[4..].try_into().ok()?);
        if total as usize != framed.len() || end != END {
            return None;
        }
        let (mut at, mut count) = (0, 0u32);
        while at < entries.len() {
            let (_, size) = decode(&entries[at..])?;
            at += size + back_bytes(size);
            if read_back(entries.get(..at)?)? != size {
                return None;
            }
            count += 1;
        }
        if declared != COUNT_UNKNOWN && u32::from(declared) != count {
            return None;
        }
        Some(Listpack::from_entries(entries.to_vec(), count as usize))
    }

    /// Makes room for `len` bytes behind the entries: the gap is used up before anything is allocated.
    #[inline]
    fn grow_back(&mut self, len: usize) {
        if self.bytes.capacity() - self.bytes.len() < len {
            self.move_entries(0, len);
        }
    }

    /// Makes room for `len` bytes in the gap.
    #[inline]
    fn grow_front(&mut self, len: usize) {
        if (self.start as usize) < len {
            self.move_entries(len, 0);
        }
    }

    /// Moves the entries so that there is room before or behind them; what is free beyond need goes there too.
    #[cold]
    fn move_entries(&mut self, before: usize, behind: usize) {
        let used = self.entry_bytes();
        let needed = used + before + behind;
        assert!(needed <= BYTES_MAX, "callers bound what they put together");
        // A free quarter at least, so that moving costs a constant per byte pushed.
        let capacity = size_class(needed + needed / 4).max(self.bytes.capacity());
        let start = if before > 0 { capacity - used } else { 0 };
        if capacity <= self.bytes.capacity() {
            let from = self.first();
            let end = self.bytes.len();
            self.bytes.resize(end.max(start + used), 0);
            self.bytes.copy_within(from..end, start);
            self.bytes.truncate(start + used);
        } else {
            let mut bytes = Vec::with_capacity(capacity);
            bytes.resize(start, 0);
            bytes.extend_from_slice(self.entries());
            self.bytes = bytes;
        }
        self.start = start as u32;
    }
}

/// An entry about to be written.
struct Encoded<'a> {
    head: [u8; HEAD_BYTES_MAX],
    head_len: usize,
    data: &'a [u8],
    back: [u8; BACK_BYTES_MAX],
    back_len: usize,
}

impl<'a> Encoded<'a> {
    #[inline]
    fn new(element: Element<'a>) -> Encoded<'a> {
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
    fn len(&self) -> usize {
        self.head_len + self.data.len() + self.back_len
    }

    #[inline]
    fn head(&self) -> &[u8] {
        &self.head[..self.head_len]
    }

    #[inline]
    fn back(&self) -> &[u8] {
        &self.back[..self.back_len]
    }

    #[inline]
    fn write(&self, place: &mut [u8]) {
        let (head, rest) = place.split_at_mut(self.head_len);
        let (data, back) = rest.split_at_mut(self.data.len());
        head.copy_from_slice(self.head());
        data.copy_from_slice(self.data);
        back.copy_from_slice(self.back());
    }
}

/// The element at the front of the bytes, and the size of its head and data.
#[inline]
fn decode(bytes: &[u8]) -> Option<(Element<'_>, usize)> {
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

/// Bytes of the size behind an entry. The bounds are one short of 7 bits' in all but the first, as in Redis.
#[inline]
fn back_bytes(size: usize) -> usize {
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
fn read_back(bytes: &[u8]) -> Option<usize> {
    let mut size = 0;
    for (index, &byte) in bytes.iter().rev().take(BACK_BYTES_MAX).enumerate() {
        size |= usize::from(byte & 127) << (7 * index);
        if byte < 128 {
            return Some(size);
        }
    }
    None
}

#[cfg(test)]
#[path = "listpack_tests.rs"]
mod tests;
