//! Payloads recorded from redis-server 7.0.15 (`DUMP`), round trips, and damaged payloads by the
//! thousand.
//!
//! Damage is random from a constant seed; nothing of it may panic or allocate beyond its means.

use super::*;
use crate::store::testing::Random;
use crate::store::{End, Hash, Kind, List, NodeLimits, Set, Zset};

const RECORDED: &[(&str, &[u8])] = &[
    ("00036162630a00d9ac303d4172a2e2", b"abc"),
    ("00000a005d9b5c400f7fa2da", b""),
    ("00c0f90a005e26d130d7a242ab", b"-7"),
    ("00c1d2040a00008708a144825ced", b"1234"),
    ("00c2006cca880a0035ffaebd7f1d7a67", b"-2000000000"),
    (
        "0013393232333337323033363835343737353830370a003a657e9481e85f22",
        b"9223372036854775807",
    ),
    ("00033030370a007258e27b4c69bad9", b"007"),
    (
        "00c340444050017878e009001f2122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f401b4142434445464748\
         494a4b4c4d4e4f505152535455565758595a5b5c0a00277895d1211657ab",
        b"xxxxxxxxxxxxxxxxxxxx!\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\",
    ),
    (
        "00c338404c1f74686520717569636b2062726f776e20666f78206a756d7073206f7665722074201e086c617a7920646f672c600de00d2c0\
         4616761696e0a00d129cf9d77006726",
        b"the quick brown fox jumps over the lazy dog, the quick brown fox jumps again",
    ),
];

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text
        .bytes()
        .filter(|byte| !byte.is_ascii_whitespace())
        .collect();
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

fn text(payload: &[u8]) -> Result<Vec<u8>, PayloadError> {
    restore(payload, FormLimits::default()).map(|loaded| match loaded {
        Loaded::Text(text) => text.into_owned(),
        Loaded::Object(object) => panic!("a string became {object:?}"),
    })
}

/// A body of any bytes with a right footer.
fn sealed(body: &[u8], version: u16) -> Vec<u8> {
    let mut payload = body.to_vec();
    payload.extend_from_slice(&version.to_le_bytes());
    let sum = checksum(&payload);
    payload.extend_from_slice(&sum.to_le_bytes());
    payload
}

fn samples() -> Vec<Vec<u8>> {
    let mut samples: Vec<Vec<u8>> = [
        0, 1, 2, 10, 11, 12, 20, 21, 63, 64, 265, 16383, 16384, 70_000,
    ]
    .map(|len| vec![b'a'; len])
    .into();
    let mut random = Random::new(1);
    for len in [30, 300, 9_000, 40_000] {
        samples.push((0..len).map(|_| random.next().to_le_bytes()[0]).collect());
        samples.push(
            (0..len)
                .map(|_| b'a' + u8::try_from(random.below(3)).unwrap())
                .collect(),
        );
        samples.push(
            (0..len)
                .map(|index| u8::try_from(index % 251).unwrap())
                .collect(),
        );
    }
    for number in [
        "0",
        "-1",
        "127",
        "128",
        "-128",
        "-129",
        "32768",
        "-2147483648",
        "2147483648",
        "-0",
        "+1",
        "00",
        "1 ",
    ] {
        samples.push(number.as_bytes().to_vec());
    }
    samples
}

#[test]
fn recorded_payloads_are_read() {
    for (payload, value) in RECORDED {
        assert_eq!(text(&unhex(payload)).as_deref(), Ok(*value));
    }
}

#[test]
fn short_payloads_are_written_as_recorded() {
    for (payload, value) in &RECORDED[..7] {
        assert_eq!(
            dump(ValueRef::Bytes(value), true),
            unhex(payload),
            "{value:?}"
        );
    }
    assert_eq!(dump(ValueRef::Int(-7), true), unhex(RECORDED[2].0));
    assert_eq!(dump(ValueRef::Int(i64::MAX), true), unhex(RECORDED[5].0));
}

#[test]
fn what_is_written_is_read_back() {
    for sample in samples() {
        for compress in [false, true] {
            assert_eq!(
                text(&dump(ValueRef::Bytes(&sample), compress)),
                Ok(sample.clone())
            );
        }
    }
    let packed = dump(ValueRef::Bytes(&vec![b'a'; 70_000]), true);
    assert!(packed.len() < 1000, "{} bytes", packed.len());
}

#[test]
fn footers_are_checked() {
    let good = dump(ValueRef::Bytes(b"value"), true);
    for cut in 0..good.len() {
        assert_eq!(text(&good[..cut]), Err(PayloadError::Footer));
    }
    for bit in 0..good.len() * 8 {
        let mut bad = good.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(text(&bad), Err(PayloadError::Footer), "bit {bit}");
    }
    assert_eq!(
        text(&sealed(b"\x00\x01a", VERSION_READ_MAX)).as_deref(),
        Ok(&b"a"[..])
    );
    assert_eq!(
        text(&sealed(b"\x00\x01a", VERSION_READ_MAX + 1)),
        Err(PayloadError::Footer)
    );
}

#[test]
fn senseless_bodies_are_refused() {
    let bodies: &[&[u8]] = &[
        b"",
        b"\xff\x01a",
        b"\x00",
        b"\x00\x02a",
        b"\x00\x01ab",
        b"\x00\x82\x00\x00\x00\x01a",
        b"\x00\xc4\x00",
        b"\x00\x80\xff\xff\xff\xff",
        b"\x00\x81\xff\xff\xff\xff\xff\xff\xff\xff",
        // Packed: declares far more than its bytes can yield; reaches before the begin; yields too
        // few.
        b"\x00\xc3\x02\x81\x7f\xff\xff\xff\xff\xff\xff\xff\x00a",
        b"\x00\xc3\x04\x05\x00a\x20\x05",
        b"\x00\xc3\x02\x05\x00a",
        b"\x00\xc3\xc0\x02\x05\x00a",
    ];
    for body in bodies {
        assert_eq!(
            text(&sealed(body, VERSION)),
            Err(PayloadError::Body),
            "{body:?}"
        );
    }
}

#[test]
fn damaged_bodies_never_panic_nor_grow() {
    let mut random = Random::new(7);
    let samples = samples();
    for round in 0..20_000 {
        let sample = &samples[round % samples.len()];
        if sample.len() > 1000 && round % 16 != 0 {
            continue;
        }
        let mut body = dump(ValueRef::Bytes(sample), true);
        body.truncate(body.len() - FOOTER_BYTES);
        for _ in 0..=random.below(4) {
            match random.below(3) {
                0 => body.truncate(random.below(body.len() + 1)),
                1 if !body.is_empty() => {
                    let at = random.below(body.len());
                    body[at] = random.next().to_le_bytes()[0];
                }
                _ => body.insert(random.below(body.len() + 1), random.next().to_le_bytes()[0]),
            }
        }
        if let Ok(value) = text(&sealed(&body, VERSION)) {
            assert!(
                value.len() <= body.len() * 88 + 20,
                "{} bytes from {}",
                value.len(),
                body.len()
            );
        }
    }
}

/// A value of each type, one after the other: a new type does not compile here without its own.
fn next_type(before: Option<&Object>) -> Option<Object> {
    match before {
        None => Some(Object::Bytes(vec![b'x'; 5000])),
        Some(Object::Bytes(_)) => {
            let mut list = List::new();
            for number in 0..3000 {
                let text = format!("element {number}");
                list.push(End::Back, text.as_bytes(), NodeLimits::default());
            }
            Some(Object::List(Box::new(list)))
        }
        Some(Object::List(_)) => {
            let limits = FormLimits::default();
            let mut set = Set::new();
            for number in 0..3000 {
                set.add(format!("member {number}").as_bytes(), &limits);
            }
            Some(Object::Set(Box::new(set)))
        }
        Some(Object::Set(_)) => {
            let limits = FormLimits::default();
            let mut hash = Hash::new();
            for number in 0..3000u64 {
                let name = format!("field {number}");
                hash.set(name.as_bytes(), b"value", false, &limits);
                hash.set_expiry(name.as_bytes(), (number % 3 == 0).then_some(1 + number));
            }
            Some(Object::Hash(hash))
        }
        Some(Object::Hash(_)) => Some(Object::Stream(Box::new(super::stream::example()))),
        Some(Object::Stream(_)) => {
            let limits = FormLimits::default();
            let mut zset = Zset::for_members(0, 0, &limits);
            for number in 0..3000 {
                zset.put(
                    format!("member {number}").as_bytes(),
                    0.1 * f64::from(number),
                    &limits,
                );
            }
            Some(Object::Zset(Box::new(zset)))
        }
        Some(Object::Zset(_)) => None,
    }
}

#[test]
fn every_type_is_read_as_it_is_written() {
    let objects: Vec<Object> =
        std::iter::successors(next_type(None), |before| next_type(Some(before))).collect();
    for object in objects {
        let entry = Entry::new(b"key", Value::Object(object), Some(7));
        let payload = dump(entry.value(), true);
        let loaded = restore(&payload, FormLimits::default()).expect("what is written is read");
        let read = loaded.into_entry(entry.key(), entry.expiry());
        assert_eq!(
            (read.kind(), read.encoding(), read.value().elements()),
            (entry.kind(), entry.encoding(), entry.value().elements())
        );
        assert_eq!(read.expiry(), Some(7));
        // Members without order are written as they lie in the table.
        let again = dump(read.value(), true);
        assert_eq!(again.len(), payload.len(), "{:?}", entry.kind());
        assert!(again == payload || matches!(entry.kind(), Kind::Set | Kind::Hash));
    }
}
