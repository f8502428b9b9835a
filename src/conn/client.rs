//! The state of one client on its home shard.
//!
//! Kept small, because there may be ten thousand idle ones: buffers are borrowed while there is
//! traffic, rare state sits behind a box.

use super::{Input, Replies, ReplyBuffer};
use crate::base::Token;
use crate::limits::AHEAD_MAX;
use crate::resp::{Protocol, Span};
use crate::route::{Batch, Carried, ClientRef, Db, DbKey, Head, Sequence, ShardId};
use std::collections::{BTreeSet, VecDeque};

/// Why a client's further commands wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Commands are executed as they come.
    Running,
    /// A command that must be alone is under way (a transaction, a query, a command behind a lock),
    /// or the next one must wait for replies of others, or for room in a parcel.
    Waiting,
    /// A blocking command waits for a key.
    Blocked,
    /// CLIENT PAUSE holds the next command.
    Paused,
    /// Too much output is unsent.
    Throttled,
    /// No more input is taken; the connection closes when the output is sent.
    Closing,
}

/// CLIENT REPLY.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplyMode {
    On,
    Off,
    /// This command's reply is left out.
    Skip,
    /// The next command's reply is left out.
    SkipNext,
}

/// What CLIENT, HELLO, SELECT and AUTH change.
#[derive(Debug, Clone)]
pub struct Session {
    pub db: Db,
    pub protocol: Protocol,
    pub authenticated: bool,
    pub no_touch: bool,
    pub no_evict: bool,
    pub monitor: bool,
    pub reply: ReplyMode,
    pub user: Box<str>,
    pub name: Box<str>,
    pub library_name: Box<str>,
    pub library_version: Box<str>,
}

impl Session {
    /// A new client's session; `authenticated` when the server asks for no password.
    #[must_use]
    pub fn new(authenticated: bool) -> Self {
        Self {
            db: Db::FIRST,
            protocol: Protocol::Resp2,
            authenticated,
            no_touch: false,
            no_evict: false,
            monitor: false,
            reply: ReplyMode::On,
            user: "default".into(),
            name: "".into(),
            library_name: "".into(),
            library_version: "".into(),
        }
    }

    /// What a command of this client is told.
    #[inline]
    #[must_use]
    pub fn head(&self, row: u16) -> Head {
        Head::new(row, self.db, self.protocol, self.no_touch)
    }
}

/// Who owns the keys of MULTI's queue.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum Owners {
    /// No command so far has keys.
    #[default]
    Nobody,
    /// One shard.
    One(ShardId),
    Several,
    /// A command concerns the whole keyspace or asks other shards.
    Everyone,
}

impl Owners {
    /// With the keys of one more command.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        use Owners::{Everyone, Nobody, One, Several};
        match (self, other) {
            (Everyone, _) | (_, Everyone) => Everyone,
            (Nobody, owners) | (owners, Nobody) => owners,
            (One(first), One(second)) if first == second => self,
            (Several | One(_), Several | One(_)) => Several,
        }
    }
}

/// MULTI's queue and WATCH's keys.
#[derive(Debug, Default)]
pub struct Transaction {
    /// Inside MULTI.
    pub open: bool,
    /// A command was refused while queueing: EXEC will abort.
    pub failed: bool,
    /// A queued command may write.
    pub writes: bool,
    /// A queued command is refused when memory is short.
    pub needs_memory: bool,
    pub queued: Batch,
    pub owners: Owners,
    /// A queued command does not have keys of exactly one shard.
    pub indivisible: bool,
    /// A queued command needs the client at hand.
    pub needs_client: bool,
    /// The database in which the queued commands so far leave the client.
    pub moved_to: Option<Db>,
    /// Watched keys; their owners hold the registrations.
    pub watched: BTreeSet<DbKey>,
    /// Owners that have not confirmed the last WATCH.
    pub unconfirmed: usize,
}

/// An EXEC whose commands run one after the other while every shard is held.
#[derive(Debug)]
pub struct Steps {
    pub sequence: Sequence,
    pub left: VecDeque<Carried>,
    /// What the time is for all of them, from the decision on.
    pub clock_ms: u64,
}

/// What a client has set to work in a tick, in units of `limits::TURN_WORK_MAX`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Turn {
    pub tick: u32,
    pub work: u32,
}

/// One client.
#[derive(Debug)]
pub struct Client {
    pub id: u64,
    pub token: Token,
    pub state: State,
    pub session: Session,
    pub replies: Replies,
    pub reply_buffer: ReplyBuffer,
    /// Received bytes that are not parsed yet.
    pub input: Input,
    /// The input is not worth parsing again before it has this many bytes.
    pub input_needed: usize,
    /// Arguments found in the unfinished command at the front of the input, when there are many.
    pub unfinished: Option<Box<Vec<Span>>>,
    /// Commands that are parsed before the first of them runs: as many as have lately run in a row,
    /// since what lies behind one that has to wait is parsed again.
    pub parse_ahead: u8,
    pub turn: Turn,
    /// It has had its turn: its further input waits for the next one.
    pub awaits_turn: bool,
    /// A send is under way, with this many bytes.
    pub sending: Option<usize>,
    /// The shard has it on the list of those with output, of those whose output is held back.
    pub listed: bool,
    pub holds: bool,
    /// Receiving is paused.
    pub receive_paused: bool,
    /// `close` has been asked of the Io.
    pub closing: bool,
    /// `Closed` has been reported.
    pub closed: bool,
    /// The peer sends no more: what it has sent is executed and answered, then the connection
    /// closes.
    pub ended: bool,
    pub transaction: Option<Box<Transaction>>,
    pub steps: Option<Box<Steps>>,
    /// Watches of the EXEC under way.
    pub unwatching: BTreeSet<DbKey>,
    /// Names its current blocking command in offers: they are counted, and 0 is none.
    pub block: u32,
    /// The command to be tried again: it blocks on a key, or waits for the end of a pause.
    pub kept_command: Option<Box<Carried>>,
    /// When it was issued, and until when it waits; monotonic.
    pub blocked_at_us: u64,
    pub deadline_us: Option<u64>,
    pub created_us: u64,
    pub active_us: u64,
    pub output_over_soft_since_us: Option<u64>,
    pub commands: u64,
    pub input_bytes: u64,
    pub output_bytes: u64,
    /// The last command's row.
    pub last_row: Option<u16>,
    /// Bytes of the command under way and of its arguments, while it asks for a list of clients.
    pub own_bytes: (usize, usize),
    /// Its CLIENT KILL is under way.
    pub killing: bool,
    /// It has killed itself and closes when the command is answered.
    pub doomed: bool,
    /// The listener it came from: the unix socket has its own flag in CLIENT LIST.
    pub listener: u32,
    /// Remote and local address as CLIENT LIST prints them.
    pub address: Box<str>,
    pub local_address: Box<str>,
    pub descriptor: i32,
}

impl Client {
    /// Its name for those who may outlive it.
    #[inline]
    #[must_use]
    pub fn reference(&self) -> ClientRef {
        ClientRef {
            token: self.token,
            id: self.id,
        }
    }

    /// A client that has just connected.
    #[must_use]
    pub fn new(id: u64, token: Token, listener: u32, authenticated: bool, now_us: u64) -> Self {
        Self {
            id,
            token,
            state: State::Running,
            session: Session::new(authenticated),
            replies: Replies::default(),
            reply_buffer: ReplyBuffer::default(),
            input: Input::default(),
            input_needed: 0,
            unfinished: None,
            parse_ahead: AHEAD_MAX as u8,
            turn: Turn::default(),
            awaits_turn: false,
            sending: None,
            listed: false,
            holds: false,
            receive_paused: false,
            closing: false,
            closed: false,
            ended: false,
            transaction: None,
            steps: None,
            unwatching: BTreeSet::new(),
            block: 0,
            kept_command: None,
            blocked_at_us: now_us,
            deadline_us: None,
            created_us: now_us,
            active_us: now_us,
            output_over_soft_since_us: None,
            commands: 0,
            input_bytes: 0,
            output_bytes: 0,
            last_row: None,
            own_bytes: (0, 0),
            killing: false,
            doomed: false,
            listener,
            address: "".into(),
            local_address: "".into(),
            descriptor: -1,
        }
    }

    /// Its further commands wait for the one in progress; who is closing stays so.
    pub fn wait(&mut self) {
        if self.state != State::Closing {
            self.state = State::Waiting;
        }
    }

    /// True inside MULTI.
    #[inline]
    #[must_use]
    pub fn in_multi(&self) -> bool {
        self.transaction
            .as_ref()
            .is_some_and(|transaction| transaction.open)
    }

    /// The transaction's state, made on first use.
    pub fn transaction_mut(&mut self) -> &mut Transaction {
        self.transaction.get_or_insert_with(Box::default)
    }

    /// Output bytes not yet taken by the peer's system.
    #[must_use]
    pub fn unsent_bytes(&self) -> usize {
        self.replies.ready_bytes() + self.sending.unwrap_or(0)
    }

    /// Bytes that MULTI's queue takes.
    #[must_use]
    fn queue_bytes(&self) -> usize {
        let transaction = self.transaction.as_deref();
        transaction.map_or(0, |transaction| transaction.queued.capacity_bytes())
    }

    /// All memory that is held for the client, bytes.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        let session = &self.session;
        let names = [
            &self.address,
            &self.local_address,
            &session.user,
            &session.name,
            &session.library_name,
            &session.library_version,
        ];
        let spans = self.unfinished.as_ref().map_or(0, |spans| spans.capacity());
        let watched = self.transaction.as_deref().map_or(0, |transaction| {
            let keys = transaction.watched.iter();
            size_of::<Transaction>()
                + keys
                    .map(|(_, key)| size_of::<DbKey>() + key.len())
                    .sum::<usize>()
        });
        size_of::<Self>()
            + names.iter().map(|name| name.len()).sum::<usize>()
            + self.input.capacity()
            + spans * size_of::<Span>()
            + self.replies.kept_bytes()
            + self.sending.unwrap_or(0)
            + self.queue_bytes()
            + watched
    }

    /// True when the token may be freed: closed, and neither a send nor an EXEC is under way.
    #[must_use]
    pub fn gone(&self) -> bool {
        self.closing
            && self.closed
            && self.sending.is_none()
            && self.steps.is_none()
            && self.unwatching.is_empty()
    }
}
