//! Reading keys of several shards at one instant, without locks where that is possible.
//!
//! MGET and its like go to the owners as plain commands. Each owner answers with its part and two
//! times: when the tick began in which it read, and by when the last write of what it read was over
//! (`store::Stamps`). If every write was over before the earliest of those ticks began, nothing
//! that was read changed between that instant and the readings: the parts belong together, and the
//! command takes effect then or at any later moment up to its reply. If not, or if a key was
//! locked, the command starts over with locks (`split`), and its keys are for a while read so at
//! once. All shards' clocks are the same monotonic clock. Only for commands whose keys are all of
//! their arguments.

use std::collections::HashMap;

use super::Core;
use super::input::Flow;
use super::merge::merge;
use crate::base::Token;
use crate::cmd::Merge;
use crate::conn::State;
use crate::limits::{CONTENDED_PLACES, CONTENDED_US, PARCEL_BYTES_MAX, STAMPS_IDLE_US};
use crate::resp::Args;
use crate::route::{Carried, Head, Mode, PartTimes, RemoteCommand, ReplyTo, WHOLE};

/// The place of a reply that is a part of a snapshot; the client of such a `ReplyTo` is the
/// snapshot's number.
pub const PART: u32 = u32::MAX - 1;

/// One owner's part.
#[derive(Debug)]
struct SnapshotPart {
    owner: usize,
    /// Which of the command's keys.
    ordinals: Vec<usize>,
    times: PartTimes,
    reply: Vec<u8>,
}

/// A snapshot under way.
#[derive(Debug)]
struct Snapshot {
    token: Token,
    client: u64,
    command: Carried,
    merge: Merge,
    parts: Vec<SnapshotPart>,
    missing: usize,
}

/// The snapshots that this shard's clients read, and what is known of keys for which that is in
/// vain.
#[derive(Debug, Default)]
pub struct Snapshots {
    under_way: HashMap<u64, Snapshot, foldhash::fast::FixedState>,
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

impl Core {
    /// A reading command that divides by key; `positions` holds where the keys stand.
    pub fn begin_snapshot(&mut self, token: Token, row: u16, args: &Args<'_>, how: Merge) -> Flow {
        let db = self.client(token).session.db;
        let keys = args.from(1).map(|key| self.lock_key(db, key));
        let contended = self
            .transactions
            .snapshots
            .contended
            .any(self.now.monotonic_us, keys);
        // A part too long for a parcel travels by itself.
        if contended || args.bytes() >= PARCEL_BYTES_MAX {
            return self.begin_split(token, row, args, how);
        }
        let positions = std::mem::take(&mut self.parsing.positions);
        let parts = self.parts_by_owner(args, &positions);
        self.parsing.positions = positions;
        let here = self.id();
        let mut others = parts.iter().filter(|part| part.owner != here);
        let full = others.any(|part| self.mail.parcel(part.owner).is_none());
        let client = self.client(token);
        client.state = State::Waiting;
        let id = client.id;
        if full {
            self.ready.stall(token, id);
            return Flow::Retry;
        }
        let head = client.session.head(row);
        self.transactions.snapshots.drawn += 1;
        let number = self.transactions.snapshots.drawn;
        let mut own = None;
        for part in &parts {
            let keys = part.ordinals.iter().map(|ordinal| ordinal + 1);
            if part.owner == here {
                own = Some(Carried::part(head, args, std::iter::once(0).chain(keys)));
            } else {
                self.send_part(part.owner, number, head, args, keys);
            }
        }
        let snapshot = Snapshot {
            token,
            client: id,
            command: Carried::new(head, args),
            merge: how,
            missing: parts.len(),
            parts,
        };
        self.transactions
            .snapshots
            .under_way
            .insert(number, snapshot);
        if let Some(part) = own {
            let mut times = self.times_of(head.db, &part.args());
            let reply = match times.is_read() {
                true => self.run_unsettled(&part),
                false => Vec::new(),
            };
            self.settle_part(Some(&mut times));
            self.part_home(here, number, times, &reply);
        }
        Flow::Stop
    }

    /// The keys' ordinals by owner, in the order in which owners first appear.
    fn parts_by_owner(&self, args: &Args<'_>, positions: &[usize]) -> Vec<SnapshotPart> {
        let mut parts: Vec<SnapshotPart> = Vec::new();
        for (ordinal, &at) in positions.iter().enumerate() {
            assert!(at == ordinal + 1, "all arguments are keys");
            let owner = self.slots.owner(crate::cmd::key_slot(args.get(at)));
            match parts.iter_mut().find(|part| part.owner == owner) {
                Some(part) => part.ordinals.push(ordinal),
                None => parts.push(SnapshotPart {
                    owner,
                    ordinals: vec![ordinal],
                    times: PartTimes::ANY,
                    reply: Vec::new(),
                }),
            }
        }
        parts
    }

    /// Puts a part into this tick's parcel, which has room for one more.
    fn send_part(
        &mut self,
        owner: usize,
        number: u64,
        head: Head,
        args: &Args<'_>,
        keys: impl Iterator<Item = usize>,
    ) {
        let parcel = self.mail.parcel(owner).expect("its room has been seen");
        let (first_span, spans) = parcel.pack_some(args, std::iter::once(0).chain(keys));
        let key = Args::new(&parcel.bytes, &parcel.spans[first_span as usize..]).get(1);
        parcel.commands.push(RemoteCommand {
            to: ReplyTo {
                token: 0,
                client: number,
                place: PART,
            },
            head: head.with_key((crate::cmd::key_slot(key), 1)),
            first_span,
            spans,
            reply: None,
        });
        self.metrics.count().hops += 1;
    }

    /// The times of a part that is about to be read here; not when a key is locked, or has yet to
    /// be ended.
    pub fn times_of(&mut self, db: u16, args: &Args<'_>) -> PartTimes {
        self.transactions.snapshots.used_us = self.now.monotonic_us;
        if !self.effects.wants.stamps {
            self.effects.wants.stamps = true;
            self.effects.stamps.switch_on();
            return PartTimes::unread(0);
        }
        if self.transactions.locks.conflicts(WHOLE, Mode::SomeShared) {
            return PartTimes::unread(0);
        }
        let read_us = self.effects.stamps.read_us();
        let (mut written_us, mut latest) = (0, 0);
        for (at, key) in (1..).zip(args.from(1)) {
            let locked = self
                .transactions
                .locks
                .conflicts(self.lock_key(db, key), Mode::Shared);
            if locked || self.is_expired(db, key) {
                return PartTimes::unread(at);
            }
            let this_us = self.effects.stamps.written_us(self.keyspace.own.hash(key));
            if this_us > written_us {
                (written_us, latest) = (this_us, at);
            }
        }
        PartTimes {
            written_us,
            read_us,
            latest,
            ..PartTimes::ANY
        }
    }

    /// What a part has looked up goes home with it: a reading that is repeated is not counted.
    #[inline]
    pub(super) fn settle_part(&mut self, times: Option<&mut PartTimes>) {
        if let Some(times) = times {
            times.hits = std::mem::take(&mut self.effects.hits);
            times.misses = std::mem::take(&mut self.effects.misses);
        }
        self.settle_effects();
    }

    /// A part has been read, or could not be.
    pub fn part_home(&mut self, from: usize, number: u64, times: PartTimes, reply: &[u8]) {
        let snapshot = self
            .transactions
            .snapshots
            .under_way
            .get_mut(&number)
            .expect("a part belongs to a snapshot under way");
        let mut parts = snapshot.parts.iter_mut();
        let part = parts.find(|part| part.owner == from);
        let part = part.expect("a part comes from its owner");
        assert!(part.reply.is_empty(), "a part comes once");
        part.times = times;
        part.reply.extend_from_slice(reply);
        snapshot.missing -= 1;
        if snapshot.missing > 0 {
            return;
        }
        let snapshot = self.transactions.snapshots.under_way.remove(&number);
        let snapshot = snapshot.expect("it was just there");
        if self.clients.of(snapshot.token, snapshot.client).is_some() {
            self.end_snapshot(snapshot);
        }
    }

    /// All parts are there: they belong together, or the command starts over with locks.
    fn end_snapshot(&mut self, snapshot: Snapshot) {
        let reads = snapshot.parts.iter().map(|part| part.times.read_us);
        let read_us = reads.min().expect("a command has keys");
        // Strictly, because both times are cut to microseconds.
        let late = |part: &SnapshotPart| part.times.written_us >= read_us;
        if !snapshot.parts.iter().any(late) {
            let lookups = snapshot.parts.iter().map(|part| part.times);
            let (hits, misses) = lookups.fold((0, 0), |(hits, misses), times| {
                (hits + times.hits, misses + times.misses)
            });
            let parts: Vec<(Vec<usize>, Vec<u8>)> = snapshot
                .parts
                .into_iter()
                .map(|part| (part.ordinals, part.reply))
                .collect();
            let counters = self.metrics.count();
            counters.snapshots += 1;
            counters.hits += hits;
            counters.misses += misses;
            self.count_call(snapshot.command.head.row, 1);
            self.complete(snapshot.token, |reply| merge(snapshot.merge, &parts, reply));
            return;
        }
        self.metrics.count().snapshots_failed += 1;
        let (head, args) = (snapshot.command.head, snapshot.command.args());
        for part in snapshot.parts.iter().filter(|part| late(part)) {
            let Some(nth) = (part.times.latest as usize).checked_sub(1) else {
                continue;
            };
            let key = self.lock_key(head.db, args.get(part.ordinals[nth] + 1));
            let now_us = self.now.monotonic_us;
            self.transactions.snapshots.contended.remember(key, now_us);
        }
        let positions: Vec<usize> = (1..args.len()).collect();
        self.split(snapshot.token, head, &args, &positions, snapshot.merge);
    }

    /// Stops recording writes when nobody has read that way for a while.
    pub fn rest_stamps(&mut self) {
        let idle_us = self
            .now
            .monotonic_us
            .saturating_sub(self.transactions.snapshots.used_us);
        if self.effects.wants.stamps && idle_us > STAMPS_IDLE_US {
            self.effects.wants.stamps = false;
            self.effects.stamps.switch_off();
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::shard::testing::Shards;

    #[test]
    fn keys_of_two_shards_are_read_without_locks_once_writes_are_stamped() {
        let mut shards = Shards::new(2);
        let client = shards.connect(0);
        let (here, there) = (shards.key(0, 0), shards.key(1, 0));
        shards.call(client, &format!("MSET {here} 1 {there} 2"));
        let read = format!("MGET {here} {there} {here}");
        let reply = "*3\r\n$1\r\n1\r\n$1\r\n2\r\n$1\r\n1\r\n";
        assert_eq!(
            shards.call(client, &read),
            reply,
            "with locks: nothing is known of earlier writes"
        );
        assert_eq!(shards.core(0).statistics().snapshots_failed, 1);
        shards.advance(1);
        assert_eq!(shards.call(client, &read), reply);
        shards.advance(1);
        assert_eq!(shards.call(client, &read), reply);
        assert!(shards.core(0).statistics().snapshots >= 1);
    }

    /// Starts a server on which nothing but readings happen for a while, so that they need no
    /// locks.
    fn calm(count: usize) -> Shards {
        let mut shards = Shards::new(count);
        let reader = shards.connect(0);
        let (here, there) = (shards.key(0, 0), shards.key(count - 1, 0));
        for _ in 0..3 {
            shards.call(reader, &format!("MGET {here} {there}"));
            shards.advance(1);
        }
        shards
    }

    #[test]
    fn the_end_of_a_keys_time_is_a_write() {
        let mut shards = calm(2);
        let (reader, writer) = (shards.connect(0), shards.connect(1));
        let (here, there) = (shards.key(0, 0), shards.key(1, 0));
        shards.call(writer, &format!("SET {there} old PX 50"));
        shards.advance(10);
        let failed = shards.core(0).statistics().snapshots_failed;
        let missing = "*2\r\n$-1\r\n$-1\r\n";
        // The home reads before the key's time is over, the owner after it: whether or not somebody
        // else has ended it.
        for ended in [false, true] {
            shards.call(writer, &format!("SET {there} old PX 90"));
            // Longer than the key is remembered as contended.
            shards.advance(30);
            shards.send(reader, &format!("MGET {here} {there}"));
            shards.tick(0);
            shards.pass(100);
            if ended {
                shards.tick(1);
                shards.send(writer, &format!("GET {there}"));
            }
            shards.run();
            assert_eq!(shards.read(reader), missing);
            shards.read(writer);
        }
        assert_eq!(shards.core(0).statistics().snapshots_failed, failed + 2);
    }

    #[test]
    fn parts_too_long_for_a_parcel_are_read_with_locks() {
        let mut shards = calm(2);
        let client = shards.connect(0);
        let (here, there) = (shards.key(0, 0), shards.key(1, 0));
        let value = "x".repeat(1 << 20);
        shards.call(client, &format!("MSET {here} 1 {there} {value}"));
        shards.advance(1);
        let failed = shards.core(0).statistics().snapshots_failed;
        let many = format!(" {there}").repeat(20);
        let reply = shards.call(client, &format!("MGET {here}{many}"));
        let one = format!("${}\r\n{value}\r\n", value.len());
        assert!(reply == format!("*21\r\n$1\r\n1\r\n{}", one.repeat(20)));
        assert_eq!(shards.core(0).statistics().snapshots_failed, failed + 1);
        let reply = shards.call(client, &format!("MGET{many}"));
        assert!(reply == format!("*20\r\n{}", one.repeat(20)));
    }

    #[test]
    fn a_write_between_the_readings_sends_the_reader_to_the_locks() {
        let mut shards = Shards::new(2);
        let (reader, writer) = (shards.connect(0), shards.connect(1));
        let (here, there) = (shards.key(0, 0), shards.key(1, 0));
        for _ in 0..3 {
            shards.call(reader, &format!("MGET {here} {there}"));
            shards.advance(1);
        }
        let failed = shards.core(0).statistics().snapshots_failed;
        // The home shard reads its part; before the other reads, the writer changes the other's
        // key.
        shards.send(reader, &format!("MGET {here} {there}"));
        shards.tick(0);
        shards.send(writer, &format!("SET {there} 2"));
        shards.tick(1);
        shards.run();
        assert_eq!(shards.read(reader), "*2\r\n$-1\r\n$1\r\n2\r\n");
        assert_eq!(shards.core(0).statistics().snapshots_failed, failed + 1);
    }

    #[test]
    fn keys_that_are_being_written_are_read_with_locks_at_once() {
        let mut shards = calm(2);
        let (reader, writer) = (shards.connect(0), shards.connect(1));
        let (here, there, cold) = (shards.key(0, 0), shards.key(1, 0), shards.key(1, 1));
        let before = shards.core(0).statistics().snapshots_failed;
        for round in 0..200 {
            shards.send(reader, &format!("MGET {here} {there}"));
            shards.tick(0);
            shards.send(writer, &format!("SET {there} {round}"));
            shards.tick(1);
            shards.run();
            assert!(shards.read(reader).contains(&format!("\r\n{round}\r\n")));
            shards.read(writer);
            shards.pass(1);
        }
        // One attempt in 20 ms.
        let failed = shards.core(0).statistics().snapshots_failed - before;
        assert!((5..=12).contains(&failed), "{failed} attempts in 200 ms");
        // Others, and the same keys once they rest, are read without locks.
        let read = shards.core(0).statistics().snapshots;
        shards.call(reader, &format!("MGET {here} {cold}"));
        assert_eq!(shards.core(0).statistics().snapshots, read + 1);
        shards.advance(50);
        shards.call(reader, &format!("MGET {here} {there}"));
        assert_eq!(shards.core(0).statistics().snapshots, read + 2);
    }

    #[test]
    fn parts_for_a_shard_that_is_behind_wait() {
        use crate::limits::PARCEL_BYTES_MAX;
        let mut shards = calm(2);
        let (here, there) = (shards.key(0, 0), shards.key(1, 0));
        let clients: Vec<_> = (0..12).map(|_| shards.connect(0)).collect();
        let long = "y".repeat(100_000);
        let command = format!("MGET {here} {there} {{{there}}}{long}");
        for &client in &clients {
            shards.send(client, &command);
        }
        let parcel = shards.core(0).mail.any_parcel(1);
        let most = PARCEL_BYTES_MAX + command.len();
        let packed = parcel.bytes.len();
        assert!(
            (100_000..most).contains(&packed),
            "{packed} bytes in one parcel"
        );
        // One that is longer than a parcel goes by itself, and with locks.
        let longer = format!("MGET {here} {there}{}", format!(" {long}").repeat(4));
        let giant = shards.connect(0);
        let before = shards.core(0).statistics().hops;
        shards.send(giant, &longer);
        assert_eq!(shards.core(0).statistics().hops, before);
        shards.run();
        for &client in &clients {
            assert_eq!(
                shards.read(client),
                format!("*3\r\n{}", "$-1\r\n".repeat(3))
            );
        }
        assert_eq!(shards.read(giant), format!("*6\r\n{}", "$-1\r\n".repeat(6)));
    }
}
