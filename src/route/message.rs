//! Everything that crosses the mesh.
//!
//! Between two shards at most one `Message` travels per tick and direction. Plain commands travel
//! in a `Parcel`, whose buffers come back with the replies in them, so that memory is freed where
//! it was allocated and a steady stream allocates nothing. All else is a `Note`, a closed enum:
//! what is not named here does not happen between shards.

use std::any::Any;
use std::sync::Arc;

use smallvec::SmallVec;

use super::packed::{Batch, Carried, Head, count, pack};
use super::{Intent, Sequence};
use crate::base::{ShardId, ShardSet, Socket, Token};
use crate::cmd::{Blocking, EffectStream};
use crate::metrics::SlowEntry;
use crate::resp::{Args, Protocol, Span};
use crate::store::{Db, Entry};

/// What one shard tells another at the end of a tick.
#[derive(Debug, Default)]
pub struct Message {
    /// Commands to execute.
    pub commands: Option<Box<Parcel>>,
    /// Parcels of the receiver's, coming home with replies.
    pub replies: SmallVec<[Box<Parcel>; 1]>,
    /// Everything rarer, in order; handled before the commands.
    pub notes: Vec<Note>,
}

impl Message {
    /// True when there is nothing to tell.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.commands.is_none() && self.replies.is_empty() && self.notes.is_empty()
    }

    /// How much there is to do for the receiver: a share for the message itself, notes, commands
    /// and replies.
    #[must_use]
    pub fn work(&self) -> usize {
        let parcels = self.commands.iter().chain(&self.replies);
        1 + self.notes.len() + parcels.map(|parcel| parcel.commands.len()).sum::<usize>()
    }
}

/// A client of a shard: the token alone may have another client, of another id, by now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientRef {
    pub token: Token,
    pub id: u64,
}

/// Where a reply belongs: to a client of the home shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplyTo {
    /// At this place of its pipeline.
    Place(ClientRef, u32),
    /// It waits for nothing else.
    Alone(ClientRef),
}

impl ReplyTo {
    /// Whose reply it is.
    #[inline]
    #[must_use]
    pub fn client(self) -> ClientRef {
        match self {
            ReplyTo::Place(client, _) | ReplyTo::Alone(client) => client,
        }
    }
}

/// For whom a plain command is run elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asker {
    /// A client, with the place of the reply in its pipeline.
    Client(ClientRef, u32),
    /// A snapshot of the home shard, of which the command is a part.
    Snapshot(u64),
}

/// One plain command on its way.
#[derive(Debug, Clone, Copy)]
pub struct RemoteCommand {
    pub asker: Asker,
    pub head: Head,
    /// The command's spans in the parcel.
    pub first_span: u32,
    pub spans: u32,
    /// Set by the owner: the reply's bytes in the parcel. None: the reply follows in a
    /// `Note::Late`.
    pub reply: Option<Span>,
}

/// Commands for one owner, and later their replies.
#[derive(Debug, Default)]
pub struct Parcel {
    pub commands: Vec<RemoteCommand>,
    pub spans: Vec<Span>,
    pub bytes: Vec<u8>,
    pub replies: Vec<u8>,
    /// For those of the commands that are parts of snapshots, in their order.
    pub times: Vec<PartTimes>,
}

/// When a part of a snapshot was read, and by when the last write of what was read was over;
/// monotonic microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartTimes {
    pub written_us: u64,
    pub read_us: u64,
    /// The argument of the part that was written last; 0: no particular one.
    pub latest: u32,
    /// Keys found and not found: they count if the command takes effect with this reading.
    pub hits: u64,
    pub misses: u64,
}

impl PartTimes {
    /// Fits whatever comes.
    pub const ANY: Self = Self {
        written_us: 0,
        read_us: u64::MAX,
        latest: 0,
        hits: 0,
        misses: 0,
    };

    /// The part was not read, because of this key; fits nothing.
    #[must_use]
    pub fn unread(latest: u32) -> Self {
        Self {
            written_us: u64::MAX,
            latest,
            ..Self::ANY
        }
    }

    /// The part was read.
    #[must_use]
    pub fn is_read(self) -> bool {
        self.written_us != u64::MAX
    }
}

impl Parcel {
    /// Empties the parcel and keeps its memory.
    pub fn clear(&mut self) {
        self.commands.clear();
        self.spans.clear();
        self.bytes.clear();
        self.replies.clear();
        self.times.clear();
    }

    /// Copies some arguments in, in the order of `positions`.
    pub fn pack_some(
        &mut self,
        args: &Args<'_>,
        positions: impl Iterator<Item = usize>,
    ) -> (u32, u32) {
        let first = self.spans.len();
        let chosen = positions.map(|position| args.get(position));
        pack(chosen, &mut self.bytes, &mut self.spans);
        (count(first), count(self.spans.len() - first))
    }

    /// Copies arguments in; returns their first span's index and their number.
    pub fn pack(&mut self, args: &Args<'_>) -> (u32, u32) {
        let first = self.spans.len();
        pack(args.from(0), &mut self.bytes, &mut self.spans);
        (count(first), count(self.spans.len() - first))
    }
}

/// A key with its database.
pub type DbKey = (Db, Box<[u8]>);

/// What a shard does when it has granted a transaction.
#[derive(Debug)]
pub enum Work {
    /// Lends the entries of these keys to the coordinator.
    Lend(Arc<[DbKey]>),
    /// Executes its part at once, under the locks, and sends the reply along with the grant.
    Read(Carried),
    /// Executes its part when the coordinator has decided.
    Write(Carried),
    /// Executes its commands of an EXEC when the coordinator has decided.
    Run(Batch),
    /// Nothing but hold the locks.
    Hold,
}

/// A coordinator asks a shard for locks.
#[derive(Debug)]
pub struct Schedule {
    pub sequence: Sequence,
    pub intents: Vec<Intent>,
    /// Part of a transaction that holds every shard already: no locks are taken, and this is its
    /// clock.
    pub within_ms: Option<u64>,
    pub work: Work,
    /// The transaction is the EXEC of this client, which may watch keys here.
    pub watcher: Option<u64>,
}

/// What a shard sends with its grant.
#[derive(Debug)]
pub enum Part {
    /// Entries in the order of `Work::Lend`'s keys; None where there is no such key.
    Entries(Vec<Option<Entry>>),
    /// The encoded reply to `Work::Read`.
    Reply(Vec<u8>),
    /// Ready for `Note::Execute`.
    Ready,
}

/// A shard's consent to a transaction.
#[derive(Debug)]
pub struct Grant {
    pub part: Part,
    /// A key that the client watches there has changed.
    pub watch_changed: bool,
    /// The clock of the shard: the transaction's is no earlier.
    pub clock_ms: u64,
}

/// Lent entries on their way home, in the order in which they were lent.
pub type Returned = Vec<Option<Entry>>;

/// A transaction that its owner begins: what it has locked and lends the home of the client.
#[derive(Debug)]
pub struct Lent {
    pub sequence: Sequence,
    pub keys: Arc<[DbKey]>,
    pub entries: Vec<Option<Entry>>,
    /// The clock of the owner.
    pub clock_ms: u64,
}

impl Lent {
    /// The owner's share and what it consents to.
    #[must_use]
    pub fn into_grant(self) -> (Arc<[DbKey]>, Grant) {
        let grant = Grant {
            part: Part::Entries(self.entries),
            watch_changed: false,
            clock_ms: self.clock_ms,
        };
        (self.keys, grant)
    }
}

/// WATCH of some keys of one owner by a client of any shard.
#[derive(Debug)]
pub struct Watch {
    pub client: ClientRef,
    pub keys: Vec<DbKey>,
}

/// A key that a blocked client waits for has something to take.
#[derive(Debug)]
pub struct Offer {
    pub client: ClientRef,
    /// The client's count of blocking commands: an offer to an earlier one is stale.
    pub block: u32,
    /// The key with something to take, then the client's other keys on that shard that it must
    /// have.
    pub lent: Lent,
}

/// Commands for the shard of all their keys: an EXEC, a command that waits there for a transaction
/// to end, or one that may block.
#[derive(Debug)]
pub struct Task {
    pub home: ShardId,
    pub to: ReplyTo,
    /// The client's.
    pub protocol: Protocol,
    pub commands: Batch,
    /// The commands are one transaction: the reply is an array with one element each.
    pub exec: bool,
    /// The client whose watched keys decide whether an EXEC runs.
    pub watcher: Option<u64>,
    /// The client's count of blocking commands.
    pub block: u32,
    /// A command of the EXEC runs with its client at hand, so all run at home.
    pub needs_client: bool,
    /// The command was counted as a call when it began to wait.
    pub counted: bool,
}

impl Task {
    /// One command of a client.
    #[must_use]
    pub fn of(home: ShardId, to: ReplyTo, head: Head, args: &Args<'_>) -> Self {
        Self {
            home,
            to,
            protocol: head.protocol,
            commands: Batch::of(head, args),
            exec: false,
            watcher: None,
            block: 0,
            needs_client: false,
            counted: false,
        }
    }
}

/// What monitoring clients are shown of the commands that one shard has begun.
#[derive(Debug, Default)]
pub struct Lines {
    /// The number of each command among those of the whole server, and where its line ends.
    pub ends: Vec<(u64, usize)>,
    pub bytes: Vec<u8>,
    /// Lines are missing: there were too many.
    pub cut: bool,
}

/// A unit of the record of what changed that several shards may have parts of.
#[derive(Debug, Clone)]
pub struct Unit {
    /// Its number in the one order of all units.
    pub ticket: u64,
    /// The clock at which it was done.
    pub clock_ms: u64,
    /// The shards that have a part of it.
    pub participants: ShardSet,
}

/// What a coordinator did to the keys that a shard has lent it.
#[derive(Debug)]
pub struct Told {
    pub effects: EffectStream,
    /// None: it belongs to the unit of the steps that hold the shard.
    pub unit: Option<Unit>,
}

/// The rarer messages.
#[derive(Debug)]
pub enum Note {
    /// A new connection for the receiver; `listener` is the one that accepted it.
    Adopt {
        socket: Socket,
        listener: u32,
    },

    /// Transactions, coordinator to shard.
    Schedule(Box<Schedule>),
    /// Run the part of `Work::Write` or `Work::Run`, at the transaction's clock, and release; the
    /// reply is wanted when `answer`.
    Execute {
        sequence: Sequence,
        answer: bool,
        clock_ms: u64,
        /// The unit that it is in the record of what changed, while that is read.
        unit: Option<Box<Unit>>,
    },
    /// The transaction is over here: lent entries return, these keys were modified, locks go.
    /// A blocked client's wait is registered before the locks go.
    Finish {
        sequence: Sequence,
        returned: Returned,
        modified: Vec<DbKey>,
        wait: Option<Box<Wait>>,
        /// What the record of what changed is told of it, while that is read.
        told: Option<Box<Told>>,
    },
    /// Answer to `Revoke`: the grant is handed back for now, with what was lent.
    Yield {
        sequence: Sequence,
        returned: Returned,
    },
    /// Commands whose keys all belong to the receiver: an EXEC, run as one, or a command that may
    /// block or waits for locks.
    Task(Box<Task>),
    /// The reply of an EXEC that was a task, with its batch, whose memory belongs to the receiver.
    TaskDone {
        to: ReplyTo,
        reply: Vec<u8>,
        batch: Batch,
    },

    /// Transactions, shard to coordinator.
    Granted {
        sequence: Sequence,
        grant: Grant,
    },
    /// An older transaction waits: give the grant back unless decided.
    Revoke {
        sequence: Sequence,
    },
    /// The reply of `Execute`.
    Executed {
        sequence: Sequence,
        reply: Vec<u8>,
        /// That of `Work::Run`, whose memory belongs to the receiver.
        batch: Option<Batch>,
    },

    /// To the home itself: a command of this client's EXEC is answered, and it goes on.
    GoOn(ClientRef),

    /// The reply to a command that had to wait on its owner.
    Late {
        to: ReplyTo,
        reply: Vec<u8>,
    },

    /// A client watches keys of the receiver, and the receiver's confirmation.
    Watch(Box<Watch>),
    Watched(ClientRef),
    /// A client watches no key any longer.
    Unwatch {
        client: u64,
    },

    /// A blocking command found nothing and is registered at its owner, perhaps in other words.
    Blocked(ClientRef, Option<Box<Carried>>),
    /// An owner offers what a blocked client waits for; its home takes it or sends it back.
    Offer(Box<Offer>),
    /// The client waits no longer: the owner forgets it.
    Unblock {
        client: u64,
    },

    /// Lines for the clients of the receiver that monitor.
    Monitored(Lines),
    /// A client monitors no longer.
    Unmonitor {
        client: u64,
    },

    /// A client's command took long elsewhere; its own shard keeps the log.
    Slow {
        client: Option<ClientRef>,
        entry: Box<SlowEntry>,
    },

    /// A question on behalf of a command, and the answer; of types that only the asking command
    /// knows.
    Query {
        id: u64,
        query: Box<dyn Any + Send>,
        /// Part of an EXEC that holds every shard already, and its clock.
        within_ms: Option<u64>,
    },
    Answer {
        id: u64,
        answer: Box<dyn Any + Send>,
    },
}

impl Note {
    /// A transaction is over that changed nothing on the receiver's keys; what was lent comes back.
    #[must_use]
    pub fn unchanged(sequence: Sequence, returned: Returned) -> Self {
        Note::Finish {
            sequence,
            returned,
            modified: Vec::new(),
            wait: None,
            told: None,
        }
    }

    /// Steps are over that held the receiver; its part of their unit, if it has one.
    #[must_use]
    pub fn steps_over(sequence: Sequence, unit: Option<Unit>) -> Self {
        let told = unit.map(|unit| {
            Box::new(Told {
                effects: EffectStream::default(),
                unit: Some(unit),
            })
        });
        Note::Finish {
            sequence,
            returned: Vec::new(),
            modified: Vec::new(),
            wait: None,
            told,
        }
    }
}

/// A blocked client's registration at an owner.
#[derive(Debug, Clone)]
pub struct Wait {
    pub home: ShardId,
    pub client: ClientRef,
    pub block: u32,
    /// How it waits, and the command, by which it is known what serves it.
    pub blocking: &'static Blocking,
    pub command: Carried,
    /// The keys it waits for.
    pub keys: Vec<DbKey>,
    /// Keys of the same shard that its command needs besides, such as a destination.
    pub also: Vec<DbKey>,
}
