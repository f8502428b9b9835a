//! `used_memory`: what it says while replies and values travel between shards, and that `maxmemory`
//! bounds it.
//!
//! The loads are those in which one shard allocates what another one frees.

use std::path::Path;

use super::harness::client::{Client, Value, encode};
use super::harness::server::Server;
use super::player::text;
use super::{cairn, figures};

const MIB: u64 = 1 << 20;

fn start(shards: &str, own: &[&str]) -> Server {
    let arguments = [&["--shards", shards][..], own].concat();
    Server::start(&cairn(), &arguments, Path::new(env!("CARGO_TARGET_TMPDIR"))).expect("a server")
}

fn connect(server: &Server) -> Client {
    Client::new(server.connect().expect("a connection")).expect("a client")
}

/// Fields of INFO memory.
fn memory(client: &mut Client, name: &str) -> u64 {
    let info = text(&client.call(&["INFO", "memory"]).expect("a reply"));
    let value = figures::field(&info, name).unwrap_or_else(|| panic!("no {name}: {info}"));
    value.parse().unwrap_or_else(|_| panic!("{name}: {value}"))
}

#[test]
fn replies_that_others_free_are_not_counted_as_used() {
    for shards in ["1", "4"] {
        let server = start(shards, &[]);
        let mut clients: Vec<Client> = (0..8).map(|_| connect(&server)).collect();
        let value = "x".repeat(MIB as usize);
        clients[0].call(&["SET", "g", &value]).expect("a reply");
        for round in 0..1000 {
            let reply = clients[round % 8].call(&["GET", "g"]).expect("a reply");
            assert!(matches!(reply, Value::Bulk(bytes) if bytes.len() == value.len()));
        }
        let with = memory(&mut clients[0], "used_memory");
        clients[0].call(&["DEL", "g"]).expect("a reply");
        let used = memory(&mut clients[0], "used_memory");
        let peak = memory(&mut clients[0], "used_memory_peak");
        let allocated = memory(&mut clients[0], "allocator_allocated");
        assert!(
            with < allocated + 4 * MIB,
            "{shards} shards: {with} used of {allocated}"
        );
        assert!(
            used < 16 * MIB && used < allocated + MIB,
            "{shards} shards: {used} of {allocated}"
        );
        assert!(
            with - used > MIB - MIB / 16,
            "{shards} shards: {with}, {used}"
        );
        assert!(
            peak >= with && peak < 64 * MIB,
            "{shards} shards: a peak of {peak}"
        );
        for name in [
            "used_memory_overhead",
            "used_memory_startup",
            "used_memory_dataset",
        ] {
            let part = memory(&mut clients[0], name);
            assert!(
                part <= used + MIB,
                "{shards} shards: {name} {part} of {used}"
            );
        }
    }
}

#[test]
fn maxmemory_bounds_what_is_used_after_each_batch() {
    for shards in ["1", "2", "4"] {
        let server = start(shards, &[]);
        let mut client = connect(&server);
        let before = memory(&mut client, "used_memory");
        let limit = before + 4 * MIB;
        let limit_text = limit.to_string();
        client
            .call(&["CONFIG", "SET", "maxmemory", &limit_text])
            .expect("a reply");
        let mut refused = 0;
        for batch in 0..6 {
            let mut bytes = Vec::new();
            for number in 0..10_000 {
                let key = format!("key:{batch}:{number}");
                bytes.extend(encode(&[b"SET", key.as_bytes(), &[b'v'; 64]]));
            }
            std::thread::scope(|scope| {
                // The server stops reading when nobody reads its replies.
                let mut writer = connect(&server);
                let (mut sender, bytes) = (writer.sender().expect("a second handle"), &bytes);
                scope.spawn(move || std::io::Write::write_all(&mut sender, bytes).expect("sent"));
                for _ in 0..10_000 {
                    refused += u64::from(matches!(writer.read(), Ok(Value::Error(_))));
                }
            });
            let used = memory(&mut client, "used_memory");
            assert!(
                used <= limit + limit / 100,
                "{shards} shards, batch {batch}: {used} of {limit}"
            );
        }
        assert!(refused > 0, "{shards} shards: nothing is refused");
        let used = memory(&mut client, "used_memory");
        // Under way, a pipeline's requests and replies take memory as well.
        assert!(
            used > before + 2 * MIB,
            "{shards} shards: refused at {used} of {limit}"
        );
    }
}
