//! DBSIZE, FLUSHDB, FLUSHALL and SWAPDB.
//!
//! Error texts, replies and events were taken from redis-server 7.0.15.

use crate::cmd::fixture::Fixture;
use crate::store::Db;

fn with_two_databases() -> Fixture {
    let mut fixture = Fixture::new();
    fixture.fresh("set a 1");
    fixture.fresh("set b 2");
    fixture.db = Db::new(5);
    fixture.fresh("set c 3");
    fixture.db = Db::FIRST;
    fixture
}

#[test]
fn dbsize_counts_one_database() {
    let mut fixture = with_two_databases();
    assert_eq!(fixture.fresh("dbsize"), ":2\r\n");
    fixture.db = Db::new(5);
    assert_eq!(fixture.fresh("dbsize"), ":1\r\n");
}

#[test]
fn flushdb_empties_one_database() {
    let mut fixture = with_two_databases();
    assert_eq!(fixture.fresh("flushdb now"), "-ERR syntax error\r\n");
    assert_eq!(fixture.fresh("flushdb sync async"), "-ERR syntax error\r\n");
    assert_eq!(fixture.fresh("flushdb async"), "+OK\r\n");
    assert_eq!(
        (fixture.effects.dirty, &fixture.effects.replaced[..]),
        (2, &[Db::FIRST][..])
    );
    assert_eq!(fixture.fresh("dbsize"), ":0\r\n");
    assert_eq!(fixture.fresh("get a"), "$-1\r\n");
    fixture.db = Db::new(5);
    assert_eq!(fixture.fresh("dbsize"), ":1\r\n");
}

#[test]
fn flushall_empties_all() {
    let mut fixture = with_two_databases();
    assert_eq!(fixture.fresh("flushall sync"), "+OK\r\n");
    assert_eq!(
        (fixture.effects.dirty, &fixture.effects.replaced[..]),
        (3, &[Db::FIRST, Db::new(5)][..])
    );
    fixture.db = Db::new(5);
    assert_eq!(fixture.fresh("dbsize"), ":0\r\n");
    assert_eq!(fixture.fresh("flushall"), "+OK\r\n");
    assert_eq!(fixture.effects.dirty, 0);
}

#[test]
fn swapdb_exchanges_two() {
    let mut fixture = with_two_databases();
    assert_eq!(fixture.fresh("swapdb 0 5"), "+OK\r\n");
    assert_eq!(
        (fixture.effects.dirty, &fixture.effects.replaced[..]),
        (1, &[Db::FIRST, Db::new(5)][..])
    );
    assert_eq!(fixture.fresh("get c"), "$1\r\n3\r\n");
    assert_eq!(fixture.fresh("dbsize"), ":1\r\n");
    assert_eq!(fixture.fresh("swapdb 0 0"), "+OK\r\n");
    assert_eq!(
        fixture.fresh("swapdb x 0"),
        "-ERR invalid first DB index\r\n"
    );
    assert_eq!(
        fixture.fresh("swapdb 0 99999999999"),
        "-ERR invalid second DB index\r\n"
    );
    assert_eq!(
        fixture.fresh("swapdb 0 16"),
        "-ERR DB index is out of range\r\n"
    );
}
