//! KEYS and the per-shard parts of SCAN and RANDOMKEY.
//!
//! Error texts, replies and events were taken from redis-server 7.0.15.

use std::collections::BTreeSet;

use super::*;
use crate::cmd::fixture::Fixture;
use crate::cmd::{Random, key_slot};
use crate::limits::SLOTS;
use crate::resp::Span;
use crate::store::{Db, Slot};

const START: Cursor = Cursor {
    slot: Slot::FIRST,
    position: 0,
};

fn with_keys(count: usize) -> Fixture {
    let mut fixture = Fixture::new();
    for number in 0..count {
        fixture.fresh(&format!("set key:{number} {number}"));
    }
    fixture
}

/// The bulk strings in `reply`, which holds nothing else.
fn bulks(reply: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(reply);
    text.split("\r\n")
        .filter(|line| !line.is_empty() && !line.starts_with(['$', '*']))
        .map(str::to_string)
        .collect()
}

fn options(line: &str) -> Result<ScanOptions<'_>, Error> {
    let mut spans = Vec::new();
    let mut start = 0;
    for word in line.split(' ') {
        spans.push(Span {
            start,
            len: u32::try_from(word.len()).unwrap(),
        });
        start += spans.last().unwrap().len + 1;
    }
    ScanOptions::parse(&Args::new(line.as_bytes(), spans.leak()), 2)
}

/// A whole scan in steps; the steps' keys strung together and the number of steps.
fn scan(fixture: &mut Fixture, line: &str) -> (Vec<String>, usize) {
    let options = options(line).unwrap();
    let (mut reply, mut steps) = (Vec::new(), 0);
    let mut at = Some(START);
    while let Some(cursor) = at {
        assert_eq!(Cursor::from_number(cursor.number()), Some(cursor));
        let before = bulks(&reply).len();
        let part = fixture.with(&mut reply, |ctx| scan_part(ctx, &options, cursor, SLOTS));
        assert!(part.next.is_none() || part.examined >= options.count);
        assert_eq!(bulks(&reply).len() - before, part.found);
        at = part.next;
        steps += 1;
    }
    (bulks(&reply), steps)
}

#[test]
fn keys_fit_the_pattern() {
    let mut fixture = with_keys(12);
    assert_eq!(bulks(fixture.fresh("keys *").as_bytes()).len(), 12);
    let found: BTreeSet<String> = bulks(fixture.fresh("keys key:1?").as_bytes())
        .into_iter()
        .collect();
    assert_eq!(
        found,
        BTreeSet::from(["key:10".to_string(), "key:11".to_string()])
    );
    assert_eq!(fixture.fresh("keys none"), "*0\r\n");
    fixture.fresh("pexpire key:10 1");
    fixture.now_ms += 1;
    assert_eq!(fixture.fresh("keys key:1?"), "*1\r\n$6\r\nkey:11\r\n");
}

#[test]
fn scan_sees_every_key_once_in_a_quiet_store() {
    let mut fixture = with_keys(1000);
    let (found, steps) = scan(&mut fixture, "scan 0 count 7");
    assert_eq!(found.len(), 1000);
    assert_eq!(found.iter().collect::<BTreeSet<_>>().len(), 1000);
    assert!(steps > 50, "{steps}");
    assert_eq!(scan(&mut fixture, "scan 0 count 100000").1, 1);
    assert_eq!(scan(&mut with_keys(0), "scan 0"), (vec![], 1));
}

#[test]
fn scan_sees_what_stays_while_others_come_and_go() {
    let mut fixture = Fixture::new();
    for number in 0..300 {
        fixture.fresh(&format!("set {{tag}}stays:{number} x"));
    }
    let options = options("scan 0 match *stays* count 5").unwrap();
    let mut reply = Vec::new();
    let (mut at, mut step) = (Some(START), 0);
    while let Some(cursor) = at {
        at = fixture
            .with(&mut reply, |ctx| scan_part(ctx, &options, cursor, SLOTS))
            .next;
        // The table grows during the first steps and shrinks during the rest.
        for number in 0..40 {
            let number = step % 20 * 40 + number;
            let line = if step < 20 {
                format!("set {{tag}}goes:{number} x")
            } else {
                format!("del {{tag}}goes:{number}")
            };
            fixture.fresh(&line);
        }
        step += 1;
    }
    let found: BTreeSet<String> = bulks(&reply).into_iter().collect();
    assert_eq!(found.len(), 300);
}

#[test]
fn scan_filters_by_pattern_type_and_life() {
    let mut fixture = with_keys(100);
    fixture.fresh("pexpire key:10 1");
    fixture.now_ms += 1;
    assert_eq!(scan(&mut fixture, "scan 0 match key:1?").0.len(), 9);
    assert_eq!(scan(&mut fixture, "scan 0 type STRING match *").0.len(), 99);
    assert_eq!(scan(&mut fixture, "scan 0 type nosuch").0.len(), 0);
}

#[test]
fn scan_stays_within_its_range_of_slots() {
    let mut fixture = with_keys(1000);
    let options = options("scan 0 count 1000000").unwrap();
    let mut reply = Vec::new();
    let half = Cursor {
        slot: Slot::new(8192),
        position: 0,
    };
    let low = fixture.with(&mut reply, |ctx| scan_part(ctx, &options, START, 8192));
    let high = fixture.with(&mut reply, |ctx| scan_part(ctx, &options, half, SLOTS));
    assert_eq!((low.next, high.next), (None, None));
    assert!(low.found > 300 && high.found > 300);
    assert_eq!(
        bulks(&reply).into_iter().collect::<BTreeSet<_>>().len(),
        1000
    );
}

#[test]
fn scan_options_are_checked_in_redis_words() {
    for (line, error) in [
        ("scan 0 count 0", Error::SYNTAX),
        ("scan 0 count x", Error::NOT_INTEGER),
        ("scan 0 count", Error::SYNTAX),
        ("scan 0 what 1", Error::SYNTAX),
    ] {
        assert_eq!(options(line).unwrap_err(), error, "{line}");
    }
}

#[test]
fn cursors_are_numbers_below_two_to_the_53() {
    let last = Cursor {
        slot: Slot::new(16_383),
        position: u32::MAX,
    };
    assert!(last.number() < 1 << 53);
    assert_eq!(START.number(), 0);
    assert_eq!(Cursor::from_number(1 << 46), None);
    assert_eq!(Cursor::after_slot(Slot::new(16_383)), None);
    for (text, number) in [("", 0), ("0", 0), ("+1", 1), ("01", 1), ("-1", u64::MAX)] {
        assert_eq!(parse_cursor(text.as_bytes()), Ok(number));
    }
    for text in ["x", "1a", " 1", "-", "18446744073709551616"] {
        assert_eq!(
            parse_cursor(text.as_bytes()).unwrap_err().text(),
            "ERR invalid cursor",
            "{text}"
        );
    }
}

#[test]
fn a_random_key_is_live() {
    let mut fixture = with_keys(20);
    for number in 0..19 {
        fixture.fresh(&format!("pexpire key:{number} 1"));
    }
    fixture.now_ms += 1;
    let mut reply = Vec::new();
    assert_eq!(
        fixture.with(&mut reply, random_part),
        Some(b"key:19".to_vec())
    );
    assert_eq!(Fixture::new().with(&mut reply, random_part), None);
    let mut seen = BTreeSet::new();
    let mut fixture = with_keys(20);
    for _ in 0..2000 {
        seen.insert(fixture.with(&mut reply, random_part));
    }
    assert_eq!(seen.len(), 20);
}

/// Scans while at every step other keys are away and come back afterwards; what is found, and the
/// steps.
fn scan_beside_lending(
    fixture: &mut Fixture,
    line: &str,
    away: usize,
    seed: u64,
) -> (Vec<String>, usize) {
    let options = options(line).unwrap();
    let mut random = Random::new(seed);
    let keys: Vec<Box<[u8]>> = {
        let mut keys = Vec::new();
        fixture
            .store
            .for_each(Db::FIRST, |_, entry| keys.push(Box::from(entry.key())));
        keys
    };
    let (mut reply, mut steps) = (Vec::new(), 0);
    let mut at = Some(START);
    while let Some(cursor) = at {
        let chosen: Vec<_> = keys
            .iter()
            .filter(|_| random.next_u64() % 100 < away as u64)
            .collect();
        let lent: Vec<_> = chosen
            .iter()
            .map(|key| {
                fixture
                    .store
                    .take(Db::FIRST, key_slot(key), key)
                    .expect("it was put back")
            })
            .collect();
        let mut part = fixture.with(&mut reply, |ctx| scan_part(ctx, &options, cursor, SLOTS));
        let places = chosen.iter().map(|key| {
            let (slot, position) = (key_slot(key), fixture.store.position(key));
            (Cursor { slot, position }, (*key).clone())
        });
        let waited = scan_lent(&options, cursor, SLOTS, &mut part, places);
        assert!(waited.len() <= options.count, "no more than were asked for");
        assert!(part.next.is_none_or(|next| next > cursor), "it goes on");
        for (key, entry) in chosen.iter().zip(lent) {
            assert!(
                fixture
                    .store
                    .insert(Db::FIRST, key_slot(key), entry)
                    .is_none()
            );
        }
        let found = fixture.with(&mut reply, |ctx| scan_returned(ctx, &options, &waited));
        assert_eq!(found, waited.len());
        at = part.next;
        steps += 1;
    }
    (bulks(&reply), steps)
}

#[test]
fn keys_that_are_away_at_every_look_are_found() {
    for (away, count) in [(0, 10), (30, 1), (30, 10), (90, 3), (100, 7), (100, 1000)] {
        for seed in 1..6 {
            let mut fixture = Fixture::new();
            let expected: BTreeSet<String> = (0..300)
                .map(|number| match number % 3 {
                    // Most lie in one slot, whose table shrinks and grows with every step.
                    0 => format!("key:{number}"),
                    _ => format!("{{tag}}:{number}"),
                })
                .collect();
            for key in &expected {
                fixture.fresh(&format!("set {key} v"));
            }
            let line = format!("scan 0 count {count}");
            let (found, steps) = scan_beside_lending(&mut fixture, &line, away, seed);
            let distinct: BTreeSet<String> = found.iter().cloned().collect();
            assert_eq!(distinct, expected, "{away} of 100 away, count {count}");
            assert!(steps <= 2 * 300 / count + 300, "{steps} steps");
            let (found, _) =
                scan_beside_lending(&mut fixture, &format!("{line} match key*"), away, seed);
            assert!(found.iter().all(|key| key.starts_with("key:")));
            let distinct: BTreeSet<String> = found.into_iter().collect();
            assert_eq!(distinct.len(), 100);
        }
    }
}
