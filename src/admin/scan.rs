//! SCAN and RANDOMKEY: one reply out of what several shards hold.
//!
//! SCAN goes through the slots in order and so from shard to shard, until it has looked at COUNT
//! elements or at all of them: a small database comes in one reply, as from a server without
//! shards. Keys that are lent to transactions at that moment are waited for, and only they: SCAN
//! and RANDOMKEY hold up nobody.

use super::docs::keyspace as docs;
use std::sync::Arc;

use crate::base::Token;
use crate::cmd::special::PLAIN;
use crate::cmd::{
    Command, Cursor, Group, Reach, Run, ScanOptions, ScanPart, acl, flag, key_slot, parse_cursor,
    random_part, scan_lent, scan_part, scan_returned,
};
use crate::limits::SLOTS;
use crate::resp::{Args, Protocol};
use crate::route::{Carried, DbKey, Head};
use crate::shard::{Core, Flow, HomeCommand, Query};
use crate::store::{Db, Slot};

/// The commands of this file.
pub static COMMANDS: &[HomeCommand] = &[
    HomeCommand::new(
        scan,
        Command {
            name: "scan",
            arity: -2,
            flags: flag::READONLY,
            categories: acl::KEYSPACE,
            group: Group::Generic,
            keys: &[],
            docs: &docs::SCAN,
            special: PLAIN,
            run: Run::Home(Reach::Everyone),
            subcommands: &[],
        },
    ),
    HomeCommand::new(
        random_key,
        Command {
            name: "randomkey",
            arity: 1,
            flags: flag::READONLY,
            categories: acl::KEYSPACE,
            group: Group::Generic,
            keys: &[],
            docs: &docs::RANDOMKEY,
            special: PLAIN,
            run: Run::Home(Reach::Everyone),
            subcommands: &[],
        },
    ),
];

/// A SCAN on its way through the shards.
struct Walk {
    args: Arc<Carried>,
    /// Elements to look at still.
    left: usize,
    found: usize,
    /// The keys found, encoded.
    keys: Vec<u8>,
}

fn scan(core: &mut Core, token: Token, args: &Args<'_>) -> Flow {
    let parsed = parse_cursor(args.get(1))
        .and_then(|cursor| Ok((cursor, ScanOptions::parse(args, 2)?.count)));
    let (cursor, left) = match parsed {
        Ok(parsed) => parsed,
        Err(error) => {
            core.error(token, &error);
            return Flow::Next;
        }
    };
    let Some(cursor) = Cursor::from_number(cursor) else {
        let mut reply = core.reply(token);
        reply.array(2);
        reply.bulk(b"0");
        reply.array(0);
        return Flow::Next;
    };
    let head = core.client(token).session.head(0);
    let walk = Walk {
        args: Arc::new(Carried::new(
            Head {
                no_touch: true,
                ..head
            },
            args,
        )),
        left,
        found: 0,
        keys: Vec::new(),
    };
    walk.go_on(core, token, cursor)
}

/// A shard's part of SCAN: from this cursor on, at least so many elements.
struct Part {
    cursor: Cursor,
    count: usize,
    args: Arc<Carried>,
}

/// What a shard has found.
struct Found {
    part: ScanPart,
    /// Encoded bulk strings.
    keys: Vec<u8>,
}

impl Part {
    fn options<R>(&self, look: impl FnOnce(&ScanOptions<'_>) -> R) -> R {
        let args = self.args.args();
        let mut options = ScanOptions::parse(&args, 2).expect("the asking shard has read them");
        options.count = self.count;
        look(&options)
    }
}

impl Query for Part {
    type Answer = Found;

    const LOOKS_AT_KEYS: bool = true;

    fn answer(&self, core: &mut Core) -> Found {
        let end = end_of_run(core, self.cursor.slot);
        let Head { db, protocol, .. } = self.args.head;
        let mut keys = Vec::new();
        let part = self.options(|options| {
            core.with_context(db, protocol, &mut keys, |ctx| {
                scan_part(ctx, options, self.cursor, end)
            })
        });
        Found { part, keys }
    }

    fn lacks(&self, core: &Core, found: &mut Found) -> Vec<DbKey> {
        let db = self.args.head.db;
        let end = end_of_run(core, self.cursor.slot);
        let away = core.lent_away(db).map(|key| {
            let (slot, position) = (key_slot(key), core.store().position(key));
            (Cursor { slot, position }, Box::from(key))
        });
        let keys =
            self.options(|options| scan_lent(options, self.cursor, end, &mut found.part, away));
        keys.into_iter().map(|key| (db, key)).collect()
    }

    fn add(&self, core: &mut Core, found: &mut Found, keys: &[DbKey]) {
        let Head { db, protocol, .. } = self.args.head;
        let keys: Vec<Box<[u8]>> = keys.iter().map(|(_, key)| key.clone()).collect();
        found.part.found += self.options(|options| {
            core.with_context(db, protocol, &mut found.keys, |ctx| {
                scan_returned(ctx, options, &keys)
            })
        });
    }
}

impl Walk {
    /// Asks the shard that owns the cursor's slot.
    fn go_on(self, core: &mut Core, token: Token, cursor: Cursor) -> Flow {
        let part = Part {
            cursor,
            count: self.left,
            args: self.args.clone(),
        };
        let owner = core.owner(cursor.slot);
        core.ask_one(token, owner, part, move |core, token, found| {
            self.walked(core, token, cursor, &found);
        })
    }

    /// A shard has looked at its run of slots, or at enough elements.
    fn walked(mut self, core: &mut Core, token: Token, from: Cursor, found: &Found) {
        self.keys.extend_from_slice(&found.keys);
        self.found += found.part.found;
        self.left = self.left.saturating_sub(found.part.examined);
        let next = found.part.next.or_else(|| {
            let end = end_of_run(core, from.slot);
            let slot = Slot::at(end)?;
            Some(Cursor { slot, position: 0 })
        });
        if let Some(next) = next
            && self.left > 0
        {
            self.go_on(core, token, next);
            return;
        }
        let number = next.map_or(0, Cursor::number);
        core.complete(token, |reply| {
            reply.array(2);
            reply.bulk(number.to_string().as_bytes());
            reply.array(self.found);
            reply.encoded(&self.keys);
        });
    }
}

/// The first slot behind `slot` that another shard owns.
fn end_of_run(core: &Core, slot: Slot) -> usize {
    let owner = core.owner(slot);
    (slot.index()..SLOTS)
        .filter_map(Slot::at)
        .find(|&other| core.owner(other) != owner)
        .map_or(SLOTS, Slot::index)
}

/// A key of this database, any of a shard's.
struct AnyKey {
    db: Db,
}

impl Query for AnyKey {
    /// The key and how many keys the shard has, for a fair pick.
    type Answer = Option<(Vec<u8>, u64)>;

    const LOOKS_AT_KEYS: bool = true;

    fn answer(&self, core: &mut Core) -> Self::Answer {
        let mut unused = Vec::new();
        let key = core.with_context(self.db, Protocol::Resp2, &mut unused, random_part)?;
        Some((key, core.store().len(self.db) as u64))
    }

    /// Where all are lent there is one all the same.
    fn lacks(&self, core: &Core, found: &mut Self::Answer) -> Vec<DbKey> {
        if found.is_some() {
            return Vec::new();
        }
        let mut away: Vec<DbKey> = core
            .lent_away(self.db)
            .map(|key| (self.db, Box::from(key)))
            .collect();
        away.sort_unstable();
        away
    }

    fn add(&self, core: &mut Core, found: &mut Self::Answer, keys: &[DbKey]) {
        let mut there = keys.iter().filter(|key| core.is_live(key));
        if let Some((_, key)) = there.next() {
            *found = Some((key.to_vec(), 1 + there.count() as u64));
        }
    }
}

fn random_key(core: &mut Core, token: Token, _args: &Args<'_>) -> Flow {
    let db = core.client(token).session.db;
    core.ask_all(token, AnyKey { db }, |core, token, answers| {
        let candidates: Vec<(Vec<u8>, u64)> = answers.into_iter().flatten().collect();
        let total: u64 = candidates.iter().map(|(_, keys)| keys).sum();
        let mut rank = core.random().next_u64() % total.max(1);
        let chosen = candidates.into_iter().find_map(|(key, keys)| {
            if rank < keys {
                return Some(key);
            }
            rank -= keys;
            None
        });
        core.complete(token, |reply| match chosen {
            Some(key) => reply.bulk(&key),
            None => reply.null(),
        });
    })
}
