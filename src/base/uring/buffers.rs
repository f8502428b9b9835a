//! The provided-buffer ring: memory that the kernel fills when bytes arrive.
//!
//! Owned by `UringIo`. The kernel takes buffers from the head of the ring; a recycled buffer is
//! published by advancing the tail, without a system call. Each buffer is lent to the shard as a
//! `Buffer` and comes back exactly once.
//!
//! ```text
//! entries:  | address:u64 | length:u32 | id:u16 | reserved:u16 |  x count, 16 bytes each
//!           the tail (u16) lies in the reserved field of entry 0
//! ```

use std::io;
use std::mem::ManuallyDrop;
use std::sync::atomic::{AtomicU16, Ordering};

use io_uring::Submitter;
use io_uring::types::BufRingEntry;

use crate::base::io::Buffer;
use crate::base::memory::Mapping;

/// The only buffer group of a ring.
pub(super) const GROUP: u16 = 0;

pub(super) struct BufferRing {
    entries: ManuallyDrop<Mapping>,
    memory: ManuallyDrop<Mapping>,
    count: u16,
    buffer_bytes: u32,
    tail: u16,
    /// Buffers that the shard holds.
    lent: u16,
}

impl BufferRing {
    /// Maps `count` (a power of two) buffers and registers them with the ring.
    ///
    /// # Errors
    /// When memory is short or the kernel has no provided-buffer rings (before 5.19).
    pub(super) fn new(
        submitter: &Submitter<'_>,
        count: usize,
        buffer_bytes: usize,
    ) -> io::Result<Self> {
        assert!(count.is_power_of_two(), "the kernel wants a power of two");
        let count = u16::try_from(count).expect("limits.rs bounds the number of buffers");
        let entries = Mapping::new(usize::from(count) * size_of::<BufRingEntry>())?;
        let memory = Mapping::new(usize::from(count) * buffer_bytes)?;
        // SAFETY: the entries are a zeroed, page-aligned mapping of `count` entries that lives as long
        // as the ring: `UringIo` drops the ring before its buffers.
        unsafe {
            submitter.register_buf_ring_with_flags(entries.base() as u64, count, GROUP, 0)?;
        }
        let mut ring = BufferRing {
            entries: ManuallyDrop::new(entries),
            memory: ManuallyDrop::new(memory),
            count,
            buffer_bytes: u32::try_from(buffer_bytes).expect("limits.rs bounds a buffer"),
            tail: 0,
            lent: 0,
        };
        for id in 0..count {
            ring.publish(id);
        }
        Ok(ring)
    }

    /// Buffers that the kernel may fill.
    pub(super) fn free(&self) -> usize {
        usize::from(self.count - self.lent)
    }

    /// Lends the buffer that the kernel has filled with `len` bytes.
    pub(super) fn lend(&mut self, id: u16, len: u32) -> Buffer {
        assert!(
            id < self.count && len <= self.buffer_bytes,
            "the kernel named a foreign buffer"
        );
        self.lent += 1;
        Buffer {
            bytes: self.address(id),
            len,
            id: u32::from(id),
        }
    }

    pub(super) fn recycle(&mut self, buffer: Buffer) {
        let id = u16::try_from(buffer.id).expect("lend gave out a u16");
        assert!(
            buffer.bytes == self.address(id).cast_const(),
            "a buffer of another shard"
        );
        assert!(self.lent > 0, "more buffers came back than were lent");
        self.lent -= 1;
        self.publish(id);
    }

    /// Gives a buffer back that the shard never saw.
    pub(super) fn publish(&mut self, id: u16) {
        let index = usize::from(self.tail & (self.count - 1));
        let base = self.entries.base().cast::<BufRingEntry>();
        // SAFETY: the index is below `count`, the mapping holds `count` entries, and the kernel does
        // not read an entry at or beyond the tail. The tail is the aligned u16 that the kernel shares
        // with us; it is written by this thread only and must become visible after the entry.
        unsafe {
            let entry = &mut *base.add(index);
            entry.set_addr(self.address(id) as u64);
            entry.set_len(self.buffer_bytes);
            entry.set_bid(id);
            self.tail = self.tail.wrapping_add(1);
            let tail = AtomicU16::from_ptr(BufRingEntry::tail(base).cast_mut());
            tail.store(self.tail, Ordering::Release);
        }
    }

    fn address(&self, id: u16) -> *mut u8 {
        let offset = usize::from(id) * self.buffer_bytes as usize;
        assert!(offset < self.memory.bytes(), "buffer {id} does not exist");
        // SAFETY: the offset is inside the mapping, as just checked.
        unsafe { self.memory.base().add(offset) }
    }
}

impl Drop for BufferRing {
    fn drop(&mut self) {
        // A Buffer that outlives its ring must still point at memory, so it is leaked in that case.
        if self.lent > 0 {
            return;
        }
        // SAFETY: dropped once, here; the ring is gone (see `new`) and no Buffer is out.
        unsafe {
            ManuallyDrop::drop(&mut self.entries);
            ManuallyDrop::drop(&mut self.memory);
        }
    }
}
