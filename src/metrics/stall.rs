//! The stall detector: how long the shard's rounds take, and what made the longest one long.
//!
//! Owned by the shard. A round is timed from waking to the end of its work; laps between tell which
//! step was long, and the times that commands have anyway tell which of them was. Costs two to four
//! readings of the counter per round; reads no clock itself.

use crate::base::Ticker;
use crate::limits::STALL_US;

/// What a shard does in a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Step {
    /// What sockets reported: commands of this shard's clients.
    #[default]
    Receive,
    /// What other shards sent: their commands, transactions, questions.
    Inbox,
    /// Clients that may go on.
    Ready,
    /// Sending, expiry, freeing, housekeeping, closing and attaching.
    Rest,
}

impl Step {
    /// Its name in INFO.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Step::Receive => "receive",
            Step::Inbox => "inbox",
            Step::Ready => "ready",
            Step::Rest => "rest",
        }
    }
}

/// A long round and its cause.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stall {
    pub microseconds: u64,
    /// The step that took longest.
    pub step: Step,
    /// The row of the command that took more than half of the round, if one did.
    pub row: Option<u16>,
}

/// The detector. Times are the counter's ticks.
#[derive(Debug, Default)]
pub(super) struct Stalls {
    /// The longest round so far, and how many took longer than `STALL_US`.
    pub longest: Stall,
    pub count: u64,
    longest_round: u64,
    /// `STALL_US`.
    limit: u64,
    round_began: u64,
    lap_began: u64,
    longest_lap: u64,
    step: Step,
    longest_command: u64,
    row: u16,
}

impl Stalls {
    /// Before the first round.
    #[must_use]
    pub fn new(ticker: Ticker) -> Self {
        Self {
            limit: ticker.ticks(STALL_US * 1000),
            ..Self::default()
        }
    }

    /// The shard has woken.
    #[inline]
    pub fn begin(&mut self, now: u64) {
        self.round_began = now;
        self.lap_began = now;
        self.longest_lap = 0;
        self.longest_command = 0;
    }

    /// A command took so long.
    #[inline]
    pub fn command(&mut self, row: u16, ticks: u64) {
        if ticks > self.longest_command {
            self.longest_command = ticks;
            self.row = row;
        }
    }

    /// A step is done.
    #[inline]
    pub(super) fn lap(&mut self, step: Step, now: u64) {
        let took = now.saturating_sub(self.lap_began);
        if took >= self.longest_lap {
            self.longest_lap = took;
            self.step = step;
        }
        self.lap_began = now;
    }

    /// The round is over, with its last lap.
    #[inline]
    pub fn end(&mut self, ticker: Ticker) {
        let round = self.lap_began.saturating_sub(self.round_began);
        if round > self.longest_round || round > self.limit {
            self.note(ticker, round);
        }
    }

    #[cold]
    fn note(&mut self, ticker: Ticker, round: u64) {
        let microseconds = ticker.nanoseconds(round) / 1000;
        self.count += u64::from(microseconds > STALL_US);
        if round > self.longest_round {
            self.longest_round = round;
            self.longest = Stall {
                microseconds,
                step: self.step,
                row: (self.longest_command > round / 2).then_some(self.row),
            };
        }
    }

    /// Forgets what was; CONFIG RESETSTAT.
    pub(super) fn reset(&mut self) {
        *self = Self {
            limit: self.limit,
            round_began: self.round_began,
            lap_began: self.lap_began,
            ..Self::default()
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_round_names_its_cause() {
        let ticker = Ticker::of_machine();
        let at = |microseconds: u64| ticker.ticks(microseconds * 1000);
        let mut stalls = Stalls::new(ticker);
        stalls.begin(at(1000));
        stalls.command(3, at(90));
        stalls.lap(Step::Receive, at(1100));
        stalls.command(7, at(29_000));
        stalls.command(4, at(500));
        stalls.lap(Step::Inbox, at(31_100));
        stalls.lap(Step::Rest, at(31_200));
        stalls.end(ticker);
        let longest = stalls.longest;
        assert!((30_199..=30_200).contains(&longest.microseconds));
        assert_eq!((longest.step, longest.row), (Step::Inbox, Some(7)));
        assert_eq!(stalls.count, 1);
        // A shorter one is counted but changes nothing; a short one is not even counted.
        for end in [51_000, 40_500] {
            stalls.begin(at(40_000));
            stalls.lap(Step::Rest, at(end));
            stalls.end(ticker);
        }
        assert_eq!((stalls.longest, stalls.count), (longest, 2));
        stalls.reset();
        stalls.begin(at(60_000));
        stalls.lap(Step::Rest, at(60_500));
        stalls.end(ticker);
        assert_eq!(
            (stalls.longest.step, stalls.longest.row),
            (Step::Rest, None)
        );
        assert_eq!(stalls.count, 0);
    }
}
