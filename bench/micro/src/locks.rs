//! Locks: a transaction asks one shard for its keys, gets them and releases them.
//!
//! The price of a multi-shard command at each of its owners, without the messages.

use cairn::route::{Intent, Mode};
use cairn::txn::{Locks, Outcome};

use crate::measure::Bench;

fn intents(keys: u64) -> Vec<Intent> {
    let mode = Mode::Exclusive;
    (1..=keys)
        .map(|number| Intent {
            key: number.wrapping_mul(0x9e37_79b9_7f4a_7c15),
            mode,
        })
        .collect()
}

pub fn run(bench: &mut Bench) {
    for keys in [1, 10] {
        let wanted = intents(keys);
        let mut locks = Locks::default();
        let mut outcome = Outcome::default();
        let mut sequence = 0;
        bench.run(&format!("locks: request and release of {keys}"), 1, || {
            sequence += 1;
            locks.request(sequence, wanted.clone(), &mut outcome);
            assert_eq!(outcome.granted.pop(), Some(sequence));
            locks.release(sequence, &mut outcome);
        });
    }
    // An older one holds the key: ask, wait, be granted by its release.
    let wanted = intents(1);
    let mut locks = Locks::default();
    let mut outcome = Outcome::default();
    let mut sequence = 1;
    locks.request(sequence, wanted.clone(), &mut outcome);
    outcome.granted.clear();
    bench.run("locks: wait for one and release it", 1, || {
        locks.request(sequence + 1, wanted.clone(), &mut outcome);
        assert!(outcome.granted.is_empty());
        locks.release(sequence, &mut outcome);
        sequence += 1;
        assert_eq!(outcome.granted.pop(), Some(sequence));
    });
}
