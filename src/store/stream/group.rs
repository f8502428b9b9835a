//! Consumer groups: what was delivered to whom and is not acknowledged.
//!
//! A pending entry is kept once, by identifier, with the number of its consumer; a consumer keeps
//! the identifiers of its own. Both sides change together, here only. Owned by `Stream`; sees no
//! entries and no clock (times arrive as arguments, unix milliseconds).

use std::collections::{BTreeMap, BTreeSet};

use super::super::size_class::size_class;
use super::id::StreamId;

/// Pending entries that lie in one allocation of their maps, about.
const PENDING_PER_PIECE: usize = 4;

/// An entry that was delivered and is not acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pending {
    pub delivered_ms: u64,
    pub deliveries: u64,
    /// None: it was given back, and nobody's.
    pub consumer: Option<ConsumerNumber>,
}

/// A consumer's place in its group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConsumerNumber(u32);

/// Who reads for a group.
#[derive(Clone, Debug)]
pub struct Consumer {
    name: Box<[u8]>,
    /// When it last tried something.
    pub seen_ms: u64,
    /// When it last got something.
    pub active_ms: Option<u64>,
    pending: BTreeSet<StreamId>,
}

impl Consumer {
    #[must_use]
    pub fn name(&self) -> &[u8] {
        &self.name
    }

    /// What was delivered to it and is not acknowledged.
    #[must_use]
    pub fn pending(&self) -> &BTreeSet<StreamId> {
        &self.pending
    }

    fn pieces(&self) -> usize {
        1 + self.pending.len() / PENDING_PER_PIECE
    }
}

/// A consumer group.
#[derive(Clone, Debug)]
pub struct Group {
    /// The last entry that was delivered.
    pub last_id: StreamId,
    /// How many entries were read up to there, as far as known.
    pub entries_read: Option<u64>,
    pending: BTreeMap<StreamId, Pending>,
    /// By number; None is free.
    consumers: Vec<Option<Consumer>>,
    /// Numbers in the order of the names.
    by_name: Vec<u32>,
}

impl Group {
    #[must_use]
    pub fn new(last_id: StreamId, entries_read: Option<u64>) -> Group {
        Group {
            last_id,
            entries_read,
            pending: BTreeMap::new(),
            consumers: Vec::new(),
            by_name: Vec::new(),
        }
    }

    fn place(&self, name: &[u8]) -> Result<usize, usize> {
        self.by_name
            .binary_search_by(|&number| self.at(number).name().cmp(name))
    }

    fn at(&self, number: u32) -> &Consumer {
        self.consumers[number as usize]
            .as_ref()
            .expect("numbers in use name consumers")
    }

    #[must_use]
    pub fn find(&self, name: &[u8]) -> Option<ConsumerNumber> {
        let place = self.place(name).ok()?;
        Some(ConsumerNumber(self.by_name[place]))
    }

    #[must_use]
    pub fn consumer(&self, number: ConsumerNumber) -> &Consumer {
        self.at(number.0)
    }

    pub fn consumer_mut(&mut self, number: ConsumerNumber) -> &mut Consumer {
        self.consumers[number.0 as usize]
            .as_mut()
            .expect("numbers in use name consumers")
    }

    /// Makes a consumer of a name that has none.
    pub fn create(&mut self, name: &[u8], seen_ms: u64) -> ConsumerNumber {
        let place = self.place(name).expect_err("the name is free");
        let consumer = Consumer {
            name: name.into(),
            seen_ms,
            active_ms: None,
            pending: BTreeSet::new(),
        };
        let number = if self.by_name.len() < self.consumers.len() {
            let free = self.consumers.iter().position(Option::is_none);
            free.expect("fewer are in use than there are")
        } else {
            self.consumers.push(None);
            self.consumers.len() - 1
        };
        self.consumers[number] = Some(consumer);
        let number = u32::try_from(number).expect("consumers are fewer than their bytes");
        self.by_name.insert(place, number);
        assert!(
            self.by_name.len() <= self.consumers.len(),
            "each name has a place"
        );
        ConsumerNumber(number)
    }

    /// Removes a consumer and what is pending for it; returns how much that was.
    pub fn remove(&mut self, number: ConsumerNumber) -> usize {
        let place = self.place(self.consumer(number).name());
        self.by_name.remove(place.expect("a consumer has its name"));
        let gone = self.consumers[number.0 as usize].take();
        let gone = gone.expect("numbers in use name consumers").pending;
        for id in &gone {
            let pending = self.pending.remove(id);
            assert!(pending.is_some(), "both sides know what is pending");
        }
        gone.len()
    }

    /// The consumers in the order of their names.
    pub fn consumers(&self) -> impl ExactSizeIterator<Item = &Consumer> {
        self.by_name.iter().map(|&number| self.at(number))
    }

    #[must_use]
    pub fn pending(&self) -> &BTreeMap<StreamId, Pending> {
        &self.pending
    }

    /// Lets an entry be pending for a consumer, whoever's it was.
    pub fn assign(
        &mut self,
        id: StreamId,
        consumer: ConsumerNumber,
        delivered_ms: u64,
        deliveries: u64,
    ) {
        let pending = Pending {
            delivered_ms,
            deliveries,
            consumer: Some(consumer),
        };
        let before = self.pending.insert(id, pending);
        let before = before.map(|before| before.consumer);
        if before == Some(Some(consumer)) {
            return;
        }
        if let Some(Some(owner)) = before {
            let had = self.consumer_mut(owner).pending.remove(&id);
            assert!(had, "both sides know what is pending");
        }
        let is_new = self.consumer_mut(consumer).pending.insert(id);
        assert!(is_new, "an entry is pending once");
    }

    /// Lets an entry be pending for nobody.
    pub fn release(&mut self, id: StreamId, delivered_ms: u64, deliveries: u64) {
        let pending = Pending {
            delivered_ms,
            deliveries,
            consumer: None,
        };
        if let Some(before) = self.pending.insert(id, pending)
            && let Some(owner) = before.consumer
        {
            let had = self.consumer_mut(owner).pending.remove(&id);
            assert!(had, "both sides know what is pending");
        }
    }

    /// The entry is pending no longer; None when it was not.
    pub fn acknowledge(&mut self, id: StreamId) -> Option<Pending> {
        let pending = self.pending.remove(&id)?;
        if let Some(owner) = pending.consumer {
            let had = self.consumer_mut(owner).pending.remove(&id);
            assert!(had, "both sides know what is pending");
        }
        Some(pending)
    }

    /// True when the group has still to be given the entry, or to acknowledge it.
    #[must_use]
    pub fn refers_to(&self, id: StreamId) -> bool {
        id > self.last_id || self.pending.contains_key(&id)
    }

    pub(super) fn pieces(&self) -> usize {
        let consumers = self.consumers().map(Consumer::pieces).sum::<usize>();
        1 + self.pending.len() / PENDING_PER_PIECE + consumers
    }

    /// Frees up to `budget` pieces, but not the last, and returns how many. What is left is only to
    /// be freed further: the two sides do not agree any more.
    pub(super) fn free_pieces(&mut self, budget: usize) -> usize {
        let mut freed = 0;
        while freed < budget && self.pending.len() >= PENDING_PER_PIECE {
            for _ in 0..PENDING_PER_PIECE {
                self.pending.pop_last();
            }
            freed += 1;
        }
        while freed < budget
            && let Some(&number) = self.by_name.last()
        {
            let consumer = self.consumer_mut(ConsumerNumber(number));
            if consumer.pieces() == 1 {
                self.consumers[number as usize] = None;
                self.by_name.pop();
            } else {
                for _ in 0..PENDING_PER_PIECE {
                    consumer.pending.pop_last();
                }
            }
            freed += 1;
        }
        freed
    }

    pub(super) fn heap_bytes(&self) -> usize {
        // Nodes of the maps are about two thirds full.
        let pending =
            self.pending.len() * (size_of::<(StreamId, Pending)>() + size_of::<StreamId>());
        let consumers: usize = self
            .consumers()
            .map(|consumer| size_class(consumer.name.len()))
            .sum();
        pending * 3 / 2
            + consumers
            + self.consumers.capacity() * size_of::<Option<Consumer>>()
            + self.by_name.capacity() * size_of::<u32>()
    }
}
