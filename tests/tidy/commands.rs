//! The rows of the command table: each has its function and its test, and nobody else knows its
//! name.
//!
//! A command is one row, one function, one test. What is special about a command is a column of its
//! row, so a name that stands outside `cmd/` and `admin/` is knowledge in a second place.

use std::fs;

use super::ratchet::COMMANDS_OUTSIDE;
use super::rows::{self, Row};
use super::source::{Source, walk};
use super::syntax::Syntax;
use super::{all_sources, assert_clean, assert_judged, root, server_syntax, syntax_of};

/// Where commands may be named.
const HOMES: [&str; 2] = ["src/cmd/", "src/admin/"];
/// Rows whose function is not called as they are: row, function, reason.
const ALIASES: &[(&str, &str, &str)] = &[
    ("getredir", "get_redirection", "whole words, as names are"),
    (
        "flush",
        "function_flush",
        "FLUSHALL and its kin are called so elsewhere",
    ),
    (
        "list",
        "function_list",
        "of FUNCTION, which has no file of its own",
    ),
    ("move", "move_key", "a word of the language"),
    ("resetstat", "reset_statistics", "whole words, as names are"),
    ("rewrite", "rewrite_file", "says what is rewritten"),
    ("substr", "getrange", "the same command by its old name"),
    ("type", "type_of", "a word of the language"),
    (
        "usage",
        "memory_usage",
        "says of what, as the sections of INFO do",
    ),
];
/// Literals that are a command's name and mean something else: file, literal, meaning.
const OTHER_MEANINGS: &[(&str, &str, &str)] = &[
    ("src/base/socket.rs", "unlink", "the system call"),
    (
        "src/config/choice.rs",
        "swapdb",
        "a value of repl-diskless-load",
    ),
    (
        "src/shard/slow.rs",
        "command",
        "the event of LATENCY about slow commands",
    ),
    ("src/store/value.rs", "set", "the type of a value"),
    (
        "src/wal/record.rs",
        "SELECT",
        "the mark of a log's form that the next commands concern another database",
    ),
];

/// Full names of all rows: `get`, `client|kill`.
fn names() -> Vec<String> {
    let commands = cairn::admin::commands(&[]).expect("nothing is renamed");
    let rows = 0..u16::try_from(commands.table.len()).expect("rows are few");
    rows.map(|number| commands.table.row(number).full_name.clone())
        .collect()
}

/// True when a function is called as the row is; where its words end is the function's affair.
fn is_called_so(function: &str, row: &Row) -> bool {
    function.replace('_', "") == row.name.replace(['-', '_'], "")
}

/// Rows without a function of their name, or with several.
fn without_function(rows: &[Row]) -> Vec<String> {
    let mut complaints = Vec::new();
    for row in rows.iter().filter(|row| !row.is_container) {
        let name = &row.name;
        let place = format!("{}: line {}", row.path, row.line);
        match &row.functions[..] {
            [function] if is_called_so(function, row) => {}
            [function]
                if ALIASES
                    .iter()
                    .any(|(known, with, _)| known == name && with == function) => {}
            functions => {
                complaints.push(format!("{place}: `{name}` has the functions {functions:?}"))
            }
        }
    }
    complaints
}

/// Aliases that no row needs.
fn unused_aliases(rows: &[Row]) -> Vec<String> {
    let unused = ALIASES.iter().filter(|(name, function, reason)| {
        let uses = |row: &Row| row.name == *name && row.functions == [*function];
        reason.len() < 10 || !rows.iter().any(uses)
    });
    unused
        .map(|(name, ..)| format!("{name}: the alias is not needed, or has no reason"))
        .collect()
}

/// Literals that are a command's name, outside the folders that may know them.
pub fn named_outside(names: &[String], files: &[Syntax]) -> Vec<String> {
    let mut found = Vec::new();
    for file in files {
        if HOMES.iter().any(|home| file.path.starts_with(home)) {
            continue;
        }
        for (literal, line) in &file.literals {
            let means = |other: &&(&str, &str, &str)| other.0 == file.path && other.1 == literal;
            let named = names.iter().any(|name| name.eq_ignore_ascii_case(literal));
            if named && !OTHER_MEANINGS.iter().any(|other| means(&other)) {
                found.push(format!(
                    "{}: line {line}: names the command `{literal}`",
                    file.path
                ));
            }
        }
    }
    found
}

/// How many commands are named outside their folders, for the table of the house.
pub fn count_outside(files: &[Syntax]) -> usize {
    named_outside(&names(), files).len()
}

/// What the tests send, one text: arguments that are literals of their own are joined by blanks.
fn sent(sources: &[Source], transcripts: &str) -> String {
    let mut text = String::new();
    for line in transcripts.lines() {
        if let Some((client, command)) = line.split_once("> ")
            && client.chars().all(char::is_alphanumeric)
        {
            text.push_str(&format!("\"{command}\n"));
        }
    }
    for source in sources {
        // Tests stand at the end of a file, or are a file.
        let from = match source.path.starts_with("src/") && source.code_lines() > 0 {
            true => source
                .text
                .find("#[cfg(test)]")
                .unwrap_or(source.text.len()),
            false => 0,
        };
        text.push_str(&source.text[from..]);
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    let text = words.join(" ").to_ascii_lowercase();
    text.replace("b\"", "\"").replace("\", \"", " ")
}

/// Rows that no test and no transcript sends.
fn untested(names: &[String], sent: &str) -> Vec<String> {
    let part = |next: char| next.is_ascii_alphanumeric() || next == '-' || next == '_';
    let is_sent = |name: &str| {
        let command = format!("\"{}", name.replace('|', " "));
        let mut places = sent.match_indices(&command);
        places.any(|(at, _)| !sent[at + command.len()..].starts_with(part))
    };
    let missing = names.iter().filter(|name| !is_sent(name));
    missing
        .map(|name| format!("{name}: no test and no transcript sends it"))
        .collect()
}

fn transcripts() -> String {
    let mut text = String::new();
    walk(&root().join("tests/wire"), &mut |path, _| {
        if path.extension().is_some_and(|extension| extension == "txt") {
            text.push('\n');
            text.push_str(&fs::read_to_string(path).expect("a transcript can be read"));
        }
    });
    assert!(text.contains("\n> GET "), "the transcripts are found");
    text
}

#[test]
fn every_row_has_its_function() {
    let homes = all_sources()
        .iter()
        .filter(|it| HOMES.iter().any(|home| it.path.starts_with(home)));
    let rows: Vec<Row> = homes.flat_map(rows::read).collect();
    let (written, known) = (rows.len(), names().len());
    assert_eq!(written, known, "every row is found where it is written");
    let mut complaints = without_function(&rows);
    complaints.extend(unused_aliases(&rows));
    assert_clean(&complaints);
    let count =
        |text: &str| without_function(&rows::read(&Source::new("src/cmd/a.rs", text))).len();
    for (row, complaints) in [
        ("Command { name: \"get\", run: Run::Keys(string::get) }", 0),
        (
            "Command { name: \"get\", run: Run::Split(get, Merge::Sum) }",
            0,
        ),
        ("Command { name: \"get\", run: Run::Keys(getrange) }", 1),
        (
            "Command { name: \"get\", run: Run::Home(Reach::Client) }",
            1,
        ),
        ("Command { name: \"client\", run: Run::Container }", 0),
        (
            "HomeCommand::new(no_evict, Command { name: \"no-evict\", run: Run::Home(Reach::Client) })",
            0,
        ),
        (
            "HomeCommand::new(|c, t, a| c.exec(t), Command { name: \"exec\", run: Run::Home(X::Y) })",
            0,
        ),
        (
            "HomeCommand::new(list, Command { name: \"kill\", run: Run::Home(X::Y) })",
            1,
        ),
        (
            "HomeCommand::new(kill, Command { name: \"kill\", run: Run::Keys(kill) })",
            1,
        ),
    ] {
        assert_eq!(
            count(&format!("static A: &[Command] = &[{row}];")),
            complaints,
            "{row}"
        );
    }
}

#[test]
fn every_row_has_its_test() {
    let tests = all_sources().iter().filter(|source| {
        let own = source.path.starts_with("tests/tidy") || source.path.starts_with("bench/");
        !own
    });
    let tests: Vec<Source> = tests.cloned().collect();
    assert_clean(&untested(&names(), &sent(&tests, &transcripts())));
    let names: Vec<String> = ["get", "client|kill", "getex"].map(str::to_string).to_vec();
    let send = |text: &str, transcript: &str| {
        let source = Source::new("tests/a.rs", text);
        untested(&names, &sent(&[source], transcript)).len()
    };
    assert_eq!(send("", ""), 3);
    assert_eq!(
        send(
            "call(&[\"GET\", \"a\"]); call(&[b\"CLIENT\",\n b\"KILL\"])",
            ""
        ),
        1
    );
    assert_eq!(
        send("", "\n> GET a\n< $1\nb> client kill 5\n> GETEXPIRE"),
        1
    );
    assert_eq!(send("feed(\"GETEX a PX 5\")", "\n> get"), 1);
    let inline = Source::new(
        "src/a.rs",
        "fn f() { send(\"GET\") }\n#[cfg(test)]\nmod tests {}",
    );
    assert_eq!(untested(&names, &sent(&[inline], "")).len(), 3);
}

#[test]
fn commands_are_named_by_their_rows_only() {
    let found = named_outside(&names(), server_syntax());
    println!("{}", found.join("\n"));
    for (path, literal, meaning) in OTHER_MEANINGS {
        let file = server_syntax().iter().find(|file| file.path == *path);
        let there = file.is_some_and(|file| file.literals.iter().any(|(it, _)| it == literal));
        assert!(
            there && !meaning.is_empty(),
            "{path}: `{literal}` is no longer there"
        );
    }
    assert_judged(&COMMANDS_OUTSIDE, found.len());
    let names: Vec<String> = ["exec", "config|set"].map(str::to_string).to_vec();
    let count = |path: &str, text: &str| named_outside(&names, &syntax_of(path, text)).len();
    let text = "fn f(x: &str) { match x { \"exec\" => 1, _ => g(b\"EXEC\", \"config|set\") }; }
        #[doc = \"exec\"] fn g() { h(\"exec all\") } #[cfg(test)] mod tests { const A: &str = \"exec\"; }";
    assert_eq!(count("src/shard/a.rs", text), 3);
    assert_eq!(count("src/cmd/a.rs", text), 0);
}
