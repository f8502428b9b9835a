//! Reading what comes behind an entry: XREAD, for oneself, and XREADGROUP, for a group.
//!
//! Both wait when there is nothing. A command that waits says what it has seen (`$` is the last
//! entry of that moment), and a key serves it when something lies behind that; a group's reader is
//! also served, with an error, when its group is gone. What was delivered reaches the log as
//! XCLAIM, and as XGROUP SETID what the group was given last.

mod deliver;

use super::super::special::{Blocking, WaitsFor};
use super::super::{Context, Key, Lookup, Outcome};
use super::id;
use super::{IdText, at_most, integer, shown, stream, write_item};
use crate::limits::WAIT_MS_MAX;
use crate::resp::{Args, Error, Protocol, Reply, parse_i64};
use crate::store::{Entry, Kind, Stream, StreamId};
use deliver::Delivery;

const KEY_GONE: Error = Error::new("UNBLOCKED the stream key no longer exists");
const GROUP_GONE: Error =
    Error::new("NOGROUP the consumer group this client was blocked on no longer exists");

/// The arguments of XREAD and XREADGROUP.
struct Read<'a> {
    /// Group and consumer.
    group: Option<(&'a [u8], &'a [u8])>,
    most: usize,
    waits: bool,
    /// How long; None waits for ever.
    timeout_ms: Option<u64>,
    acknowledged: bool,
    /// Pending entries that are idle for so long are delivered, too.
    claim_idle_ms: Option<u64>,
    /// Where the first key stands, and how many there are.
    keys_at: usize,
    keys: usize,
}

/// BLOCK's milliseconds; None waits for ever.
fn block_ms(text: &[u8]) -> Result<Option<u64>, Error> {
    let ms = parse_i64(text).ok_or(Error::new("ERR timeout is not an integer or out of range"))?;
    let ms = u64::try_from(ms).map_err(|_| Error::new("ERR timeout is negative"))?;
    Ok((1..=WAIT_MS_MAX).contains(&ms).then_some(ms))
}

impl<'a> Read<'a> {
    fn parse(args: &Args<'a>, for_group: bool) -> Result<Read<'a>, Error> {
        let mut read = Read {
            group: None,
            most: usize::MAX,
            waits: false,
            timeout_ms: None,
            acknowledged: false,
            claim_idle_ms: None,
            keys_at: 0,
            keys: 0,
        };
        let only_group = |option: &str| {
            Error::from(format!(
                "ERR The {option} option is only supported by XREADGROUP. You called XREAD instead."
            ))
        };
        let mut at = 1;
        while at < args.len() && read.keys_at == 0 {
            let more = args.len() - 1 - at;
            let mut takes = 1;
            if more > 0 && args.is(at, "block") {
                read.waits = true;
                read.timeout_ms = block_ms(args.get(at + 1))?;
            } else if more > 0 && args.is(at, "count") {
                let most = at_most(integer(args, at + 1)?);
                read.most = if most == 0 { usize::MAX } else { most };
            } else if more > 0 && args.is(at, "streams") {
                read.keys_at = at + 1;
            } else if more > 1 && args.is(at, "group") {
                if !for_group {
                    return Err(only_group("GROUP"));
                }
                read.group = Some((args.get(at + 1), args.get(at + 2)));
                takes = 2;
            } else if args.is(at, "noack") {
                if !for_group {
                    return Err(only_group("NOACK"));
                }
                read.acknowledged = true;
                takes = 0;
            } else if more > 0 && args.is(at, "claim") {
                if !for_group {
                    return Err(only_group("CLAIM"));
                }
                let idle = parse_i64(args.get(at + 1))
                    .ok_or(Error::new("ERR min-idle-time is not an integer"))?;
                let idle = u64::try_from(idle)
                    .map_err(|_| Error::new("ERR min-idle-time must be a positive integer"))?;
                read.claim_idle_ms = Some(idle);
            } else {
                return Err(Error::SYNTAX);
            }
            at += 1 + takes;
        }
        if read.keys_at == 0 {
            return Err(Error::SYNTAX);
        }
        read.count_keys(args, for_group)?;
        Ok(read)
    }

    /// Half of what stands behind STREAMS are keys.
    fn count_keys(&mut self, args: &Args<'a>, for_group: bool) -> Result<(), Error> {
        let words = args.len() - self.keys_at;
        if words % 2 == 1 {
            let (name, what) = match for_group {
                true => ("XREADGROUP", "ID or '>'"),
                false => ("XREAD", "ID or '$'"),
            };
            return Err(Error::from(format!(
                "ERR Unbalanced {name} list of streams: for each stream key an {what} must be \
                 specified."
            )));
        }
        if for_group && self.group.is_none() {
            return Err(Error::new("ERR Missing GROUP option for XREADGROUP"));
        }
        self.keys = words / 2;
        Ok(())
    }

    fn timeout(args: &Args<'a>, for_group: bool) -> Result<Option<u64>, Error> {
        Ok(Self::parse(args, for_group)?.timeout_ms)
    }

    /// Where a key's identifier stands.
    fn id_at(&self, key: usize) -> usize {
        self.keys_at + self.keys + key
    }

    /// The identifiers that stand with a key, which may be there several times.
    fn ids_of<'r>(&'r self, args: &'r Args<'a>, key: &'r [u8]) -> impl Iterator<Item = &'a [u8]> {
        (0..self.keys)
            .filter(move |&at| args.get(self.keys_at + at) == key)
            .map(|at| args.get(self.id_at(at)))
    }
}

/// XREAD waits for an entry behind the one it names.
pub(super) const XREAD: Blocking = Blocking {
    timeout_ms: |args| Read::timeout(args, false),
    takes: Kind::Stream,
    waits_for: WaitsFor::AnyKey,
    least: |_| 1,
    serves: |_, args, key, entry| {
        let Some(stream) = entry.and_then(|entry| stream(entry).ok()) else {
            return false;
        };
        let Ok(read) = Read::parse(args, false) else {
            return true;
        };
        let top = stream.last_entry_id();
        read.ids_of(args, key)
            .any(|text| id::strict(text, 0).is_ok_and(|id| top > Some(id)))
    },
};

/// XREADGROUP waits for an entry that its group was not given, and as long as the group is there.
pub(super) const XREADGROUP: Blocking = Blocking {
    timeout_ms: |args| Read::timeout(args, true),
    takes: Kind::Stream,
    waits_for: WaitsFor::AnyKey,
    least: |_| 1,
    serves: |_, args, _, entry| {
        let Ok(Read {
            group: Some((group, _)),
            ..
        }) = Read::parse(args, true)
        else {
            return true;
        };
        let group = entry.and_then(|entry| {
            let stream = stream(entry).ok()?;
            Some((stream, stream.group(group)?))
        });
        group.is_none_or(|(stream, group)| stream.last_entry_id() > Some(group.last_id))
    },
};

/// The identifier behind which XREAD reads, of a stream that may not be there.
fn read_behind(text: &[u8], stream: Option<&Stream>) -> Result<StreamId, Error> {
    match text {
        b"$" => Ok(stream.map_or(StreamId::MIN, Stream::last_id)),
        // The last entry itself is behind it; where there is none, what comes.
        b"+" => Ok(match stream.and_then(Stream::last_entry_id) {
            Some(last) => last.previous().unwrap_or_default(),
            None => stream.map_or(StreamId::MIN, Stream::last_id),
        }),
        b">" => Err(Error::new(
            "ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> \
             <consumer> option.",
        )),
        _ => id::strict(text, 0),
    }
}

/// The head of the reply over so many streams.
fn write_streams(reply: &mut Reply<'_>, streams: usize) {
    match reply.protocol() {
        Protocol::Resp2 => reply.array(streams),
        Protocol::Resp3 => reply.map(streams),
    }
}

/// The head of what was read of one stream.
fn write_key(reply: &mut Reply<'_>, key: &[u8]) {
    if reply.protocol() == Protocol::Resp2 {
        reply.array(2);
    }
    reply.bulk(key);
}

pub(super) fn xread(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    let read = Read::parse(args, false)?;
    let mut behind = Vec::with_capacity(read.keys);
    for at in 0..read.keys {
        let key = ctx.key(args, read.keys_at + at);
        let text = args.get(read.id_at(at));
        behind.push(ctx.view(key, Lookup::Read, |entry, _| {
            let stream = entry.map(stream).transpose()?;
            let id = read_behind(text, stream)?;
            let top = stream.and_then(Stream::last_entry_id);
            Ok::<_, Error>((id, top > Some(id)))
        })?);
    }
    let served = behind.iter().filter(|(_, has_more)| *has_more).count();
    if served == 0 {
        return wait(ctx, args, &read, |at| behind[at].0);
    }
    write_streams(&mut ctx.reply, served);
    for (at, &(id, has_more)) in behind.iter().enumerate() {
        let Some(from) = id.next().filter(|_| has_more) else {
            continue;
        };
        let key = ctx.key(args, read.keys_at + at);
        ctx.view(key, Lookup::Peek, |entry, reply| {
            let stream = stream(entry.expect("it was just seen"))?;
            write_key(reply, key.bytes);
            let items: Vec<_> = stream.range(from, StreamId::MAX).take(read.most).collect();
            reply.array(items.len());
            for item in &items {
                write_item(reply, item);
            }
            Ok::<_, Error>(())
        })?;
    }
    Ok(())
}

/// Nothing is there to read: the client waits for what comes behind what it has seen.
fn wait(
    ctx: &mut Context<'_>,
    args: &Args<'_>,
    read: &Read<'_>,
    seen: impl Fn(usize) -> StreamId,
) -> Outcome {
    if !read.waits || !ctx.waits(read.timeout_ms) {
        ctx.reply.null_array();
        return Ok(());
    }
    let ids_at = read.id_at(0);
    if args.from(ids_at).any(|text| matches!(text, b"$" | b"+")) {
        let word = |at: usize| match args.get(at) {
            b"$" | b"+" if at >= ids_at => IdText::new(seen(at - ids_at)).bytes().into(),
            text => text.into(),
        };
        ctx.waits_as((0..args.len()).map(word).collect());
    }
    Ok(())
}

/// Which of a group's streams is read how.
#[derive(Clone, Copy, PartialEq, Eq)]
enum From {
    /// Only lent to another command, or deleted: not read.
    Nowhere,
    /// What was delivered to the consumer and is pending, behind this entry.
    History(StreamId),
    New,
}

/// How one stream of XREADGROUP is read.
fn group_from(
    ctx: &mut Context<'_>,
    key: Key<'_>,
    text: &[u8],
    group: &[u8],
) -> Result<From, Error> {
    let served = ctx.served;
    ctx.view(key, Lookup::Read, |entry: Option<&Entry>, _| {
        if served && entry.is_none() {
            return Ok(From::Nowhere);
        }
        let found = match entry.map(stream).transpose() {
            Err(_) if served => return Err(KEY_GONE),
            found => found?,
        };
        if found.and_then(|stream| stream.group(group)).is_none() {
            return Err(match served {
                true => GROUP_GONE,
                false => Error::from(format!(
                    "NOGROUP No such key '{}' or consumer group '{}' in XREADGROUP with GROUP option",
                    shown(key.bytes),
                    shown(group)
                )),
            });
        }
        match text {
            b">" => Ok(From::New),
            b"$" | b"+" => Err(Error::from(format!(
                "ERR The {0} ID is meaningless in the context of XREADGROUP: you want to read the \
                 history of this consumer by specifying a proper ID, or use the > ID to get new \
                 messages. The {0} ID would just return an empty result set.",
                shown(text)
            ))),
            _ => id::strict(text, 0).map(From::History),
        }
    })
}

pub(super) fn xreadgroup(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    let read = Read::parse(args, true)?;
    let (group, consumer) = read.group.expect("the parser has asked for it");
    let mut streams = Vec::with_capacity(read.keys);
    for at in 0..read.keys {
        let key = ctx.key(args, read.keys_at + at);
        let from = group_from(ctx, key, args.get(read.id_at(at)), group)?;
        streams.push((key, from));
    }
    if streams.iter().all(|(_, from)| *from == From::Nowhere) {
        return Err(KEY_GONE);
    }
    let delivery = Delivery {
        group,
        consumer,
        most: read.most,
        acknowledged: read.acknowledged,
        claim_idle_ms: read.claim_idle_ms,
        now_ms: ctx.now_ms,
    };
    let mut served = Vec::with_capacity(streams.len());
    for (key, from) in streams {
        if from != From::Nowhere
            && ctx.edit_as(key, Lookup::Peek, |edit, _| delivery.prepare(edit, from))
        {
            served.push((key, from));
        }
    }
    if served.is_empty() {
        return wait(ctx, args, &read, |_| StreamId::MIN);
    }
    write_streams(&mut ctx.reply, served.len());
    for (key, from) in served {
        ctx.edit_as(key, Lookup::Peek, |edit, reply| {
            write_key(reply, key.bytes);
            match from {
                From::History(behind) => delivery.repeat(edit, reply, behind),
                From::New | From::Nowhere => delivery.deliver(edit, reply),
            }
        });
    }
    Ok(())
}
