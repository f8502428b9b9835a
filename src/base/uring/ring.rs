//! The submission and completion queues of one shard, and the one system call that serves both.
//!
//! Owned by `UringIo`. Knows how to set a ring up with the best flags that the kernel grants, how
//! to queue an entry without ever losing one, and when a system call can be saved. Knows nothing of
//! connections.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsRawFd, RawFd};

use io_uring::types::{SubmitArgs, Timespec};
use io_uring::{EnterFlags, IoUring, cqueue, squeue};

/// How completions reach the shard, from best to worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskWork {
    /// DEFER_TASKRUN: only inside the shard's own wait.
    Deferred,
    /// COOP_TASKRUN: at the shard's next system call, without an interrupt.
    Cooperative,
    /// Whenever the kernel likes, by interrupting the shard.
    Interrupting,
}

pub(in crate::base) struct Ring {
    queues: IoUring,
    task_work: TaskWork,
    /// Entries that found the queue full while the kernel could not take any.
    backlog: VecDeque<squeue::Entry>,
}

impl Ring {
    /// # Errors
    /// When the kernel has no io_uring, forbids it, or cannot wait with a timeout (before 5.11).
    pub(super) fn new(entries: u32) -> io::Result<Self> {
        let mut refusal = None;
        for (task_work, direct) in [
            (TaskWork::Deferred, true),
            (TaskWork::Deferred, false),
            (TaskWork::Cooperative, false),
            (TaskWork::Interrupting, false),
        ] {
            match build(entries, task_work, direct) {
                Ok(ring) if ring.params().is_feature_ext_arg() => {
                    return Ok(Ring {
                        queues: ring,
                        task_work,
                        backlog: VecDeque::new(),
                    });
                }
                Ok(_) => return Err(io::Error::from_raw_os_error(libc::ENOSYS)),
                Err(error) => refusal = Some(error),
            }
        }
        Err(refusal.expect("every variant was tried and refused"))
    }

    pub(super) fn task_work(&self) -> TaskWork {
        self.task_work
    }

    pub(super) fn descriptor(&self) -> RawFd {
        self.queues.as_raw_fd()
    }

    pub(super) fn submitter(&self) -> io_uring::Submitter<'_> {
        self.queues.submitter()
    }

    /// Queues an entry for the next `enter`.
    ///
    /// # Safety
    /// Memory that the entry names must stay valid until its completion has been reaped.
    pub(super) unsafe fn push(&mut self, entry: squeue::Entry) {
        if self.backlog.is_empty() {
            // SAFETY: the caller's promise.
            if unsafe { self.queues.submission().push(&entry) }.is_ok() {
                return;
            }
            // A full queue is handed over at once; whether that worked shows at the next push.
            let _ = self.queues.submit();
            // SAFETY: the caller's promise.
            if unsafe { self.queues.submission().push(&entry) }.is_ok() {
                return;
            }
        }
        self.backlog.push_back(entry);
    }

    /// Submits what is queued, runs deferred completions, and sleeps at most `sleep_us` when there
    /// is no completion yet. Makes no system call when there is nothing to submit or to wait for.
    pub(super) fn enter(&mut self, sleep_us: u64) {
        self.queue_backlog();
        let ready = !self.queues.completion().is_empty();
        let submission = self.queues.submission();
        let queued = submission.len();
        let kernel_work = submission.taskrun() || submission.cq_overflow();
        drop(submission);
        let sleep = sleep_us > 0 && !ready && self.backlog.is_empty();
        if !sleep && queued == 0 && !kernel_work {
            return;
        }
        let result = if sleep {
            let time = Timespec::new()
                .sec(sleep_us / 1_000_000)
                .nsec((sleep_us % 1_000_000) as u32 * 1000);
            let arguments = SubmitArgs::new().timespec(&time);
            self.queues.submitter().submit_with_args(1, &arguments)
        } else {
            let count = u32::try_from(queued).expect("the queue is smaller than u32::MAX");
            // SAFETY: no argument block is passed, and entries were queued under `push`'s promise.
            unsafe {
                self.queues.submitter().enter::<libc::sigset_t>(
                    count,
                    0,
                    EnterFlags::GETEVENTS.bits(),
                    None,
                )
            }
        };
        if let Err(error) = result {
            // ETIME and EINTR end a sleep; EAGAIN and EBUSY mean that the kernel takes the entries
            // later, after completions were reaped: they are still queued. Anything else is our
            // bug.
            let expected = [
                libc::ETIME,
                libc::EINTR,
                libc::EAGAIN,
                libc::EBUSY,
                libc::ENOMEM,
            ];
            let errno = error.raw_os_error().unwrap_or(0);
            assert!(expected.contains(&errno), "io_uring_enter: {error}");
        }
    }

    /// Whether there are completions, or work of the kernel's that makes some.
    pub(super) fn is_ready(&mut self) -> bool {
        !self.queues.completion().is_empty() || self.queues.submission().taskrun()
    }

    fn queue_backlog(&mut self) {
        while let Some(entry) = self.backlog.front() {
            // SAFETY: whoever pushed the entry promised that its memory outlives its completion.
            if unsafe { self.queues.submission().push(entry) }.is_err() {
                return;
            }
            self.backlog.pop_front();
        }
    }

    /// Moves up to `limit` completions into `batch`.
    pub(super) fn reap(&mut self, batch: &mut Vec<cqueue::Entry>, limit: usize) {
        batch.extend(self.queues.completion().take(limit));
    }
}

fn build(entries: u32, task_work: TaskWork, direct: bool) -> io::Result<IoUring> {
    let mut builder = IoUring::builder();
    builder.setup_clamp().setup_cqsize(entries * 4);
    match task_work {
        TaskWork::Deferred => {
            builder
                .setup_single_issuer()
                .setup_defer_taskrun()
                .setup_coop_taskrun()
                .setup_taskrun_flag()
                .setup_submit_all();
        }
        TaskWork::Cooperative => {
            builder
                .setup_coop_taskrun()
                .setup_taskrun_flag()
                .setup_submit_all();
        }
        TaskWork::Interrupting => {}
    }
    if direct {
        builder.setup_no_sqarray();
    }
    builder.dontfork().build(entries)
}
