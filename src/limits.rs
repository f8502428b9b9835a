//! Every maximum of the server in one place.
//!
//! Owned by everyone, imported by everyone, imports nothing. A maximum that users may change is a
//! directive in `config.rs` and only its default stands there; what stands here is fixed by design.
//! Relations between limits are checked when the crate is compiled.

/// Hash slots of a keyspace, as in Redis Cluster.
pub const SLOTS: usize = 16_384;
/// Most shards of one server: the doorbell bitmap has this many bits.
pub const SHARDS_MAX: usize = 256;
/// Sequence numbers behind each drawn one: so many for each shard, the first unused. The rest of 64
/// bits lasts for 35 years of a million transactions a second.
pub const SEQUENCES_BEHIND_EACH: u64 = 1 << (SEQUENCE_BEHIND_BITS - SHARDS_MAX.ilog2());
pub const SEQUENCE_BEHIND_BITS: u32 = 14;
/// Logical databases by default, and the most that may be configured.
pub const DATABASES_DEFAULT: usize = 16;
pub const DATABASES_MAX: usize = 256;

/// Longest inline command or length line, bytes (Redis: PROTO_INLINE_MAX_SIZE).
pub const INLINE_BYTES_MAX: usize = 64 * 1024;
/// Most arguments of one command (Redis 7: INT_MAX); what is declared is waited for, never
/// allocated.
pub const ARGUMENTS_MAX: usize = i32::MAX as usize;
/// Longest command, bytes as sent: what is packed up for another shard fits 32 bits with what lies
/// before it.
pub const COMMAND_BYTES_MAX: usize = u32::MAX as usize - 64 * 1024 * 1024;
/// Before authentication: most arguments and longest bulk, bytes.
pub const UNAUTHENTICATED_ARGUMENTS_MAX: usize = 10;
pub const UNAUTHENTICATED_BULK_BYTES_MAX: usize = 16_384;

/// Most runs of stars, but for a last one, in a glob pattern that may fit anything (Redis 7.0.15
/// recurses that deep).
pub const GLOB_STARS_MAX: usize = 1000;

/// Elements that PFSELFTEST adds: a shard does nothing else meanwhile.
pub const HLL_SELF_TEST_ELEMENTS: u64 = 100_000;

/// Length of the text that DEBUG STRINGMATCH-LEN makes, bytes.
pub const GLOB_DEBUG_BYTES_MAX: u64 = 1 << 20;

/// Random bytes fetched from the kernel at once.
pub const RANDOM_BLOCK_BYTES: usize = 256;

/// Longest host name that may be announced, bytes (Redis: NET_HOST_STR_LEN, with the terminator).
pub const HOST_NAME_BYTES_MAX: usize = 255;
/// Addresses that `bind` may name (Redis: CONFIG_BINDADDR_MAX).
pub const BIND_ADDRESSES_MAX: usize = 16;
/// How deep `include` may nest; ends a file that includes itself.
pub const INCLUDE_DEPTH_MAX: usize = 16;

/// Longest string kept inside its entry, and longest that clients see as `embstr`, bytes.
pub const INLINE_VALUE_BYTES_MAX: usize = 1024;
pub const EMBSTR_BYTES_MAX: usize = 44;
/// Most bytes of a list's node whose size is given in elements (Redis: SIZE_SAFETY_LIMIT), and of
/// one that is loaded as it is.
pub const LIST_NODE_BYTES_MAX: usize = 8192;
pub const LIST_NODE_LOADED_BYTES_MAX: usize = 64 * 1024;
/// A list's node that has fewer bytes is not packed with LZF, and packing must save so many (Redis:
/// MIN_COMPRESS_BYTES, MIN_COMPRESS_IMPROVE).
pub const LIST_PACKED_BYTES_MIN: usize = 48;
pub const LIST_PACKING_SAVES_BYTES_MIN: usize = 8;
/// What DEBUG QUICKLIST-PACKED-THRESHOLD takes: less than this.
pub const PACKED_THRESHOLD_BYTES_MAX: u64 = 4 << 30;
/// Most bytes of a list that is one listpack, whatever `list-max-listpack-size` says.
pub const LISTPACK_BYTES_MAX: usize = 256 * 1024;
/// Most bytes of another type's listpack, whatever its directives say (Redis:
/// LISTPACK_MAX_SAFETY_LIMIT), and most members of an intset.
pub const COMPACT_BYTES_MAX: usize = 1 << 30;
pub const INTSET_ENTRIES_MAX: usize = 1 << 30;
/// Most bytes of a stream's node, whatever its directives say, and of an entry's fields and values
/// (Redis: STREAM_LISTPACK_MAX_SIZE).
pub const STREAM_NODE_BYTES_MAX: usize = 1 << 30;
/// Entries that an approximate cut of a stream deletes at once where no LIMIT is given: so many
/// full nodes, where their size is bounded, and never more than the last.
pub const TRIMMED_NODES: u64 = 100;
pub const TRIMMED_AT_ONCE: u64 = 10_000;
pub const TRIMMED_AT_ONCE_MAX: u64 = 1_000_000;
/// Most entries that XAUTOCLAIM claims at once (Redis: LONG_MAX by the size of an identifier).
pub const CLAIM_COUNT_MAX: usize = i64::MAX as usize / 16;
/// How long a stream may know the names of messages, seconds, and how many of each producer.
pub const IDEMPOTENCE_S_MAX: u64 = 86_400;
pub const IDEMPOTENCE_NAMES_MAX: u64 = 10_000;
/// The same where nobody has said more.
pub const IDEMPOTENCE_S: u64 = 100;
pub const IDEMPOTENCE_NAMES: usize = 100;
/// Longest text of a stream's identifier, two numbers of 20 digits, and what a client may write for
/// one.
pub const STREAM_ID_BYTES: usize = 41;
pub const STREAM_ID_WRITTEN_BYTES_MAX: usize = 127;
/// Entries that XINFO STREAM FULL shows where no COUNT is given.
pub const XINFO_ENTRIES: usize = 10;
/// Bytes of a full leaf of a large sorted set, and most children of a node above.
pub const ZSET_LEAF_BYTES: usize = 1024;
pub const ZSET_INNER_CHILDREN: usize = 64;
/// Latest expiry of a hash's field or another member, unix milliseconds (the year 10,889).
pub const MEMBER_EXPIRY_MS_MAX: u64 = (1 << 48) - 1;
/// Latest time that clients may give a field, unix milliseconds (as in Redis: 46 bits).
pub const FIELD_EXPIRY_MS_MAX: u64 = MEMBER_EXPIRY_MS_MAX >> 2;
/// Stale items that the queue of a hash's expiring fields may have besides as many as live ones.
pub const STALE_FIELD_ITEMS_MAX: usize = 64;
/// Blocks in which logs are written, bytes: what `O_DIRECT` may ask for alignment.
pub const LOG_BLOCK_BYTES: usize = 4096;
/// Longest line of a log that is not a command, bytes, its end included (Redis reads up to 1,023).
pub const LOG_LINE_BYTES_MAX: usize = 1000;
/// Longest commands of one record, bytes as they stand in the log.
pub const RECORD_BYTES_MAX: u64 = (1 << 40) - 1;
/// Longest write to a log, bytes: so much is gathered while another one is under way.
pub const LOG_WRITE_BYTES_MAX: usize = 1 << 22;
/// Space that a log reserves ahead of what is written, bytes.
pub const LOG_ALLOCATED_BYTES: u64 = 1 << 26;
/// How often a log is synced with `appendfsync everysec`, microseconds.
pub const LOG_SYNC_US: u64 = 1_000_000;
/// Bytes of the parts that DEBUG RECORD keeps on each shard until they are taken.
pub const RECORD_KEPT_BYTES_MAX: usize = 1 << 28;
/// Longest log, bytes, and latest time of a record, unix milliseconds (the year 10,889).
pub const LOG_BYTES_MAX: u64 = (1 << 48) - 1;
pub const RECORD_MS_MAX: u64 = (1 << 48) - 1;
/// How often, on the average, each byte of a log is summed at most in search of whole records
/// behind a broken one.
pub const LOG_SEARCH_PASSES: u64 = 4;
/// What a shard keeps of the buffer of its effects between two units, bytes.
pub const EFFECT_BYTES_KEPT: usize = 1024 * 1024;
/// Latest time that a command can name, unix milliseconds, as in Redis.
pub const UNIX_MS_MAX: u64 = i64::MAX as u64;
/// Latest expiry that the expiry wheel is told, unix milliseconds (the year 144,683): no clock
/// reaches later ones.
pub const EXPIRY_MS_MAX: u64 = (1 << 52) - 1;
/// Stale references the expiry wheel tolerates beyond a quarter of its live ones, and how many
/// references a command that adds one examines while there are more.
pub const STALE_REFERENCES_MAX: usize = 1024;
pub const SWEPT_PER_REFERENCE: usize = 8;

/// References of a bucket of the expiry wheel in its largest chunk (4 KiB) and smallest (64 bytes).
pub const EXPIRY_CHUNK_REFERENCES_MAX: usize = 512;
pub const EXPIRY_CHUNK_REFERENCES_MIN: usize = 8;
/// Random elements come from buckets accepted in proportion to their length, as if no chain of a
/// table with one element a cell had more than so many (twice the mean of a bucket that was not
/// split yet); and rejected buckets before one is taken from any bucket.
pub const CHAIN_LIKELY_MAX: u64 = 28;
pub const RANDOM_BUCKET_TRIES: usize = 64;
/// Elements a step of SCAN looks at when the client names no COUNT, and buckets it visits for each
/// element it was asked for, so that sparse tables do not prolong it.
pub const SCAN_COUNT_DEFAULT: usize = 10;
pub const SCAN_BUCKETS_PER_ELEMENT: usize = 10;
/// Of a hash table's members, the part (one so-manieth) up to which random ones are drawn until
/// enough different ones came; more are chosen in one walk (as in Redis).
pub const SAMPLED_SHARE: usize = 3;
/// Members that one command names when log and replicas are told which were taken (as in Redis).
pub const TOLD_MEMBERS_MAX: usize = 1024;
/// Expired keys that RANDOMKEY removes on its way before it gives up.
pub const RANDOM_KEY_TRIES: usize = 128;

/// Receive buffers of one shard: their number (a power of two) and the bytes of each.
pub const RECEIVE_BUFFERS: usize = 256;
pub const RECEIVE_BUFFER_BYTES: usize = 16 * 1024;
/// Of those, how many the kernel is offered at first; twice as many whenever they have run out. It
/// goes through all that it is offered, and the fewer they are the more of them stay in the
/// processor's caches.
pub const RECEIVE_BUFFERS_OFFERED: u16 = 32;
/// Most bytes that one send names, because the kernel takes the length as 32 bits.
pub const SEND_BYTES_MAX: usize = 1 << 30;
/// Replies that wait for another shard's answer to leave with it, up to this many bytes.
pub const SEND_HELD_BYTES: usize = 16 * 1024;
/// Submission queue entries of one shard's ring; the completion queue holds four times as many.
pub const RING_ENTRIES: u32 = 1024;
/// Sockets of one shard that get a place in its ring's registered file table; the others work
/// without.
pub const REGISTERED_FILES: u32 = 16_384;
/// Connections that one listener accepts per `poll`, and the pause after accepting failed for want
/// of a resource, microseconds.
pub const ACCEPTS_PER_POLL: usize = 64;
pub const ACCEPT_RETRY_US: u64 = 100_000;
/// How long binding waits for a taken port: the kernel takes a killed server's rings apart some
/// milliseconds after its process is gone, and its listeners with them.
pub const BIND_PATIENCE_MS: u64 = 200;
/// Events that one `poll` reports at most; the rest waits for the next tick.
pub const EVENTS_PER_POLL: usize = 512;
/// What reads and writes past the system's cache are aligned to, in memory and in the file, bytes:
/// a multiple of every disk's sectors.
pub const FILE_ALIGNMENT: usize = 4096;
/// Largest buffer of one read or write of a file, bytes.
pub const FILE_BUFFER_BYTES_MAX: usize = 1 << 30;
/// Operations on files, and connections being made, that one shard has under way at most.
pub const FILE_REQUESTS_MAX: usize = 1024;
/// Most names of a directory that is listed.
pub const LISTED_NAMES_MAX: usize = 65_536;
/// Threads that the kernel keeps for one ring's operations on files, and for those on other things
/// that cannot wait otherwise.
pub const FILE_WORKERS_MAX: u32 = 8;
/// How long a shard that ends waits for the operations that its disk has begun, milliseconds.
pub const FILE_SHUTDOWN_MS: u64 = 1000;
/// Descriptors that are not clients': of the process (Redis: CONFIG_MIN_RESERVED_FDS), and of each
/// shard, which has a ring or epoll, its eventfd and a listener of its own.
pub const DESCRIPTORS_RESERVED: u64 = 32;
pub const DESCRIPTORS_PER_SHARD: u64 = 4;
/// Bytes by which a shard's memory may differ from what it has published.
pub const MEMORY_UNPUBLISHED_BYTES: u64 = 1024 * 1024;
/// Of `maxmemory`, the part (one so-manieth) by which all shards together may use more than they
/// have published.
pub const MEMORY_UNPUBLISHED_SHARE: u64 = 256;
/// Clients that one shard can hold; bounds the slab and the tokens.
pub const CLIENTS_PER_SHARD_MAX: usize = 1 << 20;

/// Messages that one channel of the mesh holds (one ordered pair of shards).
pub const MESH_CHANNEL_MESSAGES: usize = 64;
/// Commands and payload bytes that one message of the mesh carries before the next one is begun.
pub const PARCEL_COMMANDS_MAX: usize = 1024;
pub const PARCEL_BYTES_MAX: usize = 256 * 1024;
/// Empty parcels and send buffers that a shard keeps for reuse, and the largest that is kept,
/// bytes.
pub const PARCELS_KEPT: usize = 64;
pub const SEND_BUFFERS_KEPT: usize = 64;
pub const SEND_BUFFER_KEPT_BYTES: usize = 64 * 1024;

/// Notes to one shard that are put off until there is something else to tell it.
pub const NOTES_LATER_MAX: usize = 64;

/// The buffer that a client keeps for its replies, at least and at most (as in Redis), bytes; how
/// long a client that says nothing keeps one, microseconds; and the part of all clients (one
/// so-manieth) that a round of housekeeping looks at, and how many at least.
pub const REPLY_BUFFER_BYTES_MIN: usize = 1024;
pub const REPLY_BUFFER_BYTES_MAX: usize = 16 * 1024;
pub const REPLY_BUFFER_IDLE_US: u64 = 10_000_000;
/// After how long the largest use of such a buffer is forgotten, microseconds (as in Redis).
pub const REPLY_BUFFER_PEAK_US: u64 = 5_000_000;
/// Half of what "recent" means for the largest buffers of clients, microseconds.
pub const BUFFER_PEAKS_US: u64 = 4_000_000;
pub const CLIENTS_PER_HOUSEKEEPING: usize = 10;
pub const CLIENTS_PER_HOUSEKEEPING_MIN: usize = 5;
/// Replies a client may have outstanding on other shards before its pipeline waits.
pub const OUTSTANDING_PER_CLIENT: usize = 1024;
/// The largest number of a place for one of them; behind it comes 0. What is larger means something
/// else in a `ReplyTo`.
pub const PLACE_MAX: u32 = u32::MAX >> 1;
/// What each of them is taken to be long before any has come, and what is kept of their buffer,
/// bytes.
pub const REPLY_BYTES_ASSUMED: u32 = 256 * 1024;
pub const HELD_BYTES_KEPT: usize = 4096;
/// Replies of one parcel that travel in it, bytes; those beyond travel by themselves.
pub const PARCEL_REPLY_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Unsent output at which a client's further commands wait until it reads, bytes.
pub const OUTPUT_PAUSE_BYTES: usize = 1024 * 1024;
/// Unparsed input of a waiting client at which its socket is no longer read, bytes.
pub const INPUT_PAUSE_BYTES: usize = 64 * 1024;

/// Unsent lines at which a monitoring client is closed, and lines under way to one shard beyond
/// which further ones are left out, bytes.
pub const MONITOR_UNSENT_BYTES_MAX: usize = 64 * 1024 * 1024;
pub const MONITOR_PENDING_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Snapshots that are over whose memory a shard keeps for reuse, and the largest that is kept,
/// bytes.
pub const SNAPSHOTS_KEPT: usize = 64;
pub const SNAPSHOT_BYTES_KEPT: usize = 16 * 1024;

/// First capacity of a part's command, bytes: a handful of keys.
pub const PART_COMMAND_BYTES: usize = 256;
/// What an error shows of an unknown command: of its name, and of all its arguments together, bytes
/// (as in Redis).
pub const UNKNOWN_SHOWN_BYTES: usize = 128;
/// Commands and bytes of arguments that one MULTI queues at most.
pub const QUEUED_COMMANDS_MAX: usize = 1024 * 1024;
pub const QUEUED_BYTES_MAX: usize = 1024 * 1024 * 1024;
/// Commands on keys that an EXEC in steps runs at once, over keys lent together.
pub const STEP_COMMANDS_MAX: usize = 1024;
/// Writes are no longer stamped when nobody has read by stamps for this long, microseconds.
pub const STAMPS_IDLE_US: u64 = 1_000_000;
/// Places, a power of two, in which keys are remembered that could not be read without locks, and
/// for how long, microseconds.
pub const CONTENDED_PLACES: usize = 1024;
pub const CONTENDED_US: u64 = 20_000;
/// Commands of a pipeline that are parsed before the first of them runs.
pub const AHEAD_MAX: usize = 16;

/// First capacity of a part's reply, bytes.
pub const PART_REPLY_BYTES: usize = 1024;
/// Arguments of an unfinished command from which on they are remembered until more bytes come;
/// fewer are found again sooner than kept. And arguments for which a shard keeps the memory between
/// commands.
pub const RESUMED_SPANS_MIN: usize = 32;
pub const AHEAD_SPANS_KEPT: usize = 16 * 1024;
/// A round of a shard that takes longer is counted as a stall, microseconds.
pub const STALL_US: u64 = 10_000;
/// What one client gets done in a tick before it takes turns with others that want as much, and
/// what such turns get done in a tick together: commands, and bytes of requests and replies.
pub const TURN_WORK_MAX: u32 = 128;
pub const TURNS_WORK_PER_TICK: u32 = 512;
pub const WORK_BYTES: usize = 1024;
/// Unparsed input with which a client that may go on waits for a turn, bytes.
pub const TURN_INPUT_BYTES: usize = 4096;
/// Messages of other shards, notes and commands in them, after which one tick takes up no more of
/// them; and waiting clients that it takes up.
pub const MAIL_PER_TICK: usize = 2048;
pub const RUNNABLE_PER_TICK: usize = 1024;
/// Entries of emptied databases, and pieces of large values, that one tick frees; a value of more
/// pieces than `FREED_AT_ONCE_MAX` is not freed at once, whoever removes it.
pub const FREE_PER_TICK: usize = 2048;
pub const FREED_AT_ONCE_MAX: usize = 256;
/// What an entry of SLOWLOG keeps of a command: arguments, and bytes of each (as in Redis).
pub const SLOW_ARGUMENTS_MAX: usize = 32;
pub const SLOW_ARGUMENT_BYTES_MAX: usize = 128;
/// Entries that SLOWLOG GET shows when the client names no number (as in Redis).
pub const SLOWLOG_COUNT_DEFAULT: usize = 10;
/// Samples that each event of LATENCY keeps (as in Redis).
pub const LATENCY_SAMPLES_MAX: usize = 160;
/// A blocking command that would wait longer waits for ever, milliseconds (142,000 years):
/// deadlines are counted in microseconds.
pub const WAIT_MS_MAX: u64 = 1 << 52;
/// Different error codes that INFO errorstats keeps apart.
pub const ERROR_CODES_MAX: usize = 128;

/// Data below which MEMORY DOCTOR does not judge, for ratios say nothing (as in Redis), bytes.
pub const DOCTOR_BYTES_MIN: u64 = 5 << 20;
/// Stones of LOLWUT's cairn, however many shards there are.
pub const STONES_MAX: usize = 12;

/// References to expired keys examined in one tick's background step: at least, and at most.
/// Between, two for every command since the step before, so that keys go faster than commands can
/// bring new ones.
pub const EXPIRE_PER_TICK: usize = 256;
pub const EXPIRE_PER_TICK_MAX: usize = 1024;
/// When an expired key that a transaction holds is looked at again, milliseconds.
pub const HELD_EXPIRY_MS: u64 = 1;
/// How long a shard waits awake for another one's answer before it sleeps, microseconds: about what
/// falling asleep and being woken cost.
pub const LINGER_US: u64 = 20;
/// Replies or transactions a shard waits for at most when it waits awake. With more of them, what
/// is gained for one is lost by the clients whose packets a sleep would have gathered.
pub const LINGER_WAITING_MAX: usize = 2;
/// Longest sleep of an idle shard, microseconds: the period of `hz`-like housekeeping.
pub const IDLE_SLEEP_US: u64 = 100_000;

const _: () = assert!(
    INLINE_VALUE_BYTES_MAX <= u16::MAX as usize && EMBSTR_BYTES_MAX < INLINE_VALUE_BYTES_MAX
);
const _: () = assert!(AHEAD_MAX <= TURN_WORK_MAX as usize && TURN_WORK_MAX <= TURNS_WORK_PER_TICK);
const _: () = assert!(
    SHARDS_MAX <= 256 && DATABASES_MAX <= 0x1_0000 && 2 * SHARDS_MAX + 128 <= LOG_LINE_BYTES_MAX,
    "a record's header is one line"
);
const _: () = assert!(LOG_WRITE_BYTES_MAX.is_multiple_of(LOG_BLOCK_BYTES));
const _: () = assert!(RECORD_BYTES_MAX < LOG_BYTES_MAX && COMMAND_BYTES_MAX < 1 << 40);
const _: () = assert!(SLOTS.is_power_of_two() && EXPIRE_PER_TICK < EXPIRE_PER_TICK_MAX);
const _: () = assert!(RECEIVE_BUFFERS.is_power_of_two() && RECEIVE_BUFFERS <= 32_768);
const _: () = assert!(RECEIVE_BUFFER_BYTES <= INLINE_BYTES_MAX);
const _: () = assert!(
    WAIT_MS_MAX <= u64::MAX / 1000 / 2,
    "room for the time of day"
);
const _: () = assert!(CONTENDED_PLACES.is_power_of_two());
const _: () =
    assert!(FILE_ALIGNMENT.is_power_of_two() && FILE_BUFFER_BYTES_MAX <= i32::MAX as usize);
const _: () = assert!(SHARDS_MAX.is_multiple_of(64));
const _: () = assert!(PARCEL_REPLY_BYTES_MAX < u32::MAX as usize / 2);
const _: () = assert!(PARCEL_BYTES_MAX + COMMAND_BYTES_MAX <= u32::MAX as usize);
const _: () = assert!(QUEUED_BYTES_MAX <= u32::MAX as usize);
