//! Per-connection state indexed by token.
//!
//! Shared by the uring and epoll back ends, owned by one shard each. A plain vector: tokens are
//! small dense numbers that the shard chooses, so no hashing and no search.

use super::io::Token;
use crate::limits::CLIENTS_PER_SHARD_MAX;

/// State of every attached token.
pub(super) struct Table<T> {
    entries: Vec<Option<T>>,
}

impl<T> Table<T> {
    pub(super) fn new() -> Self {
        Table {
            entries: Vec::new(),
        }
    }

    /// Whether the token may be attached at all.
    pub(super) fn admits(token: Token) -> bool {
        (token as usize) < CLIENTS_PER_SHARD_MAX
    }

    pub(super) fn insert(&mut self, token: Token, value: T) {
        let index = token as usize;
        if index >= self.entries.len() {
            self.entries.resize_with(index + 1, || None);
        }
        assert!(
            self.entries[index].is_none(),
            "token {token} is attached twice"
        );
        self.entries[index] = Some(value);
    }

    pub(super) fn get(&self, token: Token) -> Option<&T> {
        self.entries.get(token as usize)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, token: Token) -> Option<&mut T> {
        self.entries.get_mut(token as usize)?.as_mut()
    }

    /// The state of a token that must be attached.
    pub(super) fn attached(&mut self, token: Token) -> &mut T {
        match self.get_mut(token) {
            Some(value) => value,
            None => panic!("token {token} is not attached"),
        }
    }

    pub(super) fn remove(&mut self, token: Token) -> T {
        self.entries[token as usize]
            .take()
            .expect("only attached tokens are released")
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.entries.iter().flatten()
    }
}
