//! What a shard has to tell the others at the end of its tick, and what it waits for.
//!
//! One message per shard and tick; notes to the shard itself take no detour over the mesh. Owns the
//! memory of parcels and batches that go round. Reads nothing and runs nothing: `mesh` does.

use std::collections::VecDeque;

use crate::limits::{
    MONITOR_PENDING_BYTES_MAX, NOTES_LATER_MAX, PARCEL_BYTES_MAX, PARCEL_COMMANDS_MAX,
    PARCELS_KEPT, SEND_BUFFER_KEPT_BYTES,
};
use crate::route::{Batch, Lines, Message, Note, Parcel, ShardId};

/// Outgoing mail.
#[derive(Debug)]
pub struct Mail {
    here: ShardId,
    /// What goes to each shard.
    outbox: Vec<Message>,
    /// Notes to each shard that nobody waits for: they go with the next message, or with
    /// housekeeping.
    later: Vec<Vec<Note>>,
    /// Notes to this shard itself, handled with the inbox.
    own: VecDeque<Note>,
    /// Empty ones, with their memory.
    #[allow(clippy::vec_box, reason = "they travel in their boxes")]
    parcels: Vec<Box<Parcel>>,
    batches: Vec<Batch>,
    /// Parcels and tasks whose replies have not come.
    pending: usize,
    /// Messages that a full mesh has refused; the receiver rings when there is room.
    refused: usize,
}

impl Mail {
    /// Nothing to tell, for shard `here` of so many.
    #[must_use]
    pub fn new(here: ShardId, shards: usize) -> Self {
        assert!(here.index() < shards, "a shard is one of all");
        Self {
            here,
            outbox: (0..shards).map(|_| Message::default()).collect(),
            later: (0..shards).map(|_| Vec::new()).collect(),
            own: VecDeque::new(),
            parcels: Vec::new(),
            batches: Vec::new(),
            pending: 0,
            refused: 0,
        }
    }

    /// Tells a shard, this one included, at the end of the tick.
    #[inline]
    pub(super) fn tell(&mut self, shard: ShardId, note: Note) {
        if shard == self.here {
            self.own.push_back(note);
        } else {
            self.outbox[shard.index()].notes.push(note);
        }
    }

    /// Tells another shard what does not matter soon, without waking it up for that. It stays in
    /// line: before everything that is told afterwards.
    pub(super) fn tell_later(&mut self, shard: ShardId, note: Note) {
        assert!(shard != self.here, "nothing is put off within a shard");
        if self.outbox[shard.index()].is_empty() {
            self.later[shard.index()].push(note);
            if self.later[shard.index()].len() >= NOTES_LATER_MAX {
                self.hurry(shard);
            }
        } else {
            self.tell(shard, note);
        }
    }

    /// What was put off goes now.
    pub(super) fn hurry_all(&mut self) {
        for shard in ShardId::all(self.later.len()) {
            self.hurry(shard);
        }
    }

    fn hurry(&mut self, shard: ShardId) {
        assert!(
            self.later[shard.index()].len() <= NOTES_LATER_MAX,
            "what is put off does not pile up"
        );
        let later = self.later[shard.index()].drain(..);
        self.outbox[shard.index()].notes.splice(0..0, later);
    }

    /// The next note to this shard itself.
    #[inline]
    pub(super) fn next_own(&mut self) -> Option<Note> {
        self.own.pop_front()
    }

    /// True while this shard has something to tell itself.
    #[must_use]
    pub(super) fn has_own(&self) -> bool {
        !self.own.is_empty()
    }

    /// The parcel for a shard, for one more command; None when it is full.
    #[inline]
    pub(super) fn parcel(&mut self, shard: ShardId) -> Option<&mut Parcel> {
        let parcel = self.any_parcel(shard);
        let full =
            parcel.commands.len() >= PARCEL_COMMANDS_MAX || parcel.bytes.len() >= PARCEL_BYTES_MAX;
        (!full).then_some(parcel)
    }

    /// The parcel for a shard, full or not.
    #[inline]
    pub(super) fn any_parcel(&mut self, shard: ShardId) -> &mut Parcel {
        assert!(shard != self.here, "parcels go to other shards");
        let parcels = &mut self.parcels;
        self.outbox[shard.index()]
            .commands
            .get_or_insert_with(|| parcels.pop().unwrap_or_default())
    }

    /// A parcel of another shard goes home with its replies.
    pub(super) fn send_home(&mut self, shard: ShardId, parcel: Box<Parcel>) {
        assert!(
            shard != self.here,
            "only other shards' parcels are sent home"
        );
        self.outbox[shard.index()].replies.push(parcel);
    }

    /// A parcel of this shard's has come home and is read: its memory is used again.
    pub(super) fn keep_parcel(&mut self, mut parcel: Box<Parcel>) {
        let small = parcel.bytes.capacity() <= 4 * SEND_BUFFER_KEPT_BYTES
            && parcel.replies.capacity() <= 4 * SEND_BUFFER_KEPT_BYTES;
        if small && self.parcels.len() < PARCELS_KEPT {
            parcel.clear();
            self.parcels.push(parcel);
        }
    }

    /// Frees what is kept for use again.
    pub(super) fn forget_spare(&mut self) {
        (self.parcels, self.batches) = (Vec::new(), Vec::new());
    }

    /// An empty batch, with the memory of an earlier one if there is any.
    pub(super) fn take_batch(&mut self) -> Batch {
        self.batches.pop().unwrap_or_default()
    }

    /// Keeps the memory of a batch of this shard's that is done.
    pub(super) fn keep_batch(&mut self, mut batch: Batch) {
        if self.batches.len() < PARCELS_KEPT && batch.capacity_bytes() <= SEND_BUFFER_KEPT_BYTES {
            batch.clear();
            self.batches.push(batch);
        }
    }

    /// Something was sent whose reply is sure to come.
    pub(super) fn expect_reply(&mut self) {
        self.pending += 1;
    }

    /// Such a reply has come.
    pub(super) fn reply_came(&mut self) {
        assert!(self.pending > 0, "a reply comes once for what was sent");
        self.pending -= 1;
    }

    /// Replies that are sure to come.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.pending
    }

    /// Adds to the lines of monitors that are last in line, so that a tick's lines travel together.
    /// A shard that is too far behind is sent no more, and told so: a monitor must not bring the
    /// server down.
    pub(super) fn add_monitored(&mut self, shard: ShardId, number: u64, line: &[u8]) {
        assert!(line.ends_with(b"\r\n"), "lines are joined whole");
        let last = if shard == self.here {
            self.own.back_mut()
        } else {
            self.outbox[shard.index()].notes.last_mut()
        };
        let mut fresh = Lines::default();
        let is_last = matches!(last, Some(Note::Monitored(_)));
        let lines = match last {
            Some(Note::Monitored(lines)) => lines,
            _ => &mut fresh,
        };
        if lines.bytes.len() > MONITOR_PENDING_BYTES_MAX {
            lines.cut = true;
        } else {
            lines.bytes.extend_from_slice(line);
            lines.ends.push((number, lines.bytes.len()));
        }
        if !is_last {
            self.tell(shard, Note::Monitored(fresh));
        }
    }

    /// True while a message waits that the mesh has not refused.
    #[must_use]
    pub(super) fn is_unsent(&self) -> bool {
        let told = self.outbox.iter().filter(|message| !message.is_empty());
        told.count() > self.refused
    }

    /// Hands every message to `send`, which gives back what the mesh refuses: that waits and grows
    /// only as far as parcels may.
    pub fn post(&mut self, mut send: impl FnMut(ShardId, Message) -> Result<(), Message>) {
        assert!(
            self.outbox[self.here.index()].is_empty(),
            "what a shard tells itself takes no detour"
        );
        self.refused = 0;
        for shard in ShardId::all(self.outbox.len()) {
            if self.outbox[shard.index()].is_empty() {
                continue;
            }
            self.hurry(shard);
            let message = std::mem::take(&mut self.outbox[shard.index()]);
            let asks = message.commands.is_some();
            match send(shard, message) {
                Ok(()) => self.pending += usize::from(asks),
                Err(message) => {
                    self.outbox[shard.index()] = message;
                    self.refused += 1;
                }
            }
        }
    }

    /// Notes and parcels that wait, for tests that count messages and look for leftovers.
    #[must_use]
    pub fn waiting(&self) -> usize {
        let told = self.outbox.iter().filter(|message| !message.is_empty());
        self.own.len() + told.count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEXT: ShardId = ShardId::new(1);
    const LAST: ShardId = ShardId::new(2);

    #[test]
    fn refused_messages_wait_and_count_as_unsent_once_there_is_room() {
        let mut mail = Mail::new(ShardId::FIRST, 3);
        mail.tell(NEXT, Note::Unwatch { client: 7 });
        mail.tell(ShardId::FIRST, Note::Unwatch { client: 7 });
        assert!(mail.is_unsent() && mail.has_own());
        assert!(matches!(mail.next_own(), Some(Note::Unwatch { client: 7 })));
        mail.post(|_, message| Err(message));
        assert!(!mail.is_unsent(), "it waits for the receiver's ring");
        mail.tell(LAST, Note::Unwatch { client: 8 });
        assert!(mail.is_unsent());
        let mut sent = Vec::new();
        mail.post(|shard, _| {
            sent.push(shard);
            Ok(())
        });
        assert_eq!(sent, [NEXT, LAST]);
        assert_eq!(mail.waiting(), 0);
    }

    #[test]
    fn what_is_put_off_wakes_nobody_and_stays_in_line() {
        let unwatch = |client| Note::Unwatch { client };
        let mut mail = Mail::new(ShardId::FIRST, 2);
        let sent = |mail: &mut Mail| {
            let mut clients = Vec::new();
            mail.post(|_, message| {
                clients.extend(message.notes.iter().map(|note| match note {
                    Note::Unwatch { client } => *client,
                    _ => panic!("nothing else was told"),
                }));
                Ok(())
            });
            clients
        };
        mail.tell_later(NEXT, unwatch(1));
        mail.tell_later(NEXT, unwatch(2));
        assert!(!mail.is_unsent() && sent(&mut mail).is_empty());
        mail.tell(NEXT, unwatch(3));
        mail.tell_later(NEXT, unwatch(4));
        assert!(mail.is_unsent());
        assert_eq!(sent(&mut mail), [1, 2, 3, 4]);
        mail.tell_later(NEXT, unwatch(5));
        mail.hurry_all();
        assert_eq!(sent(&mut mail), [5]);
        for client in 0..NOTES_LATER_MAX as u64 {
            assert!(!mail.is_unsent());
            mail.tell_later(NEXT, unwatch(client));
        }
        assert_eq!(
            sent(&mut mail).len(),
            NOTES_LATER_MAX,
            "they do not pile up"
        );
    }

    #[test]
    fn a_parcel_that_was_sent_is_expected_home() {
        let mut mail = Mail::new(ShardId::FIRST, 2);
        assert!(mail.parcel(NEXT).is_some());
        mail.any_parcel(NEXT).commands.reserve(1);
        mail.post(|_, _| Ok(()));
        assert_eq!(mail.pending(), 1);
        mail.reply_came();
        mail.keep_parcel(Box::default());
        assert_eq!(mail.pending(), 0);
    }
}
