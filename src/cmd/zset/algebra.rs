//! Several sorted sets, or sets, as one: ZUNION, ZINTER, ZDIFF, their STORE, and ZINTERCARD.
//!
//! Missing keys are empty, and no key's type goes unseen. Members of a set count with a score of 1.
//! As in Redis, inputs are taken in the order of their sizes, so that sums round alike. Keys of
//! several shards are lent: nothing here knows.

use super::super::{Context, Key, Outcome};
use super::range::store;
use super::{count_of, head, limits, score, write_pair};
use crate::cmd::several::checked_keys;
use crate::resp::{Args, Error, parse_i64};
use crate::store::{Db, Element, Entry, FormLimits, Object, Set, Store, ValueRef, Zset};
use std::collections::HashMap;
use std::ops::Range;

/// What is made of the inputs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Operation {
    Union,
    Intersection,
    Difference,
}

/// How the scores of a member in several inputs become one.
#[derive(Clone, Copy)]
enum Aggregate {
    Sum,
    Least,
    Greatest,
    /// The sum of the weights, whatever the scores.
    Count,
}

impl Aggregate {
    fn of(self, one: f64, other: f64) -> f64 {
        match self {
            Aggregate::Sum | Aggregate::Count => number(one + other),
            Aggregate::Least => one.min(other),
            Aggregate::Greatest => one.max(other),
        }
    }

    fn weigh(self, weight: f64, score: f64) -> f64 {
        match self {
            Aggregate::Count => weight,
            _ => number(weight * score),
        }
    }
}

/// Infinities that cancel out are zero.
fn number(value: f64) -> f64 {
    if value.is_nan() { 0.0 } else { value }
}

/// One input.
#[derive(Clone, Copy)]
enum Source<'s> {
    Missing,
    Set(&'s Set),
    Zset(&'s Zset),
}

impl<'s> Source<'s> {
    fn of(entry: &'s Entry) -> Result<Source<'s>, Error> {
        match entry.value() {
            ValueRef::Object(Object::Set(set)) => Ok(Source::Set(set)),
            ValueRef::Object(Object::Zset(zset)) => Ok(Source::Zset(zset)),
            _ => Err(Error::WRONG_TYPE),
        }
    }

    fn len(self) -> usize {
        match self {
            Source::Missing => 0,
            Source::Set(set) => set.len(),
            Source::Zset(zset) => zset.len(),
        }
    }

    fn score(self, text: &[u8]) -> Option<f64> {
        match self {
            Source::Missing => None,
            Source::Set(set) => set.contains(text).then_some(1.0),
            Source::Zset(zset) => zset.score(text),
        }
    }

    /// Shows the members.
    fn for_each(self, mut show: impl FnMut(Element<'s>, f64)) {
        match self {
            Source::Missing => {}
            Source::Set(set) => set.iter().for_each(|element| show(element, 1.0)),
            Source::Zset(zset) => zset.for_each(show),
        }
    }
}

/// A command of this family, read.
struct Request {
    operation: Operation,
    weights: Vec<f64>,
    aggregate: Aggregate,
    with_scores: bool,
}

/// How many keys there are, from the argument that says it, and where they stand.
fn counted(args: &Args<'_>, at: usize, name: &str) -> Result<Range<usize>, Error> {
    let keys = parse_i64(args.get(at)).ok_or(Error::NOT_INTEGER)?;
    let keys = usize::try_from(keys)
        .ok()
        .filter(|&keys| keys > 0)
        .ok_or_else(|| {
            Error::from(format!(
                "ERR at least 1 input key is needed for '{name}' command"
            ))
        })?;
    if keys > args.len() - at - 1 {
        return Err(Error::SYNTAX);
    }
    Ok(at + 1..at + 1 + keys)
}

impl Request {
    /// What stands behind the keys.
    fn parse(
        args: &Args<'_>,
        keys: Range<usize>,
        operation: Operation,
        stores: bool,
    ) -> Result<Request, Error> {
        let count = keys.len();
        let mut at = keys.end;
        let mut request = Request {
            operation,
            weights: vec![1.0; count],
            aggregate: Aggregate::Sum,
            with_scores: false,
        };
        let combines = operation != Operation::Difference;
        while at < args.len() {
            let left = args.len() - at;
            if combines && left > count && args.is(at, "weights") {
                for (number, weight) in request.weights.iter_mut().enumerate() {
                    *weight = score(args.get(at + 1 + number))
                        .ok_or(Error::new("ERR weight value is not a float"))?;
                }
                at += 1 + count;
            } else if combines && left >= 2 && args.is(at, "aggregate") {
                let words = [
                    ("sum", Aggregate::Sum),
                    ("min", Aggregate::Least),
                    ("max", Aggregate::Greatest),
                    ("count", Aggregate::Count),
                ];
                let found = words.into_iter().find(|(word, _)| args.is(at + 1, word));
                request.aggregate = found.ok_or(Error::SYNTAX)?.1;
                at += 2;
            } else if !stores && args.is(at, "withscores") {
                request.with_scores = true;
                at += 1;
            } else {
                return Err(Error::SYNTAX);
            }
        }
        Ok(request)
    }
}

/// The inputs at keys that were checked.
fn sources<'s>(store: &'s Store, db: Db, now_ms: u64, keys: &[Key<'_>]) -> Vec<Source<'s>> {
    keys.iter()
        .map(|key| {
            let entry = store.get(db, key.slot, key.bytes);
            // One that has expired is still there while clients are paused.
            let live = entry.filter(|entry| !entry.is_expired(now_ms));
            live.map_or(Source::Missing, |entry| {
                Source::of(entry).expect("all types were checked")
            })
        })
        .collect()
}

/// Members with what their scores have become.
type Combined = HashMap<Vec<u8>, f64>;

fn combined(sources: &[Source<'_>], request: &Request) -> Combined {
    let mut inputs: Vec<(Source<'_>, f64)> = sources
        .iter()
        .copied()
        .zip(request.weights.iter().copied())
        .collect();
    if request.operation != Operation::Difference {
        inputs.sort_by_key(|(source, _)| source.len());
    }
    let aggregate = request.aggregate;
    let mut result = HashMap::new();
    let (first, others) = inputs.split_first().expect("commands name a key");
    match request.operation {
        Operation::Union => {
            for (source, weight) in &inputs {
                source.for_each(|element, score| {
                    let score = aggregate.weigh(*weight, score);
                    element.with_text(|text| match result.get_mut(text) {
                        Some(before) => *before = aggregate.of(*before, score),
                        None => {
                            result.insert(text.to_vec(), score);
                        }
                    });
                });
            }
        }
        Operation::Intersection => first.0.for_each(|element, score| {
            element.with_text(|text| {
                let mut value = Some(aggregate.weigh(first.1, score));
                for (other, weight) in others {
                    value = value
                        .zip(other.score(text))
                        .map(|(value, score)| aggregate.of(value, aggregate.weigh(*weight, score)));
                }
                if let Some(value) = value {
                    result.insert(text.to_vec(), value);
                }
            });
        }),
        Operation::Difference => first.0.for_each(|element, score| {
            element.with_text(|text| {
                if !others.iter().any(|(other, _)| other.score(text).is_some()) {
                    result.insert(text.to_vec(), score);
                }
            });
        }),
    }
    result
}

fn sorted(result: Combined) -> Vec<(Vec<u8>, f64)> {
    let mut pairs: Vec<_> = result.into_iter().collect();
    pairs.sort_by(|(one, score), (other, other_score)| {
        let by_score = score.partial_cmp(other_score).expect("no score is NaN");
        by_score.then_with(|| one.cmp(other))
    });
    pairs
}

/// In order, so that the tree is built full.
fn built(pairs: &[(Vec<u8>, f64)], limits: &FormLimits) -> Zset {
    let longest = pairs.iter().map(|(text, _)| text.len()).max().unwrap_or(0);
    let mut zset = Zset::for_members(longest, pairs.len(), limits);
    for (text, score) in pairs {
        zset.add_new(text, *score, limits);
    }
    assert!(zset.len() == pairs.len(), "each member comes once");
    zset
}

/// Runs a command of this family whose number of keys stands at `at`.
fn run(
    ctx: &mut Context<'_>,
    args: &Args<'_>,
    at: usize,
    operation: Operation,
    name: &'static str,
) -> Outcome {
    let keys = counted(args, at, name)?;
    let looked = checked_keys(ctx, args, keys.clone(), |entry| {
        Source::of(entry).map(|_| ())
    })?;
    let request = Request::parse(args, keys, operation, at == 2)?;
    let inputs = sources(ctx.store(), ctx.db, ctx.now_ms, &looked);
    let pairs = sorted(combined(&inputs, &request));
    if at == 2 {
        let (destination, limits) = (ctx.key(args, 1), limits(ctx));
        store(ctx, destination, built(&pairs, &limits), name);
        return Ok(());
    }
    head(&mut ctx.reply, pairs.len(), request.with_scores);
    for (text, score) in &pairs {
        write_pair(
            &mut ctx.reply,
            Element::Bytes(text),
            *score,
            request.with_scores,
        );
    }
    Ok(())
}

pub(super) fn zunion(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    run(ctx, args, 1, Operation::Union, "zunion")
}

pub(super) fn zinter(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    run(ctx, args, 1, Operation::Intersection, "zinter")
}

pub(super) fn zdiff(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    run(ctx, args, 1, Operation::Difference, "zdiff")
}

pub(super) fn zunionstore(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    run(ctx, args, 2, Operation::Union, "zunionstore")
}

pub(super) fn zinterstore(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    run(ctx, args, 2, Operation::Intersection, "zinterstore")
}

pub(super) fn zdiffstore(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    run(ctx, args, 2, Operation::Difference, "zdiffstore")
}

pub(super) fn zintercard(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    const NEGATIVE: Error = Error::new("ERR LIMIT can't be negative");
    let keys = counted(args, 1, "zintercard")?;
    let looked = checked_keys(ctx, args, keys.clone(), |entry| {
        Source::of(entry).map(|_| ())
    })?;
    let (mut at, mut limit) = (keys.end, 0);
    while at < args.len() {
        if !args.is(at, "limit") || at + 1 >= args.len() {
            return Err(Error::SYNTAX);
        }
        let given = parse_i64(args.get(at + 1)).and_then(|limit| usize::try_from(limit).ok());
        limit = given.ok_or(NEGATIVE)?;
        at += 2;
    }
    let mut inputs = sources(ctx.store(), ctx.db, ctx.now_ms, &looked);
    inputs.sort_by_key(|source| source.len());
    let (first, others) = inputs.split_first().expect("commands name a key");
    let mut found = 0;
    first.for_each(|element, _| {
        let is_open = limit == 0 || found < limit;
        let everywhere = is_open
            && element.with_text(|text| others.iter().all(|other| other.score(text).is_some()));
        found += usize::from(everywhere);
    });
    ctx.reply.integer(count_of(found));
    Ok(())
}
