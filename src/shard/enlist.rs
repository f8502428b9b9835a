//! The doors to the transaction layer: a sequence number, a transaction opened, a share asked for,
//! a participant joined.
//!
//! What `Core` adds to `txn`: the common counter, clients, counters, mail. Below all that
//! coordinates or takes part; runs nothing.

use super::Core;
use super::queries::Asked;
use crate::base::Token;
use crate::route::{ClientRef, Intent, Note, Schedule, Sequence, Work};
use crate::txn::{self, Opening, Order, Plan, Share};

/// One transaction on this shard, and what it does once it holds its locks.
pub(super) type Participant = txn::Participant<Asked>;
pub(super) type Duty = txn::Duty<Asked>;

impl Core {
    /// The next number in the global order.
    pub(super) fn next_sequence(&self) -> Sequence {
        Order::next(&self.identity.shared.sequence)
    }

    /// Opens a transaction of a client that will have `shares` shares.
    pub(super) fn open(&mut self, token: Token, plan: Plan, shares: usize) -> Sequence {
        let client = self.clients.get(token);
        let within_ms = client
            .and_then(|client| client.steps.as_deref())
            .map(|steps| steps.clock_ms);
        let id = client.map_or(0, |client| client.id);
        let opening = Opening {
            client: ClientRef { token, id },
            within_ms,
            offered: false,
            plan,
        };
        let sequence = self.next_sequence();
        self.metrics
            .count()
            .count_transaction(shares.min(self.identity.shards));
        let coordinator = &mut self.transactions.coordinator;
        coordinator.open(sequence, opening, shares);
        sequence
    }

    /// Asks a shard for its share of a transaction.
    pub(super) fn ask_share(
        &mut self,
        sequence: Sequence,
        share: Share,
        intents: Vec<Intent>,
        work: Work,
        watcher: Option<u64>,
    ) {
        let shard = share.shard;
        let within_ms = self.transactions.coordinator.ask(sequence, share);
        let schedule = Schedule {
            sequence,
            intents,
            within_ms,
            work,
            watcher,
        };
        self.tell(shard, Note::Schedule(Box::new(schedule)));
    }

    /// A transaction takes part here and asks for its locks; `act` goes on when it has them.
    pub(super) fn take_part(
        &mut self,
        sequence: Sequence,
        intents: Vec<Intent>,
        participant: Participant,
    ) {
        let participants = &mut self.transactions.participants;
        if participants.join(sequence, intents, participant) {
            self.metrics.count().lock_waits += 1;
        }
    }
}
