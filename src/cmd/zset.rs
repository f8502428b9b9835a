//! Sorted set commands: ZADD, ZRANGE, ZUNION, ZPOPMIN, ZSCAN and their kin.
//!
//! Turns parsed arguments into calls of `store::Zset` and answers with a reply and what changed.
//! The files: `edit` adds and removes, `read` looks, `range` shows and stores parts, `pop` takes
//! off the ends, `random` chooses, `algebra` makes one of several, `bounds` reads ranges, `rows`
//! and `several_rows` are the table. No sorted set is ever left empty: its key goes with the last
//! member (`Context::edit`).

mod algebra;
mod bounds;
mod docs;
mod edit;
mod pop;
mod random;
mod range;
mod read;
mod rows;
mod several_docs;
mod several_rows;
#[cfg(test)]
mod tests;

pub use rows::COMMANDS;
pub use several_rows::COMMANDS as OF_SEVERAL;

use super::{Context, Edit, form_limits};
use crate::resp::{Error, Protocol, Reply, parse_f64};
use crate::store::{Element, Entry, FormLimits, Kind, Object, Value, ValueRef, Zset};

pub(super) const NOT_FLOAT: Error = Error::new("ERR value is not a valid float");

/// How large the compact forms of sorted sets may be.
pub(super) fn limits(ctx: &Context<'_>) -> FormLimits {
    form_limits(ctx.config, ctx.store().key_hash())
}

/// The sorted set of an entry.
#[inline]
pub(super) fn zset(entry: &Entry) -> Result<&Zset, Error> {
    match entry.value() {
        ValueRef::Object(Object::Zset(zset)) => Ok(zset),
        _ => Err(Error::WRONG_TYPE),
    }
}

/// The sorted set at an edited key, from here on changed; None when there is nothing.
#[inline]
pub(super) fn zset_mut<'e>(edit: &'e mut Edit<'_>) -> Result<Option<&'e mut Zset>, Error> {
    Ok(match edit.write_object(Kind::Zset)? {
        None => None,
        Some(Object::Zset(zset)) => Some(zset),
        Some(_) => unreachable!("the kind is that of a sorted set"),
    })
}

/// As `zset_mut`, before `count` members are added, the first of this length; where nothing is, a
/// sorted set to be filled.
#[inline]
fn zset_or_new<'e>(
    edit: &'e mut Edit<'_>,
    first_len: usize,
    count: usize,
    limits: &FormLimits,
) -> Result<&'e mut Zset, Error> {
    let is_new = edit.entry().is_none();
    if is_new {
        let zset = Zset::for_members(first_len, count, limits);
        edit.put(Value::Object(Object::Zset(Box::new(zset))));
    }
    let zset = zset_mut(edit)?.expect("it was made where there was none");
    if !is_new {
        zset.expect(count, limits);
    }
    Ok(zset)
}

/// A score as ZADD takes it: what overflows or vanishes is none.
pub(super) fn score(text: &[u8]) -> Option<f64> {
    let value = parse_f64(text)?;
    let is_word = text.iter().any(|byte| matches!(byte, b'n' | b'N'));
    let is_zero = || {
        let mantissa = text.split(|byte| matches!(byte, b'e' | b'E')).next();
        mantissa.is_some_and(|digits| !digits.iter().any(|byte| matches!(byte, b'1'..=b'9')))
    };
    let is_exact = if value.is_infinite() {
        is_word
    } else {
        value != 0.0 || is_zero()
    };
    is_exact.then_some(value)
}

#[inline]
pub(super) fn write(reply: &mut Reply<'_>, element: Element<'_>) {
    match element {
        Element::Int(number) => reply.bulk_integer(number),
        Element::Bytes(bytes) => reply.bulk(bytes),
    }
}

/// The head of an array of members, with scores or without.
fn head(reply: &mut Reply<'_>, count: usize, with_scores: bool) {
    let is_flat = with_scores && reply.protocol() == Protocol::Resp2;
    reply.array(if is_flat { 2 * count } else { count });
}

/// A member of such an array: with its score a pair of its own in RESP3.
#[inline]
fn write_pair(reply: &mut Reply<'_>, element: Element<'_>, score: f64, with_scores: bool) {
    if with_scores && reply.protocol() == Protocol::Resp3 {
        reply.array(2);
    }
    write(reply, element);
    if with_scores {
        reply.double(score);
    }
}

pub(super) fn count_of(members: usize) -> i64 {
    i64::try_from(members).expect("a sorted set's length fits i64")
}
