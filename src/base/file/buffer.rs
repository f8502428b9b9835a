//! The memory of one read or write.
//!
//! Aligned so that a file may be read and written past the system's cache. Whoever asks for an
//! operation gives the buffer away and gets it back when that has ended: in between the kernel, the
//! file thread or the simulated disk has it, and nobody else. Never grows.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::fmt;
use std::ops::Deref;
use std::ptr::NonNull;

use crate::limits::{FILE_ALIGNMENT, FILE_BUFFER_BYTES_MAX};

/// Bytes at an address that is a multiple of `FILE_ALIGNMENT`; dereferences to what it holds.
///
/// One pointer, so that events that bring one are no larger than others.
pub struct FileBuffer(Box<Block>);

struct Block {
    memory: NonNull<u8>,
    capacity: u32,
    len: u32,
}

// SAFETY: the memory belongs to the buffer alone and is reached through it only.
unsafe impl Send for FileBuffer {}

impl FileBuffer {
    /// An empty buffer for at least so many bytes, rounded up to whole alignments.
    #[must_use]
    pub fn with_capacity(bytes: usize) -> Self {
        let capacity = bytes.max(1).next_multiple_of(FILE_ALIGNMENT);
        assert!(
            capacity <= FILE_BUFFER_BYTES_MAX,
            "limits.rs bounds a buffer"
        );
        let layout = layout(capacity);
        // SAFETY: the layout is not of size zero.
        let memory = unsafe { alloc_zeroed(layout) };
        Self(Box::new(Block {
            memory: NonNull::new(memory).unwrap_or_else(|| handle_alloc_error(layout)),
            capacity: u32::try_from(capacity).expect("FILE_BUFFER_BYTES_MAX fits 32 bits"),
            len: 0,
        }))
    }

    /// A buffer that holds these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let mut buffer = Self::with_capacity(bytes.len());
        buffer.push(bytes);
        buffer
    }

    /// Appends bytes for which there is room.
    pub fn push(&mut self, bytes: &[u8]) {
        assert!(bytes.len() <= self.room(), "a file buffer does not grow");
        // SAFETY: behind `len` there is room for the bytes, and they lie elsewhere: nobody else
        // reaches this memory.
        unsafe {
            let target = self.0.memory.as_ptr().add(self.0.len as usize);
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), target, bytes.len());
        }
        self.0.len += bytes.len() as u32;
    }

    /// Forgets what it holds.
    pub fn clear(&mut self) {
        self.0.len = 0;
    }

    #[must_use]
    pub fn capacity(&self) -> usize {
        self.0.capacity as usize
    }

    /// Bytes that still fit.
    #[must_use]
    pub fn room(&self) -> usize {
        (self.0.capacity - self.0.len) as usize
    }

    /// Where the byte at an offset lies, for system calls.
    pub(in crate::base) fn address(&mut self, offset: u32) -> *mut u8 {
        assert!(offset <= self.0.capacity, "an offset inside the buffer");
        // SAFETY: the offset is inside the allocation, or just behind it.
        unsafe { self.0.memory.as_ptr().add(offset as usize) }
    }

    /// So many bytes have been filled through `address`.
    pub(in crate::base) fn set_len(&mut self, len: u32) {
        assert!(len <= self.0.capacity, "more was read than fits");
        self.0.len = len;
    }
}

impl Deref for FileBuffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: the memory was zeroed when it was made, so all of it is initialised.
        unsafe { std::slice::from_raw_parts(self.0.memory.as_ptr(), self.0.len as usize) }
    }
}

impl fmt::Debug for FileBuffer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "FileBuffer({} of {})",
            self.0.len, self.0.capacity
        )
    }
}

impl Drop for FileBuffer {
    fn drop(&mut self) {
        // SAFETY: allocated by `with_capacity` with this very layout.
        unsafe { dealloc(self.0.memory.as_ptr(), layout(self.0.capacity as usize)) };
    }
}

fn layout(capacity: usize) -> Layout {
    Layout::from_size_align(capacity, FILE_ALIGNMENT)
        .expect("FILE_ALIGNMENT is a power of two and the capacity bounded")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_are_aligned_and_hold_what_is_pushed() {
        for bytes in [0, 1, 4095, 4096, 4097, 1 << 20] {
            let mut buffer = FileBuffer::with_capacity(bytes);
            assert_eq!(buffer.capacity() % FILE_ALIGNMENT, 0);
            assert!(buffer.capacity() >= bytes.max(1) && buffer.is_empty());
            assert!((buffer.address(0) as usize).is_multiple_of(FILE_ALIGNMENT));
            let whole: Vec<u8> = (0..bytes).map(|index| index as u8).collect();
            let (first, second) = whole.split_at(bytes / 3);
            buffer.push(first);
            buffer.push(second);
            assert_eq!(&buffer[..], whole);
            assert_eq!(buffer.room(), buffer.capacity() - bytes);
            buffer.clear();
            assert!(buffer.is_empty());
        }
    }

    #[test]
    #[should_panic(expected = "does not grow")]
    fn buffers_do_not_grow() {
        FileBuffer::of(&[1; 4096]).push(b"x");
    }
}
