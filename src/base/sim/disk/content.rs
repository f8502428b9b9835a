//! What is in one simulated file: in the cache, and on the platter.
//!
//! Owned by the disk. A sector of 512 bytes is written whole or not at all; between two syncs each
//! sector, and the file's length, may have reached the platter at any moment, alone.
//!
//! ```text
//! durable --change--> --change--> --change--> current
//!    a power cut leaves, for each sector, what it was after any number of these changes
//! ```

use crate::base::sim::random::Random;

const SECTOR: usize = 512;

/// A change that has not been synced.
#[derive(Debug, Clone)]
enum Change {
    Write { at: usize, bytes: Vec<u8> },
    Resize(usize),
}

impl Change {
    fn apply(&self, content: &mut Vec<u8>) {
        match self {
            Self::Write { at, bytes } => {
                let end = at + bytes.len();
                if content.len() < end {
                    content.resize(end, 0);
                }
                content[*at..end].copy_from_slice(bytes);
            }
            Self::Resize(len) => content.resize(*len, 0),
        }
    }

    /// The length of a file after the change.
    fn len_after(&self, before: usize) -> usize {
        match self {
            Self::Write { at, bytes } => before.max(at + bytes.len()),
            Self::Resize(len) => *len,
        }
    }

    /// What the change does to one sector.
    fn apply_to(&self, start: usize, sector: &mut [u8; SECTOR]) {
        match self {
            Self::Write { at, bytes } => {
                let (first, end) = ((*at).max(start), (at + bytes.len()).min(start + SECTOR));
                if first < end {
                    sector[first - start..end - start]
                        .copy_from_slice(&bytes[first - at..end - at]);
                }
            }
            Self::Resize(len) => {
                let kept = len.saturating_sub(start).min(SECTOR);
                sector[kept..].fill(0);
            }
        }
    }
}

/// How much of what was not synced is on the platter.
#[derive(Clone, Copy)]
enum Survival {
    Nothing,
    Everything,
    /// Each sector has its own luck.
    Some,
}

/// One file.
#[derive(Debug, Default)]
pub(super) struct Content {
    current: Vec<u8>,
    durable: Vec<u8>,
    changes: Vec<Change>,
    allocated: u64,
}

impl Content {
    pub(super) fn len(&self) -> u64 {
        self.current.len() as u64
    }

    /// Bytes of the disk that it takes up.
    pub(super) fn reserved(&self) -> u64 {
        self.len().max(self.allocated)
    }

    pub(super) fn read(&self, at: u64, most: usize) -> &[u8] {
        let start = usize::try_from(at).map_or(self.current.len(), |at| at.min(self.current.len()));
        let rest = &self.current[start..];
        &rest[..rest.len().min(most)]
    }

    pub(super) fn write(&mut self, at: u64, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let at = usize::try_from(at).expect("simulated files fit memory");
        let bytes = bytes.to_vec();
        self.change(Change::Write { at, bytes });
    }

    pub(super) fn resize(&mut self, len: usize) {
        self.change(Change::Resize(len));
        if len == 0 {
            self.allocated = 0;
        }
    }

    pub(super) fn reserve(&mut self, end: u64, keep_size: bool) {
        self.allocated = self.allocated.max(end);
        if !keep_size && end > self.len() {
            self.resize(usize::try_from(end).expect("simulated files fit memory"));
        }
    }

    fn change(&mut self, change: Change) {
        change.apply(&mut self.current);
        self.changes.push(change);
    }

    pub(super) fn sync(&mut self) {
        for change in self.changes.drain(..) {
            change.apply(&mut self.durable);
        }
    }

    /// As Linux does: the changes count as written and can still be read, but some or all of them
    /// are not on the platter, and no later sync puts them there.
    pub(super) fn fail_sync(&mut self, random: &mut Random) {
        let survival = match random.one_in(2) {
            true => Survival::Nothing,
            false => Survival::Some,
        };
        self.durable = self.surviving(survival, random);
        self.changes.clear();
    }

    pub(super) fn lose_power(&mut self, random: &mut Random) {
        let survival = match random.below(4) {
            0 => Survival::Nothing,
            1 => Survival::Everything,
            _ => Survival::Some,
        };
        self.durable = self.surviving(survival, random);
        self.current = self.durable.clone();
        self.changes.clear();
        self.allocated = self.allocated.min(self.len());
    }

    fn surviving(&self, survival: Survival, random: &mut Random) -> Vec<u8> {
        let count = self.changes.len();
        let mut reached = || match survival {
            Survival::Nothing => 0,
            Survival::Everything => count,
            Survival::Some => random.below(count as u64 + 1) as usize,
        };
        let sizes = &self.changes[..reached()];
        let len = sizes
            .iter()
            .fold(self.durable.len(), |len, change| change.len_after(len));
        let mut left = Vec::with_capacity(len);
        for start in (0..len).step_by(SECTOR) {
            let mut sector = [0; SECTOR];
            let known = self.durable.get(start..).unwrap_or_default();
            let known = &known[..known.len().min(SECTOR)];
            sector[..known.len()].copy_from_slice(known);
            for change in &self.changes[..reached()] {
                change.apply_to(start, &mut sector);
            }
            left.extend_from_slice(&sector[..SECTOR.min(len - start)]);
        }
        left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(content: &Content, seed: u64) -> Vec<u8> {
        let mut random = Random::new(seed);
        content.surviving(Survival::Some, &mut random)
    }

    #[test]
    fn unsynced_sectors_are_lost_torn_and_reordered() {
        let mut content = Content::default();
        content.write(0, &[1; 3 * SECTOR]);
        content.sync();
        content.write(0, &[2; 3 * SECTOR]);
        content.write(100, &[3; 10]);
        content.write(3 * SECTOR as u64, &[4; SECTOR]);
        let (mut lost, mut torn, mut reordered) = (false, false, false);
        for seed in 0..200 {
            let left = cut(&content, seed);
            assert!(
                left.len() == 3 * SECTOR || left.len() == 4 * SECTOR,
                "{}",
                left.len()
            );
            for sector in left.chunks(SECTOR).take(3) {
                let edge = sector[0];
                assert!(
                    sector[200..].iter().all(|byte| *byte == edge),
                    "a sector is whole"
                );
            }
            lost |= left[..3 * SECTOR] == [1; 3 * SECTOR];
            torn |= left[0] != left[SECTOR];
            reordered |= left[0] == 1 && left.get(3 * SECTOR) == Some(&4);
        }
        assert!(lost && torn && reordered);
    }

    #[test]
    fn a_failed_sync_forgets_what_it_should_have_saved() {
        let mut forgot = 0;
        for seed in 0..50 {
            let mut content = Content::default();
            content.write(0, &[7; 4 * SECTOR]);
            content.fail_sync(&mut Random::new(seed));
            assert_eq!(
                content.read(0, usize::MAX),
                [7; 4 * SECTOR],
                "the cache has it"
            );
            content.sync();
            content.lose_power(&mut Random::new(seed));
            forgot += u32::from(content.read(0, usize::MAX) != [7; 4 * SECTOR]);
        }
        assert!(forgot > 40, "{forgot}");
    }
}
