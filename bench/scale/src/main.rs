//! What a command costs as the shards grow, in numbers that do not need cores.
//!
//! `scale` counts messages, wakes, rounds and sends per command in the simulator, where every shard
//! has a core of its own; with `--server PATH` it measures the real server besides (system calls,
//! processor time, instructions) and prints the model that follows from both. Changes nothing and
//! judges nothing.

mod counted;
mod load;
mod model;
mod real;

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use counted::{Counts, count};
use load::{CLIENTS, SHAPES, Shape};
use model::{Model, expected_messages};
use real::{Server, Spent};

const SHARDS: [usize; 7] = [1, 2, 4, 8, 16, 32, 64];
/// Shards that callgrind has the patience for.
const SHARDS_IN_CALLGRIND: [usize; 3] = [1, 2, 4];
const SEED: u64 = 7;
/// Commands of a counted run.
const COUNTED: u64 = 30_000;
/// Cores that the model is asked about; what cannot be counted follows from the largest that can.
const CORES: [usize; 3] = [16, 64, 192];
const CORES_COUNTED_MAX: usize = 64;
/// Clients per core where throughput is asked for: enough to keep it busy.
const CLIENTS_PER_CORE: usize = 16;

/// Shards by whose rows the constants are found: too many to wait awake for each other, which costs
/// processor time and means nothing, and few enough that two cores do not only switch. The others
/// say what the switching adds.
const FEW_SHARDS: RangeInclusive<usize> = 4..=8;
const MANY_SHARDS: RangeInclusive<usize> = 16..=64;

const USAGE: &str = "scale [--server PATH] [--port PORT] [--no-callgrind]";

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, port, name, commands] = &words[..]
        && flag == "--load"
    {
        let shape = SHAPES.iter().find(|shape| shape.name == name);
        let numbers = (port.parse(), commands.parse());
        let (Some(shape), (Ok(port), Ok(commands))) = (shape, numbers) else {
            usage();
        };
        return real::load(port, *shape, commands);
    }
    let (mut server, mut port, mut instructions) = (None, 21_690, true);
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--server" => server = words.next().map(PathBuf::from),
            "--port" => port = words.next().and_then(|text| text.parse().ok()).unwrap_or(0),
            "--no-callgrind" => instructions = false,
            _ => usage(),
        }
    }
    if port == 0 {
        usage();
    }
    print_counts();
    if let Some(server) = server.and_then(|path| path.canonicalize().ok()) {
        let spent = measure(&server, port);
        print_model(&spent);
        if instructions {
            print_instructions(&server, port);
        }
    }
}

fn usage() -> ! {
    eprintln!("{USAGE}");
    std::process::exit(2);
}

/// Keys of one command.
fn keys(shape: Shape) -> f64 {
    if shape == SHAPES[3] { 10.0 } else { 1.0 }
}

fn print_counts() {
    println!("Counted in the simulator, {CLIENTS} clients, per command:\n");
    println!(
        "| load | shards | commands a round of clients | hops | parcels | commands a parcel | \
         messages | explained | notes | wakes | of idle shards | rounds | sends | locked |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|---|---|---|");
    for shape in SHAPES {
        for shards in SHARDS {
            let counts = count(shape, shards, CLIENTS, COUNTED, SEED);
            print_count(shape, shards, &counts);
        }
    }
}

fn print_count(shape: Shape, shards: usize, counts: &Counts) {
    let each = |number: u64| counts.per_command(number);
    let batch = counts.commands as f64 / counts.asked as f64;
    println!(
        "| {} | {shards} | {batch:.2} | {:.3} | {:.3} | {:.2} | {:.3} | {:.3} | {:.3} | {:.3} | \
         {:.3} | {:.3} | {:.3} | {:.3} |",
        shape.name,
        each(counts.carried),
        each(counts.parcels),
        counts.carried as f64 / counts.parcels.max(1) as f64,
        each(counts.messages),
        expected_messages(shards, batch, keys(shape)),
        each(counts.notes),
        each(counts.wakes),
        each(counts.wakes_of_idle),
        each(counts.rounds),
        each(counts.sends),
        each(counts.locked),
    );
}

/// The real table, row by row as it is printed: shape, shards, what was spent.
fn measure(server: &Path, port: u16) -> Vec<(Shape, usize, Spent)> {
    println!("\nThe real server, {CLIENTS} clients of one thread, per command:\n");
    println!("| load | shards | CPU us | system calls | switches | hops | rounds |");
    println!("|---|---|---|---|---|---|---|");
    let mut rows = Vec::new();
    for shards in SHARDS {
        let server = Server::start(std::process::Command::new(server), shards, port);
        for shape in SHAPES {
            let spent = server.spend(shape);
            let optional = |value: Option<f64>| value.map_or("-".into(), |v| format!("{v:.3}"));
            println!(
                "| {} | {shards} | {:.2} | {} | {} | {:.3} | {:.3} |",
                shape.name,
                spent.cpu_us,
                optional(spent.system_calls),
                optional(spent.switches),
                spent.hops,
                spent.rounds
            );
            rows.push((shape, shards, spent));
        }
    }
    rows
}

fn print_model(rows: &[(Shape, usize, Spent)]) {
    let alone = |shape: Shape| {
        let row = rows.iter().find(|row| row.0 == shape && row.1 == 1);
        row.expect("one shard was measured").2
    };
    let fit = |shards: RangeInclusive<usize>| {
        let fitted = rows.iter().filter(|row| shards.contains(&row.1));
        let pairs: Vec<(Spent, Spent)> = fitted.map(|row| (row.2, alone(row.0))).collect();
        let model = Model::fit(&pairs);
        println!(
            "\nRows of {} to {} shards: cost = local + hops * {:.2} us + extra rounds * {:.2} us, \
             off by {:.0} % on the average.",
            shards.start(),
            shards.end(),
            model.hop_us,
            model.round_us,
            model.off * 100.0
        );
        model
    };
    let model = fit(FEW_SHARDS);
    fit(MANY_SHARDS);
    println!("\nCores of their own, by the first of these, {CLIENTS_PER_CORE} clients a core:\n");
    println!(
        "| load | local us | cores | hops | extra rounds | us a command | of it hops | of it rounds | million a second | of n times one core |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    for shape in SHAPES {
        let one = count(shape, 1, CLIENTS_PER_CORE, COUNTED, SEED);
        for cores in CORES {
            let local_us = alone(shape).cpu_us;
            let (hops, rounds) = at(shape, cores);
            let more = (rounds - one.per_command(one.rounds)).max(0.0);
            let us = model.cost_us(local_us, hops, more);
            println!(
                "| {} | {local_us:.2} | {cores} | {hops:.3} | {more:.3} | {us:.2} | {:.0} % | {:.0} % | {:.1} | {:.0} % |",
                shape.name,
                100.0 * model.hop_us * hops / us,
                100.0 * model.round_us * more / us,
                cores as f64 / us,
                100.0 * local_us / us,
            );
        }
    }
}

/// Hops and rounds per command of so many cores that are kept busy.
fn at(shape: Shape, cores: usize) -> (f64, f64) {
    let counted = cores.min(CORES_COUNTED_MAX);
    let clients = counted * CLIENTS_PER_CORE;
    let commands = COUNTED.max(2 * clients as u64 * shape.pipeline);
    let counts = count(shape, counted, clients, commands, SEED);
    let batch = counts.commands as f64 / counts.asked as f64;
    let messages = |shards| expected_messages(shards, batch, keys(shape));
    let more = messages(cores) / messages(counted);
    let hops = |shards: usize| (shards - 1) as f64 / shards as f64;
    (
        counts.per_command(counts.carried) * hops(cores) / hops(counted),
        counts.per_command(counts.rounds) * more,
    )
}

fn print_instructions(server: &Path, port: u16) {
    println!("\nInstructions of the whole server per command (callgrind, epoll):\n");
    println!("| load | shards | instructions |\n|---|---|---|");
    for shards in SHARDS_IN_CALLGRIND {
        let server = Server::start(real::callgrind(server), shards, port);
        for shape in SHAPES {
            let instructions = server.instructions(shape);
            let shown = instructions.map_or("-".into(), |count| format!("{count:.0}"));
            println!("| {} | {shards} | {shown} |", shape.name);
        }
    }
    real::forget_dumps();
}
