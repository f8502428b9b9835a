//! Waking a sleeping shard, from another shard or from a foreign thread.
//!
//! `Wakers` is made by main before any shard starts and shared by all; each shard publishes the
//! descriptor of its ring when it has one. A shard with a ring wakes another by a ring message,
//! which travels with its next submission; everyone else, such as the signal thread, writes the
//! eventfd.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

const NO_RING: RawFd = -1;

struct Target {
    event: OwnedFd,
    ring: AtomicI32,
}

/// The wake-up handles of all shards.
pub struct Wakers {
    targets: Vec<Target>,
}

impl Wakers {
    /// Makes the handles of `shards` shards.
    ///
    /// # Errors
    /// When the process has no descriptors left.
    pub fn new(shards: usize) -> io::Result<Arc<Self>> {
        let targets = (0..shards)
            .map(|_| {
                Ok(Target {
                    event: event_descriptor()?,
                    ring: AtomicI32::new(NO_RING),
                })
            })
            .collect::<io::Result<Vec<_>>>()?;
        Ok(Arc::new(Wakers { targets }))
    }

    /// Number of shards.
    #[must_use]
    pub fn shards(&self) -> usize {
        self.targets.len()
    }

    /// A handle for threads that are no shards.
    #[must_use]
    pub(super) fn waker(self: &Arc<Self>, shard: usize) -> Waker {
        assert!(shard < self.targets.len(), "shard {shard} does not exist");
        Waker {
            wakers: Arc::clone(self),
            shard,
        }
    }

    /// Ends the sleep of a shard by its eventfd; costs one system call.
    pub(super) fn signal(&self, shard: usize) {
        let one = 1_u64;
        // SAFETY: the descriptor is open as long as `self` lives and eight readable bytes are
        // given. A failure can only mean that the counter is full, and then the shard is woken
        // already.
        unsafe {
            libc::write(
                self.targets[shard].event.as_raw_fd(),
                (&raw const one).cast(),
                size_of::<u64>(),
            );
        }
    }

    pub(super) fn event(&self, shard: usize) -> RawFd {
        self.targets[shard].event.as_raw_fd()
    }

    pub(super) fn publish_ring(&self, shard: usize, ring: RawFd) {
        self.targets[shard].ring.store(ring, Ordering::Release);
    }

    pub(super) fn withdraw_ring(&self, shard: usize) {
        self.targets[shard].ring.store(NO_RING, Ordering::Release);
    }

    pub(super) fn ring(&self, shard: usize) -> Option<RawFd> {
        let ring = self.targets[shard].ring.load(Ordering::Acquire);
        (ring != NO_RING).then_some(ring)
    }
}

/// Wakes one shard from any thread.
#[derive(Clone)]
pub struct Waker {
    wakers: Arc<Wakers>,
    shard: usize,
}

impl Waker {
    /// Interrupts the shard's `poll`, or its next one.
    pub(super) fn wake(&self) {
        self.wakers.signal(self.shard);
    }
}

/// Blocking, because a ring refuses to wait on a descriptor that is set to non-blocking.
fn event_descriptor() -> io::Result<OwnedFd> {
    // SAFETY: eventfd takes no pointers; a non-negative result is a new descriptor that we own.
    unsafe {
        let descriptor = libc::eventfd(0, libc::EFD_CLOEXEC);
        if descriptor < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(OwnedFd::from_raw_fd(descriptor))
    }
}
