//! The rows of SORT and SORT_RO, as COMMAND DOCS of Redis 7.0.15 prints them.
//!
//! Data only.

use super::super::keyspec::access;
use super::super::special::PLAIN;
use super::super::{Command, Group, KeySpec, Run, acl, flag};
use super::{docs, options};

const PATTERNS: KeySpec = KeySpec::by_options(|_| None, access::RO | access::ACCESS).notes(
    "For the optional BY/GET keyword. It is marked 'unknown' because the key names derive from \
     the content of the key we sort",
);

/// The rows of this family.
pub static COMMANDS: &[Command] = &[
    Command {
        name: "sort",
        arity: -2,
        flags: flag::WRITE | flag::DENYOOM | flag::FINDS_KEYS,
        categories: acl::SET | acl::SORTEDSET | acl::LIST | acl::DANGEROUS,
        group: Group::Generic,
        keys: &[
            KeySpec::one(1, access::RO | access::ACCESS),
            PATTERNS,
            KeySpec::by_options(options::store_at, access::OW | access::UPDATE).notes(
                "For the optional STORE keyword. It is marked 'unknown' because the keyword can \
                 appear anywhere in the argument array",
            ),
        ],
        docs: &docs::SORT,
        special: PLAIN,
        run: Run::Keys(super::sort),
        subcommands: &[],
    },
    Command {
        name: "sort_ro",
        arity: -2,
        flags: flag::READONLY | flag::FINDS_KEYS,
        categories: acl::SET | acl::SORTEDSET | acl::LIST | acl::DANGEROUS,
        group: Group::Generic,
        keys: &[KeySpec::one(1, access::RO | access::ACCESS), PATTERNS],
        docs: &docs::SORT_RO,
        special: PLAIN,
        run: Run::Keys(super::sort_ro),
        subcommands: &[],
    },
];
