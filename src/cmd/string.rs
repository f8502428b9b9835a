//! String commands: GET and SET first; their kin follow.
//!
//! Turns parsed arguments into store calls and answers with a reply and what changed.
//! Called by `shard::execute` after every gate has passed.

use super::keyspec::access;
use super::{Command, Context, Group, KeySpec, Lookup, Merge, Outcome, Run, flag};
use crate::resp::{Args, Error};
use crate::store::{Value, ValueRef};

/// The rows of this family.
pub static COMMANDS: &[Command] = &[
    Command {
        name: "get",
        arity: 2,
        flags: flag::READONLY | flag::FAST,
        categories: 0,
        group: Group::String,
        keys: &[KeySpec::one(1, access::RO | access::ACCESS)],
        since: "1.0.0",
        complexity: "O(1)",
        summary: "Returns the string value of a key.",
        run: Run::Keys(get),
        subcommands: &[],
    },
    Command {
        name: "set",
        arity: -3,
        flags: flag::WRITE | flag::DENYOOM,
        categories: 0,
        group: Group::String,
        keys: &[KeySpec::one(1, access::RW | access::ACCESS | access::UPDATE | access::VARIABLE_FLAGS)],
        since: "1.0.0",
        complexity: "O(1)",
        summary: "Sets the string value of a key, ignoring its type. The key is created if it doesn't exist.",
        run: Run::Keys(set),
        subcommands: &[],
    },
    Command {
        name: "mget",
        arity: -2,
        flags: flag::READONLY | flag::FAST,
        categories: 0,
        group: Group::String,
        keys: &[KeySpec::range(1, -1, 1, access::RO | access::ACCESS)],
        since: "1.0.0",
        complexity: "O(N) where N is the number of keys to retrieve.",
        summary: "Atomically returns the string values of one or more keys.",
        run: Run::Split(mget, Merge::ByKey),
        subcommands: &[],
    },
    Command {
        name: "mset",
        arity: -3,
        flags: flag::WRITE | flag::DENYOOM,
        categories: 0,
        group: Group::String,
        keys: &[KeySpec::range(1, -1, 2, access::OW | access::UPDATE)],
        since: "1.0.1",
        complexity: "O(N) where N is the number of keys to set.",
        summary: "Atomically creates or modifies the string values of one or more keys.",
        run: Run::Split(mset, Merge::Ok),
        subcommands: &[],
    },
];

fn get(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    // Written through `store` rather than `find` so that entry and reply are borrowed side by side.
    let Some(entry) = ctx.find(args.get(1), Lookup::Read) else {
        ctx.reply.null();
        return Ok(());
    };
    let _ = entry;
    let slot = ctx.slot(args.get(1));
    let Some(entry) = ctx.store.get(ctx.db, slot, args.get(1)) else {
        ctx.reply.null();
        return Ok(());
    };
    match entry.value() {
        ValueRef::Int(value) => ctx.reply.bulk_integer(value),
        ValueRef::Bytes(bytes) => ctx.reply.bulk(bytes),
        ValueRef::Object(_) => return Err(Error::WRONG_TYPE),
    }
    Ok(())
}

fn set(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    ctx.put_string(args.get(1), Value::from_text(args.get(2)), None);
    ctx.modified(args.get(1));
    ctx.reply.ok();
    Ok(())
}

fn mget(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    ctx.reply.array(args.len() - 1);
    for _ in args.from(1) {
        ctx.reply.null();
    }
    Ok(())
}

fn mset(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    for pair in (1..args.len()).step_by(2) {
        ctx.put_string(args.get(pair), Value::from_text(args.get(pair + 1)), None);
        ctx.modified(args.get(pair));
    }
    ctx.reply.ok();
    Ok(())
}
