//! Expiry commands, their conditions, their limits and what the log gets of them.
//!
//! Error texts, replies and events were taken from redis-server 7.0.15.

use crate::cmd::fixture::Fixture;

fn with_key() -> Fixture {
    let mut fixture = Fixture::new();
    fixture.fresh("set k v");
    fixture
}

#[test]
fn expire_counts_seconds() {
    let mut fixture = with_key();
    assert_eq!(fixture.fresh("expire k 100"), ":1\r\n");
    assert_eq!(
        fixture.stream(),
        [format!("PEXPIREAT k {}", fixture.now_ms + 100_000)]
    );
    assert_eq!(fixture.events(), ["expire k"]);
    assert_eq!(fixture.fresh("ttl k"), ":100\r\n");
    assert_eq!(fixture.fresh("expire none 100"), ":0\r\n");
    fixture.now_ms += 100_000;
    assert_eq!(fixture.fresh("exists k"), ":0\r\n");
}

#[test]
fn pexpire_counts_milliseconds() {
    let mut fixture = with_key();
    assert_eq!(fixture.fresh("pexpire k 1"), ":1\r\n");
    assert_eq!(fixture.fresh("exists k"), ":1\r\n");
    fixture.now_ms += 1;
    assert_eq!(fixture.fresh("exists k"), ":0\r\n");
}

#[test]
fn expireat_and_pexpireat_take_points_in_time() {
    let mut fixture = with_key();
    assert_eq!(fixture.fresh("expireat k 1700000010"), ":1\r\n");
    assert_eq!(fixture.fresh("expiretime k"), ":1700000010\r\n");
    assert_eq!(fixture.fresh("pexpireat k 1700000010499"), ":1\r\n");
    assert_eq!(fixture.stream(), ["PEXPIREAT k 1700000010499"]);
    assert_eq!(fixture.fresh("pexpiretime k"), ":1700000010499\r\n");
    assert_eq!(fixture.fresh("expiretime k"), ":1700000010\r\n");
}

#[test]
fn a_time_in_the_past_deletes() {
    for line in [
        "expire k 0",
        "expire k -1",
        "pexpire k -9223372036854775808",
        "expireat k 5",
        "pexpireat k 1700000000000",
    ] {
        let mut fixture = with_key();
        assert_eq!(fixture.fresh(line), ":1\r\n", "{line}");
        assert_eq!(fixture.stream(), ["DEL k"], "{line}");
        assert_eq!(fixture.events(), ["del k"], "{line}");
        assert_eq!(fixture.fresh("exists k"), ":0\r\n", "{line}");
    }
}

#[test]
fn times_that_overflow_are_refused() {
    let mut fixture = with_key();
    for name in ["expire", "expireat", "pexpire"] {
        let reply = fixture.fresh(&format!("{name} k 9223372036854775807"));
        assert_eq!(
            reply,
            format!("-ERR invalid expire time in '{name}' command\r\n")
        );
    }
    assert_eq!(
        fixture.fresh("expire k -9223372036854775808"),
        "-ERR invalid expire time in 'expire' command\r\n"
    );
    assert_eq!(
        fixture.fresh("expire k 1.5"),
        "-ERR value is not an integer or out of range\r\n"
    );
    assert_eq!(fixture.fresh("ttl k"), ":-1\r\n");
}

#[test]
fn conditions_are_checked_together() {
    let mut fixture = with_key();
    let clash = "-ERR NX and XX, GT or LT options at the same time are not compatible\r\n";
    assert_eq!(fixture.fresh("expire k 1 nx xx"), clash);
    assert_eq!(fixture.fresh("expire k 1 NX GT"), clash);
    assert_eq!(
        fixture.fresh("expire k 1 gt lt"),
        "-ERR GT and LT options at the same time are not compatible\r\n"
    );
    assert_eq!(
        fixture.fresh("expire k 1 maybe"),
        "-ERR Unsupported option maybe\r\n"
    );
}

#[test]
fn conditions_compare_with_the_present_expiry() {
    let mut fixture = with_key();
    // Without an expiry the key counts as expiring in the infinite future.
    for (line, reply) in [
        ("expire k 100 xx", ":0\r\n"),
        ("expire k 100 gt", ":0\r\n"),
        ("expire k 100 lt", ":1\r\n"),
        ("expire k 100 nx", ":0\r\n"),
        ("expire k 100 gt", ":0\r\n"),
        ("expire k 100 lt", ":0\r\n"),
        ("expire k 200 xx gt", ":1\r\n"),
        ("expire k 150 lt xx", ":1\r\n"),
        ("ttl k", ":150\r\n"),
        ("persist k", ":1\r\n"),
        ("expire k 5 nx", ":1\r\n"),
    ] {
        assert_eq!(fixture.fresh(line), reply, "{line}");
    }
}

#[test]
fn ttl_and_pttl_tell_what_is_left() {
    let mut fixture = with_key();
    assert_eq!(fixture.fresh("ttl none"), ":-2\r\n");
    assert_eq!(fixture.fresh("pttl k"), ":-1\r\n");
    fixture.fresh("pexpire k 1500");
    assert_eq!(fixture.fresh("ttl k"), ":2\r\n");
    assert_eq!(fixture.fresh("pttl k"), ":1500\r\n");
    fixture.now_ms += 1001;
    assert_eq!(fixture.fresh("ttl k"), ":0\r\n");
    assert_eq!(fixture.fresh("expiretime none"), ":-2\r\n");
    assert_eq!(fixture.fresh("pexpiretime none"), ":-2\r\n");
}

#[test]
fn persist_lifts_an_expiry() {
    let mut fixture = with_key();
    assert_eq!(fixture.fresh("persist k"), ":0\r\n");
    fixture.fresh("expire k 10");
    assert_eq!(fixture.fresh("persist k"), ":1\r\n");
    assert_eq!(fixture.events(), ["persist k"]);
    assert_eq!(fixture.fresh("ttl k"), ":-1\r\n");
    assert_eq!(fixture.fresh("persist none"), ":0\r\n");
}
