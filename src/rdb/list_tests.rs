//! Lists as redis-server 7.0.15 dumps them, round trips, old forms, and damage by the thousand.
//!
//! Random from constant seeds; nothing may panic or allocate beyond what the input holds.

use super::super::{dump, restore};
use super::*;
use crate::store::testing::Random;
use crate::store::{FormLimits, Object, ValueRef};

fn texts(list: &List) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    list.range(0, list.len(), false, |element| {
        found.push(element.with_text(<[u8]>::to_vec));
    });
    found
}

fn list_of(items: &[&[u8]], limits: NodeLimits) -> List {
    let mut list = List::new();
    for text in items {
        list.push(End::Back, text, limits);
    }
    list
}

fn read(type_byte: u8, body: &[u8]) -> Result<Vec<Vec<u8>>, Malformed> {
    let mut reader = Reader::new(body);
    let list = read_list(type_byte, &mut reader, NodeLimits::default())?;
    if reader.remaining() == 0 {
        Ok(texts(&list))
    } else {
        Err(Malformed)
    }
}

#[test]
fn a_small_list_is_dumped_as_redis_dumps_it() {
    let list = list_of(&[b"1", b"-1", b"100000", b"abc"], NodeLimits::default());
    let recorded: &[u8] =
        b"\x12\x01\x02\x16\x16\0\0\0\x04\0\x01\x01\xdf\xff\x02\xf2\xa0\x86\x01\x04\x83abc\x04\xff\
        \x0a\0\xf7$\x91_\x10\xa0\x93\n";
    let object = Object::List(Box::new(list));
    assert_eq!(dump(ValueRef::Object(&object), true), recorded);
    let super::super::Loaded::Object(Object::List(loaded)) =
        restore(recorded, FormLimits::default()).expect("it is well formed")
    else {
        panic!("a list was dumped");
    };
    assert_eq!(texts(&loaded), [&b"1"[..], b"-1", b"100000", b"abc"]);
}

#[test]
fn what_is_written_is_read_back() {
    let mut random = Random::new(2);
    for round in 0..40 {
        let limits = NodeLimits {
            fill: [-2, -1, 3][round % 3],
            compress_depth: (round % 2) as u32,
            packed_threshold: [usize::MAX, 50][random.below(2)],
        };
        let items: Vec<Vec<u8>> = (0..=random.below(500))
            .map(|_| match random.below(10) {
                0 => vec![b'L'; 9000],
                1..=4 => random.below(1000).to_string().into_bytes(),
                _ => vec![random.next() as u8; 1 + random.below(90)],
            })
            .collect();
        let items: Vec<&[u8]> = items.iter().map(Vec::as_slice).collect();
        let list = list_of(&items, limits);
        for compress in [false, true] {
            let mut body = Vec::new();
            write_list(&mut body, &list, compress);
            assert_eq!(
                read(TYPE_LIST_QUICKLIST_2, &body).expect("it is well formed"),
                items
            );
        }
    }
}

/// A ziplist of these entries, each with its head.
fn ziplist(entries: &[&[u8]]) -> Vec<u8> {
    let mut body = Vec::new();
    let (mut before, mut last) = (0usize, 0);
    for entry in entries {
        last = body.len();
        match u8::try_from(before) {
            Ok(short) if short < 0xfe => body.push(short),
            _ => {
                body.push(0xfe);
                body.extend_from_slice(&(before as u32).to_le_bytes());
            }
        }
        body.extend_from_slice(entry);
        before = body.len() - last;
    }
    let mut bytes = (body.len() as u32 + 11).to_le_bytes().to_vec();
    bytes.extend_from_slice(&(last as u32 + 10).to_le_bytes());
    bytes.extend_from_slice(&(entries.len() as u16).to_le_bytes());
    bytes.extend_from_slice(&body);
    bytes.push(0xff);
    bytes
}

#[test]
fn old_forms_are_read() {
    let long = [&[0x41, 0x2c][..], &[b'z'; 300]].concat();
    let entries: &[&[u8]] = &[
        b"\x03abc",
        &long,
        b"\xf1",
        b"\xfd",
        b"\xfe\x80",
        b"\xc0\xff\x7f",
        b"\xf0\x00\x00\x80",
        b"\xd0\x01\x00\x00\x80",
        b"\xe0\x00\x00\x00\x00\x00\x00\x00\x80",
        b"\x80\x00\x00\x00\x01q",
    ];
    let expected: Vec<Vec<u8>> = vec![
        b"abc".to_vec(),
        vec![b'z'; 300],
        b"0".to_vec(),
        b"12".to_vec(),
        b"-128".to_vec(),
        b"32767".to_vec(),
        b"-8388608".to_vec(),
        b"-2147483647".to_vec(),
        i64::MIN.to_string().into_bytes(),
        b"q".to_vec(),
    ];
    let node = ziplist(entries);
    let mut body = Vec::new();
    write_string(&mut body, &node, true);
    assert_eq!(
        read(TYPE_LIST_ZIPLIST, &body).expect("it is well formed"),
        expected
    );
    let mut two = vec![2];
    two.extend_from_slice(&body);
    write_string(&mut two, &ziplist(&[]), false);
    assert_eq!(
        read(TYPE_LIST_QUICKLIST, &two).expect("it is well formed"),
        expected
    );
    assert_eq!(
        read(TYPE_LIST, b"\x02\x01a\xc0\x05").expect("it is well formed"),
        [&b"a"[..], b"5"]
    );
}

#[test]
fn senseless_lists_are_refused() {
    let empty_pack = Listpack::new().framed();
    let mut only_empty = vec![1, 2];
    write_string(&mut only_empty, &empty_pack, false);
    let cases: &[(u8, &[u8])] = &[
        (TYPE_LIST, b"\0"),
        (TYPE_LIST, b"\x02\x01a"),
        (TYPE_LIST_QUICKLIST_2, b"\0"),
        (TYPE_LIST_QUICKLIST_2, b"\x01\x03\x01a"),
        (TYPE_LIST_QUICKLIST_2, b"\x01\x01\x00"),
        (TYPE_LIST_QUICKLIST_2, b"\x01\x02\x01a"),
        (TYPE_LIST_QUICKLIST_2, &only_empty),
        (TYPE_LIST_ZIPLIST, b"\x01a"),
    ];
    for (type_byte, body) in cases {
        assert_eq!(read(*type_byte, body), Err(Malformed), "{body:?}");
    }
}

#[test]
fn damaged_ziplists_never_panic() {
    let mut random = Random::new(13);
    let long = [&[0x41, 0x2c][..], &[b'z'; 300]].concat();
    let entries: &[&[u8]] = &[b"\x03abc", &long, b"\xf1", b"\xc0\xff\x7f", b"\x02no"];
    let mut accepted = 0;
    for _ in 0..20_000 {
        let mut node = ziplist(&entries[..random.below(entries.len() + 1)]);
        for _ in 0..=random.below(2) {
            let at = random.below(node.len());
            match random.below(4) {
                0 => node.truncate(at + 1),
                1 => node.insert(at, random.next() as u8),
                _ => node[at] = random.next() as u8,
            }
        }
        let mut bytes = 0;
        let outcome = read_ziplist(&node, |element| {
            bytes += element.with_text(<[u8]>::len);
        });
        accepted += usize::from(outcome.is_ok());
        assert!(bytes <= node.len() * 20);
    }
    assert!(accepted > 100, "{accepted}");
}
