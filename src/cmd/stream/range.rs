//! Looking at entries: XLEN, XRANGE, XREVRANGE.
//!
//! Changes nothing.

use super::super::{Context, Lookup, Outcome};
use super::{at_most, id, integer, stream, write_item};
use crate::resp::{Args, Error, Reply};
use crate::store::{Item, Stream};

pub(super) fn xlen(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    ctx.view(ctx.key(args, 1), Lookup::Read, |entry, reply| {
        let len = entry.map(stream).transpose()?.map_or(0, Stream::len);
        reply.integer(len.cast_signed());
        Ok(())
    })
}

pub(super) fn xrange(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    range(ctx, args, false)
}

pub(super) fn xrevrange(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    range(ctx, args, true)
}

fn range(ctx: &mut Context<'_>, args: &Args<'_>, backwards: bool) -> Outcome {
    let (first, last) = if backwards { (3, 2) } else { (2, 3) };
    let from = id::range_start(args.get(first))?;
    let to = id::range_end(args.get(last))?;
    let mut most = None;
    for at in (4..args.len()).step_by(2) {
        if !args.is(at, "count") || at + 1 == args.len() {
            return Err(Error::SYNTAX);
        }
        most = Some(at_most(integer(args, at + 1)?));
    }
    ctx.view(ctx.key(args, 1), Lookup::Read, |entry, reply| {
        let Some(stream) = entry.map(stream).transpose()? else {
            reply.array(0);
            return Ok(());
        };
        if most == Some(0) {
            reply.null_array();
            return Ok(());
        }
        let most = most.unwrap_or(usize::MAX);
        if backwards {
            write_items(reply, stream.range_back(from, to).take(most));
        } else {
            write_items(reply, stream.range(from, to).take(most));
        }
        Ok(())
    })
}

/// Replies with entries.
pub(super) fn write_items<'i>(reply: &mut Reply<'_>, items: impl Iterator<Item = Item<'i>>) {
    let items: Vec<Item<'_>> = items.collect();
    reply.array(items.len());
    for item in &items {
        write_item(reply, item);
    }
}
