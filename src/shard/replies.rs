//! Replies that come from elsewhere or later: into their client's pipeline, or as the end of its
//! command.
//!
//! A command that was alone ends with `complete`. What its client does then, when it is in the
//! middle of an EXEC, is told as a note, so that nothing here runs a command.

use super::Core;
use crate::base::Token;
use crate::conn::{ReplyMode, State};
use crate::resp::{Error, Reply};
use crate::route::{ClientRef, Note, ReplyTo, ShardId};

impl Core {
    /// One reply for a client's pipeline.
    #[inline]
    pub fn answer(&mut self, client: ClientRef, place: u32, reply: &[u8]) {
        let token = client.token;
        let Some(client) = self.clients.of(client) else {
            return;
        };
        self.output.lend_buffer(client);
        let muted = client.session.reply != ReplyMode::On;
        client
            .replies
            .answer(place, if muted { &[] } else { reply });
        if client.session.reply == ReplyMode::Skip {
            client.session.reply = ReplyMode::On;
        }
        self.output.list(client);
        if (client.state == State::Waiting || client.ended) && client.replies.in_order() {
            self.run_again(token);
        }
    }

    /// A reply that did not come with its parcel.
    pub(super) fn late(&mut self, to: ReplyTo, reply: &[u8]) {
        match to {
            ReplyTo::Place(client, place) => self.answer(client, place, reply),
            ReplyTo::Alone(client) if self.clients.of(client).is_some() => {
                self.end_blocking(client.token);
                self.complete_counted(client.token, |sink| sink.encoded(reply));
            }
            ReplyTo::Alone(_) => {}
        }
    }

    /// Delivers the reply of a task to its client, wherever it lives.
    pub fn deliver(&mut self, home: ShardId, to: ReplyTo, reply: Vec<u8>) {
        self.tell(home, Note::Late { to, reply });
    }

    /// Ends a command that was alone: `write` makes its reply, then the client may go on. An error
    /// is counted.
    pub fn complete(&mut self, token: Token, write: impl FnOnce(&mut Reply<'_>)) {
        let before = self.metrics.unattributed_errors();
        let start = self.write_alone(token, write);
        let reply = &self.client(token).replies.sink()[start..];
        if let Some(code) = Error::code_of(reply).map(str::to_string) {
            self.count_error(&code);
        }
        self.end_home(token, before);
        self.end_alone(token, start);
    }

    /// As `complete`, where an error was counted by whoever made the reply.
    pub(super) fn complete_counted(&mut self, token: Token, write: impl FnOnce(&mut Reply<'_>)) {
        let start = self.write_alone(token, write);
        self.end_alone(token, start);
    }

    /// Writes the reply of a command that was alone; returns where it starts.
    fn write_alone(&mut self, token: Token, write: impl FnOnce(&mut Reply<'_>)) -> usize {
        let client = self.client(token);
        assert!(
            client.replies.in_order(),
            "a command that completes later is alone"
        );
        assert!(
            matches!(
                client.state,
                State::Waiting | State::Blocked | State::Closing
            ),
            "a command that completes later keeps its client waiting"
        );
        let protocol = client.session.protocol;
        let sink = client.replies.sink();
        let start = sink.len();
        write(&mut Reply::new(sink, protocol));
        start
    }

    fn end_alone(&mut self, token: Token, start: usize) {
        self.mute(token, start);
        self.list_output(token);
        let client = self.client(token);
        if client.steps.is_none() && client.unwatching.is_empty() {
            return self.end_command(token);
        }
        let to = client.reference();
        self.tell(self.id(), Note::GoOn(to));
    }

    /// A command that was alone is over: its client goes on or, if it has left, goes.
    pub(super) fn end_command(&mut self, token: Token) {
        if self.client(token).gone() {
            return self.forget(token);
        }
        self.run_again(token);
    }

    /// CLIENT REPLY OFF and SKIP: takes back what the command wrote behind `start`.
    #[inline]
    pub(super) fn mute(&mut self, token: Token, start: usize) {
        let client = self.client(token);
        let mode = &mut client.session.reply;
        match *mode {
            ReplyMode::On => return,
            ReplyMode::Off => {}
            ReplyMode::Skip => *mode = ReplyMode::On,
            ReplyMode::SkipNext => *mode = ReplyMode::Skip,
        }
        client.replies.sink().truncate(start);
    }

    /// A blocking command is over; nothing is registered any more where its reply came from.
    fn end_blocking(&mut self, token: Token) {
        let client = self.client(token);
        if client.kept_command.is_some() && client.steps.is_none() {
            client.kept_command = None;
        }
        self.forget_deadline(token);
    }

    pub(super) fn forget_deadline(&mut self, token: Token) {
        let client = self.client(token);
        if let Some(at_us) = client.deadline_us.take() {
            let deadline = (at_us, client.reference(), client.block);
            self.transactions.waits.drop_deadline(deadline);
        }
    }
}
