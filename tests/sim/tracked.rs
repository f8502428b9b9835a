//! What the user of a file on a simulated disk knows of it, and whether that explains what is left.
//!
//! Owned by the rig of `disk.rs`. A file is what was durable and the changes since; after a power
//! cut each sector, and the length, may be as after any number of them. Asks for nothing itself.

use cairn::base::File;

const SECTOR: usize = 512;

pub enum Change {
    Write { at: usize, bytes: Vec<u8> },
    Append(Vec<u8>),
    Resize(usize),
}

/// A file as its user knows it.
#[derive(Default)]
pub struct Tracked {
    pub durable: Vec<u8>,
    pub changes: Vec<Change>,
    pub handle: Option<File>,
    /// It is open for appending, not for patching.
    pub appends: bool,
    /// A request about it is under way.
    pub busy: bool,
    /// A sync has failed: nothing is written to it any more.
    pub latched: bool,
    /// A write has failed: nobody knows what is in it.
    pub spoiled: bool,
}

impl Change {
    fn apply(&self, content: &mut Vec<u8>) {
        let (at, bytes) = match self {
            Self::Write { at, bytes } => (*at, bytes),
            Self::Append(bytes) => (content.len(), bytes),
            Self::Resize(len) => return content.resize(*len, 0),
        };
        if content.len() < at + bytes.len() {
            content.resize(at + bytes.len(), 0);
        }
        content[at..at + bytes.len()].copy_from_slice(bytes);
    }
}

impl Tracked {
    /// What it was, from the last sync on.
    pub fn states(&self) -> Vec<Vec<u8>> {
        let mut states = vec![self.durable.clone()];
        for change in &self.changes {
            let mut next = states[states.len() - 1].clone();
            change.apply(&mut next);
            states.push(next);
        }
        states
    }

    pub fn trust(&mut self) {
        self.durable = self.states().pop().unwrap_or_default();
        self.changes.clear();
    }

    /// Whether a power cut may have left this.
    pub fn explains(&self, found: &[u8]) -> bool {
        let states = self.states();
        let sector = |state: &[u8], start: usize, len: usize| {
            let mut bytes = state.get(start..).unwrap_or_default().to_vec();
            bytes.resize(bytes.len().max(len), 0);
            bytes[..len].to_vec()
        };
        let sized = states.iter().any(|state| state.len() == found.len());
        let mut parts = found.chunks(SECTOR).enumerate();
        self.spoiled
            || sized
                && parts.all(|(number, part)| {
                    let start = number * SECTOR;
                    let mut candidates = states.iter();
                    candidates.any(|state| sector(state, start, part.len()) == part)
                })
    }
}
