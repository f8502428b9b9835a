//! Insert: new keys into a growing store, a key into a full one, and a value over another.
//!
//! Allocation included, as SET pays it. Keys come in random order, without hints.

use std::hint::black_box;

use cairn::cmd::key_slot;
use cairn::store::{Db, Store, Value};

use crate::keys::{KEYS, Numbers, VALUE, key};
use crate::lookup::filled;
use crate::measure::{Bench, time};

/// Keys of one sample of the growing store.
const GROWING: usize = 200_000;

fn set(store: &mut Store, number: usize) -> bool {
    let key = key(number);
    store
        .set_string(
            Db::FIRST,
            key_slot(&key),
            &key,
            Value::Bytes(&VALUE),
            None,
            |_| 0,
        )
        .is_none()
}

pub fn run(bench: &mut Bench) {
    bench.run_timed("insert: empty to 200 000 keys", GROWING, || {
        let mut store = Store::new(1, 7);
        time(|| {
            let mut numbers = Numbers(3);
            for _ in 0..GROWING {
                // As good as always new: a billion numbers.
                black_box(set(&mut store, numbers.below(1_000_000_000)));
            }
        })
    });
    if !bench.wants("insert: a new") && !bench.wants("insert: over") {
        return;
    }
    let mut store = filled();
    let mut numbers = Numbers(4);
    bench.run("insert: a new key among 1 M, and remove it", 1, || {
        let number = KEYS + numbers.below(1_000_000_000);
        let key = key(number);
        assert!(set(&mut store, number));
        assert!(store.take(Db::FIRST, key_slot(&key), &key).is_some());
    });
    bench.run("insert: over a value among 1 M", 1, || {
        assert!(!set(&mut store, numbers.below(KEYS)));
    });
}
