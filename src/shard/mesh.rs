//! Messages of other shards: their commands, our replies coming home, and notes.
//!
//! A parcel of commands is executed in order into the parcel's own reply buffer and goes back
//! whole. A command that must wait (its key is locked, or an earlier one of the same client waits)
//! is answered later by a `Note::Late`.

use super::Core;
use super::execute::Call;
use crate::cmd::flag;
use crate::conn::State;
use crate::limits::{AHEAD_MAX, LINGER_WAITING_MAX, PARCEL_REPLY_BYTES_MAX};
use crate::resp::{Args, Error, Reply, Span};
use crate::route::{
    Asker, ClientRef, Head, Message, Note, Parcel, PartTimes, RemoteCommand, ReplyTo, ShardId, Task,
};
use crate::txn::Transactions;

impl Core {
    /// Everything one shard had to tell in a tick.
    pub(super) fn message(&mut self, from: ShardId, message: Message) {
        for note in message.notes {
            self.note(from, note);
        }
        if let Some(parcel) = message.commands {
            self.execute_parcel(from, parcel);
        }
        for parcel in message.replies {
            self.parcel_home(from, parcel);
        }
    }

    /// Notes of this shard to itself; new ones may join while they are handled.
    #[inline]
    pub(super) fn handle_own_notes(&mut self) {
        while let Some(note) = self.mail.next_own() {
            self.note(self.id(), note);
        }
    }

    fn note(&mut self, from: ShardId, note: Note) {
        match note {
            Note::Adopt { socket, listener } => self
                .requests
                .push(super::core::IoRequest::Attach { socket, listener }),
            Note::Schedule(schedule) => self.schedule(from, *schedule),
            Note::Execute {
                sequence,
                answer,
                clock_ms,
                unit,
            } => self.execute_part(from, sequence, (answer, clock_ms), unit.map(|unit| *unit)),
            Note::Finish {
                sequence,
                returned,
                modified,
                wait,
                told,
            } => self.finish(sequence, returned, modified, wait, told),
            Note::Yield { sequence, returned } => self.yielded(sequence, returned),
            Note::Task(task) => self.perform(*task),
            Note::TaskDone { to, reply, batch } => {
                self.mail.reply_came();
                self.mail.keep_batch(batch);
                self.late(to, &reply);
            }
            Note::Granted { sequence, grant } => self.granted(from, sequence, grant),
            Note::Revoke { sequence } => self.revoke(from, sequence),
            Note::Executed {
                sequence,
                reply,
                batch,
            } => self.executed(from, sequence, reply, batch),
            Note::GoOn(to) => self.go_on(to),
            Note::Late { to, reply } => self.late(to, &reply),
            Note::Blocked(client, instead) => self.blocked(client, instead, [from]),
            Note::Watch(watch) => self.watch_for(from, *watch),
            Note::Watched(client) => self.watch_confirmed(client),
            Note::Unwatch { client } => self.unwatch_here(client),
            Note::Offer(offer) => self.take_offer(from, *offer),
            Note::Unblock { client } => self.forget_waits(client),
            Note::Monitored(lines) => self.hear_lines(&lines),
            Note::Unmonitor { client } => self.unmonitor_here(client),
            Note::Slow { client, entry } => self.write_down(client, *entry),
            Note::Query {
                id,
                query,
                within_ms,
            } => self.query_asked(from, id, query, within_ms),
            Note::Answer { id, answer } => self.query_answered(from, id, answer),
        }
        self.act();
    }

    fn execute_parcel(&mut self, from: ShardId, mut parcel: Box<Parcel>) {
        let home = from;
        assert!(
            parcel.replies.is_empty() && parcel.times.is_empty(),
            "a parcel goes out without replies"
        );
        self.metrics.begin_commands();
        let mut commands = std::mem::take(&mut parcel.commands);
        let mut replies = std::mem::take(&mut parcel.replies);
        for index in 0..commands.len() {
            if index % AHEAD_MAX == 0 {
                self.prefetch_parcel(&parcel, &commands, index);
            }
            let command = &mut commands[index];
            let spans = &parcel.spans[command.first_span as usize..][..command.spans as usize];
            let args = Args::new(&parcel.bytes, spans);
            let start = replies.len();
            match command.asker {
                Asker::Client(client, place) => {
                    let to = ReplyTo::Place(client, place);
                    if !self.run_remote(home, to, command.head, &args, &mut replies) {
                        continue;
                    }
                }
                Asker::Snapshot(_) => {
                    let times = self.read_part(command.head, &args, &mut replies);
                    parcel.times.push(times);
                }
            }
            command.reply = Some(span_from(start, &replies));
        }
        parcel.commands = commands;
        parcel.replies = replies;
        self.mail.send_home(from, parcel);
    }

    /// A command of another shard's client. False: its reply does not come with the parcel.
    #[inline]
    fn run_remote(
        &mut self,
        home: ShardId,
        to: ReplyTo,
        head: Head,
        args: &Args<'_>,
        replies: &mut Vec<u8>,
    ) -> bool {
        let start = replies.len();
        let Transactions {
            participants,
            behind,
            ..
        } = &self.transactions;
        if (!participants.no_locks() || !behind.is_empty()) && self.must_wait(home, to, head, args)
        {
            self.wait_behind(Task::of(home, to, head, args));
            return false;
        }
        if self.settings.config.maxmemory > 0 && self.lacks_memory(head, replies) {
            return true;
        }
        let call = Call {
            client: Some(to.client()),
            home: Some(home),
            chained: true,
            ..Call::of(head, false)
        };
        self.run_handler(call, args, replies);
        self.settle_effects();
        if self.transactions.waits.has_ready() {
            self.act();
        }
        let fits = replies.len() <= PARCEL_REPLY_BYTES_MAX;
        if !fits {
            let reply = replies.split_off(start);
            self.deliver(home, to, reply);
        }
        fits
    }

    /// A part of a snapshot of another shard's. It is not read where it would have to be with
    /// locks: nothing is touched without them.
    fn read_part(&mut self, head: Head, args: &Args<'_>, replies: &mut Vec<u8>) -> PartTimes {
        let mut times = self.times_of(head.db, args);
        if !times.is_read() {
            return times;
        }
        let start = replies.len();
        let call = Call {
            counted: true,
            chained: true,
            ..Call::of(head, false)
        };
        self.run_handler(call, args, replies);
        self.settle_part(Some(&mut times));
        if replies.len() > PARCEL_REPLY_BYTES_MAX {
            // Too long to travel so: with locks, parts travel by themselves.
            replies.truncate(start);
            return PartTimes::unread(0);
        }
        times
    }

    /// Between the client's home and here the memory may have been used up: many commands travel at
    /// once.
    #[cold]
    fn lacks_memory(&mut self, head: Head, out: &mut Vec<u8>) -> bool {
        let refused = self.table().row(head.row).has(flag::DENYOOM) && self.out_of_memory();
        if refused {
            self.metrics.count_rejected(head.row);
            self.count_error(Error::OUT_OF_MEMORY.code());
            Reply::new(out, head.protocol).error(&Error::OUT_OF_MEMORY);
        }
        refused
    }

    /// As for a pipeline of our own: all buckets, then all entries.
    #[inline]
    fn prefetch_parcel(&self, parcel: &Parcel, commands: &[RemoteCommand], first: usize) {
        let next = commands[first..].iter().take(AHEAD_MAX);
        self.prefetch_keys(next.map(|command| {
            let span = parcel.spans[command.first_span as usize + usize::from(command.head.key_at)];
            let key = &parcel.bytes[span.start as usize..][..span.len as usize];
            (command.head.db, command.head.slot, key)
        }));
    }

    #[cold]
    fn must_wait(&self, home: ShardId, to: ReplyTo, head: Head, args: &Args<'_>) -> bool {
        let behind = &self.transactions.behind;
        behind.holds(home, to.client()) || self.is_locked(self.table().row(head.row), head.db, args)
    }

    /// Queues a command behind a lock, or behind an earlier command of its client that waits.
    #[cold]
    fn wait_behind(&mut self, task: Task) {
        assert!(
            task.home != self.id(),
            "commands of our own clients wait with their clients"
        );
        if let Some(first) = self.transactions.behind.join(task) {
            self.perform(first);
            self.act();
        }
    }

    /// Replies to commands that we sent out.
    fn parcel_home(&mut self, from: ShardId, parcel: Box<Parcel>) {
        self.mail.reply_came();
        let mut times = parcel.times.iter();
        for index in 0..parcel.commands.len() {
            let command = parcel.commands[index];
            let Some(span) = command.reply else { continue };
            let reply = &parcel.replies[span.start as usize..][..span.len as usize];
            match command.asker {
                Asker::Client(client, place) => self.answer(client, place, reply),
                Asker::Snapshot(number) => {
                    let times = times.next().expect("every part has its times");
                    self.part_home(from, number, *times, reply);
                }
            }
        }
        assert!(times.next().is_none(), "times belong to parts");
        if !self.memory.is_exceeded() {
            self.mail.keep_parcel(parcel);
        }
    }

    /// True while another shard is sure to send something soon, the reply to what it was asked or
    /// the end of a transaction, and few wait for it: a sleep costs each of few a wake, while one
    /// wake serves many.
    #[must_use]
    pub(super) fn expects_mail(&self) -> bool {
        let Transactions {
            participants,
            coordinator,
            snapshots,
            ..
        } = &self.transactions;
        let asked = self.mail.pending() + coordinator.len() + snapshots.len();
        (1..=LINGER_WAITING_MAX).contains(&asked.max(participants.len()))
    }

    /// Clients that met a full parcel go on in the next tick.
    pub(super) fn release_held_back(&mut self) {
        for (token, id) in self.ready.take_held_back() {
            let client = self.clients.of(ClientRef { token, id });
            if client.is_some_and(|client| client.state == State::Waiting) {
                self.run_again(token);
            }
        }
    }
}

/// Where a reply lies that was written from `start` on.
fn span_from(start: usize, replies: &[u8]) -> Span {
    Span {
        start: narrow(start),
        len: narrow(replies.len() - start),
    }
}

fn narrow(number: usize) -> u32 {
    u32::try_from(number).expect("the replies of one parcel stay below 4 GiB")
}
