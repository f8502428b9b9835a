//! One contract test of files and outgoing connections, for every `Io`.
//!
//! Each implementation instantiates it with `file_suite!`, the simulated one included, so that what
//! runs in the simulator runs the same on a disk. No test sleeps: `poll` waits, or the simulated
//! clock moves to what happens next. What only the simulated disk does is tested beside it.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::file::{
    Address, Ended, Extent, File, FileBuffer, OpenOptions, Operation, Outcome, RequestId,
};
use super::io::{Event, Io, Sleep, Socket, Token};
use super::socket::{self, ListenOptions};
use crate::limits::{FILE_ALIGNMENT, FILE_REQUESTS_MAX, FILE_SHUTDOWN_MS};

const DEADLINE: Duration = Duration::from_secs(20);

/// What is around an `Io`: a directory to work in, and peers to connect to.
pub(super) trait Outside {
    /// An empty directory that exists.
    fn directory(&self) -> PathBuf;
    /// Lets time pass until something can happen.
    fn pass(&mut self);
    /// An address at which somebody listens.
    fn listen(&mut self) -> Address;
    /// The same, a unix socket.
    fn listen_unix(&mut self) -> Address;
    /// An address at which nobody does.
    fn nobody(&mut self) -> Address;
    /// An address at which connecting takes for ever, but for the first.
    fn stubborn(&mut self) -> Address;
    /// Accepts the last connection, sends it `hello` and reads five bytes of it.
    fn greet(&mut self, address: &Address, answer: impl FnMut()) -> Vec<u8>;
}

/// The machine itself.
pub(super) struct Machine {
    directory: PathBuf,
    tcp: Option<TcpListener>,
    unix: Option<UnixListener>,
    stubborn: Option<Socket>,
}

impl Machine {
    pub(super) fn new(name: &str) -> Self {
        use std::sync::atomic::{AtomicU32, Ordering};
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("cairn-io-{name}-{}-{number}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&directory).unwrap();
        Machine {
            directory,
            tcp: None,
            unix: None,
            stubborn: None,
        }
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.directory).unwrap();
        if let Some(socket) = self.stubborn {
            socket::close(socket);
        }
    }
}

trait Stream: Read + Write {}
impl Stream for TcpStream {}
impl Stream for UnixStream {}

impl Outside for Machine {
    fn directory(&self) -> PathBuf {
        self.directory.clone()
    }
    fn pass(&mut self) {}
    fn listen(&mut self) -> Address {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        self.tcp = Some(listener);
        Address::Tcp(address)
    }
    fn listen_unix(&mut self) -> Address {
        let path = self.directory.join("socket");
        self.unix = Some(UnixListener::bind(&path).unwrap());
        Address::Unix(path)
    }
    fn nobody(&mut self) -> Address {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        Address::Tcp(listener.local_addr().unwrap())
    }
    fn stubborn(&mut self) -> Address {
        // It never accepts, and no more than one may wait: what comes later is not answered.
        let options = ListenOptions {
            backlog: 0,
            keepalive_s: 0,
            shared: false,
        };
        let socket = socket::listen_tcp("127.0.0.1", 0, options).unwrap();
        self.stubborn = Some(socket);
        let port = socket::local_port(socket).unwrap();
        Address::Tcp(([127, 0, 0, 1], port).into())
    }
    fn greet(&mut self, address: &Address, mut answer: impl FnMut()) -> Vec<u8> {
        let mut stream: Box<dyn Stream> = match address {
            Address::Tcp(_) => Box::new(self.tcp.as_ref().unwrap().accept().unwrap().0),
            Address::Unix(_) => Box::new(self.unix.as_ref().unwrap().accept().unwrap().0),
        };
        stream.write_all(b"hello").unwrap();
        answer();
        let mut got = [0; 5];
        stream.read_exact(&mut got).unwrap();
        got.to_vec()
    }
}

/// A shard's side of the tests.
pub(super) struct Bench<I: Io, O: Outside> {
    // Goes before the directory does.
    io: I,
    outside: O,
    directory: PathBuf,
    requests: RequestId,
    ended: HashMap<RequestId, Ended>,
    received: Vec<u8>,
    sent: usize,
}

impl<I: Io, O: Outside> Bench<I, O> {
    pub(super) fn new(io: I, outside: O) -> Self {
        Bench {
            io,
            directory: outside.directory(),
            outside,
            requests: 100,
            ended: HashMap::new(),
            received: Vec::new(),
            sent: 0,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    fn step(&mut self) {
        self.poll(Sleep::AtMost(50_000));
        self.outside.pass();
    }

    fn poll(&mut self, wait: Sleep) {
        let mut events = Vec::new();
        self.io.poll(wait, &mut events);
        for event in events {
            match event {
                Event::Ended(ended) => {
                    assert!((101..=self.requests).contains(&ended.id), "an id of ours");
                    let known = self.ended.insert(ended.id, ended);
                    assert!(known.is_none(), "a request ends once");
                }
                Event::Received { buffer, .. } => {
                    self.received.extend_from_slice(&buffer);
                    self.io.recycle(buffer);
                }
                Event::Sent { result, .. } => {
                    result.unwrap();
                    self.sent += 1;
                }
                other => panic!("{other:?}"),
            }
        }
    }

    fn ask(&mut self, operation: Operation) -> RequestId {
        self.requests += 1;
        let refused = self.io.request(self.requests, operation).err();
        assert!(refused.is_none(), "there is room: {refused:?}");
        self.requests
    }

    fn until(&mut self, what: &str, mut done: impl FnMut(&Self) -> bool) {
        let start = Instant::now();
        while !done(self) {
            assert!(start.elapsed() < DEADLINE, "waited too long for {what}");
            self.step();
        }
    }

    fn end(&mut self, id: RequestId) -> Ended {
        self.until("an end", |bench| bench.ended.contains_key(&id));
        self.ended.remove(&id).unwrap()
    }

    fn call(&mut self, operation: Operation) -> Result<Outcome, i32> {
        let id = self.ask(operation);
        let result = self.end(id).result;
        result.map_err(|error| error.raw_os_error().expect("errors are the system's"))
    }

    fn done(&mut self, operation: Operation) {
        let result = self.call(operation);
        assert!(matches!(result, Ok(Outcome::Done)), "{result:?}");
    }

    fn fails(&mut self, errno: i32, operation: Operation) {
        let text = format!("{operation:?}");
        let result = self.call(operation);
        assert!(
            matches!(result, Err(it) if it == errno),
            "{text}: {result:?}, not {errno}"
        );
    }

    fn try_open(&mut self, path: &Path, options: OpenOptions) -> Result<File, i32> {
        let path = path.to_path_buf();
        match self.call(Operation::Open { path, options })? {
            Outcome::Opened(file) => Ok(file),
            other => panic!("{other:?}"),
        }
    }

    fn open(&mut self, name: &str, options: OpenOptions) -> File {
        let path = self.path(name);
        self.try_open(&path, options).expect("it can be opened")
    }

    fn close(&mut self, file: File) {
        self.done(Operation::Close { file });
    }

    fn write(&mut self, file: File, at: u64, bytes: &[u8]) {
        let buffer = FileBuffer::of(bytes);
        let id = self.ask(Operation::Write { file, at, buffer });
        let Ended { result, buffer, .. } = self.end(id);
        assert!(matches!(result, Ok(Outcome::Bytes(count)) if count as usize == bytes.len()));
        assert_eq!(&buffer.expect("it comes back")[..], bytes);
    }

    fn read(&mut self, file: File, at: u64, bytes: usize) -> Vec<u8> {
        let buffer = FileBuffer::with_capacity(bytes);
        let id = self.ask(Operation::Read { file, at, buffer });
        let Ended { result, buffer, .. } = self.end(id);
        let buffer = buffer.expect("it comes back");
        assert!(matches!(result, Ok(Outcome::Bytes(count)) if count as usize == buffer.len()));
        buffer.to_vec()
    }

    fn size(&mut self, file: File) -> u64 {
        match self.call(Operation::Size { file }) {
            Ok(Outcome::Size(size)) => size,
            other => panic!("{other:?}"),
        }
    }

    fn make(&mut self, name: &str, bytes: &[u8]) {
        let file = self.open(name, OpenOptions::REPLACE);
        self.write(file, 0, bytes);
        self.close(file);
    }

    fn make_directory(&mut self, name: &str) {
        let path = self.path(name);
        self.done(Operation::MakeDirectory { path, mode: 0o777 });
    }

    fn content(&mut self, name: &str) -> Vec<u8> {
        let file = self.open(name, OpenOptions::READ);
        let size = self.size(file) as usize;
        let bytes = self.read(file, 0, size);
        self.close(file);
        assert_eq!(
            bytes.len(),
            size,
            "a read ends early at the end of the file only"
        );
        bytes
    }

    fn names(&mut self, name: &str) -> Vec<String> {
        let path = self.path(name);
        match self.call(Operation::List { path }) {
            Ok(Outcome::Names(names)) => {
                let names = names.into_iter();
                names.map(|name| name.into_string().unwrap()).collect()
            }
            other => panic!("{other:?}"),
        }
    }
}

const READ_WRITE: OpenOptions = OpenOptions {
    read: true,
    write: true,
    create: true,
    ..OpenOptions::READ
};
const APPEND: OpenOptions = OpenOptions {
    read: false,
    append: true,
    create: true,
    ..OpenOptions::READ
};
const NEW: OpenOptions = OpenOptions {
    create_new: true,
    ..READ_WRITE
};

fn pattern(bytes: usize, seed: usize) -> Vec<u8> {
    (0..bytes)
        .map(|index| ((index + seed).wrapping_mul(31) >> 3) as u8)
        .collect()
}

pub(super) fn files_are_opened<I: Io, O: Outside>(mut bench: Bench<I, O>) {
    let missing = bench.path("missing");
    assert_eq!(
        bench.try_open(&missing, OpenOptions::READ),
        Err(libc::ENOENT)
    );
    assert_eq!(bench.try_open(&bench.path("no/x"), NEW), Err(libc::ENOENT));
    let file = bench.open("one", NEW);
    assert!(!file.is_direct());
    bench.write(file, 0, b"content");
    bench.close(file);
    assert_eq!(bench.try_open(&bench.path("one"), NEW), Err(libc::EEXIST));
    assert_eq!(
        bench.try_open(&bench.path("one/x"), READ_WRITE),
        Err(libc::ENOTDIR)
    );
    let of_file = bench.try_open(&bench.path("one"), OpenOptions::DIRECTORY);
    assert_eq!(of_file, Err(libc::ENOTDIR));
    assert_eq!(bench.content("one"), b"content");
    let file = bench.open("one", READ_WRITE);
    assert_eq!(
        bench.read(file, 0, 1),
        b"content",
        "create keeps what is there"
    );
    bench.close(file);
    let file = bench.open("one", OpenOptions::REPLACE);
    assert_eq!(bench.size(file), 0, "truncate does not");
    bench.close(file);
    bench.make_directory("directory");
    let directory = bench.path("directory");
    assert_eq!(
        bench.try_open(&directory, OpenOptions::REPLACE),
        Err(libc::EISDIR)
    );
    let file = bench.open("directory", OpenOptions::DIRECTORY);
    bench.done(Operation::Sync {
        file,
        extent: Extent::Everything,
    });
    bench.close(file);
    let odd = bench.path("with\0zero");
    assert_eq!(bench.try_open(&odd, NEW), Err(libc::EINVAL));
    bench.fails(libc::EINVAL, Operation::List { path: odd });
}

pub(super) fn bytes_are_written_and_read<I: Io, O: Outside>(mut bench: Bench<I, O>) {
    let file = bench.open("data", NEW);
    let whole = pattern(300_000, 0);
    bench.write(file, 0, &whole);
    bench.write(file, 100, b"patched");
    bench.write(file, 400_000, b"beyond");
    assert_eq!(bench.size(file), 400_006);
    let mut expected = whole;
    expected[100..107].copy_from_slice(b"patched");
    expected.resize(400_000, 0);
    expected.extend_from_slice(b"beyond");
    assert!(bench.read(file, 0, expected.len()) == expected);
    assert_eq!(
        bench.read(file, 400_000, 4096),
        b"beyond",
        "less at the end only"
    );
    assert_eq!(bench.read(file, 400_006, 1), b"");
    assert_eq!(bench.read(file, 1 << 40, 1), b"");
    bench.write(file, 3, b"");
    for extent in [Extent::Data, Extent::Everything] {
        bench.done(Operation::Sync { file, extent });
    }
    bench.close(file);
    assert!(bench.content("data") == expected);
}

pub(super) fn appends_land_in_the_order_asked<I: Io, O: Outside>(mut bench: Bench<I, O>) {
    bench.make("log", b"head ");
    let (first, second) = (bench.open("log", APPEND), bench.open("other", APPEND));
    let mut expected = [b"head ".to_vec(), Vec::new()];
    let mut asked = Vec::new();
    for number in 0..300 {
        for (index, file) in [first, second].into_iter().enumerate() {
            // Small and large ones, so that one overtakes the other if it may.
            let bytes = pattern([10, 40_000, 700][number % 3], number + index);
            expected[index].extend_from_slice(&bytes);
            let buffer = FileBuffer::of(&bytes);
            asked.push(bench.ask(Operation::Append { file, buffer }));
        }
    }
    for id in asked {
        let ended = bench.end(id);
        assert!(matches!(ended.result, Ok(Outcome::Bytes(_))), "{ended:?}");
    }
    bench.close(first);
    bench.close(second);
    assert!(bench.content("log") == expected[0]);
    assert!(bench.content("other") == expected[1]);
}

pub(super) fn many_are_under_way_and_no_more<I: Io, O: Outside>(mut bench: Bench<I, O>) {
    let file = bench.open("many", NEW);
    for round in 0..3_u8 {
        let write = |number: usize| Operation::Write {
            file,
            at: number as u64 * 16,
            buffer: FileBuffer::of(&[round.wrapping_add(number as u8); 16]),
        };
        let asked: Vec<RequestId> = (0..FILE_REQUESTS_MAX)
            .map(|it| bench.ask(write(it)))
            .collect();
        let refused = bench.io.request(1, write(FILE_REQUESTS_MAX));
        let Err(Operation::Write { buffer, .. }) = refused else {
            panic!("one too many: {refused:?}");
        };
        assert_eq!(buffer.len(), 16, "what is refused comes back");
        for id in asked {
            let ended = bench.end(id);
            assert!(matches!(ended.result, Ok(Outcome::Bytes(16))), "{ended:?}");
            assert!(ended.buffer.is_some());
        }
        let content = bench.read(file, 0, FILE_REQUESTS_MAX * 16);
        for (number, part) in content.chunks(16).enumerate() {
            assert_eq!(part, [round.wrapping_add(number as u8); 16]);
        }
    }
    bench.close(file);
}

pub(super) fn names_change<I: Io, O: Outside>(mut bench: Bench<I, O>) {
    let rename = |bench: &Bench<I, O>, from: &str, to: &str| Operation::Rename {
        from: bench.path(from),
        to: bench.path(to),
    };
    bench.make("a", b"of a");
    bench.make("b", b"of b");
    bench.done(rename(&bench, "a", "b"));
    assert_eq!(bench.content("b"), b"of a");
    assert_eq!(bench.names(""), ["b"]);
    bench.fails(libc::ENOENT, rename(&bench, "a", "c"));
    bench.fails(libc::ENOENT, rename(&bench, "b", "nowhere/b"));
    bench.make_directory("empty");
    bench.make_directory("full");
    bench.make("full/x", b"x");
    bench.fails(libc::EISDIR, rename(&bench, "b", "empty"));
    bench.fails(libc::ENOTDIR, rename(&bench, "empty", "b"));
    bench.fails(libc::ENOTEMPTY, rename(&bench, "empty", "full"));
    bench.fails(libc::EINVAL, rename(&bench, "full", "full/inside"));
    bench.done(rename(&bench, "full", "empty"));
    assert_eq!(bench.names(""), ["b", "empty"]);
    assert_eq!(bench.names("empty"), ["x"]);
}

pub(super) fn names_are_made_listed_and_removed<I: Io, O: Outside>(mut bench: Bench<I, O>) {
    let remove = |path: PathBuf| Operation::Remove { path };
    let remove_directory = |path: PathBuf| Operation::RemoveDirectory { path };
    bench.make_directory("full");
    for name in ["b", "full/y", "full/x"] {
        bench.make(name, b"x");
    }
    for name in ["b", "full"] {
        let (path, mode) = (bench.path(name), 0o777);
        bench.fails(libc::EEXIST, Operation::MakeDirectory { path, mode });
    }
    assert_eq!(bench.names(""), ["b", "full"]);
    assert_eq!(bench.names("full"), ["x", "y"]);
    let [b, full, missing] = ["b", "full", "missing"].map(|name| bench.path(name));
    let list = |path: &Path| Operation::List { path: path.into() };
    bench.fails(libc::ENOENT, list(&missing));
    bench.fails(libc::ENOTDIR, list(&b));
    bench.fails(libc::EISDIR, remove(full.clone()));
    bench.fails(libc::ENOENT, remove(missing.clone()));
    bench.fails(libc::ENOTEMPTY, remove_directory(full.clone()));
    bench.fails(libc::ENOTDIR, remove_directory(b.clone()));
    bench.fails(libc::ENOENT, remove_directory(missing));
    bench.done(remove(full.join("x")));
    bench.done(remove(full.join("y")));
    bench.done(remove_directory(full));
    // Whoever has a file open keeps it.
    let file = bench.open("b", OpenOptions::READ);
    bench.done(remove(b));
    assert_eq!(bench.read(file, 0, 10), b"x");
    bench.close(file);
    assert!(bench.names("").is_empty());
}

pub(super) fn buffers_come_back_whatever_happens<I: Io, O: Outside>(mut bench: Bench<I, O>) {
    bench.make("file", b"content");
    let reader = bench.open("file", OpenOptions::READ);
    let writer = bench.open("file", APPEND);
    let directory = bench.open("", OpenOptions::DIRECTORY);
    let buffer = || FileBuffer::of(b"mine");
    let write = |file, at| Operation::Write {
        file,
        at,
        buffer: buffer(),
    };
    let read = |file, at| Operation::Read {
        file,
        at,
        buffer: buffer(),
    };
    let append = Operation::Append {
        file: reader,
        buffer: buffer(),
    };
    let failing = [
        (libc::EBADF, write(reader, 0)),
        (libc::EBADF, append),
        (libc::EBADF, read(writer, 0)),
        (libc::EISDIR, read(directory, 0)),
        (libc::EINVAL, read(reader, u64::MAX)),
        (libc::EINVAL, write(writer, 1 << 63)),
    ];
    for (errno, operation) in failing {
        let reads = matches!(operation, Operation::Read { .. });
        let id = bench.ask(operation);
        let Ended { result, buffer, .. } = bench.end(id);
        assert_eq!(result.unwrap_err().raw_os_error(), Some(errno));
        let buffer = buffer.expect("it comes back");
        assert!(reads || &buffer[..] == b"mine");
    }
    assert_eq!(bench.content("file"), b"content");
    for file in [reader, writer, directory] {
        bench.close(file);
    }
}

pub(super) fn files_are_resized<I: Io, O: Outside>(mut bench: Bench<I, O>) {
    bench.make("sized", b"0123456789");
    let file = bench.open("sized", READ_WRITE);
    let resize = |bytes| Operation::Resize { file, bytes };
    bench.done(resize(4));
    bench.done(resize(6));
    assert_eq!(bench.size(file), 6);
    assert_eq!(bench.read(file, 0, 10), b"0123\0\0");
    bench.done(resize(0));
    assert_eq!(bench.size(file), 0);
    bench.fails(libc::EINVAL, resize(u64::MAX));
    bench.close(file);
    let file = bench.open("sized", OpenOptions::READ);
    // Linux says EINVAL where others say EBADF.
    bench.fails(libc::EINVAL, Operation::Resize { file, bytes: 1 });
    bench.close(file);
    let file = bench.open("sized", APPEND);
    bench.done(Operation::Resize { file, bytes: 3 });
    let buffer = FileBuffer::of(b"x");
    let id = bench.ask(Operation::Append { file, buffer });
    assert!(bench.end(id).result.is_ok());
    bench.close(file);
    assert_eq!(bench.content("sized"), b"\0\0\0x");
}

pub(super) fn space_is_reserved<I: Io, O: Outside>(mut bench: Bench<I, O>) {
    let file = bench.open("reserved", NEW);
    let allocate = |at, bytes, keep_size| Operation::Allocate {
        file,
        at,
        bytes,
        keep_size,
    };
    bench.write(file, 0, b"here");
    bench.done(allocate(0, 20_000, true));
    assert_eq!(bench.size(file), 4);
    bench.done(allocate(0, 10_000, false));
    assert_eq!(bench.size(file), 10_000);
    bench.done(allocate(100, 10, false));
    assert_eq!(bench.size(file), 10_000, "nothing is cut off");
    let content = bench.read(file, 0, 10_000);
    assert!(&content[..4] == b"here" && content[4..].iter().all(|byte| *byte == 0));
    bench.fails(libc::EINVAL, allocate(0, 0, false));
    bench.fails(libc::EINVAL, allocate(u64::MAX, 1, false));
    bench.close(file);
    let file = bench.open("reserved", OpenOptions::READ);
    let (at, bytes) = (0, 1);
    bench.fails(
        libc::EBADF,
        Operation::Allocate {
            file,
            at,
            bytes,
            keep_size: false,
        },
    );
    bench.close(file);
}

pub(super) fn direct_files_are_aligned<I: Io, O: Outside>(mut bench: Bench<I, O>) {
    let direct = OpenOptions {
        direct: true,
        ..NEW
    };
    let file = bench.open("direct", direct);
    if !file.is_direct() {
        eprintln!("this file system refuses direct files: they are opened without");
        return;
    }
    let whole = pattern(3 * FILE_ALIGNMENT, 1);
    bench.write(file, 0, &whole);
    let block = FILE_ALIGNMENT as u64;
    bench.write(file, block, &whole[..FILE_ALIGNMENT]);
    let mut expected = whole.clone();
    expected.copy_within(0..FILE_ALIGNMENT, FILE_ALIGNMENT);
    assert!(bench.read(file, 0, 10 * FILE_ALIGNMENT) == expected);
    assert!(bench.read(file, block, FILE_ALIGNMENT) == whole[..FILE_ALIGNMENT]);
    let odd = |at, bytes: usize| Operation::Write {
        file,
        at,
        buffer: FileBuffer::of(&vec![9; bytes]),
    };
    for operation in [
        odd(0, 512),
        odd(512, FILE_ALIGNMENT),
        odd(0, FILE_ALIGNMENT + 1),
        Operation::Read {
            file,
            at: 100,
            buffer: FileBuffer::with_capacity(1),
        },
    ] {
        let id = bench.ask(operation);
        let Ended { result, buffer, .. } = bench.end(id);
        assert_eq!(result.unwrap_err().raw_os_error(), Some(libc::EINVAL));
        assert!(buffer.is_some());
    }
    bench.done(Operation::Sync {
        file,
        extent: Extent::Data,
    });
    bench.close(file);
    // A file that ends inside a block is read up to its end.
    let cached = bench.open("direct", READ_WRITE);
    bench.write(cached, 3 * block, b"tail");
    bench.done(Operation::Sync {
        file: cached,
        extent: Extent::Everything,
    });
    bench.close(cached);
    let file = bench.open(
        "direct",
        OpenOptions {
            direct: true,
            ..OpenOptions::READ
        },
    );
    expected.extend_from_slice(b"tail");
    assert!(bench.read(file, 0, 10 * FILE_ALIGNMENT) == expected);
    assert_eq!(bench.read(file, 3 * block, 1), b"tail");
    bench.close(file);
}

/// For a file system that keeps to its cache.
pub(super) fn direct_may_be_refused<I: Io, O: Outside>(mut bench: Bench<I, O>) {
    let file = bench.open(
        "cached",
        OpenOptions {
            direct: true,
            ..NEW
        },
    );
    assert!(!file.is_direct());
    bench.write(file, 100, b"anywhere");
    assert_eq!(bench.read(file, 100, 1), b"anywhere");
    bench.close(file);
    let again = OpenOptions {
        direct: true,
        ..NEW
    };
    assert_eq!(
        bench.try_open(&bench.path("cached"), again),
        Err(libc::EEXIST)
    );
}

pub(super) fn what_is_cancelled_ends_once<I: Io, O: Outside>(mut bench: Bench<I, O>) {
    let file = bench.open("cancelled", APPEND);
    let append = |bytes: &[u8]| Operation::Append {
        file,
        buffer: FileBuffer::of(bytes),
    };
    let asked: Vec<RequestId> = (0..50).map(|it| bench.ask(append(&[it; 1000]))).collect();
    for id in asked.iter().rev() {
        bench.io.cancel(*id);
    }
    bench.io.cancel(7);
    let mut expected = Vec::new();
    for (number, id) in asked.iter().enumerate() {
        let Ended { result, buffer, .. } = bench.end(*id);
        let buffer = buffer.expect("it comes back");
        match result {
            Ok(_) => expected.extend_from_slice(&buffer),
            Err(error) => assert_eq!(error.raw_os_error(), Some(libc::ECANCELED), "{number}"),
        }
    }
    let id = bench.ask(append(b"behind"));
    assert!(
        bench.end(id).result.is_ok(),
        "what comes later is carried out"
    );
    expected.extend_from_slice(b"behind");
    bench.close(file);
    assert!(bench.content("cancelled") == expected);
}

/// Must neither hang nor touch memory that is gone (the allocator's own checks, or a sanitizer).
pub(super) fn an_end_with_requests_under_way<I: Io, O: Outside>(mut bench: Bench<I, O>) {
    let file = bench.open("abandoned", READ_WRITE);
    let log = bench.open("log", APPEND);
    for number in 0..50_u64 {
        let (at, buffer) = (number * 100_000, FileBuffer::of(&pattern(100_000, 0)));
        bench.ask(Operation::Write { file, at, buffer });
        bench.ask(Operation::Append {
            file: log,
            buffer: FileBuffer::of(b"x"),
        });
        bench.ask(Operation::Sync {
            file,
            extent: Extent::Everything,
        });
        let path = bench.path("abandoned");
        bench.ask(Operation::Open {
            path,
            options: OpenOptions::READ,
        });
    }
    bench.poll(Sleep::No);
    let Bench { io, outside, .. } = bench;
    let start = Instant::now();
    drop(io);
    assert!(start.elapsed() < Duration::from_secs(10));
    drop(outside);
}

pub(super) fn connections_are_made<I: Io, O: Outside>(mut bench: Bench<I, O>) {
    const TOKEN: Token = 3;
    for unix in [false, true] {
        let address = match unix {
            true => bench.outside.listen_unix(),
            false => bench.outside.listen(),
        };
        let connected = bench.call(Operation::Connect {
            address: address.clone(),
        });
        let Ok(Outcome::Connected(socket)) = connected else {
            panic!("{connected:?}");
        };
        bench.io.attach(TOKEN, socket).unwrap();
        bench.io.send(TOKEN, b"howdy".to_vec());
        let Bench {
            io,
            outside,
            received,
            sent,
            ..
        } = &mut bench;
        // The peer reads only what was sent, and that happens in `poll`.
        let got = outside.greet(&address, || {
            let mut events = Vec::new();
            io.poll(Sleep::No, &mut events);
            for event in events {
                match event {
                    Event::Sent { .. } => *sent += 1,
                    Event::Received { buffer, .. } => {
                        received.extend_from_slice(&buffer);
                        io.recycle(buffer);
                    }
                    other => panic!("{other:?}"),
                }
            }
        });
        assert_eq!(got, b"howdy");
        bench.until("the greeting", |bench| {
            bench.received == b"hello" && bench.sent == 1
        });
        bench.received.clear();
        bench.sent = 0;
        bench.io.reset(TOKEN);
        let mut events = Vec::new();
        let start = Instant::now();
        while events.is_empty() {
            bench.io.poll(Sleep::AtMost(1000), &mut events);
            assert!(start.elapsed() < DEADLINE);
        }
        assert!(matches!(events[0], Event::Closed { token: TOKEN, .. }));
    }
    let address = bench.outside.nobody();
    bench.fails(libc::ECONNREFUSED, Operation::Connect { address });
    let path = bench.path("no-socket");
    bench.fails(
        libc::ENOENT,
        Operation::Connect {
            address: Address::Unix(path),
        },
    );
}

pub(super) fn connecting_is_cancelled<I: Io, O: Outside>(mut bench: Bench<I, O>) {
    let address = bench.outside.stubborn();
    let connect = || Operation::Connect {
        address: address.clone(),
    };
    let asked: Vec<RequestId> = (0..5).map(|_| bench.ask(connect())).collect();
    bench.poll(Sleep::No);
    for id in &asked {
        bench.io.cancel(*id);
    }
    let mut cancelled = 0;
    for id in asked {
        match bench.end(id).result {
            Ok(Outcome::Connected(socket)) => bench.io.discard(socket),
            Err(error) if error.raw_os_error() == Some(libc::ECANCELED) => cancelled += 1,
            other => panic!("{other:?}"),
        }
    }
    assert!(cancelled >= 2, "{cancelled}");
}

/// Waits for a pipe that nobody writes to, as for a disk that hangs: the thread in opening it, the
/// ring, which opens it at once, in reading.
fn hang<I: Io>(bench: &mut Bench<I, Machine>) -> RequestId {
    let path = bench.path("pipe");
    let made = std::process::Command::new("mkfifo").arg(&path).status();
    assert!(made.unwrap().success());
    let options = OpenOptions::READ;
    let opening = bench.ask(Operation::Open { path, options });
    connect_often(bench);
    match bench.ended.remove(&opening) {
        None => opening,
        Some(Ended {
            result: Ok(Outcome::Opened(file)),
            ..
        }) => {
            let buffer = FileBuffer::with_capacity(1);
            bench.ask(Operation::Read {
                file,
                at: 0,
                buffer,
            })
        }
        other => panic!("{other:?}"),
    }
}

fn connect_often<I: Io>(bench: &mut Bench<I, Machine>) {
    let address = bench.outside.listen();
    for _ in 0..20 {
        let address = address.clone();
        match bench.call(Operation::Connect { address }) {
            Ok(Outcome::Connected(socket)) => bench.io.discard(socket),
            other => panic!("{other:?}"),
        }
    }
}

/// For what runs on a machine: the simulated clock has its own test.
pub(super) fn a_file_that_hangs_holds_up_nobody<I: Io>(mut bench: Bench<I, Machine>) {
    let hanging = hang(&mut bench);
    connect_often(&mut bench);
    assert!(!bench.ended.contains_key(&hanging));
    let path = bench.path("pipe");
    let mut peer = std::fs::OpenOptions::new().write(true).open(path).unwrap();
    peer.write_all(b"x").unwrap();
    drop(peer);
    let Ended { result, .. } = bench.end(hanging);
    assert!(result.is_ok(), "{result:?}");
}

pub(super) fn a_file_that_hangs_does_not_keep_the_shard<I: Io>(mut bench: Bench<I, Machine>) {
    hang(&mut bench);
    let path = bench.path("pipe");
    let Bench { io, outside, .. } = bench;
    let start = Instant::now();
    drop(io);
    let patience = Duration::from_millis(4 * FILE_SHUTDOWN_MS);
    assert!(start.elapsed() < patience, "{:?}", start.elapsed());
    // A thread that still waits may go now.
    let peer = std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open(path);
    drop((peer.unwrap(), outside));
}

/// A pipe takes and gives a little at a time; only the ring reads and writes one, the thread asks
/// for positions.
pub(super) fn short_reads_and_writes_go_on<I: Io>(mut bench: Bench<I, Machine>) {
    let hanging = hang(&mut bench);
    let whole = pattern(1 << 20, 5);
    let path = bench.path("pipe");
    let options = OpenOptions {
        read: false,
        write: true,
        ..OpenOptions::READ
    };
    // The first reader waits for one block, the next one for all.
    let file = bench.try_open(&path, options).expect("there is a reader");
    let reader = bench
        .try_open(&path, OpenOptions::READ)
        .expect("it is there");
    bench.write(file, 0, &whole[..FILE_ALIGNMENT]);
    let first = bench.end(hanging).buffer.expect("it comes back");
    assert!(first[..] == whole[..FILE_ALIGNMENT]);
    let buffer = FileBuffer::with_capacity(whole.len());
    let reading = bench.ask(Operation::Read {
        file: reader,
        at: 0,
        buffer,
    });
    bench.write(file, 0, &whole);
    let all = bench.end(reading).buffer.expect("it comes back");
    assert!(all[..] == whole[..]);
    bench.close(file);
    assert_eq!(bench.read(reader, 0, 1), b"", "nobody writes any more");
    bench.close(reader);
}

pub(super) fn a_full_backlog_is_told<I: Io>(mut bench: Bench<I, Machine>) {
    let path = bench.path("full");
    let listener = socket::listen_unix(&path, None, 0).unwrap();
    let address = Address::Unix(path);
    let mut connected = Vec::new();
    let refusal = loop {
        match bench.call(Operation::Connect {
            address: address.clone(),
        }) {
            Ok(Outcome::Connected(socket)) => connected.push(socket),
            other => break other,
        }
        assert!(connected.len() < 10, "no more than one may wait");
    };
    assert!(matches!(refusal, Err(libc::EAGAIN)), "{refusal:?}");
    for socket in connected {
        bench.io.discard(socket);
    }
    socket::close(listener);
}

/// /proc has no way past its cache.
pub(super) fn direct_is_not_insisted_on<I: Io>(mut bench: Bench<I, Machine>) {
    let options = OpenOptions {
        direct: true,
        ..OpenOptions::READ
    };
    let path = Path::new("/proc/self/status");
    let file = bench.try_open(path, options).expect("it is opened without");
    assert!(!file.is_direct());
    assert!(bench.read(file, 0, 5).starts_with(b"Name:"));
    bench.close(file);
}

/// The suite as `#[test]` functions of one implementation; `$make` gives a bench.
macro_rules! file_suite {
    (of_machine $make:ident) => {
        file_suite!($make);
        file_suite::file_suite!(@each $make;
            a_file_that_hangs_holds_up_nobody, a_file_that_hangs_does_not_keep_the_shard,
            direct_is_not_insisted_on, a_full_backlog_is_told);
    };
    ($make:ident) => {
        use crate::base::file_suite;

        file_suite::file_suite!(@each $make;
            files_are_opened, bytes_are_written_and_read, appends_land_in_the_order_asked,
            many_are_under_way_and_no_more, names_change, names_are_made_listed_and_removed, buffers_come_back_whatever_happens,
            files_are_resized, space_is_reserved, direct_files_are_aligned, what_is_cancelled_ends_once,
            an_end_with_requests_under_way, connections_are_made, connecting_is_cancelled);
    };
    (@each $make:ident; $($name:ident),*) => {
        $(#[test]
        fn $name() {
            if let Some(bench) = $make() {
                file_suite::$name(bench);
            }
        })*
    };
}
pub(super) use file_suite;
