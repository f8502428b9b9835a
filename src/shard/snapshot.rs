//! Reading keys of several shards at one instant, without locks where that is possible.
//!
//! MGET and its like go to the owners as plain commands. Each owner answers with its part and two times:
//! when the tick began in which it read, and by when the last write of what it read was over
//! (`store::Stamps`). If every write was over before the earliest of those ticks began, nothing that was read changed
//! between that instant and the readings: the parts belong together, and the command takes effect then
//! or at any later moment up to its reply. If not, or if a key was locked, the command starts over with locks
//! (`split`). All shards' clocks are the same monotonic clock. Only for commands whose keys are all of their
//! arguments.

use super::Core;
use super::input::Flow;
use super::merge::merge;
use crate::base::Token;
use crate::cmd::Merge;
use crate::conn::State;
use crate::limits::STAMPS_IDLE_US;
use crate::resp::Args;
use crate::route::{Carried, Head, PartTimes, RemoteCommand, ReplyTo};

/// The place of a reply that is a part of a snapshot; the client of such a `ReplyTo` is the snapshot's number.
pub const PART: u32 = u32::MAX - 1;

/// A snapshot under way.
#[derive(Debug)]
pub struct Snapshot {
    token: Token,
    client: u64,
    command: Carried,
    merge: Merge,
    /// Owner, which of the command's keys, and the reply once it is there.
    parts: Vec<(usize, Vec<usize>, Vec<u8>)>,
    missing: usize,
    times: PartTimes,
}

impl Core {
    /// A reading command that divides by key; `positions` holds where the keys stand.
    pub fn begin_snapshot(&mut self, token: Token, row: u16, args: &Args<'_>, how: Merge) -> Flow {
        let client = self.client(token);
        client.state = State::Waiting;
        let id = client.id;
        let head = client.session.head(row);
        let command = Carried::new(head, args);
        let positions = std::mem::take(&mut self.parsing.positions);
        let parts = self.parts_by_owner(args, &positions);
        let number = self.next_snapshot;
        self.next_snapshot += 1;
        let mut snapshot = Snapshot {
            token,
            client: id,
            command,
            merge: how,
            missing: parts.len(),
            parts: Vec::with_capacity(parts.len()),
            times: PartTimes::ANY,
        };
        let here = self.id();
        let mut own = None;
        for (owner, ordinals) in parts {
            let keys = ordinals.iter().map(|&ordinal| positions[ordinal]);
            if owner == here {
                own = Some(Carried::part(head, args, std::iter::once(0).chain(keys)));
            } else {
                self.send_part(owner, number, head, args, keys);
            }
            snapshot.parts.push((owner, ordinals, Vec::new()));
        }
        self.parsing.positions = positions;
        self.snapshots.insert(number, snapshot);
        if let Some(part) = own {
            let times = self.part_times(&part);
            let reply = if times.is_some() {
                self.run_part(&part)
            } else {
                Vec::new()
            };
            self.part_home(here, number, times, &reply);
        }
        Flow::Stop
    }

    /// The keys' ordinals by owner, in the order in which owners first appear.
    fn parts_by_owner(&self, args: &Args<'_>, positions: &[usize]) -> Vec<(usize, Vec<usize>)> {
        let mut parts: Vec<(usize, Vec<usize>)> = Vec::new();
        for (ordinal, &at) in positions.iter().enumerate() {
            let owner = self.slots.owner(crate::cmd::key_slot(args.get(at)));
            match parts.iter_mut().find(|(shard, _)| *shard == owner) {
                Some((_, ordinals)) => ordinals.push(ordinal),
                None => parts.push((owner, vec![ordinal])),
            }
        }
        parts
    }

    /// Puts a part into this tick's parcel; a part may take it past its limits, as one large command may.
    fn send_part(
        &mut self,
        owner: usize,
        number: u64,
        head: Head,
        args: &Args<'_>,
        keys: impl Iterator<Item = usize>,
    ) {
        let parcel = self.mail.any_parcel(owner);
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

    /// The times of a part that is about to be read here; None when a key is locked.
    pub fn part_times(&mut self, part: &Carried) -> Option<PartTimes> {
        self.times_of(part.head.row, part.head.db, &part.args())
    }

    /// As `part_times`, for a part in a parcel.
    pub fn times_of(&mut self, row: u16, db: u16, args: &Args<'_>) -> Option<PartTimes> {
        self.stamps_used_us = self.now.monotonic_us;
        if !self.effects.wants.stamps {
            self.effects.wants.stamps = true;
            self.effects.stamps.switch_on();
            return None;
        }
        if self.is_locked(self.table.row(row), db, args)
            || args.from(1).any(|key| self.is_over(db, key))
        {
            return None;
        }
        let stamps = &self.effects.stamps;
        let written = args
            .from(1)
            .map(|key| stamps.written_us(self.store.hash(key)));
        Some(PartTimes {
            written_us: written.max().unwrap_or(0),
            read_us: stamps.read_us(),
        })
    }

    /// A part has been read, or (None) could not be.
    pub fn part_home(&mut self, from: usize, number: u64, times: Option<PartTimes>, reply: &[u8]) {
        let snapshot = self
            .snapshots
            .get_mut(&number)
            .expect("a part belongs to a snapshot under way");
        let times = times.unwrap_or(PartTimes::NONE);
        snapshot.times.written_us = snapshot.times.written_us.max(times.written_us);
        snapshot.times.read_us = snapshot.times.read_us.min(times.read_us);
        let part = snapshot.parts.iter_mut().find(|(owner, ..)| *owner == from);
        part.expect("a part comes from its owner")
            .2
            .extend_from_slice(reply);
        snapshot.missing -= 1;
        if snapshot.missing > 0 {
            return;
        }
        let snapshot = self.snapshots.remove(&number).expect("it was just there");
        if self.clients.of(snapshot.token, snapshot.client).is_none() {
            return;
        }
        // Strictly, because both times are cut to microseconds.
        if snapshot.times.written_us < snapshot.times.read_us {
            let parts: Vec<(Vec<usize>, Vec<u8>)> = snapshot
                .parts
                .into_iter()
                .map(|(_, ordinals, reply)| (ordinals, reply))
                .collect();
            self.metrics.count().snapshots += 1;
            self.complete(snapshot.token, |reply| merge(snapshot.merge, &parts, reply));
        } else {
            self.metrics.count().snapshots_failed += 1;
            let args = snapshot.command.args();
            let positions: Vec<usize> = (1..args.len()).collect();
            self.split(
                snapshot.token,
                snapshot.command.head,
                &args,
                &positions,
                snapshot.merge,
            );
        }
    }

    /// Stops recording writes when nobody has read that way for a while.
    pub fn rest_stamps(&mut self) {
        let idle_us = self.now.monotonic_us.saturating_sub(self.stamps_used_us);
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

    /// Starts a server on which nothing but readings happen for a while, so that they need no locks.
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
        // The home reads before the key's time is over, the owner after it: whether or not somebody else has ended it.
        for ended in [false, true] {
            shards.call(writer, &format!("SET {there} old PX 50"));
            shards.advance(10);
            shards.send(reader, &format!("MGET {here} {there}"));
            shards.tick(0);
            shards.pass(60);
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
        // The home shard reads its part; before the other reads, the writer changes the other's key.
        shards.send(reader, &format!("MGET {here} {there}"));
        shards.tick(0);
        shards.send(writer, &format!("SET {there} 2"));
        shards.tick(1);
        shards.run();
        assert_eq!(shards.read(reader), "*2\r\n$-1\r\n$1\r\n2\r\n");
        assert_eq!(shards.core(0).statistics().snapshots_failed, failed + 1);
    }
}
