//! Tests of the entry: sizes, every way from one value to another, and a random walk against a
//! model.
//!
//! Owned by `entry`. Every test that makes entries asserts that none is left.

use super::*;
use crate::limits::EXPIRY_MS_MAX;
use crate::store::size_class;
use crate::store::testing::live;

fn text_of(entry: &Entry) -> Vec<u8> {
    match entry.value() {
        ValueRef::Int(number) => number.to_string().into_bytes(),
        ValueRef::Bytes(bytes) => bytes.to_vec(),
        ValueRef::Object(_) => panic!("not a string"),
    }
}

#[test]
fn the_sizes_the_design_promises() {
    let key = [b'k'; 16];
    let bytes =
        |value: &[u8], expiry| Entry::new(&key, Value::Bytes(value), expiry).allocation_bytes();
    assert_eq!(bytes(&[1; 64], None), 96);
    assert_eq!(bytes(&[1; 64], Some(1)), 96);
    assert_eq!(bytes(&[1; 8], None), 32);
    assert_eq!(
        Entry::new(&key, Value::Int(-5), None).allocation_bytes(),
        32
    );
    assert_eq!(bytes(&[1; 2000], None), size_class(16 + 8 + 24) + 2048);
    assert_eq!(live::count(), 0);
}

#[test]
fn same_size_overwrites_do_not_move() {
    let mut entry = Entry::new(&[b'k'; 16], Value::Bytes(&[1; 64]), None);
    let at = entry.at;
    entry.set_value(Value::Bytes(&[2; 64]));
    entry.set_value(Value::Bytes(&[3; 60]));
    entry.set_expiry(Some(77));
    entry.set_expiry(None);
    entry.set_value(Value::Bytes(&[4; 72]));
    assert_eq!(entry.at, at);
    assert_eq!(text_of(&entry), [4; 72]);
    let mut long = Entry::new(b"k", Value::Bytes(&[1; 5000]), None);
    let ValueRef::Bytes(before) = long.value() else {
        panic!("a string")
    };
    let before = before.as_ptr();
    long.set_value(Value::Bytes(&[2; 4900]));
    let ValueRef::Bytes(after) = long.value() else {
        panic!("a string")
    };
    assert_eq!((before, after), (after.as_ptr(), &[2u8; 4900][..]));
}

#[test]
fn encodings_are_those_of_redis() {
    let mut entry = Entry::new(b"key", Value::from_text(b"123"), None);
    assert_eq!(entry.encoding().name(), "int");
    entry.set_value(Value::Bytes(&[b'x'; 44]));
    assert_eq!(entry.encoding().name(), "embstr");
    entry.set_value(Value::Bytes(&[b'x'; 45]));
    assert_eq!(entry.encoding().name(), "raw");
    entry.set_value(Value::Bytes(b"ab"));
    entry.string_mut(3)[2] = b'c';
    assert_eq!(
        (entry.encoding().name(), text_of(&entry)),
        ("raw", b"abc".to_vec())
    );
    assert_eq!(entry.clone_with_key(b"copy").encoding().name(), "raw");
    entry.set_int(-12);
    assert_eq!(entry.string_mut(5), b"-12\0\0");
    assert_eq!(
        (entry.encoding(), entry.kind()),
        (Encoding::Raw, Kind::String)
    );
}

#[test]
fn an_expiry_beyond_the_field_is_kept_whole_and_not_filed() {
    for far in [EXPIRY_MS_MAX + 1, i64::MAX as u64, u64::MAX] {
        let mut entry = Entry::new(b"k", Value::Int(1), Some(far));
        assert_eq!((entry.expiry(), entry.timed()), (Some(far), None));
        entry.set_value(Value::Bytes(&[b'x'; 2000]));
        entry.set_lru(5);
        assert_eq!((entry.expiry(), entry.filed()), (Some(far), 0));
        let mut entry = entry.clone_with_key(&[b'k'; 300]).with_key(b"other");
        assert_eq!((entry.expiry(), entry.lru()), (Some(far), 5));
        entry.set_expiry(Some(EXPIRY_MS_MAX));
        entry.set_filed(4095);
        entry.set_expiry(Some(7));
        assert_eq!((entry.timed(), entry.filed()), (Some(7), 4095));
        entry.set_expiry(Some(far));
        assert_eq!((entry.expiry(), entry.filed()), (Some(far), 0));
        entry.set_expiry(None);
        assert_eq!((entry.expiry(), text_of(&entry)), (None, vec![b'x'; 2000]));
    }
}

#[test]
fn random_edits_follow_a_model() {
    let mut random = crate::store::testing::Random::new(7);
    for key_len in [0, 1, 16, 63, 254, 255, 256, 1000, 70_000] {
        let mut key = vec![b'k'; key_len];
        let mut entry = Entry::new(&key, Value::Bytes(b""), None);
        let (mut value, mut expiry, mut lru): (Vec<u8>, Option<u64>, u32) = (Vec::new(), None, 0);
        for step in 0..4000u64 {
            let longest = [8, 60, 1100, 4000][random.below(4)];
            let len = random.below(longest);
            match random.below(9) {
                0 | 1 => {
                    value = vec![step as u8; len];
                    entry.set_value(Value::Bytes(&value));
                }
                2 => {
                    value = step.to_string().into_bytes();
                    entry.set_value(Value::from_text(&value));
                }
                3 => {
                    expiry = [None, Some(step), Some(u64::MAX - step)][random.below(3)];
                    entry.set_expiry(expiry);
                    assert!(entry.filed() < 4096);
                    entry
                        .timed()
                        .inspect(|_| entry.set_filed(step as u16 & 4095));
                }
                4 if value.len() < 6000 => {
                    let end = value.len();
                    value.resize(end + len, 7);
                    entry.string_mut(end + len)[end..].fill(7);
                }
                5 if len <= value.len() => {
                    value[len / 2..len].fill(9);
                    entry.string_mut(len)[len / 2..len].fill(9);
                }
                6 => {
                    lru = step as u32;
                    entry.set_lru(lru);
                }
                7 => {
                    key = vec![step as u8; key_len];
                    entry = entry.with_key(&key);
                }
                _ => entry = entry.clone_with_key(&key),
            }
            assert_eq!((entry.key(), text_of(&entry)), (&key[..], value.clone()));
            assert_eq!(
                (entry.expiry(), entry.lru(), live::count()),
                (expiry, lru, 1)
            );
        }
    }
    assert_eq!(live::count(), 0);
}
