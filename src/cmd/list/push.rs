//! Putting elements at an end: LPUSH, RPUSH, LPUSHX, RPUSHX.
//!
//! One table lookup when the list exists. Who waits for the key is told by `changed`, after all
//! elements are in.

use super::super::{Context, Lookup, Outcome};
use super::{changed, limits, list_mut, push_event, put};
use crate::config::events;
use crate::resp::Args;
use crate::store::{End, List};

pub(super) fn lpush(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    push(ctx, args, End::Front, false)
}

pub(super) fn rpush(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    push(ctx, args, End::Back, false)
}

pub(super) fn lpushx(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    push(ctx, args, End::Front, true)
}

pub(super) fn rpushx(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    push(ctx, args, End::Back, true)
}

fn push(ctx: &mut Context<'_>, args: &Args<'_>, end: End, only_existing: bool) -> Outcome {
    let key = args.get(1);
    let limits = limits(ctx);
    let add = |list: &mut List| {
        list.push_all(end, args.from(2), limits);
        list.len()
    };
    let known = ctx.view(key, Lookup::Write, |entry, _| {
        entry.map(|entry| list_mut(entry).map(add)).transpose()
    })?;
    let len = match known {
        Some(len) => len,
        None if only_existing => {
            ctx.reply.integer(0);
            return Ok(());
        }
        None => {
            let mut list = List::new();
            let len = add(&mut list);
            put(ctx, key, list);
            len
        }
    };
    ctx.reply
        .integer(i64::try_from(len).expect("a list's length fits i64"));
    changed(ctx, key, args.len() - 2);
    ctx.notify(events::LIST, push_event(end), key);
    Ok(())
}
