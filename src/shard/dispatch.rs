//! From a parsed command to where it runs: the gates, then the route.
//!
//! `command` is the one way in. A plain command on keys of one shard costs a table look-up, a slot and a
//! branch or two; everything else branches off early. What is not such a command waits until its
//! client has no reply outstanding, so that it never overtakes.

use super::Core;
use super::input::Flow;
use super::split::divides;
use crate::base::Token;
use crate::cmd::{Keys, Row, Run, changes_keys, flag, key_slot, may_replicate};
use crate::config::choice::PipelineOrder;
use crate::conn::{ReplyMode, State};
use crate::resp::{Args, Error};
use crate::route::{RemoteCommand, ReplyTo};

/// Where the keys of a command are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// It has no keys, or none that can be found: its handler will say what is wrong.
    Anywhere,
    /// One shard owns them all; slot and argument of the first.
    One {
        shard: usize,
        slot: u16,
        key_at: u16,
    },
    /// Several shards own them; `positions` holds where the keys stand.
    Several,
}

impl Core {
    /// One command of a client; `first_slot` is its first argument's, where it is known.
    #[inline]
    pub fn command(&mut self, token: Token, args: &Args<'_>, first_slot: Option<u16>) -> Flow {
        // Before anything that may answer: errors pile up as well as values do.
        if self.over_output(token) {
            return Flow::Retry;
        }
        let row_number = match self.table.resolve(args) {
            Ok(number) => number,
            Err(container) => return self.unknown(token, args, container),
        };
        let row: &'static Row = self.table.row(row_number);
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
                let place = self.place_routed(row, args, first_slot);
                self.keyed(token, row_number, row, args, place)
            }
            Run::Everywhere(..) => self.everywhere(token, row_number, args),
            Run::Home(_) => self.at_home(token, row_number, args),
            Run::Container => panic!("a container's arity asks for a subcommand"),
        };
        if self.monitored && flow != Flow::Retry {
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
            || self.pause_until_ms != 0
            || self.config.maxmemory != 0
            || self.config.pipeline_order == PipelineOrder::Strict;
        if special {
            self.special_gates(token, row_number, row, args)
        } else {
            None
        }
    }

    /// The gates of clients and servers in a particular state, in Redis's order.
    #[cold]
    fn special_gates(
        &mut self,
        token: Token,
        row_number: u16,
        row: &'static Row,
        args: &Args<'_>,
    ) -> Option<Flow> {
        if self.waits_its_turn(token) {
            return Some(self.wait_for_replies(token));
        }
        let client = self.client(token);
        let (authenticated, monitor) = (client.session.authenticated, client.session.monitor);
        if !authenticated && self.asks_for_password() && !row.has(flag::NO_AUTH) {
            let error = Error::new("NOAUTH Authentication required.");
            return Some(self.refuse(token, Some(row_number), &error));
        }
        if self.needs_memory(token, row) && self.out_of_memory() {
            return Some(self.refuse(token, Some(row_number), &Error::OUT_OF_MEMORY));
        }
        if monitor {
            if row.has(flag::READONLY) || may_replicate(row) {
                let error = Error::new("ERR Replica can't interact with the keyspace");
                return Some(self.refuse(token, Some(row_number), &error));
            }
        } else if self.held_by_pause(token, row) {
            return Some(Flow::Retry);
        }
        if self.client(token).in_multi() {
            return self.queue_in_multi(token, row_number, row, args);
        }
        None
    }

    /// True when the client's commands are answered one after the other, and one is not answered
    /// yet: which reply CLIENT REPLY SKIP swallows is only known in order.
    fn waits_its_turn(&mut self, token: Token) -> bool {
        let strict = self.config.pipeline_order == PipelineOrder::Strict;
        let client = self.client(token);
        let serial = client.session.reply != ReplyMode::On || strict;
        serial && client.replies.outstanding() > 0
    }

    /// True for commands that are refused when memory is short: those that may need some, an EXEC
    /// of such commands, and, because a queue costs memory, everything that MULTI would queue.
    fn needs_memory(&mut self, token: Token, row: &Row) -> bool {
        if row.has(flag::DENYOOM) {
            return true;
        }
        let transaction = self.client(token).transaction.as_deref();
        transaction.is_some_and(|transaction| match row.command.name {
            "exec" => transaction.needs_memory,
            "discard" | "quit" | "reset" => false,
            _ => transaction.open,
        })
    }

    /// An error instead of execution; inside MULTI it also dooms the transaction.
    pub fn refuse(&mut self, token: Token, row_number: Option<u16>, error: &Error) -> Flow {
        let mut abort = None;
        if let Some(number) = row_number {
            self.metrics.count_rejected(number);
            if self.table.row(number).command.name == "exec" {
                self.drop_transaction(token);
                let reason = error.text();
                let reason = reason.strip_prefix("ERR ").unwrap_or(reason);
                abort = Some(Error::from(format!(
                    "EXECABORT Transaction discarded because of: {reason}"
                )));
            }
        }
        let error = abort.as_ref().unwrap_or(error);
        self.count_error(error.code());
        if let Some(transaction) = self
            .client(token)
            .transaction
            .as_mut()
            .filter(|transaction| transaction.open)
        {
            transaction.failed = true;
        }
        let client = self.client(token);
        // What CLIENT LIST shows is the last command sent, whatever became of it.
        client.last_row = row_number;
        let protocol = client.session.protocol;
        let in_order = client.replies.in_order();
        let sink = client.replies.sink();
        let start = sink.len();
        crate::resp::Reply::new(sink, protocol).error(error);
        self.mute(token, start);
        if !in_order {
            self.client(token).replies.seal(start);
        }
        Flow::Next
    }

    #[cold]
    fn wrong_arity(&mut self, token: Token, row_number: u16, row: &Row) -> Flow {
        if self.waits_its_turn(token) {
            return self.wait_for_replies(token);
        }
        self.refuse(token, Some(row_number), &Error::arity(&row.full_name))
    }

    /// An unknown command or subcommand, in Redis's words.
    #[cold]
    fn unknown(&mut self, token: Token, args: &Args<'_>, container: Option<u16>) -> Flow {
        const SHOWN_BYTES: usize = 128;
        if self.waits_its_turn(token) {
            return self.wait_for_replies(token);
        }
        if args.is(0, "post") || args.is(0, "host:") {
            // A browser was led here with a request that hides commands: it gets no answer.
            self.close_now(token);
            return Flow::Stop;
        }
        let shown = |bytes: &[u8]| {
            String::from_utf8_lossy(&bytes[..bytes.len().min(SHOWN_BYTES)]).into_owned()
        };
        let error = if let Some(container) = container {
            let name = self.table.row(container).command.name.to_uppercase();
            format!(
                "ERR unknown subcommand '{}'. Try {name} HELP.",
                shown(args.get(1))
            )
        } else {
            let mut beginning = String::new();
            for argument in args.from(1) {
                if beginning.len() >= SHOWN_BYTES {
                    break;
                }
                let room = SHOWN_BYTES - beginning.len();
                let cut = &argument[..argument.len().min(room)];
                beginning.push_str(&format!("'{}' ", String::from_utf8_lossy(cut)));
            }
            let name = shown(args.get(0));
            format!("ERR unknown command '{name}', with args beginning with: {beginning}")
        };
        self.refuse(token, None, &Error::from(error))
    }

    /// True when a client that has not authenticated may do nothing yet.
    #[inline]
    pub fn asks_for_password(&self) -> bool {
        !self.config.requirepass.is_empty()
    }

    /// The command must be alone: it waits until every earlier reply has come.
    pub fn wait_for_replies(&mut self, token: Token) -> Flow {
        self.client(token).state = State::Waiting;
        Flow::Retry
    }

    /// True when earlier commands of the client are unanswered.
    #[inline]
    pub fn has_outstanding(&mut self, token: Token) -> bool {
        self.client(token).replies.outstanding() > 0
    }

    /// A command on keys.
    #[inline]
    fn keyed(
        &mut self,
        token: Token,
        row_number: u16,
        row: &'static Row,
        args: &Args<'_>,
        place: Place,
    ) -> Flow {
        match place {
            Place::One {
                shard,
                slot,
                key_at,
            } if shard == self.id() => {
                self.execute_here(token, row_number, row, args, (slot, key_at))
            }
            Place::One {
                shard,
                slot,
                key_at,
            } if !row.has(flag::BLOCKING) => {
                self.hop(token, shard, row_number, args, (slot, key_at))
            }
            Place::Anywhere => self.execute_here(token, row_number, row, args, (0, 0)),
            place @ (Place::One { .. } | Place::Several) => {
                if self.has_outstanding(token) {
                    return self.wait_for_replies(token);
                }
                if let Run::Split(_, merge) = row.command.run
                    && place == Place::Several
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
                self.coordinate(token, row, task, place)
            }
        }
    }

    /// Which shard owns the keys of a command; with `Place::Several`, `positions` is filled.
    #[inline]
    pub fn place(&mut self, row: &Row, args: &Args<'_>) -> Place {
        self.place_routed(row, args, None)
    }

    #[inline]
    fn place_routed(&mut self, row: &Row, args: &Args<'_>, first_slot: Option<u16>) -> Place {
        match row.keys {
            Keys::One(at) => {
                let slot = match first_slot {
                    Some(slot) if at == 1 => slot,
                    _ => key_slot(args.get(at)),
                };
                Place::One {
                    shard: self.slots.owner(slot),
                    slot,
                    key_at: at as u16,
                }
            }
            Keys::None => Place::Anywhere,
            Keys::Many => self.place_many(row, args),
        }
    }

    fn place_many(&mut self, row: &Row, args: &Args<'_>) -> Place {
        self.parsing.positions.clear();
        for spec in row.command.keys {
            if spec.positions(args, &mut self.parsing.positions).is_err() {
                return Place::Anywhere;
            }
        }
        if row.has(flag::FINDS_KEYS) {
            // It may find keys of any shard, so it runs over lent ones, wherever they are.
            return Place::Several;
        }
        let Some(&first) = self.parsing.positions.first() else {
            return Place::Anywhere;
        };
        let slot = key_slot(args.get(first));
        let shard = self.slots.owner(slot);
        let one = self.parsing.positions[1..]
            .iter()
            .all(|&at| self.slots.owner(key_slot(args.get(at))) == shard);
        if one {
            Place::One {
                shard,
                slot,
                key_at: u16::try_from(first).unwrap_or(0),
            }
        } else {
            Place::Several
        }
    }

    /// Sends a command to the shard that owns its keys.
    #[inline]
    fn hop(
        &mut self,
        token: Token,
        shard: usize,
        row_number: u16,
        args: &Args<'_>,
        key: (u16, u16),
    ) -> Flow {
        let client = self
            .clients
            .get_mut(token)
            .expect("the caller works for a client that is there");
        let Some(parcel) = self.mail.parcel(shard) else {
            client.state = State::Waiting;
            self.ready.stall(token, client.id);
            return Flow::Retry;
        };
        if client.replies.is_window_full() {
            client.state = State::Waiting;
            return Flow::Retry;
        }
        let (first_span, spans) = parcel.pack(args);
        parcel.commands.push(RemoteCommand {
            to: ReplyTo {
                token,
                client: client.id,
                place: client.replies.reserve(),
            },
            head: client.session.head(row_number).with_key(key),
            first_span,
            spans,
            reply: None,
        });
        self.metrics.count().hops += 1;
        Flow::Next
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
