//! A simulated server as a stage: reading is what makes shards tick and time pass.
//!
//! One thread, no sockets. A read lets the shards act in turn until there are bytes for it, the
//! connection has ended, or so much simulated time has passed as a read may take.

use std::cell::RefCell;
use std::io::{Error, ErrorKind, Read, Result, Write};
use std::rc::Rc;
use std::time::Duration;

use cairn::base::sim::{Peer, PeerState, Weather};
use cairn::config::load;

use crate::machine::Machine;
use crate::transcript::{Line, Stage};

/// How long one tick takes, microseconds.
const TICK_US: u64 = 5;

pub struct Simulated(Rc<RefCell<Machine>>);

impl Simulated {
    /// A server with this command line.
    pub fn start(shards: usize, arguments: &[&str], seed: u64) -> Self {
        let words: Vec<String> = arguments.iter().map(|word| (*word).to_string()).collect();
        let loaded = load(&words).unwrap_or_else(|error| panic!("{arguments:?}: {error}"));
        let weather = Weather {
            delay_us_max: 100,
            piece_bytes_max: 5000,
            capacity_bytes: 1 << 20,
        };
        let seeds = (seed, seed + 1);
        let config = (loaded.config, loaded.config_file);
        let machine = Machine::new(shards, seeds, weather, config, |_| {});
        Self(Rc::new(RefCell::new(machine)))
    }
}

impl Stage for Simulated {
    type Line = SimulatedLine;

    fn open(&self, limit: Duration) -> Result<SimulatedLine> {
        let peer = self.0.borrow().world.connect(0, 0);
        let mut line = SimulatedLine {
            machine: self.0.clone(),
            peer,
            limit_us: 0,
        };
        line.set_limit(limit);
        Ok(line)
    }
}

pub struct SimulatedLine {
    machine: Rc<RefCell<Machine>>,
    peer: Peer,
    limit_us: u64,
}

impl SimulatedLine {
    /// Lets every shard that may act do so, or time move on, until `done`.
    fn until(&self, done: impl Fn(&Machine) -> bool) -> Result<()> {
        let machine = &mut *self.machine.borrow_mut();
        let end_us = machine.now_us() + self.limit_us;
        while !done(machine) {
            if machine.now_us() > end_us {
                return Err(Error::from(ErrorKind::TimedOut));
            }
            let mut acted = false;
            for shard in 0..machine.shards() {
                if machine.is_ready(shard) {
                    machine.tick(shard, TICK_US);
                    acted = true;
                }
            }
            if !acted {
                let next_us = machine.next_us().unwrap_or(end_us + 1);
                machine.world.advance(next_us - machine.now_us());
            }
        }
        Ok(())
    }
}

impl Read for SimulatedLine {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        self.until(|machine| machine.world.has_news(self.peer))?;
        let machine = self.machine.borrow();
        let bytes = machine.world.read(self.peer, buffer.len());
        buffer[..bytes.len()].copy_from_slice(&bytes);
        match machine.world.peer_state(self.peer) {
            PeerState::Reset if bytes.is_empty() => Err(Error::from(ErrorKind::ConnectionReset)),
            _ => Ok(bytes.len()),
        }
    }
}

impl Write for SimulatedLine {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        self.until(|machine| machine.world.has_room(self.peer))?;
        Ok(self.machine.borrow().world.write(self.peer, bytes))
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

impl Line for SimulatedLine {
    fn set_limit(&mut self, limit: Duration) {
        self.limit_us = u64::try_from(limit.as_micros()).expect("a limit is short");
    }

    fn shut_down(&mut self) {
        self.machine.borrow().world.shut_down(self.peer);
    }
}
