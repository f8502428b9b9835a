//! A shard's figures, as INFO and MEMORY STATS add them up over the shards.
//!
//! `Metrics` owns what is counted and measured; here it is joined by what can be looked up when somebody asks.
//! Changes nothing but what is published about memory.

use super::Core;
use crate::conn::{Client, State};
use crate::metrics::Statistics;

impl Core {
    /// This shard's figures.
    pub fn statistics_now(&mut self) -> Statistics {
        self.publish_memory();
        let now_ms = self.now.unix_ms();
        let mut statistics = self.metrics.counters().clone();
        statistics.clients = self.clients.len() as u64;
        statistics.blocked_clients = self
            .clients
            .iter()
            .filter(|client| matches!(client.state, State::Blocked | State::Paused))
            .count() as u64;
        statistics.keyspace = (0..self.store.databases())
            .map(|db| {
                let (keys, expires) = (self.store.len(db), self.store.expires(db));
                let average_ms = self.store.average_ttl(db, now_ms);
                (keys as u64, expires as u64, average_ms)
            })
            .collect();
        statistics.calls = self
            .metrics
            .calls()
            .iter()
            .map(|calls| {
                let microseconds = calls.nanoseconds / 1000;
                (calls.calls, microseconds, calls.rejected, calls.failed)
            })
            .collect();
        let (longest, stalls) = self.metrics.stalls();
        let row = longest.row.map(|row| &*self.table.row(row).full_name);
        statistics.longest_round_us = longest.microseconds;
        statistics.longest_round_cause = format!("{}/{}", longest.step.name(), row.unwrap_or("-"));
        statistics.stalls = stalls;
        statistics.client_memory = self.client_memory();
        let cleared = self.cleared.iter().map(|cleared| cleared.len() as u64);
        statistics.lazy_free_pending = cleared.sum::<u64>() + self.unfreed() as u64;
        statistics
    }

    /// Bytes of the clients and their buffers, about.
    #[must_use]
    pub fn client_memory(&self) -> u64 {
        let of =
            |client: &Client| size_of::<Client>() + client.input.capacity() + client.unsent_bytes();
        self.clients.iter().map(|client| of(client) as u64).sum()
    }
}
