//! The one door to the outside: sockets, files, clock and randomness.
//!
//! A shard is generic over `Io` and reaches the machine in no other way, so the same shard runs on
//! io_uring (`base::uring`), on epoll (`base::epoll`) and inside the seeded simulator
//! (`base::sim`). The interface is completion based: the shard states what it wants (receive, send,
//! close) and `poll` reports what has happened. Nothing here blocks except `poll`.

use std::io;

use super::file::{Ended, Operation, RequestId};

/// The index of a client on its shard; chosen by the shard at `attach`.
///
/// Its life:
/// `attach` -> any number of `Received` and `Sent` -> `close` -> one `Closed`. After `Closed` no
/// event names the token again and it may be attached anew. `Closed` also comes unasked when the
/// peer goes away or an error occurs; then the implementation has already stopped receiving, but
/// the token still belongs to the shard until it calls `close`, and a second `Closed` is not sent.
/// The shard may still send in between (a peer that only ended its own direction reads on), so
/// after an unasked `Closed` the token is free as soon as `close` was called and the `Sent` of a
/// send under way was reported.
pub type Token = u32;

/// A connected socket on its way from the accepting shard to its home shard.
///
/// A file descriptor with uring and epoll, a number of the simulated network with sim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Socket(pub i32);

/// Time as one tick sees it; both clocks are read once per `poll`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Now {
    /// Monotonic microseconds since an arbitrary start.
    pub monotonic_us: u64,
    /// Wall clock, microseconds since the Unix epoch.
    pub unix_us: u64,
}

impl Now {
    /// Wall clock in milliseconds since the Unix epoch, the unit of every expiry time.
    #[must_use]
    pub fn unix_ms(self) -> u64 {
        self.unix_us / 1000
    }
}

/// Why a connection stopped receiving.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseReason {
    /// The shard called `close`.
    Asked,
    /// The peer sent end of file.
    PeerClosed,
    /// The socket failed; the number is the errno.
    Failed(i32),
}

/// What `poll` reports. Closed set: whatever can happen to a shard from outside is one of these.
#[derive(Debug)]
pub enum Event {
    /// A listener accepted a connection; `listener` is the index given to `listen`.
    Accepted { listener: u32, socket: Socket },
    /// Accepting failed, for example for want of descriptors; errno. Accepting goes on.
    AcceptFailed { listener: u32, errno: i32 },
    /// Bytes arrived. The buffer must be handed back with `recycle`.
    Received { token: Token, buffer: Buffer },
    /// A `send` ended; `bytes` is the vector that was given, `result` is Ok when all of it was
    /// sent.
    Sent {
        token: Token,
        bytes: Vec<u8>,
        result: io::Result<()>,
    },
    /// The connection no longer receives, see `Token`.
    Closed { token: Token, reason: CloseReason },
    /// A `request` has ended.
    Ended(Ended),
}

// A tick moves many of them: those about files must not make the others larger.
const _: () = assert!(size_of::<Event>() <= 40);

/// Received bytes, lent by the implementation until `recycle`.
///
/// Dereferences to the bytes. With uring it is a buffer of the provided-buffer ring.
#[derive(Debug)]
pub struct Buffer {
    pub(super) bytes: *const u8,
    pub(super) len: u32,
    /// The implementation's own name of the buffer.
    pub(super) id: u32,
}

impl std::ops::Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: an implementation only makes a Buffer over memory that it owns, that is
        // initialised up to `len`, and that it neither writes nor frees before `recycle` takes the
        // Buffer back.
        unsafe { std::slice::from_raw_parts(self.bytes, self.len as usize) }
    }
}

/// How long `poll` may sleep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sleep {
    /// Do not sleep: there is more work in the shard.
    No,
    /// Sleep until an event, a `wake`, or this many microseconds have passed.
    AtMost(u64),
}

/// The machine as one shard sees it.
pub trait Io {
    /// The time of the last `poll`.
    fn now(&self) -> Now;

    /// A precise monotonic reading in nanoseconds, for measuring how long work took. May be coarse
    /// in sim.
    fn precise_ns(&self) -> u64;

    /// 64 random bits; from the seed in sim.
    fn random(&mut self) -> u64;

    /// Starts accepting on a socket that is bound and listening already; `listener` names it in
    /// events.
    fn listen(&mut self, listener: u32, socket: Socket);

    /// Stops accepting on a listener and closes it.
    fn unlisten(&mut self, listener: u32);

    /// Takes over a connected socket and starts receiving.
    ///
    /// # Errors
    /// When the implementation has no room for the token or the system refuses the socket; the
    /// socket is closed.
    fn attach(&mut self, token: Token, socket: Socket) -> io::Result<()>;

    /// Stops receiving until `resume`; bytes already under way may still be reported. That the peer
    /// is gone may go unnoticed until then.
    fn pause(&mut self, token: Token);

    /// Receives again after `pause`.
    fn resume(&mut self, token: Token);

    /// Sends all of `bytes`; one send per token may be under way at a time. Ends with `Sent`.
    fn send(&mut self, token: Token, bytes: Vec<u8>);

    /// Ends the connection; a send under way is abandoned and still reported. Ends with `Closed`
    /// (unless it was reported before), after every other event of the token.
    fn close(&mut self, token: Token);

    /// As `close`, but what the peer has not read yet is dropped, also what the kernel has taken: a
    /// peer that never reads would not see the end behind it, and the kernel would keep it for
    /// minutes.
    fn reset(&mut self, token: Token);

    /// Takes back a buffer of `Received`.
    fn recycle(&mut self, buffer: Buffer);

    /// The remote and local address of a token as Redis prints them: `127.0.0.1:50000` or
    /// `/path:0`.
    fn addresses(&self, token: Token) -> (String, String);

    /// The descriptor number of a token as CLIENT LIST prints it.
    fn descriptor(&self, token: Token) -> i32;

    /// Interrupts the `poll` of another shard; takes effect no later than the next own `poll`.
    fn wake(&mut self, shard: super::ShardId);

    /// Submits everything asked for, sleeps as told, and appends what happened to `events`.
    fn poll(&mut self, wait: Sleep, events: &mut Vec<Event>);

    /// Instead of a sleep: stays awake for at most `limit_us`, until `mail` says that another shard
    /// has sent something; true when it has or when `poll` has something to do. What was asked for
    /// is submitted first, or is something that `poll` has to do.
    fn linger(&mut self, _limit_us: u64, _mail: impl Fn() -> bool) -> bool {
        false
    }

    /// Stops the shard, as if it hung: for DEBUG SLEEP, which is there to be noticed.
    fn stand_still(&mut self, duration: std::time::Duration) {
        super::stand_still(duration);
    }

    /// A socket that is handed to another shard is closed if nobody will attach it.
    fn discard(&mut self, socket: Socket);

    /// Asks for an operation on files, or for a connection (see `file.rs`); ends with one `Ended`
    /// that names `id`.
    ///
    /// # Errors
    /// While `FILE_REQUESTS_MAX` of them are under way, hands the operation back; nothing has
    /// happened then.
    fn request(&mut self, id: RequestId, operation: Operation) -> Result<(), Operation>;

    /// Wants a request to end: with ECANCELED if it has not begun or if it waits for a peer, by
    /// itself if the disk has begun. Says nothing when there is none.
    fn cancel(&mut self, id: RequestId);

    /// The name of the back end: `uring`, `epoll` or `sim`.
    fn name(&self) -> &'static str;
}
