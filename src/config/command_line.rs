//! The command line of `cairn-server`, read as redis-server reads its own.
//!
//! `[/path/to/cairn.conf] [--directive value ...] [-]`: every `--directive` starts a line of
//! configuration and the words up to the next one follow it, quoted. Knows no directive but those
//! that redis-server treats apart. Also the texts of `--help` and `--version`.

use super::load::Action;
use super::{Config, line};
use crate::resp::REDIS_VERSION;

/// The command line, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct CommandLine {
    pub(super) action: Action,
    pub(super) file: Option<String>,
    pub(super) standard_input: bool,
    /// Lines of configuration.
    pub(super) options: String,
}

pub(super) fn parse(args: &[String]) -> CommandLine {
    let mut parsed = CommandLine {
        action: Action::Serve,
        file: None,
        standard_input: false,
        options: String::new(),
    };
    let mut start = 0;
    match args.first().map(String::as_str) {
        Some("-v" | "--version") => parsed.action = Action::Version,
        Some("-h" | "--help") => parsed.action = Action::Help,
        Some("--check-system") => parsed.action = Action::CheckSystem,
        Some(first) if !first.starts_with('-') => {
            parsed.file = Some(first.to_string());
            start = 1;
        }
        _ => {}
    }
    if parsed.action != Action::Serve {
        return parsed;
    }
    // A word that looks like an option is a value when the option before it has none yet.
    let mut has_value = true;
    let mut at = start;
    while at < args.len() {
        let (word, next) = (&args[at], args.get(at + 1));
        if word == "-" && (at == 0 || next.is_none()) {
            parsed.standard_input = true;
        } else if let (true, "--check", Some(directory)) = (has_value, word.as_str(), next) {
            parsed.action = Action::Check(directory.into());
            at += 1;
        } else if has_value && word == "--show-placement" {
            let synthetic = next.filter(|next| !next.starts_with("--")).cloned();
            at += usize::from(synthetic.is_some());
            parsed.action = Action::ShowPlacement(synthetic);
        } else if let (true, Some(option)) = (has_value, word.strip_prefix("--")) {
            has_value = begin(&mut parsed.options, option, next);
        } else {
            parsed.options.push_str(&line::quote(word.as_bytes()));
            parsed.options.push(' ');
            has_value = true;
        }
        at += 1;
    }
    parsed
}

/// Begins an option's line; returns whether the option already has its value.
fn begin(options: &mut String, option: &str, next: Option<&String>) -> bool {
    if !options.is_empty() {
        options.push('\n');
    }
    options.push_str(option);
    options.push(' ');
    if line::split(option.as_bytes()).is_none_or(|words| words.len() != 1) {
        // Name and value in one word, like `--port 6380` in quotes.
        return true;
    }
    // Without a value `--save` means no snapshots, which scripts rely on.
    let alone = next.is_none_or(|next| next.starts_with("--"));
    if alone && option.eq_ignore_ascii_case("save") {
        options.push_str("\"\"");
        return true;
    }
    alone && option.eq_ignore_ascii_case("sentinel")
}

/// What `--version` prints.
#[must_use]
pub fn version() -> String {
    format!(
        "Cairn server v={} redis={REDIS_VERSION} bits={}\n",
        env!("CARGO_PKG_VERSION"),
        usize::BITS
    )
}

/// What `--help` prints.
#[must_use]
pub fn usage() -> String {
    let config = Config::default();
    let port = config.port;
    format!(
        "\
Usage: cairn-server [/path/to/cairn.conf] [options] [-]
       cairn-server - (read config from stdin)
       cairn-server --check <dir> (verify a data directory without starting)
       cairn-server --show-placement [topology] (print which shard runs where; [topology] as in `lstopo -i`)
       cairn-server --check-system (what makes the server slow on this machine)
       cairn-server -v or --version
       cairn-server -h or --help

Every directive of redis.conf is an option: --directive value ...
Cairn's own directives:
       --shards <n>              shards to start, 0 is one per physical core
       --backend auto|uring|epoll
       --shard-ports <port>      shard i also listens on port + i, 0 is off
       --placement compact|spread|none
       --huge-pages off|transparent|2mb|1gb
       --pipeline-order overlap|strict

Examples:
       cairn-server (run the server with the default configuration, port {port})
       echo 'maxmemory 128mb' | cairn-server -
       cairn-server /etc/cairn.conf --port 7777
       cairn-server --port 7777 --save \"\" --bind 127.0.0.1 -::1
"
    )
}
