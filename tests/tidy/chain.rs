//! The chain of functions from a completion to the hash table: the list on the page is the real
//! one.
//!
//! Each function of the list must call the next one; where a row of a table is between, the page
//! says so.

use std::fs;

use super::ratchet::CHAIN;
use super::syntax::{Call, Function, Syntax};
use super::{assert_clean, assert_judged, root, server_syntax, syntax_of};

/// Behind a function that is called through its row.
const BY_THE_ROW: &str = "(by the row)";

/// A line of the list.
struct Station<'a> {
    path: &'a str,
    by_the_row: bool,
}

/// The stations that the page lists under "The chain", one `module::file::function` a line in a
/// fence.
fn stations(page: &str) -> Vec<Station<'_>> {
    let section = page
        .split("\n## ")
        .find(|section| section.starts_with("The chain"));
    let list = section
        .and_then(|section| section.split("```").nth(1))
        .unwrap_or_default();
    // The first line of a fence names its language.
    let lines = list.lines().skip(1);
    lines
        .filter_map(|line| {
            let path = line.split_whitespace().next()?;
            let by_the_row = line.contains(BY_THE_ROW);
            Some(Station { path, by_the_row })
        })
        .collect()
}

/// How many functions the page says a command passes.
pub fn length(page: &str) -> usize {
    stations(page).len()
}

/// The functions that a path names; a type before the name is optional.
fn named<'a>(files: &'a [Syntax], path: &str) -> Vec<&'a Function> {
    let mut parts: Vec<&str> = path.split("::").collect();
    let name = parts.pop().unwrap_or_default();
    let owner = parts.pop_if(|part| part.starts_with(char::is_uppercase));
    let files = files.iter().filter(|file| file.module() == parts);
    let wanted = |function: &&Function| {
        function.name == name && owner.is_none_or(|owner| function.owner.as_deref() == Some(owner))
    };
    files
        .flat_map(|file| &file.functions)
        .filter(wanted)
        .collect()
}

/// True when the function calls the next one, or, by the row, what an expression of its gives.
fn calls(function: &Function, next: &str, by_the_row: bool) -> bool {
    function.calls.iter().any(|call| match call {
        Call::Value => by_the_row,
        Call::Method(_, name) => name == next,
        Call::Path(path) => path.last().is_some_and(|name| {
            let local = function.names.iter().any(|(known, _)| known == name);
            name == next || by_the_row && path.len() == 1 && local
        }),
    })
}

/// What is wrong with the list of a page.
fn broken(page: &str, files: &[Syntax]) -> Vec<String> {
    let stations = stations(page);
    let mut complaints = Vec::new();
    if stations.is_empty() {
        complaints.push("ARCHITECTURE.md: no fenced list under `The chain`".to_string());
    }
    for (at, station) in stations.iter().enumerate() {
        let functions = named(files, station.path);
        if functions.is_empty() {
            complaints.push(format!(
                "ARCHITECTURE.md: `{}` does not exist",
                station.path
            ));
        } else if let Some(next) = stations.get(at + 1) {
            let name = next.path.rsplit("::").next().unwrap_or_default();
            if !functions.iter().any(|it| calls(it, name, next.by_the_row)) {
                let path = station.path;
                complaints.push(format!(
                    "ARCHITECTURE.md: `{path}` does not call `{}`",
                    next.path
                ));
            }
        }
    }
    complaints
}

/// The page that the repository holds.
pub fn page() -> String {
    fs::read_to_string(root().join("src/ARCHITECTURE.md")).expect("src/ARCHITECTURE.md is there")
}

#[test]
fn the_chain_is_the_real_one() {
    let page = page();
    assert_clean(&broken(&page, server_syntax()));
    assert_judged(&CHAIN, length(&page));
    let source = "pub fn parse(x: X) { x.own(); helper(); let f = row.run; f(x); }
        impl X { fn own(&self) { (self.row.run)(self); } fn set(&self) {} } fn helper() {}";
    let files = syntax_of("src/resp/parse.rs", source);
    let complaints = |list: &str| {
        let page = format!("# A\n\n## The chain\n\nText.\n\n```text\n{list}\n```\n\n## B\n");
        broken(&page, &files).len()
    };
    for (list, count) in [
        ("resp::parse::parse   finds it\nresp::parse::X::own", 0),
        ("resp::parse::parse\nresp::parse::helper", 0),
        ("resp::parse::own\nresp::parse::set (by the row)", 0),
        ("resp::parse::parse\nresp::parse::set (by the row)", 0),
        ("resp::parse::own\nresp::parse::set", 1),
        ("resp::parse::helper\nresp::parse::set (by the row)", 1),
        ("resp::parse::Y::own", 1),
        ("resp::parse::gone", 1),
        ("conn::parse::parse", 1),
        ("", 1),
    ] {
        assert_eq!(complaints(list), count, "{list}");
    }
    assert_eq!(broken("# A\n\n## Other\n", &files).len(), 1);
}
