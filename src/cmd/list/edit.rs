//! Changing a list inside: LSET, LINSERT, LREM, LTRIM.
//!
//! What is refused or finds nothing to change leaves the key as it was, and tells nobody.

use super::super::{Context, Outcome};
use super::read::{index_in, range_in};
use super::{limits, list, list_len, list_mut};
use crate::config::events;
use crate::resp::{Args, Error, parse_i64};
use crate::store::{End, Needle};

pub(super) fn lset(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    let limits = limits(ctx);
    ctx.edit(ctx.key(args, 1), |edit, reply| {
        let len = list(edit.entry().ok_or(Error::NO_SUCH_KEY)?)?.len();
        let index = parse_i64(args.get(2)).ok_or(Error::NOT_INTEGER)?;
        let index = index_in(len, index).filter(|&index| index < len);
        let index = index.ok_or(Error::OUT_OF_RANGE)?;
        let list = list_mut(edit)?.expect("the list was just seen");
        let is_set = list.set(index, args.get(3), limits);
        assert!(is_set, "the index lies in the list");
        edit.notify(events::LIST, "lset");
        reply.ok();
        Ok(())
    })
}

pub(super) fn linsert(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    let end = if args.is(2, "before") {
        End::Front
    } else if args.is(2, "after") {
        End::Back
    } else {
        return Err(Error::SYNTAX);
    };
    let limits = limits(ctx);
    ctx.edit(ctx.key(args, 1), |edit, reply| {
        let Some(list) = list_mut(edit)? else {
            reply.integer(0);
            return Ok(());
        };
        let pivot = Needle::new(args.get(3));
        if list.insert_beside(pivot, end, args.get(4), limits) {
            reply.integer(list_len(list));
            edit.notify(events::LIST, "linsert");
        } else {
            reply.integer(-1);
            edit.unchanged();
        }
        Ok(())
    })
}

pub(super) fn lrem(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    let count = parse_i64(args.get(2)).ok_or(Error::NOT_INTEGER)?;
    let end = if count < 0 { End::Back } else { End::Front };
    let most = match usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX) {
        0 => usize::MAX,
        most => most,
    };
    let limits = limits(ctx);
    ctx.edit(ctx.key(args, 1), |edit, reply| {
        let Some(list) = list_mut(edit)? else {
            reply.integer(0);
            return Ok(());
        };
        let removed = list.remove_equal(Needle::new(args.get(3)), end, most, limits);
        reply.integer(i64::try_from(removed).expect("a list's length fits i64"));
        if removed > 0 {
            edit.counts(removed as u64);
            edit.notify(events::LIST, "lrem");
        } else {
            edit.unchanged();
        }
        Ok(())
    })
}

pub(super) fn ltrim(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    let start = parse_i64(args.get(2)).ok_or(Error::NOT_INTEGER)?;
    let stop = parse_i64(args.get(3)).ok_or(Error::NOT_INTEGER)?;
    let limits = limits(ctx);
    ctx.edit(ctx.key(args, 1), |edit, reply| {
        if let Some(list) = list_mut(edit)? {
            let len = list.len();
            let kept = range_in(len, start, stop);
            list.drop_elements(End::Back, len - kept.end, limits);
            list.drop_elements(End::Front, kept.start, limits);
            // As in Redis: told of also when nothing is cut off, but not to log and replicas.
            edit.counts((len - kept.len()) as u64);
            if kept.len() == len {
                edit.propagate_nothing();
            }
            edit.notify(events::LIST, "ltrim");
        }
        reply.ok();
        Ok(())
    })
}
