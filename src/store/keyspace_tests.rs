//! Tests of the keyspace: a long random walk against std collections, bounded wheels, and bytes per
//! item.
//!
//! Owned by `keyspace`. The walk checks every answer, the invariants now and then, and leaks at the
//! end.

use super::*;
use crate::limits::EXPIRY_MS_MAX;
use crate::store::ValueRef;
use crate::store::testing::{Random, live};
use std::collections::HashMap;

fn text_of(entry: &Entry) -> Vec<u8> {
    match entry.value() {
        ValueRef::Int(number) => number.to_string().into_bytes(),
        ValueRef::Bytes(bytes) => bytes.to_vec(),
        ValueRef::Object(_) => panic!("not a string"),
    }
}

type Model = HashMap<(Db, Vec<u8>), (Vec<u8>, Option<u64>)>;

const DATABASES: usize = 3;
/// Stands for an expiry that the wheel is not told.
const FAR: usize = usize::MAX;

fn slot_of(key: &[u8]) -> Slot {
    // Few slots, far apart, so that tables grow.
    Slot::new(u16::from(key[key.len() - 1] % 5) * 4000)
}

/// The store, what it should hold, and the time.
struct Walk {
    store: Store,
    model: Model,
    now_ms: u64,
    random: Random,
}

impl Walk {
    fn key(&mut self) -> (Db, Vec<u8>) {
        let number = self.random.below(4000);
        (
            Db::new(self.random.below(DATABASES) as u16),
            format!("{number:0width$}", width = 4 + number % 300).into_bytes(),
        )
    }

    fn expiry(&mut self) -> Option<u64> {
        let reach = [0, 40, 3_000, 100_000, 10_000_000, FAR][self.random.below(6)];
        if reach == FAR {
            return Some(i64::MAX as u64 - self.random.below(3) as u64);
        }
        (reach > 0).then(|| self.now_ms + self.random.below(reach) as u64)
    }

    fn value(&mut self) -> Vec<u8> {
        let longest = [9, 70, 1500][self.random.below(3)];
        match self.random.below(longest) {
            len if len % 3 == 0 => self.random.next().to_string().into_bytes(),
            len => vec![b'v'; len],
        }
    }

    fn step(&mut self) {
        let (db, key) = self.key();
        let slot = slot_of(&key);
        let name = (db, key.clone());
        match self.random.below(100) {
            0..35 => {
                let (value, expiry) = (self.value(), self.expiry());
                let previous =
                    self.store
                        .set_string(db, slot, &key, Value::from_text(&value), expiry, |_| 0);
                let known = self.model.insert(name, (value, expiry));
                assert_eq!(
                    previous.map(|previous| previous.expiry),
                    known.map(|(_, expiry)| expiry)
                );
            }
            35..45 => {
                let (value, expiry) = (self.value(), self.expiry());
                let old =
                    self.store
                        .insert(db, slot, Entry::new(&key, Value::Bytes(&value), expiry));
                let known = self.model.insert(name, (value, expiry));
                assert_eq!(old.map(|old| (text_of(&old), old.expiry())), known);
            }
            45..60 => {
                let taken = self.store.take(db, slot, &key);
                assert_eq!(
                    taken.map(|old| (text_of(&old), old.expiry())),
                    self.model.remove(&name)
                );
            }
            60..80 => {
                let expiry = self.expiry();
                let found = self.store.set_expiry(db, slot, &key, expiry);
                let known = self.model.get_mut(&name);
                assert_eq!(found, known.is_some());
                if let Some((_, held)) = known {
                    *held = expiry;
                }
            }
            80..90 => {
                let entry = self.store.get_mut(db, slot, &key);
                if let (Some(entry), Some((held, _))) = (entry, self.model.get_mut(&name)) {
                    held.extend_from_slice(b"more");
                    entry.string_mut(held.len())[held.len() - 4..].copy_from_slice(b"more");
                }
            }
            _ => {
                let pause = [5, 200, 9_000][self.random.below(3)];
                self.now_ms += self.random.below(pause) as u64;
                self.expire();
            }
        }
        let entry = self.store.get(db, slot, &key);
        assert_eq!(
            entry.map(|entry| (text_of(entry), entry.expiry())).as_ref(),
            self.model.get(&(db, key))
        );
    }

    fn expire(&mut self) {
        let (now_ms, model) = (self.now_ms, &mut self.model);
        let budget = 1 + self.random.below(60);
        let progress = self
            .store
            .expire_step(now_ms, budget, &mut |db, slot, entry| {
                assert_eq!(slot, slot_of(entry.key()));
                let (value, expiry) = model
                    .remove(&(db, entry.key().to_vec()))
                    .expect("only held keys expire");
                assert_eq!((text_of(&entry), entry.expiry()), (value, expiry));
                assert!(
                    expiry.is_some_and(|expiry_ms| expiry_ms < now_ms),
                    "never early"
                );
            });
        assert!(progress.examined <= budget && progress.more == (progress.examined == budget));
        if !progress.more {
            let late = self.model.values().filter_map(|(_, expiry)| *expiry).min();
            assert!(
                late.is_none_or(|expiry_ms| expiry_ms + 16 >= now_ms),
                "at most a tick late"
            );
        }
    }

    fn check(&mut self) {
        self.store.verify();
        for db in Db::all(DATABASES) {
            let held = self.model.keys().filter(|(other, _)| *other == db).count();
            assert_eq!(self.store.len(db), held);
            let mut seen = 0;
            self.store.for_each(db, |slot, entry| {
                assert_eq!(slot, slot_of(entry.key()));
                assert!(self.model.contains_key(&(db, entry.key().to_vec())));
                seen += 1;
            });
            assert_eq!(seen, held);
        }
    }

    fn scan_all(&self, db: Db) -> usize {
        let (mut keys, mut slot) = (
            std::collections::HashSet::new(),
            self.store.next_used_slot(db, Slot::FIRST),
        );
        while let Some(number) = slot {
            let mut position = Some(0);
            while let Some(from) = position {
                position = self.store.scan(db, number, from, |entry| {
                    keys.insert(entry.key());
                });
            }
            slot = number
                .next()
                .and_then(|next| self.store.next_used_slot(db, next));
        }
        keys.len()
    }
}

#[test]
fn random_operations_follow_a_model() {
    for (seed, start_ms) in [(1, 0), (2, 1_700_000_000_000)] {
        let store = Store::new(DATABASES, seed);
        let mut walk = Walk {
            store,
            model: Model::new(),
            now_ms: start_ms,
            random: Random::new(seed),
        };
        for step in 0..100_000 {
            walk.step();
            if step % 7_000 == 0 {
                walk.check();
                let [a, b] = [(); 2].map(|()| Db::new(walk.random.below(DATABASES) as u16));
                walk.store.swap(a, b);
                let exchange = |db| {
                    if db == a {
                        b
                    } else if db == b {
                        a
                    } else {
                        db
                    }
                };
                walk.model = walk
                    .model
                    .drain()
                    .map(|((db, key), held)| ((exchange(db), key), held))
                    .collect();
                assert_eq!(walk.scan_all(a), walk.store.len(a));
            }
            if step % 30_000 == 20_000 {
                let mut cleared = walk.store.clear(Db::new(1));
                let before = walk.model.len();
                walk.model.retain(|(db, _), _| *db != Db::new(1));
                assert_eq!(cleared.len(), before - walk.model.len());
                while !cleared.drop_some(7) {}
            }
        }
        walk.check();
        // All that expires does so, from deadline to deadline.
        let lasting = |at_ms: u64| at_ms > EXPIRY_MS_MAX;
        walk.model
            .retain(|_, (_, expiry)| expiry.is_none_or(lasting));
        while let Some(deadline_ms) = walk.store.next_deadline(walk.now_ms) {
            walk.now_ms = deadline_ms;
            walk.store.expire_step(deadline_ms, 100, &mut |_, _, _| {});
        }
        walk.check();
        assert_eq!(live::count(), walk.model.len() as isize);
        drop(walk);
        assert_eq!(live::count(), 0);
    }
}

#[test]
fn the_wheel_stays_bounded_whatever_clients_do() {
    let mut store = Store::new(1, 3);
    let now_ms = 1_700_000_000_000;
    store.expire_step(now_ms, 1, &mut |_, _, _| {});
    let key = |number: u64| (number % 1000).to_le_bytes();
    let mut most = 0;
    // No time passes and no step runs: only the commands themselves can keep the wheel small.
    for round in 0..300_000u64 {
        let ttl_ms = 100_000 - round % 7_000;
        store.set_string(
            Db::FIRST,
            Slot::new(1),
            &key(round),
            Value::Int(1),
            Some(now_ms + ttl_ms),
            |_| 0,
        );
        match round % 4 {
            0 => drop(store.take(Db::FIRST, Slot::new(1), &key(round))),
            1 => assert!(store.set_expiry(Db::FIRST, Slot::new(1), &key(round), None)),
            2 => {
                assert!(store.set_expiry(
                    Db::FIRST,
                    Slot::new(1),
                    &key(round),
                    Some(now_ms + ttl_ms % 90)
                ))
            }
            _ => assert!(store.set_expiry(
                Db::FIRST,
                Slot::new(1),
                &key(round),
                Some(now_ms + ttl_ms * 9_000)
            )),
        }
        most = most.max(store.wheel.references());
    }
    // 1,000 keys at most, a quarter more, the tolerated ones, and what a sweep has not reached yet.
    assert!(
        most <= 1250 + STALE_REFERENCES_MAX + 500,
        "{most} references"
    );
    store.verify();
    assert!(
        store.wheel_bytes() < 200_000,
        "{} bytes",
        store.wheel_bytes()
    );
    // What is stale after everything was deleted goes in steps.
    drop(store.clear(Db::FIRST));
    let mut steps = 0;
    while store.expire_step(now_ms, 64, &mut |_, _, _| {}).more {
        steps += 1;
    }
    assert!(steps < 60 && store.wheel.references() <= STALE_REFERENCES_MAX);
}

#[test]
fn a_million_keys_that_expire_at_once_cost_bounded_steps() {
    let mut store = Store::new(1, 5);
    let now_ms = 1_700_000_000_000;
    store.expire_step(now_ms, 1, &mut |_, _, _| {});
    for number in 0..100_000u64 {
        store.set_string(
            Db::FIRST,
            Slot::new((number % 16_384) as u16),
            &number.to_le_bytes(),
            Value::Int(1),
            Some(now_ms + 5_000),
            |_| 0,
        );
    }
    assert_eq!(
        (
            store.expires(Db::FIRST),
            store.average_ttl(Db::FIRST, now_ms)
        ),
        (100_000, 5_000)
    );
    let (mut expired, mut steps) = (0, 0);
    while store
        .expire_step(now_ms + 5_016, 256, &mut |_, _, _| expired += 1)
        .more
    {
        steps += 1;
    }
    assert_eq!(
        (expired, store.len(Db::FIRST), store.expires(Db::FIRST)),
        (100_000, 0, 0)
    );
    assert!(steps < 3 * 100_000 / 256, "{steps} steps");
    assert_eq!(store.next_deadline(now_ms + 5_016), None);
}

#[test]
fn random_keys_are_drawn_from_slots_in_proportion() {
    let mut store = Store::new(1, 1);
    for number in 0..1000u64 {
        let slot = if number < 900 {
            Slot::new(7)
        } else {
            Slot::new((number * 16) as u16)
        };
        store.set_string(
            Db::FIRST,
            slot,
            &number.to_le_bytes(),
            Value::Int(number as i64),
            None,
            |_| 0,
        );
    }
    let mut random = Random::new(4);
    let mut alone = 0;
    for _ in 0..10_000 {
        let ValueRef::Int(number) = store
            .random(Db::FIRST, &mut || random.next())
            .expect("there are keys")
            .value()
        else {
            panic!("all are integers")
        };
        alone += usize::from(number >= 900);
    }
    assert!(
        (800..1200).contains(&alone),
        "{alone} of 10,000 draws for 100 of 1,000 keys"
    );
    let full = store
        .database(Db::FIRST)
        .table(Slot::new(7))
        .map(|table| table.len());
    assert_eq!(
        (store.next_used_slot(Db::FIRST, Slot::new(8)), full),
        (Some(Slot::new(14_400)), Some(900))
    );
}

/// Bytes per item of a million random keys over all slots: entries, tables, headers, wheel.
#[expect(
    clippy::cast_precision_loss,
    reason = "sums of a test are far below 2^52"
)]
fn bytes_per_item(value_len: usize, ttl: bool) -> (f64, f64) {
    const ITEMS: u64 = 1_000_000;
    let mut store = Store::new(1, 11);
    let mut random = Random::new(value_len as u64);
    let now_ms = 1_700_000_000_000;
    store.expire_step(now_ms, 1, &mut |_, _, _| {});
    let value = vec![b'v'; value_len];
    for number in 0..ITEMS {
        let mut key = [b'k'; 16];
        key[8..].copy_from_slice(&number.to_le_bytes());
        let slot = Slot::new((random.next() % 16_384) as u16);
        let expiry = ttl.then(|| now_ms + random.below(3_600_000) as u64);
        assert!(
            store
                .set_string(Db::FIRST, slot, &key, Value::Bytes(&value), expiry, |_| 0)
                .is_none()
        );
    }
    let mut entries = 0;
    store.for_each(Db::FIRST, |_, entry| entries += entry.allocation_bytes());
    let statistics = store.statistics(Db::FIRST);
    assert_eq!(
        (statistics.sums.elements as u64, statistics.tables),
        (ITEMS, 16_384)
    );
    let tables = statistics.sums.bytes + statistics.header_bytes;
    let items = ITEMS as f64;
    let wheel = store.wheel_bytes() as f64 / items;
    println!(
        "value {value_len}, ttl {ttl}: entry {:.2} + table {:.2} + wheel {wheel:.2} bytes, longest chain {}",
        entries as f64 / items,
        tables as f64 / items,
        statistics.sums.longest_chain
    );
    ((entries + tables) as f64 / items + wheel, wheel)
}

#[test]
fn bytes_per_item_stay_within_the_target() {
    assert!(bytes_per_item(64, false).0 <= 108.5);
    let (bytes, wheel) = bytes_per_item(64, true);
    assert!(bytes <= 119.0 && wheel <= 10.0);
    assert!(bytes_per_item(8, false).0 <= 50.0);
}
