//! Tests of the lock table: fixed cases, and random histories against the rules of wound-wait.
//!
//! The random test plays coordinators: it answers revocations, decides granted transactions and
//! checks that no two conflicting ones ever hold a key together and that everybody ends.

use super::*;
use crate::shard::testing::processor_time_ns;
use std::collections::BTreeSet;

fn exclusive(keys: &[u64]) -> Vec<Intent> {
    keys.iter()
        .map(|&key| Intent {
            key,
            mode: Mode::Exclusive,
        })
        .collect()
}

fn request(locks: &mut Locks, sequence: Sequence, intents: Vec<Intent>) -> Outcome {
    let mut outcome = Outcome::default();
    locks.request(sequence, intents, &mut outcome);
    outcome
}

fn release(locks: &mut Locks, sequence: Sequence) -> Outcome {
    let mut outcome = Outcome::default();
    locks.release(sequence, &mut outcome);
    outcome
}

#[test]
fn the_second_waits_for_the_first() {
    let mut locks = Locks::default();
    assert_eq!(request(&mut locks, 1, exclusive(&[7])).granted, vec![1]);
    assert_eq!(request(&mut locks, 2, exclusive(&[7])), Outcome::default());
    assert!(locks.conflicts(7, Mode::Shared) && !locks.conflicts(8, Mode::Exclusive));
    assert_eq!(release(&mut locks, 1).granted, vec![2]);
    release(&mut locks, 2);
    assert!(locks.is_empty() && locks.locks.is_empty());
}

#[test]
fn readers_share_and_do_not_pass_a_waiting_writer() {
    let mut locks = Locks::default();
    let read = |key| {
        vec![Intent {
            key,
            mode: Mode::Shared,
        }]
    };
    assert_eq!(request(&mut locks, 1, read(7)).granted, vec![1]);
    assert_eq!(request(&mut locks, 2, read(7)).granted, vec![2]);
    assert!(request(&mut locks, 3, exclusive(&[7])).granted.is_empty());
    assert!(request(&mut locks, 4, read(7)).granted.is_empty());
    assert!(release(&mut locks, 1).granted.is_empty());
    assert_eq!(release(&mut locks, 2).granted, vec![3]);
    assert_eq!(release(&mut locks, 3).granted, vec![4]);
}

#[test]
fn an_older_one_wounds_a_granted_younger_one() {
    let mut locks = Locks::default();
    request(&mut locks, 5, exclusive(&[7]));
    let outcome = request(&mut locks, 4, exclusive(&[7]));
    assert_eq!(
        outcome,
        Outcome {
            granted: vec![],
            revoke: vec![5]
        }
    );
    let mut outcome = Outcome::default();
    locks.yield_back(5, &mut outcome);
    assert_eq!(outcome.granted, vec![4]);
    assert_eq!(release(&mut locks, 4).granted, vec![5]);
}

#[test]
fn the_whole_keyspace_waits_for_keys_and_keys_for_it() {
    let mut locks = Locks::default();
    request(&mut locks, 1, exclusive(&[7]));
    let whole = vec![Intent {
        key: WHOLE,
        mode: Mode::Exclusive,
    }];
    assert!(request(&mut locks, 2, whole).granted.is_empty());
    assert!(request(&mut locks, 3, exclusive(&[8])).granted.is_empty());
    assert_eq!(release(&mut locks, 1).granted, vec![2]);
    assert!(locks.conflicts(WHOLE, Mode::SomeShared));
    assert_eq!(release(&mut locks, 2).granted, vec![3]);
}

struct Xorshift(u64);

impl Xorshift {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

/// Several shards, transactions over random keys of random shards, messages in random order.
struct Play {
    shards: Vec<Locks>,
    intents: HashMap<(Sequence, usize), Vec<Intent>>,
    acks: HashMap<Sequence, BTreeSet<usize>>,
    needs: HashMap<Sequence, BTreeSet<usize>>,
    decided: BTreeSet<Sequence>,
    wire: Vec<(usize, Sequence, &'static str)>,
    ended: usize,
}

impl Play {
    fn apply(&mut self, shard: usize, outcome: Outcome) {
        for sequence in outcome.granted {
            self.wire.push((shard, sequence, "ack"));
        }
        for sequence in outcome.revoke {
            self.wire.push((shard, sequence, "revoke"));
        }
    }

    /// Delivers one message; per (shard, transaction) the order is kept, as a channel keeps it.
    fn deliver(&mut self, pick: usize) {
        let (shard, sequence, _) = self.wire[pick];
        let first = self
            .wire
            .iter()
            .position(|message| (message.0, message.1) == (shard, sequence));
        let (_, _, what) = self.wire.remove(first.expect("it is there"));
        let mut outcome = Outcome::default();
        match what {
            "request" => {
                let intents = self.intents[&(sequence, shard)].clone();
                self.shards[shard].request(sequence, intents, &mut outcome);
            }
            "ack" => {
                let acks = self.acks.entry(sequence).or_default();
                acks.insert(shard);
                if *acks == self.needs[&sequence] {
                    self.decided.insert(sequence);
                    let shards: Vec<usize> = self.needs[&sequence].iter().copied().collect();
                    self.wire
                        .extend(shards.into_iter().map(|shard| (shard, sequence, "release")));
                }
            }
            "revoke" => {
                if !self.decided.contains(&sequence) {
                    self.acks.entry(sequence).or_default().remove(&shard);
                    self.wire.push((shard, sequence, "yield"));
                }
            }
            "yield" => self.shards[shard].yield_back(sequence, &mut outcome),
            "release" => {
                self.shards[shard].release(sequence, &mut outcome);
                self.ended += 1;
            }
            other => panic!("{other}"),
        }
        self.apply(shard, outcome);
    }

    fn check_holders(&self) {
        for locks in &self.shards {
            for (key, lock) in &locks.locks {
                for (at, &(a, with_a)) in lock.holders.iter().enumerate() {
                    for &(b, with_b) in &lock.holders[at + 1..] {
                        assert!(with_a.fits(with_b), "{a} and {b} hold {key} together");
                    }
                }
            }
        }
    }
}

#[test]
fn random_histories_end_without_conflict() {
    for seed in 1..=300u64 {
        let mut random = Xorshift(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mut play = Play {
            shards: (0..3).map(|_| Locks::default()).collect(),
            intents: HashMap::new(),
            acks: HashMap::new(),
            needs: HashMap::new(),
            decided: BTreeSet::new(),
            wire: Vec::new(),
            ended: 0,
        };
        let mut expected = 0;
        for sequence in 1..=40 {
            for shard in 0..3 {
                let mut intents: Vec<Intent> = Vec::new();
                for key in 1..=3 {
                    match random.below(4) {
                        0 => intents.push(Intent {
                            key,
                            mode: Mode::Shared,
                        }),
                        1 => intents.push(Intent {
                            key,
                            mode: Mode::Exclusive,
                        }),
                        _ => {}
                    }
                }
                if random.below(20) == 0 {
                    intents = vec![Intent {
                        key: WHOLE,
                        mode: Mode::Exclusive,
                    }];
                }
                if !intents.is_empty() {
                    play.intents.insert((sequence, shard), intents);
                    play.needs.entry(sequence).or_default().insert(shard);
                    play.wire.push((shard, sequence, "request"));
                    expected += 1;
                }
            }
            for _ in 0..random.below(6) {
                if !play.wire.is_empty() {
                    let pick = random.below(play.wire.len() as u64) as usize;
                    play.deliver(pick);
                    play.check_holders();
                }
            }
        }
        while !play.wire.is_empty() {
            let pick = random.below(play.wire.len() as u64) as usize;
            play.deliver(pick);
            play.check_holders();
        }
        assert_eq!(play.ended, expected, "seed {seed}: everybody ends");
        assert!(play.shards.iter().all(Locks::is_empty));
    }
}

#[test]
fn whoever_waits_for_the_whole_keyspace_costs_those_who_come_later_nothing() {
    const WAITERS: u64 = 20_000;
    let mut locks = Locks::default();
    let whole = vec![Intent::whole(Mode::Exclusive)];
    assert_eq!(request(&mut locks, 1, whole).granted, vec![1]);
    let started_ns = processor_time_ns();
    for sequence in 2..2 + WAITERS {
        let waiting = request(&mut locks, sequence, exclusive(&[sequence]));
        assert_eq!(waiting, Outcome::default());
    }
    let took_ns = processor_time_ns() - started_ns;
    // Looking at each of those before takes a second, looking at none some 20 ms.
    assert!(took_ns < 300_000_000, "{took_ns} ns");
    assert_eq!(release(&mut locks, 1).granted.len() as u64, WAITERS);
}
