//! Changing a list inside: LSET, LINSERT, LREM, LTRIM.
//!
//! Positions and pivots are found first, so what is refused changes nothing; whoever empties a list
//! removes its key.

use super::super::{Context, Lookup, Outcome};
use super::read::{index_in, range_in};
use super::{changed, limits, list_mut, remove_if};
use crate::config::events;
use crate::resp::{Args, Error, parse_i64};
use crate::store::{End, Needle};

pub(super) fn lset(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    let key = args.get(1);
    let limits = limits(ctx);
    ctx.view(key, Lookup::Write, |entry, _| {
        let list = list_mut(entry.ok_or(Error::NO_SUCH_KEY)?)?;
        let index = parse_i64(args.get(2)).ok_or(Error::NOT_INTEGER)?;
        let index = index_in(list.len(), index).unwrap_or(list.len());
        let is_set = list.set(index, args.get(3), limits);
        is_set.then_some(()).ok_or(Error::OUT_OF_RANGE)
    })?;
    ctx.reply.ok();
    changed(ctx, key, 1);
    ctx.notify(events::LIST, "lset", key);
    Ok(())
}

pub(super) fn linsert(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    let key = args.get(1);
    let end = if args.is(2, "before") {
        End::Front
    } else if args.is(2, "after") {
        End::Back
    } else {
        return Err(Error::SYNTAX);
    };
    let limits = limits(ctx);
    let len = ctx.view(key, Lookup::Write, |entry, _| {
        let Some(entry) = entry else {
            return Ok::<_, Error>(0);
        };
        let list = list_mut(entry)?;
        let pivot = Needle::new(args.get(3));
        Ok(if list.insert_beside(pivot, end, args.get(4), limits) {
            i64::try_from(list.len()).expect("a list's length fits i64")
        } else {
            -1
        })
    })?;
    ctx.reply.integer(len);
    if len > 0 {
        changed(ctx, key, 1);
        ctx.notify(events::LIST, "linsert", key);
    }
    Ok(())
}

pub(super) fn lrem(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    let key = args.get(1);
    let count = parse_i64(args.get(2)).ok_or(Error::NOT_INTEGER)?;
    let end = if count < 0 { End::Back } else { End::Front };
    let most = match usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX) {
        0 => usize::MAX,
        most => most,
    };
    let limits = limits(ctx);
    let (removed, emptied) = ctx.view(key, Lookup::Write, |entry, _| {
        let Some(entry) = entry else {
            return Ok::<_, Error>((0, false));
        };
        let list = list_mut(entry)?;
        let removed = list.remove_equal(Needle::new(args.get(3)), end, most, limits);
        Ok((removed, list.is_empty()))
    })?;
    ctx.reply
        .integer(i64::try_from(removed).expect("a list's length fits i64"));
    if removed > 0 {
        ctx.notify(events::LIST, "lrem", key);
        remove_if(ctx, key, emptied);
        changed(ctx, key, removed);
    }
    Ok(())
}

pub(super) fn ltrim(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    let key = args.get(1);
    let start = parse_i64(args.get(2)).ok_or(Error::NOT_INTEGER)?;
    let stop = parse_i64(args.get(3)).ok_or(Error::NOT_INTEGER)?;
    let limits = limits(ctx);
    let trimmed = ctx.view(key, Lookup::Write, |entry, _| {
        let Some(entry) = entry else {
            return Ok::<_, Error>(None);
        };
        let list = list_mut(entry)?;
        let len = list.len();
        let kept = range_in(len, start, stop);
        list.drop_elements(End::Back, len - kept.end, limits);
        list.drop_elements(End::Front, kept.start, limits);
        Ok(Some((len - kept.len(), list.is_empty())))
    })?;
    if let Some((removed, emptied)) = trimmed {
        ctx.notify(events::LIST, "ltrim", key);
        remove_if(ctx, key, emptied);
        changed(ctx, key, removed);
    }
    ctx.reply.ok();
    Ok(())
}
