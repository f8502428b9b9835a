//! Clients that may go on: at once, when their turn comes, or in the next tick.
//!
//! Three queues of names; a name may be out of date, so whoever takes one looks at the client.
//! Owned by the shard; knows nothing of clients but their tokens.

use std::collections::VecDeque;

use crate::base::Token;

/// The queues.
#[derive(Debug, Default)]
pub struct Ready {
    /// Their input may go on.
    runnable: VecDeque<Token>,
    /// They have more to do than fits a turn, the next one first.
    turns: VecDeque<Token>,
    /// They met a full parcel: runnable again in the next tick. With the client's id.
    held_back: Vec<(Token, u64)>,
}

impl Ready {
    /// The client goes on in this tick.
    pub fn push(&mut self, token: Token) {
        self.runnable.push_back(token);
    }

    /// The next client that goes on.
    pub fn pop(&mut self) -> Option<Token> {
        self.runnable.pop_front()
    }

    /// The client goes on when those who wait for a turn already have had theirs.
    pub(super) fn push_turn(&mut self, token: Token) {
        self.turns.push_back(token);
    }

    /// The next client that has a turn.
    pub(super) fn pop_turn(&mut self) -> Option<Token> {
        self.turns.pop_front()
    }

    /// The client has met a full parcel.
    pub(super) fn hold_back(&mut self, token: Token, client: u64) {
        self.held_back.push((token, client));
    }

    /// Those who met one in the last tick.
    pub(super) fn take_held_back(&mut self) -> Vec<(Token, u64)> {
        std::mem::take(&mut self.held_back)
    }

    /// True while clients go on in this tick.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        !self.runnable.is_empty() || !self.turns.is_empty()
    }

    /// True while a client waits for a turn.
    #[cfg(test)]
    #[must_use]
    pub(super) fn has_turns(&self) -> bool {
        !self.turns.is_empty()
    }

    /// True when no client goes on by itself.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.is_busy() && self.held_back.is_empty()
    }
}
