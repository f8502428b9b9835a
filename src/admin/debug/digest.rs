//! DEBUG DIGEST and DIGEST-VALUE: SHA-1 signatures of data, equal to those of Redis for equal data.
//!
//! A key's digest depends on the key, its type, its value and on whether it expires, but on no
//! encoding. A database's is the XOR of its keys', so every shard computes its own part.

use crate::base::{Token, double};
use crate::cmd::key_slot;
use crate::resp::Args;
use crate::shard::{Core, Flow, Query};
use crate::store::{Db, Entry, Object, StreamId, ValueRef};
use sha1::{Digest as _, Sha1};

/// A SHA-1 value.
const BYTES: usize = 20;

/// A digest under construction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Digest([u8; BYTES]);

impl Digest {
    /// Adds data whose order among other data does not matter.
    fn xor(&mut self, data: &[u8]) {
        self.merge(&Sha1::digest(data));
    }

    /// Adds data whose order matters.
    fn mix(&mut self, data: &[u8]) {
        self.xor(data);
        let mixed = Sha1::digest(self.0);
        self.0.copy_from_slice(&mixed);
    }

    fn merge(&mut self, other: &[u8]) {
        for (byte, other) in self.0.iter_mut().zip(other) {
            *byte ^= other;
        }
    }

    fn hex(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Adds an entry's type, value and the fact of an expiry.
fn add_entry(digest: &mut Digest, entry: &Entry) {
    digest.mix(&(entry.kind() as u32).to_be_bytes());
    match entry.value() {
        ValueRef::Int(number) => digest.mix(itoa::Buffer::new().format(number).as_bytes()),
        ValueRef::Bytes(bytes) => digest.mix(bytes),
        ValueRef::Object(object) => add_object(digest, object),
    }
    if entry.expiry().is_some() {
        digest.xor(b"!!expire!!");
    }
}

/// What DEBUG DIGEST-VALUE says of an entry, for tests that compare stores.
#[cfg(test)]
pub(crate) fn value_digest(entry: &Entry) -> String {
    let mut digest = Digest::default();
    add_entry(&mut digest, entry);
    digest.hex()
}

/// The value of a type with elements. Lists mix element by element; sets XOR the members; hashes
/// and sorted sets XOR one digest per field, made by mixing field and value, or member and score as
/// `%.17g`.
fn add_object(digest: &mut Digest, object: &Object) {
    match object {
        Object::Bytes(bytes) => digest.mix(bytes),
        Object::List(list) => list.range(0, list.len(), false, |element| {
            element.with_text(|text| digest.mix(text));
        }),
        Object::Stream(stream) => {
            for item in stream.range(StreamId::MIN, StreamId::MAX) {
                digest.mix(format!("{}.{}", item.id.ms, item.id.seq).as_bytes());
                item.pairs(|field, value| {
                    field.with_text(|text| digest.mix(text));
                    value.with_text(|text| digest.mix(text));
                });
            }
        }
        Object::Set(set) => set
            .iter()
            .for_each(|element| element.with_text(|text| digest.xor(text))),
        Object::Zset(zset) => zset.for_each(|element, score| {
            let mut pair = Digest::default();
            element.with_text(|text| pair.mix(text));
            pair.mix(double::seventeen_digits(score).as_bytes());
            digest.xor(&pair.0);
        }),
        Object::Hash(hash) => hash.iter().for_each(|field| {
            let mut pair = Digest::default();
            field.name.with_text(|text| pair.mix(text));
            field.value.with_text(|text| pair.mix(text));
            // As Redis 8: the time itself is no part of it.
            if field.expiry.is_some() {
                pair.xor(b"!!hexpire!!");
            }
            digest.xor(&pair.0);
        }),
    }
}

/// One digest per database of a shard; None where it is empty.
struct OfDatabases;

impl Query for OfDatabases {
    type Answer = Vec<Option<Digest>>;

    const NEEDS_KEYS: bool = true;

    fn answer(&self, core: &mut Core) -> Self::Answer {
        let store = core.store();
        let digest_of = |db: Db| {
            let mut total = None;
            store.for_each(db, |_slot, entry| {
                let mut digest = Digest::default();
                digest.mix(entry.key());
                add_entry(&mut digest, entry);
                total.get_or_insert_with(Digest::default).xor(&digest.0);
            });
            total
        };
        store.databases().map(digest_of).collect()
    }
}

/// DEBUG DIGEST.
pub(super) fn dataset(core: &mut Core, token: Token, _args: &Args<'_>) -> Flow {
    core.ask_all(token, OfDatabases, |core, token, shards| {
        let mut total = Digest::default();
        for db in 0..shards.first().map_or(0, Vec::len) {
            let mut parts = shards
                .iter()
                .filter_map(|databases| databases[db])
                .peekable();
            if parts.peek().is_none() {
                continue;
            }
            let mut whole = Digest::default();
            parts.for_each(|part| whole.merge(&part.0));
            let number = u32::try_from(db).expect("databases are limited to 256");
            total.mix(&number.to_be_bytes());
            total.merge(&whole.0);
        }
        core.complete(token, |reply| reply.simple(&total.hex()));
    })
}

/// One digest per key, of zeros where a shard does not have it.
struct OfValues {
    db: Db,
    keys: Vec<Box<[u8]>>,
}

impl Query for OfValues {
    type Answer = Vec<Digest>;

    const NEEDS_KEYS: bool = true;

    fn answer(&self, core: &mut Core) -> Vec<Digest> {
        let now_ms = core.now().unix_ms();
        let store = core.store();
        let digest_of = |key: &[u8]| {
            let mut digest = Digest::default();
            if let Some(entry) = store.get(self.db, key_slot(key), key)
                && !entry.is_expired(now_ms)
            {
                add_entry(&mut digest, entry);
            }
            digest
        };
        self.keys.iter().map(|key| digest_of(key)).collect()
    }
}

/// DEBUG DIGEST-VALUE.
pub fn values(core: &mut Core, token: Token, args: &Args<'_>) -> Flow {
    let query = OfValues {
        db: core.client(token).session.db,
        keys: args.from(2).map(Box::from).collect(),
    };
    let count = query.keys.len();
    core.ask_all(token, query, move |core, token, shards| {
        core.complete(token, |reply| {
            reply.array(count);
            for at in 0..count {
                let mut whole = Digest::default();
                for digests in &shards {
                    whole.merge(&digests[at].0);
                }
                reply.simple(&whole.hex());
            }
        });
    })
}
