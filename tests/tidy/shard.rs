//! The rooms inside `shard/`: what `Core` is made of, which files form a circle by calls.
//!
//! Methods of one large type spread over many files look clean by their imports while everything
//! calls everything, so calls are followed, and `Core`'s fields counted. The bounds stand in
//! `ratchet.rs`.

use std::collections::BTreeSet;

use super::ratchet::{CIRCLE, CORE_FIELDS, CORE_METHODS, CORE_PUBLIC_FIELDS, SIBLINGS};
use super::syntax::{Field, Syntax};
use super::{assert_judged, calls, server_syntax, syntax_of};

/// The folders that `Core`'s methods may be spread over.
pub const FOLDERS: [&str; 3] = ["src/shard/", "src/txn/", "src/admin/"];

/// The fields of `Core`.
pub fn core_fields(files: &[Syntax]) -> &[Field] {
    let files = files
        .iter()
        .filter(|file| file.path.starts_with("src/shard/"));
    let core = files
        .flat_map(|file| &file.structs)
        .find(|item| item.name == "Core");
    core.map_or(&[], |core| &core.fields)
}

/// How many methods of `Core` others may call.
pub fn core_methods(files: &[Syntax]) -> usize {
    let functions = files.iter().flat_map(|file| &file.functions);
    functions
        .filter(|it| it.public && it.owner.as_deref() == Some("Core"))
        .count()
}

#[test]
fn core_is_made_of_few_owners() {
    let files = server_syntax();
    let fields = core_fields(files);
    assert!(!fields.is_empty(), "struct Core stands in src/shard");
    let public = fields.iter().filter(|field| field.public).count();
    assert_judged(&CORE_FIELDS, fields.len());
    assert_judged(&CORE_PUBLIC_FIELDS, public);
    let bad = "pub struct Core { pub a: u8, pub(crate) b: Vec<u8>, c: u8, #[cfg(test)] d: u8 }";
    let bad = syntax_of("src/shard/core.rs", bad);
    let fields = core_fields(&bad);
    assert_eq!(fields.len(), 3);
    assert_eq!(fields.iter().filter(|field| field.public).count(), 2);
}

#[test]
fn core_has_few_public_methods() {
    assert_judged(&CORE_METHODS, core_methods(server_syntax()));
    let bad = "impl Core { pub fn a(&self) {} pub(super) fn b(&self) {} fn c(&self) {} }
        impl Mail { pub fn d(&self) {} } #[cfg(test)] impl Core { pub fn e(&self) {} }";
    assert_eq!(core_methods(&syntax_of("src/shard/a.rs", bad)), 2);
}

#[test]
fn files_of_shard_form_no_large_circle() {
    let circle = calls::largest_circle(server_syntax(), &FOLDERS);
    for (path, called) in &circle {
        println!("{path} calls {called}");
    }
    assert_judged(&CIRCLE, circle.len());
}

#[test]
fn files_of_shard_know_few_others() {
    let count = |files: &[Syntax]| -> usize {
        let siblings = calls::siblings(files, "src/shard/");
        siblings.values().map(BTreeSet::len).sum()
    };
    assert_judged(&SIBLINGS, count(server_syntax()));
    let texts = [
        ("src/shard/mod.rs", "pub use core::Core; fn f() {}"),
        ("src/shard/core.rs", "pub struct Core;"),
        (
            "src/shard/b.rs",
            "use super::Core; use super::core::{A, B}; use super::c; fn f() {}",
        ),
        (
            "src/shard/c.rs",
            "use crate::shard::b::f as g; use crate::base::Io; fn f() {}",
        ),
    ];
    let files: Vec<Syntax> = texts
        .iter()
        .flat_map(|(path, text)| syntax_of(path, text))
        .collect();
    // `mod.rs` names `core`, `b` names `core` and `c`, `c` names `b`.
    assert_eq!(count(&files), 4);
}

/// Three files; the second's calls are given.
fn circle_with(calls: &str) -> usize {
    let texts = [
        (
            "src/shard/core.rs",
            "pub struct Core { mail: Mail, list: Vec<Turn> } impl Core { fn first(&mut self) { self.second(); } }",
        ),
        ("src/shard/second.rs", calls),
        (
            "src/shard/mail.rs",
            "pub struct Mail; impl Mail { pub fn post(&self, core: &mut Core) { core.second(); } }
             pub struct Turn; impl Turn { pub fn turn(&self) { free(); } } pub fn free() { super::second::loose(); }",
        ),
    ];
    let files: Vec<Syntax> = texts
        .iter()
        .flat_map(|(path, text)| syntax_of(path, text))
        .collect();
    calls::largest_circle(&files, &FOLDERS).len()
}

#[test]
fn calls_are_followed() {
    let second = |body: &str| {
        format!(
            "use super::Core; use super::mail::free as other; use super::mail; pub fn loose() {{}}
             impl Core {{ pub fn second(&mut self) {{ {body} }} pub fn mail(&mut self) -> &mut Mail {{ todo() }} }}"
        )
    };
    // Each way of calling closes the circle of two or three files.
    for (body, size) in [
        ("self.first();", 2),
        ("Core::first(self);", 2),
        ("let core = self; core.first();", 2),
        ("if let Some(it) = self.list.get_mut(0) { it.turn(); }", 2),
        ("assert!(self.first() > 0);", 2),
        ("[1].iter().for_each(|_| self.first());", 2),
        ("self.mail.post(self);", 2),
        ("self.mail().post(self);", 2),
        ("mail::free();", 2),
        ("other();", 2),
        ("super::mail::free();", 2),
        ("crate::shard::mail::free();", 2),
        ("Mail::post(x, self);", 2),
        ("let it = unknown(); it.post(self);", 2),
        ("self.first(); mail::free();", 3),
        ("", 0),
        ("let row = (\"name\", Core::first); keep(mail::free);", 0),
        ("self.other(); self.list.push(x); free();", 0),
    ] {
        assert_eq!(circle_with(&second(body)), size, "{body}");
    }
    let list = "static LIST: &[fn(&mut Core)] = &[Core::first, |core| core.first()];";
    assert_eq!(circle_with(&format!("{} {list}", second(""))), 0);
}

#[test]
fn components_are_found() {
    let graph = |edges: &[&[usize]]| -> Vec<usize> {
        let edges: Vec<_> = edges
            .iter()
            .map(|to| to.iter().copied().collect())
            .collect();
        let mut sizes: Vec<usize> = calls::components(&edges).iter().map(Vec::len).collect();
        sizes.sort_unstable();
        sizes
    };
    assert_eq!(graph(&[&[1], &[2], &[0], &[0]]), [1, 3]);
    assert_eq!(graph(&[&[1], &[0], &[3], &[2, 1]]), [2, 2]);
    assert_eq!(graph(&[&[1, 2], &[3], &[3], &[]]), [1, 1, 1, 1]);
    assert_eq!(graph(&[&[1], &[2], &[0, 3], &[4], &[2]]), [5]);
}
