//! What the server knows about a key: OBJECT's subcommands and MEMORY USAGE.
//!
//! They look without touching: a key is not younger for having been asked about.

use super::docs;
use crate::cmd::keyspec::access;
use crate::cmd::special::PLAIN;
use crate::cmd::{Command, Context, Group, Key, KeySpec, Lookup, Outcome, Run, acl, flag};
use crate::resp::{Args, Error, Reply, parse_i64};
use crate::store::{BUCKET_SHARE_BYTES, Entry, ValueRef};

/// The rows of the subcommands.
pub(super) static SUBCOMMANDS: &[Command] = &[
    Command {
        name: "encoding",
        arity: 3,
        flags: flag::READONLY,
        categories: acl::KEYSPACE,
        group: Group::Generic,
        keys: &[KeySpec::one(2, access::RO)],
        docs: &docs::OBJECT_ENCODING,
        special: PLAIN,
        run: Run::Keys(encoding),
        subcommands: &[],
    },
    Command {
        name: "freq",
        arity: 3,
        flags: flag::READONLY,
        categories: acl::KEYSPACE,
        group: Group::Generic,
        keys: &[KeySpec::one(2, access::RO)],
        docs: &docs::OBJECT_FREQ,
        special: PLAIN,
        run: Run::Keys(freq),
        subcommands: &[],
    },
    Command {
        name: "idletime",
        arity: 3,
        flags: flag::READONLY,
        categories: acl::KEYSPACE,
        group: Group::Generic,
        keys: &[KeySpec::one(2, access::RO)],
        docs: &docs::OBJECT_IDLETIME,
        special: PLAIN,
        run: Run::Keys(idletime),
        subcommands: &[],
    },
    Command {
        name: "refcount",
        arity: 3,
        flags: flag::READONLY,
        categories: acl::KEYSPACE,
        group: Group::Generic,
        keys: &[KeySpec::one(2, access::RO)],
        docs: &docs::OBJECT_REFCOUNT,
        special: PLAIN,
        run: Run::Keys(refcount),
        subcommands: &[],
    },
    Command {
        name: "help",
        arity: 2,
        flags: flag::LOADING | flag::STALE,
        categories: acl::KEYSPACE,
        group: Group::Generic,
        keys: &[],
        docs: &docs::OBJECT_HELP,
        special: PLAIN,
        run: Run::Keys(help),
        subcommands: &[],
    },
];

/// Integers below this are shared objects in Redis, which clients see in OBJECT REFCOUNT.
const SHARED_INTEGERS: i64 = 10_000;
const SHARED_COUNT: i64 = i32::MAX as i64;

const NOT_LFU: Error = Error::new(
    "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when \
     switching between policies at runtime LRU and LFU data will take some time to adjust.",
);
const IS_LFU: Error = Error::new(
    "ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that when switching between \
     policies at runtime LRU and LFU data will take some time to adjust.",
);

/// Answers about the live entry at `key`; with null when there is none.
fn look(
    ctx: &mut Context<'_>,
    key: Key<'_>,
    show: impl FnOnce(&Entry, &mut Reply<'_>) -> Outcome,
) -> Outcome {
    ctx.view(key, Lookup::Observe, |entry, reply| {
        let Some(entry) = entry else {
            reply.null();
            return Ok(());
        };
        show(entry, reply)
    })
}

fn encoding(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    look(ctx, ctx.key(args, 2), |entry, reply| {
        reply.bulk(entry.encoding().name().as_bytes());
        Ok(())
    })
}

fn refcount(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    look(ctx, ctx.key(args, 2), |entry, reply| {
        reply.integer(match entry.value() {
            ValueRef::Int(0..SHARED_INTEGERS) => SHARED_COUNT,
            _ => 1,
        });
        Ok(())
    })
}

fn idletime(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    let aging = ctx.aging();
    look(ctx, ctx.key(args, 2), |entry, reply| {
        let idle_s = aging.idle_s(entry.lru()).ok_or(IS_LFU)?;
        reply.integer(i64::from(idle_s));
        Ok(())
    })
}

fn freq(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    let aging = ctx.aging();
    look(ctx, ctx.key(args, 2), |entry, reply| {
        let frequency = aging.frequency(entry.lru()).ok_or(NOT_LFU)?;
        reply.integer(i64::from(frequency));
        Ok(())
    })
}

fn help(ctx: &mut Context<'_>, _args: &Args<'_>) -> Outcome {
    const LINES: &[&str] = &[
        "OBJECT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
        "ENCODING <key>",
        "    How the value of <key> is kept in memory.",
        "FREQ <key>",
        "    How often <key> is used, as a logarithm; with an LFU maxmemory policy.",
        "IDLETIME <key>",
        "    Seconds since <key> was last used; without an LFU maxmemory policy.",
        "REFCOUNT <key>",
        "    The number of references to the value of <key>.",
        "HELP",
        "    Print this help.",
    ];
    ctx.reply.array(LINES.len());
    for line in LINES {
        ctx.reply.simple(line);
    }
    Ok(())
}

/// MEMORY USAGE: bytes of the key in the allocator, its share of the table included.
pub fn usage(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    let mut option = 3;
    while option < args.len() {
        if !args.is(option, "samples") || option + 1 >= args.len() {
            return Err(Error::SYNTAX);
        }
        // Taken for compatibility: sizes are exact here, nothing is sampled.
        let samples = parse_i64(args.get(option + 1)).ok_or(Error::NOT_INTEGER)?;
        if samples < 0 {
            return Err(Error::SYNTAX);
        }
        option += 2;
    }
    ctx.view(ctx.key(args, 2), Lookup::Peek, |entry, reply| match entry {
        Some(entry) => {
            let bytes = entry.allocation_bytes() + BUCKET_SHARE_BYTES;
            reply.integer(i64::try_from(bytes).expect("memory fits i64"));
        }
        None => reply.null(),
    });
    Ok(())
}

#[cfg(test)]
mod tests;
