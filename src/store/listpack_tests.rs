//! Listpacks against a vector of texts, against bytes that Redis wrote, and damaged by the
//! thousand.
//!
//! Random from constant seeds, so a failure repeats itself.

use super::*;
use crate::store::testing::Random;

fn texts(pack: &Listpack) -> Vec<Vec<u8>> {
    pack.iter()
        .map(|element| element.with_text(<[u8]>::to_vec))
        .collect()
}

fn backwards(pack: &Listpack) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    let mut position = pack.end();
    while position > pack.first() {
        position = pack.before(position);
        found.push(pack.at(position).0.with_text(<[u8]>::to_vec));
    }
    found.reverse();
    found
}

/// Texts at every border of the encodings, then random ones.
fn sample(random: &mut Random) -> Vec<u8> {
    const NUMBERS: [i64; 20] = [
        0,
        127,
        128,
        -1,
        4095,
        4096,
        -4096,
        -4097,
        32767,
        32768,
        -32768,
        -32769,
        8_388_607,
        8_388_608,
        -8_388_608,
        -8_388_609,
        2_147_483_647,
        2_147_483_648,
        i64::MAX,
        i64::MIN,
    ];
    const LENGTHS: [usize; 14] = [
        0, 1, 5, 62, 63, 64, 126, 127, 128, 4095, 4096, 16_377, 16_378, 16_379,
    ];
    match random.below(8) {
        0..=2 => NUMBERS[random.below(NUMBERS.len())]
            .to_string()
            .into_bytes(),
        3 => (random.next() as i64 >> random.below(64))
            .to_string()
            .into_bytes(),
        4 if random.below(8) == 0 => vec![b'x'; LENGTHS[random.below(LENGTHS.len())]],
        5 => b"007".to_vec(),
        _ => (0..random.below(20)).map(|_| random.next() as u8).collect(),
    }
}

#[test]
fn edits_agree_with_a_vector() {
    let mut random = Random::new(3);
    for _ in 0..60 {
        let (mut pack, mut model): (Listpack, Vec<Vec<u8>>) = Default::default();
        for _ in 0..300 {
            let text = sample(&mut random);
            let element = Element::from_text(&text);
            let index = random.below(model.len() + 1);
            match random.below(9) {
                0..=1 => {
                    pack.push_back(element);
                    model.push(text);
                }
                2..=3 => {
                    pack.push_front(element);
                    model.insert(0, text);
                }
                4 => {
                    pack.insert(pack.position(index), element);
                    model.insert(index, text);
                }
                5 if index < model.len() => {
                    pack.remove(pack.position(index));
                    model.remove(index);
                }
                6 if !model.is_empty() => {
                    let (from, to) = (0, random.below(model.len().min(4)));
                    let (first, last) = (pack.position(from), pack.position(to));
                    pack.cut(first, last, to - from);
                    model.drain(from..to);
                }
                7 => {
                    let tail = pack.split_off(pack.position(index), model.len() - index);
                    assert_eq!(texts(&tail), model[index..]);
                    pack.append(&tail);
                }
                _ => pack.shrink(),
            }
            assert_eq!(pack.len(), model.len());
        }
        assert_eq!(texts(&pack), model);
        assert_eq!(backwards(&pack), model);
        let framed = pack.framed();
        assert_eq!(framed.len(), pack.entry_bytes() + FRAME_BYTES);
        assert_eq!(
            texts(&Listpack::from_framed(&framed).expect("it was framed by us")),
            model
        );
    }
}

#[test]
fn a_queue_neither_grows_nor_moves_often() {
    let mut pack = Listpack::new();
    for number in 0..100 {
        pack.push_back(Element::Int(number));
    }
    for number in 100..100_000 {
        pack.push_back(Element::Int(number));
        pack.remove(pack.first());
    }
    assert!(pack.heap_bytes() < 2000, "{} bytes", pack.heap_bytes());
    for number in 0..100_000 {
        pack.push_front(Element::Int(number));
        pack.remove(pack.before(pack.end()));
    }
    assert!(pack.heap_bytes() < 2000, "{} bytes", pack.heap_bytes());
    while !pack.is_empty() {
        pack.remove(pack.first());
    }
    assert_eq!(pack.entry_bytes(), 0);
}

#[test]
fn frames_are_redis_s() {
    // The node of `RPUSH l 1 -1 100000 abc` as redis-server 7.0.15 dumps it.
    let mut pack = Listpack::new();
    for text in ["1", "-1", "100000", "abc"] {
        pack.push_back(Element::from_text(text.as_bytes()));
    }
    let expected = [
        22, 0, 0, 0, 4, 0, 1, 1, 0xdf, 0xff, 2, 0xf2, 0xa0, 0x86, 0x01, 4, 0x83, b'a', b'b', b'c',
        4, 0xff,
    ];
    assert_eq!(pack.framed(), expected);
}

#[test]
fn damaged_frames_never_panic() {
    let mut random = Random::new(11);
    let mut accepted = 0;
    for _ in 0..30_000 {
        let mut pack = Listpack::new();
        for _ in 0..random.below(12) {
            pack.push_back(Element::from_text(&sample(&mut random)));
        }
        let mut framed = pack.framed();
        for _ in 0..=random.below(3) {
            let at = random.below(framed.len());
            match random.below(4) {
                0 => framed.truncate(at + 1),
                1 => framed.insert(at, random.next() as u8),
                _ => framed[at] = random.next() as u8,
            }
        }
        if random.below(2) == 0 && framed.len() >= 4 {
            let total = framed.len() as u32;
            framed[..4].copy_from_slice(&total.to_le_bytes());
        }
        if let Some(read) = Listpack::from_framed(&framed) {
            accepted += 1;
            assert_eq!(texts(&read), backwards(&read));
            assert_eq!(read.entry_bytes() + FRAME_BYTES, framed.len());
        }
    }
    assert!(accepted > 100, "{accepted}");
}

#[test]
fn needles_find_text_however_it_is_kept() {
    assert!(Needle::new(b"12").is(Element::Int(12)));
    assert!(Needle::new(b"12").is(Element::Bytes(b"12")));
    assert!(!Needle::new(b"012").is(Element::Int(12)));
    assert!(Needle::new(b"").is(Element::Bytes(b"")));
}
