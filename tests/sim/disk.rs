//! A disk that loses power at any moment, and whether what is left can be explained.
//!
//! Files are appended to, patched, synced, created, renamed and removed through `Io`, several at a
//! time; then the power goes, and the machine starts again on what is left. What was synced must be
//! there; of the rest each sector may be as it was after any of the changes since. The controls
//! trust more than a disk promises and must be caught.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use cairn::base::sim::{DiskWeather, Random, SimIo, Weather, World};
use cairn::base::{
    Ended, Event, Extent, File, FileBuffer, Io, OpenOptions, Operation, Outcome, RequestId, Sleep,
};

use crate::tracked::{Change, Tracked};

/// Names in the one directory.
const NAMES: usize = 4;
const DIRECTORY: &str = "/data";
/// Power cuts of a run, and requests before each.
const CUTS: usize = 3;
const REQUESTS: u64 = 100;
/// A disk that is never full, bytes.
const ROOMY: u64 = 1 << 30;

/// When a consumer takes data for durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// When a sync has succeeded that was asked for later.
    Synced,
    /// The control: when it has been written.
    Written,
    /// The control: when a sync has succeeded, though one before it has failed.
    SyncedAtLast,
}

/// What may be under a name after a power cut, and what is there now.
#[derive(Default)]
struct Name {
    possible: BTreeSet<Option<usize>>,
    current: Option<usize>,
}

/// What a request was for.
enum Purpose {
    Write { file: usize },
    Sync { file: usize },
    Open { file: usize },
    Close { file: usize },
    Create { name: usize, file: usize },
    Remove { name: usize },
    Rename { from: usize, to: usize },
    OpenDirectory,
    SyncDirectory,
}

pub struct Rig {
    trust: Trust,
    world: World,
    io: SimIo,
    random: Random,
    files: Vec<Tracked>,
    names: Vec<Name>,
    /// Names that a request under way changes; all of them while the directory is synced.
    changing: BTreeSet<usize>,
    directory: Option<File>,
    /// A sync of the directory has failed: what comes later proves nothing.
    directory_latched: bool,
    under_way: BTreeMap<RequestId, Purpose>,
    requests: RequestId,
    /// Writes may fail.
    fails: bool,
    /// Changes that did not survive.
    pub lost: usize,
}

/// Runs a seed. An error says what cannot be explained.
pub fn run(seed: u64, trust: Trust) -> Result<usize, String> {
    let mut rig = Rig::new(seed, trust);
    for _ in 0..CUTS {
        for _ in 0..REQUESTS {
            rig.act();
        }
        rig.cut()?;
    }
    Ok(rig.lost)
}

impl Rig {
    fn new(seed: u64, trust: Trust) -> Self {
        let random = Random::new(seed ^ 0xd15c);
        let weather = Weather {
            delay_us_max: 0,
            piece_bytes_max: 1,
            capacity_bytes: 1,
        };
        let world = World::new(1, seed, weather);
        world.make_directory(DIRECTORY.as_ref());
        let mut rig = Self {
            trust,
            io: world.io(0),
            world,
            random,
            files: Vec::new(),
            names: (0..NAMES).map(|_| Name::of(None)).collect(),
            changing: BTreeSet::new(),
            directory: None,
            directory_latched: false,
            under_way: BTreeMap::new(),
            requests: 0,
            fails: false,
            lost: 0,
        };
        rig.change_weather();
        rig
    }

    fn change_weather(&mut self) {
        let random = &mut self.random;
        let weather = DiskWeather {
            delay_us_max: *random.pick(&[0, 50, 1000]),
            failures: *random.pick(&[0, 0, 30]),
            capacity_bytes: *random.pick(&[ROOMY, ROOMY, 20_000]),
            refuses_direct: random.one_in(2),
        };
        self.fails = weather.failures > 0 || weather.capacity_bytes < ROOMY;
        self.world.set_disk_weather(weather);
    }

    fn path(name: usize) -> PathBuf {
        PathBuf::from(format!("{DIRECTORY}/{name}"))
    }

    fn ask(&mut self, operation: Operation, purpose: Purpose) {
        self.requests += 1;
        let refused = self.io.request(self.requests, operation);
        assert!(refused.is_ok(), "few are under way");
        self.under_way.insert(self.requests, purpose);
    }

    /// Asks for something, or lets time pass; takes in what has ended.
    fn act(&mut self) {
        match self.random.below(6) {
            0 => self.change_names(),
            1 => {
                let us = self.random.below(300);
                self.world.advance(us);
            }
            _ => self.change_file(),
        }
        let mut events = Vec::new();
        self.io.poll(Sleep::No, &mut events);
        for event in events {
            match event {
                Event::Ended(ended) => self.ended(ended),
                other => panic!("{other:?}"),
            }
        }
    }

    fn change_file(&mut self) {
        let name = self.random.below(NAMES as u64) as usize;
        let Some(file) = self.names[name].current else {
            return;
        };
        if self.files[file].busy || self.changing.contains(&name) {
            return;
        }
        self.files[file].busy = true;
        let Some(handle) = self.files[file].handle else {
            let appends = self.random.one_in(2);
            self.files[file].appends = appends;
            let options = if appends { APPENDED } else { PATCHED };
            let path = Self::path(name);
            return self.ask(Operation::Open { path, options }, Purpose::Open { file });
        };
        let stopped = self.files[file].latched || self.files[file].spoiled;
        match self.random.below(8) {
            0 => self.ask(Operation::Close { file: handle }, Purpose::Close { file }),
            1 | 2 if !stopped || self.trust == Trust::SyncedAtLast => {
                let extent = *self.random.pick(&[Extent::Data, Extent::Everything]);
                self.ask(
                    Operation::Sync {
                        file: handle,
                        extent,
                    },
                    Purpose::Sync { file },
                );
            }
            _ if stopped => self.files[file].busy = false,
            _ => self.write(file, handle),
        }
    }

    fn write(&mut self, file: usize, handle: File) {
        let len = *self.random.pick(&[1, 100, 512, 1500]);
        let bytes: Vec<u8> = (0..len).map(|_| self.random.next() as u8).collect();
        let buffer = FileBuffer::of(&bytes);
        let tracked = &mut self.files[file];
        let size = tracked.states().last().map_or(0, Vec::len) as u64;
        let (change, operation) = if self.random.one_in(8) {
            let bytes = self.random.below(size + 600);
            let operation = Operation::Resize {
                file: handle,
                bytes,
            };
            (Change::Resize(bytes as usize), operation)
        } else if tracked.appends {
            let operation = Operation::Append {
                file: handle,
                buffer,
            };
            (Change::Append(bytes), operation)
        } else {
            let at = self.random.below(size + 600);
            let operation = Operation::Write {
                file: handle,
                at,
                buffer,
            };
            let at = at as usize;
            (Change::Write { at, bytes }, operation)
        };
        tracked.changes.push(change);
        self.ask(operation, Purpose::Write { file });
    }

    fn change_names(&mut self) {
        let (one, other) = (self.random.below(4) as usize, self.random.below(4) as usize);
        let busy = |rig: &Self, name: usize| {
            let current = rig.names[name].current;
            rig.changing.contains(&name) || current.is_some_and(|file| rig.files[file].busy)
        };
        let Some(directory) = self.directory else {
            if !self
                .under_way
                .values()
                .any(|it| matches!(it, Purpose::OpenDirectory))
            {
                let (path, options) = (DIRECTORY.into(), OpenOptions::DIRECTORY);
                self.ask(Operation::Open { path, options }, Purpose::OpenDirectory);
            }
            return;
        };
        if self.random.one_in(3) && self.changing.is_empty() {
            self.changing.extend(0..NAMES);
            let (file, extent) = (directory, Extent::Everything);
            return self.ask(Operation::Sync { file, extent }, Purpose::SyncDirectory);
        }
        if busy(self, one) || busy(self, other) {
            return;
        }
        match self.names[one].current {
            None => {
                let file = self.files.len();
                let (appends, busy) = (true, true);
                self.files.push(Tracked {
                    appends,
                    busy,
                    ..Tracked::default()
                });
                self.changing.insert(one);
                self.names[one].possible.insert(Some(file));
                let (path, options) = (Self::path(one), CREATED);
                self.ask(
                    Operation::Open { path, options },
                    Purpose::Create { name: one, file },
                );
            }
            Some(file) if one != other && self.random.one_in(2) => {
                self.changing.extend([one, other]);
                self.names[one].possible.insert(None);
                self.names[other].possible.insert(Some(file));
                let (from, to) = (Self::path(one), Self::path(other));
                let purpose = Purpose::Rename {
                    from: one,
                    to: other,
                };
                self.ask(Operation::Rename { from, to }, purpose);
            }
            Some(_) => {
                self.changing.insert(one);
                self.names[one].possible.insert(None);
                let path = Self::path(one);
                self.ask(Operation::Remove { path }, Purpose::Remove { name: one });
            }
        }
    }

    fn ended(&mut self, ended: Ended) {
        let purpose = self.under_way.remove(&ended.id).expect("it was asked for");
        let result = ended.result;
        match purpose {
            Purpose::Write { file } => {
                let tracked = &mut self.files[file];
                tracked.busy = false;
                match result.is_ok() {
                    true if self.trust == Trust::Written => tracked.trust(),
                    true => {}
                    false => tracked.spoiled = true,
                }
            }
            Purpose::Sync { file } => {
                let tracked = &mut self.files[file];
                tracked.busy = false;
                match result.is_ok() {
                    true => tracked.trust(),
                    false => tracked.latched = true,
                }
            }
            Purpose::Open { file } => {
                self.files[file].busy = false;
                self.files[file].handle = Some(opened(result));
            }
            Purpose::Close { file } => {
                self.files[file].busy = false;
                self.files[file].handle = None;
            }
            Purpose::Create { name, file } => {
                self.changing.remove(&name);
                self.names[name].current = Some(file);
                self.files[file].busy = false;
                self.files[file].handle = Some(opened(result));
            }
            Purpose::Remove { name } => {
                self.changing.remove(&name);
                self.names[name].current = None;
            }
            Purpose::Rename { from, to } => {
                self.changing.retain(|name| *name != from && *name != to);
                self.names[to].current = self.names[from].current.take();
            }
            Purpose::OpenDirectory => self.directory = Some(opened(result)),
            Purpose::SyncDirectory => {
                self.changing.clear();
                self.directory_latched |= result.is_err();
                if result.is_ok() && (!self.directory_latched || self.trust == Trust::SyncedAtLast)
                {
                    for name in &mut self.names {
                        *name = Name::of(name.current);
                    }
                }
            }
        }
    }

    /// Cuts the power and explains what is left.
    fn cut(&mut self) -> Result<(), String> {
        for purpose in self.under_way.values() {
            // It may have failed in the last moment, with a part of it written.
            if let (Purpose::Write { file }, true) = (purpose, self.fails) {
                self.files[*file].spoiled = true;
            }
        }
        self.world = self.world.power_cut();
        self.io = self.world.io(0);
        let mut files = Vec::new();
        for (number, name) in self.names.iter_mut().enumerate() {
            let Some(found) = self.world.file(&Self::path(number)) else {
                if !name.possible.contains(&None) {
                    return Err(format!("file {number} is gone"));
                }
                *name = Name::of(None);
                continue;
            };
            let mut known = name
                .possible
                .iter()
                .flatten()
                .map(|file| &self.files[*file]);
            if !known.any(|tracked| tracked.explains(&found)) {
                return Err(format!("file {number} holds {} odd bytes", found.len()));
            }
            let whole = name.current.map(|file| self.files[file].states().pop());
            self.lost += usize::from(whole.flatten().as_ref() != Some(&found));
            *name = Name::of(Some(files.len()));
            files.push(Tracked {
                durable: found,
                ..Tracked::default()
            });
        }
        self.files = files;
        self.under_way.clear();
        self.changing.clear();
        self.directory = None;
        self.directory_latched = false;
        self.change_weather();
        Ok(())
    }
}

impl Name {
    fn of(file: Option<usize>) -> Self {
        Self {
            possible: BTreeSet::from([file]),
            current: file,
        }
    }
}

fn opened(result: std::io::Result<Outcome>) -> File {
    match result {
        Ok(Outcome::Opened(file)) => file,
        other => panic!("{other:?}"),
    }
}

const APPENDED: OpenOptions = OpenOptions {
    read: false,
    append: true,
    ..OpenOptions::READ
};
const PATCHED: OpenOptions = OpenOptions {
    write: true,
    ..OpenOptions::READ
};
const CREATED: OpenOptions = OpenOptions {
    create_new: true,
    ..APPENDED
};
