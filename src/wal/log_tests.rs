//! A log on a simulated disk that dawdles, fails, fills up and loses power.
//!
//! Whatever the log has called durable is read back, in order, from what the power cut has left,
//! and what is there besides is a whole prefix of what was appended. The controls trust more.

use std::path::Path;

use super::{Log, SyncPolicy, Task};
use crate::base::sim::{DiskWeather, Random, SimIo, Weather, World};
use crate::base::{
    Event, File, Io, OpenOptions, Operation, Outcome, RequestId, ShardId, ShardSet, Sleep,
};
use crate::limits::LOG_WRITE_BYTES_MAX;
use crate::resp::write_command;
use crate::store::Db;
use crate::wal::{Decoder, Ending, Header, Kind, VERSION};

const PATH: &str = "/log";
const NUMBER: u32 = 77;

/// When a test believes that a record is safe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trust {
    Durable,
    /// The control: when it was handed to a write.
    Written,
    /// The control: when a sync has succeeded, though it was asked for before the write had ended.
    AnySync,
}

fn header(ticket: u64) -> Header {
    Header {
        version: VERSION,
        kind: Kind::Write,
        database: Db::FIRST,
        slot: None,
        ticket,
        shard: ShardId::new(3),
        participants: ShardSet::only(ShardId::new(3)),
        at_ms: 1_700_000_000_000,
    }
}

fn command(random: &mut Random, ticket: u64) -> Vec<u8> {
    let len = *random.pick(&[1, 10, 100, 4000, 20_000]);
    let (ticket, value) = (ticket.to_string(), "v".repeat(random.below(len) as usize));
    let mut out = Vec::new();
    let words: [&[u8]; 3] = [b"SET", ticket.as_bytes(), value.as_bytes()];
    write_command(&mut out, words.into_iter());
    out
}

struct Rig {
    world: World,
    io: SimIo,
    random: Random,
    log: Log,
    requests: RequestId,
    under_way: Vec<(RequestId, Task)>,
    /// Where each record ends, by ticket from 1 on.
    ends: Vec<u64>,
    /// Tickets that the test believes to be safe.
    safe: u64,
    trust: Trust,
}

fn open(io: &mut SimIo, world: &World, path: &str, options: OpenOptions) -> File {
    let path = path.into();
    io.request(0, Operation::Open { path, options })
        .expect("few are under way");
    loop {
        world.advance(10);
        let mut events = Vec::new();
        io.poll(Sleep::No, &mut events);
        for event in events {
            if let Event::Ended(ended) = event {
                match ended.result {
                    Ok(Outcome::Opened(file)) => return file,
                    other => panic!("{other:?}"),
                }
            }
        }
    }
}

impl Rig {
    fn new(seed: u64, policy: SyncPolicy, trust: Trust) -> Self {
        let mut random = Random::new(seed);
        let weather = Weather {
            delay_us_max: 0,
            piece_bytes_max: 1,
            capacity_bytes: 1,
        };
        let world = World::new(1, seed, weather);
        let mut io = world.io(0);
        let direct = random.one_in(2);
        let options = OpenOptions {
            direct,
            ..OpenOptions::REPLACE
        };
        let file = open(&mut io, &world, PATH, options);
        let directory = open(&mut io, &world, "/", OpenOptions::DIRECTORY);
        let (id, extent) = (1, crate::base::Extent::Everything);
        io.request(
            id,
            Operation::Sync {
                file: directory,
                extent,
            },
        )
        .expect("few are under way");
        let mut events = Vec::new();
        while events.is_empty() {
            world.advance(10);
            io.poll(Sleep::No, &mut events);
        }
        world.set_disk_weather(DiskWeather {
            delay_us_max: *random.pick(&[0, 50, 1000]),
            failures: *random.pick(&[0, 0, 0, 30]),
            capacity_bytes: *random.pick(&[1 << 30, 1 << 30, 300_000]),
            refuses_direct: false,
        });
        let log = Log::new(file, NUMBER, policy, world.now().monotonic_us);
        Self {
            world,
            io,
            random,
            log,
            requests: 10,
            under_way: Vec::new(),
            ends: Vec::new(),
            safe: 0,
            trust,
        }
    }

    fn act(&mut self) {
        if self.random.one_in(2) && self.log.failure().is_none() {
            let ticket = self.ends.len() as u64 + 1;
            let command = command(&mut self.random, ticket);
            let end = self
                .log
                .append(&header(ticket), [(Db::FIRST, &command[..])]);
            self.ends.push(end);
        }
        let most = *self.random.pick(&[10, 300, 300_000]);
        self.world.advance(self.random.below(most));
        self.step();
    }

    /// A tick: what has ended, what is to be done.
    fn step(&mut self) {
        let mut events = Vec::new();
        self.io.poll(Sleep::No, &mut events);
        for event in events {
            let Event::Ended(ended) = event else {
                panic!("{event:?}")
            };
            let at = self.under_way.iter().position(|(id, _)| *id == ended.id);
            let (_, task) = self.under_way.swap_remove(at.expect("it was asked for"));
            let ok = ended.result.is_ok();
            self.log.ended(task, ended.result, ended.buffer);
            if self.trust == Trust::AnySync && task == Task::Sync && ok {
                self.safe = self.ends.len() as u64;
            }
        }
        while let Some((task, operation)) = self.log.next(self.world.now().monotonic_us) {
            self.requests += 1;
            if self.trust == Trust::Written && task == Task::Write {
                self.safe = self.ends.len() as u64;
            }
            let refused = self.io.request(self.requests, operation);
            assert!(refused.is_ok(), "few are under way");
            self.under_way.push((self.requests, task));
        }
        if self.trust == Trust::Durable {
            let durable = self.log.durable();
            let safe = self.ends.partition_point(|end| *end <= durable) as u64;
            assert!(safe >= self.safe, "what is durable stays so");
            self.safe = safe;
        }
    }

    /// Cuts the power. An error says what is missing.
    fn cut(self) -> Result<u64, String> {
        let world = self.world.power_cut();
        let bytes = world.file(Path::new(PATH)).unwrap_or_default();
        let mut decoder = Decoder::new(&bytes, 0, Some(NUMBER));
        let mut read = 0;
        let stop = loop {
            match decoder.read() {
                Ok(record) => {
                    read += 1;
                    if record.header.ticket != read || record.end() != self.ends[read as usize - 1]
                    {
                        return Err(format!("record {read} is another one"));
                    }
                }
                Err(stop) => break stop,
            }
        };
        if read < self.safe {
            return Err(format!("{read} records are there, {} were safe", self.safe));
        }
        match decoder.ending(stop) {
            Ending::Damaged(stop) => Err(format!("{stop:?} is called damage")),
            _ => Ok(read),
        }
    }
}

fn run(seed: u64, trust: Trust) -> Result<(u64, u64), String> {
    let policies = [
        SyncPolicy::Always,
        SyncPolicy::Always,
        SyncPolicy::EverySecond,
        SyncPolicy::No,
    ];
    let mut rig = Rig::new(seed, policies[seed as usize % 4], trust);
    let steps = rig.random.below(120);
    for _ in 0..steps {
        rig.act();
    }
    let safe = rig.safe;
    Ok((safe, rig.cut()?))
}

#[test]
fn what_is_durable_survives_power_cuts() {
    let seeds = std::env::var("CAIRN_LOG_SEEDS");
    let seeds = seeds.map_or(600, |seeds| seeds.parse().expect("a number"));
    let (mut safe, mut read) = (0, 0);
    for seed in 0..seeds {
        let (more_safe, more_read) = run(seed, Trust::Durable).unwrap_or_else(|error| {
            panic!("seed {seed}: {error}");
        });
        safe += more_safe;
        read += more_read;
    }
    assert!(safe > 5 * seeds && read > safe, "{safe} {read}");
}

#[test]
fn who_trusts_more_is_caught() {
    for trust in [Trust::Written, Trust::AnySync] {
        let caught = (0..300).filter(|&seed| run(seed, trust).is_err()).count();
        assert!(caught > 10, "{trust:?}: {caught}");
    }
}

#[test]
fn a_closed_log_is_durable_whatever_the_policy() {
    for policy in [SyncPolicy::Always, SyncPolicy::EverySecond, SyncPolicy::No] {
        let mut rig = Rig::new(5, policy, Trust::Durable);
        rig.world.set_disk_weather(DiskWeather {
            delay_us_max: 100,
            failures: 0,
            capacity_bytes: 1 << 30,
            refuses_direct: false,
        });
        for _ in 0..20 {
            rig.act();
        }
        // Longer than a write may be.
        let long = vec![b'v'; LOG_WRITE_BYTES_MAX + 5000];
        let mut out = Vec::new();
        let words: [&[u8]; 3] = [b"SET", b"long", &long];
        write_command(&mut out, words.into_iter());
        let ticket = rig.ends.len() as u64 + 1;
        let end = rig.log.append(&header(ticket), [(Db::FIRST, &out[..])]);
        rig.ends.push(end);
        rig.log.close();
        while rig.log.durable() < end {
            rig.world.advance(50);
            rig.step();
        }
        assert_eq!(rig.safe, ticket);
        assert!(rig.log.next(u64::MAX / 2).is_none() && rig.log.gathered() == 0);
        assert_eq!(rig.cut(), Ok(ticket));
    }
}

#[test]
fn every_second_means_about_every_second() {
    let mut rig = Rig::new(1, SyncPolicy::EverySecond, Trust::Durable);
    rig.world.set_disk_weather(DiskWeather {
        delay_us_max: 0,
        failures: 0,
        capacity_bytes: 1 << 30,
        refuses_direct: false,
    });
    let mut syncs = Vec::new();
    let start_us = rig.world.now().monotonic_us;
    for nth in 0..500u64 {
        let end = rig.log.append(
            &header(nth + 1),
            [(Db::FIRST, &command(&mut rig.random, 1)[..])],
        );
        rig.ends.push(end);
        rig.world.advance(10_000);
        let before = rig.log.durable();
        rig.step();
        if rig.log.durable() > before {
            syncs.push((rig.world.now().monotonic_us - start_us) / 1000);
        }
    }
    assert!((4..=5).contains(&syncs.len()), "{syncs:?}");
    // What is written now is due a second behind the latest sync.
    let command = command(&mut rig.random, 501);
    rig.log.append(&header(501), [(Db::FIRST, &command[..])]);
    for _ in 0..3 {
        rig.world.advance(10);
        rig.step();
    }
    let due_us = rig.log.next_sync_us().expect("something is not durable");
    assert!(due_us > rig.world.now().monotonic_us);
}

#[test]
fn a_sync_that_dawdles_is_noticed() {
    let mut rig = Rig::new(3, SyncPolicy::Always, Trust::Durable);
    rig.world.set_disk_weather(DiskWeather {
        delay_us_max: 1000,
        failures: 0,
        capacity_bytes: 1 << 30,
        refuses_direct: false,
    });
    let command = command(&mut rig.random, 1);
    let end = rig.log.append(&header(1), [(Db::FIRST, &command[..])]);
    rig.ends.push(end);
    let mut longest_us = 0;
    while rig.log.durable() < end {
        longest_us = longest_us.max(rig.log.sync_takes_us(rig.world.now().monotonic_us));
        rig.world.advance(1);
        rig.step();
    }
    assert!((1..=1100).contains(&longest_us), "{longest_us}");
    assert_eq!(rig.log.sync_takes_us(u64::MAX / 2), 0, "none is under way");
}

#[test]
fn a_log_that_has_failed_says_so_and_stops() {
    let mut rig = Rig::new(2, SyncPolicy::Always, Trust::Durable);
    rig.world.set_disk_weather(DiskWeather {
        delay_us_max: 0,
        failures: 0,
        capacity_bytes: 40_000,
        refuses_direct: false,
    });
    let mut ticket = 0;
    while rig.log.failure().is_none() {
        ticket += 1;
        let command = command(&mut rig.random, ticket);
        let end = rig.log.append(&header(ticket), [(Db::FIRST, &command[..])]);
        rig.ends.push(end);
        rig.world.advance(100);
        rig.step();
        assert!(ticket < 1000, "the disk is full");
    }
    let failure = rig.log.failure().expect("it has failed");
    assert_eq!((failure.task, failure.errno), (Task::Write, libc::ENOSPC));
    let durable = rig.log.durable();
    rig.step();
    assert_eq!(rig.log.durable(), durable);
    assert!(rig.log.next(0).is_none());
    assert!(rig.cut().is_ok());
}
