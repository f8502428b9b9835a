//! From one list to another: LMOVE, RPOPLPUSH and those that wait: BLMOVE, BRPOPLPUSH.
//!
//! Source and destination may be one list, and may be owned by different shards: then both are
//! lent.

use super::super::special::{Blocking, WaitsFor};
use super::super::timeout;
use super::super::{Context, Key, Lookup, Outcome};
use super::{
    counted_once, end_of, limits, list, list_mut, list_or_new, pop_event, pop_name, popped,
    push_event, push_name,
};
use crate::config::events;
use crate::resp::{Args, Error};
use crate::store::End;
use std::ops::RangeInclusive;

pub(super) fn lmove(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    let (from, to) = (end_of(args, 3)?, end_of(args, 4)?);
    if !move_one(ctx, args, from, to, None)? {
        ctx.reply.null();
    }
    Ok(())
}

pub(super) fn rpoplpush(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    if !move_one(ctx, args, End::Back, End::Front, None)? {
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
    let told: [&[u8]; 5] = [b"LMOVE", args.get(1), args.get(2), args.get(3), args.get(4)];
    if !move_one(ctx, args, from, to, Some(&told))? && !ctx.waits(timeout_ms) {
        ctx.reply.null();
    }
    Ok(())
}

pub(super) fn brpoplpush(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    let timeout_ms = timeout::last(args)?;
    let told: [&[u8]; 3] = [b"RPOPLPUSH", args.get(1), args.get(2)];
    if !move_one(ctx, args, End::Back, End::Front, Some(&told))? && !ctx.waits(timeout_ms) {
        ctx.reply.null();
    }
    Ok(())
}

/// Moves one element and replies with it; false when there is no source. The log gets `told`, or
/// the command as it was sent; where the lists are told of apart, what was taken and what was put.
fn move_one(
    ctx: &mut Context<'_>,
    args: &Args<'_>,
    from: End,
    to: End,
    told: Option<&[&[u8]]>,
) -> Result<bool, Error> {
    let (source, destination) = (ctx.key(args, 1), ctx.key(args, 2));
    let Some(texts) = texts_at(ctx, source, from, 1..=1)? else {
        return Ok(false);
    };
    let text = texts[0].as_slice();
    let changes = counted_once(ctx);
    move_texts(ctx, (source, from, 1), (destination, to, &[text]), changes)?;
    ctx.reply.bulk(text);
    if ctx.tells_apart(source, destination) {
        ctx.propagate(&[pop_name(from), source.bytes]);
        ctx.propagate(&[push_name(to), destination.bytes, text]);
    } else if let Some(told) = told {
        ctx.propagate_pair(told);
    }
    Ok(true)
}

/// As many elements at an end of a list as there are and are wanted, the outermost first; None when
/// there are too few.
pub(super) fn texts_at(
    ctx: &mut Context<'_>,
    key: Key<'_>,
    end: End,
    wanted: RangeInclusive<usize>,
) -> Result<Option<Vec<Vec<u8>>>, Error> {
    ctx.view(key, Lookup::Write, |entry, _| {
        let Some(entry) = entry else {
            return Ok(None);
        };
        let list = list(entry)?;
        if list.len() < *wanted.start() {
            return Ok(None);
        }
        let count = list.len().min(*wanted.end());
        let (at, backwards) = match end {
            End::Front => (0, false),
            End::Back => (list.len() - 1, true),
        };
        let mut texts = Vec::with_capacity(count);
        list.range(at, count, backwards, |element| {
            texts.push(element.with_text(<[u8]>::to_vec));
        });
        Ok(Some(texts))
    })
}

/// Takes so many elements off an end of a list and pushes what they were, in the order given, onto
/// what is a list or nothing; that counts as so many changes.
///
/// # Errors
/// WRONGTYPE, and nothing has changed, when the destination is no list.
pub(super) fn move_texts(
    ctx: &mut Context<'_>,
    (source, from, count): (Key<'_>, End, usize),
    (destination, to, texts): (Key<'_>, End, &[&[u8]]),
    changes: u64,
) -> Result<(), Error> {
    let limits = limits(ctx);
    let texts = texts.iter().copied();
    assert!(texts.len() == count, "what is taken is pushed");
    if source == destination {
        // Taken first, as Redis does: the list may change its encoding by one more element.
        return ctx.edit_as(source, Lookup::Peek, |edit, _| {
            let list = list_mut(edit)?.expect("the caller has looked at the list");
            list.drop_elements(from, count, limits);
            list.push_all(to, texts, limits);
            edit.counts(changes);
            edit.notify(events::LIST, push_event(to));
            edit.notify(events::LIST, pop_event(from));
            Ok(())
        });
    }
    ctx.edit(destination, |edit, _| {
        list_or_new(edit)?.push_all(to, texts, limits);
        edit.counts(0);
        edit.notify(events::LIST, push_event(to));
        Ok::<_, Error>(())
    })?;
    ctx.edit_as(source, Lookup::Peek, |edit, _| {
        let list = list_mut(edit)?.expect("the caller has looked at the list");
        list.drop_elements(from, count, limits);
        popped(edit, from, count);
        edit.counts(changes);
        Ok(())
    })
}
