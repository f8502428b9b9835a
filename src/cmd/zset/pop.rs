//! Taking members off an end: ZPOPMIN, ZPOPMAX, ZMPOP and those that wait: BZPOPMIN, BZPOPMAX,
//! BZMPOP.
//!
//! What was taken without being named reaches the log as ZPOPMIN or ZPOPMAX.

use super::super::special::Blocking;
use super::super::timeout;
use super::super::{Context, Key, Outcome};
use super::{head, write, write_pair, zset_mut};
use crate::cmd::several::positive;
use crate::config::events;
use crate::resp::{Args, Error, Reply, parse_i64};
use crate::store::{Kind, Zset};

/// Which end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Least,
    Greatest,
}

impl Side {
    fn command(self) -> &'static [u8] {
        match self {
            Side::Least => b"ZPOPMIN",
            Side::Greatest => b"ZPOPMAX",
        }
    }

    fn event(self) -> &'static str {
        match self {
            Side::Least => "zpopmin",
            Side::Greatest => "zpopmax",
        }
    }

    /// Shows so many members from this end on, the outermost first.
    fn show(self, zset: &Zset, count: usize, show: impl FnMut(crate::store::Element<'_>, f64)) {
        match self {
            Side::Least => zset.range(0, count, false, show),
            Side::Greatest => zset.range(zset.len() - 1, count, true, show),
        }
    }

    fn remove(self, zset: &mut Zset, count: usize) {
        match self {
            Side::Least => zset.remove_ranks(0, count),
            Side::Greatest => zset.remove_ranks(zset.len() - count, count),
        }
    }
}

/// Takes up to `count` members; `show` replies with them. False when there is no such key.
fn take(
    ctx: &mut Context<'_>,
    key: Key<'_>,
    side: Side,
    count: usize,
    told: Told,
    show: impl FnOnce(&mut Reply<'_>, &Zset, usize),
) -> Result<bool, Error> {
    ctx.edit(key, |edit, reply| {
        let Some(zset) = zset_mut(edit)? else {
            return Ok(false);
        };
        let count = count.min(zset.len());
        show(reply, zset, count);
        if count == 0 {
            edit.unchanged();
            return Ok(true);
        }
        side.remove(zset, count);
        edit.counts(count as u64);
        edit.notify(events::ZSET, side.event());
        let mut digits = itoa::Buffer::new();
        match told {
            Told::AsSent => {}
            Told::One => edit.propagate(&[side.command(), key.bytes]),
            Told::Count => {
                let count = digits.format(count).as_bytes();
                edit.propagate(&[side.command(), key.bytes, count]);
            }
        }
        Ok(true)
    })
}

/// How log and replicas are told of it.
#[derive(Clone, Copy)]
enum Told {
    AsSent,
    One,
    Count,
}

pub(super) fn zpopmin(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    pop(ctx, args, Side::Least)
}

pub(super) fn zpopmax(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    pop(ctx, args, Side::Greatest)
}

fn pop(ctx: &mut Context<'_>, args: &Args<'_>, side: Side) -> Outcome {
    const NOT_POSITIVE: Error = Error::new("ERR value is out of range, must be positive");
    let count = match args.len() {
        2 => None,
        3 => {
            let count = parse_i64(args.get(2)).and_then(|count| usize::try_from(count).ok());
            Some(count.ok_or(NOT_POSITIVE)?)
        }
        _ => return Err(Error::SYNTAX),
    };
    let key = ctx.key(args, 1);
    let found = take(
        ctx,
        key,
        side,
        count.unwrap_or(1),
        Told::AsSent,
        |reply, zset, taken| {
            if count.is_none() {
                reply.array(2);
                return side.show(zset, 1, |element, score| {
                    write(reply, element);
                    reply.double(score);
                });
            }
            head(reply, taken, true);
            if taken > 0 {
                side.show(zset, taken, |element, score| {
                    write_pair(reply, element, score, true)
                });
            }
        },
    )?;
    if !found {
        ctx.reply.array(0);
    }
    Ok(())
}

/// The arguments of ZMPOP and BZMPOP from the number of keys on.
struct Many {
    keys: std::ops::Range<usize>,
    side: Side,
    count: usize,
}

impl Many {
    fn parse(args: &Args<'_>, at: usize) -> Result<Many, Error> {
        let keys = positive(args, at, "ERR numkeys should be greater than 0")?;
        let side_at = (at + 1).saturating_add(keys);
        if side_at >= args.len() {
            return Err(Error::SYNTAX);
        }
        let side = if args.is(side_at, "min") {
            Side::Least
        } else if args.is(side_at, "max") {
            Side::Greatest
        } else {
            return Err(Error::SYNTAX);
        };
        let (mut count, mut next) = (None, side_at + 1);
        while next < args.len() {
            if count.is_some() || !args.is(next, "count") || next + 1 >= args.len() {
                return Err(Error::SYNTAX);
            }
            count = Some(positive(
                args,
                next + 1,
                "ERR count should be greater than 0",
            )?);
            next += 2;
        }
        Ok(Many {
            keys: at + 1..side_at,
            side,
            count: count.unwrap_or(1),
        })
    }

    /// Pops off the first that exists; false when none does.
    fn pop(self, ctx: &mut Context<'_>, args: &Args<'_>) -> Result<bool, Error> {
        let side = self.side;
        for at in self.keys {
            let key = ctx.key(args, at);
            let found = take(
                ctx,
                key,
                side,
                self.count,
                Told::Count,
                |reply, zset, taken| {
                    reply.array(2);
                    reply.bulk(key.bytes);
                    reply.array(taken);
                    side.show(zset, taken, |element, score| {
                        reply.array(2);
                        write(reply, element);
                        reply.double(score);
                    });
                },
            )?;
            if found {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

pub(super) fn zmpop(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    if !Many::parse(args, 1)?.pop(ctx, args)? {
        ctx.reply.null_array();
    }
    Ok(())
}

/// Takes a member of any of its keys; its timeout is the last argument.
pub(super) const BZPOP: Blocking = Blocking {
    takes: Kind::Zset,
    ..Blocking::LIST
};

/// As its kin, but the timeout stands in front of the number of keys.
pub(super) const BZMPOP: Blocking = Blocking {
    timeout_ms: timeout::first,
    ..BZPOP
};

pub(super) fn bzmpop(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    let many = Many::parse(args, 2)?;
    let timeout_ms = timeout::first(args)?;
    if !many.pop(ctx, args)? && !ctx.waits(timeout_ms) {
        ctx.reply.null_array();
    }
    Ok(())
}

pub(super) fn bzpopmin(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    blocking_pop(ctx, args, Side::Least)
}

pub(super) fn bzpopmax(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    blocking_pop(ctx, args, Side::Greatest)
}

fn blocking_pop(ctx: &mut Context<'_>, args: &Args<'_>, side: Side) -> Outcome {
    let timeout_ms = timeout::last(args)?;
    for at in 1..args.len() - 1 {
        let key = ctx.key(args, at);
        let found = take(ctx, key, side, 1, Told::One, |reply, zset, _| {
            reply.array(3);
            reply.bulk(key.bytes);
            side.show(zset, 1, |element, score| {
                write(reply, element);
                reply.double(score);
            });
        })?;
        if found {
            return Ok(());
        }
    }
    if !ctx.waits(timeout_ms) {
        ctx.reply.null_array();
    }
    Ok(())
}
