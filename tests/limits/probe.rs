//! A probe: a client that asks one thing after another and remembers how long each answer took.
//!
//! What a user of the server notices while something else goes on. Runs in its own thread until
//! stopped.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::harness::client::{Client, Value};

/// A probe under way.
pub struct Probe {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Latencies>,
}

/// What a probe saw, microseconds, sorted.
#[derive(Debug)]
pub struct Latencies {
    sorted_us: Vec<u64>,
    pub failures: usize,
}

impl Latencies {
    /// The part in a thousand that took at most this long.
    pub fn permille(&self, part: usize) -> u64 {
        let last = self.sorted_us.len().saturating_sub(1);
        self.sorted_us.get(last * part / 1000).copied().unwrap_or(0)
    }

    pub fn longest_us(&self) -> u64 {
        self.sorted_us.last().copied().unwrap_or(0)
    }

    pub fn count(&self) -> usize {
        self.sorted_us.len()
    }

    /// Err unless this part in a thousand was answered in time.
    pub fn within(&self, part: usize, limit_us: u64) -> Result<(), String> {
        if self.failures > 0 {
            return Err(format!("{} answers were wrong", self.failures));
        }
        let took = self.permille(part);
        if took <= limit_us && self.count() > 0 {
            return Ok(());
        }
        Err(format!(
            "{part} of 1000 answers within {took} us, at most {limit_us} us wanted"
        ))
    }
}

impl std::fmt::Display for Latencies {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            out,
            "p50 {} us, p99 {} us, p99.9 {} us, longest {} us ({} answers, {} wrong)",
            self.permille(500),
            self.permille(990),
            self.permille(999),
            self.longest_us(),
            self.count(),
            self.failures
        )
    }
}

impl Probe {
    /// Asks for nothing but an answer, for servers whose keys come and go.
    pub fn ping(client: Client) -> Self {
        let pong = Value::Simple("PONG".into());
        Self::run(client, &["PING"], pong, Duration::from_millis(1))
    }

    /// Sets a key once and gets it until `stop`.
    pub fn start(client: Client, key: &str) -> Self {
        Self::with_pause(client, key, Duration::ZERO)
    }

    /// With a pause after each answer, so that the probe itself is no load.
    pub fn with_pause(mut client: Client, key: &str, pause: Duration) -> Self {
        client
            .call(&["SET", key, "probe"])
            .expect("the probe's key is set");
        let value = Value::Bulk(b"probe".to_vec());
        Self::run(client, &["GET", key], value, pause)
    }

    fn run(mut client: Client, words: &[&str], wanted: Value, pause: Duration) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let words: Vec<String> = words.iter().map(ToString::to_string).collect();
        let thread = std::thread::spawn(move || {
            let mut seen = Latencies {
                sorted_us: Vec::new(),
                failures: 0,
            };
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            while !stopped.load(Ordering::Relaxed) {
                let began = Instant::now();
                let answer = client.call(&words);
                let took = began.elapsed();
                if !answer.is_ok_and(|value| value == wanted) {
                    seen.failures += 1;
                }
                seen.sorted_us
                    .push(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
                if !pause.is_zero() {
                    std::thread::sleep(pause);
                }
            }
            seen.sorted_us.sort_unstable();
            seen
        });
        Self { stop, thread }
    }

    pub fn stop(self) -> Latencies {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("the probe does not panic")
    }
}

/// What the probe sees when the server is left alone for so long.
pub fn quiet(client: Client, key: &str, time: Duration) -> Latencies {
    let probe = Probe::with_pause(client, key, Duration::from_millis(1));
    std::thread::sleep(time);
    probe.stop()
}
