//! Streams in RDB: written as type 19, which Redis 7.0 reads, read in every form up to Redis 7.2's.
//!
//! Identifiers: 16 bytes, BE; times: 8 bytes, LE, ms. What is nobody's has a nameless consumer.
//! ```text
//! stream    count (id:string listpack:string) ...  entries  last:ms seq
//!           [19, 21: first:ms seq  max-deleted:ms seq  entries-added]  count group ...
//! group     name:string  last:ms seq  [19, 21: entries-read]  pending count (id:16 delivered:8
//!           deliveries) ...  count consumer ...
//! consumer  name:string  seen:8  [21: active:8]  count id:16 ...
//! ```

use super::{Malformed, Reader, write_length, write_string};
use crate::store::{ConsumerNumber, Group, Marks, Stream, StreamId};

pub(super) const TYPE_STREAM_LISTPACKS: u8 = 15;
pub(super) const TYPE_STREAM_LISTPACKS_2: u8 = 19;
pub(super) const TYPE_STREAM_LISTPACKS_3: u8 = 21;

/// How many entries a group has read, where that is not known.
const READ_UNKNOWN: u64 = u64::MAX;
/// The time of what never happened.
const NEVER: i64 = -1;

fn write_id(out: &mut Vec<u8>, id: StreamId) {
    out.extend_from_slice(&id_bytes(id));
}

fn id_bytes(id: StreamId) -> [u8; 16] {
    (u128::from(id.ms) << 64 | u128::from(id.seq)).to_be_bytes()
}

fn write_parts(out: &mut Vec<u8>, id: StreamId) {
    write_length(out, id.ms);
    write_length(out, id.seq);
}

/// Appends the body of a stream.
pub(super) fn write_stream(out: &mut Vec<u8>, stream: &Stream, compress: bool) {
    write_length(out, stream.nodes() as u64);
    for (key, node) in stream.framed_nodes() {
        write_length(out, 16);
        write_id(out, key);
        write_string(out, &node, compress);
    }
    let marks = stream.marks();
    write_length(out, stream.len());
    write_parts(out, marks.last_id);
    write_parts(out, stream.first_id());
    write_parts(out, marks.max_deleted_id);
    write_length(out, marks.entries_added);
    write_length(out, stream.groups().len() as u64);
    for (name, group) in stream.groups() {
        write_string(out, name, compress);
        write_group(out, group, compress);
    }
}

fn write_group(out: &mut Vec<u8>, group: &Group, compress: bool) {
    write_parts(out, group.last_id);
    write_length(out, group.entries_read.unwrap_or(READ_UNKNOWN));
    write_length(out, group.pending().len() as u64);
    for (id, pending) in group.pending() {
        write_id(out, *id);
        out.extend_from_slice(&pending.delivered_ms.to_le_bytes());
        write_length(out, pending.deliveries);
    }
    let nobodys: Vec<StreamId> = group
        .pending()
        .iter()
        .filter(|(_, pending)| pending.consumer.is_none())
        .map(|(id, _)| *id)
        .collect();
    let nameless = group.find(b"").is_some();
    let more = usize::from(!nobodys.is_empty() && !nameless);
    write_length(out, (group.consumers().len() + more) as u64);
    if more > 0 {
        write_consumer(out, (b"", 0), nobodys.iter(), compress);
    }
    for consumer in group.consumers() {
        let own = consumer.pending();
        let head = (consumer.name(), consumer.seen_ms);
        if consumer.name().is_empty() {
            let all: std::collections::BTreeSet<_> = own.iter().chain(&nobodys).collect();
            write_consumer(out, head, all.into_iter(), compress);
        } else {
            write_consumer(out, head, own.iter(), compress);
        }
    }
}

fn write_consumer<'i>(
    out: &mut Vec<u8>,
    (name, seen_ms): (&[u8], u64),
    pending: impl ExactSizeIterator<Item = &'i StreamId>,
    compress: bool,
) {
    write_string(out, name, compress);
    out.extend_from_slice(&seen_ms.to_le_bytes());
    write_length(out, pending.len() as u64);
    for id in pending {
        write_id(out, *id);
    }
}

fn read_id(reader: &mut Reader<'_>) -> Result<StreamId, Malformed> {
    id_of(reader.take(16)?)
}

fn id_of(bytes: &[u8]) -> Result<StreamId, Malformed> {
    let bytes: [u8; 16] = bytes.try_into().map_err(|_| Malformed)?;
    let both = u128::from_be_bytes(bytes);
    Ok(StreamId::new((both >> 64) as u64, both as u64))
}

fn read_parts(reader: &mut Reader<'_>) -> Result<StreamId, Malformed> {
    let ms = reader.plain_length()?;
    Ok(StreamId::new(ms, reader.plain_length()?))
}

fn read_time(reader: &mut Reader<'_>) -> Result<i64, Malformed> {
    let bytes = reader.take(8)?.try_into().map_err(|_| Malformed)?;
    Ok(i64::from_le_bytes(bytes))
}

/// A time that is none before the epoch.
fn since_epoch(time: i64) -> u64 {
    u64::try_from(time).unwrap_or(0)
}

/// Reads the body of a stream of this type.
///
/// # Errors
/// When it is cut off or broken.
pub(super) fn read_stream(type_byte: u8, reader: &mut Reader<'_>) -> Result<Stream, Malformed> {
    let mut stream = Stream::new();
    for _ in 0..reader.count()? {
        let key = id_of(&reader.string()?)?;
        stream.load_node(key, &reader.string()?).ok_or(Malformed)?;
    }
    let len = reader.plain_length()?;
    let mut marks = Marks {
        last_id: read_parts(reader)?,
        max_deleted_id: StreamId::MIN,
        entries_added: len,
    };
    if type_byte != TYPE_STREAM_LISTPACKS {
        // The first entry is found again.
        read_parts(reader)?;
        marks.max_deleted_id = read_parts(reader)?;
        marks.entries_added = reader.plain_length()?;
    }
    stream.set_marks(marks);
    stream.settle(len).ok_or(Malformed)?;
    for _ in 0..reader.count()? {
        let name = reader.string()?;
        let last_id = read_parts(reader)?;
        let entries_read = match type_byte {
            TYPE_STREAM_LISTPACKS => stream.added_up_to(last_id),
            _ => Some(reader.plain_length()?).filter(|&read| read != READ_UNKNOWN),
        };
        let mut group = Group::new(last_id, entries_read);
        read_pending(type_byte, reader, &mut group)?;
        if !stream.add_group(&name, group) {
            return Err(Malformed);
        }
    }
    Ok(stream)
}

fn read_pending(
    type_byte: u8,
    reader: &mut Reader<'_>,
    group: &mut Group,
) -> Result<(), Malformed> {
    for _ in 0..reader.count()? {
        let id = read_id(reader)?;
        let delivered_ms = since_epoch(read_time(reader)?);
        let deliveries = reader.plain_length()?;
        if group.pending().contains_key(&id) {
            return Err(Malformed);
        }
        group.release(id, delivered_ms, deliveries);
    }
    for _ in 0..reader.count()? {
        let name = reader.string()?;
        if group.find(&name).is_some() {
            return Err(Malformed);
        }
        let seen = read_time(reader)?;
        let active = match type_byte {
            TYPE_STREAM_LISTPACKS_3 => read_time(reader)?,
            // As Redis does.
            _ => seen,
        };
        let number = group.create(&name, since_epoch(seen));
        group.consumer_mut(number).active_ms = (active != NEVER).then(|| since_epoch(active));
        for _ in 0..reader.count()? {
            let id = read_id(reader)?;
            own(group, number, id)?;
        }
    }
    // Each has its consumer.
    let all_owned = group
        .pending()
        .values()
        .all(|pending| pending.consumer.is_some());
    all_owned.then_some(()).ok_or(Malformed)
}

/// What was pending for nobody yet is this consumer's.
fn own(group: &mut Group, consumer: ConsumerNumber, id: StreamId) -> Result<(), Malformed> {
    let pending = group.pending().get(&id).copied().ok_or(Malformed)?;
    if pending.consumer.is_some() {
        return Err(Malformed);
    }
    group.assign(id, consumer, pending.delivered_ms, pending.deliveries);
    Ok(())
}

#[cfg(test)]
#[path = "stream_tests.rs"]
mod tests;
#[cfg(test)]
pub(super) use tests::example;
