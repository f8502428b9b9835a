//! Whose key is it: slots to shards, the messages between shards, and the locks of transactions.
//!
//! Pure data and rules: `slots` maps, `message` names everything that crosses the mesh, `locks`
//! orders transactions on one shard. The shard drives them; nothing here does I/O or executes a
//! command.

mod locks;
mod message;
mod packed;
mod slots;

pub use locks::{Intent, Locks, Mode, Outcome, Sequence, WHOLE};
pub use message::{
    ClientRef, DbKey, Found, Message, Note, Offer, Parcel, Part, PartTimes, RemoteCommand, ReplyTo,
    Returned, Schedule, Task, Wait, Watch, Work,
};
pub use packed::{Batch, Carried, Head};
pub use slots::SlotTable;
