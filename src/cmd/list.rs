//! List commands: LPUSH, LPOP, LRANGE, LMOVE, BLPOP and their kin.
//!
//! Turns parsed arguments into calls of `store::List` and answers with a reply and what changed. A
//! blocking command that finds nothing says so in its effects; who waits and who is served is the
//! shard's business. The files: `push` and `pop` are the ends, `read` and `edit` the inside,
//! `moves` and `many` go from list to list, `rows` is the table. No list is ever left empty: its
//! key goes with the last element.

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

use super::Context;
use super::context::Block;
use crate::config::{Config, events};
use crate::resp::{Args, Error, Reply};
use crate::store::{Element, End, Entry, List, NodeLimits, Object, Value, ValueRef};

const NOT_POSITIVE: Error = Error::new("ERR value is out of range, must be positive");

/// How large the nodes of lists may be, and which are packed.
#[must_use]
pub fn list_limits(config: &Config) -> NodeLimits {
    NodeLimits {
        fill: config.list_max_listpack_size,
        compress_depth: config.list_compress_depth,
        ..NodeLimits::default()
    }
}

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

#[inline]
fn list_mut(entry: &mut Entry) -> Result<&mut List, Error> {
    match entry.object_mut() {
        Some(Object::List(list)) => Ok(list),
        _ => Err(Error::WRONG_TYPE),
    }
}

#[inline]
fn write(reply: &mut Reply<'_>, element: Element<'_>) {
    match element {
        Element::Int(number) => reply.bulk_integer(number),
        Element::Bytes(bytes) => reply.bulk(bytes),
    }
}

/// Puts a list at a key that has nothing.
fn put(ctx: &mut Context<'_>, key: &[u8], list: List) {
    assert!(!list.is_empty(), "empty lists do not exist");
    let entry = Entry::new(key, Value::Object(Object::List(Box::new(list))), None);
    let previous = ctx.put(ctx.db, entry);
    assert!(previous.is_none(), "the caller found nothing at the key");
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

/// The list at `key` changed in `changes` places.
#[inline]
fn changed(ctx: &mut Context<'_>, key: &[u8], changes: usize) {
    ctx.modified(key);
    ctx.effects.dirty = ctx.effects.dirty + changes as u64 - 1;
}

/// What was done since `dirty_before` counts as one change, and none when it serves a command that
/// waited (as in Redis, where the push that served it has counted).
fn counts_once(ctx: &mut Context<'_>, dirty_before: u64) {
    assert!(ctx.effects.dirty > dirty_before, "only a change counts");
    ctx.effects.dirty = dirty_before + u64::from(!ctx.served);
}

/// Removes the key when its list has become empty.
#[inline]
fn remove_if(ctx: &mut Context<'_>, key: &[u8], emptied: bool) {
    if emptied {
        let entry = ctx.take(ctx.db, key);
        assert!(entry.is_some(), "the list was just edited");
        ctx.notify(events::GENERIC, "del", key);
    }
}

/// What follows when elements were popped.
#[inline]
fn popped(ctx: &mut Context<'_>, key: &[u8], end: End, count: usize, emptied: bool) {
    ctx.notify(events::LIST, pop_event(end), key);
    remove_if(ctx, key, emptied);
    changed(ctx, key, count);
}

/// Nothing to take: true when the client waits, until `timeout_ms` from now.
fn waits(ctx: &mut Context<'_>, timeout_ms: Option<u64>) -> bool {
    if ctx.may_block {
        let deadline_ms = timeout_ms.map(|timeout_ms| ctx.now_ms.saturating_add(timeout_ms));
        ctx.effects.block = Some(Block { deadline_ms });
    }
    ctx.may_block
}
