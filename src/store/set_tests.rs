//! Tests of sets: random edits against a model over all forms and the limits between them, Redis's
//! blobs, freeing in slices.
//!
//! Owned by `set`. The seeds are constants, so a failure repeats itself.

use super::*;
use crate::store::testing::{Random, live};
use std::collections::BTreeSet;

fn limits(intset: usize, listpack: usize, value: usize) -> FormLimits {
    FormLimits {
        set: SetLimits {
            intset_entries: intset,
            listpack_entries: listpack,
            listpack_value: value,
        },
        ..FormLimits::default()
    }
}

fn texts(set: &Set) -> BTreeSet<Vec<u8>> {
    let all: Vec<_> = set
        .iter()
        .map(|element| element.with_text(<[u8]>::to_vec))
        .collect();
    assert_eq!(all.len(), set.len());
    all.into_iter().collect()
}

fn member(random: &mut Random, range: usize, texts: bool) -> Vec<u8> {
    let number = random.below(range) as i64 - range as i64 / 3;
    let text = match random.below(4) {
        0 if texts => format!("member {number}"),
        1 => (number * 3_000_000_000).to_string(),
        2 => (number * 100_000).to_string(),
        _ => number.to_string(),
    };
    text.into_bytes()
}

#[test]
fn random_edits_follow_a_model() {
    let before = live::count();
    let mut random = Random::new(11);
    let mut seen = BTreeSet::new();
    for round in 0..300 {
        let limits = limits(random.below(60), random.below(40), 4 + random.below(14));
        let (mut set, mut model) = (Set::new(), BTreeSet::new());
        let (range, with_texts) = (5 + random.below(120), round % 3 != 0);
        for step in 0..200 {
            let text = member(&mut random, range, with_texts);
            assert_eq!(set.contains(&text), model.contains(&text));
            if step % 60 < 40 {
                assert_eq!(set.add(&text, &limits), model.insert(text.clone()));
            } else {
                assert_eq!(set.remove(&text), model.remove(&text));
            }
            assert_eq!(set.len(), model.len());
            let element = Element::from_text(&text);
            assert_eq!(set.contains_element(element), model.contains(&text));
            seen.insert(set.encoding().name());
        }
        assert_eq!(texts(&set), model);
        assert_eq!(texts(&set.clone()), model);
        let mut scanned = BTreeSet::new();
        let mut cursor = 0;
        loop {
            cursor = set.scan(cursor, 7, |element| {
                scanned.insert(element.with_text(<[u8]>::to_vec));
            });
            if cursor == 0 {
                break;
            }
        }
        assert_eq!(scanned, model);
        let chosen = set.random(&mut || random.next());
        assert_eq!(chosen.is_some(), !model.is_empty());
        assert!(chosen.is_none_or(|chosen| model.contains(&chosen.with_text(<[u8]>::to_vec))));
    }
    assert_eq!(seen.len(), 3, "{seen:?}");
    assert_eq!(live::count(), before, "nothing leaks");
}

#[test]
fn forms_change_where_redis_changes_them() {
    let limits = limits(4, 3, 5);
    let fill = |members: &[&str]| {
        let mut set = Set::for_members(members[0].as_bytes(), members.len(), &limits);
        for member in members {
            set.add(member.as_bytes(), &limits);
        }
        set.encoding().name()
    };
    let cases: [(&[&str], &str); 8] = [
        (&["1", "2", "3", "4"], "intset"),
        (&["1", "2", "3", "4", "5"], "hashtable"),
        (&["1", "2", "a"], "listpack"),
        (&["1", "2", "3", "a"], "hashtable"),
        (&["1", "123456", "a"], "hashtable"),
        (&["a", "bbbbb", "3"], "listpack"),
        (&["a", "bbbbbb"], "hashtable"),
        (&["a", "b", "c", "d"], "hashtable"),
    ];
    for (members, encoding) in cases {
        assert_eq!(fill(members), encoding, "{members:?}");
    }
    let mut set = Set::new();
    set.add(b"1", &limits);
    set.expect(4, &limits);
    assert_eq!(set.encoding(), Encoding::Intset);
    set.expect(5, &limits);
    assert_eq!(set.encoding(), Encoding::Hashtable);
    // Nothing leads back.
    assert!(set.remove(b"1") && set.is_empty() && set.is_table());
}

#[test]
fn an_intset_is_that_of_redis() {
    let mut ints = Intset::new();
    for number in [5, -1, 5, 300] {
        ints.add(number);
    }
    let narrow = [2, 0, 0, 0, 3, 0, 0, 0, 0xff, 0xff, 5, 0, 0x2c, 1];
    assert_eq!(ints.framed(), narrow);
    assert!(ints.add(-70_000) && ints.get(0) == -70_000);
    assert_eq!(ints.framed()[..8], [4, 0, 0, 0, 4, 0, 0, 0]);
    assert!(ints.add(i64::MAX) && ints.contains(i64::MAX) && !ints.contains(i64::MIN));
    let wide = ints.framed();
    assert_eq!(wide[..8], [8, 0, 0, 0, 5, 0, 0, 0]);
    assert!(ints.remove(i64::MAX) && !ints.remove(i64::MAX));
    let read = Intset::from_framed(&wide).expect("it was just written");
    assert_eq!(
        read.iter().collect::<Vec<_>>(),
        [-70_000, -1, 5, 300, i64::MAX]
    );
    assert!(Intset::from_framed(&narrow).is_some());
    let mut broken = narrow;
    broken[8..10].copy_from_slice(&[6, 0]);
    assert!(Intset::from_framed(&broken).is_none(), "not ascending");
    broken = narrow;
    broken[0] = 3;
    assert!(Intset::from_framed(&broken).is_none(), "no such width");
    assert!(Intset::from_framed(&narrow[..13]).is_none(), "cut off");
}

#[test]
fn a_large_set_is_freed_in_slices() {
    let before = live::count();
    let limits = FormLimits::default();
    let mut set = Set::large(&limits);
    for number in 0..5000 {
        assert!(set.add(format!("m{number}").as_bytes(), &limits));
    }
    assert!(set.heap_bytes() > 5000 * 16);
    let mut slices = 0;
    while set.pieces() > 1 {
        let freed = set.free_pieces(500);
        assert!(freed > 0 && freed <= 500);
        slices += 1;
    }
    assert!(slices >= 10);
    assert_eq!(live::count(), before);
}
