//! The growing array of a table's buckets: pieces that hardly move, then segments of 64 KiB.
//!
//! Owned by `table`, which decides when to grow and knows the length. Most tables of a full store
//! have four to twelve buckets; theirs are pieces of whole kinds, because arrays that move on to
//! the next size class all the time leave the allocator's slabs half empty (3 % of all memory). A
//! large array never copies more than one segment. Must not know elements.
//! ```text
//! room for  1, 2, 4: Array | 8: Pair, 4 and 4 | 12: Wide, 4 and 8 | 16, 20, ... 1024: Array
//! buckets   beyond: Directory, of segments
//! ```

use super::bucket::{Bucket, CELLS};
use super::size_class::size_class;
use std::hint::select_unpredictable;

/// Buckets of a piece, and of the whole kinds of pieces.
const PIECE: usize = 4;
const PAIR: usize = 2 * PIECE;
const WIDE: usize = 3 * PIECE;
/// Buckets of the first array that follows them.
const ARRAY: usize = 4 * PIECE;
/// Buckets of a full segment: 64 KiB.
const SEGMENT_BUCKETS: usize = 1024;
/// Segments after the first grow by a quarter of their size.
const SEGMENT_STEP: usize = SEGMENT_BUCKETS / 4;
const BUCKET_BYTES: usize = 64;

type Piece<E> = Box<[Bucket<E>; PIECE]>;

enum Storage<E> {
    Array(Vec<Bucket<E>>),
    /// Buckets beyond the length are there, and empty.
    Pair([Piece<E>; 2]),
    Wide(Piece<E>, Box<[Bucket<E>; PAIR]>),
    /// All segments but the last are full. Boxed to keep small tables small.
    #[expect(clippy::box_collection, reason = "32 bytes for a table, not 40")]
    Directory(Box<Vec<Vec<Bucket<E>>>>),
}

pub(super) struct Segments<E>(Storage<E>);

const _: () = assert!(size_of::<Segments<u64>>() == 24);

impl<E> Segments<E> {
    #[must_use]
    pub const fn new() -> Segments<E> {
        Segments(Storage::Array(Vec::new()))
    }

    /// Elements beyond which an array of `len` buckets should get another one. A small array takes
    /// its next kind or size class as a whole: it waits until that would be filled well, then uses
    /// the room it has at once.
    #[inline]
    #[must_use]
    pub fn full_at(&self, len: usize) -> usize {
        let room = match &self.0 {
            Storage::Array(buckets) if len < SEGMENT_BUCKETS => buckets.capacity(),
            Storage::Pair(..) => PAIR,
            Storage::Wide(..) => WIDE,
            _ => return (len + 1) * CELLS,
        };
        if len < room {
            return len * CELLS / 2;
        }
        match step(len) {
            // A third or more at once: the next kind would stand half empty, or this one overfull.
            next if next <= ARRAY => (3 * len + 7 * next) * CELLS / 10,
            next => next * CELLS,
        }
    }

    #[inline]
    #[must_use]
    pub fn at(&self, index: usize) -> &Bucket<E> {
        match &self.0 {
            Storage::Array(buckets) => &buckets[index],
            // Which piece it is nobody can predict: neither way is a branch.
            Storage::Pair(pieces) => &pieces[index / PIECE][index % PIECE],
            Storage::Wide(first, second) => {
                let in_first = index < PIECE;
                let piece = select_unpredictable(in_first, &first[..], &second[..]);
                &piece[index - select_unpredictable(in_first, 0, PIECE)]
            }
            Storage::Directory(segments) => {
                &segments[index / SEGMENT_BUCKETS][index % SEGMENT_BUCKETS]
            }
        }
    }

    #[inline]
    #[must_use]
    pub fn at_mut(&mut self, index: usize) -> &mut Bucket<E> {
        match &mut self.0 {
            Storage::Array(buckets) => &mut buckets[index],
            Storage::Pair(pieces) => &mut pieces[index / PIECE][index % PIECE],
            Storage::Wide(first, second) => {
                let in_first = index < PIECE;
                let piece = select_unpredictable(in_first, &mut first[..], &mut second[..]);
                &mut piece[index - select_unpredictable(in_first, 0, PIECE)]
            }
            Storage::Directory(segments) => {
                &mut segments[index / SEGMENT_BUCKETS][index % SEGMENT_BUCKETS]
            }
        }
    }

    /// Adds an empty bucket to the `len` that are there.
    pub fn push(&mut self, len: usize) {
        match &mut self.0 {
            Storage::Array(buckets) if len == PIECE && len == buckets.capacity() => {
                let mut old = std::mem::take(buckets);
                self.0 = Storage::Pair([
                    Box::new(filled(old.drain(..))),
                    Box::new(filled(std::iter::empty())),
                ]);
            }
            // One that shrank from far above may have any length, until it is a pair again.
            Storage::Array(buckets) if len < SEGMENT_BUCKETS => {
                assert!(buckets.len() == len, "the table counts its buckets");
                if len == buckets.capacity() {
                    buckets.reserve_exact(step(len) - len);
                }
                buckets.push(Bucket::new());
            }
            Storage::Array(buckets) => {
                assert!(buckets.len() == len && len == SEGMENT_BUCKETS);
                let first = std::mem::take(buckets);
                self.0 = Storage::Directory(Box::new(vec![first, new_segment()]));
            }
            Storage::Pair(..) if len < PAIR => {}
            Storage::Wide(..) if len < WIDE => {}
            Storage::Pair(..) | Storage::Wide(..) => self.change_kind(len, step(len)),
            Storage::Directory(segments) => {
                let full = (segments.len() - 1) * SEGMENT_BUCKETS;
                let last = segments.last_mut().expect("a directory has segments");
                assert!(full + last.len() == len, "the table counts its buckets");
                if last.len() == SEGMENT_BUCKETS {
                    segments.push(new_segment());
                    return;
                }
                if last.len() == last.capacity() {
                    last.reserve_exact(SEGMENT_STEP);
                }
                last.push(Bucket::new());
            }
        }
    }

    /// Moves `len` buckets of a pair or a wide pair into what has room for `room`.
    #[cold]
    fn change_kind(&mut self, len: usize, room: usize) {
        let (first, second) = match std::mem::replace(&mut self.0, Storage::Array(Vec::new())) {
            Storage::Pair([first, second]) => (first, Vec::from(second as Box<[Bucket<E>]>)),
            Storage::Wide(first, second) => (first, Vec::from(second as Box<[Bucket<E>]>)),
            _ => unreachable!("only pairs change their kind"),
        };
        assert!(len <= room && len <= PIECE + second.len());
        self.0 = match room {
            PAIR => Storage::Pair([first, Box::new(filled(second.into_iter()))]),
            WIDE => Storage::Wide(first, Box::new(filled(second.into_iter()))),
            _ => {
                let mut buckets = Vec::with_capacity(room);
                buckets.extend((*first).into_iter().chain(second).take(len));
                if room > WIDE {
                    buckets.push(Bucket::new());
                }
                Storage::Array(buckets)
            }
        };
    }

    /// Takes the last of the `len` buckets away. None if there are none.
    pub fn pop(&mut self, len: usize) -> Option<Bucket<E>> {
        match &mut self.0 {
            Storage::Array(buckets) => {
                assert!(buckets.len() == len, "the table counts its buckets");
                let bucket = buckets.pop()?;
                if buckets.is_empty() {
                    *buckets = Vec::new();
                    return Some(bucket);
                }
                // One class of slack: a table on the edge does not reallocate back and forth.
                let kept = step(step(buckets.len()));
                if kept < buckets.capacity() {
                    buckets.shrink_to(step(buckets.len()));
                }
                Some(bucket)
            }
            Storage::Pair(..) | Storage::Wide(..) => {
                assert!(len > PIECE, "fewer are an array");
                let bucket = std::mem::replace(self.at_mut(len - 1), Bucket::new());
                match (&self.0, len - 1) {
                    (Storage::Pair(..), PIECE) => self.change_kind(PIECE, PIECE),
                    (Storage::Wide(..), PAIR) => self.change_kind(PAIR, PAIR),
                    _ => {}
                }
                Some(bucket)
            }
            Storage::Directory(segments) => {
                assert!(segments.len() > 1, "one segment is an array");
                let last = segments.last_mut().expect("a directory has segments");
                let bucket = last.pop().expect("the last segment is never empty");
                if last.is_empty() {
                    segments.pop();
                } else if last.capacity() - last.len() >= 2 * SEGMENT_STEP {
                    last.shrink_to(last.capacity() - SEGMENT_STEP);
                }
                if segments.len() == 1 {
                    self.0 = Storage::Array(segments.pop().expect("one segment was just counted"));
                }
                Some(bucket)
            }
        }
    }

    #[must_use]
    pub fn allocation_bytes(&self) -> usize {
        match &self.0 {
            Storage::Array(buckets) => size_class(buckets.capacity() * BUCKET_BYTES),
            Storage::Pair(..) => PAIR * BUCKET_BYTES,
            Storage::Wide(..) => WIDE * BUCKET_BYTES,
            Storage::Directory(segments) => {
                let held: usize = segments
                    .iter()
                    .map(|segment| size_class(segment.capacity() * BUCKET_BYTES))
                    .sum();
                held + size_class(segments.capacity() * size_of::<Vec<Bucket<E>>>())
                    + size_class(24)
            }
        }
    }
}

/// As many buckets as the piece has: these, then empty ones.
fn filled<E, const N: usize>(mut buckets: impl Iterator<Item = Bucket<E>>) -> [Bucket<E>; N] {
    std::array::from_fn(|_| buckets.next().unwrap_or_else(Bucket::new))
}

fn new_segment<E>() -> Vec<Bucket<E>> {
    let mut segment = Vec::with_capacity(SEGMENT_STEP);
    segment.push(Bucket::new());
    segment
}

/// Buckets of the kind or size class above `buckets` of them.
#[inline]
fn step(buckets: usize) -> usize {
    match buckets {
        0 => 1,
        1 => 2,
        2..PIECE => PIECE,
        PIECE..PAIR => PAIR,
        PAIR..WIDE => WIDE,
        WIDE..ARRAY => ARRAY,
        _ => size_class((buckets + 1) * BUCKET_BYTES) / BUCKET_BYTES,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_the_kinds_and_then_the_size_classes() {
        let steps: Vec<usize> = std::iter::successors(Some(0), |&n| Some(step(n)))
            .skip(1)
            .take(11)
            .collect();
        assert_eq!(steps, [1, 2, 4, 8, 12, 16, 20, 24, 28, 32, 40]);
    }

    #[test]
    fn every_bucket_keeps_its_index_through_growth_and_shrinkage() {
        let mut segments = Segments::<Box<usize>>::new();
        for index in 0..5000 {
            segments.push(index);
            segments.at_mut(index).push(1, Box::new(index));
            assert!(segments.allocation_bytes() >= (index + 1) * BUCKET_BYTES);
            if index < 40 {
                for other in 0..=index {
                    assert!(segments.at(other).find(1, |n| **n == other).is_some());
                }
            }
        }
        for index in 0..5000 {
            assert!(segments.at(index).find(1, |n| **n == index).is_some());
        }
        for index in (0..5000).rev() {
            assert!(
                segments
                    .at_mut(index)
                    .find_mut(1, |n| **n == index)
                    .is_some()
            );
            assert_eq!(
                segments
                    .pop(index + 1)
                    .and_then(|mut bucket| bucket.pop())
                    .map(|(_, n)| *n),
                Some(index)
            );
        }
        assert!(segments.pop(0).is_none());
        assert_eq!(segments.allocation_bytes(), 0);
    }

    #[test]
    fn buckets_stay_through_growth_and_shrinkage_in_turns() {
        for low in 0..30 {
            let mut segments = Segments::<Box<usize>>::new();
            let mut len = 0;
            for goal in [30, low, 20, low, 60, low, 13, 0] {
                while len < goal {
                    segments.push(len);
                    segments.at_mut(len).push(1, Box::new(len));
                    len += 1;
                }
                while len > goal {
                    let mut bucket = segments.pop(len).expect("there are some");
                    len -= 1;
                    assert_eq!(bucket.pop().map(|(_, n)| *n), Some(len));
                }
                for index in 0..len {
                    assert!(segments.at(index).find(1, |n| **n == index).is_some());
                }
                let bytes = segments.allocation_bytes();
                assert!(bytes >= len * BUCKET_BYTES && bytes <= (len + 8) * 2 * BUCKET_BYTES);
            }
            assert_eq!(segments.allocation_bytes(), 0);
        }
    }
}
