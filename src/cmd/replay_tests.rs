//! The stream of effects, replayed into a second store: the same keyspace after every command.
//!
//! Random commands of every row that runs over keys, from seeds, while time moves and keys expire,
//! found by commands and by themselves; half of them told apart, as if each slot had its own log.
//! The second store's clock stands at zero and nothing ends
//! there by itself: whatever is relative to a time, or an end that nobody tells of, shows. Three
//! controls are caught: a handler that forgets to tell, an expiry that is not recorded, a time that
//! is not absolute.

use super::fixture::Fixture;
use super::invocation::{invocation, is_container};
use super::{Key, Random, Row, Run, attend, flag, key_slot, table};
use crate::admin::value_digest;
use crate::rdb;
use crate::resp::{Args, Commands, Span};
use crate::store::{Db, Entry, Object, Slot, StreamId, Value, ValueRef};
use std::collections::BTreeSet;

const SEEDS: u64 = 6;
const COMMANDS: usize = 7000;
const DATABASES: usize = 3;
/// Longest that time stands between two commands, milliseconds.
const STEP_MS: usize = 3000;

/// A defect that is put in once, in the middle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Defect {
    None,
    HandlerForgets,
    ExpiryUnrecorded,
    TimeRelative,
}

/// A key of a store: database, key, expiry, digest of the value.
type Held = (Db, Vec<u8>, Option<u64>, String);

fn contents(fixture: &Fixture) -> Vec<Held> {
    let mut all = Vec::new();
    for db in fixture.store.databases() {
        fixture.store.for_each(db, |_, entry| {
            let digest = value_digest(entry);
            all.push((db, entry.key().to_vec(), entry.expiry(), digest));
        });
    }
    all.sort();
    all
}

struct Play {
    random: Random,
    played: Fixture,
    replayed: Fixture,
    /// Rows that run over keys.
    rows: Vec<&'static Row>,
    /// Commands that reached the stream.
    streamed: usize,
    ended_by_themselves: usize,
    /// Rows of commands that told something.
    told: BTreeSet<&'static str>,
}

impl Play {
    fn new(seed: u64) -> Self {
        let table = table();
        let numbers = 0..u16::try_from(table.len()).expect("rows have 16 bits");
        let over_keys = |row: &&Row| {
            let runs = matches!(
                row.command.run,
                Run::Keys(_) | Run::Split(..) | Run::Everywhere(..)
            );
            runs && !is_container(row)
        };
        let mut replayed = Fixture::new();
        replayed.now_ms = 0;
        replayed.expiry_held = true;
        Self {
            random: Random::new(seed),
            played: Fixture::new(),
            replayed,
            rows: numbers
                .map(|number| table.row(number))
                .filter(over_keys)
                .collect(),
            streamed: 0,
            ended_by_themselves: 0,
            told: BTreeSet::new(),
        }
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.random.next_u64() >> 11) as usize % bound
    }

    fn key(&mut self) -> Vec<u8> {
        format!("k{}", self.below(12)).into_bytes()
    }

    /// A command: mostly of a row's syntax, sometimes one that its syntax would hardly make.
    fn command(&mut self) -> Vec<Vec<u8>> {
        let (one, other) = (self.key(), self.key());
        let number = |value: usize| value.to_string().into_bytes();
        let database = number(self.below(DATABASES));
        let word = |text: &str| text.as_bytes().to_vec();
        match self.below(72) {
            0..=2 => self.restore(one),
            3 => vec![
                word("COPY"),
                one,
                other,
                word("DB"),
                database,
                word("REPLACE"),
            ],
            4 => vec![word("MOVE"), one, database],
            5 => vec![word("RENAME"), one.clone(), one],
            6 => vec![word("SWAPDB"), database, number(self.below(DATABASES))],
            7 => vec![word("EXPIRE"), one, word("-1")],
            8 => vec![
                word("RPUSH"),
                one,
                word("a"),
                word("b"),
                word("a"),
                word("12"),
            ],
            9 => vec![
                word("LMOVEM"),
                one.clone(),
                one,
                word("LEFT"),
                word("LEFT"),
                word("COUNT"),
                number(2),
                word("OBO"),
            ],
            10 => vec![word("PEXPIRE"), one, number(self.below(STEP_MS))],
            11 => vec![word("BRPOPLPUSH"), one, other, word("0")],
            12 => vec![word("LSET"), one, word("0"), database],
            13 => vec![word("SETBIT"), one, number(self.below(99)), word("1")],
            14 => vec![
                word("SET"),
                one,
                word("v"),
                word("PXAT"),
                number(1 + self.below(9)),
            ],
            15 | 16 => vec![word("SADD"), one, word("a"), database, word("b")],
            17 => vec![word("SPOP"), one],
            18 => vec![word("SMOVE"), one, other, word("a")],
            19 => vec![word("SREM"), one, word("a"), word("b")],
            20 | 35 | 36 => vec![word("PERSIST"), one],
            21 => vec![word("DELIFEQ"), one, word("v")],
            22 => vec![word("SET"), one, word("v")],
            23 => vec![word("PFADD"), one, database],
            24 => vec![word("PFDEBUG"), word("todense"), one],
            25..=33 => self.on_fields(one, database),
            34 => vec![word("LMOVE"), one, other, word("LEFT"), word("LEFT")],
            58..=64 => self.on_stream(),
            65.. => self.of_elements(one),
            _ => self.by_syntax(),
        }
    }

    /// A command on one stream, of which what is needed is mostly there.
    fn on_stream(&mut self) -> Vec<Vec<u8>> {
        const COMMANDS: [&str; 22] = [
            "XADD s * f v",
            "XADD s ID-* f v g w",
            "XADD s MAXLEN ~ 3 * f v",
            "XADD s IDMPAUTO p * f v",
            "XADD s MINID ~ ID ACKED * f v",
            "XGROUP CREATE s g 0 MKSTREAM",
            "XGROUP CREATE s g $",
            "XGROUP SETID s g $",
            "XGROUP CREATECONSUMER s g d",
            "XGROUP DELCONSUMER s g c",
            "XREADGROUP GROUP g c COUNT 2 STREAMS s >",
            "XREADGROUP GROUP g d NOACK COUNT 1 STREAMS s >",
            "XREADGROUP GROUP g c STREAMS s 0",
            "XREADGROUP GROUP g e CLAIM 1 STREAMS s >",
            "XACK s g ID",
            "XCLAIM s g d 0 ID FORCE",
            "XAUTOCLAIM s g e 0 0 COUNT 2",
            "XNACK s g SILENT IDS 1 ID",
            "XACKDEL s g ACKED IDS 1 ID",
            "XDELEX s DELREF IDS 1 ID",
            "XDEL s ID",
            "XTRIM s MAXLEN 2",
        ];
        let line = match self.below(60) {
            0 => "XGROUP DESTROY s g",
            1 => "XSETID s 99999999999999-1",
            2 => "XCFGSET s IDMP-MAXSIZE 7",
            3 => "XIDMPRECORD s p NAME ID",
            _ => COMMANDS[self.below(COMMANDS.len())],
        };
        // Some entry that is there, if one is.
        let entry = self.played.store.get(self.played.db, key_slot(b"s"), b"s");
        let mut ids = Vec::new();
        if let Some(ValueRef::Object(Object::Stream(stream))) = entry.map(Entry::value) {
            let all = stream.range(StreamId::MIN, StreamId::MAX);
            ids.extend(all.map(|item| item.id));
        }
        let nth = self.below(ids.len().max(1));
        let id = ids.get(nth).copied().unwrap_or(StreamId::new(1, 1));
        let name = self.below(1 << 30);
        let words = line.split(' ').map(|word| match word {
            "NAME" => name.to_string(),
            "ID" => id.to_string(),
            "ID-*" => format!("{}-*", id.ms),
            word => word.to_string(),
        });
        words.map(String::into_bytes).collect()
    }

    /// What removes elements, and sorted sets that have them.
    fn of_elements(&mut self, key: Vec<u8>) -> Vec<Vec<u8>> {
        let lines = [
            "ZADD KEY 1 v 2 hello",
            "ZADD KEY 2 v 1 b",
            "ZREM KEY v",
            "ZREMRANGEBYRANK KEY 0 0",
            "ZREMRANGEBYSCORE KEY 2 2",
            "ZREMRANGEBYLEX KEY [v +",
            "ZPOPMAX KEY",
            "ZRANGESTORE KEY KEY 0 1",
            "BZMPOP 0 1 KEY MIN",
            "LREM KEY 0 a",
        ];
        let line = lines[self.below(lines.len())];
        let words = line.split(' ').map(|word| match word {
            "KEY" => key.clone(),
            word => word.as_bytes().to_vec(),
        });
        words.collect()
    }

    /// A command on the fields of a hash.
    fn on_fields(&mut self, one: Vec<u8>, value: Vec<u8>) -> Vec<Vec<u8>> {
        let number = |value: usize| value.to_string().into_bytes();
        let word = |text: &str| text.as_bytes().to_vec();
        match self.below(9) {
            0 | 1 => vec![
                word("HSET"),
                one,
                word("v"),
                value,
                word("hello"),
                word("12"),
            ],
            2 | 3 => vec![
                word("HPEXPIRE"),
                one,
                number(self.below(40 * STEP_MS)),
                word("FIELDS"),
                number(2),
                word("v"),
                word("hello"),
            ],
            4 => vec![word("HDEL"), one, word("v")],
            5 => vec![word("HINCRBYFLOAT"), one, word("hello"), word("0.5")],
            6 => vec![
                word("HGETEX"),
                one,
                word("PX"),
                number(1 + self.below(STEP_MS)),
                word("FIELDS"),
                number(1),
                word("v"),
            ],
            _ => vec![
                word("HPERSIST"),
                one,
                word("FIELDS"),
                number(2),
                word("v"),
                word("hello"),
            ],
        }
    }

    fn by_syntax(&mut self) -> Vec<Vec<u8>> {
        // Every other time one that has told nothing yet, so that more rows need not more commands.
        let silent = self.below(2) == 0;
        let row = loop {
            let number = self.below(self.rows.len());
            let row = self.rows[number];
            if silent && (!row.has(flag::WRITE) || self.told.contains(row.full_name.as_str())) {
                if self.below(200) == 0 {
                    break row;
                }
                continue;
            }
            let empties = row.full_name.starts_with("flush");
            if !empties || self.below(20) == 0 {
                break row;
            }
        };
        let random = &mut self.random;
        let made = invocation(row, &mut |bound| (random.next_u64() >> 11) as usize % bound);
        made.words.into_iter().map(String::into_bytes).collect()
    }

    /// RESTORE of what some other key holds.
    fn restore(&mut self, key: Vec<u8>) -> Vec<Vec<u8>> {
        let from = self.key();
        let entry = self
            .played
            .store
            .get(self.played.db, key_slot(&from), &from);
        let payload = entry.map_or_else(Vec::new, |entry| rdb::dump(entry.value(), false));
        let (ttl_ms, absolute) = match self.below(3) {
            0 => (0, false),
            1 => (self.below(STEP_MS) as u64, false),
            _ => (self.played.now_ms + self.below(STEP_MS) as u64 - 100, true),
        };
        let mut words = vec![
            b"RESTORE".to_vec(),
            key,
            ttl_ms.to_string().into_bytes(),
            payload,
        ];
        words.extend((self.below(3) > 0).then(|| b"REPLACE".to_vec()));
        words.extend(absolute.then(|| b"ABSTTL".to_vec()));
        words
    }

    /// One command, after some time; then the replay of what it told.
    fn step(&mut self, defect: Defect) -> Result<(), String> {
        self.played.now_ms += self.below(STEP_MS) as u64;
        self.played.db = Db::new(self.below(DATABASES) as u16);
        if self.below(4) == 0 {
            self.expire_some(defect == Defect::ExpiryUnrecorded);
        }
        let words = self.command();
        let shown: Vec<_> = words
            .iter()
            .map(|word| word.escape_ascii().to_string())
            .collect();
        let shown = shown.join(" ");
        let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        match defect {
            Defect::HandlerForgets => self.forgetful(),
            Defect::TimeRelative => self.relative(),
            Defect::None | Defect::ExpiryUnrecorded => {}
        }
        let apart = self.below(2) == 0;
        self.played.apart = apart;
        let reply = self.played.run_words(&words);
        self.played.apart = false;
        let failed = reply.starts_with(b"-");
        let streamed = self.played.streamed();
        if self.played.effects.dirty > 0 && !streamed.is_empty() {
            let name = |row: &&&Row| {
                let mut parts = row.full_name.split('|').zip(&words);
                parts.all(|(part, word)| part.as_bytes().eq_ignore_ascii_case(word))
            };
            let row = self.rows.iter().find(name).expect("it has run");
            self.told.insert(&row.full_name);
        }
        self.played.forget();
        for (db, command) in streamed {
            self.streamed += 1;
            let replayed = self.replay(db, &command, failed);
            let slots = replayed.map_err(|reason| format!("{shown}: {reason}"))?;
            assert!(!apart || slots < 2, "{shown} is told over {slots} slots");
        }
        let (played, replayed) = (contents(&self.played), contents(&self.replayed));
        if played == replayed {
            return Ok(());
        }
        let only = |these: &[Held], those: &[Held]| {
            let missing = these.iter().filter(|held| !those.contains(held));
            missing
                .map(|held| format!("\n  {held:?}"))
                .collect::<String>()
        };
        let (ours, theirs) = (only(&played, &replayed), only(&replayed, &played));
        Err(format!("after {shown}: played{ours}\nreplayed{theirs}"))
    }

    /// Applies a streamed command; over how many slots its keys lie.
    fn replay(&mut self, db: Db, command: &[u8], may_fail: bool) -> Result<usize, String> {
        self.replayed.db = db;
        let mut commands = Commands::new(command);
        let args = commands.next().ok_or("no whole command")?;
        let reply = self.replayed.execute(&args);
        self.replayed.forget();
        if reply.starts_with(b"-") && !may_fail {
            let (command, reply) = (command.escape_ascii(), reply.escape_ascii());
            return Err(format!("{command} answers {reply}"));
        }
        let row = table().row(table().resolve(&args).map_err(|_| "no such command")?);
        let keys = row.key_positions(&args).into_iter();
        let slots: BTreeSet<Slot> = keys.map(|at| key_slot(args.get(at))).collect();
        Ok(slots.len())
    }

    /// What a shard does in the background.
    fn expire_some(&mut self, unrecorded: bool) {
        let Fixture {
            store,
            effects,
            config,
            now_ms,
            ..
        } = &mut self.played;
        let hash = store.key_hash();
        let mut ended = 0;
        let wanted = effects.wants.stream;
        effects.wants.stream = !unrecorded;
        store.expire_step_unless(&|_, _| false, *now_ms, 8, &mut |db, _, entry| {
            ended += 1;
            effects.tell_expired(db, entry.key(), hash, config);
        });
        while let Some((db, _, key)) = store.next_waking(*now_ms) {
            ended += attend(store, effects, (db, Key::new(&key)), *now_ms, 1);
        }
        effects.wants.stream = wanted;
        self.ended_by_themselves += ended;
    }

    /// A handler that changes a key and says nothing.
    fn forgetful(&mut self) {
        let entry = Entry::new(b"k0", Value::from_text(b"unheard of"), None);
        self.played
            .store
            .insert(self.played.db, key_slot(b"k0"), entry);
    }

    /// A handler that tells a time from now on.
    fn relative(&mut self) {
        let words: [&[u8]; 5] = [b"SET", b"k0", b"v", b"EX", b"100"];
        self.played.run_words(&words);
        self.played.streamed();
        let mut command = Vec::new();
        crate::resp::write_command(&mut command, words.into_iter());
        self.replay(self.played.db, &command, false)
            .expect("it runs");
    }
}

/// Plays a seed; the defect is there from the middle on, until it is found.
fn play(seed: u64, defect: Defect) -> Result<Play, String> {
    let mut play = Play::new(seed);
    for number in 0..COMMANDS {
        let active = if number < COMMANDS / 2 {
            Defect::None
        } else {
            defect
        };
        play.step(active)
            .map_err(|reason| format!("seed {seed}, command {number}: {reason}"))?;
    }
    Ok(play)
}

#[test]
fn replayed_effects_give_the_same_keyspace() {
    let mut told = BTreeSet::new();
    for seed in (0..SEEDS).map(|number| 2 * number + 1) {
        let play = play(seed, Defect::None).unwrap_or_else(|reason| panic!("{reason}"));
        println!(
            "seed {seed}: {} commands streamed, {} keys ended by themselves",
            play.streamed, play.ended_by_themselves
        );
        assert!(play.streamed > COMMANDS / 4, "{}", play.streamed);
        assert!(play.ended_by_themselves > COMMANDS / 100);
        told.extend(play.told);
    }
    let rows = Play::new(1).rows;
    let silent = rows
        .iter()
        .filter(|row| row.has(flag::WRITE) && !told.contains(row.full_name.as_str()));
    let silent: Vec<&str> = silent.map(|row| row.full_name.as_str()).collect();
    assert!(silent.is_empty(), "never told anything: {silent:?}");
}

#[test]
fn defects_are_caught() {
    for defect in [
        Defect::HandlerForgets,
        Defect::ExpiryUnrecorded,
        Defect::TimeRelative,
    ] {
        assert!(play(1, defect).is_err(), "{defect:?} went unnoticed");
    }
}

/// The marks of a streamed command are what its row's key specs say.
#[test]
fn marks_are_those_of_the_key_specs() {
    let mut play = Play::new(77);
    let mut seen = BTreeSet::new();
    for _ in 0..6 * COMMANDS {
        play.played.now_ms += play.below(STEP_MS) as u64;
        let words = play.command();
        let (mut spans, mut start) = (Vec::new(), 0);
        for word in &words {
            let len = u32::try_from(word.len()).expect("short words");
            spans.push(Span { start, len });
            start += len;
        }
        let bytes = words.concat();
        play.played.unlogged(&Args::new(&bytes, &spans));
        for effect in play.played.effects.stream.effects() {
            let mut commands = Commands::new(effect.command);
            let args = commands.next().expect("a whole command");
            let row = table().row(table().resolve(&args).expect("a command that exists"));
            let mut positions = Vec::new();
            for spec in row.command.keys {
                spec.positions(&args, &mut positions)
                    .expect("it has its keys");
            }
            positions.sort_unstable();
            let keys: Vec<&[u8]> = positions.iter().map(|at| args.get(*at)).collect();
            assert_eq!(effect.keys().collect::<Vec<_>>(), keys, "{}", row.full_name);
            let mut slots: Vec<Slot> = keys.iter().map(|key| key_slot(key)).collect();
            slots.dedup();
            let slot = (slots.len() == 1).then(|| slots[0]);
            assert_eq!(effect.slot(), slot, "{}", row.full_name);
            seen.insert(row.full_name.clone());
        }
        play.played.forget();
    }
    println!("{seen:?}");
    for name in [
        "set",
        "del",
        "pexpireat",
        "lmove",
        "rpoplpush",
        "mset",
        "rename",
        "restore",
    ] {
        assert!(seen.contains(name), "{name} was never streamed");
    }
}
