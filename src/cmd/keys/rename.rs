//! Keys under other names and in other databases: RENAME, RENAMENX, COPY, MOVE.
//!
//! Entries change hands whole; only COPY copies a value. Works on keys of every type, and on lent
//! entries as on the shard's own.

use super::{database, docs};
use crate::cmd::keyspec::access;
use crate::cmd::special::{PLAIN, Special};
use crate::cmd::{Command, Context, Group, Key, KeySpec, Lookup, Outcome, Run, acl, flag};
use crate::config::events;
use crate::limits::DATABASES_MAX;
use crate::resp::{Args, Error, parse_i64};
use crate::store::Db;

/// The rows of this family.
pub static COMMANDS: &[Command] = &[
    Command {
        name: "rename",
        arity: 3,
        flags: flag::WRITE,
        categories: acl::KEYSPACE,
        group: Group::Generic,
        keys: &[
            KeySpec::one(1, access::RW | access::ACCESS | access::DELETE),
            KeySpec::one(2, access::OW | access::UPDATE),
        ],
        docs: &docs::RENAME,
        special: PLAIN,
        run: Run::Keys(rename),
        subcommands: &[],
    },
    Command {
        name: "renamenx",
        arity: 3,
        flags: flag::WRITE | flag::FAST,
        categories: acl::KEYSPACE,
        group: Group::Generic,
        keys: &[
            KeySpec::one(1, access::RW | access::ACCESS | access::DELETE),
            KeySpec::one(2, access::OW | access::INSERT),
        ],
        docs: &docs::RENAMENX,
        special: PLAIN,
        run: Run::Keys(renamenx),
        subcommands: &[],
    },
    Command {
        name: "copy",
        arity: -3,
        flags: flag::WRITE | flag::DENYOOM,
        categories: acl::KEYSPACE,
        group: Group::Generic,
        keys: &[
            KeySpec::one(1, access::RO | access::ACCESS),
            KeySpec::one(2, access::OW | access::UPDATE),
        ],
        docs: &docs::COPY,
        special: Special {
            other_database: Some(copy_database),
            ..PLAIN
        },
        run: Run::Keys(copy),
        subcommands: &[],
    },
    Command {
        name: "move",
        arity: 3,
        flags: flag::WRITE | flag::FAST,
        categories: acl::KEYSPACE,
        group: Group::Generic,
        keys: &[KeySpec::one(
            1,
            access::RW | access::ACCESS | access::UPDATE,
        )],
        docs: &docs::MOVE,
        special: Special {
            other_database: Some(|args| database_at(args, 2)),
            ..PLAIN
        },
        run: Run::Keys(move_key),
        subcommands: &[],
    },
];

fn rename(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    rename_key(ctx, ctx.key(args, 1), ctx.key(args, 2), Occupied::Replace)?;
    ctx.reply.ok();
    Ok(())
}

fn renamenx(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    let renamed = rename_key(ctx, ctx.key(args, 1), ctx.key(args, 2), Occupied::Leave)?;
    ctx.reply.integer(i64::from(renamed));
    Ok(())
}

/// What happens to a key that is where another one shall go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Occupied {
    Replace,
    Leave,
}

fn rename_key(
    ctx: &mut Context<'_>,
    from: Key<'_>,
    to: Key<'_>,
    occupied: Occupied,
) -> Result<bool, Error> {
    if !ctx.exists(from, Lookup::Write) {
        return Err(Error::NO_SUCH_KEY);
    }
    if from == to {
        return Ok(false);
    }
    if ctx.exists(to, Lookup::Write) && occupied == Occupied::Leave {
        return Ok(false);
    }
    ctx.relocate((ctx.db, from), (ctx.db, to));
    ctx.notify(events::GENERIC, "rename_from", from);
    ctx.notify(events::GENERIC, "rename_to", to);
    Ok(true)
}

fn copy(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    let (from, to) = (ctx.key(args, 1), ctx.key(args, 2));
    let (mut target, mut occupied) = (ctx.db, Occupied::Leave);
    let mut option = 3;
    while option < args.len() {
        if args.is(option, "replace") {
            occupied = Occupied::Replace;
        } else if args.is(option, "db") && option + 1 < args.len() {
            option += 1;
            target = database(ctx, args.get(option))?;
        } else {
            return Err(Error::SYNTAX);
        }
        option += 1;
    }
    if target == ctx.db && from == to {
        return Err(Error::SAME_OBJECT);
    }
    let copied = ctx.view(from, Lookup::Read, |entry, _| {
        entry.map(|entry| entry.clone_with_key(to.bytes))
    });
    let Some(entry) = copied else {
        ctx.reply.integer(0);
        return Ok(());
    };
    if ctx.exists_in(target, to, Lookup::Write) && occupied == Occupied::Leave {
        ctx.reply.integer(0);
        return Ok(());
    }
    ctx.put_in(target, to, entry);
    ctx.notify_in(target, events::GENERIC, "copy_to", to);
    ctx.reply.integer(1);
    Ok(())
}

fn move_key(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    let key = ctx.key(args, 1);
    let target = database(ctx, args.get(2))?;
    if target == ctx.db {
        return Err(Error::SAME_OBJECT);
    }
    let here = ctx.exists(key, Lookup::Write);
    if !here || ctx.exists_in(target, key, Lookup::Write) {
        ctx.reply.integer(0);
        return Ok(());
    }
    ctx.relocate((ctx.db, key), (target, key));
    ctx.notify(events::GENERIC, "move_from", key);
    ctx.notify_in(target, events::GENERIC, "move_to", key);
    ctx.reply.integer(1);
    Ok(())
}

fn database_at(args: &Args<'_>, at: usize) -> Option<Db> {
    let number = usize::try_from(parse_i64(args.get(at))?).ok()?;
    Db::among(number, DATABASES_MAX)
}

/// COPY's DB.
fn copy_database(args: &Args<'_>) -> Option<Db> {
    let mut target = None;
    let mut option = 3;
    while option < args.len() {
        if args.is(option, "db") && option + 1 < args.len() {
            option += 1;
            target = Some(database_at(args, option)?);
        }
        option += 1;
    }
    target
}

#[cfg(test)]
mod tests;
