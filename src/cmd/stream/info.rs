//! What is known of a stream, its groups and consumers: XINFO.
//!
//! Changes nothing. Fields and their order are Redis's.

use super::super::{Context, Lookup, Outcome};
use super::group::no_group;
use super::range::write_items;
use super::{count, integer, subcommand_syntax, write_id, write_item};
use crate::limits::XINFO_ENTRIES;
use crate::resp::{Args, Error, Reply};
use crate::store::{Consumer, Group, Stream, StreamId};

fn look(
    ctx: &mut Context<'_>,
    args: &Args<'_>,
    show: impl FnOnce(&Stream, &mut Reply<'_>) -> Outcome,
) -> Outcome {
    ctx.view(ctx.key(args, 2), Lookup::Read, |entry, reply| {
        show(super::stream(entry.ok_or(Error::NO_SUCH_KEY)?)?, reply)
    })
}

fn number(reply: &mut Reply<'_>, name: &str, number: u64) {
    reply.bulk(name.as_bytes());
    reply.integer(number.cast_signed());
}

fn identifier(reply: &mut Reply<'_>, name: &str, id: StreamId) {
    reply.bulk(name.as_bytes());
    write_id(reply, id);
}

/// A number that may not be known.
fn perhaps(reply: &mut Reply<'_>, name: &str, known: Option<i64>) {
    reply.bulk(name.as_bytes());
    match known {
        Some(known) => reply.integer(known),
        None => reply.null(),
    }
}

pub(super) fn stream(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    let full = args.len() > 3;
    let mut most = XINFO_ENTRIES;
    if full {
        let has_count = args.len() == 6 || args.len() == 5;
        if !args.is(3, "full") || args.len() > 6 || has_count && !args.is(4, "count") {
            return Err(subcommand_syntax(args));
        }
        if args.len() == 5 {
            return Err(subcommand_syntax(args));
        }
        if has_count {
            most = match usize::try_from(integer(args, 5)?) {
                Ok(0) => usize::MAX,
                Ok(most) => most,
                Err(_) => XINFO_ENTRIES,
            };
        }
    }
    look(ctx, args, |stream, reply| {
        reply.map(if full { 9 } else { 10 });
        number(reply, "length", stream.len());
        number(reply, "radix-tree-keys", stream.nodes() as u64);
        // A tree of keys that share no beginning has a root besides.
        number(reply, "radix-tree-nodes", stream.nodes() as u64 + 1);
        identifier(reply, "last-generated-id", stream.last_id());
        identifier(reply, "max-deleted-entry-id", stream.max_deleted_id());
        number(reply, "entries-added", stream.entries_added());
        identifier(reply, "recorded-first-entry-id", stream.first_id());
        if full {
            write_full(reply, stream, most);
        } else {
            number(reply, "groups", stream.groups().len() as u64);
            let all = (StreamId::MIN, StreamId::MAX);
            let ends = [
                ("first-entry", stream.range(all.0, all.1).next()),
                ("last-entry", stream.range_back(all.0, all.1).next()),
            ];
            for (name, item) in ends {
                reply.bulk(name.as_bytes());
                match item {
                    Some(item) => write_item(reply, &item),
                    None => reply.null(),
                }
            }
        }
        Ok(())
    })
}

fn write_full(reply: &mut Reply<'_>, stream: &Stream, most: usize) {
    reply.bulk(b"entries");
    write_items(reply, stream.range(StreamId::MIN, StreamId::MAX).take(most));
    reply.bulk(b"groups");
    reply.array(stream.groups().len());
    for (name, group) in stream.groups() {
        reply.map(7);
        reply.bulk(b"name");
        reply.bulk(name);
        identifier(reply, "last-delivered-id", group.last_id);
        perhaps(
            reply,
            "entries-read",
            group.entries_read.map(u64::cast_signed),
        );
        perhaps(reply, "lag", stream.lag(group));
        number(reply, "pel-count", group.pending().len() as u64);
        reply.bulk(b"pending");
        reply.array(group.pending().len().min(most));
        for (id, pending) in group.pending().iter().take(most) {
            reply.array(4);
            write_id(reply, *id);
            let owner = pending.consumer.map(|number| group.consumer(number).name());
            reply.bulk(owner.unwrap_or_default());
            reply.integer(pending.delivered_ms.cast_signed());
            reply.integer(pending.deliveries.cast_signed());
        }
        reply.bulk(b"consumers");
        reply.array(group.consumers().len());
        for consumer in group.consumers() {
            write_consumer(reply, group, consumer, most);
        }
    }
}

fn write_consumer(reply: &mut Reply<'_>, group: &Group, consumer: &Consumer, most: usize) {
    reply.map(5);
    reply.bulk(b"name");
    reply.bulk(consumer.name());
    number(reply, "seen-time", consumer.seen_ms);
    reply.bulk(b"active-time");
    reply.integer(consumer.active_ms.map_or(-1, u64::cast_signed));
    number(reply, "pel-count", consumer.pending().len() as u64);
    reply.bulk(b"pending");
    reply.array(consumer.pending().len().min(most));
    for id in consumer.pending().iter().take(most) {
        let pending = group.pending()[id];
        reply.array(3);
        write_id(reply, *id);
        reply.integer(pending.delivered_ms.cast_signed());
        reply.integer(pending.deliveries.cast_signed());
    }
}

pub(super) fn groups(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    look(ctx, args, |stream, reply| {
        reply.array(stream.groups().len());
        for (name, group) in stream.groups() {
            reply.map(6);
            reply.bulk(b"name");
            reply.bulk(name);
            number(reply, "consumers", group.consumers().len() as u64);
            number(reply, "pending", group.pending().len() as u64);
            identifier(reply, "last-delivered-id", group.last_id);
            perhaps(
                reply,
                "entries-read",
                group.entries_read.map(u64::cast_signed),
            );
            perhaps(reply, "lag", stream.lag(group));
        }
        Ok(())
    })
}

pub(super) fn consumers(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    let now_ms = ctx.now_ms;
    look(ctx, args, |stream, reply| {
        let group = stream.group(args.get(3));
        let group = group.ok_or_else(|| no_group(args.get(3), args.get(2)))?;
        reply.array(group.consumers().len());
        for consumer in group.consumers() {
            reply.map(4);
            reply.bulk(b"name");
            reply.bulk(consumer.name());
            reply.bulk(b"pending");
            reply.integer(count(consumer.pending().len()));
            number(reply, "idle", now_ms.saturating_sub(consumer.seen_ms));
            reply.bulk(b"inactive");
            let inactive = consumer
                .active_ms
                .map(|active_ms| now_ms.saturating_sub(active_ms).cast_signed());
            reply.integer(inactive.unwrap_or(-1));
        }
        Ok(())
    })
}

pub(super) fn help(ctx: &mut Context<'_>, _args: &Args<'_>) -> Outcome {
    super::write_help(
        &mut ctx.reply,
        "XINFO",
        &[
            "CONSUMERS <key> <groupname>",
            "    Show consumers of <groupname>.",
            "GROUPS <key>",
            "    Show the stream consumer groups.",
            "STREAM <key> [FULL [COUNT <count>]",
            "    Show information about the stream.",
        ],
    );
    Ok(())
}
