//! Random fields: HRANDFIELD.
//!
//! Every choice of so many fields is as likely as another. Changes nothing, but that fields whose
//! time is over end on the way.

use super::super::{Context, Outcome, Random};
use super::{look, write};
use crate::limits::SAMPLED_SHARE;
use crate::resp::{Args, Error, Protocol, Reply, parse_i64};
use crate::store::{Field, Hash};
use std::collections::HashSet;

pub(super) fn hrandfield(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    let counted = counted(args)?;
    let mut random = ctx.fork_random();
    look(ctx, ctx.key(args, 1), |hash, reply| {
        let Some((count, with_values)) = counted else {
            match hash.and_then(|hash| hash.random(&mut || random.next_u64())) {
                Some(field) => write(reply, field.name),
                None => reply.null(),
            }
            return Ok(());
        };
        let Some(hash) = hash.filter(|_| count != 0) else {
            reply.array(0);
            return Ok(());
        };
        let wanted = usize::try_from(count.unsigned_abs()).expect("counts are 64 bits wide");
        if count < 0 {
            head(reply, wanted, with_values);
            if hash.is_table() {
                for _ in 0..wanted {
                    let field = hash.random(&mut || random.next_u64());
                    show(reply, field.expect("no hash is empty"), with_values);
                }
            } else {
                let all: Vec<Field<'_>> = hash.iter().collect();
                for _ in 0..wanted {
                    let index = random.next_u64() % all.len() as u64;
                    show(reply, all[index as usize], with_values);
                }
            }
        } else {
            let chosen = choose(hash, wanted, &mut random);
            head(reply, chosen.len(), with_values);
            for field in chosen {
                show(reply, field, with_values);
            }
        }
        Ok(())
    })
}

/// The count, and whether values are asked for; None without them.
fn counted(args: &Args<'_>) -> Result<Option<(i64, bool)>, Error> {
    const RANGE: Error = Error::new(
        "ERR value is out of range, value must between -9223372036854775807 and \
         9223372036854775807",
    );
    if args.len() == 2 {
        return Ok(None);
    }
    let count = parse_i64(args.get(2)).ok_or(Error::NOT_INTEGER)?;
    if count == i64::MIN {
        return Err(RANGE);
    }
    if args.len() > 4 || args.len() == 4 && !args.is(3, "withvalues") {
        return Err(Error::SYNTAX);
    }
    let with_values = args.len() == 4;
    if with_values && count.unsigned_abs() > i64::MAX.unsigned_abs() / 2 {
        return Err(Error::new("ERR value is out of range"));
    }
    Ok(Some((count, with_values)))
}

/// In RESP3 a field and its value are an array of their own.
fn head(reply: &mut Reply<'_>, count: usize, with_values: bool) {
    let is_flat = with_values && reply.protocol() == Protocol::Resp2;
    reply.array(if is_flat { 2 * count } else { count });
}

fn show(reply: &mut Reply<'_>, field: Field<'_>, with_values: bool) {
    if with_values && reply.protocol() == Protocol::Resp3 {
        reply.array(2);
    }
    write(reply, field.name);
    if with_values {
        write(reply, field.value);
    }
}

/// So many different fields, or all.
fn choose<'h>(hash: &'h Hash, count: usize, random: &mut Random) -> Vec<Field<'h>> {
    let len = hash.len();
    let count = count.min(len);
    let mut chosen = Vec::with_capacity(count);
    if hash.is_table() && count * SAMPLED_SHARE < len {
        let mut seen = HashSet::with_capacity(count);
        while chosen.len() < count {
            let field = hash.random(&mut || random.next_u64());
            let field = field.expect("more than were chosen are there");
            if field.name.with_text(|text| seen.insert(text.to_vec())) {
                chosen.push(field);
            }
        }
        return chosen;
    }
    // One pass: each is taken with the chance that it is among those that are still wanted.
    let mut left = len;
    for field in hash.iter() {
        let wanted = count - chosen.len();
        if random.next_u64() % (left as u64) < wanted as u64 {
            chosen.push(field);
        }
        left -= 1;
    }
    assert!(chosen.len() == count, "the last ones are taken for certain");
    chosen
}
