//! Which form a list has for clients: one listpack while it is small, else a quicklist (Redis 7.2
//! and later).
//!
//! A listpack is a list of one node that takes whatever comes, until what is added at once would
//! make it too large; a quicklist is one again when a single node is left and half empty, so that
//! neither happens often. Owned by `quicklist`. Must not know commands.

use super::super::listpack::Element;
use super::node::Node;
use super::{ELEMENT_OVERHEAD_BYTES, End, List, NodeLimits};
use crate::limits::LISTPACK_BYTES_MAX;

impl NodeLimits {
    /// Whether a listpack of these bytes, its frame included, and elements is too large.
    fn exceeds(self, bytes: usize, count: usize) -> bool {
        bytes > self.bytes_max() || self.fill >= 0 && count > self.count_max()
    }

    /// Whether a node of these bytes, its frame included, and elements is at most one `part`-th of
    /// the limit.
    fn within(self, part: usize, bytes: usize, count: usize) -> bool {
        match self.fill {
            0.. => count <= self.count_max() / part,
            _ => bytes <= self.bytes_max() / part,
        }
    }

    fn count_max(self) -> usize {
        (self.fill.unsigned_abs() as usize).max(1)
    }
}

impl List {
    /// An empty list that what was saved is loaded into; `settle` ends that.
    #[must_use]
    pub fn for_loading() -> List {
        List {
            is_listpack: false,
            ..List::default()
        }
    }

    /// Whether clients see it as `listpack`, not as `quicklist`.
    #[must_use]
    pub fn is_listpack(&self) -> bool {
        self.is_listpack
    }

    /// Adds an element at an end.
    pub fn push(&mut self, end: End, text: &[u8], limits: NodeLimits) {
        self.grow(1, text.len(), limits);
        self.push_grown(end, text, limits);
    }

    /// Adds elements at an end, one after the other.
    pub fn push_all<'a>(
        &mut self,
        end: End,
        texts: impl ExactSizeIterator<Item = &'a [u8]> + Clone,
        limits: NodeLimits,
    ) {
        if self.is_listpack {
            let bytes = texts.clone().map(<[u8]>::len).sum();
            self.grow(texts.len(), bytes, limits);
        }
        for text in texts {
            self.push_grown(end, text, limits);
        }
    }

    /// Before so many elements with so many bytes of text come in.
    pub(super) fn grow(&mut self, count: usize, bytes: usize, limits: NodeLimits) {
        if let (true, Node::Packed(pack)) = (self.is_listpack, &self.first) {
            assert!(pack.len() == self.len, "a listpack is one node");
            let bytes = pack.framed_bytes() + bytes;
            // What Redis forgets: heads of many short elements that come at once.
            let most = pack.entry_bytes() + bytes + count * ELEMENT_OVERHEAD_BYTES;
            self.is_listpack =
                !limits.exceeds(bytes, self.len + count) && most <= LISTPACK_BYTES_MAX;
        }
    }

    /// Adds an element to a listpack that has grown for it; false when the list is none.
    #[inline]
    pub(super) fn push_packed(&mut self, end: End, text: &[u8]) -> bool {
        let (true, Node::Packed(pack)) = (self.is_listpack, &mut self.first) else {
            return false;
        };
        let element = Element::from_text(text);
        match end {
            End::Back => pack.push_back(element),
            End::Front => pack.push_front(element),
        }
        self.len += 1;
        true
    }

    /// After elements were removed or replaced.
    #[inline]
    pub(super) fn shrink(&mut self, limits: NodeLimits) {
        if !self.is_listpack && self.rest.is_empty() {
            self.become_listpack(2, limits);
        }
    }

    /// After elements were loaded.
    pub fn settle(&mut self, limits: NodeLimits) {
        if !self.is_listpack && self.rest.is_empty() {
            self.become_listpack(1, limits);
        }
        self.settle_ends(limits);
    }

    fn become_listpack(&mut self, part: usize, limits: NodeLimits) {
        let Some(pack) = self.first.pack() else {
            return;
        };
        assert!(pack.len() == self.len && self.rest.is_empty());
        let bytes = pack.framed_bytes();
        self.is_listpack = limits.within(part, bytes, self.len) && bytes <= LISTPACK_BYTES_MAX;
    }
}
