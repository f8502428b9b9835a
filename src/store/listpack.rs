//! Small elements in one run of bytes: strings and integers, readable from both ends.
//!
//! The entries are those of Redis's listpack (`encoding` draws them), so that DUMP and RESTORE copy
//! them whole; only the frame is added there. In memory a gap in front of the entries makes both
//! ends cheap to push and pop. Owned by the types that keep small things compactly. A position is a
//! byte offset that an edit before it invalidates.
//!
//! ```text
//! memory    gap | entry ... entry          frame    bytes:4 LE  count:2 LE  entries  0xff
//! ```

mod encoding;
mod exact;

pub use self::exact::Exact;

use self::encoding::{Encoded, back_bytes, decode, read_back};
use super::size_class::size_class;
use super::value::canonical_i64;

/// Bytes of the frame around the entries: total and count in front, the mark behind.
pub(super) const FRAME_BYTES: usize = 7;
const FRAME_FRONT: usize = 6;
/// The shortest entry: a head that is an integer or an empty string, and its size.
const ENTRY_BYTES_MIN: usize = 2;
const END: u8 = 0xff;
/// The count of a frame that holds this many entries or more.
const COUNT_UNKNOWN: u16 = u16::MAX;
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

    /// Bytes with the frame that Redis keeps around the entries.
    #[inline]
    #[must_use]
    pub fn framed_bytes(&self) -> usize {
        self.entry_bytes() + FRAME_BYTES
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
        self.bytes.extend_from_slice(entry.data());
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
        assert!(position > self.first() && position < self.end());
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

    /// Puts an element in place of the one at a position; returns the position of the next. One of
    /// the same size is overwritten where it is.
    pub fn replace(&mut self, position: usize, element: Element<'_>) -> usize {
        let (_, next) = self.at(position);
        let entry = Encoded::new(element);
        let len = entry.len();
        if len == next - position {
            entry.write(&mut self.bytes[position..next]);
            return next;
        }
        let is_first = position == self.first();
        self.remove(position);
        let at = if is_first { self.first() } else { position };
        self.insert(at, element);
        // An insertion may move what it finds no room beside.
        let start = if is_first { self.first() } else { position };
        self.at(start).1
    }

    /// Removes the element at a position; returns the position of the one that followed.
    #[inline]
    pub fn remove(&mut self, position: usize) -> usize {
        let (_, next) = self.at(position);
        self.cut(position, next, 1)
    }

    /// Removes the `count` elements between two positions; returns the position of the one behind
    /// them.
    pub fn cut(&mut self, from: usize, to: usize, count: usize) -> usize {
        assert!(count <= self.len() && from <= to && from >= self.first() && to <= self.end());
        self.count -= count as u32;
        if from == self.first() {
            self.start = to as u32;
            if to == self.end() {
                self.bytes.clear();
                self.start = 0;
            }
            self.assert_counted();
            return self.first();
        }
        self.bytes.drain(from..to);
        self.assert_counted();
        from
    }

    /// The count is that of the entries, as far as can be seen without a walk.
    #[inline]
    fn assert_counted(&self) {
        assert!(
            self.entry_bytes() >= self.len() * ENTRY_BYTES_MIN
                && (self.count == 0) == (self.entry_bytes() == 0),
            "entries are counted"
        );
    }

    /// Moves the elements from a position on, `count` in number, into a listpack of their own.
    #[must_use]
    pub fn split_off(&mut self, position: usize, count: usize) -> Listpack {
        assert!(count <= self.len() && position >= self.first());
        let bytes = self.bytes.split_off(position);
        self.count -= count as u32;
        self.assert_counted();
        Listpack::from_entries(bytes, count)
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
        let pack = Listpack {
            bytes,
            start: 0,
            count: count as u32,
        };
        pack.assert_counted();
        pack
    }

    /// The listpack as Redis keeps it.
    #[must_use]
    pub fn framed(&self) -> Vec<u8> {
        let total = self.framed_bytes();
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

    /// Makes room for `len` bytes behind the entries: the gap is used up before anything is
    /// allocated.
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

    /// Moves the entries so that there is room before or behind them; what is free beyond need goes
    /// there too.
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
        assert!(self.entry_bytes() == used, "entries move as they are");
    }
}

#[cfg(test)]
#[path = "listpack_tests.rs"]
mod tests;
