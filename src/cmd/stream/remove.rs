//! Deleting entries: XDEL, XDELEX, XACKDEL; and XSETID, which sets what is left of them.
//!
//! Identifiers are read before anything is touched: a command does all or nothing.

use super::super::{Context, Outcome};
use super::trim::references;
use super::{changed, count, id, integer, known, seen};
use crate::resp::{Args, Error, parse_i64};
use crate::store::{Marks, References, Stream, StreamId};

/// The identifiers at these arguments.
pub(super) fn ids(args: &Args<'_>, at: std::ops::Range<usize>) -> Result<Vec<StreamId>, Error> {
    at.map(|at| id::strict(args.get(at), 0)).collect()
}

pub(super) fn xdel(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    ctx.edit(ctx.key(args, 1), |edit, reply| {
        if seen(edit)?.is_none() {
            reply.integer(0);
            return Ok(());
        }
        let ids = ids(args, 2..args.len())?;
        let stream = known(edit);
        let deleted = ids.iter().filter(|&&id| stream.delete(id)).count();
        reply.integer(count(deleted));
        match deleted {
            0 => edit.unchanged(),
            _ => changed(edit, "xdel", deleted as u64),
        }
        Ok(())
    })
}

/// `[KEEPREF | DELREF | ACKED] IDS numids id ...` from an argument on.
struct Chosen {
    references: References,
    ids: Vec<StreamId>,
}

impl Chosen {
    fn parse(args: &Args<'_>, from: usize) -> Result<Chosen, Error> {
        let (mut kept, mut ids) = (None, None);
        let mut at = from;
        while at < args.len() {
            if let Some(references) = references(args, at) {
                if kept.replace(references).is_some() {
                    return Err(Error::SYNTAX);
                }
                at += 1;
            } else if args.is(at, "ids") && at + 1 < args.len() && ids.is_none() {
                let range = numbered(args, at + 1)?;
                at = range.end;
                ids = Some(range);
            } else {
                return Err(Error::SYNTAX);
            }
        }
        Ok(Chosen {
            references: kept.unwrap_or_default(),
            ids: self::ids(args, ids.ok_or(Error::SYNTAX)?)?,
        })
    }
}

/// The arguments that a number at `at` counts.
pub(super) fn numbered(args: &Args<'_>, at: usize) -> Result<std::ops::Range<usize>, Error> {
    let number = parse_i64(args.get(at)).filter(|&number| number > 0);
    let number = number.and_then(|number| usize::try_from(number).ok());
    let number = number.ok_or(Error::new("ERR Number of IDs must be a positive integer"))?;
    let end = (at + 1).saturating_add(number);
    if end > args.len() {
        return Err(Error::new(
            "ERR The `numids` parameter must match the number of arguments",
        ));
    }
    Ok(at + 1..end)
}

/// What became of an entry, as XDELEX and XACKDEL reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Missing = -1,
    Deleted = 1,
    /// A group has still to be given it or to acknowledge it.
    Referred = 2,
}

/// Deletes an entry if what groups know of it allows that.
fn remove(stream: &mut Stream, id: StreamId, references: References) -> Fate {
    match references {
        References::Delete => {
            stream.drop_references(id);
        }
        References::Acked if stream.get(id).is_some() && stream.is_referred_to(id) => {
            return Fate::Referred;
        }
        References::Keep | References::Acked => {}
    }
    match stream.delete(id) {
        true => Fate::Deleted,
        false => Fate::Missing,
    }
}

pub(super) fn xdelex(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    let chosen = Chosen::parse(args, 2)?;
    ctx.edit(ctx.key(args, 1), |edit, reply| {
        reply.array(chosen.ids.len());
        if seen(edit)?.is_none() {
            chosen.ids.iter().for_each(|_| reply.integer(-1));
            return Ok(());
        }
        let (mut deleted, mut dropped) = (0, 0);
        let stream = known(edit);
        for &id in &chosen.ids {
            if chosen.references == References::Delete {
                dropped += stream.drop_references(id) as u64;
            }
            let fate = remove(stream, id, chosen.references);
            deleted += u64::from(fate == Fate::Deleted);
            reply.integer(fate as i64);
        }
        match deleted {
            0 if dropped == 0 => edit.unchanged(),
            0 => edit.counts(dropped),
            _ => changed(edit, "xdel", deleted),
        }
        Ok(())
    })
}

pub(super) fn xackdel(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    let chosen = Chosen::parse(args, 3)?;
    ctx.edit(ctx.key(args, 1), |edit, reply| {
        reply.array(chosen.ids.len());
        let group = args.get(2);
        if seen(edit)?.and_then(|stream| stream.group(group)).is_none() {
            chosen.ids.iter().for_each(|_| reply.integer(-1));
            return Ok(());
        }
        let (mut acknowledged, mut deleted) = (0, 0);
        let stream = known(edit);
        for &id in &chosen.ids {
            let own = stream.group_mut(group).expect("it was just seen");
            if own.acknowledge(id).is_none() {
                reply.integer(Fate::Missing as i64);
                continue;
            }
            acknowledged += 1;
            // What was acknowledged and is not there any more counts as deleted.
            let fate = match remove(stream, id, chosen.references) {
                Fate::Missing => Fate::Deleted,
                fate => {
                    deleted += u64::from(fate == Fate::Deleted);
                    fate
                }
            };
            reply.integer(fate as i64);
        }
        match (acknowledged, deleted) {
            (0, _) => edit.unchanged(),
            (_, 0) => edit.counts(acknowledged),
            _ => changed(edit, "xdel", acknowledged),
        }
        Ok(())
    })
}

pub(super) fn xsetid(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    let last_id = id::strict(args.get(2), 0)?;
    let (mut added, mut deleted) = (None, StreamId::MIN);
    for at in (3..args.len()).step_by(2) {
        if at + 1 == args.len() {
            return Err(Error::SYNTAX);
        }
        if args.is(at, "entriesadded") {
            let number = u64::try_from(integer(args, at + 1)?);
            added = Some(number.map_err(|_| Error::new("ERR entries_added must be positive"))?);
        } else if args.is(at, "maxdeletedid") {
            deleted = id::strict(args.get(at + 1), 0)?;
            if last_id < deleted {
                return Err(Error::new(
                    "ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id",
                ));
            }
        } else {
            return Err(Error::SYNTAX);
        }
    }
    ctx.edit(ctx.key(args, 1), |edit, reply| {
        let stream = seen(edit)?.ok_or(Error::NO_SUCH_KEY)?;
        let marks = stream.marks();
        if last_id < marks.max_deleted_id {
            return Err(Error::new(
                "ERR The ID specified in XSETID is smaller than current max_deleted_entry_id",
            ));
        }
        if stream.last_entry_id().is_some_and(|top| last_id < top) {
            return Err(Error::new(
                "ERR The ID specified in XSETID is smaller than the target stream top item",
            ));
        }
        if added.is_some_and(|added| added < stream.len()) {
            return Err(Error::new(
                "ERR The entries_added specified in XSETID is smaller than the target stream length",
            ));
        }
        let marks = Marks {
            last_id,
            max_deleted_id: match deleted.is_zero() {
                true => marks.max_deleted_id,
                false => deleted,
            },
            entries_added: added.unwrap_or(marks.entries_added),
        };
        known(edit).set_marks(marks);
        changed(edit, "xsetid", 1);
        reply.ok();
        Ok(())
    })
}
