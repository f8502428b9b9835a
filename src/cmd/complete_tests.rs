//! The commands that Redis 8.10 and Valkey 9.1 have for keys, held against the table.
//!
//! `tests/commands.txt` lists them: `+` is there, `-` is still to come. One that is there by the
//! list and missing in the table fails the test, and so does one that is there and to come.
//! The list is data of the project; lines may change from `-` to `+` only.

use super::table;

const LIST: &str = include_str!("../../tests/commands.txt");
/// Families in which all commands are listed.
const GROUPS: [&str; 10] = [
    "bitmap",
    "generic",
    "geo",
    "hash",
    "hyperloglog",
    "list",
    "set",
    "sorted_set",
    "stream",
    "string",
];

/// What is wrong with a list, seen by whoever knows which commands there are.
fn complaints(list: &str, exists: impl Fn(&str) -> bool) -> Vec<String> {
    let mut complaints = Vec::new();
    for line in list.lines().filter(|line| !line.starts_with('#')) {
        let words: Vec<&str> = line.split(' ').collect();
        let &[mark, group, name] = &words[..] else {
            complaints.push(format!("not understood: {line}"));
            continue;
        };
        if !GROUPS.contains(&group) {
            complaints.push(format!("no such group: {line}"));
        }
        match (mark, exists(name)) {
            ("+", true) | ("-", false) => {}
            ("+", false) => complaints.push(format!("{name} is missing")),
            ("-", true) => complaints.push(format!("{name} is there: its line begins with +")),
            _ => complaints.push(format!("not understood: {line}")),
        }
    }
    complaints
}

fn exists(name: &str) -> bool {
    table().find_full(name.as_bytes()).is_some()
}

/// `UPDATE_COMMANDS=1 cargo test --lib complete` marks what has come.
#[test]
#[allow(clippy::disallowed_methods, reason = "reads and writes the list")]
fn all_commands_are_there_or_to_come() {
    if std::env::var_os("UPDATE_COMMANDS").is_some() {
        let marked = LIST.lines().map(|line| match line.strip_prefix("- ") {
            Some(rest) if rest.rsplit(' ').next().is_some_and(exists) => format!("+ {rest}\n"),
            _ => format!("{line}\n"),
        });
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/commands.txt");
        let marked: String = marked.collect();
        return std::fs::write(path, marked).expect("the list is written");
    }
    for group in GROUPS {
        assert!(LIST.contains(&format!("+ {group} ")) || LIST.contains(&format!("- {group} ")));
    }
    let complaints = complaints(LIST, exists);
    assert!(
        complaints.is_empty(),
        "UPDATE_COMMANDS=1 cargo test --lib complete, or:\n{}",
        complaints.join("\n")
    );
}

/// The control: each kind of wrong line is found.
#[test]
fn wrong_lines_are_found() {
    for (line, words) in [
        ("+ string gett", "gett is missing"),
        ("- string get", "get is there"),
        ("+ text get", "no such group"),
        ("string get", "not understood"),
    ] {
        let found = complaints(line, exists);
        assert_eq!(found.len(), 1, "{line}: {found:?}");
        assert!(found[0].starts_with(words), "{found:?}");
    }
    assert!(complaints("+ string get\n- string gett", exists).is_empty());
}
