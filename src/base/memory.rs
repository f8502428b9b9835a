//! Anonymous mappings: the memory of receive buffers and rings.
//!
//! A mapping belongs to one shard and is made once, at its start, on the shard's own thread, so
//! that first touch places it on the shard's NUMA node. Large mappings are aligned so that the
//! kernel can back them with huge pages.

use std::io;
use std::ptr::NonNull;

/// The size of a huge page on x86-64 and (with 4 KiB base pages) on arm64.
const HUGE_PAGE_BYTES: usize = 2 * 1024 * 1024;

/// A private, zeroed mapping; unmapped on drop.
pub(super) struct Mapping {
    base: NonNull<u8>,
    bytes: usize,
}

impl Mapping {
    /// Maps `bytes` zeroed bytes, aligned to a huge page when at least one fits.
    ///
    /// # Errors
    /// When the system has no memory or address space left.
    pub(super) fn new(bytes: usize) -> io::Result<Self> {
        assert!(bytes > 0, "an empty mapping has no address");
        let huge = bytes >= HUGE_PAGE_BYTES;
        let reserved = if huge { bytes + HUGE_PAGE_BYTES } else { bytes };
        // SAFETY: a fresh anonymous mapping at an address of the kernel's choice touches nothing we
        // own.
        let start = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                reserved,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                -1,
                0,
            )
        };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = start.cast::<u8>();
        let skip = if huge {
            start.align_offset(HUGE_PAGE_BYTES)
        } else {
            0
        };
        // SAFETY: `skip` is less than one huge page, which is what was reserved beyond `bytes`.
        let base = unsafe { start.add(skip) };
        if huge {
            // SAFETY: both calls stay inside the mapping made above: what is unmapped is its unused
            // tail, rounded up to a whole page, and advice changes no content.
            unsafe {
                let tail = (skip + bytes).next_multiple_of(page_bytes());
                if tail < reserved {
                    libc::munmap(start.add(tail).cast(), reserved - tail);
                }
                if skip > 0 {
                    libc::munmap(start.cast(), skip);
                }
                libc::madvise(base.cast(), bytes, libc::MADV_HUGEPAGE);
            }
        }
        Ok(Mapping {
            base: NonNull::new(base).expect("mmap never maps the null page"),
            bytes,
        })
    }

    pub(super) fn base(&self) -> *mut u8 {
        self.base.as_ptr()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: exactly this range was mapped by `new` and nobody else unmaps it.
        unsafe { libc::munmap(self.base.as_ptr().cast(), self.bytes) };
    }
}

/// The size of a base page.
pub(super) fn page_bytes() -> usize {
    // SAFETY: sysconf only reads a constant.
    let bytes = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    usize::try_from(bytes).expect("every system has a page size")
}
