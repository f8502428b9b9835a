//! Set commands: SADD, SREM, SPOP, SINTER, SSCAN and their kin.
//!
//! Turns parsed arguments into calls of `store::Set` and answers with a reply and what changed. The
//! files: `edit` adds, removes and moves members, `read` looks, `random` chooses, `algebra` makes
//! one set of several, `rows` is the table. No set is ever left empty: its key goes with the last
//! member (`Context::edit`).

mod algebra;
mod docs;
mod edit;
mod random;
mod read;
mod rows;
#[cfg(test)]
mod tests;

pub use rows::COMMANDS;

use super::{Context, Edit, form_limits};
use crate::resp::{Error, Reply};
use crate::store::{Element, Entry, FormLimits, Kind, Object, Set, Value, ValueRef};

/// How large the compact forms of sets may be.
fn limits(ctx: &Context<'_>) -> FormLimits {
    form_limits(ctx.config, ctx.store().key_hash())
}

/// The set of an entry.
#[inline]
fn set(entry: &Entry) -> Result<&Set, Error> {
    match entry.value() {
        ValueRef::Object(Object::Set(set)) => Ok(set),
        _ => Err(Error::WRONG_TYPE),
    }
}

/// The set at an edited key, from here on changed; None when there is nothing.
#[inline]
fn set_mut<'e>(edit: &'e mut Edit<'_>) -> Result<Option<&'e mut Set>, Error> {
    Ok(match edit.write_object(Kind::Set)? {
        None => None,
        Some(Object::Set(set)) => Some(set),
        Some(_) => unreachable!("the kind is that of a set"),
    })
}

/// As `set_mut`, before `count` members are added, of which this is the first; where nothing is, a
/// set to be filled.
#[inline]
fn set_or_new<'e>(
    edit: &'e mut Edit<'_>,
    first: &[u8],
    count: usize,
    limits: &FormLimits,
) -> Result<&'e mut Set, Error> {
    let is_new = edit.entry().is_none();
    if is_new {
        let set = Set::for_members(first, count, limits);
        edit.put(Value::Object(Object::Set(Box::new(set))));
    }
    let set = set_mut(edit)?.expect("it was made where there was none");
    if !is_new {
        set.expect(count, limits);
    }
    Ok(set)
}

#[inline]
fn write(reply: &mut Reply<'_>, element: Element<'_>) {
    match element {
        Element::Int(number) => reply.bulk_integer(number),
        Element::Bytes(bytes) => reply.bulk(bytes),
    }
}

/// Replies with all members.
fn write_all(reply: &mut Reply<'_>, set: &Set) {
    reply.set(set.len());
    set.iter().for_each(|element| write(reply, element));
}

fn count_of(members: usize) -> i64 {
    i64::try_from(members).expect("a set's length fits i64")
}
