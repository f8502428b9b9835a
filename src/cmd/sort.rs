//! SORT and SORT_RO: the elements of a list or a set in order, as they are or by what other keys
//! hold of them.
//!
//! Which keys BY and GET look at is known when the elements are, so both rows find keys while they
//! run (`Context::reach`): the command ends at once when one is not lent yet, and starts over. The
//! files: `options` reads the arguments, `weight` compares, `rows` is the table. Nothing is changed
//! but the destination of STORE, and that last.

mod docs;
mod options;
mod rows;
#[cfg(test)]
mod tests;
mod weight;

pub use rows::COMMANDS;

use self::options::{Options, Pattern};
use self::weight::Weight;
use super::{Context, Key, Lookup, Outcome, list_limits};
use crate::config::events;
use crate::rdb;
use crate::resp::{Args, Error};
use crate::store::{Element, End, Entry, Kind, List, Object, ValueRef};
use std::collections::BTreeSet;
use std::ops::Range;

const NO_NUMBER: Error = Error::new("ERR One or more scores can't be converted into double");

pub(super) fn sort(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    run(ctx, args, true)
}

pub(super) fn sort_ro(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    run(ctx, args, false)
}

/// Elements on their way: texts, and which of them are shown.
struct Elements {
    texts: Vec<Vec<u8>>,
    shown: Range<usize>,
}

fn run(ctx: &mut Context<'_>, args: &Args<'_>, may_store: bool) -> Outcome {
    let mut options = Options::parse(args, may_store)?;
    let key = ctx.key(args, 1);
    let mut elements = ctx.view(key, Lookup::Read, |entry, _| load(entry, &mut options))?;
    if options.sorts() {
        let by = options.by.as_ref();
        if !by.is_none_or(|by| reach_all(ctx, by, &elements.texts)) {
            return Ok(());
        }
        order(ctx, &options, &mut elements)?;
    }
    let shown = &elements.texts[elements.shown.clone()];
    // Every pattern is asked for its keys, so that one attempt more is enough.
    let mut reached = true;
    for pattern in &options.get {
        reached &= reach_all(ctx, pattern, shown);
    }
    if !reached {
        return Ok(());
    }
    match options.store {
        Some(at) => store(ctx, ctx.key(args, at), &options, shown),
        None => reply(ctx, &options, shown),
    }
    Ok(())
}

/// Reads the elements, and of those that are in their order only what is shown.
fn load(entry: Option<&Entry>, options: &mut Options<'_>) -> Result<Elements, Error> {
    let none = Elements {
        texts: Vec::new(),
        shown: 0..0,
    };
    let Some(entry) = entry else {
        return Ok(none);
    };
    let len = entry.value().elements();
    let shown = options.window(len);
    let mut texts = Vec::new();
    match entry.value() {
        ValueRef::Object(object @ (Object::List(_) | Object::Zset(_))) => {
            let ordered = !options.sorts();
            let part = if ordered { shown.clone() } else { 0..len };
            if part.is_empty() {
                return Ok(none);
            }
            let backwards = ordered && options.descending;
            texts.reserve(part.len());
            read_part(object, part, backwards, &mut texts);
            if ordered {
                let shown = 0..texts.len();
                return Ok(Elements { texts, shown });
            }
        }
        ValueRef::Object(Object::Set(set)) => {
            // What is stored must not depend on how the set lies in memory.
            if !options.sorts() && options.store.is_some() {
                options.sort_by_text();
            }
            texts.extend(set.iter().map(|element| element.with_text(<[u8]>::to_vec)));
        }
        _ => return Err(Error::WRONG_TYPE),
    }
    assert!(texts.len() == len && shown.end <= len, "all were read");
    Ok(Elements { texts, shown })
}

/// Reads a part of what has an order of its own, counted from the end if `backwards`.
fn read_part(object: &Object, part: Range<usize>, backwards: bool, texts: &mut Vec<Vec<u8>>) {
    let from = |len: usize| match backwards {
        true => len - 1 - part.start,
        false => part.start,
    };
    let mut read = |element: Element<'_>| texts.push(element.with_text(<[u8]>::to_vec));
    match object {
        Object::List(list) => list.range(from(list.len()), part.len(), backwards, read),
        Object::Zset(zset) => zset.range(from(zset.len()), part.len(), backwards, |member, _| {
            read(member);
        }),
        _ => panic!("only lists and sorted sets have an order"),
    }
}

/// Asks for the keys that a pattern makes of these elements; false when the command is to end,
/// because some are not at hand.
fn reach_all(ctx: &mut Context<'_>, pattern: &Pattern<'_>, texts: &[Vec<u8>]) -> bool {
    let keys: BTreeSet<Vec<u8>> = texts.iter().filter_map(|text| pattern.key(text)).collect();
    let mut reached = true;
    for key in &keys {
        reached &= ctx.reach(key);
    }
    reached
}

/// Puts the elements in order.
///
/// # Errors
/// When one has no number to be sorted by.
fn order(
    ctx: &mut Context<'_>,
    options: &Options<'_>,
    elements: &mut Elements,
) -> Result<(), Error> {
    let mut weighed: Vec<(Weight, Vec<u8>)> = Vec::with_capacity(elements.texts.len());
    for text in elements.texts.drain(..) {
        let found = options.by.as_ref().map(|by| look_up(ctx, by, &text));
        let weight = match (found, options.alpha) {
            (None, true) => Weight::Itself,
            (Some(found), true) => Weight::Text(found),
            (None, false) => Weight::Number(weight::number(&text).ok_or(NO_NUMBER)?),
            // What is not there weighs nothing.
            (Some(None), false) => Weight::Number(0.0),
            (Some(Some(found)), false) => Weight::Number(weight::number(&found).ok_or(NO_NUMBER)?),
        };
        weighed.push((weight, text));
    }
    weighed.sort_by(|one, other| {
        let order = weight::compare(one, other);
        if options.descending {
            order.reverse()
        } else {
            order
        }
    });
    elements
        .texts
        .extend(weighed.into_iter().map(|(_, text)| text));
    Ok(())
}

/// What a pattern finds for an element; None when there is nothing, or nothing of its type.
fn look_up(ctx: &mut Context<'_>, pattern: &Pattern<'_>, text: &[u8]) -> Option<Vec<u8>> {
    if pattern.is_element() {
        return Some(text.to_vec());
    }
    let key = pattern.key(text)?;
    let now_ms = ctx.now_ms;
    ctx.view(Key::new(&key), Lookup::Read, |entry, _| {
        let value = entry?.value();
        match (pattern.field(), value) {
            (None, ValueRef::Int(number)) => {
                Some(itoa::Buffer::new().format(number).as_bytes().to_vec())
            }
            (None, ValueRef::Bytes(bytes)) => Some(bytes.to_vec()),
            (Some(name), ValueRef::Object(Object::Hash(hash))) => {
                let field = hash.get(name)?;
                let lives = field.expiry.is_none_or(|at_ms| at_ms > now_ms);
                lives.then(|| field.value.with_text(<[u8]>::to_vec))
            }
            _ => None,
        }
    })
}

fn reply(ctx: &mut Context<'_>, options: &Options<'_>, shown: &[Vec<u8>]) {
    ctx.reply.array(shown.len() * options.get.len().max(1));
    for text in shown {
        if options.get.is_empty() {
            ctx.reply.bulk(text);
        }
        for pattern in &options.get {
            match look_up(ctx, pattern, text) {
                Some(value) => ctx.reply.bulk(&value),
                None => ctx.reply.null(),
            }
        }
    }
}

fn store(ctx: &mut Context<'_>, key: Key<'_>, options: &Options<'_>, shown: &[Vec<u8>]) {
    let limits = list_limits(ctx.config);
    let mut list = List::new();
    for text in shown {
        if options.get.is_empty() {
            list.push(End::Back, text, limits);
        }
        for pattern in &options.get {
            let value = look_up(ctx, pattern, text).unwrap_or_default();
            list.push(End::Back, &value, limits);
        }
    }
    let len = list.len();
    if len == 0 {
        ctx.delete(key);
    } else {
        ctx.put_object(key, Object::List(Box::new(list)), len as u64);
        ctx.notify(events::LIST, "sortstore", key);
    }
    // Who applies the record has not these keys as they were, nor all of them.
    if options.finds_keys() {
        tell(ctx, key);
    }
    ctx.reply
        .integer(i64::try_from(len).expect("a list's length fits i64"));
}

/// Tells what has become of the destination.
fn tell(ctx: &mut Context<'_>, key: Key<'_>) {
    let compress = ctx.config.rdbcompression;
    let payload = ctx.view(key, Lookup::Peek, |entry, _| {
        let entry = entry?;
        assert!(entry.kind() == Kind::List, "it has just been stored");
        Some(rdb::dump(entry.value(), compress))
    });
    match payload {
        Some(payload) => ctx.propagate(&[b"RESTORE", key.bytes, b"0", &payload, b"REPLACE"]),
        None => ctx.propagate(&[b"DEL", key.bytes]),
    }
}
