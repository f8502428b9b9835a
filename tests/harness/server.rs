//! Starts a server process on a free loopback port and ends it when dropped.
//!
//! Readiness is an answered PING, never a pause; a server that dies first is reported with what it
//! printed. Ports are never fixed: one is reserved on 127.0.0.2 for as long as the server lives, so
//! that test processes running at the same time cannot choose the same.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// How long a server may take to answer its first PING.
const START_LIMIT: Duration = Duration::from_secs(20);
/// Pause between two attempts to connect while a server starts.
const START_POLL: Duration = Duration::from_millis(5);

static SERVERS: AtomicU32 = AtomicU32::new(0);

/// A running server, killed and removed with its directory on drop.
pub struct Server {
    process: Child,
    directory: PathBuf,
    port: u16,
    /// Holds `port` on 127.0.0.2 so that nobody else picks it.
    _reservation: TcpListener,
}

impl Server {
    /// Starts `binary` with `args`, `--port` of a free port and `--bind 127.0.0.1`, in a directory
    /// of its own under `scratch`, and waits until it answers.
    pub fn start(binary: &Path, args: &[&str], scratch: &Path) -> Result<Self, String> {
        let (reservation, port) = reserve_port()?;
        let number = SERVERS.fetch_add(1, Ordering::Relaxed);
        let directory = scratch.join(format!("server-{}-{number}", std::process::id()));
        fs::create_dir_all(&directory)
            .map_err(|error| format!("{}: {error}", directory.display()))?;
        let log = File::create(directory.join("output")).map_err(|error| error.to_string())?;
        let errors = log.try_clone().map_err(|error| error.to_string())?;
        let process = Command::new(binary)
            .args(args)
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
            .current_dir(&directory)
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors)
            .spawn()
            .map_err(|error| format!("{}: {error}", binary.display()))?;
        let mut server = Self {
            process,
            directory,
            port,
            _reservation: reservation,
        };
        server.wait_ready()?;
        Ok(server)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn directory(&self) -> &Path {
        &self.directory
    }

    pub fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// A fresh connection.
    pub fn connect(&self) -> std::io::Result<TcpStream> {
        let stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    /// Resident memory in bytes, as the kernel counts it.
    pub fn resident_bytes(&self) -> usize {
        let status =
            fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|text| text.trim().trim_end_matches(" kB").parse::<usize>().ok());
        kib.unwrap_or(0) * 1024
    }

    /// What the server has printed so far, its last 4,000 bytes.
    pub fn output(&self) -> String {
        let bytes = fs::read(self.directory.join("output")).unwrap_or_default();
        String::from_utf8_lossy(&bytes[bytes.len().saturating_sub(4000)..]).into_owned()
    }

    /// True while the process runs.
    pub fn alive(&mut self) -> bool {
        matches!(self.process.try_wait(), Ok(None))
    }

    fn wait_ready(&mut self) -> Result<(), String> {
        let deadline = Instant::now() + START_LIMIT;
        while Instant::now() < deadline {
            if let Ok(Some(status)) = self.process.try_wait() {
                return Err(format!(
                    "ended with {status} before it answered:\n{}",
                    self.output()
                ));
            }
            if self
                .connect()
                .is_ok_and(|stream| answers_ping(stream, deadline))
            {
                return Ok(());
            }
            thread::sleep(START_POLL);
        }
        Err(format!(
            "no answer to PING in {START_LIMIT:?}:\n{}",
            self.output()
        ))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Already dead is fine; the directory goes either way.
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// A port that is free on 127.0.0.1 and held on 127.0.0.2 by the returned listener.
fn reserve_port() -> Result<(TcpListener, u16), String> {
    for _ in 0..64 {
        let held = TcpListener::bind(("127.0.0.2", 0)).map_err(|error| error.to_string())?;
        let port = held.local_addr().map_err(|error| error.to_string())?.port();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return Ok((held, port));
        }
    }
    Err("no free loopback port in 64 attempts".to_string())
}

fn answers_ping(mut stream: TcpStream, deadline: Instant) -> bool {
    let left = deadline
        .saturating_duration_since(Instant::now())
        .max(START_POLL);
    // A server that wants a password is as ready as one that does not.
    let mut answer = [0; 5];
    stream.set_read_timeout(Some(left)).is_ok()
        && stream.write_all(b"*1\r\n$4\r\nPING\r\n").is_ok()
        && stream.read_exact(&mut answer).is_ok()
        && (answer == *b"+PONG" || answer == *b"-NOAU")
}
