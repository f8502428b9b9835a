//! Linearizability by search, after Wing and Gong (1993) with Lowe's memory of visited states
//! (2017).
//!
//! Tries to put all calls in one order that respects real time and in which every reply is the
//! model's. Calls that never got a reply may have taken effect at any later time, or never.
//! Exponential in the worst case, fast for histories of some hundred calls of few clients.

use std::collections::HashSet;
use std::hash::Hash;

/// One call as its client saw it; times are positions in the order of everything that was observed.
#[derive(Debug, Clone, Copy)]
pub struct Call {
    pub process: usize,
    pub invoke: u64,
    /// None: no reply came.
    pub complete: Option<u64>,
    /// Calls of one process that take effect in the order of their invocations, though they
    /// overlap.
    pub ordered: bool,
}

/// More states than this are not searched: the history stays unjudged.
const STATES_MAX: usize = 1_000_000;

/// Why no order was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// There is none; the first call, in order of invocation, that could not be placed.
    NoOrder(usize),
    TooLarge,
}

struct Search<'a, S, F> {
    calls: &'a [Call],
    step: F,
    taken: Vec<u64>,
    visited: HashSet<(Vec<u64>, S)>,
    furthest: usize,
    left: usize,
}

/// Searches an order.
pub fn check<S, F>(calls: &[Call], initial: &S, step: F) -> Result<(), Failure>
where
    S: Clone + Eq + Hash,
    F: Fn(&S, usize) -> Vec<S>,
{
    assert!(
        calls.is_sorted_by_key(|call| call.invoke),
        "calls come in the order of their invocations"
    );
    let mut search = Search {
        calls,
        step,
        taken: vec![0; calls.len().div_ceil(64)],
        visited: HashSet::new(),
        furthest: 0,
        left: calls.iter().filter(|call| call.complete.is_some()).count(),
    };
    match search.explore(initial) {
        true => Ok(()),
        false if search.visited.len() >= STATES_MAX => Err(Failure::TooLarge),
        false => Err(Failure::NoOrder(search.furthest)),
    }
}

/// The call that led here, and the calls left to try with the state that each leads to.
type Frame<S> = (Option<usize>, Vec<(usize, S)>);

impl<S, F> Search<'_, S, F>
where
    S: Clone + Eq + Hash,
    F: Fn(&S, usize) -> Vec<S>,
{
    /// Depth first without recursion: each frame is the call that led here, and the successors left
    /// to try.
    fn explore(&mut self, initial: &S) -> bool {
        if self.left == 0 {
            return true;
        }
        let mut frames: Vec<Frame<S>> = vec![(None, self.successors(initial))];
        while let Some((entered, successors)) = frames.last_mut() {
            let Some((next, state)) = successors.pop() else {
                let entered = *entered;
                frames.pop();
                if let Some(call) = entered {
                    self.set(call, false);
                }
                continue;
            };
            self.set(next, true);
            if self.left == 0 {
                return true;
            }
            if !self.visited.insert((self.taken.clone(), state.clone())) {
                self.set(next, false);
                continue;
            }
            if self.visited.len() >= STATES_MAX {
                return false;
            }
            let successors = self.successors(&state);
            frames.push((Some(next), successors));
        }
        false
    }

    /// What may come next, and the states behind it.
    fn successors(&mut self, state: &S) -> Vec<(usize, S)> {
        let mut successors = Vec::new();
        for call in self.candidates() {
            successors.extend(
                (self.step)(state, call)
                    .into_iter()
                    .map(|state| (call, state)),
            );
        }
        successors
    }

    fn is_taken(&self, call: usize) -> bool {
        self.taken[call / 64] >> (call % 64) & 1 == 1
    }

    fn set(&mut self, call: usize, taken: bool) {
        self.taken[call / 64] ^= 1 << (call % 64);
        if self.calls[call].complete.is_some() {
            match taken {
                true => self.left -= 1,
                false => self.left += 1,
            }
        }
    }

    /// Calls that may come next: begun before any other open call had ended. The likeliest comes
    /// last.
    fn candidates(&mut self) -> Vec<usize> {
        let first = (0..self.calls.len())
            .find(|&call| !self.is_taken(call) && self.calls[call].complete.is_some());
        let first = first.unwrap_or(self.calls.len());
        self.furthest = self.furthest.max(first);
        let mut deadline = u64::MAX;
        let mut found: Vec<usize> = Vec::new();
        for (number, call) in self.calls.iter().enumerate() {
            if call.invoke > deadline {
                break;
            }
            if self.is_taken(number) {
                continue;
            }
            let behind = call.ordered
                && found
                    .iter()
                    .any(|&other| self.calls[other].process == call.process);
            // A call whose turn has not come bounds the others all the same.
            deadline = deadline.min(call.complete.unwrap_or(u64::MAX));
            if !behind {
                found.push(number);
            }
        }
        // Those that ended first are tried first; those without an end last.
        found.sort_by_key(|&call| std::cmp::Reverse(self.calls[call].complete.unwrap_or(u64::MAX)));
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A register: (process, invoke, complete, Some(written) or None, read value).
    type Row = (usize, u64, Option<u64>, Option<u32>, u32);

    fn register(rows: &[Row]) -> Result<(), Failure> {
        let calls: Vec<Call> = rows
            .iter()
            .map(|&(process, invoke, complete, ..)| Call {
                process,
                invoke,
                complete,
                ordered: false,
            })
            .collect();
        check(&calls, &0, |state, call| match rows[call] {
            (.., Some(written), _) => vec![written],
            (.., read) => Vec::from_iter((read == *state).then_some(*state)),
        })
    }

    #[test]
    fn overlapping_calls_may_take_any_order() {
        let rows = [
            (0, 1, Some(10), Some(1), 0),
            (1, 2, Some(9), Some(2), 0),
            (2, 3, Some(8), None, 2),
            (2, 9, Some(11), None, 1),
        ];
        assert_eq!(register(&rows), Ok(()));
    }

    #[test]
    fn a_stale_read_is_found() {
        let rows = [
            (0, 1, Some(2), Some(1), 0),
            (0, 3, Some(4), Some(2), 0),
            (1, 5, Some(6), None, 1),
        ];
        assert_eq!(register(&rows), Err(Failure::NoOrder(2)));
    }

    #[test]
    fn reads_that_go_back_in_time_are_found() {
        let rows = [
            (0, 1, Some(20), Some(1), 0),
            (1, 2, Some(3), None, 1),
            (2, 4, Some(5), None, 0),
        ];
        assert_eq!(register(&rows), Err(Failure::NoOrder(2)));
    }

    #[test]
    fn a_call_without_reply_may_take_effect_late_or_never() {
        let late = [
            (0, 1, None, Some(1), 0),
            (1, 2, Some(3), None, 0),
            (1, 4, Some(5), None, 1),
        ];
        assert_eq!(register(&late), Ok(()));
        assert_eq!(register(&late[..2]), Ok(()));
        let twice = [late[0], late[1], late[2], (1, 6, Some(7), None, 0)];
        assert_eq!(register(&twice), Err(Failure::NoOrder(3)));
    }

    #[test]
    fn calls_of_one_pipeline_keep_their_order() {
        let calls = [(1, 10), (2, 11)].map(|(invoke, complete)| Call {
            process: 0,
            invoke,
            complete: Some(complete),
            ordered: true,
        });
        // The first writes 1, the second reads 0: only possible in the wrong order.
        let step = |state: &u32, call: usize| match call {
            0 => vec![1],
            _ => Vec::from_iter((*state == 0).then_some(0)),
        };
        assert!(check(&calls, &0, step).is_err());
        let free = calls.map(|call| Call {
            ordered: false,
            ..call
        });
        assert!(check(&free, &0, step).is_ok());
    }
}
