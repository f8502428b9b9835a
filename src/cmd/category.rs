//! ACL categories: which a command belongs to follows from its flags, its group and its row.
//!
//! COMMAND INFO prints them and `COMMAND LIST FILTERBY ACLCAT` asks for them; access control will.
//! The order of the names is Redis's. Pure functions of rows.

use super::{Command, Run, acl, flag};

/// The categories' names; bit `1 << index` stands for one.
pub const NAMES: [&str; 21] = [
    "keyspace",
    "read",
    "write",
    "set",
    "sortedset",
    "list",
    "hash",
    "string",
    "bitmap",
    "hyperloglog",
    "geo",
    "stream",
    "pubsub",
    "admin",
    "fast",
    "slow",
    "blocking",
    "dangerous",
    "connection",
    "transaction",
    "scripting",
];

/// The bit of a category; None when there is no such category.
#[must_use]
pub fn by_name(name: &[u8]) -> Option<u32> {
    let known = |known: &&str| known.as_bytes().eq_ignore_ascii_case(name);
    NAMES.iter().position(known).map(|at| 1 << at)
}

fn bit(name: &'static str) -> u32 {
    by_name(name.as_bytes()).expect("the names in this file are categories")
}

/// The categories of a command.
#[must_use]
pub fn of(command: &Command) -> u32 {
    let has = |flags: u32| command.flags & flags != 0;
    let explicit = |categories: u32| command.categories & categories != 0;
    // A container is no command of its group: what it contains is.
    let group = match command.run {
        Run::Container => None,
        _ => command.group.category(),
    };
    let mut all = group.map_or(0, bit);
    for (named, name) in [
        (acl::KEYSPACE, "keyspace"),
        (acl::DANGEROUS, "dangerous"),
        (acl::ADMIN, "admin"),
        (acl::CONNECTION, "connection"),
        (acl::TRANSACTION, "transaction"),
        (acl::SCRIPTING, "scripting"),
        (acl::SET, "set"),
        (acl::SORTEDSET, "sortedset"),
        (acl::LIST, "list"),
    ] {
        if explicit(named) {
            all |= bit(name);
        }
    }
    for (flags, name) in [
        (flag::WRITE, "write"),
        (flag::ADMIN, "admin"),
        (flag::ADMIN, "dangerous"),
        (flag::PUBSUB, "pubsub"),
        (flag::BLOCKING, "blocking"),
    ] {
        if has(flags) {
            all |= bit(name);
        }
    }
    if has(flag::READONLY) && !explicit(acl::SCRIPTING) {
        all |= bit("read");
    }
    let fast = has(flag::FAST) || explicit(acl::FAST);
    all | bit(if fast { "fast" } else { "slow" })
}
