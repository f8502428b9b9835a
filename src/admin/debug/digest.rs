//! DEBUG DIGEST and DIGEST-VALUE: SHA-1 signatures of data, equal to those of Redis for equal data.
//!
//! A key's digest depends on the key, its type, its value and on whether it expires, but on no encoding. A
//! database's is the XOR of its keys', so every shard computes its own part.

use crate::base::Token;
use crate::cmd::key_slot;
use crate::resp::Args;
use crate::route::{Carried, Errand};
use crate::shard::{Core, Flow};
use crate::store::{Entry, Kind, Object, ValueRef};
use sha1::{Digest as _, Sha1};

/// A SHA-1 value.
const BYTES: usize = 20;
/// A part on the mesh: whether anything is there, and the digest.
const PART_BYTES: usize = BYTES + 1;

/// A digest under construction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Digest([u8; BYTES]);

impl Digest {
    /// Adds data whose order among other data does not matter.
    pub fn xor(&mut self, data: &[u8]) {
        self.merge(&Sha1::digest(data));
    }

    /// Adds data whose order matters.
    pub fn mix(&mut self, data: &[u8]) {
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
    digest.mix(&type_number(entry.kind()).to_be_bytes());
    match entry.value() {
        ValueRef::Int(number) => digest.mix(itoa::Buffer::new().format(number).as_bytes()),
        ValueRef::Bytes(bytes) => digest.mix(bytes),
        ValueRef::Object(object) => add_object(digest, object),
    }
    if entry.expiry().is_some() {
        digest.xor(b"!!expire!!");
    }
}

/// The value of a type with elements. Lists mix element by element; sets XOR the members; hashes and sorted
/// sets XOR one digest per field, made by mixing field and value, or member and score as `%.17g`.
fn add_object(digest: &mut Digest, object: &Object) {
    match object {
        Object::Bytes(bytes) => digest.mix(bytes),
        Object::List(list) => list.range(0, list.len(), false, |element| {
            element.with_text(|text| digest.mix(text));
        }),
    }
}

/// Redis's numbers of the types.
fn type_number(kind: Kind) -> u32 {
    match kind {
        Kind::String => 0,
        Kind::List => 1,
        Kind::Set => 2,
        Kind::Zset => 3,
        Kind::Hash => 4,
        Kind::Module => 5,
        Kind::Stream => 6,
    }
}

/// Puts the parts of all shards together.
fn merged(parts: Vec<Vec<u8>>) -> Vec<(bool, Digest)> {
    let count = parts.first().map_or(0, |part| part.len() / PART_BYTES);
    let mut all = vec![(false, Digest::default()); count];
    for part in parts {
        for ((there, digest), bytes) in all.iter_mut().zip(part.chunks_exact(PART_BYTES)) {
            *there |= bytes[0] != 0;
            digest.merge(&bytes[1..]);
        }
    }
    all
}

fn encoded(parts: &[(bool, Digest)]) -> Vec<u8> {
    let bytes = parts
        .iter()
        .flat_map(|(there, digest)| std::iter::once(u8::from(*there)).chain(digest.0));
    bytes.collect()
}

/// DEBUG DIGEST.
pub fn dataset(core: &mut Core, token: Token, args: &Args<'_>) -> Flow {
    let errand = Errand::Debug(super::carried(core, token, args));
    core.ask_all(token, &errand, |core, token, answers| {
        let mut total = Digest::default();
        for (db, (there, digest)) in merged(super::texts(answers)).iter().enumerate() {
            if *there {
                let number = u32::try_from(db).expect("databases are limited to 256");
                total.mix(&number.to_be_bytes());
                total.merge(&digest.0);
            }
        }
        core.complete(token, |reply| reply.simple(&total.hex()));
    })
}

/// DEBUG DIGEST-VALUE.
pub fn values(core: &mut Core, token: Token, args: &Args<'_>) -> Flow {
    let errand = Errand::Debug(super::carried(core, token, args));
    core.ask_all(token, &errand, |core, token, answers| {
        let digests = merged(super::texts(answers));
        core.complete(token, |reply| {
            reply.array(digests.len());
            for (_, digest) in digests {
                reply.simple(&digest.hex());
            }
        });
    })
}

impl Core {
    /// One part per database.
    pub fn digest_here(&self) -> Vec<u8> {
        let mut parts = vec![(false, Digest::default()); self.store.databases()];
        for (db, (there, total)) in parts.iter_mut().enumerate() {
            self.store.for_each(db, |_slot, entry| {
                let mut digest = Digest::default();
                digest.mix(entry.key());
                add_entry(&mut digest, entry);
                total.xor(&digest.0);
                *there = true;
            });
        }
        encoded(&parts)
    }

    /// One part per key, of zeros where the key is not here.
    pub fn digest_values_here(&self, carried: &Carried) -> Vec<u8> {
        let args = carried.args();
        let now_ms = self.now().unix_ms();
        let parts: Vec<(bool, Digest)> = args
            .from(2)
            .map(|key| {
                let mut digest = Digest::default();
                let db = usize::from(carried.head.db);
                if let Some(entry) = self.store.get(db, key_slot(key), key)
                    && entry.expiry().is_none_or(|at_ms| at_ms > now_ms)
                {
                    add_entry(&mut digest, entry);
                }
                (false, digest)
            })
            .collect();
        encoded(&parts)
    }
}
