//! The code checks itself: layering, sizes, headers, unsafe, names, the chain of functions.
//!
//! Each rule is a pure function from sources to complaints (`tidy/rules.rs`, `tidy/layers.rs`), applied
//! here to the whole tree and, as its positive control, to a small bad snippet on which it must
//! complain. Exceptions stand below with their reasons; one that is no longer needed is a complaint.

#![allow(clippy::disallowed_methods, reason = "reads the source tree")]

#[path = "tidy/layers.rs"]
mod layers;
#[path = "tidy/rules.rs"]
mod rules;
#[path = "tidy/source.rs"]
mod source;

use std::fs;
use std::path::Path;

use source::Source;

/// A file that may break a rule of size, and why. This list only shrinks.
struct Exception {
    rule: &'static str,
    /// The file, and for functions `file::function`.
    place: &'static str,
    reason: &'static str,
}

const EXCEPTIONS: &[Exception] = &[];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Sources of the server.
fn server_sources() -> Vec<Source> {
    let sources = Source::read_tree(root(), "src");
    assert!(sources.len() > 10, "the sources are found");
    sources
}

/// Sources of the server and of its tests.
fn all_sources() -> Vec<Source> {
    let mut sources = server_sources();
    let tests = Source::read_tree(root(), "tests");
    assert!(tests.len() > 5, "the tests are found");
    sources.extend(tests);
    sources
}

fn assert_clean(complaints: &[String]) {
    assert!(
        complaints.is_empty(),
        "{} complaints:\n{}",
        complaints.len(),
        complaints.join("\n")
    );
}

/// Removes what an exception allows; complains about exceptions that allow nothing.
fn excepted(rule: &str, mut complaints: Vec<String>) -> Vec<String> {
    for exception in EXCEPTIONS.iter().filter(|exception| exception.rule == rule) {
        assert!(
            exception.reason.len() > 20,
            "{}: no reason",
            exception.place
        );
        let before = complaints.len();
        complaints.retain(|complaint| !complaint.starts_with(&format!("{}: ", exception.place)));
        if complaints.len() == before {
            complaints.push(format!(
                "{}: the exception is no longer needed",
                exception.place
            ));
        }
    }
    complaints
}

fn snippet(path: &str, text: &str) -> Vec<Source> {
    vec![Source::new(path, text)]
}

#[test]
fn layers_hold() {
    assert_clean(&layers::imports(&server_sources()));
    for (path, text) in [
        ("src/resp/parse.rs", "use crate::store::Entry;"),
        (
            "src/store/table.rs",
            "fn f() { let x = crate::resp::parse(); }",
        ),
        (
            "src/conn/mod.rs",
            "use crate::{\n    base::Io,\n    store::{Entry, Table},\n};",
        ),
        ("src/store/mod.rs", "use super::resp::Reply;"),
        (
            "src/cmd/string/set.rs",
            "use super::super::super::route::Mesh;",
        ),
        (
            "src/base/uring.rs",
            "pub(crate) use crate::config::Settings;",
        ),
        ("src/unknown/mod.rs", "use crate::base::Io;"),
    ] {
        assert_eq!(
            layers::imports(&snippet(path, text)).len(),
            1,
            "{path}: {text}"
        );
    }
    for (path, text) in [
        ("src/resp/parse.rs", "use crate::base::Io; // crate::store"),
        (
            "src/store/table.rs",
            "fn f() -> &'static str { \"crate::resp\" }",
        ),
        (
            "src/store/table.rs",
            "#[cfg(test)]\nmod tests {\n    use crate::resp::Reply;\n}",
        ),
        (
            "src/cmd/string.rs",
            "use super::context::Context; use crate::limits::SLOTS;",
        ),
    ] {
        assert_clean(&layers::imports(&snippet(path, text)));
    }
}

#[test]
fn files_open_with_their_role() {
    assert_clean(&rules::headers(&all_sources()));
    for text in [
        "use std::io;\n",
        "//! Too short.\n//! Indeed.\nuse std::io;\n",
        "//! 1\n//! 2\n//! 3\n//! 4\n//! 5\n//! 6\n//! 7\n//! 8\n//! 9\n//! 10\n//! 11\nfn f() {}\n",
    ] {
        assert_eq!(
            rules::headers(&snippet("src/a.rs", text)).len(),
            1,
            "{text}"
        );
    }
    assert_clean(&rules::headers(&snippet(
        "src/a.rs",
        "//! 1\n//!\n//! 3\nfn f() {}\n",
    )));
}

#[test]
fn functions_are_short() {
    assert_clean(&excepted("function", rules::long_functions(&all_sources())));
    let body = "    step();\n".repeat(68);
    let long = format!("fn quiet() {{}}\n    pub fn long<'a>(x: &'a str) {{\n{body}}}\n");
    let complaints = rules::long_functions(&snippet("src/a.rs", &long));
    assert_eq!(complaints.len(), 1);
    assert!(
        complaints[0].starts_with("src/a.rs::long: "),
        "{}",
        complaints[0]
    );
    let body = "    step();\n".repeat(67);
    let short = format!("fn short() {{\n{body}}}\nfn declared();\nfn after() {{}}\n");
    assert_clean(&rules::long_functions(&snippet("src/a.rs", &short)));
}

#[test]
fn files_are_short() {
    assert_clean(&excepted("file", rules::long_files(&all_sources())));
    for exception in EXCEPTIONS
        .iter()
        .filter(|exception| exception.rule == "file")
    {
        let sources = all_sources();
        let source = sources.iter().find(|source| source.path == exception.place);
        let lines = source.map_or(0, Source::code_lines);
        assert!(
            lines <= rules::FILE_LINES_ABSOLUTE,
            "{}: {lines} lines",
            exception.place
        );
    }
    let long = "fn f() {}\n".repeat(rules::FILE_LINES_MAX + 1);
    assert_eq!(rules::long_files(&snippet("src/a.rs", &long)).len(), 1);
    let notes = "// a note\n\n".repeat(1000);
    let tests = format!(
        "#[cfg(test)]\nmod tests {{\n{}}}\n",
        "    step();\n".repeat(1000)
    );
    let short = "fn f() {}\n".repeat(rules::FILE_LINES_MAX);
    assert_clean(&rules::long_files(&snippet(
        "src/a.rs",
        &format!("{notes}{short}{tests}"),
    )));
}

#[test]
fn unsafe_is_fenced_and_explained() {
    assert_clean(&rules::unsafe_code(&server_sources()));
    for (path, text) in [
        ("src/resp/parse.rs", "// SAFETY: no.\nunsafe { f() }"),
        ("src/base/uring.rs", "fn f() {\n    unsafe { g() }\n}"),
        (
            "src/base/uring.rs",
            "// SAFETY: for one.\nlet a = unsafe { g() };\n\n\n\nunsafe { h() };",
        ),
        ("src/base/uring.rs", "unsafe impl Send for X {}"),
    ] {
        assert_eq!(rules::unsafe_code(&snippet(path, text)).len(), 1, "{text}");
    }
    for text in [
        "// SAFETY: the pointer is valid,\n// it was just made.\nlet a =\n    unsafe { g() };",
        "/// # Safety\n/// The caller holds the lock.\npub unsafe fn f() {}",
        "let word = \"unsafe\"; // unsafe",
        "#![deny(unsafe_op_in_unsafe_fn)]",
    ] {
        assert_clean(&rules::unsafe_code(&snippet("src/store/entry.rs", text)));
    }
}

#[test]
fn nothing_unwraps_or_is_left_undone() {
    assert_clean(&rules::shortcuts(&server_sources()));
    for text in [
        "fn f() { g().unwrap(); }",
        "fn f() { g()\n    .unwrap()\n}",
        "fn f() { g().expect(\"oops\"); }",
        concat!("fn f() { to", "do!() }"),
        concat!("// FIX", "ME later\nfn f() {}"),
        concat!("fn f() { unimplem", "ented!() }"),
        "fn f() { dbg!(1); }",
    ] {
        assert_eq!(
            rules::shortcuts(&snippet("src/a.rs", text)).len(),
            1,
            "{text}"
        );
    }
    for text in [
        "fn f() { g().unwrap_or(0); h().expect(\"the length was checked above\"); }",
        "#[cfg(test)]\nmod tests {\n    fn f() { g().unwrap(); }\n}",
        "#[cfg(test)]\nmod suite;\nfn f() {}",
    ] {
        assert_clean(&rules::shortcuts(&snippet("src/a.rs", text)));
    }
}

#[test]
fn names_say_what_they_hold() {
    assert_clean(&rules::vague_names(&all_sources()));
    for path in [
        "src/util.rs",
        "src/store/helpers/mod.rs",
        "tests/common/mod.rs",
    ] {
        assert_eq!(rules::vague_names(&snippet(path, "")).len(), 1, "{path}");
    }
    assert_eq!(
        rules::vague_names(&snippet("src/a.rs", "mod misc {\n}")).len(),
        1
    );
}

#[test]
fn nothing_names_the_place_it_was_written_in() {
    let mut complaints = Vec::new();
    source::walk(root(), &mut |path, name| {
        if let Ok(text) = fs::read_to_string(path) {
            complaints.extend(rules::workplace(name, &text));
        }
    });
    assert_clean(&complaints);
    let bad = format!("see {} for more", rules::WORKPLACE_PATTERNS[0]);
    assert_eq!(rules::workplace("README.md", &bad).len(), 1);
}

#[test]
fn the_chain_exists() {
    let path = root().join("src/ARCHITECTURE.md");
    let page = fs::read_to_string(&path).expect("src/ARCHITECTURE.md is there");
    let sources = server_sources();
    assert_clean(&rules::chain(&page, &sources));
    let page =
        |list: &str| format!("# A\n\n## The chain\n\nText.\n\n```text\n{list}\n```\n\n## B\n");
    let source = snippet(
        "src/resp/parse.rs",
        "pub fn parse() {}\nimpl X { fn own(&self) {} }",
    );
    assert_clean(&rules::chain(
        &page("resp::parse::parse   finds it\nresp::parse::X::own"),
        &source,
    ));
    assert_eq!(rules::chain(&page("resp::parse::gone"), &source).len(), 1);
    assert_eq!(rules::chain(&page("conn::parse::parse"), &source).len(), 1);
    assert_eq!(
        rules::chain(&page(&"resp::parse::parse\n".repeat(9)), &source).len(),
        1
    );
    assert_eq!(rules::chain("# A\n\n## Other\n", &source).len(), 1);
}
