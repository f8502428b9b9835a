//! What a command did, for all who must hear of it: counters, watchers, waiters, log, replicas.
//!
//! Filled by `Context` and `Edit` alone, so that nobody changes a key and forgets to tell; settled
//! and emptied by the shard. What nobody wants to hear of is not recorded.

use super::super::table::{Keys, Row};
use super::stream::EffectStream;
use crate::config::{Config, events};
use crate::resp::Args;
use crate::store::{Cleared, KeyHash, Stamps};

/// A keyspace event, for notifications, tracking and blocked clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyEvent {
    /// One bit of the classes of `notify-keyspace-events`.
    pub class: u32,
    pub name: &'static str,
    pub db: u16,
    pub key: Box<[u8]>,
}

/// What the shard wants to hear of a command; all empty in the fast case, so recording costs a
/// test.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wants {
    /// Classes of keyspace events that somebody listens to.
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
    pub modified: Vec<(u16, Box<[u8]>)>,
    /// Databases whose whole content went or came at once (FLUSHALL, SWAPDB): whoever watches,
    /// tracks or waits for a key that was there before or is there now is told. Recorded when
    /// `wants.modified`.
    pub replaced: Vec<u16>,
    /// What FLUSHDB and FLUSHALL detached; the shard frees it in steps.
    pub cleared: Vec<Cleared>,
    /// What log and replicas apply, a DEL for each key that was found expired included. Recorded
    /// when `wants.stream`; whoever reads it empties it.
    pub stream: EffectStream,
    /// Keys that the command may touch, with their database, in order; for `Context::reach`.
    pub lent: Vec<(u16, Box<[u8]>)>,
    /// Keys that it found and may not touch yet.
    pub found: Vec<(u16, Box<[u8]>)>,
    /// The handler found nothing to take and wants its client to wait for one of its keys.
    pub block: Option<Block>,
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

    /// A keyspace event on a key, recorded when somebody listens to its class.
    #[inline]
    pub(super) fn notify(&mut self, db: usize, class: u32, name: &'static str, key: &[u8]) {
        if self.wants.events & class != 0 {
            self.events.push(KeyEvent {
                class,
                name,
                db: db_number(db),
                key: key.into(),
            });
        }
    }

    /// The value at a key came, went or changed, in so many `changes`: counts it and tells
    /// watchers, trackers and blocked clients.
    #[inline]
    pub(super) fn changed(&mut self, db: usize, key: &[u8], hash: KeyHash, changes: u64) {
        self.dirty += changes;
        self.touched(db, key, hash);
        if self.wants.stream {
            self.stream.changed();
        }
    }

    #[inline]
    fn touched(&mut self, db: usize, key: &[u8], hash: KeyHash) {
        if self.wants.stamps {
            self.stamps.write(hash.of(key));
        }
        if self.wants.modified {
            self.modified.push((db_number(db), key.into()));
        }
    }

    /// What log and replicas apply instead of the command as sent: another command, whose first
    /// `keys` arguments are keys.
    pub(super) fn propagate(&mut self, db: usize, keys: usize, words: &[&[u8]]) {
        if self.wants.stream {
            self.stream.append(db_number(db), keys, words);
            self.stream.told();
        }
    }

    /// Log and replicas apply nothing but what else was propagated.
    pub(super) fn propagate_nothing(&mut self) {
        self.stream.told();
    }

    /// A command has run: if it changed something and has not told what is to be applied instead
    /// of it, it goes into the stream as it was sent, by its own name whatever clients call it.
    /// Belongs behind every handler, also one that failed: it may have changed something before.
    #[inline]
    pub fn close_command(&mut self, row: &Row, db: u16, args: &Args<'_>) {
        if self.wants.stream {
            self.close_streamed(row, db, args);
        }
    }

    fn close_streamed(&mut self, row: &Row, db: u16, args: &Args<'_>) {
        if !self.stream.close() {
            return;
        }
        let name = row.full_name.split('|').next().unwrap_or_default();
        let name = match args.get(0) {
            sent if sent.eq_ignore_ascii_case(name.as_bytes()) => sent,
            _ => name.as_bytes(),
        };
        match row.keys {
            Keys::None => self.stream.append_sent(db, name, args, []),
            Keys::One(at) => self.stream.append_sent(db, name, args, [at]),
            Keys::Many => {
                let mut keys = Vec::new();
                for spec in row.command.keys {
                    let found = spec.positions(args, &mut keys);
                    assert!(found.is_ok(), "a command that ran has its keys");
                }
                keys.sort_unstable();
                keys.dedup();
                self.stream.append_sent(db, name, args, keys);
            }
        }
    }

    /// The whole content of a database changed at once.
    pub(super) fn replaced(&mut self, db: usize) {
        self.stamps.write_all();
        if self.wants.modified {
            self.replaced.push(db_number(db));
        }
        if self.wants.stream {
            self.stream.changed();
        }
    }

    /// Says that a key's time was over, whether it was removed or overwritten. Log and replicas are
    /// told at once, before what the command does next.
    #[cold]
    pub fn lapsed(&mut self, db: usize, key: &[u8], hash: KeyHash, config: &Config) {
        self.expired += 1;
        self.notify(db, events::EXPIRED, "expired", key);
        // An end of its own is no change of the command's.
        self.touched(db, key, hash);
        if self.wants.stream {
            let name: &[u8] = match config.lazyfree_lazy_expire {
                true => b"UNLINK",
                false => b"DEL",
            };
            self.stream.append(db_number(db), 1, &[name, key]);
        }
    }
}

pub(super) fn db_number(db: usize) -> u16 {
    u16::try_from(db).expect("databases are limited to 256")
}

/// How a client waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block {
    /// Wall-clock deadline, milliseconds; None waits for ever.
    pub deadline_ms: Option<u64>,
}
