//! Every sorted set command against the fixture: replies, events, what counts and what reaches the
//! log.
//!
//! Replies are those of redis-server 7.0.15 (`tests/wire/zsets.txt` has all of them), but for
//! ZRANK's WITHSCORE and AGGREGATE COUNT, which it lacks.

use crate::cmd::fixture::Fixture;

const WRONG_TYPE: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n";

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

/// The bulk strings of a reply, in one line.
fn words(reply: &str) -> String {
    let lines = reply
        .split("\r\n")
        .filter(|line| !line.starts_with(['*', '$']));
    lines.collect::<Vec<_>>().join(" ").trim().to_string()
}

fn shown(f: &mut Fixture, line: &str) -> String {
    words(&f.run(line))
}

/// With members a (1) to e (5), as a listpack and as a tree.
fn both() -> [Fixture; 2] {
    ["128", "0"].map(|entries| {
        let mut f = Fixture::new();
        f.set_config("zset-max-listpack-entries", entries);
        f.run("ZADD z 3 c 1 a 2 b 5 e 4 d");
        let encoding = if entries == "0" {
            "skiplist"
        } else {
            "listpack"
        };
        assert_eq!(f.encoding("z"), encoding);
        f
    })
}

#[test]
fn zadd() {
    let mut f = Fixture::new();
    assert_eq!(
        told(&mut f, "ZADD z 1 a 2 b", ":2\r\n"),
        changed("new z, zadd z", 2)
    );
    assert_eq!(told(&mut f, "ZADD z 1 a", ":0\r\n"), changed("", 0));
    assert_eq!(
        told(&mut f, "ZADD z CH 5 a 3 c", ":2\r\n"),
        changed("zadd z", 2)
    );
    assert_eq!(
        told(&mut f, "ZADD z INCR 1 a", "$1\r\n6\r\n"),
        changed("zincr z", 1)
    );
    assert_eq!(told(&mut f, "ZADD none XX 1 a", ":0\r\n"), changed("", 0));
    f.run("SET text x");
    f.check("ZADD text 1 a", WRONG_TYPE);
    f.check("ZADD z 1e-400 a", "-ERR value is not a valid float\r\n");
    f.check("ZADD z 0e-400 zero", ":1\r\n");
}

#[test]
fn forms_follow_the_directives() {
    let mut f = Fixture::new();
    f.set_config("zset-max-listpack-entries", "2");
    f.set_config("zset-max-listpack-value", "3");
    f.run("ZADD z 1 a 2 b");
    assert_eq!(f.encoding("z"), "listpack");
    f.run("ZADD z 3 c");
    assert_eq!(f.encoding("z"), "skiplist");
    f.run("ZADD long 1 abcd");
    assert_eq!(f.encoding("long"), "skiplist");
    f.run("ZREM z a b");
    f.run("ZUNIONSTORE to 1 z");
    assert_eq!(f.encoding("to"), "listpack");
}

#[test]
fn zincrby() {
    for mut f in both() {
        let told = told(&mut f, "ZINCRBY z 2.5 a", "$3\r\n3.5\r\n");
        assert_eq!(told, changed("zincr z", 1));
        assert_eq!(shown(&mut f, "ZRANGE z 0 -1"), "b c a d e");
    }
}

#[test]
fn zrem() {
    for mut f in both() {
        assert_eq!(told(&mut f, "ZREM z b x", ":1\r\n"), changed("zrem z", 1));
        let last = told(&mut f, "ZREM z a c d e", ":4\r\n");
        assert_eq!(last, changed("zrem z, del z", 4));
    }
}

#[test]
fn zremrangebyrank() {
    for mut f in both() {
        let some = told(&mut f, "ZREMRANGEBYRANK z 1 -2", ":3\r\n");
        assert_eq!(some, changed("zremrangebyrank z", 3));
        assert_eq!(shown(&mut f, "ZRANGE z 0 -1"), "a e");
    }
}

#[test]
fn zremrangebyscore() {
    for mut f in both() {
        let some = told(&mut f, "ZREMRANGEBYSCORE z (1 3", ":2\r\n");
        assert_eq!(some, changed("zremrangebyscore z", 2));
    }
}

#[test]
fn zremrangebylex() {
    for mut f in both() {
        let all = told(&mut f, "ZREMRANGEBYLEX z - +", ":5\r\n");
        assert_eq!(all, changed("zremrangebylex z, del z", 5));
        assert_eq!(
            told(&mut f, "ZREMRANGEBYLEX z - +", ":0\r\n"),
            changed("", 0)
        );
    }
}

#[test]
fn zscore() {
    let mut f = Fixture::new();
    f.run("ZADD z 0.1 tenth -inf low 1e17 big 1e21 bigger");
    f.check("ZSCORE z tenth", "$3\r\n0.1\r\n");
    f.check("ZSCORE z low", "$4\r\n-inf\r\n");
    f.check("ZSCORE z big", "$18\r\n100000000000000000\r\n");
    f.resp3();
    f.check("ZSCORE z bigger", ",1e+21\r\n");
    f.check("ZSCORE z none", "_\r\n");
}

#[test]
fn zmscore() {
    for mut f in both() {
        f.check("ZMSCORE z a x e", "*3\r\n$1\r\n1\r\n$-1\r\n$1\r\n5\r\n");
    }
}

#[test]
fn zcard() {
    for mut f in both() {
        f.check("ZCARD z", ":5\r\n");
    }
}

#[test]
fn zcount() {
    for mut f in both() {
        f.check("ZCOUNT z (1 (4", ":2\r\n");
        f.check("ZCOUNT z -inf +inf", ":5\r\n");
    }
}

#[test]
fn zlexcount() {
    for mut f in both() {
        f.check("ZLEXCOUNT z [b (d", ":2\r\n");
    }
}

#[test]
fn zrank() {
    for mut f in both() {
        f.check("ZRANK z d", ":3\r\n");
        f.check("ZRANK z d WITHSCORE", "*2\r\n:3\r\n$1\r\n4\r\n");
        f.check("ZRANK z x WITHSCORE", "*-1\r\n");
        f.check("ZRANK z d SCORE", "-ERR syntax error\r\n");
    }
}

#[test]
fn zrevrank() {
    for mut f in both() {
        f.check("ZREVRANK z d", ":1\r\n");
        f.check("ZREVRANK z x", "$-1\r\n");
    }
}

#[test]
fn zrange() {
    for mut f in both() {
        assert_eq!(shown(&mut f, "ZRANGE z 1 2"), "b c");
        assert_eq!(shown(&mut f, "ZRANGE z 1 2 REV"), "d c");
        assert_eq!(shown(&mut f, "ZRANGE z 4 (1 BYSCORE REV LIMIT 1 9"), "c b");
        f.resp3();
        f.check("ZRANGE z 0 0 WITHSCORES", "*1\r\n*2\r\n$1\r\na\r\n,1\r\n");
    }
}

#[test]
fn zrevrange() {
    for mut f in both() {
        assert_eq!(shown(&mut f, "ZREVRANGE z 0 1 WITHSCORES"), "e 5 d 4");
    }
}

#[test]
fn zrangebyscore() {
    for mut f in both() {
        assert_eq!(shown(&mut f, "ZRANGEBYSCORE z (1 3 LIMIT 1 5"), "c");
    }
}

#[test]
fn zrevrangebyscore() {
    for mut f in both() {
        assert_eq!(shown(&mut f, "ZREVRANGEBYSCORE z 3 (1"), "c b");
    }
}

#[test]
fn zrangebylex() {
    for mut f in both() {
        assert_eq!(shown(&mut f, "ZRANGEBYLEX z (a [c"), "b c");
    }
}

#[test]
fn zrevrangebylex() {
    for mut f in both() {
        assert_eq!(shown(&mut f, "ZREVRANGEBYLEX z + (c"), "e d");
    }
}

#[test]
fn zrangestore() {
    for mut f in both() {
        let stored = told(&mut f, "ZRANGESTORE to z 1 2", ":2\r\n");
        assert_eq!(stored, changed("new to, zrangestore to", 1));
        assert_eq!(shown(&mut f, "ZRANGE to 0 -1 WITHSCORES"), "b 2 c 3");
        assert_eq!(
            told(&mut f, "ZRANGESTORE to z 9 9", ":0\r\n"),
            changed("del to", 1)
        );
    }
}

#[test]
fn zpopmin() {
    for mut f in both() {
        let one = told(&mut f, "ZPOPMIN z", "*2\r\n$1\r\na\r\n$1\r\n1\r\n");
        assert_eq!(one, changed("zpopmin z", 1));
        assert_eq!(shown(&mut f, "ZPOPMIN z 9"), "b 2 c 3 d 4 e 5");
        assert_eq!(f.events(), ["zpopmin z", "del z"]);
    }
}

#[test]
fn zpopmax() {
    for mut f in both() {
        f.resp3();
        f.check("ZPOPMAX z 1", "*1\r\n*2\r\n$1\r\ne\r\n,5\r\n");
        f.check("ZPOPMAX z", "*2\r\n$1\r\nd\r\n,4\r\n");
    }
}

#[test]
fn zmpop() {
    for mut f in both() {
        f.fresh("ZMPOP 2 none z MAX COUNT 2");
        assert_eq!(f.stream(), ["ZPOPMAX z 2"]);
        assert_eq!(shown(&mut f, "ZRANGE z 0 -1"), "a b c");
    }
}

#[test]
fn bzpopmin() {
    for mut f in both() {
        f.fresh("BZPOPMIN none z 0");
        assert_eq!(f.stream(), ["ZPOPMIN z"]);
    }
}

#[test]
fn bzpopmax() {
    for mut f in both() {
        f.check("BZPOPMAX z 0", "*3\r\n$1\r\nz\r\n$1\r\ne\r\n$1\r\n5\r\n");
        f.check("BZPOPMAX none 0", "");
        assert!(f.effects.block.is_some());
    }
}

#[test]
fn bzmpop() {
    for mut f in both() {
        f.fresh("BZMPOP 0 1 z MIN COUNT 2");
        assert_eq!(f.stream(), ["ZPOPMIN z 2"]);
    }
}

fn inputs() -> Fixture {
    let mut f = Fixture::new();
    f.run("ZADD one 1 a 2 b 3 c");
    f.run("ZADD two 10 b 20 c 30 d");
    f.run("SADD set a c");
    f
}

#[test]
fn zunion() {
    let mut f = inputs();
    assert_eq!(
        shown(&mut f, "ZUNION 3 one two set WITHSCORES"),
        "a 2 b 12 c 24 d 30"
    );
    let counted = shown(&mut f, "ZUNION 3 one two set AGGREGATE COUNT WITHSCORES");
    assert_eq!(counted, "d 1 a 2 b 2 c 3");
    let weighted = "ZUNION 2 one two WEIGHTS 2 5 AGGREGATE COUNT WITHSCORES";
    assert_eq!(shown(&mut f, weighted), "a 2 d 5 b 7 c 7");
}

#[test]
fn zinter() {
    let mut f = inputs();
    assert_eq!(
        shown(&mut f, "ZINTER 2 one two WITHSCORES AGGREGATE MAX"),
        "b 10 c 20"
    );
    assert_eq!(
        shown(&mut f, "ZINTER 3 one two set AGGREGATE COUNT WITHSCORES"),
        "c 3"
    );
}

#[test]
fn zdiff() {
    let mut f = inputs();
    assert_eq!(shown(&mut f, "ZDIFF 2 one set WITHSCORES"), "b 2");
}

#[test]
fn zunionstore() {
    let mut f = inputs();
    let stored = told(&mut f, "ZUNIONSTORE to 2 one two", ":4\r\n");
    assert_eq!(stored, changed("new to, zunionstore to", 1));
}

#[test]
fn zinterstore() {
    let mut f = inputs();
    let stored = told(&mut f, "ZINTERSTORE one 2 one two", ":2\r\n");
    assert_eq!(stored, changed("zinterstore one", 1));
}

#[test]
fn zdiffstore() {
    let mut f = inputs();
    let emptied = told(&mut f, "ZDIFFSTORE one 2 one one", ":0\r\n");
    assert_eq!(emptied, changed("del one", 1));
}

#[test]
fn zintercard() {
    let mut f = inputs();
    f.check("ZINTERCARD 2 one set", ":2\r\n");
    f.check("ZINTERCARD 2 one set LIMIT 1", ":1\r\n");
}

#[test]
fn zrandmember() {
    for mut f in both() {
        for count in [1, 2, 5, 9] {
            let chosen = shown(&mut f, &format!("ZRANDMEMBER z {count}"));
            let mut members: Vec<_> = chosen.split(' ').collect();
            members.sort_unstable();
            members.dedup();
            assert_eq!(members.len(), count.min(5));
        }
        assert_eq!(shown(&mut f, "ZRANDMEMBER z -40").split(' ').count(), 40);
    }
}

#[test]
fn zscan() {
    let mut f = Fixture::new();
    for number in 0..300 {
        f.run(&format!("ZADD z {number} m{number}"));
    }
    let (mut cursor, mut seen) = (String::from("0"), 0);
    loop {
        let reply = shown(&mut f, &format!("ZSCAN z {cursor} COUNT 20 MATCH m*1"));
        let mut words = reply.split(' ');
        cursor = words.next().expect("a cursor").to_string();
        seen += words.filter(|word| word.starts_with('m')).count();
        if cursor == "0" {
            break;
        }
    }
    assert_eq!(seen, 30);
}
