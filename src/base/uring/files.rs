//! Files and connections through the ring.
//!
//! The second part of `UringIo`: a request becomes one entry after the other until it is whole. Its
//! operation, and all that its entries point at, stays in a place of `Files` until the last
//! completion has come. What this kernel's ring cannot do, and listing a directory, which no ring
//! can, goes to the file thread. Must not wait, and must not let the kernel write to freed memory.

use std::collections::{BTreeMap, VecDeque};
use std::io;

use io_uring::{Probe, Submitter, opcode};

use super::pending::{Pending, Pinned, pin};
use super::{Kind, UringIo, user_data};
use crate::base::file::{Ended, File, FileThread, Operation, Outcome, RequestId, close, errno};
use crate::base::io::Event;
use crate::base::wake::Waker;
use crate::base::{clock, socket};
use crate::limits::{EVENTS_PER_POLL, FILE_REQUESTS_MAX};

const _: () = assert!(FILE_REQUESTS_MAX.is_power_of_two());

/// The place of a request by its tag.
const fn place_of(tag: u32) -> usize {
    tag as usize % FILE_REQUESTS_MAX
}

/// The operations that the file thread can do instead, and what a kernel calls them.
const CODES: [(u8, &str); 11] = [
    (opcode::OpenAt::CODE, "openat"),
    (opcode::Close::CODE, "close"),
    (opcode::Read::CODE, "read"),
    (opcode::Write::CODE, "write"),
    (opcode::Fsync::CODE, "fsync"),
    (opcode::Fallocate::CODE, "fallocate"),
    (opcode::Ftruncate::CODE, "ftruncate"),
    (opcode::Statx::CODE, "statx"),
    (opcode::RenameAt::CODE, "renameat"),
    (opcode::UnlinkAt::CODE, "unlinkat"),
    (opcode::MkDirAt::CODE, "mkdirat"),
];

/// Names of the operations on files that a ring lacks.
pub(super) fn missing(submitter: &Submitter<'_>) -> Vec<&'static str> {
    let missing = CODES.iter().filter(|(code, _)| !has(submitter, *code));
    missing.map(|(_, name)| *name).collect()
}

/// # Errors
/// EOPNOTSUPP when the ring makes no connections.
pub(super) fn connects(submitter: &Submitter<'_>) -> io::Result<()> {
    match has(submitter, opcode::Connect::CODE) {
        true => Ok(()),
        false => Err(errno(libc::EOPNOTSUPP)),
    }
}

fn has(submitter: &Submitter<'_>, code: u8) -> bool {
    let mut probe = Probe::new();
    submitter.register_probe(&mut probe).is_ok() && probe.is_supported(code)
}

/// The ring's code of an operation; None when there is none.
fn code(operation: &Operation) -> Option<u8> {
    Some(match operation {
        Operation::Open { .. } => opcode::OpenAt::CODE,
        Operation::Close { .. } => opcode::Close::CODE,
        Operation::Read { .. } => opcode::Read::CODE,
        Operation::Write { .. } | Operation::Append { .. } => opcode::Write::CODE,
        Operation::Sync { .. } => opcode::Fsync::CODE,
        Operation::Allocate { .. } => opcode::Fallocate::CODE,
        Operation::Resize { .. } => opcode::Ftruncate::CODE,
        Operation::Size { .. } => opcode::Statx::CODE,
        Operation::Rename { .. } => opcode::RenameAt::CODE,
        Operation::Remove { .. } | Operation::RemoveDirectory { .. } => opcode::UnlinkAt::CODE,
        Operation::MakeDirectory { .. } => opcode::MkDirAt::CODE,
        Operation::Connect { .. } => opcode::Connect::CODE,
        Operation::List { .. } => return None,
    })
}

/// All requests of one shard.
pub(super) struct Files {
    places: Vec<Option<Pending>>,
    /// Tags for the free places.
    free: Vec<u32>,
    /// Files with an append under way, and the appends that wait for it.
    appending: BTreeMap<i32, VecDeque<u32>>,
    /// Refused without a system call, to be reported by the next `poll`.
    refused: Vec<Ended>,
    thread: FileThread,
    /// Codes that this ring lacks.
    lacking: Vec<u8>,
}

impl Files {
    pub(super) fn new(submitter: &Submitter<'_>, waker: Waker) -> Self {
        let missing = missing(submitter);
        let lacking = CODES.iter().filter(|(_, name)| missing.contains(name));
        Files {
            places: Vec::new(),
            free: Vec::new(),
            appending: BTreeMap::new(),
            refused: Vec::new(),
            thread: FileThread::new(waker),
            lacking: lacking.map(|(code, _)| *code).collect(),
        }
    }

    fn in_ring(&self) -> usize {
        self.places.len() - self.free.len()
    }

    fn under_way(&self) -> usize {
        self.in_ring() + self.thread.under_way() + self.refused.len()
    }

    /// True when the next `poll` has something to report without waiting.
    pub(super) fn have_ended(&self) -> bool {
        !self.refused.is_empty()
    }

    /// True when something may have ended elsewhere than in the ring.
    #[inline]
    pub(super) fn has_news(&self) -> bool {
        !self.refused.is_empty() || self.thread.under_way() > 0
    }

    fn refuse(&mut self, id: RequestId, operation: Operation, error: io::Error) {
        self.refused.push(operation.ended(id, Err(error)));
    }

    fn by_ring(&self, operation: &Operation) -> bool {
        code(operation).is_some_and(|code| !self.lacking.contains(&code))
    }

    fn insert(&mut self, id: RequestId, operation: Operation, pinned: Pinned) -> u32 {
        let tag = self.free.pop().unwrap_or_else(|| {
            self.places.push(None);
            u32::try_from(self.places.len() - 1).expect("FILE_REQUESTS_MAX fits 32 bits")
        });
        let known = self.places[place_of(tag)].replace(Pending {
            id,
            operation,
            pinned,
            bytes: 0,
            tag,
            cancelled: false,
        });
        assert!(known.is_none(), "a place holds one request");
        tag
    }

    fn remove(&mut self, tag: u32) -> Pending {
        self.free.push(tag.wrapping_add(FILE_REQUESTS_MAX as u32));
        let pending = self.places[place_of(tag)].take();
        let pending = pending.expect("a request ends once");
        assert!(pending.tag == tag, "a completion is about its own request");
        pending
    }

    fn pending(&mut self, tag: u32) -> &mut Pending {
        self.places[place_of(tag)]
            .as_mut()
            .filter(|pending| pending.tag == tag)
            .expect("its last completion has not come")
    }

    /// True when no other append of its file is under way; else it waits its turn.
    fn may_append(&mut self, file: File, tag: u32) -> bool {
        match self.appending.get_mut(&file.number) {
            Some(waiting) => {
                waiting.push_back(tag);
                false
            }
            None => self
                .appending
                .insert(file.number, VecDeque::new())
                .is_none(),
        }
    }

    /// An append has ended: which one is next.
    fn next_append(&mut self, file: File) -> Option<u32> {
        let waiting = self.appending.get_mut(&file.number);
        let next = waiting.expect("an append was under way").pop_front();
        if next.is_none() {
            self.appending.remove(&file.number);
        }
        next
    }
}

impl UringIo {
    /// From now on the file thread does all that it can.
    #[cfg(test)]
    pub(super) fn lack_file_operations(&mut self) {
        self.files.lacking = CODES.iter().map(|(code, _)| *code).collect();
    }

    pub(super) fn begin(&mut self, id: RequestId, operation: Operation) -> Result<(), Operation> {
        if self.files.under_way() >= FILE_REQUESTS_MAX {
            return Err(operation);
        }
        if let Operation::Close { file } = &operation {
            let mut others = self.files.places.iter().flatten();
            let used = others.any(|it| it.operation.file() == Some(*file));
            assert!(!used, "a file is closed when its requests have ended");
        }
        if let Err(error) = operation.check() {
            self.files.refuse(id, operation, error);
            return Ok(());
        }
        if !self.files.by_ring(&operation) {
            if let Err((operation, error)) = self.files.thread.submit(id, operation) {
                self.files.refuse(id, operation, error);
            }
            return Ok(());
        }
        let pinned = match pin(&operation) {
            Ok(pinned) => pinned,
            Err(error) => {
                self.files.refuse(id, operation, error);
                return Ok(());
            }
        };
        let appends_to = match &operation {
            Operation::Append { file, .. } => Some(*file),
            _ => None,
        };
        let tag = self.files.insert(id, operation, pinned);
        if appends_to.is_none_or(|file| self.files.may_append(file, tag)) {
            self.push_step(tag);
        }
        Ok(())
    }

    /// Queues the next entry of a request.
    fn push_step(&mut self, tag: u32) {
        let entry = self.files.pending(tag).entry();
        let entry = entry.user_data(user_data(Kind::File, tag));
        // SAFETY: what the entry names, buffer, names, status or address, lies on the heap and is
        // owned by the pending request, which stays in its place until the completion has come.
        unsafe { self.ring.push(entry) };
    }

    pub(super) fn cancel_request(&mut self, id: RequestId) {
        self.files.thread.cancel(id);
        let mut pending = self.files.places.iter_mut().flatten();
        let Some(found) = pending.find(|pending| pending.id == id) else {
            return;
        };
        found.cancelled = true;
        let tag = found.tag;
        let waits = self.files.appending.values_mut().find_map(|waiting| {
            let at = waiting.iter().position(|&waiting| waiting == tag)?;
            waiting.remove(at)
        });
        if waits.is_some() {
            let pending = self.files.remove(tag);
            let error = errno(libc::ECANCELED);
            return self.files.refuse(id, pending.operation, error);
        }
        self.cancel_entry(Kind::File, tag);
    }

    /// A completion of a request's entry.
    pub(super) fn stepped(&mut self, tag: u32, result: i32, events: &mut Vec<Event>) {
        let Some(result) = self.files.pending(tag).step(result) else {
            return self.push_step(tag);
        };
        let pending = self.files.remove(tag);
        if let Operation::Append { file, .. } = &pending.operation
            && let Some(next) = self.files.next_append(*file)
        {
            self.push_step(next);
        }
        events.push(Event::Ended(pending.operation.ended(pending.id, result)));
    }

    /// Reports what ended elsewhere than in the ring.
    #[cold]
    pub(super) fn report_files(&mut self, events: &mut Vec<Event>) {
        let Files {
            refused, thread, ..
        } = &mut self.files;
        events.extend(refused.drain(..).map(Event::Ended));
        thread.collect(|ended| events.push(Event::Ended(ended)));
    }

    /// After everything was cancelled, waits until the kernel has let go of all buffers; those that
    /// a hanging disk still holds are never freed.
    pub(super) fn release_files(&mut self, patience_us: u64) {
        let deadline_us = clock::now().monotonic_us + patience_us;
        let mut batch = std::mem::take(&mut self.batch);
        while self.files.places.iter().any(Option::is_some) {
            let now_us = clock::now().monotonic_us;
            if now_us >= deadline_us {
                std::mem::forget(std::mem::take(&mut self.files.places));
                return;
            }
            // Those that wait for another append were never submitted.
            for waiting in std::mem::take(&mut self.files.appending).into_values() {
                for tag in waiting {
                    drop(self.files.remove(tag));
                }
            }
            self.ring.enter(deadline_us - now_us);
            self.ring.reap(&mut batch, EVENTS_PER_POLL);
            for completion in batch.drain(..) {
                if completion.user_data() >> 32 != Kind::File as u64 {
                    continue;
                }
                let tag = completion.user_data() as u32;
                let mut pending = self.files.remove(tag);
                match pending.step(completion.result()) {
                    Some(Ok(Outcome::Opened(file))) => close(file),
                    Some(Ok(Outcome::Connected(socket))) => socket::close(socket),
                    _ => {}
                }
            }
        }
    }
}
