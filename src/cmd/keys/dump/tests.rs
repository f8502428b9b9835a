//! DUMP and RESTORE with payloads recorded from redis-server 7.0.15.
//!
//! What is done to a payload itself is tested in `rdb`.

use crate::cmd::fixture::Fixture;

/// DUMP of "abc" and of an integer-encoded 55.
const ABC: &[u8] = b"\x00\x03abc\n\x00\xd9\xac0=Ar\xa2\xe2";
const FIFTY_FIVE: &[u8] = b"\x00\xc07\n\x00Y\xd2\x8d\xee\xe6\x93\xd8\x99";

fn restore(
    fixture: &mut Fixture,
    key: &str,
    ttl: &str,
    payload: &[u8],
    options: &[&str],
) -> String {
    let mut words = vec![
        b"restore".as_slice(),
        key.as_bytes(),
        ttl.as_bytes(),
        payload,
    ];
    fixture.forget();
    words.extend(options.iter().map(|option| option.as_bytes()));
    String::from_utf8_lossy(&fixture.run_words(&words)).into_owned()
}

#[test]
fn dump_writes_what_redis_writes() {
    let mut fixture = Fixture::new();
    fixture.fresh("set text abc");
    fixture.fresh("set number 55");
    let bulk = |payload: &[u8]| {
        [
            format!("${}\r\n", payload.len()).as_bytes(),
            payload,
            b"\r\n",
        ]
        .concat()
    };
    assert_eq!(fixture.run_words(&[b"dump", b"text"]), bulk(ABC));
    assert_eq!(fixture.run_words(&[b"dump", b"number"]), bulk(FIFTY_FIVE));
    assert_eq!(fixture.fresh("dump none"), "$-1\r\n");
}

#[test]
fn restore_reads_what_redis_wrote() {
    let mut fixture = Fixture::new();
    assert_eq!(restore(&mut fixture, "text", "0", ABC, &[]), "+OK\r\n");
    assert_eq!(fixture.events(), ["new text", "restore text"]);
    assert_eq!(fixture.effects.dirty, 1);
    assert_eq!(
        restore(&mut fixture, "number", "0", FIFTY_FIVE, &[]),
        "+OK\r\n"
    );
    assert_eq!(fixture.fresh("get text"), "$3\r\nabc\r\n");
    assert_eq!(fixture.fresh("object encoding number"), "$3\r\nint\r\n");
}

#[test]
fn restore_replaces_only_when_asked() {
    let mut fixture = Fixture::new();
    fixture.fresh("set k old");
    assert_eq!(
        restore(&mut fixture, "k", "0", ABC, &[]),
        "-BUSYKEY Target key name already exists.\r\n"
    );
    assert_eq!(
        restore(&mut fixture, "k", "0", ABC, &["replace"]),
        "+OK\r\n"
    );
    assert_eq!(fixture.fresh("get k"), "$3\r\nabc\r\n");
}

#[test]
fn restore_keeps_time_absolutely() {
    let mut fixture = Fixture::new();
    assert_eq!(restore(&mut fixture, "k", "5000", ABC, &[]), "+OK\r\n");
    assert_eq!(fixture.fresh("pttl k"), ":5000\r\n");
    restore(&mut fixture, "l", "5000", ABC, &[]);
    let logged = &fixture.stream()[0];
    assert!(
        logged.starts_with(&format!("restore l {} ", fixture.now_ms + 5000)),
        "{logged}"
    );
    assert!(logged.ends_with(" ABSTTL"), "{logged}");
    let at = (fixture.now_ms + 7000).to_string();
    assert_eq!(restore(&mut fixture, "m", &at, ABC, &["absttl"]), "+OK\r\n");
    assert_eq!(fixture.fresh("pttl m"), ":7000\r\n");
    assert_eq!(
        restore(&mut fixture, "huge", "9223372036854775807", ABC, &[]),
        "+OK\r\n"
    );
    assert_eq!(
        fixture.fresh("pexpiretime huge"),
        ":9223372036854775807\r\n"
    );
}

#[test]
fn restore_of_the_expired_only_removes() {
    let mut fixture = Fixture::new();
    fixture.fresh("set k old");
    assert_eq!(
        restore(&mut fixture, "k", "1", ABC, &["absttl", "replace"]),
        "+OK\r\n"
    );
    assert_eq!(fixture.stream(), ["DEL k"]);
    assert_eq!(fixture.events(), ["del k"]);
    assert_eq!(restore(&mut fixture, "k", "1", ABC, &["absttl"]), "+OK\r\n");
    assert_eq!(fixture.effects.dirty, 0);
    assert_eq!(fixture.fresh("exists k"), ":0\r\n");
}

#[test]
fn restore_sets_the_age() {
    let mut fixture = Fixture::new();
    assert_eq!(
        restore(&mut fixture, "k", "0", ABC, &["idletime", "1000"]),
        "+OK\r\n"
    );
    assert_eq!(fixture.fresh("object idletime k"), ":1000\r\n");
    assert_eq!(
        restore(&mut fixture, "f", "0", ABC, &["freq", "255"]),
        "+OK\r\n"
    );
    assert_eq!(fixture.fresh("object idletime f"), ":0\r\n");
    fixture.set_config("maxmemory-policy", "allkeys-lfu");
    assert_eq!(
        restore(&mut fixture, "f", "0", ABC, &["freq", "255", "replace"]),
        "+OK\r\n"
    );
    assert_eq!(fixture.fresh("object freq f"), ":255\r\n");
}

#[test]
fn restore_refuses_in_redis_order_and_words() {
    let mut fixture = Fixture::new();
    fixture.fresh("set busy x");
    let mut broken = ABC.to_vec();
    broken[3] ^= 1;
    for (key, ttl, payload, options, error) in [
        (
            "k",
            "-1",
            ABC,
            &[][..],
            "ERR Invalid TTL value, must be >= 0",
        ),
        (
            "k",
            "x",
            ABC,
            &[],
            "ERR value is not an integer or out of range",
        ),
        (
            "busy",
            "x",
            b"x".as_slice(),
            &[],
            "BUSYKEY Target key name already exists.",
        ),
        (
            "k",
            "0",
            b"",
            &[],
            "ERR DUMP payload version or checksum are wrong",
        ),
        (
            "k",
            "0",
            &broken,
            &[],
            "ERR DUMP payload version or checksum are wrong",
        ),
        (
            "k",
            "0",
            ABC,
            &["freq", "256"],
            "ERR Invalid FREQ value, must be >= 0 and <= 255",
        ),
        (
            "k",
            "0",
            ABC,
            &["idletime", "-1"],
            "ERR Invalid IDLETIME value, must be >= 0",
        ),
    ] {
        assert_eq!(
            restore(&mut fixture, key, ttl, payload, options),
            format!("-{error}\r\n")
        );
    }
}

#[test]
fn restore_refuses_bodies_behind_a_right_footer() {
    let mut fixture = Fixture::new();
    // A right footer behind a body of an unknown type.
    let mut payload = b"\xf0\x03abc\x0a\x00".to_vec();
    payload.extend_from_slice(&crate::rdb::checksum(&payload).to_le_bytes());
    assert_eq!(
        restore(&mut fixture, "k", "0", &payload, &[]),
        "-ERR Bad data format\r\n"
    );
}

#[test]
fn restore_takes_one_kind_of_age() {
    let mut fixture = Fixture::new();
    for options in [
        &["idletime", "1", "freq", "1"][..],
        &["freq", "1", "idletime", "1"],
        &["idletime"],
        &["freq"],
    ] {
        let reply = restore(&mut fixture, "k", "0", ABC, options);
        assert_eq!(reply, "-ERR syntax error\r\n", "{options:?}");
    }
}
