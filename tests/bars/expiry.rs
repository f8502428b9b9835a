//! A million keys that expire in the same second: the others' commands are served meanwhile.
//!
//! Expiry is exact, so all of them must be gone soon after, without anybody looking for them.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::harness::client::Value;
use crate::probe::{Probe, quiet};
use crate::{alone, connect, figure, load, must_fail, process, start};

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
            .map_err(|_| "a key outlived its time".into()),
    );
}
