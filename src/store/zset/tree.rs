//! A B+ tree of small elements in the order of their scores, with the number of elements below each
//! node: the element of a rank, the rank of an element, both directions.
//!
//! It copies what names an element and looks behind it for its score only; who asks says with
//! `is_before` which come first. Owned by `ordered`; must not know members, keys or the clock.
//! ```text
//! leaf   elements, in an allocation of the next class       inner  (count, first, child) ...
//! ```
//! Leaves are equally deep. A full node is split in halves, at either end of the tree where it
//! grows there. A node that becomes small joins a neighbour where both fit in one.

use crate::limits::{ZSET_INNER_CHILDREN, ZSET_LEAF_BYTES};
use crate::store::size_class::size_class;

/// An element: small, with a score that may take a look into memory.
pub(super) trait Scored: Copy {
    fn score(self) -> f64;
}

/// Small nodes in tests, so that their trees are deep.
const FANOUT: usize = if cfg!(test) { 5 } else { ZSET_INNER_CHILDREN };

const fn leaf_max<T>() -> usize {
    if cfg!(test) {
        7
    } else {
        ZSET_LEAF_BYTES / size_of::<T>()
    }
}

#[derive(Debug)]
enum Node<T> {
    Leaf(Vec<T>),
    Inner(Vec<Child<T>>),
}

/// A child, with what a search needs to know of it without a look into it.
#[derive(Debug)]
struct Child<T> {
    count: usize,
    /// Its first element and that one's score.
    first: (f64, T),
    node: Node<T>,
}

/// The tree.
#[derive(Debug)]
pub(super) struct Tree<T> {
    root: Node<T>,
    len: usize,
}

impl<T: Scored> Node<T> {
    fn first(&self) -> Option<(f64, T)> {
        match self {
            Node::Leaf(elements) => elements.first().map(|&first| (first.score(), first)),
            Node::Inner(children) => children.first().map(|child| child.first),
        }
    }

    fn count(&self) -> usize {
        match self {
            Node::Leaf(elements) => elements.len(),
            Node::Inner(children) => children.iter().map(|child| child.count).sum(),
        }
    }

    /// Elements or children, and how many there may be.
    fn load(&self) -> (usize, usize) {
        match self {
            Node::Leaf(elements) => (elements.len(), leaf_max::<T>()),
            Node::Inner(children) => (children.len(), FANOUT),
        }
    }

    fn into_child(self) -> Child<T> {
        Child {
            count: self.count(),
            first: self.first().expect("nodes in a tree are not empty"),
            node: self,
        }
    }

    /// Puts an element where `is_before` ends; what was split off stands behind.
    fn insert(&mut self, element: T, is_before: &impl Fn(f64, T) -> bool) -> Option<Child<T>> {
        match self {
            Node::Leaf(elements) => insert_in_leaf(elements, element, is_before),
            Node::Inner(children) => {
                let behind =
                    children.partition_point(|child| is_before(child.first.0, child.first.1));
                let at = behind.saturating_sub(1);
                let child = &mut children[at];
                let split = child.node.insert(element, is_before);
                child.count += 1;
                if behind == 0 {
                    child.first = (element.score(), element);
                }
                let split = split?;
                child.count -= split.count;
                insert_child(children, at + 1, split)
            }
        }
    }

    /// Takes the elements from rank `from` on, `count` in number, out and shows them in order.
    fn remove(&mut self, from: usize, count: usize, show: &mut impl FnMut(T)) {
        let children = match self {
            Node::Leaf(elements) => {
                elements.drain(from..from + count).for_each(show);
                fit(elements);
                return;
            }
            Node::Inner(children) => children,
        };
        let (mut at, mut skipped) = locate(children, from);
        let (first_touched, mut left) = (at, count);
        while left > 0 {
            let child = &mut children[at];
            let within = from.saturating_sub(skipped);
            let taken = left.min(child.count - within);
            skipped += child.count;
            child.node.remove(within, taken, show);
            child.count -= taken;
            if within == 0
                && let Some(first) = child.node.first()
            {
                child.first = first;
            }
            left -= taken;
            at += 1;
        }
        // Those that are empty stand together.
        let emptied = children[first_touched..at]
            .iter()
            .filter(|child| child.count == 0)
            .count();
        let begin = first_touched
            + children[first_touched..at]
                .iter()
                .position(|child| child.count == 0)
                .unwrap_or(0);
        children.drain(begin..begin + emptied);
        for at in [first_touched + 1, first_touched] {
            join(children, at);
        }
    }
}

/// The child with the element of this rank, and how many elements stand before that child.
fn locate<T>(children: &[Child<T>], rank: usize) -> (usize, usize) {
    let mut skipped = 0;
    for (at, child) in children.iter().enumerate() {
        if rank < skipped + child.count {
            return (at, skipped);
        }
        skipped += child.count;
    }
    panic!("ranks are below the number of elements");
}

/// How many elements a vector of the next class holds that takes one more than `len`.
fn capacity<T>(len: usize) -> usize {
    let wanted = (len + len / 8 + 1).min(leaf_max::<T>()).max(len);
    (size_class(wanted * size_of::<T>()) / size_of::<T>()).min(leaf_max::<T>().max(len))
}

/// Gives back what a leaf has beyond the next class.
fn fit<T>(elements: &mut Vec<T>) {
    let wanted = capacity::<T>(elements.len());
    if elements.capacity() > wanted + wanted / 4 {
        elements.shrink_to(wanted);
    }
}

fn insert_in_leaf<T: Scored>(
    elements: &mut Vec<T>,
    element: T,
    is_before: &impl Fn(f64, T) -> bool,
) -> Option<Child<T>> {
    let at = elements.partition_point(|&other| is_before(other.score(), other));
    if elements.len() < leaf_max::<T>() {
        if elements.len() == elements.capacity() {
            elements.reserve_exact(capacity::<T>(elements.len()) - elements.len());
        }
        elements.insert(at, element);
        return None;
    }
    let mut behind = elements.split_off(split_at(elements.len(), at));
    if at > elements.len() || behind.is_empty() {
        behind.insert(at - elements.len(), element);
        fit(elements);
    } else {
        elements.insert(at, element);
    }
    let mut exact = Vec::with_capacity(capacity::<T>(behind.len()));
    exact.extend_from_slice(&behind);
    fit(elements);
    Some(Node::Leaf(exact).into_child())
}

/// Where a full node of `len` is split that takes one more at `at`.
fn split_at(len: usize, at: usize) -> usize {
    match at {
        _ if at == len => len,
        0 => 1,
        _ => len / 2,
    }
}

fn insert_child<T: Scored>(
    children: &mut Vec<Child<T>>,
    at: usize,
    child: Child<T>,
) -> Option<Child<T>> {
    if children.len() < FANOUT {
        children.insert(at, child);
        return None;
    }
    let mut behind = children.split_off(split_at(children.len(), at));
    if at > children.len() || behind.is_empty() {
        behind.insert(at - children.len(), child);
    } else {
        children.insert(at, child);
    }
    Some(Node::Inner(behind).into_child())
}

/// Joins the child at `at` with a neighbour where it is small and both fit in three quarters of a
/// node.
fn join<T: Scored>(children: &mut Vec<Child<T>>, at: usize) {
    let Some(child) = children.get(at) else {
        return;
    };
    let (load, max) = child.node.load();
    if load > max / 4 {
        return;
    }
    let fits = |other: usize| {
        let other = children.get(other).map(|other| other.node.load().0);
        other.is_some_and(|other| load + other <= max * 3 / 4)
    };
    let left = if at > 0 && fits(at - 1) {
        at - 1
    } else if fits(at + 1) {
        at
    } else {
        return;
    };
    let right = children.remove(left + 1);
    let joined = &mut children[left];
    joined.count += right.count;
    match (&mut joined.node, right.node) {
        (Node::Leaf(elements), Node::Leaf(others)) => {
            let wanted = capacity::<T>(elements.len() + others.len());
            elements.reserve_exact(wanted - elements.len());
            elements.extend_from_slice(&others);
        }
        (Node::Inner(children), Node::Inner(others)) => children.extend(others),
        _ => unreachable!("all leaves are equally deep"),
    }
}

impl<T: Scored> Tree<T> {
    pub fn new() -> Tree<T> {
        Tree {
            root: Node::Leaf(Vec::new()),
            len: 0,
        }
    }

    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Puts an element behind all those for which `is_before` holds; they stand together at the
    /// front.
    pub fn insert(&mut self, element: T, is_before: impl Fn(f64, T) -> bool) {
        self.len += 1;
        if let Some(behind) = self.root.insert(element, &is_before) {
            let front = std::mem::replace(&mut self.root, Node::Inner(Vec::with_capacity(2)));
            let Node::Inner(children) = &mut self.root else {
                unreachable!("it has just been made")
            };
            children.extend([front.into_child(), behind]);
        }
        debug_assert!(self.len == self.root.count());
    }

    /// For how many elements `is_before` holds; they stand together at the front.
    pub fn rank(&self, is_before: impl Fn(f64, T) -> bool) -> usize {
        let (mut node, mut rank) = (&self.root, 0);
        loop {
            match node {
                Node::Leaf(elements) => {
                    let is_before = |&element: &T| is_before(element.score(), element);
                    return rank + elements.partition_point(is_before);
                }
                Node::Inner(children) => {
                    let behind =
                        children.partition_point(|child| is_before(child.first.0, child.first.1));
                    let Some(at) = behind.checked_sub(1) else {
                        return rank;
                    };
                    rank += children[..at]
                        .iter()
                        .map(|child| child.count)
                        .sum::<usize>();
                    node = &children[at].node;
                }
            }
        }
    }

    /// The leaf with the element of this rank, and where in it.
    fn leaf(&self, rank: usize) -> (&[T], usize) {
        assert!(rank < self.len, "ranks are below the number of elements");
        let (mut node, mut within) = (&self.root, rank);
        loop {
            match node {
                Node::Leaf(elements) => return (elements, within),
                Node::Inner(children) => {
                    let (at, skipped) = locate(children, within);
                    node = &children[at].node;
                    within -= skipped;
                }
            }
        }
    }

    /// The element of this rank, which there must be.
    pub fn get(&self, rank: usize) -> T {
        let (elements, within) = self.leaf(rank);
        elements[within]
    }

    /// The `count` elements from rank `from` on, upwards or downwards. They must be there.
    pub fn range(&self, from: usize, count: usize, backwards: bool) -> impl Iterator<Item = T> {
        assert!(count <= if backwards { from + 1 } else { self.len - from });
        let (mut leaf, mut within, mut left) = (&[][..], 0, count);
        let mut rank = from;
        std::iter::from_fn(move || {
            left = left.checked_sub(1)?;
            if leaf.is_empty() {
                (leaf, within) = self.leaf(rank);
            }
            let element = leaf[within];
            if backwards {
                rank = rank.wrapping_sub(1);
                if within == 0 {
                    leaf = &[];
                }
                within = within.wrapping_sub(1);
            } else {
                (rank, within) = (rank + 1, within + 1);
                if within == leaf.len() {
                    leaf = &[];
                }
            }
            Some(element)
        })
    }

    /// Takes the `count` elements from rank `from` on out and shows them, in their order.
    pub fn remove(&mut self, from: usize, count: usize, mut show: impl FnMut(T)) {
        assert!(from + count <= self.len, "only what is there is taken out");
        self.len -= count;
        if count > 0 {
            self.root.remove(from, count, &mut show);
        }
        loop {
            match &mut self.root {
                Node::Inner(children) if children.len() == 1 => {
                    self.root = children.pop().expect("there is one").node;
                }
                Node::Inner(children) if children.is_empty() => self.root = Node::Leaf(Vec::new()),
                _ => break,
            }
        }
        debug_assert!(self.len == self.root.count());
    }

    /// Bytes allocated behind it. Walks over the nodes.
    pub fn heap_bytes(&self) -> usize {
        fn bytes<T>(node: &Node<T>) -> usize {
            match node {
                Node::Leaf(elements) => size_class(elements.capacity() * size_of::<T>()),
                Node::Inner(children) => {
                    let below: usize = children.iter().map(|child| bytes(&child.node)).sum();
                    below + size_class(children.capacity() * size_of::<Child<T>>())
                }
            }
        }
        bytes(&self.root)
    }
}

#[cfg(test)]
#[path = "tree_tests.rs"]
mod tests;
