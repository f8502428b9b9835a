//! What a record is, and its form in a log, drawn byte by byte.
//!
//! A record is one shard's part of a unit: what it did in a tick, or its part of a transaction over
//! several shards. Its commands stand in the log as Redis's append-only file has them; what else is
//! to be known of it stands in lines that begin with `#`, which Redis and `redis-check-aof` skip.
//! Pure: the bytes come from and go to the shard. Never reads a clock, never touches a file.

// ```text
// log       (record* padding)*           each write ends on a block of 4,096 bytes
// record    header body                  any number of records stands between two paddings
//
// header    one line; numbers are hexadecimal, lower case, of fixed width
//      at  bytes
//       0    6  "#CAIRN"
//       7    4  the least version that understands the record
//      12    8  CRC-32C of: the record's offset in the log (8 bytes LE), the header before this
//               field, the header behind it, the body
//      21   10  bytes of the body
//      32    8  the log's number, drawn when the log was begun
//               (what stands up to here stands there in every version)
//      41   16  ticket
//      58   12  wall clock, unix milliseconds
//      71   12  bytes of this log that were durable when the record was encoded
//      84    1  kind: w x v a s c
//      86    4  database of the first command
//      91    4  slot, if all commands concern this one, else "----"
//      96    3  which part of the unit this is, from 0
//     100    3  of how many
//     104   2n  the shards of the parts, in ascending order, not separated
//           1  "\n"                      elsewhere one blank stands between two fields
//
// body      kinds w x v a: RESP commands, as Redis logs them. SELECT stands before a command
//           whose database is not the one that the log has selected; it is no command of the
//           record.
//           kinds s c, which Redis must not run: the same commands as hexadecimal digits, in
//           lines of "#=", up to 996 digits (always an even number), "\n".
//
// padding   lines of "#", dots, "\n" to the end of the block, each of up to 1,000 bytes and of at
//           least 2; where only one byte is left, to the end of the next block. The bytes follow
//           from the offset, so that padding is checked as well.
// ```
//
// The offset and the log's number in the sum make a record count only where it was written: neither
// an older log's blocks, nor a block written to a wrong place, nor a value that looks like records
// is taken for one. What was durable tells a torn tail from damage: see `decode::Ending`.

use crate::base::{ShardId, ShardSet};
use crate::limits::{LOG_BLOCK_BYTES, LOG_LINE_BYTES_MAX};
use crate::store::{Db, Slot};

/// The version that this program writes, and the newest that it understands.
pub const VERSION: u16 = 1;

pub(super) const MAGIC: &[u8] = b"#CAIRN ";
pub(super) const SUM_AT: usize = 12;
pub(super) const LENGTH_AT: usize = 21;
pub(super) const LOG_AT: usize = 32;
pub(super) const SHARDS_AT: usize = 104;
/// Digits of the sum and of the length.
pub(super) const SUM_DIGITS: usize = 8;
pub(super) const LENGTH_DIGITS: usize = 10;
/// The command that stands where the database changes.
pub(super) const SELECT: &str = "SELECT";
/// What a hidden line of commands begins with, and the digits that it holds at most.
pub(super) const HIDDEN: &[u8] = b"#=";
pub(super) const HIDDEN_DIGITS: usize = (LOG_LINE_BYTES_MAX - 3) & !1;

/// What a record tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Commands of clients, with the keys whose end they found.
    Write,
    /// Keys that have ended by themselves.
    Expiry,
    /// Keys that made room for others.
    Eviction,
    /// Whole databases: FLUSHALL, SWAPDB.
    WholeServer,
    /// For replicas alone, without effect on the keyspace.
    StreamOnly,
    /// For Cairn alone: what the log says about itself.
    Control,
}

impl Kind {
    pub(super) const ALL: [(Kind, u8); 6] = [
        (Kind::Write, b'w'),
        (Kind::Expiry, b'x'),
        (Kind::Eviction, b'v'),
        (Kind::WholeServer, b'a'),
        (Kind::StreamOnly, b's'),
        (Kind::Control, b'c'),
    ];

    /// Its letter in the header.
    pub(super) fn letter(self) -> u8 {
        let found = Self::ALL.iter().find(|(kind, _)| *kind == self);
        found.expect("every kind has its letter").1
    }

    /// What people call it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Kind::Write => "write",
            Kind::Expiry => "expiry",
            Kind::Eviction => "eviction",
            Kind::WholeServer => "whole-server",
            Kind::StreamOnly => "stream-only",
            Kind::Control => "control",
        }
    }

    pub(super) fn of_letter(letter: u8) -> Option<Kind> {
        let found = Self::ALL.iter().find(|(_, of_kind)| *of_kind == letter);
        found.map(|(kind, _)| *kind)
    }

    /// Whether a Redis that loads the log must not run the commands.
    #[must_use]
    pub fn is_hidden(self) -> bool {
        matches!(self, Kind::StreamOnly | Kind::Control)
    }
}

/// What is to be known of a record besides its commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// The least version that understands it; at least 1.
    pub version: u16,
    pub kind: Kind,
    /// The database of its first command.
    pub database: Db,
    /// The slot, if all its commands concern this one.
    pub slot: Option<Slot>,
    pub ticket: u64,
    /// The shard whose part this is, one of the participants.
    pub shard: ShardId,
    /// The shards that have a part of the unit.
    pub participants: ShardSet,
    /// Wall clock, unix milliseconds.
    pub at_ms: u64,
}

/// Appends a number as so many digits.
pub(super) fn write_hex(out: &mut Vec<u8>, value: u64, digits: usize) {
    let at = out.len();
    out.resize(at + digits, b'0');
    put_hex(&mut out[at..], value);
}

/// Writes a number over a whole field.
pub(super) fn put_hex(field: &mut [u8], value: u64) {
    let digits = field.len();
    assert!(
        digits <= 16 && (digits == 16 || value >> (4 * digits) == 0),
        "{value} has more than {digits} digits"
    );
    for (place, digit) in field.iter_mut().rev().enumerate() {
        *digit = hex_digit((value >> (4 * place) & 15) as u8);
    }
}

pub(super) fn hex_digit(digit: u8) -> u8 {
    assert!(digit < 16, "a digit of base 16");
    if digit < 10 {
        b'0' + digit
    } else {
        b'a' + digit - 10
    }
}

/// The number that these digits say, in the one way in which it is written.
pub(super) fn read_hex(digits: &[u8]) -> Option<u64> {
    assert!(digits.len() <= 16, "a number of up to 64 bits");
    digits
        .iter()
        .try_fold(0u64, |value, digit| Some(value << 4 | read_digit(*digit)?))
}

pub(super) fn read_digit(digit: u8) -> Option<u64> {
    match digit {
        b'0'..=b'9' => Some(u64::from(digit - b'0')),
        b'a'..=b'f' => Some(u64::from(digit - b'a' + 10)),
        _ => None,
    }
}

/// The sum of a record at this offset: its header's first line up to the sum, and what is behind.
pub(super) fn sum(offset: u64, record: &[u8]) -> u32 {
    assert!(record.len() > SHARDS_AT, "a record has a header");
    let place = crc32c::crc32c(&offset.to_le_bytes());
    let before = crc32c::crc32c_append(place, &record[..SUM_AT]);
    crc32c::crc32c_append(before, &record[SUM_AT + SUM_DIGITS..])
}

/// Bytes of padding that a write needs which has come to this offset.
#[must_use]
pub(super) fn padding_len(offset: u64) -> usize {
    let block = LOG_BLOCK_BYTES as u64;
    match (block - offset % block) % block {
        // The shortest line has two bytes.
        1 => LOG_BLOCK_BYTES + 1,
        len => len as usize,
    }
}

/// The length of the first line of so much padding.
#[must_use]
pub(super) fn padding_line_len(left: usize) -> usize {
    assert!(left >= 2, "the shortest line has two bytes");
    match left.checked_sub(LOG_LINE_BYTES_MAX) {
        None | Some(0) => left,
        // One byte is no line.
        Some(1) => LOG_LINE_BYTES_MAX - 1,
        Some(_) => LOG_LINE_BYTES_MAX,
    }
}
