//! Taking elements off an end: LPOP, RPOP, LMPOP and those that wait: BLPOP, BRPOP, BLMPOP.
//!
//! What was taken without being named reaches the log as LPOP or RPOP.

use super::super::special::Blocking;
use super::super::timeout;
use super::super::{Context, Key, Outcome};
use super::{NOT_POSITIVE, counted_once, end_of, limits, list_mut, pop_name, popped, write};
use crate::cmd::several::positive;
use crate::resp::{Args, Error, Reply, parse_i64};
use crate::store::{End, List};

pub(super) fn lpop(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    pop(ctx, args, End::Front, "lpop")
}

pub(super) fn rpop(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    pop(ctx, args, End::Back, "rpop")
}

fn pop(ctx: &mut Context<'_>, args: &Args<'_>, end: End, name: &str) -> Outcome {
    let key = ctx.key(args, 1);
    if args.len() > 3 {
        return Err(Error::arity(name));
    }
    if args.len() == 3 {
        let count = parse_i64(args.get(2)).and_then(|count| usize::try_from(count).ok());
        return pop_count(ctx, key, end, count.ok_or(NOT_POSITIVE)?);
    }
    if !pop_one(ctx, key, end, 1, |_| {})? {
        ctx.reply.null();
    }
    Ok(())
}

/// Pops one element and replies with it; it counts as so many changes, and `lead` writes what
/// stands before it. False when there is no such key.
#[inline]
fn pop_one(
    ctx: &mut Context<'_>,
    key: Key<'_>,
    end: End,
    changes: u64,
    lead: impl FnOnce(&mut Reply<'_>),
) -> Result<bool, Error> {
    let limits = limits(ctx);
    ctx.edit(key, |edit, reply| {
        let Some(list) = list_mut(edit)? else {
            return Ok(false);
        };
        lead(reply);
        let shown = list.pop(end, limits, |element| write(reply, element));
        assert!(shown.is_some(), "empty lists do not exist");
        popped(edit, end, 1);
        edit.counts(changes);
        Ok(true)
    })
}

fn pop_count(ctx: &mut Context<'_>, key: Key<'_>, end: End, count: usize) -> Outcome {
    let limits = limits(ctx);
    ctx.edit(key, |edit, reply| {
        let Some(list) = list_mut(edit)? else {
            reply.null_array();
            return Ok(());
        };
        let count = count.min(list.len());
        write_end(reply, list, end, count);
        list.drop_elements(end, count, limits);
        popped(edit, end, count);
        Ok(())
    })
}

/// Replies with `count` elements from an end on, the outermost first.
fn write_end(reply: &mut Reply<'_>, list: &List, end: End, count: usize) {
    let (from, backwards) = match end {
        End::Front => (0, false),
        End::Back => (list.len() - 1, true),
    };
    reply.array(count);
    list.range(from, count, backwards, |element| write(reply, element));
}

/// Pops up to `count` elements off the first list that exists; false when none does.
fn pop_first(
    ctx: &mut Context<'_>,
    args: &Args<'_>,
    keys: std::ops::Range<usize>,
    end: End,
    count: usize,
) -> Result<bool, Error> {
    let limits = limits(ctx);
    for at in keys {
        let key = ctx.key(args, at);
        let found = ctx.edit(key, |edit, reply| {
            let Some(list) = list_mut(edit)? else {
                return Ok::<_, Error>(false);
            };
            let count = count.min(list.len());
            reply.array(2);
            reply.bulk(key.bytes);
            write_end(reply, list, end, count);
            list.drop_elements(end, count, limits);
            popped(edit, end, count);
            let mut digits = itoa::Buffer::new();
            edit.propagate(&[pop_name(end), key.bytes, digits.format(count).as_bytes()]);
            Ok(true)
        })?;
        if found {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The arguments of LMPOP and BLMPOP from the number of keys on.
struct Many {
    keys: std::ops::Range<usize>,
    end: End,
    count: usize,
}

impl Many {
    fn parse(args: &Args<'_>, at: usize) -> Result<Many, Error> {
        let keys = positive(args, at, "ERR numkeys should be greater than 0")?;
        let end_at = (at + 1).saturating_add(keys);
        let end = end_of(args, end_at)?;
        let count = match args.len() - end_at - 1 {
            0 => 1,
            2 if args.is(end_at + 1, "count") => {
                positive(args, end_at + 2, "ERR count should be greater than 0")?
            }
            // A wrong count is told of before what stands too much.
            3.. if args.is(end_at + 1, "count") => {
                positive(args, end_at + 2, "ERR count should be greater than 0")?;
                return Err(Error::SYNTAX);
            }
            _ => return Err(Error::SYNTAX),
        };
        Ok(Many {
            keys: at + 1..end_at,
            end,
            count,
        })
    }
}

pub(super) fn lmpop(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    let many = Many::parse(args, 1)?;
    if !pop_first(ctx, args, many.keys, many.end, many.count)? {
        ctx.reply.null_array();
    }
    Ok(())
}

/// As its kin, but the timeout stands in front of the number of keys.
pub(super) const BLMPOP: Blocking = Blocking {
    timeout_ms: timeout::first,
    ..Blocking::LIST
};

pub(super) fn blmpop(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    let many = Many::parse(args, 2)?;
    let timeout_ms = timeout::first(args)?;
    if !pop_first(ctx, args, many.keys, many.end, many.count)? && !ctx.waits(timeout_ms) {
        ctx.reply.null_array();
    }
    Ok(())
}

pub(super) fn blpop(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    blocking_pop(ctx, args, End::Front)
}

pub(super) fn brpop(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    blocking_pop(ctx, args, End::Back)
}

fn blocking_pop(ctx: &mut Context<'_>, args: &Args<'_>, end: End) -> Outcome {
    let timeout_ms = timeout::last(args)?;
    let changes = counted_once(ctx);
    for at in 1..args.len() - 1 {
        let key = ctx.key(args, at);
        let lead = |reply: &mut Reply<'_>| {
            reply.array(2);
            reply.bulk(key.bytes);
        };
        if pop_one(ctx, key, end, changes, lead)? {
            ctx.propagate(&[pop_name(end), key.bytes]);
            return Ok(());
        }
    }
    if !ctx.waits(timeout_ms) {
        ctx.reply.null_array();
    }
    Ok(())
}
