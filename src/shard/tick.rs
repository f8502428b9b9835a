//! The loop of a shard: one tick, always in the same order.
//!
//! Reap what the outside reported, take the other shards' messages, run what became ready, send
//! replies and messages, do a slice of background work, then submit and sleep until something
//! happens. Each step is bounded, so no client, message or expiry storm holds up the others for
//! long.

use super::background::Chores;
use std::sync::Arc;

use super::core::{Identity, IoRequest};
use super::files::Files;
use super::{Commands, Core};
use crate::base::socket::{error_text, is_peers_doing};
use crate::base::{CloseReason, Endpoint, Event, Io, Sleep};
use crate::config::Config;
use crate::limits::{EVENTS_PER_POLL, IDLE_SLEEP_US, LINGER_US, MAIL_PER_TICK, RUNNABLE_PER_TICK};
use crate::metrics::Step;
use crate::route::Message;

/// A shard: its state, its way to the outside and its way to the other shards.
pub struct Shard<I: Io> {
    pub core: Core,
    io: I,
    mesh: Endpoint<Message>,
    events: Vec<Event>,
    listeners: u32,
    files: Files,
    /// It has a processor of its own, so that waiting awake takes nothing from another shard.
    lingers: bool,
}

impl<I: Io> Shard<I> {
    /// A shard that is ready to tick.
    #[must_use]
    pub fn new(
        identity: Identity,
        config: Arc<Config>,
        commands: &'static Commands,
        mut io: I,
        mesh: Endpoint<Message>,
    ) -> Self {
        let seed = io.random();
        let mut core = Core::new(identity, config, commands, seed);
        core.now = io.now();
        core.chores = Chores::from(core.now.monotonic_us);
        let events = Vec::with_capacity(EVENTS_PER_POLL);
        Self {
            files: Files::new(core.id()),
            core,
            io,
            mesh,
            events,
            listeners: 0,
            lingers: false,
        }
    }

    /// Accepts on a bound socket; the number names it in CLIENT LIST (0 is TCP, 1 the unix socket).
    pub fn listen(&mut self, listener: u32, socket: crate::base::Socket) {
        self.listeners = self.listeners.max(listener + 1);
        self.io.listen(listener, socket);
    }

    /// From now on the shard waits a moment awake when another shard is about to answer. For shards
    /// with a processor of their own.
    pub fn linger_for_answers(&mut self) {
        self.lingers = true;
    }

    /// Ticks until SHUTDOWN.
    pub fn run(&mut self) {
        while self.tick() {}
    }

    /// One round. False when the shard has stopped.
    pub fn tick(&mut self) -> bool {
        let wait = self.wait();
        self.round(wait)
    }

    /// One round after `wait` has told how long to sleep; apart, so that a simulation can be the
    /// sleep.
    pub fn round(&mut self, wait: Sleep) -> bool {
        self.reap(wait);
        self.take_inbox();
        self.run_ready();
        self.core.close_unit();
        self.send_all();
        self.core.background();
        self.carry_out_requests();
        self.lap(Step::Rest);
        self.core.metrics.end_round();
        !(self.core.is_stopping() && self.core.clients.is_empty() && self.files.are_idle())
    }

    /// Submits, sleeps if there is nothing to do, and takes in what happened.
    fn reap(&mut self, wait: Sleep) {
        let mut events = std::mem::take(&mut self.events);
        self.io.poll(wait, &mut events);
        self.mesh.awake();
        self.core.begin_tick(self.io.now());
        self.core.metrics.begin_round();
        for event in events.drain(..) {
            self.on_event(event);
        }
        self.lap(Step::Receive);
        self.events = events;
    }

    /// Tells the stall detector what has been done since the last lap.
    #[inline]
    fn lap(&mut self, step: Step) {
        self.core.metrics.lap(step);
    }

    #[inline]
    fn lap_if(&mut self, busy: bool, step: Step) {
        if busy {
            self.lap(step);
        }
    }

    /// How long the next round may sleep. Others wake this shard from now on.
    pub fn wait(&mut self) -> Sleep {
        if self.core.has_work() || self.core.mail.is_unsent() || self.core.is_stopping() {
            return Sleep::No;
        }
        let mesh = &self.mesh;
        if self.lingers && self.core.expects_mail() && self.io.linger(LINGER_US, || mesh.has_mail())
        {
            return Sleep::No;
        }
        if !self.mesh.prepare_sleep() {
            return Sleep::No;
        }
        Sleep::AtMost(self.core.sleep_us().min(IDLE_SLEEP_US))
    }

    fn on_event(&mut self, event: Event) {
        match event {
            Event::Received { token, buffer } => {
                self.core.received(token, &buffer);
                self.core.handle_own_notes();
                self.io.recycle(buffer);
            }
            Event::Sent {
                token,
                bytes,
                result,
            } => {
                if let Err(error) = &result {
                    self.socket_failed(error);
                }
                self.core.sent(token, bytes, result.is_err());
            }
            Event::Accepted { listener, socket } => self.core.accepted(listener, socket),
            Event::AcceptFailed { .. } => self.core.metrics.count().rejected_connections += 1,
            Event::Closed { token, reason } => {
                if let CloseReason::Failed(errno) = reason {
                    self.socket_failed(&std::io::Error::from_raw_os_error(errno));
                }
                self.core.closed(token, reason == CloseReason::PeerClosed)
            }
            Event::Ended(ended) => {
                if let Some(rewritten) = self.files.ended(&mut self.io, ended) {
                    self.core.file_rewritten(rewritten);
                }
            }
        }
    }

    /// Counts what no peer explains, and says so, the more rarely the more often it happens.
    #[cold]
    fn socket_failed(&mut self, error: &std::io::Error) {
        if is_peers_doing(error) {
            return;
        }
        self.core.metrics.count().socket_failures += 1;
        if self
            .core
            .metrics
            .counters()
            .socket_failures
            .is_power_of_two()
        {
            let (shard, text) = (self.core.id(), error_text(error));
            crate::base::log::notice(format_args!(
                "shard {shard}: a client's socket failed: {text}"
            ));
        }
    }

    /// One message after the other, until they were enough; the rest stays in the mesh.
    fn take_inbox(&mut self) {
        let mut work = 0;
        while work < MAIL_PER_TICK {
            let mut mail = None;
            self.mesh
                .drain(1, |from, message| mail = Some((from, message)));
            let Some((from, message)) = mail else { break };
            work += message.work();
            self.core.message(from, message);
        }
        let busy = work > 0;
        self.core.handle_own_notes();
        self.lap_if(busy, Step::Inbox);
    }

    fn run_ready(&mut self) {
        self.core.release_held_back();
        self.core.handle_own_notes();
        let busy = self.core.ready.is_busy();
        for _ in 0..RUNNABLE_PER_TICK {
            let Some(token) = self.core.ready.pop() else {
                break;
            };
            self.core.run_input(token);
            self.core.handle_own_notes();
        }
        self.core.run_turns();
        self.lap_if(busy, Step::Ready);
    }

    /// Messages first: the other shards work on them while this one sends.
    fn send_all(&mut self) {
        let Self { core, mesh, io, .. } = self;
        core.mail.post(|to, message| mesh.try_send(to, message));
        mesh.flush_wakes(|shard| io.wake(shard));
        core.send_replies(io);
    }

    /// In the order asked, but new clients last.
    fn carry_out_requests(&mut self) {
        while !self.core.requests.is_empty() {
            let mut requests = std::mem::take(&mut self.core.requests);
            // A new client may get the token of one that has gone, whose close must come first.
            requests.sort_by_key(|request| matches!(request, IoRequest::Attach { .. }));
            for request in requests.drain(..) {
                self.carry_out(request);
            }
            // What was asked meanwhile comes next; else the allocation is kept.
            if self.core.requests.is_empty() {
                self.core.requests = requests;
                return;
            }
        }
    }

    fn carry_out(&mut self, request: IoRequest) {
        match request {
            IoRequest::Close(token) => self.io.close(token),
            IoRequest::Reset(token) => self.io.reset(token),
            IoRequest::Pause(token) => self.io.pause(token),
            IoRequest::Resume(token) => self.io.resume(token),
            IoRequest::Discard(socket) => self.io.discard(socket),
            IoRequest::Attach { socket, listener } => self.attach(socket, listener),
            IoRequest::Rewrite(rewrite) => self.files.rewrite(&mut self.io, rewrite),
            IoRequest::StandStill { duration, asked } => {
                self.io.stand_still(duration);
                self.core.answer_query(asked);
                // Else the answer would wait for the end of the next sleep.
                self.send_all();
            }
            IoRequest::CloseListeners => {
                for listener in 0..self.listeners {
                    self.io.unlisten(listener);
                }
            }
        }
    }

    fn attach(&mut self, socket: crate::base::Socket, listener: u32) {
        let Some(token) = self.core.reserve_client() else {
            return self.io.discard(socket);
        };
        // Those who were there have been closed; who comes now would keep the shard for ever.
        if self.core.is_stopping() {
            self.core.unreserve_client(token);
            return self.io.discard(socket);
        }
        match self.io.attach(token, socket) {
            Ok(()) => {
                let addresses = self.io.addresses(token);
                let descriptor = self.io.descriptor(token);
                self.core.connected(token, listener, addresses, descriptor);
            }
            Err(_) => self.core.unreserve_client(token),
        }
    }
}
