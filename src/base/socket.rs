//! Sockets before they belong to an `Io`: bind, listen, options, addresses.
//!
//! Called by main (listeners, at start), by CONFIG SET and by both back ends. Errors name the
//! address and the step that failed, in the words of Redis. Options that every client needs are set
//! on the listener once, because Linux hands them down to accepted sockets.

use std::ffi::CStr;
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use super::io::Socket;
use super::outgoing::RawAddress;
use crate::limits::BIND_PATIENCE_MS;

/// Unanswered keepalive probes after which the kernel gives a peer up, as in Redis.
const KEEPALIVE_PROBES: i32 = 3;

/// Why a listener could not be opened.
#[derive(Debug)]
pub struct ListenError {
    /// `127.0.0.1:6379`, or the path of a unix socket.
    pub address: String,
    /// The system call that failed: `bind`, `listen`, ...
    pub step: &'static str,
    /// What the system said.
    pub source: io::Error,
}

impl ListenError {
    fn new(address: &str, step: &'static str, source: io::Error) -> Self {
        ListenError {
            address: address.to_owned(),
            step,
            source,
        }
    }

    /// Whether somebody else listens there already.
    #[must_use]
    pub fn is_taken(&self) -> bool {
        self.source.raw_os_error() == Some(libc::EADDRINUSE)
    }
}

impl fmt::Display for ListenError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reason = error_text(&self.source);
        write!(
            formatter,
            "Could not create server TCP listening socket {}: {}: {reason}",
            self.address, self.step
        )
    }
}

impl std::error::Error for ListenError {}

/// Removes the file of a unix socket, if there is one; an empty path is none.
pub fn remove_unix(path: &str) {
    if !path.is_empty() {
        // Somebody may have been quicker; the socket is gone either way.
        let _ = std::fs::remove_file(path);
    }
}

/// What the system calls an error, without Rust's number behind it.
#[must_use]
pub fn error_text(error: &io::Error) -> String {
    let Some(errno) = error.raw_os_error() else {
        return error.to_string();
    };
    let mut text = [0_u8; 128];
    // SAFETY: the buffer is writable for the length given, and the XSI variant of the call (the one
    // libc links) ends the text with a zero byte.
    let result = unsafe { libc::strerror_r(errno, text.as_mut_ptr().cast(), text.len()) };
    match CStr::from_bytes_until_nul(&text) {
        Ok(text) if result == 0 => text.to_string_lossy().into_owned(),
        _ => error.to_string(),
    }
}

/// How a TCP listener is opened.
#[derive(Debug, Clone, Copy)]
pub struct ListenOptions {
    /// Connections that may wait to be accepted (`tcp-backlog`).
    pub backlog: i32,
    /// Seconds of silence before keepalive probes; 0 turns them off (`tcp-keepalive`).
    pub keepalive_s: u32,
    /// SO_REUSEPORT: several listeners on one address share its connections.
    pub shared: bool,
}

/// Binds and listens on one address of the `bind` directive: an IPv4 or IPv6 address, a name, `*`
/// for every IPv4 address or `::*` for every IPv6 address. Port 0 lets the system choose.
///
/// # Errors
/// With the address and the step that failed.
pub fn listen_tcp(address: &str, port: u16, options: ListenOptions) -> Result<Socket, ListenError> {
    let name = if address.contains(':') {
        format!("[{address}]:{port}")
    } else {
        format!("{address}:{port}")
    };
    let resolved =
        resolve(address, port).map_err(|error| ListenError::new(&name, "resolve", error))?;
    let family = if resolved.is_ipv4() {
        libc::AF_INET
    } else {
        libc::AF_INET6
    };
    let socket = Open::new(family).map_err(|error| ListenError::new(&name, "socket", error))?;
    let fail = |step| move |error| ListenError::new(&name, step, error);
    let fd = socket.0;
    let prepared = (|| {
        set_option(fd, libc::SOL_SOCKET, libc::SO_REUSEADDR, 1)?;
        if options.shared {
            set_option(fd, libc::SOL_SOCKET, libc::SO_REUSEPORT, 1)?;
        }
        if resolved.is_ipv6() {
            set_option(fd, libc::IPPROTO_IPV6, libc::IPV6_V6ONLY, 1)?;
        }
        send_at_once(fd)?;
        set_keepalive(Socket(fd), options.keepalive_s)
    })();
    prepared.map_err(fail.clone()("setsockopt"))?;
    bind_patiently(fd, &resolved).map_err(fail.clone()("bind"))?;
    // SAFETY: listen takes no pointers.
    check(unsafe { libc::listen(fd, options.backlog) }).map_err(fail("listen"))?;
    Ok(socket.keep())
}

fn resolve(address: &str, port: u16) -> io::Result<SocketAddr> {
    match address {
        "*" => Ok(SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), port)),
        "::*" => Ok(SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), port)),
        _ => (address, port)
            .to_socket_addrs()?
            .next()
            .ok_or_else(|| io::Error::from(io::ErrorKind::NotFound)),
    }
}

/// Binds, and gives a server that was just killed the time to let go of the port.
fn bind_patiently(fd: i32, address: &SocketAddr) -> io::Result<()> {
    let start = Instant::now();
    loop {
        let result = bind(fd, &RawAddress::tcp(address));
        let patience = Duration::from_millis(BIND_PATIENCE_MS);
        match &result {
            Err(error)
                if error.raw_os_error() == Some(libc::EADDRINUSE) && start.elapsed() < patience =>
            {
                // Nothing announces that the port is free: it can only be tried again.
                std::thread::sleep(patience / 40);
            }
            _ => return result,
        }
    }
}

fn bind(fd: i32, address: &RawAddress) -> io::Result<()> {
    let (raw, bytes) = address.raw();
    // SAFETY: the address is readable for its length.
    check(unsafe { libc::bind(fd, raw, bytes) })
}

/// Binds and listens on a unix socket; a stale socket file is removed first, as Redis does.
///
/// With `permission` (an octal mode such as 0o700) the file never exists with wider rights: it is
/// created under a closed umask and opened up afterwards. The umask is process-wide, so call this
/// before other threads create files.
///
/// # Errors
/// With the path and the step that failed.
pub fn listen_unix(
    path: &Path,
    permission: Option<u32>,
    backlog: i32,
) -> Result<Socket, ListenError> {
    let name = path.display().to_string();
    let fail = |step| {
        let name = name.clone();
        move |error| ListenError::new(&name, step, error)
    };
    let address = RawAddress::unix(path).map_err(fail("bind"))?;
    let socket = Open::new(libc::AF_UNIX).map_err(fail("socket"))?;
    remove_stale(path).map_err(fail("unlink"))?;
    // SAFETY: umask takes no pointers and cannot fail.
    let umask = permission.map(|_| unsafe { libc::umask(0o177) });
    let bound = bind(socket.0, &address);
    if let Some(umask) = umask {
        // SAFETY: as above.
        unsafe { libc::umask(umask) };
    }
    bound.map_err(fail("bind"))?;
    if let Some(mode) = permission {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
            .map_err(fail("chmod"))?;
    }
    // SAFETY: listen takes no pointers.
    check(unsafe { libc::listen(socket.0, backlog) }).map_err(fail("listen"))?;
    Ok(socket.keep())
}

fn remove_stale(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Small messages do not wait for the peer to acknowledge earlier ones.
pub(super) fn send_at_once(fd: i32) -> io::Result<()> {
    set_option(fd, libc::IPPROTO_TCP, libc::TCP_NODELAY, 1)
}

/// Seconds of silence before the kernel probes the peer; 0 turns probing off.
///
/// # Errors
/// When the system refuses the option.
fn set_keepalive(socket: Socket, seconds: u32) -> io::Result<()> {
    let fd = socket.0;
    set_option(
        fd,
        libc::SOL_SOCKET,
        libc::SO_KEEPALIVE,
        i32::from(seconds > 0),
    )?;
    if seconds == 0 {
        return Ok(());
    }
    let idle = i32::try_from(seconds).unwrap_or(i32::MAX);
    set_option(fd, libc::IPPROTO_TCP, libc::TCP_KEEPIDLE, idle)?;
    set_option(
        fd,
        libc::IPPROTO_TCP,
        libc::TCP_KEEPINTVL,
        (idle / 3).max(1),
    )?;
    set_option(fd, libc::IPPROTO_TCP, libc::TCP_KEEPCNT, KEEPALIVE_PROBES)
}

/// Whether a send or receive fails so because the peer, or the way to it, is gone, or because we
/// gave it up.
#[must_use]
pub fn is_peers_doing(error: &io::Error) -> bool {
    let usual = [
        libc::ECONNRESET,
        libc::EPIPE,
        libc::ETIMEDOUT,
        libc::EHOSTUNREACH,
        libc::ENETUNREACH,
        libc::ECANCELED,
    ];
    error
        .raw_os_error()
        .is_some_and(|errno| usual.contains(&errno))
}

/// Closes a socket that no `Io` has taken.
pub(super) fn close(socket: Socket) {
    // SAFETY: the caller gives the socket up; nothing uses the number afterwards.
    unsafe { libc::close(socket.0) };
}

/// The port that a TCP socket is bound to.
#[cfg(test)]
pub(super) fn local_port(socket: Socket) -> Option<u16> {
    match name_of(socket.0, Side::Local)? {
        Name::Ip(address) => Some(address.port()),
        Name::Unix(_) => None,
    }
}

/// The remote and local address as Redis prints them.
pub(super) fn addresses(fd: i32) -> (String, String) {
    let local = name_of(fd, Side::Local);
    // A unix client has no name of its own; Redis prints the server's path on both sides.
    if let Some(Name::Unix(path)) = local {
        let text = format!("{path}:0");
        return (text.clone(), text);
    }
    (text(name_of(fd, Side::Remote)), text(local))
}

fn text(name: Option<Name>) -> String {
    match name {
        Some(Name::Ip(SocketAddr::V4(address))) => address.to_string(),
        Some(Name::Ip(SocketAddr::V6(address))) => format!("[{}]:{}", address.ip(), address.port()),
        Some(Name::Unix(path)) => format!("{path}:0"),
        None => "?:0".to_owned(),
    }
}

enum Name {
    Ip(SocketAddr),
    Unix(String),
}

#[derive(Clone, Copy)]
enum Side {
    Local,
    Remote,
}

fn name_of(fd: i32, side: Side) -> Option<Name> {
    // SAFETY: all-zero bytes are a valid sockaddr_storage.
    let mut storage: libc::sockaddr_storage = unsafe { std::mem::zeroed() };
    let mut bytes = size_of_val(&storage) as libc::socklen_t;
    let pointer = (&raw mut storage).cast();
    // SAFETY: the kernel writes at most `bytes` bytes into the storage and the length it used to
    // `bytes`.
    let result = unsafe {
        match side {
            Side::Local => libc::getsockname(fd, pointer, &raw mut bytes),
            Side::Remote => libc::getpeername(fd, pointer, &raw mut bytes),
        }
    };
    check(result).ok()?;
    let storage = &raw const storage;
    match i32::from(unsafe_family(storage)) {
        libc::AF_INET => {
            // SAFETY: the family says which structure the kernel wrote; storage is large and
            // aligned enough.
            let raw = unsafe { &*storage.cast::<libc::sockaddr_in>() };
            let ip = Ipv4Addr::from(raw.sin_addr.s_addr.to_ne_bytes());
            Some(Name::Ip(SocketAddr::new(
                ip.into(),
                u16::from_be(raw.sin_port),
            )))
        }
        libc::AF_INET6 => {
            // SAFETY: as above.
            let raw = unsafe { &*storage.cast::<libc::sockaddr_in6>() };
            let ip = Ipv6Addr::from(raw.sin6_addr.s6_addr);
            Some(Name::Ip(SocketAddr::new(
                ip.into(),
                u16::from_be(raw.sin6_port),
            )))
        }
        libc::AF_UNIX => {
            // SAFETY: as above.
            let raw = unsafe { &*storage.cast::<libc::sockaddr_un>() };
            let path: Vec<u8> = raw
                .sun_path
                .iter()
                .map(|byte| byte.cast_unsigned())
                .collect();
            let end = path
                .iter()
                .position(|&byte| byte == 0)
                .unwrap_or(path.len());
            Some(Name::Unix(
                String::from_utf8_lossy(&path[..end]).into_owned(),
            ))
        }
        _ => None,
    }
}

fn unsafe_family(storage: *const libc::sockaddr_storage) -> libc::sa_family_t {
    // SAFETY: the caller passes a pointer to its own initialised storage.
    unsafe { (*storage).ss_family }
}

/// epoll wants sockets that do not block; a ring waits only on sockets that do.
pub(super) fn set_nonblocking(fd: i32, nonblocking: bool) -> io::Result<()> {
    let mut value = libc::c_int::from(nonblocking);
    // SAFETY: FIONBIO reads one int.
    check(unsafe { libc::ioctl(fd, libc::FIONBIO, &raw mut value) })
}

/// Ends both directions; bytes that the kernel has taken are still delivered.
pub(super) fn shutdown(fd: i32) {
    // SAFETY: shutdown takes no pointers. It fails when the peer is gone, which is as good.
    unsafe { libc::shutdown(fd, libc::SHUT_RDWR) };
}

/// From now on closing drops what the kernel has not sent, and tells the peer by a reset.
pub(super) fn drop_unsent(fd: i32) {
    let linger = libc::linger {
        l_onoff: 1,
        l_linger: 0,
    };
    // SAFETY: the kernel reads the structure given, whose size is given. It fails for what is no
    // stream of the network; there closing is all there is.
    unsafe {
        libc::setsockopt(
            fd,
            libc::SOL_SOCKET,
            libc::SO_LINGER,
            (&raw const linger).cast(),
            size_of::<libc::linger>() as libc::socklen_t,
        )
    };
}

/// Why a socket has failed, if it has; the kernel forgets it.
pub(super) fn take_error(fd: i32) -> io::Result<()> {
    let mut value: i32 = 0;
    let mut bytes = size_of::<i32>() as libc::socklen_t;
    // SAFETY: the kernel writes an int into the value, whose size is given.
    check(unsafe {
        libc::getsockopt(
            fd,
            libc::SOL_SOCKET,
            libc::SO_ERROR,
            (&raw mut value).cast(),
            &raw mut bytes,
        )
    })?;
    match value {
        0 => Ok(()),
        errno => Err(io::Error::from_raw_os_error(errno)),
    }
}

fn set_option(fd: i32, level: i32, option: i32, value: i32) -> io::Result<()> {
    // SAFETY: the value is a readable int and its size is given.
    check(unsafe {
        libc::setsockopt(
            fd,
            level,
            option,
            (&raw const value).cast(),
            size_of::<i32>() as libc::socklen_t,
        )
    })
}

/// A descriptor that is closed unless it is kept.
pub(super) struct Open(pub(super) i32);

impl Open {
    pub(super) fn new(family: i32) -> io::Result<Self> {
        // SAFETY: socket takes no pointers.
        let fd = unsafe { libc::socket(family, libc::SOCK_STREAM | libc::SOCK_CLOEXEC, 0) };
        check(fd)?;
        Ok(Open(fd))
    }

    pub(super) fn keep(self) -> Socket {
        let socket = Socket(self.0);
        std::mem::forget(self);
        socket
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        close(Socket(self.0));
    }
}

pub(super) fn check(result: i32) -> io::Result<()> {
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPTIONS: ListenOptions = ListenOptions {
        backlog: 16,
        keepalive_s: 300,
        shared: false,
    };

    #[test]
    fn a_port_that_is_being_freed_is_waited_for() {
        let dying = listen_tcp("127.0.0.1", 0, OPTIONS).unwrap();
        let port = local_port(dying).unwrap();
        let ready = std::sync::Barrier::new(2);
        std::thread::scope(|scope| {
            let restarted = scope.spawn(|| {
                ready.wait();
                listen_tcp("127.0.0.1", port, OPTIONS)
            });
            ready.wait();
            close(dying);
            close(restarted.join().unwrap().unwrap());
        });
    }

    #[test]
    fn accepted_sockets_inherit_the_options() {
        let listener = listen_tcp("127.0.0.1", 0, OPTIONS).unwrap();
        let port = local_port(listener).unwrap();
        let _peer = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
        // SAFETY: no address is asked for.
        let accepted =
            unsafe { libc::accept(listener.0, std::ptr::null_mut(), std::ptr::null_mut()) };
        let option = |level, name| {
            let mut value = 0_i32;
            let mut bytes = size_of::<i32>() as libc::socklen_t;
            let pointer = (&raw mut value).cast();
            // SAFETY: the kernel writes at most the int whose size is given.
            let result =
                unsafe { libc::getsockopt(accepted, level, name, pointer, &raw mut bytes) };
            assert_eq!(result, 0);
            value
        };
        assert_eq!(option(libc::IPPROTO_TCP, libc::TCP_NODELAY), 1);
        assert_eq!(option(libc::SOL_SOCKET, libc::SO_KEEPALIVE), 1);
        assert_eq!(option(libc::IPPROTO_TCP, libc::TCP_KEEPIDLE), 300);
        assert_eq!(option(libc::IPPROTO_TCP, libc::TCP_KEEPINTVL), 100);
        close(Socket(accepted));
        close(listener);
    }

    #[test]
    fn ipv6_prints_in_brackets() {
        let Ok(listener) = listen_tcp("::1", 0, OPTIONS) else {
            eprintln!("skipped: this machine has no IPv6 loopback");
            return;
        };
        let port = local_port(listener).unwrap();
        let local = text(name_of(listener.0, Side::Local));
        assert_eq!(local, format!("[::1]:{port}"));
        close(listener);
    }

    #[test]
    fn a_stale_unix_socket_is_replaced_and_its_mode_set() {
        let path = std::env::temp_dir().join(format!("cairn-stale-{}.sock", std::process::id()));
        close(listen_unix(&path, None, 1).unwrap());
        let listener = listen_unix(&path, Some(0o750), 1).unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o750);
        close(listener);
        std::fs::remove_file(&path).unwrap();
        let missing = std::path::Path::new("/nonexistent/cairn.sock");
        assert_eq!(listen_unix(missing, None, 1).unwrap_err().step, "bind");
    }
}
