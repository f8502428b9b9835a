//! The file thread of a shard: waits for the disk where the shard must not.
//!
//! One per shard, started by the first request that needs it: all of them with epoll, with uring
//! those for which the kernel has no operation. Takes requests in the order asked, one at a time,
//! and wakes the shard through its eventfd when one has ended. Its queue is bounded by whoever owns
//! it (`FILE_REQUESTS_MAX`). Touches nothing of the shard but what it was given.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use super::perform::perform;
use super::{Ended, Operation, Outcome, RequestId, errno};
use crate::base::wake::Waker;
use crate::limits::FILE_SHUTDOWN_MS;

/// What shard and thread hand each other.
#[derive(Default)]
struct Queue {
    waiting: VecDeque<(RequestId, Operation)>,
    /// The operation goes home as well: its memory is the shard's.
    ended: Vec<(RequestId, Operation, io::Result<Outcome>)>,
    /// The thread carries one out.
    busy: bool,
    /// The shard has gone.
    stopped: bool,
}

struct Desk {
    queue: Mutex<Queue>,
    /// Something waits, or the thread has nothing to do any more.
    news: Condvar,
    waker: Waker,
}

impl Desk {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue
            .lock()
            .expect("nothing panics while it holds the queue")
    }
}

/// The shard's end.
pub(in crate::base) struct FileThread {
    waker: Waker,
    desk: Option<Arc<Desk>>,
    under_way: usize,
}

impl FileThread {
    /// No thread yet.
    pub(in crate::base) fn new(waker: Waker) -> Self {
        FileThread {
            waker,
            desk: None,
            under_way: 0,
        }
    }

    /// Requests that have not been taken home.
    pub(in crate::base) fn under_way(&self) -> usize {
        self.under_way
    }

    /// Starts the thread if there is none, and hands it a request.
    ///
    /// # Errors
    /// Hands the operation back when the system has no room for a thread.
    pub(in crate::base) fn submit(
        &mut self,
        id: RequestId,
        operation: Operation,
    ) -> Result<(), (Operation, io::Error)> {
        let desk = match &self.desk {
            Some(desk) => desk,
            None => match start(self.waker.clone()) {
                Ok(desk) => self.desk.insert(desk),
                Err(error) => return Err((operation, error)),
            },
        };
        self.under_way += 1;
        desk.lock().waiting.push_back((id, operation));
        desk.news.notify_all();
        Ok(())
    }

    /// Takes home what has ended.
    pub(in crate::base) fn collect(&mut self, mut take: impl FnMut(Ended)) {
        if self.under_way == 0 {
            return;
        }
        let Some(desk) = &self.desk else { return };
        let ended = std::mem::take(&mut desk.lock().ended);
        assert!(ended.len() <= self.under_way, "a request ends once");
        self.under_way -= ended.len();
        for (id, operation, result) in ended {
            take(operation.ended(id, result));
        }
    }

    /// Ends a request that has not begun.
    pub(in crate::base) fn cancel(&mut self, id: RequestId) {
        let Some(desk) = &self.desk else { return };
        let mut queue = desk.lock();
        let found = queue.waiting.iter().position(|(waiting, _)| *waiting == id);
        if let Some((id, operation)) = found.and_then(|at| queue.waiting.remove(at)) {
            let result = Err(errno(libc::ECANCELED));
            queue.ended.push((id, operation, result));
            desk.waker.wake();
        }
    }
}

impl Drop for FileThread {
    /// What has not begun never happens. What has is waited for, but not for ever: a disk that
    /// hangs keeps the thread, which owns all that it touches.
    fn drop(&mut self) {
        let Some(desk) = &self.desk else { return };
        let mut queue = desk.lock();
        queue.stopped = true;
        queue.waiting.clear();
        desk.news.notify_all();
        let deadline = Instant::now() + Duration::from_millis(FILE_SHUTDOWN_MS);
        while queue.busy {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            let (woken, _) = desk
                .news
                .wait_timeout(queue, left)
                .expect("nothing panics while it holds the queue");
            queue = woken;
        }
    }
}

fn start(waker: Waker) -> io::Result<Arc<Desk>> {
    let desk = Arc::new(Desk {
        queue: Mutex::default(),
        news: Condvar::new(),
        waker,
    });
    let of_thread = Arc::clone(&desk);
    std::thread::Builder::new()
        .name("files".to_owned())
        .spawn(move || serve(&of_thread))?;
    Ok(desk)
}

/// The thread's life.
fn serve(desk: &Desk) {
    let mut queue = desk.lock();
    loop {
        while let Some((id, mut operation)) = queue.waiting.pop_front() {
            queue.busy = true;
            drop(queue);
            let result = perform(&mut operation);
            queue = desk.lock();
            queue.busy = false;
            queue.ended.push((id, operation, result));
            // One signal for all that the shard has not taken home.
            if queue.ended.len() == 1 {
                desk.waker.wake();
            }
        }
        if queue.stopped {
            // Nobody will learn of these files.
            for (_, _, result) in queue.ended.drain(..) {
                if let Ok(Outcome::Opened(file)) = result {
                    super::close(file);
                }
            }
            desk.news.notify_all();
            return;
        }
        queue = desk
            .news
            .wait(queue)
            .expect("nothing panics while it holds the queue");
    }
}
