//! CONFIG REWRITE of real files: what is in them afterwards, what the client and the log read.
//!
//! On both back ends, beside redis-server 7.0.15. What a slow, failing or full disk does is tested
//! in the simulator (`tests/sim/rewrites.rs`).

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use crate::harness::server::Server;
use crate::{Value, cairn, client, fresh_directory, scratch, text};

#[test]
fn the_file_is_replaced_and_failures_have_redis_words() {
    let ours: [&[&str]; 2] = [&["--backend", "uring"], &["--backend", "epoll"]];
    let servers = [
        (cairn(), ours[0], "uring"),
        (cairn(), ours[1], "epoll"),
        ("redis-server".into(), &[], "redis"),
    ];
    for (binary, arguments, name) in servers {
        let directory = fresh_directory(&format!("rewrite-{name}"));
        let (file, log) = (directory.join("c/server.conf"), directory.join("log"));
        fs::create_dir(directory.join("c")).expect("a directory");
        fs::write(&file, "# ours\nmaxmemory-samples 7\nsave \"\"\n").expect("a file");
        let path = file.to_str().expect("text").to_string();
        let log_path = log.to_str().expect("text").to_string();
        let arguments = [&[&path, "--logfile", &log_path], arguments].concat();
        let server = Server::start(&binary, &arguments, scratch()).expect("it starts");
        let mut peer = client(&server);
        let ok = Value::Simple("OK".into());
        let set = ["CONFIG", "SET", "maxmemory-samples", "9"];
        assert_eq!(peer.call(&set).expect("a reply"), ok);
        let mut rewrite = || peer.call(&["CONFIG", "REWRITE"]).expect("a reply");
        assert_eq!(rewrite(), ok, "{name}");
        let content = text(&file);
        assert!(
            content.starts_with("# ours\nmaxmemory-samples 9\n"),
            "{name}: {content}"
        );
        let mode = fs::metadata(&file)
            .expect("it is there")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o644, "{name}");
        let beside: Vec<_> = fs::read_dir(directory.join("c"))
            .expect("it is there")
            .collect();
        assert_eq!(beside.len(), 1, "{name}: {beside:?}");

        fs::remove_dir_all(directory.join("c")).expect("it was there");
        let refusal = "ERR Rewriting config file: No such file or directory";
        assert_eq!(rewrite(), Value::Error(refusal.into()), "{name}");
        fs::write(directory.join("c"), "no directory").expect("a file");
        let refusal = "ERR Rewriting config file: Not a directory";
        assert_eq!(rewrite(), Value::Error(refusal.into()), "{name}");
        let lines = text(&log);
        for line in [
            "# CONFIG REWRITE executed with success.",
            "# CONFIG REWRITE failed: No such file or directory",
            "# CONFIG REWRITE failed: Not a directory",
        ] {
            assert!(has_line(&lines, line), "{name}: {line} is not in {lines}");
        }
        drop(server);
        fs::remove_dir_all(&directory).expect("it was there");
    }
}

/// A pipe in the file's place hangs as a disk would: until somebody writes to it.
#[test]
fn a_file_that_hangs_holds_up_its_client_alone() {
    for backend in ["uring", "epoll"] {
        let directory = fresh_directory(&format!("hanging-{backend}"));
        let file = directory.join("server.conf");
        fs::write(&file, "save \"\"\n").expect("a file");
        let path = file.to_str().expect("text").to_string();
        let arguments = [&path, "--shards", "1", "--backend", backend];
        let server = Server::start(&cairn(), &arguments, scratch()).expect("it starts");
        fs::remove_file(&file).expect("it was there");
        let made = Command::new("mkfifo").arg(&file).status();
        assert!(made.expect("mkfifo runs").success());
        let mut patient = client(&server);
        patient.send(b"CONFIG REWRITE\r\n").expect("it is sent");
        let mut other = client(&server);
        for number in 0..1000_i64 {
            let reply = other.call(&["INCR", "counter"]).expect("a reply");
            assert_eq!(reply, Value::Integer(number + 1), "{backend}");
        }
        let mut line = patient.sender().expect("the same connection");
        line.set_nonblocking(true).expect("a socket");
        let early = line.read(&mut [0]).expect_err("there is no reply yet");
        assert_eq!(early.kind(), ErrorKind::WouldBlock, "{backend}");
        line.set_nonblocking(false).expect("a socket");
        // Opening waits for a reader: the server is at it.
        let mut pipe = fs::OpenOptions::new()
            .write(true)
            .open(&file)
            .expect("a reader");
        pipe.write_all(b"# piped\n").expect("it is taken");
        drop(pipe);
        match patient.read().expect("a reply") {
            Value::Simple(_) => assert!(text(&file).starts_with("# piped\n"), "{backend}"),
            Value::Error(refusal) => assert!(refusal.ends_with("Illegal seek"), "{refusal}"),
            other => panic!("{backend}: {other:?}"),
        }
        drop(server);
        fs::remove_dir_all(&directory).expect("it was there");
    }
}

fn has_line(log: &str, end: &str) -> bool {
    log.lines().any(|line| line.ends_with(end))
}
