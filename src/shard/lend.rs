//! Lending transactions: the owners' entries come here, the handler runs over them, the entries go home.
//!
//! The coordinator's part of commands and transactions whose keys several shards own and that do not
//! divide by key. The entries lie in `Core::borrowed` while the handlers run, so these cannot tell.

use super::Core;
use super::coordinate::{Coordinated, Plan, Share};
use super::execute::Call;
use super::participate::strongest;
use crate::base::Token;
use crate::cmd::{Row, key_slot, other_database};
use crate::conn::State;
use crate::resp::{Args, Protocol, Reply};
use crate::route::{
    Carried, DbKey, Intent, Mode, Note, Part, ReplyTo, Returned, Sequence, Task, Wait, Work,
};
use crate::store::Entry;

impl Core {
    /// Commands that run here over lent entries of all their keys; `watched` keys are locked besides.
    pub fn lend_all(&mut self, token: Token, task: Task, watched: Vec<DbKey>) {
        let mut keys: Vec<DbKey> = watched;
        for carried in &task.commands {
            self.keys_of(carried, &mut keys);
        }
        keys.sort_unstable();
        keys.dedup();
        let mut shares: Vec<Share> = Vec::new();
        for key in keys {
            let shard = self.slots.owner(key_slot(&key.1));
            match shares.iter_mut().find(|share| share.shard == shard) {
                Some(share) => share.keys.push(key),
                None => shares.push(Share::new(shard, vec![key])),
            }
        }
        let watcher = task.watcher;
        let sequence = self.open(token, Plan::Lend(task), shares.len());
        for share in shares {
            let intents = self.exclusive_intents(&share.keys);
            let work = Work::Lend(share.keys.clone());
            self.ask_share(sequence, share, intents, work, watcher);
        }
    }

    fn exclusive_intents(&self, keys: &[DbKey]) -> Vec<Intent> {
        let mut intents: Vec<Intent> = keys
            .iter()
            .map(|(db, key)| Intent {
                key: self.lock_key(*db, key),
                mode: Mode::Exclusive,
            })
            .collect();
        strongest(&mut intents);
        intents
    }

    /// The keys of a command.
    pub fn keys_of(&self, carried: &Carried, out: &mut Vec<DbKey>) {
        let args = carried.args();
        let row = self.table.row(carried.row);
        let mut positions = Vec::new();
        for spec in row.command.keys {
            if spec.positions(&args, &mut positions).is_err() {
                return;
            }
        }
        for db in self.databases_of(row, carried.db, &args) {
            out.extend(positions.iter().map(|&at| (db, Box::from(args.get(at)))));
        }
    }

    /// The databases in which a command touches its keys: the client's, and the one that COPY or MOVE names.
    pub fn databases_of(
        &self,
        row: &Row,
        db: u16,
        args: &Args<'_>,
    ) -> impl Iterator<Item = u16> + use<> {
        let other =
            other_database(row, args).filter(|&other| other != db && other < self.config.databases);
        std::iter::once(db).chain(other)
    }

    /// Runs commands over lent entries, answers, and sends the entries home.
    pub fn run_lent(&mut self, sequence: Sequence, mut coordinated: Coordinated) {
        let Plan::Lend(task) = &coordinated.plan else {
            panic!("only lending transactions run here")
        };
        for share in &mut coordinated.shares {
            let Some(Part::Entries(entries)) = share.part.take() else {
                panic!("a granted share has its entries")
            };
            for ((db, key), entry) in share.keys.iter().zip(entries) {
                if let Some(entry) = entry {
                    let displaced = self.borrowed.insert(usize::from(*db), key_slot(key), entry);
                    assert!(displaced.is_none(), "a key is lent by its one owner");
                }
            }
        }
        let listened = std::mem::replace(&mut self.effects.wants.modified, true);
        let aborted = task.exec && coordinated.dirty;
        let mut reply = Vec::new();
        let gone = coordinated.offered && self.has_left(task.to);
        let blocks = !gone && self.run_borrowed(task, aborted, &mut reply);
        self.effects.wants.modified = listened;
        let modified = std::mem::take(&mut self.effects.modified);
        self.settle_effects();
        for share in &coordinated.shares {
            let waits = blocks && !coordinated.offered;
            let finish = self.finish_share(sequence, share, &modified, waits.then_some(task));
            self.tell(share.shard, finish);
        }
        let lent_left: usize = (0..usize::from(self.config.databases))
            .map(|db| self.borrowed.len(db))
            .sum();
        assert!(lent_left == 0, "a handler keeps to the keys of its command");
        if !blocks {
            let (home, to) = (task.home, task.to);
            assert!(
                usize::from(home) == self.id(),
                "the coordinator is the client's home"
            );
            self.late(to, &reply);
            return;
        }
        let Plan::Lend(task) = coordinated.plan else {
            panic!("only lending transactions run here")
        };
        if coordinated.offered {
            self.attempt_again(task);
        } else {
            self.blocked(task.to);
        }
    }

    /// Nobody would hear the reply.
    fn has_left(&mut self, to: ReplyTo) -> bool {
        let client = self.clients.of(to.token, to.client);
        client.is_none_or(|client| client.state == State::Closing)
    }

    /// The commands of a lending transaction, over `borrowed`. True when its one command must block.
    fn run_borrowed(&mut self, task: &Task, aborted: bool, reply: &mut Vec<u8>) -> bool {
        let protocol = task
            .commands
            .first()
            .map_or(Protocol::Resp2, |carried| carried.protocol);
        if aborted {
            Reply::new(reply, protocol).null_array();
            return false;
        }
        if task.exec {
            Reply::new(reply, protocol).array(task.commands.len());
        }
        let alone = !task.exec && task.block != 0;
        for carried in &task.commands {
            let call = Call::of(carried, true);
            self.run_handler(
                if alone { call.alone() } else { call },
                &carried.args(),
                reply,
            );
        }
        alone && self.effects.block.is_some()
    }

    fn finish_share(
        &mut self,
        sequence: Sequence,
        share: &Share,
        modified: &[DbKey],
        blocks: Option<&Task>,
    ) -> Note {
        let returned: Returned = share
            .keys
            .iter()
            .map(|(db, key)| {
                let entry: Option<Entry> = self.borrowed.take(usize::from(*db), key_slot(key), key);
                ((*db, key.clone()), entry)
            })
            .collect();
        let modified = modified
            .iter()
            .filter(|key| share.keys.contains(key))
            .cloned()
            .collect();
        let wait: Option<Box<Wait>> =
            blocks.map(|task| Box::new(self.wait_of(task, share.keys.clone())));
        Note::Finish {
            sequence,
            returned,
            modified,
            wait,
        }
    }
}
