//! Memory under bad input: what a client declares is never allocated (requirement R9).
//!
//! Unlike the transcripts these look at the process from outside: its resident memory.

use super::{cairn, scratch};
use crate::harness::client::{Client, Value};
use crate::harness::server::Server;

/// Connections that each hold one unfinished command.
const CONNECTIONS: usize = 100;
/// Resident memory that one such connection may cost.
const BYTES_EACH_MAX: usize = 64 * 1024;

/// Beginnings that declare much and bring little.
const BOMBS: [&str; 5] = [
    "*1048576\r\n",
    "*1048576\r\n$4\r\nMSET\r\n",
    "*3\r\n$3\r\nSET\r\n$1\r\na\r\n$536870912\r\n",
    "*2\r\n$536870912\r\n",
    "*3\r\n$3\r\nSET\r\n$1\r\na\r\n$536870912\r\nxxxxxxxxxxxxxxxx",
];

#[test]
fn declared_sizes_are_not_allocated() {
    for back_end in ["uring", "epoll"] {
        let arguments = ["--save", "", "--shards", "2", "--backend", back_end];
        let server = Server::start(&cairn(), &arguments, scratch()).expect("the server starts");
        let mut probe = Client::new(server.connect().expect("a connection")).expect("a client");
        for bomb in BOMBS {
            let before = server.resident_bytes();
            assert!(before > 0, "resident memory can be read");
            let mut held = Vec::new();
            for _ in 0..CONNECTIONS {
                let stream = server.connect().expect("a connection");
                let mut client = Client::new(stream).expect("a client");
                // The answered PING shows that what follows it in the same packet was read as well.
                client
                    .send(format!("*1\r\n$4\r\nPING\r\n{bomb}").as_bytes())
                    .expect("sent");
                assert_eq!(
                    client.read().expect("a reply"),
                    Value::Simple("PONG".into())
                );
                held.push(client);
            }
            let reply = probe.call(&["PING"]).expect("others are served");
            assert_eq!(reply, Value::Simple("PONG".into()));
            let grown = server.resident_bytes().saturating_sub(before);
            assert!(
                grown <= CONNECTIONS * BYTES_EACH_MAX,
                "{back_end}: {bomb:?} costs {} bytes a connection",
                grown / CONNECTIONS
            );
        }
    }
}
