//! Idle connections: they cost little memory and no time, and `maxclients` holds.
//!
//! Requirement R10. Also: a server that has nothing to do does nothing.

use std::time::{Duration, Instant};

use crate::harness::client::{Client, Value};
use crate::harness::server::Server;
use crate::probe::Probe;
use crate::{alone, connect, figure, load, must_fail, process, start};

/// Resident bytes that an idle connection may cost once it has settled, and how long it may take
/// to.
const BYTES_EACH_MAX: usize = 4200;
const SETTLING: Duration = Duration::from_secs(4);

/// Connections, each of which has sent this behind an answered PING.
fn connections(server: &Server, count: usize, then: &[u8]) -> Vec<Client> {
    let one = |_| {
        let mut client = connect(server);
        let pong = client.call(&["PING"]).expect("a reply");
        assert_eq!(pong, Value::Simple("PONG".into()));
        client.send(then).expect("sent");
        client
    };
    (0..count).map(one).collect()
}

/// What each of so many connections costs when they have settled.
fn cost_each(server: &Server, count: usize, then: &[u8]) -> (Vec<Client>, Result<(), String>) {
    let before = server.resident_bytes();
    let held = connections(server, count, then);
    let right_after = server.resident_bytes().saturating_sub(before) / count;
    let read = || server.resident_bytes().saturating_sub(before) / count;
    let settled = process::settle(SETTLING, read, |bytes| bytes <= BYTES_EACH_MAX);
    let (Ok(bytes) | Err(bytes)) = settled;
    let text = format!("{bytes} resident bytes each ({right_after} right after), {count} of them");
    (
        held,
        settled
            .map(|_| figure("idle", "resident", &text))
            .map_err(|_| text),
    )
}

/// 50 clients that keep asking; what one of them sees.
fn active(server: &Server, time: Duration) -> crate::probe::Latencies {
    let mut probes: Vec<Probe> = (0..50)
        .map(|number| {
            let key = format!("active{number}");
            Probe::with_pause(connect(server), &key, Duration::from_millis(2))
        })
        .collect();
    std::thread::sleep(time);
    let first = probes.pop().expect("there are 50");
    for probe in probes {
        assert_eq!(probe.stop().failures, 0);
    }
    first.stop()
}

#[test]
fn idle_connections_cost_little_memory_and_time() {
    let _alone = alone();
    let count = load(2000, 10_000).min(process::own_descriptor_limit() - 400);
    let room = (count + 200).to_string();
    for back_end in ["uring", "epoll"] {
        let server = start(&[
            "--shards",
            "2",
            "--backend",
            back_end,
            "--maxclients",
            &room,
        ]);
        let time = Duration::from_millis(load(500, 5000) as u64);
        let without = active(&server, time);
        let (held, cost) = cost_each(&server, count, b"");
        cost.unwrap_or_else(|reason| panic!("{back_end}: {reason}"));
        let with = active(&server, time);
        figure("idle", &format!("{back_end}, 50 active, alone"), &without);
        figure("idle", &format!("{back_end}, 50 active, among idle"), &with);
        let limit = (without.permille(990) * 11 / 10).max(load(100_000, 2_000) as u64);
        with.within(990, limit).expect("idle clients cost no time");
        drop(held);
    }
    // The control: connections that hold 8 KB of an unfinished command.
    let server = start(&["--shards", "2", "--maxclients", &room]);
    let mut half = b"*2\r\n$4\r\nECHO\r\n$100000\r\n".to_vec();
    half.resize(8 * 1024, b'x');
    let (_held, cost) = cost_each(&server, count / 2, &half);
    must_fail("idle", &cost);
}

#[test]
fn one_client_too_many_is_told_so() {
    let _alone = alone();
    let server = start(&["--shards", "2", "--maxclients", "50"]);
    let held = connections(&server, 50, b"");
    for _ in 0..5 {
        let mut refused = connect(&server);
        let reply = refused.read().expect("an error");
        let text = "ERR max number of clients reached";
        assert_eq!(reply, Value::Error(text.into()));
        refused.read().expect_err("the connection is closed");
    }
    drop(held);
    let place = || {
        connect(&server)
            .call(&["PING"])
            .is_ok_and(|it| it == Value::Simple("PONG".into()))
    };
    let again = process::settle(SETTLING, place, |served| served);
    assert!(again.is_ok(), "places come back");
}

/// The descriptors after connections have come and gone, which must be those from before.
fn descriptors_return(server: &Server, keep: usize) -> Result<(), String> {
    let mut kept = Vec::new();
    // The first clients make the server open what it keeps.
    drop(connections(server, 50, b""));
    let settled = || process::descriptors(server);
    let before = process::steady(settled);
    for _ in 0..load(20, 100) {
        let mut held = connections(server, 20, b"");
        kept.extend(held.drain(..keep));
    }
    let after = process::settle(SETTLING, settled, |count| count <= before);
    after
        .map(|_| ())
        .map_err(|count| format!("{before} descriptors have become {count}"))
}

#[test]
fn descriptors_come_back() {
    let _alone = alone();
    for back_end in ["uring", "epoll"] {
        let server = start(&["--shards", "2", "--backend", back_end]);
        descriptors_return(&server, 0).unwrap_or_else(|reason| panic!("{back_end}: {reason}"));
        must_fail("idle", &descriptors_return(&server, 1));
    }
}

/// The share of a core that the server takes while this goes on.
fn busy(server: &Server, meanwhile: impl FnOnce(Duration)) -> Result<f64, String> {
    let time = Duration::from_secs(load(2, 5) as u64);
    let (before, began) = (process::cpu_seconds(server), Instant::now());
    meanwhile(time);
    let share = (process::cpu_seconds(server) - before) / began.elapsed().as_secs_f64() * 100.0;
    if share < 1.0 {
        return Ok(share);
    }
    Err(format!("{share:.2} % of a core"))
}

#[test]
fn an_idle_server_does_nothing() {
    let _alone = alone();
    for back_end in ["uring", "epoll"] {
        let server = start(&["--shards", "4", "--backend", back_end]);
        let _held = connections(&server, 100, b"");
        let share = busy(&server, std::thread::sleep);
        let share = share.unwrap_or_else(|reason| panic!("{back_end}: {reason}"));
        let what = format!("{back_end}, 4 shards, 100 clients, % of a core");
        figure("idle", &what, format!("{share:.2}"));
        let mut client = connect(&server);
        let load = busy(&server, |time| {
            let until = Instant::now() + time;
            while Instant::now() < until {
                client.call(&["PING"]).expect("a reply");
            }
        });
        must_fail("idle", &load.map(|_| ()));
    }
}
