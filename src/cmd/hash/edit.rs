//! Setting and removing fields: HSET, HMSET, HSETNX, HDEL, HINCRBY, HINCRBYFLOAT.
//!
//! A field that is set anew loses its time, one that is counted keeps it, as in Redis.

use super::super::long_double::LongDouble;
use super::super::{Context, Outcome};
use super::{change, count_of, hash_mut, hash_or_new, limits, seen};
use crate::config::events;
use crate::resp::{Args, Error, parse_i64};

pub(super) fn hset(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    let added = set(ctx, args, "hset")?;
    ctx.reply.integer(count_of(added));
    Ok(())
}

pub(super) fn hmset(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    set(ctx, args, "hmset")?;
    ctx.reply.ok();
    Ok(())
}

/// Sets all the fields; how many were new.
fn set(ctx: &mut Context<'_>, args: &Args<'_>, name: &str) -> Result<usize, Error> {
    if args.len() % 2 == 1 {
        return Err(Error::arity(name));
    }
    let limits = limits(ctx);
    change(ctx, ctx.key(args, 1), |edit, _| {
        let hash = hash_or_new(edit)?;
        hash.expect(args.from(2), &limits);
        let mut added = 0;
        for at in (2..args.len()).step_by(2) {
            let is_new = hash.set(args.get(at), args.get(at + 1), false, &limits);
            added += usize::from(is_new);
        }
        edit.counts(args.len() as u64 / 2 - 1);
        edit.notify(events::HASH, "hset");
        Ok(added)
    })
}

pub(super) fn hsetnx(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    let limits = limits(ctx);
    change(ctx, ctx.key(args, 1), |edit, reply| {
        let exists = seen(edit)?.is_some_and(|hash| hash.get(args.get(2)).is_some());
        if !exists {
            let hash = hash_or_new(edit)?;
            hash.expect(args.from(2), &limits);
            hash.set(args.get(2), args.get(3), false, &limits);
            edit.notify(events::HASH, "hset");
        }
        reply.integer(i64::from(!exists));
        Ok(())
    })
}

pub(super) fn hdel(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    change(ctx, ctx.key(args, 1), |edit, reply| {
        let mut removed = 0;
        if let Some(hash) = hash_mut(edit)? {
            removed = args.from(2).filter(|name| hash.remove(name)).count();
            if removed == 0 {
                edit.unchanged();
            } else {
                edit.counts(removed as u64);
                edit.notify(events::HASH, "hdel");
            }
        }
        reply.integer(count_of(removed));
        Ok(())
    })
}

pub(super) fn hincrby(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    const NOT_INTEGER: Error = Error::new("ERR hash value is not an integer");
    const OVERFLOW: Error = Error::new("ERR increment or decrement would overflow");
    let increment = parse_i64(args.get(3)).ok_or(Error::NOT_INTEGER)?;
    let limits = limits(ctx);
    change(ctx, ctx.key(args, 1), |edit, reply| {
        let field = seen(edit)?.and_then(|hash| hash.get(args.get(2)));
        let old = match field {
            None => 0,
            Some(field) => field.value.with_text(parse_i64).ok_or(NOT_INTEGER)?,
        };
        let sum = old.checked_add(increment).ok_or(OVERFLOW)?;
        let mut digits = itoa::Buffer::new();
        let hash = hash_or_new(edit)?;
        hash.set(args.get(2), digits.format(sum).as_bytes(), true, &limits);
        edit.notify(events::HASH, "hincrby");
        reply.integer(sum);
        Ok(())
    })
}

pub(super) fn hincrbyfloat(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    const NOT_FLOAT: Error = Error::new("ERR hash value is not a float");
    const NOT_FINITE: Error = Error::new("ERR value is NaN or Infinity");
    let increment = LongDouble::parse(args.get(3)).ok_or(Error::NOT_FLOAT)?;
    if increment.is_infinite() {
        return Err(NOT_FINITE);
    }
    let limits = limits(ctx);
    change(ctx, ctx.key(args, 1), |edit, reply| {
        let name = args.get(2);
        let field = seen(edit)?.and_then(|hash| hash.get(name));
        let (old, expires) = match field {
            None => (LongDouble::ZERO, false),
            Some(field) => {
                let old = field.value.with_text(LongDouble::parse).ok_or(NOT_FLOAT)?;
                (old, field.expiry.is_some())
            }
        };
        let sum = old
            .add(increment)
            .filter(|sum| !sum.is_infinite())
            .ok_or(Error::new("ERR increment would produce NaN or Infinity"))?
            .to_string();
        let hash = hash_or_new(edit)?;
        hash.set(name, sum.as_bytes(), true, &limits);
        edit.notify(events::HASH, "hincrbyfloat");
        // The digits are computed once; a stock Redis 7 knows no times of fields.
        let key = edit.key();
        if expires {
            let words: [&[u8]; 7] = [
                b"HSETEX",
                key,
                b"KEEPTTL",
                b"FIELDS",
                b"1",
                name,
                sum.as_bytes(),
            ];
            edit.propagate(&words);
        } else {
            edit.propagate(&[b"HSET", key, name, sum.as_bytes()]);
        }
        reply.bulk(sum.as_bytes());
        Ok(())
    })
}
