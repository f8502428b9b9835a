//! A shard's figures, as INFO and MEMORY STATS add them up over the shards.
//!
//! `Metrics` owns what is counted and measured; here it is joined by what can be looked up when
//! somebody asks. Publishes memory and cuts idle reply buffers on the way; changes nothing else.

use super::Core;
use crate::conn::State;
use crate::limits::{CLIENTS_PER_HOUSEKEEPING, CLIENTS_PER_HOUSEKEEPING_MIN, REPLY_BUFFER_IDLE_US};
use crate::metrics::Statistics;

impl Core {
    /// A look at some of the clients, so that each is seen about once a second: their buffers.
    pub(super) fn look_at_clients(&mut self) {
        let some = self.clients.tokens_used() / CLIENTS_PER_HOUSEKEEPING;
        let some = some.max(CLIENTS_PER_HOUSEKEEPING_MIN);
        let now_us = self.now.monotonic_us;
        let rules = self.debugged().reply_buffers;
        let (mut input_bytes, mut output_bytes, mut cut) = (0, 0, 0);
        for client in self.clients.next_some(some) {
            input_bytes = input_bytes.max(client.input.capacity());
            output_bytes = output_bytes.max(client.unsent_bytes());
            let buffer = &mut client.reply_buffer;
            if now_us.saturating_sub(client.active_us) > REPLY_BUFFER_IDLE_US {
                buffer.release(&mut client.replies);
            } else {
                cut += u64::from(buffer.cut(&mut client.replies, now_us, rules));
            }
        }
        self.metrics.count().reply_buffer_shrinks += cut;
        self.metrics
            .see_buffers(now_us, input_bytes as u64, output_bytes as u64);
    }

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
        statistics.keyspace = self
            .keyspace
            .own
            .databases()
            .map(|db| {
                let (keys, expires) = (self.keyspace.own.len(db), self.keyspace.own.expires(db));
                let average_ms = self.keyspace.own.average_ttl(db, now_ms);
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
        let row = longest.row.map(|row| &*self.table().row(row).full_name);
        statistics.longest_round_us = longest.microseconds;
        statistics.longest_round_cause = format!("{}/{}", longest.step.name(), row.unwrap_or("-"));
        statistics.stalls = stalls;
        statistics.client_memory = self.client_memory();
        statistics.clients_with_deadline = self.transactions.waits.deadlines() as u64;
        let now_us = self.now.monotonic_us;
        statistics.memory_exceeded_us = (
            self.memory.exceeded_before_us(),
            self.memory.exceeded_for_us(now_us),
        );
        let cleared = self
            .keyspace
            .cleared
            .iter()
            .map(|cleared| cleared.len() as u64);
        statistics.lazy_free_pending = cleared.sum::<u64>() + self.unfreed() as u64;
        statistics
    }

    /// Bytes of the clients and their buffers.
    #[must_use]
    pub fn client_memory(&self) -> u64 {
        let clients = self.clients.iter();
        clients.map(|client| client.memory_bytes() as u64).sum()
    }
}
