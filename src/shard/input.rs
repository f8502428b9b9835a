//! Bytes to commands: parses what clients send and feeds it to `dispatch`, as long as the client may go on.
//!
//! A complete pipeline is executed straight out of the receive buffer; only an unfinished command, or what
//! arrives while the client waits, is copied into the client's own buffer.

use super::Core;
use super::core::Ask;
use crate::base::Token;
use crate::conn::State;
use crate::limits::INPUT_PAUSE_BYTES;
use crate::resp::{Args, Error, Limits, Parsed, Violation, parse};

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
    /// Bytes arrived for a client.
    #[inline]
    pub fn received(&mut self, token: Token, bytes: &[u8]) {
        let now_us = self.now.monotonic_us;
        self.statistics.input_bytes += bytes.len() as u64;
        let Some(client) = self.clients.get_mut(token) else {
            return;
        };
        client.active_us = now_us;
        client.input_bytes += bytes.len() as u64;
        if client.state == State::Closing {
            return;
        }
        if client.state != State::Running || !client.input.is_empty() {
            client.input.extend_from_slice(bytes);
            self.limit_input(token);
            return self.run_input(token);
        }
        let consumed = self.consume(token, bytes);
        if consumed < bytes.len()
            && let Some(client) = self.clients.get_mut(token)
            && client.state != State::Closing
        {
            client.input.extend_from_slice(&bytes[consumed..]);
        }
    }

    /// Goes on with a client's buffered input.
    pub fn run_input(&mut self, token: Token) {
        let Some(client) = self.clients.get_mut(token) else {
            return;
        };
        if client.state != State::Running
            || client.input.len() < client.input_needed
            || client.input.is_empty()
        {
            return self.resume_receive(token);
        }
        let mut input = std::mem::take(&mut client.input);
        let consumed = self.consume(token, &input);
        let Some(client) = self.clients.get_mut(token) else {
            return;
        };
        if consumed == input.len() {
            // An idle client keeps no buffer.
            input = Vec::new();
        } else {
            input.drain(..consumed);
        }
        client.input = input;
        self.resume_receive(token);
    }

    /// Executes commands from the front of `bytes`; returns how many bytes are done with.
    fn consume(&mut self, token: Token, bytes: &[u8]) -> usize {
        let mut spans = std::mem::take(&mut self.spans);
        let mut unescaped = std::mem::take(&mut self.unescaped);
        let mut at = 0;
        while at < bytes.len() {
            let Some(client) = self.clients.get_mut(token) else {
                break;
            };
            if client.state != State::Running {
                break;
            }
            let limits = Limits {
                bulk_bytes_max: usize::try_from(self.config.proto_max_bulk_len)
                    .unwrap_or(usize::MAX),
                authenticated: client.session.authenticated,
            };
            match parse(&bytes[at..], limits, &mut spans, &mut unescaped) {
                Parsed::Command { consumed } => {
                    let source = if unescaped.is_empty() {
                        &bytes[at..]
                    } else {
                        &unescaped[..]
                    };
                    if self.command(token, &Args::new(source, &spans)) == Flow::Retry {
                        break;
                    }
                    at += consumed;
                }
                Parsed::Nothing { consumed } => at += consumed,
                Parsed::Incomplete { needed } => {
                    client.input_needed = needed;
                    break;
                }
                Parsed::Violation(violation) => {
                    self.violation(token, violation);
                    at = bytes.len();
                }
            }
        }
        self.spans = spans;
        self.unescaped = unescaped;
        if let Some(client) = self.clients.get_mut(token) {
            if at > 0 && at == bytes.len() || client.state != State::Running {
                client.input_needed = 0;
            }
            if client.replies.ready_bytes() > 0 && !client.listed {
                client.listed = true;
                self.with_output.push(token);
            }
        }
        at
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
        let limit = usize::try_from(self.config.client_query_buffer_limit).unwrap_or(usize::MAX);
        let client = self.client(token);
        if client.input.len() > limit {
            return self.close_now(token);
        }
        let waits = client.state != State::Running;
        if waits && client.input.len() >= INPUT_PAUSE_BYTES && !client.receive_paused {
            client.receive_paused = true;
            self.asks.push(Ask::Pause(token));
        }
    }

    /// Reads the socket again once the backlog is small.
    fn resume_receive(&mut self, token: Token) {
        let Some(client) = self.clients.get_mut(token) else {
            return;
        };
        let small = client.input.len() < INPUT_PAUSE_BYTES || client.state == State::Running;
        if client.receive_paused && small && client.state != State::Throttled {
            client.receive_paused = false;
            self.asks.push(Ask::Resume(token));
        }
    }
}
