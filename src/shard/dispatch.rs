//! From a parsed command to where it runs: the gates, then the route.
//!
//! `command` is the one way in. A plain command on keys of one shard costs a table look-up, a slot
//! and a branch or two; everything else branches off early. What is not such a command waits until
//! its client has no reply outstanding, so that it never overtakes.

use super::Core;
use super::execute::Call;
use super::input::Flow;
use super::keys::Route;
use super::split::divides;
use crate::base::Token;
use crate::cmd::{Row, Run, changes_keys, flag};
use crate::config::choice::PipelineOrder;
use crate::conn::{ReplyMode, State};
use crate::resp::Args;
use crate::route::{Asker, RemoteCommand, ShardId};
use crate::store::{Db, Slot};

impl Core {
    /// One command of a client; `first_slot` is its first argument's, where it is known.
    #[inline]
    pub fn command(&mut self, token: Token, args: &Args<'_>, first_slot: Option<Slot>) -> Flow {
        // Before anything that may answer: errors pile up as well as values do.
        if self.over_output(token) {
            return Flow::Retry;
        }
        let row_number = match self.table().resolve(args) {
            Ok(number) => number,
            Err(container) => return self.unknown(token, args, container),
        };
        let row: &'static Row = self.table().row(row_number);
        if !row.arity_fits(args.len()) {
            return self.wrong_arity(token, row_number, row);
        }
        if let Some(flow) = self.gates(token, row_number, row, args) {
            return flow;
        }
        let client = self.client(token);
        client.commands += 1;
        client.last_row = Some(row_number);
        let flow = match row.command.run {
            Run::Keys(_) | Run::Split(..) => {
                let route = self.route_from(row, args, first_slot);
                self.keyed(token, row_number, row, args, route)
            }
            Run::Everywhere(..) => self.everywhere(token, row_number, args),
            Run::Home(_) => self.at_home(token, row_number, args),
            Run::Container => panic!("a container's arity asks for a subcommand"),
        };
        if !self.monitors.is_empty() && flow != Flow::Retry {
            self.feed_monitors(token, row_number, args);
        }
        flow
    }

    /// Everything that may keep a command from running. None: it runs.
    #[inline]
    fn gates(
        &mut self,
        token: Token,
        row_number: u16,
        row: &'static Row,
        args: &Args<'_>,
    ) -> Option<Flow> {
        let client = self
            .clients
            .get_mut(token)
            .expect("the caller works for a client that is there");
        let special = client.transaction.is_some()
            || client.session.reply != ReplyMode::On
            || !client.session.authenticated
            || client.session.monitor
            || self.pause.is_on()
            || self.settings.config.maxmemory != 0
            || self.settings.config.pipeline_order == PipelineOrder::Strict;
        if !special {
            return None;
        }
        let kept = self.special_gates(token, row_number, row);
        if kept.is_none() && self.client(token).in_multi() {
            return self.queue_in_multi(token, row_number, row, args);
        }
        kept
    }

    /// A command on keys.
    #[inline]
    fn keyed(
        &mut self,
        token: Token,
        row_number: u16,
        row: &'static Row,
        args: &Args<'_>,
        route: Route,
    ) -> Flow {
        match route {
            Route::One {
                shard,
                slot,
                key_at,
            } if shard == self.id() => {
                self.execute_here(token, row_number, row, args, (slot, key_at))
            }
            Route::One {
                shard,
                slot,
                key_at,
            } if !row.has(flag::BLOCKING) => {
                self.hop(token, shard, row_number, args, (slot, key_at))
            }
            Route::Anywhere => self.execute_here(token, row_number, row, args, (Slot::FIRST, 0)),
            route @ (Route::One { .. } | Route::Several) => {
                if self.has_outstanding(token) {
                    return self.wait_for_replies(token);
                }
                if let Run::Split(_, merge) = row.command.run
                    && route == Route::Several
                    && divides(row, args)
                {
                    let only_keys = self.parsing.positions.len() + 1 == args.len();
                    return if changes_keys(row) || !only_keys {
                        self.begin_split(token, row_number, args, merge)
                    } else {
                        self.begin_snapshot(token, row_number, args, merge)
                    };
                }
                let mut task = self.task(token, row_number, args);
                self.remember_blocking(token, row, &mut task);
                self.coordinate(row, task, route);
                self.act();
                Flow::Stop
            }
        }
    }

    /// A command of one of our clients whose keys are ours.
    #[inline]
    fn execute_here(
        &mut self,
        token: Token,
        row_number: u16,
        row: &'static Row,
        args: &Args<'_>,
        key: (Slot, u16),
    ) -> Flow {
        if (!self.transactions.participants.no_locks() || row.has(flag::BLOCKING))
            && let Some(flow) = self.execute_behind_locks(token, row_number, row, args)
        {
            return flow;
        }
        let client = self
            .clients
            .get_mut(token)
            .expect("the caller works for a client that is there");
        let call = Call {
            client: Some(client.reference()),
            chained: true,
            ..Call::of(client.session.head(row_number).with_key(key), false)
        };
        let in_order = client.replies.in_order();
        self.output.lend_buffer(client);
        // The sink is taken out for the time of the call, so that handler and client are borrowed
        // apart.
        let mut out = std::mem::take(client.replies.sink());
        let start = out.len();
        self.run_handler(call, args, &mut out);
        let client = self
            .clients
            .get_mut(token)
            .expect("a handler cannot remove its client");
        *client.replies.sink() = out;
        if client.session.reply != ReplyMode::On {
            self.mute(token, start);
        }
        if !in_order {
            self.client(token).replies.seal(start);
        }
        self.settle_effects();
        if self.transactions.waits.has_ready() {
            self.act();
        }
        Flow::Next
    }

    /// While transactions are about, or for commands that may block: None when the command may run
    /// at once.
    #[cold]
    fn execute_behind_locks(
        &mut self,
        token: Token,
        row_number: u16,
        row: &'static Row,
        args: &Args<'_>,
    ) -> Option<Flow> {
        if !row.has(flag::BLOCKING) && !self.is_locked(row, self.client_db(token), args) {
            return None;
        }
        if self.has_outstanding(token) {
            return Some(self.wait_for_replies(token));
        }
        let mut task = self.task(token, row_number, args);
        let client = self.client(token);
        assert!(client.state == State::Running, "who waits begins nothing");
        client.state = State::Waiting;
        self.remember_blocking(token, row, &mut task);
        self.perform(task);
        self.act();
        Some(Flow::Stop)
    }

    fn client_db(&self, token: Token) -> Db {
        self.clients
            .get(token)
            .map_or(Db::FIRST, |client| client.session.db)
    }

    /// Sends a command to the shard that owns its keys.
    #[inline]
    fn hop(
        &mut self,
        token: Token,
        shard: ShardId,
        row_number: u16,
        args: &Args<'_>,
        key: (Slot, u16),
    ) -> Flow {
        let client = self
            .clients
            .get_mut(token)
            .expect("the caller works for a client that is there");
        let Some(parcel) = self.mail.parcel(shard) else {
            client.state = State::Waiting;
            self.ready.hold_back(token, client.id);
            return Flow::Retry;
        };
        if client.replies.is_window_full() {
            assert!(
                client.replies.outstanding() > 0,
                "the replies that fill a window let its client go on when they come"
            );
            client.state = State::Waiting;
            return Flow::Retry;
        }
        let (first_span, spans) = parcel.pack(args);
        parcel.commands.push(RemoteCommand {
            asker: Asker::Client(client.reference(), client.replies.reserve()),
            head: client.session.head(row_number).with_key(key),
            first_span,
            spans,
            reply: None,
        });
        self.metrics.count().hops += 1;
        Flow::Next
    }

    /// A command on the whole keyspace of every shard.
    fn everywhere(&mut self, token: Token, row_number: u16, args: &Args<'_>) -> Flow {
        if self.has_outstanding(token) {
            return self.wait_for_replies(token);
        }
        let row: &'static Row = self.table().row(row_number);
        if self.identity.shards == 1 && self.transactions.participants.no_locks() {
            return self.execute_here(token, row_number, row, args, (Slot::FIRST, 0));
        }
        let task = self.task(token, row_number, args);
        let client = self.client(token);
        assert!(client.state == State::Running, "who waits begins nothing");
        client.state = State::Waiting;
        self.spread(token, row, &task.commands.carried(0));
        Flow::Stop
    }

    /// A command of the client's own shard.
    fn at_home(&mut self, token: Token, row_number: u16, args: &Args<'_>) -> Flow {
        if self.has_outstanding(token) {
            return self.wait_for_replies(token);
        }
        self.run_home(token, row_number, args)
    }
}

#[cfg(test)]
mod tests {
    use crate::shard::testing::Shards;

    /// Feeds one pipeline of writes to both shards; returns how many commands hopped in the first
    /// tick.
    fn hops_at_once(order: &str) -> u64 {
        let mut shards = Shards::with(2, &[("pipeline-order", order)]);
        let client = shards.connect(0);
        let there = shards.key(1, 0);
        let pipeline: String = (0..4).map(|n| format!("SET {there} {n}\r\n")).collect();
        shards.feed(client, pipeline.as_bytes());
        shards.tick(0);
        let hops = shards.core(0).statistics().hops;
        shards.run();
        assert_eq!(shards.read(client), "+OK\r\n".repeat(4));
        assert_eq!(shards.call(client, &format!("GET {there}")), "$1\r\n3\r\n");
        hops
    }

    #[test]
    fn a_pipeline_overlaps_unless_it_is_strict() {
        assert_eq!(hops_at_once("overlap"), 4);
        assert_eq!(hops_at_once("strict"), 1);
    }
}
