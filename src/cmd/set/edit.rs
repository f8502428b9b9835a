//! Adding, removing and moving members: SADD, SREM, SMOVE.
//!
//! One table lookup per key. A set that is left as it was is not told of.

use super::super::{Context, Lookup, Outcome};
use super::{count_of, limits, set, set_mut, set_or_new};
use crate::config::events;
use crate::resp::{Args, Error};

pub(super) fn sadd(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    let limits = limits(ctx);
    ctx.edit(ctx.key(args, 1), |edit, reply| {
        let set = set_or_new(edit, args.get(2), args.len() - 2, &limits)?;
        let mut added = 0;
        for member in args.from(2) {
            added += usize::from(set.add(member, &limits));
        }
        reply.integer(count_of(added));
        if added == 0 {
            edit.unchanged();
        } else {
            edit.counts(added as u64);
            edit.notify(events::SET, "sadd");
        }
        Ok(())
    })
}

pub(super) fn srem(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    ctx.edit(ctx.key(args, 1), |edit, reply| {
        let Some(set) = set_mut(edit)? else {
            reply.integer(0);
            return Ok(());
        };
        let mut removed = 0;
        for member in args.from(2) {
            removed += usize::from(set.remove(member));
            if set.is_empty() {
                break;
            }
        }
        reply.integer(count_of(removed));
        if removed == 0 {
            edit.unchanged();
        } else {
            edit.counts(removed as u64);
            edit.notify(events::SET, "srem");
        }
        Ok(())
    })
}

pub(super) fn smove(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    let (source, destination) = (ctx.key(args, 1), ctx.key(args, 2));
    let member = args.get(3);
    let found = ctx.view(source, Lookup::Write, |entry, _| {
        let set = entry.map(set).transpose()?;
        Ok::<_, Error>(set.map(|set| set.contains(member)))
    });
    // Nothing at the source decides before the destination's type does, a wrong type after both.
    if matches!(found, Ok(None)) {
        ctx.reply.integer(0);
        return Ok(());
    }
    let there = ctx.view(destination, Lookup::Write, |entry, _| {
        entry.map(set).transpose().map(|_| ())
    });
    let found = found?.expect("a source that is not there was answered");
    there?;
    ctx.reply.integer(i64::from(found));
    if !found || source == destination {
        return Ok(());
    }
    let limits = limits(ctx);
    ctx.edit_as(source, Lookup::Peek, |edit, _| {
        let set = set_mut(edit)?.expect("it has just been looked at");
        let removed = set.remove(member);
        assert!(removed, "it was found a moment ago");
        edit.notify(events::SET, "srem");
        Ok::<_, Error>(())
    })?;
    let added = ctx.edit_as(destination, Lookup::Peek, |edit, _| {
        let added = set_or_new(edit, member, 1, &limits)?.add(member, &limits);
        if added {
            edit.notify(events::SET, "sadd");
        } else {
            edit.unchanged();
        }
        Ok::<_, Error>(added)
    })?;
    if ctx.tells_apart(source, destination) {
        ctx.propagate(&[b"SREM", source.bytes, member]);
        if added {
            ctx.propagate(&[b"SADD", destination.bytes, member]);
        }
    }
    Ok(())
}
