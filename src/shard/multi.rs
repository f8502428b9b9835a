//! MULTI, EXEC, DISCARD; WATCH is in `watch`.
//!
//! Queued commands are kept with the client. EXEC looks at all of them: when one shard owns every
//! key, that shard runs them as one task; when each command has its owner, each runs its own; when
//! a command has several or needs the client at hand, they run here over lent entries; when one
//! concerns the whole keyspace or asks other shards, every shard is held and the commands run in
//! *steps* (`steps`).

use std::collections::BTreeSet;

use super::Core;
use super::input::Flow;
use super::keys::Route;
use crate::base::Token;
use crate::cmd::{InMulti, Merge, Reach, Row, Run, flag, key_slot};
use crate::conn::{Owners, State, Transaction};
use crate::limits::{QUEUED_BYTES_MAX, QUEUED_COMMANDS_MAX};
use crate::resp::{Args, Error};
use crate::route::{
    Batch, ClientRef, DbKey, Head, Intent, Mode, Note, ReplyTo, Task, Work, strongest,
};
use crate::txn::{Plan, Share, Split};

impl Core {
    /// Inside MULTI: queue, refuse or (None) run.
    pub(super) fn queue_in_multi(
        &mut self,
        token: Token,
        number: u16,
        row: &'static Row,
        args: &Args<'_>,
    ) -> Option<Flow> {
        let refused = match row.command.special.in_multi {
            InMulti::Queues => false,
            InMulti::Refused => true,
            InMulti::Runs | InMulti::GivesUp | InMulti::Executes => return None,
        };
        if self.has_outstanding(token) {
            return Some(self.wait_for_replies(token));
        }
        if refused {
            return Some(self.refuse(
                token,
                Some(number),
                &Error::new("ERR Command not allowed inside a transaction"),
            ));
        }
        let client = self.client(token);
        client.last_row = Some(number);
        if client.transaction_mut().failed {
            // Nothing of it will run: it costs no more memory.
            return Some(self.say_queued(token));
        }
        let mut head = client.session.head(number);
        let moved_to = client.transaction_mut().moved_to;
        head.db = moved_to.unwrap_or(head.db);
        let (head, owners) = self.queued(head, row, args);
        let moved_to = self
            .settings
            .commands
            .moves_to(number, args, self.settings.config.databases)
            .or(moved_to);
        let transaction = self.client(token).transaction_mut();
        if transaction.queued.len() >= QUEUED_COMMANDS_MAX
            || transaction.queued.used_bytes() + args.bytes() > QUEUED_BYTES_MAX
        {
            return Some(self.refuse(
                token,
                Some(number),
                &Error::new("ERR too many commands queued in MULTI"),
            ));
        }
        transaction.queued.push(head, args);
        transaction.owners = transaction.owners.and(owners);
        transaction.indivisible |= !matches!(owners, Owners::One(_));
        transaction.needs_client |= matches!(row.command.run, Run::Home(_));
        transaction.moved_to = moved_to;
        transaction.writes |= crate::cmd::may_replicate(row);
        transaction.needs_memory |= row.has(flag::DENYOOM);
        Some(self.say_queued(token))
    }

    fn say_queued(&mut self, token: Token) -> Flow {
        let start = self.client(token).replies.sink().len();
        self.reply(token).simple("QUEUED");
        self.mute(token, start);
        Flow::Next
    }

    /// What a command adds to its transaction. The slot table does not change while a server runs,
    /// so its owners are those of the EXEC.
    fn queued(&mut self, head: Head, row: &'static Row, args: &Args<'_>) -> (Head, Owners) {
        match row.command.run {
            Run::Keys(_) | Run::Split(..) => {}
            Run::Home(Reach::Client) => return (head, Owners::Nobody),
            _ => return (head, Owners::Everyone),
        }
        match self.route(row, args) {
            Route::Anywhere => (head, Owners::Nobody),
            Route::One {
                shard,
                slot,
                key_at,
            } => (
                Head {
                    slot,
                    key_at,
                    ..head
                },
                Owners::One(shard),
            ),
            Route::Several => (head, Owners::Several),
        }
    }

    /// MULTI.
    pub fn multi(&mut self, token: Token) -> Flow {
        if self.client(token).in_multi() {
            self.error(token, &Error::new("ERR MULTI calls can not be nested"));
        } else {
            let batch = self.mail.take_batch();
            let transaction = self.client(token).transaction_mut();
            assert!(
                transaction.queued.is_empty(),
                "only an open transaction has a queue"
            );
            transaction.open = true;
            transaction.queued = batch;
            self.reply(token).ok();
        }
        Flow::Next
    }

    /// DISCARD.
    pub fn discard(&mut self, token: Token) -> Flow {
        if self.client(token).in_multi() {
            self.drop_transaction(token);
            self.reply(token).ok();
        } else {
            self.error(token, &Error::new("ERR DISCARD without MULTI"));
        }
        Flow::Next
    }

    /// EXEC.
    pub fn exec(&mut self, token: Token) -> Flow {
        if !self.client(token).in_multi() {
            self.error(token, &Error::new("ERR EXEC without MULTI"));
            return Flow::Next;
        }
        let Some(transaction) = self.client(token).transaction.take() else {
            return Flow::Next;
        };
        let Transaction {
            failed,
            queued,
            owners,
            watched,
            needs_client,
            indivisible,
            ..
        } = *transaction;
        let id = self.client(token).id;
        if failed {
            self.unwatch_keys(id, &watched);
            self.mail.keep_batch(queued);
            let error = Error::new("EXECABORT Transaction discarded because of previous errors.");
            self.error(token, &error);
            return Flow::Next;
        }
        if queued.is_empty() && watched.is_empty() {
            self.reply(token).array(0);
            return Flow::Next;
        }
        if !self.monitors.is_empty() {
            self.feed_monitors_queue(token, &queued);
        }
        let free = match owners {
            Owners::Nobody => true,
            Owners::One(owner) => owner == self.id() && self.transactions.participants.no_locks(),
            Owners::Several | Owners::Everyone => false,
        };
        if watched.is_empty() && free {
            return self.exec_here(token, queued, needs_client);
        }
        self.client(token).state = State::Waiting;
        let task = Task {
            home: self.id(),
            to: ReplyTo::Alone(ClientRef { token, id }),
            protocol: self.client(token).session.protocol,
            commands: queued,
            exec: true,
            watcher: (!watched.is_empty()).then_some(id),
            block: 0,
            needs_client,
            counted: false,
        };
        if owners == Owners::Several && watched.is_empty() && !indivisible {
            self.split_exec(task);
        } else {
            self.start_exec(token, task, owners, &watched);
        }
        // The client watches nothing any more, but the registrations must outlive the question
        // whether they changed: they go when the reply is there.
        let client = self.client(token);
        assert!(
            client.unwatching.is_empty(),
            "an EXEC is over before the next one"
        );
        client.unwatching = watched;
        Flow::Stop
    }

    fn start_exec(&mut self, token: Token, task: Task, owners: Owners, watched: &BTreeSet<DbKey>) {
        let watching = watched
            .iter()
            .map(|(_, key)| Owners::One(self.slots.owner(key_slot(key))));
        // What a client is told may not be told twice, so that such a command cannot start over
        // with them.
        let twice = task.needs_client && self.finds_keys(&task);
        let owners = if twice { Owners::Everyone } else { owners };
        match watching.fold(owners, Owners::and) {
            Owners::Everyone => self.hold_everything(token, task),
            Owners::One(shard) if shard == self.id() || !task.needs_client => {
                self.mail.expect_reply();
                self.tell(shard, Note::Task(Box::new(task)));
            }
            Owners::Several | Owners::One(_) => {
                self.lend_all(task, watched.iter().cloned().collect());
            }
            Owners::Nobody => {
                self.mail.expect_reply();
                self.perform(task);
                self.act();
            }
        }
    }

    /// The commands of an EXEC, each of which has keys of one shard only: each owner runs its own,
    /// at the decision. Nobody knows which of them will find an expired key, so all keys are locked
    /// as for a change.
    fn split_exec(&mut self, task: Task) {
        assert!(
            task.exec && task.watcher.is_none() && !task.needs_client,
            "nothing keeps such an EXEC from running, and away from its client"
        );
        let commands = task.commands;
        let slots = commands.iter().map(|(head, _)| head.slot).enumerate();
        let owned = self.by_owner(slots.map(|(index, slot)| (slot, index)));
        let plan = Plan::Split(Split {
            merge: Merge::ByKey,
            writes: true,
            fallible: None,
        });
        let sequence = self.open(task.to.client().token, plan, owned.len());
        for (shard, ordinals) in owned {
            let mut batch = self.mail.take_batch();
            let mut intents: Vec<Intent> = Vec::with_capacity(ordinals.len() + 1);
            for &index in &ordinals {
                let (head, args) = commands.get(index);
                self.add_intents(head, &args, &mut intents);
                batch.push(head, &args);
            }
            for intent in &mut intents {
                intent.mode = Mode::Exclusive;
            }
            strongest(&mut intents);
            let share = Share::of_part(shard, ordinals);
            self.ask_share(sequence, share, intents, Work::Run(batch), None);
        }
        self.mail.keep_batch(commands);
    }

    /// An EXEC without watches whose keys are all ours, while there are no locks: nothing to wait
    /// for.
    fn exec_here(&mut self, token: Token, queued: Batch, needs_client: bool) -> Flow {
        let client = self.client(token);
        let (id, protocol) = (client.id, client.session.protocol);
        let with = needs_client.then_some(ClientRef { token, id });
        let mut out = std::mem::take(client.replies.sink());
        self.run_batch(&queued, protocol, with, &mut out);
        *self.client(token).replies.sink() = out;
        self.mail.keep_batch(queued);
        self.act();
        Flow::Next
    }

    /// A client leaves in the middle of an EXEC, of a server that stops: the other shards may have
    /// ended already, and nobody waits for their answers.
    pub(super) fn abandon_exec(&mut self, token: Token) {
        if self.chores.is_stopping() {
            let client = self.client(token);
            client.steps = None;
            client.unwatching.clear();
        }
    }

    /// A command of an EXEC is answered: its steps go on, or the EXEC is over.
    pub fn go_on(&mut self, to: ClientRef) {
        if self.clients.of(to).is_none() {
            return;
        }
        if self.client(to.token).steps.is_some() {
            return self.next_step(to.token);
        }
        self.end_exec(to.token);
    }
}

#[cfg(test)]
mod tests {
    use crate::shard::testing::Shards;

    #[test]
    fn a_changed_key_keeps_an_exec_in_steps_from_running() {
        let mut shards = Shards::new(2);
        let client = shards.connect(0);
        let (near, far) = (shards.key(0, 0), shards.key(1, 0));
        for (key, step, reply) in [
            (&near, "PING", "+PONG"),
            (&far, "PING", "+PONG"),
            (&far, "SLOWLOG LEN", ":0"),
            (&near, "SLOWLOG LEN", ":0"),
        ] {
            for line in [
                &format!("SET {key} 30"),
                &format!("WATCH {key}"),
                &format!("SET {key} 40"),
                "MULTI",
                step,
            ] {
                shards.call(client, line);
            }
            assert_eq!(shards.call(client, "EXEC"), "*-1\r\n");
            for line in [&format!("WATCH {key}"), "MULTI", step] {
                shards.call(client, line);
            }
            assert_eq!(shards.call(client, "EXEC"), format!("*1\r\n{reply}\r\n"));
        }
    }

    #[test]
    fn short_memory_aborts_at_queueing_and_at_exec() {
        let mut shards = Shards::new(2);
        let (client, other) = (shards.connect(0), shards.connect(1));
        shards
            .core(0)
            .identity
            .shared
            .memory
            .set_used(crate::route::ShardId::FIRST, 1000);
        shards.call(client, "MULTI");
        shards.call(client, "SET k v");
        shards.call(other, "CONFIG SET maxmemory 1");
        let full = "OOM command not allowed when used memory > 'maxmemory'.\r\n";
        assert_eq!(shards.call(client, "PING"), format!("-{full}"));
        assert_eq!(
            shards.call(client, "EXEC"),
            format!("-EXECABORT Transaction discarded because of: {full}")
        );
        assert_eq!(shards.call(client, "EXEC"), "-ERR EXEC without MULTI\r\n");
    }

    #[test]
    fn a_long_exec_in_steps_does_not_recurse() {
        const COMMANDS: usize = 50_000;
        let mut shards = Shards::new(2);
        let client = shards.connect(0);
        shards.call(client, "MULTI");
        shards.call(client, "SLOWLOG LEN");
        // No key can be found in them: their handler says what is wrong.
        let line = "*4\r\n$5\r\nLMPOP\r\n$1\r\n0\r\n$1\r\nk\r\n$4\r\nLEFT\r\n";
        shards.feed(client, line.repeat(COMMANDS).as_bytes());
        shards.run();
        shards.read(client);
        let reply = shards.call(client, "EXEC");
        assert!(reply.starts_with(&format!("*{}\r\n:0\r\n-ERR", COMMANDS + 1)));
        assert_eq!(reply.matches("-ERR numkeys").count(), COMMANDS);
    }

    #[test]
    fn a_client_that_wants_no_replies_gets_none_of_an_exec_in_steps() {
        let mut shards = Shards::new(2);
        let client = shards.connect(0);
        shards.feed(
            client,
            b"CLIENT REPLY OFF\r\nMULTI\r\nSLOWLOG LEN\r\nEXEC\r\n",
        );
        shards.run();
        assert_eq!(shards.read(client), "");
        assert_eq!(shards.call(client, "CLIENT REPLY ON"), "+OK\r\n");
    }

    #[test]
    fn a_server_that_stops_forgets_an_exec_that_waits_for_locks() {
        let mut shards = Shards::new(2);
        let client = shards.connect(0);
        shards.call(client, "MULTI");
        shards.call(client, "SLOWLOG LEN");
        shards.send(client, "EXEC");
        shards.tick(0);
        shards.tick(1);
        // The other shard's grant is under way; a server that stops never rests.
        shards.core(0).stop();
        for round in 0..20 {
            shards.tick(round % 2);
        }
        for shard in 0..2 {
            let core = shards.core(shard);
            assert!(
                core.transactions.coordinator.is_empty()
                    && core.transactions.participants.no_locks()
            );
        }
    }

    #[test]
    fn an_exec_of_nothing_says_in_the_clients_protocol_that_a_key_changed() {
        let mut shards = Shards::new(2);
        let (client, other) = (shards.connect(0), shards.connect(0));
        shards.call(client, "HELLO 3");
        for key in [shards.key(0, 0), shards.key(1, 0)] {
            shards.call(client, &format!("WATCH {key}"));
            shards.call(client, "MULTI");
            shards.call(other, &format!("SET {key} 1"));
            assert_eq!(shards.call(client, "EXEC"), "_\r\n");
        }
    }

    #[test]
    fn an_exec_comes_before_what_others_send_later() {
        let mut shards = Shards::new(1);
        let (watcher, other) = (shards.connect(0), shards.connect(0));
        for line in ["SET a 1", "WATCH a", "MULTI", "GET a"] {
            shards.call(watcher, line);
        }
        shards.send(watcher, "EXEC");
        shards.send(other, "SET a 2");
        shards.run();
        assert_eq!(shards.read(watcher), "*1\r\n$1\r\n1\r\n");
    }
}
