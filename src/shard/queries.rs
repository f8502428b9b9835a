//! Queries: what one shard asks others on behalf of a client's command, and how their answers
//! become a reply.
//!
//! A query is a type with the function that answers it and the type of the answer, beside the
//! command that asks; so one without an answer does not compile. `ask` is given the function that
//! makes the reply of all answers. The client waits meanwhile, alone in its pipeline. Between
//! shards a query travels as an opaque box, because the mesh knows no commands; only this file
//! looks into it.

use std::any::Any;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::execute::Call;
use super::{Core, Flow};
use crate::base::Token;
use crate::resp::{Args, Protocol};
use crate::route::{Carried, ClientRef, DbKey, Head, Mode, Note, ShardId};
use crate::store::Db;

/// A question that any shard can answer from what it owns.
pub trait Query: Send + Sync + 'static {
    /// What a shard answers.
    type Answer: Send + 'static;

    /// It looks at keys: it takes its turn among the transactions that are about, alone on the
    /// shard.
    const NEEDS_KEYS: bool = false;

    /// It looks at keys beside the transactions that are about, unless one of these holds the whole
    /// shard. It changes nothing, and is shown later what it `lacks`.
    const LOOKS_AT_KEYS: bool = false;

    /// This shard's answer.
    fn answer(&self, core: &mut Core) -> Self::Answer;

    /// The keys that this answer lacks, because they are lent to transactions.
    fn lacks(&self, _core: &Core, _answer: &mut Self::Answer) -> Vec<DbKey> {
        Vec::new()
    }

    /// These keys, which the answer lacked, are at home, if there are such keys at all.
    fn add(&self, _core: &mut Core, _answer: &mut Self::Answer, _keys: &[DbKey]) {
        panic!("a query that lacks keys adds them")
    }

    /// How long the shard stands still before it answers: at the end of the tick, so that every
    /// shard has heard of it when the first one stops.
    fn standstill(&self) -> Option<Duration> {
        None
    }
}

/// An answer of a type that only the query knows.
pub(super) type Opaque = Box<dyn Any + Send>;

/// A `Query` of any type.
pub(super) trait AnyQuery: Send + Sync {
    /// The lock on all keys under which it is answered; None: it looks at none.
    fn mode(&self) -> Option<Mode>;
    fn standstill(&self) -> Option<Duration>;
    fn answer(&self, core: &mut Core) -> Opaque;
    fn lacks(&self, core: &Core, answer: &mut Opaque) -> Vec<DbKey>;
    fn add(&self, core: &mut Core, answer: &mut Opaque, keys: &[DbKey]);
}

/// The answer in its box.
fn own<Q: Query>(answer: &mut Opaque) -> &mut Q::Answer {
    let answer = answer.downcast_mut();
    answer.expect("a query is answered by its own function")
}

impl<Q: Query> AnyQuery for Q {
    fn mode(&self) -> Option<Mode> {
        match (Q::NEEDS_KEYS, Q::LOOKS_AT_KEYS) {
            (true, _) => Some(Mode::Exclusive),
            (false, true) => Some(Mode::SomeShared),
            (false, false) => None,
        }
    }

    fn standstill(&self) -> Option<Duration> {
        Query::standstill(self)
    }

    fn answer(&self, core: &mut Core) -> Opaque {
        Box::new(Query::answer(self, core))
    }

    fn lacks(&self, core: &Core, answer: &mut Opaque) -> Vec<DbKey> {
        Query::lacks(self, core, own::<Q>(answer))
    }

    fn add(&self, core: &mut Core, answer: &mut Opaque, keys: &[DbKey]) {
        Query::add(self, core, own::<Q>(answer), keys);
    }
}

/// What is in the box that travels.
pub(super) struct Traveller(pub(super) Arc<dyn AnyQuery>);

/// A query of another shard, or of this one, that is not answered yet.
pub struct Asked {
    pub(super) from: ShardId,
    pub(super) id: u64,
    pub(super) query: Arc<dyn AnyQuery>,
    /// The answer so far, and the keys that it lacks.
    pub(super) lacking: Option<(Opaque, Vec<DbKey>)>,
}

impl std::fmt::Debug for Asked {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "query {} of shard {}", self.id, self.from)
    }
}

/// Makes the reply when every answer has come; answers are ordered by shard.
type Merge = Box<dyn FnOnce(&mut Core, Token, Vec<Opaque>)>;

/// A query of this shard's whose answers have not all come.
struct Pending {
    token: Token,
    client: u64,
    answers: Vec<(ShardId, Opaque)>,
    missing: usize,
    merge: Merge,
    /// The command, to be counted at its end.
    timed: Option<Timed>,
}

/// A home command in progress, from its function's first line to its reply.
struct Timed {
    started: u64,
    command: Carried,
}

/// The queries that this shard has asked, by number.
#[derive(Default)]
pub struct Queries {
    /// How many there have been; the latest has this number.
    asked: u64,
    pending: HashMap<u64, Pending, foldhash::fast::FixedState>,
    /// The home command whose answers have come, until it replies or asks again.
    ending: Option<Timed>,
}

impl Queries {
    /// How many queries there have been.
    #[must_use]
    pub(super) fn asked(&self) -> u64 {
        self.asked
    }

    /// How many are not answered.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.pending.len()
    }

    /// The clients that wait for answers.
    pub fn waiting(&self) -> impl Iterator<Item = Token> {
        self.pending.values().map(|pending| pending.token)
    }

    fn begin(&mut self, pending: Pending) -> u64 {
        assert!(pending.missing > 0, "a query asks somebody");
        self.asked += 1;
        self.pending.insert(self.asked, pending);
        self.asked
    }

    /// An answer has come; the query, if it was the last one.
    fn answered(&mut self, id: u64, from: ShardId, answer: Opaque) -> Option<Pending> {
        let pending = self
            .pending
            .get_mut(&id)
            .expect("an answer belongs to a pending query");
        assert!(
            pending.answers.iter().all(|(shard, _)| *shard != from),
            "a shard answers a query once"
        );
        pending.answers.push((from, answer));
        pending.missing -= 1;
        if pending.missing > 0 {
            return None;
        }
        let mut pending = self.pending.remove(&id).expect("it was just there");
        pending.answers.sort_by_key(|(shard, _)| *shard);
        Some(pending)
    }
}

impl Core {
    /// Asks every shard, this one included.
    pub fn ask_all<Q: Query>(
        &mut self,
        token: Token,
        query: Q,
        merge: impl FnOnce(&mut Core, Token, Vec<Q::Answer>) + 'static,
    ) -> Flow {
        let shards: Vec<ShardId> = ShardId::all(self.shards()).collect();
        self.ask(token, &shards, query, merge)
    }

    /// Asks one shard. The client waits; `finish` completes its command.
    pub fn ask_one<Q: Query>(
        &mut self,
        token: Token,
        shard: ShardId,
        query: Q,
        finish: impl FnOnce(&mut Core, Token, Q::Answer) + 'static,
    ) -> Flow {
        self.ask(token, &[shard], query, |core, token, answers| {
            let answer = answers.into_iter().next();
            finish(core, token, answer.expect("the one shard has answered"));
        })
    }

    /// Asks some shards. The client waits; `merge` completes its command.
    pub fn ask<Q: Query>(
        &mut self,
        token: Token,
        shards: &[ShardId],
        query: Q,
        merge: impl FnOnce(&mut Core, Token, Vec<Q::Answer>) + 'static,
    ) -> Flow {
        let client = self.client(token);
        assert!(
            client.replies.in_order(),
            "a command that asks is alone in its pipeline"
        );
        client.wait();
        let within_ms = client.steps.as_deref().map(|steps| steps.clock_ms);
        let client = client.id;
        let timed = self.queries.ending.take();
        let id = self.queries.begin(Pending {
            token,
            client,
            answers: Vec::new(),
            missing: shards.len(),
            merge: Box::new(|core, token, answers| {
                let answers = answers.into_iter().map(|answer| {
                    let answer = answer.downcast::<Q::Answer>();
                    *answer.expect("a query is answered by its own function")
                });
                merge(core, token, answers.collect());
            }),
            timed,
        });
        let query: Arc<dyn AnyQuery> = Arc::new(query);
        for &shard in shards {
            let query = Box::new(Traveller(query.clone()));
            self.tell(
                shard,
                Note::Query {
                    id,
                    query,
                    within_ms,
                },
            );
        }
        Flow::Stop
    }

    /// An answer has come.
    pub(super) fn query_answered(&mut self, from: ShardId, id: u64, answer: Box<dyn Any + Send>) {
        let Some(pending) = self.queries.answered(id, from, answer) else {
            return;
        };
        let token = pending.token;
        if self
            .clients
            .of(ClientRef {
                token,
                id: pending.client,
            })
            .is_none()
        {
            return;
        }
        let answers = pending.answers.into_iter().map(|(_, answer)| answer);
        assert!(
            self.queries.ending.is_none(),
            "a home command ends before another one does"
        );
        self.queries.ending = pending.timed;
        (pending.merge)(self, token, answers.collect());
        // What is left to do is not the shards' any more: a file is written, say.
        let before = self.metrics.unattributed_errors();
        self.end_home(token, before);
    }

    /// A home command's function has returned: its time is counted now, or when the queries that it
    /// asked since there were `before` are answered.
    pub(super) fn time_home(
        &mut self,
        token: Token,
        row: u16,
        args: &Args<'_>,
        started: u64,
        before: u64,
    ) {
        if self.queries.asked() == before {
            self.count_call(row, 1);
            let call = self.home_call(token, row);
            return self.timed_since(started, call, args);
        }
        let command = Carried::new(Head::new(row, Db::FIRST, Protocol::Resp2, false), args);
        let latest = self.queries.asked();
        let pending = self.queries.pending.get_mut(&latest);
        let pending = pending.expect("no answer comes before the command has asked");
        assert!(
            pending.token == token,
            "a home command asks for its own client"
        );
        pending.timed = Some(Timed { started, command });
    }

    /// The home command whose reply has just been made is counted. It failed if there are more
    /// errors than `before` that belong to nobody.
    pub(super) fn end_home(&mut self, token: Token, before: u64) {
        let Some(Timed { started, command }) = self.queries.ending.take() else {
            return;
        };
        let row = command.head.row;
        self.count_call(row, 1);
        self.metrics.attribute_errors(row, before);
        let call = self.home_call(token, row);
        self.timed_since(started, call, &command.args());
    }

    fn home_call(&self, token: Token, row: u16) -> Call {
        let client = self.clients.get(token).map(|client| client.reference());
        Call {
            client,
            ..Call::unknown(row)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shard::testing::Shards;

    /// Which shard is asked, and how often this one has been.
    struct Which;

    impl Query for Which {
        type Answer = ShardId;
        fn answer(&self, core: &mut Core) -> ShardId {
            core.id()
        }
    }

    /// A query whose answer is of another type, and which stops the shard.
    struct Standstill;

    impl Query for Standstill {
        type Answer = String;
        fn answer(&self, core: &mut Core) -> String {
            format!("shard {}", core.id())
        }
        fn standstill(&self) -> Option<Duration> {
            Some(Duration::from_millis(1))
        }
    }

    #[test]
    fn answers_are_merged_in_the_order_of_the_shards() {
        let mut shards = Shards::new(3);
        let client = shards.connect(1);
        shards
            .core(1)
            .ask_all(client.token, Which, |core, token, answers| {
                let all: Vec<ShardId> = ShardId::all(3).collect();
                assert_eq!(answers, all);
                core.ask(
                    token,
                    &[all[2], all[0]],
                    Standstill,
                    |core, token, answers| {
                        assert_eq!(answers, ["shard 0", "shard 2"]);
                        core.complete(token, |reply| reply.ok());
                    },
                );
            });
        shards.run();
        assert_eq!(shards.read(client), "+OK\r\n");
        assert_eq!(shards.core(1).queries.pending(), 0);
    }

    #[test]
    fn the_answers_of_a_client_that_has_gone_are_let_be() {
        let mut shards = Shards::new(2);
        let client = shards.connect(0);
        shards.core(0).ask_all(client.token, Which, |_, _, _| {
            panic!("nobody is there to be answered");
        });
        shards.core(0).close_now(client.token);
        shards.tick(0);
        shards.tick(0);
        assert!(shards.core(0).clients.get(client.token).is_none());
        shards.run();
        assert_eq!(shards.core(0).queries.pending(), 0);
    }
}
