//! Questions to every shard: one errand each, one function that makes the reply of all answers.
//!
//! For administrative commands only; the client waits meanwhile, alone in its pipeline.

use super::Core;
use super::core::Ask;
use super::input::Flow;
use super::participate::{Duty, Participant};
use crate::base::Token;
use crate::conn::State;
use crate::resp::Error;
use crate::route::{Answer, Errand, Intent, Mode, Note, WHOLE};

/// Makes the reply when every answer has come; answers are ordered by shard.
pub type Finish = Box<dyn FnOnce(&mut Core, Token, Vec<Answer>)>;

/// An errand under way.
pub struct Gathering {
    token: Token,
    client: u64,
    answers: Vec<(usize, Answer)>,
    missing: usize,
    finish: Finish,
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
        };
        let within = client.steps.is_some();
        self.errands.insert(id, gathering);
        for &shard in shards {
            self.tell(
                shard,
                Note::Errand {
                    id,
                    errand: errand.clone(),
                    within,
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
    pub fn do_errand(&mut self, from: usize, id: u64, errand: Errand, within: bool) {
        if let Errand::Sleep(duration) = errand {
            // At the end of the tick, so that every shard has heard of it when the first one sleeps.
            self.asks.push(Ask::Stall { from, id, duration });
            return;
        }
        if self.locks.is_empty() || within || !errand.needs_keys() {
            return self.answer_errand(from, id, &errand);
        }
        // Keys that are lent out are nowhere to be seen, so it takes its turn among the transactions.
        let participant = Participant {
            coordinator: from,
            duty: Duty::Errand(id, errand),
            watcher: None,
            within: false,
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
            ..
        } = self.errands.remove(&id).expect("it was just there");
        if self.clients.of(token, client).is_some() {
            answers.sort_by_key(|(shard, _)| *shard);
            finish(
                self,
                token,
                answers.into_iter().map(|(_, answer)| answer).collect(),
            );
        }
    }
}
