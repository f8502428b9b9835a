//! The server's standing as a process: log file, supervisor, daemon, pid file.
//!
//! Owned by `serve`, which begins it before any thread runs and ends it after the last. Does what
//! `logfile`, `loglevel`, `supervised`, `daemonize` and `pidfile` say, in the order of
//! redis-server.

use std::path::{Path, PathBuf};

use crate::base::fatal::{Fatal, fatal};
use crate::base::socket::error_text;
use crate::base::{log, process, supervisor};
use crate::config::choice::Supervised;
use crate::config::{Config, LoadError};

/// Where a daemon writes its id when `pidfile` is not set.
const PID_FILE_DEFAULT: &str = "/var/run/cairn.pid";

/// Who is told how the server fares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Supervisor {
    Nobody,
    Upstart,
    Systemd,
}

/// What was begun, and must be ended.
pub(super) struct Process {
    supervisor: Supervisor,
    pid_file: Option<PathBuf>,
}

impl Process {
    /// Opens the log, finds the supervisor and becomes a daemon where there is none.
    pub(super) fn begin(config: &Config) -> Result<Self, LoadError> {
        log::set_level(config.loglevel.into());
        let file = in_directory(config, &config.logfile);
        log::open(file.as_deref()).map_err(|error| {
            let reason = error_text(&error);
            LoadError::without_line(&format!("Can't open the log file: {reason}"))
        })?;
        let supervisor = supervisor_of(config.supervised);
        let background = config.daemonize && supervisor == Supervisor::Nobody;
        if background {
            process::become_daemon()
                .unwrap_or_else(|error| fatal(&Fatal::Resources("A daemon", error)));
        }
        let pid_file = in_directory(config, &config.pidfile);
        let pid_file = pid_file.or(background.then(|| PathBuf::from(PID_FILE_DEFAULT)));
        Ok(Self {
            supervisor,
            pid_file,
        })
    }

    /// The machine is known and the listeners are there.
    pub(super) fn initialised(&self) {
        log::set_role(log::Role::Primary);
        let Some(path) = &self.pid_file else { return };
        if let Err(error) = process::write_id(path) {
            let reason = error_text(&error);
            log::warning(format_args!("Failed to write PID file: {reason}"));
        }
    }

    /// Clients are served.
    pub(super) fn ready(&self) {
        log::notice("Ready to accept connections");
        match self.supervisor {
            Supervisor::Nobody => {}
            Supervisor::Systemd => {
                tell_systemd("STATUS=Ready to accept connections\nREADY=1\n");
            }
            Supervisor::Upstart => supervisor::stop_until_continued(),
        }
    }

    /// The shards are about to end.
    pub(super) fn stopping(&self) {
        if self.supervisor == Supervisor::Systemd {
            tell_systemd("STOPPING=1\n");
        }
    }

    /// Nothing is left to serve.
    pub(super) fn end(self) {
        if let Some(path) = &self.pid_file {
            log::notice("Removing the pid file.");
            process::remove_id(path);
        }
        log::warning("Cairn is now ready to exit, bye bye...");
    }
}

/// The path that a directive means, or none when it is empty.
fn in_directory(config: &Config, path: &str) -> Option<PathBuf> {
    (!path.is_empty()).then(|| Path::new(&config.dir).join(path))
}

/// Whom `supervised` means in this environment.
fn supervisor_of(wanted: Supervised) -> Supervisor {
    let found = match wanted {
        Supervised::Auto if supervisor::is_named(supervisor::UPSTART_JOB) => Supervisor::Upstart,
        Supervised::Auto if supervisor::is_named(supervisor::NOTIFY_SOCKET) => Supervisor::Systemd,
        Supervised::Auto | Supervised::No => return Supervisor::Nobody,
        Supervised::Upstart => Supervisor::Upstart,
        Supervised::Systemd => Supervisor::Systemd,
    };
    match found {
        Supervisor::Upstart if !supervisor::is_named(supervisor::UPSTART_JOB) => {
            log::warning("upstart supervision requested, but UPSTART_JOB not found!");
            Supervisor::Nobody
        }
        Supervisor::Upstart => {
            log::notice("supervised by upstart, will stop to signal readiness.");
            found
        }
        _ if tell_systemd("STATUS=Cairn is loading...\n") => found,
        _ => Supervisor::Nobody,
    }
}

/// True when the notice went out.
fn tell_systemd(notice: &str) -> bool {
    match supervisor::notify(notice) {
        Ok(true) => true,
        Ok(false) => {
            log::warning("systemd supervision error: NOTIFY_SOCKET not found!");
            false
        }
        Err(error) => {
            let reason = error_text(&error);
            log::warning(format_args!(
                "systemd supervision error: sd_notify: {reason}"
            ));
            false
        }
    }
}
