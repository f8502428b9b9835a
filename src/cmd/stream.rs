//! Stream commands: XADD, XRANGE, XREAD, XGROUP, XREADGROUP, XACK, XCLAIM, XINFO and their kin.
//!
//! Turns parsed arguments into calls of `store::Stream` and answers with a reply and what changed.
//! Who waits for an entry is the shard's business; which entry serves him is said by `read`. The
//! files: `add` and `trim` make and cut, `range` looks, `remove` deletes, `group` is XGROUP,
//! `read` XREAD and XREADGROUP, `pending` and `claim` what was delivered, `info` XINFO, `rows` the
//! table.

mod add;
mod claim;
mod docs;
mod group;
mod id;
mod idempotent;
mod info;
mod pending;
mod range;
mod read;
mod remove;
mod rows;
#[cfg(test)]
mod tests;
mod trim;

pub use rows::COMMANDS;

use super::Edit;
use crate::config::events;
use crate::resp::{Args, Error, Reply, parse_i64};
use crate::store::{Element, Entry, Item, Kind, Object, Stream, StreamId, Value, ValueRef};
use id::IdText;

/// The stream of an entry.
#[inline]
fn stream(entry: &Entry) -> Result<&Stream, Error> {
    match entry.value() {
        ValueRef::Object(Object::Stream(stream)) => Ok(stream),
        _ => Err(Error::WRONG_TYPE),
    }
}

/// The stream at a key, to look at; None when there is nothing.
fn seen<'e>(edit: &'e Edit<'_>) -> Result<Option<&'e Stream>, Error> {
    edit.entry().map(stream).transpose()
}

/// The stream at an edited key, from here on changed; None when there is nothing.
#[inline]
fn stream_mut<'e>(edit: &'e mut Edit<'_>) -> Result<Option<&'e mut Stream>, Error> {
    Ok(match edit.write_object(Kind::Stream)? {
        None => None,
        Some(Object::Stream(stream)) => Some(stream),
        Some(_) => unreachable!("the kind is that of a stream"),
    })
}

/// As `stream_mut`, of a key at which a stream was just seen.
#[inline]
fn known<'e>(edit: &'e mut Edit<'_>) -> &'e mut Stream {
    let stream = stream_mut(edit).expect("a stream was just seen");
    stream.expect("a stream was just seen")
}

/// As `stream_mut`; where nothing is, a stream is made.
#[inline]
fn stream_or_new<'e>(edit: &'e mut Edit<'_>) -> Result<&'e mut Stream, Error> {
    if edit.entry().is_none() {
        edit.put(Value::Object(Object::Stream(Box::default())));
    }
    Ok(stream_mut(edit)?.expect("it was made where there was none"))
}

fn write_element(reply: &mut Reply<'_>, element: Element<'_>) {
    match element {
        Element::Int(number) => reply.bulk_integer(number),
        Element::Bytes(bytes) => reply.bulk(bytes),
    }
}

fn write_id(reply: &mut Reply<'_>, id: StreamId) {
    reply.bulk(IdText::new(id).bytes());
}

/// An entry: its identifier and its fields and values.
fn write_item(reply: &mut Reply<'_>, item: &Item<'_>) {
    reply.array(2);
    write_id(reply, item.id);
    write_pairs(reply, item);
}

fn write_pairs(reply: &mut Reply<'_>, item: &Item<'_>) {
    reply.array(2 * item.pairs_len());
    item.pairs(|field, value| {
        write_element(reply, field);
        write_element(reply, value);
    });
}

/// A number of things, which fit the reply's integers.
fn count(number: usize) -> i64 {
    i64::try_from(number).expect("what lies in memory is counted by an i64")
}

/// The integer at an argument.
fn integer(args: &Args<'_>, at: usize) -> Result<i64, Error> {
    parse_i64(args.get(at)).ok_or(Error::NOT_INTEGER)
}

/// Text of a client's in an error.
fn shown(text: &[u8]) -> String {
    String::from_utf8_lossy(text).into_owned()
}

/// How many of something a COUNT allows: what is negative is 0.
fn at_most(number: i64) -> usize {
    usize::try_from(number).unwrap_or(0)
}

/// The subcommand has not been written so.
fn subcommand_syntax(args: &Args<'_>) -> Error {
    let container = shown(args.get(0)).to_uppercase();
    Error::from(format!(
        "ERR unknown subcommand or wrong number of arguments for '{}'. Try {container} HELP.",
        shown(args.get(1)),
    ))
}

fn changed(edit: &mut Edit<'_>, event: &'static str, changes: u64) {
    edit.counts(changes);
    edit.notify(events::STREAM, event);
}

/// The help of a container.
fn write_help(reply: &mut Reply<'_>, container: &str, lines: &[&str]) {
    reply.array(lines.len() + 3);
    reply.simple(&format!(
        "{container} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"
    ));
    for line in lines {
        reply.simple(line);
    }
    reply.simple("HELP");
    reply.simple("    Prints this help.");
}
