//! Tests of the table: a random walk against a std map, the SCAN guarantee across growth and
//! shrinkage, and cost.
//!
//! Owned by `table`. Elements are boxed numbers; their hash is a mixed copy of the number.

use super::*;
use crate::store::testing::Random;
use std::collections::{HashMap, HashSet};

type Numbers = Table<Box<u64>>;

fn hash_of(number: u64) -> u64 {
    let mixed = (number ^ 0x5bd1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) ^ (mixed >> 32)
}

fn insert(table: &mut Numbers, number: u64) {
    table.insert_new(hash_of(number), Box::new(number), |n| hash_of(**n));
}

fn remove(table: &mut Numbers, number: u64) -> Option<u64> {
    table.remove(hash_of(number), |n| **n == number).map(|n| *n)
}

#[test]
fn random_operations_follow_a_model() {
    let mut random = Random::new(1);
    let mut table = Numbers::new();
    let mut model = HashSet::new();
    for step in 0..200_000 {
        // Waves of growth and of shrinkage.
        let growing = (step / 20_000) % 2 == 0;
        let number = random.below(30_000) as u64;
        assert_eq!(
            table.find(hash_of(number), |n| **n == number).is_some(),
            model.contains(&number)
        );
        if growing && model.insert(number) {
            insert(&mut table, number);
        } else if !growing {
            assert_eq!(remove(&mut table, number).is_some(), model.remove(&number));
        }
        assert_eq!(table.len(), model.len());
    }
    let mut seen = 0;
    table.for_each(|number| {
        assert!(model.contains(number));
        seen += 1;
    });
    assert_eq!(seen, model.len());
    for number in model {
        assert_eq!(remove(&mut table, number), Some(number));
    }
    assert_eq!(table.statistics(), TableStatistics::default());
}

#[test]
fn a_scan_sees_all_that_stays() {
    for (seed, before, during) in [
        (1, 20, 4000),
        (2, 4000, -3900),
        (3, 300, 0),
        (4, 20_000, -19_000),
        (5, 1, 9),
    ] {
        let mut random = Random::new(seed);
        let mut table = Numbers::new();
        (0..before).for_each(|number| insert(&mut table, number));
        let stays: HashSet<u64> = (0..before).filter(|number| number % 20 == 0).collect();
        let mut goes: Vec<u64> = (0..before).filter(|number| number % 20 != 0).collect();
        let (mut seen, mut next, mut visits) = (HashMap::new(), before, 0);
        let mut position = Some(0);
        while let Some(from) = position {
            position = table.scan_bucket(from, |number| *seen.entry(**number).or_insert(0) += 1);
            assert!(position.is_none_or(|end| end > from));
            visits += 1;
            for _ in 0..random.below(30) {
                if during > 0 && next < before + during as u64 {
                    insert(&mut table, next);
                    next += 1;
                } else if during < 0 && !goes.is_empty() {
                    let gone = goes.swap_remove(random.below(goes.len()));
                    assert_eq!(remove(&mut table, gone), Some(gone));
                }
            }
        }
        assert!(
            stays.iter().all(|number| seen.contains_key(number)),
            "seed {seed}"
        );
        if during == 0 {
            assert!(
                seen.len() == before as usize
                    && seen.values().all(|&times| times == 1)
                    && visits > 8
            );
        }
    }
}

#[test]
#[expect(
    clippy::cast_precision_loss,
    reason = "sums of a test are far below 2^52"
)]
fn cost_per_element_and_chains_stay_small() {
    for (elements, tables, bytes_max) in [
        (7, 400, 17.0),
        (61, 400, 12.3),
        (1000, 20, 13.0),
        (150_000, 1, 13.0),
    ] {
        let (mut bytes, mut held, mut longest) = (0, 0, 0);
        for table_number in 0..tables {
            let mut table = Numbers::new();
            let mut random = Random::new(table_number + 1);
            let around = elements * 3 / 4 + random.below(elements / 2 + 1);
            (0..around as u64).for_each(|n| insert(&mut table, n * 1000 + table_number));
            let statistics = table.statistics();
            assert_eq!(statistics.elements, around);
            bytes += statistics.bytes;
            held += around;
            longest = longest.max(statistics.longest_chain);
        }
        let each = bytes as f64 / held as f64;
        println!("{elements} elements per table: {each:.2} bytes each, longest chain {longest}");
        assert!(
            each <= bytes_max && longest < 45,
            "{elements}: {each:.2} bytes, longest chain {longest}"
        );
    }
}

#[test]
fn random_elements_are_all_reached() {
    let mut random = Random::new(9);
    for elements in [1u64, 5, 40, 700] {
        let mut table = Numbers::new();
        (0..elements).for_each(|number| insert(&mut table, number));
        let mut drawn = vec![0u32; elements as usize];
        for _ in 0..elements * 200 {
            let number = **table
                .random(&mut || random.next())
                .expect("the table is not empty");
            drawn[number as usize] += 1;
        }
        assert!(
            drawn.iter().all(|&times| (100..400).contains(&times)),
            "{elements}: {drawn:?}"
        );
    }
    assert!(Numbers::new().random(&mut || random.next()).is_none());
}

#[test]
fn discarding_is_bounded_and_complete() {
    let mut table = Numbers::new();
    (0..40_000).for_each(|number| insert(&mut table, number));
    let mut steps = 0;
    let mut out = 0;
    loop {
        let before = out;
        let freed = table.discard(100, |_| {
            out += 1;
            1
        });
        assert!(out - before <= 100 + 45, "one bucket more at most");
        if freed < 100 {
            break;
        }
        steps += 1;
    }
    assert!(steps > 270 && out == 40_000 && table.is_empty());
    assert_eq!(table.statistics(), TableStatistics::default());
}
