//! The rows of the commands of several sorted sets, as COMMAND DOCS of Redis 7.0.15 prints them.
//!
//! Data only. The functions are in the files beside this one, tests beside them.

use super::super::keyspec::access;
use super::super::special::{PLAIN, Special};
use super::super::{Command, Group, KeySpec, Run, flag};
use super::several_docs as docs;
use super::{algebra, pop, range};

/// The rows of this family.
pub static COMMANDS: &[Command] = &[
    Command {
        name: "zrangestore",
        arity: -5,
        flags: flag::WRITE | flag::DENYOOM,
        categories: 0,
        group: Group::SortedSet,
        keys: &[
            KeySpec::one(1, access::OW | access::UPDATE),
            KeySpec::one(2, access::RO | access::ACCESS),
        ],
        docs: &docs::ZRANGESTORE,
        special: PLAIN,
        run: Run::Keys(range::zrangestore),
        subcommands: &[],
    },
    Command {
        name: "zmpop",
        arity: -4,
        flags: flag::WRITE,
        categories: 0,
        group: Group::SortedSet,
        keys: &[KeySpec::counted(
            1,
            1,
            access::RW | access::ACCESS | access::DELETE,
        )],
        docs: &docs::ZMPOP,
        special: PLAIN,
        run: Run::Keys(pop::zmpop),
        subcommands: &[],
    },
    Command {
        name: "bzpopmin",
        arity: -3,
        flags: flag::WRITE | flag::NOSCRIPT | flag::BLOCKING | flag::FAST,
        categories: 0,
        group: Group::SortedSet,
        keys: &[KeySpec::range(
            1,
            -2,
            1,
            access::RW | access::ACCESS | access::DELETE,
        )],
        docs: &docs::BZPOPMIN,
        special: Special {
            blocking: Some(pop::BZPOP),
            ..PLAIN
        },
        run: Run::Keys(pop::bzpopmin),
        subcommands: &[],
    },
    Command {
        name: "bzpopmax",
        arity: -3,
        flags: flag::WRITE | flag::NOSCRIPT | flag::BLOCKING | flag::FAST,
        categories: 0,
        group: Group::SortedSet,
        keys: &[KeySpec::range(
            1,
            -2,
            1,
            access::RW | access::ACCESS | access::DELETE,
        )],
        docs: &docs::BZPOPMAX,
        special: Special {
            blocking: Some(pop::BZPOP),
            ..PLAIN
        },
        run: Run::Keys(pop::bzpopmax),
        subcommands: &[],
    },
    Command {
        name: "bzmpop",
        arity: -5,
        flags: flag::WRITE | flag::BLOCKING,
        categories: 0,
        group: Group::SortedSet,
        keys: &[KeySpec::counted(
            2,
            1,
            access::RW | access::ACCESS | access::DELETE,
        )],
        docs: &docs::BZMPOP,
        special: Special {
            blocking: Some(pop::BZMPOP),
            ..PLAIN
        },
        run: Run::Keys(pop::bzmpop),
        subcommands: &[],
    },
    Command {
        name: "zunion",
        arity: -3,
        flags: flag::READONLY,
        categories: 0,
        group: Group::SortedSet,
        keys: &[KeySpec::counted(1, 1, access::RO | access::ACCESS)],
        docs: &docs::ZUNION,
        special: PLAIN,
        run: Run::Keys(algebra::zunion),
        subcommands: &[],
    },
    Command {
        name: "zunionstore",
        arity: -4,
        flags: flag::WRITE | flag::DENYOOM,
        categories: 0,
        group: Group::SortedSet,
        keys: &[
            KeySpec::one(1, access::OW | access::UPDATE),
            KeySpec::counted(2, 1, access::RO | access::ACCESS),
        ],
        docs: &docs::ZUNIONSTORE,
        special: PLAIN,
        run: Run::Keys(algebra::zunionstore),
        subcommands: &[],
    },
    Command {
        name: "zinter",
        arity: -3,
        flags: flag::READONLY,
        categories: 0,
        group: Group::SortedSet,
        keys: &[KeySpec::counted(1, 1, access::RO | access::ACCESS)],
        docs: &docs::ZINTER,
        special: PLAIN,
        run: Run::Keys(algebra::zinter),
        subcommands: &[],
    },
    Command {
        name: "zinterstore",
        arity: -4,
        flags: flag::WRITE | flag::DENYOOM,
        categories: 0,
        group: Group::SortedSet,
        keys: &[
            KeySpec::one(1, access::OW | access::UPDATE),
            KeySpec::counted(2, 1, access::RO | access::ACCESS),
        ],
        docs: &docs::ZINTERSTORE,
        special: PLAIN,
        run: Run::Keys(algebra::zinterstore),
        subcommands: &[],
    },
    Command {
        name: "zintercard",
        arity: -3,
        flags: flag::READONLY,
        categories: 0,
        group: Group::SortedSet,
        keys: &[KeySpec::counted(1, 1, access::RO | access::ACCESS)],
        docs: &docs::ZINTERCARD,
        special: PLAIN,
        run: Run::Keys(algebra::zintercard),
        subcommands: &[],
    },
    Command {
        name: "zdiff",
        arity: -3,
        flags: flag::READONLY,
        categories: 0,
        group: Group::SortedSet,
        keys: &[KeySpec::counted(1, 1, access::RO | access::ACCESS)],
        docs: &docs::ZDIFF,
        special: PLAIN,
        run: Run::Keys(algebra::zdiff),
        subcommands: &[],
    },
    Command {
        name: "zdiffstore",
        arity: -4,
        flags: flag::WRITE | flag::DENYOOM,
        categories: 0,
        group: Group::SortedSet,
        keys: &[
            KeySpec::one(1, access::OW | access::UPDATE),
            KeySpec::counted(2, 1, access::RO | access::ACCESS),
        ],
        docs: &docs::ZDIFFSTORE,
        special: PLAIN,
        run: Run::Keys(algebra::zdiffstore),
        subcommands: &[],
    },
];
