//! Commands that are heavy by nature: they do not hold up other shards, and their own stall is
//! published.
//!
//! Requirement R24. The heavy command runs on one shard, a probe on the other; afterwards INFO must
//! name what was long.

use std::time::{Duration, Instant};

use cairn::limits::FREE_PER_TICK;
use cairn::resp::glob_match;
use cairn::store::{End, Entry, List, NodeLimits, Object, Store, Value as Stored};

use crate::growth::thread_us;
use crate::harness::client::{Client, Value, encode};
use crate::probe::{Probe, quiet};
use crate::{alone, connect, figure, load, must_fail, process, start};

/// Keys `TAGnumber` from `from` on.
fn keys(tag: &str, count: usize) -> Vec<Vec<u8>> {
    (0..count)
        .map(|number| format!("{tag}{number:07}").into_bytes())
        .collect()
}

/// A command with these words before each key, and these behind.
fn command(name: &str, keys: &[Vec<u8>], value: Option<&[u8]>) -> Vec<u8> {
    let mut words: Vec<&[u8]> = vec![name.as_bytes()];
    for key in keys {
        words.push(key);
        words.extend(value);
    }
    encode(&words)
}

/// Reads a reply of any length by its ending only: arrays of a million are not kept.
fn done(client: &mut Client) -> Value {
    client.read().expect("a reply")
}

#[test]
fn heavy_commands_leave_other_shards_alone() {
    let _alone = alone();
    let server = start(&["--shards", "2"]);
    let mut homes = process::homes(&server, 2);
    let (probe_client, probe_tag) = homes.pop().expect("two shards");
    let (mut heavy, tag) = homes.pop().expect("two shards");
    let probe_key = format!("{probe_tag}probe");
    let before = quiet(probe_client, &probe_key, Duration::from_millis(500));
    figure("heavy", "probe of the other shard, before", &before);
    let many = keys(&tag, load(100_000, 1_000_000));
    let deep = format!("{}b", "a*".repeat(30));
    let steps: [(&str, Vec<u8>); 7] = [
        ("MSET", command("MSET", &many, Some(b"value"))),
        ("MGET", command("MGET", &many, None)),
        ("EXISTS", command("EXISTS", &many, None)),
        ("KEYS", encode(&[b"KEYS", deep.as_bytes()])),
        (
            "SCAN",
            encode(&[
                b"SCAN",
                b"0",
                b"MATCH",
                deep.as_bytes(),
                b"COUNT",
                b"1000000",
            ]),
        ),
        ("CONFIG", encode(&[b"CONFIG", b"GET", deep.as_bytes()])),
        ("DEL", command("DEL", &many, None)),
    ];
    let mut looker = connect(&server);
    let limit_us = load(150_000, 10_000) as u64;
    for (name, bytes) in steps {
        looker.call(&["CONFIG", "RESETSTAT"]).expect("a reply");
        let client = crate::process::homes(&server, 2)
            .pop()
            .expect("two shards")
            .0;
        let probe = Probe::with_pause(client, &probe_key, Duration::from_millis(1));
        let began = Instant::now();
        heavy.send(&bytes).expect("sent");
        let reply = done(&mut heavy);
        let took = began.elapsed();
        assert!(!matches!(reply, Value::Error(_)), "{name}: {reply:?}");
        // So that the shortest of them, too, has a probe that was answered.
        std::thread::sleep(Duration::from_millis(20));
        let seen = probe.stop();
        let own = process::shards(&mut looker);
        let stall = |shard: usize| {
            let figures: &process::ShardFigures = &own[shard];
            format!(
                "{} us {}",
                figures.text("longest_round_usec"),
                figures.text("longest_round_cause")
            )
        };
        let text = format!(
            "{took:?}; own shard {}; other shard {}; its probe: {seen}",
            stall(0),
            stall(1)
        );
        figure("heavy", name, text);
        seen.within(999, limit_us.max(3 * before.permille(999)))
            .unwrap_or_else(|reason| panic!("{name}: {reason}"));
    }
}

#[test]
fn flushing_frees_bit_by_bit() {
    let _alone = alone();
    let server = start(&["--shards", "2"]);
    let mut client = connect(&server);
    let count = load(300_000, 10_000_000);
    crate::growth::fill(&server, count, 8, None);
    client.call(&["CONFIG", "RESETSTAT"]).expect("a reply");
    let probe = Probe::ping(connect(&server));
    assert_eq!(client.call(&["FLUSHALL"]).expect("a reply"), crate::ok());
    let freed = process::settle(
        Duration::from_secs(60),
        || unfreed(&mut client),
        |left| left == 0,
    );
    assert!(freed.is_ok(), "{freed:?} keys are still in memory");
    let seen = probe.stop();
    figure("heavy", &format!("FLUSHALL of {count} keys, probe"), &seen);
    for (number, shard) in process::shards(&mut connect(&server)).iter().enumerate() {
        let longest = shard.number("longest_round_usec");
        figure(
            "heavy",
            &format!("FLUSHALL, longest round of shard {number}, us"),
            longest,
        );
        assert!(longest <= load(250_000, 50_000) as u64, "{shard:?}");
    }
}

/// Objects that INFO says are still to be freed.
fn unfreed(client: &mut Client) -> usize {
    let Ok(Value::Bulk(text)) = client.call(&["INFO", "memory"]) else {
        panic!("INFO answers");
    };
    let text = String::from_utf8_lossy(&text).into_owned();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("lazyfree_pending_objects:"));
    line.and_then(|number| number.parse::<usize>().ok())
        .unwrap_or(0)
}

/// Appends so many short elements to a list.
fn fill_list(client: &mut Client, key: &str, count: usize) {
    let elements: Vec<String> = (0..500).map(|number| format!("element{number}")).collect();
    let mut words: Vec<&[u8]> = vec![b"RPUSH", key.as_bytes()];
    words.extend(elements.iter().map(|element| element.as_bytes()));
    let bytes = encode(&words);
    for first in (0..count).step_by(500) {
        client.send(&bytes).expect("sent");
        let len = i64::try_from(first + 500).expect("lists are short");
        assert_eq!(client.read().expect("a reply"), Value::Integer(len));
    }
}

/// Err if the shard had a round longer than a value's end may take.
fn brief(client: &mut Client) -> Result<u64, String> {
    let longest = process::shards(client)[0].number("longest_round_usec");
    if longest <= load(250_000, 50_000) as u64 {
        return Ok(longest);
    }
    Err(format!("a round of {longest} us"))
}

#[test]
fn large_values_are_freed_bit_by_bit() {
    let _alone = alone();
    let server = start(&["--shards", "1"]);
    let mut client = connect(&server);
    let count = load(500_000, 10_000_000);
    // Both nodes of 8 KiB, as by default, and a hundred times as many small ones.
    for size in ["-2", "8"] {
        client
            .call(&["CONFIG", "SET", "list-max-listpack-size", size])
            .expect("a reply");
        let ends: [&[&str]; 4] = [
            &["DEL", "list"],
            &["UNLINK", "list"],
            &["SET", "list", "text"],
            &["FLUSHALL"],
        ];
        for words in ends {
            client.call(&["DEL", "list"]).expect("a reply");
            fill_list(&mut client, "list", count);
            client.call(&["CONFIG", "RESETSTAT"]).expect("a reply");
            let reply = client.call(words).expect("a reply");
            assert!(!matches!(reply, Value::Error(_)), "{reply:?}");
            let freed = process::settle(
                Duration::from_secs(60),
                || unfreed(&mut client),
                |left| left == 0,
            );
            assert!(freed.is_ok(), "{freed:?} values are still in memory");
            let what = format!("{} of a list of {count}, nodes of {size}", words[0]);
            let longest = brief(&mut client).expect("freeing holds nobody up");
            figure("heavy", &what, format!("longest round {longest} us"));
        }
    }
    // The control: a round that is long is seen.
    client.call(&["DEBUG", "SLEEP", "0.3"]).expect("a reply");
    must_fail("heavy", &brief(&mut client).map(|_| ()));
}

#[test]
fn large_values_are_freed_in_short_slices() {
    let _alone = alone();
    let nodes = load(200_000, 1_000_000);
    let entry = || {
        let limits = NodeLimits {
            fill: 1,
            ..NodeLimits::default()
        };
        let mut list = List::new();
        for _ in 0..nodes {
            list.push(End::Back, b"element", limits);
        }
        Entry::new(b"list", Stored::Object(Object::List(Box::new(list))), None)
    };
    // What a host's interruption adds does not come in the same slice each time.
    let (mut slices, mut whole) = (Vec::new(), u64::MAX);
    for _ in 0..3 {
        let pass = time_slices(entry());
        slices.resize(pass.len(), u64::MAX);
        for (least, us) in slices.iter_mut().zip(pass) {
            *least = us.min(*least);
        }
        let value = entry();
        let before = thread_us();
        drop(value);
        whole = whole.min(thread_us() - before);
    }
    let short = |longest: u64| match longest * 10 <= whole && longest <= 2_000 {
        true => Ok(()),
        false => Err(format!("{longest} us at once, of {whole}")),
    };
    let longest = slices.into_iter().max().expect("freeing takes slices");
    let what = format!("freeing a list of {nodes} nodes, longest slice, processor us");
    figure("heavy", &what, format!("{longest}, whole {whole}"));
    short(longest).expect("slices are short");
    must_fail("heavy", &short(whole));
}

/// Processor time of each slice in which a store frees a value, microseconds.
fn time_slices(value: Entry) -> Vec<u64> {
    let mut store = Store::new(1, 7);
    let mut before = thread_us();
    store.discard(value);
    let mut slices = vec![thread_us() - before];
    while store.unfreed() > 0 {
        before = thread_us();
        store.free_some(FREE_PER_TICK);
        slices.push(thread_us() - before);
    }
    slices
}

/// Eight times the text must not take more than 24 times as long.
fn linear(matches: impl Fn(&[u8], &[u8]) -> bool, small: usize) -> Result<(), String> {
    let pattern = format!("{}b", "a*".repeat(8)).into_bytes();
    let time = |len: usize| {
        let text = vec![b'a'; len];
        let began = Instant::now();
        assert!(!matches(&pattern, &text));
        began.elapsed().as_secs_f64()
    };
    let ratio = (0..3)
        .map(|_| time(8 * small) / time(small).max(1e-9))
        .fold(f64::MAX, f64::min);
    if ratio <= 24.0 {
        return Ok(());
    }
    Err(format!("8 times the text took {ratio:.0} times as long"))
}

/// How a matcher must not be written: every star tries all that may follow.
fn recursive(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern.split_first(), text.split_first()) {
        (None, None) => true,
        (Some((b'*', rest)), _) => (0..=text.len()).any(|skip| recursive(rest, &text[skip..])),
        (Some((byte, rest)), Some((other, left))) => byte == other && recursive(rest, left),
        _ => false,
    }
}

#[test]
fn glob_time_is_linear() {
    let _alone = alone();
    linear(|pattern, text| glob_match(pattern, text, false), 20_000).expect("linear");
    must_fail("heavy", &linear(recursive, 5));
}

#[test]
fn lcs_time_is_bounded() {
    let _alone = alone();
    let server = start(&["--shards", "1"]);
    let mut client = connect(&server);
    let mut set = |name: &str, len: usize| {
        let text: String = (0..len)
            .map(|at| char::from(b'a' + (at * at / 7 % 13) as u8))
            .collect();
        client.call(&[
            "MSET",
            &format!("{name}1"),
            &text,
            &format!("{name}2"),
            &text[len / 3..],
        ])
    };
    set("large", 1 << 20).expect("a reply");
    set("fits", 11_000).expect("a reply");
    let refused = client
        .call(&["LCS", "large1", "large2", "LEN"])
        .expect("a reply");
    let text = "ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len";
    assert_eq!(refused, Value::Error(text.into()));
    for options in [&["LEN"][..], &["IDX"], &[]] {
        let began = Instant::now();
        let reply = client
            .call(&[&["LCS", "fits1", "fits2"], options].concat())
            .expect("a reply");
        let took = began.elapsed();
        assert!(!matches!(reply, Value::Error(_)));
        figure(
            "heavy",
            &format!("LCS of 11,000 bytes each {options:?}"),
            format!("{took:?}"),
        );
        assert!(
            took < Duration::from_millis(load(2000, 100) as u64),
            "{took:?}"
        );
    }
}
