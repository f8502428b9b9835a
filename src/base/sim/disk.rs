//! The disk of a simulated machine: files, directories, and what a power cut leaves of them.
//!
//! Owned by the `World`, or by a test. What is written lies in the system's cache until its file is
//! synced, what is created, renamed or removed until its directory is; a power cut keeps all, some
//! or nothing of the rest, in pieces of a sector and in any order. Every chance comes from the
//! seed. Carries an operation out at once: when that is, and how long it takes, the world decides.

mod content;
mod names;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use self::content::Content;
use self::names::{Names, Node};
use super::random::Random;
use crate::base::file::{File, FileBuffer, OpenOptions, Operation, Outcome, errno};
use crate::limits::LISTED_NAMES_MAX;

/// What a disk does to those who use it.
#[derive(Debug, Clone, Copy)]
pub struct DiskWeather {
    /// Longest time that an operation takes, microseconds.
    pub delay_us_max: u64,
    /// One read, write or sync in so many fails with EIO; 0: none.
    pub failures: u64,
    /// Bytes that files may take up.
    pub capacity_bytes: u64,
    /// Files cannot be opened past the cache.
    pub refuses_direct: bool,
}

impl Default for DiskWeather {
    fn default() -> Self {
        Self {
            delay_us_max: 100,
            failures: 0,
            capacity_bytes: 1 << 40,
            refuses_direct: false,
        }
    }
}

/// An open file or directory.
#[derive(Debug, Clone)]
struct Handle {
    node: Node,
    options: OpenOptions,
    /// By what name it was opened; how long it takes depends on it.
    path: PathBuf,
}

/// A disk and the system's cache of it.
#[derive(Debug)]
pub struct Disk {
    names: Names,
    contents: BTreeMap<Node, Content>,
    handles: BTreeMap<i32, Handle>,
    next_handle: i32,
    random: Random,
    pub(super) weather: DiskWeather,
    /// What the operations to come fail with: after how many others, and how.
    planned: Vec<(u64, i32)>,
    /// Operations on these paths, and on files opened by them, take so long, microseconds.
    pub(super) slow: BTreeMap<PathBuf, u64>,
}

impl Default for Disk {
    fn default() -> Self {
        Self::new(0)
    }
}

impl Disk {
    /// An empty disk.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            names: Names::default(),
            contents: BTreeMap::new(),
            handles: BTreeMap::new(),
            next_handle: 1,
            random: Random::new(seed),
            weather: DiskWeather::default(),
            planned: Vec::new(),
            slow: BTreeMap::new(),
        }
    }

    /// Carries an operation out, or fails as planned.
    ///
    /// # Errors
    /// The errno that Linux would answer.
    pub fn perform(&mut self, operation: &mut Operation) -> io::Result<Outcome> {
        operation.check()?;
        if let Some(number) = self.planned_failure() {
            return Err(self.fail(operation, number));
        }
        let touches_platter = matches!(
            operation,
            Operation::Read { .. }
                | Operation::Write { .. }
                | Operation::Append { .. }
                | Operation::Sync { .. }
        );
        if touches_platter && self.weather.failures > 0 && self.random.one_in(self.weather.failures)
        {
            return Err(self.fail(operation, libc::EIO));
        }
        self.carry_out(operation)
    }

    fn carry_out(&mut self, operation: &mut Operation) -> io::Result<Outcome> {
        match operation {
            Operation::Open { path, options } => self.open(path, *options).map(Outcome::Opened),
            Operation::Close { file } => self.close(*file),
            Operation::Read { file, at, buffer } => self.read(*file, *at, buffer),
            Operation::Write { file, at, buffer } => {
                let node = self.writable(*file)?;
                let at = match self.handles[&file.number].options.append {
                    true => self.contents[&node].len(),
                    false => *at,
                };
                self.write(node, at, buffer)
            }
            Operation::Append { file, buffer } => {
                let node = self.writable(*file)?;
                let end = self.contents[&node].len();
                self.write(node, end, buffer)
            }
            Operation::Sync { file, .. } => self.sync(*file),
            Operation::Allocate {
                file,
                at,
                bytes,
                keep_size,
            } => {
                let node = self.writable(*file)?;
                self.allocate(node, *at + *bytes, *keep_size)
            }
            Operation::Resize { file, bytes } => {
                // As Linux does; elsewhere it is EBADF.
                let node = self.writable(*file).map_err(|_| errno(libc::EINVAL))?;
                self.resize(node, *bytes)
            }
            Operation::Size { file } => {
                let node = self.handle(*file)?.node;
                let size = self.contents.get(&node).map_or(0, Content::len);
                Ok(Outcome::Size(size))
            }
            Operation::Rename { from, to } => {
                self.names.rename(from, to)?;
                self.forget_unreachable();
                Ok(Outcome::Done)
            }
            Operation::Remove { path } => {
                self.names.remove(path)?;
                self.forget_unreachable();
                Ok(Outcome::Done)
            }
            Operation::RemoveDirectory { path } => {
                self.names.remove_directory(path).map(|()| Outcome::Done)
            }
            Operation::MakeDirectory { path, .. } => {
                self.names.make_directory(path).map(|()| Outcome::Done)
            }
            Operation::List { path } => {
                let names = self.names.list(path)?;
                match names.len() > LISTED_NAMES_MAX {
                    true => Err(errno(libc::EOVERFLOW)),
                    false => Ok(Outcome::Names(Box::new(names))),
                }
            }
            Operation::Connect { .. } => unreachable!("the network makes connections"),
        }
    }

    fn open(&mut self, path: &Path, options: OpenOptions) -> io::Result<File> {
        let direct = options.direct && !self.weather.refuses_direct;
        let create = options.create || options.create_new;
        let node = match self.names.find(path) {
            Ok(_) if options.create_new => return Err(errno(libc::EEXIST)),
            Ok(node) => node,
            Err(error) if error.raw_os_error() == Some(libc::ENOENT) && create => {
                let node = self.names.create(path)?;
                self.contents.insert(node, Content::default());
                node
            }
            Err(error) => return Err(error),
        };
        let writes = options.write || options.append || options.truncate || create;
        match self.contents.get_mut(&node) {
            None if writes => return Err(errno(libc::EISDIR)),
            Some(_) if options.directory => return Err(errno(libc::ENOTDIR)),
            Some(content) if options.truncate => content.resize(0),
            _ => {}
        }
        let number = self.next_handle;
        self.next_handle += 1;
        let path = path.to_path_buf();
        let handle = Handle {
            node,
            options,
            path,
        };
        self.handles.insert(number, handle);
        Ok(File { number, direct })
    }

    fn close(&mut self, file: File) -> io::Result<Outcome> {
        let closed = self.handles.remove(&file.number);
        closed.ok_or_else(|| errno(libc::EBADF))?;
        self.forget_unreachable();
        Ok(Outcome::Done)
    }

    fn handle(&self, file: File) -> io::Result<&Handle> {
        let handle = self.handles.get(&file.number);
        handle.ok_or_else(|| errno(libc::EBADF))
    }

    fn writable(&self, file: File) -> io::Result<Node> {
        let handle = self.handle(file)?;
        match handle.options.write || handle.options.append {
            true => Ok(handle.node),
            false => Err(errno(libc::EBADF)),
        }
    }

    fn read(&mut self, file: File, at: u64, buffer: &mut FileBuffer) -> io::Result<Outcome> {
        let handle = self.handle(file)?;
        let writes_only = handle.options.write || handle.options.append;
        if writes_only && !handle.options.read {
            return Err(errno(libc::EBADF));
        }
        let content = self.contents.get(&handle.node);
        let content = content.ok_or_else(|| errno(libc::EISDIR))?;
        buffer.clear();
        buffer.push(content.read(at, buffer.capacity()));
        Ok(Outcome::Bytes(buffer.len() as u32))
    }

    /// What fits; the rest finds the disk full.
    fn write(&mut self, node: Node, at: u64, buffer: &FileBuffer) -> io::Result<Outcome> {
        let free = self.free_bytes();
        let content = self
            .contents
            .get_mut(&node)
            .expect("it is open for writing");
        let room = (content.reserved() + free).saturating_sub(at);
        let fits = usize::try_from(room)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        content.write(at, &buffer[..fits]);
        match fits == buffer.len() {
            true => Ok(Outcome::Bytes(fits as u32)),
            false => Err(errno(libc::ENOSPC)),
        }
    }

    fn allocate(&mut self, node: Node, end: u64, keep_size: bool) -> io::Result<Outcome> {
        let free = self.free_bytes();
        let content = self
            .contents
            .get_mut(&node)
            .expect("it is open for writing");
        if end > content.reserved() + free {
            return Err(errno(libc::ENOSPC));
        }
        content.reserve(end, keep_size);
        Ok(Outcome::Done)
    }

    fn resize(&mut self, node: Node, bytes: u64) -> io::Result<Outcome> {
        let free = self.free_bytes();
        let content = self.contents.get_mut(&node);
        let content = content.expect("it is open for writing");
        if bytes > content.reserved() + free {
            return Err(errno(libc::ENOSPC));
        }
        content.resize(usize::try_from(bytes).expect("simulated files fit memory"));
        Ok(Outcome::Done)
    }

    fn free_bytes(&self) -> u64 {
        let used: u64 = self.contents.values().map(Content::reserved).sum();
        self.weather.capacity_bytes.saturating_sub(used)
    }

    fn sync(&mut self, file: File) -> io::Result<Outcome> {
        let node = self.handle(file)?.node;
        match self.contents.get_mut(&node) {
            Some(content) => content.sync(),
            None => self.names.sync(node),
        }
        Ok(Outcome::Done)
    }

    /// An operation fails, and what it was about is as a failure leaves it.
    fn fail(&mut self, operation: &Operation, number: i32) -> io::Error {
        // A file is closed whatever closing it says.
        if let Operation::Close { file } = operation {
            self.handles.remove(&file.number);
        }
        let node = operation
            .file()
            .and_then(|file| self.handle(file).ok())
            .map(|it| it.node);
        let content = node.and_then(|node| self.contents.get_mut(&node));
        match (operation, content) {
            (Operation::Sync { .. }, Some(content)) => content.fail_sync(&mut self.random),
            (Operation::Sync { .. }, None) => {
                if let Some(directory) = node {
                    self.names.fail_sync(directory, &mut self.random);
                }
            }
            (Operation::Write { at, buffer, .. }, Some(content)) => {
                let part = self.random.below(buffer.len() as u64 + 1) as usize;
                content.write(*at, &buffer[..part]);
            }
            (Operation::Append { buffer, .. }, Some(content)) => {
                let part = self.random.below(buffer.len() as u64 + 1) as usize;
                content.write(content.len(), &buffer[..part]);
            }
            _ => {}
        }
        errno(number)
    }

    /// Contents that no name and no handle leads to.
    fn forget_unreachable(&mut self) {
        let Self {
            names,
            contents,
            handles,
            ..
        } = self;
        contents.retain(|node, _| {
            names.mentions(*node) || handles.values().any(|handle| handle.node == *node)
        });
    }

    /// What a machine finds that starts after a power cut. What was synced is there.
    pub(super) fn after_power_cut(mut self) -> Self {
        self.names.lose_power(&mut self.random);
        for content in self.contents.values_mut() {
            content.lose_power(&mut self.random);
        }
        self.handles.clear();
        self.planned.clear();
        self.slow.clear();
        self.forget_unreachable();
        self
    }
}

/// What tests arrange and look at.
impl Disk {
    /// The operation after `others` more fails with this errno.
    pub(super) fn plan_failure(&mut self, others: u64, errno: i32) {
        self.planned.push((others, errno));
    }

    fn planned_failure(&mut self) -> Option<i32> {
        let due = self.planned.iter().position(|(others, _)| *others == 0);
        let due = due.map(|at| self.planned.swap_remove(at).1);
        self.planned.iter_mut().for_each(|(others, _)| *others -= 1);
        due
    }

    /// A file's content, as whoever reads it now sees it.
    #[must_use]
    pub fn content(&self, path: &Path) -> Option<Vec<u8>> {
        let node = self.names.find(path).ok()?;
        let content = self.contents.get(&node)?;
        Some(content.read(0, usize::MAX).to_vec())
    }

    /// Puts a file there that is durable, and the directories that lead to it.
    pub fn put(&mut self, path: &Path, bytes: &[u8]) {
        let node = self.names.put(path);
        let content = self.contents.entry(node).or_default();
        content.resize(0);
        content.write(0, bytes);
        content.sync();
    }

    /// Makes a directory that is durable, with those that lead to it.
    pub(super) fn make_directory(&mut self, path: &Path) {
        self.names.put_directory(path);
    }

    /// Files and directories that are open.
    #[must_use]
    pub fn open_files(&self) -> usize {
        self.handles.len()
    }

    /// How long an operation takes.
    pub(super) fn delay_us(&mut self, operation: &Operation) -> u64 {
        let chance = self.random.below(self.weather.delay_us_max + 1);
        let path = match operation {
            Operation::Open { path, .. }
            | Operation::Remove { path }
            | Operation::RemoveDirectory { path }
            | Operation::MakeDirectory { path, .. }
            | Operation::List { path } => Some(path),
            Operation::Rename { from, .. } => Some(from),
            _ => operation
                .file()
                .and_then(|file| self.handles.get(&file.number))
                .map(|handle| &handle.path),
        };
        let slow = path.and_then(|path| self.slow.get(path));
        slow.copied().unwrap_or(chance)
    }

    /// True for what happens by chance: shared with the world's requests under way at a power cut.
    pub(super) fn one_in(&mut self, times: u64) -> bool {
        self.random.one_in(times)
    }
}
