//! The rows of the HyperLogLog commands, as COMMAND DOCS of Redis 7.0.15 prints them.
//!
//! Data only. The functions are in `run.rs`, tests beside them.

use super::super::keyspec::access;
use super::super::special::PLAIN;
use super::super::{Command, Group, KeySpec, Run, flag};
use super::{docs, run};

/// The rows of this family.
pub static COMMANDS: &[Command] = &[
    Command {
        name: "pfadd",
        arity: -2,
        flags: flag::WRITE | flag::DENYOOM | flag::FAST,
        categories: 0,
        group: Group::Hyperloglog,
        keys: &[KeySpec::one(1, access::RW | access::INSERT)],
        docs: &docs::PFADD,
        special: PLAIN,
        run: Run::Keys(run::pfadd),
        subcommands: &[],
    },
    Command {
        name: "pfcount",
        arity: -2,
        flags: flag::READONLY | flag::MAY_REPLICATE,
        categories: 0,
        group: Group::Hyperloglog,
        keys: &[KeySpec::range(1, -1, 1, access::RW | access::ACCESS).notes(
            "RW because it may change the internal representation of the key, and propagate \
                 to replicas",
        )],
        docs: &docs::PFCOUNT,
        special: PLAIN,
        run: Run::Keys(run::pfcount),
        subcommands: &[],
    },
    Command {
        name: "pfmerge",
        arity: -2,
        flags: flag::WRITE | flag::DENYOOM,
        categories: 0,
        group: Group::Hyperloglog,
        keys: &[
            KeySpec::one(1, access::RW | access::ACCESS | access::INSERT),
            KeySpec::range(2, -1, 1, access::RO | access::ACCESS),
        ],
        docs: &docs::PFMERGE,
        special: PLAIN,
        run: Run::Keys(run::pfmerge),
        subcommands: &[],
    },
    Command {
        name: "pfdebug",
        arity: 3,
        flags: flag::WRITE | flag::DENYOOM | flag::ADMIN | flag::SYSTEM,
        categories: 0,
        group: Group::Hyperloglog,
        keys: &[KeySpec::one(2, access::RW | access::ACCESS)],
        docs: &docs::PFDEBUG,
        special: PLAIN,
        run: Run::Keys(run::pfdebug),
        subcommands: &[],
    },
    Command {
        name: "pfselftest",
        arity: 1,
        flags: flag::ADMIN | flag::SYSTEM,
        categories: 0,
        group: Group::Hyperloglog,
        keys: &[],
        docs: &docs::PFSELFTEST,
        special: PLAIN,
        run: Run::Keys(run::pfselftest),
        subcommands: &[],
    },
];
