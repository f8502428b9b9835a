//! Split transactions: a part of the command for every owner, one reply of all parts.
//!
//! For commands that divide by key (MGET, MSET, DEL) and those on the whole keyspace (DBSIZE,
//! FLUSHALL). What the parts' replies become is in `txn::merge`; an EXEC in parts is in `multi`.

use super::Core;
use super::input::Flow;
use crate::base::Token;
use crate::cmd::{Merge, Row, Run, changes_keys, flag, key_slot};
use crate::conn::State;
use crate::resp::Args;
use crate::route::{Carried, Head, Intent, Mode, ShardId, Work, strongest};
use crate::txn::{Plan, Share, Split};

impl Core {
    /// A command of a waiting client that divides by key; `positions` holds where the keys stand.
    pub(super) fn begin_split(
        &mut self,
        token: Token,
        row: u16,
        args: &Args<'_>,
        merge: Merge,
    ) -> Flow {
        let client = self.client(token);
        client.state = State::Waiting;
        let head = client.session.head(row);
        let positions = std::mem::take(&mut self.parsing.positions);
        self.split(token, head, args, &positions, merge);
        self.parsing.positions = positions;
        Flow::Stop
    }

    /// A part for every owner.
    pub fn split(
        &mut self,
        token: Token,
        head: Head,
        args: &Args<'_>,
        positions: &[usize],
        merge: Merge,
    ) {
        let writes = changes_keys(self.table().row(head.row));
        let mode = mode_of(writes);
        let step = positions.get(1).map_or(1, |second| second - positions[0]);
        let first = positions[0];
        let keys = positions.iter().enumerate();
        let keys = keys.map(|(ordinal, &at)| (key_slot(args.get(at)), ordinal));
        let owned = self.by_owner(keys);
        let plan = Plan::Split(Split {
            merge,
            writes,
            fallible: None,
        });
        self.count_call(head.row, 1);
        let sequence = self.open(token, plan, owned.len());
        for (shard, ordinals) in owned {
            let keys = ordinals.iter().map(|&ordinal| positions[ordinal]);
            let intents = keys.clone().map(|at| Intent {
                key: self.lock_key(head.db, args.get(at)),
                mode,
            });
            let mut intents: Vec<Intent> = intents.collect();
            strongest(&mut intents);
            let words = (0..first).chain(keys.flat_map(|at| at..at + step));
            let part = Carried::part(head, args, words);
            let share = Share::of_part(shard, ordinals);
            self.ask_share(sequence, share, intents, part_of(writes, part), None);
        }
    }

    /// A part of a command without keys for every shard.
    pub(super) fn spread(&mut self, token: Token, row: &'static Row, carried: &Carried) {
        let Run::Everywhere(_, merge) = row.command.run else {
            panic!("only such commands come here")
        };
        let writes = row.has(flag::WRITE);
        let mode = mode_of(writes);
        let plan = Plan::Split(Split {
            merge,
            writes,
            fallible: Some(carried.head.row),
        });
        self.count_call(carried.head.row, 1);
        let sequence = self.open(token, plan, self.identity.shards);
        for shard in ShardId::all(self.identity.shards) {
            let share = Share::new(shard, [].into());
            let work = part_of(writes, carried.clone());
            self.ask_share(sequence, share, vec![Intent::whole(mode)], work, None);
        }
    }
}

/// How the keys of a command are locked.
fn mode_of(writes: bool) -> Mode {
    match writes {
        true => Mode::Exclusive,
        false => Mode::Shared,
    }
}

/// One that writes runs when that is decided, one that reads at once.
fn part_of(writes: bool, part: Carried) -> Work {
    match writes {
        true => Work::Write(part),
        false => Work::Read(part),
    }
}

/// True when the arguments behind the first key divide evenly among the keys; else the handler
/// refuses them.
pub fn divides(row: &Row, args: &Args<'_>) -> bool {
    row.command
        .keys
        .iter()
        .all(|spec| match (spec.begin, spec.find) {
            (crate::cmd::Begin::Index(at), crate::cmd::Find::Range { step, .. }) => {
                (args.len() - at).is_multiple_of(step)
            }
            _ => true,
        })
}
