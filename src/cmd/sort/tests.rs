//! SORT and SORT_RO over one key against the fixture, and what reaches the log.
//!
//! Patterns need keys of several shards: `tests/wire/sort.txt`, beside redis-server.

use crate::cmd::fixture::Fixture;

/// The bulk strings of a reply, with blanks between.
fn words(reply: &str) -> String {
    let texts = reply.split("\r\n").skip(1);
    let texts: Vec<&str> = texts.filter(|text| !text.starts_with('$')).collect();
    texts.join(" ").trim_end().to_string()
}

#[test]
fn sort() {
    let mut f = Fixture::new();
    f.run("RPUSH l 3 10 -1 2 10");
    for (options, sorted) in [
        ("", "-1 2 3 10 10"),
        ("DESC", "10 10 3 2 -1"),
        ("ALPHA", "-1 10 10 2 3"),
        ("LIMIT 1 2", "2 3"),
        ("LIMIT 3 -1 DESC", "2 -1"),
        ("LIMIT -5 2", "-1 2"),
        ("LIMIT 9 2", ""),
        ("BY nosort", "3 10 -1 2 10"),
        ("BY nosort DESC LIMIT 1 2", "2 -1"),
        ("BY nosort LIMIT 1 0", ""),
        ("GET # GET #", "-1 -1 2 2 3 3 10 10 10 10"),
    ] {
        assert_eq!(
            words(&f.run(&format!("SORT l {options}"))),
            sorted,
            "{options}"
        );
    }
    f.check("SORT nothing", "*0\r\n");
    f.check("SORT l LIMIT 1", "-ERR syntax error\r\n");
    f.run("RPUSH l x");
    f.check(
        "SORT l",
        "-ERR One or more scores can't be converted into double\r\n",
    );
}

#[test]
fn sort_ro() {
    let mut f = Fixture::new();
    f.run("SADD s b c a");
    assert_eq!(words(&f.run("SORT_RO s ALPHA DESC")), "c b a");
    f.check("SORT_RO s STORE to", "-ERR syntax error\r\n");
}

#[test]
fn what_is_stored_is_a_list() {
    let mut f = Fixture::new();
    f.run("SADD s b c a");
    f.events();
    let before = f.effects.dirty;
    f.check("SORT s BY nosort STORE to", ":3\r\n");
    assert_eq!(
        (f.events(), f.effects.dirty - before),
        (vec!["new to".into(), "sortstore to".into()], 3)
    );
    // In an order that does not depend on the set's.
    assert_eq!(words(&f.run("LRANGE to 0 -1")), "a b c");
    f.check("SORT none STORE to", ":0\r\n");
    f.check("EXISTS to", ":0\r\n");
    // A pattern that finds no key finds nothing.
    f.check("SORT s ALPHA GET fixed STORE to", ":3\r\n");
    assert_eq!(
        f.run("LRANGE to 0 -1"),
        "*3\r\n$0\r\n\r\n$0\r\n\r\n$0\r\n\r\n"
    );
}

#[test]
fn a_key_that_is_not_at_hand_ends_the_attempt() {
    let mut f = Fixture::new();
    f.run("RPUSH l 1 2");
    f.check("SORT l BY w* GET x*->field GET y*", "");
    let wanted: Vec<_> = f
        .effects
        .found
        .iter()
        .map(|(_, key)| key.to_vec())
        .collect();
    assert_eq!(wanted, [b"w1".to_vec(), b"w2".to_vec()]);
    f.effects.found.clear();
    f.effects.lent = [b"w1", b"w2"]
        .map(|key| (f.db, Box::from(&key[..])))
        .to_vec();
    f.check("SORT l BY w* GET x*->field GET y*", "");
    let wanted: Vec<_> = f
        .effects
        .found
        .iter()
        .map(|(_, key)| key.to_vec())
        .collect();
    assert_eq!(wanted, [b"x1", b"x2", b"y1", b"y2"].map(|key| key.to_vec()));
}
