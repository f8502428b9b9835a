//! Streams against a model: the same entries, ends and groups after every random edit.
//!
//! What nodes, cuts and references do is seen from outside; payloads are broken bit by bit.

use std::collections::BTreeMap;

use super::super::content::Content;
use super::*;

struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.0 >> 33) % bound
    }
}

type Pairs = Vec<(Vec<u8>, Vec<u8>)>;

fn pairs_of(item: &Item<'_>) -> Pairs {
    let mut pairs = Vec::new();
    item.pairs(|field, value| {
        pairs.push((
            field.with_text(<[u8]>::to_vec),
            value.with_text(<[u8]>::to_vec),
        ));
    });
    assert_eq!(pairs.len(), item.pairs_len());
    pairs
}

fn assert_same(stream: &Stream, model: &BTreeMap<StreamId, Pairs>, random: &mut Random) {
    assert_eq!(stream.len(), model.len() as u64);
    let all: Vec<_> = stream
        .range(StreamId::MIN, StreamId::MAX)
        .map(|item| (item.id, pairs_of(&item)))
        .collect();
    assert!(all.iter().map(|(id, pairs)| (id, pairs)).eq(model.iter()));
    let (one, other) = (random.below(40), random.below(40));
    let (from, to) = (
        StreamId::new(one.min(other), 2),
        StreamId::new(one.max(other), 1),
    );
    let forth: Vec<_> = stream.range(from, to).map(|item| item.id).collect();
    let mut back: Vec<_> = stream.range_back(from, to).map(|item| item.id).collect();
    back.reverse();
    assert_eq!(forth, back);
    let expected = model.keys().filter(|id| (from..=to).contains(*id));
    assert!(forth.iter().eq(expected), "{from} to {to}");
    let first = model.keys().next().copied().unwrap_or_default();
    assert_eq!(stream.first_id(), first);
    assert_eq!(stream.last_entry_id(), model.keys().next_back().copied());
}

#[test]
fn random_edits_give_what_a_map_gives() {
    for seed in 0..40 {
        let mut random = Random(seed);
        let limits = StreamLimits {
            node_bytes_max: [0, 60, 4096][random.below(3) as usize],
            node_entries_max: [0, 1, 3, 100][random.below(4) as usize],
        };
        let (mut stream, mut model) = (Stream::new(), BTreeMap::new());
        let mut added = 0;
        for _ in 0..300 {
            match random.below(8) {
                0..=3 => {
                    let last = stream.last_id();
                    let id = match random.below(3) {
                        0 => StreamId::new(last.ms + 1, random.below(3)),
                        _ => StreamId::new(last.ms, last.seq + 1 + random.below(2)),
                    };
                    let words: Vec<Vec<u8>> = (0..2 + 2 * random.below(2))
                        .map(|at| match random.below(4) {
                            0 => vec![b'x'; random.below(200) as usize],
                            1 => random.below(100_000).to_string().into_bytes(),
                            _ => vec![b'a' + at as u8],
                        })
                        .collect();
                    stream.push(id, words.iter().map(Vec::as_slice), limits);
                    let pairs = words
                        .chunks(2)
                        .map(|pair| (pair[0].clone(), pair[1].clone()));
                    model.insert(id, pairs.collect());
                    added += 1;
                }
                4 | 5 => {
                    let nth = random.below(model.len() as u64 + 1) as usize;
                    let id = model.keys().nth(nth).copied();
                    let id = id.unwrap_or(StreamId::new(random.below(40), random.below(3)));
                    assert_eq!(stream.delete(id), model.remove(&id).is_some());
                }
                6 => {
                    let most = random.below(model.len() as u64 + 2);
                    trim(&mut stream, &mut model, Threshold::Length(most));
                }
                _ => {
                    let first = model.keys().next().copied().unwrap_or_default();
                    let least = StreamId::new(first.ms + random.below(2), random.below(4));
                    trim(&mut stream, &mut model, Threshold::Id(least));
                }
            }
            assert_same(&stream, &model, &mut random);
            assert_eq!(stream.entries_added(), added);
            assert!(reloaded(&stream).is_some_and(|other| {
                other.len() == stream.len() && other.first_id() == stream.first_id()
            }));
        }
    }
}

/// Cuts exactly, or approximately: then never more than exactly.
fn trim(stream: &mut Stream, model: &mut BTreeMap<StreamId, Pairs>, threshold: Threshold) {
    let mut trim = Trim {
        threshold,
        approximate: true,
        limit: 0,
        references: References::Keep,
    };
    let mut coarse = stream.clone();
    let coarse_gone = coarse.trim(&trim).deleted;
    assert_eq!(coarse.len() + coarse_gone, stream.len());
    trim.approximate = false;
    let gone = stream.trim(&trim).deleted;
    assert!(coarse_gone <= gone);
    for _ in 0..gone {
        model.pop_first();
    }
    match threshold {
        Threshold::Length(most) => assert!(model.len() as u64 <= most),
        Threshold::Id(least) => assert!(model.keys().all(|id| *id >= least)),
    }
}

fn reloaded(stream: &Stream) -> Option<Stream> {
    let mut other = Stream::new();
    for (key, node) in stream.framed_nodes() {
        other.load_node(key, &node)?;
    }
    other.set_marks(stream.marks());
    other.settle(stream.len())?;
    Some(other)
}

fn filled(entries: u64) -> Stream {
    let limits = StreamLimits {
        node_bytes_max: 0,
        node_entries_max: 10,
    };
    let mut stream = Stream::new();
    for ms in 1..=entries {
        stream.push(StreamId::new(ms, 0), [&b"f"[..], b"v"].into_iter(), limits);
    }
    stream
}

#[test]
fn references_decide_what_is_cut() {
    let mut stream = filled(30);
    let mut group = Group::new(StreamId::new(20, 0), None);
    let consumer = group.create(b"c", 1);
    for ms in [3, 4, 12] {
        group.assign(StreamId::new(ms, 0), consumer, 1, 1);
    }
    assert!(stream.add_group(b"g", group));
    let mut trim = Trim {
        threshold: Threshold::Length(5),
        approximate: false,
        limit: 0,
        references: References::Acked,
    };
    let acked = stream.clone().trim(&trim);
    assert_eq!(acked.deleted, 17, "1 to 20 without three pending ones");
    trim.references = References::Delete;
    assert_eq!(stream.trim(&trim).deleted, 25);
    let group = stream.group(b"g").expect("it stays");
    assert!(group.pending().is_empty());
    assert!(
        group
            .consumers()
            .all(|consumer| consumer.pending().is_empty())
    );
}

#[test]
fn both_sides_of_a_group_know_what_is_pending() {
    let mut random = Random(7);
    let mut group = Group::new(StreamId::MIN, None);
    for step in 0..2000 {
        let id = StreamId::new(random.below(30), 0);
        let name = [b'a' + random.below(5) as u8];
        match random.below(6) {
            0..=2 => {
                let number = group.find(&name);
                let number = number.unwrap_or_else(|| group.create(&name, step));
                group.assign(id, number, step, 1);
            }
            3 => group.release(id, 0, 2),
            4 => {
                group.acknowledge(id);
            }
            _ => {
                if let Some(number) = group.find(&name) {
                    let pending = group.consumer(number).pending().len();
                    assert_eq!(group.remove(number), pending);
                }
            }
        }
        let names: Vec<_> = group.consumers().map(Consumer::name).collect();
        assert!(names.is_sorted());
        let owned: usize = group.consumers().map(|one| one.pending().len()).sum();
        let owners = group
            .pending()
            .values()
            .filter(|one| one.consumer.is_some());
        assert_eq!(owned, owners.count());
    }
}

#[test]
fn a_large_stream_is_freed_in_steps() {
    let mut stream = filled(5000);
    let mut group = Group::new(StreamId::MIN, None);
    for name in [b"a", b"b"] {
        let number = group.create(name, 1);
        for ms in 1..500 {
            group.assign(StreamId::new(ms, u64::from(name[0])), number, 1, 1);
        }
    }
    stream.add_group(b"g", group);
    let mut pieces = stream.pieces();
    assert!(pieces > 500 + 2 * 999 / 5);
    while pieces > 1 {
        let gone = stream.free_pieces(100);
        assert!(gone > 0 && gone <= 100);
        let left = stream.pieces();
        assert!(left < pieces);
        pieces = left;
    }
}

#[test]
fn nodes_that_are_none_are_refused() {
    let stream = filled(3);
    let (key, node) = stream.framed_nodes().next().expect("there is one");
    let mut refused = 0;
    for at in 0..node.len() {
        for bit in [1, 2, 0x80] {
            let mut broken = node.clone();
            broken[at] ^= bit;
            let mut other = Stream::new();
            if other
                .load_node(key, &broken)
                .and_then(|()| other.settle(3))
                .is_none()
            {
                refused += 1;
            } else {
                // What is taken can be walked from both ends.
                let all = other.range(StreamId::MIN, StreamId::MAX).count();
                assert_eq!(other.range_back(StreamId::MIN, StreamId::MAX).count(), all);
            }
        }
    }
    assert!(refused > node.len());
}
