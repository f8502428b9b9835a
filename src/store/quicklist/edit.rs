//! Edits inside a list: set, insert beside, remove equal ones; and which nodes are packed
//! afterwards.
//!
//! Nodes that grow beyond their limits are split, small neighbours are joined. Owned by
//! `quicklist`.

use super::super::listpack::{Element, Listpack, Needle};
use super::node::Node;
use super::{End, List, NodeLimits, View};
use std::ops::ControlFlow;

impl List {
    /// Replaces the element with this index; false when there is none.
    pub fn set(&mut self, index: usize, text: &[u8], limits: NodeLimits) -> bool {
        self.grow(1, text.len(), limits);
        if index >= self.len {
            return false;
        }
        let (at, offset) = self.locate(index);
        let len = self.len;
        let alone = self.node(at).count() == 1 && !self.is_listpack;
        if alone {
            *self.node_mut(at) = Node::of(text, limits);
        } else if self.admits(at, text.len(), limits) {
            let pack = self.pack_of(at);
            let next = pack.remove(pack.position(offset));
            pack.insert(next, Element::from_text(text));
        } else {
            self.len -= 1;
            let pack = self.pack_of(at);
            pack.remove(pack.position(offset));
            self.insert_in(at, offset, text, limits);
        }
        assert!(self.len == len, "one element was replaced by one");
        self.assert_whole();
        self.settle_near(at, limits);
        self.shrink(limits);
        true
    }

    /// Whether a node takes another element of this length.
    fn admits(&self, at: usize, len: usize, limits: NodeLimits) -> bool {
        self.is_listpack || self.node(at).admits(len, limits)
    }

    /// Inserts before or behind the first element that is the pivot; false when there is none.
    pub fn insert_beside(
        &mut self,
        pivot: Needle<'_>,
        end: End,
        text: &[u8],
        limits: NodeLimits,
    ) -> bool {
        // Whether there is a pivot or not, as Redis does.
        self.grow(1, text.len(), limits);
        let found = (0..self.node_count()).find_map(|index| {
            let mut offset = 0;
            let mut look = |element: Element<'_>| {
                if pivot.is(element) {
                    return ControlFlow::Break(());
                }
                offset += 1;
                ControlFlow::Continue(())
            };
            let found = self.node(index).view().walk(0, false, &mut look).is_break();
            found.then_some((index, offset))
        });
        let Some((at, offset)) = found else {
            return false;
        };
        self.insert_in(at, offset + usize::from(end == End::Back), text, limits);
        self.assert_whole();
        self.settle_near(at, limits);
        true
    }

    /// Removes elements that are the needle, from an end on, `most` of them at most. Returns how
    /// many.
    pub fn remove_equal(
        &mut self,
        needle: Needle<'_>,
        end: End,
        most: usize,
        limits: NodeLimits,
    ) -> usize {
        let mut removed = 0;
        let mut emptied = false;
        for step in 0..self.node_count() {
            if removed == most {
                break;
            }
            let index = match end {
                End::Front => step,
                End::Back => self.node_count() - 1 - step,
            };
            let here = self.remove_in_node(index, needle, end, most - removed);
            if here > 0 {
                emptied |= self.node(index).count() == 0;
                self.settle_near(index, limits);
            }
            removed += here;
        }
        assert!(removed <= most.min(self.len));
        self.len -= removed;
        if emptied {
            self.rest.retain(|node| node.count() > 0);
            if self.first.count() == 0 {
                self.remove_node(0);
            }
            self.settle_ends(limits);
        }
        self.assert_whole();
        if removed > 0 {
            self.shrink(limits);
        }
        removed
    }

    fn remove_in_node(&mut self, at: usize, needle: Needle<'_>, end: End, most: usize) -> usize {
        let mut matches = Vec::new();
        let count = self.node(at).count();
        let mut offset = 0;
        let mut look = |element: Element<'_>| {
            if needle.is(element) {
                matches.push(match end {
                    End::Front => offset,
                    End::Back => count - 1 - offset,
                });
            }
            offset += 1;
            if matches.len() == most {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        };
        let view = self.node(at).view();
        let _ = view.walk(0, end == End::Back, &mut look);
        if matches.is_empty() {
            return 0;
        }
        let View::Packed(pack) = view else {
            *self.node_mut(at) = Node::Packed(Listpack::new());
            return 1;
        };
        let mut kept = Listpack::new();
        matches.sort_unstable();
        let mut gone = matches.iter().peekable();
        for (offset, element) in pack.iter().enumerate() {
            if gone.next_if_eq(&&offset).is_none() {
                kept.push_back(element);
            }
        }
        assert!(kept.len() + matches.len() == count);
        *self.node_mut(at) = Node::Packed(kept);
        matches.len()
    }

    fn pack_of(&mut self, at: usize) -> &mut Listpack {
        self.node_mut(at)
            .pack()
            .expect("a node of several elements is a listpack")
    }

    /// Inserts before the element of a node with this offset, or behind its last.
    fn insert_in(&mut self, at: usize, offset: usize, text: &[u8], limits: NodeLimits) {
        self.len += 1;
        let element = Element::from_text(text);
        let count = self.node(at).count();
        if self.admits(at, text.len(), limits) {
            let pack = self.pack_of(at);
            return pack.insert(pack.position(offset), element);
        }
        if offset == 0 {
            if at > 0 && self.node(at - 1).admits(text.len(), limits) {
                return self.pack_of(at - 1).push_back(element);
            }
            return self.insert_node(at, Node::of(text, limits));
        }
        if offset == count {
            if at + 1 < self.node_count() && self.node(at + 1).admits(text.len(), limits) {
                return self.pack_of(at + 1).push_front(element);
            }
            return self.insert_node(at + 1, Node::of(text, limits));
        }
        let pack = self.pack_of(at);
        let mut tail = pack.split_off(pack.position(offset), count - offset);
        assert!(pack.len() == offset && tail.len() == count - offset);
        pack.shrink();
        tail.shrink();
        self.insert_node(at + 1, Node::Packed(tail));
        if self.node(at).admits(text.len(), limits) {
            self.pack_of(at).push_back(element);
        } else if self.node(at + 1).admits(text.len(), limits) {
            self.pack_of(at + 1).push_front(element);
        } else {
            self.insert_node(at + 1, Node::of(text, limits));
        }
        self.join(at, limits);
    }

    /// Joins the nodes around one that was split with their neighbours, where two fit into one.
    fn join(&mut self, at: usize, limits: NodeLimits) {
        let mut index = at.saturating_sub(1);
        let mut last = (at + 3).min(self.node_count() - 1);
        while index < last {
            let left_packed = self.node_mut(index).pack().is_some();
            let right_packed = self.node_mut(index + 1).pack().is_some();
            if !(left_packed && right_packed) {
                index += 1;
                continue;
            }
            let (View::Packed(left), View::Packed(right)) =
                (self.node(index).view(), self.node(index + 1).view())
            else {
                unreachable!("both were just found to be listpacks")
            };
            if !limits.admits_both(&left, &right) {
                index += 1;
                continue;
            }
            let right = right.into_owned();
            let pack = self.pack_of(index);
            pack.append(&right);
            assert!(
                pack.entry_bytes() <= limits.bytes_max(),
                "they fit into one"
            );
            self.remove_node(index + 1);
            last -= 1;
        }
    }

    /// Packs what an edit at this node left unpacked, unless it is near an end.
    fn settle_near(&mut self, at: usize, limits: NodeLimits) {
        if limits.compress_depth == 0 {
            return;
        }
        let depth = limits.compress_depth as usize;
        let inner = depth..self.node_count().saturating_sub(depth);
        for index in at.saturating_sub(1)..=at + 4 {
            if inner.contains(&index) {
                self.node_mut(index).squeeze();
            }
        }
        self.settle_ends(limits);
    }

    /// After nodes were added or removed: those near the ends are unpacked, the first beyond are
    /// packed.
    pub(super) fn settle_ends(&mut self, limits: NodeLimits) {
        let depth = limits.compress_depth as usize;
        if depth == 0 {
            return;
        }
        let count = self.node_count();
        for index in 0..depth.min(count) {
            self.node_mut(index).open();
            self.node_mut(count - 1 - index).open();
        }
        if count > 2 * depth {
            self.node_mut(depth).squeeze();
            self.node_mut(count - 1 - depth).squeeze();
        }
    }
}
