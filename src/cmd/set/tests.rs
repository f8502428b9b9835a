//! Every set command against the fixture: replies, events, what counts and what reaches the log.
//!
//! Replies are those of redis-server 7.0.15 (`tests/wire/sets.txt` has all of them), but for
//! SUNIONCARD and SDIFFCARD, which it lacks.

use crate::cmd::fixture::Fixture;
use std::collections::{BTreeMap, BTreeSet};

const WRONG_TYPE: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n";
const SYNTAX: &str = "-ERR syntax error\r\n";

/// The bulk strings of a reply.
fn words(reply: &str) -> Vec<String> {
    let mut lines = reply.split("\r\n").skip(1);
    let mut words = Vec::new();
    while let (Some(head), Some(text)) = (lines.next(), lines.next()) {
        assert!(head.starts_with('$'), "{reply:?}");
        words.push(text.to_string());
    }
    words
}

/// Runs a command; its events, but for missed keys, and how often it counts.
fn told(f: &mut Fixture, line: &str, reply: &str) -> (String, u64) {
    f.events();
    let before = f.effects.dirty;
    f.check(line, reply);
    let mut events = f.events();
    events.retain(|event| !event.starts_with("keymiss"));
    (events.join(", "), f.effects.dirty - before)
}

fn changed(events: &str, count: u64) -> (String, u64) {
    (events.to_string(), count)
}

fn members(f: &mut Fixture, key: &str) -> BTreeSet<String> {
    let all = words(&f.run(&format!("SMEMBERS {key}")));
    let set: BTreeSet<_> = all.iter().cloned().collect();
    assert_eq!(set.len(), all.len(), "each member comes once");
    set
}

/// Adds texts with these numbers: a hash table when there are over 128.
fn fill(f: &mut Fixture, key: &str, numbers: std::ops::Range<usize>) {
    let texts: Vec<String> = numbers.map(|number| format!("m{number}")).collect();
    f.run(&format!("SADD {key} {}", texts.join(" ")));
}

#[test]
fn sadd() {
    let mut f = Fixture::new();
    f.check("SADD s 1 2 a", ":3\r\n");
    assert_eq!(f.events(), ["new s", "sadd s"]);
    assert_eq!(f.effects.dirty, 3);
    f.check("SADD s a 1", ":0\r\n");
    assert!(f.events().is_empty());
    f.check("SADD s a b", ":1\r\n");
    assert_eq!(f.events(), ["sadd s"]);
    f.check("SET text x", "+OK\r\n");
    f.check("SADD text a", WRONG_TYPE);
    assert_eq!(f.encoding("s"), "listpack");
}

#[test]
fn forms_follow_the_directives() {
    let mut f = Fixture::new();
    f.set_config("set-max-intset-entries", "3");
    f.set_config("set-max-listpack-entries", "2");
    f.check("SADD ints 1 2 3", ":3\r\n");
    assert_eq!(f.encoding("ints"), "intset");
    f.check("SADD ints 4", ":1\r\n");
    assert_eq!(f.encoding("ints"), "hashtable");
    // More arguments than a form may have end it, new members or not.
    f.check("SADD other 1", ":1\r\n");
    f.check("SADD other 1 1 1 1", ":0\r\n");
    assert_eq!(f.encoding("other"), "hashtable");
    f.check("SADD pack a b", ":2\r\n");
    assert_eq!(f.encoding("pack"), "listpack");
    f.check("SADD pack c", ":1\r\n");
    assert_eq!(f.encoding("pack"), "hashtable");
    f.check("SREM pack b c", ":2\r\n");
    assert_eq!(f.encoding("pack"), "hashtable");
    f.set_config("set-max-listpack-value", "3");
    f.check("SADD short abc", ":1\r\n");
    assert_eq!(f.encoding("short"), "listpack");
    f.check("SADD short abcd", ":1\r\n");
    assert_eq!(f.encoding("short"), "hashtable");
}

#[test]
fn srem() {
    let mut f = Fixture::new();
    f.run("SADD s 1 2 a");
    assert_eq!(told(&mut f, "SREM s 2 9", ":1\r\n"), changed("srem s", 1));
    assert_eq!(told(&mut f, "SREM s 9", ":0\r\n"), changed("", 0));
    assert_eq!(
        told(&mut f, "SREM s 1 a b", ":2\r\n"),
        changed("srem s, del s", 2)
    );
    f.check("EXISTS s", ":0\r\n");
}

#[test]
fn smove() {
    let mut f = Fixture::new();
    f.run("SADD a 1 x");
    let first = told(&mut f, "SMOVE a b x", ":1\r\n");
    assert_eq!(first, changed("srem a, new b, sadd b", 2));
    f.run("SADD b 1");
    let last = told(&mut f, "SMOVE a b 1", ":1\r\n");
    assert_eq!(last, changed("srem a, del a", 1));
    assert_eq!(told(&mut f, "SMOVE b b 1", ":1\r\n"), changed("", 0));
    f.run("SET text x");
    f.check("SMOVE b text 1", WRONG_TYPE);
    f.check("SCARD b", ":2\r\n");
}

#[test]
fn sismember() {
    let mut f = Fixture::new();
    f.run("SADD s 1 a");
    f.check("SISMEMBER s a", ":1\r\n");
    f.check("SISMEMBER s 01", ":0\r\n");
}

#[test]
fn smismember() {
    let mut f = Fixture::new();
    fill(&mut f, "s", 0..300);
    f.check("SMISMEMBER s m1 x m299", "*3\r\n:1\r\n:0\r\n:1\r\n");
}

#[test]
fn scard() {
    let mut f = Fixture::new();
    fill(&mut f, "s", 0..300);
    f.check("SCARD s", ":300\r\n");
}

#[test]
fn smembers() {
    let mut f = Fixture::new();
    fill(&mut f, "s", 0..300);
    assert_eq!(members(&mut f, "s").len(), 300);
    f.resp3();
    f.check("SMEMBERS none", "~0\r\n");
}

#[test]
fn sscan() {
    let mut f = Fixture::new();
    fill(&mut f, "s", 0..1000);
    let (mut cursor, mut seen, mut steps) = (String::from("0"), BTreeSet::new(), 0);
    loop {
        let reply = f.run(&format!("SSCAN s {cursor} COUNT 20 MATCH m*1"));
        let (_, rest) = reply.split_once("\r\n$").expect("two elements");
        let (_, rest) = rest.split_once("\r\n").expect("a length");
        let (next, rest) = rest.split_once("\r\n").expect("a cursor");
        seen.extend(words(rest));
        cursor = next.to_string();
        steps += 1;
        if cursor == "0" {
            break;
        }
    }
    assert_eq!((seen.len(), steps > 20), (100, true));
    f.check("SSCAN s 0 TYPE set", SYNTAX);
}

#[test]
fn spop() {
    let mut f = Fixture::new();
    f.run("SADD s only");
    let only = told(&mut f, "SPOP s", "$4\r\nonly\r\n");
    assert_eq!(only, changed("spop s, del s", 1));
    fill(&mut f, "s", 0..500);
    let before = members(&mut f, "s");
    f.events();
    let popped = words(&f.run("SPOP s 60"));
    assert_eq!(f.events(), ["spop s"]);
    let popped: BTreeSet<_> = popped.into_iter().collect();
    let after = members(&mut f, "s");
    assert_eq!((popped.len(), after.len()), (60, 440));
    assert!(popped.is_disjoint(&after) && popped.is_subset(&before));
    // Most of them: chosen in one walk.
    assert_eq!(words(&f.run("SPOP s 439")).len(), 439);
    f.events();
    assert_eq!(words(&f.run("SPOP s 439")).len(), 1);
    assert_eq!(f.events(), ["spop s", "del s"]);
    f.check("SPOP s 1", "*0\r\n");
}

#[test]
fn srandmember() {
    let mut f = Fixture::new();
    fill(&mut f, "s", 0..400);
    for count in [1, 50, 133, 134, 399, 400, 1000] {
        let chosen = words(&f.run(&format!("SRANDMEMBER s {count}")));
        let distinct: BTreeSet<_> = chosen.iter().collect();
        assert_eq!(
            (chosen.len(), distinct.len()),
            (count.min(400), count.min(400))
        );
    }
    assert_eq!(words(&f.run("SRANDMEMBER s -1000")).len(), 1000);
    f.check("SCARD s", ":400\r\n");
}

#[test]
fn every_member_is_chosen_as_often_as_another() {
    for (count, adds) in [(3_u32, 0..40), (20, 0..40), (3, 0..200), (150, 0..200)] {
        let mut f = Fixture::new();
        let len = adds.len();
        fill(&mut f, "s", adds);
        let mut counts: BTreeMap<String, u32> = BTreeMap::new();
        let rounds = 6000 / count;
        for _ in 0..rounds {
            for member in words(&f.run(&format!("SRANDMEMBER s {count}"))) {
                *counts.entry(member).or_default() += 1;
            }
        }
        let expected = f64::from(rounds * count) / len as f64;
        let distance: f64 = counts
            .values()
            .map(|&count| (f64::from(count) - expected).powi(2) / expected)
            .sum();
        // Beyond this with a probability of less than one in a million.
        let bound = len as f64 + 5.0 * (2.0 * len as f64).sqrt();
        assert!(
            counts.len() == len && distance < bound,
            "{count} of {len}: {distance}"
        );
    }
}

/// Random sets in all forms, and what is made of them, against the standard library's.
#[test]
fn algebra_follows_a_model() {
    let mut f = Fixture::new();
    let sets: [(&str, Vec<String>); 6] = [
        ("ints", (0..60).map(|n| (n * 2).to_string()).collect()),
        ("wide", (0..600).map(|n| n.to_string()).collect()),
        (
            "pack",
            (0..50)
                .map(|n| {
                    if n % 2 == 0 {
                        format!("m{n}")
                    } else {
                        n.to_string()
                    }
                })
                .collect(),
        ),
        ("table", (0..300).map(|n| format!("m{n}")).collect()),
        ("small", vec!["m4".into(), "40".into()]),
        ("none", Vec::new()),
    ];
    for (key, members) in &sets {
        if !members.is_empty() {
            f.run(&format!("SADD {key} {}", members.join(" ")));
        }
    }
    let model: Vec<BTreeSet<String>> = sets
        .iter()
        .map(|(_, m)| m.iter().cloned().collect())
        .collect();
    for code in 0..6 * 6 * 6 {
        let at = [code / 36, code / 6 % 6, code % 6];
        let keys = at.map(|at| sets[at].0).join(" ");
        let [one, two, three] = at.map(|at| &model[at]);
        let union: BTreeSet<String> = one.iter().chain(two).chain(three).cloned().collect();
        let difference: BTreeSet<_> = one
            .iter()
            .filter(|m| !two.contains(*m) && !three.contains(*m))
            .cloned()
            .collect();
        let intersection: BTreeSet<_> = one
            .iter()
            .filter(|m| two.contains(*m) && three.contains(*m))
            .cloned()
            .collect();
        for (name, expected) in [
            ("UNION", union),
            ("DIFF", difference),
            ("INTER", intersection),
        ] {
            let found = words(&f.run(&format!("S{name} {keys}")));
            assert_eq!(found.len(), expected.len(), "S{name} {keys}");
            assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), expected);
            let len = expected.len();
            f.check(&format!("S{name}CARD 3 {keys}"), &format!(":{len}\r\n"));
            let limited = len.min(7);
            f.check(
                &format!("S{name}CARD 3 {keys} LIMIT 7"),
                &format!(":{limited}\r\n"),
            );
            f.check(&format!("S{name}STORE to {keys}"), &format!(":{len}\r\n"));
            assert_eq!(members(&mut f, "to"), expected);
        }
    }
}

#[test]
fn sinter() {
    let mut f = Fixture::new();
    f.run("SADD a 1 2 3");
    f.run("SADD b 2 3 4");
    f.check("SINTER a b", "*2\r\n$1\r\n2\r\n$1\r\n3\r\n");
    f.run("SET text x");
    f.check("SINTER none text", WRONG_TYPE);
}

#[test]
fn sunion() {
    let mut f = Fixture::new();
    f.run("SADD a 3 1");
    f.run("SADD b 2");
    f.check("SUNION a b", "*3\r\n$1\r\n1\r\n$1\r\n2\r\n$1\r\n3\r\n");
}

#[test]
fn sdiff() {
    let mut f = Fixture::new();
    f.run("SADD a 1 2 3");
    f.run("SADD b 2");
    f.check("SDIFF a b none", "*2\r\n$1\r\n1\r\n$1\r\n3\r\n");
    f.check("SDIFF none a", "*0\r\n");
}

#[test]
fn sinterstore() {
    let mut f = Fixture::new();
    f.run("SADD a 1 2");
    let stored = told(&mut f, "SINTERSTORE to a a", ":2\r\n");
    assert_eq!(stored, changed("new to, sinterstore to", 1));
    let emptied = told(&mut f, "SINTERSTORE to a none", ":0\r\n");
    assert_eq!(emptied, changed("del to", 1));
    assert_eq!(
        told(&mut f, "SINTERSTORE to a none", ":0\r\n"),
        changed("", 0)
    );
}

#[test]
fn sunionstore() {
    let mut f = Fixture::new();
    f.run("SADD a 1 2");
    f.run("SET to text EX 100");
    let stored = told(&mut f, "SUNIONSTORE to a", ":2\r\n");
    assert_eq!(stored, changed("sunionstore to", 1));
    f.check("TTL to", ":-1\r\n");
    assert_eq!(f.encoding("to"), "intset");
}

#[test]
fn sdiffstore() {
    let mut f = Fixture::new();
    f.run("SADD a 1 2");
    let stored = told(&mut f, "SDIFFSTORE a a none", ":2\r\n");
    assert_eq!(stored, changed("sdiffstore a", 1));
    f.check("SDIFFSTORE a a a", ":0\r\n");
    f.check("EXISTS a", ":0\r\n");
}

#[test]
fn sintercard() {
    let mut f = Fixture::new();
    f.run("SADD a 1 2 3");
    f.check("SINTERCARD 2 a a LIMIT 2", ":2\r\n");
    f.check("SINTERCARD 1 a APPROX", SYNTAX);
}

#[test]
fn sunioncard() {
    let mut f = Fixture::new();
    f.run("SADD a 1 2 3");
    f.run("SADD b 3 4");
    f.check("SUNIONCARD 2 a b", ":4\r\n");
    f.check("SUNIONCARD 2 a b APPROX LIMIT 3", ":3\r\n");
    f.check("SUNIONCARD 2 a b LIMIT 0 APPROX", ":4\r\n");
    f.check(
        "SUNIONCARD 1 a LIMIT -1",
        "-ERR LIMIT can't be negative\r\n",
    );
    f.check(
        "SUNIONCARD 0 a",
        "-ERR numkeys should be greater than 0\r\n",
    );
    f.check(
        "SUNIONCARD 3 a b",
        "-ERR Number of keys can't be greater than number of args\r\n",
    );
}

#[test]
fn sdiffcard() {
    let mut f = Fixture::new();
    f.run("SADD a 1 2 3");
    f.run("SADD b 3 4");
    f.check("SDIFFCARD 2 a b", ":2\r\n");
    f.check("SDIFFCARD 2 a b LIMIT 1", ":1\r\n");
    f.check("SDIFFCARD 2 a b APPROX", SYNTAX);
}
