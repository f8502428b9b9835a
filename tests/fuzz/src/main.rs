//! The plain driver: mutates inputs from a seed for a bounded time and prints what failed.
//!
//! `cairn-fuzz [TARGET ...] [--seconds N] [--seed S] [--case K]`. Case K of seed S is always the
//! same input, so a failure is repeated by `--seed S --case K`. Ends with a line that the test
//! script counts.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use cairn_fuzz::{TARGETS, Target};

/// Longest that one case may take; more is a failure: a parser must not be slow on hostile input.
const CASE_LIMIT: Duration = Duration::from_secs(5);
/// Most mutations of one input.
const MUTATIONS_MAX: u64 = 12;
/// One case in so many gets a run of bytes that exceeds the parsers' line limits.
const LONG_ONE_IN: u64 = 200;

struct Options {
    targets: Vec<&'static Target>,
    time: Duration,
    seed: u64,
    case: Option<u64>,
}

fn main() -> ExitCode {
    // The message names the broken promise; a trace through the driver adds nothing.
    std::panic::set_hook(Box::new(|panic| println!("{panic}")));
    let options = match options(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(reason) => {
            eprintln!("{reason}");
            return ExitCode::from(2);
        }
    };
    let failed = options
        .targets
        .iter()
        .filter(|target| !fuzz(target, &options))
        .count();
    let verdict = if failed == 0 { "ok" } else { "FAILED" };
    println!(
        "test result: {verdict}. {} passed; {failed} failed",
        options.targets.len() - failed
    );
    ExitCode::from(u8::from(failed != 0))
}

fn options(mut args: impl Iterator<Item = String>) -> Result<Options, String> {
    let clock = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let seed = clock.map_or(1, |since| u64::from(since.subsec_nanos()) ^ since.as_secs());
    let mut options = Options {
        targets: Vec::new(),
        time: Duration::from_secs(3),
        seed,
        case: None,
    };
    while let Some(arg) = args.next() {
        let mut number = || {
            let value = args.next().and_then(|value| value.parse::<u64>().ok());
            value.ok_or(format!("{arg} takes a number"))
        };
        match arg.as_str() {
            "--seconds" => options.time = Duration::from_secs(number()?),
            "--seed" => options.seed = number()?,
            "--case" => options.case = Some(number()?),
            name => {
                let names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
                let target = cairn_fuzz::find(name);
                options.targets.push(
                    target.ok_or(format!("no target {name}; there are {}", names.join(", ")))?,
                );
            }
        }
    }
    if options.targets.is_empty() {
        options.targets = TARGETS.iter().collect();
    }
    Ok(options)
}

/// Runs one target until its time is up; false at the first failure.
fn fuzz(target: &Target, options: &Options) -> bool {
    let begin = Instant::now();
    let mut case = options.case.unwrap_or(0);
    loop {
        let input = input(target, options.seed, case);
        let start = Instant::now();
        let survived = catch_unwind(AssertUnwindSafe(|| target.check(&input))).is_ok();
        if !survived || start.elapsed() > CASE_LIMIT {
            let what = if survived { "too slow" } else { "failed" };
            println!(
                "{}: {what}; repeat with: {0} --seed {} --case {case}",
                target.name, options.seed
            );
            println!(
                "input ({} bytes): {}",
                input.len(),
                input[..input.len().min(2000)].escape_ascii()
            );
            return false;
        }
        case += 1;
        if options.case.is_some() || begin.elapsed() >= options.time {
            println!(
                "{}: {case} cases of seed {} passed",
                target.name, options.seed
            );
            return true;
        }
    }
}

/// The input of a case: a seed of the target, mutated.
fn input(target: &Target, seed: u64, case: u64) -> Vec<u8> {
    let mut random = Random(seed ^ case.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let mut input = random.pick(target.seeds).to_vec();
    for _ in 0..random.below(MUTATIONS_MAX) {
        mutate(&mut input, target, &mut random);
    }
    if random.below(LONG_ONE_IN) == 0 {
        let at = random.index(input.len() + 1);
        let byte = *random.pick(b"a1 *\"");
        let len = 60_000 + random.index(20_000);
        input.splice(at..at, std::iter::repeat_n(byte, len));
    }
    input
}

fn mutate(input: &mut Vec<u8>, target: &Target, random: &mut Random) {
    let at = random.index(input.len() + 1);
    let end = at + random.index((input.len() - at).min(16) + 1);
    match random.below(8) {
        0 => {
            input.drain(at..end);
        }
        1 => {
            let copy = input[at..end].to_vec();
            input.splice(at..at, copy);
        }
        2 if at < input.len() => input[at] ^= 1 << random.below(8),
        3 => input.insert(at, u8::try_from(random.below(256)).expect("below 256")),
        4 => input.truncate(at),
        5 => {
            let other = *random.pick(target.seeds);
            let from = random.index(other.len() + 1);
            input.splice(at..end, other[from..].iter().copied());
        }
        6 => {
            let number = random.next() >> random.below(64);
            input.splice(at..end, number.to_string().into_bytes());
        }
        _ => {
            let word = *random.pick(target.words);
            input.splice(at..at, word.iter().copied());
        }
    }
}

/// SplitMix64: small, and a case needs only its own number to be repeated.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn index(&mut self, bound: usize) -> usize {
        usize::try_from(self.below(bound as u64)).expect("below a usize")
    }

    fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.index(items.len())]
    }
}
