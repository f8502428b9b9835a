//! What a service manager expects of a process: notices over systemd's socket, a stop for upstart.
//!
//! Speaks the documented protocol of `sd_notify(3)` by itself: one datagram of `NAME=value` lines
//! to the socket named in the environment. Whether there is a manager, and which, main decides.

use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// Names systemd's socket in the environment.
pub const NOTIFY_SOCKET: &str = "NOTIFY_SOCKET";
/// Names upstart's job in the environment.
pub const UPSTART_JOB: &str = "UPSTART_JOB";

/// True when the environment has the variable.
#[must_use]
pub fn is_named(variable: &str) -> bool {
    std::env::var_os(variable).is_some_and(|value| !value.is_empty())
}

/// Sends systemd a notice such as `READY=1`; false when no socket is named.
///
/// # Errors
/// Whatever the socket says.
pub fn notify(notice: &str) -> io::Result<bool> {
    match std::env::var(NOTIFY_SOCKET) {
        Ok(name) if !name.is_empty() => send(&name, notice).map(|()| true),
        _ => Ok(false),
    }
}

/// A name that begins with `@` is in the abstract namespace.
fn send(name: &str, notice: &str) -> io::Result<()> {
    let address = match name.strip_prefix('@') {
        Some(abstract_name) => SocketAddr::from_abstract_name(abstract_name)?,
        None => SocketAddr::from_pathname(name)?,
    };
    UnixDatagram::unbound()?.send_to_addr(notice.as_bytes(), &address)?;
    Ok(())
}

/// Stops the process until somebody continues it, which is how upstart hears that it is ready.
pub fn stop_until_continued() {
    // SAFETY: raise touches no memory of ours.
    unsafe { libc::raise(libc::SIGSTOP) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notices_arrive_at_both_kinds_of_socket() {
        let process = std::process::id();
        let path = std::env::temp_dir().join(format!("cairn-notify-{process}"));
        let abstract_name = format!("cairn-notify-{process}");
        let address = SocketAddr::from_abstract_name(&abstract_name).unwrap();
        let sockets = [
            (
                UnixDatagram::bind(&path).unwrap(),
                path.to_str().unwrap().to_string(),
            ),
            (
                UnixDatagram::bind_addr(&address).unwrap(),
                format!("@{abstract_name}"),
            ),
        ];
        for (socket, name) in &sockets {
            send(name, "READY=1\n").unwrap();
            let mut bytes = [0; 16];
            let len = socket.recv(&mut bytes).unwrap();
            assert_eq!(&bytes[..len], b"READY=1\n", "{name}");
        }
        std::fs::remove_file(&path).unwrap();
        assert!(send(path.to_str().unwrap(), "x").is_err());
    }
}
