//! Memory: one jemalloc arena per shard, and exact counts of what is used.
//!
//! The allocator itself stands here. A shard's thread makes its arena after it was pinned, so that
//! first touch places the arena's pages on the shard's NUMA node. What a shard uses is read from
//! its thread's own counters and costs two loads; the process's figures for INFO cost a few calls.

use std::cell::Cell;
use std::fs;
use std::ptr;

use tikv_jemalloc_ctl::raw;

use super::memory::page_bytes;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// The allocator's settings; the environment's `MALLOC_CONF` comes after them.
///
/// Slabs of the sizes that small entries have get 512 objects instead of 128 or 256: what the
/// allocator notes of each slab is 1.3 % of memory else. One thread for all arenas gives unused
/// pages back to the kernel: shards would do so in the middle of a command, after a quiet time all
/// at once (a quarter of a second for 10 million keys), and idle ones never.
// SAFETY: the name, and the type (a pointer to a text that ends in a zero byte), are those the
// allocator documents; the reference is to the text's first character, and the text never goes.
#[unsafe(export_name = "malloc_conf")]
#[used]
static SETTINGS: &libc::c_char = unsafe {
    &*c"slab_sizes:32-32:4|48-48:6|80-80:10|96-96:12|112-112:14,background_thread:true,max_background_threads:1".as_ptr()
};

/// A fork leaves the allocator's thread behind; this starts it again in the child.
pub(super) fn restart_background_thread() {
    // SAFETY: `background_thread` takes a boolean.
    let started = unsafe { raw::write(b"background_thread\0", true) };
    if let Err(error) = started {
        super::log::warning(format_args!(
            "unused memory goes back to the system late: {error}"
        ));
    }
}

/// The arena of one shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arena {
    index: u32,
}

/// What an arena's memory is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pages {
    /// The kernel's ordinary pages.
    Base,
    /// Huge pages wherever the kernel has one.
    Transparent,
}

impl Arena {
    /// Makes an arena and lets the calling thread allocate from it from now on.
    ///
    /// # Errors
    /// What the allocator says: in practice, that memory is short or there are too many arenas.
    pub fn bind_new(pages: Pages) -> Result<Self, String> {
        // SAFETY: `arenas.create` yields and `thread.arena` takes an unsigned int; flushing takes
        // and yields nothing. The flush gives cached memory of the former arena back.
        unsafe {
            let index: u32 = raw::read(b"arenas.create\0").map_err(|error| error.to_string())?;
            if pages == Pages::Transparent {
                super::huge_pages::make_transparent(index)?;
            }
            raw::write(b"thread.arena\0", index).map_err(|error| error.to_string())?;
            tikv_jemalloc_sys::mallctl(
                c"thread.tcache.flush".as_ptr(),
                ptr::null_mut(),
                ptr::null_mut(),
                ptr::null_mut(),
                0,
            );
            Ok(Arena { index })
        }
    }

    /// The allocator's number of the arena.
    #[must_use]
    pub fn index(self) -> u32 {
        self.index
    }
}

/// What the calling thread has allocated and freed, as running counters.
///
/// Memory that one thread allocates and another frees counts as used at the first and as negative
/// at the second: long replies do so on their way home. Only the sum over threads means anything.
#[derive(Debug)]
pub struct ThreadMemory {
    // Raw pointers also keep this value on its thread: the counters live in the thread's own
    // storage.
    allocated: *const Cell<u64>,
    deallocated: *const Cell<u64>,
}

impl ThreadMemory {
    /// The counters of the calling thread.
    ///
    /// # Errors
    /// When the allocator was built without statistics.
    pub fn of_this_thread() -> Result<Self, String> {
        // SAFETY: both names yield a pointer to a u64 in the calling thread's storage.
        unsafe {
            Ok(ThreadMemory {
                allocated: raw::read(b"thread.allocatedp\0").map_err(|error| error.to_string())?,
                deallocated: raw::read(b"thread.deallocatedp\0")
                    .map_err(|error| error.to_string())?,
            })
        }
    }

    /// Bytes that this thread has allocated and not freed, size classes included; negative when it
    /// has freed more, having lived off memory of other threads. The sum over all threads is exact.
    #[must_use]
    pub fn used_bytes(&self) -> i64 {
        // SAFETY: the counters live as long as the thread, and this value cannot leave it; nothing
        // else writes them. Reading through a Cell keeps the compiler from caching them across
        // allocations.
        let (allocated, deallocated) = unsafe {
            (
                ptr::read_volatile(self.allocated),
                ptr::read_volatile(self.deallocated),
            )
        };
        allocated
            .get()
            .wrapping_sub(deallocated.get())
            .cast_signed()
    }
}

/// The allocator's figures for the whole process, bytes; as INFO memory names them.
#[derive(Debug, Clone, Copy, Default)]
pub struct ProcessMemory {
    /// Handed out to the program.
    pub allocated: u64,
    /// In pages that hold at least one allocation.
    pub active: u64,
    /// In memory, dirty pages included.
    pub resident: u64,
    /// The allocator's own.
    pub metadata: u64,
    /// Address space kept without memory behind it.
    pub retained: u64,
    /// Resident set of the process, from the kernel.
    pub rss: u64,
}

impl ProcessMemory {
    /// Reads the figures; a few microseconds per arena, so not on the hot path.
    #[must_use]
    pub fn read() -> Self {
        // SAFETY: `epoch` takes a u64 and refreshes the statistics, which are all of type size_t.
        let statistic =
            |name: &[u8]| unsafe { raw::read::<usize>(name).map_or(0, |bytes| bytes as u64) };
        // SAFETY: as above.
        let _ = unsafe { raw::write(b"epoch\0", 1_u64) };
        ProcessMemory {
            allocated: statistic(b"stats.allocated\0"),
            active: statistic(b"stats.active\0"),
            resident: statistic(b"stats.resident\0"),
            metadata: statistic(b"stats.metadata\0"),
            retained: statistic(b"stats.retained\0"),
            rss: resident_set_bytes(),
        }
    }
}

/// The allocator's version, as `5.3.0`.
#[must_use]
pub fn allocator_version() -> String {
    let text = tikv_jemalloc_ctl::version::read().unwrap_or_default();
    text.split('-').next().unwrap_or_default().to_string()
}

/// Bytes allocated from an arena, whichever thread did so, as of the allocator's last reading
/// (`ProcessMemory::read`).
#[must_use]
pub fn allocated_bytes(arena: u32) -> u64 {
    let statistic = |size: &str| {
        let name = format!("stats.arenas.{arena}.{size}.allocated\0");
        // SAFETY: the name ends in a zero byte and names a statistic of type size_t.
        unsafe { raw::read::<usize>(name.as_bytes()).map_or(0, |bytes| bytes as u64) }
    };
    statistic("small") + statistic("large")
}

/// Gives the kernel back what no arena needs.
pub fn purge() {
    // MALLCTL_ARENAS_ALL is 4096; the control takes and yields nothing.
    // SAFETY: the name ends in a zero byte, and null is right for a control without values.
    unsafe {
        tikv_jemalloc_sys::mallctl(
            c"arena.4096.purge".as_ptr(),
            ptr::null_mut(),
            ptr::null_mut(),
            ptr::null_mut(),
            0,
        );
    }
}

/// The allocator's own report, as MEMORY MALLOC-STATS shows it.
#[must_use]
pub fn report() -> Vec<u8> {
    // SAFETY: a function that only the allocator calls, with the arguments that it was handed.
    unsafe extern "C" fn append(text: *mut libc::c_void, part: *const libc::c_char) {
        // SAFETY: the allocator passes on the vector given below, and a text that ends in a zero
        // byte.
        unsafe {
            let text = &mut *text.cast::<Vec<u8>>();
            text.extend_from_slice(std::ffi::CStr::from_ptr(part).to_bytes());
        }
    }
    let mut text: Vec<u8> = Vec::new();
    // SAFETY: the callback gets our vector and nobody else's; null options mean a full report.
    unsafe {
        tikv_jemalloc_sys::malloc_stats_print(Some(append), (&raw mut text).cast(), ptr::null());
    }
    text
}

/// The second field of /proc/self/statm is the resident set in pages.
fn resident_set_bytes() -> u64 {
    let Ok(text) = fs::read_to_string("/proc/self/statm") else {
        return 0;
    };
    let pages = text
        .split(' ')
        .nth(1)
        .and_then(|field| field.parse::<u64>().ok());
    pages.unwrap_or(0) * page_bytes() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on_own_thread(test: impl FnOnce() + Send + 'static) {
        std::thread::spawn(test).join().unwrap();
    }

    #[test]
    fn each_thread_gets_its_own_arena() {
        on_own_thread(|| {
            let first = Arena::bind_new(Pages::Base).unwrap();
            // SAFETY: `thread.arena` yields an unsigned int.
            let bound: u32 = unsafe { raw::read(b"thread.arena\0").unwrap() };
            assert_eq!(bound, first.index());
            on_own_thread(move || assert_ne!(Arena::bind_new(Pages::Base).unwrap(), first));
        });
    }

    #[test]
    fn an_arena_counts_what_others_free() {
        on_own_thread(|| {
            let arena = Arena::bind_new(Pages::Base).unwrap();
            let block = vec![7_u8; 1 << 20];
            let _ = ProcessMemory::read();
            let with = allocated_bytes(arena.index());
            assert!(with >= 1 << 20, "{with}");
            on_own_thread(move || drop(block));
            let _ = ProcessMemory::read();
            assert!(allocated_bytes(arena.index()) < with - (1 << 19));
        });
    }

    #[test]
    fn used_bytes_follow_allocations() {
        on_own_thread(|| {
            Arena::bind_new(Pages::Base).unwrap();
            let memory = ThreadMemory::of_this_thread().unwrap();
            // The thread may have freed what its parent allocated: begin well above zero.
            let floor = vec![7_u8; 1 << 20];
            let before = memory.used_bytes();
            let block = vec![7_u8; 1 << 20];
            assert_eq!(memory.used_bytes() - before, 1 << 20);
            drop(block);
            assert_eq!(memory.used_bytes(), before);
            drop(floor);
        });
    }

    #[test]
    fn the_allocator_has_the_settings() {
        let text = String::from_utf8_lossy(&report()).into_owned();
        let settings = text
            .lines()
            .find(|line| line.contains("Global variable malloc_conf"));
        assert!(settings.is_some_and(|line| line.contains("96-96:12")));
        assert!(text.contains("background_thread: true"), "{text}");
    }

    #[test]
    fn process_figures_are_plausible() {
        let block = vec![1_u8; 8 << 20];
        let figures = ProcessMemory::read();
        assert!(figures.allocated >= 8 << 20, "{figures:?}");
        assert!(figures.active >= figures.allocated);
        assert!(figures.resident >= figures.active);
        assert!(figures.metadata > 0 && figures.rss > 8 << 20);
        drop(block);
    }
}
