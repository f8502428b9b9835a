//! Random members: ZRANDMEMBER.
//!
//! Every choice of so many members is as likely as another. Changes nothing.

use super::super::{Context, Lookup, Outcome, Random};
use super::{head, write, write_pair, zset};
use crate::limits::SAMPLED_SHARE;
use crate::resp::{Args, Error, parse_i64};
use std::collections::HashSet;

pub(super) fn zrandmember(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    let with_scores = args.len() > 3;
    if args.len() > 4 || (with_scores && !args.is(3, "withscores")) {
        // The count is looked at first.
        counted(args, false)?;
        return Err(Error::SYNTAX);
    }
    let count = (args.len() > 2)
        .then(|| counted(args, with_scores))
        .transpose()?;
    let mut random = ctx.fork_random();
    ctx.view(ctx.key(args, 1), Lookup::Read, |entry, reply| {
        let zset = entry.map(zset).transpose()?;
        let Some(zset) = zset.filter(|_| count != Some(0)) else {
            match count {
                None => reply.null(),
                Some(_) => reply.array(0),
            }
            return Ok(());
        };
        let Some(count) = count else {
            write(reply, zset.at(below(&mut random, zset.len())).0);
            return Ok(());
        };
        let wanted = usize::try_from(count.unsigned_abs()).expect("counts are 64 bits wide");
        let ranks = if count < 0 {
            None
        } else {
            Some(choose(zset.len(), wanted, &mut random))
        };
        let shown = ranks.as_ref().map_or(wanted, Vec::len);
        head(reply, shown, with_scores);
        for number in 0..shown {
            let rank = match &ranks {
                Some(ranks) => ranks[number],
                None => below(&mut random, zset.len()),
            };
            let (element, score) = zset.at(rank);
            write_pair(reply, element, score, with_scores);
        }
        Ok(())
    })
}

fn below(random: &mut Random, len: usize) -> usize {
    (random.next_u64() % len as u64) as usize
}

/// The count: one that can be negated, and doubled where scores come along.
fn counted(args: &Args<'_>, with_scores: bool) -> Result<i64, Error> {
    const RANGE: Error = Error::new(
        "ERR value is out of range, value must between -9223372036854775807 and \
         9223372036854775807",
    );
    let count = parse_i64(args.get(2)).ok_or(Error::NOT_INTEGER)?;
    if count == i64::MIN {
        return Err(RANGE);
    }
    if with_scores && count.abs() > i64::MAX / 2 {
        return Err(Error::new("ERR value is out of range"));
    }
    Ok(count)
}

/// So many different ranks, or all; every choice is as likely as another.
fn choose(len: usize, count: usize, random: &mut Random) -> Vec<usize> {
    let count = count.min(len);
    let mut chosen = Vec::with_capacity(count);
    if count * SAMPLED_SHARE < len {
        let mut seen = HashSet::with_capacity(count);
        while chosen.len() < count {
            let rank = below(random, len);
            if seen.insert(rank) {
                chosen.push(rank);
            }
        }
        return chosen;
    }
    // One pass: each is taken with the chance that it is among those that are still wanted.
    for rank in 0..len {
        let wanted = count - chosen.len();
        if below(random, len - rank) < wanted {
            chosen.push(rank);
        }
    }
    assert!(chosen.len() == count, "the last ones are taken for certain");
    chosen
}
