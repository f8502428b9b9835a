//! CONFIG REWRITE on a simulated disk: slow, failing, without power.
//!
//! One client rewrites the file while others work. Nobody waits for the disk but the client that
//! asked; whatever happens, the file is the old one or the new one, and nothing is left beside it.

use std::path::{Path, PathBuf};

use cairn::base::sim::{DiskWeather, Peer, Weather, World};
use cairn::base::{Event, Io, Operation, Outcome, Sleep};
use cairn::config::Config;

use crate::machine::Machine;

const FILE: &str = "/etc/cairn/cairn.conf";
const OLD: &[u8] = b"# ours\nhz 10\n";
const SHARDS: usize = 3;
/// How long one tick takes, microseconds.
const TICK_US: u64 = 5;

fn server(seed: u64) -> Machine {
    let weather = Weather {
        delay_us_max: 50,
        piece_bytes_max: 5000,
        capacity_bytes: 1 << 20,
    };
    let machine = Machine::new(SHARDS, (seed, seed + 1), weather, configuration(), |_| {});
    machine.world.put_file(FILE.as_ref(), OLD);
    machine
}

fn configuration() -> (Config, Option<PathBuf>) {
    (Config::default(), Some(FILE.into()))
}

/// Everybody who can act does so once, or time moves on.
fn step(machine: &mut Machine) {
    let mut acted = false;
    for shard in 0..machine.shards() {
        if machine.is_ready(shard) {
            assert!(machine.tick(shard, TICK_US), "nobody stops the shards");
            acted = true;
        }
    }
    if !acted {
        let next_us = machine.next_us().expect("shards wake by themselves");
        machine.world.advance(next_us - machine.now_us());
    }
}

/// Sends a command line and waits for its reply; how long that took, microseconds.
fn call(machine: &mut Machine, peer: Peer, line: &str) -> (String, u64) {
    let begun_us = machine.now_us();
    machine.world.write(peer, format!("{line}\r\n").as_bytes());
    let reply = reply(machine, peer);
    (reply, machine.now_us() - begun_us)
}

fn reply(machine: &mut Machine, peer: Peer) -> String {
    let mut reply = String::new();
    while !reply.ends_with("\r\n") {
        let bytes = machine.world.read(peer, 1000);
        reply.push_str(std::str::from_utf8(&bytes).expect("replies are text"));
        if bytes.is_empty() {
            step(machine);
        }
    }
    reply
}

/// What lies in the file's directory.
fn names(world: &World) -> Vec<String> {
    let mut io = world.io(0);
    let path = Path::new(FILE)
        .parent()
        .expect("it is in a directory")
        .into();
    assert!(io.request(1, Operation::List { path }).is_ok());
    let mut events = Vec::new();
    while events.is_empty() {
        world.advance(1000);
        io.poll(Sleep::No, &mut events);
    }
    match events.pop() {
        Some(Event::Ended(ended)) => match ended.result {
            Ok(Outcome::Names(names)) => {
                let names = names.into_iter();
                names
                    .map(|name| name.into_string().expect("names are text"))
                    .collect()
            }
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_slow_disk_holds_up_who_waits_for_it_and_nobody_else() {
    let mut machine = server(1);
    machine.world.slow_file(FILE.as_ref(), 1_000_000);
    let connect = |machine: &mut Machine| {
        let peer = machine.world.connect(0, 0);
        assert_eq!(call(machine, peer, "PING").0, "+PONG\r\n");
        peer
    };
    let patient = connect(&mut machine);
    let others: Vec<Peer> = (0..2 * SHARDS).map(|_| connect(&mut machine)).collect();
    let begun_us = machine.now_us();
    machine.world.write(patient, b"CONFIG REWRITE\r\n");
    let (mut slowest_us, mut calls) = (0, 0);
    while !machine.world.has_news(patient) {
        for (number, &other) in others.iter().enumerate() {
            let line = match calls % 3 {
                0 => format!("SET key{number} {calls}"),
                1 => format!("EXISTS key{number}"),
                _ => "EXISTS key0 key1 key2 key3".to_string(),
            };
            let (reply, took_us) = call(&mut machine, other, &line);
            assert!(!reply.starts_with('-'), "{line}: {reply}");
            slowest_us = slowest_us.max(took_us);
            calls += 1;
        }
        machine.world.advance(10_000);
    }
    assert_eq!(reply(&mut machine, patient), "+OK\r\n");
    assert!(
        machine.now_us() - begun_us > 3_000_000,
        "four operations on the slow file"
    );
    assert!(
        calls > 300 && slowest_us < 2000,
        "{calls} calls, the slowest {slowest_us} us"
    );
    let content = machine.world.file(FILE.as_ref()).expect("it is there");
    assert!(content.starts_with(b"# ours\nhz 10\n"));
}

#[test]
fn a_step_that_fails_leaves_the_file_and_nothing_beside_it() {
    // Open, size, read and close of the old file; open, write, sync and close of the new one; the
    // rename; open, sync and close of the directory.
    for failing in 0..12 {
        let mut machine = server(failing);
        let peer = machine.world.connect(0, 0);
        assert_eq!(call(&mut machine, peer, "CONFIG SET hz 20").0, "+OK\r\n");
        machine.world.fail_file_operation(failing, libc::EIO);
        let (reply, _) = call(&mut machine, peer, "CONFIG REWRITE");
        assert_eq!(
            reply, "-ERR Rewriting config file: Input/output error\r\n",
            "{failing}"
        );
        let content = machine.world.file(FILE.as_ref()).expect("it is there");
        // Once it is renamed it is the new one; whether that lasts, nobody knows.
        assert_eq!(content == OLD, failing < 9, "{failing}");
        assert_eq!(names(&machine.world), ["cairn.conf"], "{failing}");
        assert_eq!(machine.world.open_files(), 0, "{failing}");
        let (reply, _) = call(&mut machine, peer, "CONFIG REWRITE");
        assert_eq!(reply, "+OK\r\n", "{failing}");
        let content = machine.world.file(FILE.as_ref()).expect("it is there");
        assert!(content.starts_with(b"# ours\nhz 20\n"), "{failing}");
    }
}

#[test]
fn clients_that_rewrite_at_once_are_all_served() {
    let mut machine = server(5);
    let peers: Vec<Peer> = (0..10).map(|_| machine.world.connect(0, 0)).collect();
    for &peer in &peers {
        machine.world.write(peer, b"CONFIG REWRITE\r\n");
    }
    let gone = machine.world.connect(0, 0);
    machine.world.write(gone, b"CONFIG REWRITE\r\n");
    machine.world.reset(gone);
    for peer in peers {
        assert_eq!(reply(&mut machine, peer), "+OK\r\n");
    }
    let end_us = machine.now_us() + 100_000;
    while machine.now_us() < end_us {
        step(&mut machine);
    }
    assert_eq!(names(&machine.world), ["cairn.conf"]);
    assert_eq!(machine.world.open_files(), 0);
}

#[test]
fn a_disk_that_is_full_is_told() {
    let mut machine = server(6);
    machine.world.set_disk_weather(DiskWeather {
        capacity_bytes: 20,
        ..DiskWeather::default()
    });
    let peer = machine.world.connect(0, 0);
    let (reply, _) = call(&mut machine, peer, "CONFIG REWRITE");
    assert_eq!(
        reply,
        "-ERR Rewriting config file: No space left on device\r\n"
    );
    assert_eq!(machine.world.file(FILE.as_ref()).as_deref(), Some(OLD));
    assert_eq!(names(&machine.world), ["cairn.conf"]);
}

#[test]
fn a_power_cut_leaves_the_old_file_or_the_new_one() {
    let (mut old, mut new) = (0, 0);
    for seed in 0..200 {
        let mut machine = server(seed);
        let peer = machine.world.connect(0, 0);
        assert_eq!(call(&mut machine, peer, "CONFIG SET hz 20").0, "+OK\r\n");
        machine.world.write(peer, b"CONFIG REWRITE\r\n");
        let end_us = machine.now_us() + machine.world.random() % 1500;
        while machine.now_us() < end_us {
            step(&mut machine);
        }
        let answered = machine.world.has_news(peer);
        let world = machine.world.power_cut();
        let content = world.file(FILE.as_ref());
        let content = content.unwrap_or_else(|| panic!("seed {seed}: the file is gone"));
        match content == OLD {
            true => old += 1,
            false => {
                assert!(
                    content.starts_with(b"# ours\nhz 20\n"),
                    "seed {seed}: {content:?}"
                );
                new += 1;
            }
        }
        assert!(
            !answered || content != OLD,
            "seed {seed}: the answer was wrong"
        );
        let mut machine = Machine::on(world, SHARDS, seed, configuration(), |_| {});
        let peer = machine.world.connect(0, 0);
        assert_eq!(call(&mut machine, peer, "CONFIG REWRITE").0, "+OK\r\n");
    }
    assert!(old > 20 && new > 20, "{old} old, {new} new");
}

#[test]
fn a_server_that_is_shut_down_finishes_the_file_first() {
    let mut machine = server(7);
    machine.world.slow_file(FILE.as_ref(), 1_000_000);
    let peer = machine.world.connect(0, 0);
    assert_eq!(call(&mut machine, peer, "CONFIG SET hz 20").0, "+OK\r\n");
    machine.world.write(peer, b"CONFIG REWRITE\r\n");
    let other = machine.world.connect(0, 0);
    assert_eq!(call(&mut machine, other, "PING").0, "+PONG\r\n");
    machine.world.write(other, b"SHUTDOWN NOSAVE\r\n");
    let mut running: Vec<usize> = (0..machine.shards()).collect();
    while !running.is_empty() {
        running.retain(|&shard| !machine.is_ready(shard) || machine.tick(shard, TICK_US));
        if let Some(next_us) = machine.next_us() {
            machine.world.advance(next_us - machine.now_us());
        }
    }
    let content = machine.world.file(FILE.as_ref()).expect("it is there");
    assert!(content.starts_with(b"# ours\nhz 20\n"), "{content:?}");
    assert_eq!(names(&machine.world), ["cairn.conf"]);
    assert_eq!(machine.world.open_files(), 0);
}
