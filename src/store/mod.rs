//! Keys to values: entries, the tables that hold them, the keyspace of databases and slots, and
//! expiry.
//!
//! One `Store` belongs to one shard and is touched by its thread alone. It sees no clock (time
//! arrives as an argument), no sockets, no other shard. Unsafe code lives in `entry`, `member`,
//! `bucket` and `zset/ordered` only, behind safe methods.

#[allow(unsafe_code, reason = "a cache line of tagged pointers")]
mod bucket;
mod content;
mod database;
mod db;
mod elements;
#[allow(unsafe_code, reason = "an item in one allocation")]
mod entry;
mod expiry;
mod hash;
mod heavy;
mod key_hash;
mod keyspace;
mod listpack;
#[allow(unsafe_code, reason = "a member in one allocation")]
mod member;
mod quicklist;
mod segments;
mod set;
mod shape;
mod size_class;
mod slot;
mod stamps;
mod stream;
mod table;
#[cfg(test)]
pub(crate) mod testing;
mod value;
mod zset;

pub use bucket::BUCKET_SHARE_BYTES;
pub use database::{Cleared, DatabaseStatistics};
pub use db::Db;
pub use elements::Elements;
pub use entry::Entry;
pub use expiry::ExpireProgress;
pub use hash::{Field, Hash, HashLimits};
pub use key_hash::KeyHash;
pub use keyspace::{Previous, Store};
pub use listpack::{Element, Listpack, Needle};
pub use member::Member;
pub use quicklist::{End, List, NodeLimits, View};
pub use set::{Set, SetLimits, SetView};
pub use size_class::size_class;
pub use slot::Slot;
pub use stamps::Stamps;
pub use stream::{
    Consumer, ConsumerNumber, Group, Idempotence, Item, Marks, Pending, References, Stream,
    StreamId, StreamLimits, Threshold, Trim, Trimmed,
};
pub use table::{Keyed, Table, TableStatistics};
pub use value::{Encoding, FormLimits, Kind, Object, Value, ValueRef};
pub use zset::{Bound, LexBound, LexRange, ScoreRange, Zset, ZsetLimits, ZsetView};
