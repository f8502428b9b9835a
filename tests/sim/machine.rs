//! The shards of a simulated server and their world: who of them may act, and what a tick does.
//!
//! A shard is ticked when its sleep would have ended: by its own time, by an event, by a wake of
//! another shard. Who is chosen, and when time moves, is for the owner of the machine to decide.

#![allow(dead_code, reason = "every test binary uses another part")]

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use cairn::base::sim::{SimIo, Weather, World};
use cairn::base::{ShardId, Sleep, Socket, mesh};
use cairn::config::Config;
use cairn::route::Message;
use cairn::shard::{Commands, Core, Identity, Shard, Shared};

struct Slot {
    shard: Shard<SimIo>,
    wait: Sleep,
    slept_at_us: u64,
    starved_until_us: u64,
}

pub struct Machine {
    pub world: World,
    slots: Vec<Slot>,
    /// Shards do not hear each other's wake-ups.
    pub deaf: bool,
}

/// The server's commands, made once.
fn commands() -> &'static Commands {
    static COMMANDS: OnceLock<&'static Commands> = OnceLock::new();
    COMMANDS.get_or_init(|| cairn::admin::commands(&[]).expect("nothing is renamed"))
}

impl Machine {
    /// Shards that have not ticked yet; listener 0 is shard 0's.
    pub fn new(
        shards: usize,
        seeds: (u64, u64),
        weather: Weather,
        config: (Config, Option<PathBuf>),
        set_up: impl Fn(&mut Core),
    ) -> Self {
        let (seed, hash_seed) = seeds;
        let world = World::new(shards, seed, weather);
        Self::on(world, shards, hash_seed, config, set_up)
    }

    /// A server that starts in a world, which may have lost its power before.
    pub fn on(
        world: World,
        shards: usize,
        hash_seed: u64,
        (config, config_file): (Config, Option<PathBuf>),
        set_up: impl Fn(&mut Core),
    ) -> Self {
        let mut shared = Shared::new(shards, hash_seed, world.now().unix_us, "0".repeat(40));
        shared.config_file = config_file;
        let (shared, config) = (Arc::new(shared), Arc::new(config));
        let mut slots: Vec<Slot> = mesh::<Message>(shards)
            .into_iter()
            .enumerate()
            .map(|(number, endpoint)| {
                let identity = Identity {
                    shard: ShardId::at(number),
                    shards,
                    shared: shared.clone(),
                };
                let mut shard = Shard::new(
                    identity,
                    config.clone(),
                    commands(),
                    world.io(number),
                    endpoint,
                );
                set_up(&mut shard.core);
                Slot {
                    shard,
                    wait: Sleep::No,
                    slept_at_us: 0,
                    starved_until_us: 0,
                }
            })
            .collect();
        slots[0].shard.listen(0, Socket(0));
        Self {
            world,
            slots,
            deaf: false,
        }
    }

    pub fn now_us(&self) -> u64 {
        self.world.now().monotonic_us
    }

    pub fn shards(&self) -> usize {
        self.slots.len()
    }

    /// The state of every shard, in order.
    pub fn cores(&self) -> impl Iterator<Item = &Core> {
        self.slots.iter().map(|slot| &slot.shard.core)
    }

    /// True when the shard's sleep has ended.
    pub fn is_ready(&self, shard: usize) -> bool {
        let now_us = self.now_us();
        let slot = &self.slots[shard];
        if now_us < slot.starved_until_us {
            return false;
        }
        match slot.wait {
            Sleep::No => true,
            Sleep::AtMost(us) => {
                now_us >= slot.slept_at_us + us
                    || self.world.is_woken(shard) && !self.deaf
                    || self.world.has_events(shard)
            }
        }
    }

    /// One tick that takes so long. False: the shard has stopped.
    pub fn tick(&mut self, shard: usize, took_us: u64) -> bool {
        let slot = &mut self.slots[shard];
        let on = slot.shard.round(slot.wait);
        self.world.advance(took_us);
        slot.wait = slot.shard.wait();
        slot.slept_at_us = self.world.now().monotonic_us;
        on
    }

    /// The shard gets no turn for so long.
    pub fn starve(&mut self, shard: usize, for_us: u64) {
        self.slots[shard].starved_until_us = self.now_us() + for_us;
    }

    /// When something happens by itself next: the end of a sleep, an arrival.
    pub fn next_us(&self) -> Option<u64> {
        let now_us = self.now_us();
        let shards = self.slots.iter().map(|slot| {
            let sleep_ends_us = match slot.wait {
                Sleep::No => now_us,
                Sleep::AtMost(us) => slot.slept_at_us + us,
            };
            match slot.starved_until_us > now_us {
                true => slot.starved_until_us,
                false => sleep_ends_us,
            }
        });
        let arrival = self.world.next_arrival_us();
        shards.chain(arrival).filter(|&at_us| at_us > now_us).min()
    }
}
