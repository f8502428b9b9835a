//! Storms: connections that come and go, never finish or only make errors do not hurt the others.
//!
//! Requirement R11. An authenticated probe must be answered in time throughout, and memory must
//! come back.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crate::harness::client::{Client, encode};
use crate::harness::server::Server;
use crate::probe::{Latencies, Probe};
use crate::{alone, connect, figure, load, must_fail, ok, process, start};

const FLOODING: usize = 200;

fn authenticated(server: &Server) -> Client {
    let mut client = connect(server);
    assert_eq!(client.call(&["AUTH", "secret"]).expect("a reply"), ok());
    client
}

/// Connects and leaves, at once or in the middle of a command.
fn come_and_go(server: &Server, stop: &AtomicBool, rounds: &AtomicU64) {
    while !stop.load(Ordering::Relaxed) {
        let Ok(stream) = server.connect() else {
            continue;
        };
        if rounds.fetch_add(1, Ordering::Relaxed).is_multiple_of(2) {
            let mut client = Client::new(stream).expect("a client");
            // The server may have closed it already: that is its right.
            let _ = client.send(b"*2\r\n$4\r\nAUTH\r\n$6\r\nsec");
        }
        std::thread::sleep(Duration::from_micros(300));
    }
}

/// Sockets that only make errors, a pipeline of them at a time.
fn flood(server: &Server, stop: &AtomicBool, errors: &AtomicU64) {
    let mut sockets: Vec<Client> = (0..FLOODING).map(|_| connect(server)).collect();
    let pipeline = encode(&[b"GET", b"key"]).repeat(20);
    while !stop.load(Ordering::Relaxed) {
        for socket in &mut sockets {
            socket.send(&pipeline).expect("errors do not close");
        }
        for socket in &mut sockets {
            for _ in 0..20 {
                socket.read().expect("an error");
                errors.fetch_add(1, Ordering::Relaxed);
            }
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// What the probe sees during the storm.
fn storm(server: &Server, probe: Client, time: Duration) -> Latencies {
    let stop = AtomicBool::new(false);
    let (rounds, errors) = (AtomicU64::new(0), AtomicU64::new(0));
    let seen = std::thread::scope(|scope| {
        scope.spawn(|| come_and_go(server, &stop, &rounds));
        scope.spawn(|| come_and_go(server, &stop, &rounds));
        scope.spawn(|| flood(server, &stop, &errors));
        let probe = Probe::with_pause(probe, "probe", Duration::from_millis(1));
        std::thread::sleep(time);
        let seen = probe.stop();
        stop.store(true, Ordering::Relaxed);
        seen
    });
    let (rounds, errors) = (rounds.into_inner(), errors.into_inner());
    figure(
        "storm",
        "connections and errors",
        format!("{rounds} and {errors}"),
    );
    assert!(rounds > 100 && errors > 1000, "there was a storm");
    seen
}

#[test]
fn connection_storms_do_not_hurt_others() {
    let _alone = alone();
    let limit_us = load(100_000, 10_000) as u64;
    for back_end in ["uring", "epoll"] {
        let server = start(&[
            "--shards",
            "2",
            "--backend",
            back_end,
            "--requirepass",
            "secret",
        ]);
        let time = Duration::from_secs(load(2, 60) as u64);
        // What a storm makes the server keep, it keeps for the next one.
        storm(&server, authenticated(&server), Duration::from_secs(1));
        let before = server.resident_bytes();
        let seen = storm(&server, authenticated(&server), time);
        figure("storm", &format!("{back_end}, probe"), &seen);
        seen.within(990, limit_us)
            .unwrap_or_else(|reason| panic!("{back_end}: {reason}"));
        let limit = before + before / 20 + load(4 << 20, 1 << 20);
        let after = process::settle(
            Duration::from_secs(5),
            || server.resident_bytes(),
            |it| it <= limit,
        );
        let (Ok(bytes) | Err(bytes)) = after;
        figure(
            "storm",
            "resident before and after",
            format!("{before} {bytes}"),
        );
        assert!(
            after.is_ok(),
            "{back_end}: {before} bytes have become {bytes}"
        );
    }
}

/// The probe's own controls: a stall is seen as one, and so is a wrong answer.
#[test]
fn the_probe_sees_a_stall() {
    let _alone = alone();
    let server = start(&["--shards", "1"]);
    let probe = Probe::start(connect(&server), "probe");
    let mut sleeper = connect(&server);
    let began = std::time::Instant::now();
    while began.elapsed() < Duration::from_millis(800) {
        assert_eq!(
            sleeper.call(&["DEBUG", "SLEEP", "0.2"]).expect("a reply"),
            ok()
        );
        // So that the probe has its turn as well.
        sleeper.call(&["PING"]).expect("a reply");
    }
    let seen = probe.stop();
    must_fail("storm", &seen.within(1000, 100_000));
    let longest = process::shards(&mut sleeper)[0].clone();
    figure(
        "heavy",
        "a sleep of 200 ms is recorded as",
        format!("{longest:?}"),
    );
    assert!(longest.number("longest_round_usec") >= 200_000);
    assert!(longest.number("stalls") >= 1);
    let guarded = start(&["--shards", "1", "--requirepass", "secret"]);
    let stranger = Probe::with_pause(connect(&guarded), "probe", Duration::from_millis(1));
    std::thread::sleep(Duration::from_millis(50));
    must_fail("storm", &stranger.stop().within(990, 1_000_000));
}
