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
use crate::limits::{CONTENDED_PLACES, CONTENDED_US, STAMPS_IDLE_US};
use crate::route::{Carried, ClientRef, PartTimes, ShardId};

/// One owner's part.
#[derive(Debug)]
pub struct SnapshotPart {
    pub owner: ShardId,
    /// Which of the command's keys.
    pub ordinals: Vec<usize>,
    times: Option<PartTimes>,
    reply: Vec<u8>,
}

impl SnapshotPart {
    /// A part that has not been read.
    #[must_use]
    pub fn new(owner: ShardId, ordinals: Vec<usize>) -> Self {
        Self {
            owner,
            ordinals,
            times: None,
            reply: Vec::new(),
        }
    }
}

/// A snapshot under way, then its end.
#[derive(Debug)]
pub struct Snapshot {
    pub client: ClientRef,
    pub command: Carried,
    pub merge: Merge,
    parts: Vec<SnapshotPart>,
    missing: usize,
}

/// What becomes of a snapshot whose parts have all come.
#[derive(Debug)]
pub enum Verdict {
    /// The parts belong together; keys found and not found.
    Whole {
        parts: Vec<ReplyPart>,
        hits: u64,
        misses: u64,
    },
    /// They do not, because of these of the command's keys, as far as that is known.
    Torn(Vec<usize>),
}

impl Snapshot {
    /// One of whose parts none has come.
    #[must_use]
    pub fn new(
        client: ClientRef,
        command: Carried,
        merge: Merge,
        parts: Vec<SnapshotPart>,
    ) -> Self {
        assert!(!parts.is_empty(), "a command has keys");
        Self {
            client,
            command,
            merge,
            missing: parts.len(),
            parts,
        }
    }

    /// Whether the parts were true together.
    #[must_use]
    pub fn judge(&mut self) -> Verdict {
        assert!(self.missing == 0, "every part has come");
        let times = |part: &SnapshotPart| part.times.expect("every part has come");
        let reads = self.parts.iter().map(|part| times(part).read_us);
        let read_us = reads.min().expect("a command has keys");
        // Strictly, because both times are cut to microseconds.
        let late = |part: &&SnapshotPart| times(part).written_us >= read_us;
        if self.parts.iter().any(|part| late(&part)) {
            let late = self.parts.iter().filter(late);
            let latest = late.filter_map(|part| {
                let nth = (times(part).latest as usize).checked_sub(1)?;
                Some(part.ordinals[nth])
            });
            return Verdict::Torn(latest.collect());
        }
        let hits = self.parts.iter().map(|part| times(part).hits).sum();
        let misses = self.parts.iter().map(|part| times(part).misses).sum();
        let parts = std::mem::take(&mut self.parts).into_iter();
        Verdict::Whole {
            parts: parts.map(|part| (part.ordinals, part.reply)).collect(),
            hits,
            misses,
        }
    }
}

/// The snapshots that this shard's clients read, and what is known of keys for which that is in
/// vain.
#[derive(Debug, Default)]
pub struct Snapshots {
    under_way: HashMap<u64, Snapshot, FixedState>,
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
        let mut parts = snapshot.parts.iter_mut();
        let part = parts.find(|part| part.owner == from);
        let part = part.expect("a part comes from its owner");
        assert!(part.times.is_none(), "a part comes once");
        part.times = Some(times);
        part.reply.extend_from_slice(reply);
        snapshot.missing -= 1;
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
    use crate::resp::{Args, Protocol};
    use crate::route::Head;
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

    /// A snapshot of three keys on two shards whose parts have these times.
    fn judged(first: PartTimes, second: PartTimes) -> Verdict {
        let mut snapshots = Snapshots::default();
        let head = Head::new(0, Db::FIRST, Protocol::Resp2, false);
        let command = Carried::new(head, &Args::new(&[], &[]));
        let parts = vec![
            SnapshotPart::new(ShardId::new(4), vec![0, 2]),
            SnapshotPart::new(ShardId::new(7), vec![1]),
        ];
        let client = ClientRef { token: 1, id: 1 };
        let number = snapshots.draw();
        snapshots.begin(number, Snapshot::new(client, command, Merge::ByKey, parts));
        assert!(
            snapshots
                .part_home(ShardId::new(7), number, second, b"b")
                .is_none()
        );
        let snapshot = snapshots.part_home(ShardId::new(4), number, first, b"a");
        assert!(snapshots.is_empty());
        snapshot.expect("both have come").judge()
    }

    #[test]
    fn parts_belong_together_when_all_writes_were_over_before_the_first_reading() {
        let Verdict::Whole {
            parts,
            hits,
            misses,
        } = judged(read(9, 10, 1), read(3, 20, 1))
        else {
            panic!("nothing was written between the readings")
        };
        assert_eq!(
            parts,
            [(vec![0, 2], b"a".to_vec()), (vec![1], b"b".to_vec())]
        );
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
