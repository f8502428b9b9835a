//! A million keys that expire in the same second: the others' commands are served meanwhile.
//!
//! Expiry is exact, so all of them must be gone soon after, without anybody looking for them.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use cairn::cmd::key_slot;
use cairn::limits::{EXPIRE_PER_TICK, EXPIRE_PER_TICK_MAX};
use cairn::store::{Db, Entry, Store};

use crate::growth::thread_us;
use crate::harness::client::Value;
use crate::probe::{Probe, quiet};
use crate::{alone, connect, figure, load, must_fail, process, start};

/// Lets so many keys expire at once, in slices of this budget: the longest slice, processor
/// microseconds.
fn longest_slice(count: usize, budget: usize) -> Result<u64, String> {
    let mut store = Store::new(1, 7);
    for number in 0..count {
        let key = format!("key:{number:012}");
        let text = cairn::store::Value::Bytes(b"12345678");
        let slot = key_slot(key.as_bytes());
        store.insert(
            Db::FIRST,
            slot,
            Entry::new(key.as_bytes(), text, Some(1_000_000)),
        );
    }
    let (mut longest, mut expired) = (0, 0);
    while store.len(Db::FIRST) > 0 {
        let before = thread_us();
        let progress = store.expire_step(1_001_000, budget, &mut |_, _, _| {});
        longest = longest.max(thread_us() - before);
        expired += progress.expired;
    }
    assert_eq!(expired, count, "all go, none twice");
    let limit = load(2_000, 1_000) as u64;
    if longest <= limit {
        return Ok(longest);
    }
    Err(format!("a slice took {longest} us, at most {limit} wanted"))
}

#[test]
fn expiry_comes_in_short_slices() {
    let _alone = alone();
    let count = load(200_000, 1_000_000);
    for budget in [EXPIRE_PER_TICK, EXPIRE_PER_TICK_MAX] {
        let longest = longest_slice(count, budget).expect("slices are short");
        let what = format!("{count} keys, longest slice of {budget}, processor us");
        figure("expiry", &what, longest);
    }
    // The control: all at once.
    let all = longest_slice(count, usize::MAX);
    must_fail("expiry", &all.map(|_| ()));
}

#[test]
fn a_wave_of_expiries_holds_nobody_up() {
    let _alone = alone();
    let count = load(100_000, 1_000_000);
    let server = start(&["--shards", "1"]);
    let before = quiet(connect(&server), "probe", Duration::from_millis(500));
    figure("expiry", "probe before", &before);
    let lead = Duration::from_secs(load(4, 40) as u64);
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("after 1970");
    let at = (now + lead).as_secs().to_string();
    let began = Instant::now();
    crate::growth::fill(&server, count, 8, Some(&["EXAT", &at]));
    assert!(
        began.elapsed() + Duration::from_secs(1) < lead,
        "the keys are set before they expire"
    );
    let mut client = connect(&server);
    client.call(&["CONFIG", "RESETSTAT"]).expect("a reply");
    // The wave alone, so that its answers are not lost among those of the calm before it.
    let wait = lead.saturating_sub(began.elapsed() + Duration::from_millis(1100));
    std::thread::sleep(wait);
    let probe = Probe::with_pause(connect(&server), "probe", Duration::from_micros(200));
    let left = || {
        client.call(&["DBSIZE"]).map_or(0, |reply| match reply {
            Value::Integer(count) => count,
            other => panic!("{other:?}"),
        })
    };
    let gone = process::settle(lead + Duration::from_secs(5), left, |left| left == 1);
    assert!(gone.is_ok(), "{gone:?} keys are left");
    let seen = probe.stop();
    figure("expiry", &format!("{count} keys at once, probe"), &seen);
    let shard = &process::shards(&mut client)[0];
    let longest = shard.number("longest_round_usec");
    figure(
        "expiry",
        "longest round, us",
        format!("{longest} {}", shard.text("longest_round_cause")),
    );
    // On a busy machine the same probe waits as long without any expiry.
    let limit = (load(100_000, 2_000) as u64).max(3 * before.permille(999));
    seen.within(999, limit).expect("others are served");
    // The control: with active expiry off nobody is removed.
    client
        .call(&["DEBUG", "SET-ACTIVE-EXPIRE", "0"])
        .expect("a reply");
    client
        .call(&["SET", "stays", "1", "PX", "1"])
        .expect("a reply");
    let left = || {
        client
            .call(&["DBSIZE"])
            .map_or(0, |reply| i64::from(reply == Value::Integer(1)))
    };
    let gone = process::settle(Duration::from_millis(300), left, |left| left == 1);
    must_fail(
        "expiry",
        &gone
            .map(|_| ())
            .map_err(|_| "an expired key was still there".into()),
    );
}
