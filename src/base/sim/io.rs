//! `Io` over the simulated machine.
//!
//! Keeps the rules of tokens exactly as the real back ends do. What a shard asks for takes effect
//! in the world at once; `poll` reports what has become of it, a random share at a time and in
//! random order of the connections, and never sleeps: the simulation ticks a shard only when its
//! sleep would have ended.

use std::io;

use super::super::file::{Operation, RequestId};
use super::super::io::{Buffer, CloseReason, Event, Io, Now, Sleep, Socket, Token};
use super::{State, World};
use crate::limits::EVENTS_PER_POLL;

/// Most bytes of one receive, and receive buffers per shard: small, so that both bounds are met
/// often.
const BUFFER_BYTES: usize = 4096;
const BUFFERS: usize = 8;

/// A token's state.
#[derive(Debug)]
pub(super) struct Attached {
    connection: usize,
    paused: bool,
    /// `Closed` has not been reported.
    receiving: bool,
    /// The send under way, and how much of it the connection has taken.
    sending: Option<(Vec<u8>, usize)>,
}

/// One shard's door to the simulated machine.
#[derive(Debug)]
pub struct SimIo {
    world: World,
    shard: usize,
    now: Now,
    buffers: Vec<Option<Vec<u8>>>,
}

impl SimIo {
    pub(super) fn new(world: World, shard: usize) -> Self {
        let now = world.now();
        Self {
            world,
            shard,
            now,
            buffers: Vec::new(),
        }
    }

    fn lend(&mut self, bytes: Vec<u8>) -> Buffer {
        let free = self.buffers.iter().position(Option::is_none);
        let id = free.unwrap_or_else(|| {
            self.buffers.push(None);
            self.buffers.len() - 1
        });
        let (start, len) = (bytes.as_ptr(), bytes.len());
        self.buffers[id] = Some(bytes);
        Buffer {
            bytes: start,
            len: u32::try_from(len).expect("bounded by BUFFER_BYTES"),
            id: u32::try_from(id).expect("bounded by BUFFERS"),
        }
    }

    fn number(socket: Socket) -> usize {
        usize::try_from(socket.0).expect("the simulated network deals out numbers from 0")
    }

    /// Reports accepted connections that have arrived.
    fn report_accepts(&self, state: &mut State, events: &mut Vec<Event>) {
        let now_us = state.now_us;
        let side = &mut state.shards[self.shard];
        while let Some(&(at_us, listener, socket)) = side.accepting.front() {
            if at_us > now_us || !side.listening.contains(&listener) {
                return;
            }
            side.accepting.pop_front();
            events.push(Event::Accepted { listener, socket });
        }
    }

    /// Reports at most one receive, or the end of receiving, of a token.
    fn report_receive(&mut self, state: &mut State, token: Token) -> Option<Event> {
        let now_us = state.now_us;
        let side = &mut state.shards[self.shard];
        let attached = side.attached.get_mut(&token)?;
        if !attached.receiving || attached.paused {
            return None;
        }
        let connection = &mut state.connections[attached.connection];
        let reset = connection.was_reset(now_us);
        let has_buffer = side.lent < BUFFERS || state.reports_all;
        if connection.to_server.has_bytes(now_us) && has_buffer {
            let bytes = connection.to_server.read(now_us, BUFFER_BYTES);
            side.lent += 1;
            state.record(&bytes);
            let buffer = self.lend(bytes);
            return Some(Event::Received { token, buffer });
        }
        let reason = if reset {
            CloseReason::Failed(libc::ECONNRESET)
        } else if connection.to_server.ended(now_us) {
            CloseReason::PeerClosed
        } else {
            return None;
        };
        if reset {
            connection.to_server.clear();
        }
        attached.receiving = false;
        Some(Event::Closed { token, reason })
    }

    /// Moves a send on; reports it when it has ended.
    fn report_send(&self, state: &mut State, token: Token) -> Option<Event> {
        let attached = state.shards[self.shard].attached.get_mut(&token)?;
        let (bytes, taken) = attached.sending.as_mut()?;
        let connection = &mut state.connections[attached.connection];
        let result = if connection.was_reset(state.now_us) {
            Err(io::Error::from_raw_os_error(libc::ECONNRESET))
        } else {
            let rest = &bytes[*taken..];
            if connection.client_gone {
                // Until the reset arrives, nothing is acknowledged any more.
                return None;
            }
            *taken +=
                connection
                    .to_client
                    .write(rest, state.now_us, state.weather, &mut state.random);
            if *taken < bytes.len() {
                return None;
            }
            Ok(())
        };
        let (bytes, _) = attached.sending.take()?;
        Some(Event::Sent {
            token,
            bytes,
            result,
        })
    }

    /// One round over the tokens from a random one on.
    fn report_tokens(&mut self, state: &mut State, events: &mut Vec<Event>, most: usize) -> bool {
        let tokens: Vec<Token> = state.shards[self.shard].attached.keys().copied().collect();
        if tokens.is_empty() {
            return false;
        }
        let first = state.random.below(tokens.len() as u64) as usize;
        let before = events.len();
        for index in 0..tokens.len() {
            let token = tokens[(first + index) % tokens.len()];
            if events.len() >= most {
                break;
            }
            let send_first = state.random.one_in(2);
            if send_first {
                events.extend(self.report_send(state, token));
            }
            events.extend(self.report_receive(state, token));
            if !send_first {
                events.extend(self.report_send(state, token));
            }
        }
        events.len() > before
    }
}

impl Io for SimIo {
    fn now(&self) -> Now {
        self.now
    }

    fn precise_ns(&self) -> u64 {
        self.now.monotonic_us * 1000
    }

    fn random(&mut self) -> u64 {
        self.world.random()
    }

    fn listen(&mut self, listener: u32, _socket: Socket) {
        let side = &mut self.world.0.borrow_mut().shards[self.shard];
        assert!(side.listening.insert(listener), "a listener listens once");
    }

    fn unlisten(&mut self, listener: u32) {
        self.world.0.borrow_mut().shards[self.shard]
            .listening
            .remove(&listener);
    }

    fn attach(&mut self, token: Token, socket: Socket) -> io::Result<()> {
        let state = &mut *self.world.0.borrow_mut();
        let connection = Self::number(socket);
        assert!(
            state.connections[connection].owner.is_none(),
            "a socket has one owner"
        );
        state.connections[connection].owner = Some((self.shard, token));
        let attached = Attached {
            connection,
            paused: false,
            receiving: true,
            sending: None,
        };
        let known = state.shards[self.shard].attached.insert(token, attached);
        assert!(known.is_none(), "token {token} is attached twice");
        Ok(())
    }

    fn pause(&mut self, token: Token) {
        self.set_paused(token, true);
    }

    fn resume(&mut self, token: Token) {
        self.set_paused(token, false);
    }

    fn send(&mut self, token: Token, bytes: Vec<u8>) {
        let mut state = self.world.0.borrow_mut();
        let side = &mut state.shards[self.shard];
        let attached = side.attached.get_mut(&token);
        let attached = attached.expect("only attached tokens send");
        assert!(attached.sending.is_none(), "one send at a time");
        assert!(!bytes.is_empty(), "an empty send has no end");
        attached.sending = Some((bytes, 0));
    }

    fn close(&mut self, token: Token) {
        let state = &mut *self.world.0.borrow_mut();
        let side = &mut state.shards[self.shard];
        let attached = side.attached.remove(&token);
        let attached = attached.expect("only attached tokens are closed");
        if let Some((bytes, _)) = attached.sending {
            let result = Err(io::Error::from_raw_os_error(libc::ECANCELED));
            side.settled.push_back(Event::Sent {
                token,
                bytes,
                result,
            });
        }
        if attached.receiving {
            let reason = CloseReason::Asked;
            side.settled.push_back(Event::Closed { token, reason });
        }
        Self::end(state, attached.connection);
    }

    fn reset(&mut self, token: Token) {
        let connection = {
            let state = self.world.0.borrow();
            state.shards[self.shard].attached[&token].connection
        };
        self.close(token);
        let state = &mut *self.world.0.borrow_mut();
        state.connections[connection].to_client.clear();
    }

    fn recycle(&mut self, buffer: Buffer) {
        let bytes = self.buffers[buffer.id as usize].take();
        assert!(bytes.is_some(), "a buffer is handed back once");
        self.world.0.borrow_mut().shards[self.shard].lent -= 1;
    }

    fn addresses(&self, token: Token) -> (String, String) {
        let number = self.descriptor(token);
        (format!("127.0.0.1:{number}"), "127.0.0.1:6379".to_string())
    }

    fn descriptor(&self, token: Token) -> i32 {
        let state = self.world.0.borrow();
        let attached = state.shards[self.shard].attached.get(&token);
        attached.map_or(-1, |attached| {
            i32::try_from(attached.connection).expect("it was made from a socket's number")
        })
    }

    fn wake(&mut self, shard: crate::base::ShardId) {
        let shard = shard.index();
        self.world.0.borrow_mut().shards[shard].woken = true;
    }

    fn poll(&mut self, _wait: Sleep, events: &mut Vec<Event>) {
        let world = self.world.clone();
        let state = &mut *world.0.borrow_mut();
        self.now = state.now();
        let few = state.random.one_in(4) && !state.reports_all;
        let most = match few {
            true => 1 + state.random.below(4) as usize,
            false => EVENTS_PER_POLL,
        };
        state.shards[self.shard].woken = false;
        state.run_requests();
        events.extend(std::mem::take(&mut state.shards[self.shard].settled));
        self.report_accepts(state, events);
        while events.len() < most && self.report_tokens(state, events, most) {}
        let kinds: Vec<u8> = events.iter().map(kind).collect();
        state.record(&[self.shard as u8]);
        state.record(&kinds);
    }

    fn discard(&mut self, socket: Socket) {
        let state = &mut *self.world.0.borrow_mut();
        Self::end(state, Self::number(socket));
    }

    fn stand_still(&mut self, duration: std::time::Duration) {
        let microseconds = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        self.world.advance(microseconds);
    }

    fn request(&mut self, id: RequestId, operation: Operation) -> Result<(), Operation> {
        self.world.0.borrow_mut().begin(self.shard, id, operation)
    }

    fn cancel(&mut self, id: RequestId) {
        self.world.0.borrow_mut().cancel(self.shard, id);
    }

    fn name(&self) -> &'static str {
        "sim"
    }
}

impl SimIo {
    fn set_paused(&mut self, token: Token, paused: bool) {
        let mut state = self.world.0.borrow_mut();
        let attached = state.shards[self.shard].attached.get_mut(&token);
        attached.expect("only attached tokens pause").paused = paused;
    }

    /// The server's side of a connection is over.
    fn end(state: &mut State, connection: usize) {
        let connection = &mut state.connections[connection];
        connection.server_gone = true;
        connection.to_server.clear();
        connection
            .to_client
            .end(state.now_us, state.weather, &mut state.random);
    }
}

impl State {
    pub(super) fn has_events(&self, shard: usize) -> bool {
        let side = &self.shards[shard];
        let accepts = side.accepting.front().is_some_and(|(at_us, listener, _)| {
            *at_us <= self.now_us && side.listening.contains(listener)
        });
        let of_token = |attached: &Attached| {
            let connection = &self.connections[attached.connection];
            let reset = connection.was_reset(self.now_us);
            let sends = attached.sending.is_some()
                && (reset
                    || !connection.client_gone && connection.to_client.has_room(self.weather));
            let bytes = connection.to_server.has_bytes(self.now_us);
            let receives = attached.receiving
                && !attached.paused
                && (bytes && side.lent < BUFFERS
                    || reset
                    || connection.to_server.ended(self.now_us));
            sends || receives
        };
        let ended = side
            .requests
            .iter()
            .any(|request| request.is_due(self.now_us));
        !side.settled.is_empty() || ended || accepts || side.attached.values().any(of_token)
    }
}

/// A number per kind of event, for the trace.
fn kind(event: &Event) -> u8 {
    match event {
        Event::Accepted { .. } => 1,
        Event::AcceptFailed { .. } => 2,
        Event::Received { .. } => 3,
        Event::Sent { .. } => 4,
        Event::Closed { .. } => 5,
        Event::Ended(_) => 6,
    }
}
