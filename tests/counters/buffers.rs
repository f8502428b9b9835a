//! CLIENT LIST: the buffers that it names are those that a client holds.
//!
//! On one shard and on four, where the client that is looked at lives on another shard than the one
//! that looks.

use std::path::Path;
use std::time::{Duration, Instant};

use super::cairn;
use super::harness::client::{Client, Value, encode};
use super::harness::server::Server;
use super::player::text;

const LIMIT: Duration = Duration::from_secs(15);
const KIB: u64 = 1024;

struct Pair {
    _server: Server,
    /// The client that is looked at.
    subject: Client,
    observer: Client,
}

impl Pair {
    fn start(shards: &str) -> Self {
        let scratch = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let arguments = ["--shards", shards, "--enable-debug-command", "yes"];
        let server = Server::start(&cairn(), &arguments, scratch).expect("a server");
        let connect = || Client::new(server.connect().expect("a connection")).expect("a client");
        let (mut subject, observer) = (connect(), connect());
        ok(&mut subject, &["CLIENT", "SETNAME", "subject"]);
        Self {
            subject,
            observer,
            _server: server,
        }
    }

    /// A field of the subject's line.
    fn field(&mut self, name: &str) -> u64 {
        let list = text(&self.observer.call(&["CLIENT", "LIST"]).expect("a reply"));
        let line = list.lines().find(|line| line.contains(" name=subject "));
        let line = line.unwrap_or_else(|| panic!("no subject: {list}"));
        let mut fields = line.split(' ').filter_map(|field| field.split_once('='));
        let found = fields.find(|(known, _)| *known == name);
        let (_, value) = found.unwrap_or_else(|| panic!("no {name}: {line}"));
        value.parse().unwrap_or_else(|_| panic!("{name}: {line}"))
    }

    /// Waits until a field is as wanted.
    fn await_field(&mut self, name: &str, wanted: impl Fn(u64) -> bool) -> u64 {
        let deadline = Instant::now() + LIMIT;
        loop {
            let value = self.field(name);
            if wanted(value) {
                return value;
            }
            assert!(Instant::now() < deadline, "{name} stays {value}");
        }
    }
}

fn ok(client: &mut Client, words: &[&str]) {
    let reply = client.call(words).expect("a reply");
    assert_eq!(reply, Value::Simple("OK".into()), "{words:?}");
}

#[test]
fn reply_buffers_grow_and_are_cut() {
    for shards in ["1", "4"] {
        let mut pair = Pair::start(shards);
        // A buffer comes back from the system a moment after the client has read what was in it.
        pair.await_field("rbs", |bytes| (KIB..2 * KIB).contains(&bytes));
        let value = "x".repeat(9000);
        ok(&mut pair.observer, &["SET", "key", &value]);
        pair.subject.call(&["GET", "key"]).expect("a reply");
        let grown = pair.await_field("rbs", |bytes| (9000..=16 * KIB).contains(&bytes));
        assert!(pair.field("rbp") > 9000);
        assert!(pair.field("tot-mem") > grown);
        ok(
            &mut pair.observer,
            &["DEBUG", "REPLYBUFFER", "PEAK-RESET-TIME", "50"],
        );
        pair.await_field("rbs", |bytes| bytes < 2 * KIB);
        let info = text(&pair.observer.call(&["INFO", "stats"]).expect("a reply"));
        let shrinks = super::figures::field(&info, "reply_buffer_shrinks");
        assert!(shrinks.is_some_and(|count| count != "0"), "{info}");
        ok(
            &mut pair.observer,
            &["DEBUG", "REPLYBUFFER", "RESIZING", "0"],
        );
        pair.subject.call(&["GET", "key"]).expect("a reply");
        pair.await_field("rbs", |bytes| bytes >= 9000);
        pair.await_field("rbp", |bytes| bytes == 0);
        let looked_at = Instant::now() + Duration::from_millis(1500);
        while Instant::now() < looked_at {
            assert!(pair.field("rbs") >= 9000, "{shards} shards: it is cut");
        }
        for wrong in [["PEAK-RESET-TIME", "soon"], ["NONSENSE", "1"]] {
            let words = [&["DEBUG", "REPLYBUFFER"][..], &wrong[..]].concat();
            let reply = pair.observer.call(&words).expect("a reply");
            assert!(matches!(reply, Value::Error(_)), "{wrong:?}: {reply:?}");
        }
    }
}

#[test]
fn input_queues_and_output_are_what_is_held() {
    for shards in ["1", "4"] {
        let mut pair = Pair::start(shards);
        let before = pair.field("tot-mem");
        // An unfinished command of 40,000 bytes.
        let command = encode(&[b"SET", b"key", &b"x".repeat(40_000)]);
        pair.subject.send(&command[..30_000]).expect("sent");
        let held = pair.await_field("qbuf", |bytes| bytes == 30_000);
        let free = pair.field("qbuf-free");
        assert!(pair.field("tot-mem") >= before + held + free);
        pair.subject.send(&command[30_000..]).expect("sent");
        pair.subject.read().expect("a reply");
        assert_eq!((pair.field("qbuf"), pair.field("qbuf-free")), (0, 0));
        // A queue of MULTI.
        ok(&mut pair.subject, &["MULTI"]);
        let queued = pair.subject.call(&["SET", "key", &"y".repeat(20_000)]);
        assert_eq!(queued.expect("a reply"), Value::Simple("QUEUED".into()));
        assert!(pair.field("multi-mem") >= 20_000);
        assert!(pair.field("tot-mem") >= before + 20_000);
        ok(&mut pair.subject, &["DISCARD"]);
        assert!(pair.field("tot-mem") < before + 10_000);
        // Replies that nobody reads.
        for _ in 0..300 {
            pair.subject.send(&encode(&[b"GET", b"key"])).expect("sent");
        }
        let value = "z".repeat(1 << 20);
        ok(&mut pair.observer, &["SET", "key", &value]);
        let more = encode(&[b"GET", b"key"]).repeat(40);
        pair.subject.send(&more).expect("sent");
        let unsent = pair.await_field("omem", |bytes| bytes >= 1 << 20);
        assert!(pair.field("tot-mem") >= unsent);
        assert_eq!(pair.field("oll"), 1);
    }
}
