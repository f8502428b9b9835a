//! Lists: a sequence of nodes, each a listpack of bounded size or one large element.
//!
//! Both ends are cheap, the middle costs a walk over nodes. How large nodes get and which are
//! packed with LZF (`list-max-listpack-size`, `list-compress-depth`) comes in with each edit. Owned
//! by `Object::List`; must not know commands. `node` is one node, `edit` the inside, `form` the
//! listpack.
//! ```text
//! first | rest ...      no node is empty, but the first of an empty list
//! depth 1:  raw | lzf | lzf | ... | lzf | raw
//! ```

mod edit;
mod form;
mod node;

use super::content::Content;
use super::listpack::{Element, Listpack};
use super::size_class::size_class;
use super::value::{Encoding, Kind};
use crate::limits::{LIST_NODE_BYTES_MAX, LIST_NODE_LOADED_BYTES_MAX};
pub use node::View;

use node::Node;
use std::collections::VecDeque;
use std::ops::ControlFlow;

/// What a listpack's frame and an element's head add at most; estimated as Redis does.
const ELEMENT_OVERHEAD_BYTES: usize = 8 + super::listpack::FRAME_BYTES;

/// How large nodes may be and which are packed.
#[derive(Clone, Copy, Debug)]
pub struct NodeLimits {
    /// Most elements of a node, or for -1 to -5 most bytes: 4 KiB and its doublings.
    pub fill: i32,
    /// Nodes at each end that are never packed; 0: none is.
    pub compress_depth: u32,
    /// Elements of this length or more are nodes of their own, whatever `fill` says.
    pub packed_threshold: usize,
}

impl Default for NodeLimits {
    fn default() -> NodeLimits {
        NodeLimits {
            fill: -2,
            compress_depth: 0,
            packed_threshold: usize::MAX,
        }
    }
}

impl NodeLimits {
    /// Most bytes of a node.
    #[inline]
    fn bytes_max(self) -> usize {
        match self.fill {
            0.. => LIST_NODE_BYTES_MAX,
            fill => 2048 << fill.unsigned_abs().min(5),
        }
    }

    #[inline]
    fn is_large(self, len: usize) -> bool {
        len >= self.packed_threshold || len > self.bytes_max()
    }

    /// Whether a node of these bytes and elements may take another of this length.
    #[inline]
    fn admits(self, bytes: usize, count: usize, len: usize) -> bool {
        bytes + len + ELEMENT_OVERHEAD_BYTES <= self.bytes_max()
            && (self.fill < 0 || count < self.fill.unsigned_abs() as usize)
    }

    fn admits_both(self, a: &Listpack, b: &Listpack) -> bool {
        a.entry_bytes() + b.entry_bytes() <= self.bytes_max()
            && (self.fill < 0 || a.len() + b.len() <= self.fill.unsigned_abs() as usize)
    }
}

/// One end of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Front,
    Back,
}

/// A list of texts.
#[derive(Clone, Debug)]
pub struct List {
    first: Node,
    rest: VecDeque<Node>,
    len: usize,
    /// See `form`. Then `first` is a `Node::Packed` and there is no other.
    is_listpack: bool,
}

const _: () = assert!(size_of::<List>() <= 80, "a class of the allocator");

impl Default for List {
    fn default() -> List {
        List {
            first: Node::Packed(Listpack::new()),
            rest: VecDeque::new(),
            len: 0,
            is_listpack: true,
        }
    }
}

impl List {
    #[must_use]
    pub fn new() -> List {
        List::default()
    }

    /// The number of elements.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    #[inline]
    fn node_count(&self) -> usize {
        1 + self.rest.len()
    }

    #[inline]
    fn node(&self, index: usize) -> &Node {
        match index {
            0 => &self.first,
            _ => &self.rest[index - 1],
        }
    }

    #[inline]
    fn node_mut(&mut self, index: usize) -> &mut Node {
        match index {
            0 => &mut self.first,
            _ => &mut self.rest[index - 1],
        }
    }

    /// What holds after every edit: no node is empty, but the first of an empty list, and a
    /// listpack is one node.
    fn assert_whole(&self) {
        assert!(self.node_count() <= self.len.max(1), "no node is empty");
        assert!(!self.is_listpack || self.rest.is_empty());
    }

    fn insert_node(&mut self, index: usize, node: Node) {
        assert!(!self.is_listpack, "a listpack is one node");
        if index == 0 {
            let second = std::mem::replace(&mut self.first, node);
            self.rest.push_front(second);
        } else {
            self.rest.insert(index - 1, node);
        }
    }

    fn remove_node(&mut self, index: usize) {
        match index {
            0 => {
                self.first = self
                    .rest
                    .pop_front()
                    .unwrap_or_else(|| Node::Packed(Listpack::new()));
            }
            _ => {
                let removed = self.rest.remove(index - 1);
                assert!(removed.is_some(), "the caller has seen the node");
            }
        }
        if self.rest.len() < self.rest.capacity() / 4 {
            self.rest.shrink_to(self.rest.len() * 2);
        }
    }

    /// Adds an element at an end, after `grow`.
    #[inline]
    fn push_grown(&mut self, end: End, text: &[u8], limits: NodeLimits) {
        if self.push_packed(end, text) {
            return;
        }
        let node = match end {
            End::Back => self.rest.back_mut().unwrap_or(&mut self.first),
            End::Front => &mut self.first,
        };
        self.len += 1;
        if node.admits(text.len(), limits)
            && let Some(pack) = node.pack()
        {
            let element = Element::from_text(text);
            return match end {
                End::Back => pack.push_back(element),
                End::Front => pack.push_front(element),
            };
        }
        self.push_node(end, text, limits);
    }

    #[cold]
    fn push_node(&mut self, end: End, text: &[u8], limits: NodeLimits) {
        let new = Node::of(text, limits);
        if self.len == 1 {
            self.first = new;
            return;
        }
        let (old, at) = match end {
            End::Front => (0, 0),
            End::Back => (self.node_count() - 1, self.node_count()),
        };
        // Nothing more is pushed onto the old end: it keeps no room for it.
        if let Some(pack) = self.node_mut(old).pack() {
            pack.shrink();
        }
        self.insert_node(at, new);
        self.settle_ends(limits);
        self.assert_whole();
    }

    /// Shows the element at an end and removes it.
    #[inline]
    pub fn pop<T>(
        &mut self,
        end: End,
        limits: NodeLimits,
        show: impl FnOnce(Element<'_>) -> T,
    ) -> Option<T> {
        if self.len == 0 {
            return None;
        }
        let index = match end {
            End::Front => 0,
            End::Back => self.node_count() - 1,
        };
        let node = self.node_mut(index);
        node.open();
        let shown = match node {
            Node::Packed(pack) => {
                let position = match end {
                    End::Front => pack.first(),
                    End::Back => pack.before(pack.end()),
                };
                let (element, next) = pack.at(position);
                let shown = show(element);
                pack.cut(position, next, 1);
                shown
            }
            Node::Plain(text) => show(Element::Bytes(text)),
            Node::LzfPacked { .. } | Node::LzfPlain { .. } => {
                unreachable!("the node was just opened")
            }
        };
        self.len -= 1;
        if !matches!(self.node(index), Node::Packed(pack) if !pack.is_empty()) {
            self.remove_node(index);
            self.settle_ends(limits);
            self.assert_whole();
        }
        self.shrink(limits);
        Some(shown)
    }

    /// Removes up to `count` elements at an end.
    pub fn drop_elements(&mut self, end: End, count: usize, limits: NodeLimits) {
        let mut left = count.min(self.len);
        while left > 0 {
            let index = match end {
                End::Front => 0,
                End::Back => self.node_count() - 1,
            };
            let in_node = self.node(index).count();
            assert!(in_node > 0, "elements are left");
            if in_node <= left {
                self.remove_node(index);
                self.len -= in_node;
                left -= in_node;
                continue;
            }
            let pack = self
                .node_mut(index)
                .pack()
                .expect("more than one element is a listpack");
            match end {
                End::Front => pack.cut(pack.first(), pack.position(left), left),
                End::Back => pack.cut(pack.position(in_node - left), pack.end(), left),
            };
            self.len -= left;
            left = 0;
        }
        self.assert_whole();
        self.settle_ends(limits);
        self.shrink(limits);
    }

    /// The node that holds the element with this index, and the index in it; from the nearer end.
    fn locate(&self, index: usize) -> (usize, usize) {
        assert!(index < self.len);
        if index < self.len / 2 {
            let mut left = index;
            for node in 0.. {
                let count = self.node(node).count();
                if left < count {
                    return (node, left);
                }
                left -= count;
            }
        }
        let mut behind = self.len - index;
        for node in (0..self.node_count()).rev() {
            let count = self.node(node).count();
            if behind <= count {
                return (node, count - behind);
            }
            behind -= count;
        }
        unreachable!("the nodes hold as many elements as the list counts")
    }

    /// Shows the element with this index.
    pub fn get<T>(&self, index: usize, show: impl FnOnce(Element<'_>) -> T) -> Option<T> {
        if index >= self.len {
            return None;
        }
        let (node, offset) = self.locate(index);
        Some(match self.node(node).view() {
            View::Packed(pack) => show(pack.at(pack.position(offset)).0),
            View::Plain(text) => show(Element::Bytes(&text)),
        })
    }

    /// Shows elements from the one with this index on, towards the back or (`backwards`) the front,
    /// until told to stop.
    pub fn walk(
        &self,
        index: usize,
        backwards: bool,
        mut show: impl FnMut(Element<'_>) -> ControlFlow<()>,
    ) {
        if index >= self.len {
            return;
        }
        let (mut node, offset) = self.locate(index);
        let mut skip = if backwards {
            self.node(node).count() - 1 - offset
        } else {
            offset
        };
        loop {
            let stop = self.node(node).view().walk(skip, backwards, &mut show);
            let last = if backwards { 0 } else { self.node_count() - 1 };
            if stop.is_break() || node == last {
                return;
            }
            skip = 0;
            node = if backwards { node - 1 } else { node + 1 };
        }
    }

    /// Shows `count` elements from the one with this index on.
    pub fn range(
        &self,
        index: usize,
        count: usize,
        backwards: bool,
        mut show: impl FnMut(Element<'_>),
    ) {
        let mut left = count;
        if left == 0 {
            return;
        }
        self.walk(index, backwards, |element| {
            show(element);
            left -= 1;
            if left == 0 {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
    }

    /// What the nodes hold, in order.
    pub fn nodes(&self) -> impl ExactSizeIterator<Item = View<'_>> {
        (0..self.node_count()).map(|index| self.node(index).view())
    }

    /// Appends a listpack that was loaded, as a node where its size allows.
    pub fn load_pack(&mut self, pack: Listpack) {
        if pack.is_empty() {
            return;
        }
        if pack.entry_bytes() > LIST_NODE_LOADED_BYTES_MAX {
            for element in pack.iter() {
                element.with_text(|text| self.push(End::Back, text, NodeLimits::default()));
            }
            return;
        }
        let count = pack.len();
        self.load_node(Node::Packed(pack), count);
    }

    /// Appends a large element that was loaded.
    pub fn load_plain(&mut self, text: &[u8]) {
        self.load_node(Node::Plain(text.into()), 1);
    }

    fn load_node(&mut self, node: Node, count: usize) {
        assert!(!self.is_listpack, "what is loaded comes node by node");
        assert!(count == node.count() && count > 0);
        if self.len == 0 {
            self.first = node;
        } else {
            self.rest.push_back(node);
        }
        self.len += count;
    }
}

impl Content for List {
    fn kind(&self) -> Kind {
        Kind::List
    }

    fn encoding(&self) -> Encoding {
        match self.is_listpack {
            true => Encoding::Listpack,
            false => Encoding::Quicklist,
        }
    }

    fn elements(&self) -> usize {
        self.len
    }

    fn pieces(&self) -> usize {
        self.node_count()
    }

    fn free_pieces(&mut self, budget: usize) -> usize {
        let freed = self.rest.len().min(budget);
        self.rest.truncate(self.rest.len() - freed);
        freed
    }

    /// The list itself is behind the object, too.
    fn heap_bytes(&self) -> usize {
        let nodes: usize = (0..self.node_count())
            .map(|index| self.node(index).heap_bytes())
            .sum();
        size_class(size_of::<List>()) + size_class(self.rest.capacity() * size_of::<Node>()) + nodes
    }
}

#[cfg(test)]
#[path = "quicklist_tests.rs"]
mod tests;
