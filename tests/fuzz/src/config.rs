//! The configuration: lines, files, the command line and CONFIG SET never panic, and what is
//! written back reads back.
//!
//! Files come from a small map, so `include` works without a disk.

use std::io;
use std::path::{Path, PathBuf};

use cairn::config::{Config, Source, line, load_text, load_with, rewrite};

use crate::Target;

const WORDS: &[&[u8]] = &[
    b"\"",
    b"'",
    b"\\x4",
    b"\\",
    b"\n",
    b"\0",
    b" ",
    b"\t",
    b"#",
    b"save ",
    b"\"\"",
    b"include ",
    b"self",
    b"*.conf",
    b"port 0",
    b"maxmemory 1gb",
    b"maxmemory-clients 5%",
    b"bind ",
    b"dir ",
    b"user a",
    b"replicaof ",
    b"ignore-unsupported yes\n",
    b"yes",
    b"no",
    b"-1",
    b"0",
    b"9223372036854775807",
    b"18446744073709551616",
    b"--",
    b"-",
    b"requirepass ",
    b"kb",
    b"client-output-buffer-limit ",
    b"normal 1 2 3",
    b"notify-keyspace-events ",
    b"AKEmn",
    b"unixsocketperm 777",
    b"latency-tracking-info-percentiles ",
    b"99.9 nan",
    b"inf",
    b"shutdown-on-sigint ",
    b"proc-title-template ",
    b"{title}",
    b"oom-score-adj-values ",
    b"logfile ",
    b"slaveof no one",
    b"loadmodule ",
    b"rename-command ",
    b"\xff",
    b"module.x 1",
];

const FILES: &[&[u8]] = &[
    b"# a comment\nignore-unsupported yes\nport 7000\nbind 127.0.0.1 -::1\nsave 60 1\nsave 30 2\nmaxmemory 100mb\n",
    b"requirepass \"\\x41 b\"\nclient-output-buffer-limit replica 1mb 0 0 pubsub 1 2 3\ndir /data/../x\n",
    b"include b.conf\ninclude *.conf\nnotify-keyspace-events KEA\nhz 0\nunixsocketperm 700\n",
    b"ignore-unsupported yes\nreplicaof host 6379\nlatency-tracking-info-percentiles 50 99.9\nshutdown-on-sigterm save now\n",
    b"ignore-unsupported yes\nuser default on nopass\nloadmodule /m.so a b\nmod.level 3\nrename-command KEYS \"\"\nio-threads 4\n",
];

pub const LINE: Target = Target {
    name: "config_line",
    check: check_line,
    seeds: &[
        b"save 900 1",
        b"a \"b\\x41\\n c\" 'd\\'e'",
        b"x \"\"",
        b"\"a\"b",
        b"a\"b c\"",
    ],
    words: WORDS,
};

pub const FILE: Target = Target {
    name: "config_file",
    check: check_file,
    seeds: FILES,
    words: WORDS,
};

pub const ARGS: Target = Target {
    name: "config_args",
    check: check_args,
    seeds: &[
        b"b.conf\0--port\07\0-",
        b"--save\0--bind\0a\0b",
        b"-\0--port 5\0--requirepass\0--x y",
        b"--check\0/data\0--dir\0..",
    ],
    words: WORDS,
};

pub const SET: Target = Target {
    name: "config_set",
    check: check_set,
    seeds: &[
        b"maxmemory\x00100mb\0hz\x0050",
        b"save\0\0hz\x0010",
        b"client-output-buffer-limit\0slave 1k 1kb 2",
        b"bind\0a b\0masterauth\0s",
    ],
    words: WORDS,
};

/// Two files that may be included: one harmless, one that includes itself.
struct Shelf;

impl Source for Shelf {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        match path.file_name().and_then(|name| name.to_str()) {
            Some("self") => Ok(b"hz 20\ninclude self\n".to_vec()),
            Some("b.conf") => Ok(b"timeout 5\n".to_vec()),
            _ => Err(io::Error::from(io::ErrorKind::NotFound)),
        }
    }

    fn names(&self, _: &Path) -> Vec<String> {
        vec![
            "self".to_string(),
            "b.conf".to_string(),
            ".hidden".to_string(),
        ]
    }

    fn standard_input(&self) -> io::Result<Vec<u8>> {
        Ok(FILES[0].to_vec())
    }

    fn current_directory(&self) -> PathBuf {
        PathBuf::from("/home")
    }
}

fn check_line(input: &[u8]) {
    let Some(words) = line::split(input) else {
        return;
    };
    let quoted: Vec<String> = words.iter().map(|word| line::quote(word)).collect();
    assert_eq!(
        line::split(quoted.join(" ").as_bytes()),
        Some(words),
        "quoted words read back"
    );
    let trimmed = line::trim(input);
    assert_eq!(line::trim(trimmed), trimmed);
}

fn check_file(input: &[u8]) {
    match load_text(&Shelf, input) {
        Ok(loaded) => written_back(input, &loaded.config),
        Err(error) => assert!(
            error.to_string().to_ascii_lowercase().contains("fatal"),
            "{error}"
        ),
    }
}

/// The values survive being written into an empty file, and writing twice changes nothing.
fn written_back(old: &[u8], config: &Config) {
    let values = config.get(&[b"*"]);
    let text = rewrite("", config);
    match load_text(&Shelf, text.as_bytes()) {
        Ok(loaded) => assert_eq!(loaded.config.get(&[b"*"]), values, "{text}"),
        Err(error) => panic!("{error}\nof\n{text}"),
    }
    if let Ok(old) = std::str::from_utf8(old) {
        let once = rewrite(old, config);
        assert_eq!(
            rewrite(&once, config),
            once,
            "writing twice changes the file"
        );
    }
}

fn check_args(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let args: Vec<String> = text.split('\0').map(ToString::to_string).collect();
    if let Ok(loaded) = load_with(&Shelf, &args) {
        written_back(b"", &loaded.config);
    }
}

fn check_set(input: &[u8]) {
    let parts: Vec<&[u8]> = input.split(|byte| *byte == 0).collect();
    let pairs: Vec<(&[u8], &[u8])> = parts
        .chunks_exact(2)
        .map(|pair| (pair[0], pair[1]))
        .collect();
    let mut config = Config::default();
    let before = config.get(&[b"*"]);
    match config.set(&pairs) {
        Ok(_) => {
            for (name, value) in config.get(&[b"*"]) {
                let again = config.clone().set(&[(name.as_bytes(), value.as_bytes())]);
                let refused = again.as_ref().is_err_and(|text| text.contains("can't set"));
                assert!(refused || again == Ok(vec![]), "{name} {value}: {again:?}");
            }
        }
        Err(text) => {
            assert!(text.starts_with("ERR "), "{text}");
            assert_eq!(
                config.get(&[b"*"]),
                before,
                "a refused change left something behind"
            );
        }
    }
}
