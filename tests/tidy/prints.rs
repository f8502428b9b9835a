//! Who may write to standard output and standard error: nobody but the log, and last words.
//!
//! A daemon's streams lead nowhere, and an operator reads one place. So a line that a running
//! server has for somebody goes through `base::log`; what prints by itself stands here with its
//! reason.

use super::source::{Source, line_number, words};
use super::{assert_clean, server_sources, snippet};

const PRINTERS: &[(&str, &str)] = &[
    (
        "src/main.rs",
        "what the command line asks for, before any log",
    ),
    ("src/base/fatal.rs", "last words, which the log gets too"),
    ("src/server/check_system.rs", "the report of --check-system"),
    ("src/server.rs", "the report of --show-placement"),
];
const MACROS: [&str; 5] = ["println", "eprintln", "print", "eprint", "dbg"];

/// Lines that print and may not.
fn prints(sources: &[Source]) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources {
        let path = &source.path;
        if PRINTERS.iter().any(|(printer, _)| printer == path) {
            continue;
        }
        let code = &source.shipped;
        for name in MACROS {
            for at in words(code, name) {
                if code[at + name.len()..].starts_with('!') {
                    let line = line_number(code, at);
                    found.push(format!("{path}: line {line}: {name}! outside the log"));
                }
            }
        }
    }
    found
}

#[test]
fn only_the_log_speaks() {
    let sources = server_sources();
    assert_clean(&prints(sources));
    for (printer, reason) in PRINTERS {
        let file = sources.iter().find(|source| source.path == *printer);
        let file = file.unwrap_or_else(|| panic!("{printer} is gone ({reason})"));
        let elsewhere = snippet("src/shard/a.rs", &file.text);
        assert!(
            !prints(&elsewhere).is_empty(),
            "{printer} prints nothing any more"
        );
    }
    let bad = "fn f() { println!(\"x\"); eprint!(\"y\"); } // print!
        #[cfg(test)]
        mod tests { fn g() { println!(); } }";
    assert_eq!(prints(&snippet("src/shard/a.rs", bad)).len(), 2);
    assert_eq!(prints(&snippet("src/main.rs", bad)).len(), 0);
}
