//! How large the compact form of each type may get, as the configuration says.
//!
//! Commands pass it to the store with each edit and to `rdb` with each payload, so a changed
//! directive holds at once. A new type has its line here and its field in `store::FormLimits`.

use crate::config::Config;
use crate::store::{
    FormLimits, HashLimits, KeyHash, NodeLimits, SetLimits, StreamLimits, ZsetLimits,
};

/// The limits of all types; `hash` is the store's, in which the value will be.
#[must_use]
pub fn form_limits(config: &Config, hash: KeyHash) -> FormLimits {
    FormLimits {
        list: list_limits(config),
        set: set_limits(config),
        stream: stream_limits(config),
        zset: zset_limits(config),
        hashes: hash_limits(config),
        hash,
    }
}

/// How large the nodes of lists may be, and which are packed.
#[must_use]
pub fn list_limits(config: &Config) -> NodeLimits {
    NodeLimits {
        fill: config.list_max_listpack_size,
        compress_depth: config.list_compress_depth,
        ..NodeLimits::default()
    }
}

fn set_limits(config: &Config) -> SetLimits {
    SetLimits {
        intset_entries: entries(config.set_max_intset_entries),
        listpack_entries: entries(config.set_max_listpack_entries),
        listpack_value: entries(config.set_max_listpack_value),
    }
}

fn zset_limits(config: &Config) -> ZsetLimits {
    ZsetLimits {
        listpack_entries: entries(config.zset_max_listpack_entries),
        listpack_value: entries(config.zset_max_listpack_value),
    }
}

fn hash_limits(config: &Config) -> HashLimits {
    HashLimits {
        listpack_entries: entries(config.hash_max_listpack_entries),
        listpack_value: entries(config.hash_max_listpack_value),
    }
}

fn entries(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// How large the nodes of streams may be.
#[must_use]
pub fn stream_limits(config: &Config) -> StreamLimits {
    StreamLimits {
        node_bytes_max: config.stream_node_max_bytes,
        node_entries_max: config.stream_node_max_entries,
    }
}
