//! Adding and removing members: ZADD, ZINCRBY, ZREM, ZREMRANGEBYRANK, -BYSCORE and -BYLEX.
//!
//! A sorted set that is left as it was is not told of. ZADD with INCR reaches the log as it was
//! sent, as in Redis: it does the same there to the same state.

#![allow(
    clippy::float_cmp,
    reason = "a score is equal or not, as clients gave it"
)]

use super::super::{Context, Outcome};
use super::bounds::{By, Range};
use super::{NOT_FLOAT, count_of, limits, score, zset, zset_mut, zset_or_new};
use crate::config::events;
use crate::resp::{Args, Error};
use crate::store::{FormLimits, Zset};

/// ZADD's options.
#[derive(Clone, Copy, Default)]
struct Options {
    only_new: bool,
    only_old: bool,
    only_greater: bool,
    only_less: bool,
    count_changed: bool,
    increments: bool,
}

/// What became of one member.
enum Put {
    Added(f64),
    Changed(f64),
    /// It has this score, as before.
    Same(f64),
    /// The options forbid it.
    Refused,
}

const NOT_NUMBER: Error = Error::new("ERR resulting score is not a number (NaN)");

impl Options {
    /// The options, and where the scores begin.
    fn parse(args: &Args<'_>) -> Result<(Options, usize), Error> {
        const NX_XX: Error =
            Error::new("ERR XX and NX options at the same time are not compatible");
        const GT_LT_NX: Error =
            Error::new("ERR GT, LT, and/or NX options at the same time are not compatible");
        const SINGLE: Error =
            Error::new("ERR INCR option supports a single increment-element pair");
        let (mut options, mut at) = (Options::default(), 2);
        while at < args.len() {
            let words = [
                ("nx", &mut options.only_new),
                ("xx", &mut options.only_old),
                ("ch", &mut options.count_changed),
                ("incr", &mut options.increments),
                ("gt", &mut options.only_greater),
                ("lt", &mut options.only_less),
            ];
            let Some((_, option)) = words.into_iter().find(|(word, _)| args.is(at, word)) else {
                break;
            };
            *option = true;
            at += 1;
        }
        let left = args.len() - at;
        if left == 0 || !left.is_multiple_of(2) {
            return Err(Error::SYNTAX);
        }
        let (only_new, sides) = (options.only_new, [options.only_greater, options.only_less]);
        if only_new && options.only_old {
            return Err(NX_XX);
        }
        if (only_new && sides != [false, false]) || sides == [true, true] {
            return Err(GT_LT_NX);
        }
        if options.increments && left > 2 {
            return Err(SINGLE);
        }
        Ok((options, at))
    }

    fn put(
        self,
        zset: &mut Zset,
        member: &[u8],
        given: f64,
        limits: &FormLimits,
    ) -> Result<Put, Error> {
        let Some(before) = zset.score(member) else {
            if self.only_old {
                return Ok(Put::Refused);
            }
            zset.add_new(member, given, limits);
            return Ok(Put::Added(given));
        };
        if self.only_new {
            return Ok(Put::Refused);
        }
        let score = if self.increments {
            before + given
        } else {
            given
        };
        if score.is_nan() {
            return Err(NOT_NUMBER);
        }
        if (self.only_less && score >= before) || (self.only_greater && score <= before) {
            return Ok(Put::Refused);
        }
        if score == before {
            return Ok(Put::Same(score));
        }
        zset.rescore(member, before, score);
        Ok(Put::Changed(score))
    }
}

pub(super) fn zadd(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    let (options, at) = Options::parse(args)?;
    add(ctx, args, options, at)
}

pub(super) fn zincrby(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    let options = Options {
        increments: true,
        ..Options::default()
    };
    add(ctx, args, options, 2)
}

/// Adds the pairs of scores and members from `at` on.
fn add(ctx: &mut Context<'_>, args: &Args<'_>, options: Options, at: usize) -> Outcome {
    let count = (args.len() - at) / 2;
    let mut longest = 0;
    let scores: Vec<f64> = (0..count)
        .map(|pair| {
            longest = longest.max(args.get(at + 2 * pair + 1).len());
            score(args.get(at + 2 * pair)).ok_or(NOT_FLOAT)
        })
        .collect::<Result<_, _>>()?;
    let limits = limits(ctx);
    ctx.edit(ctx.key(args, 1), |edit, reply| {
        if edit.entry().is_none() && options.only_old {
            if options.increments {
                reply.null();
            } else {
                reply.integer(0);
            }
            return Ok(());
        }
        if let Some(entry) = edit.entry() {
            zset(entry)?;
        }
        let zset = zset_or_new(edit, longest, count, &limits)?;
        let (mut added, mut changed, mut last) = (0, 0, Ok(None));
        for (pair, &score) in scores.iter().enumerate() {
            let put = options.put(zset, args.get(at + 2 * pair + 1), score, &limits);
            last = put.map(|put| match put {
                Put::Added(score) => {
                    added += 1;
                    Some(score)
                }
                Put::Changed(score) => {
                    changed += 1;
                    Some(score)
                }
                Put::Same(score) => Some(score),
                Put::Refused => None,
            });
        }
        if added + changed == 0 {
            edit.unchanged();
        } else {
            edit.counts(added + changed);
            edit.notify(
                events::ZSET,
                if options.increments { "zincr" } else { "zadd" },
            );
        }
        match last? {
            Some(score) if options.increments => reply.double(score),
            None if options.increments => reply.null(),
            _ if options.count_changed => reply.integer((added + changed).cast_signed()),
            _ => reply.integer(added.cast_signed()),
        }
        Ok(())
    })
}

pub(super) fn zrem(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    ctx.edit(ctx.key(args, 1), |edit, reply| {
        let Some(zset) = zset_mut(edit)? else {
            reply.integer(0);
            return Ok(());
        };
        let mut removed = 0;
        for member in args.from(2) {
            removed += u64::from(zset.remove(member).is_some());
            if zset.is_empty() {
                break;
            }
        }
        reply.integer(removed.cast_signed());
        if removed == 0 {
            edit.unchanged();
        } else {
            edit.counts(removed);
            edit.notify(events::ZSET, "zrem");
        }
        Ok(())
    })
}

pub(super) fn zremrangebyrank(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    remove(ctx, args, By::Rank, "zremrangebyrank")
}

pub(super) fn zremrangebyscore(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    remove(ctx, args, By::Score, "zremrangebyscore")
}

pub(super) fn zremrangebylex(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    remove(ctx, args, By::Lex, "zremrangebylex")
}

fn remove(ctx: &mut Context<'_>, args: &Args<'_>, by: By, event: &'static str) -> Outcome {
    let range = Range::parse(args, 2, 3, by)?;
    ctx.edit(ctx.key(args, 1), |edit, reply| {
        let Some(zset) = zset_mut(edit)? else {
            reply.integer(0);
            return Ok(());
        };
        let (first, count) = range.of(zset, false);
        zset.remove_ranks(first, count);
        reply.integer(count_of(count));
        if count == 0 {
            edit.unchanged();
        } else {
            edit.counts(count as u64);
            edit.notify(events::ZSET, event);
        }
        Ok(())
    })
}
