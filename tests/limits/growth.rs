//! Growing: no command waits for the table of keys to grow, however many there are.
//!
//! In process, the longest single insertion; over the wire, what a probe sees while millions of
//! keys arrive. `fill` serves the other checks as well.

use std::time::Duration;

use cairn::limits::SLOTS;
use cairn::store::{Db, Entry, Slot, Store, Value};

use crate::harness::client::{Client, encode};
use crate::harness::server::Server;
use crate::probe::Probe;
use crate::{alone, connect, figure, load, must_fail, ok, process, start};

/// Commands sent before their answers are read.
const BATCH: usize = 500;

/// Sets so many keys of 16 bytes to values of this length, some with an expiry.
pub fn fill(server: &Server, count: usize, value_bytes: usize, expiry: Option<&[&str]>) {
    let mut client: Client = connect(server);
    let value = "v".repeat(value_bytes);
    for first in (0..count).step_by(BATCH) {
        let mut bytes = Vec::new();
        let end = (first + BATCH).min(count);
        for number in first..end {
            let key = format!("key:{number:012}");
            let mut words = vec!["SET", &key, &value];
            words.extend(expiry.into_iter().flatten());
            let words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
            bytes.extend(encode(&words));
        }
        client.send(&bytes).expect("sent");
        for _ in first..end {
            assert_eq!(client.read().expect("a reply"), ok());
        }
    }
}

/// Processor time of this thread, microseconds: what others do on the machine does not count.
pub fn thread_us() -> u64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` is a valid timespec that the call fills.
    let result = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    assert_eq!(result, 0, "the clock can be read");
    time.tv_sec.cast_unsigned() * 1_000_000 + time.tv_nsec.cast_unsigned() / 1000
}

/// Times that the same insertions are done: what a table does it does each time, what the machine
/// does (a virtual processor's time counts its host's interruptions) comes once.
const PASSES: usize = 2;

/// The longest of so many insertions, processor microseconds, each at its fastest; `fresh` begins a
/// pass.
fn longest_insertion<T>(
    count: usize,
    fresh: impl Fn() -> T,
    mut insert: impl FnMut(&mut T, usize, &[u8]),
) -> u64 {
    let mut fastest = vec![u32::MAX; count];
    for _ in 0..PASSES {
        let mut keys = fresh();
        let mut before = thread_us();
        for (number, fastest) in fastest.iter_mut().enumerate() {
            insert(&mut keys, number, format!("key:{number:012}").as_bytes());
            let after = thread_us();
            *fastest = (*fastest).min(u32::try_from(after - before).unwrap_or(u32::MAX));
            before = after;
        }
    }
    u64::from(fastest.into_iter().max().unwrap_or(0))
}

fn short(longest_us: u64) -> Result<(), String> {
    if longest_us <= 2_000 {
        return Ok(());
    }
    Err(format!("an insertion took {longest_us} us"))
}

#[test]
fn growing_never_pauses_in_process() {
    let _alone = alone();
    let count = load(1_000_000, 20_000_000);
    // All keys in one slot: the largest table there can be. Then in all slots, as most keys are.
    for (slots, what) in [(1, "one slot"), (SLOTS, "all slots")] {
        let longest = longest_insertion(
            count,
            || Store::new(1, 7),
            |store, number, key| {
                let slot = Slot::at(number % slots).expect("it is below SLOTS");
                store.insert(
                    Db::FIRST,
                    slot,
                    Entry::new(key, Value::Bytes(b"12345678"), None),
                );
            },
        );
        let what = format!("longest of {count} insertions into {what}, processor us");
        figure("growth", &what, longest);
        short(longest).expect("no insertion is long");
    }
    // The control: a table that doubles at once.
    let longest = longest_insertion(count, std::collections::HashMap::new, |map, number, key| {
        map.insert(key.to_vec(), number);
    });
    must_fail("growth", &short(longest));
}

#[test]
fn growing_never_pauses_over_the_wire() {
    let _alone = alone();
    let count = load(300_000, 20_000_000);
    let server = start(&["--shards", "1"]);
    let probe = Probe::with_pause(connect(&server), "probe", Duration::from_millis(1));
    fill(&server, count, 8, None);
    let seen = probe.stop();
    figure("growth", &format!("{count} keys, probe"), &seen);
    let shard = &process::shards(&mut connect(&server))[0];
    let cause = shard.text("longest_round_cause");
    let longest = shard.number("longest_round_usec");
    figure("growth", "longest round, us", format!("{longest} {cause}"));
    let limit = load(150_000, 10_000) as u64;
    seen.within(999, limit).expect("answers come in time");
}
