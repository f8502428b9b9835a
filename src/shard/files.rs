//! Files that a command rewrites: its client waits, and nobody else does.
//!
//! Owned by the tick. One file at a time, step by step; it is replaced whole or not at all, and
//! what was written beside it goes when a step fails. What is in it says whoever asked. `Files`
//! sees no `Core`; how a client asks and is answered stands behind it.
//!
//! ```text
//! open old, size, read, close -> open new beside it, write, sync, close -> rename
//!     -> open directory, sync, close
//! ```

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::{Core, Flow};
use crate::base::socket::error_text;
use crate::base::{
    Ended, Extent, File, FileBuffer, Io, OpenOptions, Operation, Outcome, RequestId, Token, log,
};
use crate::limits::FILE_BUFFER_BYTES_MAX;
use crate::resp::Error;
use crate::route::{ClientRef, ShardId};

/// What is in the file afterwards, by what was in it; no file is an empty one.
struct Edit(Box<EditFunction>);

type EditFunction = dyn FnOnce(&[u8]) -> Vec<u8>;

impl fmt::Debug for Edit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Edit")
    }
}

/// A file that a client wants to be rewritten.
#[derive(Debug)]
pub(super) struct Rewrite {
    path: PathBuf,
    edit: Edit,
    client: ClientRef,
}

/// A rewrite that has ended.
pub(super) struct Rewritten {
    client: ClientRef,
    result: io::Result<()>,
}

/// What is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    OpenOld,
    SizeOld,
    ReadOld,
    CloseOld,
    OpenNew,
    Write,
    SyncNew,
    CloseNew,
    Rename,
    OpenDirectory,
    SyncDirectory,
    CloseDirectory,
    /// After a failure: what is open is closed, the new file removed.
    CloseFailed,
    RemoveNew,
}

/// The rewrite that is under way.
struct Running {
    rewrite: Rewrite,
    step: Step,
    beside: PathBuf,
    open: Option<File>,
    old: Vec<u8>,
    /// There is something at `beside`.
    made: bool,
    failure: Option<io::Error>,
}

/// All rewrites of a shard.
pub(super) struct Files {
    shard: ShardId,
    waiting: VecDeque<Rewrite>,
    running: Option<Running>,
    /// What `Io` has refused for the moment.
    refused: Option<Operation>,
    requests: RequestId,
}

impl Files {
    pub(super) fn new(shard: ShardId) -> Self {
        Self {
            shard,
            waiting: VecDeque::new(),
            running: None,
            refused: None,
            requests: 0,
        }
    }

    /// True when nothing is under way.
    pub(super) fn are_idle(&self) -> bool {
        self.running.is_none()
    }

    /// Rewrites a file when those before it are done.
    pub(super) fn rewrite(&mut self, io: &mut impl Io, rewrite: Rewrite) {
        self.waiting.push_back(rewrite);
        if self.are_idle() {
            self.next(io);
        }
    }

    fn next(&mut self, io: &mut impl Io) {
        assert!(self.running.is_none(), "one file at a time");
        let Some(rewrite) = self.waiting.pop_front() else {
            return;
        };
        let running = Running {
            beside: beside(&rewrite.path, self.shard),
            rewrite,
            step: Step::OpenOld,
            open: None,
            old: Vec::new(),
            made: false,
            failure: None,
        };
        let operation = Operation::Open {
            path: running.rewrite.path.clone(),
            options: OpenOptions::READ,
        };
        self.running = Some(running);
        self.submit(io, operation);
    }

    fn submit(&mut self, io: &mut impl Io, operation: Operation) {
        assert!(self.refused.is_none(), "one request at a time");
        self.requests += 1;
        self.refused = io.request(self.requests, operation).err();
    }

    /// A request has ended. What comes of it: a rewrite that is done, one way or the other.
    pub(super) fn ended(&mut self, io: &mut impl Io, ended: Ended) -> Option<Rewritten> {
        if ended.id != self.requests || self.refused.is_some() {
            // Another one's has ended: there is room now.
            if let Some(operation) = self.refused.take() {
                self.submit(io, operation);
            }
            return None;
        }
        let running = self.running.as_mut().expect("it asked for this");
        if let Some(operation) = running.advance(ended.result, ended.buffer) {
            self.submit(io, operation);
            return None;
        }
        assert!(
            running.open.is_none() && !running.made,
            "a rewrite leaves nothing behind"
        );
        let Running {
            rewrite, failure, ..
        } = self.running.take().expect("it has just advanced");
        self.next(io);
        Some(Rewritten {
            client: rewrite.client,
            result: failure.map_or(Ok(()), Err),
        })
    }
}

impl Running {
    /// Takes in how the step ended and says what is next; None when that was all.
    fn advance(
        &mut self,
        result: io::Result<Outcome>,
        buffer: Option<FileBuffer>,
    ) -> Option<Operation> {
        let outcome = match result {
            Ok(outcome) => outcome,
            Err(error) => return self.failed(error),
        };
        let (step, operation) = match self.step {
            Step::OpenOld => {
                let file = self.opened(outcome);
                (Step::SizeOld, Operation::Size { file })
            }
            Step::SizeOld => match self.read_old(outcome) {
                Ok(operation) => (Step::ReadOld, operation),
                Err(error) => return self.failed(error),
            },
            Step::ReadOld => {
                self.old = buffer.expect("a read gives its buffer back").to_vec();
                let file = self.take_open();
                (Step::CloseOld, Operation::Close { file })
            }
            Step::CloseOld => (Step::OpenNew, self.open_new()),
            Step::OpenNew => {
                self.made = true;
                let file = self.opened(outcome);
                match self.write_new(file) {
                    Ok(operation) => (Step::Write, operation),
                    Err(error) => return self.failed(error),
                }
            }
            Step::Write => (Step::SyncNew, self.sync()),
            Step::SyncNew => {
                let file = self.take_open();
                (Step::CloseNew, Operation::Close { file })
            }
            Step::CloseNew => {
                assert!(
                    self.made && self.open.is_none() && self.failure.is_none(),
                    "only what is written whole and closed takes the file's place"
                );
                let (from, to) = (self.beside.clone(), self.rewrite.path.clone());
                (Step::Rename, Operation::Rename { from, to })
            }
            Step::Rename => {
                self.made = false;
                let path = directory(&self.rewrite.path).to_path_buf();
                let options = OpenOptions::DIRECTORY;
                (Step::OpenDirectory, Operation::Open { path, options })
            }
            Step::OpenDirectory => {
                self.opened(outcome);
                (Step::SyncDirectory, self.sync())
            }
            Step::SyncDirectory => {
                let file = self.take_open();
                (Step::CloseDirectory, Operation::Close { file })
            }
            Step::CloseFailed => return self.clean_up(),
            Step::CloseDirectory | Step::RemoveNew => return None,
        };
        self.step = step;
        Some(operation)
    }

    /// A step has failed.
    fn failed(&mut self, error: io::Error) -> Option<Operation> {
        match self.step {
            Step::OpenOld if error.kind() == io::ErrorKind::NotFound => {
                self.step = Step::OpenNew;
                return Some(self.open_new());
            }
            Step::RemoveNew => {
                // The first failure is what the client reads.
                let (path, text) = (self.beside.display(), error_text(&error));
                log::warning(format_args!("{path} cannot be removed: {text}"));
                return None;
            }
            _ => {}
        }
        self.failure.get_or_insert(error);
        match self.open.take() {
            Some(file) => {
                self.step = Step::CloseFailed;
                Some(Operation::Close { file })
            }
            None => self.clean_up(),
        }
    }

    fn clean_up(&mut self) -> Option<Operation> {
        assert!(self.open.is_none(), "a file is closed before it is removed");
        self.step = Step::RemoveNew;
        let path = self.beside.clone();
        std::mem::take(&mut self.made).then_some(Operation::Remove { path })
    }

    fn opened(&mut self, outcome: Outcome) -> File {
        let Outcome::Opened(file) = outcome else {
            unreachable!("an open ends with a file or an error");
        };
        assert!(self.open.is_none(), "one file is open at a time");
        self.open = Some(file);
        file
    }

    /// The open file, on its way to be closed.
    fn take_open(&mut self) -> File {
        self.open.take().expect("this step has its file open")
    }

    fn read_old(&self, outcome: Outcome) -> io::Result<Operation> {
        let Outcome::Size(bytes) = outcome else {
            unreachable!("a size was asked for");
        };
        let capacity = usize::try_from(bytes).unwrap_or(usize::MAX);
        Ok(Operation::Read {
            file: self.open.expect("this step has its file open"),
            at: 0,
            buffer: FileBuffer::with_capacity(within_a_buffer(capacity)?),
        })
    }

    fn open_new(&self) -> Operation {
        Operation::Open {
            path: self.beside.clone(),
            options: OpenOptions {
                mode: CONFIG_MODE,
                ..OpenOptions::REPLACE
            },
        }
    }

    fn write_new(&mut self, file: File) -> io::Result<Operation> {
        let nothing = Edit(Box::new(|_| Vec::new()));
        let edit = std::mem::replace(&mut self.rewrite.edit, nothing);
        let new = (edit.0)(&self.old);
        within_a_buffer(new.len())?;
        let buffer = FileBuffer::of(&new);
        Ok(Operation::Write {
            file,
            at: 0,
            buffer,
        })
    }

    fn sync(&self) -> Operation {
        Operation::Sync {
            file: self.open.expect("this step has its file open"),
            extent: Extent::Everything,
        }
    }
}

/// As Redis leaves it: written by its user, read by everybody whom the umask lets.
const CONFIG_MODE: u32 = 0o644;

fn within_a_buffer(bytes: usize) -> io::Result<usize> {
    match bytes <= FILE_BUFFER_BYTES_MAX {
        true => Ok(bytes),
        false => Err(io::ErrorKind::FileTooLarge.into()),
    }
}

fn directory(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Where the new file is written; no other shard or process has the same.
fn beside(path: &Path, shard: ShardId) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{}-{shard}.tmp", std::process::id()));
    directory(path).join(name)
}

impl Core {
    /// Rewrites the configuration file; its client has the reply when that is done. `edit` says
    /// what is in it afterwards, by what was in it; no file is an empty one.
    pub fn rewrite_file(
        &mut self,
        token: Token,
        path: PathBuf,
        edit: impl FnOnce(&[u8]) -> Vec<u8> + 'static,
    ) -> Flow {
        let client = self.client(token);
        client.wait();
        let rewrite = Rewrite {
            path,
            edit: Edit(Box::new(edit)),
            client: client.reference(),
        };
        let request = super::core::IoRequest::Rewrite(rewrite);
        self.requests.push(request);
        Flow::Stop
    }

    /// A file that a client's command asked for has been written, or not.
    pub(super) fn file_rewritten(&mut self, rewritten: Rewritten) {
        let Rewritten { client, result } = rewritten;
        let token = client.token;
        let result = result.map_err(|error| error_text(&error));
        match &result {
            Ok(()) => log::warning("CONFIG REWRITE executed with success."),
            Err(text) => log::warning(format_args!("CONFIG REWRITE failed: {text}")),
        }
        if self.clients.of(client).is_none() {
            return;
        }
        self.complete(token, |reply| match result {
            Ok(()) => reply.ok(),
            Err(text) => reply.error(&Error::from(format!("ERR Rewriting config file: {text}"))),
        });
    }
}
