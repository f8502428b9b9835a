//! Hashes as Redis dumps them, in each of its forms, round trips, and damage by the thousand.
//!
//! Random from constant seeds; nothing may panic or allocate beyond what the input holds.

use super::super::{Loaded, VERSION, VERSION_FIELD_TIMES, dump, restore};
use super::*;
use crate::store::testing::Random;
use crate::store::{Encoding, Object, ValueRef};

/// Name, value, time; 0: none.
type Listed = (&'static str, &'static str, u64);
type Triple = (Vec<u8>, Vec<u8>, Option<u64>);

fn triples(hash: &Hash) -> Vec<Triple> {
    let owned = |element: Element<'_>| element.with_text(<[u8]>::to_vec);
    let mut all: Vec<_> = hash
        .iter()
        .map(|field| (owned(field.name), owned(field.value), field.expiry))
        .collect();
    all.sort();
    all
}

fn read(type_byte: u8, body: &[u8]) -> Result<Hash, Malformed> {
    let mut reader = Reader::new(body);
    let hash = read_hash(type_byte, &mut reader, &FormLimits::default())?;
    if reader.remaining() == 0 {
        Ok(hash)
    } else {
        Err(Malformed)
    }
}

fn expected(fields: &[Listed]) -> Vec<Triple> {
    let mut all: Vec<_> = fields
        .iter()
        .map(|&(name, value, at_ms)| {
            let expiry = Some(at_ms).filter(|&at_ms| at_ms > 0);
            (name.into(), value.into(), expiry)
        })
        .collect();
    all.sort();
    all
}

#[test]
fn all_forms_of_redis_are_read() {
    let plain: &[Listed] = &[("a", "1", 0), ("b", "xy", 0)];
    let timed: &[Listed] = &[("a", "1", 1000), ("b", "xy", 0), ("c", "", 1002)];
    let cases: &[(u8, &[u8], &[Listed])] = &[
        (TYPE_HASH, b"\x02\x01a\xc0\x01\x01b\x02xy", plain),
        (
            TYPE_HASH_ZIPMAP,
            b"\x0e\x02\x01a\x01\x001\x01b\x02\x01xyz\xff",
            plain,
        ),
        (
            TYPE_HASH_ZIPLIST,
            b"\x17\x17\0\0\0\x12\0\0\0\x04\0\0\x01a\x03\xf2\x02\x01b\x03\x02xy\xff",
            plain,
        ),
        (
            TYPE_HASH_LISTPACK,
            b"\x13\x13\0\0\0\x04\0\x81a\x02\x01\x01\x81b\x02\x82xy\x03\xff",
            plain,
        ),
        (
            TYPE_HASH_METADATA,
            b"\xe8\x03\0\0\0\0\0\0\x03\x01\x01a\xc0\x01\0\x01b\x02xy\x03\x01c\x00",
            timed,
        ),
        (
            TYPE_HASH_METADATA_EARLY,
            b"\x03\x43\xe8\x01a\xc0\x01\0\x01b\x02xy\x43\xea\x01c\x00",
            timed,
        ),
        (
            TYPE_HASH_LISTPACK_EX,
            b"\xe8\x03\0\0\0\0\0\0\x20\x20\0\0\0\x09\0\
              \x81a\x02\x01\x01\xc3\xe8\x02\x81c\x02\x80\x01\xc3\xea\x02\
              \x81b\x02\x82xy\x03\0\x01\xff",
            timed,
        ),
        (
            TYPE_HASH_LISTPACK_EX_EARLY,
            b"\x20\x20\0\0\0\x09\0\
              \x81a\x02\x01\x01\xc3\xe8\x02\x81c\x02\x80\x01\xc3\xea\x02\
              \x81b\x02\x82xy\x03\0\x01\xff",
            timed,
        ),
    ];
    for &(type_byte, body, fields) in cases {
        let hash = read(type_byte, body).unwrap_or_else(|_| panic!("type {type_byte}"));
        assert_eq!(triples(&hash), expected(fields), "type {type_byte}");
        assert!(!hash.is_table());
        for len in 0..body.len() {
            assert!(read(type_byte, &body[..len]).is_err(), "{type_byte} {len}");
        }
    }
}

#[test]
fn what_is_no_hash_is_refused() {
    for (type_byte, body) in [
        (TYPE_HASH, &b"\0"[..]),
        (TYPE_HASH, b"\x02\x01a\x01b\x01a\x01c"),
        (TYPE_HASH_ZIPMAP, b"\x02\x00\xff"),
        (TYPE_HASH_ZIPMAP, b"\x08\x02\x01a\x01\x001\xff\xff"),
        (TYPE_HASH_LISTPACK, b"\x07\x07\0\0\0\0\0\xff"),
        (TYPE_HASH_LISTPACK, b"\x0a\x0a\0\0\0\x01\0\x81a\x02\xff"),
        // A time beyond 48 bits, and one that overflows.
        (TYPE_HASH_METADATA, b"\0\0\0\0\0\0\x01\0\x01\x01\x01a\x01b"),
        (
            TYPE_HASH_METADATA,
            b"\xff\xff\xff\xff\xff\xff\xff\xff\x01\x02\x01a\x01b",
        ),
        // A time that is no number.
        (
            TYPE_HASH_LISTPACK_EX_EARLY,
            b"\x10\x10\0\0\0\x03\0\x81a\x02\x81b\x02\x81c\x02\xff",
        ),
    ] {
        assert!(read(type_byte, body).is_err(), "{type_byte} {body:?}");
    }
}

#[test]
fn what_is_written_is_read_back_and_damage_never_panics() {
    let (mut random, limits) = (Random::new(6), FormLimits::default());
    for round in 0..150 {
        let mut hash = Hash::new();
        for _ in 0..=random.below(300) {
            let name = format!("field {}", random.below(1000));
            let value = "x".repeat(random.below(70));
            hash.set(name.as_bytes(), value.as_bytes(), false, &limits);
            if round % 3 == 0 && random.below(2) == 0 {
                hash.set_expiry(name.as_bytes(), Some(1 + random.below(1 << 40) as u64));
            }
        }
        let version = if hash.expires() {
            VERSION_FIELD_TIMES
        } else {
            VERSION
        };
        let object = Object::Hash(hash.clone());
        let payload = dump(ValueRef::Object(&object), round % 2 == 0);
        let footer = payload.len() - 10;
        assert_eq!(payload[footer..][..2], version.to_le_bytes());
        let Ok(Loaded::Object(Object::Hash(again))) = restore(&payload, limits) else {
            panic!("a hash was dumped");
        };
        assert_eq!(triples(&again), triples(&hash));
        let body = &payload[1..footer];
        for _ in 0..20 {
            let mut damaged = body.to_vec();
            let at = random.below(damaged.len());
            damaged[at] ^= 1 << random.below(8);
            damaged.truncate(1 + random.below(damaged.len()));
            if let Ok(read) = read(payload[0], &damaged) {
                assert!(!read.is_empty());
            }
        }
    }
}

#[test]
fn the_limits_decide_the_form() {
    let mut tight = FormLimits::default();
    tight.hashes.listpack_entries = 1;
    let body = b"\x13\x13\0\0\0\x04\0\x81a\x02\x01\x01\x81b\x02\x82xy\x03\xff";
    let hash = read_hash(TYPE_HASH_LISTPACK, &mut Reader::new(body), &tight);
    let object = Object::Hash(hash.expect("it is well formed"));
    assert_eq!(object.encoding(), Encoding::Hashtable);
}
