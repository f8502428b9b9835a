//! Sorted sets as redis-server 7.0.15 dumps them, the older forms, round trips, and damage by the
//! thousand.
//!
//! Random from constant seeds; nothing may panic or allocate beyond what the input holds.

use super::super::{Loaded, dump, restore};
use super::*;
use crate::store::testing::Random;
use crate::store::{Encoding, Object, ValueRef, ZsetLimits};

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).expect("it is written in hex"))
        .collect()
}

fn pairs(zset: &Zset) -> Vec<(String, f64)> {
    let mut pairs = Vec::new();
    zset.for_each(|member, score| {
        let text = member.with_text(|text| String::from_utf8_lossy(text).into_owned());
        pairs.push((text, score));
    });
    pairs
}

fn read(type_byte: u8, body: &[u8]) -> Result<Zset, Malformed> {
    let mut reader = Reader::new(body);
    let zset = read_zset(type_byte, &mut reader, &FormLimits::default())?;
    if reader.remaining() == 0 {
        Ok(zset)
    } else {
        Err(Malformed)
    }
}

fn expected() -> Vec<(String, f64)> {
    [
        ("two", -2.5),
        ("one", 1.0),
        ("12", 300.0),
        ("x", f64::INFINITY),
    ]
    .map(|(text, score)| (text.to_string(), score))
    .to_vec()
}

/// `ZADD key 1 one -2.5 two inf x 300 12`, as a listpack and as a skiplist.
const RECORDED: [(&str, usize, Encoding); 2] = [
    (
        "11262600000008008374776f04842d322e3505836f6e650401010c01c12c0281780283696e6604ff0a000dc6ed56f26c901c",
        128,
        Encoding::Listpack,
    ),
    (
        "05040178000000000000f07fc00c0000000000c07240036f6e65000000000000f03f0374776f00000000000004c00a0064fe58a83b42ad49",
        0,
        Encoding::Skiplist,
    ),
];

#[test]
fn sorted_sets_of_redis_are_read_and_dumped_as_there() {
    for (hex, listpack_entries, encoding) in RECORDED {
        let payload = unhex(hex);
        let zset = ZsetLimits {
            listpack_entries,
            ..ZsetLimits::default()
        };
        let limits = FormLimits {
            zset,
            ..FormLimits::default()
        };
        let loaded = restore(&payload, limits).expect("it is well formed");
        let Loaded::Object(object) = loaded else {
            panic!("a sorted set was dumped");
        };
        assert_eq!(object.encoding(), encoding);
        assert_eq!(dump(ValueRef::Object(&object), true), payload);
        let Object::Zset(zset) = object else {
            panic!("a sorted set was dumped");
        };
        assert_eq!(pairs(&zset), expected());
    }
}

#[test]
fn older_forms_are_read() {
    // Type 3: scores as texts.
    let mut body = vec![4];
    for (text, score) in [("one", "1"), ("12", "300"), ("two", "-2.5")] {
        body.push(text.len() as u8);
        body.extend_from_slice(text.as_bytes());
        body.push(score.len() as u8);
        body.extend_from_slice(score.as_bytes());
    }
    body.extend_from_slice(&[1, b'x', INFINITY]);
    let zset = read(TYPE_ZSET, &body).expect("it is well formed");
    assert_eq!(pairs(&zset), expected());
    *body.last_mut().expect("there are some") = NAN;
    assert!(read(TYPE_ZSET, &body).is_err());
    // Type 12: a ziplist of "a", 1, "b", "2.5".
    let ziplist = b"\x18\0\0\0\x12\0\0\0\x04\0\0\x01a\x03\xf2\x02\x01b\x03\x032.5\xff";
    let mut body = vec![ziplist.len() as u8];
    body.extend_from_slice(ziplist);
    let zset = read(TYPE_ZSET_ZIPLIST, &body).expect("it is well formed");
    assert_eq!(
        pairs(&zset),
        [("a".to_string(), 1.0), ("b".to_string(), 2.5)]
    );
}

#[test]
fn what_is_no_sorted_set_is_refused() {
    let double = 1f64.to_le_bytes();
    let member = |score: [u8; 8]| [&[1, b'a'][..], &score].concat();
    let twice = [&[2][..], &member(double), &member(double)].concat();
    let nan = [&[1][..], &member(f64::NAN.to_le_bytes())].concat();
    for body in [&[0][..], &twice, &nan, &twice[..15]] {
        assert!(read(TYPE_ZSET_2, body).is_err(), "{body:?}");
    }
    assert!(read(TYPE_ZSET_2, &[&[1][..], &member(double)].concat()).is_ok());
}

#[test]
fn damage_is_an_error_or_a_sorted_set() {
    let mut random = Random::new(3);
    for _ in 0..20_000 {
        let (hex, ..) = RECORDED[random.below(2)];
        let mut payload = unhex(hex);
        payload.truncate(payload.len() - 10);
        for _ in 0..=random.below(4) {
            let at = 1 + random.below(payload.len() - 1);
            payload[at] = random.next() as u8;
        }
        if let Ok(zset) = read(payload[0], &payload[1..]) {
            let pairs = pairs(&zset);
            assert!(pairs.windows(2).all(|two| two[0].1 <= two[1].1));
            assert!(!pairs.is_empty() && pairs.len() <= payload.len());
        }
    }
}
