//! Generic key commands: DEL, UNLINK, EXISTS, TOUCH, TYPE here, their kin in `keys/`.
//!
//! They work on keys of every type. Called by `shard::execute` after every gate has passed. Keys of
//! other shards look like local ones: the transaction layer has lent their entries.

pub mod database;
mod docs;
pub mod dump;
pub mod expiry;
pub mod object;
pub mod rename;
pub mod scan;

use super::keyspec::access;
use super::special::PLAIN;
use super::{Command, Context, Group, KeySpec, Lookup, Merge, Outcome, Run, acl, flag};
use crate::resp::{Args, Error, parse_i64};
use crate::store::Db;

/// The rows of this family.
pub static COMMANDS: &[Command] = &[
    Command {
        name: "del",
        arity: -2,
        flags: flag::WRITE,
        categories: acl::KEYSPACE,
        group: Group::Generic,
        keys: &[KeySpec::range(1, -1, 1, access::RM | access::DELETE)],
        docs: &docs::DEL,
        special: PLAIN,
        run: Run::Split(del, Merge::Sum),
        subcommands: &[],
    },
    Command {
        name: "unlink",
        arity: -2,
        flags: flag::WRITE | flag::FAST,
        categories: acl::KEYSPACE,
        group: Group::Generic,
        keys: &[KeySpec::range(1, -1, 1, access::RM | access::DELETE)],
        docs: &docs::UNLINK,
        special: PLAIN,
        run: Run::Split(unlink, Merge::Sum),
        subcommands: &[],
    },
    Command {
        name: "exists",
        arity: -2,
        flags: flag::READONLY | flag::FAST,
        categories: acl::KEYSPACE,
        group: Group::Generic,
        keys: &[KeySpec::range(1, -1, 1, access::RO)],
        docs: &docs::EXISTS,
        special: PLAIN,
        run: Run::Split(exists, Merge::Sum),
        subcommands: &[],
    },
    Command {
        name: "touch",
        arity: -2,
        flags: flag::READONLY | flag::FAST,
        categories: acl::KEYSPACE,
        group: Group::Generic,
        keys: &[KeySpec::range(1, -1, 1, access::RO)],
        docs: &docs::TOUCH,
        special: PLAIN,
        run: Run::Split(touch, Merge::Sum),
        subcommands: &[],
    },
    Command {
        name: "type",
        arity: 2,
        flags: flag::READONLY | flag::FAST,
        categories: acl::KEYSPACE,
        group: Group::Generic,
        keys: &[KeySpec::one(1, access::RO)],
        docs: &docs::TYPE,
        special: PLAIN,
        run: Run::Keys(type_of),
        subcommands: &[],
    },
    Command {
        name: "object",
        arity: -2,
        flags: 0,
        categories: 0,
        group: Group::Generic,
        keys: &[],
        docs: &docs::OBJECT,
        special: PLAIN,
        run: Run::Container,
        subcommands: object::SUBCOMMANDS,
    },
];

fn del(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    let mut removed = 0;
    let mut keys = ctx.keys(args, 1, 1);
    while let Some((_, key)) = keys.next(ctx) {
        removed += i64::from(ctx.delete(key));
    }
    ctx.reply.integer(removed);
    Ok(())
}

/// As DEL: the memory of a large value is given back in steps whoever removes it.
fn unlink(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    del(ctx, args)
}

fn exists(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    let mut found = 0;
    let mut keys = ctx.keys(args, 1, 1);
    while let Some((_, key)) = keys.next(ctx) {
        found += i64::from(ctx.exists(key, Lookup::Observe));
    }
    ctx.reply.integer(found);
    Ok(())
}

fn touch(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    let mut found = 0;
    let mut keys = ctx.keys(args, 1, 1);
    while let Some((_, key)) = keys.next(ctx) {
        found += i64::from(ctx.exists(key, Lookup::Read));
    }
    ctx.reply.integer(found);
    Ok(())
}

fn type_of(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    ctx.view(ctx.key(args, 1), Lookup::Observe, |entry, reply| {
        reply.simple(entry.map_or("none", |entry| entry.kind().name()));
    });
    Ok(())
}

/// A database's number as COPY and MOVE read it.
fn database(ctx: &Context<'_>, text: &[u8]) -> Result<Db, Error> {
    let number = parse_i64(text).ok_or(Error::NOT_INTEGER)?;
    let number = i32::try_from(number).map_err(|_| Error::NOT_I32)?;
    existing_database(ctx, number)
}

fn existing_database(ctx: &Context<'_>, number: i32) -> Result<Db, Error> {
    usize::try_from(number)
        .ok()
        .and_then(|number| ctx.store().databases().nth(number))
        .ok_or(Error::new("ERR DB index is out of range"))
}

#[cfg(test)]
mod tests;
