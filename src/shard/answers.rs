//! This shard's answers to queries: at once, or when the transactions that are in its way are over.
//!
//! What is asked is `queries`'; here a query takes its turn among the transactions, so that it sees
//! no key halfway. Never looks into what it carries.

use std::any::Any;

use super::Core;
use super::core::IoRequest;
use super::enlist::{Duty, Participant};
use super::queries::{Asked, Traveller};
use crate::route::{Intent, Mode, Note, ShardId, WHOLE, strongest};

impl Core {
    /// A shard asks, perhaps this one.
    pub(super) fn query_asked(
        &mut self,
        from: ShardId,
        id: u64,
        query: Box<dyn Any + Send>,
        within_ms: Option<u64>,
    ) {
        let Traveller(query) = *query
            .downcast()
            .expect("only `ask` puts something into the box");
        let (mode, standstill) = (query.mode(), query.standstill());
        let asked = Asked {
            from,
            id,
            query,
            lacking: None,
        };
        if let Some(duration) = standstill {
            self.requests
                .push(IoRequest::StandStill { duration, asked });
            return;
        }
        let participants = &self.transactions.participants;
        match mode.filter(|_| within_ms.is_none() && !participants.no_locks()) {
            // Keys that are lent out are nowhere to be seen: it has to be alone.
            Some(Mode::Exclusive) => {
                self.query_locked(asked, vec![Intent::whole(Mode::Exclusive)]);
            }
            Some(mode) if participants.conflicts(WHOLE, mode) => {
                self.query_locked(asked, vec![Intent::whole(mode)]);
            }
            _ => self.at_clock(within_ms, |core| core.answer_query(asked)),
        }
    }

    /// The query takes its turn among the transactions.
    fn query_locked(&mut self, asked: Asked, intents: Vec<Intent>) {
        let participant = Participant::new(asked.from, Duty::Query(asked));
        let sequence = self.next_sequence();
        self.take_part(sequence, intents, participant);
    }

    /// Answers a query, or finds that keys have to come home first.
    pub(super) fn answer_query(&mut self, mut asked: Asked) {
        let query = asked.query.clone();
        let answer = if let Some((mut answer, keys)) = asked.lacking.take() {
            query.add(self, &mut answer, &keys);
            answer
        } else {
            let mut answer = query.answer(self);
            let keys = query.lacks(self, &mut answer);
            if !keys.is_empty() {
                let mut intents: Vec<Intent> = keys
                    .iter()
                    .map(|(db, key)| Intent {
                        key: self.lock_key(*db, key),
                        mode: Mode::Shared,
                    })
                    .collect();
                strongest(&mut intents);
                asked.lacking = Some((answer, keys));
                return self.query_locked(asked, intents);
            }
            answer
        };
        let id = asked.id;
        self.tell(asked.from, Note::Answer { id, answer });
    }
}
