//! Pending entries that change hands: XCLAIM, XAUTOCLAIM, XNACK.
//!
//! What becomes of each entry reaches the log as an XCLAIM that gives the same on any copy:
//! consumer, time and count are said, nothing is looked for.

use std::ops::Bound::{Excluded, Unbounded};

use super::super::{Context, Edit, Outcome};
use super::group::{consumer_or_new, no_key_or_group};
use super::pending::idle_ms;
use super::remove::{ids, numbered};
use super::{IdText, id, integer, known, seen, shown, write_id, write_item};
use crate::limits::CLAIM_COUNT_MAX;
use crate::resp::{Args, Error, Reply, parse_i64};
use crate::store::{Group, Pending, StreamId};

/// How many pending entries XAUTOCLAIM looks at for each that it may claim.
const LOOKS_PER_CLAIM: usize = 10;
const CLAIMED_AT_ONCE: usize = 100;

/// Tells the log how an entry is pending now.
pub(super) fn tell_claim(
    edit: &mut Edit<'_>,
    group: &[u8],
    consumer: &[u8],
    id: StreamId,
    pending: &Pending,
) {
    if !edit.is_told() {
        return;
    }
    let last_id = group_seen(edit, group).last_id;
    let (id, last_id) = (IdText::new(id), IdText::new(last_id));
    let (time, deliveries) = (
        pending.delivered_ms.to_string(),
        pending.deliveries.to_string(),
    );
    let key = edit.key();
    edit.propagate(&[
        b"XCLAIM",
        key,
        group,
        consumer,
        b"0",
        id.bytes(),
        b"TIME",
        time.as_bytes(),
        b"RETRYCOUNT",
        deliveries.as_bytes(),
        b"FORCE",
        b"JUSTID",
        b"LASTID",
        last_id.bytes(),
    ]);
}

/// A group that the handler has found.
pub(super) fn group_seen<'e>(edit: &'e Edit<'_>, group: &[u8]) -> &'e Group {
    let stream = seen(edit).ok().flatten();
    let group = stream.and_then(|stream| stream.group(group));
    group.expect("the handler has found the group")
}

/// As `group_seen`, to be changed.
pub(super) fn group_known<'e>(edit: &'e mut Edit<'_>, group: &[u8]) -> &'e mut Group {
    known(edit)
        .group_mut(group)
        .expect("the handler has found the group")
}

/// Tells the log of a consumer that a command made on the way.
pub(super) fn tell_consumer(edit: &mut Edit<'_>, group: &[u8], consumer: &[u8]) {
    let key = edit.key();
    edit.propagate_key(2, &[b"XGROUP", b"CREATECONSUMER", key, group, consumer]);
}

/// An entry that is pending and not there any more is pending no longer; the log hears of it.
pub(super) fn drop_missing(edit: &mut Edit<'_>, group: &[u8], id: StreamId) {
    if group_known(edit, group).acknowledge(id).is_none() {
        return;
    }
    let id = IdText::new(id);
    let key = edit.key();
    edit.propagate(&[b"XACK", key, group, id.bytes()]);
}

/// The options of XCLAIM.
#[derive(Default)]
struct Options {
    force: bool,
    just_ids: bool,
    delivered_ms: Option<i64>,
    deliveries: Option<u64>,
    last_id: StreamId,
}

impl Options {
    fn parse(args: &Args<'_>, from: usize, now_ms: u64) -> Result<Options, Error> {
        let mut options = Options::default();
        let number = |at: usize, option: &str| {
            parse_i64(args.get(at)).ok_or_else(|| {
                Error::from(format!("ERR Invalid {option} option argument for XCLAIM"))
            })
        };
        let mut at = from;
        while at < args.len() {
            let more = at + 1 < args.len();
            let mut takes = 1;
            if args.is(at, "force") {
                options.force = true;
                takes = 0;
            } else if args.is(at, "justid") {
                options.just_ids = true;
                takes = 0;
            } else if args.is(at, "idle") && more {
                let idle = number(at + 1, "IDLE")?;
                options.delivered_ms = Some(now_ms.cast_signed().wrapping_sub(idle));
            } else if args.is(at, "time") && more {
                options.delivered_ms = Some(number(at + 1, "TIME")?);
            } else if args.is(at, "retrycount") && more {
                options.deliveries = u64::try_from(number(at + 1, "RETRYCOUNT")?).ok();
            } else if args.is(at, "lastid") && more {
                options.last_id = id::strict(args.get(at + 1), 0)?;
            } else {
                let option = shown(args.get(at));
                return Err(Error::from(format!(
                    "ERR Unrecognized XCLAIM option '{option}'"
                )));
            }
            at += 1 + takes;
        }
        Ok(options)
    }

    /// When the entries count as delivered: what makes no sense is now.
    fn time_ms(&self, now_ms: u64) -> u64 {
        let time = self.delivered_ms.filter(|&time| time != -1);
        let time = time.and_then(|time| u64::try_from(time).ok());
        time.filter(|&time| time <= now_ms).unwrap_or(now_ms)
    }
}

/// How the entries that a command claims are to be pending.
struct Claim<'a> {
    group: &'a [u8],
    consumer: &'a [u8],
    idle_ms: u64,
    just_ids: bool,
    time_ms: u64,
    deliveries: Option<u64>,
    force: bool,
}

impl Claim<'_> {
    /// Claims an entry that is there; false when it is not to be had.
    fn take(&self, edit: &mut Edit<'_>, id: StreamId, now_ms: u64) -> bool {
        let group = group_known(edit, self.group);
        let before = group.pending().get(&id).copied();
        let before = match before {
            Some(before) if before.consumer.is_some() => {
                if self.idle_ms > 0 && idle_ms(&before, now_ms) < self.idle_ms {
                    return false;
                }
                before.deliveries
            }
            Some(before) => before.deliveries,
            None if self.force => 1,
            None => return false,
        };
        let counted = before + u64::from(!self.just_ids);
        let deliveries = self.deliveries.unwrap_or(counted);
        let number = group.find(self.consumer).expect("the command has made it");
        group.assign(id, number, self.time_ms, deliveries);
        group.consumer_mut(number).active_ms = Some(now_ms);
        let pending = group.pending()[&id];
        tell_claim(edit, self.group, self.consumer, id, &pending);
        true
    }
}

/// Replies with entries that were claimed.
fn write_claimed(reply: &mut Reply<'_>, edit: &Edit<'_>, ids: &[StreamId], just_ids: bool) {
    reply.array(ids.len());
    let stream = seen(edit).ok().flatten().expect("it was just changed");
    for &id in ids {
        if just_ids {
            write_id(reply, id);
        } else {
            write_item(
                reply,
                &stream.get(id).expect("only what is there is claimed"),
            );
        }
    }
}

/// The group that a command names, if it is there.
fn has_group(edit: &Edit<'_>, args: &Args<'_>) -> Result<(), Error> {
    let group = seen(edit)?.and_then(|stream| stream.group(args.get(2)));
    group.map_or_else(
        || Err(no_key_or_group(args.get(1), args.get(2))),
        |_| Ok(()),
    )
}

/// Ends a command that may have changed pending entries only: in so many places.
pub(super) fn settle(edit: &mut Edit<'_>, changes: u64) {
    if changes == 0 {
        // Times at which consumers were seen are nobody's business.
        return edit.unchanged();
    }
    edit.counts(changes);
    edit.propagate_nothing();
}

pub(super) fn xclaim(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    let now_ms = ctx.now_ms;
    ctx.edit(ctx.key(args, 1), |edit, reply| {
        has_group(edit, args)?;
        let idle = parse_i64(args.get(4))
            .ok_or(Error::new("ERR Invalid min-idle-time argument for XCLAIM"))?;
        let is_id = |&at: &usize| id::strict(args.get(at), 0).is_ok();
        let options_at = 5 + (5..args.len()).take_while(is_id).count();
        let ids = ids(args, 5..options_at)?;
        let options = Options::parse(args, options_at, now_ms)?;
        let (group, consumer) = (args.get(2), args.get(3));
        let mut changes = 0;
        let mut moved = options.last_id > group_seen(edit, group).last_id;
        if moved {
            group_known(edit, group).last_id = options.last_id;
        }
        let (_, is_new) = consumer_or_new(edit, group, consumer, now_ms);
        if is_new {
            changes += 1;
            tell_consumer(edit, group, consumer);
        }
        let claim = Claim {
            group,
            consumer,
            idle_ms: u64::try_from(idle).unwrap_or(0),
            just_ids: options.just_ids,
            time_ms: options.time_ms(now_ms),
            deliveries: options.deliveries,
            force: options.force,
        };
        let mut claimed = Vec::new();
        for id in ids {
            if seen(edit)?.is_none_or(|stream| stream.get(id).is_none()) {
                let before = group_seen(edit, group).pending().len();
                drop_missing(edit, group, id);
                changes += (before - group_seen(edit, group).pending().len()) as u64;
            } else if claim.take(edit, id, now_ms) {
                claimed.push(id);
                changes += 1;
                moved = false;
            }
        }
        if moved {
            changes += 1;
            tell_group(edit, group);
        }
        write_claimed(reply, edit, &claimed, options.just_ids);
        settle(edit, changes);
        Ok(())
    })
}

/// Tells the log what a group was given last.
pub(super) fn tell_group(edit: &mut Edit<'_>, name: &[u8]) {
    if !edit.is_told() {
        return;
    }
    let group = group_seen(edit, name);
    let (id, read) = (IdText::new(group.last_id), group.entries_read);
    let read = read.map_or_else(|| "-1".into(), |read| read.to_string());
    let key = edit.key();
    edit.propagate_key(
        2,
        &[
            b"XGROUP",
            b"SETID",
            key,
            name,
            id.bytes(),
            b"ENTRIESREAD",
            read.as_bytes(),
        ],
    );
}

pub(super) fn xautoclaim(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    let idle = parse_i64(args.get(4)).ok_or(Error::new(
        "ERR Invalid min-idle-time argument for XAUTOCLAIM",
    ))?;
    let start = id::range_start(args.get(5))?;
    let (mut most, mut just_ids, mut at) = (CLAIMED_AT_ONCE, false, 6);
    while at < args.len() {
        if args.is(at, "count") && at + 1 < args.len() {
            let number = parse_i64(args.get(at + 1)).and_then(|most| usize::try_from(most).ok());
            let number = number.filter(|most| (1..=CLAIM_COUNT_MAX).contains(most));
            most = number.ok_or(Error::new("ERR COUNT must be > 0"))?;
            at += 2;
        } else if args.is(at, "justid") {
            just_ids = true;
            at += 1;
        } else {
            return Err(Error::SYNTAX);
        }
    }
    let now_ms = ctx.now_ms;
    let (group, consumer) = (args.get(2), args.get(3));
    let claim = Claim {
        group,
        consumer,
        idle_ms: u64::try_from(idle).unwrap_or(0),
        just_ids,
        time_ms: now_ms,
        deliveries: None,
        force: false,
    };
    ctx.edit(ctx.key(args, 1), |edit, reply| {
        has_group(edit, args)?;
        let (_, is_new) = consumer_or_new(edit, group, consumer, now_ms);
        if is_new {
            tell_consumer(edit, group, consumer);
        }
        let (mut claimed, mut missing) = (Vec::new(), Vec::new());
        let mut looks = most.saturating_mul(LOOKS_PER_CLAIM);
        let mut next = first_from(group_seen(edit, group), start);
        while let Some(id) = next
            && looks > 0
            && claimed.len() + missing.len() < most
        {
            looks -= 1;
            next = first_behind(group_seen(edit, group), id);
            if seen(edit)?.is_none_or(|stream| stream.get(id).is_none()) {
                drop_missing(edit, group, id);
                missing.push(id);
            } else if claim.take(edit, id, now_ms) {
                claimed.push(id);
            }
        }
        reply.array(3);
        write_id(reply, next.unwrap_or_default());
        write_claimed(reply, edit, &claimed, just_ids);
        reply.array(missing.len());
        for &id in &missing {
            write_id(reply, id);
        }
        let changes = claimed.len() + missing.len() + usize::from(is_new);
        settle(edit, changes as u64);
        Ok(())
    })
}

fn first_from(group: &Group, id: StreamId) -> Option<StreamId> {
    let first = group.pending().range(id..).next();
    first.map(|(id, _)| *id)
}

fn first_behind(group: &Group, id: StreamId) -> Option<StreamId> {
    let first = group.pending().range((Excluded(id), Unbounded)).next();
    first.map(|(id, _)| *id)
}

/// What XNACK does to an entry's count of deliveries.
#[derive(Clone, Copy)]
enum Blame {
    /// The delivery is taken back.
    Silent,
    Fail,
    /// As if it had been delivered as often as can be.
    Fatal,
}

pub(super) fn xnack(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    let blame = match () {
        () if args.is(3, "silent") => Blame::Silent,
        () if args.is(3, "fail") => Blame::Fail,
        () if args.is(3, "fatal") => Blame::Fatal,
        () => return Err(Error::new("ERR mode must be SILENT, FAIL, or FATAL")),
    };
    if !args.is(4, "ids") {
        return Err(Error::SYNTAX);
    }
    let range = numbered(args, 5)?;
    let (mut force, mut deliveries, mut at) = (false, None, range.end);
    while at < args.len() {
        if args.is(at, "force") {
            force = true;
            at += 1;
        } else if args.is(at, "retrycount") && at + 1 < args.len() {
            let number = u64::try_from(integer(args, at + 1)?);
            deliveries =
                Some(number.map_err(|_| Error::new("ERR Invalid RETRYCOUNT value, must be >= 0"))?);
            at += 2;
        } else {
            return Err(Error::SYNTAX);
        }
    }
    let ids = ids(args, range)?;
    ctx.edit(ctx.key(args, 1), |edit, reply| {
        has_group(edit, args)?;
        let name = args.get(2);
        let mut released = 0u64;
        for id in ids {
            let before = group_seen(edit, name).pending().get(&id).copied();
            let is_there = || seen(edit).is_ok_and(|s| s.is_some_and(|s| s.get(id).is_some()));
            if before.is_none() && !(force && is_there()) {
                continue;
            }
            let count = before.map_or(0, |before| before.deliveries);
            let count = deliveries.unwrap_or(match blame {
                Blame::Silent => count.saturating_sub(1),
                Blame::Fail => count,
                Blame::Fatal => i64::MAX.cast_unsigned(),
            });
            group_known(edit, name).release(id, 0, count);
            released += 1;
        }
        reply.integer(released.cast_signed());
        match released {
            0 => edit.unchanged(),
            _ => edit.counts(released),
        }
        Ok(())
    })
}
