//! One simulated client: writes units in pieces, reads replies when it likes, breaks connections.
//!
//! A state machine that the scheduler lets act when it is ready. What it saw goes to the record;
//! what it must never see (a close it did not cause, a reply too many, a wait too long) ends the
//! run.

use cairn::base::sim::{Peer, PeerState, Random, World};

use crate::checker::reply::{Reply, encode};
use crate::checker::workload::{Seen, Unit, Workload};

/// What all clients of a run saw.
#[derive(Default)]
pub struct Record {
    /// Moves on with everything observed.
    order: u64,
    pub processes: usize,
    pub history: Vec<Seen>,
    /// EXECs that took effect, and those that WATCH aborted.
    pub executed: u64,
    pub aborted: u64,
}

impl Record {
    fn next(&mut self) -> u64 {
        self.order += 1;
        self.order
    }
}

/// How clients behave in a run.
#[derive(Debug, Clone, Copy)]
pub struct Manners {
    /// One unit in so many ends in a reset; 0: none.
    pub resets: u64,
    /// One unit in so many is followed by end of file; 0: none.
    pub half_closes: u64,
    /// One unit in so many is read slowly; 0: none.
    pub slow_reads: u64,
    /// Longest pause between units, microseconds.
    pub pause_us_max: u64,
    /// A unit that takes longer is a failure, microseconds; 0: never.
    pub latency_us_max: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Whole,
    ResetAtByte(usize),
    ResetAtUs(u64),
    HalfClose,
}

struct Flight {
    unit: Unit,
    bytes: Vec<u8>,
    /// Where each request ends.
    ends: Vec<usize>,
    written: usize,
    invokes: Vec<u64>,
    replies: Vec<Reply>,
    completes: Vec<u64>,
    fate: Fate,
    begun_us: u64,
}

impl Flight {
    fn may_block(&self) -> bool {
        self.unit.requests.iter().any(|words| words[0][0] == b'B')
    }
}

pub struct Client {
    world: World,
    random: Random,
    manners: Manners,
    process: usize,
    peer: Option<Peer>,
    flight: Option<Flight>,
    sequel: Option<Unit>,
    units_left: usize,
    wake_at_us: u64,
    read_at_us: u64,
    received: Vec<u8>,
}

impl Client {
    pub fn new(world: &World, seed: u64, manners: Manners, units: usize) -> Self {
        Self {
            world: world.clone(),
            random: Random::new(seed),
            manners,
            process: 0,
            peer: None,
            flight: None,
            sequel: None,
            units_left: units,
            wake_at_us: 0,
            read_at_us: 0,
            received: Vec::new(),
        }
    }

    pub fn is_done(&self) -> bool {
        self.flight.is_none() && self.sequel.is_none() && self.units_left == 0
    }

    fn now_us(&self) -> u64 {
        self.world.now().monotonic_us
    }

    /// What it has asked for and not got.
    pub fn waits_for(&self) -> Option<String> {
        let flight = self.flight.as_ref()?;
        let (got, written) = (flight.replies.len(), flight.written);
        Some(format!(
            "{got} replies to {written} bytes of {:?}",
            flight.unit
        ))
    }

    /// True when `act` would get something done.
    pub fn is_ready(&self) -> bool {
        let now_us = self.now_us();
        let Some(flight) = &self.flight else {
            return !self.is_done() && now_us >= self.wake_at_us;
        };
        let Some(peer) = self.peer else { return true };
        let writes = flight.written < flight.bytes.len() && self.world.has_room(peer);
        let reads = now_us >= self.read_at_us && self.world.has_news(peer);
        let resets = matches!(flight.fate, Fate::ResetAtUs(at_us) if now_us >= at_us);
        writes || reads || resets
    }

    /// When it becomes ready by itself.
    pub fn next_us(&self) -> Option<u64> {
        let now_us = self.now_us();
        let at_us = match &self.flight {
            None if self.is_done() => None,
            None => Some(self.wake_at_us),
            Some(Flight {
                fate: Fate::ResetAtUs(at_us),
                ..
            }) => Some(*at_us),
            Some(_) => Some(self.read_at_us),
        };
        at_us.filter(|&at_us| at_us > now_us)
    }

    /// Does one thing.
    pub fn act(&mut self, workload: &mut dyn Workload, record: &mut Record) -> Result<(), String> {
        if self.flight.is_none() {
            self.begin(workload, record);
        }
        self.write();
        self.read(workload, record)
    }

    fn begin(&mut self, workload: &mut dyn Workload, record: &mut Record) {
        if self.peer.is_none() {
            self.peer = Some(self.world.connect(0, 0));
            self.received.clear();
            self.process = record.processes;
            record.processes += 1;
        }
        let unit = match self.sequel.take() {
            Some(unit) => unit,
            None => {
                self.units_left -= 1;
                workload.next(&mut self.random)
            }
        };
        let mut bytes = Vec::new();
        let mut ends = Vec::new();
        for request in &unit.requests {
            encode(request, &mut bytes);
            ends.push(bytes.len());
        }
        let invokes = unit.parts.iter().map(|_| record.next()).collect();
        let fate = self.fate(bytes.len());
        if self.chance(self.manners.slow_reads) {
            self.read_at_us = self.now_us() + self.random.below(30_000);
        }
        let begun_us = self.now_us();
        self.flight = Some(Flight {
            unit,
            bytes,
            ends,
            written: 0,
            invokes,
            replies: Vec::new(),
            completes: Vec::new(),
            fate,
            begun_us,
        });
    }

    fn chance(&mut self, one_in: u64) -> bool {
        one_in > 0 && self.random.one_in(one_in)
    }

    fn fate(&mut self, bytes: usize) -> Fate {
        if self.chance(self.manners.resets) {
            return match self.random.one_in(2) {
                true => Fate::ResetAtByte(self.random.below(bytes as u64 + 1) as usize),
                false => Fate::ResetAtUs(self.now_us() + self.random.below(3000)),
            };
        }
        match self.chance(self.manners.half_closes) {
            true => Fate::HalfClose,
            false => Fate::Whole,
        }
    }

    fn write(&mut self) {
        let (Some(flight), Some(peer)) = (&mut self.flight, self.peer) else {
            return;
        };
        let end = match flight.fate {
            Fate::ResetAtByte(at) => at,
            _ => flight.bytes.len(),
        };
        let before = flight.written;
        flight.written += self.world.write(peer, &flight.bytes[before..end]);
        if flight.fate == Fate::HalfClose && before < end && flight.written == end {
            self.world.shut_down(peer);
        }
        let now_us = self.world.now().monotonic_us;
        let reset = match flight.fate {
            Fate::ResetAtByte(at) => flight.written == at,
            Fate::ResetAtUs(at_us) => now_us >= at_us,
            _ => false,
        };
        if reset {
            self.world.reset(peer);
        }
    }

    fn read(&mut self, workload: &mut dyn Workload, record: &mut Record) -> Result<(), String> {
        let Some(peer) = self.peer else { return Ok(()) };
        let state = self.world.peer_state(peer);
        if state != PeerState::Reset && self.now_us() < self.read_at_us {
            return Ok(());
        }
        let most = 1 + self.random.below(2000) as usize;
        let bytes = self.world.read(peer, most);
        self.received.extend_from_slice(&bytes);
        self.decode(record)?;
        let flight = self
            .flight
            .as_ref()
            .expect("a client reads what it asked for");
        if flight.replies.len() == flight.unit.requests.len() {
            return self.finish(workload, record);
        }
        match self.world.peer_state(peer) {
            PeerState::Open => Ok(()),
            // Who blocks and sends no more is not waited for.
            PeerState::Ended if flight.fate == Fate::HalfClose && flight.may_block() => {
                self.world.reset(peer);
                self.lose(record)
            }
            PeerState::Ended => {
                let written = String::from_utf8_lossy(&flight.bytes[..flight.written]).into_owned();
                Err(format!(
                    "the server closed a connection ({:?}) with {} of {} replies: {written}",
                    flight.fate,
                    flight.replies.len(),
                    flight.unit.requests.len(),
                ))
            }
            PeerState::Reset => self.lose(record),
        }
    }

    /// The connection is gone, and with it the replies that have not come.
    fn lose(&mut self, record: &mut Record) -> Result<(), String> {
        let flight = self
            .flight
            .take()
            .expect("a client loses what it waits for");
        self.peer = None;
        self.rest();
        self.report(&flight, record)
    }

    fn decode(&mut self, record: &mut Record) -> Result<(), String> {
        let flight = self
            .flight
            .as_mut()
            .expect("a client reads what it asked for");
        let mut at = 0;
        while let Some((reply, len)) = Reply::decode(&self.received[at..]) {
            at += len;
            flight.replies.push(reply);
            flight.completes.push(record.next());
        }
        self.received.drain(..at);
        if flight.replies.len() > flight.unit.requests.len() {
            return Err(format!("more replies than requests: {:?}", flight.replies));
        }
        Ok(())
    }

    fn finish(&mut self, workload: &mut dyn Workload, record: &mut Record) -> Result<(), String> {
        let flight = self.flight.take().expect("it has just ended");
        let took_us = self.now_us() - flight.begun_us;
        let limit_us = self.manners.latency_us_max;
        if limit_us > 0 && took_us > limit_us {
            return Err(format!("a unit took {took_us} us: {:?}", flight.unit));
        }
        self.report(&flight, record)?;
        if flight.fate == Fate::Whole {
            self.sequel = workload.sequel(&flight.unit, &flight.replies, &mut self.random);
        } else {
            // Its fate comes late or was the end of file: either way this connection is over.
            let peer = self.peer.take().expect("it has just answered");
            self.world.reset(peer);
        }
        self.rest();
        let pause_us = self.sequel.as_ref().map_or(0, |unit| unit.pause_us);
        self.wake_at_us += pause_us;
        Ok(())
    }

    fn rest(&mut self) {
        let pause_us = self.random.below(self.manners.pause_us_max + 1);
        self.wake_at_us = self.now_us() + pause_us;
        self.read_at_us = 0;
    }

    fn report(&self, flight: &Flight, record: &mut Record) -> Result<(), String> {
        for (part, &invoke) in flight.unit.parts.iter().zip(&flight.invokes) {
            let last = part.first + part.count - 1;
            if flight.written < flight.ends[last] {
                continue;
            }
            let times = (invoke, flight.completes.get(last).copied());
            match Seen::of(&flight.unit, part, &flight.replies, self.process, times)? {
                Some(seen) => record.history.push(seen),
                None => record.aborted += 1,
            }
            record.executed += u64::from(part.count > 1);
        }
        Ok(())
    }

    /// The run is over: the client leaves.
    pub fn leave(&mut self) {
        if let Some(peer) = self.peer.take() {
            match self.random.one_in(2) {
                true => self.world.reset(peer),
                false => self.world.shut_down(peer),
            }
        }
    }
}
