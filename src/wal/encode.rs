//! Writes records into a log's bytes: header, commands, padding.
//!
//! One encoder per log, owned by the shard that writes it; it appends to the caller's buffer and
//! knows how far the log has come. It does no I/O, so it never learns by itself what is durable:
//! `Encoder::durable` says so.

use super::record::{
    HIDDEN, HIDDEN_DIGITS, Header, LENGTH_AT, LENGTH_DIGITS, MAGIC, SELECT, SHARDS_AT, SUM_AT,
    SUM_DIGITS, VERSION, hex_digit, padding_len, padding_line_len, put_hex, sum, write_hex,
};
use crate::limits::{LOG_BLOCK_BYTES, LOG_BYTES_MAX, RECORD_BYTES_MAX, RECORD_MS_MAX};
use crate::resp::write_command;
use crate::store::Db;

/// Where a log stands.
#[derive(Debug)]
pub struct Encoder {
    /// Tells this log's records from those of others.
    log: u32,
    /// Bytes of the log so far: written, or handed to the caller.
    position: u64,
    /// Bytes of the log that are durable.
    durable: u64,
    /// The database that a Redis which loads the log has selected here; None where that is unknown.
    selected: Option<Db>,
}

impl Encoder {
    /// Goes on with a log of so many bytes; a new one has none.
    #[must_use]
    pub fn new(log: u32, position: u64) -> Self {
        assert!(position <= LOG_BYTES_MAX, "a log of {position} bytes");
        Self {
            log,
            position,
            durable: 0,
            selected: None,
        }
    }

    /// Bytes of the log, with all that was appended.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.position
    }

    /// The log's first so many bytes are durable.
    pub fn durable(&mut self, bytes: u64) {
        assert!(
            self.durable <= bytes && bytes <= self.position,
            "what is durable stays so, and was written"
        );
        self.durable = bytes;
    }

    /// Appends a record. `stretches`: its commands, as RESP, with their databases; the first one's
    /// is the header's.
    pub fn append<'a>(
        &mut self,
        out: &mut Vec<u8>,
        header: &Header,
        stretches: impl IntoIterator<Item = (Db, &'a [u8])>,
    ) {
        let start = out.len();
        let mut stretches = stretches.into_iter().peekable();
        let first = stretches.peek().map(|(database, _)| *database);
        assert!(
            first.is_none_or(|database| database == header.database),
            "the header names the database of the first command"
        );
        self.write_header(out, header);
        let body = out.len();
        if header.kind.is_hidden() {
            let mut commands = Vec::new();
            write_commands(&mut commands, Some(header.database), stretches);
            write_hidden(out, &commands);
        } else {
            self.selected = write_commands(out, self.selected, stretches);
        }
        let len = (out.len() - body) as u64;
        assert!(len <= RECORD_BYTES_MAX, "a record of {len} bytes");
        put_hex(&mut out[start + LENGTH_AT..][..LENGTH_DIGITS], len);
        let sum = sum(self.position, &out[start..]);
        put_hex(&mut out[start + SUM_AT..][..SUM_DIGITS], u64::from(sum));
        self.advance(out.len() - start);
    }

    /// Fills the block, so that the next write begins on one of its own.
    pub fn pad(&mut self, out: &mut Vec<u8>) {
        let len = padding_len(self.position);
        let mut left = len;
        while left > 0 {
            let line = padding_line_len(left);
            out.push(b'#');
            out.resize(out.len() + line - 2, b'.');
            out.push(b'\n');
            left -= line;
        }
        self.advance(len);
        assert!(self.position.is_multiple_of(LOG_BLOCK_BYTES as u64));
    }

    fn advance(&mut self, bytes: usize) {
        self.position += bytes as u64;
        assert!(self.position <= LOG_BYTES_MAX, "the log is too long");
    }

    /// The header's line, sum and length still 0.
    fn write_header(&self, out: &mut Vec<u8>, header: &Header) {
        assert!(
            (1..=VERSION).contains(&header.version),
            "no version {}",
            header.version
        );
        assert!(header.at_ms <= RECORD_MS_MAX, "no time {}", header.at_ms);
        let start = out.len();
        let part = header.participants.place_of(header.shard);
        out.extend_from_slice(MAGIC);
        for (value, digits) in [
            (u64::from(header.version), 4),
            (0, SUM_DIGITS),
            (0, LENGTH_DIGITS),
            (u64::from(self.log), 8),
            (header.ticket, 16),
            (header.at_ms, 12),
            (self.durable, 12),
        ] {
            write_hex(out, value, digits);
            out.push(b' ');
        }
        out.extend_from_slice(&[header.kind.letter(), b' ']);
        write_hex(out, u64::from(header.database.number()), 4);
        out.push(b' ');
        match header.slot {
            None => out.extend_from_slice(b"----"),
            Some(slot) => write_hex(out, u64::from(slot.number()), 4),
        }
        for number in [part, header.participants.count()] {
            out.push(b' ');
            write_hex(out, number as u64, 3);
        }
        out.push(b' ');
        assert!(out.len() - start == SHARDS_AT, "the drawing is right");
        for shard in header.participants.shards() {
            write_hex(out, u64::from(shard.number()), 2);
        }
        out.push(b'\n');
    }
}

/// Appends commands, with SELECT where the database changes; returns the one selected at the end.
fn write_commands<'a>(
    out: &mut Vec<u8>,
    mut selected: Option<Db>,
    stretches: impl IntoIterator<Item = (Db, &'a [u8])>,
) -> Option<Db> {
    for (database, commands) in stretches {
        assert!(
            commands.starts_with(b"*") && commands.ends_with(b"\r\n"),
            "a stretch is made of whole commands"
        );
        if selected != Some(database) {
            let mut digits = itoa::Buffer::new();
            let number = digits.format(database.number()).as_bytes();
            write_command(out, [SELECT.as_bytes(), number].into_iter());
            selected = Some(database);
        }
        out.extend_from_slice(commands);
    }
    selected
}

fn write_hidden(out: &mut Vec<u8>, commands: &[u8]) {
    for line in commands.chunks(HIDDEN_DIGITS / 2) {
        out.extend_from_slice(HIDDEN);
        for byte in line {
            out.extend_from_slice(&[hex_digit(byte >> 4), hex_digit(byte & 15)]);
        }
        out.push(b'\n');
    }
}
