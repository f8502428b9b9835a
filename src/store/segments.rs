//! The growing array of a table's buckets: one allocation while small, then a directory of 64-KiB segments.
//!
//! Owned by `table`, which decides when to grow. A small array steps through the allocator's size classes, so
//! nothing of a class is wasted; a large one never copies more than one segment. Must not know elements.

use super::bucket::{Bucket, SLOTS};
use super::size_class::size_class;

/// Buckets of a full segment: 64 KiB.
const SEGMENT_BUCKETS: usize = 1024;
/// Segments after the first grow by a quarter of their size.
const SEGMENT_STEP: usize = SEGMENT_BUCKETS / 4;
const BUCKET_BYTES: usize = 64;

enum Storage<E> {
    One(Vec<Bucket<E>>),
    /// All segments but the last are full. Boxed to keep small tables small.
    #[expect(clippy::box_collection, reason = "32 bytes for a table, not 40")]
    Many(Box<Vec<Vec<Bucket<E>>>>),
}

pub struct Segments<E>(Storage<E>);

impl<E> Segments<E> {
    #[must_use]
    pub const fn new() -> Segments<E> {
        Segments(Storage::One(Vec::new()))
    }

    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.0 {
            Storage::One(buckets) => buckets.len(),
            Storage::Many(segments) => {
                (segments.len() - 1) * SEGMENT_BUCKETS + last(segments).len()
            }
        }
    }

    /// Elements beyond which the array should get another bucket. A small one takes a whole size class at a time:
    /// it waits until the next class would be full, then fills the room it has at once.
    #[inline]
    #[must_use]
    pub fn full_at(&self) -> usize {
        match &self.0 {
            Storage::One(buckets) if buckets.len() < buckets.capacity() => {
                buckets.len() * SLOTS / 2
            }
            Storage::One(buckets) if buckets.len() < SEGMENT_BUCKETS => step(buckets.len()) * SLOTS,
            _ => (self.len() + 1) * SLOTS,
        }
    }

    #[inline]
    #[must_use]
    pub fn at(&self, index: usize) -> &Bucket<E> {
        match &self.0 {
            Storage::One(buckets) => &buckets[index],
            Storage::Many(segments) => &segments[index / SEGMENT_BUCKETS][index % SEGMENT_BUCKETS],
        }
    }

    #[inline]
    #[must_use]
    pub fn at_mut(&mut self, index: usize) -> &mut Bucket<E> {
        match &mut self.0 {
            Storage::One(buckets) => &mut buckets[index],
            Storage::Many(segments) => {
                &mut segments[index / SEGMENT_BUCKETS][index % SEGMENT_BUCKETS]
            }
        }
    }

    pub fn push(&mut self, bucket: Bucket<E>) {
        match &mut self.0 {
            Storage::One(buckets) if buckets.len() < SEGMENT_BUCKETS => {
                if buckets.len() == buckets.capacity() {
                    buckets.reserve_exact(step(buckets.len()) - buckets.len());
                }
                buckets.push(bucket);
            }
            Storage::One(buckets) => {
                let second = new_segment(bucket);
                self.0 = Storage::Many(Box::new(vec![std::mem::take(buckets), second]));
            }
            Storage::Many(segments) => {
                let last = segments.last_mut().expect("a directory has segments");
                if last.len() == SEGMENT_BUCKETS {
                    segments.push(new_segment(bucket));
                    return;
                }
                if last.len() == last.capacity() {
                    last.reserve_exact(SEGMENT_STEP);
                }
                last.push(bucket);
            }
        }
    }

    pub fn pop(&mut self) -> Option<Bucket<E>> {
        match &mut self.0 {
            Storage::One(buckets) => {
                let bucket = buckets.pop()?;
                if buckets.is_empty() {
                    *buckets = Vec::new();
                    return Some(bucket);
                }
                // One class of slack, so that a table on the edge does not reallocate back and forth.
                if step(step(buckets.len())) < buckets.capacity() {
                    buckets.shrink_to(step(buckets.len()));
                }
                Some(bucket)
            }
            Storage::Many(segments) => {
                let last = segments.last_mut().expect("a directory has segments");
                let bucket = last.pop().expect("the last segment is never empty");
                if last.is_empty() {
                    segments.pop();
                } else if last.capacity() - last.len() >= 2 * SEGMENT_STEP {
                    last.shrink_to(last.capacity() - SEGMENT_STEP);
                }
                if segments.len() == 1 {
                    self.0 = Storage::One(segments.pop().expect("one segment was just counted"));
                }
                Some(bucket)
            }
        }
    }

    #[must_use]
    pub fn allocation_bytes(&self) -> usize {
        match &self.0 {
            Storage::One(buckets) => size_class(buckets.capacity() * BUCKET_BYTES),
            Storage::Many(segments) => {
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

fn last<E>(segments: &[Vec<Bucket<E>>]) -> &Vec<Bucket<E>> {
    segments.last().expect("a directory has segments")
}

fn new_segment<E>(bucket: Bucket<E>) -> Vec<Bucket<E>> {
    let mut segment = Vec::with_capacity(SEGMENT_STEP);
    segment.push(bucket);
    segment
}

/// Buckets of the size class above `buckets` of them.
#[inline]
fn step(buckets: usize) -> usize {
    size_class((buckets + 1) * BUCKET_BYTES) / BUCKET_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_the_size_classes() {
        let steps: Vec<usize> = std::iter::successors(Some(0), |&n| Some(step(n)))
            .skip(1)
            .take(14)
            .collect();
        assert_eq!(steps, [1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24]);
    }

    #[test]
    fn every_bucket_keeps_its_index_through_growth_and_shrinkage() {
        let mut segments = Segments::<Box<usize>>::new();
        for index in 0..5000 {
            let mut bucket = Bucket::new();
            bucket.push(1, Box::new(index));
            segments.push(bucket);
            assert_eq!(segments.len(), index + 1);
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
                    .pop()
                    .and_then(|mut bucket| bucket.pop())
                    .map(|(_, n)| *n),
                Some(index)
            );
        }
        assert!(segments.pop().is_none());
        assert_eq!((segments.len(), segments.allocation_bytes()), (0, 0));
    }
}
