//! Lookup: random keys of a store of a million, with and without the hints a pipeline gives.
//!
//! The hints are given as the shard gives them for 16 commands parsed ahead: all tables, all
//! buckets, all entries, then the lookups.

use std::hint::black_box;

use cairn::cmd::key_slot;
use cairn::limits::AHEAD_MAX;
use cairn::store::{Db, Entry, Slot, Store, Value, ValueRef};

use crate::keys::{KEY_BYTES, KEYS, Numbers, VALUE, key};
use crate::measure::Bench;

/// Enough lookups that their entries fit no cache.
const QUERIES: usize = 200_000;

pub fn run(bench: &mut Bench) {
    if !bench.wants("lookup: hit") && !bench.wants("lookup: miss") {
        return;
    }
    let mut store = filled();
    let hits = queries(0);
    let misses = queries(KEYS);
    for (name, queries, found) in [("hit", hits, true), ("miss", misses, false)] {
        let mut at = 0;
        bench.run(&format!("lookup: {name}"), AHEAD_MAX, || {
            for (key, slot) in next(&queries, &mut at) {
                assert_eq!(look(&mut store, *slot, key), found);
            }
        });
        let mut at = 0;
        bench.run(&format!("lookup: {name}, with hints"), AHEAD_MAX, || {
            let batch = next(&queries, &mut at);
            hint(&store, batch);
            for (key, slot) in batch {
                assert_eq!(look(&mut store, *slot, key), found);
            }
        });
    }
}

/// A store of `KEYS` keys.
pub fn filled() -> Store {
    let mut store = Store::new(1, 7);
    for number in 0..KEYS {
        let key = key(number);
        store.insert(
            Db::FIRST,
            key_slot(&key),
            Entry::new(&key, Value::Bytes(&VALUE), None),
        );
    }
    store
}

type Query = ([u8; KEY_BYTES], Slot);

fn queries(first: usize) -> Vec<Query> {
    let mut numbers = Numbers(1);
    (0..QUERIES)
        .map(|_| {
            let key = key(first + numbers.below(KEYS));
            (key, key_slot(&key))
        })
        .collect()
}

fn next<'a>(queries: &'a [Query], at: &mut usize) -> &'a [Query] {
    *at = if *at + 2 * AHEAD_MAX > queries.len() {
        0
    } else {
        *at + AHEAD_MAX
    };
    &queries[*at..*at + AHEAD_MAX]
}

/// Reads the value's first byte, as an encoder would: that is the second cache miss.
fn look(store: &mut Store, slot: Slot, key: &[u8]) -> bool {
    let entry = store.get_mut(Db::FIRST, slot, black_box(key));
    entry.is_some_and(|entry| match entry.value() {
        ValueRef::Bytes(bytes) => black_box(bytes.first()).is_some(),
        _ => false,
    })
}

fn hint(store: &Store, batch: &[Query]) {
    let mut hashes = [0u64; AHEAD_MAX];
    for ((key, slot), hash) in batch.iter().zip(&mut hashes) {
        *hash = store.hash(key);
        store.prefetch_table(Db::FIRST, *slot);
    }
    for ((_, slot), &hash) in batch.iter().zip(&hashes) {
        store.prefetch_bucket(Db::FIRST, *slot, hash);
    }
    for ((_, slot), &hash) in batch.iter().zip(&hashes) {
        store.prefetch_entry(Db::FIRST, *slot, hash);
    }
}
