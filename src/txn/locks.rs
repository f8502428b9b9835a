//! The locks of one shard: intents per key, ordered by the global sequence of transactions.
//!
//! After VLL (Ren, Thomson, Abadi: "VLL: a lock manager redesign for main memory database systems",
//! VLDB Journal 2015): only transactions over several shards take locks, a lock is an entry in one
//! small map, and a command of one shard looks at the map only when it is not empty.

// Deadlocks cannot arise because of wound-wait (Rosenkrantz, Stearns, Lewis 1978): a transaction
// waits for older ones only. When an older one meets a younger holder, the younger gives way: at
// once while it is still collecting locks on this shard, after asking its coordinator when this
// shard has granted it (`Outcome::revoke`). A transaction whose coordinator has decided waits for
// nobody, so it ends soon. The sequence is kept through all this, so the oldest always gets
// through: nobody starves.
//
// Pure rules over numbers: keys are known by a 64-bit hash (a collision only makes two keys wait
// for each other), what a grant means is the caller's business.

use std::collections::{BTreeMap, HashMap};

use smallvec::SmallVec;

use crate::route::{Intent, Mode, Sequence, WHOLE};

/// What a change of the locks brought about; the caller acts on it.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Transactions that hold all they asked for now, in the order of their sequence per key.
    pub granted: Vec<Sequence>,
    /// Granted transactions that an older one waits for: ask their coordinators to give way.
    pub revoke: Vec<Sequence>,
}

#[derive(Debug, Default)]
struct Lock {
    /// Most keys have one holder.
    holders: SmallVec<[(Sequence, Mode); 2]>,
    waiters: BTreeMap<Sequence, Mode>,
}

#[derive(Debug)]
struct Holder {
    intents: Vec<Intent>,
    /// Intents that are not held yet.
    missing: usize,
    /// A revocation has been asked for and not been answered.
    revoking: bool,
}

/// The lock table.
#[derive(Debug, Default)]
pub struct Locks {
    locks: HashMap<u64, Lock, foldhash::fast::FixedState>,
    transactions: HashMap<Sequence, Holder, foldhash::fast::FixedState>,
    /// Everything fits with everything: the positive control of tests that look for conflicts.
    lawless: bool,
}

impl Locks {
    /// From now on every lock is granted at once. Only for tests that must notice it.
    #[doc(hidden)]
    pub fn ignore_conflicts(&mut self) {
        self.lawless = true;
    }

    /// True when no transaction is here: then no command needs to look further.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.transactions.is_empty()
    }

    /// How many transactions hold or wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.transactions.len()
    }

    /// True when a command that ends at once must wait for a holder of this key.
    #[must_use]
    pub fn conflicts(&self, key: u64, mode: Mode) -> bool {
        !self.lawless
            && self
                .locks
                .get(&key)
                .is_some_and(|lock| lock.holders.iter().any(|&(_, held)| !held.fits(mode)))
    }

    /// True when `sequence` holds everything it asked for.
    #[must_use]
    pub fn is_granted(&self, sequence: Sequence) -> bool {
        self.transactions
            .get(&sequence)
            .is_some_and(|holder| holder.missing == 0)
    }

    /// How `sequence` holds a key; None: it does not hold it.
    #[must_use]
    pub fn held(&self, sequence: Sequence, key: u64) -> Option<Mode> {
        let holders = self.locks.get(&key)?.holders.iter();
        holders
            .filter(|&&(holder, _)| holder == sequence)
            .map(|&(_, mode)| mode)
            .next()
    }

    /// True when `sequence` has been granted and is to give way.
    #[must_use]
    pub fn is_revoking(&self, sequence: Sequence) -> bool {
        self.transactions
            .get(&sequence)
            .is_some_and(|holder| holder.revoking)
    }

    /// A transaction asks for its keys; the same key must not stand twice in `intents`.
    pub fn request(&mut self, sequence: Sequence, mut intents: Vec<Intent>, outcome: &mut Outcome) {
        assert!(
            !self.transactions.contains_key(&sequence),
            "a transaction asks once"
        );
        let writes = intents.iter().any(|intent| intent.mode == Mode::Exclusive);
        if !intents.iter().any(|intent| intent.key == WHOLE) {
            let mode = if writes {
                Mode::SomeExclusive
            } else {
                Mode::SomeShared
            };
            intents.push(Intent { key: WHOLE, mode });
        }
        let mut contended = Vec::new();
        for &intent in &intents {
            let lock = self.locks.entry(intent.key).or_default();
            let fits = lock.holders.iter().all(|&(_, held)| held.fits(intent.mode));
            if lock.waiters.is_empty() && fits || self.lawless {
                lock.holders.push((sequence, intent.mode));
            } else {
                lock.waiters.insert(sequence, intent.mode);
                contended.push(intent);
            }
        }
        let missing = contended.len();
        self.transactions.insert(
            sequence,
            Holder {
                intents,
                missing,
                revoking: false,
            },
        );
        if missing == 0 {
            outcome.granted.push(sequence);
        }
        for intent in contended {
            self.wound(intent.key, sequence, intent.mode, outcome);
            self.settle(intent.key, outcome);
        }
    }

    /// A transaction has ended: everything it held or waited for is free.
    pub fn release(&mut self, sequence: Sequence, outcome: &mut Outcome) {
        let holder = self
            .transactions
            .remove(&sequence)
            .expect("only a known transaction is released");
        for intent in &holder.intents {
            let lock = self
                .locks
                .get_mut(&intent.key)
                .expect("an asked-for key has its lock");
            lock.waiters.remove(&sequence);
            lock.holders.retain(|&mut (held, _)| held != sequence);
        }
        for intent in &holder.intents {
            self.settle(intent.key, outcome);
            if self
                .locks
                .get(&intent.key)
                .is_some_and(|lock| lock.holders.is_empty() && lock.waiters.is_empty())
            {
                self.locks.remove(&intent.key);
            }
        }
    }

    /// The coordinator gave way: the transaction waits again for everything it held, in its old
    /// place.
    pub fn yield_back(&mut self, sequence: Sequence, outcome: &mut Outcome) {
        let holder = self
            .transactions
            .get_mut(&sequence)
            .expect("only a known transaction gives way");
        assert!(
            holder.revoking && holder.missing == 0,
            "only a granted transaction that was asked gives way"
        );
        holder.revoking = false;
        holder.missing = holder.intents.len();
        let intents = holder.intents.clone();
        for intent in &intents {
            self.put_back(intent.key, sequence, intent.mode);
        }
        for intent in &intents {
            self.settle(intent.key, outcome);
        }
    }

    fn put_back(&mut self, key: u64, sequence: Sequence, mode: Mode) {
        let lock = self.locks.get_mut(&key).expect("a held key has its lock");
        lock.holders.retain(|&mut (held, _)| held != sequence);
        lock.waiters.insert(sequence, mode);
    }

    /// Younger holders in the way of `sequence` give up the key, or are asked to.
    fn wound(&mut self, key: u64, sequence: Sequence, mode: Mode, outcome: &mut Outcome) {
        let Some(lock) = self.locks.get(&key) else {
            return;
        };
        let younger: Vec<(Sequence, Mode)> = lock
            .holders
            .iter()
            .copied()
            .filter(|&(held, with)| held > sequence && !with.fits(mode))
            .collect();
        for (held, with) in younger {
            let holder = self
                .transactions
                .get_mut(&held)
                .expect("a holder is a known transaction");
            if holder.missing > 0 {
                holder.missing += 1;
                self.put_back(key, held, with);
            } else if !holder.revoking {
                holder.revoking = true;
                outcome.revoke.push(held);
            }
        }
    }

    /// Gives the key to waiters, oldest first, as long as they fit with the holders and with older
    /// waiters.
    fn settle(&mut self, key: u64, outcome: &mut Outcome) {
        let Some(lock) = self.locks.get_mut(&key) else {
            return;
        };
        // The modes that others have or come first with, each once, however many have it.
        let mut before: SmallVec<[Mode; 4]> = SmallVec::new();
        for &(_, held) in &lock.holders {
            if !before.contains(&held) {
                before.push(held);
            }
        }
        // Nothing fits beside such a holder, however many wait for it.
        if before.contains(&Mode::Exclusive) {
            return;
        }
        let mut taken = Vec::new();
        for (&sequence, &mode) in &lock.waiters {
            let fits = before.iter().all(|other| other.fits(mode));
            if !before.contains(&mode) {
                before.push(mode);
            }
            if fits {
                lock.holders.push((sequence, mode));
                taken.push(sequence);
            } else if mode == Mode::Exclusive {
                break;
            }
        }
        for sequence in &taken {
            lock.waiters.remove(sequence);
        }
        for sequence in taken {
            let holder = self
                .transactions
                .get_mut(&sequence)
                .expect("a waiter is a known transaction");
            holder.missing -= 1;
            if holder.missing == 0 {
                outcome.granted.push(sequence);
            }
        }
    }
}

#[cfg(test)]
#[path = "locks_tests.rs"]
mod tests;
