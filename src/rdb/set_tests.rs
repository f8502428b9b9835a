//! Sets as redis-server 7.0.15 dumps them, the form of 7.2, round trips, and damage by the
//! thousand.
//!
//! Random from constant seeds; nothing may panic or allocate beyond what the input holds.

use super::super::{Loaded, dump, restore};
use super::*;
use crate::store::testing::Random;
use crate::store::{Encoding, Object, SetLimits, ValueRef};

fn texts(set: &Set) -> Vec<Vec<u8>> {
    let mut texts: Vec<_> = set
        .iter()
        .map(|element| element.with_text(<[u8]>::to_vec))
        .collect();
    texts.sort();
    texts
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).expect("it is written in hex"))
        .collect()
}

fn read(type_byte: u8, body: &[u8]) -> Result<Set, Malformed> {
    let mut reader = Reader::new(body);
    let set = read_set(type_byte, &mut reader, &FormLimits::default())?;
    if reader.remaining() == 0 {
        Ok(set)
    } else {
        Err(Malformed)
    }
}

/// Whether a set is dumped as it was recorded, byte by byte: not where LZF packs a little more, nor
/// where a table became an intset.
const RECORDED: [(&str, &[&str], Encoding, bool); 5] = [
    (
        "0b180400000004000000ffffffff050000002c010000701101000a0072aefcf30f57cfe8",
        &["-1", "300", "5", "70000"],
        Encoding::Intset,
        true,
    ),
    (
        "0bc31118040800000002200301fdffe0030001ff7f0a006bb013ff7dcb15cd",
        &["-3", "9223372036854775807"],
        Encoding::Intset,
        false,
    ),
    (
        "020105616c7068610a00cd054d495fe3f945",
        &["alpha"],
        Encoding::Listpack,
        true,
    ),
    (
        "0202c00101610a00b064e3d36cb07eb6",
        &["1", "a"],
        Encoding::Listpack,
        true,
    ),
    (
        "0204c001c004c003c0020a00fee01fd5f95b88b8",
        &["1", "2", "3", "4"],
        Encoding::Intset,
        false,
    ),
];

#[test]
fn sets_of_redis_are_read_and_dumped_as_there() {
    for (hex, members, encoding, same) in RECORDED {
        let payload = unhex(hex);
        let loaded = restore(&payload, FormLimits::default()).expect("it is well formed");
        let Loaded::Object(Object::Set(set)) = loaded else {
            panic!("a set was dumped");
        };
        assert_eq!(
            texts(&set),
            members.iter().map(|m| m.as_bytes()).collect::<Vec<_>>()
        );
        let object = Object::Set(set);
        assert_eq!(object.encoding(), encoding, "{members:?}");
        let dumped = dump(ValueRef::Object(&object), true);
        assert_eq!(dumped == payload, same, "{members:?}: {dumped:02x?}");
    }
}

#[test]
fn a_listpack_of_redis_7_2_is_read() {
    let pack = b"\x10\x10\0\0\0\x03\0\x81a\x02\x07\x01\x82bc\x03\xff";
    let set = read(TYPE_SET_LISTPACK, pack).expect("it is well formed");
    assert_eq!(texts(&set), [&b"7"[..], b"a", b"bc"]);
    let twice = b"\x0d\x0d\0\0\0\x02\0\x81a\x02\x81a\x02\xff";
    assert!(read(TYPE_SET_LISTPACK, twice).is_err());
    assert!(
        read(TYPE_SET_LISTPACK, b"\x07\x07\0\0\0\0\0\xff").is_err(),
        "empty"
    );
}

#[test]
fn what_is_no_set_is_refused() {
    for (type_byte, body) in [
        (TYPE_SET, &b"\0"[..]),
        (TYPE_SET, b"\x02\x01a\x01a"),
        (TYPE_SET, b"\x02\x01a"),
        (TYPE_SET, b"\xbf\xff\x01a"),
        (TYPE_SET_INTSET, b"\x08\x02\0\0\0\0\0\0\0"),
        (TYPE_SET_INTSET, b"\x0c\x02\0\0\0\x02\0\0\0\x02\0\x01\0"),
        (TYPE_SET_INTSET, b"\x0c\x02\0\0\0\x02\0\0\0\x01\0\x01\0"),
        (TYPE_SET_INTSET, b"\x0b\x02\0\0\0\x02\0\0\0\x01\0\x02"),
    ] {
        assert!(read(type_byte, body).is_err(), "{type_byte} {body:?}");
    }
}

#[test]
fn the_limits_decide_the_form() {
    let tight = FormLimits {
        set: SetLimits {
            intset_entries: 3,
            listpack_entries: 1,
            listpack_value: 64,
        },
        ..FormLimits::default()
    };
    for hex in [RECORDED[0].0, RECORDED[3].0, RECORDED[4].0] {
        let payload = unhex(hex);
        let Ok(Loaded::Object(object)) = restore(&payload, tight) else {
            panic!("it is well formed");
        };
        assert_eq!(object.encoding(), Encoding::Hashtable);
    }
}

#[test]
fn what_is_written_is_read_back_and_damage_never_panics() {
    let (mut random, limits) = (Random::new(6), FormLimits::default());
    for round in 0..200 {
        let mut set = Set::new();
        for _ in 0..=random.below(200) {
            let number = random.below(1 << (4 + round % 30));
            let text = match round % 3 {
                0 => number.to_string(),
                1 => format!("member {number}"),
                _ => "x".repeat(1 + number % 90),
            };
            set.add(text.as_bytes(), &limits);
        }
        let mut body = Vec::new();
        write_set(&mut body, &set, round % 2 == 0);
        let again = read(type_byte(&set), &body).expect("it was just written");
        assert_eq!(texts(&again), texts(&set));
        for _ in 0..20 {
            let mut damaged = body.clone();
            let at = random.below(damaged.len());
            damaged[at] ^= 1 << random.below(8);
            damaged.truncate(1 + random.below(damaged.len()));
            if let Ok(read) = read(type_byte(&set), &damaged) {
                assert!(!read.is_empty());
            }
        }
    }
}
