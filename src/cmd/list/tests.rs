//! Every list command against the fixture: replies, errors, events, what reaches the log.
//!
//! Replies are those of redis-server 7.0.15, but for LMOVEM, which it lacks.

use crate::cmd::fixture::Fixture;

const WRONG_TYPE: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n";
const NOT_INTEGER: &str = "-ERR value is not an integer or out of range\r\n";
const SYNTAX: &str = "-ERR syntax error\r\n";

/// The reply with these bulk strings.
fn array(words: &str) -> String {
    let words: Vec<&str> = words.split_whitespace().collect();
    let bulks: String = words
        .iter()
        .map(|word| format!("${}\r\n{word}\r\n", word.len()))
        .collect();
    format!("*{}\r\n{bulks}", words.len())
}

#[track_caller]
fn holds(f: &mut Fixture, key: &str, words: &str) {
    assert_eq!(f.run(&format!("LRANGE {key} 0 -1")), array(words), "{key}");
}

#[test]
fn lpush() {
    let mut f = Fixture::new();
    f.check("LPUSH l a 12 c", ":3\r\n");
    assert_eq!(f.events(), ["new l", "lpush l"]);
    assert_eq!(f.effects.dirty, 3);
    holds(&mut f, "l", "c 12 a");
    assert_eq!(f.encoding("l"), "listpack");
    f.check("SET s 1", "+OK\r\n");
    f.check("LPUSH s a", WRONG_TYPE);
    f.check("TYPE l", "+list\r\n");
}

#[test]
fn rpush() {
    let mut f = Fixture::new();
    f.check("RPUSH l a b", ":2\r\n");
    f.check("RPUSH l c", ":3\r\n");
    holds(&mut f, "l", "a b c");
    assert_eq!(f.stream(), ["RPUSH l a b", "RPUSH l c"]);
}

#[test]
fn lpushx() {
    let mut f = Fixture::new();
    f.check("LPUSHX l a", ":0\r\n");
    f.check("RPUSH l a", ":1\r\n");
    f.check("LPUSHX l b c", ":3\r\n");
    holds(&mut f, "l", "c b a");
}

#[test]
fn rpushx() {
    let mut f = Fixture::new();
    f.check("RPUSHX l a", ":0\r\n");
    assert!(f.stream().is_empty());
    f.check("RPUSH l a", ":1\r\n");
    f.check("RPUSHX l b", ":2\r\n");
    holds(&mut f, "l", "a b");
}

#[test]
fn lpop() {
    let mut f = Fixture::new();
    f.check("LPOP l", "$-1\r\n");
    f.check("LPOP l 1", "*-1\r\n");
    f.check("RPUSH l a b c d", ":4\r\n");
    f.check("LPOP l", "$1\r\na\r\n");
    f.check("LPOP l 0", "*0\r\n");
    f.check("LPOP l 2", &array("b c"));
    f.events();
    f.check("LPOP l 9", &array("d"));
    assert_eq!(f.events(), ["lpop l", "del l"]);
    f.check("EXISTS l", ":0\r\n");
    for wrong in ["-1", "x"] {
        f.check(
            &format!("LPOP l {wrong}"),
            "-ERR value is out of range, must be positive\r\n",
        );
    }
    f.check(
        "LPOP l 1 1",
        "-ERR wrong number of arguments for 'lpop' command\r\n",
    );
}

#[test]
fn rpop() {
    let mut f = Fixture::new();
    f.check("RPUSH l a b c", ":3\r\n");
    f.check("RPOP l", "$1\r\nc\r\n");
    f.check("RPOP l 5", &array("b a"));
    f.resp3();
    f.check("RPOP l", "_\r\n");
    f.check("RPOP l 1", "_\r\n");
}

#[test]
fn llen() {
    let mut f = Fixture::new();
    f.check("LLEN l", ":0\r\n");
    f.check("RPUSH l a b", ":2\r\n");
    f.check("LLEN l", ":2\r\n");
    f.check("SET s 1", "+OK\r\n");
    f.check("LLEN s", WRONG_TYPE);
}

#[test]
fn lindex() {
    let mut f = Fixture::new();
    f.check("LINDEX l x", "$-1\r\n");
    f.check("RPUSH l a 5 c", ":3\r\n");
    f.check("LINDEX l 1", "$1\r\n5\r\n");
    f.check("LINDEX l -1", "$1\r\nc\r\n");
    f.check("LINDEX l 3", "$-1\r\n");
    f.check("LINDEX l -4", "$-1\r\n");
    f.check("LINDEX l x", NOT_INTEGER);
}

#[test]
fn lrange() {
    let mut f = Fixture::new();
    f.check("LRANGE l 0 -1", "*0\r\n");
    f.check("RPUSH l a b c d", ":4\r\n");
    f.check("LRANGE l 1 2", &array("b c"));
    f.check("LRANGE l -2 100", &array("c d"));
    f.check("LRANGE l -100 0", &array("a"));
    f.check("LRANGE l 3 1", "*0\r\n");
    f.check("LRANGE l 4 9", "*0\r\n");
    f.check("LRANGE l 0 -9", "*0\r\n");
    f.check("LRANGE l a 1", NOT_INTEGER);
}

#[test]
fn lset() {
    let mut f = Fixture::new();
    f.check("LSET l 0 a", "-ERR no such key\r\n");
    f.check("RPUSH l a b c", ":3\r\n");
    f.check("LSET l -1 z", "+OK\r\n");
    f.check("LSET l 0 7", "+OK\r\n");
    holds(&mut f, "l", "7 b z");
    f.check("LSET l 3 x", "-ERR index out of range\r\n");
    f.check("LSET l -4 x", "-ERR index out of range\r\n");
    f.check("LSET l x x", NOT_INTEGER);
}

#[test]
fn linsert() {
    let mut f = Fixture::new();
    f.check("LINSERT l BEFORE a b", ":0\r\n");
    f.check("RPUSH l a 10 c", ":3\r\n");
    f.check("LINSERT l before 10 x", ":4\r\n");
    f.check("LINSERT l AFTER 10 y", ":5\r\n");
    f.check("LINSERT l AFTER no y", ":-1\r\n");
    f.check("LINSERT l BESIDE 10 y", SYNTAX);
    holds(&mut f, "l", "a x 10 y c");
}

#[test]
fn lrem() {
    let mut f = Fixture::new();
    f.check("LREM l 0 a", ":0\r\n");
    f.check("RPUSH l a b a 1 a b 1", ":7\r\n");
    f.check("LREM l -1 a", ":1\r\n");
    holds(&mut f, "l", "a b a 1 b 1");
    f.check("LREM l 1 a", ":1\r\n");
    f.check("LREM l 0 1", ":2\r\n");
    holds(&mut f, "l", "b a b");
    f.check("LREM l 0 b", ":2\r\n");
    f.events();
    f.check("LREM l -9223372036854775808 a", ":1\r\n");
    assert_eq!(f.events(), ["lrem l", "del l"]);
    f.check("LREM l x a", NOT_INTEGER);
}

#[test]
fn ltrim() {
    let mut f = Fixture::new();
    f.check("LTRIM l 0 1", "+OK\r\n");
    f.check("RPUSH l a b c d e", ":5\r\n");
    f.check("LTRIM l 1 -2", "+OK\r\n");
    holds(&mut f, "l", "b c d");
    f.stream();
    f.check("LTRIM l 0 -1", "+OK\r\n");
    assert!(f.stream().is_empty(), "nothing was removed");
    f.events();
    f.check("LTRIM l 5 1", "+OK\r\n");
    assert_eq!(f.events(), ["ltrim l", "del l"]);
    f.check("EXISTS l", ":0\r\n");
    f.check("LTRIM l x 1", NOT_INTEGER);
}

#[test]
fn lpos() {
    let mut f = Fixture::new();
    f.check("LPOS l a", "$-1\r\n");
    f.check("LPOS l a COUNT 1", "*0\r\n");
    f.check("RPUSH l a b c 1 2 3 c c", ":8\r\n");
    f.check("LPOS l c", ":2\r\n");
    f.check("LPOS l 2", ":4\r\n");
    f.check("LPOS l c RANK 2", ":6\r\n");
    f.check("LPOS l c RANK -1", ":7\r\n");
    f.check("LPOS l c RANK 4", "$-1\r\n");
    f.check("LPOS l c COUNT 0 RANK -1", "*3\r\n:7\r\n:6\r\n:2\r\n");
    f.check("LPOS l c COUNT 1", "*1\r\n:2\r\n");
    f.check("LPOS l c COUNT 0 MAXLEN 7", "*2\r\n:2\r\n:6\r\n");
    f.check("LPOS l a RANK -1 MAXLEN 7", "$-1\r\n");
    f.check("LPOS l a MAXLEN 0", ":0\r\n");
    f.check("LPOS l a COUNT -1", "-ERR COUNT can't be negative\r\n");
    f.check("LPOS l a MAXLEN x", "-ERR MAXLEN can't be negative\r\n");
    assert!(
        f.run("LPOS l a RANK 0")
            .starts_with("-ERR RANK can't be zero: use 1 to")
    );
    f.check("LPOS l a RANK", SYNTAX);
    f.check("LPOS l a OTHER 1", SYNTAX);
}

#[test]
fn lmove() {
    let mut f = Fixture::new();
    f.check("LMOVE a b LEFT RIGHT", "$-1\r\n");
    f.check("RPUSH a 1 2 3", ":3\r\n");
    f.check("LMOVE a b LEFT RIGHT", "$1\r\n1\r\n");
    f.check("LMOVE a b RIGHT LEFT", "$1\r\n3\r\n");
    f.check("LMOVE b b LEFT RIGHT", "$1\r\n3\r\n");
    holds(&mut f, "b", "1 3");
    f.events();
    f.check("LMOVE a b LEFT LEFT", "$1\r\n2\r\n");
    assert_eq!(f.events(), ["lpush b", "lpop a", "del a"]);
    f.check("RPUSH one x", ":1\r\n");
    f.check("LMOVE one one LEFT LEFT", "$1\r\nx\r\n");
    holds(&mut f, "one", "x");
    f.check("SET s 1", "+OK\r\n");
    f.check("LMOVE s b LEFT LEFT", WRONG_TYPE);
    f.check("LMOVE b s LEFT LEFT", WRONG_TYPE);
    f.check("LMOVE none s LEFT LEFT", "$-1\r\n");
    f.check("LMOVE a b UP LEFT", SYNTAX);
    holds(&mut f, "b", "2 1 3");
}

#[test]
fn rpoplpush() {
    let mut f = Fixture::new();
    f.check("RPUSH a 1 2", ":2\r\n");
    f.check("RPOPLPUSH a b", "$1\r\n2\r\n");
    f.check("RPOPLPUSH none b", "$-1\r\n");
    holds(&mut f, "b", "2");
    assert_eq!(f.stream(), ["RPUSH a 1 2", "RPOPLPUSH a b"]);
}

#[test]
fn lmpop() {
    let mut f = Fixture::new();
    f.check("LMPOP 2 a b LEFT", "*-1\r\n");
    f.check("RPUSH b 1 2 3", ":3\r\n");
    f.stream();
    f.check(
        "LMPOP 2 a b RIGHT COUNT 2",
        &format!("*2\r\n$1\r\nb\r\n{}", array("3 2")),
    );
    assert_eq!(f.stream(), ["RPOP b 2"]);
    f.check(
        "LMPOP 1 b LEFT COUNT 9",
        "*2\r\n$1\r\nb\r\n*1\r\n$1\r\n1\r\n",
    );
    assert_eq!(f.stream(), ["LPOP b 1"]);
    f.check(
        "LMPOP 0 a LEFT",
        "-ERR numkeys should be greater than 0\r\n",
    );
    f.check("LMPOP 2 a LEFT", SYNTAX);
    f.check("LMPOP 1 a UP", SYNTAX);
    f.check("LMPOP 1 a LEFT COUNT", SYNTAX);
    f.check(
        "LMPOP 1 a LEFT COUNT 0",
        "-ERR count should be greater than 0\r\n",
    );
    f.check("LMPOP 1 a LEFT COUNT 1 COUNT 2", SYNTAX);
    f.check("SET s 1", "+OK\r\n");
    f.check("LMPOP 2 a s LEFT", WRONG_TYPE);
}

/// The command finds nothing: it waits, or answers at once where it may not.
#[track_caller]
fn blocks(f: &mut Fixture, line: &str) {
    assert_eq!(f.fresh(line), "", "{line}");
    assert!(f.effects.block.is_some(), "{line}");
    f.forget();
}

#[test]
fn blpop() {
    let mut f = Fixture::new();
    blocks(&mut f, "BLPOP a b 0");
    f.fresh("BLPOP a 0.5");
    let deadline_ms = f.effects.block.and_then(|block| block.deadline_ms);
    assert_eq!(deadline_ms, Some(f.now_ms + 500));
    f.check("RPUSH b 1 2", ":2\r\n");
    f.stream();
    f.check("BLPOP a b 0", &array("b 1"));
    assert_eq!(f.stream(), ["LPOP b"]);
    f.check("BLPOP b -1", "-ERR timeout is negative\r\n");
    f.check(
        "BLPOP b x",
        "-ERR timeout is not a float or out of range\r\n",
    );
    f.check("SET s 1", "+OK\r\n");
    f.check("BLPOP s b 0", WRONG_TYPE);
    f.check("BLPOP b s 0", &array("b 2"));
}

#[test]
fn brpop() {
    let mut f = Fixture::new();
    blocks(&mut f, "BRPOP a 0");
    f.check("RPUSH a 1 2", ":2\r\n");
    f.stream();
    f.check("BRPOP a 0", &array("a 2"));
    assert_eq!(f.stream(), ["RPOP a"]);
}

#[test]
fn blmpop() {
    let mut f = Fixture::new();
    blocks(&mut f, "BLMPOP 1 2 a b LEFT COUNT 3");
    f.check("RPUSH b 1 2", ":2\r\n");
    f.stream();
    f.check(
        "BLMPOP 0 2 a b LEFT COUNT 3",
        &format!("*2\r\n$1\r\nb\r\n{}", array("1 2")),
    );
    assert_eq!(f.stream(), ["LPOP b 2"]);
    f.check("BLMPOP -1 1 a LEFT", "-ERR timeout is negative\r\n");
    f.check(
        "BLMPOP x 0 a LEFT",
        "-ERR numkeys should be greater than 0\r\n",
    );
}

#[test]
fn blmove() {
    let mut f = Fixture::new();
    blocks(&mut f, "BLMOVE a b LEFT RIGHT 0");
    f.check("RPUSH a 1", ":1\r\n");
    f.stream();
    f.check("BLMOVE a b left right 0", "$1\r\n1\r\n");
    assert_eq!(f.stream(), ["LMOVE a b left right"]);
    f.check("BLMOVE a b x right -1", SYNTAX);
    f.check("BLMOVE a b left right -1", "-ERR timeout is negative\r\n");
}

#[test]
fn brpoplpush() {
    let mut f = Fixture::new();
    blocks(&mut f, "BRPOPLPUSH a b 1");
    f.check("RPUSH a 1 2", ":2\r\n");
    f.stream();
    f.check("BRPOPLPUSH a b 1", "$1\r\n2\r\n");
    assert_eq!(f.stream(), ["RPOPLPUSH a b"]);
    f.check(
        "BRPOPLPUSH a b x",
        "-ERR timeout is not a float or out of range\r\n",
    );
}

#[test]
fn moves_over_two_owners_are_told_apart() {
    let mut f = Fixture::new();
    f.check("RPUSH a 1 2 3 4 5 6", ":6\r\n");
    f.stream();
    f.apart = true;
    f.check("LMOVE a b RIGHT LEFT", "$1\r\n6\r\n");
    assert_eq!(f.stream(), ["RPOP a", "LPUSH b 6"]);
    f.check("BLMOVE a b LEFT RIGHT 0", "$1\r\n1\r\n");
    assert_eq!(f.stream(), ["LPOP a", "RPUSH b 1"]);
    f.check("RPOPLPUSH a b", "$1\r\n5\r\n");
    assert_eq!(f.stream(), ["RPOP a", "LPUSH b 5"]);
    f.check("BRPOPLPUSH a b 0", "$1\r\n4\r\n");
    assert_eq!(f.stream(), ["RPOP a", "LPUSH b 4"]);
    f.check("LMOVEM a b LEFT RIGHT COUNT 1 OBO", &array("2"));
    assert_eq!(f.stream(), ["LPOP a 1", "RPUSH b 2"]);
    // What one owner has is told as ever.
    f.check("LMOVE a {a}b RIGHT LEFT", "$1\r\n3\r\n");
    assert_eq!(f.stream(), ["LMOVE a {a}b RIGHT LEFT"]);
}

#[test]
fn lmovem() {
    let mut f = Fixture::new();
    f.check("LMOVEM a b LEFT RIGHT", "*-1\r\n");
    f.check("RPUSH a 1 2 3 4 5 6 7 8", ":8\r\n");
    f.check("RPUSH b x", ":1\r\n");
    f.check("LMOVEM a b LEFT RIGHT", &array("1"));
    f.check("LMOVEM a b LEFT LEFT COUNT 2 OBO", &array("3 2"));
    f.stream();
    f.check("LMOVEM a b LEFT LEFT COUNT 2 BULK", &array("4 5"));
    assert_eq!(f.stream(), ["LPOP a 2", "LPUSH b 5 4"]);
    f.check("LMOVEM a b RIGHT RIGHT EXACTLY 2 BULK", &array("7 8"));
    holds(&mut f, "b", "4 5 3 2 x 1 7 8");
    f.check("LMOVEM a b RIGHT RIGHT EXACTLY 2 OBO", "*-1\r\n");
    f.events();
    f.check("LMOVEM a b RIGHT RIGHT COUNT 2 OBO", &array("6"));
    assert_eq!(f.events(), ["rpush b", "rpop a", "del a"]);
    f.check(
        "LMOVEM a b RIGHT RIGHT COUNT 0 OBO",
        "-ERR count should be greater than 0\r\n",
    );
    f.check("LMOVEM a b RIGHT RIGHT COUNT 1", SYNTAX);
    f.check("LMOVEM a b RIGHT RIGHT COUNT 1 ALL", SYNTAX);
    f.check("LMOVEM a b RIGHT RIGHT MOST 1 OBO", SYNTAX);
}

#[test]
fn lmovem_within_one_list() {
    let mut f = Fixture::new();
    f.check("RPUSH l a b c", ":3\r\n");
    f.check("PEXPIRE l 1000", ":1\r\n");
    f.stream();
    f.check("LMOVEM l l LEFT LEFT EXACTLY 2 OBO", &array("b a"));
    assert_eq!(f.stream(), ["LPOP l 2", "LPUSH l a b"]);
    holds(&mut f, "l", "b a c");
    f.check("LMOVEM l l RIGHT RIGHT COUNT 3 OBO", &array("c a b"));
    assert_eq!(f.stream(), ["RPUSH l c a b", "LTRIM l -3 -1"]);
    holds(&mut f, "l", "c a b");
    f.check("LMOVEM l l LEFT LEFT COUNT 3 OBO", &array("b a c"));
    assert_eq!(f.stream(), ["LPUSH l c a b", "LTRIM l 0 2"]);
    f.check("LMOVEM l l LEFT LEFT COUNT 1 OBO", &array("b"));
    assert!(f.stream().is_empty());
    f.check("LMOVEM l l RIGHT RIGHT COUNT 9 BULK", &array("b a c"));
    assert!(f.stream().is_empty());
    f.check("LMOVEM l l RIGHT LEFT COUNT 2 BULK", &array("a c"));
    holds(&mut f, "l", "a c b");
    assert!(f.expiry("l").is_some());
}

#[test]
fn blmovem() {
    let mut f = Fixture::new();
    blocks(&mut f, "BLMOVEM a b LEFT RIGHT 0 EXACTLY 2 BULK");
    f.check("RPUSH a 1", ":1\r\n");
    blocks(&mut f, "BLMOVEM a b LEFT RIGHT 0 EXACTLY 2 BULK");
    f.check("BLMOVEM a b LEFT RIGHT 0 COUNT 2 BULK", &array("1"));
    f.check(
        "BLMOVEM a b LEFT RIGHT -1 COUNT 2 BULK",
        "-ERR timeout is negative\r\n",
    );
}

#[test]
fn lists_travel() {
    let mut f = Fixture::new();
    f.set_config("list-max-listpack-size", "3");
    f.set_config("list-compress-depth", "1");
    let word = "w".repeat(100);
    for _ in 0..20 {
        f.run(&format!("RPUSH l {word} 5"));
    }
    let all = f.run("LRANGE l 0 -1");
    f.check("COPY l m", ":1\r\n");
    f.check("RPOP l", "$1\r\n5\r\n");
    assert_eq!(f.run("LRANGE m 0 -1"), all);
    let payload = f.run_words(&[b"DUMP", b"m"]);
    let begin = payload
        .iter()
        .position(|&byte| byte == b'\n')
        .expect("a bulk")
        + 1;
    let payload = payload[begin..payload.len() - 2].to_vec();
    let reply = f.run_words(&[b"RESTORE", b"n", b"0", &payload]);
    assert_eq!(reply, b"+OK\r\n");
    assert_eq!(f.run("LRANGE n 0 -1"), all);
    let usage = f.run("MEMORY USAGE n");
    let bytes: usize = usage[1..].trim().parse().expect("an integer");
    assert!((500..6000).contains(&bytes), "{bytes}");
}
