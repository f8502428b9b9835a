//! One node of a list: a listpack, or one large element by itself, either of them as it is or
//! packed with LZF.
//!
//! Owned by `quicklist`. A packed node is unpacked for reading into a copy, for writing in place;
//! whoever writes packs it again. Must not know its neighbours.

use super::super::listpack::{Element, Listpack};
use super::super::size_class::size_class;
use super::NodeLimits;
use crate::base::lzf;
use crate::limits::{LIST_PACKED_BYTES_MIN, LIST_PACKING_SAVES_BYTES_MIN};
use std::borrow::Cow;
use std::ops::ControlFlow;

#[derive(Clone, Debug)]
pub(super) enum Node {
    Packed(Listpack),
    Plain(Box<[u8]>),
    /// The entries of a listpack, as LZF; `bytes` and `count` of them.
    LzfPacked {
        lzf: Box<[u8]>,
        bytes: u32,
        count: u32,
    },
    LzfPlain {
        lzf: Box<[u8]>,
        bytes: u32,
    },
}

const _: () = assert!(size_of::<Node>() <= 32);

/// What a node holds, unpacked.
#[derive(Debug)]
pub enum View<'a> {
    Packed(Cow<'a, Listpack>),
    Plain(Cow<'a, [u8]>),
}

impl Node {
    /// A node of one element.
    pub fn of(text: &[u8], limits: NodeLimits) -> Node {
        if limits.is_large(text.len()) {
            return Node::Plain(text.into());
        }
        let mut pack = Listpack::new();
        pack.push_back(Element::from_text(text));
        Node::Packed(pack)
    }

    /// The number of elements.
    #[inline]
    pub fn count(&self) -> usize {
        match self {
            Node::Packed(pack) => pack.len(),
            Node::LzfPacked { count, .. } => *count as usize,
            Node::Plain(_) | Node::LzfPlain { .. } => 1,
        }
    }

    pub fn view(&self) -> View<'_> {
        match self {
            Node::Packed(pack) => View::Packed(Cow::Borrowed(pack)),
            Node::Plain(text) => View::Plain(Cow::Borrowed(text)),
            Node::LzfPacked { lzf, bytes, count } => {
                let entries = unpack(lzf, *bytes);
                View::Packed(Cow::Owned(Listpack::from_entries(entries, *count as usize)))
            }
            Node::LzfPlain { lzf, bytes } => View::Plain(Cow::Owned(unpack(lzf, *bytes))),
        }
    }

    /// Unpacks in place.
    #[inline]
    pub fn open(&mut self) {
        if matches!(self, Node::LzfPacked { .. } | Node::LzfPlain { .. }) {
            *self = match self.view() {
                View::Packed(pack) => Node::Packed(pack.into_owned()),
                View::Plain(text) => Node::Plain(text.into_owned().into()),
            };
        }
    }

    /// The listpack, when the node is one; unpacked first.
    #[inline]
    pub fn pack(&mut self) -> Option<&mut Listpack> {
        self.open();
        match self {
            Node::Packed(pack) => Some(pack),
            _ => None,
        }
    }

    /// Packs in place where that saves enough.
    pub fn squeeze(&mut self) {
        let (content, count) = match self {
            Node::Packed(pack) => (pack.entries(), Some(pack.len())),
            Node::Plain(text) => (&**text, None),
            Node::LzfPacked { .. } | Node::LzfPlain { .. } => return,
        };
        let Ok(bytes) = u32::try_from(content.len()) else {
            return;
        };
        if content.len() < LIST_PACKED_BYTES_MIN {
            return;
        }
        if let Some(lzf) = lzf::compress(content, content.len() - LIST_PACKING_SAVES_BYTES_MIN) {
            assert!(lzf.len() + LIST_PACKING_SAVES_BYTES_MIN <= content.len());
            let lzf = lzf.into_boxed_slice();
            *self = match count {
                Some(count) => Node::LzfPacked {
                    lzf,
                    bytes,
                    count: count as u32,
                },
                None => Node::LzfPlain { lzf, bytes },
            };
        }
    }

    /// Whether an element of this length may join the node.
    #[inline]
    pub fn admits(&self, len: usize, limits: NodeLimits) -> bool {
        let (bytes, count) = match self {
            Node::Packed(pack) => (pack.entry_bytes(), pack.len()),
            Node::LzfPacked { bytes, count, .. } => (*bytes as usize, *count as usize),
            Node::Plain(_) | Node::LzfPlain { .. } => return false,
        };
        !limits.is_large(len) && limits.admits(bytes, count, len)
    }

    pub fn heap_bytes(&self) -> usize {
        match self {
            Node::Packed(pack) => pack.heap_bytes(),
            Node::Plain(bytes)
            | Node::LzfPacked { lzf: bytes, .. }
            | Node::LzfPlain { lzf: bytes, .. } => size_class(bytes.len()),
        }
    }
}

impl View<'_> {
    /// Shows the elements from the `skip`-th on, forwards or backwards, until told to stop.
    pub fn walk(
        &self,
        skip: usize,
        backwards: bool,
        show: &mut impl FnMut(Element<'_>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let pack = match self {
            View::Plain(text) if skip == 0 => return show(Element::Bytes(text)),
            View::Plain(_) => return ControlFlow::Continue(()),
            View::Packed(pack) => pack,
        };
        if backwards {
            let mut position = pack.position(pack.len() - skip);
            while position > pack.first() {
                position = pack.before(position);
                show(pack.at(position).0)?;
            }
        } else {
            let mut position = pack.position(skip);
            while position < pack.end() {
                let (element, next) = pack.at(position);
                show(element)?;
                position = next;
            }
        }
        ControlFlow::Continue(())
    }
}

fn unpack(packed: &[u8], bytes: u32) -> Vec<u8> {
    lzf::decompress(packed, bytes as usize).expect("it was packed here, from this many bytes")
}
