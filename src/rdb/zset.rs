//! Sorted sets in RDB: written as types 5 and 17, read in every form that Redis has written.
//!
//! ```text
//! 3   ZSET           count  (string  text of the score) ...  length:1 text | fd nan fe inf ff -inf
//! 5   ZSET_2         count  (string  score:8 LE) ...          written from the highest down
//! 12  ZSET_ZIPLIST   string (a ziplist of members and scores)
//! 17  ZSET_LISTPACK  string (a listpack of them)
//! ```

use super::ziplist::read_ziplist;
use super::{Malformed, Reader, write_integer, write_length, write_string};
use crate::store::{Element, FormLimits, Listpack, Zset, ZsetView};

pub(super) const TYPE_ZSET: u8 = 3;
pub(super) const TYPE_ZSET_2: u8 = 5;
pub(super) const TYPE_ZSET_ZIPLIST: u8 = 12;
pub(super) const TYPE_ZSET_LISTPACK: u8 = 17;

/// Lengths of a score's text that stand for what has none.
const NAN: u8 = 0xfd;
const INFINITY: u8 = 0xfe;
const MINUS_INFINITY: u8 = 0xff;

/// The type that a sorted set is written as.
pub(super) fn type_byte(zset: &Zset) -> u8 {
    match zset.view() {
        ZsetView::Listpack(_) => TYPE_ZSET_LISTPACK,
        ZsetView::Ordered(_) => TYPE_ZSET_2,
    }
}

/// Appends the body of a sorted set.
pub(super) fn write_zset(out: &mut Vec<u8>, zset: &Zset, compress: bool) {
    assert!(!zset.is_empty(), "an empty sorted set is no value");
    if let ZsetView::Listpack(pack) = zset.view() {
        return write_string(out, &pack.framed(), compress);
    }
    write_length(out, zset.len() as u64);
    zset.range(zset.len() - 1, zset.len(), true, |member, score| {
        match member {
            Element::Int(number) => write_integer(out, number),
            Element::Bytes(bytes) => write_string(out, bytes, compress),
        }
        out.extend_from_slice(&score.to_le_bytes());
    });
}

/// Reads the body of a sorted set of this type; `limits` decide its form.
///
/// # Errors
/// When it is cut off or broken, empty, has a member twice, or a score that is no number.
pub(super) fn read_zset(
    type_byte: u8,
    reader: &mut Reader<'_>,
    limits: &FormLimits,
) -> Result<Zset, Malformed> {
    match type_byte {
        TYPE_ZSET => read_members(reader, limits, read_text),
        TYPE_ZSET_2 => read_members(reader, limits, |reader| {
            let bytes = reader.take(8)?.try_into().expect("eight were taken");
            Ok(f64::from_le_bytes(bytes))
        }),
        TYPE_ZSET_ZIPLIST => {
            let mut pack = Listpack::new();
            read_ziplist(&reader.string()?, |element| pack.push_back(element))?;
            Zset::from_listpack(&pack, limits).ok_or(Malformed)
        }
        TYPE_ZSET_LISTPACK => {
            let pack = Listpack::from_framed(&reader.string()?).ok_or(Malformed)?;
            Zset::from_listpack(&pack, limits).ok_or(Malformed)
        }
        _ => Err(Malformed),
    }
}

/// A score as text, which Redis wrote before 4.0.
fn read_text(reader: &mut Reader<'_>) -> Result<f64, Malformed> {
    match reader.byte()? {
        NAN => Err(Malformed),
        INFINITY => Ok(f64::INFINITY),
        MINUS_INFINITY => Ok(f64::NEG_INFINITY),
        len => {
            let text = std::str::from_utf8(reader.take(usize::from(len))?);
            text.ok()
                .and_then(|text| text.parse().ok())
                .ok_or(Malformed)
        }
    }
}

/// As in Redis, many members are a large set at once, and short ones a compact one.
fn read_members(
    reader: &mut Reader<'_>,
    limits: &FormLimits,
    score: impl Fn(&mut Reader<'_>) -> Result<f64, Malformed>,
) -> Result<Zset, Malformed> {
    let count = reader.count()?;
    let mut zset = Zset::for_members(0, count, limits);
    for _ in 0..count {
        let member = reader.string()?;
        let score = score(reader)?;
        if score.is_nan() || zset.put(&member, score, limits).is_some() {
            return Err(Malformed);
        }
    }
    if zset.is_empty() {
        return Err(Malformed);
    }
    assert!(zset.len() == count, "each member was new");
    Ok(zset)
}

#[cfg(test)]
#[path = "zset_tests.rs"]
mod tests;
