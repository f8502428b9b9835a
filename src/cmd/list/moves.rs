//! From one list to another: LMOVE, RPOPLPUSH and those that wait: BLMOVE, BRPOPLPUSH.
//!
//! Source and destination may be one list, and may be owned by different shards: then both are
//! lent.

use super::super::special::{Blocking, WaitsFor};
use super::super::timeout;
use super::super::{Context, Lookup, Outcome};
use super::{changed, counts_once, end_of, limits, list, list_mut, popped, push_event, put, waits};
use crate::config::events;
use crate::resp::{Args, Error};
use crate::store::{End, List};

pub(super) fn lmove(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    let (from, to) = (end_of(args, 3)?, end_of(args, 4)?);
    if !move_one(ctx, args, from, to)? {
        ctx.reply.null();
    }
    Ok(())
}

pub(super) fn rpoplpush(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    if !move_one(ctx, args, End::Back, End::Front)? {
        ctx.reply.null();
    }
    Ok(())
}

/// How a command waits that takes an element from one list to another.
pub(super) const FROM_SOURCE: Blocking = Blocking {
    waits_for: WaitsFor::Source,
    ..Blocking::LIST
};

pub(super) fn blmove(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    let (from, to) = (end_of(args, 3)?, end_of(args, 4)?);
    let timeout_ms = timeout::last(args)?;
    if move_one(ctx, args, from, to)? {
        let words: Vec<&[u8]> = (1..5).map(|index| args.get(index)).collect();
        ctx.propagate(&[b"LMOVE", words[0], words[1], words[2], words[3]]);
    } else if !waits(ctx, timeout_ms) {
        ctx.reply.null();
    }
    Ok(())
}

pub(super) fn brpoplpush(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    let timeout_ms = timeout::last(args)?;
    if move_one(ctx, args, End::Back, End::Front)? {
        ctx.propagate(&[b"RPOPLPUSH", args.get(1), args.get(2)]);
    } else if !waits(ctx, timeout_ms) {
        ctx.reply.null();
    }
    Ok(())
}

/// How many elements the list at `key` has; 0 when there is none.
pub(super) fn len_of(ctx: &mut Context<'_>, key: &[u8]) -> Result<usize, Error> {
    ctx.view(key, Lookup::Write, |entry, _| {
        entry.map_or(Ok(0), |entry| list(entry).map(List::len))
    })
}

/// Moves one element and replies with it; false when there is no source.
fn move_one(ctx: &mut Context<'_>, args: &Args<'_>, from: End, to: End) -> Result<bool, Error> {
    let (source, destination) = (args.get(1), args.get(2));
    if len_of(ctx, source)? == 0 {
        return Ok(false);
    }
    len_of(ctx, destination)?;
    let dirty = ctx.effects.dirty;
    let (text, emptied) = take(ctx, source, from);
    push_onto(ctx, destination, to, &[&text]);
    ctx.reply.bulk(&text);
    popped(ctx, source, from, 1, emptied && source != destination);
    counts_once(ctx, dirty);
    Ok(true)
}

/// Pops an element of a list that is there; says whether the list is empty now.
pub(super) fn take(ctx: &mut Context<'_>, key: &[u8], end: End) -> (Vec<u8>, bool) {
    let limits = limits(ctx);
    ctx.view(key, Lookup::Peek, |entry, _| {
        let list = entry.and_then(|entry| list_mut(entry).ok());
        let list = list.expect("the caller has just looked at the list");
        let text = list.pop(end, limits, |element| element.with_text(<[u8]>::to_vec));
        (text.expect("empty lists do not exist"), list.is_empty())
    })
}

/// Pushes texts, one after the other, onto what is a list or nothing.
pub(super) fn push_onto(ctx: &mut Context<'_>, key: &[u8], end: End, texts: &[&[u8]]) {
    let limits = limits(ctx);
    let add = |list: &mut List| {
        list.push_all(end, texts.iter().copied(), limits);
    };
    let known = ctx.view(key, Lookup::Peek, |entry, _| {
        let list = entry.map(|entry| list_mut(entry).expect("the caller has checked the type"));
        list.map(add).is_some()
    });
    if !known {
        let mut list = List::new();
        add(&mut list);
        put(ctx, key, list);
    }
    changed(ctx, key, 1);
    ctx.notify(events::LIST, push_event(end), key);
}
