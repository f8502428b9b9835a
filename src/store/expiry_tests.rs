//! Tests of the wheel alone: every reference comes up in time, never early from level 0, and only
//! once.
//!
//! Owned by `expiry`. A map plays the entries: it remembers where each reference is filed and when
//! it expires.

use super::*;
use crate::store::testing::Random;
use std::collections::HashMap;

#[test]
fn references_keep_their_parts() {
    let hash = 0xdead_beef_1234_5678;
    let reference = Reference::new(255, Slot::new(16_383), hash);
    assert_eq!(
        (reference.database(), reference.slot()),
        (255, Slot::new(16_383))
    );
    assert!(
        reference.is_of(hash)
            && !reference.is_of(hash ^ 1 << 41)
            && reference.is_of(hash ^ 1 << 42)
    );
}

#[test]
fn next_bits_go_around() {
    let mut words = [0u64; 4];
    assert_eq!(next_bit(&words, 7), None);
    words[1] = 1 << 3;
    assert_eq!(
        [0, 67, 68, 255].map(|from| next_bit(&words, from)),
        [Some(67); 4]
    );
    words[3] = 1;
    assert_eq!(
        [67, 68, 192, 193].map(|from| next_bit(&words, from)),
        [Some(67), Some(192), Some(192), Some(67)]
    );
}

/// Runs the wheel to `now_ms`; returns what fired.
fn run(wheel: &mut Wheel, entries: &mut HashMap<u64, (Filed, u64)>, now_ms: u64) -> Vec<u64> {
    let mut fired = Vec::new();
    while let Some((reference, source)) = wheel.next_due(now_ms) {
        let id = reference.hash();
        let Some(&(filed, expiry_ms)) = entries.get(&id).filter(|(filed, _)| *filed == source)
        else {
            continue;
        };
        assert_eq!(filed, source);
        if expiry_ms < now_ms {
            entries.remove(&id);
            fired.push(expiry_ms);
        } else {
            entries.insert(
                id,
                (wheel.file(reference, Filed::NOWHERE, expiry_ms), expiry_ms),
            );
        }
    }
    fired
}

#[test]
fn everything_comes_up_within_a_tick() {
    for (seed, start) in [(1, 0), (2, 1_700_000_000_000), (3, 1 << 40)] {
        let mut random = Random::new(seed);
        let (mut wheel, mut entries) = (Wheel::default(), HashMap::new());
        let mut now = start;
        assert!(run(&mut wheel, &mut entries, now).is_empty());
        let mut fired_in_all = 0;
        for id in 0..20_000 {
            let reach = [100, 5_000, 2_000_000, 400_000_000, 100_000_000_000][random.below(5)];
            let expiry_ms = now + random.below(reach) as u64;
            entries.insert(
                id,
                (
                    wheel.file(
                        Reference::new(0, Slot::FIRST, id),
                        Filed::NOWHERE,
                        expiry_ms,
                    ),
                    expiry_ms,
                ),
            );
            if random.below(10) == 0 {
                let pause = [3, 50, 9_000, 3_000_000][random.below(4)];
                now += random.below(pause) as u64;
                fired_in_all += run(&mut wheel, &mut entries, now).len();
                assert!(entries.values().all(|&(_, expiry_ms)| expiry_ms + 32 > now));
            }
        }
        // From deadline to deadline: nothing is late, and nothing is left.
        while let Some(due_ms) = wheel.next_due_ms() {
            assert!(due_ms >= now, "deadlines do not go back");
            now = due_ms.max(now);
            fired_in_all += run(&mut wheel, &mut entries, now).len();
            assert!(
                entries.len() > 1000
                    || entries
                        .values()
                        .all(|&(_, expiry_ms)| expiry_ms + 16 >= now)
            );
        }
        assert_eq!(
            (fired_in_all, entries.len(), wheel.references()),
            (20_000, 0, 0)
        );
    }
}

#[test]
fn an_extended_expiry_adds_nothing() {
    let mut wheel = Wheel::default();
    let reference = Reference::new(0, Slot::new(1), 2);
    assert!(wheel.next_due(1_000_000).is_none());
    let filed = wheel.file(reference, Filed::NOWHERE, 1_010_000);
    assert_eq!(wheel.file(reference, filed, 9_000_000_000), filed);
    assert_eq!(wheel.references(), 1);
    assert_ne!(wheel.file(reference, filed, 1_000_100), filed);
    assert_eq!(wheel.references(), 2);
}
