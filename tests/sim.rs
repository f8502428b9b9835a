//! The whole server in one thread, from one seed: shards, clients, network and time are simulated.
//!
//! `CAIRN_SIM_SEEDS=n` runs n seeds per workload instead of the few of a normal run;
//! `CAIRN_SIM_SEED=s` repeats one; `CAIRN_SIM_TRANSACTIONS=n` runs transactions over several shards
//! until there were n. A failing seed is printed with the command that repeats it.

mod checker;
#[path = "sim/client.rs"]
mod client;
#[path = "sim/disk.rs"]
mod disk;
#[path = "sim/machine.rs"]
mod machine;
#[path = "sim/rewrites.rs"]
mod rewrites;
#[path = "sim/scheduler.rs"]
mod scheduler;
#[path = "sim/tracked.rs"]
mod tracked;

use std::panic::AssertUnwindSafe;

use cairn::base::sim::{Random, Weather};
use checker::workload::{
    Append, Bank, Lists, Mixed, Queues, Registers, Sequential, Sets, Workload,
};
use client::Manners;
use disk::Trust;
use scheduler::{Outcome, Plan, run};

/// Seeds per workload in a normal run.
const SEEDS: u64 = 200;
/// Seeds of disks, which take less.
const DISK_SEEDS: u64 = 5000;

fn setting(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name}={text} is not a number")),
    )
}

/// What a seed does to server, network and clients.
fn plan(seed: u64, clients: (u64, u64), units: usize) -> Plan {
    let mut random = Random::new(seed.wrapping_mul(0x9e37).wrapping_add(7));
    let calm = random.one_in(3);
    let rough = |random: &mut Random, one_in: u64| match calm || random.one_in(2) {
        true => 0,
        false => one_in,
    };
    let weather = Weather {
        delay_us_max: *random.pick(&[0, 50, 1000]),
        piece_bytes_max: *random.pick(&[1, 20, 100_000]),
        capacity_bytes: *random.pick(&[100, 2000, 200_000]),
    };
    let swift = weather.piece_bytes_max > 1000 && weather.capacity_bytes > 1000;
    Plan {
        seed,
        shards: 1 + random.below(8) as usize,
        clients: (clients.0 + random.below(clients.1 - clients.0 + 1)) as usize,
        units,
        weather,
        manners: Manners {
            resets: rough(&mut random, 15),
            half_closes: rough(&mut random, 15),
            slow_reads: rough(&mut random, 10),
            pause_us_max: *random.pick(&[0, 100, 5000]),
            // Where bytes trickle, slowness proves nothing; elsewhere it is a wake-up that was
            // lost.
            latency_us_max: if calm && swift { 50_000 } else { 0 },
        },
        starvation: rough(&mut random, 300),
        lawless: false,
        deaf: false,
    }
}

/// Runs one seed; a panic of the server is a failure like any other.
fn attempt(plan: Plan, workload: &mut dyn Workload) -> Result<Outcome, String> {
    std::panic::catch_unwind(AssertUnwindSafe(|| run(plan, workload))).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or(panic.downcast_ref::<&str>().copied());
        Err(format!("panic: {}", text.unwrap_or("without words")))
    })
}

/// Runs the seeds of a test and tells which ones failed, and how to repeat them.
fn seeds(test: &str, plan_of: impl Fn(u64) -> Plan, workload: impl Fn(&Plan) -> Box<dyn Workload>) {
    let chosen: Vec<u64> = match setting("CAIRN_SIM_SEED") {
        Some(seed) => vec![seed],
        None => (0..setting("CAIRN_SIM_SEEDS").unwrap_or(SEEDS)).collect(),
    };
    let mut failures = Vec::new();
    for &seed in &chosen {
        let plan = plan_of(seed);
        if let Err(reason) = attempt(plan, &mut *workload(&plan)) {
            failures.push(format!(
                "seed {seed}: {reason}\n  {plan:?}\n  repeat: CAIRN_SIM_SEED={seed} cargo test --test sim {test}"
            ));
        }
    }
    let few = &failures[..failures.len().min(3)];
    assert!(
        failures.is_empty(),
        "{} of {} seeds fail:\n{}",
        failures.len(),
        chosen.len(),
        few.join("\n")
    );
}

#[test]
fn one_client_agrees_with_the_model() {
    seeds(
        "one_client",
        |seed| Plan {
            manners: Manners {
                resets: 0,
                half_closes: 0,
                ..plan(seed, (1, 1), 1).manners
            },
            ..plan(seed, (1, 1), 150)
        },
        |_| Box::new(Sequential::new()),
    );
}

#[test]
fn pipelines_are_linearizable_per_key() {
    seeds(
        "pipelines",
        |seed| plan(seed, (3, 10), 12),
        |_| Box::new(Registers::new(6)),
    );
}

#[test]
fn everything_is_strictly_serializable() {
    seeds(
        "everything",
        |seed| plan(seed, (2, 5), 25),
        |_| Box::new(Mixed::new(5)),
    );
}

#[test]
fn long_histories_have_no_cycle() {
    seeds(
        "long_histories",
        |seed| plan(seed, (6, 16), 40),
        |_| Box::new(Append::new()),
    );
}

#[test]
fn money_is_neither_made_nor_lost() {
    seeds("money", |seed| plan(seed, (4, 10), 40), |_| Box::new(Bank));
}

/// Clients that block take as long as they like.
fn patient(plan: Plan) -> Plan {
    Plan {
        manners: Manners {
            latency_us_max: 0,
            ..plan.manners
        },
        ..plan
    }
}

#[test]
fn blocked_clients_are_served_in_some_order() {
    seeds(
        "blocked_clients",
        |seed| patient(plan(seed, (2, 5), 25)),
        |_| Box::new(Lists::new(3)),
    );
}

#[test]
fn sets_are_one_whatever_shards_they_are_on() {
    seeds(
        "sets",
        |seed| plan(seed, (2, 5), 25),
        |_| Box::new(Sets::new(3)),
    );
}

#[test]
fn queues_neither_lose_nor_repeat() {
    seeds(
        "queues",
        |seed| patient(plan(seed, (6, 14), 40)),
        |_| Box::new(Queues::new()),
    );
}

#[test]
fn the_same_seed_is_the_same_run() {
    let trace = |seed| {
        let outcome = attempt(plan(seed, (4, 8), 20), &mut Append::new());
        outcome.map(|outcome| outcome.trace)
    };
    for seed in 0..5 {
        assert_eq!(trace(seed), trace(seed), "seed {seed}");
    }
    assert_ne!(trace(1), trace(2));
}

/// The positive control: without the locks' law, each of the checkers must complain soon.
#[test]
fn lawless_locks_are_caught() {
    let lawless = |seed| Plan {
        shards: 4,
        lawless: true,
        ..plan(seed, (6, 6), 40)
    };
    let workloads: [fn() -> Box<dyn Workload>; 3] = [
        || Box::new(Append::new()),
        || Box::new(Mixed::new(4)),
        || Box::new(Bank),
    ];
    for workload in workloads {
        // The server's own assertions notice it, too; here the checker must.
        let caught = (0..60).find_map(|seed| {
            let failure = attempt(lawless(seed), &mut *workload()).err();
            failure.filter(|reason| !reason.starts_with("panic"))
        });
        let reason = caught.expect("nothing was noticed in sixty seeds");
        println!("control: {}", reason.lines().next().unwrap_or_default());
    }
}

/// The positive control: a shard that sleeps through a wake-up is noticed by what it keeps waiting.
#[test]
fn lost_wake_ups_are_caught() {
    let deaf = |seed| Plan {
        shards: 3,
        deaf: true,
        ..plan(seed, (2, 2), 40)
    };
    let caught = (0..20).find_map(|seed| attempt(deaf(seed), &mut Append::new()).err());
    let reason = caught.expect("nothing was noticed in twenty seeds");
    assert!(reason.contains("a unit took"), "{reason}");
}

/// As many transactions over several shards as `CAIRN_SIM_TRANSACTIONS` says; some in a normal run.
#[test]
fn many_transactions_over_shards() {
    let wanted = setting("CAIRN_SIM_TRANSACTIONS").unwrap_or(10_000);
    let (mut done, mut revoked, mut aborted, mut seed) = (0, 0, 0, 0);
    while done < wanted {
        let mut workload = Append::new();
        workload.only_multi = true;
        let plan = Plan {
            shards: 2 + (seed % 7) as usize,
            ..plan(seed, (8, 16), 60)
        };
        match attempt(plan, &mut workload) {
            Ok(outcome) => {
                done += outcome.transactions;
                revoked += outcome.revocations;
                aborted += outcome.record.aborted;
            }
            Err(reason) => panic!("seed {seed}: {reason}\n{plan:?}"),
        }
        seed += 1;
    }
    println!(
        "{done} transactions over several shards in {seed} seeds, {revoked} revocations, {aborted} aborted"
    );
}

/// What a power cut leaves can be explained by what was synced, and by what came after it.
#[test]
fn disks_keep_what_was_synced() {
    let chosen = match setting("CAIRN_SIM_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..setting("CAIRN_SIM_SEEDS").unwrap_or(DISK_SEEDS),
    };
    let mut lost = 0;
    for seed in chosen.clone() {
        match disk::run(seed, Trust::Synced) {
            Ok(changed) => lost += changed,
            Err(reason) => {
                panic!("{reason}\n  repeat: CAIRN_SIM_SEED={seed} cargo test --test sim disks")
            }
        }
    }
    let few = chosen.end - chosen.start < 100;
    assert!(
        few || lost as u64 > chosen.end,
        "power cuts lose what was not synced: {lost}"
    );
}

/// The positive control: who trusts data that was not synced, or a sync after one that failed.
#[test]
fn misplaced_trust_in_disks_is_caught() {
    for trust in [Trust::Written, Trust::SyncedAtLast] {
        let caught = (0..500).find_map(|seed| disk::run(seed, trust).err());
        let reason = caught.unwrap_or_else(|| panic!("{trust:?} is not noticed in 500 seeds"));
        println!("control: {trust:?}: {reason}");
    }
}
