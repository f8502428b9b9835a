//! What may keep a command from running: the gates, in Redis's order, and what a refused client is
//! told.
//!
//! Clients and servers in an ordinary state pass by one test in `dispatch`. A gate looks and
//! refuses or lets wait; it runs nothing.

use super::Core;
use super::input::Flow;
use crate::base::Token;
use crate::cmd::{InMulti, Row, flag, may_replicate};
use crate::config::choice::PipelineOrder;
use crate::conn::{ReplyMode, State};
use crate::limits::UNKNOWN_SHOWN_BYTES;
use crate::resp::{Args, Error};

impl Core {
    /// The gates of clients and servers in a particular state, in Redis's order.
    #[cold]
    pub(super) fn special_gates(
        &mut self,
        token: Token,
        row_number: u16,
        row: &'static Row,
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
        None
    }

    /// True when the client's commands are answered one after the other, and one is not answered
    /// yet: which reply CLIENT REPLY SKIP swallows is only known in order.
    fn waits_its_turn(&mut self, token: Token) -> bool {
        let strict = self.settings.config.pipeline_order == PipelineOrder::Strict;
        let client = self.client(token);
        let serial = client.session.reply != ReplyMode::On || strict;
        serial && client.replies.outstanding() > 0
    }

    /// True for commands that are refused when memory is short: those that may need some, an EXEC
    /// of such commands, and, because a queue costs memory, everything that MULTI would queue.
    pub(super) fn needs_memory(&mut self, token: Token, row: &Row) -> bool {
        if row.has(flag::DENYOOM) {
            return true;
        }
        let transaction = self.client(token).transaction.as_deref();
        transaction.is_some_and(|transaction| match row.command.special.in_multi {
            InMulti::Executes => transaction.needs_memory,
            InMulti::GivesUp => false,
            InMulti::Queues | InMulti::Refused | InMulti::Runs => transaction.open,
        })
    }

    /// An error instead of execution; inside MULTI it also dooms the transaction.
    pub fn refuse(&mut self, token: Token, row_number: Option<u16>, error: &Error) -> Flow {
        let mut abort = None;
        if let Some(number) = row_number {
            self.metrics.count_rejected(number);
            if self.table().row(number).command.special.in_multi == InMulti::Executes {
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
    pub(super) fn wrong_arity(&mut self, token: Token, row_number: u16, row: &Row) -> Flow {
        if self.waits_its_turn(token) {
            return self.wait_for_replies(token);
        }
        self.refuse(token, Some(row_number), &Error::arity(&row.full_name))
    }

    /// An unknown command or subcommand, in Redis's words.
    #[cold]
    pub(super) fn unknown(
        &mut self,
        token: Token,
        args: &Args<'_>,
        container: Option<u16>,
    ) -> Flow {
        if self.waits_its_turn(token) {
            return self.wait_for_replies(token);
        }
        if args.is(0, "post") || args.is(0, "host:") {
            // A browser was led here with a request that hides commands: it gets no answer.
            self.close_now(token);
            return Flow::Stop;
        }
        let shown = |bytes: &[u8]| {
            String::from_utf8_lossy(&bytes[..bytes.len().min(UNKNOWN_SHOWN_BYTES)]).into_owned()
        };
        let error = if let Some(container) = container {
            let name = self.table().row(container).called.to_uppercase();
            format!(
                "ERR unknown subcommand '{}'. Try {name} HELP.",
                shown(args.get(1))
            )
        } else {
            let mut beginning = String::new();
            for argument in args.from(1) {
                if beginning.len() >= UNKNOWN_SHOWN_BYTES {
                    break;
                }
                let room = UNKNOWN_SHOWN_BYTES - beginning.len();
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
        !self.settings.config.requirepass.is_empty()
    }

    /// The command must be alone: it waits until every earlier reply has come.
    pub(super) fn wait_for_replies(&mut self, token: Token) -> Flow {
        let client = self.client(token);
        assert!(
            client.replies.outstanding() > 0,
            "who waits for replies is owed one: nothing else lets it go on"
        );
        client.state = State::Waiting;
        Flow::Retry
    }

    /// True when earlier commands of the client are unanswered.
    #[inline]
    pub(super) fn has_outstanding(&mut self, token: Token) -> bool {
        self.client(token).replies.outstanding() > 0
    }
}
