//! Integer arguments at the ends of their ranges and in every spelling: read as redis-server reads
//! them.
//!
//! Each command is called with each number on redis-server and on Cairn; replies and what is left
//! must be equal. What Cairn answers otherwise on purpose stands in `DIFFERENT`, with the reason.

use crate::differential::{Side, differences, sides};
use crate::harness::client::Value;

/// Numbers, and what is none.
const NUMBERS: [&str; 33] = [
    "0",
    "1",
    "-1",
    "2",
    "-5",
    "9223372036854775807",
    "-9223372036854775808",
    "9223372036854775806",
    "-9223372036854775807",
    "9223372036854775808",
    "-9223372036854775809",
    "18446744073709551615",
    "18446744073709551617",
    "99999999999999999999",
    "2147483647",
    "2147483648",
    "-2147483648",
    "-2147483649",
    "4294967295",
    "4294967296",
    "9007199254740992",
    "+1",
    " 1",
    "1 ",
    "01",
    "-0",
    "-01",
    "00",
    "1.0",
    "1e3",
    "0x1",
    "",
    "abc",
];

/// Commands; N is the number.
const COMMANDS: [&str; 66] = [
    "LRANGE l N 2",
    "LRANGE l 0 N",
    "LINDEX l N",
    "LPOS l a RANK N",
    "LPOS l a COUNT N",
    "LPOS l a MAXLEN N",
    "LPOS l a RANK -1 COUNT N MAXLEN 3",
    "LPOP l N",
    "RPOP l N",
    "LPOP nokey N",
    "LREM l N a",
    "LTRIM l N 3",
    "LTRIM l 1 N",
    "LSET l N x",
    "LSET nokey N x",
    "LMPOP N l LEFT",
    "LMPOP 1 l LEFT COUNT N",
    "LMPOP 2 {l}none l RIGHT COUNT N",
    "BLMPOP 0.01 N l LEFT",
    "BLMPOP 0.01 1 l LEFT COUNT N",
    "SETRANGE s N x",
    "SETRANGE nokey N x",
    "GETRANGE s N 4",
    "GETRANGE s 0 N",
    "SUBSTR s N -1",
    "GETBIT s N",
    "SETBIT s N 1",
    "SETBIT s 7 N",
    "INCRBY n N",
    "DECRBY n N",
    "INCRBY most N",
    "DECRBY most N",
    "INCRBYFLOAT f N",
    "EXPIRE s N",
    "EXPIRE nokey N",
    "EXPIREAT s N",
    "PEXPIREAT s N",
    "SET s v EX N",
    "SET s v PXAT N",
    "GETEX s EXAT N",
    "SETEX s N v",
    "SCAN 0 COUNT N",
    "COPY s {s}2 DB N",
    "MOVE s N",
    "SELECT N",
    "SWAPDB 0 N",
    "LCS s n LEN MINMATCHLEN N",
    "CLIENT KILL ID N",
    "CLIENT LIST ID N",
    "CLIENT UNBLOCK N",
    "CLIENT NO-EVICT N",
    "HELLO N",
    "SLOWLOG GET N",
    "MEMORY USAGE l SAMPLES N",
    "CONFIG SET hz N",
    "CONFIG SET maxmemory-samples N",
    "CONFIG SET slowlog-log-slower-than N",
    "CONFIG SET slowlog-max-len N",
    "CONFIG SET list-max-listpack-size N",
    "CONFIG SET latency-monitor-threshold N",
    "CONFIG SET lfu-log-factor N",
    "CONFIG SET tcp-keepalive N",
    "RESTORE {s}r 0 payload IDLETIME N",
    "RESTORE {s}r N payload",
    "RANDOMKEY N",
    "FLUSHALL N",
];

/// What is answered otherwise on purpose: the command, the number, why.
const DIFFERENT: [(&str, &str, &str); 1] = [(
    "LPOS l a RANK N",
    "-9223372036854775808",
    "7.0.15 takes the number whose negation overflows; 7.2.4 answers as Cairn does",
)];

/// Not called: the strings would take hundreds of megabytes.
const LARGE: [(&str, &str); 3] = [
    ("SETBIT s N 1", "2147483647"),
    ("SETBIT s N 1", "2147483648"),
    ("SETBIT s N 1", "4294967295"),
];

/// What every command begins with.
const PREPARED: [&str; 7] = [
    "FLUSHALL",
    "SELECT 0",
    "RPUSH l a b c a 1 2",
    "MSET n 10 f 1.5 s hello-world",
    "SET most 9223372036854775807",
    "HELLO 2",
    "CLIENT NO-EVICT off",
];

/// What is left of it.
const LEFT: [&str; 3] = ["LRANGE l 0 -1", "MGET n f most", "EXISTS s {s}2 {s}r nokey"];

/// Replies that are each server's own; only whether they are errors is compared.
const OWN: [&str; 5] = ["SCAN", "SLOWLOG", "MEMORY", "HELLO", "CLIENT LIST"];

fn view(command: &str, value: &Value) -> String {
    let is_own = OWN.iter().any(|own| command.starts_with(own));
    match value {
        Value::Error(text) => text.clone(),
        _ if is_own => "a reply".to_string(),
        other => format!("{other:?}"),
    }
}

fn split(command: &'static str) -> Vec<&'static str> {
    command.split(' ').collect()
}

/// Calls one command with all numbers.
fn compare(sides: &mut [Side], command: &'static str) -> Vec<String> {
    let mut wrong = Vec::new();
    for number in NUMBERS {
        let is = |(of, other): (&str, &str)| of == command && other == number;
        if LARGE.iter().any(|(of, other)| is((of, other)))
            || DIFFERENT.iter().any(|(of, other, _)| is((of, other)))
        {
            continue;
        }
        for prepared in PREPARED {
            for side in &mut *sides {
                side.call(&split(prepared));
            }
        }
        let payload = "\u{0}\u{3}abc";
        let words: Vec<&str> = split(command)
            .into_iter()
            .map(|word| match word {
                "N" => number,
                "payload" => payload,
                word => word,
            })
            .collect();
        wrong.extend(differences(sides, &words, |value| view(command, &value)));
        for left in LEFT {
            let after = differences(sides, &split(left), |value| view(left, &value));
            wrong.extend(
                after
                    .into_iter()
                    .map(|text| format!("after {words:?}: {text}")),
            );
        }
    }
    wrong
}

#[test]
fn integers_are_read_as_redis_reads_them() {
    let mut sides = sides();
    let mut wrong = Vec::new();
    for command in COMMANDS {
        wrong.extend(compare(&mut sides, command));
    }
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
}
