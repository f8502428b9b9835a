//! Looking into a sorted set: ZSCORE, ZMSCORE, ZCARD, ZCOUNT, ZLEXCOUNT, ZRANK, ZREVRANK, ZSCAN.
//!
//! Changes nothing.

use super::super::keys::scan::{ScanOptions, parse_cursor, reply_elements};
use super::super::{Context, Lookup, Outcome};
use super::bounds::{By, Range};
use super::{count_of, write, zset};
use crate::resp::{Args, Error, Reply};
use crate::store::Zset;

pub(super) fn zscore(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    ctx.view(ctx.key(args, 1), Lookup::Read, |entry, reply| {
        let zset = entry.map(zset).transpose()?;
        write_score(reply, zset.and_then(|zset| zset.score(args.get(2))));
        Ok(())
    })
}

fn write_score(reply: &mut Reply<'_>, score: Option<f64>) {
    match score {
        Some(score) => reply.double(score),
        None => reply.null(),
    }
}

pub(super) fn zmscore(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    ctx.view(ctx.key(args, 1), Lookup::Read, |entry, reply| {
        let zset = entry.map(zset).transpose()?;
        reply.array(args.len() - 2);
        for member in args.from(2) {
            write_score(reply, zset.and_then(|zset| zset.score(member)));
        }
        Ok(())
    })
}

pub(super) fn zcard(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    ctx.view(ctx.key(args, 1), Lookup::Read, |entry, reply| {
        let zset = entry.map(zset).transpose()?;
        reply.integer(count_of(zset.map_or(0, Zset::len)));
        Ok(())
    })
}

pub(super) fn zcount(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    count(ctx, args, By::Score)
}

pub(super) fn zlexcount(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    count(ctx, args, By::Lex)
}

fn count(ctx: &mut Context<'_>, args: &Args<'_>, by: By) -> Outcome {
    let range = Range::parse(args, 2, 3, by)?;
    ctx.view(ctx.key(args, 1), Lookup::Read, |entry, reply| {
        let zset = entry.map(zset).transpose()?;
        reply.integer(count_of(zset.map_or(0, |zset| range.of(zset, false).1)));
        Ok(())
    })
}

pub(super) fn zrank(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    rank(ctx, args, "zrank", |rank, _| rank)
}

pub(super) fn zrevrank(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    rank(ctx, args, "zrevrank", |rank, len| len - 1 - rank)
}

fn rank(
    ctx: &mut Context<'_>,
    args: &Args<'_>,
    name: &str,
    seen: fn(usize, usize) -> usize,
) -> Outcome {
    let with_score = match args.len() {
        3 => false,
        4 if args.is(3, "withscore") => true,
        4 => return Err(Error::SYNTAX),
        _ => return Err(Error::arity(name)),
    };
    ctx.view(ctx.key(args, 1), Lookup::Read, |entry, reply| {
        let zset = entry.map(zset).transpose()?;
        let found = zset.and_then(|zset| {
            let (rank, score) = zset.rank(args.get(2))?;
            Some((seen(rank, zset.len()), score))
        });
        match found {
            None if with_score => reply.null_array(),
            None => reply.null(),
            Some((rank, score)) => {
                if with_score {
                    reply.array(2);
                }
                reply.integer(count_of(rank));
                if with_score {
                    reply.double(score);
                }
            }
        }
        Ok(())
    })
}

pub(super) fn zscan(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    let cursor = parse_cursor(args.get(2))?;
    ctx.view(ctx.key(args, 1), Lookup::Read, |entry, reply| {
        let mut found = Vec::new();
        let (mut next, mut count) = (0, 0);
        if let Some(zset) = entry.map(zset).transpose()? {
            let options = ScanOptions::parse_elements(args, 3)?;
            let mut members = Reply::new(&mut found, reply.protocol());
            next = zset.scan(cursor, options.count, |element, score| {
                if options.admits(&element) {
                    write(&mut members, element);
                    members.bulk_double(score);
                    count += 2;
                }
            });
        }
        reply_elements(reply, next, count, &found);
        Ok(())
    })
}
