//! Generic key commands: DEL and EXISTS first; their kin follow.
//!
//! They work on keys of every type. Called by `shard::execute` after every gate has passed.

use super::keyspec::access;
use super::{Command, Context, Group, KeySpec, Lookup, Merge, Outcome, Run, acl, flag};
use crate::config::events;
use crate::resp::Args;

/// The rows of this family.
pub static COMMANDS: &[Command] = &[
    Command {
        name: "del",
        arity: -2,
        flags: flag::WRITE,
        categories: acl::KEYSPACE,
        group: Group::Generic,
        keys: &[KeySpec::range(1, -1, 1, access::RM | access::DELETE)],
        since: "1.0.0",
        complexity: "O(N) where N is the number of keys that will be removed.",
        summary: "Deletes one or more keys.",
        run: Run::Split(del, Merge::Sum),
        subcommands: &[],
    },
    Command {
        name: "dbsize",
        arity: 1,
        flags: flag::READONLY | flag::FAST,
        categories: acl::KEYSPACE,
        group: Group::Server,
        keys: &[],
        since: "1.0.0",
        complexity: "O(1)",
        summary: "Returns the number of keys in the database.",
        run: Run::Everywhere(dbsize, Merge::Sum),
        subcommands: &[],
    },
];

fn del(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    let mut removed = 0;
    for key in args.from(1) {
        if ctx.find(key, Lookup::Peek).is_some() {
            ctx.take(ctx.db, key);
            ctx.modified(key);
            ctx.notify(events::GENERIC, "del", key);
            removed += 1;
        }
    }
    ctx.reply.integer(removed);
    Ok(())
}

fn dbsize(ctx: &mut Context<'_>, _args: &Args<'_>) -> Outcome {
    let count = ctx.store.len(ctx.db);
    ctx.reply.integer(i64::try_from(count).unwrap_or(i64::MAX));
    Ok(())
}
