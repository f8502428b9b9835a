//! OBJECT's subcommands and MEMORY USAGE.
//!
//! Under both kinds of eviction policy.

use crate::cmd::fixture::Fixture;

#[test]
fn object_encoding_names_the_encoding() {
    let mut fixture = Fixture::new();
    fixture.fresh("set number 12345");
    fixture.fresh("set short abc");
    fixture.fresh(&format!("set long {}", "x".repeat(45)));
    assert_eq!(fixture.fresh("object encoding number"), "$3\r\nint\r\n");
    assert_eq!(fixture.fresh("object encoding short"), "$6\r\nembstr\r\n");
    assert_eq!(fixture.fresh("object encoding long"), "$3\r\nraw\r\n");
    assert_eq!(fixture.fresh("object encoding none"), "$-1\r\n");
}

#[test]
fn object_refcount_shows_shared_integers() {
    let mut fixture = Fixture::new();
    fixture.fresh("set small 9999");
    fixture.fresh("set large 10000");
    fixture.fresh("set negative -1");
    assert_eq!(fixture.fresh("object refcount small"), ":2147483647\r\n");
    assert_eq!(fixture.fresh("object refcount large"), ":1\r\n");
    assert_eq!(fixture.fresh("object refcount negative"), ":1\r\n");
    assert_eq!(fixture.fresh("object refcount none"), "$-1\r\n");
}

#[test]
fn object_idletime_counts_seconds_and_does_not_touch() {
    let mut fixture = Fixture::new();
    fixture.fresh("set k v");
    fixture.now_ms += 61_000;
    assert_eq!(fixture.fresh("object idletime k"), ":61\r\n");
    assert_eq!(fixture.fresh("object idletime k"), ":61\r\n");
    assert_eq!(fixture.fresh("object idletime none"), "$-1\r\n");
}

#[test]
fn object_freq_needs_an_lfu_policy() {
    let mut fixture = Fixture::new();
    fixture.fresh("set k v");
    assert!(
        fixture
            .fresh("object freq k")
            .starts_with("-ERR An LFU maxmemory policy is not selected")
    );
    assert_eq!(fixture.fresh("object freq none"), "$-1\r\n");
    fixture.set_config("maxmemory-policy", "allkeys-lfu");
    fixture.fresh("set k v");
    fixture.fresh("set new v");
    assert_eq!(fixture.fresh("object freq new"), ":5\r\n");
    fixture.now_ms += 120_000;
    assert_eq!(fixture.fresh("object freq new"), ":3\r\n");
    assert!(
        fixture
            .fresh("object idletime new")
            .starts_with("-ERR An LFU maxmemory policy is selected")
    );
}

#[test]
fn object_help_lists_the_subcommands() {
    let help = Fixture::new().fresh("object help");
    for name in ["ENCODING", "FREQ", "IDLETIME", "REFCOUNT", "HELP"] {
        assert!(help.contains(&format!("+{name}")), "{name}");
    }
}

#[test]
fn memory_usage_counts_the_allocation() {
    let mut fixture = Fixture::new();
    fixture.fresh("set k v");
    fixture.fresh(&format!("set long {}", "x".repeat(1000)));
    let bytes = |reply: String| reply[1..].trim_end().parse::<usize>().expect("an integer");
    assert!((16..100).contains(&bytes(fixture.fresh("memory usage k"))));
    assert!((1000..1400).contains(&bytes(fixture.fresh("memory usage long samples 0"))));
    assert_eq!(fixture.fresh("memory usage none"), "$-1\r\n");
    assert_eq!(
        fixture.fresh("memory usage k samples -1"),
        "-ERR syntax error\r\n"
    );
    assert_eq!(
        fixture.fresh("memory usage k samples x"),
        "-ERR value is not an integer or out of range\r\n"
    );
    assert_eq!(
        fixture.fresh("memory usage k samples"),
        "-ERR syntax error\r\n"
    );
}
