//! Messages of other shards: their commands, our replies coming home, and notes.
//!
//! A parcel of commands is executed in order into the parcel's own reply buffer and goes back
//! whole. A command that must wait (its key is locked, or an earlier one of the same client waits)
//! is answered later by a `Note::Late`.

use super::Core;
use super::coordinate::Grant;
use super::execute::Call;
use super::snapshot::PART;
use crate::cmd::flag;
use crate::conn::State;
use crate::limits::{AHEAD_MAX, LINGER_WAITING_MAX, PARCEL_REPLY_BYTES_MAX};
use crate::resp::{Args, Error, Reply, Span};
use crate::route::{Batch, Head, Message, Note, Parcel, PartTimes, RemoteCommand, Task};

impl Core {
    /// Everything one shard had to tell in a tick.
    pub fn message(&mut self, from: usize, message: Message) {
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
    pub fn handle_own_notes(&mut self) {
        while let Some(note) = self.mail.next_own() {
            self.note(self.id(), note);
        }
    }

    fn note(&mut self, from: usize, note: Note) {
        match note {
            Note::Adopt { socket, listener } => self
                .requests
                .push(super::core::IoRequest::Attach { socket, listener }),
            Note::Schedule(schedule) => self.schedule(from, *schedule),
            Note::Execute { sequence, answer } => self.execute_part(from, sequence, answer),
            Note::Finish {
                sequence,
                returned,
                modified,
                wait,
            } => self.finish(sequence, returned, modified, wait),
            Note::Yield { sequence, returned } => self.yielded(sequence, returned),
            Note::Bundle(task) => self.perform(*task),
            Note::Bundled { to, reply, batch } => {
                self.mail.reply_came();
                self.mail.keep_batch(batch);
                self.late(to, &reply);
            }
            Note::Granted {
                sequence,
                part,
                dirty,
                clock_ms,
            } => {
                let grant = Grant {
                    part,
                    dirty,
                    clock_ms,
                };
                self.granted(from, sequence, grant);
            }
            Note::Revoke { sequence } => self.revoke(from, sequence),
            Note::Executed { sequence, reply } => self.executed(from, sequence, reply),
            Note::GoOn(to) => self.go_on(to),
            Note::Late { to, reply } => self.late(to, &reply),
            Note::Probe(task) => self.probe(*task),
            Note::Found(found) => self.found(from, *found),
            Note::Blocked { to } => self.blocked(to, [from]),
            Note::Watch(watch) => self.watch_for(from, *watch),
            Note::Watched { client, token } => self.watch_confirmed(token, client),
            Note::Unwatch { client } => self.unwatch_here(client),
            Note::Offer(offer) => self.offered(from, *offer),
            Note::Unblock { client } => self.forget_waits(client),
            Note::Monitored(lines) => self.show_monitors(&lines),
            Note::Unmonitor { client } => self.unmonitor_here(client),
            Note::Slow {
                token,
                client,
                entry,
            } => self.write_down(token, client, *entry),
            Note::Query {
                id,
                query,
                within_ms,
            } => self.query_asked(from, id, query, within_ms),
            Note::Answer { id, answer } => self.query_answered(from, id, answer),
        }
    }

    fn execute_parcel(&mut self, from: usize, mut parcel: Box<Parcel>) {
        let home = u16::try_from(from).expect("shards are limited to 256");
        self.metrics.begin_commands();
        let mut commands = std::mem::take(&mut parcel.commands);
        let mut replies = std::mem::take(&mut parcel.replies);
        let limited = self.settings.config.maxmemory > 0;
        for index in 0..commands.len() {
            if index % AHEAD_MAX == 0 {
                self.prefetch_parcel(&parcel, &commands, index);
            }
            let command = &mut commands[index];
            let spans = &parcel.spans[command.first_span as usize..][..command.spans as usize];
            let args = Args::new(&parcel.bytes, spans);
            if (!self.transactions.locks.is_empty() || !self.transactions.behind.is_empty())
                && self.must_wait(from, command, &args)
            {
                self.wait_behind(from, command, &args);
                continue;
            }
            let start = replies.len();
            if limited && self.lacks_memory(command.head, &mut replies) {
                command.reply = Some(span_from(start, &replies));
                continue;
            }
            let part = command.to.place == PART;
            let mut times = match part {
                true => self.times_of(command.head.db, &args),
                false => PartTimes::ANY,
            };
            if !times.is_read() {
                // It will be read with locks; nothing is touched without them.
                parcel.times.push(times);
                command.reply = Some(span_from(start, &replies));
                continue;
            }
            let call = Call {
                token: command.to.token,
                // That of a part is the number of its snapshot.
                client: if part { 0 } else { command.to.client },
                home: Some(home),
                counted: part,
                chained: true,
                ..Call::of(command.head, false)
            };
            self.run_handler(call, &args, &mut replies);
            self.settle_part(part.then_some(&mut times));
            if self.waits.has_ready() {
                self.serve_ready();
            }
            if replies.len() > PARCEL_REPLY_BYTES_MAX {
                // A part too long to travel so is read again with locks, whose parts travel by
                // themselves.
                let reply = replies.split_off(start);
                times = PartTimes::unread(0);
                if !part {
                    self.deliver(home, command.to, reply);
                    continue;
                }
            }
            if part {
                parcel.times.push(times);
            }
            command.reply = Some(span_from(start, &replies));
        }
        parcel.commands = commands;
        parcel.replies = replies;
        self.mail.send_home(from, parcel);
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
    fn must_wait(&self, from: usize, command: &RemoteCommand, args: &Args<'_>) -> bool {
        if command.to.place == PART {
            return false;
        }
        let home = u16::try_from(from).expect("shards are limited to 256");
        self.transactions
            .behind
            .contains_key(&(home, command.to.token))
            || self.is_locked(self.table().row(command.head.row), command.head.db, args)
    }

    /// Queues a command behind a lock, or behind an earlier command of its client that waits.
    #[cold]
    fn wait_behind(&mut self, from: usize, command: &RemoteCommand, args: &Args<'_>) {
        let home = u16::try_from(from).expect("shards are limited to 256");
        let task = Task {
            home,
            to: command.to,
            protocol: command.head.protocol,
            commands: Batch::of(command.head, args),
            exec: false,
            watcher: None,
            block: 0,
            needs_client: false,
            counted: false,
        };
        match self.transactions.behind.get_mut(&(home, command.to.token)) {
            Some(queue) => queue.push_back(task),
            None => {
                self.transactions
                    .behind
                    .insert((home, command.to.token), std::collections::VecDeque::new());
                self.perform(task);
            }
        }
    }

    /// Replies to commands that we sent out.
    fn parcel_home(&mut self, from: usize, parcel: Box<Parcel>) {
        self.mail.reply_came();
        let mut times = parcel.times.iter();
        for index in 0..parcel.commands.len() {
            let command = parcel.commands[index];
            let Some(span) = command.reply else { continue };
            let reply = &parcel.replies[span.start as usize..][..span.len as usize];
            if command.to.place == PART {
                let times = times.next().expect("every part has its times");
                self.part_home(from, command.to.client, *times, reply);
            } else {
                self.answer(command.to, reply);
            }
        }
        if !self.memory.is_exceeded() {
            self.mail.keep_parcel(parcel);
        }
    }

    /// True while another shard is sure to send something soon, the reply to what it was asked or
    /// the end of a transaction, and few wait for it: a sleep costs each of few a wake, while one
    /// wake serves many.
    #[must_use]
    pub fn expects_mail(&self) -> bool {
        let asked = self.mail.pending()
            + self.transactions.coordinated.len()
            + self.transactions.snapshots.len();
        (1..=LINGER_WAITING_MAX).contains(&asked.max(self.transactions.participants.len()))
    }

    /// Clients that met a full parcel go on in the next tick.
    pub fn release_stalled(&mut self) {
        for (token, id) in self.ready.take_stalled() {
            let client = self.clients.of(token, id);
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
