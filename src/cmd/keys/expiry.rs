//! When keys expire: EXPIRE, TTL, PERSIST and their kin.
//!
//! Times are unix milliseconds in the store; the log and replicas get PEXPIREAT with the absolute
//! time, or DEL when the time had passed already. Works on keys of every type.

use super::docs;
use crate::cmd::keyspec::access;
use crate::cmd::special::PLAIN;
use crate::cmd::{Command, Context, Group, Key, KeySpec, Lookup, Outcome, Run, acl, flag};
use crate::config::events;
use crate::resp::{Args, Error, parse_i64};
use crate::store::Entry;

/// The rows of this family.
pub static COMMANDS: &[Command] = &[
    Command {
        name: "expire",
        arity: -3,
        flags: flag::WRITE | flag::FAST,
        categories: acl::KEYSPACE,
        group: Group::Generic,
        keys: &[KeySpec::one(1, access::RW | access::UPDATE)],
        docs: &docs::EXPIRE,
        special: PLAIN,
        run: Run::Keys(expire),
        subcommands: &[],
    },
    Command {
        name: "pexpire",
        arity: -3,
        flags: flag::WRITE | flag::FAST,
        categories: acl::KEYSPACE,
        group: Group::Generic,
        keys: &[KeySpec::one(1, access::RW | access::UPDATE)],
        docs: &docs::PEXPIRE,
        special: PLAIN,
        run: Run::Keys(pexpire),
        subcommands: &[],
    },
    Command {
        name: "expireat",
        arity: -3,
        flags: flag::WRITE | flag::FAST,
        categories: acl::KEYSPACE,
        group: Group::Generic,
        keys: &[KeySpec::one(1, access::RW | access::UPDATE)],
        docs: &docs::EXPIREAT,
        special: PLAIN,
        run: Run::Keys(expireat),
        subcommands: &[],
    },
    Command {
        name: "pexpireat",
        arity: -3,
        flags: flag::WRITE | flag::FAST,
        categories: acl::KEYSPACE,
        group: Group::Generic,
        keys: &[KeySpec::one(1, access::RW | access::UPDATE)],
        docs: &docs::PEXPIREAT,
        special: PLAIN,
        run: Run::Keys(pexpireat),
        subcommands: &[],
    },
    Command {
        name: "ttl",
        arity: 2,
        flags: flag::READONLY | flag::FAST,
        categories: acl::KEYSPACE,
        group: Group::Generic,
        keys: &[KeySpec::one(1, access::RO | access::ACCESS)],
        docs: &docs::TTL,
        special: PLAIN,
        run: Run::Keys(ttl),
        subcommands: &[],
    },
    Command {
        name: "pttl",
        arity: 2,
        flags: flag::READONLY | flag::FAST,
        categories: acl::KEYSPACE,
        group: Group::Generic,
        keys: &[KeySpec::one(1, access::RO | access::ACCESS)],
        docs: &docs::PTTL,
        special: PLAIN,
        run: Run::Keys(pttl),
        subcommands: &[],
    },
    Command {
        name: "expiretime",
        arity: 2,
        flags: flag::READONLY | flag::FAST,
        categories: acl::KEYSPACE,
        group: Group::Generic,
        keys: &[KeySpec::one(1, access::RO | access::ACCESS)],
        docs: &docs::EXPIRETIME,
        special: PLAIN,
        run: Run::Keys(expiretime),
        subcommands: &[],
    },
    Command {
        name: "pexpiretime",
        arity: 2,
        flags: flag::READONLY | flag::FAST,
        categories: acl::KEYSPACE,
        group: Group::Generic,
        keys: &[KeySpec::one(1, access::RO | access::ACCESS)],
        docs: &docs::PEXPIRETIME,
        special: PLAIN,
        run: Run::Keys(pexpiretime),
        subcommands: &[],
    },
    Command {
        name: "persist",
        arity: 2,
        flags: flag::WRITE | flag::FAST,
        categories: acl::KEYSPACE,
        group: Group::Generic,
        keys: &[KeySpec::one(1, access::RW | access::UPDATE)],
        docs: &docs::PERSIST,
        special: PLAIN,
        run: Run::Keys(persist),
        subcommands: &[],
    },
];

/// Milliseconds of the unit in which a command counts.
const SECOND_MS: i64 = 1000;
const MILLISECOND_MS: i64 = 1;

fn expire(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    expire_after(ctx, args, "expire", Clock::Relative, SECOND_MS)
}

fn pexpire(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    expire_after(ctx, args, "pexpire", Clock::Relative, MILLISECOND_MS)
}

fn expireat(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    expire_after(ctx, args, "expireat", Clock::Absolute, SECOND_MS)
}

fn pexpireat(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    expire_after(ctx, args, "pexpireat", Clock::Absolute, MILLISECOND_MS)
}

fn ttl(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    time_left(ctx, ctx.key(args, 1), Clock::Relative, SECOND_MS)
}

fn pttl(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    time_left(ctx, ctx.key(args, 1), Clock::Relative, MILLISECOND_MS)
}

fn expiretime(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    time_left(ctx, ctx.key(args, 1), Clock::Absolute, SECOND_MS)
}

fn pexpiretime(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    time_left(ctx, ctx.key(args, 1), Clock::Absolute, MILLISECOND_MS)
}

fn persist(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    ctx.edit(ctx.key(args, 1), |edit, reply| {
        let expires = edit.entry().and_then(Entry::expiry).is_some();
        if expires {
            edit.set_expiry(None);
            edit.notify(events::GENERIC, "persist");
        }
        reply.integer(i64::from(expires));
        Ok(())
    })
}

/// Whether a time counts from now or from the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Clock {
    Relative,
    Absolute,
}

/// The options of EXPIRE and its kin.
#[derive(Debug, Clone, Copy, Default)]
struct Conditions {
    not_expiring: bool,
    expiring: bool,
    greater: bool,
    less: bool,
}

impl Conditions {
    fn parse(args: &Args<'_>) -> Result<Self, Error> {
        let mut set = Self::default();
        for option in 3..args.len() {
            let flag = if args.is(option, "nx") {
                &mut set.not_expiring
            } else if args.is(option, "xx") {
                &mut set.expiring
            } else if args.is(option, "gt") {
                &mut set.greater
            } else if args.is(option, "lt") {
                &mut set.less
            } else {
                let option = String::from_utf8_lossy(args.get(option));
                return Err(Error::from(format!("ERR Unsupported option {option}")));
            };
            *flag = true;
        }
        if set.not_expiring && (set.expiring || set.greater || set.less) {
            return Err(Error::new(
                "ERR NX and XX, GT or LT options at the same time are not compatible",
            ));
        }
        if set.greater && set.less {
            return Err(Error::new(
                "ERR GT and LT options at the same time are not compatible",
            ));
        }
        Ok(set)
    }

    /// Whether a key that expires at `current` (never, when None) may be set to expire at `at_ms`.
    fn allow(self, current: Option<u64>, at_ms: i64) -> bool {
        // A key without expiry counts as one that expires in the infinite future.
        let later = |current: u64| u64::try_from(at_ms).is_ok_and(|at_ms| at_ms > current);
        let sooner = |current: u64| u64::try_from(at_ms).map_or(true, |at_ms| at_ms < current);
        !(self.not_expiring && current.is_some()
            || self.expiring && current.is_none()
            || self.greater && !current.is_some_and(later)
            || self.less && !current.is_none_or(sooner))
    }
}

fn expire_after(
    ctx: &mut Context<'_>,
    args: &Args<'_>,
    name: &str,
    clock: Clock,
    unit_ms: i64,
) -> Outcome {
    let key = ctx.key(args, 1);
    let conditions = Conditions::parse(args)?;
    let amount = parse_i64(args.get(2)).ok_or(Error::NOT_INTEGER)?;
    let base_ms = match clock {
        Clock::Relative => i64::try_from(ctx.now_ms).expect("the clock fits i64 milliseconds"),
        Clock::Absolute => 0,
    };
    let at_ms = amount
        .checked_mul(unit_ms)
        .and_then(|amount_ms| amount_ms.checked_add(base_ms))
        .ok_or_else(|| Error::from(format!("ERR invalid expire time in '{name}' command")))?;
    let future_ms = u64::try_from(at_ms)
        .ok()
        .filter(|&at_ms| at_ms > ctx.now_ms);
    let lazily = ctx.config.lazyfree_lazy_expire;
    ctx.edit(key, |edit, reply| {
        let allows = |entry: &Entry| conditions.allow(entry.expiry(), at_ms);
        if !edit.entry().is_some_and(allows) {
            reply.integer(0);
            return Ok(());
        }
        if let Some(at_ms) = future_ms {
            edit.set_expiry(Some(at_ms));
            let mut digits = itoa::Buffer::new();
            edit.propagate(&[b"PEXPIREAT", key.bytes, digits.format(at_ms).as_bytes()]);
            edit.notify(events::GENERIC, "expire");
        } else {
            edit.remove_for_all(lazily);
        }
        reply.integer(1);
        Ok(())
    })
}

fn time_left(ctx: &mut Context<'_>, key: Key<'_>, clock: Clock, unit_ms: i64) -> Outcome {
    let now_ms = ctx.now_ms;
    ctx.view(key, Lookup::Observe, |entry, reply| {
        let Some(entry) = entry else {
            return reply.integer(-2);
        };
        let Some(at_ms) = entry.expiry() else {
            return reply.integer(-1);
        };
        let shown_ms = match clock {
            Clock::Relative => at_ms.saturating_sub(now_ms),
            Clock::Absolute => at_ms,
        };
        // Seconds are rounded to the nearest, as Redis does.
        let shown = shown_ms.saturating_add(unit_ms.unsigned_abs() / 2) / unit_ms.unsigned_abs();
        reply.integer(i64::try_from(shown).unwrap_or(i64::MAX));
    });
    Ok(())
}

#[cfg(test)]
mod tests;
