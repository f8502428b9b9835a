//! A listpack without room to grow: 16 bytes to hold it, an allocation of just its entries.
//!
//! For values of few elements that are many: hashes. An edit allocates anew unless sizes agree. Its
//! owner may set a mark, one byte behind the entries that no entry ends with. Owned by the types
//! that keep small things compactly; must not know what its elements mean.
//!
//! ```text
//! entry ... entry  [0]          the mark: an entry's size is never 0, nor is a size's last byte
//! ```

use super::encoding::{Encoded, back_bytes, decode};
use super::{Element, Listpack, Needle};
use crate::store::size_class::size_class;

const MARK: u8 = 0;

/// Elements in one allocation of their size.
#[derive(Clone, Debug, Default)]
pub struct Exact(Box<[u8]>);

impl Exact {
    #[inline]
    #[must_use]
    pub fn is_marked(&self) -> bool {
        self.0.last() == Some(&MARK)
    }

    /// The end behind the last element: the position that no element has.
    #[inline]
    #[must_use]
    pub fn end(&self) -> usize {
        self.0.len() - usize::from(self.is_marked())
    }

    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.end() == 0
    }

    /// The element at a position, and the position of the next.
    #[inline]
    #[must_use]
    pub fn at(&self, position: usize) -> (Element<'_>, usize) {
        let (element, size) =
            decode(&self.0[position..]).expect("a position is where an entry begins");
        (element, position + size + back_bytes(size))
    }

    /// Elements, by a walk.
    #[must_use]
    pub fn count(&self) -> usize {
        let (mut position, mut count) = (0, 0);
        while position < self.end() {
            position = self.at(position).1;
            count += 1;
        }
        count
    }

    /// The position of the first of each `stride` elements that is the needle's.
    #[inline]
    #[must_use]
    pub fn find(&self, needle: &Needle<'_>, stride: usize) -> Option<usize> {
        let mut position = 0;
        while position < self.end() {
            let (element, mut next) = self.at(position);
            if needle.is(element) {
                return Some(position);
            }
            for _ in 1..stride {
                next = self.at(next).1;
            }
            position = next;
        }
        None
    }

    /// Puts elements in place of those between two positions.
    pub fn splice(&mut self, from: usize, to: usize, elements: &[Element<'_>]) {
        assert!(from <= to && to <= self.end(), "positions are in order");
        let marked = self.is_marked();
        let new: usize = elements
            .iter()
            .map(|&element| Encoded::new(element).len())
            .sum();
        if new == to - from {
            let mut at = from;
            for &element in elements {
                let entry = Encoded::new(element);
                entry.write(&mut self.0[at..at + entry.len()]);
                at += entry.len();
            }
            return;
        }
        let mut bytes = Vec::with_capacity(self.0.len() - (to - from) + new);
        bytes.extend_from_slice(&self.0[..from]);
        for &element in elements {
            let entry = Encoded::new(element);
            bytes.extend_from_slice(entry.head());
            bytes.extend_from_slice(entry.data());
            bytes.extend_from_slice(entry.back());
        }
        bytes.extend_from_slice(&self.0[to..]);
        assert!(bytes.len() == bytes.capacity(), "sizes add up");
        self.0 = bytes.into_boxed_slice();
        assert!(self.is_marked() == marked, "the mark stays");
    }

    /// Sets the mark, or takes it away.
    pub fn mark(&mut self, marked: bool) {
        if marked == self.is_marked() {
            return;
        }
        let mut bytes = Vec::with_capacity(self.end() + usize::from(marked));
        bytes.extend_from_slice(&self.0[..self.end()]);
        bytes.extend(marked.then_some(MARK));
        self.0 = bytes.into_boxed_slice();
        assert!(self.is_marked() == marked, "no entry ends as the mark does");
    }

    /// Bytes of the entries.
    #[must_use]
    pub fn entry_bytes(&self) -> usize {
        self.end()
    }

    /// Bytes allocated.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        match self.0.len() {
            0 => 0,
            len => size_class(len),
        }
    }

    /// The listpack as Redis keeps it; the mark is left out.
    #[must_use]
    pub fn framed(&self) -> Vec<u8> {
        Listpack::from_entries(self.0[..self.end()].to_vec(), self.count()).framed()
    }
}

impl From<&Listpack> for Exact {
    fn from(pack: &Listpack) -> Exact {
        Exact(pack.entries().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::Random;

    #[test]
    fn random_splices_follow_a_model() {
        let mut random = Random::new(8);
        for _ in 0..200 {
            let (mut exact, mut model) = (Exact::default(), Vec::<Vec<u8>>::new());
            for _ in 0..40 {
                let from = random.below(model.len() + 1);
                let to = from + random.below(model.len() - from + 1);
                let new: Vec<Vec<u8>> = (0..random.below(3))
                    .map(|_| match random.below(2) {
                        0 => random.below(1 << 20).to_string().into_bytes(),
                        _ => vec![b'x'; random.below(200)],
                    })
                    .collect();
                let position = |index| (0..index).fold(0, |at, _| exact.at(at).1);
                let (start, end) = (position(from), position(to));
                let elements: Vec<_> = new.iter().map(|text| Element::from_text(text)).collect();
                exact.splice(start, end, &elements);
                model.splice(from..to, new);
                exact.mark(random.below(2) == 0);
                assert_eq!(exact.count(), model.len());
                let pack = Listpack::from_framed(&exact.framed()).expect("it is well formed");
                let texts: Vec<_> = pack.iter().map(|e| e.with_text(<[u8]>::to_vec)).collect();
                assert_eq!(texts, model);
                assert_eq!(Exact::from(&pack).entry_bytes(), exact.entry_bytes());
            }
        }
    }
}
