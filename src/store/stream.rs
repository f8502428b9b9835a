//! Streams: entries that are only appended, and who has read them.
//!
//! Entries lie in listpacks laid out as Redis's (`node` draws them), ordered by the identifier of
//! the first that was put into each; groups (`group`) know what was delivered to whom. Commands
//! decide what an identifier is to be and when; there are no keys and no clock here. Unlike other
//! types a stream without entries is a value: it remembers its identifiers and its groups.

mod group;
mod id;
mod idempotence;
mod node;
#[cfg(test)]
mod tests;
mod trim;

use std::collections::BTreeMap;

pub use group::{Consumer, ConsumerNumber, Group, Pending};
pub use id::StreamId;
pub use idempotence::Idempotence;
pub use node::Item;
use node::{Choice, Node};
pub use trim::{References, Threshold, Trim, Trimmed};

use super::content::Content;
use super::size_class::size_class;
use super::value::{Encoding, Kind};
use crate::limits::STREAM_NODE_BYTES_MAX;

/// How large a node may get before the next begins; 0 sets no bound.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(test, derive(Default))]
pub struct StreamLimits {
    pub node_bytes_max: u64,
    pub node_entries_max: u64,
}

impl StreamLimits {
    fn node_bytes(self) -> u64 {
        let most = STREAM_NODE_BYTES_MAX as u64;
        match self.node_bytes_max {
            0 => most,
            bytes => bytes.min(most),
        }
    }
}

/// A stream.
#[derive(Clone, Debug, Default)]
pub struct Stream {
    nodes: BTreeMap<StreamId, Node>,
    /// Entries that are not deleted.
    len: u64,
    last_id: StreamId,
    first_id: StreamId,
    max_deleted_id: StreamId,
    entries_added: u64,
    groups: BTreeMap<Box<[u8]>, Group>,
    idempotence: Option<Box<Idempotence>>,
}

/// What a stream remembers besides its entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    pub last_id: StreamId,
    pub max_deleted_id: StreamId,
    pub entries_added: u64,
}

impl Stream {
    #[must_use]
    pub fn new() -> Stream {
        Stream::default()
    }

    #[must_use]
    pub fn len(&self) -> u64 {
        self.len
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The largest identifier that was given to an entry.
    #[must_use]
    pub fn last_id(&self) -> StreamId {
        self.last_id
    }

    /// The first entry; zero when there is none.
    #[must_use]
    pub fn first_id(&self) -> StreamId {
        self.first_id
    }

    /// The largest entry that was deleted from between others.
    #[must_use]
    pub fn max_deleted_id(&self) -> StreamId {
        self.max_deleted_id
    }

    /// How many entries were ever added.
    #[must_use]
    pub fn entries_added(&self) -> u64 {
        self.entries_added
    }

    #[must_use]
    pub fn marks(&self) -> Marks {
        Marks {
            last_id: self.last_id,
            max_deleted_id: self.max_deleted_id,
            entries_added: self.entries_added,
        }
    }

    /// Sets what is remembered, as XSETID does.
    pub fn set_marks(&mut self, marks: Marks) {
        self.last_id = marks.last_id;
        self.max_deleted_id = marks.max_deleted_id;
        self.entries_added = marks.entries_added;
    }

    /// Nodes that hold entries.
    #[must_use]
    pub fn nodes(&self) -> usize {
        self.nodes.len()
    }

    /// The nodes as Redis keeps them, with their first identifiers.
    pub fn framed_nodes(&self) -> impl Iterator<Item = (StreamId, Vec<u8>)> {
        self.nodes.iter().map(|(key, node)| (*key, node.framed()))
    }

    /// Adds a node as Redis keeps it behind the others; None when it is none or does not belong
    /// there.
    #[must_use]
    pub fn load_node(&mut self, key: StreamId, framed: &[u8]) -> Option<()> {
        let last = self.nodes.last_key_value().map(|(last, _)| *last);
        let node = Node::from_framed(framed)?;
        if last.is_some_and(|last| last >= key) {
            return None;
        }
        self.len += node.live();
        self.nodes.insert(key, node);
        Some(())
    }

    /// Ends the loading of nodes: what follows from them is found. None when they do not hold what
    /// was declared.
    #[must_use]
    pub fn settle(&mut self, declared_len: u64) -> Option<()> {
        let mut last = None;
        for (key, node) in &self.nodes {
            for item in node.items(*key) {
                if last.is_some_and(|last| item.id <= last) || item.id < *key {
                    return None;
                }
                last = Some(item.id);
            }
        }
        if self.len != declared_len {
            return None;
        }
        self.find_first();
        Some(())
    }

    /// Adds an entry of `words`, field and value in turn, behind the last.
    pub fn push<'w>(
        &mut self,
        id: StreamId,
        words: impl ExactSizeIterator<Item = &'w [u8]> + Clone,
        limits: StreamLimits,
    ) {
        assert!(id > self.last_id, "identifiers grow");
        let bytes: usize = words.clone().map(<[u8]>::len).sum();
        let is_full = |node: &Node| {
            (node.bytes() + bytes) as u64 >= limits.node_bytes()
                || limits.node_entries_max != 0 && node.entries() >= limits.node_entries_max
        };
        match self.nodes.iter_mut().next_back() {
            Some((key, node)) if !is_full(node) => node.push(*key, id, words),
            last => {
                if let Some((_, node)) = last {
                    node.shrink();
                }
                let mut node = Node::new(words.clone().step_by(2));
                node.push(id, id, words);
                self.nodes.insert(id, node);
            }
        }
        self.len += 1;
        self.entries_added += 1;
        assert!(!self.nodes.is_empty(), "an entry has its node");
        self.last_id = id;
        if self.len == 1 {
            self.first_id = id;
        }
    }

    /// The entries between two identifiers, both included, in their order.
    pub fn range(&self, from: StreamId, to: StreamId) -> impl Iterator<Item = Item<'_>> {
        let first = self.node_of(from).unwrap_or(from);
        let nodes = (first <= to).then(|| self.nodes.range(first..=to));
        nodes
            .into_iter()
            .flatten()
            .flat_map(|(key, node)| node.items(*key))
            .skip_while(move |item| item.id < from)
            .take_while(move |item| item.id <= to)
    }

    /// As `range`, the last first.
    pub fn range_back(&self, from: StreamId, to: StreamId) -> impl Iterator<Item = Item<'_>> {
        self.nodes
            .range(..=to)
            .rev()
            .flat_map(|(key, node)| node.items_back(*key))
            .skip_while(move |item| item.id > to)
            .take_while(move |item| item.id >= from)
    }

    /// The node that has an entry, if one does.
    fn node_of(&self, id: StreamId) -> Option<StreamId> {
        self.nodes.range(..=id).next_back().map(|(key, _)| *key)
    }

    /// The entry with this identifier.
    #[must_use]
    pub fn get(&self, id: StreamId) -> Option<Item<'_>> {
        self.range(id, id).next()
    }

    /// The last entry that is there.
    #[must_use]
    pub fn last_entry_id(&self) -> Option<StreamId> {
        let last = self.range_back(StreamId::MIN, StreamId::MAX).next();
        last.map(|item| item.id)
    }

    /// Deletes an entry; false when it is not there.
    pub fn delete(&mut self, id: StreamId) -> bool {
        let Some(key) = self.node_of(id) else {
            return false;
        };
        if self.delete_from(key, |other| match other.cmp(&id) {
            std::cmp::Ordering::Less => Choice::Keep,
            std::cmp::Ordering::Equal => Choice::Delete,
            std::cmp::Ordering::Greater => Choice::Stop,
        }) == 0
        {
            return false;
        }
        self.max_deleted_id = self.max_deleted_id.max(id);
        if id == self.first_id {
            self.find_first();
        }
        true
    }

    /// Deletes what is chosen from a node; the node goes with its last entry.
    fn delete_from(&mut self, key: StreamId, choose: impl FnMut(StreamId) -> Choice) -> u64 {
        let node = self.nodes.get_mut(&key).expect("the caller has found it");
        let gone = node.delete(key, choose);
        assert!(gone <= self.len, "only what is there is deleted");
        if node.live() == 0 {
            self.nodes.remove(&key);
        }
        self.len -= gone;
        gone
    }

    fn find_first(&mut self) {
        let first = self.range(StreamId::MIN, StreamId::MAX).next();
        self.first_id = first.map_or(StreamId::MIN, |item| item.id);
        assert!(
            self.is_empty() == self.nodes.is_empty(),
            "a node has entries"
        );
    }

    /// The groups in the order of their names.
    pub fn groups(&self) -> impl ExactSizeIterator<Item = (&[u8], &Group)> {
        self.groups.iter().map(|(name, group)| (&**name, group))
    }

    #[must_use]
    pub fn group(&self, name: &[u8]) -> Option<&Group> {
        self.groups.get(name)
    }

    pub fn group_mut(&mut self, name: &[u8]) -> Option<&mut Group> {
        self.groups.get_mut(name)
    }

    /// Adds a group; false when there is one of that name.
    pub fn add_group(&mut self, name: &[u8], group: Group) -> bool {
        let is_new = !self.groups.contains_key(name);
        if is_new {
            self.groups.insert(name.into(), group);
        }
        is_new
    }

    /// Removes a group, whose pending entries are to be freed; None where there is none.
    pub fn remove_group(&mut self, name: &[u8]) -> Option<Group> {
        self.groups.remove(name)
    }

    /// True when some group has still to be given the entry, or to acknowledge it.
    #[must_use]
    pub fn is_referred_to(&self, id: StreamId) -> bool {
        self.groups.values().any(|group| group.refers_to(id))
    }

    /// No group waits for the entry's acknowledgement any more. How many did.
    pub fn drop_references(&mut self, id: StreamId) -> usize {
        let groups = self.groups.values_mut();
        groups.filter_map(|group| group.acknowledge(id)).count()
    }

    /// What is known of who adds entries twice.
    #[must_use]
    pub fn idempotence(&self) -> Option<&Idempotence> {
        self.idempotence.as_deref()
    }

    pub fn idempotence_mut(&mut self) -> &mut Idempotence {
        self.idempotence.get_or_insert_default()
    }

    /// Whether an entry may be missing between `from` and the last that was added.
    fn has_holes_behind(&self, from: StreamId) -> bool {
        self.len > 0 && !self.max_deleted_id.is_zero() && from <= self.max_deleted_id
    }

    /// How many entries were added up to this identifier, if that can be said.
    #[must_use]
    pub fn added_up_to(&self, id: StreamId) -> Option<u64> {
        if self.entries_added == 0 {
            return Some(0);
        }
        if self.len == 0 && id <= self.last_id {
            return Some(self.entries_added);
        }
        if !id.is_zero() && id < self.max_deleted_id {
            return None;
        }
        if id == self.last_id {
            return Some(self.entries_added);
        }
        if id > self.last_id {
            return None;
        }
        let whole = self.max_deleted_id.is_zero() || self.max_deleted_id < self.first_id;
        let before_first = self.entries_added.wrapping_sub(self.len);
        match id.cmp(&self.first_id) {
            std::cmp::Ordering::Less if whole => Some(before_first),
            std::cmp::Ordering::Equal if whole => Some(before_first.wrapping_add(1)),
            _ => None,
        }
    }

    /// How many entries a group has not been given yet, if that can be said.
    #[must_use]
    pub fn lag(&self, group: &Group) -> Option<i64> {
        if self.entries_added == 0 || self.len == 0 {
            return Some(0);
        }
        if group.last_id < self.first_id && self.max_deleted_id < self.first_id {
            return Some(self.len.cast_signed());
        }
        let read = match group.entries_read {
            Some(read) if !self.has_holes_behind(group.last_id) => Some(read),
            _ => self.added_up_to(group.last_id),
        };
        read.map(|read| self.entries_added.wrapping_sub(read).cast_signed())
    }

    /// What a group has read when it is given this entry next.
    #[must_use]
    pub fn read_up_to(&self, group: &Group, id: StreamId) -> Option<u64> {
        match group.entries_read {
            Some(read) if !self.has_holes_behind(group.last_id) => Some(read.wrapping_add(1)),
            read if self.entries_added == 0 => read,
            _ => self.added_up_to(id),
        }
    }
}

impl Content for Stream {
    fn kind(&self) -> Kind {
        Kind::Stream
    }

    fn encoding(&self) -> Encoding {
        Encoding::Stream
    }

    fn elements(&self) -> usize {
        usize::try_from(self.len).unwrap_or(usize::MAX)
    }

    fn is_emptied(&self) -> bool {
        false
    }

    fn pieces(&self) -> usize {
        let groups = self.groups.values().map(Group::pieces).sum::<usize>();
        1 + self.nodes.len() + groups
    }

    fn free_pieces(&mut self, budget: usize) -> usize {
        let mut freed = 0;
        while freed < budget && self.nodes.pop_last().is_some() {
            freed += 1;
        }
        while freed < budget
            && let Some(mut last) = self.groups.last_entry()
        {
            freed += last.get_mut().free_pieces(budget - freed);
            if freed < budget {
                last.remove();
                freed += 1;
            }
        }
        freed
    }

    fn heap_bytes(&self) -> usize {
        // Nodes of the maps are about two thirds full.
        let index = self.nodes.len() * size_of::<(StreamId, Node)>() * 3 / 2;
        let nodes: usize = self.nodes.values().map(Node::heap_bytes).sum();
        let groups: usize = self
            .groups
            .iter()
            .map(|(name, group)| {
                size_class(name.len()) + size_of::<(Box<[u8]>, Group)>() + group.heap_bytes()
            })
            .sum();
        let idempotence = self
            .idempotence
            .as_ref()
            .map_or(0, |known| known.heap_bytes());
        size_class(size_of::<Stream>()) + index + nodes + groups + idempotence
    }
}
