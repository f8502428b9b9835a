//! The memory of one shard's receive buffers and the account of who holds them.
//!
//! Shared by both back ends: with uring the kernel chooses the buffer, with epoll a free list does.
//! Every buffer is lent to the shard at most once at a time and comes back through `take_back`.

use std::io;
use std::mem::ManuallyDrop;

use super::io::Buffer;
use super::memory::Mapping;

pub(super) struct Pool {
    memory: ManuallyDrop<Mapping>,
    count: u16,
    buffer_bytes: u32,
    /// Buffers that the shard holds.
    lent: u16,
}

impl Pool {
    /// # Errors
    /// When memory is short.
    pub(super) fn new(count: usize, buffer_bytes: usize) -> io::Result<Self> {
        let memory = Mapping::new(count * buffer_bytes)?;
        Ok(Pool {
            memory: ManuallyDrop::new(memory),
            count: u16::try_from(count).expect("limits.rs bounds the number of buffers"),
            buffer_bytes: u32::try_from(buffer_bytes).expect("limits.rs bounds a buffer"),
            lent: 0,
        })
    }

    pub(super) fn count(&self) -> u16 {
        self.count
    }

    pub(super) fn buffer_bytes(&self) -> u32 {
        self.buffer_bytes
    }

    /// Buffers that the shard does not hold.
    pub(super) fn free(&self) -> usize {
        usize::from(self.count - self.lent)
    }

    /// Lends a buffer whose first `len` bytes have been filled.
    pub(super) fn lend(&mut self, id: u16, len: u32) -> Buffer {
        assert!(
            id < self.count && len <= self.buffer_bytes,
            "a foreign buffer"
        );
        self.lent += 1;
        Buffer {
            bytes: self.address(id),
            len,
            id: u32::from(id),
        }
    }

    /// The id of a buffer that the shard gives back.
    pub(super) fn take_back(&mut self, buffer: &Buffer) -> u16 {
        let id = u16::try_from(buffer.id).expect("lend gave out a u16");
        assert!(
            buffer.bytes == self.address(id).cast_const(),
            "a buffer of another shard"
        );
        assert!(self.lent > 0, "more buffers came back than were lent");
        self.lent -= 1;
        id
    }

    pub(super) fn address(&self, id: u16) -> *mut u8 {
        let offset = usize::from(id) * self.buffer_bytes as usize;
        assert!(offset < self.memory.bytes(), "buffer {id} does not exist");
        // SAFETY: the offset is inside the mapping, as just checked.
        unsafe { self.memory.base().add(offset) }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        // A Buffer that outlives its back end must still point at memory, which is leaked in that
        // case.
        if self.lent == 0 {
            // SAFETY: dropped once, here, and no Buffer is out.
            unsafe { ManuallyDrop::drop(&mut self.memory) };
        }
    }
}
