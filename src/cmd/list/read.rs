//! Looking into a list: LLEN, LINDEX, LRANGE, LPOS.
//!
//! Changes nothing. Indices are the client's, negative from the end; `edit` shares how they are
//! resolved.

use super::super::{Context, Lookup, Outcome};
use super::{list, list_len, write};
use crate::resp::{Args, Error, parse_i64};
use crate::store::{List, Needle};
use std::ops::ControlFlow;

pub(super) fn llen(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    ctx.view(ctx.key(args, 1), Lookup::Read, |entry, reply| {
        let len = entry.map_or(Ok(0), |entry| list(entry).map(list_len))?;
        reply.integer(len);
        Ok(())
    })
}

/// The index that a client means: negative ones count from the end. None beyond the begin.
pub(super) fn index_in(len: usize, index: i64) -> Option<usize> {
    if index >= 0 {
        usize::try_from(index).ok()
    } else {
        len.checked_sub(usize::try_from(index.unsigned_abs()).ok()?)
    }
}

/// The indices that a client means with an inclusive range.
pub(super) fn range_in(len: usize, start: i64, stop: i64) -> std::ops::Range<usize> {
    let start = index_in(len, start).unwrap_or(0);
    let Some(stop) = index_in(len, stop) else {
        return 0..0;
    };
    let end = stop.saturating_add(1).min(len);
    if start < end { start..end } else { 0..0 }
}

pub(super) fn lindex(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    ctx.view(ctx.key(args, 1), Lookup::Read, |entry, reply| {
        let Some(entry) = entry else {
            reply.null();
            return Ok(());
        };
        let list = list(entry)?;
        let index = parse_i64(args.get(2)).ok_or(Error::NOT_INTEGER)?;
        let shown = index_in(list.len(), index)
            .and_then(|index| list.get(index, |element| write(reply, element)));
        if shown.is_none() {
            reply.null();
        }
        Ok(())
    })
}

pub(super) fn lrange(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    let start = parse_i64(args.get(2)).ok_or(Error::NOT_INTEGER)?;
    let stop = parse_i64(args.get(3)).ok_or(Error::NOT_INTEGER)?;
    ctx.view(ctx.key(args, 1), Lookup::Read, |entry, reply| {
        let Some(entry) = entry else {
            reply.array(0);
            return Ok(());
        };
        let list = list(entry)?;
        let range = range_in(list.len(), start, stop);
        reply.array(range.len());
        list.range(range.start, range.len(), false, |element| {
            write(reply, element)
        });
        Ok(())
    })
}

/// The options of LPOS.
struct Search {
    backwards: bool,
    /// Matches to pass over.
    skip: u64,
    /// Matches to report; None: one, as a bare integer.
    count: Option<u64>,
    /// Elements to look at.
    most: u64,
}

impl Search {
    fn parse(args: &Args<'_>) -> Result<Search, Error> {
        let mut search = Search {
            backwards: false,
            skip: 0,
            count: None,
            most: u64::MAX,
        };
        let natural = |index: usize, error: &'static str| {
            parse_i64(args.get(index))
                .and_then(|number| u64::try_from(number).ok())
                .ok_or(Error::new(error))
        };
        for option in (3..args.len()).step_by(2) {
            if option + 1 >= args.len() {
                return Err(Error::SYNTAX);
            }
            if args.is(option, "rank") {
                let rank = parse_i64(args.get(option + 1)).ok_or(Error::NOT_INTEGER)?;
                if rank == 0 {
                    return Err(Error::new(
                        "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use \
                         negative to start from the end of the list",
                    ));
                }
                if rank == i64::MIN {
                    return Err(Error::new(
                        "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807",
                    ));
                }
                search.backwards = rank < 0;
                search.skip = rank.unsigned_abs() - 1;
            } else if args.is(option, "count") {
                search.count = Some(natural(option + 1, "ERR COUNT can't be negative")?);
            } else if args.is(option, "maxlen") {
                search.most = match natural(option + 1, "ERR MAXLEN can't be negative")? {
                    0 => u64::MAX,
                    most => most,
                };
            } else {
                return Err(Error::SYNTAX);
            }
        }
        Ok(search)
    }

    /// Indices of the matches to report.
    fn run(&self, list: &List, needle: Needle<'_>) -> Vec<usize> {
        let wanted = match self.count {
            None => 1,
            Some(0) => u64::MAX,
            Some(count) => count,
        };
        let last = list.len().saturating_sub(1);
        let (mut seen, mut skipped, mut found) = (0, 0, Vec::new());
        let from = if self.backwards { last } else { 0 };
        list.walk(from, self.backwards, |element| {
            if seen as u64 == self.most {
                return ControlFlow::Break(());
            }
            let index = if self.backwards { last - seen } else { seen };
            seen += 1;
            if needle.is(element) {
                if skipped < self.skip {
                    skipped += 1;
                } else {
                    found.push(index);
                }
            }
            if found.len() as u64 == wanted {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        found
    }
}

pub(super) fn lpos(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    let search = Search::parse(args)?;
    ctx.view(ctx.key(args, 1), Lookup::Read, |entry, reply| {
        let found = match entry {
            Some(entry) => search.run(list(entry)?, Needle::new(args.get(2))),
            None => Vec::new(),
        };
        let number = |index: usize| i64::try_from(index).expect("a list's length fits i64");
        match (search.count, found.first()) {
            (Some(_), _) => {
                reply.array(found.len());
                for index in found {
                    reply.integer(number(index));
                }
            }
            (None, Some(&index)) => reply.integer(number(index)),
            (None, None) => reply.null(),
        }
        Ok(())
    })
}
