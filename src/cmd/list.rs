//! List commands: LPUSH, LPOP, LRANGE, LMOVE, BLPOP and their kin.
//!
//! Turns parsed arguments into calls of `store::List` and answers with a reply and what changed. A
//! blocking command that finds nothing says so in its effects; who waits and who is served is the
//! shard's business. The files: `push` and `pop` are the ends, `read` and `edit` the inside,
//! `moves` and `many` go from list to list, `rows` is the table. No list is ever left empty: its
//! key goes with the last element (`Context::edit`).

mod docs;
mod edit;
mod many;
mod moves;
mod pop;
mod push;
mod read;
mod rows;
#[cfg(test)]
mod tests;

pub use rows::COMMANDS;

use super::{Context, Edit, list_limits};
use crate::config::events;
use crate::resp::{Args, Error, Reply};
use crate::store::{Element, End, Entry, Kind, List, NodeLimits, Object, Value, ValueRef};

const NOT_POSITIVE: Error = Error::new("ERR value is out of range, must be positive");

/// How large the nodes of lists may be, and which are packed.
fn limits(ctx: &Context<'_>) -> NodeLimits {
    list_limits(ctx.config)
}

/// The list of an entry.
#[inline]
fn list(entry: &Entry) -> Result<&List, Error> {
    match entry.value() {
        ValueRef::Object(Object::List(list)) => Ok(list),
        _ => Err(Error::WRONG_TYPE),
    }
}

/// The list at an edited key, from here on changed; None when there is nothing.
#[expect(clippy::inline_always, reason = "inlined, an edit lives in registers")]
#[inline(always)]
fn list_mut<'e>(edit: &'e mut Edit<'_>) -> Result<Option<&'e mut List>, Error> {
    Ok(match edit.write_object(Kind::List)? {
        None => None,
        Some(Object::List(list)) => Some(list),
        Some(_) => unreachable!("the kind is that of a list"),
    })
}

/// As `list_mut`; where nothing is, a list to be filled.
#[expect(clippy::inline_always, reason = "inlined, an edit lives in registers")]
#[inline(always)]
fn list_or_new<'e>(edit: &'e mut Edit<'_>) -> Result<&'e mut List, Error> {
    if edit.entry().is_none() {
        edit.put(Value::Object(Object::List(Box::default())));
    }
    Ok(list_mut(edit)?.expect("it was made where there was none"))
}

#[inline]
fn write(reply: &mut Reply<'_>, element: Element<'_>) {
    match element {
        Element::Int(number) => reply.bulk_integer(number),
        Element::Bytes(bytes) => reply.bulk(bytes),
    }
}

/// LEFT or RIGHT.
fn end_of(args: &Args<'_>, index: usize) -> Result<End, Error> {
    if args.is(index, "left") {
        Ok(End::Front)
    } else if args.is(index, "right") {
        Ok(End::Back)
    } else {
        Err(Error::SYNTAX)
    }
}

fn push_event(end: End) -> &'static str {
    match end {
        End::Front => "lpush",
        End::Back => "rpush",
    }
}

fn pop_event(end: End) -> &'static str {
    match end {
        End::Front => "lpop",
        End::Back => "rpop",
    }
}

/// The command that pops at an end, for the log.
fn pop_name(end: End) -> &'static [u8] {
    match end {
        End::Front => b"LPOP",
        End::Back => b"RPOP",
    }
}

/// The command that pushes at an end, for the log.
fn push_name(end: End) -> &'static [u8] {
    match end {
        End::Front => b"LPUSH",
        End::Back => b"RPUSH",
    }
}

/// What follows when `count` elements were popped, perhaps none.
#[inline]
fn popped(edit: &mut Edit<'_>, end: End, count: usize) {
    if count == 0 {
        return edit.unchanged();
    }
    edit.counts(count as u64);
    edit.notify(events::LIST, pop_event(end));
}

/// How often the one change of a command counts: not at all when the command has waited (as in
/// Redis, where the push that serves it has counted).
fn counted_once(ctx: &Context<'_>) -> u64 {
    u64::from(!ctx.served)
}

fn list_len(list: &List) -> i64 {
    i64::try_from(list.len()).expect("a list's length fits i64")
}
