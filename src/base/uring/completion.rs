//! What a completion means: the second half of `UringIo`.
//!
//! Called by `poll` for each completion in order. Turns it into events, continues what ended early
//! (partial sends, multishot requests that the kernel stopped) and releases a token when the last
//! of its operations is over. Must not wait and must not allocate.

use std::io;

use io_uring::{cqueue, opcode, types};

use super::connection::Receive;
use super::{Kind, UringIo};
use crate::base::io::{CloseReason, Event, Socket, Token};
use crate::base::socket;
use crate::limits;

impl UringIo {
    pub(super) fn complete(&mut self, completion: &cqueue::Entry, events: &mut Vec<Event>) {
        let token = completion.user_data() as u32;
        let result = completion.result();
        match completion.user_data() >> 32 {
            kind if kind == Kind::Receive as u64 => self.received(token, completion, events),
            kind if kind == Kind::Send as u64 => self.sent(token, result, events),
            kind if kind == Kind::Accept as u64 => self.accepted(token, completion, events),
            kind if kind == Kind::Signal as u64 => self.await_signal(),
            // The other ring is gone or refused: its eventfd always works.
            kind if kind == Kind::Wake as u64 => self.wakers.signal(token as usize),
            kind if kind == Kind::FixedFile as u64 => self.fixed_files.give_back(token),
            kind if kind == Kind::File as u64 => self.stepped(token, result, events),
            _ => {}
        }
    }

    fn received(&mut self, token: Token, completion: &cqueue::Entry, events: &mut Vec<Event>) {
        let result = completion.result();
        let more = cqueue::more(completion.flags());
        let buffer = cqueue::buffer_select(completion.flags());
        let connection = self.connections.attached(token);
        if !more {
            connection.receive = Receive::Idle;
        }
        let (closing, wanted) = (connection.closing, connection.wanted);
        match (buffer, u32::try_from(result)) {
            (Some(id), Ok(len)) if len > 0 && !closing => {
                let buffer = self.buffers.lend(id, len);
                events.push(Event::Received { token, buffer });
            }
            (Some(id), _) => self.buffers.publish(id),
            (None, _) => {}
        }
        if more {
            return;
        }
        if closing {
            return self.settle(token, events);
        }
        match -result {
            libc::ENOBUFS if wanted => {
                self.buffers.ran_out();
                self.connections.attached(token).receive = Receive::Starved;
                self.starved.push_back(token);
            }
            // Ended without the peer's doing: by a pause, or because the kernel had to.
            libc::ENOBUFS | libc::ECANCELED | libc::EINTR | libc::EAGAIN | i32::MIN..0 => {
                if wanted {
                    self.arm_receive(token);
                }
            }
            0 => self.ended(token, CloseReason::PeerClosed, events),
            errno => self.ended(token, CloseReason::Failed(errno), events),
        }
    }

    fn ended(&mut self, token: Token, reason: CloseReason, events: &mut Vec<Event>) {
        let connection = self.connections.attached(token);
        connection.receive = Receive::Ended;
        connection.reported = true;
        events.push(Event::Closed { token, reason });
    }

    fn sent(&mut self, token: Token, result: i32, events: &mut Vec<Event>) {
        let connection = self.connections.attached(token);
        let closing = connection.closing;
        let sending = connection
            .sending
            .as_mut()
            .expect("one completion per send");
        sending.done += usize::try_from(result).unwrap_or(0);
        let whole = sending.done == sending.bytes.len();
        let transient = matches!(-result, libc::ECANCELED | libc::EINTR | libc::EAGAIN);
        let outcome = match result {
            _ if whole && result >= 0 => Ok(()),
            _ if closing => Err(io::Error::from_raw_os_error(libc::ECANCELED)),
            _ if result > 0 || transient => return self.queue_send(token),
            0 => Err(io::Error::from(io::ErrorKind::WriteZero)),
            _ => Err(io::Error::from_raw_os_error(-result)),
        };
        let sending = connection
            .sending
            .take()
            .expect("it was there a few lines above");
        events.push(Event::Sent {
            token,
            bytes: sending.bytes,
            result: outcome,
        });
        self.settle(token, events);
    }

    /// Ends a connection that was asked to close once nothing of it is under way.
    pub(super) fn settle(&mut self, token: Token, events: &mut Vec<Event>) {
        let connection = self.connections.attached(token);
        if !connection.closing || connection.is_busy() {
            return;
        }
        if !connection.reported {
            let reason = CloseReason::Asked;
            events.push(Event::Closed { token, reason });
        }
        self.release(token);
    }

    pub(super) fn release(&mut self, token: Token) {
        let connection = self.connections.remove(token);
        assert!(
            !connection.is_busy(),
            "a completion could reach the token's next owner"
        );
        if let Some(fixed) = connection.fixed {
            let entry = opcode::Close::new(types::Fixed(fixed)).build();
            self.queue(entry, Kind::FixedFile, fixed);
        }
        let entry = opcode::Close::new(types::Fd(connection.fd)).build();
        self.queue(entry, Kind::Ignored, 0);
    }

    fn accepted(&mut self, index: u32, completion: &cqueue::Entry, events: &mut Vec<Event>) {
        let result = completion.result();
        let place = &mut self.listeners[index as usize];
        let Some(listener) = place else {
            return;
        };
        if !cqueue::more(completion.flags()) {
            listener.armed = false;
        }
        if listener.closing {
            if result >= 0 {
                socket::close(Socket(result));
            }
            if !listener.armed {
                socket::close(Socket(listener.fd));
                *place = None;
            }
            return;
        }
        let name = listener.name;
        match -result {
            i32::MIN..=0 => events.push(Event::Accepted {
                listener: name,
                socket: Socket(result),
            }),
            // A connection that died before it was accepted, or an interruption: nothing to report.
            libc::ECONNABORTED | libc::EINTR | libc::EAGAIN | libc::ECANCELED => {}
            errno => {
                listener.retry_at_us = Some(self.now.monotonic_us + limits::ACCEPT_RETRY_US);
                events.push(Event::AcceptFailed {
                    listener: name,
                    errno,
                });
            }
        }
        if !listener.armed && listener.retry_at_us.is_none() {
            self.arm_accept(index as usize);
        }
    }
}
