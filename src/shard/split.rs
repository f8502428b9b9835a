//! Split transactions: a part of the command for every owner, one reply of all parts.
//!
//! For commands that divide by key (MGET, MSET, DEL) and those on the whole keyspace (DBSIZE,
//! FLUSHALL). What the parts' replies become is in `merge`.

use super::Core;
use super::coordinate::{Plan, Share};
use super::input::Flow;
use super::keys::strongest;
use crate::base::Token;
use crate::cmd::{Merge, Row, changes_keys, key_slot};
use crate::conn::State;
use crate::resp::Args;
use crate::route::{Carried, Head, Intent, Mode, Work};

impl Core {
    /// A command of a waiting client that divides by key; `positions` holds where the keys stand.
    pub fn begin_split(&mut self, token: Token, row: u16, args: &Args<'_>, merge: Merge) -> Flow {
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
        let mode = if writes {
            Mode::Exclusive
        } else {
            Mode::Shared
        };
        let step = positions.get(1).map_or(1, |second| second - positions[0]);
        let mut shares: Vec<(Share, Vec<Intent>)> =
            Vec::with_capacity(self.identity.shards.min(positions.len()));
        for (ordinal, &at) in positions.iter().enumerate() {
            let key = args.get(at);
            let shard = self.slots.owner(key_slot(key));
            let index = shares
                .iter()
                .position(|(share, _)| share.shard == shard)
                .unwrap_or_else(|| {
                    shares.push((Share::new(shard, [].into()), Vec::new()));
                    shares.len() - 1
                });
            shares[index].0.ordinals.push(ordinal);
            shares[index].1.push(Intent {
                key: self.lock_key(head.db, key),
                mode,
            });
        }
        let first = positions[0];
        let parts: Vec<Carried> = shares
            .iter()
            .map(|(share, _)| {
                let keys = share
                    .ordinals
                    .iter()
                    .flat_map(|&ordinal| positions[ordinal]..positions[ordinal] + step);
                Carried::part(head, args, (0..first).chain(keys))
            })
            .collect();
        let plan = Plan::Split {
            merge,
            writes,
            fallible: None,
        };
        self.count_call(head.row, 1);
        let sequence = self.open(token, plan, shares.len());
        for ((share, mut intents), part) in shares.into_iter().zip(parts) {
            strongest(&mut intents);
            let work = if writes {
                Work::Write(part)
            } else {
                Work::Read(part)
            };
            self.ask_share(sequence, share, intents, work, None);
        }
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
