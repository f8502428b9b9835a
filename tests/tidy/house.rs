//! The table of the house: what the code amounts to, in one look. `make house` prints it.
//!
//! The figures are those of the ratchets and rules; nothing is judged here.

use std::collections::BTreeSet;
use std::fmt::Display;

use super::source::Source;
use super::syntax::{Function, Syntax};
use super::{
    all_sources, assertions, bounds, calls, chain, commands, public, server_sources, shard,
};

/// Prints a row.
fn row(what: &str, figure: impl Display) {
    println!("| {what} | {figure} |");
}

fn code(sources: &[Source]) {
    let files = sources.iter().filter(|source| source.code_lines() > 0);
    row("files with code of the server", files.count());
    row("lines of code, without comments and tests", {
        sources.iter().map(Source::code_lines).sum::<usize>()
    });
    if let Some(longest) = sources.iter().max_by_key(|source| source.code_lines()) {
        row(
            "longest file",
            format!("{}, {} lines", longest.path, longest.code_lines()),
        );
    }
}

fn functions(files: &[Syntax]) {
    let all: Vec<(&str, &Function)> = files
        .iter()
        .flat_map(|file| file.functions.iter().map(|it| (file.path.as_str(), it)))
        .collect();
    row("functions", all.len());
    let lines = |function: &Function| function.last_line - function.first_line + 1;
    if let Some((path, longest)) = all.iter().max_by_key(|(_, function)| lines(function)) {
        let text = format!("{path}::{}, {} lines", longest.name, lines(longest));
        row("longest function", text);
    }
}

fn rooms(files: &[Syntax]) {
    let fields = shard::core_fields(files);
    let public = fields.iter().filter(|field| field.public).count();
    row(
        "fields of Core, public ones",
        format!("{}, {public}", fields.len()),
    );
    row("public methods of Core", shard::core_methods(files));
    let circle = calls::largest_circle(files, &shard::FOLDERS);
    let names: Vec<&str> = circle
        .iter()
        .map(|(path, _)| path.trim_start_matches("src/"))
        .collect();
    row(
        "largest circle by calls in shard",
        format!("{} files: {}", names.len(), names.join(", ")),
    );
    let siblings = calls::siblings(files, "src/shard/");
    row(
        "imports among the files of shard",
        siblings.values().map(BTreeSet::len).sum::<usize>(),
    );
}

#[test]
fn house() {
    let (sources, files) = (server_sources(), super::server_syntax());
    println!("| the house | |\n|---|---|");
    code(sources);
    functions(files);
    for folder in [
        "src/base/",
        "src/cmd/",
        "src/route/",
        "src/shard/",
        "src/store/",
        "src/txn/",
        "src/wal/",
    ] {
        if let Some(density) = assertions::density(sources, folder) {
            row(
                &format!("assertions per 1,000 lines of {folder}"),
                format!("{density:.1}"),
            );
        }
    }
    rooms(files);
    row(
        "functions from a completion to the table",
        chain::length(&chain::page()),
    );
    row(
        "commands named outside cmd and admin",
        commands::count_outside(files),
    );
    row(
        "limits outside limits.rs",
        bounds::limits_outside(files).len(),
    );
    row(
        "public items that no other file names",
        public::dead(all_sources()).len(),
    );
    row(
        "comment lines over 100 columns",
        bounds::long_comments(all_sources()).len(),
    );
    println!("\n| file of shard | imports |\n|---|---|");
    for (path, named) in calls::siblings(files, "src/shard/") {
        let names: Vec<&str> = named
            .iter()
            .map(|path| path.trim_start_matches("src/shard/"))
            .collect();
        row(path.trim_start_matches("src/shard/"), names.join(", "));
    }
}
