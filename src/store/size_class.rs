//! The allocator's size classes: what a request really occupies.
//!
//! jemalloc rounds up to 8, to multiples of 16 up to 128, then to four classes per doubling. The
//! store asks for whole classes only, so that a value of a similar size overwrites in place and
//! memory can be computed. Owned by the store; must not know what is stored.

/// Classes up to this size are multiples of 16 bytes.
const LINEAR_BYTES_MAX: usize = 128;

/// The size class that holds `bytes`; zero stays zero.
#[inline]
#[must_use]
pub const fn size_class(bytes: usize) -> usize {
    if bytes <= LINEAR_BYTES_MAX {
        if bytes <= 8 {
            return if bytes == 0 { 0 } else { 8 };
        }
        return (bytes + 15) & !15;
    }
    let step = 1usize << ((bytes - 1).ilog2() - 2);
    (bytes + step - 1) & !(step - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_those_of_the_allocator() {
        // The public table of jemalloc's classes: 8, multiples of 16 to 128, quarters of each
        // doubling.
        let mut classes: Vec<usize> = [0, 8].into_iter().chain((1..=8).map(|n| n * 16)).collect();
        for doubling in 7..30 {
            classes.extend((5..=8).map(|quarter| (1usize << doubling) / 4 * quarter));
        }
        for bytes in (0..70_000).chain([1 << 20, (1 << 20) + 1, 3 << 20, (7 << 20) - 5]) {
            let class = *classes
                .iter()
                .find(|&&class| class >= bytes)
                .expect("the table reaches 1 GiB");
            assert_eq!(size_class(bytes), class, "{bytes} bytes");
        }
    }
}
