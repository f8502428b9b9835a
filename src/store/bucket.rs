//! One bucket of a table: a cache line of seven elements, their fingerprints, a chain behind it.
//!
//! Owned by `table`; must not know hashes beyond the fingerprint, nor keys. All its unsafe code is
//! here: the seventh cell is an element or the link to an overflow node, and nodes may be smaller
//! than a line. An element is anything of pointer size (`Entry`, a set's member, a hash's field).
//! ```text
//! meta 8 bytes: fingerprints 0..7, then state | cells 0..7, 8 bytes each (smaller: 0..3, 0..5)
//! state: elements in this node (3 bits) | LINKED: the last cell is a link | SMALL | MEDIUM
//! ```

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::marker::PhantomData;
use std::mem::{MaybeUninit, size_of};
use std::ptr::{self, NonNull};

/// Elements of a full bucket or node, and of the smaller nodes.
pub(super) const CELLS: usize = 7;
const SMALL_CELLS: usize = 3;
const MEDIUM_CELLS: usize = 5;
/// What the allocator aligns all nodes to.
const NODE_ALIGN: usize = 16;
/// What an element occupies of a full bucket: the pointer and the fingerprint, rounded.
pub const BUCKET_SHARE_BYTES: usize = size_of::<Bucket<*const u8>>() / CELLS;
const STATE_SHIFT: u32 = 56;
const COUNT_MASK: u64 = 7;
const LINKED: u64 = 8;
const SMALL: u64 = 16;
const MEDIUM: u64 = 32;
const LOW_BITS: u64 = 0x0101_0101_0101_0101;
const HIGH_BITS: u64 = 0x8080_8080_8080_8080;

/// A chain of elements with fingerprints; the first seven in one cache line.
#[repr(C, align(64))]
pub(super) struct Bucket<E> {
    meta: u64,
    cells: [MaybeUninit<E>; CELLS],
}

const _: () = assert!(size_of::<Bucket<*const u8>>() == 64);

/// A hint to the processor, where there is such an instruction; any address will do.
#[inline]
pub(super) fn prefetch_line(address: *const u8) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch reads nothing that the program could see and never faults.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(address.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = address;
}

/// The memory of a bucket or of an overflow node: same layout, different length.
struct Node<E> {
    at: NonNull<u64>,
    element: PhantomData<E>,
}

impl<E> Clone for Node<E> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<E> Copy for Node<E> {}

// Every method needs: `at` is a live bucket or node whose meta is true, borrowed for the call.
// `Bucket` alone makes nodes, owns its whole chain, and lends them for reading from `&self`, for
// writing from `&mut self`.
impl<E> Node<E> {
    /// Elements must be as large as the words they are stored in.
    const FITS: () = assert!(size_of::<E>() == 8 && align_of::<E>() <= 8);

    fn layout(cells: usize) -> Layout {
        Layout::from_size_align(8 * (1 + cells), NODE_ALIGN)
            .expect("32, 48 and 64 are multiples of the alignment")
    }

    fn allocate(cells: usize) -> Node<E> {
        let layout = Node::<E>::layout(cells);
        // SAFETY: the size is not zero.
        let Some(at) = NonNull::new(unsafe { alloc(layout) }.cast::<u64>()) else {
            handle_alloc_error(layout)
        };
        let node = Node {
            at,
            element: PhantomData,
        };
        let size = match cells {
            SMALL_CELLS => SMALL,
            MEDIUM_CELLS => MEDIUM,
            _ => 0,
        };
        node.set_meta(size << STATE_SHIFT);
        assert!(node.capacity() == cells, "the state tells the size");
        node
    }

    fn free(self) {
        assert!(self.count() == 0 && self.next().is_none());
        // SAFETY: nodes, unlike buckets, were allocated with this layout; nobody uses it again.
        unsafe {
            dealloc(self.at.as_ptr().cast(), Node::<E>::layout(self.capacity()));
        }
    }

    #[inline]
    fn meta(self) -> u64 {
        // SAFETY: see the head of this block.
        unsafe { self.at.as_ptr().read() }
    }

    #[inline]
    fn set_meta(self, meta: u64) {
        // SAFETY: see the head of this block; the caller holds the chain mutably.
        unsafe { self.at.as_ptr().write(meta) }
    }

    #[inline]
    fn state(self) -> u64 {
        self.meta() >> STATE_SHIFT
    }

    #[inline]
    fn count(self) -> usize {
        (self.state() & COUNT_MASK) as usize
    }

    #[inline]
    fn capacity(self) -> usize {
        match self.state() & (SMALL | MEDIUM) {
            SMALL => SMALL_CELLS,
            MEDIUM => MEDIUM_CELLS,
            _ => CELLS,
        }
    }

    #[inline]
    fn element(self, cell: usize) -> *mut E {
        debug_assert!(cell < self.capacity());
        // SAFETY: the cell is within the node.
        unsafe { self.at.as_ptr().add(1 + cell).cast::<E>() }
    }

    #[inline]
    fn link_place(self) -> *mut NonNull<u64> {
        // SAFETY: only full-size nodes have links, in their last cell.
        unsafe { self.at.as_ptr().add(CELLS).cast::<NonNull<u64>>() }
    }

    #[inline]
    fn next(self) -> Option<Node<E>> {
        // SAFETY: LINKED means that the last cell holds the next node's address.
        (self.state() & LINKED != 0).then(|| Node {
            at: unsafe { self.link_place().read() },
            element: PhantomData,
        })
    }

    fn fingerprint(self, cell: usize) -> u8 {
        (self.meta() >> (8 * cell)) as u8
    }

    fn set_fingerprint(self, cell: usize, fingerprint: u8) {
        let shift = 8 * cell;
        self.set_meta(self.meta() & !(0xff << shift) | u64::from(fingerprint) << shift);
    }

    fn set_state(self, count: usize, linked: bool) {
        assert!(count <= self.capacity() && (count < CELLS || !linked));
        let state =
            count as u64 | if linked { LINKED } else { 0 } | self.state() & (SMALL | MEDIUM);
        self.set_meta(self.meta() << 8 >> 8 | state << STATE_SHIFT);
    }

    fn append(self, fingerprint: u8, element: E) {
        let cell = self.count();
        assert!(cell < self.capacity() && self.next().is_none());
        // SAFETY: the cell is free and within the node.
        unsafe { self.element(cell).write(element) };
        self.set_fingerprint(cell, fingerprint);
        self.set_state(cell + 1, false);
    }

    /// Takes the last element of this node.
    fn pop(self) -> (u8, E) {
        let cell = self
            .count()
            .checked_sub(1)
            .expect("only nodes with elements are popped");
        let fingerprint = self.fingerprint(cell);
        // SAFETY: cells below the count are initialised; the count then excludes this one.
        let element = unsafe { self.element(cell).read() };
        self.set_state(cell, self.next().is_some());
        (fingerprint, element)
    }

    /// One bit (the high bit of a byte) per cell whose fingerprint may be this one; misses none.
    #[inline]
    fn candidates(self, fingerprint: u8) -> u64 {
        let meta = self.meta();
        let difference = meta ^ (u64::from(fingerprint) * LOW_BITS);
        let zero_bytes = difference.wrapping_sub(LOW_BITS) & !difference & HIGH_BITS;
        zero_bytes & ((1u64 << (8 * self.count())) - 1)
    }
}

impl<E> Bucket<E> {
    #[must_use]
    pub fn new() -> Bucket<E> {
        const { Node::<E>::FITS };
        Bucket {
            meta: 0,
            cells: [const { MaybeUninit::uninit() }; CELLS],
        }
    }

    #[inline]
    fn head(&self) -> Node<E> {
        Node {
            at: NonNull::from(self).cast(),
            element: PhantomData,
        }
    }

    #[inline]
    fn head_mut(&mut self) -> Node<E> {
        Node {
            at: NonNull::from(self).cast(),
            element: PhantomData,
        }
    }

    /// The node and cell of the element with this fingerprint that `matches`.
    #[inline]
    fn locate(
        head: Node<E>,
        fingerprint: u8,
        mut matches: impl FnMut(&E) -> bool,
    ) -> Option<(Node<E>, usize)> {
        let mut node = head;
        loop {
            let mut candidates = node.candidates(fingerprint);
            while candidates != 0 {
                let cell = (candidates.trailing_zeros() / 8) as usize;
                // SAFETY: candidates are below the count, thus initialised.
                if matches(unsafe { &*node.element(cell) }) {
                    return Some((node, cell));
                }
                candidates &= candidates - 1;
            }
            node = node.next()?;
        }
    }

    /// Asks for the bucket's cache line before it is needed.
    #[inline]
    pub fn prefetch(&self) {
        prefetch_line(ptr::from_ref(self).cast());
    }

    /// Asks for what the elements with this fingerprint point to; of the bucket's own line only.
    #[inline]
    pub fn prefetch_candidates(&self, fingerprint: u8) {
        let node = self.head();
        let mut candidates = node.candidates(fingerprint);
        while candidates != 0 {
            let cell = (candidates.trailing_zeros() / 8) as usize;
            // SAFETY: candidates are initialised elements of pointer size, read as an address only.
            let address = unsafe { node.element(cell).cast::<*const u8>().read() };
            prefetch_line(address);
            prefetch_line(address.wrapping_add(size_of::<Bucket<E>>()));
            candidates &= candidates - 1;
        }
    }

    #[inline]
    #[must_use]
    pub fn find(&self, fingerprint: u8, matches: impl FnMut(&E) -> bool) -> Option<&E> {
        let (node, cell) = Self::locate(self.head(), fingerprint, matches)?;
        // SAFETY: located elements are initialised and live as long as the bucket is borrowed.
        Some(unsafe { &*node.element(cell) })
    }

    #[inline]
    #[must_use]
    pub fn find_mut(&mut self, fingerprint: u8, matches: impl FnMut(&E) -> bool) -> Option<&mut E> {
        let (node, cell) = Self::locate(self.head_mut(), fingerprint, matches)?;
        // SAFETY: as in `find`, and the bucket is borrowed mutably.
        Some(unsafe { &mut *node.element(cell) })
    }

    /// Adds an element; the caller knows that it is not there yet.
    pub fn push(&mut self, fingerprint: u8, element: E) {
        let (previous, mut node) = self.tail();
        if node.count() < node.capacity() {
            return node.append(fingerprint, element);
        }
        if node.capacity() < CELLS {
            let previous = previous.expect("the head is of full size");
            node = Self::widen(previous, node);
        } else {
            let overflow = Node::allocate(SMALL_CELLS);
            let (last_fingerprint, last) = node.pop();
            overflow.append(last_fingerprint, last);
            // SAFETY: the popped last cell of a full node is free for the link.
            unsafe { node.link_place().write(overflow.at) };
            node.set_state(CELLS - 1, true);
            node = overflow;
        }
        node.append(fingerprint, element);
    }

    /// Replaces a full node that is small or medium by the next size.
    fn widen(previous: Node<E>, small: Node<E>) -> Node<E> {
        assert!(previous.next().is_some_and(|next| next.at == small.at));
        let wide = Node::allocate(match small.capacity() {
            SMALL_CELLS => MEDIUM_CELLS,
            _ => CELLS,
        });
        while small.count() > 0 {
            let (fingerprint, element) = small.pop();
            wide.append(fingerprint, element);
        }
        // SAFETY: `previous` is linked to `small`; nothing refers to `small` afterwards.
        unsafe { previous.link_place().write(wide.at) };
        small.free();
        wide
    }

    /// Takes the element out; the chain's last one fills the hole.
    pub fn remove(&mut self, fingerprint: u8, matches: impl FnMut(&E) -> bool) -> Option<E> {
        let (node, cell) = Self::locate(self.head_mut(), fingerprint, matches)?;
        let (previous, tail) = self.tail();
        let (last_fingerprint, last) = tail.pop();
        let removed = if node.at == tail.at && cell == tail.count() {
            last
        } else {
            // SAFETY: the located element is initialised; the popped one replaces it.
            let removed = unsafe { ptr::replace(node.element(cell), last) };
            node.set_fingerprint(cell, last_fingerprint);
            removed
        };
        Self::compact(previous, tail);
        Some(removed)
    }

    /// Takes the chain's last element out, with its fingerprint.
    pub fn pop(&mut self) -> Option<(u8, E)> {
        let (previous, tail) = self.tail();
        if tail.count() == 0 {
            return None;
        }
        let popped = tail.pop();
        Self::compact(previous, tail);
        Some(popped)
    }

    /// The chain's last node and the one linked to it.
    fn tail(&mut self) -> (Option<Node<E>>, Node<E>) {
        let (mut previous, mut node) = (None, self.head_mut());
        while let Some(next) = node.next() {
            previous = Some(node);
            node = next;
        }
        (previous, node)
    }

    /// Frees an overflow node whose last element fits where the link to it was.
    fn compact(previous: Option<Node<E>>, tail: Node<E>) {
        let Some(previous) = previous else { return };
        assert!(tail.count() > 0, "an overflow node keeps two elements");
        assert!(previous.count() == CELLS - 1, "a linked node is full");
        if tail.count() == 1 {
            let (fingerprint, element) = tail.pop();
            tail.free();
            previous.set_state(CELLS - 1, false);
            previous.append(fingerprint, element);
        }
    }

    /// Calls back with every element of the chain.
    #[inline]
    pub fn for_each<'a>(&'a self, mut visit: impl FnMut(&'a E)) {
        let mut node = self.head();
        loop {
            for cell in 0..node.count() {
                // SAFETY: cells below the count are initialised, and live while the bucket is lent.
                visit(unsafe { &*node.element(cell) });
            }
            let Some(next) = node.next() else { return };
            node = next;
        }
    }

    /// The element with this number in the chain, in `for_each`'s order.
    #[inline]
    #[must_use]
    pub fn nth(&self, number: usize) -> Option<&E> {
        let (mut node, mut cell) = (self.head(), number);
        while cell >= node.count() {
            cell -= node.count();
            node = node.next()?;
        }
        // SAFETY: cells below the count are initialised, and live while the bucket is borrowed.
        Some(unsafe { &*node.element(cell) })
    }

    /// Elements in the chain.
    #[must_use]
    pub fn len(&self) -> usize {
        let mut count = 0;
        self.for_each(|_| count += 1);
        count
    }

    /// Overflow nodes of the chain and their bytes.
    #[must_use]
    pub fn overflow(&self) -> (usize, usize) {
        let (mut nodes, mut bytes) = (0, 0);
        let mut node = self.head();
        while let Some(next) = node.next() {
            nodes += 1;
            bytes += 8 * (1 + next.capacity());
            node = next;
        }
        (nodes, bytes)
    }
}

impl<E> Drop for Bucket<E> {
    fn drop(&mut self) {
        while let Some(element) = self.pop() {
            drop(element);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chains_hold_what_was_pushed_and_shrink_again() {
        for size in 0..40u64 {
            let mut bucket = Bucket::<Box<u64>>::new();
            for number in 0..size {
                bucket.push(number as u8 % 3, Box::new(number));
                assert_eq!(bucket.len() as u64, number + 1);
            }
            let nodes = if size <= 7 { 0 } else { (size - 7).div_ceil(6) };
            assert_eq!(bucket.overflow().0 as u64, nodes, "{size} elements");
            for number in (0..size).map(|step| step * 7 % size.max(1)) {
                let fingerprint = number as u8 % 3;
                if size % 7 == 0 && size > 0 {
                    continue;
                }
                assert_eq!(
                    bucket.find(fingerprint, |n| **n == number).map(|n| **n),
                    Some(number)
                );
                assert_eq!(
                    bucket.remove(fingerprint, |n| **n == number).map(|n| *n),
                    Some(number)
                );
                assert!(bucket.find(fingerprint, |n| **n == number).is_none());
            }
            let mut left = bucket.len();
            while bucket.pop().is_some() {
                left -= 1;
            }
            assert_eq!((left, bucket.overflow()), (0, (0, 0)));
        }
    }

    #[test]
    fn overflow_nodes_grow_in_steps_of_two_cells() {
        let mut bucket = Bucket::<Box<u64>>::new();
        let sizes: Vec<usize> = (0..16)
            .map(|number| {
                bucket.push(0, Box::new(number));
                bucket.overflow().1
            })
            .collect();
        assert_eq!(
            sizes,
            [0, 0, 0, 0, 0, 0, 0, 32, 32, 48, 48, 64, 64, 96, 96, 112]
        );
    }
}
