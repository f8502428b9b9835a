//! Hop: a parcel of commands to another shard and home again with its replies.
//!
//! Pack, send, drain, answer, send, drain, read; the handlers left out. In one thread it is the
//! work of both sides; between two it is what a command waits, with both sides spinning, so it
//! wants two free cores.

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};

use cairn::base::{Endpoint, ShardId, mesh};
use cairn::resp::{Args, Protocol, Reply, Span};
use cairn::route::{Asker, ClientRef, Head, Message, Parcel, RemoteCommand};
use cairn::store::{Db, Slot};

use crate::keys::{VALUE, key};
use crate::measure::Bench;

pub fn run(bench: &mut Bench) {
    for commands in [1, 16] {
        one_thread(bench, commands);
    }
    for commands in [1, 16] {
        two_threads(bench, commands);
    }
}

fn one_thread(bench: &mut Bench, commands: usize) {
    let mut endpoints = mesh::<Message>(2);
    let mut owner = endpoints.pop().expect("two endpoints");
    let mut home = endpoints.pop().expect("two endpoints");
    let mut kept = Some(Box::default());
    let name = format!("hop: there and back in one thread, parcel of {commands}");
    bench.run(&name, commands, || {
        depart(&mut home, kept.take().expect("it came home"), commands);
        assert!(serve(&mut owner));
        kept = arrive(&mut home);
        assert!(kept.is_some());
    });
}

fn two_threads(bench: &mut Bench, commands: usize) {
    let name = format!("hop: there and back between two threads, parcel of {commands}");
    if !bench.wants(&name) {
        return;
    }
    let mut endpoints = mesh::<Message>(2);
    let mut owner = endpoints.pop().expect("two endpoints");
    let mut home = endpoints.pop().expect("two endpoints");
    let ended = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut idle = Idle::default();
            while !ended.load(Ordering::Relaxed) {
                if serve(&mut owner) {
                    idle = Idle::default();
                } else {
                    idle.wait();
                }
            }
        });
        let mut kept = Some(Box::default());
        bench.run(&name, commands, || {
            depart(&mut home, kept.take().expect("it came home"), commands);
            let mut idle = Idle::default();
            while kept.is_none() {
                kept = arrive(&mut home);
                idle.wait();
            }
        });
        ended.store(true, Ordering::Relaxed);
    });
}

/// Spins, and after a while lets others run: without a second free core nothing would go on
/// otherwise.
#[derive(Default)]
struct Idle {
    turns: u32,
}

impl Idle {
    fn wait(&mut self) {
        self.turns += 1;
        if self.turns.is_multiple_of(1000) {
            std::thread::yield_now();
        } else {
            std::hint::spin_loop();
        }
    }
}

/// The home packs the commands and sends them.
fn depart(home: &mut Endpoint<Message>, mut parcel: Box<Parcel>, commands: usize) {
    parcel.clear();
    let text = *b"GETkey:000000000000";
    let spans = [
        Span { start: 0, len: 3 },
        Span {
            start: 3,
            len: key(0).len() as u32,
        },
    ];
    for place in 0..commands {
        let (first_span, spans) = parcel.pack(&Args::new(black_box(&text), &spans));
        parcel.commands.push(RemoteCommand {
            asker: Asker::Client(ClientRef { token: 1, id: 1 }, place as u32),
            head: Head::new(0, Db::FIRST, Protocol::Resp2, false).with_key((Slot::FIRST, 1)),
            first_span,
            spans,
            reply: None,
        });
    }
    let message = Message {
        commands: Some(parcel),
        ..Message::default()
    };
    assert!(
        home.try_send(ShardId::new(1), message).is_ok(),
        "one parcel has room"
    );
    home.flush_wakes(|_| {});
}

/// The owner answers what has come, in the parcel; false when nothing has.
fn serve(owner: &mut Endpoint<Message>) -> bool {
    let mut arrived = None;
    owner.drain(1, |_, message| arrived = message.commands);
    let Some(mut parcel) = arrived else {
        return false;
    };
    let Parcel {
        commands, replies, ..
    } = &mut *parcel;
    for command in commands {
        let start = replies.len();
        Reply::new(replies, command.head.protocol).bulk(&VALUE);
        command.reply = Some(Span {
            start: start as u32,
            len: (replies.len() - start) as u32,
        });
    }
    let message = Message {
        replies: vec![parcel].into(),
        ..Message::default()
    };
    assert!(
        owner.try_send(ShardId::FIRST, message).is_ok(),
        "one parcel has room"
    );
    owner.flush_wakes(|_| {});
    true
}

/// The home takes its parcel, if it has come, and looks at every reply.
fn arrive(home: &mut Endpoint<Message>) -> Option<Box<Parcel>> {
    let mut arrived = None;
    home.drain(1, |_, mut message| arrived = message.replies.pop());
    let parcel = arrived?;
    for command in &parcel.commands {
        let reply = command.reply.expect("the owner answered");
        black_box(&parcel.replies[reply.start as usize..][..reply.len as usize]);
    }
    Some(parcel)
}
