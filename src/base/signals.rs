//! Signals: a thread of its own waits for them, so no handler ever runs in a shard.
//!
//! SIGINT and SIGTERM ask the server to stop; SIGPIPE and SIGHUP are ignored, as redis-server does. Must be
//! installed before any other thread is started, because the others inherit the blocked mask.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::wake::Wakers;

/// Blocks the signals in this and all later threads and starts the thread that waits for them.
/// At SIGINT or SIGTERM `stop` is set and every shard is woken; the second one ends the process at once.
pub fn install(wakers: Arc<Wakers>, stop: Arc<AtomicBool>) {
    // SAFETY: the set is initialised by sigemptyset before use; the calls only change this thread's mask
    // and the dispositions of two signals that nobody else handles.
    let set = unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        libc::sigaddset(&raw mut set, libc::SIGINT);
        libc::sigaddset(&raw mut set, libc::SIGTERM);
        libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut());
        libc::signal(libc::SIGPIPE, libc::SIG_IGN);
        libc::signal(libc::SIGHUP, libc::SIG_IGN);
        set
    };
    let waiter = move || {
        loop {
            let mut signal = 0;
            // SAFETY: both pointers are to live locals of this thread.
            let result = unsafe { libc::sigwait(&raw const set, &raw mut signal) };
            assert!(result == 0, "sigwait fails only for an invalid set");
            if stop.swap(true, Ordering::SeqCst) {
                std::process::exit(1);
            }
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
