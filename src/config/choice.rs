//! The closed sets of values that enumerated directives take.
//!
//! Each set is a Rust enum and the list of its names; a name's number is what a `Kind::Choice` row
//! stores. The order of names is the order in which error texts list them. Knows nothing of rows.

use crate::base::log;

/// A set of names with their numbers; a number with several names prints as the first.
pub(super) type Names = &'static [(&'static str, u32)];

/// An enum of `choice!`.
pub trait Choice: Copy + Sized {
    const NAMES: Names;
    fn number(self) -> u32;
    /// Panics on a number that no variant has; rows only store numbers from `NAMES`.
    fn from_number(number: u32) -> Self;
    /// The variant's name as CONFIG GET prints it.
    fn name(self) -> &'static str {
        Self::NAMES
            .iter()
            .find(|(_, number)| *number == self.number())
            .expect("every variant has a name")
            .0
    }
}

macro_rules! choice {
    ($(#[$attribute:meta])* $set:ident { $first:ident = $first_name:literal $(, $variant:ident = $name:literal)* $(,)? }) => {
        $(#[$attribute])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
        pub enum $set {
            #[default]
            $first,
            $($variant),*
        }

        impl Choice for $set {
            const NAMES: Names = &[($first_name, $set::$first as u32) $(, ($name, $set::$variant as u32))*];

            fn number(self) -> u32 {
                self as u32
            }

            fn from_number(number: u32) -> Self {
                *[$set::$first $(, $set::$variant)*]
                    .iter()
                    .find(|variant| **variant as u32 == number)
                    .expect("rows store only numbers of their own set")
            }
        }
    };
}

choice! {
    /// `maxmemory-policy`.
    MaxmemoryPolicy {
        VolatileLru = "volatile-lru", VolatileLfu = "volatile-lfu", VolatileRandom = "volatile-random",
        VolatileTtl = "volatile-ttl", AllkeysLru = "allkeys-lru", AllkeysLfu = "allkeys-lfu",
        AllkeysRandom = "allkeys-random", NoEviction = "noeviction",
    }
}

impl MaxmemoryPolicy {
    /// True when the policy orders keys by access frequency.
    #[must_use]
    pub fn is_lfu(self) -> bool {
        matches!(self, Self::VolatileLfu | Self::AllkeysLfu)
    }
}

choice! {
    /// `loglevel`, most talkative first.
    LogLevel { Debug = "debug", Verbose = "verbose", Notice = "notice", Warning = "warning" }
}

impl From<LogLevel> for log::Level {
    fn from(level: LogLevel) -> Self {
        match level {
            LogLevel::Debug => Self::Debug,
            LogLevel::Verbose => Self::Verbose,
            LogLevel::Notice => Self::Notice,
            LogLevel::Warning => Self::Warning,
        }
    }
}

choice! {
    /// `supervised`: the service manager that hears of the server.
    Supervised { Upstart = "upstart", Systemd = "systemd", Auto = "auto", No = "no" }
}
choice! {
    /// `appendfsync`.
    Appendfsync { Everysec = "everysec", Always = "always", No = "no" }
}
choice! {
    /// Who may use a guarded feature (`enable-debug-command` and its like).
    Permission { No = "no", Yes = "yes", Local = "local" }
}

impl Permission {
    /// Whether a client is allowed; `local` says that it came over loopback or a unix socket.
    #[must_use]
    pub fn allows(self, local: bool) -> bool {
        self == Self::Yes || (self == Self::Local && local)
    }
}

choice! {
    /// `sanitize-dump-payload`.
    SanitizeDumpPayload { No = "no", Yes = "yes", Clients = "clients" }
}
choice! {
    /// `acl-pubsub-default`.
    AclPubsubDefault { AllChannels = "allchannels", ResetChannels = "resetchannels" }
}
choice! {
    /// `backend`: how a shard talks to the kernel.
    Backend { Auto = "auto", Uring = "uring", Epoll = "epoll" }
}
choice! {
    /// `placement`: which cores the shards take.
    Placement { Compact = "compact", Spread = "spread", None = "none" }
}
choice! {
    /// `huge-pages`: what the shards' arenas are made of.
    HugePages { Off = "off", Transparent = "transparent", TwoMegabytes = "2mb", OneGigabyte = "1gb" }
}
choice! {
    /// `pipeline-order`: whether commands of one client for different shards may overlap.
    PipelineOrder { Overlap = "overlap", Strict = "strict" }
}

/// `shutdown-on-sigint` and `-sigterm`: a set of flags, `default` is none of them.
pub(super) const SHUTDOWN: Names = &[
    ("default", 0),
    ("save", SHUTDOWN_SAVE),
    ("nosave", SHUTDOWN_NOSAVE),
    ("now", SHUTDOWN_NOW),
    ("force", SHUTDOWN_FORCE),
];
pub(super) const SHUTDOWN_SAVE: u32 = 1;
pub(super) const SHUTDOWN_NOSAVE: u32 = 2;
const SHUTDOWN_NOW: u32 = 4;
const SHUTDOWN_FORCE: u32 = 8;

pub(super) const SYSLOG_FACILITY: Names = &[
    ("user", 0),
    ("local0", 1),
    ("local1", 2),
    ("local2", 3),
    ("local3", 4),
    ("local4", 5),
    ("local5", 6),
    ("local6", 7),
    ("local7", 8),
];
pub(super) const DISKLESS_LOAD: Names = &[("disabled", 0), ("on-empty-db", 1), ("swapdb", 2)];
pub(super) const TLS_AUTH_CLIENTS: Names = &[("no", 0), ("yes", 1), ("optional", 2)];
pub(super) const OOM_SCORE_ADJ: Names = &[("no", 0), ("yes", 1), ("relative", 1), ("absolute", 2)];
pub(super) const ENDPOINT_TYPE: Names = &[("ip", 0), ("hostname", 1), ("unknown-endpoint", 2)];
pub(super) const PROPAGATION_ERROR: Names =
    &[("ignore", 0), ("panic", 1), ("panic-on-replicas", 2)];

/// The number that words stand for; with `flags` several words may be given and are joined.
#[must_use]
pub fn parse(names: Names, words: &[&str], flags: bool) -> Option<u32> {
    if words.is_empty() || (!flags && words.len() != 1) {
        return None;
    }
    let number = |word: &str| {
        names
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(word))
            .map(|found| found.1)
    };
    words
        .iter()
        .try_fold(0, |all, word| Some(all | number(word)?))
}

/// The words for a number.
#[must_use]
pub fn print(names: Names, number: u32, flags: bool) -> String {
    if let Some((name, _)) = names.iter().find(|(_, value)| *value == number) {
        return (*name).to_string();
    }
    assert!(flags, "only sets of flags combine numbers");
    let words: Vec<&str> = names
        .iter()
        .filter(|(_, bit)| number & bit != 0)
        .map(|(name, _)| *name)
        .collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers() {
        assert_eq!(
            MaxmemoryPolicy::from_number(MaxmemoryPolicy::NoEviction.number()).name(),
            "noeviction"
        );
        assert_eq!(
            parse(LogLevel::NAMES, &["NOTICE"], false),
            Some(LogLevel::Notice.number())
        );
        assert_eq!(parse(LogLevel::NAMES, &["notice", "debug"], false), None);
        assert_eq!(
            print(
                SHUTDOWN,
                parse(SHUTDOWN, &["force", "now"], true).unwrap(),
                true
            ),
            "now force"
        );
        assert_eq!(
            print(
                OOM_SCORE_ADJ,
                parse(OOM_SCORE_ADJ, &["relative"], false).unwrap(),
                false
            ),
            "yes"
        );
    }

    #[test]
    fn permission_of_local_clients() {
        assert!(Permission::Local.allows(true) && !Permission::Local.allows(false));
        assert!(Permission::Yes.allows(false) && !Permission::No.allows(true));
    }
}
