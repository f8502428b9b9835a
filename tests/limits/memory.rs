//! Memory per item: resident bytes, as the kernel counts them, for a million small items.
//!
//! The difference before and after, over the wire, divided by the items.

use crate::{alone, figure, load, must_fail, start};

/// Key and value bytes, options of SET, and the resident bytes that an item may cost.
const TABLE: [(&str, usize, Option<&[&str]>, usize); 3] = [
    ("16-byte key, 64-byte value", 64, None, 110),
    (
        "16-byte key, 64-byte value, expiry",
        64,
        Some(&["EX", "100000"]),
        125,
    ),
    ("16-byte key, 8-byte value", 8, None, 64),
];

fn each(value_bytes: usize, options: Option<&[&str]>, count: usize) -> usize {
    let server = start(&["--shards", "1"]);
    // What the first commands make the server keep is not the items': its receive buffers take
    // turns.
    for _ in 0..60 {
        crate::growth::fill(&server, 1000, value_bytes, options);
    }
    let before = server.resident_bytes();
    crate::growth::fill(&server, count, value_bytes, options);
    server.resident_bytes().saturating_sub(before) / (count - 1000)
}

fn within(what: &str, bytes: usize, limit: usize) -> Result<(), String> {
    if bytes <= limit {
        return Ok(());
    }
    Err(format!(
        "{what}: {bytes} resident bytes an item, at most {limit}"
    ))
}

#[test]
fn items_are_small() {
    let _alone = alone();
    // Fewer items share the 16,384 tables less evenly: a tenth more is allowed.
    let count = load(500_000, 1_000_000);
    for (what, value_bytes, options, limit) in TABLE {
        let bytes = each(value_bytes, options, count);
        figure(
            "memory",
            what,
            format!("{bytes} resident bytes an item (at most {limit})"),
        );
        within(what, bytes, load(limit * 11 / 10, limit)).expect("small");
    }
    let larger = each(128, None, count / 5);
    must_fail("memory", &within("128-byte value", larger, 110));
}
