//! What hash commands do beside their replies: events, changes, log, and the end of fields.
//!
//! The fixture's clock moves fields to their end; what clients see stands in `tests/wire`.

use crate::cmd::fixture::Fixture;

#[test]
fn hset_hmset_hsetnx() {
    let mut f = Fixture::new();
    f.check("HSET h a 1 b 2", ":2\r\n");
    assert_eq!(f.effects.dirty, 2);
    assert_eq!(f.events(), ["new h", "hset h"]);
    assert_eq!(f.stream(), ["HSET h a 1 b 2"]);
    f.forget();
    f.check("HSETNX h a 2", ":0\r\n");
    assert_eq!((f.effects.dirty, f.stream().len()), (0, 0));
    f.check("HMSET h a 3", "+OK\r\n");
    assert_eq!(f.stream(), ["HMSET h a 3"]);
}

#[test]
fn hdel_hgetdel() {
    let mut f = Fixture::new();
    f.run("HSET h a 1 b 2 c 3");
    f.fresh("HDEL h a nothing");
    assert_eq!(
        (f.effects.dirty, f.events()),
        (1, vec!["hdel h".to_string()])
    );
    f.forget();
    let reply = "*3\r\n$1\r\n2\r\n$-1\r\n$1\r\n3\r\n";
    f.check("HGETDEL h FIELDS 3 b a c", reply);
    assert_eq!(f.events(), ["hdel h", "del h"]);
    assert_eq!(f.stream(), ["HDEL h b c"]);
    assert_eq!(f.run("EXISTS h"), ":0\r\n");
}

#[test]
fn hincrby_hincrbyfloat_keep_times() {
    let mut f = Fixture::new();
    f.run("HSET h n 1 f 1.5 g 1.5");
    f.run("HEXPIRE h 100 FIELDS 2 n f");
    f.forget();
    f.check("HINCRBY h n 5", ":6\r\n");
    f.check("HINCRBYFLOAT h f 1", "$3\r\n2.5\r\n");
    f.check("HINCRBYFLOAT h g 1", "$3\r\n2.5\r\n");
    assert_eq!(
        f.stream(),
        [
            "HINCRBY h n 5",
            "HSETEX h KEEPTTL FIELDS 1 f 2.5",
            "HSET h g 2.5"
        ]
    );
    f.check("HTTL h FIELDS 3 n f g", "*3\r\n:100\r\n:100\r\n:-1\r\n");
    f.run("HSET h n 1");
    f.check("HTTL h FIELDS 1 n", "*1\r\n:-1\r\n");
}

#[test]
fn hget_hmget_hgetall_hkeys_hvals_hlen_hstrlen_hexists_hscan_end_what_is_over() {
    for (read, reply) in [
        ("HGET h a", "$-1\r\n"),
        ("HMGET h a b", "*2\r\n$-1\r\n$2\r\n22\r\n"),
        ("HGETALL h", "*2\r\n$1\r\nb\r\n$2\r\n22\r\n"),
        ("HKEYS h", "*1\r\n$1\r\nb\r\n"),
        ("HVALS h", "*1\r\n$2\r\n22\r\n"),
        ("HLEN h", ":1\r\n"),
        ("HSTRLEN h a", ":0\r\n"),
        ("HEXISTS h a", ":0\r\n"),
        ("HSCAN h 0 NOVALUES", "*2\r\n$1\r\n0\r\n*1\r\n$1\r\nb\r\n"),
        ("HRANDFIELD h", "$1\r\nb\r\n"),
        ("HTTL h FIELDS 2 a b", "*2\r\n:-2\r\n:-1\r\n"),
        ("HSETNX h a 3", ":1\r\n"),
        ("HINCRBY h a 5", ":5\r\n"),
        ("HGETEX h FIELDS 1 a", "*1\r\n$-1\r\n"),
        ("HPERSIST h FIELDS 1 a", "*1\r\n:-2\r\n"),
        ("HSETEX h FXX FIELDS 1 a 1", ":0\r\n"),
        ("HDEL h a", ":0\r\n"),
    ] {
        let mut f = Fixture::new();
        f.run("HSET h a 1 b 22");
        f.run("HPEXPIRE h 50 FIELDS 1 a");
        f.now_ms += 49;
        f.check("HPTTL h FIELDS 1 a", "*1\r\n:1\r\n");
        f.now_ms += 1;
        f.forget();
        f.check(read, reply);
        assert_eq!(f.events()[0], "hexpired h", "{read}");
        assert_eq!(f.stream()[0], "HDEL h a", "{read}");
    }
}

#[test]
fn hrandfield_chooses_all_of_them() {
    let mut f = Fixture::new();
    for number in 0..600 {
        f.run(&format!("HSET h f{number} v"));
    }
    assert_eq!(f.encoding("h"), "hashtable");
    for (count, len) in [("5", 5), ("599", 599), ("1000", 600), ("-700", 700)] {
        let reply = f.run(&format!("HRANDFIELD h {count}"));
        let names: Vec<&str> = reply.split("\r\n").filter(|w| w.starts_with('f')).collect();
        assert_eq!(names.len(), len);
        if !count.starts_with('-') {
            let distinct: std::collections::HashSet<_> = names.into_iter().collect();
            assert_eq!(distinct.len(), len);
        }
    }
    f.resp3();
    f.run("HSET small a 1");
    f.check(
        "HRANDFIELD small 1 WITHVALUES",
        "*1\r\n*2\r\n$1\r\na\r\n$1\r\n1\r\n",
    );
}

#[test]
fn hexpire_hpexpire_hexpireat_hpexpireat_tell_absolute_times() {
    let mut f = Fixture::new();
    let now_ms = f.now_ms;
    f.run("HSET h a 1 b 2 c 3");
    f.forget();
    f.check("HEXPIRE h 10 FIELDS 3 a b x", "*3\r\n:1\r\n:1\r\n:-2\r\n");
    assert_eq!(f.events(), ["hexpire h"]);
    let told = format!("HPEXPIREAT h {} FIELDS 2 a b", now_ms + 10_000);
    assert_eq!((f.effects.dirty, f.stream()), (2, vec![told]));
    f.check("HPEXPIRE h 20 NX FIELDS 2 a c", "*2\r\n:0\r\n:1\r\n");
    f.check("HPEXPIRE h 10 GT FIELDS 1 c", "*1\r\n:0\r\n");
    f.check("HPEXPIRE h 10 LT FIELDS 1 c", "*1\r\n:1\r\n");
    f.forget();
    f.check("HEXPIREAT h 1 XX FIELDS 2 a b", "*2\r\n:2\r\n:2\r\n");
    assert_eq!(
        (f.events(), f.stream()),
        (vec!["hdel h".to_string()], vec!["HDEL h a b".to_string()])
    );
    f.forget();
    f.check("HPEXPIREAT h 1 FIELDS 1 c", "*1\r\n:2\r\n");
    assert_eq!(f.events(), ["hdel h", "del h"]);
}

#[test]
fn httl_hpttl_hexpiretime_hpexpiretime_hpersist() {
    let mut f = Fixture::new();
    let at_ms = f.now_ms + 1500;
    f.run("HSET h a 1 b 2");
    f.run("HPEXPIRE h 1500 FIELDS 1 a");
    f.check("HTTL h FIELDS 1 a", "*1\r\n:2\r\n");
    f.check("HPTTL h FIELDS 1 a", "*1\r\n:1500\r\n");
    let seconds = format!("*1\r\n:{}\r\n", at_ms.div_ceil(1000));
    f.check("HEXPIRETIME h FIELDS 1 a", &seconds);
    f.check("HPEXPIRETIME h FIELDS 1 a", &format!("*1\r\n:{at_ms}\r\n"));
    f.forget();
    f.check("HPERSIST h FIELDS 3 a b c", "*3\r\n:1\r\n:-1\r\n:-2\r\n");
    assert_eq!(f.events(), ["hpersist h"]);
    f.now_ms += 2000;
    f.check("HGET h a", "$1\r\n1\r\n");
}

#[test]
fn hgetex_hsetex() {
    let mut f = Fixture::new();
    let now_ms = f.now_ms;
    f.check("HSETEX h EX 10 FIELDS 2 a 1 b 2", ":1\r\n");
    assert_eq!(f.events(), ["new h", "hset h", "hexpire h"]);
    let told = format!("HSETEX h PXAT {} FIELDS 2 a 1 b 2", now_ms + 10_000);
    assert_eq!(f.stream(), [told]);
    f.check("HSETEX h FNX FIELDS 1 a 2", ":0\r\n");
    f.check("HSETEX h FXX KEEPTTL FIELDS 1 a 2", ":1\r\n");
    f.check("HTTL h FIELDS 1 a", "*1\r\n:10\r\n");
    f.check("HSETEX h NX FIELDS 1 z 2", ":0\r\n");
    f.check("HSETEX other XX FIELDS 1 z 2", ":0\r\n");
    f.forget();
    f.check("HGETEX h PERSIST FIELDS 2 a c", "*2\r\n$1\r\n2\r\n$-1\r\n");
    assert_eq!(
        (f.events(), f.stream()),
        (
            vec!["hpersist h".to_string()],
            vec!["HPERSIST h FIELDS 1 a".to_string()]
        )
    );
    f.forget();
    f.check("HGETEX h PX 5 FIELDS 1 b", "*1\r\n$1\r\n2\r\n");
    assert_eq!(
        f.stream(),
        [format!("HPEXPIREAT h {} FIELDS 1 b", now_ms + 5)]
    );
    f.forget();
    f.check("HGETEX h PXAT 5 FIELDS 1 a", "*1\r\n$1\r\n2\r\n");
    assert_eq!(f.stream(), ["HDEL h a"]);
    f.check("HSETEX h PXAT 5 FIELDS 1 b 7", ":1\r\n");
    assert_eq!(f.run("EXISTS h"), ":0\r\n");
}

/// Whatever becomes of the key, the store knows when fields end, and nothing stays behind.
#[test]
fn the_store_is_asked_for_attention_at_the_right_time() {
    let mut f = Fixture::new();
    let now_ms = f.now_ms;
    let next = |f: &Fixture| f.store.next_deadline(0);
    f.run("HSET h a 1 b 2");
    f.run("HPEXPIRE h 100 FIELDS 1 a");
    assert_eq!(next(&f), Some(now_ms + 100));
    f.run("HPEXPIRE h 50 FIELDS 1 b");
    assert_eq!(next(&f), Some(now_ms + 50));
    for moved in ["RENAME h i", "COPY i h", "DEL i", "MOVE h 3"] {
        f.run(moved);
        assert_eq!(next(&f), Some(now_ms + 50), "{moved}");
    }
    f.db = crate::store::Db::new(3);
    for ended in [
        "DEL h",
        "SET h x",
        "HDEL h a b",
        "HSET h a 3 b 4",
        "FLUSHDB",
    ] {
        f.run("DEL h");
        f.run("HSETEX h PX 50 FIELDS 2 a 1 b 2");
        assert!(f.store.wakes());
        f.run(ended);
        assert!(!f.store.wakes(), "{ended}");
    }
    f.run("HSETEX h PX 50 FIELDS 2 a 1 b 2");
    assert!(f.store.next_waking(now_ms + 49).is_none());
    let (db, _, key) = f.store.next_waking(now_ms + 50).expect("it is due");
    assert_eq!((db, &*key), (f.db, &b"h"[..]));
}
