//! What happens to this shard's keys, one thing after the other, and who hears of it.
//!
//! The list of observers is closed: watches, blocked clients, and whoever joins (notifications,
//! tracking, replication, the log) is a row of `OBSERVERS` with two functions: what it wants to
//! hear of, and what it does about it. Handlers record only what somebody wants, so without
//! observers nothing is recorded. An observer never runs a command and never changes a key.

use super::Core;
use crate::cmd::{KeyEvent, Wants};
use crate::route::DbKey;
use crate::store::Db;

/// One thing that happened, in order per key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happened {
    /// The value at a key of this shard changed, came or went.
    Modified(DbKey),
    /// The whole content of a database changed at once (FLUSHALL, SWAPDB).
    Replaced(Db),
    /// A keyspace event, told by the shard that ran the command: over lent entries that is the one
    /// which borrowed them.
    Event(KeyEvent),
}

/// One who hears of it.
struct Observer {
    /// What it wants to hear of now; asked again whenever that may have changed.
    wants: fn(&Core) -> Wants,
    hears: fn(&mut Core, &Happened),
}

static OBSERVERS: &[Observer] = &[
    Observer {
        wants: |core| modified_if(!core.transactions.watches.is_empty()),
        hears: |core, happened| match happened {
            Happened::Modified(key) => core.watched_key_changed(key),
            Happened::Replaced(db) => core.watched_database_replaced(*db),
            Happened::Event(_) => {}
        },
    },
    Observer {
        wants: |core| modified_if(!core.transactions.waits.is_empty()),
        hears: |core, happened| match happened {
            Happened::Modified(key) => core.transactions.waits.modified(key.clone()),
            Happened::Replaced(db) => core.transactions.waits.database_replaced(*db),
            Happened::Event(_) => {}
        },
    },
    #[cfg(test)]
    Observer {
        wants: |core| match core.recorded {
            Some(_) => Wants {
                events: core.settings.config.notify_keyspace_events.published(),
                modified: true,
                stream: false,
                stamps: false,
            },
            None => Wants::default(),
        },
        hears: |core, happened| {
            if let Some(recorded) = &mut core.recorded {
                recorded.push(happened.clone());
            }
        },
    },
];

fn modified_if(modified: bool) -> Wants {
    Wants {
        modified,
        ..Wants::default()
    }
}

impl Core {
    /// Asks the observers what handlers must record from now on.
    pub(super) fn update_wants(&mut self) {
        // Stamps are switched by those who read by them.
        let mut all = Wants {
            stamps: self.effects.wants.stamps,
            ..Wants::default()
        };
        for observer in OBSERVERS {
            let Wants {
                events,
                modified,
                stream,
                stamps: _,
            } = (observer.wants)(self);
            all.events |= events;
            all.modified |= modified;
            all.stream |= stream;
        }
        all.stream |= super::record::is_read(self);
        self.effects.wants = all;
    }

    /// Tells every observer.
    pub(super) fn happened(&mut self, happened: &Happened) {
        if let Happened::Modified((_, key)) = happened {
            // Written elsewhere while it was lent.
            let hash = self.keyspace.own.hash(key);
            self.effects.stamps.write(hash);
        }
        for observer in OBSERVERS {
            (observer.hears)(self, happened);
        }
    }

    /// Tells what the last handler recorded: changes first, then the events about them, as Redis
    /// does.
    #[cold]
    pub(super) fn tell_observers(&mut self) {
        for db in std::mem::take(&mut self.effects.replaced) {
            self.happened(&Happened::Replaced(db));
        }
        for key in std::mem::take(&mut self.effects.modified) {
            self.happened(&Happened::Modified(key));
        }
        for event in std::mem::take(&mut self.effects.events) {
            self.happened(&Happened::Event(event));
        }
        let effects = &self.effects;
        assert!(
            effects.modified.is_empty() && effects.replaced.is_empty(),
            "an observer changes no key"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shard::testing::Shards;

    /// What the shard's recorder has heard, one line each.
    fn heard(shards: &mut Shards, shard: usize) -> Vec<String> {
        let recorded = shards.core(shard).recorded.as_mut().expect("it records");
        let lines = std::mem::take(recorded).into_iter().map(|happened| {
            let text = |key: &[u8]| String::from_utf8_lossy(key).into_owned();
            match happened {
                Happened::Modified((db, key)) => format!("{db} {}", text(&key)),
                Happened::Replaced(db) => format!("{db} replaced"),
                Happened::Event(event) => {
                    format!("{} {} {}", event.db, event.name, text(&event.key))
                }
            }
        });
        lines.collect()
    }

    fn recording(directives: &[(&str, &str)]) -> Shards {
        let mut shards = Shards::with(2, directives);
        for shard in 0..2 {
            shards.core(shard).recorded = Some(Vec::new());
            shards.core(shard).update_wants();
        }
        shards
    }

    #[test]
    fn nothing_is_recorded_while_nobody_wants_it() {
        let mut shards = Shards::with(2, &[("notify-keyspace-events", "KEA")]);
        assert_eq!(shards.core(0).effects.wants.events, 0);
        assert!(!shards.core(0).effects.wants.modified);
        let client = shards.connect(0);
        let key = shards.key(1, 0);
        shards.call(client, &format!("WATCH {key}"));
        assert!(shards.core(1).effects.wants.modified && !shards.core(0).effects.wants.modified);
        shards.call(client, "UNWATCH");
        // The owner hears of that with the next round of housekeeping.
        shards.advance(200);
        assert!(!shards.core(1).effects.wants.modified);
    }

    #[test]
    fn the_owner_hears_of_changes_and_of_the_wanted_events() {
        let mut shards = recording(&[("notify-keyspace-events", "Ex$")]);
        let client = shards.connect(0);
        let key = shards.key(1, 0);
        shards.call(client, &format!("SET {key} v PX 10"));
        assert_eq!(
            heard(&mut shards, 1),
            [format!("0 {key}"), format!("0 set {key}")]
        );
        shards.advance(20);
        assert_eq!(
            heard(&mut shards, 1),
            [format!("0 {key}"), format!("0 expired {key}")]
        );
        shards.call(client, "CONFIG SET notify-keyspace-events K$");
        shards.call(client, &format!("SET {key} v PX 10"));
        shards.advance(20);
        assert_eq!(
            heard(&mut shards, 1),
            [
                format!("0 {key}"),
                format!("0 set {key}"),
                format!("0 {key}")
            ]
        );
        assert_eq!(heard(&mut shards, 0), [""; 0]);
    }

    #[test]
    fn classes_without_a_channel_are_not_published() {
        let mut shards = recording(&[("notify-keyspace-events", "A")]);
        let client = shards.connect(0);
        let key = shards.key(0, 0);
        shards.call(client, &format!("SET {key} v"));
        assert_eq!(heard(&mut shards, 0), [format!("0 {key}")]);
        shards.call(client, "FLUSHALL");
        let flushed = heard(&mut shards, 0);
        assert!(flushed.contains(&"0 replaced".to_string()), "{flushed:?}");
    }

    #[test]
    fn changes_to_lent_entries_reach_their_owners() {
        let mut shards = recording(&[("notify-keyspace-events", "Eg")]);
        let client = shards.connect(0);
        let (from, to) = (shards.key(0, 0), shards.key(1, 0));
        shards.call(client, &format!("SET {from} v"));
        heard(&mut shards, 0);
        assert_eq!(
            shards.call(client, &format!("RENAME {from} {to}")),
            "+OK\r\n"
        );
        let mut all = heard(&mut shards, 0);
        let far = heard(&mut shards, 1);
        assert!(far.contains(&format!("0 {to}")), "{far:?}");
        all.extend(far);
        let told = |line: String| all.iter().filter(|heard| **heard == line).count();
        for line in [
            format!("0 {from}"),
            format!("0 {to}"),
            format!("0 rename_from {from}"),
            format!("0 rename_to {to}"),
        ] {
            assert_eq!(told(line), 1, "{all:?}");
        }
    }
}
