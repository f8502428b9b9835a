//! Putting elements at an end: LPUSH, RPUSH, LPUSHX, RPUSHX.
//!
//! One table lookup when the list exists. Who waits for the key is told when the edit ends, after
//! all elements are in.

use super::super::{Context, Outcome};
use super::{limits, list_len, list_or_new, push_event};
use crate::config::events;
use crate::resp::Args;
use crate::store::End;

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
    let limits = limits(ctx);
    ctx.edit(ctx.key(args, 1), |edit, reply| {
        if only_existing && edit.entry().is_none() {
            reply.integer(0);
            return Ok(());
        }
        let list = list_or_new(edit)?;
        list.push_all(end, args.from(2), limits);
        reply.integer(list_len(list));
        edit.counts(args.len() as u64 - 2);
        edit.notify(events::LIST, push_event(end));
        Ok(())
    })
}
