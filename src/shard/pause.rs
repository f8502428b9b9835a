//! A pause: every shard holds its clients' commands, all of them or just writes.
//!
//! A held command is not taken from its client's input; it is parsed again when the pause ends.
//! Meanwhile no key is removed because it has expired. CLIENT PAUSE and UNPAUSE themselves are in
//! `admin`.

use std::collections::HashSet;

use super::Core;
use crate::base::Token;
use crate::cmd::{InMulti, Row, may_replicate};
use crate::conn::State;

/// Until when clients are paused, and which of their commands.
#[derive(Debug, Default)]
pub struct Pause {
    /// Milliseconds of the wall clock; 0: they are not.
    until_ms: u64,
    all: bool,
}

impl Pause {
    /// True while clients are paused.
    #[inline]
    #[must_use]
    pub(super) fn is_on(&self) -> bool {
        self.until_ms != 0
    }

    /// The end of the pause, milliseconds of the wall clock, while there is one.
    #[must_use]
    pub(super) fn end_ms(&self) -> Option<u64> {
        self.is_on().then_some(self.until_ms)
    }

    /// The longer time and the stricter kind count.
    fn extend(&mut self, until_ms: u64, all: bool) {
        assert!(until_ms > 0, "a pause has an end");
        self.until_ms = self.until_ms.max(until_ms);
        self.all |= all;
    }

    fn end(&mut self) {
        *self = Self::default();
    }
}

impl Core {
    /// A pause begins or grows longer and stricter, or (0) ends. Says how many commands are in
    /// progress.
    pub fn pause_here(&mut self, until_ms: u64, all: bool) -> usize {
        if until_ms == 0 {
            self.resume_clients();
            return 0;
        }
        self.pause.extend(until_ms, all);
        let asking: HashSet<Token> = self.queries.waiting().collect();
        let in_progress = self.clients.iter().filter(|client| {
            let waits = client.state == State::Waiting && !asking.contains(&client.token);
            waits || client.replies.outstanding() > 0
        });
        in_progress.count()
    }

    /// Until when clients are paused (0: they are not), and whether all commands are.
    #[must_use]
    pub fn pause(&self) -> (u64, bool) {
        (self.pause.until_ms, self.pause.all)
    }

    /// True when this command must wait for the end of the pause; its client is parked.
    pub(super) fn held_by_pause(&mut self, token: Token, row: &Row) -> bool {
        if !self.pause.is_on() {
            return false;
        }
        let queue = self.client(token).transaction.as_ref();
        let executes_writes = row.command.special.in_multi == InMulti::Executes
            && queue.is_some_and(|transaction| transaction.writes);
        if !(self.pause.all || may_replicate(row) || executes_writes) {
            return false;
        }
        let client = self.client(token);
        assert!(
            client.state == State::Running,
            "a pause holds the next command of who runs"
        );
        client.state = State::Paused;
        true
    }

    /// Ends the pause when its timeout has passed.
    pub(super) fn end_pause(&mut self) {
        let end_ms = self.pause.end_ms();
        if end_ms.is_some_and(|end_ms| self.now.unix_ms() >= end_ms) {
            self.resume_clients();
        }
    }

    fn resume_clients(&mut self) {
        self.pause.end();
        for token in self.clients.tokens() {
            if self.client(token).state == State::Paused {
                self.run_again(token);
            }
        }
    }
}
