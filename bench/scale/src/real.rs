//! The real server under the same loads: processor time, system calls, switches, instructions.
//!
//! System calls come from `perf stat`, which wants the rights for tracepoints; instructions from
//! callgrind. Where one is missing its column stays empty. Ends the servers that it starts, and
//! nothing else.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use cairn::base::sim::Random;

use crate::load::{Batch, CLIENTS, Shape, preparation};

/// How long an answer or a start may take; callgrind is slow.
const PATIENCE: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(20);
/// Commands of a measured load by pipeline: each takes about as long.
const COMMANDS: [(u64, u64); 3] = [(1, 20_000), (16, 120_000), (50, 200_000)];

/// What the server spent per command.
#[derive(Debug, Clone, Copy, Default)]
pub struct Spent {
    pub cpu_us: f64,
    pub hops: f64,
    /// Rounds of all shards.
    pub rounds: f64,
    pub system_calls: Option<f64>,
    pub switches: Option<f64>,
}

/// A server that ends with this.
pub struct Server {
    process: Child,
    port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        let asked = TcpStream::connect(("127.0.0.1", self.port))
            .and_then(|mut socket| socket.write_all(b"SHUTDOWN NOSAVE\r\n"));
        let deadline = Instant::now() + PATIENCE;
        while asked.is_ok() && Instant::now() < deadline {
            if matches!(self.process.try_wait(), Ok(Some(_))) {
                return;
            }
            std::thread::sleep(POLL);
        }
        // It has ended by itself, or does not end: either way it is waited for.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Server {
    /// Starts a server and sets every key.
    pub fn start(mut command: Command, shards: usize, port: u16) -> Self {
        let arguments = ["--save", "", "--bind", "127.0.0.1", "--loglevel", "warning"];
        command
            .args(arguments)
            .args(["--port", &port.to_string(), "--shards", &shards.to_string()])
            .current_dir(std::env::temp_dir())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let process = command.spawn().expect("the server's binary starts");
        let server = Self { process, port };
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < deadline, "the server listens on {port}");
            std::thread::sleep(POLL);
        }
        let mut socket = connect(port);
        for batch in preparation() {
            ask(&mut socket, &batch);
        }
        server
    }

    /// Puts a load on it, twice: alone, and with system calls counted.
    pub fn spend(&self, shape: Shape) -> Spent {
        let commands = commands_of(shape);
        load(self.port, shape, commands / 10);
        let before = (self.cpu_ns(), self.info());
        load(self.port, shape, commands);
        let after = (self.cpu_ns(), self.info());
        let per_command = |count: u64| count as f64 / commands as f64;
        let counted = self.counted(shape, commands);
        Spent {
            cpu_us: per_command(after.0 - before.0) / 1000.0,
            hops: per_command(after.1.0 - before.1.0),
            rounds: per_command(after.1.1 - before.1.1),
            system_calls: counted.map(|(calls, _)| per_command(calls)),
            switches: counted.map(|(_, switches)| per_command(switches)),
        }
    }

    /// Instructions per command, of a server that runs in callgrind.
    pub fn instructions(&self, shape: Shape) -> Option<f64> {
        let commands = commands_of(shape) / 20;
        load(self.port, shape, commands / 10);
        self.dump()?;
        load(self.port, shape, commands);
        Some(self.dump()? as f64 / commands as f64)
    }

    /// What callgrind has counted since the last dump.
    fn dump(&self) -> Option<u64> {
        let directory = dumps();
        let dumped = Command::new("callgrind_control")
            .args(["--dump", &self.process.id().to_string()])
            .current_dir(&directory)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        dumped.ok().filter(|status| status.success())?;
        let mut total = None;
        for entry in std::fs::read_dir(&directory).ok()?.flatten() {
            let text = std::fs::read_to_string(entry.path()).unwrap_or_default();
            let line = text.lines().find_map(|line| line.strip_prefix("totals: "));
            if let Some(count) = line.and_then(|line| line.trim().parse::<u64>().ok()) {
                total = Some(total.unwrap_or(0) + count);
            }
            std::fs::remove_file(entry.path()).ok()?;
        }
        total
    }

    /// Processor time of all threads.
    fn cpu_ns(&self) -> u64 {
        let tasks = format!("/proc/{}/task", self.process.id());
        let tasks = std::fs::read_dir(tasks).expect("the server runs");
        let time = |path: PathBuf| {
            let text = std::fs::read_to_string(path.join("schedstat")).ok()?;
            text.split_whitespace().next()?.parse::<u64>().ok()
        };
        tasks.flatten().filter_map(|task| time(task.path())).sum()
    }

    /// Hops and rounds of all shards so far.
    fn info(&self) -> (u64, u64) {
        let mut socket = connect(self.port);
        let text = "*2\r\n$4\r\nINFO\r\n$10\r\neverything\r\n";
        socket.write_all(text.as_bytes()).expect("the server reads");
        let mut text = String::new();
        let mut bytes = [0; 65536];
        loop {
            let len = socket.read(&mut bytes).expect("the server answers INFO");
            text.push_str(&String::from_utf8_lossy(&bytes[..len]));
            let (head, body) = text.split_once("\r\n").unwrap_or(("", ""));
            let whole = head.strip_prefix('$').and_then(|len| len.parse().ok());
            if whole.is_some_and(|whole: usize| body.len() >= whole + 2) {
                break;
            }
            assert!(len > 0, "the server answers INFO");
        }
        let sum = |field: &str| {
            let lines = text.lines().filter(|line| line.starts_with("shard_"));
            let fields = lines.flat_map(|line| line.split([':', ',']));
            fields
                .filter_map(|part| part.strip_prefix(field)?.parse::<u64>().ok())
                .sum()
        };
        (sum("hops="), sum("ticks="))
    }

    /// System calls and switches under the load, which perf runs as its command.
    fn counted(&self, shape: Shape, commands: u64) -> Option<(u64, u64)> {
        let this = std::env::current_exe().ok()?;
        let output = Command::new("perf")
            .args([
                "stat",
                "-x",
                ",",
                "-e",
                "raw_syscalls:sys_enter,context-switches",
            ])
            .args(["-p", &self.process.id().to_string(), "--"])
            .arg(this)
            .args(["--load", &self.port.to_string(), shape.name])
            .arg(commands.to_string())
            .output()
            .ok()?;
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        let count = |event: &str| {
            let line = text.lines().find(|line| line.contains(event))?;
            line.split(',').next()?.parse::<u64>().ok()
        };
        Some((count("sys_enter")?, count("context-switches")?))
    }
}

/// A server in callgrind, by itself on its processors: nothing waits awake.
pub fn callgrind(server: &Path) -> Command {
    let directory = dumps();
    std::fs::create_dir_all(&directory).expect("the temporary directory takes one more");
    let mut command = Command::new("valgrind");
    command
        .arg("--tool=callgrind")
        .arg(format!("--callgrind-out-file={}/out", directory.display()))
        .arg(server)
        .args(["--backend", "epoll", "--placement", "none"]);
    command
}

/// Removes what callgrind left.
pub fn forget_dumps() {
    // Where it never ran there is nothing to remove.
    let _ = std::fs::remove_dir_all(dumps());
}

fn dumps() -> PathBuf {
    std::env::temp_dir().join(format!("cairn-scale-{}", std::process::id()))
}

fn commands_of(shape: Shape) -> u64 {
    let weight = COMMANDS
        .iter()
        .find(|(pipeline, _)| *pipeline == shape.pipeline);
    weight.expect("every pipeline has its number").1
}

/// So many commands by all clients: a batch to each, then the answers of each.
pub fn load(port: u16, shape: Shape, commands: u64) {
    let mut random = Random::new(commands);
    let mut clients: Vec<TcpStream> = (0..CLIENTS).map(|_| connect(port)).collect();
    let mut done = 0;
    while done < commands {
        let batches: Vec<Batch> = clients
            .iter()
            .map(|_| Batch::of(shape, &mut random))
            .collect();
        for (client, batch) in clients.iter_mut().zip(&batches) {
            client.write_all(&batch.bytes).expect("the server reads");
        }
        for (client, batch) in clients.iter_mut().zip(&batches) {
            read(client, batch);
        }
        done += shape.pipeline * CLIENTS as u64;
    }
}

fn connect(port: u16) -> TcpStream {
    let socket = TcpStream::connect(("127.0.0.1", port)).expect("the server accepts");
    socket.set_nodelay(true).expect("TCP has the option");
    socket
        .set_read_timeout(Some(PATIENCE))
        .expect("it is not 0");
    socket
}

fn ask(socket: &mut TcpStream, batch: &Batch) {
    socket.write_all(&batch.bytes).expect("the server reads");
    read(socket, batch);
}

fn read(socket: &mut TcpStream, batch: &Batch) {
    let mut answer = vec![0; batch.answer_bytes];
    let whole = socket.read_exact(&mut answer);
    whole.expect("the answer has its length, so it is no error");
}
