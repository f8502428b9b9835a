//! Tests of sorted sets: random edits against a model over both forms and the limits between them,
//! ranges, freeing in slices.
//!
//! Owned by `zset`. The seeds are constants, so a failure repeats itself.

use super::*;
use crate::store::testing::{Random, live};

fn limits(entries: usize, value: usize) -> FormLimits {
    FormLimits {
        zset: ZsetLimits {
            listpack_entries: entries,
            listpack_value: value,
        },
        ..FormLimits::default()
    }
}

/// Members and scores, in order.
type Model = Vec<(f64, Vec<u8>)>;

fn shown(zset: &Zset, from: usize, count: usize, backwards: bool) -> Model {
    let mut all = Vec::new();
    zset.range(from, count, backwards, |element, score| {
        all.push((score, element.with_text(<[u8]>::to_vec)));
    });
    all
}

fn put(model: &mut Model, text: &[u8], score: Option<f64>) -> Option<f64> {
    let found = model.iter().position(|(_, member)| member == text);
    let before = found.map(|at| model.remove(at).0);
    if let Some(score) = score {
        let pair = (score, text.to_vec());
        let at = model.partition_point(|other| *other < pair);
        model.insert(at, pair);
    }
    before
}

fn score(random: &mut Random) -> f64 {
    match random.below(12) {
        0 => f64::INFINITY,
        1 => f64::NEG_INFINITY,
        2..=5 => random.below(9) as f64 / 4.0 - 1.0,
        _ => random.below(5) as f64,
    }
}

fn bound(random: &mut Random) -> Bound {
    Bound {
        score: score(random),
        exclusive: random.below(2) == 0,
    }
}

fn compare(zset: &Zset, model: &Model, random: &mut Random) {
    assert_eq!(zset.len(), model.len());
    assert_eq!(&shown(zset, 0, model.len(), false), model);
    let range = ScoreRange {
        least: bound(random),
        most: bound(random),
    };
    let within = |score: f64| {
        let (least, most) = (range.least, range.most);
        let above = score > least.score || (score == least.score && !least.exclusive);
        above && (score < most.score || (score == most.score && !most.exclusive))
    };
    let (first, count) = zset.in_scores(&range);
    let expected: Vec<_> = model
        .iter()
        .filter(|pair| within(pair.0))
        .cloned()
        .collect();
    assert_eq!(count, expected.len());
    assert_eq!(shown(zset, first, count, false), expected);
    if !model.is_empty() {
        let from = random.below(model.len());
        let back: Model = model[..=from].iter().rev().cloned().collect();
        assert_eq!(shown(zset, from, from + 1, true), back);
        let rank = zset.rank(&model[from].1);
        assert_eq!(rank, Some((from, model[from].0)));
    }
    let mut scanned = Vec::new();
    let mut cursor = 0;
    loop {
        cursor = zset.scan(cursor, 5, |element, score| {
            scanned.push((score, element.with_text(<[u8]>::to_vec)));
        });
        if cursor == 0 {
            break;
        }
    }
    scanned.sort_by(|one, other| one.partial_cmp(other).expect("scores are numbers"));
    assert_eq!(&scanned, model);
}

#[test]
fn random_edits_follow_a_model() {
    let before = live::count();
    let mut random = Random::new(17);
    for _ in 0..60 {
        let limits = limits(random.below(60), 3 + random.below(14));
        let (mut zset, mut model) = (Zset::for_members(0, 0, &limits), Vec::new());
        let range = 5 + random.below(150);
        for step in 0..250 {
            let text = match random.below(range) {
                number if number % 2 == 0 => number.to_string(),
                number => format!("member {number}"),
            };
            let text = text.as_bytes();
            if step % 60 < 45 {
                let score = score(&mut random);
                let had = zset.put(text, score, &limits);
                assert_eq!(had, put(&mut model, text, Some(score)));
            } else if random.below(6) > 0 || model.is_empty() {
                assert_eq!(zset.remove(text), put(&mut model, text, None));
            } else {
                let from = random.below(model.len());
                let count = random.below((model.len() - from).min(9) + 1);
                zset.remove_ranks(from, count);
                model.drain(from..from + count);
            }
            assert_eq!(
                zset.score(text),
                model.iter().find(|m| m.1 == text).map(|m| m.0)
            );
            if step % 20 == 0 {
                compare(&zset, &model, &mut random);
            }
        }
        let copy = zset.clone();
        assert_eq!(copy.encoding(), zset.encoding());
        drop(zset);
        compare(&copy, &model, &mut random);
    }
    assert_eq!(live::count(), before, "nothing leaks");
}

#[test]
fn ranges_of_bytes_follow_a_model() {
    let mut random = Random::new(5);
    for entries in [0, 128] {
        let limits = limits(entries, 64);
        let mut zset = Zset::for_members(0, 0, &limits);
        let mut model: Vec<Vec<u8>> = Vec::new();
        for _ in 0..100 {
            let text = random.below(300).to_string().into_bytes();
            if zset.put(&text, 0.0, &limits).is_none() {
                model.push(text);
            }
        }
        model.sort();
        for _ in 0..300 {
            let ends = [0, 1].map(|_| random.below(320).to_string().into_bytes());
            let bounds = [0, 1].map(|at| match random.below(6) {
                0 => LexBound::Least,
                1 => LexBound::Greatest,
                2 | 3 => LexBound::Open(&ends[at]),
                _ => LexBound::Closed(&ends[at]),
            });
            let [least, most] = bounds;
            let within = |text: &[u8]| {
                let above = match least {
                    LexBound::Least => true,
                    LexBound::Greatest => false,
                    LexBound::Closed(end) => text >= end,
                    LexBound::Open(end) => text > end,
                };
                above
                    && match most {
                        LexBound::Least => false,
                        LexBound::Greatest => true,
                        LexBound::Closed(end) => text <= end,
                        LexBound::Open(end) => text < end,
                    }
            };
            let (first, count) = zset.in_bytes(&LexRange { least, most });
            let expected: Vec<_> = model.iter().filter(|text| within(text)).cloned().collect();
            assert_eq!(count, expected.len(), "{least:?} {most:?}");
            let found = shown(&zset, first, count, false);
            assert!(found.iter().map(|pair| &pair.1).eq(&expected));
        }
    }
}

#[test]
fn a_large_one_is_freed_in_slices() {
    let before = live::count();
    let limits = limits(128, 64);
    let mut zset = Zset::for_members(0, 0, &limits);
    for number in 0..1000 {
        zset.put(format!("m{number}").as_bytes(), f64::from(number), &limits);
    }
    assert_eq!(zset.encoding(), Encoding::Skiplist);
    let mut steps = 0;
    while zset.pieces() > 1 {
        let freed = zset.free_pieces(64);
        assert!(freed > 0 && freed <= 64);
        steps += 1;
    }
    assert_eq!((steps, live::count()), (16, before));
}

#[test]
fn forms_follow_the_limits() {
    let small = limits(3, 5);
    let mut zset = Zset::for_members(5, 3, &small);
    for (text, encoding) in [
        ("a", Encoding::Listpack),
        ("bbbbb", Encoding::Listpack),
        ("c", Encoding::Listpack),
        ("d", Encoding::Skiplist),
    ] {
        zset.put(text.as_bytes(), -0.0, &small);
        assert_eq!(zset.encoding(), encoding);
    }
    zset.remove(b"d");
    assert_eq!(zset.encoding(), Encoding::Skiplist);
    let mut long = Zset::for_members(0, 0, &small);
    long.put(b"bbbbbb", 1.0, &small);
    assert_eq!(long.encoding(), Encoding::Skiplist);
    assert_eq!(
        Zset::for_members(6, 1, &small).encoding(),
        Encoding::Skiplist
    );
    assert_eq!(
        Zset::for_members(0, 4, &small).encoding(),
        Encoding::Skiplist
    );
}
