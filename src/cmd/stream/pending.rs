//! What was delivered and is not acknowledged: XPENDING.
//!
//! Changes nothing.

use super::super::{Context, Lookup, Outcome};
use super::group::no_key_or_group;
use super::{at_most, count, id, integer, stream, write_id};
use crate::resp::{Args, Error, Reply};
use crate::store::{Group, Pending, StreamId};

/// Which pending entries are asked for.
struct Asked<'a> {
    idle_ms: u64,
    from: StreamId,
    to: StreamId,
    most: usize,
    consumer: Option<&'a [u8]>,
}

impl<'a> Asked<'a> {
    fn parse(args: &Args<'a>) -> Result<Option<Asked<'a>>, Error> {
        if args.len() == 3 {
            return Ok(None);
        }
        if !(6..=9).contains(&args.len()) {
            return Err(Error::SYNTAX);
        }
        let (mut at, mut idle_ms) = (3, 0);
        if args.is(3, "idle") {
            idle_ms = u64::try_from(integer(args, 4)?).unwrap_or(0);
            if args.len() < 8 {
                return Err(Error::SYNTAX);
            }
            at = 5;
        }
        let most = at_most(integer(args, at + 2)?);
        Ok(Some(Asked {
            idle_ms,
            from: id::range_start(args.get(at))?,
            to: id::range_end(args.get(at + 1))?,
            most,
            consumer: (at + 3 < args.len()).then(|| args.get(at + 3)),
        }))
    }
}

pub(super) fn xpending(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    let asked = Asked::parse(args)?;
    let now_ms = ctx.now_ms;
    ctx.view(ctx.key(args, 1), Lookup::Read, |entry, reply| {
        let group = entry.map(stream).transpose()?;
        let group = group.and_then(|stream| stream.group(args.get(2)));
        let group = group.ok_or_else(|| no_key_or_group(args.get(1), args.get(2)))?;
        match asked {
            None => write_summary(reply, group),
            Some(asked) => write_asked(reply, group, &asked, now_ms),
        }
        Ok(())
    })
}

fn write_summary(reply: &mut Reply<'_>, group: &Group) {
    reply.array(4);
    reply.integer(count(group.pending().len()));
    let ends = group.pending().first_key_value();
    let Some((first, last)) = ends.zip(group.pending().last_key_value()) else {
        reply.null();
        reply.null();
        return reply.null_array();
    };
    write_id(reply, *first.0);
    write_id(reply, *last.0);
    let busy: Vec<_> = group
        .consumers()
        .filter(|consumer| !consumer.pending().is_empty())
        .collect();
    reply.array(busy.len());
    for consumer in busy {
        reply.array(2);
        reply.bulk(consumer.name());
        reply.bulk_integer(count(consumer.pending().len()));
    }
}

fn write_asked(reply: &mut Reply<'_>, group: &Group, asked: &Asked<'_>, now_ms: u64) {
    let is_idle = |pending: &Pending| idle_ms(pending, now_ms) >= asked.idle_ms;
    let range = (asked.from <= asked.to).then_some(asked.from..=asked.to);
    let range = range.into_iter();
    let chosen: Vec<(StreamId, Pending)> = match asked.consumer {
        None => range
            .flat_map(|range| group.pending().range(range))
            .map(|(id, pending)| (*id, *pending))
            .filter(|(_, pending)| is_idle(pending))
            .take(asked.most)
            .collect(),
        Some(name) => {
            let own = group
                .find(name)
                .map(|number| group.consumer(number).pending());
            range
                .flat_map(|range| {
                    own.into_iter()
                        .flat_map(move |own| own.range(range.clone()))
                })
                .map(|id| (*id, group.pending()[id]))
                .filter(|(_, pending)| is_idle(pending))
                .take(asked.most)
                .collect()
        }
    };
    reply.array(chosen.len());
    for (id, pending) in chosen {
        reply.array(4);
        write_id(reply, id);
        let owner = pending.consumer.map(|number| group.consumer(number).name());
        reply.bulk(owner.unwrap_or_default());
        reply.integer(idle_ms(&pending, now_ms).cast_signed());
        reply.integer(pending.deliveries.cast_signed());
    }
}

/// How long ago it was delivered.
pub(super) fn idle_ms(pending: &Pending, now_ms: u64) -> u64 {
    now_ms.saturating_sub(pending.delivered_ms)
}
