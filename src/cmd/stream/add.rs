//! Adding entries: XADD.
//!
//! The log gets the identifier that an entry was given, and what was cut off exactly.

use super::super::{Context, Edit, Outcome};
use super::id::{IdText, Wanted};
use super::idempotent::Sender;
use super::trim::{Options, exactly};
use super::{changed, known, seen, stream_or_new, write_id};
use crate::cmd::form_limits::stream_limits;
use crate::config::events;
use crate::limits::STREAM_NODE_BYTES_MAX;
use crate::resp::{Args, Error};
use crate::store::{Stream, StreamId, Trim, Trimmed};

const NOT_ABOVE_ZERO: Error = Error::new("ERR The ID specified in XADD must be greater than 0-0");
const NOT_ABOVE_TOP: Error =
    Error::new("ERR The ID specified in XADD is equal or smaller than the target stream top item");
const EXHAUSTED: Error =
    Error::new("ERR The stream has exhausted the last possible ID, unable to add more items");

/// The arguments of XADD besides the key.
struct Added<'a> {
    no_stream_is_made: bool,
    sender: Option<Sender<'a>>,
    trim: Option<Trim>,
    wanted: Wanted,
    /// Where the first field stands.
    fields_at: usize,
}

impl<'a> Added<'a> {
    fn parse(ctx: &Context<'_>, args: &Args<'a>) -> Result<Added<'a>, Error> {
        let mut options = Options::default();
        let (mut no_stream_is_made, mut sender) = (false, None);
        let mut at = 2;
        let wanted = loop {
            if at >= args.len() {
                return Err(Error::arity("xadd"));
            }
            if args.get(at) == b"*" {
                break Wanted::Auto;
            }
            if let Some(next) = options.read(args, at)? {
                at = next;
            } else if args.is(at, "nomkstream") {
                no_stream_is_made = true;
                at += 1;
            } else if let Some((read, next)) = Sender::read(args, at)? {
                if sender.replace(read).is_some() {
                    return Err(Error::SYNTAX);
                }
                at = next;
            } else {
                break Wanted::parse(args.get(at))?;
            }
        };
        let trim = options.trim(ctx)?;
        let fields_at = at + 1;
        let words = args.len().saturating_sub(fields_at);
        if words < 2 || words % 2 == 1 {
            return Err(Error::arity("xadd"));
        }
        if wanted == Wanted::Exactly(StreamId::MIN) {
            return Err(NOT_ABOVE_ZERO);
        }
        if sender.is_some() && wanted != Wanted::Auto {
            return Err(Error::new(
                "ERR IDMP/IDMPAUTO can be used only with auto-generated IDs",
            ));
        }
        Ok(Added {
            no_stream_is_made,
            sender,
            trim,
            wanted,
            fields_at,
        })
    }
}

/// What an entry will be called.
fn next_id(stream: Option<&Stream>, wanted: Wanted, now_ms: u64) -> Result<StreamId, Error> {
    let last = stream.map_or(StreamId::MIN, Stream::last_id);
    if last == StreamId::MAX {
        return Err(EXHAUSTED);
    }
    let id = match wanted {
        Wanted::Auto if now_ms > last.ms => Some(StreamId::new(now_ms, 0)),
        Wanted::Auto => last.next(),
        Wanted::Within(ms) if ms == last.ms => {
            last.seq.checked_add(1).map(|seq| StreamId::new(ms, seq))
        }
        Wanted::Within(ms) => Some(StreamId::new(ms, 0)),
        Wanted::Exactly(id) => Some(id),
    };
    id.filter(|&id| id > last).ok_or(NOT_ABOVE_TOP)
}

pub(super) fn xadd(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    let added = Added::parse(ctx, args)?;
    let (limits, now_ms) = (stream_limits(ctx.config), ctx.now_ms);
    let words = args.from(added.fields_at);
    let sent = added
        .sender
        .as_ref()
        .map(|sender| sender.name(words.clone()));
    ctx.edit(ctx.key(args, 1), |edit, reply| {
        let stream = seen(edit)?;
        if stream.is_none() && added.no_stream_is_made {
            reply.null();
            return Ok(());
        }
        let id = next_id(stream, added.wanted, now_ms)?;
        let is_known = stream.is_some_and(|stream| stream.idempotence().is_some());
        if let Some((producer, name)) = &sent
            && is_known
            && let Some(known_id) = known(edit).idempotence_mut().find(producer, name, now_ms)
        {
            known(edit).idempotence_mut().duplicates += 1;
            edit.unchanged();
            write_id(reply, known_id);
            return Ok(());
        }
        if words.clone().map(<[u8]>::len).sum::<usize>() > STREAM_NODE_BYTES_MAX {
            return Err(Error::new("ERR Elements are too large to be stored"));
        }
        let stream = stream_or_new(edit)?;
        stream.push(id, words, limits);
        if let Some((producer, name)) = &sent {
            stream.idempotence_mut().record(producer, name, id, now_ms);
        }
        let trimmed = added.trim.as_ref().map(|trim| stream.trim(trim));
        write_id(reply, id);
        changed(edit, "xadd", 1);
        if trimmed.is_some_and(|trimmed| trimmed.deleted > 0) {
            edit.notify(events::STREAM, "xtrim");
        }
        let approximate = added.trim.as_ref().is_some_and(|trim| trim.approximate);
        if edit.is_told() && (approximate || !matches!(added.wanted, Wanted::Exactly(_))) {
            tell(edit, args, &added, id, trimmed);
        }
        if let Some((producer, name)) = &sent {
            let id = IdText::new(id);
            edit.propagate(&[b"XIDMPRECORD", args.get(1), producer, name, id.bytes()]);
        }
        Ok(())
    })
}

/// Tells the log what was added and cut.
fn tell(
    edit: &mut Edit<'_>,
    args: &Args<'_>,
    added: &Added<'_>,
    id: StreamId,
    trimmed: Option<Trimmed>,
) {
    let cut = added.trim.as_ref().zip(trimmed);
    let cut = cut.map(|(trim, trimmed)| exactly(trim, trimmed, known(edit)));
    let cut = cut.unwrap_or_default();
    let id = IdText::new(id);
    let nomkstream: Option<&[u8]> = added.no_stream_is_made.then_some(b"NOMKSTREAM");
    let told: Vec<&[u8]> = [&b"XADD"[..], args.get(1)]
        .into_iter()
        .chain(nomkstream)
        .chain(cut.iter().map(Vec::as_slice))
        .chain([id.bytes()])
        .chain(args.from(added.fields_at))
        .collect();
    edit.propagate(&told);
}
