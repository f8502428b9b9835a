//! Several sets as one: SINTER, SUNION, SDIFF, their STORE and their CARD.
//!
//! Missing keys are empty sets, and no key's type goes unseen. An intersection walks over the
//! smallest set and asks the others in the order of their sizes. Keys of several shards are lent:
//! nothing here knows.

use super::super::{Context, Key, Outcome};
use super::{count_of, limits, set, write};
use crate::cmd::several::checked_keys;
use crate::config::events;
use crate::resp::{Args, Error, Reply, parse_i64};
use crate::store::{Db, Element, Entry, FormLimits, Object, Set, Store};
use std::ops::{ControlFlow, Range};

/// What is made of the sets.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Operation {
    Intersection,
    Union,
    Difference,
}

impl Operation {
    /// The event at the destination.
    fn event(self) -> &'static str {
        match self {
            Operation::Intersection => "sinterstore",
            Operation::Union => "sunionstore",
            Operation::Difference => "sdiffstore",
        }
    }
}

pub(super) fn sinter(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    reply(ctx, args, Operation::Intersection)
}

pub(super) fn sunion(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    reply(ctx, args, Operation::Union)
}

pub(super) fn sdiff(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    reply(ctx, args, Operation::Difference)
}

pub(super) fn sinterstore(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    store(ctx, args, Operation::Intersection)
}

pub(super) fn sunionstore(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    store(ctx, args, Operation::Union)
}

pub(super) fn sdiffstore(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    store(ctx, args, Operation::Difference)
}

pub(super) fn sintercard(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    count(ctx, args, Operation::Intersection)
}

/// With APPROX as well: an exact count is within its bounds.
pub(super) fn sunioncard(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    count(ctx, args, Operation::Union)
}

pub(super) fn sdiffcard(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    count(ctx, args, Operation::Difference)
}

fn is_set(entry: &Entry) -> Result<(), Error> {
    set(entry).map(|_| ())
}

/// The sets at keys that were checked, missing ones as None.
fn sets<'s>(store: &'s Store, db: Db, now_ms: u64, keys: &[Key<'_>]) -> Vec<Option<&'s Set>> {
    keys.iter()
        .map(|key| {
            let entry = store.get(db, key.slot, key.bytes)?;
            // One that has expired is still there while clients are paused.
            let live = Some(entry).filter(|entry| !entry.is_expired(now_ms))?;
            Some(set(live).expect("all types were checked"))
        })
        .collect()
}

fn reply(ctx: &mut Context<'_>, args: &Args<'_>, operation: Operation) -> Outcome {
    let keys = checked_keys(ctx, args, 1..args.len(), is_set)?;
    let (db, now_ms, limits) = (ctx.db, ctx.now_ms, limits(ctx));
    let protocol = ctx.reply.protocol();
    let (store, reply) = ctx.store_and_reply();
    let sets = sets(store, db, now_ms, &keys);
    let (mut encoded, mut found) = (Vec::new(), 0);
    let mut members = Reply::new(&mut encoded, protocol);
    let mut show = |element: Element<'_>| {
        write(&mut members, element);
        found += 1;
        ControlFlow::Continue(())
    };
    if operation == Operation::Union {
        // Integers come in their order, as in Redis.
        let _all = united(&sets, &limits).iter().try_for_each(show);
    } else {
        let _all = combine(operation, &sets, &limits, &mut show);
    }
    reply.set(found);
    reply.encoded(&encoded);
    Ok(())
}

fn store(ctx: &mut Context<'_>, args: &Args<'_>, operation: Operation) -> Outcome {
    let destination = ctx.key(args, 1);
    let keys = checked_keys(ctx, args, 2..args.len(), is_set)?;
    let limits = limits(ctx);
    let sets = sets(ctx.store(), ctx.db, ctx.now_ms, &keys);
    let result = if operation == Operation::Union {
        united(&sets, &limits)
    } else {
        let mut result = Set::new();
        let _all = combine(operation, &sets, &limits, &mut |element| {
            let added = result.add_element(element, &limits);
            assert!(added, "each member comes once");
            ControlFlow::Continue(())
        });
        result
    };
    let len = result.len();
    if len == 0 {
        ctx.delete(destination);
    } else {
        ctx.put_object(destination, Object::Set(Box::new(result)), 1);
        ctx.notify(events::SET, operation.event(), destination);
    }
    ctx.reply.integer(count_of(len));
    Ok(())
}

fn count(ctx: &mut Context<'_>, args: &Args<'_>, operation: Operation) -> Outcome {
    let (keys, limit) = counted(args, operation)?;
    let keys = checked_keys(ctx, args, keys, is_set)?;
    let limits = limits(ctx);
    let mut found = 0;
    let sets = sets(ctx.store(), ctx.db, ctx.now_ms, &keys);
    let _stopped = combine(operation, &sets, &limits, &mut |_| {
        found += 1;
        if found == limit {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    });
    ctx.reply.integer(count_of(found));
    Ok(())
}

/// The keys of a CARD, and the count at which it stops; 0 for never.
fn counted(args: &Args<'_>, operation: Operation) -> Result<(Range<usize>, usize), Error> {
    const NO_KEYS: Error = Error::new("ERR numkeys should be greater than 0");
    const TOO_MANY: Error = Error::new("ERR Number of keys can't be greater than number of args");
    const NEGATIVE: Error = Error::new("ERR LIMIT can't be negative");
    let keys = parse_i64(args.get(1))
        .and_then(|keys| usize::try_from(keys).ok())
        .filter(|&keys| keys > 0)
        .ok_or(NO_KEYS)?;
    if keys > args.len() - 2 {
        return Err(TOO_MANY);
    }
    let (mut at, mut limit) = (2 + keys, 0);
    while at < args.len() {
        if args.is(at, "limit") && at + 1 < args.len() {
            let given = parse_i64(args.get(at + 1)).and_then(|limit| usize::try_from(limit).ok());
            limit = given.ok_or(NEGATIVE)?;
            at += 2;
        } else if operation == Operation::Union && args.is(at, "approx") {
            at += 1;
        } else {
            return Err(Error::SYNTAX);
        }
    }
    Ok((2..2 + keys, limit))
}

/// Shows each member of the result once, until it is told to stop.
fn combine<'s>(
    operation: Operation,
    sets: &[Option<&'s Set>],
    limits: &FormLimits,
    show: &mut impl FnMut(Element<'s>) -> ControlFlow<()>,
) -> ControlFlow<()> {
    match operation {
        Operation::Intersection => intersect(sets, show),
        Operation::Union => unite(sets, limits, show),
        Operation::Difference => subtract(sets, limits, show),
    }
}

fn intersect<'s>(
    sets: &[Option<&'s Set>],
    show: &mut impl FnMut(Element<'s>) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let Some(mut sets) = sets.iter().copied().collect::<Option<Vec<&Set>>>() else {
        return ControlFlow::Continue(());
    };
    sets.sort_by_key(|set| set.len());
    let (smallest, others) = sets.split_first().expect("commands name a key");
    for element in smallest.iter() {
        if others.iter().all(|other| other.contains_element(element)) {
            show(element)?;
        }
    }
    ControlFlow::Continue(())
}

/// What was shown is remembered in a set of its own.
fn unite<'s>(
    sets: &[Option<&'s Set>],
    limits: &FormLimits,
    show: &mut impl FnMut(Element<'s>) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let mut sets = sets.iter().copied().flatten();
    let (Some(first), second) = (sets.next(), sets.next()) else {
        return ControlFlow::Continue(());
    };
    let Some(second) = second else {
        return first.iter().try_for_each(show);
    };
    let mut seen = Set::new();
    for set in [first, second].into_iter().chain(sets) {
        for element in set.iter() {
            if seen.add_element(element, limits) {
                show(element)?;
            }
        }
    }
    ControlFlow::Continue(())
}

/// The union as a set.
fn united(sets: &[Option<&Set>], limits: &FormLimits) -> Set {
    let mut union = Set::new();
    for set in sets.iter().copied().flatten() {
        for element in set.iter() {
            union.add_element(element, limits);
        }
    }
    union
}

fn subtract<'s>(
    sets: &[Option<&'s Set>],
    limits: &FormLimits,
    show: &mut impl FnMut(Element<'s>) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let (first, others) = sets.split_first().expect("commands name a key");
    let Some(first) = *first else {
        return ControlFlow::Continue(());
    };
    let total: usize = others.iter().flatten().map(|other| other.len()).sum();
    let union;
    let mut others: Vec<&Set> = others.iter().copied().flatten().collect();
    // Many small sets cost less as one than as a look-up in each for every member.
    if others.len() > 1 && total / (others.len() - 1) < first.len() {
        union = united(
            &others.iter().copied().map(Some).collect::<Vec<_>>(),
            limits,
        );
        others = vec![&union];
    }
    // The largest is the likeliest to have a member.
    others.sort_by_key(|other| std::cmp::Reverse(other.len()));
    for element in first.iter() {
        if !others.iter().any(|other| other.contains_element(element)) {
            show(element)?;
        }
    }
    ControlFlow::Continue(())
}
