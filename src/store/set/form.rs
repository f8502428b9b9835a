//! The forms of a set, and when one gives way to another.
//!
//! Owned by `set`. Limits are Redis's, in its order and with its edges.

use super::intset::Intset;
use crate::limits::{COMPACT_BYTES_MAX, INTSET_ENTRIES_MAX};
use crate::store::elements::Elements;
use crate::store::listpack::{Element, Listpack, Needle};
use crate::store::value::FormLimits;

#[derive(Clone, Debug)]
pub(super) enum Form {
    Intset(Intset),
    Listpack(Listpack),
    /// Boxed, so that small sets are small.
    Table(Box<Elements>),
}

/// One of three iterators.
pub(super) enum EitherOf<A, B, C> {
    First(A),
    Second(B),
    Third(C),
}

impl<T, A, B, C> Iterator for EitherOf<A, B, C>
where
    A: Iterator<Item = T>,
    B: Iterator<Item = T>,
    C: Iterator<Item = T>,
{
    type Item = T;

    #[inline]
    fn next(&mut self) -> Option<T> {
        match self {
            EitherOf::First(members) => members.next(),
            EitherOf::Second(members) => members.next(),
            EitherOf::Third(members) => members.next(),
        }
    }
}

impl FormLimits {
    /// Most members of an intset.
    pub(super) fn intset_entries(&self) -> usize {
        self.set.intset_entries.min(INTSET_ENTRIES_MAX)
    }
}

impl Form {
    pub fn table(limits: &FormLimits) -> Form {
        Form::Table(Box::new(Elements::new(limits.hash)))
    }

    /// Makes it a hash table.
    pub fn enlarge(&mut self, limits: &FormLimits) -> &mut Elements {
        let mut elements = Elements::new(limits.hash);
        let mut add = |element: Element<'_>| {
            let is_new = element.with_text(|text| elements.add(text));
            assert!(is_new, "a set has each member once");
        };
        match self {
            Form::Intset(ints) => ints.iter().map(Element::Int).for_each(&mut add),
            Form::Listpack(pack) => pack.iter().for_each(&mut add),
            Form::Table(_) => unreachable!("there is no larger form"),
        }
        *self = Form::Table(Box::new(elements));
        match self {
            Form::Table(elements) => elements,
            _ => unreachable!("it has just become one"),
        }
    }
}

/// The position of a text.
pub(super) fn find(pack: &Listpack, needle: &Needle<'_>) -> Option<usize> {
    let mut position = pack.first();
    while position < pack.end() {
        let (element, next) = pack.at(position);
        if needle.is(element) {
            return Some(position);
        }
        position = next;
    }
    None
}

/// Whether a listpack takes another member.
pub(super) fn takes(pack: &Listpack, text: &[u8], limits: &FormLimits) -> bool {
    pack.len() < limits.set.listpack_entries
        && text.len() <= limits.set.listpack_value
        && pack.framed_bytes() + text.len() <= COMPACT_BYTES_MAX
}

/// Whether a set of integers may be a listpack with this text, which is none.
pub(super) fn takes_text(ints: &Intset, text: &[u8], limits: &FormLimits) -> bool {
    let digits = |index| itoa::Buffer::new().format(ints.get(index)).len();
    let longest = match ints.len() {
        0 => 0,
        len => digits(0).max(digits(len - 1)),
    };
    ints.len() < limits.set.listpack_entries
        && text.len().max(longest) <= limits.set.listpack_value
        && ints.len() * INTEGER_ENTRY_BYTES_MAX + text.len() <= COMPACT_BYTES_MAX
}

/// Most bytes of an integer in a listpack: its head, eight bytes and its size.
const INTEGER_ENTRY_BYTES_MAX: usize = 10;

/// The integers and a text as a listpack.
pub(super) fn pack_of(ints: &Intset, text: &[u8]) -> Listpack {
    let mut pack = Listpack::new();
    for number in ints.iter() {
        pack.push_back(Element::Int(number));
    }
    pack.push_back(Element::Bytes(text));
    assert!(pack.len() == ints.len() + 1);
    pack
}
