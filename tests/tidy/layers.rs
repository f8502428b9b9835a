//! The import table: which module of `src/` may see which.
//!
//! Reads `crate::name`, `crate::{...}` and `super::` paths that reach the crate's root. Unit tests are
//! free. `main.rs`, `lib.rs`, `server.rs` and `server/` put everything together and are free as well. The table is the design's.

use super::source::{Source, closing_brace, line_number, words};

/// A module and what it may import besides itself; everything may import `limits`.
const TABLE: &[(&str, &[&str])] = &[
    ("limits", &[]),
    ("base", &[]),
    ("resp", &["base"]),
    ("store", &["base"]),
    ("metrics", &["base"]),
    ("rdb", &["base", "store"]),
    ("wal", &["base", "store", "rdb"]),
    ("config", &["base", "resp"]),
    ("cmd", &["store", "resp", "rdb", "config"]),
    // A message carries lent entries and a new configuration; route only passes them on.
    (
        "route",
        &["base", "cmd", "resp", "store", "config", "metrics"],
    ),
    ("conn", &["base", "resp", "route"]),
    (
        "shard",
        &[
            "base", "resp", "metrics", "store", "rdb", "wal", "config", "cmd", "route", "conn",
        ],
    ),
    (
        "admin",
        &[
            "base", "resp", "metrics", "store", "rdb", "config", "cmd", "route", "conn", "shard",
        ],
    ),
];

/// Everyone's imports that the table does not allow.
pub fn imports(sources: &[Source]) -> Vec<String> {
    let mut complaints = Vec::new();
    for source in sources {
        let Some(module) = module_of(&source.path) else {
            continue;
        };
        let Some((_, allowed)) = TABLE.iter().find(|(name, _)| *name == module) else {
            complaints.push(format!(
                "{}: module `{module}` is not in the table",
                source.path
            ));
            continue;
        };
        for (at, name) in imported(source) {
            if name != module && name != "limits" && !allowed.contains(&name.as_str()) {
                let line = line_number(&source.shipped, at);
                complaints.push(format!(
                    "{}: line {line}: {module} must not see {name}",
                    source.path
                ));
            }
        }
    }
    complaints
}

/// The top-level module of a file; None for the files that put everything together.
fn module_of(path: &str) -> Option<&str> {
    let inside = path.strip_prefix("src/")?;
    let first = inside.split('/').next()?;
    match first {
        "main.rs" | "lib.rs" | "server.rs" | "server" => None,
        _ => Some(first.trim_end_matches(".rs")),
    }
}

/// How many modules lie between a file and the crate's root: 1 for `src/store/mod.rs`.
fn depth_of(path: &str) -> usize {
    let inside = path.trim_start_matches("src/").trim_end_matches(".rs");
    inside.trim_end_matches("/mod").split('/').count()
}

/// Top-level modules that the file names, each with its place.
fn imported(source: &Source) -> Vec<(usize, String)> {
    let code = &source.shipped;
    let mut found = Vec::new();
    for at in words(code, "crate") {
        if let Some(rest) = code[at + "crate".len()..].strip_prefix("::") {
            let names = first_names(rest);
            found.extend(names.into_iter().map(|name| (at, name)));
        }
    }
    let depth = depth_of(&source.path);
    for at in words(code, "super") {
        // Only the first `super` of a path begins it.
        if code[..at].ends_with("super::") {
            continue;
        }
        let mut rest = &code[at..];
        let mut climbed = 0;
        while let Some(after) = rest.strip_prefix("super::") {
            rest = after;
            climbed += 1;
        }
        if climbed == depth {
            found.extend(first_names(rest).into_iter().map(|name| (at, name)));
        }
    }
    found
}

/// The first names of a path: one, or several for a group in braces. Types at the root are skipped.
fn first_names(rest: &str) -> Vec<String> {
    let group = match rest.starts_with('{') {
        true => &rest[1..closing_brace(rest, 0).unwrap_or(rest.len())],
        false => rest,
    };
    let mut names = Vec::new();
    let mut depth = 0_usize;
    let mut name = String::new();
    let mut taking = true;
    for character in group.chars() {
        match character {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            ',' if depth == 0 && rest.starts_with('{') => {
                names.push(std::mem::take(&mut name));
                taking = true;
            }
            _ if character.is_alphanumeric() || character == '_' => {
                if taking {
                    name.push(character);
                }
            }
            _ if name.is_empty() => {}
            _ => taking = false,
        }
        if !taking && !rest.starts_with('{') {
            break;
        }
    }
    names.push(name);
    names.retain(|name| name.starts_with(char::is_lowercase));
    names
}
