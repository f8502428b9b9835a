//! The server as a process: its log, its pid file, daemons and supervisors.
//!
//! Starts real processes and reads what they leave behind; what redis-server 7.0.15 does is right.
//! Waits for files and replies, never for a while.

#![allow(
    clippy::disallowed_methods,
    reason = "a black-box test talks to processes and files itself"
)]

#[path = "process/deploy.rs"]
mod deploy;
#[path = "process/directives.rs"]
mod directives;
mod harness;
#[path = "process/ranges.rs"]
mod ranges;
#[path = "process/rewrite.rs"]
mod rewrite;

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use harness::client::{Client, Value};
use harness::server::Server;

/// How long what must happen may take.
const PATIENCE: Duration = Duration::from_secs(20);

fn cairn() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_cairn-server"))
}

fn scratch() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
}

/// A directory of its own, empty.
fn fresh_directory(name: &str) -> PathBuf {
    let path = scratch().join(format!("process-{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).expect("a directory");
    path
}

fn start(arguments: &[&str]) -> Server {
    let always = ["--save", "", "--shards", "2"];
    Server::start(&cairn(), &[&always, arguments].concat(), scratch()).expect("the server starts")
}

fn client(server: &Server) -> Client {
    Client::new(server.connect().expect("a connection")).expect("a client")
}

/// Waits until something is there.
fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "no {what} in {PATIENCE:?}");
        std::thread::yield_now();
    }
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

fn signal(name: &str, process: u32) {
    let process = process.to_string();
    let status = Command::new("kill").args([name, &process]).status();
    assert!(
        status.expect("kill runs").success(),
        "kill {name} {process}"
    );
}

/// Runs the server with these arguments to its end.
fn run(arguments: &[&str]) -> Output {
    let output = Command::new(cairn())
        .args(arguments)
        .stdin(Stdio::null())
        .output();
    output.expect("the server runs")
}

/// `PID:ROLE DATE LEVEL MESSAGE`, as redis-server writes it.
fn is_log_line(line: &str) -> bool {
    let words: Vec<&str> = line.split(' ').collect();
    let [process, day, month, year, time, level, ..] = words[..] else {
        return false;
    };
    let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (id, role) = process.split_at(process.len().saturating_sub(2));
    number(id)
        && matches!(role, ":C" | ":M" | ":S")
        && number(day)
        && month.len() == 3
        && number(year)
        && time.len() == "07:56:23.336".len()
        && time.split([':', '.']).all(number)
        && matches!(level, "." | "-" | "*" | "#")
}

#[test]
fn the_log_goes_to_its_file_and_is_opened_again_at_sighup() {
    let server = start(&["--logfile", "server.log", "--pidfile", "server.pid"]);
    let log = server.directory().join("server.log");
    let moved = server.directory().join("server.log.1");
    let before = text(&log);
    assert!(before.lines().all(is_log_line), "{before}");
    assert!(!is_log_line("123:M 25 Nov 07:56:23 * x"), "the control");
    let needle = format!(" PID: {}\n", server.process_id());
    let started = before.find(&needle).expect("the process's id");
    let initialised = before.find("# Server initialized").expect("initialized");
    let ready = before.find("* Ready to accept connections").expect("ready");
    assert!(started < initialised && initialised < ready, "{before}");
    assert_eq!(server.output(), "", "all of the log is in the file");
    let id = text(&server.directory().join("server.pid"));
    assert_eq!(id, format!("{}\n", server.process_id()));

    fs::rename(&log, &moved).expect("logrotate moves it");
    signal("-HUP", server.process_id());
    wait_for("new log", || text(&log).contains("SIGHUP").then_some(()));
    assert_eq!(text(&moved), before);

    let mut client = client(&server);
    let ok = Value::Simple("OK".into());
    assert_eq!(
        client
            .call(&["CONFIG", "SET", "loglevel", "warning"])
            .unwrap(),
        ok
    );
    signal("-HUP", server.process_id());
    assert_eq!(
        client
            .call(&["CONFIG", "SET", "loglevel", "notice"])
            .unwrap(),
        ok
    );
    signal("-TERM", server.process_id());
    let end = wait_for("end", || {
        let text = text(&log);
        text.contains("bye bye").then_some(text)
    });
    assert!(
        end.contains("# Received SIGTERM scheduling shutdown..."),
        "{end}"
    );
    assert!(end.contains("* Removing the pid file."), "{end}");
    assert!(!server.directory().join("server.pid").exists());
}

#[test]
fn loglevel_leaves_lines_out_until_it_is_changed() {
    let server = start(&[
        "--logfile",
        "log",
        "--pidfile",
        "pid",
        "--loglevel",
        "warning",
    ]);
    let log = server.directory().join("log");
    let before = text(&log);
    assert!(before.contains(" # Server initialized"), "{before}");
    assert!(!before.contains(" * "), "{before}");
    let reply = client(&server).call(&["CONFIG", "SET", "loglevel", "notice"]);
    assert_eq!(reply.unwrap(), Value::Simple("OK".into()));
    signal("-TERM", server.process_id());
    wait_for("end", || text(&log).contains("bye bye").then_some(()));
    assert!(
        text(&log).contains(" * Removing the pid file."),
        "{}",
        text(&log)
    );
}

#[test]
fn a_log_file_that_cannot_be_opened_stops_the_start() {
    let output = run(&["--logfile", "/nonexistent/x", "--port", "0"]);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success());
    assert!(errors.contains("*** FATAL CONFIG FILE ERROR"), "{errors}");
    assert!(
        errors.contains("\nCan't open the log file: No such file or directory\n"),
        "{errors}"
    );
}

/// A process that does not outlive its test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Ended already is as good.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The same for a daemon, which is nobody's child.
struct Daemon(u32);

impl Drop for Daemon {
    fn drop(&mut self) {
        if is_alive(self.0) {
            signal("-KILL", self.0);
        }
    }
}

/// A server on a unix socket in `directory`, as a daemon with these further arguments.
fn daemon(directory: &Path, arguments: &[&str]) -> Daemon {
    let place = directory.to_str().expect("text");
    let always = [
        "--port",
        "0",
        "--unixsocket",
        "socket",
        "--dir",
        place,
        "--save",
        "",
    ];
    let log = ["--logfile", "log", "--shards", "2", "--daemonize", "yes"];
    let output = run(&[&always[..], &log[..], arguments].concat());
    assert!(output.status.success(), "{output:?}");
    assert!(
        output.stdout.is_empty() && output.stderr.is_empty(),
        "{output:?}"
    );
    let line = wait_for("log", || {
        let text = text(&directory.join("log"));
        let line = text.lines().find(|line| line.contains("Ready to accept"));
        line.map(str::to_string)
    });
    let (id, _) = line.split_once(':').expect("a log line");
    Daemon(id.parse().expect("a process id"))
}

fn is_alive(process: u32) -> bool {
    // A zombie has ended; its new parent may take its time.
    let status = text(Path::new(&format!("/proc/{process}/stat")));
    status
        .rsplit(") ")
        .next()
        .is_some_and(|rest| !status.is_empty() && !rest.starts_with('Z'))
}

#[test]
fn a_daemon_leaves_its_terminal_and_its_pid_file_goes_with_it() {
    let directory = fresh_directory("daemon");
    let daemon = daemon(&directory, &["--pidfile", "pid"]);
    let process = daemon.0;
    assert_eq!(text(&directory.join("pid")), format!("{process}\n"));
    let status = text(Path::new(&format!("/proc/{process}/stat")));
    let fields: Vec<&str> = status
        .rsplit(") ")
        .next()
        .expect("fields")
        .split(' ')
        .collect();
    let [group, session] = [fields[2], fields[3]];
    assert_eq!(
        session,
        process.to_string(),
        "a session of its own: {status}"
    );
    assert_eq!(group, session);
    for stream in 0..3 {
        let target = fs::read_link(format!("/proc/{process}/fd/{stream}")).expect("a stream");
        assert_eq!(target, Path::new("/dev/null"));
    }
    let tasks = fs::read_dir(format!("/proc/{process}/task")).expect("threads");
    let names: Vec<String> = tasks
        .map(|task| text(&task.expect("a thread").path().join("comm")))
        .collect();
    assert!(
        names.iter().any(|name| name == "jemalloc_bg_thd\n"),
        "{names:?}"
    );
    let stream = std::os::unix::net::UnixStream::connect(directory.join("socket"));
    ping(stream.expect("the daemon listens"));

    signal("-TERM", process);
    wait_for("end", || (!is_alive(process)).then_some(()));
    assert!(!directory.join("pid").exists() && !directory.join("socket").exists());
    let _ = fs::remove_dir_all(&directory);
}

fn ping(mut stream: std::os::unix::net::UnixStream) {
    use std::io::{Read, Write};
    stream.write_all(b"PING\r\n").expect("sent");
    let mut answer = [0; 7];
    stream.read_exact(&mut answer).expect("answered");
    assert_eq!(&answer, b"+PONG\r\n");
}

#[test]
fn systemd_hears_when_the_server_is_ready_and_when_it_stops() {
    let directory = fresh_directory("systemd");
    let socket = UnixDatagram::bind(directory.join("notify")).expect("a socket");
    socket.set_read_timeout(Some(PATIENCE)).expect("a limit");
    let mut server = Command::new(cairn());
    server
        .args([
            "--port",
            "0",
            "--unixsocket",
            "socket",
            "--save",
            "",
            "--shards",
            "1",
        ])
        // A supervised server stays with its supervisor.
        .args([
            "--supervised",
            "auto",
            "--daemonize",
            "yes",
            "--logfile",
            "log",
        ])
        .current_dir(&directory)
        .env_remove("UPSTART_JOB")
        .env("NOTIFY_SOCKET", directory.join("notify"))
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut server = Running(server.spawn().expect("the server starts"));
    let notice = || {
        let mut bytes = [0; 256];
        let len = socket.recv(&mut bytes).expect("a notice");
        String::from_utf8_lossy(&bytes[..len]).into_owned()
    };
    assert_eq!(notice(), "STATUS=Cairn is loading...\n");
    assert_eq!(notice(), "STATUS=Ready to accept connections\nREADY=1\n");
    let stream = std::os::unix::net::UnixStream::connect(directory.join("socket"));
    ping(stream.expect("ready means that it listens"));
    signal("-TERM", server.0.id());
    assert_eq!(notice(), "STOPPING=1\n");
    assert!(server.0.wait().expect("it ends").success());
    let _ = fs::remove_dir_all(&directory);
}

#[test]
fn upstart_sees_the_server_stop_itself_when_it_is_ready() {
    let directory = fresh_directory("upstart");
    let mut server = Command::new(cairn());
    server
        .args([
            "--port",
            "0",
            "--unixsocket",
            "socket",
            "--save",
            "",
            "--shards",
            "1",
        ])
        .args(["--supervised", "upstart", "--logfile", "log"])
        .current_dir(&directory)
        .env("UPSTART_JOB", "cairn")
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut server = Running(server.spawn().expect("the server starts"));
    let state = format!("/proc/{}/stat", server.0.id());
    wait_for("stop", || {
        text(Path::new(&state)).contains(") T ").then_some(())
    });
    signal("-CONT", server.0.id());
    let stream = std::os::unix::net::UnixStream::connect(directory.join("socket"));
    ping(stream.expect("it listens"));
    signal("-TERM", server.0.id());
    assert!(server.0.wait().expect("it ends").success());
    let _ = fs::remove_dir_all(&directory);
}

#[test]
fn a_supervisor_that_is_not_there_is_missed_aloud() {
    for (wanted, line) in [
        (
            "upstart",
            "# upstart supervision requested, but UPSTART_JOB not found!",
        ),
        (
            "systemd",
            "# systemd supervision error: NOTIFY_SOCKET not found!",
        ),
    ] {
        let server = start(&["--supervised", wanted]);
        assert!(server.output().contains(line), "{}", server.output());
    }
}

#[test]
fn what_is_only_asked_is_printed_and_nothing_starts() {
    for (word, first) in [
        ("-v", "Cairn server v="),
        ("--version", "Cairn server v="),
        ("-h", "Usage: "),
        ("--help", "Usage: "),
    ] {
        let output = run(&[word]);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            output.status.success() && output.stderr.is_empty(),
            "{output:?}"
        );
        assert!(text.starts_with(first) && text.ends_with('\n'), "{text}");
        assert!(!text.ends_with("\n\n"), "{text}");
    }
    let version = run(&["-v"]).stdout;
    let version = String::from_utf8_lossy(&version).into_owned();
    assert!(
        version.contains(env!("CARGO_PKG_VERSION")) && version.lines().count() == 1,
        "{version}"
    );
    let output = run(&["--check-system"]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let checks: Vec<&str> = text.lines().filter(|line| line.starts_with('[')).collect();
    assert_eq!(checks.len(), 4, "{text}");
    let fine = |line: &&str| line.ends_with("]...OK") || line.ends_with("]...skipped");
    assert_eq!(output.status.success(), checks.iter().all(fine), "{text}");
}
