//! The counted server: shards on cores of their own, in the simulator, every message seen.
//!
//! The mesh has twice as many endpoints as there are shards. A shard holds an endpoint of the upper
//! half and sends to the lower half, which is held here; what arrives is counted and handed on, by
//! the endpoint with the sender's number, to the receiver's endpoint. So sleeping flags and bells
//! work as in the server, and nothing in the shard knows.

use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};

use cairn::base::sim::{Peer, Random, SimIo, Weather, World};
use cairn::base::{Endpoint, Io, ShardId, Socket, Sleep, mesh};
use cairn::config::Config;
use cairn::limits::CONTENDED_US;
use cairn::route::Message;
use cairn::shard::{Commands, Identity, Shard, Shared};

use crate::load::{Batch, Shape, preparation};

/// What a round takes, nanoseconds of simulated time: itself, a command or note or reply of the
/// mesh, a client's receive and send. Near what the real server takes; counts depend on it weakly.
const ROUND_NS: u64 = 2000;
const WORK_NS: u64 = 350;
const SEND_NS: u64 = 3000;
/// Longest pause of a client between an answer and its next batch, and of the network.
const PAUSE_US_MAX: u64 = 20;
/// A sixth of a run passes before counting begins.
const WARM_UP: u64 = 6;
/// Simulated time after which a run is stuck.
const RUN_US_MAX: u64 = 600_000_000;

/// What was counted, over all shards.
#[derive(Debug, Default, Clone, Copy)]
pub struct Counts {
    pub commands: u64,
    /// Rounds that had something to do besides ended sends.
    pub rounds: u64,
    /// Those of them in which clients asked something.
    pub asked: u64,
    pub messages: u64,
    /// Parcels that went out, and commands in them.
    pub parcels: u64,
    pub carried: u64,
    pub notes: u64,
    /// Wakes, and those that found a shard with nothing else to wake up for.
    pub wakes: u64,
    pub wakes_of_idle: u64,
    pub sends: u64,
    /// Reads of several shards that a write disturbed, so that they took locks.
    pub locked: u64,
}

impl Counts {
    /// So many of something per command.
    pub fn per_command(&self, count: u64) -> f64 {
        count as f64 / self.commands as f64
    }

    fn since(self, start: Self) -> Self {
        Self {
            commands: self.commands - start.commands,
            rounds: self.rounds - start.rounds,
            asked: self.asked - start.asked,
            messages: self.messages - start.messages,
            parcels: self.parcels - start.parcels,
            carried: self.carried - start.carried,
            notes: self.notes - start.notes,
            wakes: self.wakes - start.wakes,
            wakes_of_idle: self.wakes_of_idle - start.wakes_of_idle,
            sends: self.sends - start.sends,
            locked: self.locked - start.locked,
        }
    }
}

struct Slot {
    shard: Shard<SimIo>,
    /// None while a round takes its time: only its end asks whether to sleep.
    wait: Option<Sleep>,
    free_at_us: u64,
    /// Work of messages that came since its last round.
    mail: u64,
}

struct Client {
    peer: Peer,
    awaited: usize,
    next_at_us: u64,
}

/// A message under way: when it is posted, from whom, to whom.
type Posted = (u64, usize, usize, Message);

struct Run {
    world: World,
    waker: SimIo,
    relay: Vec<Endpoint<Message>>,
    slots: Vec<Slot>,
    posted: VecDeque<Posted>,
    clients: Vec<Client>,
    random: Random,
    counts: Counts,
}

/// Counts a load: `clients` of them over `shards` shards, until so many commands are answered.
pub fn count(shape: Shape, shards: usize, clients: usize, commands: u64, seed: u64) -> Counts {
    let mut run = Run::new(shards, seed);
    run.add_client();
    let mut prepared = preparation();
    run.go_on(|run| match prepared.next() {
        Some(batch) => {
            run.write(0, &batch);
            true
        }
        None => false,
    });
    run.clients.clear();
    for _ in 0..clients {
        run.add_client();
    }
    run.load(shape, commands / WARM_UP);
    // The first reads of several shards switch the stamps on and are repeated with locks; that is
    // remembered for so long.
    run.world.advance(2 * CONTENDED_US);
    let start = run.counts;
    run.load(shape, commands);
    run.counts.since(start)
}

fn commands() -> &'static Commands {
    static COMMANDS: OnceLock<&'static Commands> = OnceLock::new();
    COMMANDS.get_or_init(|| cairn::admin::commands(&[]).expect("nothing is renamed"))
}

impl Run {
    fn new(shards: usize, seed: u64) -> Self {
        let calm = Weather {
            delay_us_max: 0,
            piece_bytes_max: usize::MAX,
            capacity_bytes: 1 << 20,
        };
        let world = World::new(shards, seed, calm);
        world.report_all();
        let started_us = world.now().unix_us;
        let shared = Arc::new(Shared::new(shards, seed, started_us, "0".repeat(40)));
        let config = Arc::new(Config::default());
        let mut relay = mesh::<Message>(2 * shards);
        let own = relay.split_off(shards);
        let mut slots: Vec<Slot> = own
            .into_iter()
            .enumerate()
            .map(|(number, endpoint)| {
                let identity = Identity {
                    shard: ShardId::at(number),
                    shards,
                    shared: shared.clone(),
                };
                let io = world.io(number);
                Slot {
                    shard: Shard::new(identity, config.clone(), commands(), io, endpoint),
                    wait: Some(Sleep::No),
                    free_at_us: 0,
                    mail: 0,
                }
            })
            .collect();
        slots[0].shard.listen(0, Socket(0));
        Self {
            waker: world.io(0),
            world,
            relay,
            slots,
            posted: VecDeque::new(),
            clients: Vec::new(),
            random: Random::new(seed),
            counts: Counts::default(),
        }
    }

    fn add_client(&mut self) {
        self.clients.push(Client {
            peer: self.world.connect(0, 0),
            awaited: 0,
            next_at_us: 0,
        });
    }

    fn now_us(&self) -> u64 {
        self.world.now().monotonic_us
    }

    /// All clients ask until so many more commands are asked for, and are answered.
    fn load(&mut self, shape: Shape, commands: u64) {
        let mut left = commands / shape.pipeline;
        self.go_on(|run| {
            let now_us = run.now_us();
            for client in 0..run.clients.len() {
                let Client {
                    awaited,
                    next_at_us,
                    ..
                } = run.clients[client];
                if left > 0 && awaited == 0 && next_at_us <= now_us {
                    let batch = Batch::of(shape, &mut run.random);
                    run.write(client, &batch);
                    run.counts.commands += shape.pipeline;
                    left -= 1;
                }
            }
            left > 0
        });
    }

    fn write(&mut self, client: usize, batch: &Batch) {
        let client = &mut self.clients[client];
        let taken = self.world.write(client.peer, &batch.bytes);
        assert_eq!(taken, batch.bytes.len(), "the server takes a whole batch");
        client.awaited += batch.answer_bytes;
    }

    /// Lets everybody act until `ask` has nothing more to ask and all is answered. It is called
    /// only when no shard, message or answer is due.
    fn go_on(&mut self, mut ask: impl FnMut(&mut Self) -> bool) {
        let end_us = self.now_us() + RUN_US_MAX;
        let mut asking = true;
        while asking || self.clients.iter().any(|client| client.awaited > 0) {
            self.deliver();
            self.end_rounds();
            self.read();
            let quiet_client = self.clients.iter().any(|client| client.awaited == 0);
            asking = asking && (!quiet_client || ask(self));
            for shard in 0..self.slots.len() {
                if self.is_ready(shard) {
                    self.round(shard);
                }
            }
            let now_us = self.now_us();
            assert!(now_us < end_us, "a load is answered in simulated minutes");
            let next_us = self.next_us(now_us);
            self.world.advance(next_us - now_us);
        }
    }

    /// Hands on what its sender has finished posting, and wakes who sleeps.
    fn deliver(&mut self) {
        let now_us = self.now_us();
        for _ in 0..self.posted.len() {
            let posted = self.posted.pop_front().expect("it was counted");
            let (at_us, from, to, message) = posted;
            if at_us > now_us {
                self.posted.push_back((at_us, from, to, message));
                continue;
            }
            self.slots[to].mail += message.work() as u64;
            let receiver = self.slots.len() + to;
            let taken = self.relay[from]
                .try_send(ShardId::at(receiver), message)
                .is_ok();
            assert!(taken, "a shard reads its mail before a channel is full");
            let Self {
                relay,
                waker,
                world,
                counts,
                ..
            } = self;
            relay[from].flush_wakes(|_| {
                counts.wakes += 1;
                counts.wakes_of_idle += u64::from(!world.has_events(to));
                waker.wake(ShardId::at(to));
            });
        }
    }

    /// Rounds that have taken their time are over: their shards look for mail and sleep if there is
    /// none.
    fn end_rounds(&mut self) {
        let now_us = self.now_us();
        for slot in &mut self.slots {
            if slot.wait.is_none() && slot.free_at_us <= now_us {
                slot.wait = Some(slot.shard.wait());
            }
        }
    }

    fn read(&mut self) {
        let now_us = self.now_us();
        for client in &mut self.clients {
            if client.awaited == 0 || !self.world.has_news(client.peer) {
                continue;
            }
            let bytes = self.world.read(client.peer, client.awaited + 1);
            assert!(bytes.len() <= client.awaited, "no more than was asked for");
            client.awaited -= bytes.len();
            if client.awaited == 0 {
                client.next_at_us = now_us + self.random.below(PAUSE_US_MAX + 1);
            }
        }
    }

    fn is_ready(&self, shard: usize) -> bool {
        let slot = &self.slots[shard];
        match slot.wait {
            None => false,
            Some(Sleep::No) => true,
            Some(Sleep::AtMost(us)) => {
                self.now_us() >= slot.free_at_us + us
                    || self.world.is_woken(shard)
                    || self.world.has_events(shard)
            }
        }
    }

    /// One round; what it posts is under way until the round has taken its time.
    fn round(&mut self, shard: usize) {
        let now_us = self.now_us();
        let slot = &mut self.slots[shard];
        let sums = |shard: &Shard<SimIo>| {
            let sums = shard.core.statistics();
            [
                sums.commands,
                sums.writes,
                sums.snapshots_failed,
                sums.reads,
            ]
        };
        let before = sums(&slot.shard);
        let wait = slot.wait.take().expect("the shard is ready");
        assert!(slot.shard.round(wait), "nobody stops the shards");
        let after = sums(&slot.shard);
        let [commands, sends, locked, reads] = std::array::from_fn(|sum| after[sum] - before[sum]);
        let mail = std::mem::take(&mut slot.mail);
        let work = commands + mail;
        let took_ns = ROUND_NS + WORK_NS * work + SEND_NS * sends;
        slot.free_at_us = now_us + took_ns.div_ceil(1000);
        self.counts.sends += sends;
        self.counts.locked += locked;
        self.counts.rounds += u64::from(work + sends > 0);
        self.counts.asked += u64::from(reads > 0);
        self.collect(shard);
    }

    /// Counts what a shard has posted in its round.
    fn collect(&mut self, shard: usize) {
        let at_us = self.slots[shard].free_at_us;
        let Self {
            relay,
            posted,
            counts,
            slots,
            ..
        } = self;
        for (to, endpoint) in relay.iter_mut().enumerate() {
            endpoint.drain(slots.len(), |from, message| {
                assert_eq!(
                    from.index(),
                    slots.len() + shard,
                    "only one shard has acted"
                );
                counts.messages += 1;
                counts.notes += message.notes.len() as u64;
                if let Some(parcel) = &message.commands {
                    counts.parcels += 1;
                    counts.carried += parcel.commands.len() as u64;
                }
                posted.push_back((at_us, shard, to, message));
            });
        }
    }

    /// When something happens next; at once while a shard has work.
    fn next_us(&self, now_us: u64) -> u64 {
        let shards = (0..self.slots.len()).map(|number| {
            let slot = &self.slots[number];
            match slot.wait {
                None => slot.free_at_us,
                Some(_) if self.is_ready(number) => now_us,
                Some(Sleep::AtMost(us)) => slot.free_at_us + us,
                Some(Sleep::No) => now_us,
            }
        });
        let messages = self.posted.iter().map(|(at_us, ..)| *at_us);
        let pauses = self.clients.iter().filter(|client| client.awaited == 0);
        let pauses = pauses.map(|client| client.next_at_us);
        let next = shards
            .chain(messages)
            .chain(pauses.filter(|&at| at > now_us));
        next.min().map_or(now_us + 1, |at_us| at_us.max(now_us))
    }
}
