//! Cutting off a stream's oldest entries, by number or by identifier.
//!
//! Exactly, or as far as whole nodes go, which costs a fraction. What becomes of entries that
//! groups still refer to is said by `References`.

use super::node::Choice;
use super::{Stream, StreamId};

/// What stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Threshold {
    /// At most so many entries.
    Length(u64),
    /// None below this one.
    Id(StreamId),
}

/// What becomes of what groups know about an entry that is deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum References {
    /// It stays pending where it is.
    #[default]
    Keep,
    /// It is forgotten with the entry.
    Delete,
    /// An entry that a group has still to be given or to acknowledge is not deleted.
    Acked,
}

/// How a stream is cut.
#[derive(Clone, Copy, Debug)]
pub struct Trim {
    pub threshold: Threshold,
    /// Whole nodes only.
    pub approximate: bool,
    /// Most entries that are deleted; 0: all.
    pub limit: u64,
    pub references: References,
}

/// What a cut did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trimmed {
    pub deleted: u64,
    /// When whole nodes were cut: each entry below this one was looked at, none above.
    pub looked_below: StreamId,
}

impl Stream {
    /// Deletes what lies beyond a threshold.
    pub fn trim(&mut self, trim: &Trim) -> Trimmed {
        let mut gone = 0;
        let mut excess = match trim.threshold {
            Threshold::Length(most) => self.len().saturating_sub(most),
            Threshold::Id(_) => u64::MAX,
        };
        let mut next = StreamId::MIN;
        while excess > 0
            && let Some((&key, node)) = self.nodes.range(next..).next()
        {
            let live = node.live();
            if trim.limit != 0 && gone + live > trim.limit {
                break;
            }
            let is_whole = match trim.threshold {
                Threshold::Length(_) => live <= excess,
                Threshold::Id(least) => node.last(key) < least,
            };
            if is_whole && trim.references == References::Keep {
                self.nodes.remove(&key);
                self.len -= live;
                gone += live;
            } else if is_whole || !trim.approximate {
                gone += self.trim_node(key, trim, excess);
            }
            if !is_whole {
                break;
            }
            if let Threshold::Length(_) = trim.threshold {
                excess -= live;
            }
            let Some(behind) = key.next() else { break };
            next = behind;
        }
        assert!(trim.limit == 0 || gone <= trim.limit, "a limit is kept");
        if gone > 0 {
            self.find_first();
        }
        Trimmed {
            deleted: gone,
            looked_below: next,
        }
    }

    /// Deletes the first entries of a node, `excess` of them at most.
    fn trim_node(&mut self, key: StreamId, trim: &Trim, excess: u64) -> u64 {
        let mut chosen = Vec::new();
        let node = &self.nodes[&key];
        for (index, item) in node.items(key).enumerate() {
            let stays = match trim.threshold {
                Threshold::Length(_) => index as u64 >= excess,
                Threshold::Id(least) => item.id >= least,
            };
            if stays {
                break;
            }
            if trim.references != References::Acked || !self.is_referred_to(item.id) {
                chosen.push(item.id);
            }
        }
        if trim.references == References::Delete {
            for &id in &chosen {
                self.drop_references(id);
            }
        }
        let mut left = chosen.iter().peekable();
        let gone = self.delete_from(key, |id| match left.peek() {
            None => Choice::Stop,
            Some(&&chosen) if chosen == id => {
                left.next();
                Choice::Delete
            }
            Some(_) => Choice::Keep,
        });
        assert!(gone == chosen.len() as u64, "what was chosen is there");
        gone
    }
}
