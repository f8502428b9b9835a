//! The record of what changed: SET with and without a reader of effects, records written and read.
//!
//! Sixteen SETs make a unit, as a pipeline does. The handler runs over a store of its own, so the
//! difference of the first two is what telling costs.

use std::hint::black_box;

use cairn::admin;
use cairn::base::{ShardId, ShardSet};
use cairn::cmd::{Context, EffectStream, Effects, Random, Row, Run, Terms, Wants};
use cairn::config::Config;
use cairn::resp::{Args, Protocol, Reply, Span};
use cairn::store::{Db, Store};
use cairn::wal::{Decoder, Encoder, Header, Kind, VERSION};

use crate::keys::VALUE;
use crate::measure::Bench;

const COMMANDS: usize = 16;

/// A store, and the command that is run over it.
struct Setter {
    store: Store,
    effects: Effects,
    config: Config,
    random: Random,
    row: &'static Row,
    bytes: Vec<u8>,
    spans: [Span; 3],
    out: Vec<u8>,
}

impl Setter {
    fn new(stream: bool) -> Self {
        let table = &admin::commands(&[]).expect("nothing is renamed").table;
        let words: [&[u8]; 3] = [b"SET", b"key:000000012345", &VALUE];
        let mut start = 0;
        let spans = words.map(|word| {
            let len = u32::try_from(word.len()).expect("short words");
            start += len;
            Span {
                start: start - len,
                len,
            }
        });
        Self {
            store: Store::new(16, 42),
            effects: Effects {
                wants: Wants {
                    stream,
                    ..Wants::default()
                },
                ..Effects::default()
            },
            config: Config::default(),
            random: Random::new(42),
            row: table.row(table.find(b"set").expect("there is SET")),
            bytes: words.concat(),
            spans,
            out: Vec::with_capacity(1024),
        }
    }

    /// A unit of SETs.
    fn run(&mut self) {
        let row = self.row;
        let Run::Keys(handler) = row.command.run else {
            panic!("SET runs over keys");
        };
        self.out.clear();
        for _ in 0..COMMANDS {
            let args = Args::new(black_box(&self.bytes), &self.spans);
            let terms = Terms {
                config: &self.config,
                db: Db::FIRST,
                now_ms: 1_700_000_000_000,
                lru_clock: 1,
                no_touch: false,
                may_block: false,
                served: false,
                expiry_held: false,
                routed: None,
            };
            let reply = Reply::new(&mut self.out, Protocol::Resp2);
            let (effects, random) = (&mut self.effects, &mut self.random);
            let mut context = Context::new(&mut self.store, effects, random, reply, terms);
            let outcome = handler(&mut context, &args);
            assert!(outcome.is_ok(), "SET cannot fail");
            self.effects
                .close_command((row, Db::FIRST), &args, &self.store, &self.config);
        }
    }
}

fn append(stream: &EffectStream, encoder: &mut Encoder, log: &mut Vec<u8>) {
    let header = Header {
        version: VERSION,
        kind: Kind::Write,
        database: Db::FIRST,
        slot: None,
        ticket: 1,
        shard: ShardId::FIRST,
        participants: ShardSet::only(ShardId::FIRST),
        at_ms: 1_700_000_000_000,
    };
    encoder.append(log, &header, stream.stretches());
}

pub fn run(bench: &mut Bench) {
    let mut silent = Setter::new(false);
    bench.run("SET, nobody reads effects", COMMANDS, || silent.run());
    let mut telling = Setter::new(true);
    bench.run("SET, effects are told", COMMANDS, || {
        telling.run();
        black_box(&telling.effects.stream);
        telling.effects.stream.clear();
    });
    telling.run();
    let stream = std::mem::take(&mut telling.effects.stream);
    let mut log = Vec::with_capacity(64 * 1024);
    bench.run("record of 16 SETs: write", COMMANDS, || {
        log.clear();
        append(black_box(&stream), &mut Encoder::new(7, 0), &mut log);
    });
    log.clear();
    append(&stream, &mut Encoder::new(7, 0), &mut log);
    bench.run("record of 16 SETs: read and check", COMMANDS, || {
        let mut decoder = Decoder::new(black_box(&log), 0, Some(7));
        assert!(decoder.read().is_ok(), "it was just written");
    });
}
