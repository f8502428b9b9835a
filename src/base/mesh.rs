//! The mesh: how shards hand each other messages without sharing anything else.
//!
//! One bounded channel per ordered pair of shards, so each has one producer and one consumer; a
//! doorbell bitmap per receiver, so that an idle channel costs nothing; a sleeping flag, so that
//! only a sleeping shard is woken. A full channel refuses: nothing is dropped and nothing grows.
//! Each `Endpoint` belongs to one shard's thread.

// Why nothing is lost.
//
// **No message is slept through.** A sender pushes, rings the bell (S1) and then reads the sleeping
// flag (S2). A receiver that wants to sleep sets the flag (R1) and then reads the bells (R2). All
// four are sequentially consistent, so they have one total order. If R2 misses the bell, S1 comes
// after R2 and so S2 after R1: the sender sees the flag and wakes. If S2 misses the flag, S2 comes
// before R1 and so S1 before R2: the receiver sees the bell and does not sleep. A wake that arrives
// before the sleep has begun ends it at once, because wakes are remembered by the ring or the
// eventfd.
//
// **No bell is lost.** The receiver takes the bells first and empties the channels afterwards, so a
// push that it does not see rings after the bells were taken, and the next `drain` finds it.
//
// **No refusal is forgotten.** A refused sender marks itself blocked (B1) and tries once more (B2).
// The receiver takes messages (T1) and then reads the blocked marks (T2), with a full fence
// between. Either B2 finds the room that T1 made or T2 finds the mark; then the sender's own bell
// is rung.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};

use crossbeam_channel::{Receiver, Sender, bounded};

use super::ShardId;
use crate::limits::{MESH_CHANNEL_MESSAGES, SHARDS_MAX};

const WORDS: usize = SHARDS_MAX / 64;

/// A set of shards, one bit each.
type Shards = [u64; WORDS];

/// What other shards write about one shard; alone on its cache lines (two, for the adjacent-line
/// prefetcher).
#[repr(align(128))]
struct Bell {
    /// Bit s: shard s has pushed something, or has room again for this shard.
    rung: [AtomicU64; WORDS],
    /// Bit s: shard s was refused and waits for room.
    blocked: [AtomicU64; WORDS],
    sleeping: AtomicBool,
}

impl Bell {
    fn new() -> Self {
        Bell {
            rung: [const { AtomicU64::new(0) }; WORDS],
            blocked: [const { AtomicU64::new(0) }; WORDS],
            sleeping: AtomicBool::new(false),
        }
    }
}

fn mark(words: &[AtomicU64; WORDS], shard: ShardId) {
    let shard = shard.index();
    words[shard / 64].fetch_or(1 << (shard % 64), Ordering::SeqCst);
}

/// Clears the mark and says whether it was there.
fn unmark(words: &[AtomicU64; WORDS], shard: ShardId) -> bool {
    let shard = shard.index();
    let (word, bit) = (&words[shard / 64], 1 << (shard % 64));
    // The common case, nobody is blocked, costs one load.
    word.load(Ordering::SeqCst) & bit != 0 && word.fetch_and(!bit, Ordering::SeqCst) & bit != 0
}

/// Makes the endpoints of `shards` shards, in order.
#[must_use]
pub fn mesh<M>(shards: usize) -> Vec<Endpoint<M>> {
    assert!(
        shards > 0 && shards <= SHARDS_MAX,
        "limits.rs bounds the shards"
    );
    let bells: Arc<[Bell]> = (0..shards).map(|_| Bell::new()).collect();
    let mut endpoints: Vec<Endpoint<M>> = ShardId::all(shards)
        .map(|shard| Endpoint {
            shard,
            outgoing: Vec::with_capacity(shards),
            incoming: Vec::with_capacity(shards),
            bells: Arc::clone(&bells),
            pending: [0; WORDS],
            rung: [0; WORDS],
            first: 0,
        })
        .collect();
    for from in 0..shards {
        for to in 0..shards {
            let (sender, receiver) = if from == to {
                (None, None)
            } else {
                let (sender, receiver) = bounded(MESH_CHANNEL_MESSAGES);
                (Some(sender), Some(receiver))
            };
            endpoints[from].outgoing.push(sender);
            endpoints[to].incoming.push(receiver);
        }
    }
    endpoints
}

/// One shard's side of the mesh.
pub struct Endpoint<M> {
    shard: ShardId,
    outgoing: Vec<Option<Sender<M>>>,
    incoming: Vec<Option<Receiver<M>>>,
    bells: Arc<[Bell]>,
    /// Senders whose bell was taken and whose channel is not known to be empty.
    pending: Shards,
    /// Shards whose bell we rang since the last `flush_wakes`.
    rung: Shards,
    /// Where the next `drain` begins.
    first: usize,
}

impl<M> Endpoint<M> {
    /// Shards in the mesh.
    #[must_use]
    pub fn shards(&self) -> usize {
        self.bells.len()
    }

    /// Hands a message to another shard and rings its bell; `flush_wakes` wakes it if it sleeps.
    ///
    /// # Errors
    /// The message comes back when the channel is full. This shard's bell is rung once there is
    /// room, so it may sleep meanwhile.
    pub fn try_send(&mut self, to: ShardId, message: M) -> Result<(), M> {
        assert!(to != self.shard, "a shard does not write to itself");
        let sender = self.outgoing[to.index()]
            .as_ref()
            .expect("every pair has a channel");
        let refused = match sender.try_send(message) {
            Ok(()) => None,
            Err(refusal) => {
                mark(&self.bells[to.index()].blocked, self.shard);
                sender.try_send(refusal.into_inner()).err()
            }
        };
        if let Some(refusal) = refused {
            return Err(refusal.into_inner());
        }
        self.ring(to);
        Ok(())
    }

    fn ring(&mut self, to: ShardId) {
        let to = to.index();
        mark(&self.bells[to].rung, self.shard);
        self.rung[to / 64] |= 1 << (to % 64);
    }

    /// Whether a shard whose bell was rung sleeps; if so the caller owes it a wake, and nobody else
    /// does.
    #[must_use]
    fn needs_wake(&self, to: ShardId) -> bool {
        let sleeping = &self.bells[to.index()].sleeping;
        sleeping.load(Ordering::SeqCst) && sleeping.swap(false, Ordering::SeqCst)
    }

    /// Calls `wake` for each shard whose bell was rung since the last call and that sleeps. Must be
    /// called before this shard sleeps, after its last `try_send` and `drain`.
    pub fn flush_wakes(&mut self, mut wake: impl FnMut(ShardId)) {
        for word in 0..WORDS {
            let mut bits = std::mem::take(&mut self.rung[word]);
            while bits != 0 {
                let to = ShardId::at(word * 64 + bits.trailing_zeros() as usize);
                bits &= bits - 1;
                if self.needs_wake(to) {
                    wake(to);
                }
            }
        }
    }

    /// Passes at most `budget` messages to `take`, with the number of the shard each comes from,
    /// and returns how many. Goes round the senders from where the last call stopped, at most one
    /// channel's capacity from each.
    pub fn drain(&mut self, budget: usize, mut take: impl FnMut(ShardId, M)) -> usize {
        self.take_bells();
        let shards = self.shards();
        let mut left = budget;
        let start = self.first;
        let mut from = start;
        // Two passes over the bitmap: from the start to the end, and from 0 to the start.
        for (begin, end) in [(start, shards), (0, start)] {
            from = begin;
            while let Some(next) = next_set(&self.pending, from, end) {
                if left == 0 {
                    self.first = next;
                    return budget;
                }
                left -= self.drain_one(ShardId::at(next), left, &mut take);
                from = next + 1;
            }
        }
        self.first = if from < shards { from } else { 0 };
        budget - left
    }

    fn take_bells(&mut self) {
        let bell = &self.bells[self.shard.index()];
        for (pending, rung) in self.pending.iter_mut().zip(&bell.rung) {
            if rung.load(Ordering::Relaxed) != 0 {
                *pending |= rung.swap(0, Ordering::SeqCst);
            }
        }
    }

    fn drain_one(
        &mut self,
        from: ShardId,
        budget: usize,
        take: &mut impl FnMut(ShardId, M),
    ) -> usize {
        let mut taken = 0;
        let limit = budget.min(MESH_CHANNEL_MESSAGES);
        if let Some(channel) = &self.incoming[from.index()] {
            let mut empty = false;
            while taken < limit && !empty {
                match channel.try_recv() {
                    Ok(message) => {
                        take(from, message);
                        taken += 1;
                    }
                    Err(_) => empty = true,
                }
            }
            if empty {
                let from = from.index();
                self.pending[from / 64] &= !(1 << (from % 64));
            }
        }
        if taken > 0 {
            fence(Ordering::SeqCst);
            if unmark(&self.bells[self.shard.index()].blocked, from) {
                self.ring(from);
            }
        }
        taken
    }

    /// Whether messages may be waiting; they are not lost when this is ignored.
    #[must_use]
    pub fn has_mail(&self) -> bool {
        let bell = &self.bells[self.shard.index()];
        self.pending.iter().any(|&word| word != 0)
            || bell
                .rung
                .iter()
                .any(|word| word.load(Ordering::SeqCst) != 0)
    }

    /// Announces a sleep. False: there is mail, do not sleep. True: sleep, and call `awake`
    /// afterwards.
    #[must_use]
    pub fn prepare_sleep(&mut self) -> bool {
        assert!(
            self.rung.iter().all(|&word| word == 0),
            "flush_wakes comes before a sleep"
        );
        let sleeping = &self.bells[self.shard.index()].sleeping;
        sleeping.store(true, Ordering::SeqCst);
        if self.has_mail() {
            sleeping.store(false, Ordering::SeqCst);
            return false;
        }
        true
    }

    /// Ends a sleep that `prepare_sleep` announced.
    pub fn awake(&mut self) {
        // A sender that has already cleared the flag sends a wake that finds nobody asleep:
        // harmless.
        self.bells[self.shard.index()]
            .sleeping
            .store(false, Ordering::SeqCst);
    }
}

/// The first shard in `begin..end` whose bit is set.
fn next_set(set: &Shards, begin: usize, end: usize) -> Option<usize> {
    let mut position = begin;
    while position < end {
        let bits = set[position / 64] >> (position % 64);
        if bits != 0 {
            let found = position + bits.trailing_zeros() as usize;
            return (found < end).then_some(found);
        }
        position = (position / 64 + 1) * 64;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Condvar, Mutex};
    use std::time::Duration;

    #[test]
    fn messages_arrive_in_order_with_their_sender() {
        let mut endpoints = mesh::<u32>(3);
        for value in 0..5 {
            endpoints[0].try_send(ShardId::new(2), value).unwrap();
            endpoints[1].try_send(ShardId::new(2), 100 + value).unwrap();
        }
        let mut got = Vec::new();
        assert!(endpoints[2].has_mail());
        assert_eq!(
            endpoints[2].drain(100, |from, value| got.push((from, value))),
            10
        );
        let from = |shard| {
            let shard = ShardId::new(shard);
            got.iter()
                .filter(move |(f, _)| *f == shard)
                .map(|(_, v)| *v)
        };
        assert!(from(0).eq(0..5));
        assert!(from(1).eq(100..105));
        assert!(!endpoints[2].has_mail());
    }

    #[test]
    fn a_full_channel_refuses_and_reports_room() {
        let mut endpoints = mesh::<usize>(2);
        for value in 0..MESH_CHANNEL_MESSAGES {
            endpoints[0].try_send(ShardId::new(1), value).unwrap();
        }
        assert_eq!(endpoints[0].try_send(ShardId::new(1), 999), Err(999));
        endpoints[0].flush_wakes(|_| panic!("nobody sleeps"));
        assert!(endpoints[0].prepare_sleep());
        assert_eq!(endpoints[1].drain(1, |_, value| assert_eq!(value, 0)), 1);
        let mut woken = Vec::new();
        endpoints[1].flush_wakes(|to| woken.push(to));
        assert_eq!(
            woken,
            [ShardId::FIRST],
            "the refused sender is woken when there is room"
        );
        endpoints[0].awake();
        assert!(endpoints[0].has_mail());
        assert_eq!(endpoints[0].drain(10, |_, _| panic!("only a bell")), 0);
        endpoints[0].try_send(ShardId::new(1), 999).unwrap();
    }

    #[test]
    fn nobody_starves_behind_a_busy_sender() {
        let mut endpoints = mesh::<u8>(130);
        let mut seen = [0; 130];
        let mut order = Vec::new();
        for _ in 0..6 {
            for from in [0, 1, 64, 128] {
                let _ = endpoints[from].try_send(ShardId::new(129), 0);
            }
        }
        for _ in 0..12 {
            // Sender 0 refills for ever; a budget of 2 must still reach the others.
            while endpoints[0].try_send(ShardId::new(129), 0).is_ok() {}
            endpoints[129].drain(2, |from, _| {
                seen[from.index()] += 1;
                order.push(from);
            });
        }
        for from in [1, 64, 128] {
            assert!(seen[from] > 0, "sender {from} starved: {order:?}");
        }
    }

    #[test]
    fn sleep_is_refused_while_there_is_mail() {
        let mut endpoints = mesh::<u8>(2);
        endpoints[0].try_send(ShardId::new(1), 1).unwrap();
        assert!(!endpoints[1].prepare_sleep());
        assert!(!endpoints[0].needs_wake(ShardId::new(1)));
        endpoints[1].drain(1, |_, _| {});
        // The budget ended exactly at the last message: the channel may have more for all we know.
        endpoints[1].drain(1, |_, _| {});
        assert!(endpoints[1].prepare_sleep());
        endpoints[0].try_send(ShardId::new(1), 2).unwrap();
        assert!(endpoints[0].needs_wake(ShardId::new(1)));
        assert!(
            !endpoints[0].needs_wake(ShardId::new(1)),
            "one wake is enough"
        );
    }

    /// A sleep that only a wake ends, as a ring or an eventfd would: wakes are remembered.
    #[derive(Default)]
    struct Bed {
        woken: Mutex<bool>,
        changed: Condvar,
    }

    impl Bed {
        fn wake(&self) {
            *self.woken.lock().unwrap() = true;
            self.changed.notify_one();
        }

        fn sleep(&self) {
            let woken = self.woken.lock().unwrap();
            let limit = Duration::from_secs(20);
            let (mut woken, timeout) = self
                .changed
                .wait_timeout_while(woken, limit, |woken| !*woken)
                .unwrap();
            assert!(!timeout.timed_out(), "a wake was lost");
            *woken = false;
        }
    }

    /// Four shards pass tokens round and round; every one sleeps whenever it has nothing to do.
    #[test]
    fn no_wake_is_lost_under_stress() {
        const SHARDS: usize = 4;
        const TOKENS: u64 = 300;
        const HOPS: u64 = 1000;
        let beds: Vec<Bed> = (0..SHARDS).map(|_| Bed::default()).collect();
        let finished = AtomicU64::new(0);
        std::thread::scope(|scope| {
            for mut endpoint in mesh::<u64>(SHARDS) {
                let (beds, finished) = (&beds, &finished);
                scope.spawn(move || {
                    let shard = endpoint.shard;
                    let mut backlog: Vec<u64> = if shard == ShardId::FIRST {
                        vec![HOPS; TOKENS as usize]
                    } else {
                        vec![]
                    };
                    while finished.load(Ordering::SeqCst) < TOKENS {
                        endpoint.drain(10, |_, hops| backlog.push(hops));
                        let mut blocked = false;
                        while let Some(hops) = backlog.pop() {
                            if hops == 0 {
                                finished.fetch_add(1, Ordering::SeqCst);
                                continue;
                            }
                            // 300 tokens and 64 places: channels do fill up.
                            let further = 1 + usize::from(hops % 7 == 0);
                            let to = ShardId::at((shard.index() + further) % SHARDS);
                            if let Err(hops) = endpoint.try_send(to, hops - 1) {
                                backlog.push(hops + 1);
                                blocked = true;
                                break;
                            }
                        }
                        endpoint.flush_wakes(|to| beds[to.index()].wake());
                        let idle = backlog.is_empty() || blocked;
                        if idle
                            && finished.load(Ordering::SeqCst) < TOKENS
                            && endpoint.prepare_sleep()
                        {
                            beds[shard.index()].sleep();
                            endpoint.awake();
                        }
                    }
                    beds.iter().for_each(Bed::wake);
                });
            }
        });
        assert_eq!(finished.load(Ordering::SeqCst), TOKENS);
    }
}
