//! CONFIG SET with numbers too large, too small and no numbers at all, beside redis-server's
//! answers.
//!
//! Every directive that both know, every value of one list; a difference needs a row with its
//! reason. What is taken must print alike, and is put back before the next value.

use super::directives::both;
use super::harness::client::{Client, Value};

const VALUES: &[&str] = &[
    "-1",
    "-2",
    "-101",
    "0",
    "1",
    "100",
    "101",
    "65536",
    "2147483647",
    "2147483648",
    "-2147483649",
    "4294967296",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "18446744073709551616",
    "99999999999999999999999",
    "1.5",
    "1e3",
    "0x10",
    " 1",
    "+1",
    "01",
    "",
    "abc",
    "1kb",
    "1tb",
    "5%",
    "101%",
    "-5%",
    "yes",
    "Yes",
];

/// Not compared here: where a server listens (ours does not move), and what has tests of its own
/// and keeps redis-server busy for minutes.
const LEFT_OUT: &[&str] = &["port", "bind", "maxclients"];

const WRITTEN_BACK: &str = "the present value is taken, so that CONFIG GET can be written back";

/// Directives that differ, and why.
const DIFFERENT: &[(&str, &str)] = &[
    (
        "maxmemory",
        "redis-server takes more than 64 bits as 64 bits of ones",
    ),
    (
        "cluster-link-sendbuf-limit",
        "redis-server takes more than 64 bits as 64 bits of ones",
    ),
    (
        "maxmemory-clients",
        "redis-server takes more than 63 bits as a percentage",
    ),
    (
        "latency-tracking-info-percentiles",
        "redis-server reads hexadecimal numbers",
    ),
    (
        "repl-backlog-size",
        "redis-server makes it 16 KB at least; there is no replication yet",
    ),
    ("server_cpulist", WRITTEN_BACK),
    ("bio_cpulist", WRITTEN_BACK),
    ("aof_rewrite_cpulist", WRITTEN_BACK),
    ("bgsave_cpulist", WRITTEN_BACK),
    (
        "activedefrag",
        "Debian's redis-server is built without it and refuses it",
    ),
];

/// Refused, whatever redis-server makes of the value.
fn is_unsupported(outcome: &Result<String, String>) -> bool {
    let refused = outcome.as_ref().err();
    refused.is_some_and(|text| text.contains(" - this is not supported: "))
}

/// A setting's printed value.
fn get(client: &mut Client, name: &str) -> String {
    match client.call(&["CONFIG", "GET", name]).unwrap() {
        Value::Array(pair) => match &pair[..] {
            [_, Value::Bulk(value)] => String::from_utf8_lossy(value).into_owned(),
            other => panic!("{name}: {other:?}"),
        },
        other => panic!("{name}: {other:?}"),
    }
}

/// What setting it comes to: the error, or what is printed then.
fn set(client: &mut Client, name: &str, value: &str) -> Result<String, String> {
    match client.call(&["CONFIG", "SET", name, value]).unwrap() {
        Value::Simple(_) => Ok(get(client, name)),
        Value::Error(error) => Err(error),
        other => panic!("{name} {value}: {other:?}"),
    }
}

/// The directives that both have, by the names that redis-server prints.
fn common(ours: &mut Client, stock: &mut Client) -> Vec<String> {
    let names = |client: &mut Client| match client.call(&["CONFIG", "GET", "*"]).unwrap() {
        Value::Array(pairs) => pairs
            .chunks_exact(2)
            .map(|pair| match &pair[0] {
                Value::Bulk(name) => String::from_utf8_lossy(name).into_owned(),
                other => panic!("{other:?}"),
            })
            .collect::<Vec<String>>(),
        other => panic!("{other:?}"),
    };
    let ours = names(ours);
    let mut both = names(stock);
    both.retain(|name| ours.contains(name) && !LEFT_OUT.contains(&name.as_str()));
    both
}

#[test]
fn what_is_out_of_range_is_refused_as_in_redis() {
    let [(_ours, mut ours), (_stock, mut stock)] = both(&[]);
    let names = common(&mut ours, &mut stock);
    assert!(names.len() > 150, "{}", names.len());
    let (mut differences, mut excused) = (Vec::new(), Vec::new());
    for name in &names {
        for value in VALUES {
            let before = [&mut ours, &mut stock].map(|client| get(client, name));
            let mine = set(&mut ours, name, value);
            let theirs = set(&mut stock, name, value);
            if mine != theirs && !is_unsupported(&mine) {
                match DIFFERENT.iter().any(|(different, _)| different == name) {
                    true => excused.push(name.as_str()),
                    false => differences.push(format!(
                        "{name} {value:?}: {mine:?}, redis-server {theirs:?}"
                    )),
                }
            }
            for (client, before) in [&mut ours, &mut stock].into_iter().zip(before) {
                if get(client, name) != before {
                    assert_eq!(set(client, name, &before), Ok(before), "{name}");
                }
            }
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    for (name, reason) in DIFFERENT {
        assert!(
            excused.contains(name),
            "{name} does not differ any more ({reason})"
        );
    }
}
