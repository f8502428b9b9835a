//! Reading keys of several shards without locks: parts sent, read and judged.
//!
//! MGET and its like go to the owners as plain commands, and `txn::Snapshots` says whether what
//! came back belongs together. If not, or if a key was locked, the command starts over with locks
//! (`split`), and its keys are for a while read so at once. Only for commands whose keys are all of
//! their arguments.

use smallvec::SmallVec;

use super::Core;
use super::execute::Call;
use super::input::Flow;
use crate::base::Token;
use crate::cmd::{Merge, key_slot};
use crate::conn::State;
use crate::limits::{AHEAD_MAX, PARCEL_BYTES_MAX};
use crate::resp::{Args, Span};
use crate::route::{Asker, ClientRef, Head, Mode, PartTimes, RemoteCommand, ShardId, WHOLE};
use crate::store::Db;
use crate::txn::{self, ReplyPart, Snapshot, SnapshotPart, Verdict};

impl Core {
    /// A reading command that divides by key; `positions` holds where the keys stand.
    pub(super) fn begin_snapshot(
        &mut self,
        token: Token,
        row: u16,
        args: &Args<'_>,
        how: Merge,
    ) -> Flow {
        let db = self.client(token).session.db;
        let keys = args.from(1).map(|key| self.lock_key(db, key));
        let now_us = self.now.monotonic_us;
        let contended = self.transactions.snapshots.is_contended(now_us, keys);
        // A part too long for a parcel travels by itself.
        if contended || args.bytes() >= PARCEL_BYTES_MAX {
            return self.begin_split(token, row, args, how);
        }
        let snapshot = self.parts_by_owner(args);
        let here = self.id();
        let mut others = snapshot.parts().iter().filter(|part| part.owner != here);
        let full = others.any(|part| self.mail.parcel(part.owner).is_none());
        let client = self.client(token);
        client.state = State::Waiting;
        let (client, head) = (client.reference(), client.session.head(row));
        if full {
            self.ready.hold_back(token, client.id);
            self.transactions.snapshots.recycle(snapshot);
            return Flow::Retry;
        }
        self.send_snapshot(snapshot, client, head, args, how);
        Flow::Stop
    }

    /// A part for each owner, of a command all of whose arguments are keys.
    fn parts_by_owner(&mut self, args: &Args<'_>) -> Snapshot {
        assert!(
            self.parsing.positions.iter().copied().eq(1..args.len()),
            "all arguments are keys"
        );
        let mut snapshot = self.transactions.snapshots.prepare();
        for (ordinal, key) in args.from(1).enumerate() {
            let slot = key_slot(key);
            snapshot.add_key(self.slots.owner(slot), slot, ordinal);
        }
        assert!(
            snapshot.parts().len() > 1,
            "keys of one shard are read where they are"
        );
        snapshot
    }

    /// Sends the parts to their owners and reads our own.
    fn send_snapshot(
        &mut self,
        mut snapshot: Snapshot,
        client: ClientRef,
        head: Head,
        args: &Args<'_>,
        how: Merge,
    ) {
        snapshot.carry(client, head, args, how);
        let here = self.id();
        let number = self.transactions.snapshots.draw();
        let mut has_own = false;
        for part in snapshot.parts() {
            match part.owner == here {
                true => has_own = true,
                false => self.send_part(part, number, head, args),
            }
        }
        if has_own {
            snapshot.read_part(here, |ordinals, reply| {
                self.read_own(ordinals, head, args, reply)
            });
        }
        self.transactions.snapshots.begin(number, snapshot);
    }

    /// Reads the part of our own keys.
    fn read_own(
        &mut self,
        ordinals: &[usize],
        head: Head,
        args: &Args<'_>,
        reply: &mut Vec<u8>,
    ) -> PartTimes {
        let (bytes, all) = args.parts();
        let spans: SmallVec<[Span; AHEAD_MAX]> = words_of(ordinals).map(|at| all[at]).collect();
        let own = Args::new(bytes, &spans);
        let mut times = self.times_of(head.db, &own);
        if times.is_read() {
            let call = Call {
                counted: true,
                ..Call::of(head, false)
            };
            self.run_handler(call, &own, reply);
        }
        self.settle_part(Some(&mut times));
        times
    }

    /// Puts a part into this tick's parcel, which has room for one more.
    fn send_part(&mut self, part: &SnapshotPart, number: u64, head: Head, args: &Args<'_>) {
        let parcel = self.mail.parcel(part.owner);
        let parcel = parcel.expect("its room has been seen");
        let (first_span, spans) = parcel.pack_some(args, words_of(&part.ordinals));
        parcel.commands.push(RemoteCommand {
            asker: Asker::Snapshot(number),
            head: head.with_key((part.slot, 1)),
            first_span,
            spans,
            reply: None,
        });
        self.metrics.count().hops += 1;
    }

    /// The times of a part that is about to be read here; not when a key is locked, or has yet to
    /// be ended.
    pub(super) fn times_of(&mut self, db: Db, args: &Args<'_>) -> PartTimes {
        let now_us = self.now.monotonic_us;
        self.transactions.snapshots.use_stamps(now_us);
        if !self.effects.wants.stamps {
            self.effects.wants.stamps = true;
            self.effects.stamps.switch_on();
            return PartTimes::unread(0);
        }
        if self
            .transactions
            .participants
            .conflicts(WHOLE, Mode::SomeShared)
        {
            return PartTimes::unread(0);
        }
        let read_us = self.effects.stamps.read_us();
        let (mut written_us, mut latest) = (0, 0);
        for (at, key) in (1..).zip(args.from(1)) {
            let participants = &self.transactions.participants;
            let locked = participants.conflicts(self.lock_key(db, key), Mode::Shared);
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
    pub(super) fn part_home(&mut self, from: ShardId, number: u64, times: PartTimes, reply: &[u8]) {
        let snapshots = &mut self.transactions.snapshots;
        let Some(snapshot) = snapshots.part_home(from, number, times, reply) else {
            return;
        };
        if self.clients.of(snapshot.client).is_some() {
            self.end_snapshot(&snapshot);
        }
        self.transactions.snapshots.recycle(snapshot);
    }

    /// All parts are there: they belong together, or the command starts over with locks.
    fn end_snapshot(&mut self, snapshot: &Snapshot) {
        let token = snapshot.client.token;
        let (head, args) = snapshot.command();
        match snapshot.judge() {
            Verdict::Whole { hits, misses } => {
                let counters = self.metrics.count();
                counters.snapshots += 1;
                counters.hits += hits;
                counters.misses += misses;
                self.count_call(head.row, 1);
                let parts: SmallVec<[ReplyPart<'_>; 4]> = snapshot.replies().collect();
                self.complete(token, |reply| txn::merge(snapshot.merge, &parts, reply));
            }
            Verdict::Torn(written) => {
                self.metrics.count().snapshots_failed += 1;
                let now_us = self.now.monotonic_us;
                for ordinal in written {
                    let key = self.lock_key(head.db, args.get(ordinal + 1));
                    self.transactions.snapshots.contend(key, now_us);
                }
                let positions: Vec<usize> = (1..args.len()).collect();
                self.split(token, head, &args, &positions, snapshot.merge);
            }
        }
    }

    /// Stops recording writes when nobody has read that way for a while.
    pub(super) fn rest_stamps(&mut self) {
        let now_us = self.now.monotonic_us;
        if self.effects.wants.stamps && self.transactions.snapshots.are_stamps_idle(now_us) {
            self.effects.wants.stamps = false;
            self.effects.stamps.switch_off();
        }
    }
}

/// Where a part's words stand in its command: the name, then its keys, as all arguments are keys.
fn words_of(ordinals: &[usize]) -> impl Iterator<Item = usize> {
    std::iter::once(0).chain(ordinals.iter().map(|ordinal| ordinal + 1))
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
        // The home reads before the key has expired, the owner after it: whether or not somebody
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
        let parcel = shards
            .core(0)
            .mail
            .any_parcel(crate::route::ShardId::new(1));
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
