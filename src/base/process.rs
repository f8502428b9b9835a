//! This process as the system sees it: what it has used, for INFO; daemon, pid file, descriptors.
//!
//! A few system calls per question; never on the hot path. Whether the process becomes a daemon and
//! where its id is written, main decides.

use std::io;
use std::path::Path;

/// Processor time, seconds.
#[derive(Debug, Clone, Copy, Default)]
pub struct CpuTimes {
    pub system_s: f64,
    pub user_s: f64,
}

/// Whose processor time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    Process,
    /// Children that have ended.
    Children,
    /// The calling thread: a shard.
    Thread,
}

/// Processor time used so far.
#[must_use]
pub fn cpu_times(whose: Whose) -> CpuTimes {
    let who = match whose {
        Whose::Process => libc::RUSAGE_SELF,
        Whose::Children => libc::RUSAGE_CHILDREN,
        Whose::Thread => libc::RUSAGE_THREAD,
    };
    // SAFETY: a zeroed rusage is valid, and the call fills it.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        let result = libc::getrusage(who, &raw mut usage);
        assert!(result == 0, "getrusage fails only for an unknown kind");
        usage
    };
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    CpuTimes {
        system_s: seconds(usage.ru_stime),
        user_s: seconds(usage.ru_utime),
    }
}

/// `Linux 6.1.0 x86_64`, and the word size.
#[must_use]
pub fn system_name() -> String {
    // SAFETY: a zeroed utsname is valid, and the call fills it with texts that end in a zero byte.
    let names = unsafe {
        let mut names: libc::utsname = std::mem::zeroed();
        libc::uname(&raw mut names);
        names
    };
    let text = |bytes: &[libc::c_char]| -> String {
        let ended = bytes.iter().take_while(|&&byte| byte != 0);
        ended
            .map(|&byte| char::from(byte.cast_unsigned()))
            .collect()
    };
    format!(
        "{} {} {}",
        text(&names.sysname),
        text(&names.release),
        text(&names.machine)
    )
}

/// Memory of the machine, bytes.
#[must_use]
pub fn machine_memory_bytes() -> u64 {
    // SAFETY: sysconf only reads.
    let (pages, page_bytes) = unsafe {
        (
            libc::sysconf(libc::_SC_PHYS_PAGES),
            libc::sysconf(libc::_SC_PAGESIZE),
        )
    };
    u64::try_from(pages).unwrap_or(0) * u64::try_from(page_bytes).unwrap_or(0)
}

/// Goes on in a child of its own session without a terminal; the process that was called ends well.
/// Standard streams lead nowhere from then on.
///
/// Must come before the first thread is started: the child has none of them.
///
/// # Errors
/// When the system has no room for a process, or `/dev/null` cannot be opened.
pub fn become_daemon() -> io::Result<()> {
    let nowhere = std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/null")?;
    // SAFETY: the caller is the only thread, so the child's memory is whole; setsid and dup2 touch
    // descriptors and the session only.
    unsafe {
        match libc::fork() {
            -1 => return Err(io::Error::last_os_error()),
            0 => {}
            _ => libc::_exit(0),
        }
        libc::setsid();
        let nowhere = std::os::fd::AsRawFd::as_raw_fd(&nowhere);
        for stream in [libc::STDIN_FILENO, libc::STDOUT_FILENO, libc::STDERR_FILENO] {
            if libc::dup2(nowhere, stream) < 0 {
                return Err(io::Error::last_os_error());
            }
        }
    }
    super::arena::restart_background_thread();
    Ok(())
}

/// Writes the process's id to a file, as service scripts read it.
///
/// # Errors
/// Whatever the file system says.
pub fn write_id(path: &Path) -> io::Result<()> {
    std::fs::write(path, format!("{}\n", std::process::id()))
}

/// Removes a file that `write_id` wrote; one that is gone is no fault.
pub fn remove_id(path: &Path) {
    let _ = std::fs::remove_file(path);
}

/// Reads the clock for so much processor time; how much of that was the kernel's, percent.
#[must_use]
pub fn clock_system_percent(trial: std::time::Duration) -> f64 {
    let start = cpu_times(Whose::Thread);
    loop {
        for _ in 0..1000 {
            std::hint::black_box(super::clock::now());
        }
        let now = cpu_times(Whose::Thread);
        let (system, user) = (now.system_s - start.system_s, now.user_s - start.user_s);
        if system + user >= trial.as_secs_f64() {
            return system * 100.0 / (system + user);
        }
    }
}

/// What the kernel makes its clock of; None where it does not say.
#[must_use]
pub fn clock_source() -> Option<String> {
    let path = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
    let text = std::fs::read_to_string(path).ok()?;
    Some(text.trim().to_string())
}

/// The program's file.
#[must_use]
pub fn executable() -> String {
    std::env::current_exe()
        .map(|path| path.to_string_lossy().into_owned())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_process_has_used_something() {
        let mut sum = 0u64;
        while cpu_times(Whose::Process).user_s + cpu_times(Whose::Process).system_s == 0.0 {
            sum = (0..100_000u64).fold(sum, |sum, number| sum.wrapping_mul(31) ^ number);
        }
        assert!(cpu_times(Whose::Children).user_s >= 0.0);
        assert!(machine_memory_bytes() > 1 << 20);
        assert!(system_name().starts_with("Linux "));
        assert!(!executable().is_empty());
    }
}
