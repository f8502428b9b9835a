//! Questions to every shard: one errand each, one function that makes the reply of all answers.
//!
//! For administrative commands only; the client waits meanwhile, alone in its pipeline.

use super::Core;
use super::core::IoRequest;
use super::execute::Call;
use super::input::Flow;
use super::participate::{Duty, Participant};
use crate::base::Token;
use crate::conn::State;
use crate::resp::{Args, Error, Protocol};
use crate::route::{Answer, Carried, Errand, Head, Intent, Mode, Note, WHOLE};

/// Makes the reply when every answer has come; answers are ordered by shard.
pub type Finish = Box<dyn FnOnce(&mut Core, Token, Vec<Answer>)>;

/// An errand under way.
pub struct Gathering {
    token: Token,
    client: u64,
    answers: Vec<(usize, Answer)>,
    missing: usize,
    finish: Finish,
    /// The command, for its time.
    timed: Option<Timed>,
}

/// A home command that is under way.
pub struct Timed {
    started: u64,
    command: Carried,
}

impl Gathering {
    /// The client that waits for the answers.
    #[must_use]
    pub fn token(&self) -> Token {
        self.token
    }
}

impl Core {
    /// Asks every shard, this one included.
    pub fn ask_all(
        &mut self,
        token: Token,
        errand: &Errand,
        finish: impl FnOnce(&mut Core, Token, Vec<Answer>) + 'static,
    ) -> Flow {
        let shards: Vec<usize> = (0..self.identity.shards).collect();
        self.ask(token, &shards, errand, finish)
    }

    /// Asks some shards. The client waits; `finish` completes its command.
    pub fn ask(
        &mut self,
        token: Token,
        shards: &[usize],
        errand: &Errand,
        finish: impl FnOnce(&mut Core, Token, Vec<Answer>) + 'static,
    ) -> Flow {
        let id = self.next_errand;
        self.next_errand += 1;
        let client = self.client(token);
        client.state = State::Waiting;
        let gathering = Gathering {
            token,
            client: client.id,
            answers: Vec::new(),
            missing: shards.len(),
            finish: Box::new(finish),
            timed: None,
        };
        let steps = client.steps.as_deref();
        let within_ms = steps.map(|steps| steps.clock_ms);
        self.errands.insert(id, gathering);
        for &shard in shards {
            self.tell(
                shard,
                Note::Errand {
                    id,
                    errand: errand.clone(),
                    within_ms,
                },
            );
        }
        Flow::Stop
    }

    /// A file that a client's command asked for has been written, or not.
    pub fn file_replaced(&mut self, token: Token, client: u64, result: &std::io::Result<()>) {
        if self.clients.of(token, client).is_none() {
            return;
        }
        self.complete(token, |reply| match result {
            Ok(()) => reply.ok(),
            Err(error) => reply.error(&Error::from(format!("ERR Rewriting config file: {error}"))),
        });
    }

    /// Another shard asks.
    pub fn do_errand(&mut self, from: usize, id: u64, errand: Errand, within_ms: Option<u64>) {
        if let Errand::Sleep(duration) = errand {
            // At the end of the tick, so that every shard has heard of it when the first one sleeps.
            self.requests.push(IoRequest::Stall { from, id, duration });
            return;
        }
        if self.locks.is_empty() || within_ms.is_some() || !errand.needs_keys() {
            return self.at_clock(within_ms, |core| core.answer_errand(from, id, &errand));
        }
        // Keys that are lent out are nowhere to be seen, so it takes its turn among the transactions.
        let participant = Participant {
            coordinator: from,
            duty: Duty::Errand(id, errand),
            watcher: None,
            within_ms: None,
        };
        let intents = vec![Intent {
            key: WHOLE,
            mode: Mode::Exclusive,
        }];
        let sequence = self.next_sequence();
        self.take_part(sequence, intents, participant);
    }

    /// DEBUG SLEEP is over here; the clock has moved on.
    pub fn stalled_for(&mut self, from: usize, id: u64) {
        self.tell(
            from,
            Note::ErrandDone {
                id,
                answer: Answer::Done,
            },
        );
    }

    /// This shard's answer to an errand.
    pub fn run_errand(&mut self, errand: &Errand) -> Answer {
        match errand {
            Errand::SetConfig(change) => self.set_config(change),
            Errand::Configure { version, config } => {
                self.configure(*version, config.clone());
                Answer::Done
            }
            Errand::Scan {
                cursor,
                count,
                args,
            } => self.scan_here(*cursor, *count, args),
            Errand::RandomKey { db } => self.random_key_here(*db),
            Errand::Info => Answer::Statistics(Box::new(self.statistics_now())),
            Errand::ResetStatistics => {
                self.reset_statistics();
                Answer::Done
            }
            Errand::Debug(carried) => self.debug_here(carried),
            Errand::SlowLog { reset } => self.slow_log_here(*reset),
            Errand::Latency { forget } => self.latency_here(forget.as_deref()),
            Errand::Histograms => self.histograms_here(),
            Errand::ReplicationId(id) => {
                self.debugged.replication_id = Some(id.clone());
                Answer::Done
            }
            Errand::ClientList(filter) => self.list_clients_here(filter),
            Errand::ClientKill(filter) => self.kill_clients_here(filter),
            Errand::ClientUnblock { id, error } => self.unblock_client_here(*id, *error),
            Errand::Pause { until_ms, all } => self.pause_here(*until_ms, *all),
            Errand::Monitor {
                home,
                client,
                token,
            } => self.monitor_here(*home, *client, *token),
            _ => Answer::Done,
        }
    }

    /// Runs an errand and sends the answer.
    pub fn answer_errand(&mut self, from: usize, id: u64, errand: &Errand) {
        let answer = self.run_errand(errand);
        self.tell(from, Note::ErrandDone { id, answer });
    }

    /// An answer has come.
    pub fn errand_done(&mut self, from: usize, id: u64, answer: Answer) {
        let gathering = self
            .errands
            .get_mut(&id)
            .expect("an answer belongs to an errand under way");
        gathering.answers.push((from, answer));
        gathering.missing -= 1;
        if gathering.missing > 0 {
            return;
        }
        let Gathering {
            token,
            client,
            mut answers,
            finish,
            timed,
            ..
        } = self.errands.remove(&id).expect("it was just there");
        if self.clients.of(token, client).is_some() {
            let first_errand = self.next_errand;
            answers.sort_by_key(|(shard, _)| *shard);
            finish(
                self,
                token,
                answers.into_iter().map(|(_, answer)| answer).collect(),
            );
            if let Some(timed) = timed {
                self.hand_on(token, timed, first_errand);
            }
        }
    }

    /// A home command's function has returned: its time is counted now, or when its errands are done.
    pub fn time_home(
        &mut self,
        token: Token,
        row: u16,
        args: &Args<'_>,
        started: u64,
        first_errand: u64,
    ) {
        if self.next_errand == first_errand {
            self.count_call(row, 1);
            let call = self.home_call(token, row);
            return self.timed_since(started, call, args);
        }
        let command = Carried::new(Head::new(row, 0, Protocol::Resp2, false), args);
        self.hand_on(token, Timed { started, command }, first_errand);
    }

    /// The time goes on with the errand that was begun since, or ends here.
    fn hand_on(&mut self, token: Token, timed: Timed, first_errand: u64) {
        let latest = (self.next_errand > first_errand)
            .then(|| self.errands.get_mut(&(self.next_errand - 1)))
            .flatten()
            .filter(|gathering| gathering.token == token);
        if let Some(gathering) = latest {
            gathering.timed = Some(timed);
            return;
        }
        self.count_call(timed.command.head.row, 1);
        let call = self.home_call(token, timed.command.head.row);
        self.timed_since(timed.started, call, &timed.command.args());
    }

    fn home_call(&self, token: Token, row: u16) -> Call {
        let client = self.clients.get(token).map_or(0, |client| client.id);
        let mut call = Call::unknown(row);
        (call.token, call.client) = (token, client);
        call
    }
}
