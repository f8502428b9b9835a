//! Random members: SPOP and SRANDMEMBER.
//!
//! Every choice of so many members is as likely as another. Log and replicas are told which were
//! taken, in commands that Redis 7 logs for the same.

use super::super::{Context, Lookup, Outcome, Random};
use super::{set, set_mut, write, write_all};
use crate::config::events;
use crate::limits::{SAMPLED_SHARE, TOLD_MEMBERS_MAX};
use crate::resp::{Args, Error, parse_i64};
use crate::store::{Element, Set};
use std::collections::HashSet;

const NOT_POSITIVE: Error = Error::new("ERR value is out of range, must be positive");

pub(super) fn spop(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    match args.len() {
        2 => pop_one(ctx, args),
        3 => {
            let count = parse_i64(args.get(2)).ok_or(NOT_POSITIVE)?;
            let count = usize::try_from(count).map_err(|_| NOT_POSITIVE)?;
            pop_count(ctx, args, count)
        }
        _ => Err(Error::SYNTAX),
    }
}

fn pop_one(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    let mut random = ctx.fork_random();
    ctx.edit(ctx.key(args, 1), |edit, reply| {
        let Some(set) = set_mut(edit)? else {
            reply.null();
            return Ok(());
        };
        let chosen = set.random(&mut || random.next_u64());
        let chosen = chosen.expect("empty sets do not exist");
        write(reply, chosen);
        let member = chosen.with_text(<[u8]>::to_vec);
        let removed = set.remove(&member);
        assert!(removed, "it has just been chosen of them");
        edit.notify(events::SET, "spop");
        edit.propagate(&[b"SREM", edit.key(), &member]);
        Ok(())
    })
}

fn pop_count(ctx: &mut Context<'_>, args: &Args<'_>, count: usize) -> Outcome {
    let mut random = ctx.fork_random();
    let lazily = ctx.config.lazyfree_lazy_server_del;
    let all = ctx.edit(ctx.key(args, 1), |edit, reply| {
        let len = match edit.entry().map(set).transpose()? {
            Some(set) if count > 0 => set.len(),
            _ => {
                reply.set(0);
                return Ok(false);
            }
        };
        if count >= len {
            edit.notify(events::SET, "spop");
            write_all(reply, set(edit.entry().expect("it is there"))?);
            edit.remove_for_all(lazily);
            edit.counts(len as u64);
            return Ok(true);
        }
        let set = set_mut(edit)?.expect("it is there");
        let members: Vec<Vec<u8>> = choose(set, count, &mut random)
            .iter()
            .map(|element| element.with_text(<[u8]>::to_vec))
            .collect();
        reply.set(count);
        for member in &members {
            reply.bulk(member);
            let removed = set.remove(member);
            assert!(removed, "each was chosen once");
        }
        edit.counts(count as u64);
        edit.notify(events::SET, "spop");
        for told in members.chunks(TOLD_MEMBERS_MAX) {
            let head: [&[u8]; 2] = [b"SREM", edit.key()];
            let words: Vec<&[u8]> = head
                .into_iter()
                .chain(told.iter().map(Vec::as_slice))
                .collect();
            edit.propagate(&words);
        }
        Ok::<_, Error>(false)
    })?;
    if all {
        // Redis reads a set that it takes whole once more, as SUNION would.
        ctx.count_lookups(1, 0);
    }
    Ok(())
}

pub(super) fn srandmember(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    if args.len() > 3 {
        return Err(Error::SYNTAX);
    }
    let count = (args.len() == 3).then(|| counted(args)).transpose()?;
    let mut random = ctx.fork_random();
    ctx.view(ctx.key(args, 1), Lookup::Read, |entry, reply| {
        let set = entry.map(set).transpose()?;
        let Some(set) = set.filter(|_| count != Some(0)) else {
            match count {
                None => reply.null(),
                Some(_) => reply.array(0),
            }
            return Ok(());
        };
        let mut one = || {
            let chosen = set.random(&mut || random.next_u64());
            chosen.expect("empty sets do not exist")
        };
        let Some(count) = count else {
            write(reply, one());
            return Ok(());
        };
        let wanted = usize::try_from(count.unsigned_abs()).expect("counts are 64 bits wide");
        if count < 0 {
            reply.array(wanted);
            for _ in 0..wanted {
                write(reply, one());
            }
        } else {
            let chosen = choose(set, wanted, &mut random);
            reply.array(chosen.len());
            for element in chosen {
                write(reply, element);
            }
        }
        Ok(())
    })
}

/// SRANDMEMBER's count: one that can be negated.
fn counted(args: &Args<'_>) -> Result<i64, Error> {
    const RANGE: Error = Error::new(
        "ERR value is out of range, value must between -9223372036854775807 and \
         9223372036854775807",
    );
    let count = parse_i64(args.get(2)).ok_or(Error::NOT_INTEGER)?;
    if count == i64::MIN {
        Err(RANGE)
    } else {
        Ok(count)
    }
}

/// So many different members, or all; every choice is as likely as another.
fn choose<'s>(set: &'s Set, count: usize, random: &mut Random) -> Vec<Element<'s>> {
    let count = count.min(set.len());
    let mut chosen = Vec::with_capacity(count);
    if set.is_table() && count * SAMPLED_SHARE < set.len() {
        let mut seen = HashSet::with_capacity(count);
        while chosen.len() < count {
            let element = set.random(&mut || random.next_u64());
            let element = element.expect("more than were chosen are there");
            if element.with_text(|text| seen.insert(text.to_vec())) {
                chosen.push(element);
            }
        }
        return chosen;
    }
    // One pass: each is taken with the chance that it is among those that are still wanted.
    let mut left = set.len();
    for element in set.iter() {
        let wanted = count - chosen.len();
        if random.next_u64() % (left as u64) < wanted as u64 {
            chosen.push(element);
        }
        left -= 1;
    }
    assert!(chosen.len() == count, "the last ones are taken for certain");
    chosen
}
