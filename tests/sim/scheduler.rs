//! Runs shards and clients in one thread: who acts next, and when time moves, is decided by the
//! seed.
//!
//! While nobody can act, time jumps to the next moment at which somebody can. A starving shard is
//! not ticked for a while, whatever waits for it.

use cairn::base::sim::{Random, Weather};
use cairn::config::Config;

use crate::checker::reply::Words;
use crate::checker::workload::{Seen, Unit, Workload};
use crate::client::{Client, Manners, Record};
use crate::machine::Machine;

/// What a run is made of.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    pub seed: u64,
    pub shards: usize,
    pub clients: usize,
    /// Units per client.
    pub units: usize,
    pub weather: Weather,
    pub manners: Manners,
    /// One tick in so many is followed by starvation; 0: none.
    pub starvation: u64,
    /// Locks are granted whether or not they fit: the positive control.
    pub lawless: bool,
    /// Shards do not hear each other's wake-ups: the positive control of the limit on latency.
    pub deaf: bool,
}

/// Longest starvation of a shard, microseconds.
const STARVED_US_MAX: u64 = 60_000;
/// Longest time that one tick takes, microseconds.
const TICK_US_MAX: u64 = 15;
/// A run that takes longer than this is stuck, microseconds of simulated time.
const RUN_US_MAX: u64 = 600_000_000;
/// After the clients' end, shards get this long to tidy up, microseconds.
const AFTERMATH_US: u64 = 400_000;

pub struct Scheduler<'a> {
    plan: Plan,
    machine: Machine,
    clients: Vec<Client>,
    random: Random,
    workload: &'a mut dyn Workload,
    preparation: Option<Preparation>,
    record: Record,
}

/// What a run was.
pub struct Outcome {
    pub record: Record,
    pub trace: u64,
    /// Transactions over several shards.
    pub transactions: u64,
    pub revocations: u64,
}

/// Runs a plan to its end and judges what the clients saw.
pub fn run(plan: Plan, workload: &mut dyn Workload) -> Result<Outcome, String> {
    let mut scheduler = Scheduler::new(plan, workload);
    let first = scheduler.workload.prepare();
    scheduler.alone(first, false)?;
    scheduler.run_clients()?;
    let last = scheduler.workload.last();
    scheduler.alone(last, true)?;
    scheduler.aftermath()?;
    let Scheduler {
        machine,
        workload,
        mut record,
        ..
    } = scheduler;
    record.history.sort_by_key(|seen| seen.invoke);
    workload.check(&record.history)?;
    let statistics = || machine.cores().map(|core| core.statistics());
    let spread = |counts: &Vec<u64>| counts.iter().skip(2).sum::<u64>();
    Ok(Outcome {
        record,
        trace: machine.world.trace(),
        transactions: statistics()
            .map(|counts| spread(&counts.transactions))
            .sum(),
        revocations: statistics().map(|counts| counts.revocations).sum(),
    })
}

impl<'a> Scheduler<'a> {
    fn new(plan: Plan, workload: &'a mut dyn Workload) -> Self {
        let mut random = Random::new(plan.seed ^ 0x5eed);
        let seeds = (plan.seed, random.next());
        let set_up = |core: &mut cairn::shard::Core| {
            if plan.lawless {
                core.ignore_lock_conflicts();
            }
        };
        let config = (Config::default(), None);
        let mut machine = Machine::new(plan.shards, seeds, plan.weather, config, set_up);
        machine.deaf = plan.deaf;
        let clients = (0..plan.clients)
            .map(|_| Client::new(&machine.world, random.next(), plan.manners, plan.units))
            .collect();
        Self {
            plan,
            machine,
            clients,
            random,
            workload,
            preparation: None,
            record: Record::default(),
        }
    }

    fn now_us(&self) -> u64 {
        self.machine.now_us()
    }

    /// One undisturbed client, before or after the others.
    fn alone(&mut self, requests: Vec<Words>, seen: bool) -> Result<(), String> {
        if requests.is_empty() {
            return Ok(());
        }
        let manners = Manners {
            resets: 0,
            half_closes: 0,
            latency_us_max: 0,
            ..self.plan.manners
        };
        self.preparation = Some(Preparation { requests, seen });
        let clients = std::mem::take(&mut self.clients);
        self.clients = vec![Client::new(&self.machine.world, self.plan.seed, manners, 1)];
        while !self.clients[0].is_done() {
            self.step()?;
        }
        self.clients[0].leave();
        self.clients = clients;
        self.preparation = None;
        Ok(())
    }

    fn run_clients(&mut self) -> Result<(), String> {
        while !self.clients.iter().all(Client::is_done) {
            self.step()?;
            if self.now_us() > RUN_US_MAX {
                let stuck: Vec<String> =
                    self.clients.iter().filter_map(Client::waits_for).collect();
                return Err(format!("the clients' work does not end: {stuck:?}"));
            }
        }
        Ok(())
    }

    /// Everything must come to rest and nothing may be left behind.
    fn aftermath(&mut self) -> Result<(), String> {
        self.clients.iter_mut().for_each(Client::leave);
        let end_us = self.now_us() + AFTERMATH_US;
        while self.now_us() < end_us {
            self.step()?;
        }
        for (number, core) in self.machine.cores().enumerate() {
            for (what, count) in core.leftovers() {
                if count > 0 {
                    return Err(format!("shard {number} has {count} {what} left"));
                }
            }
        }
        Ok(())
    }

    /// Somebody acts, or time moves on.
    fn step(&mut self) -> Result<(), String> {
        let first_client = self.machine.shards();
        let shards = (0..first_client).filter(|&shard| self.machine.is_ready(shard));
        let clients = (0..self.clients.len())
            .filter(|&client| self.clients[client].is_ready())
            .map(|client| first_client + client);
        let ready: Vec<usize> = shards.chain(clients).collect();
        if ready.is_empty() {
            return self.sleep();
        }
        let chosen = *self.random.pick(&ready);
        self.machine.world.record(&chosen.to_le_bytes());
        if chosen < first_client {
            self.tick(chosen);
            return Ok(());
        }
        let workload: &mut dyn Workload = match &mut self.preparation {
            Some(preparation) => preparation,
            None => self.workload,
        };
        self.clients[chosen - first_client].act(workload, &mut self.record)
    }

    fn tick(&mut self, shard: usize) {
        let took_us = self.random.below(TICK_US_MAX + 1);
        assert!(self.machine.tick(shard, took_us), "nobody stops the shards");
        if self.plan.starvation > 0 && self.random.one_in(self.plan.starvation) {
            self.machine
                .starve(shard, self.random.below(STARVED_US_MAX));
        }
    }

    fn sleep(&mut self) -> Result<(), String> {
        let now_us = self.now_us();
        let clients = self.clients.iter().filter_map(Client::next_us);
        let next_us = clients
            .filter(|&at_us| at_us > now_us)
            .chain(self.machine.next_us())
            .min();
        let next_us = next_us.ok_or("everybody sleeps for ever")?;
        self.machine.world.advance(next_us - now_us);
        Ok(())
    }
}

/// The requests of an undisturbed client, as one unit.
struct Preparation {
    requests: Vec<Words>,
    /// They belong to the history.
    seen: bool,
}

impl Workload for Preparation {
    fn prepare(&self) -> Vec<Words> {
        Vec::new()
    }

    fn next(&mut self, _random: &mut Random) -> Unit {
        let requests = self.requests.drain(..);
        requests.fold(Unit::default(), |unit, request| match self.seen {
            true => unit.plain(request),
            false => unit.aside(request),
        })
    }

    fn check(&self, _history: &[Seen]) -> Result<(), String> {
        Ok(())
    }
}
