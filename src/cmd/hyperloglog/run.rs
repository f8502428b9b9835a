//! PFADD, PFCOUNT, PFMERGE, PFDEBUG, PFSELFTEST.
//!
//! PFCOUNT of one key keeps its result in the value, which log and replicas are told of, although
//! it counts as a reader. Every value is checked before it is used: a string may be anything.

use super::super::{Context, Lookup, Outcome};
use super::{
    HEADER_LEN, REGISTERS, Raised, cached, check, dense, empty, estimate, histogram, invalidate,
    is_dense, keep, merge, raise, raise_dense, sparse, to_dense,
};
use crate::config::events;
use crate::limits::HLL_SELF_TEST_ELEMENTS;
use crate::resp::{Args, Error};
use crate::store::{Entry, Value};

/// An entry's bytes, checked. An integer is none.
fn value_of(entry: &Entry) -> Result<&[u8], Error> {
    match entry.value() {
        crate::store::ValueRef::Bytes(bytes) => check(bytes),
        crate::store::ValueRef::Int(_) => check(&[]),
        crate::store::ValueRef::Object(_) => Err(Error::WRONG_TYPE),
    }
}

fn sparse_bytes_max(ctx: &Context<'_>) -> usize {
    usize::try_from(ctx.config.hll_sparse_max_bytes).unwrap_or(usize::MAX)
}

pub(super) fn pfadd(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    let sparse_bytes_max = sparse_bytes_max(ctx);
    ctx.edit(ctx.key(args, 1), |edit, reply| {
        let mut elements = args.from(2).map(estimate::place);
        let mut raised = 0;
        match edit.entry() {
            Some(entry) if is_dense(value_of(entry)?) => {
                let bytes = edit.write().string_mut(HEADER_LEN + dense::BYTES);
                for (index, value) in elements {
                    raised += u64::from(raise_dense(bytes, index, value) == Raised::Yes);
                }
                if raised == 0 {
                    edit.unchanged();
                } else {
                    invalidate(bytes);
                }
            }
            entry => {
                let held = entry.map(value_of).transpose()?;
                raised += u64::from(held.is_none());
                let mut bytes = None;
                let ended: Outcome = elements.try_for_each(|(index, value)| {
                    let as_high = |bytes| sparse::get(bytes, index).is_some_and(|it| it >= value);
                    if bytes.is_none() && held.is_some_and(as_high) {
                        return Ok(());
                    }
                    let bytes =
                        bytes.get_or_insert_with(|| held.map_or_else(empty, <[u8]>::to_vec));
                    let done = raise(bytes, index, value, sparse_bytes_max)?;
                    raised += u64::from(done == Raised::Yes);
                    Ok(())
                });
                if raised > 0 {
                    let mut bytes = bytes.unwrap_or_else(empty);
                    invalidate(&mut bytes);
                    edit.put(Value::Raw(&bytes));
                }
                ended?;
            }
        }
        if raised > 0 {
            edit.counts(raised);
            edit.notify(events::STRING, "pfadd");
        }
        reply.integer(i64::from(raised > 0));
        Ok(())
    })
}

pub(super) fn pfcount(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    if args.len() == 2 {
        return count_one(ctx, args);
    }
    let mut registers = [0; REGISTERS];
    for at in 1..args.len() {
        ctx.view(ctx.key(args, at), Lookup::Read, |entry, _| match entry {
            None => Ok(()),
            Some(entry) => merge(&mut registers, value_of(entry)?),
        })?;
    }
    let mut histogram = [0; 64];
    for value in registers {
        histogram[usize::from(value)] += 1;
    }
    answer(ctx, estimate::count(&histogram));
    Ok(())
}

fn answer(ctx: &mut Context<'_>, count: u64) {
    ctx.reply.integer(count.cast_signed());
}

fn count_one(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    let count = ctx.edit_as(ctx.key(args, 1), Lookup::Read, |edit, _| {
        let Some(entry) = edit.entry() else {
            return Ok::<u64, Error>(0);
        };
        let bytes = value_of(entry)?;
        if let Some(count) = cached(bytes) {
            return Ok(count);
        }
        let count = estimate::count(&histogram(bytes)?);
        keep(edit.write().string_mut(HEADER_LEN), count);
        Ok(count)
    })?;
    answer(ctx, count);
    Ok(())
}

pub(super) fn pfmerge(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    let mut registers = [0; REGISTERS];
    let mut any_dense = false;
    for at in 1..args.len() {
        ctx.view(ctx.key(args, at), Lookup::Read, |entry, _| match entry {
            None => Ok(()),
            Some(entry) => {
                let bytes = value_of(entry)?;
                any_dense |= is_dense(bytes);
                merge(&mut registers, bytes)
            }
        })?;
    }
    let sparse_bytes_max = sparse_bytes_max(ctx);
    ctx.edit(ctx.key(args, 1), |edit, reply| {
        let mut bytes = match edit.entry() {
            None => empty(),
            Some(entry) => value_of(entry)?.to_vec(),
        };
        if any_dense && !is_dense(&bytes) {
            bytes = to_dense(&bytes)?;
        }
        for (index, value) in registers.into_iter().enumerate() {
            if value > 0 {
                raise(&mut bytes, index, value, sparse_bytes_max)?;
            }
        }
        invalidate(&mut bytes);
        edit.put(Value::Raw(&bytes));
        edit.notify(events::STRING, "pfadd");
        reply.ok();
        Ok(())
    })
}

pub(super) fn pfdebug(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    const NO_KEY: Error = Error::new("ERR The specified key does not exist");
    ctx.edit(ctx.key(args, 2), |edit, reply| {
        let bytes = value_of(edit.entry().ok_or(NO_KEY)?)?;
        let is_dense = is_dense(bytes);
        if args.is(1, "decode") {
            if is_dense {
                return Err(Error::new("ERR HLL encoding is not sparse"));
            }
            reply.bulk(runs(&bytes[HEADER_LEN..]).as_bytes());
        } else if args.is(1, "encoding") {
            reply.simple(if is_dense { "dense" } else { "sparse" });
        } else if args.is(1, "getreg") || args.is(1, "todense") {
            let made = (!is_dense).then(|| to_dense(bytes)).transpose()?;
            if args.is(1, "todense") {
                reply.integer(i64::from(made.is_some()));
            } else {
                let registers = &made.as_deref().unwrap_or(bytes)[HEADER_LEN..];
                reply.array(REGISTERS);
                (0..REGISTERS).for_each(|at| reply.integer(i64::from(dense::get(registers, at))));
            }
            if let Some(made) = made {
                edit.put(Value::Raw(&made));
            }
        } else {
            let name = String::from_utf8_lossy(args.get(1));
            return Err(Error::from(format!(
                "ERR Unknown PFDEBUG subcommand '{name}'"
            )));
        }
        Ok(())
    })
}

/// The runs of sparse registers as Redis writes them: `Z:16000 v:3,1 z:20`.
fn runs(mut bytes: &[u8]) -> String {
    let mut words = Vec::new();
    while !bytes.is_empty() {
        let run = sparse::first_run(bytes);
        words.push(match (run.value, run.bytes) {
            (0, 1) => format!("z:{}", run.registers),
            (0, _) => format!("Z:{}", run.registers),
            (value, _) => format!("v:{value},{}", run.registers),
        });
        bytes = bytes.get(run.bytes..).unwrap_or(&[]);
    }
    words.join(" ")
}

/// Adds numbers to a sparse and to a dense value, which must be counted alike and near the truth.
/// So many that a shard does it in a moment, not Redis's ten million.
pub(super) fn pfselftest(ctx: &mut Context<'_>, _args: &Args<'_>) -> Outcome {
    let mut sparse_value = empty();
    let mut dense_value = to_dense(&sparse_value)?;
    let mut checkpoint = 1;
    for number in 1..=HLL_SELF_TEST_ELEMENTS {
        let (index, value) = estimate::place(&ctx.fork_random().next_u64().to_le_bytes());
        raise(&mut sparse_value, index, value, sparse_bytes_max(ctx))?;
        let _raised = raise_dense(&mut dense_value, index, value);
        if number < checkpoint {
            continue;
        }
        checkpoint *= 10;
        let count = estimate::count(&histogram(&dense_value)?);
        if estimate::count(&histogram(&sparse_value)?) != count {
            return Err(Error::new("ERR TESTFAILED dense/sparse disagree"));
        }
        // Six times the standard error, 1.04 / sqrt(16,384), and one.
        if count.abs_diff(number) > number * 624 / 12_800 + 1 {
            return Err(Error::from(format!(
                "ERR TESTFAILED Too big error. card:{number} abserr:{}",
                count.abs_diff(number)
            )));
        }
    }
    ctx.reply.ok();
    Ok(())
}
