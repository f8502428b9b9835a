//! Whose key is it: slots to shards, and the messages between shards.
//!
//! Pure data: `slots` maps, `message` names everything that crosses the mesh, `packed` holds the
//! commands in it, `intent` is how shards ask one another for locks. Nothing here does I/O, decides
//! or executes anything.

mod intent;
mod message;
mod packed;
mod slots;

/// For `txn`, which must not see the mesh.
pub use crate::base::{ShardId, ShardSet};
/// For `conn`, which must not see the store: a client has selected a database.
pub use crate::store::Db;
pub use intent::{Intent, Mode, Sequence, WHOLE, lock_key, strongest};
pub use message::{
    Asker, ClientRef, DbKey, Grant, Lent, Lines, Message, Note, Offer, Parcel, Part, PartTimes,
    RemoteCommand, ReplyTo, Returned, Schedule, Task, Told, Unit, Wait, Watch, Work,
};
pub use packed::{Batch, Carried, Head};
pub use slots::SlotTable;
