//! Commands of a client that wait at an owner behind an earlier one of the same client.
//!
//! A pipeline's commands for one shard take effect in the order sent, so what comes behind a
//! command that waits for a lock waits, too. Each shard owns one; runs nothing.

use std::collections::{HashMap, VecDeque};

use foldhash::fast::FixedState;

use crate::route::{ClientRef, ShardId, Task};

/// The queues, by the client and its home shard.
#[derive(Debug, Default)]
pub struct Behind {
    queues: HashMap<(ShardId, ClientRef), VecDeque<Task>, FixedState>,
}

impl Behind {
    /// True when no command waits for a lock, so that none can be behind it.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.queues.is_empty()
    }

    /// How many clients' commands wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.queues.len()
    }

    /// True while a command of this client waits here.
    #[must_use]
    pub fn holds(&self, home: ShardId, client: ClientRef) -> bool {
        self.queues.contains_key(&(home, client))
    }

    /// A command has to wait. It is handed back when it is its client's first here: then it waits
    /// for its locks, and later ones for it.
    #[must_use]
    pub fn join(&mut self, task: Task) -> Option<Task> {
        let client = (task.home, task.to.client());
        match self.queues.get_mut(&client) {
            Some(queue) => {
                queue.push_back(task);
                None
            }
            None => {
                self.queues.insert(client, VecDeque::new());
                Some(task)
            }
        }
    }

    /// A command is over: the next one behind it. None also for clients of which nothing waited.
    #[must_use]
    pub fn next(&mut self, home: ShardId, client: ClientRef) -> Option<Task> {
        let queue = self.queues.get_mut(&(home, client))?;
        let next = queue.pop_front();
        if next.is_none() {
            self.queues.remove(&(home, client));
        }
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resp::{Args, Protocol};
    use crate::route::{ClientRef, Head, ReplyTo};
    use crate::store::Db;

    fn task(token: u32, place: u32) -> Task {
        let client = ClientRef { token, id: 1 };
        let head = Head::new(0, Db::FIRST, Protocol::Resp2, false);
        Task::of(
            ShardId::FIRST,
            ReplyTo::Place(client, place),
            head,
            &Args::new(&[], &[]),
        )
    }

    #[test]
    fn commands_of_one_client_go_one_after_the_other() {
        let mut behind = Behind::default();
        assert!(behind.join(task(1, 0)).is_some(), "the first waits itself");
        assert!(behind.join(task(1, 1)).is_none());
        assert!(behind.join(task(1, 2)).is_none());
        assert!(behind.join(task(2, 0)).is_some(), "others do not care");
        let client = ClientRef { token: 1, id: 1 };
        let other = ClientRef { token: 2, id: 1 };
        let places: Vec<ReplyTo> = std::iter::from_fn(|| behind.next(ShardId::FIRST, client))
            .map(|task| task.to)
            .collect();
        assert_eq!(
            places,
            [ReplyTo::Place(client, 1), ReplyTo::Place(client, 2)]
        );
        assert!(!behind.holds(ShardId::FIRST, client) && behind.holds(ShardId::FIRST, other));
        assert!(behind.next(ShardId::FIRST, client).is_none());
    }
}
