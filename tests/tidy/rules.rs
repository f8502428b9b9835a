//! The rules about one file at a time.
//!
//! Pure functions: sources in, complaints out, each beginning with the place it is about. Which
//! files they see, and the exceptions, is decided in `tests/tidy.rs`.

use super::source::{Source, closing_brace, line_number, words};

/// Lines of code that a file should not exceed, and that no exception may exceed.
pub const FILE_LINES_MAX: usize = 400;
pub const FILE_LINES_ABSOLUTE: usize = 600;
/// A function must be shorter than this, signature and braces included.
const FUNCTION_LINES: usize = 70;
/// The header of a file, lines.
const HEADER_LINES: std::ops::RangeInclusive<usize> = 3..=10;
/// Lines of code that may stand between a SAFETY note and its `unsafe`.
const SAFETY_DISTANCE: usize = 3;
/// Where unsafe code may stand: the machine, and the three layouts that make an item small.
const UNSAFE_PLACES: [&str; 5] = [
    "src/base/",
    "src/store/entry.rs",
    "src/store/bucket.rs",
    "src/store/member.rs",
    "src/store/zset/ordered.rs",
];
/// The crates, and the modules for which they allow it.
const UNSAFE_DENIED: [&str; 2] = ["src/lib.rs", "src/main.rs"];
const UNSAFE_MODULES: [(&str, &str); 5] = [
    ("src/lib.rs", "pub mod base"),
    ("src/store/mod.rs", "mod bucket"),
    ("src/store/mod.rs", "mod entry"),
    ("src/store/mod.rs", "mod member"),
    ("src/store/zset.rs", "mod ordered"),
];
/// Names that say nothing about what is in them.
const VAGUE: [&str; 8] = [
    "util", "utils", "common", "helper", "helpers", "misc", "stuff", "shared",
];
/// Paths of the place where the code was written. Split, so that this file passes.
pub const WORKPLACE_PATTERNS: [&str; 1] = [concat!("/wo", "rk/")];

/// Files whose `//!` header is missing, too short or too long.
pub fn headers(sources: &[Source]) -> Vec<String> {
    let mut complaints = Vec::new();
    for source in sources {
        let count = source
            .text
            .lines()
            .take_while(|line| line.starts_with("//!"))
            .count();
        if !HEADER_LINES.contains(&count) {
            complaints.push(format!(
                "{}: the header has {count} lines, wanted are 3 to 10",
                source.path
            ));
        }
    }
    complaints
}

/// Functions of 70 lines and more.
pub fn long_functions(sources: &[Source]) -> Vec<String> {
    let mut complaints = Vec::new();
    for source in sources {
        for (name, start, end) in functions(&source.code) {
            let lines = line_number(&source.code, end) - line_number(&source.code, start) + 1;
            if lines >= FUNCTION_LINES {
                let path = &source.path;
                complaints.push(format!(
                    "{path}::{name}: {lines} lines, fewer than {FUNCTION_LINES} wanted"
                ));
            }
        }
    }
    complaints
}

/// Functions with a body: name, first byte, last byte.
fn functions(code: &str) -> Vec<(String, usize, usize)> {
    let mut found = Vec::new();
    for at in words(code, "fn") {
        let rest = code[at + 2..].trim_start();
        let name: String = rest
            .chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect();
        // `fn(` is a type; a body comes before the declaration ends.
        let Some(open) = code[at..].find(['{', ';']).map(|offset| at + offset) else {
            continue;
        };
        if name.is_empty() || code.as_bytes()[open] == b';' && !array_semicolon(&code[at..open]) {
            continue;
        }
        let open = code[open..].find('{').map_or(open, |offset| open + offset);
        if let Some(end) = closing_brace(code, open) {
            found.push((name, at, end));
        }
    }
    found
}

/// True when the text ends inside brackets: the semicolon of `[u8; 4]` ends no declaration.
fn array_semicolon(signature: &str) -> bool {
    signature.matches('[').count() > signature.matches(']').count()
}

/// Files of more code than a reader holds in mind.
pub fn long_files(sources: &[Source]) -> Vec<String> {
    let mut complaints = Vec::new();
    for source in sources {
        let lines = source.code_lines();
        if lines > FILE_LINES_MAX {
            complaints.push(format!(
                "{}: {lines} lines of code, at most {FILE_LINES_MAX}",
                source.path
            ));
        }
    }
    complaints
}

/// Unsafe code outside its places, or without the note that says why it is sound.
pub fn unsafe_code(sources: &[Source]) -> Vec<String> {
    let mut complaints = Vec::new();
    for source in sources {
        let lines: Vec<&str> = source.text.lines().collect();
        let allowed = UNSAFE_PLACES
            .iter()
            .any(|place| source.path.starts_with(place));
        for at in words(&source.code, "unsafe") {
            let line = line_number(&source.code, at);
            if !allowed {
                complaints.push(format!(
                    "{}: line {line}: unsafe code outside its places",
                    source.path
                ));
            } else if !explained(&lines[..line]) {
                complaints.push(format!(
                    "{}: line {line}: unsafe without a SAFETY note",
                    source.path
                ));
            }
        }
    }
    complaints
}

/// Where the lint against unsafe code is not on, or is turned off for a module that may not have
/// any.
pub fn unsafe_allowed(sources: &[Source]) -> Vec<String> {
    let mut complaints = Vec::new();
    for source in sources {
        let path = source.path.as_str();
        let root = UNSAFE_DENIED.contains(&path);
        let denies = ["#![deny(unsafe_code)]", "#![forbid(unsafe_code)]"];
        if root && !denies.iter().any(|denial| source.code.contains(denial)) {
            complaints.push(format!("{path}: the crate does not deny unsafe code"));
        }
        for (at, _) in source.code.match_indices("allow(unsafe_code") {
            let after = source.code[at..]
                .split_once(']')
                .map_or("", |(_, after)| after);
            let module = after
                .split_once(';')
                .map_or("", |(module, _)| module.trim());
            if !UNSAFE_MODULES.contains(&(path, module)) {
                let line = line_number(&source.code, at);
                complaints.push(format!(
                    "{path}: line {line}: unsafe code is not allowed here"
                ));
            }
        }
    }
    complaints
}

/// True when the last line, or a comment close above it, is a safety note.
fn explained(lines: &[&str]) -> bool {
    let note = |line: &str| line.contains("SAFETY:") || line.contains("# Safety");
    let comment = |line: &str| line.trim_start().starts_with("//");
    let mut above = lines.iter().rev();
    let mut code_between = 0;
    // The comment nearest above decides; it may be long.
    for line in above.by_ref() {
        if note(line) {
            return true;
        }
        if comment(line) {
            break;
        }
        let passive = line.trim_start().starts_with("#[");
        code_between += usize::from(!passive);
        if code_between > SAFETY_DISTANCE + 1 || line.trim().is_empty() {
            return false;
        }
    }
    above
        .take_while(|line| comment(line))
        .any(|line| note(line))
}

/// Panics without a reason, and work left undone, in what ships.
pub fn shortcuts(sources: &[Source]) -> Vec<String> {
    let forbidden = [
        ".unwrap()",
        ".unwrap_err()",
        concat!("to", "do!"),
        concat!("unimplem", "ented!"),
        "dbg!",
    ];
    let mut complaints = Vec::new();
    for source in sources {
        let mut complain = |at: usize, what: &str| {
            let line = line_number(&source.text, at);
            complaints.push(format!("{}: line {line}: {what}", source.path));
        };
        for word in forbidden {
            source
                .shipped
                .match_indices(word)
                .for_each(|(at, _)| complain(at, word));
        }
        for mark in [
            concat!("FIX", "ME"),
            concat!("TO", "DO"),
            concat!("XX", "X:"),
        ] {
            words(&source.text, mark).for_each(|at| complain(at, mark));
        }
        for (at, call) in source.shipped.match_indices(".expect(\"") {
            // `code` blanks what the literal says; `text` has it at the same place.
            let reason = source.text[at + call.len()..]
                .split('"')
                .next()
                .unwrap_or_default();
            if reason.split_whitespace().count() < 2 {
                complain(at, "expect without the reason why it cannot fail");
            }
        }
    }
    complaints
}

/// Modules named after nothing.
pub fn vague_names(sources: &[Source]) -> Vec<String> {
    let mut complaints = Vec::new();
    for source in sources {
        let stem = source.path.trim_end_matches(".rs");
        if stem.split('/').any(|part| VAGUE.contains(&part)) {
            complaints.push(format!("{}: the name says nothing", source.path));
        }
        for at in words(&source.code, "mod") {
            let name = source.code[at + 3..].trim_start();
            let name: String = name
                .chars()
                .take_while(|c| c.is_alphanumeric() || *c == '_')
                .collect();
            let declared_elsewhere = source.code[at..]
                .find([';', '{'])
                .is_some_and(|end| source.code.as_bytes()[at + end] == b';');
            if VAGUE.contains(&name.as_str()) && !declared_elsewhere {
                complaints.push(format!("{}: `mod {name}` says nothing", source.path));
            }
        }
    }
    complaints
}

/// Paths of the place where the code was written.
pub fn workplace(name: &str, text: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    for pattern in WORKPLACE_PATTERNS {
        for (at, _) in text.match_indices(pattern) {
            // A URL or a path may hold the word after something else.
            let inside =
                text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '.' || c == '_');
            if !inside {
                complaints.push(format!("{name}: line {}: {pattern}", line_number(text, at)));
            }
        }
    }
    complaints
}
