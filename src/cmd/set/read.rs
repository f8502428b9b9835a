//! Looking into a set: SISMEMBER, SMISMEMBER, SCARD, SMEMBERS, SSCAN.
//!
//! Changes nothing.

use super::super::keys::scan::{ScanOptions, parse_cursor, reply_elements};
use super::super::{Context, Lookup, Outcome};
use super::{count_of, set, write, write_all};
use crate::resp::{Args, Reply};
use crate::store::Set;

pub(super) fn sismember(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    ctx.view(ctx.key(args, 1), Lookup::Read, |entry, reply| {
        let set = entry.map(set).transpose()?;
        let found = set.is_some_and(|set| set.contains(args.get(2)));
        reply.integer(i64::from(found));
        Ok(())
    })
}

pub(super) fn smismember(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    ctx.view(ctx.key(args, 1), Lookup::Read, |entry, reply| {
        let set = entry.map(set).transpose()?;
        reply.array(args.len() - 2);
        for member in args.from(2) {
            let found = set.is_some_and(|set| set.contains(member));
            reply.integer(i64::from(found));
        }
        Ok(())
    })
}

pub(super) fn scard(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    ctx.view(ctx.key(args, 1), Lookup::Read, |entry, reply| {
        let set = entry.map(set).transpose()?;
        reply.integer(count_of(set.map_or(0, Set::len)));
        Ok(())
    })
}

pub(super) fn smembers(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    ctx.view(ctx.key(args, 1), Lookup::Read, |entry, reply| {
        match entry.map(set).transpose()? {
            Some(set) => write_all(reply, set),
            None => reply.set(0),
        }
        Ok(())
    })
}

pub(super) fn sscan(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    let cursor = parse_cursor(args.get(2))?;
    ctx.view(ctx.key(args, 1), Lookup::Read, |entry, reply| {
        let mut found = Vec::new();
        let (mut next, mut count) = (0, 0);
        if let Some(set) = entry.map(set).transpose()? {
            let options = ScanOptions::parse_elements(args, 3)?;
            let mut members = Reply::new(&mut found, reply.protocol());
            next = set.scan(cursor, options.count, |element| {
                if options.admits(&element) {
                    write(&mut members, element);
                    count += 1;
                }
            });
        }
        reply_elements(reply, next, count, &found);
        Ok(())
    })
}
