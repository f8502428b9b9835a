//! What a command did, for all who must hear of it: counters, watchers, waiters, log, replicas.
//!
//! Filled by `Context` and `Edit` alone, so that nobody changes a key and forgets to tell; settled
//! and emptied by the shard. What nobody wants to hear of is not recorded.

use super::super::slot::key_slot;
use super::super::table::Row;
use super::apart::tell_states;
use super::stream::{Closed, EffectStream};
use crate::config::{Config, events};
use crate::resp::Args;
use crate::store::{Cleared, Db, KeyHash, Slot, Stamps, Store};

/// A keyspace event, for notifications, tracking and blocked clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyEvent {
    /// One bit of the classes of `notify-keyspace-events`.
    pub class: u32,
    pub name: &'static str,
    pub db: Db,
    pub key: Box<[u8]>,
}

/// What the shard wants to hear of a command; all empty in the fast case, so recording costs a
/// test.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wants {
    /// Classes of keyspace events that somebody hears of.
    pub events: u32,
    /// Somebody watches keys or waits for one.
    pub modified: bool,
    /// Somebody reads several shards at one instant.
    pub stamps: bool,
    /// Somebody reads the stream of effects (log, replicas).
    pub stream: bool,
}

/// What a command did.
#[derive(Debug, Default)]
pub struct Effects {
    pub wants: Wants,
    /// Changes to the keyspace, as `rdb_changes_since_last_save` counts them.
    pub dirty: u64,
    pub hits: u64,
    pub misses: u64,
    pub expired: u64,
    pub events: Vec<KeyEvent>,
    /// When keys were last written; kept when `wants.stamps`.
    pub stamps: Stamps,
    /// Keys whose value changed, with their database; recorded when `wants.modified`.
    pub modified: Vec<(Db, Box<[u8]>)>,
    /// Databases whose whole content went or came at once (FLUSHALL, SWAPDB): whoever watches,
    /// tracks or waits for a key that was there before or is there now is told. Recorded when
    /// `wants.modified`.
    pub replaced: Vec<Db>,
    /// What FLUSHDB and FLUSHALL detached; the shard frees it in steps.
    pub cleared: Vec<Cleared>,
    /// What log and replicas apply, a DEL for each key that was found expired included. Recorded
    /// when `wants.stream`; whoever reads it empties it.
    pub stream: EffectStream,
    /// Keys that the command may touch, with their database, in order; for `Context::reach`.
    pub lent: Vec<(Db, Box<[u8]>)>,
    /// Keys that it found and may not touch yet.
    pub found: Vec<(Db, Box<[u8]>)>,
    /// The handler found nothing to take and wants its client to wait for one of its keys.
    pub block: Option<Block>,
    /// The command as it is to be tried again, where that is not as it was sent; with `block`.
    pub waits_as: Option<Vec<Box<[u8]>>>,
}

impl Effects {
    /// Forgets what a command did that is undone; in the stream, all that is not kept.
    pub fn forget(&mut self) {
        let stamps = std::mem::take(&mut self.stamps);
        let mut stream = std::mem::take(&mut self.stream);
        stream.cut_back();
        *self = Self {
            wants: self.wants,
            stamps,
            stream,
            ..Self::default()
        };
    }

    /// A keyspace event on a key, recorded when somebody wants its class.
    #[inline]
    pub(super) fn notify(&mut self, db: Db, class: u32, name: &'static str, key: &[u8]) {
        if self.wants.events & class != 0 {
            self.events.push(KeyEvent {
                class,
                name,
                db,
                key: key.into(),
            });
        }
    }

    /// The value at a key came, went or changed, in so many `changes`: counts it and tells
    /// watchers, trackers and blocked clients.
    #[inline]
    pub(super) fn changed(&mut self, db: Db, key: &[u8], hash: KeyHash, changes: u64) {
        self.dirty += changes;
        // One branch for all of them.
        if self.wants.stamps | self.wants.modified | self.wants.stream {
            self.heard(db, key, hash);
        }
    }

    /// Out of line: most of the time nobody wants to hear of it.
    #[inline(never)]
    fn heard(&mut self, db: Db, key: &[u8], hash: KeyHash) {
        if self.wants.stamps | self.wants.modified {
            self.touched(db, key, hash);
        }
        if self.wants.stream {
            self.stream.changed_key(db, key);
        }
    }

    fn touched(&mut self, db: Db, key: &[u8], hash: KeyHash) {
        if self.wants.stamps {
            self.stamps.write(hash.of(key));
        }
        if self.wants.modified {
            self.modified.push((db, key.into()));
        }
    }

    /// What log and replicas apply instead of the command as sent: another command, whose first
    /// `keys` arguments are keys.
    pub(super) fn propagate(&mut self, db: Db, keys: usize, words: &[&[u8]]) {
        if self.wants.stream {
            self.stream.append(db, keys, words);
            self.stream.told();
        }
    }

    /// As `propagate`, with a command whose one key is this argument.
    pub(super) fn propagate_key(&mut self, db: Db, at: usize, words: &[&[u8]]) {
        if self.wants.stream {
            self.stream.append_keyed(db, at, words);
            self.stream.told();
        }
    }

    /// Log and replicas apply nothing but what else was propagated.
    pub(super) fn propagate_nothing(&mut self) {
        if self.wants.stream {
            self.stream.told();
        }
    }

    /// The next command runs over lent keys, whose owners log apart: each command that is told
    /// concerns keys of one slot.
    #[cold]
    pub fn tell_apart(&mut self) {
        if self.wants.stream {
            self.stream.tell_apart();
        }
    }

    /// Whether keys of these slots are told of apart.
    #[inline]
    pub(super) fn tells_apart(&self, one: Slot, other: Slot) -> bool {
        one != other && self.stream.is_apart()
    }

    /// A command has run over this store: if it changed something and has not told what is to be
    /// applied instead of it, it goes into the stream as it was sent, by its own name whatever
    /// clients call it; told apart, what has become of its keys does. Belongs behind every handler,
    /// also one that failed: it may have changed something before.
    pub fn close_command(
        &mut self,
        (row, db): (&Row, Db),
        args: &Args<'_>,
        store: &Store,
        config: &Config,
    ) {
        if self.wants.stream {
            match self.stream.close() {
                Closed::Told => {}
                Closed::AsSent => self.stream.append_sent(row, db, args),
                Closed::Apart(_) if share_slot(row, args) => {
                    self.stream.append_sent(row, db, args);
                }
                Closed::Apart(keys) => tell_states(&mut self.stream, &keys, store, config),
            }
        }
    }

    /// The whole content of a database changed at once.
    pub(super) fn replaced(&mut self, db: Db) {
        self.stamps.write_all();
        if self.wants.modified {
            self.replaced.push(db);
        }
        if self.wants.stream {
            self.stream.changed();
        }
    }

    /// Says that a key had expired, whether it was removed or overwritten. Log and replicas are
    /// told at once, before what the command does next.
    #[cold]
    pub fn tell_expired(&mut self, db: Db, key: &[u8], hash: KeyHash, config: &Config) {
        self.expired += 1;
        self.notify(db, events::EXPIRED, "expired", key);
        // An end of its own is no change of the command's.
        self.touched(db, key, hash);
        if self.wants.stream {
            let name = removal(config.lazyfree_lazy_expire);
            self.stream.append_expired(db, &[name, key]);
        }
    }

    /// Says that fields of a key had expired and were removed. Log and replicas are told at once.
    #[cold]
    pub(super) fn tell_ended(&mut self, db: Db, key: &[u8], hash: KeyHash, fields: &[Vec<u8>]) {
        self.touched(db, key, hash);
        if self.wants.stream {
            let head: [&[u8]; 2] = [b"HDEL", key];
            let fields = fields.iter().map(Vec::as_slice);
            let words: Vec<&[u8]> = head.into_iter().chain(fields).collect();
            self.stream.append_expired(db, &words);
        }
    }
}

/// The command that removes a key: Redis frees its value lazily where a directive says so.
pub(super) fn removal(lazily: bool) -> &'static [u8] {
    if lazily { b"UNLINK" } else { b"DEL" }
}

/// Whether a command concerns one slot, or has no keys.
fn share_slot(row: &Row, args: &Args<'_>) -> bool {
    let mut slots = row
        .key_positions(args)
        .into_iter()
        .map(|at| key_slot(args.get(at)));
    slots
        .next()
        .is_none_or(|first| slots.all(|slot| slot == first))
}

/// How a client waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block {
    /// Wall-clock deadline, milliseconds; None waits for ever.
    pub deadline_ms: Option<u64>,
}
