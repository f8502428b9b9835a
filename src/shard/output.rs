//! Replies on their way out: what is sent, what is held back, and how connections end.
//!
//! One send per client and tick. A client that does not read is not read from either; output that
//! grows past its limits all the same ends the connection.

use super::Core;
use super::core::IoRequest;
use crate::base::{Io, Token};
use crate::conn::{Client, Input, State};
use crate::limits::{
    OUTPUT_PAUSE_BYTES, REPLY_BUFFER_BYTES_MIN, SEND_BUFFER_KEPT_BYTES, SEND_BUFFERS_KEPT,
    SEND_HELD_BYTES,
};

/// What a client that leaves had registered anywhere is dropped, each by whoever registers it. An
/// EXEC under way is finished all the same, with its watches; the client's slot is kept until then
/// (`Client::gone`).
static FAREWELLS: &[fn(&mut Core, Token)] = &[
    Core::leave_waits,
    Core::stop_monitoring,
    Core::drop_transaction,
    Core::abandon_exec,
];

/// Clients with something to send, and the memory that it lies in.
#[derive(Debug, Default)]
pub struct Output {
    /// Clients with output to send.
    listed: Vec<Token>,
    /// Clients whose replies wait for other shards' answers to leave with them.
    held: Vec<Token>,
    /// This tick sends what otherwise waits for other shards' answers.
    flush_held: bool,
    /// Empty ones, with their memory.
    buffers: Vec<Vec<u8>>,
}

impl Output {
    /// Puts a client on the list, once.
    #[inline]
    pub fn list(&mut self, client: &mut Client) {
        if !client.listed {
            client.listed = true;
            self.listed.push(client.token);
        }
    }

    /// Lends a client that has none a buffer to write replies to, while there are some.
    #[inline]
    pub fn lend_buffer(&mut self, client: &mut Client) {
        if client.replies.needs_buffer()
            && let Some(buffer) = self.buffers.pop()
        {
            client.replies.lend_buffer(buffer);
        }
    }

    /// True when nobody has anything to send.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.listed.is_empty()
    }

    /// Frees what is kept for use again.
    pub(super) fn forget_spare(&mut self) {
        self.buffers = Vec::new();
    }

    /// What was sent comes back, empty: to its client, or to be lent to others. True if the
    /// client's has grown.
    #[inline]
    fn return_buffer(&mut self, client: &mut Client, mut bytes: Vec<u8>) -> bool {
        bytes.clear();
        let (spare, grown) = client.reply_buffer.comes_back(&mut client.replies, bytes);
        if let Some(spare) = spare {
            self.keep_buffer(spare);
        }
        grown
    }

    fn keep_buffer(&mut self, mut bytes: Vec<u8>) {
        bytes.clear();
        let kept = REPLY_BUFFER_BYTES_MIN..=SEND_BUFFER_KEPT_BYTES;
        if self.buffers.len() < SEND_BUFFERS_KEPT && kept.contains(&bytes.capacity()) {
            self.buffers.push(bytes);
        }
    }
}

impl Core {
    /// Marks a client as having output.
    #[inline]
    pub(super) fn list_output(&mut self, token: Token) {
        let client = self
            .clients
            .get_mut(token)
            .expect("the caller works for a client that is there");
        self.output.list(client);
    }

    /// Hands the ready bytes of every listed client to the Io.
    pub(super) fn send_replies<I: Io>(&mut self, io: &mut I) {
        let mut listed = std::mem::take(&mut self.output.listed);
        for token in listed.drain(..) {
            let Some(client) = self.clients.get_mut(token) else {
                continue;
            };
            client.listed = false;
            // An EXEC in steps is answered in one piece, at its end.
            if client.closing || client.sending.is_some() || client.steps.is_some() {
                continue;
            }
            let bytes = client.replies.ready_bytes();
            if bytes == 0 {
                if client.state == State::Closing && client.replies.in_order() {
                    self.close_now(token);
                }
                continue;
            }
            // Another shard's answer is about to join them: one packet instead of two.
            let more_comes = client.state == State::Waiting || client.replies.outstanding() > 0;
            if more_comes && bytes < SEND_HELD_BYTES && !self.output.flush_held {
                if !client.holds {
                    client.holds = true;
                    self.output.held.push(token);
                }
                continue;
            }
            let ready = client.replies.take_ready();
            client.sending = Some(bytes);
            client.reply_buffer.sends(bytes);
            client.output_bytes += bytes as u64;
            let counters = self.metrics.count();
            counters.output_bytes += bytes as u64;
            counters.writes += 1;
            io.send(token, ready);
        }
        self.output.listed = listed;
        self.output.flush_held = false;
    }

    /// Replies that waited for another shard's longer than a round of housekeeping leave without
    /// it.
    pub(super) fn flush_held_replies(&mut self) {
        self.output.flush_held = true;
        for token in std::mem::take(&mut self.output.held) {
            if let Some(client) = self.clients.get_mut(token)
                && std::mem::take(&mut client.holds)
                && client.replies.ready_bytes() > 0
            {
                self.list_output(token);
            }
        }
    }

    /// A send has ended; its vector comes back.
    pub fn sent(&mut self, token: Token, bytes: Vec<u8>, failed: bool) {
        let Some(client) = self.clients.get_mut(token) else {
            return self.output.keep_buffer(bytes);
        };
        assert!(client.sending.is_some(), "a send that ended was under way");
        client.sending = None;
        if !self.memory.is_exceeded() {
            let grown = self.output.return_buffer(client, bytes);
            self.metrics.count().reply_buffer_expands += u64::from(grown);
        }
        client.active_us = self.now.monotonic_us;
        if client.gone() {
            return self.forget(token);
        }
        if failed {
            return self.close_now(token);
        }
        if client.replies.ready_bytes() > 0 || client.state == State::Closing {
            return self.list_output(token);
        }
        if self.client(token).state == State::Throttled {
            self.run_again(token);
        }
    }

    /// Bounds a client's unsent output. True when its further commands must wait for it to read.
    #[inline]
    pub(super) fn over_output(&mut self, token: Token) -> bool {
        let client = self.client(token);
        if client.replies.held_bytes() >= OUTPUT_PAUSE_BYTES {
            assert!(
                !client.replies.in_order(),
                "replies are held behind one that has yet to come"
            );
            // They go when nothing is outstanding any more.
            client.state = State::Waiting;
            return true;
        }
        if client.unsent_bytes() < OUTPUT_PAUSE_BYTES {
            return false;
        }
        client.state = State::Throttled;
        self.list_output(token);
        true
    }

    /// Applies `client-output-buffer-limit` to every client; called by housekeeping.
    pub(super) fn enforce_output_limits(&mut self) {
        let limits = self.settings.config.client_output_buffer_limits.normal;
        if limits.hard_bytes == 0 && limits.soft_bytes == 0 {
            return;
        }
        let now_us = self.now.monotonic_us;
        for token in self.clients.tokens() {
            let client = self.client(token);
            let kept = client.unsent_bytes() as u64;
            let over_soft = limits.soft_bytes > 0 && kept > limits.soft_bytes;
            let since = if over_soft {
                *client.output_over_soft_since_us.get_or_insert(now_us)
            } else {
                now_us
            };
            if !over_soft {
                client.output_over_soft_since_us = None;
            }
            assert!(since <= now_us, "who is over its limit became so before");
            let soft_expired = over_soft && now_us - since >= limits.soft_seconds * 1_000_000;
            if soft_expired || limits.hard_bytes > 0 && kept > limits.hard_bytes {
                // What it does not read must not stay with the kernel either, nor hide the end from
                // it.
                self.end_now(token, IoRequest::Reset(token));
            }
        }
    }

    /// Takes no more input and closes when everything owed has been sent.
    pub fn close_after_replies(&mut self, token: Token) {
        let client = self.client(token);
        client.state = State::Closing;
        client.input = Input::default();
        client.unfinished = None;
        self.list_output(token);
    }

    /// A client that killed itself goes once its last command is answered.
    pub fn close_if_doomed(&mut self, token: Token) {
        let doomed = |client: &Client| client.doomed && client.steps.is_none();
        if self.clients.get(token).is_some_and(doomed) {
            self.close_after_replies(token);
        }
    }

    /// Closes at once; unsent output is lost.
    pub fn close_now(&mut self, token: Token) {
        self.end_now(token, IoRequest::Close(token));
    }

    fn end_now(&mut self, token: Token, request: IoRequest) {
        let client = self.client(token);
        client.state = State::Closing;
        if !client.closing {
            client.closing = true;
            for farewell in FAREWELLS {
                farewell(self, token);
            }
            self.requests.push(request);
        }
        if self.client(token).gone() {
            self.forget(token);
        }
    }

    /// No more will be received: our close is complete, the connection failed, or the peer has
    /// `ended` its own direction and may still read.
    pub fn closed(&mut self, token: Token, ended: bool) {
        let Some(client) = self.clients.get_mut(token) else {
            return;
        };
        client.closed = true;
        client.ended = ended;
        if !ended || client.closing || client.state == State::Blocked {
            return self.close_now(token);
        }
        if client.state == State::Running && !client.awaits_turn {
            self.ready.push(token);
        }
    }

    /// A client that sends no more leaves when its last command is answered.
    pub(super) fn end_if_answered(&mut self, token: Token) {
        let Some(client) = self.clients.get_mut(token) else {
            return;
        };
        let done = client.state == State::Running && !client.awaits_turn;
        if client.ended && done && client.replies.in_order() {
            self.close_after_replies(token);
        }
    }

    /// Frees the slot of a client that has gone.
    pub(super) fn forget(&mut self, token: Token) {
        let mut client = self.clients.remove(token).expect("forgotten once");
        assert!(
            client.gone(),
            "a slot is freed when no event can name it any more"
        );
        assert!(
            client.kept_command.is_none() && client.deadline_us.is_none(),
            "nothing is served to, or times out for, who has gone"
        );
        assert!(
            client.transaction.is_none() && !client.session.monitor,
            "who has gone watches nothing"
        );
        self.output.keep_buffer(client.replies.take_ready());
        self.identity.shared.uncount_client(self.id());
    }
}
