//! Tests of hashes: random edits and times against a model, over both forms and the limits between.
//!
//! Owned by `hash`. The seeds are constants, so a failure repeats itself.

use super::*;
use crate::store::Object;
use crate::store::testing::{Random, live};
use std::collections::BTreeMap;

type Model = BTreeMap<Vec<u8>, (Vec<u8>, Option<u64>)>;

fn limits(entries: usize, value: usize) -> FormLimits {
    FormLimits {
        hashes: HashLimits {
            listpack_entries: entries,
            listpack_value: value,
        },
        ..FormLimits::default()
    }
}

fn owned(element: Element<'_>) -> Vec<u8> {
    element.with_text(<[u8]>::to_vec)
}

fn contents(hash: &Hash) -> Model {
    let all: Vec<_> = hash
        .iter()
        .map(|field| (owned(field.name), (owned(field.value), field.expiry)))
        .collect();
    assert_eq!(all.len(), hash.len());
    assert_eq!(all.is_empty(), hash.is_empty());
    all.into_iter().collect()
}

fn step(hash: &mut Hash, model: &mut Model, random: &mut Random, limits: &FormLimits) {
    let name = match random.below(2) {
        0 => random.below(40).to_string().into_bytes(),
        _ => format!("field {}", random.below(40)).into_bytes(),
    };
    match random.below(8) {
        0..=3 => {
            let value = match random.below(3) {
                0 => random.below(1 << 20).to_string().into_bytes(),
                1 => Vec::new(),
                _ => vec![b'v'; random.below(30)],
            };
            let keep = random.below(2) == 0;
            let before = model.get(&name).and_then(|(_, expiry)| *expiry);
            let is_new = hash.set(&name, &value, keep, limits);
            let old = model.insert(name, (value, before.filter(|_| keep)));
            assert_eq!(is_new, old.is_none());
        }
        4 => assert_eq!(hash.remove(&name), model.remove(&name).is_some()),
        5 | 6 if model.contains_key(&name) => {
            let expiry = (random.below(3) > 0).then(|| 1 + random.below(1000) as u64);
            hash.set_expiry(&name, expiry);
            model.get_mut(&name).expect("it is there").1 = expiry;
        }
        7 => {
            let now_ms = random.below(300) as u64;
            let mut ended = hash.end_fields(now_ms, usize::MAX);
            ended.sort();
            let over = |expiry: Option<u64>| expiry.is_some_and(|at_ms| at_ms <= now_ms);
            let expected: Vec<_> = model
                .iter()
                .filter(|(_, (_, expiry))| over(*expiry))
                .map(|(name, _)| name.clone())
                .collect();
            assert_eq!(ended, expected);
            model.retain(|_, (_, expiry)| !over(*expiry));
        }
        _ => {
            let found = hash
                .get(&name)
                .map(|field| (owned(field.value), field.expiry));
            assert_eq!(found.as_ref(), model.get(&name));
        }
    }
}

#[test]
fn random_edits_follow_a_model() {
    let before = live::count();
    let mut random = Random::new(21);
    let mut tables = 0;
    for _ in 0..120 {
        let limits = limits(random.below(120), 27 + random.below(6));
        let (mut hash, mut model) = (Hash::new(), Model::new());
        for number in 0..300 {
            step(&mut hash, &mut model, &mut random, &limits);
            let first = model.values().filter_map(|(_, expiry)| *expiry).min();
            assert!(hash.next_expiry() <= first || first.is_none());
            assert_eq!(hash.expires(), first.is_some());
            assert!(first.is_none() || hash.next_expiry().is_some());
            if number % 30 == 0 {
                assert_eq!(contents(&hash), model);
                assert_eq!(contents(&hash.clone()), model);
            }
        }
        tables += usize::from(hash.is_table());
        let mut object = Object::Hash(hash);
        while object.pieces() > 1 {
            assert!(object.free_pieces(7) > 0);
        }
    }
    assert!((20..118).contains(&tables), "{tables}");
    assert_eq!(live::count(), before, "nothing leaks");
}

#[test]
fn the_form_changes_at_redis_limits() {
    let limits = limits(3, 5);
    let mut hash = Hash::new();
    for name in ["a", "b", "c"] {
        assert!(hash.set(name.as_bytes(), b"12345", false, &limits));
    }
    assert!(!hash.is_table());
    assert!(hash.set(b"d", b"1", false, &limits));
    assert!(hash.is_table());
    for texts in [[&b"field"[..], b"123456"], [b"field6", b""]] {
        let mut hash = Hash::new();
        hash.set(b"a", b"b", false, &limits);
        hash.expect(texts.into_iter(), &limits);
        assert!(hash.is_table());
    }
}

#[test]
fn many_fields_end_in_slices_and_a_scan_sees_all() {
    const FIELDS: usize = 5000;
    let limits = FormLimits {
        hash: crate::store::KeyHash::new(7),
        ..FormLimits::default()
    };
    let mut hash = Hash::new();
    for number in 0..FIELDS {
        let name = number.to_string();
        hash.set(name.as_bytes(), b"v", false, &limits);
        hash.set_expiry(name.as_bytes(), Some(1 + number as u64));
    }
    let (mut cursor, mut seen) = (0, 0);
    loop {
        cursor = hash.scan(cursor, 10, |_| seen += 1);
        if cursor == 0 {
            break;
        }
    }
    assert_eq!(seen, FIELDS);
    let mut ended = 0;
    while hash.next_expiry().is_some_and(|at_ms| at_ms <= 4000) {
        let slice = hash.end_fields(4000, 100).len();
        assert!(slice < 400, "{slice}");
        ended += slice;
    }
    assert_eq!((ended, hash.len()), (4000, FIELDS - 4000));
    // Times that change over and over keep the queue bounded.
    let bytes = Content::heap_bytes(&hash);
    for at_ms in 10_000..30_000 {
        hash.set_expiry(b"4999", Some(at_ms));
    }
    assert!(Content::heap_bytes(&hash) < bytes + 16 * FIELDS);
}

/// Small hashes and times cost what README says.
#[test]
fn bytes_per_field() {
    let limits = FormLimits::default();
    let mut small = Hash::new();
    for number in 0..5 {
        small.set(format!("f{number}").as_bytes(), b"value", false, &limits);
    }
    let plain = Content::heap_bytes(&small);
    assert!(plain <= 56 + 8, "{plain}");
    for number in 0..5 {
        small.set_expiry(format!("f{number}").as_bytes(), Some(1_700_000_000_000));
    }
    assert!(Content::heap_bytes(&small) <= plain + 5 * 16);
    let mut large = Hash::new();
    for number in 0..10_000 {
        large.set(
            format!("field{number}").as_bytes(),
            b"value",
            false,
            &limits,
        );
    }
    let plain = Content::heap_bytes(&large);
    for number in 0..10_000u64 {
        let name = format!("field{number}");
        large.set_expiry(name.as_bytes(), Some(1_700_000_000_000 + number));
    }
    let timed = Content::heap_bytes(&large) - plain;
    assert!(timed <= 26 * 10_000, "{timed}");
}
