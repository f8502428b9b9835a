//! Lists against a deque of texts, for all sizes of nodes, packed and not.
//!
//! Random from constant seeds, so a failure repeats itself.

use super::*;
use crate::store::listpack::Needle;
use crate::store::testing::Random;

fn texts(list: &List) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    list.range(0, list.len(), false, |element| {
        found.push(element.with_text(<[u8]>::to_vec));
    });
    found
}

fn check(list: &List, model: &VecDeque<Vec<u8>>, limits: NodeLimits) {
    assert_eq!(list.len(), model.len());
    assert!(texts(list).iter().eq(model.iter()), "forwards");
    let mut backwards = Vec::new();
    list.range(list.len().saturating_sub(1), list.len(), true, |element| {
        backwards.push(element.with_text(<[u8]>::to_vec));
    });
    assert!(backwards.iter().eq(model.iter().rev()), "backwards");
    let nodes = list.node_count();
    let alone = nodes == 1 && matches!(list.first, Node::Packed(_));
    assert!(!list.is_listpack() || alone, "a listpack is one node");
    let depth = limits.compress_depth as usize;
    for index in 0..nodes {
        let node = list.node(index);
        assert!(node.count() > 0 || list.is_empty());
        let lzf = matches!(node, Node::LzfPacked { .. } | Node::LzfPlain { .. });
        let outer = index < depth || nodes - index <= depth;
        assert!(!(lzf && (outer || depth == 0)), "node {index} of {nodes}");
        if let Node::Packed(pack) = node {
            // A listpack is asked before what an element adds to its text is known.
            let most = limits.bytes_max() + if nodes == 1 { 16 } else { 0 };
            assert!(pack.entry_bytes() <= most || pack.len() == 1);
            assert!(limits.fill < 0 || pack.len() <= limits.fill.unsigned_abs().max(1) as usize);
        }
    }
}

fn sample(random: &mut Random) -> Vec<u8> {
    match random.below(12) {
        0..=3 => random.below(30).to_string().into_bytes(),
        4..=6 => format!("word-{}", random.below(10)).into_bytes(),
        7 => (random.next() as i64).to_string().into_bytes(),
        8 => vec![b'a' + random.below(3) as u8; random.below(300)],
        9 if random.below(20) == 0 => vec![b'L'; 4000 + random.below(9000)],
        _ => (0..random.below(40)).map(|_| random.next() as u8).collect(),
    }
}

fn step(random: &mut Random, list: &mut List, model: &mut VecDeque<Vec<u8>>, limits: NodeLimits) {
    let text = sample(random);
    let end = if random.below(2) == 0 {
        End::Front
    } else {
        End::Back
    };
    let index = random.below(model.len() + 2);
    match random.below(16) {
        0..=7 => {
            list.push(end, &text, limits);
            match end {
                End::Front => model.push_front(text),
                End::Back => model.push_back(text),
            }
        }
        8 => {
            let popped = list.pop(end, limits, |element| element.with_text(<[u8]>::to_vec));
            let expected = match end {
                End::Front => model.pop_front(),
                End::Back => model.pop_back(),
            };
            assert_eq!(popped, expected);
        }
        9 => {
            assert_eq!(list.set(index, &text, limits), index < model.len());
            if let Some(place) = model.get_mut(index) {
                *place = text;
            }
        }
        10..=11 => {
            let pivot = model.get(index).cloned().unwrap_or_default();
            let at = model.iter().position(|other| *other == pivot);
            let done = list.insert_beside(Needle::new(&pivot), end, &text, limits);
            assert_eq!(done, at.is_some());
            if let Some(at) = at {
                model.insert(at + usize::from(end == End::Back), text);
            }
        }
        12 => {
            let most = 1 + random.below(4);
            let mut removed = 0;
            while removed < most {
                let at = match end {
                    End::Front => model.iter().position(|other| *other == text),
                    End::Back => model.iter().rposition(|other| *other == text),
                };
                let Some(at) = at else { break };
                model.remove(at);
                removed += 1;
            }
            let done = list.remove_equal(Needle::new(&text), end, most, limits);
            assert_eq!(done, removed);
        }
        13 if random.below(4) == 0 => {
            list.drop_elements(end, index / 4, limits);
            let count = (index / 4).min(model.len());
            match end {
                End::Front => model.drain(..count),
                End::Back => model.drain(model.len() - count..),
            };
        }
        _ => {
            let found = list.get(index, |element| element.with_text(<[u8]>::to_vec));
            assert_eq!(found.as_ref(), model.get(index));
        }
    }
}

#[test]
fn edits_agree_with_a_deque() {
    let mut random = Random::new(5);
    for fill in [-5, -4, -3, -2, -1, 0, 1, 2, 7, 128, 100_000] {
        for compress_depth in [0, 1, 3] {
            for packed_threshold in [usize::MAX, 200, 1] {
                let limits = NodeLimits {
                    fill,
                    compress_depth,
                    packed_threshold,
                };
                let (mut list, mut model) = (List::new(), VecDeque::new());
                for round in 0..700 {
                    step(&mut random, &mut list, &mut model, limits);
                    if round % 50 == 0 {
                        check(&list, &model, limits);
                    }
                }
                check(&list, &model, limits);
                check(&list.clone(), &model, limits);
            }
        }
    }
}

#[test]
fn a_changed_setting_holds_at_once() {
    let mut random = Random::new(6);
    let (mut list, mut model) = (List::new(), VecDeque::new());
    for _ in 0..4000 {
        let limits = NodeLimits {
            fill: [-2, -1, 1, 5][random.below(4)],
            compress_depth: random.below(3) as u32,
            packed_threshold: [usize::MAX, 20][random.below(2)],
        };
        step(&mut random, &mut list, &mut model, limits);
    }
    assert!(texts(&list).iter().eq(model.iter()));
}

#[test]
fn nodes_are_as_large_as_they_may_be() {
    let nodes = |fill, count: usize, len: usize| {
        let limits = NodeLimits {
            fill,
            ..NodeLimits::default()
        };
        let mut list = List::new();
        for _ in 0..count {
            list.push(End::Back, &vec![b'x'; len], limits);
        }
        list.node_count()
    };
    assert_eq!(nodes(128, 128, 10), 1);
    assert_eq!(nodes(128, 129, 10), 2);
    assert_eq!(nodes(-2, 600, 10), 1);
    assert_eq!(nodes(-1, 600, 10), 2);
    assert_eq!(nodes(-2, 3, 9000), 3);
    assert_eq!(nodes(0, 3, 1), 3);
}

#[test]
fn packing_saves_memory() {
    let fill = |compress_depth| {
        let limits = NodeLimits {
            compress_depth,
            ..NodeLimits::default()
        };
        let mut list = List::new();
        for number in 0..20_000 {
            list.push(
                End::Back,
                format!("some text, number {number}").as_bytes(),
                limits,
            );
        }
        list.heap_bytes()
    };
    let (raw, packed) = (fill(0), fill(1));
    assert!(raw > 20_000 * 24 && raw < 20_000 * 30, "{raw}");
    assert!(packed < raw / 2, "{packed} of {raw}");
}

#[test]
fn a_list_is_a_listpack_while_it_is_small() {
    let limits = |fill| NodeLimits {
        fill,
        ..NodeLimits::default()
    };
    // The setting, the length of each element, how many are a listpack, and down to how many it is
    // one again.
    for (fill, len, most, again) in [
        (128, 10, 128, 64),
        (5, 10, 5, 2),
        (1, 10, 1, 0),
        (0, 10, 1, 0),
        (-2, 100, 79, 39),
        (-1, 100, 39, 19),
        (128, 3000, 2, 64),
    ] {
        let (mut list, limits) = (List::new(), limits(fill));
        let text = vec![b'x'; len];
        let mut reached = 0;
        while list.is_listpack() {
            reached = list.len();
            list.push(End::Back, &text, limits);
        }
        assert_eq!(reached, most, "{fill} {len}");
        while !list.is_listpack() {
            list.pop(End::Back, limits, |_| {});
        }
        assert_eq!(list.len(), again.min(most), "{fill} {len}");
    }
}

#[test]
fn what_comes_at_once_is_counted_at_once() {
    let limits = NodeLimits::default();
    let push = |count: usize, len: usize| {
        let text = vec![b'x'; len];
        let texts = vec![&text[..]; count];
        let mut list = List::new();
        list.push_all(End::Back, texts.into_iter(), limits);
        (list.is_listpack(), list.node_count())
    };
    // As Redis, which counts the texts only.
    assert_eq!(push(8185, 1), (true, 1));
    assert!(!push(8186, 1).0);
    assert_eq!(push(1, 8185), (true, 1));
    assert_eq!(push(1, 8186), (false, 1));
    // Redis counts nothing here: a million elements would be one listpack.
    assert_eq!(push(10_000, 0), (true, 1));
    assert!(!push(100_000, 0).0);
}

#[test]
fn replaced_and_loaded_lists_have_the_form_of_their_size() {
    let limits = NodeLimits {
        fill: 4,
        ..NodeLimits::default()
    };
    let mut list = List::new();
    let texts: [&[u8]; 4] = [b"a", b"b", b"c", b"d"];
    list.push_all(End::Back, texts.into_iter(), limits);
    assert!(list.is_listpack());
    assert!(list.set(0, b"e", limits));
    assert!(!list.is_listpack(), "counted as if it were one more");
    assert_eq!(
        list.remove_equal(Needle::new(b"e"), End::Front, 9, limits),
        1
    );
    assert!(!list.is_listpack());
    list.drop_elements(End::Back, 1, limits);
    assert!(list.is_listpack() && list.clone().is_listpack());
    for (count, listpack) in [(4, true), (5, false)] {
        let mut pack = Listpack::new();
        for _ in 0..count {
            pack.push_back(Element::Bytes(b"x"));
        }
        let mut loaded = List::for_loading();
        loaded.load_pack(pack);
        loaded.settle(limits);
        assert_eq!(loaded.is_listpack(), listpack, "{count}");
    }
    let mut loaded = List::for_loading();
    loaded.load_plain(&[b'x'; 9000]);
    loaded.settle(limits);
    assert!(!loaded.is_listpack());
}
