//! A server process seen from outside: processor time, descriptors, its shards' own figures.
//!
//! Reads /proc and INFO; changes nothing.

use std::fs;
use std::time::{Duration, Instant};

use crate::harness::client::{Client, Value};
use crate::harness::server::Server;

/// Processor time of all threads so far, seconds.
pub fn cpu_seconds(server: &Server) -> f64 {
    let tasks = fs::read_dir(format!("/proc/{}/task", server.process_id())).expect("it runs");
    tasks
        .filter_map(Result::ok)
        .filter_map(|task| fs::read_to_string(task.path().join("schedstat")).ok())
        .filter_map(|text| {
            text.split(' ')
                .next()
                .and_then(|word| word.parse::<u64>().ok())
        })
        .map(|nanoseconds| nanoseconds as f64 / 1e9)
        .sum()
}

/// Open descriptors.
pub fn descriptors(server: &Server) -> usize {
    fs::read_dir(format!("/proc/{}/fd", server.process_id()))
        .expect("it runs")
        .count()
}

/// Descriptors that this test process may open.
pub fn own_descriptor_limit() -> usize {
    let text = fs::read_to_string("/proc/self/limits").expect("a process knows its limits");
    let line = text.lines().find(|line| line.starts_with("Max open files"));
    let soft = line.and_then(|line| line.split_whitespace().nth(3));
    soft.and_then(|word| word.parse().ok()).unwrap_or(1024)
}

/// Waits until a figure of the server is as wanted; the last figure otherwise.
pub fn settle<T: Copy>(
    limit: Duration,
    mut read: impl FnMut() -> T,
    wanted: impl Fn(T) -> bool,
) -> Result<T, T> {
    let deadline = Instant::now() + limit;
    loop {
        let value = read();
        if wanted(value) {
            return Ok(value);
        }
        if Instant::now() >= deadline {
            return Err(value);
        }
        // What is waited for has no event that reaches another process.
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The figure once it has not changed for a third of a second.
pub fn steady<T: Copy + PartialEq>(mut read: impl FnMut() -> T) -> T {
    let (mut value, mut since) = (read(), Instant::now());
    while since.elapsed() < Duration::from_millis(300) {
        std::thread::sleep(Duration::from_millis(20));
        let now = read();
        if now != value {
            (value, since) = (now, Instant::now());
        }
    }
    value
}

/// What INFO says of one shard.
#[derive(Debug, Clone)]
pub struct ShardFigures {
    fields: Vec<(String, String)>,
}

impl ShardFigures {
    pub fn text(&self, name: &str) -> &str {
        let field = self.fields.iter().find(|(known, _)| known == name);
        field.map_or("", |(_, value)| value)
    }

    pub fn number(&self, name: &str) -> u64 {
        self.text(name).parse().unwrap_or(0)
    }
}

/// The shards' figures.
pub fn shards(client: &mut Client) -> Vec<ShardFigures> {
    let Ok(Value::Bulk(text)) = client.call(&["INFO", "shards"]) else {
        panic!("INFO answers");
    };
    let text = String::from_utf8_lossy(&text).into_owned();
    text.lines()
        .filter_map(|line| line.strip_prefix("shard_"))
        .filter(|line| line.starts_with(|first: char| first.is_ascii_digit()))
        .filter_map(|line| line.split_once(':'))
        .map(|(_, fields)| ShardFigures {
            fields: fields
                .split(',')
                .filter_map(|field| field.split_once('='))
                .map(|(name, value)| (name.to_string(), value.to_string()))
                .collect(),
        })
        .collect()
}

/// A connection and a hash tag of each shard: their commands stay there.
pub fn homes(server: &Server, count: usize) -> Vec<(Client, String)> {
    let mut looker = crate::connect(server);
    let mut found: Vec<Option<Client>> = (0..count).map(|_| None).collect();
    let mut unused = Vec::new();
    while found.iter().any(Option::is_none) {
        assert!(unused.len() < 64, "every shard gets a client");
        let before = shards(&mut looker);
        let mut client = crate::connect(server);
        client.call(&["PING"]).expect("a reply");
        let after = shards(&mut looker);
        let home = (0..count)
            .find(|&shard| after[shard].number("clients") > before[shard].number("clients"));
        let home = home.expect("the new client is counted");
        if found[home].is_none() {
            found[home] = Some(client);
        } else {
            unused.push(client);
        }
    }
    let mut tags: Vec<Option<String>> = vec![None; count];
    for number in 0.. {
        let tag = format!("{{{number}}}");
        let before = shards(&mut looker);
        looker.call(&["SET", &tag, "x"]).expect("a reply");
        let after = shards(&mut looker);
        looker.call(&["DEL", &tag]).expect("a reply");
        let owner = (0..count).find(|&it| after[it].number("keys") > before[it].number("keys"));
        let owner = owner.expect("the new key is counted");
        tags[owner].get_or_insert(tag);
        if tags.iter().all(Option::is_some) {
            break;
        }
    }
    let homes = found.into_iter().zip(tags);
    homes
        .map(|(client, tag)| (client.expect("found"), tag.expect("found")))
        .collect()
}
