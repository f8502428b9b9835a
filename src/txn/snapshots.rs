//! Reading keys of several shards at one instant, without locks where that is possible.
//!
//! Each owner answers with its part and two times: when the tick began in which it read, and by
//! when the last write of what it read was over (`store::Stamps`). If every write was over before
//! the earliest of those ticks began, nothing that was read changed between that instant and the
//! readings: the parts belong together, and the command takes effect then or at any later moment up
//! to its reply. All shards' clocks are the same monotonic clock. Each shard owns one; it reads and
//! sends nothing.

use std::collections::HashMap;

use foldhash::fast::FixedState;

use super::merge::ReplyPart;
use crate::cmd::Merge;
use crate::limits::{
    CONTENDED_PLACES, CONTENDED_US, SNAPSHOT_BYTES_KEPT, SNAPSHOTS_KEPT, STAMPS_IDLE_US,
};
use crate::resp::Args;
use crate::route::{Batch, ClientRef, Head, PartTimes, ShardId};
use crate::store::Slot;

/// One owner's part.
#[derive(Debug)]
pub struct SnapshotPart {
    pub owner: ShardId,
    /// The slot of its first key.
    pub slot: Slot,
    /// Which of the command's keys.
    pub ordinals: Vec<usize>,
    times: Option<PartTimes>,
    reply: Vec<u8>,
}

/// A snapshot that is made ready, under way, or at its end. Its buffers are used again
/// (`Snapshots::recycle`), so a steady stream of them allocates nothing.
#[derive(Debug)]
pub struct Snapshot {
    pub client: ClientRef,
    /// The command, alone in its batch.
    command: Batch,
    pub merge: Merge,
    /// Those in use come first; behind them emptied ones, with their memory.
    parts: Vec<SnapshotPart>,
    used: usize,
    missing: usize,
}

/// What becomes of a snapshot whose parts have all come.
#[derive(Debug)]
pub enum Verdict {
    /// The parts belong together; keys found and not found.
    Whole { hits: u64, misses: u64 },
    /// They do not, because of these of the command's keys, as far as that is known.
    Torn(Vec<usize>),
}

impl Snapshot {
    /// A key belongs to this owner's part; the command's keys come in their order.
    pub fn add_key(&mut self, owner: ShardId, slot: Slot, ordinal: usize) {
        assert!(self.command.is_empty(), "keys are added before it begins");
        let known = self.parts().iter().position(|part| part.owner == owner);
        let at = known.unwrap_or(self.used);
        if known.is_none() {
            self.open_part(owner, slot);
        }
        self.parts[at].ordinals.push(ordinal);
    }

    /// One more part, in the memory of an emptied one where there is one.
    fn open_part(&mut self, owner: ShardId, slot: Slot) {
        match self.parts.get_mut(self.used) {
            Some(part) => {
                assert!(
                    part.ordinals.is_empty() && part.reply.is_empty() && part.times.is_none(),
                    "nothing is left in a part that is used again"
                );
                (part.owner, part.slot) = (owner, slot);
            }
            None => self.parts.push(SnapshotPart {
                owner,
                slot,
                ordinals: Vec::new(),
                times: None,
                reply: Vec::new(),
            }),
        }
        self.used += 1;
    }

    /// The command that reads so, by this client.
    pub fn carry(&mut self, client: ClientRef, head: Head, args: &Args<'_>, merge: Merge) {
        assert!(
            self.command.is_empty() && self.used > 0,
            "a snapshot has one command, which has keys"
        );
        self.command.push(head, args);
        (self.client, self.merge) = (client, merge);
        self.missing = self.used;
    }

    /// The command.
    #[must_use]
    pub fn command(&self) -> (Head, Args<'_>) {
        self.command.get(0)
    }

    /// Its parts, one for each owner.
    #[must_use]
    pub fn parts(&self) -> &[SnapshotPart] {
        &self.parts[..self.used]
    }

    /// What the owners have replied.
    pub fn replies(&self) -> impl Iterator<Item = ReplyPart<'_>> {
        self.parts().iter().map(|part| ReplyPart {
            ordinals: &part.ordinals,
            reply: &part.reply,
        })
    }

    /// An owner's part is read, or cannot be: `read` appends the reply for these of the command's
    /// keys.
    pub fn read_part(
        &mut self,
        owner: ShardId,
        read: impl FnOnce(&[usize], &mut Vec<u8>) -> PartTimes,
    ) {
        let mut parts = self.parts[..self.used].iter_mut();
        let part = parts.find(|part| part.owner == owner);
        let part = part.expect("a part comes from its owner");
        assert!(part.times.is_none(), "a part comes once");
        part.times = Some(read(&part.ordinals, &mut part.reply));
        self.missing -= 1;
    }

    /// Forgets everything but its memory.
    fn clear(&mut self) {
        self.command.clear();
        for part in &mut self.parts[..self.used] {
            part.ordinals.clear();
            part.reply.clear();
            part.times = None;
        }
        (self.used, self.missing) = (0, 0);
    }

    fn kept_bytes(&self) -> usize {
        let parts = self.parts.iter();
        let parts = parts.map(|part| {
            size_of::<SnapshotPart>()
                + part.ordinals.capacity() * size_of::<usize>()
                + part.reply.capacity()
        });
        self.command.capacity_bytes() + parts.sum::<usize>()
    }

    /// Whether the parts were true together.
    #[must_use]
    pub fn judge(&self) -> Verdict {
        assert!(self.missing == 0, "every part has come");
        let times = |part: &SnapshotPart| part.times.expect("every part has come");
        let parts = self.parts();
        let reads = parts.iter().map(|part| times(part).read_us);
        let read_us = reads.min().expect("a command has keys");
        // Strictly, because both times are cut to microseconds.
        let late = |part: &&SnapshotPart| times(part).written_us >= read_us;
        if parts.iter().any(|part| late(&part)) {
            let late = parts.iter().filter(late);
            let latest = late.filter_map(|part| {
                let nth = (times(part).latest as usize).checked_sub(1)?;
                Some(part.ordinals[nth])
            });
            return Verdict::Torn(latest.collect());
        }
        Verdict::Whole {
            hits: parts.iter().map(|part| times(part).hits).sum(),
            misses: parts.iter().map(|part| times(part).misses).sum(),
        }
    }
}

/// The snapshots that this shard's clients read, and what is known of keys for which that is in
/// vain.
#[derive(Debug, Default)]
pub struct Snapshots {
    under_way: HashMap<u64, Snapshot, FixedState>,
    /// Snapshots that are over, with their memory.
    spare: Vec<Snapshot>,
    drawn: u64,
    /// When somebody last read by this shard's stamps, monotonic microseconds.
    used_us: u64,
    contended: Contended,
}

impl Snapshots {
    /// How many are under way.
    #[must_use]
    pub fn len(&self) -> usize {
        self.under_way.len()
    }

    /// True when none is under way.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.under_way.is_empty()
    }

    /// A snapshot without keys, in the memory of one that is over.
    #[must_use]
    pub fn prepare(&mut self) -> Snapshot {
        self.spare.pop().unwrap_or_else(|| Snapshot {
            client: ClientRef { token: 0, id: 0 },
            command: Batch::default(),
            merge: Merge::Ok,
            parts: Vec::new(),
            used: 0,
            missing: 0,
        })
    }

    /// Keeps the memory of a snapshot that is over, unless that is much.
    pub fn recycle(&mut self, mut snapshot: Snapshot) {
        if self.spare.len() < SNAPSHOTS_KEPT && snapshot.kept_bytes() <= SNAPSHOT_BYTES_KEPT {
            snapshot.clear();
            self.spare.push(snapshot);
        }
    }

    /// A number for the next snapshot.
    #[must_use]
    pub fn draw(&mut self) -> u64 {
        self.drawn += 1;
        self.drawn
    }

    /// A snapshot is under way, by this number.
    pub fn begin(&mut self, number: u64, snapshot: Snapshot) {
        assert!(number <= self.drawn, "a number is drawn before it is used");
        let known = self.under_way.insert(number, snapshot);
        assert!(known.is_none(), "a number is used once");
    }

    /// A part has been read, or could not be. The snapshot, when it was the last.
    #[must_use]
    pub fn part_home(
        &mut self,
        from: ShardId,
        number: u64,
        times: PartTimes,
        reply: &[u8],
    ) -> Option<Snapshot> {
        let snapshot = self.under_way.get_mut(&number);
        let snapshot = snapshot.expect("a part belongs to a snapshot under way");
        snapshot.read_part(from, |_, part| {
            part.extend_from_slice(reply);
            times
        });
        match snapshot.missing {
            0 => self.under_way.remove(&number),
            _ => None,
        }
    }

    /// This key was written while it was read.
    pub fn contend(&mut self, key: u64, now_us: u64) {
        self.contended.remember(key, now_us);
    }

    /// True when one of these keys is for a while rather read with locks.
    #[must_use]
    pub fn is_contended(&self, now_us: u64, keys: impl Iterator<Item = u64>) -> bool {
        self.contended.any(now_us, keys)
    }

    /// Somebody reads by this shard's stamps.
    pub fn use_stamps(&mut self, now_us: u64) {
        self.used_us = now_us;
    }

    /// True when nobody has read by them for long.
    #[must_use]
    pub fn are_stamps_idle(&self, now_us: u64) -> bool {
        now_us.saturating_sub(self.used_us) > STAMPS_IDLE_US
    }
}

/// Keys that were written while they were read: until when they are rather read with locks,
/// monotonic microseconds, by hash. Keys share places, so some other key may be read with locks for
/// nothing.
#[derive(Debug, Default)]
struct Contended {
    /// Empty until there is one.
    until_us: Vec<u64>,
    last_us: u64,
}

impl Contended {
    fn remember(&mut self, key: u64, now_us: u64) {
        self.until_us.resize(CONTENDED_PLACES, 0);
        self.last_us = now_us + CONTENDED_US;
        self.until_us[key as usize % CONTENDED_PLACES] = self.last_us;
    }

    fn any(&self, now_us: u64, mut keys: impl Iterator<Item = u64>) -> bool {
        now_us < self.last_us
            && keys.any(|key| now_us < self.until_us[key as usize % CONTENDED_PLACES])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resp::Protocol;
    use crate::store::Db;

    fn read(written_us: u64, read_us: u64, latest: u32) -> PartTimes {
        PartTimes {
            written_us,
            read_us,
            latest,
            hits: 1,
            misses: 2,
        }
    }

    const FIRST: ShardId = ShardId::new(4);
    const SECOND: ShardId = ShardId::new(7);

    /// A snapshot of three keys on two shards whose parts have these times.
    fn read_all(snapshots: &mut Snapshots, first: PartTimes, second: PartTimes) -> Snapshot {
        let head = Head::new(0, Db::FIRST, Protocol::Resp2, false);
        let mut snapshot = snapshots.prepare();
        for (ordinal, owner) in [FIRST, SECOND, FIRST].into_iter().enumerate() {
            snapshot.add_key(owner, Slot::new(ordinal as u16), ordinal);
        }
        let client = ClientRef { token: 1, id: 1 };
        snapshot.carry(client, head, &Args::new(&[], &[]), Merge::ByKey);
        let number = snapshots.draw();
        snapshots.begin(number, snapshot);
        assert!(snapshots.part_home(SECOND, number, second, b"b").is_none());
        let snapshot = snapshots.part_home(FIRST, number, first, b"a");
        assert!(snapshots.is_empty());
        snapshot.expect("both have come")
    }

    fn judged(first: PartTimes, second: PartTimes) -> Verdict {
        read_all(&mut Snapshots::default(), first, second).judge()
    }

    #[test]
    fn the_memory_of_a_snapshot_is_used_again_and_nothing_else_of_it() {
        let mut snapshots = Snapshots::default();
        let mut memory = None;
        for round in 0..3 {
            let snapshot = read_all(&mut snapshots, read(9, 10, 1), read(3, 20, 1));
            let replies: Vec<_> = snapshot
                .replies()
                .map(|part| (part.ordinals.to_vec(), part.reply.to_vec()))
                .collect();
            assert_eq!(
                replies,
                [(vec![0, 2], b"a".to_vec()), (vec![1], b"b".to_vec())]
            );
            let at = snapshot.parts().as_ptr();
            assert_eq!(*memory.get_or_insert(at), at, "round {round}");
            snapshots.recycle(snapshot);
        }
        let mut large = snapshots.prepare();
        large.add_key(FIRST, Slot::FIRST, 0);
        large.parts[0].reply.reserve(SNAPSHOT_BYTES_KEPT);
        snapshots.recycle(large);
        assert!(snapshots.spare.is_empty(), "much memory is not kept");
    }

    #[test]
    fn parts_belong_together_when_all_writes_were_over_before_the_first_reading() {
        let Verdict::Whole { hits, misses } = judged(read(9, 10, 1), read(3, 20, 1)) else {
            panic!("nothing was written between the readings")
        };
        assert_eq!((hits, misses), (2, 4));
    }

    #[test]
    fn a_write_at_or_behind_the_first_reading_tears_it() {
        let torn = |first, second| match judged(first, second) {
            Verdict::Torn(keys) => keys,
            Verdict::Whole { .. } => panic!("something was written between the readings"),
        };
        assert_eq!(torn(read(10, 10, 2), read(3, 20, 1)), [2]);
        assert_eq!(torn(read(1, 10, 1), read(15, 20, 1)), [1]);
        assert_eq!(torn(PartTimes::unread(0), read(1, 20, 1)), [0; 0]);
    }

    #[test]
    fn a_contended_key_is_remembered_for_a_while() {
        let mut snapshots = Snapshots::default();
        snapshots.contend(5, 100);
        assert!(snapshots.is_contended(101, [4, 5].into_iter()));
        assert!(!snapshots.is_contended(101, [4].into_iter()));
        assert!(!snapshots.is_contended(100 + CONTENDED_US, [5].into_iter()));
    }
}
