//! RENAME, RENAMENX, COPY and MOVE: values and expiries travel, events and counts are Redis's.
//!
//! Error texts, replies and events were taken from redis-server 7.0.15.

use crate::cmd::fixture::Fixture;
use crate::cmd::table;
use crate::resp::{Args, Span};
use crate::store::Db;

fn with_keys(keys: &[&str]) -> Fixture {
    let mut fixture = Fixture::new();
    for key in keys {
        fixture.fresh(&format!("set {key} value-of-{key}"));
    }
    fixture
}

#[test]
fn rename_takes_value_and_expiry_along() {
    let mut fixture = with_keys(&["a", "b"]);
    fixture.fresh("pexpire a 5000");
    assert_eq!(fixture.fresh("rename a b"), "+OK\r\n");
    assert_eq!(fixture.events(), ["new b", "rename_from a", "rename_to b"]);
    assert_eq!(fixture.effects.dirty, 1);
    assert_eq!(fixture.effects.modified.len(), 2);
    assert_eq!(fixture.fresh("get b"), "$10\r\nvalue-of-a\r\n");
    assert_eq!(fixture.fresh("pttl b"), ":5000\r\n");
    assert_eq!(fixture.fresh("exists a"), ":0\r\n");
    assert_eq!(fixture.fresh("rename a c"), "-ERR no such key\r\n");
}

#[test]
fn rename_to_itself_does_nothing() {
    let mut fixture = with_keys(&["a"]);
    assert_eq!(fixture.fresh("rename a a"), "+OK\r\n");
    assert_eq!(fixture.effects.dirty, 0);
    assert_eq!(fixture.fresh("renamenx a a"), ":0\r\n");
    assert_eq!(fixture.fresh("rename b b"), "-ERR no such key\r\n");
}

#[test]
fn renamenx_leaves_what_is_there() {
    let mut fixture = with_keys(&["a", "b"]);
    assert_eq!(fixture.fresh("renamenx a b"), ":0\r\n");
    assert_eq!(fixture.fresh("renamenx a c"), ":1\r\n");
    assert_eq!(fixture.fresh("get c"), "$10\r\nvalue-of-a\r\n");
    fixture.fresh("pexpire b 1");
    fixture.now_ms += 1;
    assert_eq!(fixture.fresh("renamenx c b"), ":1\r\n");
    assert_eq!(
        fixture.events(),
        ["expired b", "new b", "rename_from c", "rename_to b"]
    );
}

#[test]
fn copy_leaves_the_original() {
    let mut fixture = with_keys(&["a", "b"]);
    fixture.fresh("expire a 100");
    assert_eq!(fixture.fresh("copy a b"), ":0\r\n");
    assert_eq!(fixture.fresh("copy a b replace"), ":1\r\n");
    assert_eq!(fixture.events(), ["new b", "copy_to b"]);
    assert_eq!(fixture.fresh("ttl b"), ":100\r\n");
    assert_eq!(fixture.fresh("get a"), fixture.fresh("get b"));
    assert_eq!(fixture.fresh("copy none c"), ":0\r\n");
}

#[test]
fn copy_reaches_other_databases() {
    let mut fixture = with_keys(&["a"]);
    assert_eq!(
        fixture.fresh("copy a a"),
        "-ERR source and destination objects are the same\r\n"
    );
    assert_eq!(fixture.fresh("copy a a db 3"), ":1\r\n");
    assert!(
        fixture
            .effects
            .events
            .iter()
            .all(|event| event.db == Db::new(3))
    );
    assert_eq!(fixture.events(), ["new a", "copy_to a"]);
    assert_eq!(
        fixture.fresh("copy a b db 16"),
        "-ERR DB index is out of range\r\n"
    );
    assert_eq!(
        fixture.fresh("copy a b db x"),
        "-ERR value is not an integer or out of range\r\n"
    );
    assert_eq!(fixture.fresh("copy a b db"), "-ERR syntax error\r\n");
    assert_eq!(
        fixture.fresh("copy a b db 99999999999"),
        "-ERR value is out of range, value must between -2147483648 and 2147483647\r\n"
    );
    fixture.db = Db::new(3);
    assert_eq!(fixture.fresh("get a"), "$10\r\nvalue-of-a\r\n");
}

#[test]
fn move_changes_the_database() {
    let mut fixture = with_keys(&["a"]);
    fixture.fresh("expire a 100");
    assert_eq!(
        fixture.fresh("move a 0"),
        "-ERR source and destination objects are the same\r\n"
    );
    assert_eq!(
        fixture.fresh("move a -1"),
        "-ERR DB index is out of range\r\n"
    );
    assert_eq!(fixture.fresh("move none 9"), ":0\r\n");
    assert_eq!(fixture.fresh("move a 9"), ":1\r\n");
    assert_eq!(
        fixture
            .effects
            .events
            .iter()
            .map(|event| event.db.number())
            .collect::<Vec<_>>(),
        [9, 0, 9]
    );
    assert_eq!(fixture.events(), ["new a", "move_from a", "move_to a"]);
    assert_eq!(fixture.effects.dirty, 1);
    assert_eq!(fixture.fresh("exists a"), ":0\r\n");
    fixture.fresh("set a again");
    assert_eq!(fixture.fresh("move a 9"), ":0\r\n");
    fixture.db = Db::new(9);
    assert_eq!(fixture.fresh("ttl a"), ":100\r\n");
}

#[test]
fn the_other_database_is_known_before_the_command_runs() {
    let other = |line: &str| {
        let mut spans = Vec::new();
        let mut start = 0;
        for word in line.split(' ') {
            spans.push(Span {
                start,
                len: u32::try_from(word.len()).unwrap(),
            });
            start += spans[spans.len() - 1].len + 1;
        }
        let args = Args::new(line.as_bytes(), &spans);
        let table = table();
        {
            let row = table.row(table.resolve(&args).unwrap());
            row.command.special.other_database.and_then(|of| of(&args))
        }
    };
    for (line, database) in [
        ("move k 3", Some(Db::new(3))),
        ("move k x", None),
        ("move k -1", None),
        ("copy a b", None),
        ("copy a b db 7", Some(Db::new(7))),
        ("copy a b replace db 7 DB 8", Some(Db::new(8))),
        ("copy a b db x", None),
        ("copy a b db", None),
        ("rename a 5", None),
    ] {
        assert_eq!(other(line), database, "{line}");
    }
}

#[test]
fn keys_of_two_owners_are_told_by_what_became_of_them() {
    let mut fixture = with_keys(&["a"]);
    fixture.fresh("pexpire a 5000");
    fixture.fresh("rpush list 1 2");
    fixture.apart = true;
    fixture.fresh("rename a b");
    let at_ms = fixture.now_ms + 5000;
    let set = format!("SET b value-of-a PXAT {at_ms}");
    assert_eq!(fixture.stream(), ["DEL a", set.as_str()]);
    fixture.fresh("copy b c");
    assert_eq!(fixture.stream(), [set.replace(" b ", " c ")]);
    fixture.fresh("copy list copied");
    let told = fixture.stream();
    assert!(told.len() == 1 && told[0].starts_with("RESTORE copied 0 "));
    assert!(told[0].ends_with(" REPLACE ABSTTL"));
    fixture.fresh("msetnx x 1 y 2");
    assert_eq!(fixture.stream(), ["SET x 1", "SET y 2"]);
    // One slot has one owner.
    fixture.fresh("rename c {c}d");
    assert_eq!(fixture.stream(), ["rename c {c}d"]);
    fixture.fresh("move b 1");
    assert_eq!(fixture.stream(), ["move b 1"]);
}
