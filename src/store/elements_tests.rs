//! Tests of the element table: a random walk against a std map, SSCAN's guarantee, freeing in
//! slices, the spread of random members, and what a member costs.
//!
//! Owned by `elements`. The seeds are constants, so a failure repeats itself.

use super::*;
use crate::store::testing::{Random, live};
use std::collections::{BTreeMap, BTreeSet};

fn elements(seed: u64) -> Elements {
    Elements::new(KeyHash::new(seed))
}

fn name(number: usize) -> Vec<u8> {
    format!("member:{number:08}").into_bytes()
}

#[test]
fn random_operations_follow_a_model() {
    let before = live::count();
    let mut random = Random::new(3);
    let mut fields = elements(1);
    let mut model = BTreeMap::new();
    for step in 0..60_000 {
        let growing = (step / 10_000) % 2 == 0;
        let field = name(random.below(4000));
        let value = vec![b'v'; random.below(40)];
        if growing {
            let is_new = fields.put(
                &field,
                || Member::with_value(&field, &value),
                |member| member.set_value(&value),
            );
            assert_eq!(is_new, model.insert(field.clone(), value).is_none());
        } else {
            let removed = fields.remove(&field);
            let removed = removed.and_then(|member| member.value().map(<[u8]>::to_vec));
            assert_eq!(removed, model.remove(&field));
        }
        let found = fields.get(&field).and_then(Member::value);
        assert_eq!(found, model.get(&field).map(Vec::as_slice));
        assert_eq!(fields.len(), model.len());
    }
    for fields in [&fields, &fields.clone()] {
        let bytes: usize = fields.iter().map(Member::allocation_bytes).sum();
        assert_eq!(fields.member_bytes, bytes);
        let seen: BTreeMap<_, _> = fields
            .iter()
            .map(|member| {
                let value = member.value().expect("all have values");
                (member.bytes().to_vec(), value.to_vec())
            })
            .collect();
        assert_eq!((seen.len(), &seen), (fields.len(), &model));
    }
    drop(fields);
    assert_eq!(live::count(), before, "nothing leaks");
}

#[test]
fn a_scan_sees_all_that_stays_while_others_come_and_go() {
    for (seed, others, growing) in [(1, 6000, true), (2, 6000, false), (3, 20, true)] {
        let mut set = elements(seed);
        let stay: BTreeSet<_> = (0..300).map(name).collect();
        for member in &stay {
            assert!(set.add(member));
        }
        let mut others: Vec<_> = (1000..1000 + others).map(name).collect();
        if !growing {
            for member in &others {
                assert!(set.add(member));
            }
        }
        let (mut seen, mut cursor, mut steps) = (BTreeSet::new(), 0, 0);
        loop {
            cursor = set.scan(cursor, 10, |member| {
                seen.insert(member.bytes().to_vec());
            });
            for _ in 0..80 {
                let Some(other) = others.pop() else { break };
                assert!(if growing {
                    set.add(&other)
                } else {
                    set.remove(&other).is_some()
                });
            }
            steps += 1;
            if cursor == 0 {
                break;
            }
        }
        assert!(stay.is_subset(&seen) && steps > 10);
    }
}

#[test]
fn a_member_with_a_score_keeps_its_address() {
    let mut zset = elements(6);
    (0..1000).for_each(|number| {
        let member = Member::with_score(&name(number), number as f64);
        zset.insert_new(member);
    });
    let address = |zset: &Elements| zset.get(&name(7)).map(Member::address);
    let before = address(&zset);
    let edited = zset.edit(&name(7), |member| {
        member.set_score(-1.0);
        member.score()
    });
    assert_eq!(edited, Some(Some(-1.0)));
    (8..1000).for_each(|number| assert!(zset.remove(&name(number)).is_some()));
    assert!(
        before.is_some() && address(&zset) == before,
        "the table moves pointers only"
    );
}

#[test]
fn it_is_freed_in_slices() {
    let before = live::count();
    let mut set = elements(9);
    (0..5000).for_each(|number| assert!(set.add(&name(number))));
    let mut slices = 0;
    while !set.is_empty() {
        let held = set.len();
        let freed = set.free_pieces(100);
        assert!(
            freed > 0 && held - set.len() <= 100 + 40,
            "slices are bounded"
        );
        slices += 1;
    }
    assert!(slices >= 50 - 15);
    assert_eq!((set.member_bytes, live::count()), (0, before));
}

#[test]
fn random_members_are_spread_evenly() {
    let mut set = elements(4);
    (0..100).for_each(|number| assert!(set.add(&name(number))));
    let mut random = Random::new(8);
    let mut counts = BTreeMap::new();
    for _ in 0..20_000 {
        let member = set.random(&mut || random.next()).expect("there are some");
        *counts.entry(member.bytes().to_vec()).or_insert(0u32) += 1;
    }
    // Redis's own test: chi squared over 100 members below 155 with probability 0.9997.
    let expected = 200.0;
    let distance: f64 = counts
        .values()
        .map(|&count| (f64::from(count) - expected).powi(2) / expected)
        .sum();
    assert!(counts.len() == 100 && distance < 155.0, "{distance}");
}

#[test]
fn a_member_of_15_bytes_takes_27_bytes_at_most() {
    let mut set = elements(5);
    (0..100_000).for_each(|number| assert!(set.add(&name(number))));
    let each = set.heap_bytes() as f64 / 100_000.0;
    assert!(each <= 27.0, "{each} bytes a member");
}
