//! Config files and the command line.
//!
//! Texts of errors are compared whole: harnesses match on them.
//! No test here touches a disk, a clock or a socket.

use super::*;

fn refused(line: &str) -> String {
    start(&Shelf::with(&[("/home/c", line)]), &["c"]).unwrap_err()
}

#[test]
fn a_file_as_redis_reads_it() {
    let file = "# comment\nignore-unsupported yes\n  port 7000 \r\nBIND 127.0.0.1 \"-::1\"\nsave 60 1\nsave 30 2\n\
        requirepass \"\\x41 b\"\nmaxmemory 1gb\nclient-output-buffer-limit replica 1mb 0 0\n\
        client-output-buffer-limit pubsub 2mb 1mb 5\nlua-time-limit 7\ndir /data/./x\n\
        notify-keyspace-events KEA\nunixsocketperm 700\nmaxmemory-clients 5%\n";
    let loaded = start(&Shelf::with(&[("/home/c", file)]), &["c"]).unwrap();
    let config = loaded.config;
    assert_eq!(loaded.config_file, Some(PathBuf::from("/home/c")));
    assert_eq!(
        (config.port, config.maxmemory, config.busy_reply_threshold),
        (7000, 1 << 30, 7)
    );
    assert_eq!(config.bind, ["127.0.0.1", "-::1"]);
    assert_eq!(config.requirepass, "A b");
    assert_eq!(config.dir, "/data/x");
    assert_eq!(config.unixsocketperm, 0o700);
    assert_eq!(config.maxmemory_clients, -5);
    assert_eq!(text(&config, "save"), "60 1 30 2");
    assert_eq!(
        text(&config, "client-output-buffer-limit"),
        "normal 0 0 0 slave 1048576 0 0 pubsub 2097152 1048576 5"
    );
    assert_eq!(text(&config, "notify-keyspace-events"), "AKE");
}

#[test]
fn the_error_names_the_line() {
    let head = format!(
        "\n*** FATAL CONFIG FILE ERROR (Cairn {}) ***\n",
        env!("CARGO_PKG_VERSION")
    );
    let expected = |number: usize, line: &str, reason: &str| {
        format!("{head}Reading the configuration file, at line {number}\n>>> '{line}'\n{reason}\n")
    };
    assert_eq!(
        refused("port 1\n  maxmemroy 100 "),
        expected(
            2,
            "maxmemroy 100",
            "Bad directive or wrong number of arguments\nDid you mean 'maxmemory'?"
        )
    );
    assert_eq!(
        refused("xyzzy 1"),
        expected(1, "xyzzy 1", "Bad directive or wrong number of arguments")
    );
    assert_eq!(
        refused("port 1 2"),
        expected(1, "port 1 2", "wrong number of arguments")
    );
    assert_eq!(
        refused("port"),
        expected(1, "port", "wrong number of arguments")
    );
    assert_eq!(
        refused("port \"1"),
        expected(1, "port \"1", "Unbalanced quotes in configuration line")
    );
    assert_eq!(
        refused("daemonize maybe"),
        expected(1, "daemonize maybe", "argument must be 'yes' or 'no'")
    );
    assert_eq!(
        refused("port 65536"),
        expected(
            1,
            "port 65536",
            "argument must be between 0 and 65535 inclusive"
        )
    );
    assert_eq!(
        refused("save 60"),
        expected(1, "save 60", "Invalid save parameters")
    );
    assert_eq!(
        refused("unixsocketperm 888"),
        expected(
            1,
            "unixsocketperm 888",
            "argument couldn't be parsed as an octal number"
        )
    );
    assert!(refused("cluster-enabled yes\nreplicaof h 1").contains("not allowed in cluster mode"));
    assert_eq!(
        start(&Shelf::default(), &["/no/file"]).unwrap_err(),
        "Fatal error, can't open config file '/no/file': No such file or directory\n"
    );
}

#[test]
fn includes() {
    let shelf = Shelf::with(&[
        (
            "/home/c",
            "include d/*.conf\ninclude d/none*\ndir /other\ninclude e.conf\nport 1\n",
        ),
        ("/home/d/b.conf", "port 2\nhz 20"),
        ("/home/d/a.conf", "hz 30\nmaxclients 5"),
        ("/home/d/.hidden.conf", "no such thing"),
        ("/other/e.conf", "timeout 9"),
        ("/home/loop", "include loop"),
        ("/home/bad", "port 1\ninclude d/a.conf\ninclude worse"),
        ("/home/worse", "\nport x"),
    ]);
    let config = start(&shelf, &["c"]).unwrap().config;
    assert_eq!(
        (config.port, config.hz, config.maxclients, config.timeout),
        (1, 20, 5, 9)
    );
    assert!(
        start(&shelf, &["loop"])
            .unwrap_err()
            .contains("include goes deeper than")
    );
    let error = start(&shelf, &["bad"]).unwrap_err();
    assert!(
        error.contains("at line 2 of '/home/worse'\n>>> 'port x'\n"),
        "{error}"
    );
    assert!(
        start(&Shelf::with(&[("/home/c", "include gone")]), &["c"])
            .unwrap_err()
            .contains("'/home/gone'")
    );
}

#[test]
fn the_command_line_overrides() {
    let mut shelf = Shelf::with(&[("/home/c", "port 1\nhz 20\ntimeout 3")]);
    shelf.input = "\nport 2\nhz 30".to_string();
    let config = start(&shelf, &["c", "--port", "3", "-"]).unwrap().config;
    assert_eq!((config.port, config.hz, config.timeout), (3, 30, 3));
    let config = start(&shelf, &["-", "--hz", "40"]).unwrap().config;
    assert_eq!((config.port, config.hz), (2, 40));

    assert_eq!(
        config_of(&["--bind", "a", "b", "--port", "7"]).bind,
        ["a", "b"]
    );
    assert_eq!(config_of(&["--port 9"]).port, 9);
    assert_eq!(config_of(&["--requirepass", "--a b"]).requirepass, "--a b");
    let all_the_same = ["--ignore-unsupported", "yes"];
    for points in [&["--save", "60 1"][..], &["--save", "60", "1"]] {
        let config = config_of(&[&all_the_same, points].concat());
        assert_eq!(text(&config, "save"), "60 1");
    }
    for none in [&["--save", ""][..], &["--save"], &["--save", "--port", "5"]] {
        assert_eq!(text(&config_of(none), "save"), "", "{none:?}");
    }
    assert_eq!(config_of(&["--save", "--port", "5"]).port, 5);
    let error = start(&shelf, &["--port", "--bind", "x"]).unwrap_err();
    assert!(
        error.contains(">>> 'port \"--bind\" \"x\"'\nwrong number of arguments"),
        "{error}"
    );
}

#[test]
fn actions() {
    let action = |args: &[&str]| start(&Shelf::default(), args).unwrap().action;
    assert_eq!(action(&["-v"]), Action::Version);
    assert_eq!(action(&["--help"]), Action::Help);
    assert_eq!(action(&["--check-system"]), Action::CheckSystem);
    assert_eq!(action(&[]), Action::Serve);
    assert_eq!(
        action(&["--check", "/data", "--port", "0"]),
        Action::Check("/data".into())
    );
    assert_eq!(
        action(&["--show-placement", "--shards", "4"]),
        Action::ShowPlacement(None)
    );
    assert_eq!(
        action(&["--shards", "4", "--show-placement", "numa:2 pu:4"]),
        Action::ShowPlacement(Some("numa:2 pu:4".into()))
    );
    assert!(version().contains(env!("CARGO_PKG_VERSION")) && usage().contains("--shards"));
}

#[test]
fn notes_name_what_has_no_effect() {
    let loaded = start(
        &Shelf::default(),
        &[
            "--io-threads",
            "4",
            "--activerehashing",
            "yes",
            "--port",
            "1",
            "--save",
            "",
        ],
    )
    .unwrap();
    assert_eq!(
        loaded.notes,
        ["`io-threads` has no effect: every shard is a thread"]
    );
    assert_eq!(text(&loaded.config, "io-threads"), "4");
}

#[test]
fn directives_outside_the_table() {
    let file = "ignore-unsupported yes\nuser alice on >x\nloadmodule /m.so a b\nm.level 3 4\nrename-command KEYS \"\"\nlua-replicate-commands yes\n";
    let loaded = start(&Shelf::with(&[("/home/c", file)]), &["c"]).unwrap();
    assert_eq!(loaded.users, [["alice", "on", ">x"]]);
    assert_eq!(loaded.modules, [["/m.so", "a", "b"]]);
    assert_eq!(
        loaded.module_settings,
        [("m.level".to_string(), "3 4".to_string())]
    );
    assert_eq!(
        loaded.renamed_commands,
        [("KEYS".to_string(), String::new())]
    );
    assert!(refused("m.level").contains("Module config specified without value"));
    assert!(
        refused("sentinel monitor x").contains("sentinel directive while not in sentinel mode")
    );
}
