//! Consumer groups made, set and removed: XGROUP; and XACK.
//!
//! A group's last entry and its consumers change here; what is delivered to them in `read` and
//! `claim`.

use super::super::{Context, Edit, Outcome};
use super::remove::ids;
use super::{IdText, changed, count, id, integer, known, seen, shown, stream_or_new};
use super::{Stream, subcommand_syntax};
use crate::config::events;
use crate::resp::{Args, Error};
use crate::store::{ConsumerNumber, Group, StreamId};

const NO_KEY: Error = Error::new(
    "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use \
     the MKSTREAM option to create an empty stream automatically.",
);

/// There is no such group in the stream.
pub(super) fn no_group(group: &[u8], key: &[u8]) -> Error {
    Error::from(format!(
        "NOGROUP No such consumer group '{}' for key name '{}'",
        shown(group),
        shown(key)
    ))
}

/// There is no such stream or group.
pub(super) fn no_key_or_group(key: &[u8], group: &[u8]) -> Error {
    Error::from(format!(
        "NOGROUP No such key '{}' or consumer group '{}'",
        shown(key),
        shown(group)
    ))
}

/// The options of XGROUP CREATE and SETID.
struct Options {
    makes_stream: bool,
    entries_read: Option<u64>,
}

impl Options {
    fn parse(args: &Args<'_>, may_make: bool) -> Result<Options, Error> {
        let mut options = Options {
            makes_stream: false,
            entries_read: None,
        };
        let mut at = 5;
        while at < args.len() {
            if may_make && args.is(at, "mkstream") {
                options.makes_stream = true;
                at += 1;
            } else if args.is(at, "entriesread") && at + 1 < args.len() {
                let number = integer(args, at + 1)?;
                if number < -1 {
                    return Err(Error::new(
                        "ERR value for ENTRIESREAD must be positive or -1",
                    ));
                }
                options.entries_read = u64::try_from(number).ok();
                at += 2;
            } else {
                return Err(subcommand_syntax(args));
            }
        }
        Ok(options)
    }
}

/// The identifier at an argument; `$` is the last.
fn id_or_last(args: &Args<'_>, at: usize, stream: Option<&Stream>) -> Result<StreamId, Error> {
    match args.get(at) {
        b"$" => Ok(stream.map_or(StreamId::MIN, Stream::last_id)),
        text => id::strict(text, 0),
    }
}

/// The group of the command in the stream at its key, which is there.
fn group_of<'e>(edit: &'e Edit<'_>, args: &Args<'_>) -> Result<&'e Group, Error> {
    let stream = seen(edit)?.ok_or(NO_KEY)?;
    let group = stream.group(args.get(3));
    group.ok_or_else(|| no_group(args.get(3), args.get(2)))
}

pub(super) fn create(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    let options = Options::parse(args, true)?;
    ctx.edit(ctx.key(args, 2), |edit, reply| {
        let stream = seen(edit)?;
        if stream.is_none() && !options.makes_stream {
            return Err(NO_KEY);
        }
        let last_id = id_or_last(args, 4, stream)?;
        if stream.is_some_and(|stream| stream.group(args.get(3)).is_some()) {
            return Err(Error::new("BUSYGROUP Consumer Group name already exists"));
        }
        let group = Group::new(last_id, options.entries_read);
        let is_new = stream_or_new(edit)?.add_group(args.get(3), group);
        assert!(is_new, "the name was just seen to be free");
        changed(edit, "xgroup-create", 1);
        // Told by its number: the last entry may be another one where this is applied.
        let id = IdText::new(last_id);
        let words = (0..args.len()).map(|at| if at == 4 { id.bytes() } else { args.get(at) });
        if args.get(4) == b"$" && edit.is_told() {
            edit.propagate_key(2, &words.collect::<Vec<_>>());
        }
        reply.ok();
        Ok(())
    })
}

pub(super) fn setid(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    let options = Options::parse(args, false)?;
    ctx.edit(ctx.key(args, 2), |edit, reply| {
        group_of(edit, args)?;
        let last_id = match args.get(4) {
            b"$" => seen(edit)?.map_or(StreamId::MIN, Stream::last_id),
            text => id::any(text, 0)?,
        };
        let group = known(edit)
            .group_mut(args.get(3))
            .expect("it was just seen");
        group.last_id = last_id;
        group.entries_read = options.entries_read;
        changed(edit, "xgroup-setid", 1);
        reply.ok();
        Ok(())
    })
}

pub(super) fn destroy(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    ctx.edit(ctx.key(args, 2), |edit, reply| {
        let stream = seen(edit)?.ok_or(NO_KEY)?;
        if stream.group(args.get(3)).is_none() {
            reply.integer(0);
            return Ok(());
        }
        known(edit).remove_group(args.get(3));
        changed(edit, "xgroup-destroy", 1);
        reply.integer(1);
        Ok(())
    })
}

/// The consumer of a name, made where there is none; the second says whether it was.
pub(super) fn consumer_or_new(
    edit: &mut Edit<'_>,
    group: &[u8],
    name: &[u8],
    now_ms: u64,
) -> (ConsumerNumber, bool) {
    let group = known(edit)
        .group_mut(group)
        .expect("the caller has seen it");
    if let Some(number) = group.find(name) {
        group.consumer_mut(number).seen_ms = now_ms;
        return (number, false);
    }
    let number = group.create(name, now_ms);
    edit.notify(events::STREAM, "xgroup-createconsumer");
    (number, true)
}

pub(super) fn create_consumer(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    let now_ms = ctx.now_ms;
    ctx.edit(ctx.key(args, 2), |edit, reply| {
        if group_of(edit, args)?.find(args.get(4)).is_some() {
            reply.integer(0);
            return Ok(());
        }
        consumer_or_new(edit, args.get(3), args.get(4), now_ms);
        reply.integer(1);
        Ok(())
    })
}

pub(super) fn del_consumer(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    ctx.edit(ctx.key(args, 2), |edit, reply| {
        let Some(number) = group_of(edit, args)?.find(args.get(4)) else {
            reply.integer(0);
            return Ok(());
        };
        let group = known(edit)
            .group_mut(args.get(3))
            .expect("it was just seen");
        reply.integer(count(group.remove(number)));
        changed(edit, "xgroup-delconsumer", 1);
        Ok(())
    })
}

pub(super) fn help(ctx: &mut Context<'_>, _args: &Args<'_>) -> Outcome {
    super::write_help(
        &mut ctx.reply,
        "XGROUP",
        &[
            "CREATE <key> <groupname> <id|$> [option]",
            "    Create a new consumer group. Options are:",
            "    * MKSTREAM",
            "      Create the empty stream if it does not exist.",
            "    * ENTRIESREAD entries_read",
            "      Set the group's entries_read counter (internal use).",
            "CREATECONSUMER <key> <groupname> <consumer>",
            "    Create a new consumer in the specified group.",
            "DELCONSUMER <key> <groupname> <consumer>",
            "    Remove the specified consumer.",
            "DESTROY <key> <groupname>",
            "    Remove the specified group.",
            "SETID <key> <groupname> <id|$> [ENTRIESREAD entries_read]",
            "    Set the current group ID and entries_read counter.",
        ],
    );
    Ok(())
}

pub(super) fn xack(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    ctx.edit(ctx.key(args, 1), |edit, reply| {
        let name = args.get(2);
        if seen(edit)?.and_then(|stream| stream.group(name)).is_none() {
            reply.integer(0);
            return Ok(());
        }
        let ids = ids(args, 3..args.len())?;
        let group = known(edit).group_mut(name).expect("it was just seen");
        let acknowledged = ids.iter().filter(|&&id| group.acknowledge(id).is_some());
        let acknowledged = acknowledged.count();
        reply.integer(count(acknowledged));
        match acknowledged {
            0 => edit.unchanged(),
            _ => edit.counts(acknowledged as u64),
        }
        Ok(())
    })
}
