//! The provided-buffer ring: memory that the kernel fills when bytes arrive.
//!
//! Owned by `UringIo`. The kernel takes buffers from the head of the ring; a recycled buffer is
//! published by advancing the tail, without a system call.
//!
//! ```text
//! entries:  | address:u64 | length:u32 | id:u16 | reserved:u16 |  x count, 16 bytes each
//!           the tail (u16) lies in the reserved field of entry 0
//! ```

use std::io;
use std::sync::atomic::{AtomicU16, Ordering};

use io_uring::Submitter;
use io_uring::types::BufRingEntry;

use crate::base::io::Buffer;
use crate::base::memory::Mapping;
use crate::base::pool::Pool;
use crate::limits::RECEIVE_BUFFERS_OFFERED;

/// The only buffer group of a ring.
pub(in crate::base) const GROUP: u16 = 0;

pub(in crate::base) struct BufferRing {
    entries: Mapping,
    pool: Pool,
    tail: u16,
    /// Buffers that take part: the others have never been touched and cost no memory.
    offered: u16,
}

impl BufferRing {
    /// Maps `count` (a power of two) buffers and registers them with the ring.
    ///
    /// # Errors
    /// When memory is short or the kernel has no provided-buffer rings (before 5.19).
    pub(in crate::base) fn new(
        submitter: &Submitter<'_>,
        count: usize,
        buffer_bytes: usize,
    ) -> io::Result<Self> {
        assert!(count.is_power_of_two(), "the kernel wants a power of two");
        let pool = Pool::new(count, buffer_bytes)?;
        let entries = Mapping::new(count * size_of::<BufRingEntry>())?;
        // SAFETY: the entries are a zeroed, page-aligned mapping of `count` entries that lives as
        // long as the ring: whoever owns both drops the ring first.
        unsafe {
            submitter.register_buf_ring_with_flags(
                entries.base() as u64,
                pool.count(),
                GROUP,
                0,
            )?;
        }
        let mut ring = BufferRing {
            entries,
            pool,
            tail: 0,
            offered: 0,
        };
        ring.offer_up_to(RECEIVE_BUFFERS_OFFERED);
        Ok(ring)
    }

    fn offer_up_to(&mut self, wanted: u16) {
        let wanted = wanted.min(self.pool.count());
        for id in self.offered..wanted {
            self.publish(id);
        }
        self.offered = wanted;
    }

    /// The kernel found no buffer: from now on there are twice as many, as far as there are more.
    pub(super) fn ran_out(&mut self) {
        self.offer_up_to(self.offered.saturating_mul(2));
    }

    /// Buffers that the kernel may fill.
    pub(super) fn free(&self) -> usize {
        self.pool.free() - usize::from(self.pool.count() - self.offered)
    }

    /// Lends the buffer that the kernel has filled with `len` bytes.
    pub(super) fn lend(&mut self, id: u16, len: u32) -> Buffer {
        self.pool.lend(id, len)
    }

    pub(super) fn recycle(&mut self, buffer: &Buffer) {
        let id = self.pool.take_back(buffer);
        self.publish(id);
    }

    /// Offers a buffer to the kernel that the shard does not hold.
    pub(super) fn publish(&mut self, id: u16) {
        let index = usize::from(self.tail & (self.pool.count() - 1));
        let base = self.entries.base().cast::<BufRingEntry>();
        // SAFETY: the index is below `count`, the mapping holds `count` entries, and the kernel
        // does not read an entry at or beyond the tail. The tail is the aligned u16 that the kernel
        // shares with us; it is written by this thread only and must become visible after the
        // entry.
        unsafe {
            let entry = &mut *base.add(index);
            entry.set_addr(self.pool.address(id) as u64);
            entry.set_len(self.pool.buffer_bytes());
            entry.set_bid(id);
            self.tail = self.tail.wrapping_add(1);
            let tail = AtomicU16::from_ptr(BufRingEntry::tail(base).cast_mut());
            tail.store(self.tail, Ordering::Release);
        }
    }
}
