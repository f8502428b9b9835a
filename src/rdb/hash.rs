//! Hashes in RDB: written as types 4 and 16, or 24 where fields expire, read in all of Redis's.
//!
//! ```text
//! 4, 9       count  (field value) ... (strings) | string (a zipmap: before Redis 2.6)
//! 13, 16     string (a ziplist of fields and values) | string (a listpack of them)
//! 24, 25     least:8 LE  count  (time field value) ... | least:8 LE  string (a listpack of threes)
//!            time: a length; 0: none, else milliseconds behind `least`, and one
//! 22, 23     as 24 and 25 before Redis 7.4.0: no `least`; times of 22 count from the epoch
//! zipmap     count:1  (length field  length free:1 value free bytes) ...  ff
//! ```

use super::ziplist::read_ziplist;
use super::{Malformed, Reader, write_integer, write_length, write_string};
use crate::limits::MEMBER_EXPIRY_MS_MAX;
use crate::store::{Element, FormLimits, Hash, Listpack};

pub(super) const TYPE_HASH: u8 = 4;
pub(super) const TYPE_HASH_ZIPMAP: u8 = 9;
pub(super) const TYPE_HASH_ZIPLIST: u8 = 13;
pub(super) const TYPE_HASH_LISTPACK: u8 = 16;
pub(super) const TYPE_HASH_METADATA_EARLY: u8 = 22;
pub(super) const TYPE_HASH_LISTPACK_EX_EARLY: u8 = 23;
pub(super) const TYPE_HASH_METADATA: u8 = 24;
pub(super) const TYPE_HASH_LISTPACK_EX: u8 = 25;

/// The type that a hash is written as.
pub(super) fn type_byte(hash: &Hash) -> u8 {
    if hash.expires() {
        TYPE_HASH_METADATA
    } else if hash.is_table() {
        TYPE_HASH
    } else {
        TYPE_HASH_LISTPACK
    }
}

fn write_element(out: &mut Vec<u8>, element: Element<'_>, compress: bool) {
    match element {
        Element::Int(number) => write_integer(out, number),
        Element::Bytes(bytes) => write_string(out, bytes, compress),
    }
}

/// Appends the body of a hash.
pub(super) fn write_hash(out: &mut Vec<u8>, hash: &Hash, compress: bool) {
    assert!(!hash.is_empty(), "an empty hash is no value");
    if let Some(framed) = hash.framed() {
        return write_string(out, &framed, compress);
    }
    let least = hash.iter().filter_map(|field| field.expiry).min();
    if let Some(least) = least {
        out.extend_from_slice(&least.to_le_bytes());
    }
    write_length(out, hash.len() as u64);
    for field in hash.iter() {
        if let Some(least) = least {
            let behind = field.expiry.map_or(0, |at_ms| at_ms - least + 1);
            write_length(out, behind);
        }
        write_element(out, field.name, compress);
        write_element(out, field.value, compress);
    }
}

/// Reads the body of a hash of this type; `limits` decide its form.
///
/// # Errors
/// When it is cut off or broken, empty, or has a field twice.
pub(super) fn read_hash(
    type_byte: u8,
    reader: &mut Reader<'_>,
    limits: &FormLimits,
) -> Result<Hash, Malformed> {
    let mut hash = Hash::new();
    match type_byte {
        TYPE_HASH => {
            for _ in 0..reader.count()? {
                let (name, value) = (reader.string()?, reader.string()?);
                add(&mut hash, &name, &value, None, limits)?;
            }
        }
        TYPE_HASH_ZIPMAP => read_zipmap(&reader.string()?, &mut hash, limits)?,
        TYPE_HASH_ZIPLIST => {
            let mut pack = Listpack::new();
            read_ziplist(&reader.string()?, |element| pack.push_back(element))?;
            return Hash::from_listpack(&pack, limits).ok_or(Malformed);
        }
        TYPE_HASH_LISTPACK => {
            let pack = Listpack::from_framed(&reader.string()?).ok_or(Malformed)?;
            return Hash::from_listpack(&pack, limits).ok_or(Malformed);
        }
        TYPE_HASH_METADATA | TYPE_HASH_METADATA_EARLY => {
            let least = match type_byte {
                TYPE_HASH_METADATA => read_time(reader)?,
                _ => 1,
            };
            read_timed(least, reader, &mut hash, limits)?;
        }
        TYPE_HASH_LISTPACK_EX | TYPE_HASH_LISTPACK_EX_EARLY => {
            if type_byte == TYPE_HASH_LISTPACK_EX {
                read_time(reader)?;
            }
            read_triples(&reader.string()?, &mut hash, limits)?;
        }
        _ => return Err(Malformed),
    }
    if hash.is_empty() {
        return Err(Malformed);
    }
    Ok(hash)
}

fn add(
    hash: &mut Hash,
    name: &[u8],
    value: &[u8],
    expiry: Option<u64>,
    limits: &FormLimits,
) -> Result<(), Malformed> {
    let in_range = expiry.is_none_or(|at_ms| (1..=MEMBER_EXPIRY_MS_MAX).contains(&at_ms));
    if !in_range || !hash.set(name, value, false, limits) {
        return Err(Malformed);
    }
    if expiry.is_some() {
        hash.set_expiry(name, expiry);
    }
    Ok(())
}

fn read_time(reader: &mut Reader<'_>) -> Result<u64, Malformed> {
    let bytes = reader.take(8)?;
    Ok(u64::from_le_bytes(bytes.try_into().map_err(|_| Malformed)?))
}

fn read_timed(
    least: u64,
    reader: &mut Reader<'_>,
    hash: &mut Hash,
    limits: &FormLimits,
) -> Result<(), Malformed> {
    for _ in 0..reader.count()? {
        let behind = reader.plain_length()?;
        let (name, value) = (reader.string()?, reader.string()?);
        let expiry = match behind.checked_sub(1) {
            None => None,
            Some(behind) => Some(least.checked_add(behind).ok_or(Malformed)?),
        };
        add(hash, &name, &value, expiry, limits)?;
    }
    Ok(())
}

fn read_triples(framed: &[u8], hash: &mut Hash, limits: &FormLimits) -> Result<(), Malformed> {
    let pack = Listpack::from_framed(framed).ok_or(Malformed)?;
    let mut elements = pack.iter();
    while let Some(name) = elements.next() {
        let value = elements.next().ok_or(Malformed)?;
        let expiry = match elements.next() {
            Some(Element::Int(0)) => None,
            Some(Element::Int(at_ms)) => Some(u64::try_from(at_ms).map_err(|_| Malformed)?),
            _ => return Err(Malformed),
        };
        name.with_text(|name| value.with_text(|value| add(hash, name, value, expiry, limits)))?;
    }
    Ok(())
}

/// The zipmap of Redis before 2.6.
fn read_zipmap(bytes: &[u8], hash: &mut Hash, limits: &FormLimits) -> Result<(), Malformed> {
    const END: u8 = 0xff;
    const LENGTH_4: u8 = 0xfe;
    let mut reader = Reader::new(bytes);
    let declared = reader.byte()?;
    let mut count = 0usize;
    loop {
        let length = |first: u8, reader: &mut Reader<'_>| match first {
            END => Err(Malformed),
            LENGTH_4 => {
                let four = reader.take(4)?.try_into().map_err(|_| Malformed)?;
                Ok(u32::from_le_bytes(four) as usize)
            }
            short => Ok(usize::from(short)),
        };
        let first = reader.byte()?;
        if first == END {
            break;
        }
        let name_len = length(first, &mut reader)?;
        let name = reader.take(name_len)?;
        let first = reader.byte()?;
        let value_len = length(first, &mut reader)?;
        let free = usize::from(reader.byte()?);
        let value = reader.take(value_len)?;
        reader.take(free)?;
        add(hash, name, value, None, limits)?;
        count += 1;
    }
    let counted = declared >= LENGTH_4 || usize::from(declared) == count;
    if counted && reader.remaining() == 0 {
        Ok(())
    } else {
        Err(Malformed)
    }
}

#[cfg(test)]
#[path = "hash_tests.rs"]
mod tests;
