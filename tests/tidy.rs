//! The code checks itself: layering, sizes, headers, unsafe, names, the chain of functions.
//!
//! Each rule is a pure function from sources to complaints (`tidy/rules.rs`, `tidy/layers.rs`),
//! applied here to the whole tree and, as its positive control, to a small bad snippet on which it
//! must complain. Exceptions stand below with their reasons; one that is no longer needed is a
//! complaint.

#![allow(clippy::disallowed_methods, reason = "reads the source tree")]

#[path = "tidy/assertions.rs"]
mod assertions;
#[path = "tidy/bounds.rs"]
mod bounds;
#[path = "tidy/calls.rs"]
mod calls;
#[path = "tidy/chain.rs"]
mod chain;
#[path = "tidy/commands.rs"]
mod commands;
#[path = "tidy/house.rs"]
mod house;
#[path = "tidy/layers.rs"]
mod layers;
#[path = "tidy/prints.rs"]
mod prints;
#[path = "tidy/public.rs"]
mod public;
#[path = "tidy/ratchet.rs"]
mod ratchet;
#[path = "tidy/reader.rs"]
mod reader;
#[path = "tidy/rows.rs"]
mod rows;
#[path = "tidy/rules.rs"]
mod rules;
#[path = "tidy/shapes.rs"]
mod shapes;
#[path = "tidy/shard.rs"]
mod shard;
#[path = "tidy/source.rs"]
mod source;
#[path = "tidy/syntax.rs"]
mod syntax;

use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use layers::Layers;
use ratchet::Ratchet;
use source::Source;
use syntax::Syntax;

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

/// All sources: those of the server, of its tests and of its benches.
fn all_sources() -> &'static [Source] {
    static SOURCES: OnceLock<Vec<Source>> = OnceLock::new();
    SOURCES.get_or_init(|| {
        let read = |directory| {
            let sources = Source::read_tree(root(), directory);
            assert!(sources.len() > 5, "the sources of {directory} are found");
            sources
        };
        ["bench", "src", "tests"]
            .into_iter()
            .flat_map(read)
            .collect()
    })
}

/// Sources of the server.
fn server_sources() -> &'static [Source] {
    // They stand together: each tree is read after the other.
    let of_server = |source: &Source| source.path.starts_with("src/");
    let all = all_sources();
    let first = all.partition_point(|source| source.path.as_str() < "src/");
    let count = all[first..]
        .iter()
        .take_while(|source| of_server(source))
        .count();
    &all[first..first + count]
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

/// The server as the parser sees it.
fn server_syntax() -> &'static [Syntax] {
    static SYNTAX: OnceLock<Vec<Syntax>> = OnceLock::new();
    SYNTAX.get_or_init(|| Syntax::all(server_sources()))
}

fn syntax_of(path: &str, text: &str) -> Vec<Syntax> {
    Syntax::all(&snippet(path, text))
}

/// Prints a figure and holds it against its bound.
fn assert_judged(ratchet: &Ratchet, count: usize) {
    println!("{}: {count}", ratchet.what);
    let complaint = ratchet.judge(count as f64);
    assert!(complaint.is_none(), "{}", complaint.unwrap_or_default());
}

#[test]
fn layers_hold() {
    let sources = server_sources();
    let layers = Layers::read(&chain::page()).expect("the page's table is understood");
    assert_clean(&layers.without_module(sources));
    assert_clean(&layers::imports(&layers, sources));
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
            layers::imports(&layers, &snippet(path, text)).len(),
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
        assert_clean(&layers::imports(&layers, &snippet(path, text)));
    }
}

#[test]
fn the_page_of_layers_is_understood() {
    let page = |rows: &str| {
        format!(
            "# A\n\n## Who may see whom\n\n| module | may import | never |\n|---|---|---|\n{rows}\n"
        )
    };
    let sees = |rows: &str, path: &str, text: &str| {
        let layers = Layers::read(&page(rows))?;
        Ok::<usize, String>(layers::imports(&layers, &snippet(path, text)).len())
    };
    let rows = "| base | nothing | |\n| resp, store | base | |\n| conn | all above | |\n| main | everything | |";
    let imports = "use crate::base::A; use crate::store::B;";
    assert_eq!(sees(rows, "src/base/a.rs", imports), Ok(1));
    assert_eq!(sees(rows, "src/resp/a.rs", imports), Ok(1));
    assert_eq!(sees(rows, "src/conn/a.rs", imports), Ok(0));
    assert_eq!(sees(rows, "src/main.rs", "use crate::shard::A;"), Ok(0));
    assert_eq!(sees(rows, "src/shard/a.rs", ""), Ok(1));
    for bad in [
        "",
        "| resp | base | |",
        "| base | std and crates | |",
        "| base |",
    ] {
        assert!(Layers::read(&page(bad)).is_err(), "{bad}");
    }
    assert!(Layers::read("# A\n\n## Other\n").is_err());
    let layers = Layers::read(&page(rows)).expect("understood");
    assert_eq!(
        layers.without_module(&snippet("src/base/a.rs", "")).len(),
        4
    );
}

#[test]
fn files_open_with_their_role() {
    assert_clean(&rules::headers(all_sources()));
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
    assert_clean(&excepted("function", rules::long_functions(all_sources())));
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
    assert_clean(&excepted("file", rules::long_files(all_sources())));
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
    assert_clean(&rules::unsafe_code(server_sources()));
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
    assert_clean(&rules::shortcuts(server_sources()));
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
    assert_clean(&rules::vague_names(all_sources()));
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
fn unsafe_code_is_denied_by_attribute() {
    assert_clean(&rules::unsafe_allowed(server_sources()));
    for (path, text) in [
        ("src/lib.rs", "pub mod base;"),
        (
            "src/lib.rs",
            "#![deny(unsafe_code)]\n#[allow(unsafe_code)]\npub mod shard;",
        ),
        ("src/shard/core.rs", "#[allow(unsafe_code)]\nfn f() {}"),
        (
            "src/store/mod.rs",
            "#[allow(unsafe_code, reason = \"why\")]\nmod table;",
        ),
    ] {
        assert_eq!(
            rules::unsafe_allowed(&snippet(path, text)).len(),
            1,
            "{text}"
        );
    }
    for (path, text) in [
        (
            "src/lib.rs",
            "#![deny(unsafe_code)]\n#[allow(unsafe_code)]\npub mod base;",
        ),
        ("src/main.rs", "#![forbid(unsafe_code)]"),
        (
            "src/store/mod.rs",
            "#[allow(unsafe_code, reason = \"why\")]\nmod entry;",
        ),
        ("src/shard/core.rs", "// allow(unsafe_code)"),
    ] {
        assert_clean(&rules::unsafe_allowed(&snippet(path, text)));
    }
}
