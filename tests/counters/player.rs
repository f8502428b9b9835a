//! One server and its clients, led through a script step by step.
//!
//! Every server gets the same commands on the same connections. What only waits (for a client to
//! block) is asked by an observer, whose questions are taken out of the figures.

use std::thread::sleep;
use std::time::{Duration, Instant};

use super::figures::{self, Figures};
use super::harness::client::{Client, Value, encode};
use super::harness::server::Server;
use super::script::{CLIENTS, Step};

/// How long a client may take to block.
const BLOCK_LIMIT: Duration = Duration::from_secs(10);
/// Longer than every time to live that is meant to end: the clock itself is waited for.
const PASS: Duration = Duration::from_millis(12);

/// A server, its playing clients and the one that looks.
pub struct Player {
    pub name: &'static str,
    server: Server,
    clients: Vec<Client>,
    observer: Client,
    /// Which clients have blocked and were not answered yet.
    blocked: [bool; CLIENTS],
    /// Questions of the observer that only this server was asked.
    extra: u64,
}

impl Player {
    pub fn new(name: &'static str, server: Server) -> Self {
        let connect = |name: &str| {
            let stream = server.connect().expect("a connection");
            let mut client = Client::new(stream).expect("a client");
            introduce(&mut client, name);
            client
        };
        Self {
            name,
            observer: connect("observer"),
            clients: (0..CLIENTS)
                .map(|number| connect(&client_name(number)))
                .collect(),
            server,
            blocked: [false; CLIENTS],
            extra: 0,
        }
    }

    fn ask(&mut self, words: &[&str]) -> Value {
        let reply = self.observer.call(words);
        reply.unwrap_or_else(|error| {
            panic!(
                "{}: {words:?}: {error}\n{}",
                self.name,
                self.server.output()
            )
        })
    }

    /// Everything that the server says about itself, without the observer's extra questions.
    pub fn figures(&mut self) -> Figures {
        let info = self.ask(&["INFO", "everything"]);
        let clients = self.ask(&["CLIENT", "LIST"]);
        figures::read(&text(&info), &text(&clients), self.extra)
    }

    /// Does a step; the kind of reply, if there is one.
    fn play(&mut self, step: &Step) -> Option<String> {
        match step {
            Step::Call(client, words) => {
                self.send(*client, words);
                let kind = self.receive(*client, words);
                if words[..] == ["CONFIG", "RESETSTAT"] {
                    self.extra = 0;
                }
                Some(kind)
            }
            Step::Block(client, words) => {
                self.send(*client, words);
                self.blocked[*client] = true;
                self.await_blocked();
                None
            }
            Step::Mute(client, words) => {
                self.send(*client, words);
                None
            }
            Step::Served(client) => {
                self.blocked[*client] = false;
                Some(self.receive(*client, &[]))
            }
            Step::Reconnect(client) => {
                let stream = self.server.connect().expect("a connection");
                let mut fresh = Client::new(stream).expect("a client");
                introduce(&mut fresh, &client_name(*client));
                self.clients[*client] = fresh;
                self.blocked[*client] = false;
                self.await_clients();
                None
            }
            Step::Pass => None,
        }
    }

    fn send(&mut self, client: usize, words: &[String]) {
        let words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
        let sent = self.clients[client].send(&encode(&words));
        sent.unwrap_or_else(|error| panic!("{}: {words:?}: {error}", self.name));
    }

    fn receive(&mut self, client: usize, words: &[String]) -> String {
        let reply = self.clients[client].read();
        let reply = reply.unwrap_or_else(|error| {
            panic!(
                "{}: {words:?}: {error}\n{}",
                self.name,
                self.server.output()
            )
        });
        kind(&reply)
    }

    fn await_blocked(&mut self) {
        let blocked = self.blocked.iter().filter(|blocked| **blocked).count();
        let wanted = blocked.to_string();
        self.await_figure("blocked_clients", &wanted);
    }

    /// A connection that was closed is forgotten once the server has noticed.
    fn await_clients(&mut self) {
        let wanted = (CLIENTS + 1).to_string();
        self.await_figure("connected_clients", &wanted);
    }

    fn await_figure(&mut self, name: &str, wanted: &str) {
        let deadline = Instant::now() + BLOCK_LIMIT;
        loop {
            let info = text(&self.ask(&["INFO", "clients"]));
            self.extra += 1;
            if figures::field(&info, name) == Some(wanted) {
                return;
            }
            assert!(
                Instant::now() < deadline,
                "{}: {name} never becomes {wanted}: {info}",
                self.name
            );
        }
    }
}

/// Leads all servers through a step; their replies must be of one kind.
pub fn in_step(players: &mut [Player], step: &Step) -> Result<(), String> {
    if *step == Step::Pass {
        sleep(PASS);
        return Ok(());
    }
    let kinds: Vec<Option<String>> = players.iter_mut().map(|player| player.play(step)).collect();
    if kinds.windows(2).all(|pair| pair[0] == pair[1]) {
        return Ok(());
    }
    let kinds = players.iter().map(|player| player.name).zip(&kinds);
    Err(format!("{:?}", kinds.collect::<Vec<_>>()))
}

/// The name that a client has in CLIENT LIST.
pub fn client_name(number: usize) -> String {
    format!("player{number}")
}

/// Gives a client its name; once it has, the next one may connect: they are numbered in this order.
fn introduce(client: &mut Client, name: &str) {
    let reply = client.call(&["CLIENT", "SETNAME", name]);
    assert_eq!(reply.expect("a reply"), Value::Simple("OK".into()));
}

/// What can be compared of any reply: its type, its text where it is an error.
fn kind(reply: &Value) -> String {
    match reply {
        Value::Error(text) => format!("-{text}"),
        Value::Simple(text) => format!("+{}", text.split(' ').next().unwrap_or_default()),
        Value::Null => "null".into(),
        Value::Integer(_) => "integer".into(),
        Value::Array(_) | Value::Set(_) => "array".into(),
        Value::Map(_) => "map".into(),
        _ => "string".into(),
    }
}

/// The text of a bulk or verbatim reply.
pub fn text(reply: &Value) -> String {
    match reply {
        Value::Bulk(bytes) | Value::Verbatim(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        other => panic!("not a text: {other:?}"),
    }
}
