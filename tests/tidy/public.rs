//! Public items that nobody uses: they are private or `pub(crate)`, or say why they are public.
//!
//! The library is there for the server, the tests and the benches; what no other file of theirs
//! names is public by accident. A line `// public: reason` above an item keeps it.

use std::collections::HashMap;

use super::ratchet::DEAD_PUBLIC;
use super::source::Source;
use super::syntax::Syntax;
use super::{all_sources, assert_judged};

/// What introduces the reason of a public item.
const REASON: &str = "// public: ";

/// Public items of `src/` that no other file names.
pub fn dead(sources: &[Source]) -> Vec<String> {
    let mut files_with: HashMap<&str, (usize, bool)> = HashMap::new();
    for (number, source) in sources.iter().enumerate() {
        for word in source
            .code
            .split(|c: char| !c.is_alphanumeric() && c != '_')
        {
            let (first, others) = files_with.entry(word).or_insert((number, false));
            *others |= *first != number;
        }
    }
    let mut found = Vec::new();
    for source in sources
        .iter()
        .filter(|source| source.path.starts_with("src/"))
    {
        let lines: Vec<&str> = source.text.lines().collect();
        for item in Syntax::of(source).public {
            let named = files_with
                .get(item.name.as_str())
                .is_some_and(|(_, others)| *others);
            let above = lines[..item.line - 1].iter().rev();
            let mut above = above.take_while(|line| {
                let line = line.trim_start();
                line.starts_with("//") || line.starts_with("#[")
            });
            if !named && !above.any(|line| line.trim_start().starts_with(REASON)) {
                let (path, name) = (&source.path, &item.name);
                found.push(format!(
                    "{path}: line {}: no other file names `{name}`",
                    item.line
                ));
            }
        }
    }
    found
}

#[test]
fn public_items_have_users() {
    let found = dead(all_sources());
    println!("{}", found.join("\n"));
    assert_judged(&DEAD_PUBLIC, found.len());
    let files = |first: &str| {
        vec![
            Source::new("src/a.rs", first),
            Source::new(
                "tests/b.rs",
                "fn f() { used(); } // idle\nfn own() { \"idle\" }",
            ),
        ]
    };
    for (text, count) in [
        ("pub fn used() {}\npub fn idle() {}\nfn private() {}", 1),
        (
            "pub struct X; impl X { pub fn used(&self) {} pub fn idle(&self) { self.idle() } }",
            1,
        ),
        (
            "// public: a cluster's client will ask.\n#[must_use]\npub fn idle() {}",
            0,
        ),
        (
            "pub(crate) fn idle() {}\n#[cfg(test)]\npub fn test_only() {}",
            0,
        ),
    ] {
        assert_eq!(dead(&files(text)).len(), count, "{text}");
    }
}
