//! The RDB codec: values as Redis writes them into DUMP payloads and snapshot files.
//!
//! Each type has its writer and reader, chosen by `write_value` and `read_value`. Works on byte
//! slices. What a payload declares is checked against what it holds before memory is made for it.
//! ```text
//! DUMP payload   type:1  body  version:2 LE  crc64:8 LE (of all before it)
//! length         00LLLLLL | 01LLLLLL L | 80 L4 BE | 81 L8 BE | 11EEEEEE (a string in encoding E)
//! string         length bytes | c0 i8 | c1 i16 LE | c2 i32 LE | c3 packed:length len:length lzf
//! ```

mod hash;
mod list;
mod read;
mod set;
mod stream;
mod write;
mod ziplist;
mod zset;

use std::borrow::Cow;

use crc::{CRC_64_REDIS, Crc};

use crate::store::{Entry, FormLimits, Object, Value, ValueRef};

pub use read::{Malformed, Reader};
use write::{write_integer, write_length, write_string};

/// The version that payloads are written in: the newest that Redis 7.0 reads.
const VERSION: u16 = 10;
/// The version that fields with a time need (Redis 7.4).
const VERSION_FIELD_TIMES: u16 = 12;
/// The newest version whose payloads are read (Redis 8).
const VERSION_READ_MAX: u16 = 12;

/// Type bytes, as `rdb.h` numbers them.
const TYPE_STRING: u8 = 0;

/// Bytes behind a payload's body: version and checksum.
const FOOTER_BYTES: usize = 10;
const CHECKSUM_BYTES: usize = 8;

static CRC64: Crc<u64> = Crc::<u64>::new(&CRC_64_REDIS);

/// A value that was read: ready for an entry.
#[derive(Debug)]
pub enum Loaded<'a> {
    /// A string's text; whether it is kept as an integer is the entry's business.
    Text(Cow<'a, [u8]>),
    Object(Object),
}

impl Loaded<'_> {
    /// The entry of a key with this value.
    #[must_use]
    pub fn into_entry(self, key: &[u8], expiry: Option<u64>) -> Entry {
        match self {
            Loaded::Text(text) => Entry::new(key, Value::from_text(&text), expiry),
            Loaded::Object(object) => Entry::new(key, Value::Object(object), expiry),
        }
    }
}

/// Why a payload was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PayloadError {
    /// Written by a newer version, or its bytes are not those that were written.
    Footer,
    /// The footer is right and the body makes no sense.
    Body,
}

/// The checksum of RDB files and payloads.
#[must_use]
pub fn checksum(bytes: &[u8]) -> u64 {
    CRC64.checksum(bytes)
}

/// The type byte of a value.
#[must_use]
fn type_byte(value: ValueRef<'_>) -> u8 {
    match value {
        ValueRef::Int(_) | ValueRef::Bytes(_) | ValueRef::Object(Object::Bytes(_)) => TYPE_STRING,
        ValueRef::Object(Object::List(_)) => list::TYPE_LIST_QUICKLIST_2,
        ValueRef::Object(Object::Set(set)) => set::type_byte(set),
        ValueRef::Object(Object::Stream(_)) => stream::TYPE_STREAM_LISTPACKS_2,
        ValueRef::Object(Object::Zset(zset)) => zset::type_byte(zset),
        ValueRef::Object(Object::Hash(hash)) => hash::type_byte(hash),
    }
}

/// Appends the body of a value; `compress` packs long strings with LZF (`rdbcompression`).
pub fn write_value(out: &mut Vec<u8>, value: ValueRef<'_>, compress: bool) {
    match value {
        ValueRef::Int(number) => write::write_integer(out, number),
        ValueRef::Bytes(bytes) => write_string(out, bytes, compress),
        ValueRef::Object(Object::Bytes(bytes)) => write_string(out, bytes, compress),
        ValueRef::Object(Object::List(list)) => list::write_list(out, list, compress),
        ValueRef::Object(Object::Set(set)) => set::write_set(out, set, compress),
        ValueRef::Object(Object::Stream(stream)) => stream::write_stream(out, stream, compress),
        ValueRef::Object(Object::Zset(zset)) => zset::write_zset(out, zset, compress),
        ValueRef::Object(Object::Hash(hash)) => hash::write_hash(out, hash, compress),
    }
}

/// Reads the body of a value of this type; `limits` decide its form.
///
/// # Errors
/// When the type is unknown or the body is not one of it.
fn read_value<'a>(
    type_byte: u8,
    reader: &mut Reader<'a>,
    limits: FormLimits,
) -> Result<Loaded<'a>, Malformed> {
    match type_byte {
        TYPE_STRING => reader.string().map(Loaded::Text),
        list::TYPE_LIST
        | list::TYPE_LIST_ZIPLIST
        | list::TYPE_LIST_QUICKLIST
        | list::TYPE_LIST_QUICKLIST_2 => {
            let list = list::read_list(type_byte, reader, limits.list)?;
            Ok(Loaded::Object(Object::List(Box::new(list))))
        }
        set::TYPE_SET | set::TYPE_SET_INTSET | set::TYPE_SET_LISTPACK => {
            let set = set::read_set(type_byte, reader, &limits)?;
            Ok(Loaded::Object(Object::Set(Box::new(set))))
        }
        stream::TYPE_STREAM_LISTPACKS
        | stream::TYPE_STREAM_LISTPACKS_2
        | stream::TYPE_STREAM_LISTPACKS_3 => {
            let stream = stream::read_stream(type_byte, reader)?;
            Ok(Loaded::Object(Object::Stream(Box::new(stream))))
        }
        zset::TYPE_ZSET
        | zset::TYPE_ZSET_2
        | zset::TYPE_ZSET_ZIPLIST
        | zset::TYPE_ZSET_LISTPACK => {
            let zset = zset::read_zset(type_byte, reader, &limits)?;
            Ok(Loaded::Object(Object::Zset(Box::new(zset))))
        }
        hash::TYPE_HASH
        | hash::TYPE_HASH_ZIPMAP
        | hash::TYPE_HASH_ZIPLIST
        | hash::TYPE_HASH_LISTPACK
        | hash::TYPE_HASH_METADATA_EARLY
        | hash::TYPE_HASH_LISTPACK_EX_EARLY
        | hash::TYPE_HASH_METADATA
        | hash::TYPE_HASH_LISTPACK_EX => {
            let hash = hash::read_hash(type_byte, reader, &limits)?;
            Ok(Loaded::Object(Object::Hash(hash)))
        }
        _ => Err(Malformed),
    }
}

/// The version that a value needs: fields that expire came with Redis 7.4.
fn version(value: ValueRef<'_>) -> u16 {
    match value {
        ValueRef::Object(Object::Hash(hash)) if hash.expires() => VERSION_FIELD_TIMES,
        _ => VERSION,
    }
}

/// The payload of DUMP.
#[must_use]
pub fn dump(value: ValueRef<'_>, compress: bool) -> Vec<u8> {
    let mut out = vec![type_byte(value)];
    write_value(&mut out, value, compress);
    out.extend_from_slice(&version(value).to_le_bytes());
    let sum = checksum(&out);
    assert!(
        out.len() > 1 + FOOTER_BYTES - CHECKSUM_BYTES,
        "no body is empty"
    );
    out.extend_from_slice(&sum.to_le_bytes());
    out
}

/// Reads the payload of RESTORE; `limits` decide its form.
///
/// # Errors
/// When version, checksum or body are wrong.
pub fn restore(payload: &[u8], limits: FormLimits) -> Result<Loaded<'_>, PayloadError> {
    let body_len = payload
        .len()
        .checked_sub(FOOTER_BYTES)
        .ok_or(PayloadError::Footer)?;
    let (summed, sum) = payload.split_at(payload.len() - CHECKSUM_BYTES);
    let (body, version) = summed.split_at(body_len);
    let version = u16::from_le_bytes(
        version
            .try_into()
            .expect("the footer begins with two bytes"),
    );
    let sum = u64::from_le_bytes(sum.try_into().expect("the footer ends with eight bytes"));
    if version > VERSION_READ_MAX || checksum(summed) != sum {
        return Err(PayloadError::Footer);
    }
    let mut reader = Reader::new(body);
    let type_byte = reader.byte().map_err(|Malformed| PayloadError::Body)?;
    let loaded =
        read_value(type_byte, &mut reader, limits).map_err(|Malformed| PayloadError::Body)?;
    if reader.remaining() == 0 {
        Ok(loaded)
    } else {
        Err(PayloadError::Body)
    }
}

#[cfg(test)]
mod tests;
