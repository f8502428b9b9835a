//! Who has added which entry, so that one that is sent twice is added once.
//!
//! Each producer names its messages; the latest names are kept with the entries they became, so
//! many for so long as the stream's settings say. No clock: an entry's age is told by its
//! identifier's own time or by what the caller says. Owned by `Stream`.

use std::collections::{BTreeMap, VecDeque};

use super::super::size_class::size_class;
use super::id::StreamId;
use crate::limits::{IDEMPOTENCE_NAMES, IDEMPOTENCE_S};

/// The names that a producer has given, the oldest first.
#[derive(Clone, Debug, Default)]
pub struct Producer {
    entries: BTreeMap<Box<[u8]>, StreamId>,
    order: VecDeque<(Box<[u8]>, u64)>,
}

/// What a stream knows of its producers.
#[derive(Clone, Debug)]
pub struct Idempotence {
    /// How long a name is known, seconds, and how many of each producer.
    pub duration_s: u64,
    pub names_max: usize,
    /// Names that were ever kept, and messages that came twice.
    pub added: u64,
    pub duplicates: u64,
    producers: BTreeMap<Box<[u8]>, Producer>,
}

impl Default for Idempotence {
    fn default() -> Self {
        Self {
            duration_s: IDEMPOTENCE_S,
            names_max: IDEMPOTENCE_NAMES,
            added: 0,
            duplicates: 0,
            producers: BTreeMap::new(),
        }
    }
}

impl Idempotence {
    /// Other bounds; all names are forgotten when they change.
    pub fn configure(&mut self, duration_s: u64, names_max: usize) {
        if (duration_s, names_max) != (self.duration_s, self.names_max) {
            self.producers.clear();
        }
        assert!(duration_s > 0 && names_max > 0, "the command bounds them");
        self.duration_s = duration_s;
        self.names_max = names_max;
    }

    /// The entry that a producer's message has become, if that is still known.
    pub fn find(&mut self, producer: &[u8], name: &[u8], now_ms: u64) -> Option<StreamId> {
        let duration_ms = self.duration_s * 1000;
        let known = self.producers.get_mut(producer)?;
        known.forget(now_ms.saturating_sub(duration_ms), usize::MAX);
        let found = known.entries.get(name).copied();
        if known.entries.is_empty() {
            self.producers.remove(producer);
        }
        found
    }

    /// A producer's message has become this entry.
    pub fn record(&mut self, producer: &[u8], name: &[u8], id: StreamId, now_ms: u64) {
        let known = self.producers.entry(producer.into()).or_default();
        if known.entries.insert(name.into(), id).is_some() {
            known.order.retain(|(other, _)| **other != *name);
        }
        known.order.push_back((name.into(), now_ms));
        known.forget(0, self.names_max);
        self.added += 1;
    }

    /// How many producers and names are known.
    #[must_use]
    pub fn counts(&self) -> (usize, usize) {
        let names = self.producers.values().map(|known| known.order.len()).sum();
        (self.producers.len(), names)
    }

    pub(super) fn heap_bytes(&self) -> usize {
        let of = |name: &[u8], known: &Producer| {
            let names: usize = known
                .order
                .iter()
                .map(|(name, _)| size_class(name.len()))
                .sum();
            let each = size_of::<(Box<[u8]>, StreamId)>() + size_of::<(Box<[u8]>, u64)>();
            size_class(name.len()) + 2 * names + known.order.capacity() * each
        };
        size_of::<Idempotence>()
            + self
                .producers
                .iter()
                .map(|(name, known)| of(name, known))
                .sum::<usize>()
    }
}

impl Producer {
    /// Forgets what was recorded before a time, and the oldest beyond a number.
    fn forget(&mut self, before_ms: u64, names_max: usize) {
        while let Some((name, at_ms)) = self.order.front()
            && (*at_ms < before_ms || self.order.len() > names_max)
        {
            self.entries.remove(name);
            self.order.pop_front();
        }
        assert!(
            self.entries.len() == self.order.len(),
            "each name is known once"
        );
    }
}
