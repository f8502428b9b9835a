//! Looking into a hash: HGET, HMGET, HGETALL, HKEYS, HVALS, HLEN, HSTRLEN, HEXISTS, HSCAN.
//!
//! Changes nothing, but that fields whose time is over end on the way.

use super::super::keys::scan::{ScanOptions, parse_cursor, reply_elements};
use super::super::{Context, Outcome};
use super::{count_of, look, write, write_value};
use crate::resp::{Args, Protocol, Reply};
use crate::store::Hash;

pub(super) fn hget(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    look(ctx, ctx.key(args, 1), |hash, reply| {
        write_value(reply, hash, args.get(2));
        Ok(())
    })
}

pub(super) fn hmget(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    look(ctx, ctx.key(args, 1), |hash, reply| {
        reply.array(args.len() - 2);
        for name in args.from(2) {
            write_value(reply, hash, name);
        }
        Ok(())
    })
}

pub(super) fn hgetall(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    look(ctx, ctx.key(args, 1), |hash, reply| {
        reply.map(hash.map_or(0, Hash::len));
        for field in hash.into_iter().flat_map(Hash::iter) {
            write(reply, field.name);
            write(reply, field.value);
        }
        Ok(())
    })
}

pub(super) fn hkeys(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    look(ctx, ctx.key(args, 1), |hash, reply| {
        reply.array(hash.map_or(0, Hash::len));
        for field in hash.into_iter().flat_map(Hash::iter) {
            write(reply, field.name);
        }
        Ok(())
    })
}

pub(super) fn hvals(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    look(ctx, ctx.key(args, 1), |hash, reply| {
        reply.array(hash.map_or(0, Hash::len));
        for field in hash.into_iter().flat_map(Hash::iter) {
            write(reply, field.value);
        }
        Ok(())
    })
}

pub(super) fn hlen(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    look(ctx, ctx.key(args, 1), |hash, reply| {
        reply.integer(count_of(hash.map_or(0, Hash::len)));
        Ok(())
    })
}

pub(super) fn hstrlen(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    look(ctx, ctx.key(args, 1), |hash, reply| {
        let field = hash.and_then(|hash| hash.get(args.get(2)));
        let len = field.map_or(0, |field| field.value.with_text(<[u8]>::len));
        reply.integer(count_of(len));
        Ok(())
    })
}

pub(super) fn hexists(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    look(ctx, ctx.key(args, 1), |hash, reply| {
        let found = hash.is_some_and(|hash| hash.get(args.get(2)).is_some());
        reply.integer(i64::from(found));
        Ok(())
    })
}

pub(super) fn hscan(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    let cursor = parse_cursor(args.get(2))?;
    look(ctx, ctx.key(args, 1), |hash, reply| {
        let mut found = Vec::new();
        let (mut next, mut count) = (0, 0);
        if let Some(hash) = hash {
            let (options, no_values) = ScanOptions::parse_fields(args, 3)?;
            let mut fields = Reply::new(&mut found, Protocol::Resp2);
            next = hash.scan(cursor, options.count, |field| {
                if options.admits(&field.name) {
                    write(&mut fields, field.name);
                    count += 1;
                    if !no_values {
                        write(&mut fields, field.value);
                        count += 1;
                    }
                }
            });
        }
        reply_elements(reply, next, count, &found);
        Ok(())
    })
}
