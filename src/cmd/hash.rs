//! Hash commands: HSET, HGET, HDEL, HSCAN, HEXPIRE and their kin.
//!
//! Turns parsed arguments into calls of `store::Hash` and answers with a reply and what changed.
//! The files: `edit` sets and removes fields, `read` looks, `random` chooses, `times` is about when
//! fields expire, `timed` reads or writes fields and times at once, `rows` is the table. No command
//! sees a field whose time is over: who meets one ends it first (`look`, `change`). No hash is ever
//! left empty: its key goes with the last field (`Context::edit`).

mod docs;
mod edit;
mod random;
mod read;
mod rows;
#[cfg(test)]
mod tests;
mod timed;
mod times;

pub use rows::COMMANDS;

use super::{Context, Edit, Key, Lookup, form_limits};
use crate::resp::{Error, Reply};
use crate::store::{Element, Entry, FormLimits, Hash, Kind, Object, Value, ValueRef};

/// How large the compact form of hashes may be.
fn limits(ctx: &Context<'_>) -> FormLimits {
    form_limits(ctx.config, ctx.store().key_hash())
}

/// The hash of an entry.
#[inline]
fn hash(entry: &Entry) -> Result<&Hash, Error> {
    match entry.value() {
        ValueRef::Object(Object::Hash(hash)) => Ok(hash),
        _ => Err(Error::WRONG_TYPE),
    }
}

/// Whether a field's time is over.
#[inline]
fn is_due(hash: Option<&Hash>, now_ms: u64) -> bool {
    let next = hash.and_then(Hash::next_expiry);
    next.is_some_and(|at_ms| at_ms <= now_ms)
}

/// Shows the hash at a key, if there is one, without fields whose time is over.
#[inline]
fn look<'a, T>(
    ctx: &mut Context<'a>,
    key: Key<'_>,
    show: impl FnOnce(Option<&Hash>, &mut Reply<'a>) -> Result<T, Error>,
) -> Result<T, Error> {
    let now_ms = ctx.now_ms;
    let mut show = Some(show);
    let shown = ctx.view(key, Lookup::Read, |entry, reply| {
        let found = entry.map(hash).transpose()?;
        if is_due(found, now_ms) {
            return Ok(None);
        }
        let show = show.take().expect("it has not been called");
        show(found, reply).map(Some)
    })?;
    if let Some(shown) = shown {
        return Ok(shown);
    }
    ctx.attend(key);
    let show = show.expect("it has not been called");
    ctx.view(key, Lookup::Peek, |entry, reply| {
        show(entry.map(hash).transpose()?, reply)
    })
}

/// Hands out the place of a key that has a hash or nothing, to be changed; fields whose time is
/// over are gone.
#[inline]
fn change<'a, T>(
    ctx: &mut Context<'a>,
    key: Key<'_>,
    change: impl FnOnce(&mut Edit<'_>, &mut Reply<'a>) -> Result<T, Error>,
) -> Result<T, Error> {
    let now_ms = ctx.now_ms;
    let mut change = Some(change);
    let mut wake = (None, None);
    let mut attempt = |ctx: &mut Context<'a>, lookup, ends: bool| {
        ctx.edit_as(key, lookup, |edit, reply| {
            let found = edit.entry().map(hash).transpose()?;
            if ends && is_due(found, now_ms) {
                return Ok(None);
            }
            wake.0 = found.and_then(Hash::next_expiry);
            let change = change.take().expect("it has not been called");
            let result = change(edit, reply);
            wake.1 = edit.entry().and_then(Entry::wake_ms);
            result.map(Some)
        })
    };
    let mut result = attempt(ctx, Lookup::Write, true);
    if matches!(result, Ok(None)) {
        ctx.attend(key);
        result = attempt(ctx, Lookup::Peek, false);
    }
    ctx.rewake(key, wake.0, wake.1);
    result.map(|done| done.expect("the second attempt changes"))
}

/// The hash at an edited key, from here on changed; None when there is nothing.
#[inline]
fn hash_mut<'e>(edit: &'e mut Edit<'_>) -> Result<Option<&'e mut Hash>, Error> {
    Ok(match edit.write_object(Kind::Hash)? {
        None => None,
        Some(Object::Hash(hash)) => Some(hash),
        Some(_) => unreachable!("the kind is that of a hash"),
    })
}

/// As `hash_mut`; where nothing is, a hash to be filled.
#[inline]
fn hash_or_new<'e>(edit: &'e mut Edit<'_>) -> Result<&'e mut Hash, Error> {
    if edit.entry().is_none() {
        edit.put(Value::Object(Object::Hash(Hash::new())));
    }
    Ok(hash_mut(edit)?.expect("it was made where there was none"))
}

/// The hash at an edited key, to look at.
#[inline]
fn seen<'e>(edit: &'e Edit<'_>) -> Result<Option<&'e Hash>, Error> {
    edit.entry().map(hash).transpose()
}

#[inline]
fn write(reply: &mut Reply<'_>, element: Element<'_>) {
    match element {
        Element::Int(number) => reply.bulk_integer(number),
        Element::Bytes(bytes) => reply.bulk(bytes),
    }
}

/// A field's value, or null.
#[inline]
fn write_value(reply: &mut Reply<'_>, hash: Option<&Hash>, name: &[u8]) {
    match hash.and_then(|hash| hash.get(name)) {
        Some(field) => write(reply, field.value),
        None => reply.null(),
    }
}

fn count_of(fields: usize) -> i64 {
    i64::try_from(fields).expect("a hash's length fits i64")
}

/// Tells a command on a key with these fields, in place of the command as sent.
fn propagate_fields<'w>(
    edit: &mut Edit<'_>,
    head: &[&'w [u8]],
    fields: impl Iterator<Item = &'w [u8]>,
) {
    let words: Vec<&[u8]> = head.iter().copied().chain(fields).collect();
    edit.propagate(&words);
}
