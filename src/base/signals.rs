//! Signals: a thread of its own waits for them, so no handler ever runs in a shard.
//!
//! SIGINT and SIGTERM ask the server to stop, SIGHUP opens the log's file by its name again;
//! SIGPIPE is ignored, as redis-server does. Must be installed before any other thread is started,
//! because the others inherit the blocked mask.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::log;
use super::socket::error_text;
use super::wake::Wakers;

/// Blocks the signals in this and all later threads and starts the thread that waits for them. At
/// SIGINT or SIGTERM `stop` is set and every shard is woken; a further SIGINT ends the process at
/// once.
pub fn install(wakers: Arc<Wakers>, stop: Arc<AtomicBool>) {
    // SAFETY: the set is initialised by sigemptyset before use; the calls only change this thread's
    // mask and the disposition of one signal that nobody else handles.
    let set = unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        libc::sigaddset(&raw mut set, libc::SIGINT);
        libc::sigaddset(&raw mut set, libc::SIGTERM);
        libc::sigaddset(&raw mut set, libc::SIGHUP);
        libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut());
        libc::signal(libc::SIGPIPE, libc::SIG_IGN);
        set
    };
    let waiter = move || {
        loop {
            let mut signal = 0;
            // SAFETY: both pointers are to live locals of this thread.
            let result = unsafe { libc::sigwait(&raw const set, &raw mut signal) };
            assert!(result == 0, "sigwait fails only for an invalid set");
            if signal == libc::SIGHUP {
                reopen_log();
                continue;
            }
            let again = stop.swap(true, Ordering::SeqCst);
            if again && signal == libc::SIGINT {
                log::warning("You insist... exiting now.");
                std::process::exit(1);
            }
            let name = if signal == libc::SIGINT {
                "SIGINT"
            } else {
                "SIGTERM"
            };
            log::warning(format_args!("Received {name} scheduling shutdown..."));
            for shard in 0..wakers.shards() {
                wakers.waker(shard).wake();
            }
        }
    };
    std::thread::Builder::new()
        .name("signals".into())
        .spawn(waiter)
        .expect("the first thread of a process can be started");
}

/// After the old file was renamed, as logrotate does.
fn reopen_log() {
    match log::reopen() {
        Ok(true) => log::notice("Received SIGHUP, the log file was opened again"),
        Ok(false) => {}
        Err(error) => {
            let reason = error_text(&error);
            log::warning(format_args!("Can't open the log file again: {reason}"));
        }
    }
}
