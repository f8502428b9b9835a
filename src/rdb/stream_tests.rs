//! Streams as Redis writes them, and every form that it has written.
//!
//! What is cut off or broken is refused, and no bytes of it are believed.

use crate::rdb::{Loaded, dump, restore};
use crate::store::{FormLimits, Group, Object, Stream, StreamId, StreamLimits, ValueRef};

fn restored(payload: &[u8]) -> Option<Stream> {
    match restore(payload, FormLimits::default()) {
        Ok(Loaded::Object(Object::Stream(stream))) => Some(*stream),
        _ => None,
    }
}

/// A stream with everything that the format has.
pub(in crate::rdb) fn example() -> Stream {
    let mut stream = Stream::new();
    let limits = StreamLimits {
        node_bytes_max: 4096,
        node_entries_max: 2,
    };
    for ms in 1..=5 {
        let value = (ms * 1000).to_string();
        let words = [&b"field"[..], value.as_bytes()];
        stream.push(StreamId::new(ms, 7), words.into_iter(), limits);
    }
    assert!(stream.delete(StreamId::new(3, 7)));
    let mut group = Group::new(StreamId::new(4, 7), Some(3));
    let consumer = group.create(b"alice", 1_700_000_000_000);
    group.create(b"bob", 1_700_000_000_001);
    group.assign(StreamId::new(1, 7), consumer, 1_700_000_000_002, 3);
    assert!(stream.add_group(b"readers", group));
    assert!(stream.add_group(b"others", Group::new(StreamId::MIN, None)));
    stream
}

#[test]
fn what_is_written_reads_back() {
    let stream = example();
    let object = Object::Stream(Box::new(stream.clone()));
    for compress in [false, true] {
        let payload = dump(ValueRef::Object(&object), compress);
        let read = restored(&payload).expect("it is a stream");
        assert_eq!(read.marks(), stream.marks());
        assert_eq!(read.first_id(), stream.first_id());
        let ids = |stream: &Stream| -> Vec<StreamId> {
            let all = stream.range(StreamId::MIN, StreamId::MAX);
            all.map(|item| item.id).collect()
        };
        assert_eq!(ids(&read), ids(&stream));
        let group = read.group(b"readers").expect("it is there");
        assert_eq!(
            (group.last_id, group.entries_read),
            (StreamId::new(4, 7), Some(3))
        );
        let names: Vec<_> = group.consumers().map(|one| one.name().to_vec()).collect();
        assert_eq!(names, [b"alice".to_vec(), b"bob".to_vec()]);
        let pending = group.pending()[&StreamId::new(1, 7)];
        assert_eq!(
            (pending.delivered_ms, pending.deliveries),
            (1_700_000_000_002, 3)
        );
        assert_eq!(
            read.group(b"others").map(|group| group.entries_read),
            Some(None)
        );
        let again = Object::Stream(Box::new(read));
        assert_eq!(dump(ValueRef::Object(&again), compress), payload);
    }
}

#[test]
fn what_is_cut_off_is_refused() {
    let object = Object::Stream(Box::new(example()));
    let payload = dump(ValueRef::Object(&object), false);
    let body = &payload[..payload.len() - 10];
    for len in 1..body.len() {
        let mut cut = body[..len].to_vec();
        cut.extend_from_slice(&10u16.to_le_bytes());
        let sum = crate::rdb::checksum(&cut);
        cut.extend_from_slice(&sum.to_le_bytes());
        assert!(restored(&cut).is_none(), "{len}");
    }
}

#[test]
fn what_is_pending_for_nobody_is_kept() {
    let mut stream = example();
    let group = stream.group_mut(b"readers").expect("it is there");
    group.release(StreamId::new(1, 7), 0, 2);
    let object = Object::Stream(Box::new(stream));
    let read = restored(&dump(ValueRef::Object(&object), false)).expect("it is a stream");
    let group = read.group(b"readers").expect("it is there");
    assert_eq!(group.pending()[&StreamId::new(1, 7)].deliveries, 2);
}
