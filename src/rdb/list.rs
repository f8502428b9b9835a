//! Lists in RDB: written as type 18, read in every form that Redis has written.
//!
//! ```text
//! 1   LIST              count  string ...
//! 10  LIST_ZIPLIST      string (a ziplist)
//! 14  LIST_QUICKLIST    count  string (a ziplist) ...
//! 18  LIST_QUICKLIST_2  count  (container  string) ...   container 1: one element, 2: a listpack
//! ```

use super::ziplist::read_ziplist;
use super::{Malformed, Reader, write_length, write_string};
use crate::store::{End, List, Listpack, NodeLimits, View};

pub(super) const TYPE_LIST: u8 = 1;
pub(super) const TYPE_LIST_ZIPLIST: u8 = 10;
pub(super) const TYPE_LIST_QUICKLIST: u8 = 14;
pub(super) const TYPE_LIST_QUICKLIST_2: u8 = 18;

const CONTAINER_PLAIN: u64 = 1;
const CONTAINER_PACKED: u64 = 2;

/// Appends the body of a list.
pub(super) fn write_list(out: &mut Vec<u8>, list: &List, compress: bool) {
    assert!(!list.is_empty(), "an empty list is no value");
    write_length(out, list.nodes().len() as u64);
    for node in list.nodes() {
        match node {
            View::Packed(pack) => {
                write_length(out, CONTAINER_PACKED);
                write_string(out, &pack.framed(), compress);
            }
            View::Plain(text) => {
                write_length(out, CONTAINER_PLAIN);
                write_string(out, &text, compress);
            }
        }
    }
}

/// Reads the body of a list of this type; `limits` decide its form.
///
/// # Errors
/// When it is cut off or broken, or the list is empty.
pub(super) fn read_list(
    type_byte: u8,
    reader: &mut Reader<'_>,
    limits: NodeLimits,
) -> Result<List, Malformed> {
    let mut list = List::for_loading();
    match type_byte {
        TYPE_LIST => {
            for _ in 0..reader.count()? {
                list.push(End::Back, &reader.string()?, limits);
            }
        }
        TYPE_LIST_ZIPLIST => read_old_node(reader, &mut list)?,
        TYPE_LIST_QUICKLIST => {
            for _ in 0..reader.count()? {
                read_old_node(reader, &mut list)?;
            }
        }
        TYPE_LIST_QUICKLIST_2 => {
            for _ in 0..reader.count()? {
                read_node(reader, &mut list)?;
            }
        }
        _ => return Err(Malformed),
    }
    if list.is_empty() {
        return Err(Malformed);
    }
    list.settle(limits);
    assert!(list.nodes().len() <= list.len(), "no node is empty");
    Ok(list)
}

fn read_node(reader: &mut Reader<'_>, list: &mut List) -> Result<(), Malformed> {
    match reader.plain_length()? {
        CONTAINER_PLAIN => {
            let text = reader.string()?;
            // Redis refuses an empty one too: it writes none.
            if text.is_empty() {
                return Err(Malformed);
            }
            list.load_plain(&text);
        }
        CONTAINER_PACKED => {
            let framed = reader.string()?;
            list.load_pack(Listpack::from_framed(&framed).ok_or(Malformed)?);
        }
        _ => return Err(Malformed),
    }
    Ok(())
}

fn read_old_node(reader: &mut Reader<'_>, list: &mut List) -> Result<(), Malformed> {
    let mut pack = Listpack::new();
    read_ziplist(&reader.string()?, |element| pack.push_back(element))?;
    list.load_pack(pack);
    Ok(())
}

#[cfg(test)]
#[path = "list_tests.rs"]
mod tests;
