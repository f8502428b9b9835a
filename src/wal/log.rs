//! One log that grows: records are gathered, written together, and become durable.
//!
//! A state machine. Its shard appends records, asks what is to be done next, and tells it how that
//! has ended; the log says up to where it is durable, and when it has failed for good. At most one
//! write and one sync are under way: while they are, records gather for the next ones, so that many
//! commands share a write and a sync. Owned by the shard that writes it; does no I/O, reads no
//! clock. What stands in the file is said at the head of `record.rs`.

// ```text
// file      durable ------- written ------- writing ------- gathered
//           |               |               |               |
//           a sync that     a write that    the write that  encoded, in memory
//           was asked for   has ended       is under way
//           behind the
//           write has ended
// ```
//
// A write ends with padding, so the next one begins on a block of its own: a block that holds
// records is never written again. A write or a sync that fails ends the log. What was under way is
// in the file, or a part of it, or nothing; trying again proves nothing, because a sync that fails
// may have dropped what it should have saved. Whoever goes on does so with another file.

use std::io;

use super::encode::Encoder;
use super::record::Header;
use crate::base::{Extent, File, FileBuffer, Operation, Outcome};
use crate::limits::{LOG_ALLOCATED_BYTES, LOG_BLOCK_BYTES, LOG_SYNC_US, LOG_WRITE_BYTES_MAX};
use crate::store::Db;

/// When a log is synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SyncPolicy {
    /// Behind every write.
    Always,
    /// About once a second.
    EverySecond,
    /// When the system sees fit.
    No,
}

/// What is under way for a log. Its shard keeps it with the request and brings it back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    Write,
    Sync,
    Allocate,
}

/// Why a log takes no more records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failure {
    pub task: Task,
    /// The system's errno.
    pub errno: i32,
}

/// A log, open for appending.
#[derive(Debug)]
pub struct Log {
    file: File,
    policy: SyncPolicy,
    encoder: Encoder,
    /// Encoded and in no write yet; the file's bytes from `writing` on.
    gathered: Vec<u8>,
    /// Ends of what a write has begun, what is written, what a sync covers, what is durable; bytes.
    writing: u64,
    written: u64,
    syncing: u64,
    durable: u64,
    sync_under_way: bool,
    /// When the latest sync was asked for, monotonic microseconds.
    sync_asked_us: u64,
    /// Space is reserved up to here; None: the file system reserves none.
    allocated: Option<u64>,
    allocating: bool,
    /// Everything is to become durable now, whatever the policy.
    closing: bool,
    failure: Option<Failure>,
    /// A buffer that came back from a write.
    spare: Option<FileBuffer>,
}

impl Log {
    /// A new log in an empty file; `number` tells its records from those of any other log.
    #[must_use]
    pub fn new(file: File, number: u32, policy: SyncPolicy, now_us: u64) -> Self {
        Self {
            file,
            policy,
            encoder: Encoder::new(number, 0),
            gathered: Vec::new(),
            writing: 0,
            written: 0,
            syncing: 0,
            durable: 0,
            sync_under_way: false,
            sync_asked_us: now_us,
            allocated: Some(0),
            allocating: false,
            closing: false,
            failure: None,
            spare: None,
        }
    }

    /// Appends a record and returns where it ends: it is durable when the log is up to there.
    pub fn append<'a>(
        &mut self,
        header: &Header,
        stretches: impl IntoIterator<Item = (Db, &'a [u8])>,
    ) -> u64 {
        assert!(!self.closing, "a log that is closed takes no records");
        self.encoder.append(&mut self.gathered, header, stretches);
        self.encoder.position()
    }

    /// What is to be done now, if anything is; to be asked again until there is nothing, and after
    /// each end.
    pub fn next(&mut self, now_us: u64) -> Option<(Task, Operation)> {
        if self.failure.is_some() {
            return None;
        }
        let task = if self.wants_write() {
            Task::Write
        } else if self.wants_sync(now_us) {
            Task::Sync
        } else if self.wants_space() {
            Task::Allocate
        } else {
            return None;
        };
        let operation = match task {
            Task::Write => self.begin_write(),
            Task::Sync => {
                self.syncing = self.written;
                self.sync_under_way = true;
                self.sync_asked_us = now_us;
                Operation::Sync {
                    file: self.file,
                    extent: Extent::Data,
                }
            }
            Task::Allocate => {
                self.allocating = true;
                Operation::Allocate {
                    file: self.file,
                    at: self.allocated.unwrap_or_default(),
                    bytes: LOG_ALLOCATED_BYTES,
                    // Who reads the file finds no zeros at its end.
                    keep_size: true,
                }
            }
        };
        Some((task, operation))
    }

    fn wants_write(&self) -> bool {
        !self.gathered.is_empty() && self.writing == self.written
    }

    fn wants_sync(&self, now_us: u64) -> bool {
        if self.sync_under_way || self.written == self.durable {
            return false;
        }
        match self.policy {
            SyncPolicy::Always => true,
            SyncPolicy::EverySecond => self.closing || now_us >= self.sync_asked_us + LOG_SYNC_US,
            SyncPolicy::No => self.closing,
        }
    }

    fn wants_space(&self) -> bool {
        let low = |end| self.writing + LOG_ALLOCATED_BYTES / 2 > end;
        !self.allocating && !self.closing && self.writing > 0 && self.allocated.is_some_and(low)
    }

    /// All that is gathered becomes one write, of whole blocks.
    fn begin_write(&mut self) -> Operation {
        if self.gathered.len() <= LOG_WRITE_BYTES_MAX {
            self.encoder.pad(&mut self.gathered);
        }
        let bytes = self.gathered.len().min(LOG_WRITE_BYTES_MAX);
        assert!(
            bytes > 0 && bytes.is_multiple_of(LOG_BLOCK_BYTES),
            "a write is of whole blocks"
        );
        let mut buffer = match self.spare.take() {
            Some(spare) if spare.capacity() >= bytes => spare,
            _ => FileBuffer::with_capacity(bytes),
        };
        buffer.push(&self.gathered[..bytes]);
        self.gathered.drain(..bytes);
        let at = self.writing;
        self.writing += bytes as u64;
        Operation::Write {
            file: self.file,
            at,
            buffer,
        }
    }

    /// A task has ended.
    pub fn ended(&mut self, task: Task, result: io::Result<Outcome>, buffer: Option<FileBuffer>) {
        match (task, result) {
            (Task::Allocate, result) => {
                assert!(self.allocating, "space is asked for once at a time");
                self.allocating = false;
                let end = self.allocated.map(|end| end + LOG_ALLOCATED_BYTES);
                // Without it, a write tells that the disk is full.
                self.allocated = end.filter(|_| result.is_ok());
            }
            (_, Err(error)) => {
                let errno = error.raw_os_error().unwrap_or(libc::EIO);
                self.failure.get_or_insert(Failure { task, errno });
            }
            (Task::Write, Ok(_)) => {
                assert!(self.writing > self.written, "a write was under way");
                self.written = self.writing;
            }
            (Task::Sync, Ok(_)) => {
                assert!(self.sync_under_way, "a sync was under way");
                self.sync_under_way = false;
                // What failed between may be lost, though a later sync says otherwise.
                if self.failure.is_none() {
                    self.durable = self.syncing;
                    self.encoder.durable(self.durable);
                }
            }
        }
        if let Some(mut buffer) = buffer {
            buffer.clear();
            self.spare = Some(buffer);
        }
    }

    /// All that was appended becomes durable, and then nothing is left to do.
    pub fn close(&mut self) {
        self.closing = true;
    }

    /// What stands before this place of the log is durable, bytes.
    #[must_use]
    pub fn durable(&self) -> u64 {
        self.durable
    }

    /// Bytes of the log, what is gathered included.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.encoder.position()
    }

    /// Bytes that wait for a write: whoever appends faster than the disk writes is to be held up.
    #[must_use]
    pub fn gathered(&self) -> usize {
        self.gathered.len()
    }

    /// How long the sync has been under way at this time, microseconds.
    #[must_use]
    pub fn sync_takes_us(&self, now_us: u64) -> u64 {
        match self.sync_under_way {
            true => now_us.saturating_sub(self.sync_asked_us),
            false => 0,
        }
    }

    /// When it wants to be asked again though nothing has ended, monotonic microseconds.
    #[must_use]
    pub fn next_sync_us(&self) -> Option<u64> {
        let due = self.policy == SyncPolicy::EverySecond && self.written > self.durable;
        (due && !self.sync_under_way).then_some(self.sync_asked_us + LOG_SYNC_US)
    }

    /// Why it takes no more records; it says so once and for all.
    #[must_use]
    pub fn failure(&self) -> Option<Failure> {
        self.failure
    }
}

#[cfg(test)]
#[path = "log_tests.rs"]
mod tests;
