//! What a group's consumer is given of one stream, and what the group remembers of it.
//!
//! Each entry that becomes pending is told to the log as an XCLAIM. Owned by `read`.

use super::super::super::Edit;
use super::super::claim::{group_known, group_seen, settle, tell_claim, tell_consumer, tell_group};
use super::super::group::consumer_or_new;
use super::super::pending::idle_ms;
use super::super::{known, seen, write_id, write_item, write_pairs};
use super::From;
use crate::resp::Reply;
use crate::store::{Pending, Stream, StreamId};

/// Who reads, and how.
pub(super) struct Delivery<'a> {
    pub group: &'a [u8],
    pub consumer: &'a [u8],
    pub most: usize,
    /// What is delivered is not kept as pending.
    pub acknowledged: bool,
    pub claim_idle_ms: Option<u64>,
    pub now_ms: u64,
}

/// The stream of an edit whose handler has found it.
fn stream_seen<'e>(edit: &'e Edit<'_>) -> &'e Stream {
    let stream = seen(edit).ok().flatten();
    stream.expect("the handler has found the stream")
}

impl Delivery<'_> {
    /// Lets the consumer be seen; whether there is something for it.
    pub(super) fn prepare(&self, edit: &mut Edit<'_>, from: From) -> bool {
        let (_, is_new) = consumer_or_new(edit, self.group, self.consumer, self.now_ms);
        let stream = stream_seen(edit);
        let last = group_seen(edit, self.group).last_id;
        let has_new = stream.last_entry_id() > Some(last);
        let serves = from != From::New || has_new || !self.claimable(edit, 1).is_empty();
        if is_new {
            // What is delivered makes it on the way.
            if self.acknowledged || from != From::New || !has_new {
                tell_consumer(edit, self.group, self.consumer);
            }
            settle(edit, 1);
        } else {
            settle(edit, 0);
        }
        serves
    }

    /// Pending entries that are idle for long enough, those delivered first before others.
    fn claimable(&self, edit: &Edit<'_>, most: usize) -> Vec<(StreamId, Pending)> {
        let Some(least_ms) = self.claim_idle_ms else {
            return Vec::new();
        };
        let stream = stream_seen(edit);
        let group = group_seen(edit, self.group);
        let mut idle: Vec<(StreamId, Pending)> = group
            .pending()
            .iter()
            .filter(|(id, pending)| {
                idle_ms(pending, self.now_ms) >= least_ms && stream.get(**id).is_some()
            })
            .map(|(id, pending)| (*id, *pending))
            .collect();
        idle.sort_by_key(|(id, pending)| (pending.delivered_ms, *id));
        idle.truncate(most);
        idle
    }

    /// Lets an entry be pending for the consumer, and tells so.
    fn assign(&self, edit: &mut Edit<'_>, id: StreamId, deliveries: u64) {
        let group = group_known(edit, self.group);
        let number = group.find(self.consumer).expect("it was made before");
        group.assign(id, number, self.now_ms, deliveries);
        group.consumer_mut(number).active_ms = Some(self.now_ms);
        let pending = group.pending()[&id];
        tell_claim(edit, self.group, self.consumer, id, &pending);
    }

    /// Delivers what is idle, where that is asked for, and what is new.
    pub(super) fn deliver(&self, edit: &mut Edit<'_>, reply: &mut Reply<'_>) {
        let claimed = self.claimable(edit, self.most);
        let last = group_seen(edit, self.group).last_id;
        let from = last.next().unwrap_or(StreamId::MAX);
        let most = self.most - claimed.len();
        let new: Vec<StreamId> = stream_seen(edit)
            .range(from, StreamId::MAX)
            .take(most)
            .map(|item| item.id)
            .collect();
        reply.array(claimed.len() + new.len());
        for (id, before) in &claimed {
            let idle = idle_ms(before, self.now_ms);
            self.write(edit, reply, *id, (idle, before.deliveries));
            self.assign(edit, *id, before.deliveries.saturating_add(1));
        }
        for &id in &new {
            let stream = known(edit);
            let group = stream.group(self.group).expect("the handler has found it");
            let read = stream.read_up_to(group, id);
            let group = stream.group_mut(self.group).expect("it was just there");
            group.entries_read = read;
            group.last_id = id;
            self.write(edit, reply, id, (0, 0));
            if !self.acknowledged {
                self.assign(edit, id, 1);
            }
        }
        if !new.is_empty() {
            tell_group(edit, self.group);
        }
        settle(edit, u64::from(!new.is_empty() || !claimed.is_empty()));
    }

    /// An entry; beside it how long it was idle and how often it was delivered, where pending ones
    /// may be among them.
    fn write(&self, edit: &Edit<'_>, reply: &mut Reply<'_>, id: StreamId, known: (u64, u64)) {
        let item = stream_seen(edit).get(id).expect("it was just found");
        if self.claim_idle_ms.is_none() {
            return write_item(reply, &item);
        }
        reply.array(4);
        write_id(reply, id);
        write_pairs(reply, &item);
        reply.integer(known.0.cast_signed());
        reply.integer(known.1.cast_signed());
    }

    /// Delivers once more what is pending for the consumer, behind an entry.
    pub(super) fn repeat(&self, edit: &mut Edit<'_>, reply: &mut Reply<'_>, behind: StreamId) {
        let group = group_seen(edit, self.group);
        let number = group.find(self.consumer).expect("it was made before");
        let from = behind.next();
        let own: Vec<StreamId> = from
            .into_iter()
            .flat_map(|from| group.consumer(number).pending().range(from..))
            .take(self.most)
            .copied()
            .collect();
        reply.array(own.len());
        let mut changes = 0;
        for id in own {
            let Some(item) = stream_seen(edit).get(id) else {
                reply.array(2);
                write_id(reply, id);
                reply.null_array();
                continue;
            };
            write_item(reply, &item);
            let before = group_seen(edit, self.group).pending()[&id];
            self.assign(edit, id, before.deliveries.saturating_add(1));
            changes += 1;
        }
        settle(edit, changes);
    }
}
