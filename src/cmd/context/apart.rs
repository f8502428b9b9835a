//! What has become of keys, as commands that set them to it: SET, RESTORE or DEL.
//!
//! For commands that ran over keys of several owners and cannot be applied by any of them alone.
//! Costs as much as the values that changed; a command that moves little of much (LMOVE) tells what
//! it moved instead. Reads the store after the command has run, and changes nothing.

use super::super::slot::key_slot;
use super::stream::EffectStream;
use crate::config::Config;
use crate::rdb;
use crate::store::{Db, Entry, Store, ValueRef};

/// Appends what has become of each key.
pub(super) fn tell_states(
    stream: &mut EffectStream,
    keys: &[(Db, Box<[u8]>)],
    store: &Store,
    config: &Config,
) {
    assert!(!keys.is_empty(), "something has changed");
    for (db, key) in keys {
        match store.get(*db, key_slot(key), key) {
            None => stream.append(*db, 1, &[b"DEL", key]),
            Some(entry) => tell_entry(stream, *db, entry, config),
        }
    }
}

fn tell_entry(stream: &mut EffectStream, db: Db, entry: &Entry, config: &Config) {
    let (mut digits, mut time) = (itoa::Buffer::new(), itoa::Buffer::new());
    let at_ms = entry.expiry().map(|at_ms| time.format(at_ms).as_bytes());
    let text = match entry.value() {
        ValueRef::Int(number) => digits.format(number).as_bytes(),
        ValueRef::Bytes(bytes) => bytes,
        ValueRef::Object(_) => {
            let payload = rdb::dump(entry.value(), config.rdbcompression);
            let words: [&[u8]; 6] = [
                b"RESTORE",
                entry.key(),
                at_ms.unwrap_or(b"0"),
                &payload,
                b"REPLACE",
                b"ABSTTL",
            ];
            return stream.append(db, 1, &words);
        }
    };
    let words: [&[u8]; 5] = [
        b"SET",
        entry.key(),
        text,
        b"PXAT",
        at_ms.unwrap_or_default(),
    ];
    let count = if at_ms.is_some() { 5 } else { 3 };
    stream.append(db, 1, &words[..count]);
}
