//! Integers in one sorted run of bytes, all of one width: the smallest form of a set.
//!
//! Framed it is Redis's intset, byte by byte, which DUMP and RESTORE copy whole. It widens when a
//! number does not fit and never narrows, as there. Owned by `set`; must not know texts or limits.
//!
//! ```text
//! memory    integer ... integer (ascending, LE)     frame    width:4 LE  count:4 LE  integers
//! ```

use crate::store::size_class;

/// Bytes of an integer: 2, 4 or 8.
const WIDTHS: [usize; 3] = [2, 4, 8];
const FRAME_BYTES: usize = 8;

/// Integers, each once.
#[derive(Clone, Debug)]
pub(super) struct Intset {
    bytes: Vec<u8>,
    width: usize,
}

/// The narrowest width that a number fits in.
#[inline]
fn width_of(number: i64) -> usize {
    if i16::try_from(number).is_ok() {
        WIDTHS[0]
    } else if i32::try_from(number).is_ok() {
        WIDTHS[1]
    } else {
        WIDTHS[2]
    }
}

impl Intset {
    pub fn new() -> Intset {
        Intset {
            bytes: Vec::new(),
            width: WIDTHS[0],
        }
    }

    #[inline]
    pub fn len(&self) -> usize {
        self.bytes.len() / self.width
    }

    #[inline]
    pub fn get(&self, index: usize) -> i64 {
        let at = index * self.width;
        let bytes = &self.bytes[at..at + self.width];
        match *bytes {
            [a, b] => i64::from(i16::from_le_bytes([a, b])),
            [a, b, c, d] => i64::from(i32::from_le_bytes([a, b, c, d])),
            _ => i64::from_le_bytes(bytes.try_into().expect("the widest has eight bytes")),
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = i64> {
        (0..self.len()).map(|index| self.get(index))
    }

    /// Where a number is, or would be.
    #[inline]
    fn search(&self, number: i64) -> Result<usize, usize> {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = usize::midpoint(low, high);
            match self.get(middle).cmp(&number) {
                std::cmp::Ordering::Equal => return Ok(middle),
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        Err(low)
    }

    #[inline]
    pub fn contains(&self, number: i64) -> bool {
        width_of(number) <= self.width && self.search(number).is_ok()
    }

    /// Adds a number; false when it is there already.
    pub fn add(&mut self, number: i64) -> bool {
        let width = width_of(number);
        if width > self.width {
            self.widen(width);
        }
        let Err(index) = self.search(number) else {
            return false;
        };
        let (at, end) = (index * self.width, self.bytes.len());
        let needed = end + self.width;
        if needed > self.bytes.capacity() {
            // Whole classes of the allocator: exact, as Redis is, yet no move for each number.
            self.bytes.reserve_exact(size_class(needed) - end);
        }
        self.bytes.resize(needed, 0);
        self.bytes.copy_within(at..end, at + self.width);
        self.bytes[at..at + self.width].copy_from_slice(&number.to_le_bytes()[..self.width]);
        self.assert_neighbours(index);
        true
    }

    /// The order holds around a number.
    #[inline]
    fn assert_neighbours(&self, index: usize) {
        assert!(
            (index == 0 || self.get(index - 1) < self.get(index))
                && (index + 1 >= self.len() || self.get(index) < self.get(index + 1)),
            "integers ascend"
        );
    }

    fn widen(&mut self, width: usize) {
        let mut bytes = Vec::with_capacity(size_class((self.len() + 1) * width));
        for number in self.iter() {
            bytes.extend_from_slice(&number.to_le_bytes()[..width]);
        }
        assert!(bytes.len() * self.width == self.bytes.len() * width);
        self.bytes = bytes;
        self.width = width;
    }

    /// Removes a number; false when it is not there.
    pub fn remove(&mut self, number: i64) -> bool {
        if width_of(number) > self.width {
            return false;
        }
        let Ok(index) = self.search(number) else {
            return false;
        };
        self.bytes
            .drain(index * self.width..(index + 1) * self.width);
        if size_class(self.bytes.len()) * 2 <= self.bytes.capacity() {
            self.bytes.shrink_to(size_class(self.bytes.len()));
        }
        assert!(self.bytes.len().is_multiple_of(self.width));
        true
    }

    pub fn heap_bytes(&self) -> usize {
        size_class(self.bytes.capacity())
    }

    /// As Redis keeps it.
    pub fn framed(&self) -> Vec<u8> {
        let count = u32::try_from(self.len()).expect("limits keep it far below 2^32");
        let mut out = Vec::with_capacity(FRAME_BYTES + self.bytes.len());
        out.extend_from_slice(&(self.width as u32).to_le_bytes());
        out.extend_from_slice(&count.to_le_bytes());
        out.extend_from_slice(&self.bytes);
        out
    }

    /// Reads what Redis keeps, believing nothing; None when it is not an intset.
    pub fn from_framed(framed: &[u8]) -> Option<Intset> {
        let (frame, bytes) = framed.split_at_checked(FRAME_BYTES)?;
        let width = u32::from_le_bytes(frame[..4].try_into().ok()?) as usize;
        let count = u32::from_le_bytes(frame[4..].try_into().ok()?) as usize;
        if !WIDTHS.contains(&width) || Some(bytes.len()) != count.checked_mul(width) {
            return None;
        }
        let set = Intset {
            bytes: bytes.to_vec(),
            width,
        };
        (1..set.len())
            .all(|index| set.get(index - 1) < set.get(index))
            .then_some(set)
    }
}
