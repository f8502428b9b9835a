//! Parts of a sorted set: ZRANGE in all its forms, the older commands it replaces, ZRANGESTORE.
//!
//! By rank, by score or by bytes, upwards or downwards.

use super::super::{Context, Lookup, Outcome};
use super::bounds::{By, Range};
use super::{count_of, head, limits, write_pair, zset};
use crate::config::events;
use crate::resp::{Args, Error, parse_i64};
use crate::store::{Object, Zset};

/// What a command of this family leaves open.
#[derive(Clone, Copy)]
struct Form {
    /// Which argument is the source.
    source: usize,
    stores: bool,
    by: Option<By>,
    backwards: Option<bool>,
}

const SHOWN: Form = Form {
    source: 1,
    stores: false,
    by: None,
    backwards: None,
};

impl Form {
    const fn fixed(by: By, backwards: bool) -> Form {
        Form {
            by: Some(by),
            backwards: Some(backwards),
            ..SHOWN
        }
    }
}

/// A part that was asked for.
struct Part<'a> {
    range: Range<'a>,
    backwards: bool,
    offset: i64,
    /// Negative: all.
    count: i64,
    with_scores: bool,
}

impl<'a> Part<'a> {
    fn parse(args: &Args<'a>, form: Form) -> Result<Part<'a>, Error> {
        const LIMIT: Error = Error::new(
            "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX",
        );
        const WITHSCORES: Error =
            Error::new("ERR syntax error, WITHSCORES not supported in combination with BYLEX");
        let (mut by, mut backwards) = (form.by, form.backwards);
        let (mut offset, mut count, mut with_scores) = (0, -1, false);
        let mut at = form.source + 3;
        while at < args.len() {
            if !form.stores && args.is(at, "withscores") {
                with_scores = true;
            } else if args.is(at, "limit") && at + 2 < args.len() {
                offset = parse_i64(args.get(at + 1)).ok_or(Error::NOT_INTEGER)?;
                count = parse_i64(args.get(at + 2)).ok_or(Error::NOT_INTEGER)?;
                at += 2;
            } else if backwards.is_none() && args.is(at, "rev") {
                backwards = Some(true);
            } else if by.is_none() && args.is(at, "bylex") {
                by = Some(By::Lex);
            } else if by.is_none() && args.is(at, "byscore") {
                by = Some(By::Score);
            } else {
                return Err(Error::SYNTAX);
            }
            at += 1;
        }
        let (by, backwards) = (by.unwrap_or(By::Rank), backwards.unwrap_or(false));
        if count != -1 && by == By::Rank {
            return Err(LIMIT);
        }
        if with_scores && by == By::Lex {
            return Err(WITHSCORES);
        }
        let ends = (form.source + 1, form.source + 2);
        let (least, most) = if backwards && by != By::Rank {
            (ends.1, ends.0)
        } else {
            ends
        };
        Ok(Part {
            range: Range::parse(args, least, most, by)?,
            backwards,
            offset,
            count,
            with_scores,
        })
    }

    /// The rank of the first member that is shown, and how many are.
    fn of(&self, zset: &Zset) -> (usize, usize) {
        let (first, within) = self.range.of(zset, self.backwards);
        let Some(skipped) = usize::try_from(self.offset)
            .ok()
            .filter(|&skip| skip < within)
        else {
            return (0, 0);
        };
        let left = within - skipped;
        let count = usize::try_from(self.count).map_or(left, |count| count.min(left));
        if self.backwards {
            (first + within - 1 - skipped, count)
        } else {
            (first + skipped, count)
        }
    }
}

pub(super) fn zrange(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    show(ctx, args, SHOWN)
}

pub(super) fn zrevrange(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    show(ctx, args, Form::fixed(By::Rank, true))
}

pub(super) fn zrangebyscore(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    show(ctx, args, Form::fixed(By::Score, false))
}

pub(super) fn zrevrangebyscore(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    show(ctx, args, Form::fixed(By::Score, true))
}

pub(super) fn zrangebylex(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    show(ctx, args, Form::fixed(By::Lex, false))
}

pub(super) fn zrevrangebylex(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    show(ctx, args, Form::fixed(By::Lex, true))
}

fn show(ctx: &mut Context<'_>, args: &Args<'_>, form: Form) -> Outcome {
    let part = Part::parse(args, form)?;
    ctx.view(ctx.key(args, form.source), Lookup::Read, |entry, reply| {
        let Some(zset) = entry.map(zset).transpose()? else {
            reply.array(0);
            return Ok(());
        };
        let (first, count) = part.of(zset);
        head(reply, count, part.with_scores);
        zset.range(first, count, part.backwards, |element, score| {
            write_pair(reply, element, score, part.with_scores);
        });
        Ok(())
    })
}

pub(super) fn zrangestore(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    let form = Form {
        source: 2,
        stores: true,
        ..SHOWN
    };
    let part = Part::parse(args, form)?;
    let (destination, limits) = (ctx.key(args, 1), limits(ctx));
    let stored = ctx.view(ctx.key(args, 2), Lookup::Read, |entry, _| {
        let Some(zset) = entry.map(zset).transpose()? else {
            return Ok::<_, Error>(None);
        };
        let (first, count) = part.of(zset);
        let mut stored = Zset::for_members(0, count, &limits);
        zset.range(first, count, part.backwards, |element, score| {
            element.with_text(|text| stored.add_new(text, score, &limits));
        });
        Ok(Some(stored))
    })?;
    store(
        ctx,
        destination,
        stored.unwrap_or_else(|| Zset::for_members(0, 0, &limits)),
        "zrangestore",
    );
    Ok(())
}

/// Puts a result in place of whatever is at the destination, where it is not empty, and replies
/// with its length.
pub(in super::super) fn store(
    ctx: &mut Context<'_>,
    destination: super::super::Key<'_>,
    result: Zset,
    event: &'static str,
) {
    let len = result.len();
    if len == 0 {
        ctx.delete(destination);
    } else {
        ctx.put_object(destination, Object::Zset(Box::new(result)), 1);
        ctx.notify(events::ZSET, event, destination);
    }
    ctx.reply.integer(count_of(len));
}
