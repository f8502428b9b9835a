//! Sets in RDB: written as types 2 and 11, which every Redis reads, read in every form that Redis
//! has written.
//!
//! ```text
//! 2   SET           count  string ...
//! 11  SET_INTSET    string (an intset)
//! 20  SET_LISTPACK  string (a listpack; since Redis 7.2)
//! ```

use super::{Malformed, Reader, write_integer, write_length, write_string};
use crate::store::{Element, FormLimits, Listpack, Set, SetView};

pub(super) const TYPE_SET: u8 = 2;
pub(super) const TYPE_SET_INTSET: u8 = 11;
pub(super) const TYPE_SET_LISTPACK: u8 = 20;

/// The type that a set is written as.
pub(super) fn type_byte(set: &Set) -> u8 {
    match set.view() {
        SetView::Intset(_) => TYPE_SET_INTSET,
        SetView::Listpack(_) | SetView::Table(_) => TYPE_SET,
    }
}

/// Appends the body of a set.
pub(super) fn write_set(out: &mut Vec<u8>, set: &Set, compress: bool) {
    assert!(!set.is_empty(), "an empty set is no value");
    if let SetView::Intset(framed) = set.view() {
        return write_string(out, &framed, compress);
    }
    write_length(out, set.len() as u64);
    for member in set.iter() {
        match member {
            Element::Int(number) => write_integer(out, number),
            Element::Bytes(bytes) => write_string(out, bytes, compress),
        }
    }
}

/// Reads the body of a set of this type; `limits` decide its form.
///
/// # Errors
/// When it is cut off or broken, empty, or has a member twice.
pub(super) fn read_set(
    type_byte: u8,
    reader: &mut Reader<'_>,
    limits: &FormLimits,
) -> Result<Set, Malformed> {
    match type_byte {
        TYPE_SET => read_members(reader, limits),
        TYPE_SET_INTSET => Set::from_intset(&reader.string()?, limits).ok_or(Malformed),
        TYPE_SET_LISTPACK => {
            let pack = Listpack::from_framed(&reader.string()?).ok_or(Malformed)?;
            Set::from_listpack(pack, limits).ok_or(Malformed)
        }
        _ => Err(Malformed),
    }
}

/// As in Redis, a set of more members than an intset may have is a hash table at once.
fn read_members(reader: &mut Reader<'_>, limits: &FormLimits) -> Result<Set, Malformed> {
    let count = reader.count()?;
    let mut set = if count > limits.set.intset_entries {
        Set::large(limits)
    } else {
        Set::new()
    };
    for _ in 0..count {
        if !set.add(&reader.string()?, limits) {
            return Err(Malformed);
        }
    }
    if set.is_empty() {
        return Err(Malformed);
    }
    assert!(set.len() == count, "each member was new");
    Ok(set)
}

#[cfg(test)]
#[path = "set_tests.rs"]
mod tests;
