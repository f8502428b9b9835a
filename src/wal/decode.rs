//! Reads a log's bytes back: record after record, up to an ending that is named precisely.
//!
//! Trusts nothing: every length is checked against its limit and against what is there before
//! anything is made of it. Owned by whoever recovers, checks or follows a log. Does no I/O; what is
//! to be done about a damaged log is not decided here.

use std::borrow::Cow;

use memchr::memmem;

use super::record::{
    HIDDEN, HIDDEN_DIGITS, Header, Kind, LENGTH_AT, LENGTH_DIGITS, LOG_AT, MAGIC, SELECT,
    SHARDS_AT, SUM_AT, SUM_DIGITS, VERSION, padding_len, padding_line_len, read_digit, read_hex,
    sum,
};
use crate::base::{ShardId, ShardSet};
use crate::limits::{
    DATABASES_MAX, LOG_LINE_BYTES_MAX, LOG_SEARCH_PASSES, RECORD_BYTES_MAX, SHARDS_MAX,
};
use crate::resp::{Args, Commands, parse_u64};
use crate::store::{Db, Slot};

/// A record as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record<'a> {
    pub header: Header,
    /// Where it begins, bytes of the log.
    pub at: u64,
    /// Bytes of the log that were durable when it was written.
    pub durable: u64,
    /// Bytes of the record as it stands in the log.
    len: usize,
    body: Cow<'a, [u8]>,
}

impl Record<'_> {
    /// Where it ends, bytes of the log.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.at + self.len as u64
    }

    /// Shows each command with its database.
    pub fn each_command(&self, mut show: impl FnMut(Db, Args<'_>)) {
        let end = walk(self.header.database, &self.body, |database, args| {
            show(database, args);
        });
        assert!(end == Some(()), "the body was read before");
    }
}

/// Why no further record was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing but the end of the bytes: the last record, and its padding if any, is whole.
    End,
    /// The bytes end within a record or padding; at least so many are missing.
    Missing(u64),
    /// Neither a record nor the padding that belongs here.
    Foreign,
    /// A record of another log.
    OtherLog(u32),
    /// The bytes are not those that were written.
    Sum,
    /// Needs a version of this program that understands it.
    Version(u16),
    /// The sum is right, and header or body make no sense.
    Senseless,
}

/// Where reading stopped, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stop {
    /// Bytes of the log before it, all of them whole.
    pub at: u64,
    pub fault: Fault,
}

/// What a stop means for the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    Whole,
    /// What is behind was never reported durable by any record that is left: a write that a crash
    /// has cut off. `records` of it are whole.
    Torn {
        stop: Stop,
        records: usize,
    },
    /// What was durable is damaged, or is not ours to read.
    Damaged(Stop),
}

/// Reads the records of a log, or of a piece of it.
#[derive(Debug)]
pub struct Decoder<'a> {
    bytes: &'a [u8],
    /// The log's offset of the first byte.
    base: u64,
    at: usize,
    /// The number of the log, once a record has told it.
    log: Option<u32>,
}

impl<'a> Decoder<'a> {
    /// Reads from the log's offset `base` on, where a record or padding begins. `log`: its number,
    /// where it is known; else the first record's.
    #[must_use]
    pub fn new(bytes: &'a [u8], base: u64, log: Option<u32>) -> Self {
        Self {
            bytes,
            base,
            at: 0,
            log,
        }
    }

    /// The next record, or why there is none. After a stop it stays there.
    pub fn read(&mut self) -> Result<Record<'a>, Stop> {
        self.try_read().map_err(|fault| Stop {
            at: self.base + self.at as u64,
            fault,
        })
    }

    fn try_read(&mut self) -> Result<Record<'a>, Fault> {
        if matches!(self.bytes[self.at..], [b'#', b'.' | b'\n', ..]) {
            let len = self.padding(self.at)?;
            assert!(len > 0, "padding leads on");
            self.at += len;
        }
        let (record, log) = self.record(self.at)?;
        assert!(record.len > SHARDS_AT && self.at + record.len <= self.bytes.len());
        assert!(self.log.is_none_or(|known| known == log));
        self.log = Some(log);
        self.at += record.len;
        Ok(record)
    }

    /// What a stop means, judged by what is behind it. Only for bytes that reach to the log's end.
    #[must_use]
    pub fn ending(&self, stop: Stop) -> Ending {
        assert!(stop.at >= self.base, "a stop of this reader");
        match stop.fault {
            Fault::End => return Ending::Whole,
            Fault::Version(_) | Fault::OtherLog(_) | Fault::Senseless => {
                return Ending::Damaged(stop);
            }
            Fault::Missing(_) | Fault::Foreign | Fault::Sum => {}
        }
        let mut at = (stop.at - self.base) as usize + 1;
        let mut records = 0;
        let mut budget = self.bytes.len() as u64 * LOG_SEARCH_PASSES;
        while let Some(found) = memmem::find(self.bytes.get(at..).unwrap_or_default(), MAGIC) {
            at += found;
            let Some(left) = budget.checked_sub(self.summed_here(at)) else {
                return Ending::Damaged(stop);
            };
            budget = left;
            match self.record(at) {
                Ok((record, _)) if record.durable > stop.at => return Ending::Damaged(stop),
                Ok((record, _)) => {
                    records += 1;
                    at += record.len;
                }
                Err(_) => at += 1,
            }
        }
        Ending::Torn { stop, records }
    }

    /// How many bytes of body are summed to see whether a record begins here.
    fn summed_here(&self, at: usize) -> u64 {
        let there = &self.bytes[at..];
        let Ok(Prefix { body_len, log, .. }) = header_line(there).and_then(Prefix::read) else {
            return 0;
        };
        let is_ours = self.log.is_none_or(|known| known == log);
        if is_ours && body_len <= there.len() as u64 {
            body_len
        } else {
            0
        }
    }

    /// The length of the padding that begins here.
    fn padding(&self, at: usize) -> Result<usize, Fault> {
        let len = padding_len(self.base + at as u64);
        let there = &self.bytes[at..];
        let (mut left, mut lines) = (len, there);
        while left > 0 {
            let line_len = padding_line_len(left);
            let (line, behind) = lines.split_at(line_len.min(lines.len()));
            let right = line.iter().enumerate().all(|(place, byte)| match place {
                0 => *byte == b'#',
                _ if place == line_len - 1 => *byte == b'\n',
                _ => *byte == b'.',
            });
            if !right {
                return Err(Fault::Foreign);
            }
            left -= line_len;
            lines = behind;
        }
        match len.checked_sub(there.len()) {
            _ if len == 0 => Err(Fault::Foreign),
            None | Some(0) => Ok(len),
            Some(missing) => Err(Fault::Missing(missing as u64)),
        }
    }

    /// The record that begins here, and its log's number.
    fn record(&self, at: usize) -> Result<(Record<'a>, u32), Fault> {
        let offset = self.base + at as u64;
        let there = &self.bytes[at..];
        let line = header_line(there)?;
        let prefix = Prefix::read(line)?;
        let body_there = (there.len() - line.len()) as u64;
        if body_there < prefix.body_len {
            return Err(Fault::Missing(prefix.body_len - body_there));
        }
        let len = line.len() + prefix.body_len as usize;
        if prefix.sum != u64::from(sum(offset, &there[..len])) {
            return Err(Fault::Sum);
        }
        if self.log.is_some_and(|known| known != prefix.log) {
            return Err(Fault::OtherLog(prefix.log));
        }
        if prefix.version > VERSION {
            return Err(Fault::Version(prefix.version));
        }
        let (header, durable) = read_header(line, prefix.version).ok_or(Fault::Senseless)?;
        let body = &there[line.len()..len];
        let body = if header.kind.is_hidden() {
            Cow::Owned(reveal(body).ok_or(Fault::Senseless)?)
        } else {
            Cow::Borrowed(body)
        };
        walk(header.database, &body, |_, _| {}).ok_or(Fault::Senseless)?;
        let record = Record {
            header,
            at: offset,
            durable,
            len,
            body,
        };
        Ok((record, prefix.log))
    }
}

/// The line of a header, its end included.
fn header_line(bytes: &[u8]) -> Result<&[u8], Fault> {
    let missing = |len: usize| Err(Fault::Missing(len.saturating_sub(bytes.len()).max(1) as u64));
    if bytes.is_empty() {
        return Err(Fault::End);
    }
    if bytes.len() < MAGIC.len() && MAGIC.starts_with(bytes) {
        return missing(SHARDS_AT);
    }
    if !bytes.starts_with(MAGIC) {
        return Err(Fault::Foreign);
    }
    let most = &bytes[..bytes.len().min(LOG_LINE_BYTES_MAX)];
    match memchr::memchr(b'\n', most) {
        Some(end) => Ok(&bytes[..=end]),
        None if most.len() < LOG_LINE_BYTES_MAX => missing(SHARDS_AT),
        None => Err(Fault::Sum),
    }
}

/// The fields that stand at the same place in every version.
struct Prefix {
    version: u16,
    sum: u64,
    body_len: u64,
    log: u32,
}

impl Prefix {
    fn read(line: &[u8]) -> Result<Self, Fault> {
        let field = |at: usize, digits: usize| line.get(at..at + digits).and_then(read_hex);
        let read = || {
            Some(Self {
                version: field(MAGIC.len(), 4)? as u16,
                sum: field(SUM_AT, SUM_DIGITS)?,
                body_len: field(LENGTH_AT, LENGTH_DIGITS)?,
                log: field(LOG_AT, 8)? as u32,
            })
        };
        let prefix: Option<Self> = read();
        prefix
            .filter(|prefix| line.len() > SHARDS_AT && prefix.body_len <= RECORD_BYTES_MAX)
            .ok_or(Fault::Sum)
    }
}

/// The fields of a header of this version, and what was durable.
fn read_header(line: &[u8], version: u16) -> Option<(Header, u64)> {
    assert!(line.len() > SHARDS_AT, "the prefix was read from it");
    let shards = &line[SHARDS_AT..line.len() - 1];
    let mut fields = line[..SHARDS_AT - 1].split(|byte| *byte == b' ');
    let mut number = |digits: usize| {
        let field = fields.next()?;
        (field.len() == digits).then_some(field)
    };
    let (_magic, _version, _sum) = (number(6)?, number(4)?, number(SUM_DIGITS)?);
    let (_length, _log) = (number(LENGTH_DIGITS)?, number(8)?);
    let ticket = read_hex(number(16)?)?;
    let at_ms = read_hex(number(12)?)?;
    let durable = read_hex(number(12)?)?;
    let kind = Kind::of_letter(number(1)?[0])?;
    let database = Db::among(read_hex(number(4)?)? as usize, DATABASES_MAX)?;
    let slot = match number(4)? {
        b"----" => None,
        slot => Some(Slot::at(read_hex(slot)? as usize)?),
    };
    let (part, parts) = (read_hex(number(3)?)?, read_hex(number(3)?)?);
    let participants = read_shards(shards)?;
    let shard = participants.shards().nth(part as usize)?;
    let sensible = version > 0
        && line[SHARDS_AT - 1] == b' '
        && participants.count() as u64 == parts
        && fields.next().is_none();
    let header = Header {
        version,
        kind,
        database,
        slot,
        ticket,
        shard,
        participants,
        at_ms,
    };
    sensible.then_some((header, durable))
}

/// The participants, two digits each, in ascending order.
fn read_shards(digits: &[u8]) -> Option<ShardSet> {
    let (pairs, rest) = digits.as_chunks::<2>();
    let mut participants = ShardSet::default();
    let mut least = 0;
    for pair in pairs {
        let shard = read_hex(pair)? as usize;
        if shard < least || shard >= SHARDS_MAX {
            return None;
        }
        participants.insert(ShardId::at(shard));
        least = shard + 1;
    }
    (rest.is_empty() && !pairs.is_empty()).then_some(participants)
}

/// The commands that lines of digits hide.
fn reveal(body: &[u8]) -> Option<Vec<u8>> {
    let mut commands = Vec::with_capacity(body.len() / 2);
    for line in body.split_inclusive(|byte| *byte == b'\n') {
        let digits = line.strip_prefix(HIDDEN)?.strip_suffix(b"\n")?;
        let (pairs, rest) = digits.as_chunks::<2>();
        if digits.is_empty() || digits.len() > HIDDEN_DIGITS || !rest.is_empty() {
            return None;
        }
        for [high, low] in pairs {
            commands.push((read_digit(*high)? << 4 | read_digit(*low)?) as u8);
        }
    }
    Some(commands)
}

/// Shows the commands of a body with their databases; None where it is not made of whole commands.
fn walk(first: Db, body: &[u8], mut show: impl FnMut(Db, Args<'_>)) -> Option<()> {
    let mut database = first;
    let mut seen = false;
    let mut commands = Commands::new(body);
    while let Some(args) = commands.next() {
        if args.is(0, SELECT) {
            let number = (args.len() == 2).then(|| parse_u64(args.get(1)))??;
            database = Db::among(usize::try_from(number).ok()?, DATABASES_MAX)?;
        } else if seen || database == first {
            seen = true;
            show(database, args);
        } else {
            return None;
        }
    }
    (commands.position() == body.len()).then_some(())
}
