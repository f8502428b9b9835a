//! Keys under other names and in other databases: RENAME, RENAMENX, COPY, MOVE.
//!
//! Entries change hands whole; only COPY copies a value. Works on keys of every type, and on lent
//! entries as on the shard's own.

use super::{database, docs};
use crate::cmd::keyspec::access;
use crate::cmd::special::{PLAIN, Special};
use crate::cmd::{Command, Context, Group, KeySpec, Lookup, Outcome, Run, acl, flag};
use crate::config::events;
use crate::resp::{Args, Error, parse_i64};
use crate::store::Entry;

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
    rename_key(ctx, args.get(1), args.get(2), Occupied::Replace)?;
    ctx.reply.ok();
    Ok(())
}

fn renamenx(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    let renamed = rename_key(ctx, args.get(1), args.get(2), Occupied::Leave)?;
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
    from: &[u8],
    to: &[u8],
    occupied: Occupied,
) -> Result<bool, Error> {
    if ctx.find(from, Lookup::Write).is_none() {
        return Err(Error::NO_SUCH_KEY);
    }
    if from == to {
        return Ok(false);
    }
    if ctx.find(to, Lookup::Write).is_some() && occupied == Occupied::Leave {
        return Ok(false);
    }
    let entry = ctx.take(ctx.db, from).expect("the entry was found above");
    place(ctx, ctx.db, entry.with_key(to));
    ctx.modified(from);
    also_modified(ctx, ctx.db, to);
    ctx.notify(events::GENERIC, "rename_from", from);
    ctx.notify(events::GENERIC, "rename_to", to);
    Ok(true)
}

fn copy(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    let (from, to) = (args.get(1), args.get(2));
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
    let Some(entry) = ctx
        .find(from, Lookup::Read)
        .map(|entry| entry.clone_with_key(to))
    else {
        ctx.reply.integer(0);
        return Ok(());
    };
    if ctx.find_in(target, to, Lookup::Write).is_some() && occupied == Occupied::Leave {
        ctx.reply.integer(0);
        return Ok(());
    }
    place(ctx, target, entry);
    ctx.modified_in(target, to);
    ctx.notify_in(target, events::GENERIC, "copy_to", to);
    ctx.reply.integer(1);
    Ok(())
}

fn move_key(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    let key = args.get(1);
    let target = database(ctx, args.get(2))?;
    if target == ctx.db {
        return Err(Error::SAME_OBJECT);
    }
    let here = ctx.find(key, Lookup::Write).is_some();
    if !here || ctx.find_in(target, key, Lookup::Write).is_some() {
        ctx.reply.integer(0);
        return Ok(());
    }
    let entry = ctx.take(ctx.db, key).expect("the entry was found above");
    place(ctx, target, entry);
    ctx.modified(key);
    also_modified(ctx, target, key);
    ctx.notify(events::GENERIC, "move_from", key);
    ctx.notify_in(target, events::GENERIC, "move_to", key);
    ctx.reply.integer(1);
    Ok(())
}

fn database_at(args: &Args<'_>, at: usize) -> Option<u16> {
    parse_i64(args.get(at)).and_then(|number| u16::try_from(number).ok())
}

/// COPY's DB.
fn copy_database(args: &Args<'_>) -> Option<u16> {
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

/// Puts an entry where it belongs, with the age it has; Redis calls the key new even where it
/// replaces one.
fn place(ctx: &mut Context<'_>, db: usize, entry: Entry) {
    let slot = ctx.slot(entry.key());
    ctx.notify_in(db, events::NEW, "new", entry.key());
    if let Some(replaced) = ctx.store.insert(db, slot, entry) {
        ctx.store.discard(replaced);
    }
}

/// A second key changed by the same change: its watchers hear of it, `dirty` counts it once.
fn also_modified(ctx: &mut Context<'_>, db: usize, key: &[u8]) {
    let dirty = ctx.effects.dirty;
    ctx.modified_in(db, key);
    ctx.effects.dirty = dirty;
}

#[cfg(test)]
mod tests;
