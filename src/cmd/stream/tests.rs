//! Stream commands that redis-server 7.0.15 lacks, and what reaches the log.
//!
//! What it has is compared with it in `tests/wire/streams.txt`.

use crate::cmd::fixture::Fixture;

fn filled() -> Fixture {
    let mut f = Fixture::new();
    for ms in 1..=4 {
        f.run(&format!("XADD s {ms}-0 f v{ms}"));
    }
    f.check("XGROUP CREATE s g 0", "+OK\r\n");
    f.run("XREADGROUP GROUP g c COUNT 3 STREAMS s >");
    f.forget();
    f
}

#[test]
fn xdelex() {
    let mut f = filled();
    f.check("XDELEX s ACKED IDS 2 1-0 9-0", "*2\r\n:2\r\n:-1\r\n");
    f.check("XDELEX s IDS 1 1-0", "*1\r\n:1\r\n");
    f.check("XPENDING s g - + 1", &f_pending("1-0", 1));
    f.check("XDELEX s DELREF IDS 2 1-0 2-0", "*2\r\n:-1\r\n:1\r\n");
    f.check("XPENDING s g - + 1", &f_pending("3-0", 1));
    f.check(
        "XDELEX s IDS 2 1-0",
        "-ERR The `numids` parameter must match the number of arguments\r\n",
    );
    f.check("XDELEX nokey IDS 1 1-0", "*1\r\n:-1\r\n");
}

fn f_pending(id: &str, deliveries: u64) -> String {
    format!("*1\r\n*4\r\n$3\r\n{id}\r\n$1\r\nc\r\n:0\r\n:{deliveries}\r\n")
}

#[test]
fn xackdel() {
    let mut f = filled();
    f.check("XGROUP CREATE s h 0", "+OK\r\n");
    f.check("XACKDEL s g ACKED IDS 2 1-0 4-0", "*2\r\n:2\r\n:-1\r\n");
    f.check("XACKDEL s g KEEPREF IDS 1 2-0", "*1\r\n:1\r\n");
    f.check("XLEN s", ":3\r\n");
    f.check("XPENDING s g - + 9", &f_pending("3-0", 1));
}

#[test]
fn xnack() {
    let mut f = filled();
    f.check("XNACK s g SILENT IDS 2 1-0 4-0", ":1\r\n");
    f.check(
        "XPENDING s g - + 9 c",
        &format!(
            "*2\r\n{}{}",
            &f_pending("2-0", 1)[4..],
            &f_pending("3-0", 1)[4..]
        ),
    );
    f.run("XCLAIM s g d 99999 1-0");
    f.check(
        "XPENDING s g - + 9 d",
        "*1\r\n*4\r\n$3\r\n1-0\r\n$1\r\nd\r\n:0\r\n:1\r\n",
    );
    f.check(
        "XNACK s g LOUD IDS 1 1-0",
        "-ERR mode must be SILENT, FAIL, or FATAL\r\n",
    );
}

#[test]
fn messages_that_come_twice_are_added_once() {
    let mut f = filled();
    let first = f.run("XADD s IDMP p 1 * f v");
    assert_eq!(f.run("XADD s IDMP p 1 * f v"), first);
    assert_ne!(f.run("XADD s IDMP p 2 * f v"), first);
    f.check("XLEN s", ":6\r\n");
    f.check("XCFGSET s IDMP-DURATION 1", "+OK\r\n");
    assert_ne!(f.run("XADD s IDMP p 1 * f v"), first);
    f.check(
        "XCFGSET s",
        "-ERR At least one parameter must be specified\r\n",
    );
}

#[test]
fn idle_entries_are_claimed_by_who_reads() {
    let mut f = filled();
    f.now_ms += 100;
    f.check(
        "XREADGROUP GROUP g d COUNT 1 CLAIM 100 STREAMS s >",
        "*1\r\n*2\r\n$1\r\ns\r\n*1\r\n*4\r\n$3\r\n1-0\r\n*2\r\n$1\r\nf\r\n$2\r\nv1\r\n:100\r\n:1\r\n",
    );
    f.check(
        "XREADGROUP GROUP g d CLAIM 200 STREAMS s >",
        "*1\r\n*2\r\n$1\r\ns\r\n*1\r\n*4\r\n$3\r\n4-0\r\n*2\r\n$1\r\nf\r\n$2\r\nv4\r\n:0\r\n:0\r\n",
    );
}

#[test]
fn what_is_found_out_reaches_the_log() {
    let mut f = filled();
    let now_ms = f.now_ms;
    f.run("XADD s MAXLEN ~ 1 * f v");
    f.run("XREADGROUP GROUP g d COUNT 1 STREAMS s >");
    f.run("XREADGROUP GROUP g e NOACK COUNT 1 STREAMS s >");
    assert_eq!(
        f.stream(),
        [
            format!("XADD s MAXLEN = 5 {now_ms}-0 f v"),
            format!("XCLAIM s g d 0 4-0 TIME {now_ms} RETRYCOUNT 1 FORCE JUSTID LASTID 4-0"),
            "XGROUP SETID s g 4-0 ENTRIESREAD 4".to_string(),
            "XGROUP CREATECONSUMER s g e".to_string(),
            format!("XGROUP SETID s g {now_ms}-0 ENTRIESREAD 5"),
        ]
    );
}

#[test]
fn consumers_and_help_are_told() {
    let mut f = filled();
    f.now_ms += 7;
    f.check(
        "XINFO CONSUMERS s g",
        "*1\r\n*8\r\n$4\r\nname\r\n$1\r\nc\r\n$7\r\npending\r\n:3\r\n$4\r\nidle\r\n:7\r\n$8\r\ninactive\r\n:7\r\n",
    );
    assert!(f.run("XINFO HELP").starts_with("*9\r\n+XINFO <subcommand>"));
    assert!(
        f.run("XGROUP HELP")
            .starts_with("*17\r\n+XGROUP <subcommand>")
    );
}
