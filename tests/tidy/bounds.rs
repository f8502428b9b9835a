//! Limits outside `limits.rs`, and comments wider than a page.
//!
//! A limit is a constant of an integer type that is named like one. What a format, a protocol or
//! the kernel fixes is no limit of ours: such files, and single constants, are listed here with
//! what fixes them.

use super::ratchet::{LIMITS_OUTSIDE, LONG_COMMENTS};
use super::source::Source;
use super::syntax::Syntax;
use super::{assert_clean, assert_judged, server_syntax, snippet, syntax_of};

/// How a limit's name ends.
const ENDINGS: [&str; 12] = [
    "_MAX",
    "_MIN",
    "_LIMIT",
    "_KEPT",
    "_TRIES",
    "_SHOWN",
    "_DEFAULT",
    "_PER_TICK",
    "_BYTES",
    "_US",
    "_MS",
    "_COUNT",
];
/// Files (or `file::CONSTANT`) whose numbers somebody else has fixed, and who.
const FIXED: &[(&str, &str)] = &[
    ("src/base/lzf.rs", "the LZF format"),
    (
        "src/base/memory.rs::HUGE_PAGE_BYTES",
        "the size of a huge page on x86-64 and aarch64",
    ),
    (
        "src/base/sim.rs",
        "the simulator's first instant, a plausible one",
    ),
    (
        "src/base/sim/io.rs",
        "the simulator's buffers, small so that they run out",
    ),
    (
        "src/base/uring/trial.rs",
        "the probe's own ring, thrown away at once",
    ),
    (
        "src/cmd/keys/expiry.rs",
        "milliseconds in a second, and in a millisecond",
    ),
    ("src/cmd/long_double.rs", "the 80-bit float format"),
    (
        "src/config/table.rs",
        "the widths of C's integer types, as the directives' ranges name them",
    ),
    ("src/rdb/", "the RDB format"),
    ("src/store/bucket.rs", "the layout of a cache line"),
    ("src/store/listpack", "the listpack format"),
    ("src/store/member.rs", "the layout of a member"),
    (
        "src/store/quicklist.rs",
        "Redis's own sum for one element of a listpack",
    ),
    (
        "src/store/segments.rs",
        "the size of a bucket, a cache line",
    ),
    ("src/store/set/", "the intset and listpack formats"),
    ("src/store/shape.rs", "the layout of an entry's header"),
    ("src/store/size_class.rs", "jemalloc's size classes"),
    (
        "src/cmd/keys/object.rs::SHARED_COUNT",
        "what Redis answers for a shared object",
    ),
];
/// The widest line of a comment, columns.
const COMMENT_COLUMNS_MAX: usize = 100;

/// Constants that are limits and do not stand in `limits.rs`.
pub fn limits_outside(files: &[Syntax]) -> Vec<String> {
    let mut found = Vec::new();
    for file in files.iter().filter(|file| file.path != "src/limits.rs") {
        for constant in &file.constants {
            let name = &constant.name;
            let place = format!("{}::{name}", file.path);
            let limit = ENDINGS.iter().any(|ending| name.ends_with(ending));
            if limit && !FIXED.iter().any(|(fixed, _)| place.starts_with(fixed)) {
                found.push(format!(
                    "{place}: line {}: a limit outside limits.rs",
                    constant.line
                ));
            }
        }
    }
    found
}

/// Exceptions that nothing needs any more.
fn unused_exceptions(files: &[Syntax]) -> Vec<String> {
    let places = files.iter().flat_map(|file| {
        file.constants
            .iter()
            .map(|constant| format!("{}::{}", file.path, constant.name))
    });
    let places: Vec<String> = places.collect();
    let unused = FIXED.iter().filter(|(fixed, reason)| {
        reason.len() < 10 || !places.iter().any(|place| place.starts_with(fixed))
    });
    unused
        .map(|(fixed, _)| format!("{fixed}: the exception is not needed, or has no reason"))
        .collect()
}

/// Lines that end in a comment and are wider than wanted.
pub fn long_comments(sources: &[Source]) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources {
        for (number, (line, code)) in source.text.lines().zip(source.code.lines()).enumerate() {
            // Comments are blank in `code`; so are the insides of literals, which may be long.
            let blanked = line[code.trim_end().len()..].trim_start();
            let comment = ["//", "/*"].iter().any(|mark| blanked.starts_with(mark));
            if comment && line.chars().count() > COMMENT_COLUMNS_MAX {
                let path = &source.path;
                found.push(format!(
                    "{path}: line {}: a comment over 100 columns",
                    number + 1
                ));
            }
        }
    }
    found
}

#[test]
fn limits_stand_in_one_file() {
    let files = server_syntax();
    let found = limits_outside(files);
    println!("{}", found.join("\n"));
    assert_judged(&LIMITS_OUTSIDE, found.len());
    assert_clean(&unused_exceptions(files));
    let bad = "const NAME_BYTES_MAX: usize = 32; impl A { pub const PAUSE_MS: u64 = 5; }
        fn f() { const LINES_SHOWN: u8 = 3; }
        const WRITE: u32 = 1 << 3; const NAME_MAX: &str = \"\"; #[cfg(test)] const ROUNDS_MAX: usize = 5;";
    assert_eq!(limits_outside(&syntax_of("src/shard/a.rs", bad)).len(), 3);
    assert_eq!(limits_outside(&syntax_of("src/rdb/a.rs", bad)).len(), 0);
    assert_eq!(limits_outside(&syntax_of("src/limits.rs", bad)).len(), 0);
}

#[test]
fn comments_fit_a_page() {
    let found = long_comments(super::all_sources());
    if found.len() < 50 {
        println!("{}", found.join("\n"));
    }
    assert_judged(&LONG_COMMENTS, found.len());
    let (dash, long) = ("-".repeat(90), "-".repeat(98));
    for (line, count) in [
        (format!("    // {dash}"), 0),
        (format!("    // {long}"), 1),
        (format!("//! {long}"), 1),
        (format!("let a = \"{dash}\"; // why"), 1),
        (format!("let a = \"{long}{long}\";"), 0),
        (format!("let a = \"{long}{long} \\\n{long} // {dash}\";"), 0),
        (format!("let a = \"{long}\"; // why"), 1),
    ] {
        assert_eq!(
            long_comments(&snippet("src/a.rs", &line)).len(),
            count,
            "{line}"
        );
    }
}
