//! What INFO adds up over the shards.
//!
//! Each shard counts for itself and sends a copy when asked; only here are the copies added.

use crate::limits::ERROR_CODES_MAX;

/// Per second, over the last one and a half seconds.
#[derive(Debug, Clone, Copy, Default)]
pub struct Rates {
    pub commands: f64,
    pub input_bytes: f64,
    pub output_bytes: f64,
}

/// One shard's figures, or the sum of several.
#[derive(Debug, Clone, Default)]
pub struct Statistics {
    pub clients: u64,
    pub blocked_clients: u64,
    pub connections: u64,
    pub rejected_connections: u64,
    pub commands: u64,
    pub input_bytes: u64,
    pub output_bytes: u64,
    pub hits: u64,
    pub misses: u64,
    pub expired: u64,
    pub evicted: u64,
    pub dirty: u64,
    pub error_replies: u64,
    /// Receptions and sends.
    pub reads: u64,
    pub writes: u64,
    /// Time spent on ending keys in background.
    pub expiry_ns: u64,
    /// Blocked clients that wait no longer than some time.
    pub clients_with_deadline: u64,
    pub reply_buffer_shrinks: u64,
    pub reply_buffer_expands: u64,
    /// For how long more than `maxmemory` was used: before, and by now; on the shard that saw it
    /// longest.
    pub memory_exceeded_us: (u64, u64),
    /// Commands that answered with an error.
    pub failed: u64,
    /// Allocated and not freed by the shard's thread; negative where it freed what others had
    /// allocated.
    pub used_memory: i64,
    /// Of all shards together, so not added.
    pub used_memory_peak: u64,
    /// Before the first client.
    pub used_memory_startup: i64,
    /// Buffers of clients.
    pub client_memory: u64,
    pub input_buffer_max: u64,
    pub output_buffer_max: u64,
    pub hops: u64,
    /// Messages to other shards besides commands and their replies.
    pub notes: u64,
    /// Reads of several shards at one instant, and those that had to be repeated with locks.
    pub snapshots: u64,
    pub snapshots_failed: u64,
    /// Transactions that started over with keys they had found while they ran.
    pub restarts: u64,
    /// Sockets that failed otherwise than by their peers' doing.
    pub socket_failures: u64,
    pub ticks: u64,
    /// By the number of shards that took part.
    pub transactions: Vec<u64>,
    pub lock_waits: u64,
    pub revocations: u64,
    /// Keys of emptied databases that are still in memory, and that were freed since.
    pub lazy_free_pending: u64,
    pub lazy_freed: u64,
    /// The longest round, microseconds, what it did, and how many rounds were stalls.
    pub longest_round_us: u64,
    pub longest_round_cause: String,
    pub stalls: u64,
    pub rates: Rates,
    /// Keys, keys with expiry and average time to live (ms), per database.
    pub keyspace: Vec<(u64, u64, u64)>,
    /// Calls, microseconds, rejected and failed calls, per row of the command table.
    pub calls: Vec<(u64, u64, u64, u64)>,
    pub errors: Vec<(String, u64)>,
}

impl Statistics {
    /// A transaction over so many shards begins.
    pub fn count_transaction(&mut self, shards: usize) {
        if self.transactions.len() <= shards {
            self.transactions.resize(shards + 1, 0);
        }
        self.transactions[shards] += 1;
    }

    /// Counts an error reply by its code.
    pub fn count_error(&mut self, code: &str) {
        self.error_replies += 1;
        let known = self.errors.iter().position(|(known, _)| known == code);
        match known {
            Some(index) => self.errors[index].1 += 1,
            None if self.errors.len() < ERROR_CODES_MAX => self.errors.push((code.to_string(), 1)),
            None => {}
        }
    }

    /// Begins anew, but for what is no count of events.
    pub(super) fn reset(&mut self) {
        *self = Self {
            ticks: self.ticks,
            used_memory: self.used_memory,
            used_memory_peak: self.used_memory_peak,
            used_memory_startup: self.used_memory_startup,
            input_buffer_max: self.input_buffer_max,
            output_buffer_max: self.output_buffer_max,
            dirty: self.dirty,
            ..Self::default()
        };
    }

    /// Adds another shard's figures.
    pub fn add(&mut self, other: &Self) {
        for (sum, value) in [
            (&mut self.clients, other.clients),
            (&mut self.blocked_clients, other.blocked_clients),
            (&mut self.connections, other.connections),
            (&mut self.rejected_connections, other.rejected_connections),
            (&mut self.commands, other.commands),
            (&mut self.input_bytes, other.input_bytes),
            (&mut self.output_bytes, other.output_bytes),
            (&mut self.hits, other.hits),
            (&mut self.misses, other.misses),
            (&mut self.expired, other.expired),
            (&mut self.evicted, other.evicted),
            (&mut self.dirty, other.dirty),
            (&mut self.error_replies, other.error_replies),
            (&mut self.failed, other.failed),
            (&mut self.reads, other.reads),
            (&mut self.writes, other.writes),
            (&mut self.expiry_ns, other.expiry_ns),
            (&mut self.clients_with_deadline, other.clients_with_deadline),
            (&mut self.reply_buffer_shrinks, other.reply_buffer_shrinks),
            (&mut self.reply_buffer_expands, other.reply_buffer_expands),
            (&mut self.client_memory, other.client_memory),
            (&mut self.hops, other.hops),
            (&mut self.notes, other.notes),
            (&mut self.snapshots, other.snapshots),
            (&mut self.snapshots_failed, other.snapshots_failed),
            (&mut self.restarts, other.restarts),
            (&mut self.socket_failures, other.socket_failures),
            (&mut self.ticks, other.ticks),
            (&mut self.stalls, other.stalls),
            (&mut self.lock_waits, other.lock_waits),
            (&mut self.revocations, other.revocations),
            (&mut self.lazy_free_pending, other.lazy_free_pending),
            (&mut self.lazy_freed, other.lazy_freed),
        ] {
            *sum += value;
        }
        self.used_memory += other.used_memory;
        self.used_memory_startup += other.used_memory_startup;
        self.used_memory_peak = self.used_memory_peak.max(other.used_memory_peak);
        self.memory_exceeded_us = (
            self.memory_exceeded_us.0.max(other.memory_exceeded_us.0),
            self.memory_exceeded_us.1.max(other.memory_exceeded_us.1),
        );
        self.input_buffer_max = self.input_buffer_max.max(other.input_buffer_max);
        self.output_buffer_max = self.output_buffer_max.max(other.output_buffer_max);
        if other.longest_round_us > self.longest_round_us {
            self.longest_round_us = other.longest_round_us;
            self.longest_round_cause
                .clone_from(&other.longest_round_cause);
        }
        self.rates.commands += other.rates.commands;
        self.rates.input_bytes += other.rates.input_bytes;
        self.rates.output_bytes += other.rates.output_bytes;
        grow(&mut self.transactions, other.transactions.len());
        for (sum, value) in self.transactions.iter_mut().zip(&other.transactions) {
            *sum += value;
        }
        self.add_tables(other);
    }

    fn add_tables(&mut self, other: &Self) {
        grow(&mut self.keyspace, other.keyspace.len());
        for (sum, (keys, expires, average_ms)) in self.keyspace.iter_mut().zip(&other.keyspace) {
            let weighted = sum.1 * sum.2 + expires * average_ms;
            sum.0 += keys;
            sum.1 += expires;
            sum.2 = weighted.checked_div(sum.1).unwrap_or(0);
        }
        grow(&mut self.calls, other.calls.len());
        for (sum, value) in self.calls.iter_mut().zip(&other.calls) {
            sum.0 += value.0;
            sum.1 += value.1;
            sum.2 += value.2;
            sum.3 += value.3;
        }
        for (code, count) in &other.errors {
            match self.errors.iter_mut().find(|(known, _)| known == code) {
                Some((_, sum)) => *sum += count,
                None => self.errors.push((code.clone(), *count)),
            }
        }
    }

    /// Bytes in use; of all shards' sum.
    #[must_use]
    pub fn used_bytes(&self) -> u64 {
        u64::try_from(self.used_memory).unwrap_or(0)
    }

    /// Bytes in use before the first client; of all shards' sum.
    #[must_use]
    pub fn startup_bytes(&self) -> u64 {
        u64::try_from(self.used_memory_startup).unwrap_or(0)
    }

    /// Bytes that are not values: what the server needed at start, clients' buffers.
    #[must_use]
    pub fn overhead_memory(&self) -> u64 {
        self.startup_bytes() + self.client_memory
    }

    /// Bytes of keys and values.
    #[must_use]
    pub fn dataset_memory(&self) -> u64 {
        self.used_bytes().saturating_sub(self.overhead_memory())
    }
}

fn grow<T: Clone + Default>(values: &mut Vec<T>, len: usize) {
    if values.len() < len {
        values.resize(len, T::default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_and_weighted_averages() {
        let mut first = Statistics {
            hits: 1,
            keyspace: vec![(2, 1, 100)],
            transactions: vec![0, 1],
            errors: vec![("ERR".into(), 1)],
            ..Statistics::default()
        };
        let second = Statistics {
            hits: 2,
            keyspace: vec![(3, 3, 500), (1, 0, 0)],
            calls: vec![(1, 2, 3, 4)],
            transactions: vec![0, 1, 5],
            errors: vec![("ERR".into(), 2), ("OOM".into(), 1)],
            ..Statistics::default()
        };
        first.add(&second);
        assert_eq!(first.hits, 3);
        assert_eq!(first.keyspace, vec![(5, 4, 400), (1, 0, 0)]);
        assert_eq!(first.calls, vec![(1, 2, 3, 4)]);
        assert_eq!(first.transactions, vec![0, 2, 5]);
        assert_eq!(first.errors, vec![("ERR".into(), 3), ("OOM".into(), 1)]);
    }
}
