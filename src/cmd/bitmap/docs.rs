//! What clients read about the bitmap commands: summary, syntax, history, tips.
//!
//! As COMMAND DOCS and COMMAND INFO of Redis 7.0.15 say, which `tests/wire/described.rs` checks.
//! Data only.

use crate::cmd::docs::{Argument, Docs, block, flag, integer, key, one_of, string};

pub static SETBIT: Docs = Docs::new(
    "Sets or clears the bit at offset in the string value stored at key",
    "2.2.0",
    "O(1)",
)
.arguments(&[key("key", 0), integer("offset"), integer("value")]);

pub static GETBIT: Docs = Docs::new(
    "Returns the bit value at offset in the string value stored at key",
    "2.2.0",
    "O(1)",
)
.arguments(&[key("key", 0), integer("offset")]);

const UNIT: Argument = one_of("index_unit", &[flag("byte", "BYTE"), flag("bit", "BIT")])
    .since("7.0.0")
    .optional();

pub static BITCOUNT: Docs = Docs::new("Count set bits in a string", "2.6.0", "O(N)")
    .history(&[("7.0.0", "Added the `BYTE|BIT` option.")])
    .arguments(&[
        key("key", 0),
        block("index", &[integer("start"), integer("end"), UNIT]).optional(),
    ]);

pub static BITPOS: Docs = Docs::new("Find first bit set or clear in a string", "2.8.7", "O(N)")
    .history(&[("7.0.0", "Added the `BYTE|BIT` option.")])
    .arguments(&[
        key("key", 0),
        integer("bit"),
        block(
            "index",
            &[
                integer("start"),
                block("end_index", &[integer("end"), UNIT]).optional(),
            ],
        )
        .optional(),
    ]);

pub static BITOP: Docs = Docs::new(
    "Perform bitwise operations between strings",
    "2.6.0",
    "O(N)",
)
.arguments(&[
    string("operation"),
    key("destkey", 0),
    key("key", 1).multiple(),
]);

pub static BITFIELD: Docs = Docs::new(
    "Perform arbitrary bitfield integer operations on strings",
    "3.2.0",
    "O(1) for each subcommand specified",
)
.arguments(&[
    key("key", 0),
    one_of("operation", &[GET, WRITE]).optional().multiple(),
]);

const GET: Argument =
    block("encoding_offset", &[string("encoding"), integer("offset")]).token("GET");

const WRITE: Argument = block(
    "write",
    &[
        one_of(
            "wrap_sat_fail",
            &[
                flag("wrap", "WRAP"),
                flag("sat", "SAT"),
                flag("fail", "FAIL"),
            ],
        )
        .token("OVERFLOW")
        .optional(),
        one_of(
            "write_operation",
            &[
                block(
                    "encoding_offset_value",
                    &[string("encoding"), integer("offset"), integer("value")],
                )
                .token("SET"),
                block(
                    "encoding_offset_increment",
                    &[string("encoding"), integer("offset"), integer("increment")],
                )
                .token("INCRBY"),
            ],
        ),
    ],
);

pub static BITFIELD_RO: Docs = Docs::new(
    "Perform arbitrary bitfield integer operations on strings. Read-only variant of BITFIELD",
    "6.0.0",
    "O(1) for each subcommand specified",
)
.arguments(&[key("key", 0), GET.optional().multiple().multiple_token()]);
