//! DUMP and RESTORE: values as portable payloads.
//!
//! The format is `rdb`'s. A payload comes from outside and is believed in nothing.

use super::docs;
use crate::cmd::keyspec::access;
use crate::cmd::special::PLAIN;
use crate::cmd::{
    Command, Context, Group, Key, KeySpec, Lookup, Outcome, Run, acl, flag, form_limits,
};
use crate::config::events;
use crate::limits::UNIX_MS_MAX;
use crate::rdb::{self, PayloadError};
use crate::resp::{Args, Error, parse_i64};

/// The rows of this family.
pub static COMMANDS: &[Command] = &[
    Command {
        name: "dump",
        arity: 2,
        flags: flag::READONLY,
        categories: acl::KEYSPACE,
        group: Group::Generic,
        keys: &[KeySpec::one(1, access::RO | access::ACCESS)],
        docs: &docs::DUMP,
        special: PLAIN,
        run: Run::Keys(dump),
        subcommands: &[],
    },
    Command {
        name: "restore",
        arity: -4,
        flags: flag::WRITE | flag::DENYOOM,
        categories: acl::KEYSPACE | acl::DANGEROUS,
        group: Group::Generic,
        keys: &[KeySpec::one(1, access::OW | access::UPDATE)],
        docs: &docs::RESTORE,
        special: PLAIN,
        run: Run::Keys(restore),
        subcommands: &[],
    },
];

fn dump(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    let compress = ctx.config.rdbcompression;
    ctx.view(ctx.key(args, 1), Lookup::Read, |entry, reply| match entry {
        Some(entry) => reply.bulk(&rdb::dump(entry.value(), compress)),
        None => reply.null(),
    });
    Ok(())
}

/// The options of RESTORE.
#[derive(Debug, Clone, Copy, Default)]
struct Options {
    replace: bool,
    absolute: bool,
    idle_s: Option<u64>,
    frequency: Option<u8>,
}

impl Options {
    fn parse(args: &Args<'_>) -> Result<Self, Error> {
        let mut set = Self::default();
        let mut option = 4;
        while option < args.len() {
            let has_value = option + 1 < args.len();
            if args.is(option, "replace") {
                set.replace = true;
            } else if args.is(option, "absttl") {
                set.absolute = true;
            } else if args.is(option, "idletime") && has_value && set.frequency.is_none() {
                option += 1;
                let idle_s = parse_i64(args.get(option)).ok_or(Error::NOT_INTEGER)?;
                let invalid = Error::new("ERR Invalid IDLETIME value, must be >= 0");
                set.idle_s = Some(u64::try_from(idle_s).map_err(|_| invalid)?);
            } else if args.is(option, "freq") && has_value && set.idle_s.is_none() {
                option += 1;
                let frequency = parse_i64(args.get(option)).ok_or(Error::NOT_INTEGER)?;
                let invalid = Error::new("ERR Invalid FREQ value, must be >= 0 and <= 255");
                set.frequency = Some(u8::try_from(frequency).map_err(|_| invalid)?);
            } else {
                return Err(Error::SYNTAX);
            }
            option += 1;
        }
        Ok(set)
    }
}

fn restore(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    let (key, payload) = (ctx.key(args, 1), args.get(3));
    let options = Options::parse(args)?;
    if !options.replace && ctx.exists(key, Lookup::Write) {
        return Err(Error::new("BUSYKEY Target key name already exists."));
    }
    let ttl_ms = parse_i64(args.get(2)).ok_or(Error::NOT_INTEGER)?;
    let ttl_ms =
        u64::try_from(ttl_ms).map_err(|_| Error::new("ERR Invalid TTL value, must be >= 0"))?;
    let loaded = rdb::restore(payload, form_limits(ctx.config, ctx.store().key_hash())).map_err(
        |error| match error {
            PayloadError::Footer => Error::new("ERR DUMP payload version or checksum are wrong"),
            PayloadError::Body => Error::new("ERR Bad data format"),
        },
    )?;
    let expiry = match ttl_ms {
        0 => None,
        _ if options.absolute => Some(ttl_ms),
        // Redis lets the sum overflow and drops the key; here it lives as long as any can.
        _ => Some(ttl_ms.saturating_add(ctx.now_ms).min(UNIX_MS_MAX)),
    };
    if expiry.is_some_and(|at_ms| at_ms <= ctx.now_ms) {
        return restore_expired(ctx, key, options);
    }
    // Reads an expired predecessor out of the way, so that its end is told of as such.
    ctx.exists(key, Lookup::Peek);
    let mut entry = loaded.into_entry(key.bytes, expiry);
    entry.set_lru(age_of(ctx, options));
    ctx.put_in(ctx.db, key, entry);
    if let (Some(at_ms), false) = (expiry, options.absolute) {
        propagate_absolute(ctx, args, at_ms);
    }
    ctx.notify(events::GENERIC, "restore", key);
    ctx.reply.ok();
    Ok(())
}

/// The payload's time had passed: with REPLACE the key goes, else nothing happens.
fn restore_expired(ctx: &mut Context<'_>, key: Key<'_>, options: Options) -> Outcome {
    if options.replace && ctx.delete(key) {
        ctx.propagate(&[b"DEL", key.bytes]);
    }
    ctx.reply.ok();
    Ok(())
}

fn age_of(ctx: &Context<'_>, options: Options) -> u32 {
    let aging = ctx.aging();
    match (options.frequency, options.idle_s) {
        (Some(frequency), _) => aging.with_frequency(frequency),
        (None, Some(idle_s)) => aging.with_idle(idle_s),
        (None, None) => aging.fresh(),
    }
}

fn propagate_absolute(ctx: &mut Context<'_>, args: &Args<'_>, at_ms: u64) {
    let mut digits = itoa::Buffer::new();
    let mut words: Vec<&[u8]> = args.from(0).collect();
    words[2] = digits.format(at_ms).as_bytes();
    words.push(b"ABSTTL");
    ctx.propagate(&words);
}

#[cfg(test)]
mod tests;
