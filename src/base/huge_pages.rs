//! Transparent huge pages for an arena: memory the allocator maps for it is offered to the kernel
//! as such.
//!
//! Wraps the allocator's own way of getting memory for one arena and changes nothing else about it.
//! A random lookup touches a table and an entry, each on a page of its own: with pages of 2 MiB the
//! processor remembers where they are. Used by `arena`; must not know shards.

use std::ffi::{c_uint, c_void};
use std::fs;

use tikv_jemalloc_ctl::raw;
use tikv_jemalloc_sys::extent_hooks_t;

// SAFETY: the type of the allocator's own function, whose contract it keeps.
type Allocate = unsafe extern "C" fn(
    *mut extent_hooks_t,
    *mut c_void,
    usize,
    usize,
    *mut bool,
    *mut bool,
    c_uint,
) -> *mut c_void;

/// The allocator's table of functions with one replaced, and the one that was there.
#[repr(C)]
struct Hooks {
    // First, so that a pointer to the table is a pointer to this.
    table: extent_hooks_t,
    system: Allocate,
}

/// Lets an arena that has no extents yet ask for huge pages from now on.
///
/// # Errors
/// What the allocator says.
pub(super) fn make_transparent(arena: u32) -> Result<(), String> {
    let name = format!("arena.{arena}.extent_hooks\0");
    // SAFETY: the name yields and takes a pointer to a table of functions. The table that is read
    // belongs to the allocator for ever; the one that is written is leaked, once per arena, because
    // arenas never end.
    unsafe {
        let default: *mut extent_hooks_t =
            raw::read(name.as_bytes()).map_err(|error| error.to_string())?;
        let mut table = std::ptr::read(default);
        let system = table.alloc.ok_or("the arena maps no memory of its own")?;
        table.alloc = Some(allocate);
        let hooks = Box::leak(Box::new(Hooks { table, system }));
        let written: *mut extent_hooks_t = std::ptr::from_mut(hooks).cast();
        raw::write(name.as_bytes(), written).map_err(|error| error.to_string())
    }
}

/// Gets memory as before, then advises the kernel.
///
/// # Safety
/// Called by the allocator only, with the table of a `Hooks`.
unsafe extern "C" fn allocate(
    hooks: *mut extent_hooks_t,
    address: *mut c_void,
    bytes: usize,
    alignment: usize,
    zero: *mut bool,
    commit: *mut bool,
    arena: c_uint,
) -> *mut c_void {
    // SAFETY: the allocator passes the table it was given, which is the first field of a leaked
    // `Hooks`, and arguments as its own function wants them. Advice changes no content; a kernel
    // that refuses it is no worse.
    unsafe {
        let system = (*hooks.cast::<Hooks>()).system;
        let start = system(hooks, address, bytes, alignment, zero, commit, arena);
        if !start.is_null() {
            libc::madvise(start, bytes, libc::MADV_HUGEPAGE);
        }
        start
    }
}

/// What the kernel's switch says: `always`, `madvise` or `never`; `unknown` where there is none.
#[must_use]
pub fn kernel_setting() -> String {
    let text = fs::read_to_string("/sys/kernel/mm/transparent_hugepage/enabled");
    text.ok()
        .as_deref()
        .and_then(|text| text.split_once('[')?.1.split_once(']'))
        .map_or_else(|| "unknown".to_string(), |(word, _)| word.to_string())
}

#[cfg(test)]
mod tests {
    use crate::base::arena::{Arena, Pages};

    /// Whether the kernel was advised about the mapping that holds this address: the flag `hg`.
    fn is_advised(address: usize) -> bool {
        let maps = std::fs::read_to_string("/proc/self/smaps").unwrap();
        let mut inside = false;
        for line in maps.lines() {
            let range = line.split(' ').next().and_then(|word| word.split_once('-'));
            let number = |text: &str| usize::from_str_radix(text, 16).ok();
            if let Some((Some(first), Some(last))) = range.map(|(a, b)| (number(a), number(b))) {
                inside = (first..last).contains(&address);
            } else if let (true, Some(flags)) = (inside, line.strip_prefix("VmFlags:")) {
                return flags.split(' ').any(|flag| flag == "hg");
            }
        }
        panic!("no mapping holds {address:x}");
    }

    fn advised(pages: Pages) -> bool {
        let thread = std::thread::spawn(move || {
            Arena::bind_new(pages).unwrap();
            // Grown and moved, so that the hooked functions for splitting and freeing run as well.
            let mut blocks: Vec<Vec<u8>> = (0..64).map(|_| vec![1; 300_000]).collect();
            blocks.truncate(32);
            blocks.extend((0..64).map(|_| vec![2; 100_000]));
            assert!(
                blocks[..32]
                    .iter()
                    .all(|block| block.iter().all(|&byte| byte == 1))
            );
            is_advised(blocks[90].as_ptr() as usize)
        });
        thread.join().unwrap()
    }

    #[test]
    fn only_a_transparent_arena_is_advised() {
        if super::kernel_setting() == "unknown" {
            return;
        }
        assert!(advised(Pages::Transparent));
        assert!(!advised(Pages::Base));
    }
}
