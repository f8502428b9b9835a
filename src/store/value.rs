//! What an entry can hold: the shapes of values, their kinds and the names clients know them by.
//!
//! A small string lives inside its entry, an integer as 8 bytes, everything else is an `Object`,
//! which passes on what each type answers (`content.rs`). How a type is added says
//! `ARCHITECTURE.md`. Owned by the store; must not know tables, expiry or commands.

use super::content::Content;
use super::hash::{Hash, HashLimits};
use super::key_hash::KeyHash;
use super::quicklist::{List, NodeLimits};
use super::set::{Set, SetLimits};
use super::stream::{Stream, StreamLimits};
use super::zset::{Zset, ZsetLimits};
use crate::limits::{EMBSTR_BYTES_MAX, INLINE_VALUE_BYTES_MAX};

/// Longest text of an `i64`.
const I64_DIGITS: usize = 20;

/// A value on its way into an entry.
#[derive(Debug)]
pub enum Value<'a> {
    Int(i64),
    /// A string as given by a client: `embstr` when short, else `raw`.
    Bytes(&'a [u8]),
    /// A string that was edited in place: always `raw`.
    Raw(&'a [u8]),
    Object(Object),
}

impl<'a> Value<'a> {
    /// A string, as an integer where its text is the canonical spelling of one.
    #[inline]
    #[must_use]
    pub fn from_text(text: &'a [u8]) -> Value<'a> {
        match canonical_i64(text) {
            Some(number) => Value::Int(number),
            None => Value::Bytes(text),
        }
    }

    /// Moves bytes too long to be inline into an object.
    #[inline]
    pub(super) fn spill(self) -> Value<'a> {
        match self {
            Value::Bytes(bytes) | Value::Raw(bytes) if bytes.len() > INLINE_VALUE_BYTES_MAX => {
                Value::Object(Object::Bytes(bytes.to_vec()))
            }
            value => value,
        }
    }

    #[inline]
    pub(super) fn kind(&self) -> Kind {
        match self {
            Value::Object(object) => object.kind(),
            _ => Kind::String,
        }
    }

    #[inline]
    pub(super) fn encoding(&self) -> Encoding {
        match self {
            Value::Int(_) => Encoding::Int,
            Value::Bytes(bytes) if bytes.len() <= EMBSTR_BYTES_MAX => Encoding::Embstr,
            Value::Bytes(_) | Value::Raw(_) => Encoding::Raw,
            Value::Object(object) => object.encoding(),
        }
    }
}

/// A value as an entry shows it.
#[derive(Clone, Copy, Debug)]
pub enum ValueRef<'a> {
    Int(i64),
    /// A string, wherever its bytes live.
    Bytes(&'a [u8]),
    /// Any other type.
    Object(&'a Object),
}

impl ValueRef<'_> {
    /// How many elements the value has; a string is one.
    #[inline]
    #[must_use]
    pub fn elements(self) -> usize {
        match self {
            ValueRef::Int(_) | ValueRef::Bytes(_) => 1,
            ValueRef::Object(object) => object.elements(),
        }
    }
}

/// A value outside the entry's own bytes. At most 24 bytes itself: it is stored inside the entry,
/// aligned.
#[derive(Clone, Debug)]
pub enum Object {
    /// A string too long to be inline.
    Bytes(Vec<u8>),
    List(Box<List>),
    Stream(Box<Stream>),
    Set(Box<Set>),
    Zset(Box<Zset>),
    /// Not boxed: there are many small ones.
    Hash(Hash),
}

const _: () = assert!(size_of::<Object>() <= 24 && align_of::<Object>() == 8);

/// How large the compact form of each type may get, as the directives say, and how the elements of
/// its large form are hashed.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(test, derive(Default))]
pub struct FormLimits {
    pub list: NodeLimits,
    pub stream: StreamLimits,
    pub set: SetLimits,
    pub zset: ZsetLimits,
    pub hashes: HashLimits,
    pub hash: KeyHash,
}

impl Object {
    /// Here, and in `content_mut`, every type is named.
    #[inline]
    fn content(&self) -> &dyn Content {
        match self {
            Object::Bytes(bytes) => bytes,
            Object::List(list) => &**list,
            Object::Stream(stream) => &**stream,
            Object::Set(set) => &**set,
            Object::Zset(zset) => &**zset,
            Object::Hash(hash) => hash,
        }
    }

    #[inline]
    fn content_mut(&mut self) -> &mut dyn Content {
        match self {
            Object::Bytes(bytes) => bytes,
            Object::List(list) => &mut **list,
            Object::Stream(stream) => &mut **stream,
            Object::Set(set) => &mut **set,
            Object::Zset(zset) => &mut **zset,
            Object::Hash(hash) => hash,
        }
    }

    #[must_use]
    pub fn kind(&self) -> Kind {
        self.content().kind()
    }

    #[must_use]
    pub fn encoding(&self) -> Encoding {
        self.content().encoding()
    }

    /// How many elements it has, as LLEN and its kin count them; a string is one.
    #[inline]
    #[must_use]
    pub(super) fn elements(&self) -> usize {
        self.content().elements()
    }

    /// True when nothing is left of it, so that its key goes.
    #[inline]
    #[must_use]
    pub(super) fn is_emptied(&self) -> bool {
        self.content().is_emptied()
    }

    /// When it wants attention, unix milliseconds.
    #[inline]
    #[must_use]
    pub fn wake_ms(&self) -> Option<u64> {
        self.content().wake_ms()
    }

    /// Allocations that freeing it takes, about.
    #[inline]
    #[must_use]
    pub fn pieces(&self) -> usize {
        self.content().pieces()
    }

    /// Frees up to `budget` pieces, but not the last; the rest is only to be freed further. Returns
    /// how many.
    pub(super) fn free_pieces(&mut self, budget: usize) -> usize {
        self.content_mut().free_pieces(budget)
    }

    /// Bytes allocated behind the object, in the allocator's classes.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        self.content().heap_bytes()
    }
}

/// The type of a value. The numbers are the entry header's, and Redis's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    String,
    List,
    Set,
    Zset,
    Hash,
    Module,
    Stream,
}

/// The types by number, and what TYPE calls them.
const KINDS: [(Kind, &str); 7] = [
    (Kind::String, "string"),
    (Kind::List, "list"),
    (Kind::Set, "set"),
    (Kind::Zset, "zset"),
    (Kind::Hash, "hash"),
    (Kind::Module, "module"),
    (Kind::Stream, "stream"),
];

impl Kind {
    pub(super) fn from_number(number: u8) -> Kind {
        KINDS[usize::from(number)].0
    }

    #[must_use]
    pub fn name(self) -> &'static str {
        KINDS[self as usize].1
    }
}

/// How a value is kept. The numbers are the entry header's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Encoding {
    Int,
    Embstr,
    Raw,
    Listpack,
    Quicklist,
    Intset,
    Hashtable,
    Skiplist,
    Stream,
    Module,
}

/// The encodings by number, and what OBJECT ENCODING calls them.
const ENCODINGS: [(Encoding, &str); 10] = [
    (Encoding::Int, "int"),
    (Encoding::Embstr, "embstr"),
    (Encoding::Raw, "raw"),
    (Encoding::Listpack, "listpack"),
    (Encoding::Quicklist, "quicklist"),
    (Encoding::Intset, "intset"),
    (Encoding::Hashtable, "hashtable"),
    (Encoding::Skiplist, "skiplist"),
    (Encoding::Stream, "stream"),
    // Redis has no name of its own for a module's value.
    (Encoding::Module, "raw"),
];

impl Encoding {
    pub(super) fn from_number(number: u8) -> Encoding {
        ENCODINGS[usize::from(number)].0
    }

    #[must_use]
    pub fn name(self) -> &'static str {
        ENCODINGS[self as usize].1
    }
}

/// Both lists are in the order of their numbers.
const _: () = {
    let mut number = 0;
    while number < ENCODINGS.len() {
        assert!(ENCODINGS[number].0 as usize == number);
        assert!(number >= KINDS.len() || KINDS[number].0 as usize == number);
        number += 1;
    }
};

/// The integer that `text` spells in the one way it would be printed.
#[inline]
pub(super) fn canonical_i64(text: &[u8]) -> Option<i64> {
    let first = *text.first()?;
    if text.len() > I64_DIGITS || !(first == b'-' || first.is_ascii_digit()) {
        return None;
    }
    let digits = if first == b'-' { &text[1..] } else { text };
    match digits {
        [b'0'] => return (first != b'-').then_some(0),
        [] | [b'0', ..] => return None,
        _ => {}
    }
    let mut magnitude = 0u64;
    for &digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        magnitude = magnitude
            .checked_mul(10)?
            .checked_add(u64::from(digit - b'0'))?;
    }
    if first == b'-' {
        0i64.checked_sub_unsigned(magnitude)
    } else {
        i64::try_from(magnitude).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::super::quicklist::End;
    use super::*;

    #[test]
    fn a_list_has_its_elements_and_a_string_is_one() {
        let mut list = List::new();
        for text in [&b"a"[..], b"b", b"a"] {
            list.push(End::Back, text, NodeLimits::default());
        }
        let object = Object::List(Box::new(list));
        assert_eq!(ValueRef::Object(&object).elements(), 3);
        assert_eq!(Object::Bytes(vec![0; 70_000]).elements(), 1);
        assert_eq!(ValueRef::Bytes(b"").elements(), 1);
        assert_eq!(ValueRef::Int(0).elements(), 1);
    }

    #[test]
    fn only_canonical_integers_become_integers() {
        for number in [0, 1, -1, 42, i64::MAX, i64::MIN, 1_000_000_007] {
            assert_eq!(canonical_i64(number.to_string().as_bytes()), Some(number));
        }
        for text in [
            "",
            "-",
            "-0",
            "00",
            "01",
            "+1",
            " 1",
            "1 ",
            "1a",
            "9223372036854775808",
            "-9223372036854775809",
        ] {
            assert_eq!(canonical_i64(text.as_bytes()), None, "{text:?}");
        }
    }
}
