//! Redis 7.0.15's own Tcl tests against our binary: fetch, run, count, compare with what is
//! recorded.
//!
//! `cargo test --test suite -- [--server PATH] [--shards LIST] [--verbose] [UNIT...]`. The tests
//! come from Debian's source package (`suite/source.rs`) and are never committed. Each unit runs
//! against a fresh server in external mode. A unit fails on any err, any exception, or fewer oks
//! than `suite/units.txt` records; what is not run stands in `suite/skip.txt` with its reason.

#![allow(
    clippy::disallowed_methods,
    reason = "a test driver touches files and processes itself"
)]

mod harness;
#[path = "suite/source.rs"]
mod source;
#[path = "suite/unit.rs"]
mod unit;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::thread;

use unit::{Choice, Outcome, Workplace};

/// What the command line asked for.
struct Options {
    server: PathBuf,
    /// Numbers of shards; none for a stock server, which has no such option.
    shards: Vec<Option<String>>,
    /// Units by name; all recorded ones when empty.
    units: Vec<String>,
    verbose: bool,
}

/// One line of `units.txt`.
struct Recorded {
    unit: String,
    minimal_ok: usize,
    choice: Choice,
}

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(reason) => {
            println!("suite: {reason}");
            println!("suite: 0 passed; 1 failed");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<bool, String> {
    let options = parse_options()?;
    let scratch = Path::new(env!("CARGO_TARGET_TMPDIR")).join("suite");
    fs::create_dir_all(&scratch).map_err(|error| format!("{}: {error}", scratch.display()))?;
    let tree = source::redis_tree(&scratch)?;
    let skip = write_skip_file(&scratch)?;
    let recorded = chosen_units(&options)?;

    let results: Mutex<Vec<(usize, Outcome)>> = Mutex::new(Vec::new());
    thread::scope(|scope| {
        let mut workers = Vec::new();
        for (column, shards) in options.shards.iter().enumerate() {
            let (options, recorded, results) = (&options, &recorded, &results);
            let (scratch, tree, skip) = (&scratch, &tree, &skip);
            workers.push(scope.spawn(move || -> Result<(), String> {
                let place = Workplace::prepare(scratch, tree, skip, column)?;
                for line in recorded {
                    let outcome =
                        place.run(&options.server, shards.as_deref(), &line.unit, line.choice);
                    report(line, shards.as_deref(), &outcome, options.verbose);
                    let mut held = results.lock().map_err(|_| "a worker panicked")?;
                    held.push((line.minimal_ok, outcome));
                }
                Ok(())
            }));
        }
        for worker in workers {
            worker
                .join()
                .map_err(|_| "a worker panicked".to_string())??;
        }
        Ok::<(), String>(())
    })?;
    let results = results.into_inner().map_err(|_| "a worker panicked")?;
    Ok(summarise(&results))
}

fn parse_options() -> Result<Options, String> {
    let mut server = PathBuf::from(env!("CARGO_BIN_EXE_cairn-server"));
    let mut shards = "1,4".to_string();
    let mut units = Vec::new();
    let mut verbose = false;
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or(format!("{word} wants a value"));
        match word.as_str() {
            "--server" => server = PathBuf::from(value()?),
            "--shards" => shards = value()?,
            "--verbose" => verbose = true,
            _ if word.starts_with('-') => return Err(format!("unknown option {word}")),
            _ => units.push(word),
        }
    }
    let stock = server
        .file_name()
        .is_some_and(|name| name == "redis-server");
    let shards = match stock {
        true => vec![None],
        false => shards
            .split(',')
            .map(|count| Some(count.to_string()))
            .collect(),
    };
    Ok(Options {
        server,
        shards,
        units,
        verbose,
    })
}

/// The recorded units that were asked for; a unit that is not recorded has a minimum of 1.
fn chosen_units(options: &Options) -> Result<Vec<Recorded>, String> {
    let mut recorded = Vec::new();
    for line in lines(include_str!("suite/units.txt")) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [unit, count, flags @ ..] = &words[..] else {
            return Err(format!("units.txt: {line}"));
        };
        let mut choice = Choice::default();
        for flag in flags {
            match *flag {
                "slow" => choice.slow = true,
                "ignore-encoding" => choice.ignore_encoding = true,
                _ => return Err(format!("units.txt: {line}")),
            }
        }
        let minimal_ok = count.parse().map_err(|_| format!("units.txt: {line}"))?;
        recorded.push(Recorded {
            unit: (*unit).to_string(),
            minimal_ok,
            choice,
        });
    }
    if options.units.is_empty() {
        return Ok(recorded);
    }
    let wanted = options.units.iter().map(|unit| {
        let known = recorded.iter().find(|line| line.unit == *unit);
        Recorded {
            unit: unit.clone(),
            minimal_ok: known.map_or(1, |line| line.minimal_ok),
            choice: known.map_or(Choice::default(), |line| line.choice),
        }
    });
    Ok(wanted.collect())
}

/// The skip list as the Tcl runner wants it: names and patterns only, no comments.
fn write_skip_file(scratch: &Path) -> Result<PathBuf, String> {
    let path = scratch.join("skip");
    let names: Vec<&str> = lines(include_str!("suite/skip.txt")).collect();
    let text = names.join(
        "
",
    );
    fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(path)
}

/// Lines that are neither empty nor comments.
fn lines(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
}

fn report(line: &Recorded, shards: Option<&str>, outcome: &Outcome, verbose: bool) {
    println!(
        "{} {:26} shards {:2} ok {:4} (at least {:4}) err {:3} skip {:3} {:4} s",
        if outcome.good(line.minimal_ok) {
            "pass"
        } else {
            "FAIL"
        },
        line.unit,
        shards.unwrap_or("-"),
        outcome.ok,
        line.minimal_ok,
        outcome.errors.len(),
        outcome.skipped,
        outcome.seconds,
    );
    for error in &outcome.errors {
        println!("     {error}");
    }
    if let Some(reason) = &outcome.broken {
        println!("     {}", reason.replace('\n', "\n     "));
    }
    if verbose {
        println!("{}", outcome.transcript);
    }
}

/// Prints the totals; true when all is good. Each ok and each err counts, and so does a broken
/// unit.
fn summarise(results: &[(usize, Outcome)]) -> bool {
    let passed: usize = results.iter().map(|(_, outcome)| outcome.ok).sum();
    let skipped: usize = results.iter().map(|(_, outcome)| outcome.skipped).sum();
    let errors: usize = results
        .iter()
        .map(|(_, outcome)| outcome.errors.len())
        .sum();
    let silent = results
        .iter()
        .filter(|(minimal, outcome)| outcome.errors.is_empty() && !outcome.good(*minimal))
        .count();
    println!(
        "suite: {passed} passed; {} failed; {skipped} skipped",
        errors + silent
    );
    errors + silent == 0
}
