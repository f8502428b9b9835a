//! When fields expire: HEXPIRE, HTTL, HPERSIST and their kin.
//!
//! Times are unix milliseconds in the store; log and replicas get HPEXPIREAT with the absolute
//! time for the fields that took it, and HDEL for those whose time had passed already.

use super::super::{Context, Outcome};
use super::{change, hash_mut, look, propagate_fields, seen};
use crate::config::events;
use crate::limits::FIELD_EXPIRY_MS_MAX;
use crate::resp::{Args, Error, Reply, parse_i64};

/// Replies for one field.
const NO_FIELD: i64 = -2;
const NO_TIME: i64 = -1;
const NOT_MET: i64 = 0;
const DONE: i64 = 1;
const ENDED: i64 = 2;

/// How a command counts time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Scale {
    pub unit_ms: u64,
    pub is_absolute: bool,
}

pub(super) const SECONDS: Scale = Scale {
    unit_ms: 1000,
    is_absolute: false,
};
pub(super) const MILLISECONDS: Scale = Scale {
    unit_ms: 1,
    is_absolute: false,
};
pub(super) const UNIX_SECONDS: Scale = Scale {
    unit_ms: 1000,
    is_absolute: true,
};
pub(super) const UNIX_MILLISECONDS: Scale = Scale {
    unit_ms: 1,
    is_absolute: true,
};

impl Scale {
    /// The time that a text means, unix milliseconds.
    ///
    /// # Errors
    /// When it is no number, negative or beyond what fields may have.
    pub(super) fn parse(self, text: &[u8], now_ms: u64, command: &str) -> Result<u64, Error> {
        let amount = parse_i64(text).ok_or(Error::NOT_INTEGER)?;
        let amount = u64::try_from(amount)
            .map_err(|_| Error::new("ERR invalid expire time, must be >= 0"))?;
        let base_ms = if self.is_absolute { 0 } else { now_ms };
        amount
            .checked_mul(self.unit_ms)
            .and_then(|amount_ms| amount_ms.checked_add(base_ms))
            .filter(|&at_ms| at_ms <= FIELD_EXPIRY_MS_MAX)
            .ok_or_else(|| Error::from(format!("ERR invalid expire time in '{command}' command")))
    }

    /// How a time is shown; seconds are rounded up, as Redis does.
    fn shown(self, at_ms: u64, now_ms: u64) -> i64 {
        let base_ms = if self.is_absolute { 0 } else { now_ms };
        let shown = at_ms.saturating_sub(base_ms).div_ceil(self.unit_ms);
        i64::try_from(shown).expect("times are 48 bits wide")
    }
}

/// What must hold of a field's time before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Condition {
    Always,
    NotExpiring,
    Expiring,
    Greater,
    Less,
}

impl Condition {
    fn parse(args: &Args<'_>, at: usize) -> Condition {
        [
            ("nx", Condition::NotExpiring),
            ("xx", Condition::Expiring),
            ("gt", Condition::Greater),
            ("lt", Condition::Less),
        ]
        .into_iter()
        .find(|(word, _)| args.is(at, word))
        .map_or(Condition::Always, |(_, condition)| condition)
    }

    /// A field without a time counts as one that expires in the infinite future.
    fn allows(self, current: Option<u64>, at_ms: u64) -> bool {
        match self {
            Condition::Always => true,
            Condition::NotExpiring => current.is_none(),
            Condition::Expiring => current.is_some(),
            Condition::Greater => current.is_some_and(|current| at_ms > current),
            Condition::Less => current.is_none_or(|current| at_ms < current),
        }
    }
}

/// Where the fields begin, behind `FIELDS numfields` at this argument.
fn fields_at(args: &Args<'_>, at: usize, bad_count: &'static str) -> Result<usize, Error> {
    if at >= args.len() || !args.is(at, "fields") {
        return Err(Error::new(
            "ERR Mandatory argument FIELDS is missing or not at the right position",
        ));
    }
    let count = match args.len() - at {
        1 => None,
        _ => parse_i64(args.get(at + 1)).and_then(|count| usize::try_from(count).ok()),
    };
    let count = count.filter(|&count| count > 0);
    let count = count.ok_or(Error::new(bad_count))?;
    if count == args.len() - at - 2 {
        Ok(at + 2)
    } else {
        Err(Error::new(
            "ERR The `numfields` parameter must match the number of arguments",
        ))
    }
}

pub(super) const NOT_POSITIVE: &str = "ERR Number of fields must be a positive integer";

/// As `fields_at`, for those that have nothing in front of the fields.
pub(super) fn plain_fields_at(args: &Args<'_>, at: usize) -> Result<usize, Error> {
    fields_at(args, at, NOT_POSITIVE)
}

pub(super) fn hexpire(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    expire(ctx, args, "hexpire", SECONDS)
}

pub(super) fn hpexpire(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    expire(ctx, args, "hpexpire", MILLISECONDS)
}

pub(super) fn hexpireat(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    expire(ctx, args, "hexpireat", UNIX_SECONDS)
}

pub(super) fn hpexpireat(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    expire(ctx, args, "hpexpireat", UNIX_MILLISECONDS)
}

fn expire(ctx: &mut Context<'_>, args: &Args<'_>, name: &str, scale: Scale) -> Outcome {
    let now_ms = ctx.now_ms;
    change(ctx, ctx.key(args, 1), |edit, reply| {
        let at_ms = scale.parse(args.get(2), now_ms, name)?;
        let condition = Condition::parse(args, 3);
        let option = usize::from(condition != Condition::Always);
        let bad_count = "ERR Parameter `numFields` should be greater than 0";
        let first = fields_at(args, 3 + option, bad_count)?;
        reply.array(args.len() - first);
        let Some(hash) = hash_mut(edit)? else {
            args.from(first).for_each(|_| reply.integer(NO_FIELD));
            return Ok(());
        };
        let mut taken = Vec::new();
        for name in args.from(first) {
            let current = hash.get(name).map(|field| field.expiry);
            let outcome = match current {
                None => NO_FIELD,
                Some(current) if !condition.allows(current, at_ms) => NOT_MET,
                Some(_) if at_ms <= now_ms => {
                    hash.remove(name);
                    ENDED
                }
                Some(_) => {
                    hash.set_expiry(name, Some(at_ms));
                    DONE
                }
            };
            if outcome >= DONE {
                taken.push(name);
            }
            reply.integer(outcome);
        }
        settle_times(edit, &taken, Some(at_ms).filter(|&at_ms| at_ms > now_ms));
        Ok(())
    })
}

/// What follows when fields of an edited hash got this time, or, without one, were removed because
/// it had passed.
pub(super) fn settle_times(edit: &mut super::Edit<'_>, fields: &[&[u8]], at_ms: Option<u64>) {
    if fields.is_empty() {
        return edit.unchanged();
    }
    edit.counts(fields.len() as u64);
    let key = edit.key();
    match at_ms {
        Some(at_ms) => {
            edit.notify(events::HASH, "hexpire");
            let (mut time, mut count) = (itoa::Buffer::new(), itoa::Buffer::new());
            let time = time.format(at_ms).as_bytes();
            let count = count.format(fields.len()).as_bytes();
            let head = [b"HPEXPIREAT", key, time, b"FIELDS", count];
            propagate_fields(edit, &head, fields.iter().copied());
        }
        None => {
            edit.notify(events::HASH, "hdel");
            propagate_fields(edit, &[b"HDEL", key], fields.iter().copied());
        }
    }
}

pub(super) fn httl(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    time_left(ctx, args, SECONDS)
}

pub(super) fn hpttl(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    time_left(ctx, args, MILLISECONDS)
}

pub(super) fn hexpiretime(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    time_left(ctx, args, UNIX_SECONDS)
}

pub(super) fn hpexpiretime(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    time_left(ctx, args, UNIX_MILLISECONDS)
}

fn time_left(ctx: &mut Context<'_>, args: &Args<'_>, scale: Scale) -> Outcome {
    let now_ms = ctx.now_ms;
    look(ctx, ctx.key(args, 1), |hash, reply| {
        let first = plain_fields_at(args, 2)?;
        reply.array(args.len() - first);
        for name in args.from(first) {
            let field = hash.and_then(|hash| hash.get(name));
            let shown = match field.map(|field| field.expiry) {
                None => NO_FIELD,
                Some(None) => NO_TIME,
                Some(Some(at_ms)) => scale.shown(at_ms, now_ms),
            };
            reply.integer(shown);
        }
        Ok(())
    })
}

pub(super) fn hpersist(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    change(ctx, ctx.key(args, 1), |edit, reply| {
        seen(edit)?;
        let first = plain_fields_at(args, 2)?;
        persist(
            edit,
            args,
            first,
            |reply, outcome| reply.integer(outcome),
            reply,
        )
    })
}

/// Takes the times of fields away and shows what became of each.
pub(super) fn persist<'a>(
    edit: &mut super::Edit<'_>,
    args: &Args<'_>,
    first: usize,
    show: impl Fn(&mut Reply<'a>, i64),
    reply: &mut Reply<'a>,
) -> Outcome {
    reply.array(args.len() - first);
    let Some(hash) = hash_mut(edit)? else {
        args.from(first).for_each(|_| show(reply, NO_FIELD));
        return Ok(());
    };
    let mut persisted = 0;
    for name in args.from(first) {
        let outcome = match hash.get(name).map(|field| field.expiry) {
            None => NO_FIELD,
            Some(None) => NO_TIME,
            Some(Some(_)) => {
                hash.set_expiry(name, None);
                persisted += 1;
                DONE
            }
        };
        show(reply, outcome);
    }
    if persisted == 0 {
        edit.unchanged();
    } else {
        edit.counts(persisted);
        edit.notify(events::HASH, "hpersist");
    }
    Ok(())
}
