//! SCAN and RANDOMKEY: one reply out of what several shards hold.
//!
//! SCAN goes through the slots in order and so from shard to shard, until it has looked at COUNT elements
//! or at all of them: a small database comes in one reply, as from a server without shards.

use super::docs::keyspace as docs;
use std::sync::Arc;

use crate::base::Token;
use crate::cmd::{
    Command, Cursor, Group, Reach, Run, ScanOptions, acl, flag, parse_cursor, random_part,
    scan_part,
};
use crate::limits::SLOTS;
use crate::resp::Args;
use crate::route::{Answer, Carried, Errand, Head};
use crate::shard::{Core, Flow, HomeCommand};

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
    core.walk(token, cursor, walk)
}

fn random_key(core: &mut Core, token: Token, _args: &Args<'_>) -> Flow {
    let db = core.client(token).session.db;
    core.ask_all(token, &Errand::RandomKey { db }, |core, token, answers| {
        let mut candidates: Vec<(Vec<u8>, u64)> = Vec::new();
        for answer in answers {
            if let Answer::Key {
                key: Some(key),
                keys,
            } = answer
            {
                candidates.push((key, keys));
            }
        }
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

impl Core {
    /// Asks the shard that owns the cursor's slot.
    fn walk(&mut self, token: Token, cursor: Cursor, walk: Walk) -> Flow {
        let owner = self.owner(cursor.slot);
        let errand = Errand::Scan {
            cursor: cursor.number(),
            count: walk.left,
            args: walk.args.clone(),
        };
        self.ask(token, &[owner], &errand, move |core, token, answers| {
            core.walked(token, cursor, walk, answers);
        })
    }

    /// A shard has looked at its run of slots, or at enough elements.
    fn walked(&mut self, token: Token, from: Cursor, mut walk: Walk, answers: Vec<Answer>) {
        let Some(Answer::Scan {
            next,
            keys,
            found,
            examined,
        }) = answers.into_iter().next()
        else {
            panic!("a scan is answered with what it found")
        };
        walk.keys.extend_from_slice(&keys);
        walk.found += found;
        walk.left = walk.left.saturating_sub(examined);
        let next = match next {
            Some(number) => Cursor::from_number(number),
            None => {
                let end = self.end_of_run(from.slot);
                u16::try_from(end)
                    .ok()
                    .filter(|_| end < SLOTS)
                    .map(|slot| Cursor { slot, position: 0 })
            }
        };
        if let Some(next) = next
            && walk.left > 0
        {
            self.walk(token, next, walk);
            return;
        }
        let number = next.map_or(0, Cursor::number);
        self.complete(token, |reply| {
            reply.array(2);
            reply.bulk(number.to_string().as_bytes());
            reply.array(walk.found);
            reply.encoded(&walk.keys);
        });
    }

    /// The first slot behind `slot` that another shard owns.
    fn end_of_run(&self, slot: u16) -> usize {
        let owner = self.owner(slot);
        (usize::from(slot)..SLOTS)
            .find(|&other| u16::try_from(other).is_ok_and(|other| self.owner(other) != owner))
            .unwrap_or(SLOTS)
    }

    /// This shard's part of SCAN.
    pub fn scan_here(&mut self, cursor: u64, count: usize, carried: &Carried) -> Answer {
        let args = carried.args();
        let start = Cursor::from_number(cursor).expect("the asking shard has checked the cursor");
        let mut options =
            ScanOptions::parse(&args, 2).expect("the asking shard has read the options");
        options.count = count;
        let end = self.end_of_run(start.slot);
        let mut keys = Vec::new();
        let part = self.with_context(carried.head.db, carried.head.protocol, &mut keys, |ctx| {
            scan_part(ctx, &options, start, end)
        });
        Answer::Scan {
            next: part.next.map(Cursor::number),
            keys,
            found: part.found,
            examined: part.examined,
        }
    }

    /// This shard's candidate for RANDOMKEY.
    pub fn random_key_here(&mut self, db: u16) -> Answer {
        let mut unused = Vec::new();
        let protocol = crate::resp::Protocol::Resp2;
        let key = self.with_context(db, protocol, &mut unused, random_part);
        let keys = self.store.len(usize::from(db)) as u64;
        Answer::Key { key, keys }
    }
}
