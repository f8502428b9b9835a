//! Addresses as the system takes them, and sockets on their way to a peer.
//!
//! Used by the listeners' half (`socket.rs`) for what it binds, and by both back ends for what they
//! connect. Decides nothing about waiting: the back ends do.

use std::io;
use std::net::SocketAddr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::file::{Address, errno};
use super::io::Socket;
use super::socket::{self, Open};

/// One of the sockaddr structures.
pub(super) enum RawAddress {
    V4(libc::sockaddr_in),
    V6(libc::sockaddr_in6),
    Unix(libc::sockaddr_un),
}

impl RawAddress {
    pub(super) fn tcp(address: &SocketAddr) -> Self {
        match address {
            SocketAddr::V4(address) => Self::V4(libc::sockaddr_in {
                sin_family: libc::AF_INET as libc::sa_family_t,
                sin_port: address.port().to_be(),
                sin_addr: libc::in_addr {
                    s_addr: u32::from_ne_bytes(address.ip().octets()),
                },
                sin_zero: [0; 8],
            }),
            SocketAddr::V6(address) => Self::V6(libc::sockaddr_in6 {
                sin6_family: libc::AF_INET6 as libc::sa_family_t,
                sin6_port: address.port().to_be(),
                sin6_flowinfo: address.flowinfo(),
                sin6_addr: libc::in6_addr {
                    s6_addr: address.ip().octets(),
                },
                sin6_scope_id: address.scope_id(),
            }),
        }
    }

    /// # Errors
    /// ENAMETOOLONG when the path is empty or does not fit.
    pub(super) fn unix(path: &Path) -> io::Result<Self> {
        // SAFETY: all-zero bytes are a valid sockaddr_un.
        let mut raw: libc::sockaddr_un = unsafe { std::mem::zeroed() };
        raw.sun_family = libc::AF_UNIX as libc::sa_family_t;
        let bytes = path.as_os_str().as_bytes();
        if bytes.len() >= raw.sun_path.len() || bytes.is_empty() {
            return Err(errno(libc::ENAMETOOLONG));
        }
        for (target, source) in raw.sun_path.iter_mut().zip(bytes) {
            *target = source.cast_signed();
        }
        Ok(Self::Unix(raw))
    }

    pub(super) fn family(&self) -> i32 {
        match self {
            Self::V4(_) => libc::AF_INET,
            Self::V6(_) => libc::AF_INET6,
            Self::Unix(_) => libc::AF_UNIX,
        }
    }

    /// Where it lies and how long it is, for system calls.
    pub(super) fn raw(&self) -> (*const libc::sockaddr, libc::socklen_t) {
        let (pointer, bytes) = match self {
            Self::V4(raw) => (std::ptr::from_ref(raw).cast(), size_of_val(raw)),
            Self::V6(raw) => (std::ptr::from_ref(raw).cast(), size_of_val(raw)),
            Self::Unix(raw) => (std::ptr::from_ref(raw).cast(), size_of_val(raw)),
        };
        (pointer, bytes as libc::socklen_t)
    }
}

/// A socket that is being connected; closed unless it is kept.
pub(super) struct Outgoing {
    address: RawAddress,
    socket: Option<Open>,
}

impl Outgoing {
    /// # Errors
    /// When the address cannot be one, or descriptors run out.
    pub(super) fn new(address: &Address) -> io::Result<Self> {
        let address = match address {
            Address::Tcp(address) => RawAddress::tcp(address),
            Address::Unix(path) => RawAddress::unix(path)?,
        };
        let open = Open::new(address.family())?;
        match address {
            // A peer that does not accept makes connecting fail instead of waiting for it.
            RawAddress::Unix(_) => socket::set_nonblocking(open.0, true)?,
            _ => socket::send_at_once(open.0)?,
        }
        Ok(Self {
            address,
            socket: Some(open),
        })
    }

    pub(super) fn descriptor(&self) -> i32 {
        self.socket.as_ref().expect("it was not kept yet").0
    }

    /// The address, which stays where it is as long as this does.
    pub(super) fn address(&self) -> (*const libc::sockaddr, libc::socklen_t) {
        self.address.raw()
    }

    /// The connected socket.
    pub(super) fn keep(&mut self) -> Socket {
        self.socket.take().expect("a socket is kept once").keep()
    }
}
