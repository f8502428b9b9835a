//! `--check-system`: what of this machine makes the server slower than it could be.
//!
//! Prints one line a check, as redis-server does, and starts nothing. A check only looks; what it
//! finds is put as advice.

use std::time::Duration;

use crate::base::{huge_pages, probe, process};

/// How long the clock is read, processor time.
const CLOCK_TRIAL: Duration = Duration::from_millis(50);
/// Share of that in the kernel from which on the clock is no plain read of memory, percent.
const CLOCK_SYSTEM_PERCENT: f64 = 10.0;

/// What a check finds.
enum Finding {
    Good,
    /// Nothing to look at here.
    Skipped,
    Bad(String),
}

type Check = (&'static str, fn() -> Finding);

const CHECKS: &[Check] = &[
    ("io_uring", io_uring),
    ("slow-clocksource", slow_clock_source),
    ("xen-clocksource", xen_clock_source),
    ("THP", transparent_huge_pages),
];

/// Prints what every check finds; true when nothing is bad.
pub fn check_system() -> bool {
    let mut good = true;
    for (name, check) in CHECKS {
        match check() {
            Finding::Good => println!("[{name}]...OK"),
            Finding::Skipped => println!("[{name}]...skipped"),
            Finding::Bad(advice) => {
                println!("[{name}]...WARNING:\n{advice}");
                good = false;
            }
        }
    }
    good
}

fn io_uring() -> Finding {
    match probe::probe(probe::Choice::Auto) {
        Ok(found) if found.backend == probe::Backend::Uring => Finding::Good,
        Ok(found) => Finding::Bad(format!(
            "io_uring cannot be used: {}. The server works with epoll, at more system calls per command. \
             Allow it with the sysctl kernel.io_uring_disabled=0 and in the container's seccomp profile.",
            found.reason
        )),
        Err(refusal) => Finding::Bad(format!("{refusal}\n{}", refusal.advice())),
    }
}

/// Each tick of a shard reads the clock; through the vDSO that costs no system call.
fn slow_clock_source() -> Finding {
    let share = process::clock_system_percent(CLOCK_TRIAL);
    if share <= CLOCK_SYSTEM_PERCENT {
        return Finding::Good;
    }
    Finding::Bad(format!(
        "Slow system clocksource detected: {share:.0} % of the time to read it is spent in the kernel. \
         Consider changing the system's clocksource: ls \
         /sys/devices/system/clocksource/clocksource0/available_clocksource, then tsc where it is listed."
    ))
}

fn xen_clock_source() -> Finding {
    match process::clock_source() {
        None => Finding::Skipped,
        Some(source) if source == "xen" => Finding::Bad(
            "The system's clocksource is xen, which is slow on some machines. Consider: echo tsc > \
             /sys/devices/system/clocksource/clocksource0/current_clocksource"
                .to_string(),
        ),
        Some(_) => Finding::Good,
    }
}

/// `always` gives every small allocation of a shard 2 MB to grow into.
fn transparent_huge_pages() -> Finding {
    match &*huge_pages::kernel_setting() {
        "unknown" => Finding::Skipped,
        "always" => Finding::Bad(
            "Transparent huge pages are on for every program, which makes memory grow in steps of 2 MB. \
             Consider: echo madvise > /sys/kernel/mm/transparent_hugepage/enabled; `huge-pages` asks for \
             them where they help."
                .to_string(),
        ),
        _ => Finding::Good,
    }
}
