//! LMOVEM and BLMOVEM: several elements from one list to another, as in Redis 8.10.
//!
//! One by one they are stacked, in bulk they keep their order. The log gets commands that Redis 7
//! knows.

use super::super::special::Blocking;
use super::super::timeout::timeout_ms;
use super::super::{Context, Lookup, Outcome};
use super::moves;
use super::moves::{move_texts, texts_at};
use super::{end_of, pop_name, push_name};
use crate::resp::{Args, Error, parse_i64};
use crate::store::End;

/// The arguments besides the keys.
struct Plan {
    from: End,
    to: End,
    count: usize,
    /// All of them or none.
    exactly: bool,
    bulk: bool,
}

impl Plan {
    /// `at` is where COUNT or EXACTLY may stand.
    fn parse(args: &Args<'_>, at: usize) -> Result<Plan, Error> {
        let mut plan = Plan {
            from: end_of(args, 3)?,
            to: end_of(args, 4)?,
            count: 1,
            exactly: false,
            bulk: true,
        };
        if args.len() == at {
            return Ok(plan);
        }
        plan.exactly = args.is(at, "exactly");
        if args.len() != at + 3 || !(plan.exactly || args.is(at, "count")) {
            return Err(Error::SYNTAX);
        }
        plan.count = parse_i64(args.get(at + 1))
            .filter(|&count| count > 0)
            .and_then(|count| usize::try_from(count).ok())
            .ok_or(Error::new("ERR count should be greater than 0"))?;
        plan.bulk = args.is(at + 2, "bulk");
        if plan.bulk || args.is(at + 2, "obo") {
            Ok(plan)
        } else {
            Err(Error::SYNTAX)
        }
    }
}

pub(super) fn lmovem(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    let plan = Plan::parse(args, 5)?;
    if !move_many(ctx, args, &plan)? {
        ctx.reply.null_array();
    }
    Ok(())
}

/// As BLMOVE, but with options behind the timeout, and with EXACTLY nothing less than the count
/// serves it.
pub(super) const BLMOVEM: Blocking = Blocking {
    timeout_ms: |args| timeout_ms(args.get(5)),
    least: |args| match Plan::parse(args, 6) {
        Ok(plan) if plan.exactly => plan.count,
        _ => 1,
    },
    ..moves::FROM_SOURCE
};

pub(super) fn blmovem(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    let plan = Plan::parse(args, 6)?;
    let timeout_ms = (BLMOVEM.timeout_ms)(args)?;
    if !move_many(ctx, args, &plan)? && !ctx.waits(timeout_ms) {
        ctx.reply.null_array();
    }
    Ok(())
}

/// Moves and replies with what was moved, as it lies in the destination; false when there is too
/// little.
fn move_many(ctx: &mut Context<'_>, args: &Args<'_>, plan: &Plan) -> Result<bool, Error> {
    let (source, destination) = (ctx.key(args, 1), ctx.key(args, 2));
    let least = if plan.exactly { plan.count } else { 1 };
    let Some(mut moved) = texts_at(ctx, source, plan.from, least..=plan.count)? else {
        return Ok(false);
    };
    let count = moved.len();
    // In bulk, what was popped last at the same end is pushed first.
    if plan.bulk && plan.from == plan.to {
        moved.reverse();
    }
    let mut texts: Vec<&[u8]> = moved.iter().map(Vec::as_slice).collect();
    let (taken, pushed) = (
        (source, plan.from, count),
        (destination, plan.to, &texts[..]),
    );
    move_texts(ctx, taken, pushed, count as u64 + 1)?;
    log(ctx, args, plan, &texts);
    if plan.to == End::Front {
        texts.reverse();
    }
    ctx.reply.array(count);
    for text in &texts {
        ctx.reply.bulk(text);
    }
    Ok(true)
}

/// What Redis 7 does to the same effect. Within one list the key must not go in between: its expiry
/// would.
fn log(ctx: &mut Context<'_>, args: &Args<'_>, plan: &Plan, texts: &[&[u8]]) {
    let (source, destination) = (args.get(1), args.get(2));
    let count = texts.len().to_string();
    let pop: &[&[u8]] = &[pop_name(plan.from), source, count.as_bytes()];
    let push = [&[push_name(plan.to), destination], texts].concat();
    if source != destination {
        ctx.propagate(pop);
        return ctx.propagate(&push);
    }
    if plan.from != plan.to {
        for _ in texts {
            ctx.propagate_pair(&[b"LMOVE", source, source, args.get(3), args.get(4)]);
        }
        return;
    }
    if plan.bulk || texts.len() == 1 {
        // Nothing has changed.
        return ctx.propagate_nothing();
    }
    let is_whole = ctx.view(ctx.key(args, 1), Lookup::Peek, |entry, _| {
        entry.is_some_and(|entry| entry.value().elements() == texts.len())
    });
    if is_whole {
        let last = (texts.len() - 1).to_string();
        let first = format!("-{count}");
        let kept = match plan.to {
            End::Front => ["0", last.as_str()],
            End::Back => [first.as_str(), "-1"],
        };
        ctx.propagate(&push);
        ctx.propagate(&[b"LTRIM", source, kept[0].as_bytes(), kept[1].as_bytes()]);
    } else {
        ctx.propagate(pop);
        ctx.propagate(&push);
    }
}
