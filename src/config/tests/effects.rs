//! Every directive has an effect, is named as without one, or is refused: in a file and by CONFIG
//! SET.
//!
//! Walks the whole table with values other than the defaults. That a directive has an effect is
//! held against the sources: somebody outside the table must read its field.

use std::collections::BTreeSet;

use super::super::directive::{AT_START, IMMUTABLE, Kind, PROTECTED, field, integer};
use super::*;

/// The fields of rows with a syntax of their own.
const SPECIAL_FIELDS: &[(&str, &str)] = &[
    ("save", "save"),
    ("bind", "bind"),
    ("client-output-buffer-limit", "client_output_buffer_limits"),
    (
        "latency-tracking-info-percentiles",
        "latency_tracking_info_percentiles",
    ),
    ("dir", "dir"),
];

/// Values of such rows, and of texts that not every word fits, which are not the default.
const SAMPLES: &[(&str, &str)] = &[
    ("save", "60 1"),
    ("bind", "127.0.0.1"),
    ("client-output-buffer-limit", "replica 1 2 3"),
    ("notify-keyspace-events", "KEA"),
    ("oom-score-adj-values", "1 2 3"),
    ("replicaof", "127.0.0.1 1"),
    ("latency-tracking-info-percentiles", "50"),
    ("dir", "/elsewhere"),
    ("proc-title-template", "{title}"),
    ("huge-pages", "2mb"),
    ("shutdown-on-sigint", "save"),
    ("shutdown-on-sigterm", "save"),
];

/// A value that is not the default.
fn sample(row: &Directive) -> String {
    if let Some((_, value)) = SAMPLES.iter().find(|(name, _)| *name == row.name) {
        return (*value).to_string();
    }
    match &row.kind {
        Kind::Bool { default, .. } => (if *default { "no" } else { "yes" }).to_string(),
        Kind::Number {
            default, low, high, ..
        } if default == high => low.to_string(),
        // Octal and decimal digits are the same up to 7.
        Kind::Number { default, .. } => (default + 1).to_string(),
        Kind::Choice { default, names, .. } => {
            let other = names.iter().find(|(_, number)| number != default);
            other.expect("a choice has two values").0.to_string()
        }
        Kind::Text { .. } => "x".to_string(),
        Kind::Special(_) => panic!("{} has no sample", row.name),
    }
}

/// The field that a row's value is kept in.
fn field_of(row: &Directive) -> Option<&'static str> {
    match &row.kind {
        Kind::Bool { field, .. } => field.map(|field| field.name),
        Kind::Number { field, .. } => field.map(|field| field.name),
        Kind::Choice { field, .. } => field.map(|field| field.name),
        Kind::Text { field, .. } => field.map(|field| field.name),
        Kind::Special(_) => SPECIAL_FIELDS
            .iter()
            .find_map(|(name, field)| (*name == row.name).then_some(*field)),
    }
}

/// Every `config.x` and `settings.x` of the server's sources but the table, its types and tests.
#[allow(
    clippy::disallowed_methods,
    reason = "the sources are looked at, not the server's files"
)]
fn fields_read() -> BTreeSet<String> {
    const NO_READERS: [&str; 5] = [
        "config/table/",
        "config/special.rs",
        "config/settings.rs",
        "config/effect.rs",
        "tests",
    ];
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut directories = vec![root];
    let mut found = BTreeSet::new();
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let name = path.to_string_lossy().into_owned();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|end| end == "rs")
                && !NO_READERS.iter().any(|part| name.contains(part))
            {
                let text = std::fs::read_to_string(path).unwrap();
                let shipped = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
                found.extend(reads(shipped));
            }
        }
    }
    found
}

/// The names behind `config.`, `config().` and `self.`, which the deref of `Config` makes fields.
fn reads(text: &str) -> Vec<String> {
    let joined: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let joined = joined.replace(" .", ".");
    let names = ["config.", "config().", "self.", "next."]
        .iter()
        .flat_map(|owner| {
            joined
                .split(owner)
                .skip(1)
                .map(|rest| {
                    let end = rest.find(|letter: char| !letter.is_alphanumeric() && letter != '_');
                    rest[..end.unwrap_or(rest.len())].to_string()
                })
                .collect::<Vec<_>>()
        });
    names.collect()
}

/// What is wrong with a row that calls itself effective.
fn ineffective(row: &Directive, read: &BTreeSet<String>) -> Option<String> {
    match field_of(row) {
        None => Some(format!("{} works and has no field", row.name)),
        Some(field) if !read.contains(field) => {
            Some(format!("{} works and nobody reads {field}", row.name))
        }
        Some(_) => None,
    }
}

/// What is wrong with how a file that sets the row is taken.
fn file_complaint(row: &Directive, read: &BTreeSet<String>) -> Option<String> {
    let (name, value) = (row.name, sample(row));
    let value = if row.has(directive::WORDS) {
        value
    } else {
        format!("\"{value}\"")
    };
    let shelf = Shelf::with(&[("/home/c", &format!("{name} {value}\n"))]);
    match (start(&shelf, &["c"]), row.verdict(&with_sample(row))) {
        (Err(error), Verdict::Unsafe(reason)) => {
            let named = error.contains(&format!(">>> '{name} ")) && error.contains(reason);
            (!named).then(|| format!("{name}: {error}"))
        }
        (Err(error), _) => Some(format!("{name} is refused: {error}")),
        (Ok(_), Verdict::Unsafe(_)) => Some(format!("{name} is unsafe and taken")),
        (Ok(loaded), Verdict::Nothing(reason)) => {
            let note = format!("`{name}` has no effect: {reason}");
            (!loaded.notes.contains(&note)).then(|| format!("{name} is not named"))
        }
        (Ok(_), Verdict::Works) => ineffective(row, read),
    }
}

/// What is wrong with how CONFIG SET of the row is taken.
fn set_complaint(row: &Directive) -> Option<String> {
    if row.has(IMMUTABLE) || row.has(PROTECTED) || row.has(AT_START) {
        return None;
    }
    let mut config = Config::default();
    let (name, value) = (row.name, sample(row));
    let result = set(&mut config, &[(name, &value)]);
    let notes = config.notes_of(&[name.as_bytes()]);
    match (result, row.verdict(&with_sample(row))) {
        (Err(error), Verdict::Unsafe(reason)) => {
            (!error.contains(reason)).then(|| format!("{name}: {error}"))
        }
        (Ok(_), Verdict::Nothing(_)) => {
            let named = notes.len() == 1 && notes[0].starts_with(&format!("`{name}` "));
            (!named).then(|| format!("{name}: {notes:?}"))
        }
        (Ok(changed), Verdict::Works) => {
            let silent = notes.is_empty() || matches!(row.effect, Effect::WorksAtStart);
            (changed != [name] || !silent).then(|| format!("{name}: {changed:?} {notes:?}"))
        }
        (result, verdict) => Some(format!("{name}: {result:?} though {verdict:?}")),
    }
}

fn with_sample(row: &Directive) -> Config {
    let mut config = Config::default();
    let value = sample(row);
    let words: Vec<&str> = match row.has(directive::WORDS) {
        true => value.split(' ').collect(),
        false => vec![&value],
    };
    row.set(&mut config, &words, directive::How::Replace)
        .unwrap();
    config
}

#[test]
fn every_row_has_an_effect_or_says_that_it_has_none() {
    let read = fields_read();
    let complaints: Vec<String> = rows()
        .flat_map(|row| [file_complaint(row, &read), set_complaint(row)])
        .flatten()
        .collect();
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    // What the issue names, by the answer that it wants.
    for name in [
        "appendonly",
        "save",
        "aclfile",
        "tls-port",
        "replicaof",
        "cluster-enabled",
    ] {
        let row = find(name).unwrap();
        assert!(
            matches!(row.verdict(&with_sample(row)), Verdict::Unsafe(_)),
            "{name}"
        );
    }
    for name in ["maxmemory-policy", "oom-score-adj", "hz", "syslog-enabled"] {
        let row = find(name).unwrap();
        assert!(
            matches!(row.verdict(&with_sample(row)), Verdict::Nothing(_)),
            "{name}"
        );
    }
    for name in ["daemonize", "pidfile", "logfile", "supervised", "loglevel"] {
        assert!(
            matches!(find(name).unwrap().effect, Effect::Works),
            "{name}"
        );
    }
}

/// The control: rows that promise what nobody keeps are found.
#[test]
fn a_row_that_only_claims_to_work_is_found() {
    let read = fields_read();
    let nowhere = integer("nowhere", 0, 0, 9, None);
    assert_eq!(
        ineffective(&nowhere, &read),
        Some("nowhere works and has no field".to_string())
    );
    let unread = integer("unread", 0, 0, 9, field!(acllog_max_len));
    assert_eq!(
        ineffective(&unread, &read),
        Some("unread works and nobody reads acllog_max_len".to_string())
    );
    assert_eq!(ineffective(find("maxclients").unwrap(), &read), None);
}

#[test]
fn what_is_unsupported_starts_only_where_that_is_wanted() {
    let unsafe_lines =
        "appendonly yes\nsave 60 1\nuser alice on >secret\nloadmodule /m.so\nm.level 3\n";
    let error = start(&Shelf::with(&[("/home/c", unsafe_lines)]), &["c"]).unwrap_err();
    for line in unsafe_lines.lines() {
        assert!(
            error.contains(&format!(">>> '{line}'\nThis is not supported: ")),
            "{error}"
        );
    }
    assert!(
        error.starts_with("\n*** FATAL CONFIG FILE ERROR (Cairn "),
        "{error}"
    );
    assert_eq!(error.matches("***").count(), 2, "one head: {error}");
    let all_the_same = format!("{unsafe_lines}ignore-unsupported yes\n");
    let loaded = start(&Shelf::with(&[("/home/c", &all_the_same)]), &["c"]).unwrap();
    for name in ["appendonly", "save", "user", "loadmodule", "m.level"] {
        let named = |note: &&String| note.starts_with(&format!("`{name}` has no effect: "));
        assert_eq!(
            loaded.notes.iter().filter(named).count(),
            1,
            "{:?}",
            loaded.notes
        );
    }
    assert!(!loaded.notes.concat().contains("secret"));
    let mut config = loaded.config;
    assert_eq!(set(&mut config, &[("save", "30 1")]), Ok(vec!["save"]));
    assert_eq!(config.notes_of(&[b"SAVE"]).len(), 1);
}

/// A server that was started without a `save` line, and whose file was rewritten, starts again.
#[test]
fn the_built_in_save_points_are_named_but_not_refused() {
    let loaded = start(&Shelf::with(&[("/home/c", "port 1\n")]), &["c"]).unwrap();
    assert!(
        loaded.notes[0].starts_with("`save` has no effect: "),
        "{:?}",
        loaded.notes
    );
    let written = rewrite("port 1\n", &loaded.config);
    assert!(!written.contains("save"), "{written}");
    assert!(start(&Shelf::with(&[("/home/c", &written)]), &["c"]).is_ok());
    let nothing_saved = start(&Shelf::with(&[("/home/c", "save \"\"\n")]), &["c"]).unwrap();
    assert_eq!(nothing_saved.notes, [""; 0]);
}
