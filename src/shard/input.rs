//! Bytes to commands: parses what clients send and feeds it to `dispatch`, as long as the client
//! may go on.
//!
//! A complete pipeline is executed straight out of the receive buffer; only an unfinished command,
//! or what arrives while the client waits, is copied into the client's own buffer.

use super::Core;
use super::ahead::{Ahead, Stop};
use super::core::IoRequest;
use crate::base::Token;
use crate::conn::State;
use crate::conn::Turn;
use crate::limits::{AHEAD_MAX, INPUT_PAUSE_BYTES, TURN_WORK_MAX, WORK_BYTES};
use crate::limits::{RUNNABLE_PER_TICK, TURNS_WORK_PER_TICK};
use crate::resp::{Args, Error, Limits, Span, Violation};
use crate::store::Db;

/// What becomes of a command's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// Done with; the next command may come.
    Next,
    /// Taken, but the client's further commands wait.
    Stop,
    /// Not taken: to be parsed again when the client may go on.
    Retry,
}

impl Core {
    /// Bytes arrived for a client. The shard's own notes are to be handled then: what the bytes set
    /// off here, as EXEC or the end of a wait does, comes before what others sent later.
    #[inline]
    pub fn received(&mut self, token: Token, bytes: &[u8]) {
        let now_us = self.now.monotonic_us;
        let counters = self.metrics.count();
        counters.input_bytes += bytes.len() as u64;
        counters.reads += 1;
        let Some(client) = self.clients.get_mut(token) else {
            return;
        };
        client.active_us = now_us;
        client.input_bytes += bytes.len() as u64;
        if client.state == State::Closing {
            return;
        }
        if client.awaits_turn {
            client.input.extend(bytes);
            return self.limit_input(token);
        }
        if client.state != State::Running || !client.input.is_empty() {
            client.input.extend(bytes);
            self.limit_input(token);
            return self.run_input(token);
        }
        let consumed = self.consume(token, bytes);
        if consumed < bytes.len()
            && let Some(client) = self.clients.get_mut(token)
            && client.state != State::Closing
        {
            client.input.extend(&bytes[consumed..]);
        }
    }

    /// Goes on with a client's buffered input.
    pub(super) fn run_input(&mut self, token: Token) {
        self.consume_input(token);
        self.end_if_answered(token);
    }

    /// The turns of one tick.
    pub(super) fn run_turns(&mut self) {
        let mut work = 0;
        for _ in 0..RUNNABLE_PER_TICK {
            let Some(token) = self.ready.pop_turn() else {
                return;
            };
            let (now, _) = self.turn(token);
            // The token may have another client by now.
            let Some(client) = self.clients.get_mut(token).filter(|it| it.awaits_turn) else {
                continue;
            };
            client.awaits_turn = false;
            client.turn = Turn { work: 0, ..now };
            self.run_input(token);
            self.handle_own_notes();
            work += self.turn(token).0.work;
            if work >= TURNS_WORK_PER_TICK {
                return;
            }
        }
    }

    fn consume_input(&mut self, token: Token) {
        let Some(client) = self.clients.get_mut(token) else {
            return;
        };
        if client.state != State::Running
            || client.input.len() < client.input_needed
            || client.input.is_empty()
        {
            return self.resume_receive(token);
        }
        if self.turn(token).0.work >= TURN_WORK_MAX {
            return self.await_turn(token);
        }
        let client = self.client(token);
        client.input_needed = 0;
        let mut input = std::mem::take(&mut client.input);
        if let Some(spans) = client.unfinished.take() {
            self.parsing.ahead.resume(*spans);
        }
        let consumed = self.consume(token, input.unparsed());
        let Some(client) = self.clients.get_mut(token) else {
            return;
        };
        input.advance(consumed);
        client.input = input;
        self.resume_receive(token);
    }

    /// Executes commands from the front of `bytes`; returns how many bytes are done with.
    fn consume(&mut self, token: Token, bytes: &[u8]) -> usize {
        let mut ahead = std::mem::take(&mut self.parsing.ahead);
        let (begun, owed) = self.turn(token);
        let mut most = self.parse_ahead(token);
        let (mut at, mut commands, mut turn) = (0, 0, begun);
        while at < bytes.len() && self.is_running(token) {
            if turn.work >= TURN_WORK_MAX {
                self.await_turn(token);
                break;
            }
            let limits = self.limits(token);
            let stop = ahead.parse(bytes, at, limits, most);
            self.prefetch(token, &ahead, bytes);
            let (done, all) = self.run_ahead(token, &ahead, bytes);
            at = at.max(done);
            most = self.next_ahead(token, &ahead, most, done);
            commands += ahead.commands.len();
            let bytes_moved = at + self.owed_bytes(token).saturating_sub(owed);
            turn.work = begun.work + (commands + bytes_moved / WORK_BYTES) as u32;
            if !all {
                break;
            }
            match stop {
                Stop::Full => {}
                Stop::Nothing { end } => at = end,
                Stop::Incomplete { needed } => {
                    // The last command may have been its end.
                    if let Some(client) = self.clients.get_mut(token) {
                        client.input_needed = needed;
                        client.unfinished = ahead.unfinished();
                    }
                    break;
                }
                // Its error must not overtake the reply that the client waits for.
                Stop::Violation(_) if !self.is_running(token) => break,
                Stop::Violation(violation) => {
                    self.violation(token, violation);
                    at = bytes.len();
                }
            }
        }
        assert!(at <= bytes.len(), "only what has come is done with");
        ahead.shrink();
        self.parsing.ahead = ahead;
        if let Some(client) = self.clients.get_mut(token) {
            client.turn = turn;
            client.parse_ahead = most as u8;
            if client.state != State::Running {
                client.input_needed = 0;
            }
            if client.replies.ready_bytes() > 0 {
                self.output.list(client);
            }
        }
        at
    }

    #[inline]
    fn parse_ahead(&self, token: Token) -> usize {
        let client = self.clients.get(token);
        client.map_or(AHEAD_MAX, |client| usize::from(client.parse_ahead))
    }

    /// How far to parse ahead after commands that ran up to `done`: no further than it ran when one
    /// of them had to wait, else farther again.
    #[inline]
    fn next_ahead(&self, token: Token, ahead: &Ahead, most: usize, done: usize) -> usize {
        let ran_all = ahead.commands.last().is_none_or(|last| last.end <= done);
        if ran_all && most == AHEAD_MAX {
            return most;
        }
        if ran_all {
            return match self.is_running(token) {
                true => (most * 2).min(AHEAD_MAX),
                false => most,
            };
        }
        let ran = ahead.commands.iter().take_while(|one| one.end <= done);
        ran.count().max(1)
    }

    #[inline]
    fn owed_bytes(&self, token: Token) -> usize {
        let client = self.clients.get(token);
        client.map_or(0, |client| client.replies.owed_bytes())
    }

    fn is_running(&self, token: Token) -> bool {
        self.clients
            .get(token)
            .is_some_and(|client| client.state == State::Running)
    }

    fn limits(&self, token: Token) -> Limits {
        let authenticated = self
            .clients
            .get(token)
            .is_some_and(|client| client.session.authenticated)
            || !self.asks_for_password();
        let bulk_bytes_max =
            usize::try_from(self.settings.config.proto_max_bulk_len).unwrap_or(usize::MAX);
        Limits {
            bulk_bytes_max,
            authenticated,
        }
    }

    /// Executes what was parsed ahead; returns the end of the last command taken, and whether all
    /// were.
    #[inline]
    fn run_ahead(&mut self, token: Token, ahead: &Ahead, bytes: &[u8]) -> (usize, bool) {
        let mut done = 0;
        self.metrics.begin_commands();
        for command in &ahead.commands {
            if !self.is_running(token) {
                return (done, false);
            }
            let source = if command.unescaped {
                &ahead.unescaped[..]
            } else {
                &bytes[command.start..]
            };
            let spans = &ahead.spans[command.first_span..][..command.spans];
            let args = Args::new(source, spans);
            if self.command(token, &args, command.first_slot) == Flow::Retry {
                return (done, false);
            }
            done = command.end;
        }
        (done, true)
    }

    /// Fetches what the commands ahead will look up, all buckets first, then all entries, so that
    /// the processor waits for memory once per pipeline rather than twice per command.
    #[inline]
    fn prefetch(&mut self, token: Token, ahead: &Ahead, bytes: &[u8]) {
        if ahead.commands.len() < 2 {
            return;
        }
        let db = self
            .clients
            .get(token)
            .map_or(Db::FIRST, |client| client.session.db);
        let here = self.id();
        self.prefetch_keys(ahead.commands.iter().filter_map(|command| {
            let slot = command.first_slot?;
            let ours = self.slots.owner(slot) == here;
            ours.then(|| (db, slot, command.key_bytes(ahead, bytes)))
        }));
    }

    /// A protocol violation: the error, in its turn, and the end of the connection.
    fn violation(&mut self, token: Token, violation: Violation) {
        let text = violation.text();
        self.count_error("ERR");
        let client = self.client(token);
        let protocol = client.session.protocol;
        let start = client.replies.sink().len();
        let in_order = client.replies.in_order();
        crate::resp::Reply::new(client.replies.sink(), protocol).error(&Error::from(text));
        if !in_order {
            client.replies.seal(start);
        }
        self.close_after_replies(token);
    }

    /// Bounds what a waiting client may pile up: first its socket is not read, then it is closed.
    fn limit_input(&mut self, token: Token) {
        let limit =
            usize::try_from(self.settings.config.client_query_buffer_limit).unwrap_or(usize::MAX);
        let client = self.client(token);
        // The backlog of a client that waits is only paused: it is no longer than what was received
        // at once.
        let waits = client.state != State::Running || client.awaits_turn;
        let spans = client.unfinished.as_ref().map_or(0, |spans| spans.len());
        if !waits && client.input.len() + spans * size_of::<Span>() > limit {
            return self.close_now(token);
        }
        if waits && client.input.len() >= INPUT_PAUSE_BYTES && !client.receive_paused {
            client.receive_paused = true;
            self.requests.push(IoRequest::Pause(token));
        }
    }

    /// Reads the socket again once the backlog is small.
    fn resume_receive(&mut self, token: Token) {
        let Some(client) = self.clients.get_mut(token) else {
            return;
        };
        let parses = client.state == State::Running && !client.awaits_turn;
        let small = client.input.len() < INPUT_PAUSE_BYTES || parses;
        if client.receive_paused && small && client.state != State::Throttled {
            client.receive_paused = false;
            self.requests.push(IoRequest::Resume(token));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Shards;
    use crate::limits::{AHEAD_MAX, RECEIVE_BUFFER_BYTES, TURN_WORK_MAX, WORK_BYTES};

    fn mset(pairs: usize) -> Vec<u8> {
        let mut bytes = format!("*{}\r\n$4\r\nMSET\r\n", 1 + 2 * pairs).into_bytes();
        for number in 0..pairs {
            bytes.extend(format!("$7\r\n{{t}}{number:04}\r\n$1\r\nv\r\n").into_bytes());
        }
        bytes
    }

    #[test]
    fn what_waits_behind_a_command_is_not_parsed_again_and_again() {
        let mut shards = Shards::new(2);
        let client = shards.connect(0);
        let (here, there) = (shards.key(0, 0), shards.key(1, 0));
        let ahead = |shards: &mut Shards| shards.core(0).client(client.token).parse_ahead;
        assert_eq!(usize::from(ahead(&mut shards)), AHEAD_MAX);
        // Each waits for the other shard, and those behind it wait for it.
        let waits = format!("DEL {here} {there}\r\n").repeat(AHEAD_MAX);
        shards.feed(client, waits.as_bytes());
        shards.run();
        assert_eq!(shards.read(client), ":0\r\n".repeat(AHEAD_MAX));
        assert_eq!(ahead(&mut shards), 1, "one runs, and is waited for");
        // What runs at once is parsed ahead again.
        let runs = format!("GET {here}\r\n").repeat(2 * AHEAD_MAX);
        shards.feed(client, runs.as_bytes());
        shards.run();
        assert_eq!(shards.read(client), "$-1\r\n".repeat(2 * AHEAD_MAX));
        assert_eq!(usize::from(ahead(&mut shards)), AHEAD_MAX);
    }

    #[test]
    fn an_unfinished_command_is_gone_on_with() {
        let mut shards = Shards::new(2);
        let client = shards.connect(0);
        let other = shards.connect(0);
        let bytes = mset(500);
        let (last, first) = bytes.split_last().unwrap();
        let mut most = 0;
        for (at, piece) in first.chunks(3).enumerate() {
            shards.feed(client, piece);
            let found = &shards.core(0).client(client.token).unfinished;
            let spans = found.as_ref().map_or(0, |spans| spans.len());
            assert!(spans == 0 || spans >= most, "what is found stays found");
            most = most.max(spans);
            if at % 50 == 0 {
                // Others parse with the same memory meanwhile.
                assert_eq!(shards.call(other, "ECHO between"), "$7\r\nbetween\r\n");
            }
        }
        assert_eq!(most, 1000, "all but the last argument is remembered");
        shards.feed(client, &[*last]);
        shards.run();
        assert_eq!(shards.read(client), "+OK\r\n");
        assert!(shards.core(0).client(client.token).unfinished.is_none());
        assert_eq!(shards.core(0).client(client.token).input.capacity(), 0);
        assert_eq!(shards.call(client, "GET {t}0499"), "$1\r\nv\r\n");
    }

    #[test]
    fn a_violation_waits_for_the_replies_before_it() {
        let mut shards = Shards::new(3);
        let client = shards.connect(0);
        shards.feed(client, b"*2\r\n$4\r\nKEYS\r\n$1\r\n*\r\n*1\r\n16\r\n");
        shards.run();
        let error = "-ERR Protocol error: expected '$', got '1'\r\n";
        assert_eq!(shards.read(client), format!("*0\r\n{error}"));
        assert!(shards.closed(client));
    }

    #[test]
    fn a_client_may_be_gone_before_an_unfinished_command() {
        let mut shards = Shards::new(1);
        let client = shards.connect(0);
        let before = "PING\r\n".repeat(TURN_WORK_MAX as usize);
        shards.feed(client, before.as_bytes());
        shards.feed(client, b"PING\r\nPING\r\nPOST\r\n*1\r\n");
        // Its end is known before its turn comes.
        shards.hang_up(client);
        shards.run();
        assert!(shards.core(0).clients.get(client.token).is_none());
    }

    #[test]
    fn what_a_long_command_needed_does_not_hold_up_what_follows_it() {
        let mut shards = Shards::new(1);
        let client = shards.connect(0);
        let value = "x".repeat(20_000);
        let set = format!("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$20000\r\n{value}\r\n");
        let pings = "*1\r\n$4\r\nPING\r\n".repeat(2 * TURN_WORK_MAX as usize);
        for piece in (set + &pings).as_bytes().chunks(RECEIVE_BUFFER_BYTES) {
            shards.feed(client, piece);
        }
        shards.run();
        let replies = shards.read(client);
        assert_eq!(replies.matches("+PONG").count(), 2 * TURN_WORK_MAX as usize);
    }

    #[test]
    fn runs_of_nothing_are_taken_at_once() {
        let mut shards = Shards::new(1);
        let client = shards.connect(0);
        let nothing = "\n\r\n*0\r\n".repeat(RECEIVE_BUFFER_BYTES / 7);
        shards.feed(client, format!("PING\r\n{nothing}PING\r\n*").as_bytes());
        let work = shards.core(0).turn(client.token).0.work;
        assert!(
            work <= 3 + (RECEIVE_BUFFER_BYTES / WORK_BYTES) as u32,
            "{work}"
        );
        assert_eq!(shards.core(0).client(client.token).input.len(), 1);
        shards.feed(client, b"0\r\nPING\r\n");
        shards.run();
        assert_eq!(shards.read(client), "+PONG\r\n".repeat(3));
    }

    #[test]
    fn remembered_arguments_count_towards_the_query_buffer() {
        let mut shards = Shards::with(1, &[("client-query-buffer-limit", "1mb")]);
        let client = shards.connect(0);
        shards.feed(client, b"*1000000\r\n");
        let mut fed = 0;
        while !shards.closed(client) {
            shards.feed(client, &b"$0\r\n\r\n".repeat(100));
            shards.run();
            fed += 100;
            assert!(fed < 100_000, "the client is closed at its limit");
        }
        // 6 bytes of input and 8 of memory each.
        assert!((70_000..80_000).contains(&fed), "closed after {fed}");
    }
}
