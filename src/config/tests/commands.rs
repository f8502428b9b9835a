//! CONFIG GET, SET and REWRITE.
//!
//! Error texts and printed values are those of redis-server 7.0.15.
//! No test here touches a disk, a clock or a socket.

use super::*;

/// The reason that a CONFIG SET of one pair gives.
fn reason(name: &str, value: &str) -> String {
    let text = set(&mut Config::default(), &[(name, value)]).unwrap_err();
    let head = format!("ERR CONFIG SET failed (possibly related to argument '{name}') - ");
    text.strip_prefix(&head)
        .unwrap_or_else(|| panic!("{text}"))
        .to_string()
}

/// Name, value, and the reason why the value is refused.
const REASONS: &[(&str, &str, &str)] = &[
    ("hz", "zzz", "argument couldn't be parsed into an integer"),
    (
        "hz",
        "-1",
        "argument must be between 0 and 2147483647 inclusive",
    ),
    (
        "maxclients",
        "0",
        "argument must be between 1 and 4294967295 inclusive",
    ),
    (
        "slowlog-log-slower-than",
        "-2",
        "argument must be between -1 and 9223372036854775807 inclusive",
    ),
    ("maxmemory", "-1", "argument must be a memory value"),
    (
        "proto-max-bulk-len",
        "1",
        "argument must be between 1048576 and 9223372036854775807 inclusive",
    ),
    (
        "maxmemory-clients",
        "x",
        "argument must be a memory or percent value",
    ),
    (
        "maxmemory-clients",
        "101%",
        "percentage argument must be less or equal to 100",
    ),
    (
        "latency-tracking",
        "maybe",
        "argument must be 'yes' or 'no'",
    ),
    (
        "appendfsync",
        "x",
        "argument(s) must be one of the following: everysec, always, no",
    ),
    (
        "shutdown-on-sigint",
        "save x",
        "argument(s) must be one of the following: default, save, nosave, now, force",
    ),
    (
        "shutdown-on-sigint",
        "save nosave",
        "shutdown options SAVE and NOSAVE can't be used simultaneously",
    ),
    ("databases", "3", "can't set immutable config"),
    ("dir", "/", "can't set protected config"),
    ("save", "60", "Invalid save parameters"),
    ("save", "0 1", "Invalid save parameters"),
    (
        "client-output-buffer-limit",
        "a b",
        "Wrong number of arguments in buffer limit configuration.",
    ),
    (
        "client-output-buffer-limit",
        "x 0 0 0",
        "Invalid client class specified in buffer limit configuration.",
    ),
    (
        "client-output-buffer-limit",
        "normal 0 0 -1",
        "Error in hard, soft or soft_seconds setting in buffer limit configuration.",
    ),
    (
        "notify-keyspace-events",
        "q",
        "Invalid event class character. Use 'Ag$lshzxeKEtmdn'.",
    ),
    ("oom-score-adj-values", "1 2", "wrong number of arguments"),
    (
        "latency-tracking-info-percentiles",
        "a",
        "Invalid latency-tracking-info-percentiles parameters",
    ),
];

#[test]
fn reasons_in_redis_words() {
    for (name, value, expected) in REASONS {
        assert_eq!(reason(name, value), *expected, "{name} {value}");
    }
}

#[test]
fn set_is_all_or_nothing() {
    let mut config = Config::default();
    let error = set(&mut config, &[("hz", "50"), ("port", "x")]).unwrap_err();
    assert!(error.contains("argument 'port'") && config.hz == 10);
    assert_eq!(
        set(&mut config, &[("hz", "50"), ("nope", "1")]).unwrap_err(),
        "ERR Unknown option or number of arguments for CONFIG SET - 'nope'"
    );
    let twice = set(&mut config, &[("maxmemory", "1"), ("MaxMemory", "2")]).unwrap_err();
    assert!(
        twice.ends_with("'MaxMemory') - duplicate parameter"),
        "{twice}"
    );
    assert!(
        set(&mut config, &[("TIMEOUT", "x")])
            .unwrap_err()
            .contains("argument 'timeout'")
    );
    set(
        &mut config,
        &[("lua-time-limit", "1"), ("busy-reply-threshold", "2")],
    )
    .unwrap();
    assert_eq!(config.busy_reply_threshold, 2);
    assert_eq!(
        set(&mut config, &[("HZ", "50"), ("timeout", "0")]).unwrap(),
        ["hz"]
    );
    let apply = &mut |name: &'static str, next: &Config| {
        if next.port == 7 {
            Err(format!("no {name}"))
        } else {
            Ok(())
        }
    };
    let error = config
        .set_as(Origin::default(), &[(b"hz", b"60"), (b"port", b"7")], apply)
        .unwrap_err();
    assert!(error.ends_with(" - no hz") && config.hz == 50, "{error}");
}

#[test]
fn guards() {
    let mut config = config_of(&["--enable-protected-configs", "local"]);
    let local = Origin {
        local: true,
        loading: false,
    };
    let nothing = &mut |_: &'static str, _: &Config| Ok(());
    assert!(
        config
            .set_as(Origin::default(), &[(b"dbfilename", b"x")], nothing)
            .is_err()
    );
    assert_eq!(
        config
            .set_as(local, &[(b"dbfilename", b"x")], nothing)
            .unwrap(),
        ["dbfilename"]
    );
    assert!(
        config
            .set_as(local, &[(b"dbfilename", b"a/b")], nothing)
            .unwrap_err()
            .ends_with("just a filename")
    );
    let loading = Origin {
        local: true,
        loading: true,
    };
    assert!(
        config
            .set_as(loading, &[(b"appendonly", b"yes")], nothing)
            .unwrap_err()
            .starts_with("LOADING ")
    );
}

#[test]
fn values_take_effect_and_print_back() {
    let mut config = config_of(&["--ignore-unsupported", "yes"]);
    for (name, value, printed) in [
        ("maxmemory", "100mb", "104857600"),
        ("maxmemory-clients", "10%", "10%"),
        ("list-max-ziplist-size", "-5", "-5"),
        ("save", "", ""),
        ("save", "10 20 30 40", "10 20 30 40"),
        (
            "client-output-buffer-limit",
            "slave 1k 1kb 2",
            "normal 0 0 0 slave 1000 1024 2 pubsub 33554432 8388608 60",
        ),
        ("shutdown-on-sigterm", "force now", "now force"),
        ("oom-score-adj", "relative", "yes"),
        ("oom-score-adj-values", "1 2 3", "1 2 3"),
        ("hz", "1000", "500"),
        ("latency-tracking-info-percentiles", "50.5 100", "50.5 100"),
        ("latency-tracking-info-percentiles", "", ""),
        ("bind", "", ""),
        ("masterauth", "s", "s"),
        ("repl-timeout", "61", "61"),
    ] {
        set(&mut config, &[(name, value)]).unwrap();
        assert_eq!(text(&config, name), printed, "{name} {value}");
    }
    assert!(
        config.save.len() == 2 && config.bind.is_empty() && config.list_max_listpack_size == -5
    );
}

#[test]
fn every_value_can_be_written_back() {
    let mut config = Config::default();
    let before = config.get(&[b"*"]);
    for (name, value) in &before {
        let row = find(name).unwrap();
        if !row.has(directive::IMMUTABLE) && !row.has(directive::PROTECTED) {
            assert_eq!(
                set(&mut config, &[(name, value)]),
                Ok(vec![]),
                "{name} {value}"
            );
        }
    }
    assert_eq!(config.get(&[b"*"]), before);
    assert!(reason("shards", "3").contains("immutable"));
}

#[test]
fn get_takes_patterns() {
    let config = Config::default();
    let names = |patterns: &[&str]| -> Vec<String> {
        let patterns: Vec<&[u8]> = patterns.iter().map(|pattern| pattern.as_bytes()).collect();
        config
            .get(&patterns)
            .into_iter()
            .map(|(name, _)| name)
            .collect()
    };
    assert_eq!(names(&["PORT", "port", "p?rt"]), ["PORT"]);
    assert_eq!(
        names(&["hash-max-*-value"]),
        ["hash-max-listpack-value", "hash-max-ziplist-value"]
    );
    assert_eq!(names(&["slaveof"]), ["slaveof"]);
    assert_eq!(names(&["key-load-delay"]), ["key-load-delay"]);
    assert!(names(&["key-load*", "nothing"]).is_empty());
}

#[test]
fn rewrite_keeps_what_people_wrote() {
    let old = "# mine\nport 1\n\n\n\nsave 1 1\nsave 2 2\ninclude x.conf\nport 2\nuser a on\nnonsense \"\n\
        slave-priority 7\nhz 10\nrequirepass \"a\\\"\"\n";
    let mut config = config_of(&[
        "--ignore-unsupported",
        "yes",
        "--port",
        "5",
        "--save",
        "9 9",
        "--maxmemory",
        "1gb",
        "--dir",
        "/d",
    ]);
    set(
        &mut config,
        &[
            ("slave-priority", "8"),
            ("requirepass", "q \""),
            ("maxmemory-clients", "3%"),
        ],
    )
    .unwrap();
    let new = rewrite(old, &config);
    assert_eq!(
        new,
        "# mine\nport 5\n\nsave 9 9\n\ninclude x.conf\n\nuser a on\n# ??? nonsense \"\nreplica-priority 8\nhz 10\n\
         requirepass \"q \\\"\"\n# Generated by CONFIG REWRITE\nmaxmemory-clients 3%\nignore-unsupported yes\ndir \"/d\"\n\
         latency-tracking-info-percentiles 50 99 99.9\nmaxmemory 1gb\n"
    );
    assert_eq!(rewrite(&new, &config), new);
    let users = [("user", vec!["b off".to_string()])];
    assert!(rewrite_with(&new, &config, &users).contains("\nuser b off\n"));
}

#[test]
fn what_was_rewritten_loads_back() {
    let mut config = config_of(&["--bind", "a", "b", "--save", "", "--logfile", "x y"]);
    set(&mut config, &[("io-threads", "1")]).unwrap_err();
    set(
        &mut config,
        &[
            ("client-output-buffer-limit", "pubsub 1 2 3"),
            ("notify-keyspace-events", "KEx"),
        ],
    )
    .unwrap();
    set(
        &mut config,
        &[
            ("repl-timeout", "99"),
            ("maxmemory", "1025"),
            ("oom-score-adj-values", "1 2 3"),
        ],
    )
    .unwrap();
    let shelf = Shelf::with(&[("/home/c", &rewrite("", &config))]);
    let again = start(&shelf, &["c"]).unwrap().config;
    assert_eq!(again.get(&[b"*"]), config.get(&[b"*"]));
}

/// Found by the fuzzer: one line for a directive of three, the last of which is not the default.
#[test]
fn rewriting_twice_changes_nothing() {
    let text = "client-output-buffer-limit pubsub 1 2 3\n";
    let shelf = Shelf::with(&[("/home/c", text)]);
    let config = start(&shelf, &["c"]).unwrap().config;
    let once = rewrite(text, &config);
    assert!(once.contains("client-output-buffer-limit pubsub 1 2 3\n"));
    assert!(!once.contains("client-output-buffer-limit normal"));
    assert_eq!(rewrite(&once, &config), once);
}
