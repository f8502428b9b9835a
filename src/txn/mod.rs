//! Transactions over several shards, as state machines: who waits for whom, who goes first, what
//! belongs together.
//!
//! Each takes what has happened and returns what follows; none sees a shard, a client, a key's
//! entry or the mesh, so each is tested by itself. `shard` owns them and carries out what they
//! decide. From below: `locks` and `order`; `participants` (an owner's side), `coordinator` (the
//! home's side), `behind`; `waits` and `watches`; `snapshots` with `merge`.

mod behind;
mod coordinator;
mod locks;
mod merge;
mod order;
mod participants;
mod snapshots;
mod waits;
mod watches;

pub use behind::Behind;
pub use coordinator::{Coordinator, Decided, Decision, Opening, Parts, Plan, Share, Split};
pub use locks::{Locks, Outcome};
pub use merge::{ReplyPart, error_code, merge};
pub use order::Order;
pub use participants::{Duty, Participant, Participants};
pub use snapshots::{Snapshot, SnapshotPart, Snapshots, Verdict};
pub use waits::{Candidate, Deadline, Waits};
pub use watches::{KeyState, Watches};

/// All of a shard's part in transactions; each room keeps to itself. `Q` is a query of another
/// shard's, which takes its turn among the transactions.
#[derive(Debug)]
pub struct Transactions<Q> {
    pub order: Order,
    pub participants: Participants<Q>,
    pub coordinator: Coordinator,
    pub behind: Behind,
    pub snapshots: Snapshots,
    pub waits: Waits,
    pub watches: Watches,
}

impl<Q> Default for Transactions<Q> {
    fn default() -> Self {
        Self {
            order: Order::default(),
            participants: Participants::default(),
            coordinator: Coordinator::default(),
            behind: Behind::default(),
            snapshots: Snapshots::default(),
            waits: Waits::default(),
            watches: Watches::default(),
        }
    }
}
