//! The clients of one shard, by token.
//!
//! A slab: freed tokens are given out again, the newest first, so tokens stay small and the Io's
//! tables dense.

use super::Client;
use crate::base::Token;
use crate::limits::CLIENTS_PER_SHARD_MAX;
use crate::route::ClientRef;

/// All clients of a shard.
#[derive(Debug, Default)]
pub struct Clients {
    by_token: Vec<Option<Box<Client>>>,
    free: Vec<Token>,
    /// Where `next_some` goes on.
    seen: usize,
}

impl Clients {
    /// A free token, or None at the limit.
    pub fn reserve(&mut self) -> Option<Token> {
        if let Some(token) = self.free.pop() {
            assert!(self.get(token).is_none(), "a free token has no client");
            return Some(token);
        }
        if self.by_token.len() >= CLIENTS_PER_SHARD_MAX {
            return None;
        }
        self.by_token.push(None);
        Token::try_from(self.by_token.len() - 1).ok()
    }

    /// Gives a reserved token back unused.
    pub fn unreserve(&mut self, token: Token) {
        assert!(self.get(token).is_none(), "an unused token has no client");
        self.free.push(token);
    }

    /// Puts a client at its reserved token.
    pub fn insert(&mut self, client: Client) {
        let place = &mut self.by_token[client.token as usize];
        assert!(place.is_none(), "a token has one client");
        *place = Some(Box::new(client));
    }

    /// The client at a token.
    #[inline]
    #[must_use]
    pub fn get(&self, token: Token) -> Option<&Client> {
        self.by_token.get(token as usize)?.as_deref()
    }

    /// The client at a token.
    #[inline]
    pub fn get_mut(&mut self, token: Token) -> Option<&mut Client> {
        self.by_token.get_mut(token as usize)?.as_deref_mut()
    }

    /// The client with this id at a token, if it is still there.
    #[inline]
    pub fn of(&mut self, client: ClientRef) -> Option<&mut Client> {
        let ClientRef { token, id } = client;
        self.get_mut(token).filter(|client| client.id == id)
    }

    /// Removes a client and frees its token.
    pub fn remove(&mut self, token: Token) -> Option<Box<Client>> {
        let client = self.by_token.get_mut(token as usize)?.take()?;
        assert!(client.token == token, "a client is at its token");
        self.free.push(token);
        assert!(
            self.free.len() <= self.by_token.len(),
            "a token is free once"
        );
        Some(client)
    }

    /// How many clients there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_token.len() - self.free.len()
    }

    /// True without clients.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Every client.
    pub fn iter(&self) -> impl Iterator<Item = &Client> {
        self.by_token.iter().filter_map(Option::as_deref)
    }

    /// The clients at the next so many tokens; the first token follows the last.
    pub fn next_some(&mut self, count: usize) -> impl Iterator<Item = &mut Client> {
        let all = self.by_token.len();
        let from = self.seen.min(all);
        let count = count.min(all);
        self.seen = (from + count) % all.max(1);
        let (before, behind) = self.by_token.split_at_mut(from);
        let next = behind.iter_mut().chain(before).take(count);
        next.filter_map(Option::as_deref_mut)
    }

    /// How many tokens have been given out; some may be free again.
    #[must_use]
    pub fn tokens_used(&self) -> usize {
        self.by_token.len()
    }

    /// The tokens in use; for loops that change clients.
    #[must_use]
    pub fn tokens(&self) -> Vec<Token> {
        self.iter().map(|client| client.token).collect()
    }
}
