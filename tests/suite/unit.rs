//! Runs one unit of the Tcl tests against a fresh server and counts what it printed.
//!
//! A `Workplace` is a private copy of the test tree, so that units can run side by side: the Tcl
//! runner writes below its own directory. A unit that hangs is ended with all its processes.

use std::fs::{self, File};
use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::harness::server::Server;

/// Longest a unit may take; stock Redis needs under 50 s for its slowest.
const UNIT_LIMIT: Duration = Duration::from_secs(300);
/// Seconds after which the Tcl runner itself gives up on one test.
const TEST_LIMIT_S: &str = "120";
/// What is left out by tag: tests that read the stream a primary sends its replicas and, of most
/// units, long tests.
const TAGS: &str = "-needs:repl";
const TAGS_QUICK: &str = "-slow -needs:repl";
/// Pause between two looks at a running unit.
const POLL: Duration = Duration::from_millis(20);
/// Ports the Tcl runner may listen on for its own clients: below those that the system gives to
/// clients.
const FIRST_PORT: u16 = 21_111;
const PORTS_EACH: u16 = 100;
const PORT_RANGES: u16 = 100;
/// The runner's clients meet at this distance below the port it is given.
const CLIENT_PORT_BELOW: u16 = 32;

/// A test that leaves to chance what a server of several threads does not: two clients send without
/// waiting for each other, and the first to send must be the first to be served. Later versions of
/// the suite wait here too.
struct Amendment {
    file: &'static str,
    /// Stands there once.
    line: &'static str,
    added: &'static str,
}

const AMENDMENTS: [Amendment; 1] = [Amendment {
    file: "tests/unit/type/list.tcl",
    line: "        $rd1 brpoplpush blist{t} target1{t} 0\n",
    added: "        wait_for_blocked_clients_count 1\n",
}];

/// How a unit is run.
#[derive(Debug, Clone, Copy, Default)]
pub struct Choice {
    /// Its tests that are tagged slow run too.
    pub slow: bool,
    /// Names of encodings are not looked at: those of small lists are newer than the tests.
    pub ignore_encoding: bool,
}

/// What a unit printed, counted.
pub struct Outcome {
    pub ok: usize,
    pub errors: Vec<String>,
    pub skipped: usize,
    pub seconds: u64,
    /// Why the unit did not run to its end, if so.
    pub broken: Option<String>,
    pub transcript: String,
}

impl Outcome {
    /// No err, nothing broken, and at least as many oks as recorded.
    pub fn good(&self, minimal_ok: usize) -> bool {
        self.errors.is_empty() && self.broken.is_none() && self.ok >= minimal_ok
    }

    fn broken(reason: String) -> Self {
        Self {
            ok: 0,
            errors: Vec::new(),
            skipped: 0,
            seconds: 0,
            broken: Some(reason),
            transcript: String::new(),
        }
    }
}

/// A private copy of the test tree.
pub struct Workplace {
    tree: PathBuf,
    scratch: PathBuf,
    skip: PathBuf,
    base_port: u16,
}

impl Workplace {
    /// Copies the tests of `source` into a directory that only worker `number` uses.
    pub fn prepare(
        scratch: &Path,
        source: &Path,
        skip: &Path,
        number: usize,
    ) -> Result<Self, String> {
        let tree = scratch.join(format!("tree-{number}"));
        let failed = |error: std::io::Error| format!("{}: {error}", tree.display());
        let _ = fs::remove_dir_all(&tree);
        fs::create_dir_all(tree.join("src")).map_err(failed)?;
        copy(&source.join("tests"), &tree.join("tests")).map_err(failed)?;
        for amendment in &AMENDMENTS {
            amendment.make(&tree)?;
        }
        fs::create_dir_all(tree.join("tests/tmp")).map_err(failed)?;
        fs::copy(source.join("runtest"), tree.join("runtest")).map_err(failed)?;
        // The runner looks for the tools where a built tree has them.
        for tool in ["redis-cli", "redis-benchmark", "redis-server"] {
            symlink(
                Path::new("/usr/bin").join(tool),
                tree.join("src").join(tool),
            )
            .map_err(failed)?;
        }
        Ok(Self {
            tree,
            scratch: scratch.to_path_buf(),
            skip: skip.to_path_buf(),
            base_port: free_base_port(number)?,
        })
    }

    /// One unit against one fresh server.
    pub fn run(&self, binary: &Path, shards: Option<&str>, unit: &str, choice: Choice) -> Outcome {
        let mut arguments = vec!["--save", "", "--enable-debug-command", "yes"];
        if let Some(count) = shards {
            // Units set `save` and `appendonly` in passing.
            arguments.extend(["--shards", count, "--ignore-unsupported", "yes"]);
        }
        let mut server = match Server::start(binary, &arguments, &self.scratch) {
            Ok(server) => server,
            Err(reason) => return Outcome::broken(format!("server: {reason}")),
        };
        let started = Instant::now();
        let mut broken = None;
        match self.drive(server.port(), unit, choice) {
            Ok(None) => {}
            Ok(Some(reason)) => broken = Some(reason),
            Err(reason) => return Outcome::broken(reason),
        }
        if !server.alive() {
            broken = Some(format!("the server died:\n{}", server.output()));
        }
        let printed = fs::read(self.tree.join("printed")).unwrap_or_default();
        let transcript = without_colours(&String::from_utf8_lossy(&printed));
        let mut outcome = count(transcript);
        outcome.seconds = started.elapsed().as_secs();
        outcome.broken = broken.or(outcome.broken);
        outcome
    }

    /// Runs the Tcl side; Some is the reason why it did not end well by itself.
    fn drive(&self, port: u16, unit: &str, choice: Choice) -> Result<Option<String>, String> {
        let printed = File::create(self.tree.join("printed")).map_err(|error| error.to_string())?;
        let errors = printed.try_clone().map_err(|error| error.to_string())?;
        let mut runner = Command::new("./runtest")
            .args(["--host", "127.0.0.1", "--port", &port.to_string()])
            .args([
                "--baseport",
                &self.base_port.to_string(),
                "--durable",
                "--tags",
                if choice.slow { TAGS } else { TAGS_QUICK },
            ])
            .args(["--timeout", TEST_LIMIT_S, "--single", unit, "--skipfile"])
            .arg(&self.skip)
            .args(choice.ignore_encoding.then_some("--ignore-encoding"))
            .current_dir(&self.tree)
            .stdin(Stdio::null())
            .stdout(printed)
            .stderr(errors)
            .process_group(0)
            .spawn()
            .map_err(|error| format!("runtest: {error}"))?;
        let deadline = Instant::now() + UNIT_LIMIT;
        while Instant::now() < deadline {
            if let Some(status) = runner.try_wait().map_err(|error| error.to_string())? {
                let reason = format!("runtest ended with {status}");
                // 1 is an err that is counted from the lines; anything else is not.
                let counted = status.success() || status.code() == Some(1);
                return Ok((!counted).then_some(reason));
            }
            thread::sleep(POLL);
        }
        end_group(&mut runner);
        Ok(Some(format!("did not end in {UNIT_LIMIT:?}")))
    }
}

impl Amendment {
    fn make(&self, tree: &Path) -> Result<(), String> {
        let path = tree.join(self.file);
        let failed = |error: std::io::Error| format!("{}: {error}", path.display());
        let text = fs::read_to_string(&path).map_err(failed)?;
        if text.matches(self.line).count() != 1 {
            return Err(format!("{}: not once: {}", path.display(), self.line));
        }
        let whole = format!("{}{}", self.line, self.added);
        fs::write(&path, text.replace(self.line, &whole)).map_err(failed)
    }
}

/// A base port whose client port nobody listens on: suites of several checkouts may run at once.
fn free_base_port(number: usize) -> Result<u16, String> {
    // Where two suites look first depends on the process; where two workers of one do, on their
    // number.
    let first = std::process::id() as usize * 2 + number;
    (0..usize::from(PORT_RANGES))
        .map(|step| (first + 2 * step) % usize::from(PORT_RANGES))
        .map(|range| FIRST_PORT + PORTS_EACH * u16::try_from(range).unwrap_or_default())
        .find(|base| TcpListener::bind(("127.0.0.1", base - CLIENT_PORT_BELOW)).is_ok())
        .ok_or("no free port for the runner's clients".to_string())
}

/// Ends the runner and the Tcl processes it started: they share its process group.
fn end_group(runner: &mut Child) {
    let group = format!("-{}", runner.id());
    let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
    let _ = runner.wait();
}

fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        match entry.file_type()?.is_dir() {
            true => copy(&entry.path(), &target)?,
            false => fs::copy(entry.path(), target).map(|_| ())?,
        }
    }
    Ok(())
}

/// Without terminal escape sequences, which the Tcl runner prints even into a file.
fn without_colours(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut parts = text.split("\u{1b}[");
    plain.push_str(parts.next().unwrap_or_default());
    for part in parts {
        plain.push_str(part.split_once('m').map_or(part, |(_, rest)| rest));
    }
    plain
}

/// Counts the runner's verdicts, which may stand anywhere in a line.
fn count(transcript: String) -> Outcome {
    let mut outcome = Outcome::broken(String::new());
    outcome.broken = None;
    // Behind the end all errs are listed once more.
    let (run, ended) = match transcript.split_once("The End\n") {
        Some((run, _)) => (run, true),
        None => (transcript.as_str(), false),
    };
    let mut lines = run.lines().peekable();
    while let Some(line) = lines.next() {
        outcome.ok += line.matches("[ok]: ").count();
        outcome.skipped += line.matches("[skip]: ").count() + line.matches("[ignore]: ").count();
        for verdict in ["[err]: ", "[exception]: ", "[timeout]: "] {
            if let Some(at) = line.find(verdict) {
                // The line below an err says what came instead of what.
                let detail = lines.peek().filter(|_| verdict == "[err]: ");
                let detail: String = detail
                    .map_or("", |detail| detail)
                    .chars()
                    .take(200)
                    .collect();
                outcome
                    .errors
                    .push(format!("{}\n         {detail}", &line[at..]));
            }
        }
    }
    if !ended {
        let last = transcript.len().saturating_sub(2000);
        let last = (last..transcript.len()).find(|&at| transcript.is_char_boundary(at));
        let tail = &transcript[last.unwrap_or(transcript.len())..];
        outcome.broken = Some(format!("the runner did not reach its end:\n{tail}"));
    }
    outcome.transcript = transcript;
    outcome
}
