//! Commands on whole databases: DBSIZE, FLUSHDB, FLUSHALL, SWAPDB.
//!
//! Each shard does its part. Emptying detaches the tables in constant time; the store gives their
//! memory back in steps, so ASYNC and SYNC differ in nothing but their spelling.

use super::{docs, existing_database};
use crate::cmd::special::PLAIN;
use crate::cmd::{Command, Context, Group, Merge, Outcome, Run, acl, flag};
use crate::resp::{Args, Error, parse_i64};

/// The rows of this family.
pub static COMMANDS: &[Command] = &[
    Command {
        name: "dbsize",
        arity: 1,
        flags: flag::READONLY | flag::FAST,
        categories: acl::KEYSPACE,
        group: Group::Server,
        keys: &[],
        docs: &docs::DBSIZE,
        special: PLAIN,
        run: Run::Everywhere(dbsize, Merge::Sum),
        subcommands: &[],
    },
    Command {
        name: "flushdb",
        arity: -1,
        flags: flag::WRITE,
        categories: acl::KEYSPACE | acl::DANGEROUS,
        group: Group::Server,
        keys: &[],
        docs: &docs::FLUSHDB,
        special: PLAIN,
        run: Run::Everywhere(flushdb, Merge::Ok),
        subcommands: &[],
    },
    Command {
        name: "flushall",
        arity: -1,
        flags: flag::WRITE,
        categories: acl::KEYSPACE | acl::DANGEROUS,
        group: Group::Server,
        keys: &[],
        docs: &docs::FLUSHALL,
        special: PLAIN,
        run: Run::Everywhere(flushall, Merge::Ok),
        subcommands: &[],
    },
    Command {
        name: "swapdb",
        arity: 3,
        flags: flag::WRITE | flag::FAST,
        categories: acl::KEYSPACE | acl::DANGEROUS,
        group: Group::Server,
        keys: &[],
        docs: &docs::SWAPDB,
        special: PLAIN,
        run: Run::Everywhere(swapdb, Merge::Once),
        subcommands: &[],
    },
];

fn dbsize(ctx: &mut Context<'_>, _args: &Args<'_>) -> Outcome {
    let count = ctx.store().len(ctx.db);
    ctx.reply.integer(i64::try_from(count).unwrap_or(i64::MAX));
    Ok(())
}

fn flushdb(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    check_flush_mode(args)?;
    ctx.clear(ctx.db);
    ctx.reply.ok();
    Ok(())
}

fn flushall(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    check_flush_mode(args)?;
    for db in ctx.store().databases() {
        ctx.clear(db);
    }
    ctx.reply.ok();
    Ok(())
}

fn check_flush_mode(args: &Args<'_>) -> Outcome {
    let known = args.len() == 1 || args.len() == 2 && (args.is(1, "async") || args.is(1, "sync"));
    if known { Ok(()) } else { Err(Error::SYNTAX) }
}

fn swapdb(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    let number =
        |index: usize| parse_i64(args.get(index)).and_then(|number| i32::try_from(number).ok());
    let first = number(1).ok_or(Error::new("ERR invalid first DB index"))?;
    let second = number(2).ok_or(Error::new("ERR invalid second DB index"))?;
    let (first, second) = (
        existing_database(ctx, first)?,
        existing_database(ctx, second)?,
    );
    ctx.swap(first, second);
    ctx.reply.ok();
    Ok(())
}

#[cfg(test)]
mod tests;
