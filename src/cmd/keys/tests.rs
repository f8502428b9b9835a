//! DEL, UNLINK, EXISTS, TOUCH and TYPE on a store of their own.
//!
//! Error texts, replies and events were taken from redis-server 7.0.15.

use crate::cmd::fixture::Fixture;

#[test]
fn del_counts_what_was_there() {
    let mut fixture = Fixture::new();
    fixture.fresh("set a 1");
    fixture.fresh("set b 2");
    assert_eq!(fixture.fresh("del a b c a"), ":2\r\n");
    assert_eq!(fixture.events(), ["del a", "del b"]);
    assert_eq!(fixture.effects.dirty, 2);
    assert_eq!(fixture.effects.modified.len(), 2);
    assert_eq!(fixture.fresh("del a"), ":0\r\n");
    assert_eq!(fixture.effects.dirty, 0);
}

#[test]
fn del_does_not_count_the_expired() {
    let mut fixture = Fixture::new();
    fixture.fresh("set a 1");
    fixture.fresh("pexpire a 10");
    fixture.now_ms += 10;
    assert_eq!(fixture.fresh("del a"), ":0\r\n");
    assert_eq!(fixture.events(), ["expired a"]);
}

#[test]
fn unlink_is_del() {
    let mut fixture = Fixture::new();
    fixture.fresh("set a 1");
    assert_eq!(fixture.fresh("unlink a b"), ":1\r\n");
    assert_eq!(fixture.events(), ["del a"]);
    assert_eq!(fixture.fresh("exists a"), ":0\r\n");
}

#[test]
fn exists_counts_each_mention() {
    let mut fixture = Fixture::new();
    fixture.fresh("set a 1");
    assert_eq!(fixture.fresh("exists a a b"), ":2\r\n");
    assert_eq!((fixture.effects.hits, fixture.effects.misses), (2, 1));
    assert_eq!(fixture.events(), ["keymiss b"]);
}

#[test]
fn touch_makes_a_key_young() {
    let mut fixture = Fixture::new();
    fixture.fresh("set a 1");
    fixture.now_ms += 5000;
    assert_eq!(fixture.fresh("object idletime a"), ":5\r\n");
    assert_eq!(fixture.fresh("touch a b"), ":1\r\n");
    assert_eq!(fixture.fresh("object idletime a"), ":0\r\n");
}

#[test]
fn type_names_the_type() {
    let mut fixture = Fixture::new();
    fixture.fresh("set a 1");
    assert_eq!(fixture.fresh("type a"), "+string\r\n");
    assert_eq!(fixture.fresh("type b"), "+none\r\n");
}
