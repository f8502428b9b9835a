//! What setting a directive comes to: it works, it is named as without effect, or it is refused.
//!
//! A column of the table. Where ignoring a directive could lose data or let somebody in, the start
//! and CONFIG SET refuse it, unless `ignore-unsupported` says otherwise; all else that does nothing
//! is named in the log. Judges values, reads and changes nothing but them.

use super::choice::{HugePages, MaxmemoryPolicy, SHUTDOWN_SAVE};
use super::{Config, Directive, Settings};

/// The column of the table.
#[derive(Debug, Clone, Copy)]
pub enum Effect {
    /// The server does what the value says, whatever it is.
    Works,
    /// As `Works` at start; a change by CONFIG SET waits for the next start.
    WorksAtStart,
    /// A value other than the default changes nothing, for this reason.
    Nothing(&'static str),
    /// The same, and who relies on it could lose data or let somebody in.
    Unsafe(&'static str),
    /// Some values work, others do not.
    Depends(fn(&Settings) -> Verdict),
}

/// What a value comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Works,
    Nothing(&'static str),
    Unsafe(&'static str),
}

/// Ends what refuses an unsafe directive.
pub(super) const WAY_OUT: &str = "`ignore-unsupported yes` lets the server start without it";

impl Directive {
    /// What the row's present value comes to.
    #[must_use]
    pub fn verdict(&self, config: &Config) -> Verdict {
        match self.effect {
            Effect::Works | Effect::WorksAtStart => Verdict::Works,
            Effect::Nothing(_) | Effect::Unsafe(_) if self.is_default(config) => Verdict::Works,
            Effect::Nothing(reason) => Verdict::Nothing(reason),
            Effect::Unsafe(reason) => Verdict::Unsafe(reason),
            Effect::Depends(judge) => judge(config),
        }
    }

    /// The line that names the row when its value changes nothing.
    #[must_use]
    pub(super) fn note(&self, config: &Config) -> Option<String> {
        match self.verdict(config) {
            Verdict::Works => None,
            Verdict::Nothing(reason) | Verdict::Unsafe(reason) => {
                Some(format!("`{}` has no effect: {reason}", self.name))
            }
        }
    }

    fn is_default(&self, config: &Config) -> bool {
        let mut default = Config {
            settings: Settings::default(),
            kept: std::collections::BTreeMap::new(),
        };
        self.reset(&mut default);
        self.print(config) == self.print(&default)
    }
}

impl Config {
    /// The lines that CONFIG SET of these names leaves in the log, now that their values are in
    /// place.
    #[must_use]
    pub fn notes_of(&self, names: &[&[u8]]) -> Vec<String> {
        let rows = names
            .iter()
            .filter_map(|name| super::find(std::str::from_utf8(name).ok()?));
        rows.filter_map(|row| match row.effect {
            Effect::WorksAtStart => Some(format!("`{}` takes effect at the next start", row.name)),
            _ => row.note(self),
        })
        .collect()
    }
}

pub(super) const NO_SNAPSHOTS: &str =
    "there are no snapshots yet, all data is in memory and goes with the process";

/// Only no save points at all are kept.
pub(super) fn save(settings: &Settings) -> Verdict {
    if settings.save.is_empty() {
        return Verdict::Works;
    }
    Verdict::Unsafe(NO_SNAPSHOTS)
}

pub(super) fn shutdown_on_sigint(settings: &Settings) -> Verdict {
    shutdown(settings.shutdown_on_sigint)
}

pub(super) fn shutdown_on_sigterm(settings: &Settings) -> Verdict {
    shutdown(settings.shutdown_on_sigterm)
}

/// The server always ends at once and saves nothing, as `nosave now force` would have it.
fn shutdown(flags: u32) -> Verdict {
    if flags & SHUTDOWN_SAVE == 0 {
        return Verdict::Works;
    }
    Verdict::Unsafe(NO_SNAPSHOTS)
}

pub(super) fn maxmemory_policy(settings: &Settings) -> Verdict {
    if settings.maxmemory_policy == MaxmemoryPolicy::NoEviction {
        return Verdict::Works;
    }
    Verdict::Nothing("no key is evicted yet, at `maxmemory` writes are refused")
}

pub(super) fn huge_pages(settings: &Settings) -> Verdict {
    match settings.huge_pages {
        HugePages::Off | HugePages::Transparent => Verdict::Works,
        HugePages::TwoMegabytes | HugePages::OneGigabyte => {
            Verdict::Nothing("reserved pages are not taken yet, it is as `transparent`")
        }
    }
}

/// The limits of clients that are neither replicas nor subscribers work.
pub(super) fn output_limits(settings: &Settings) -> Verdict {
    let (limits, default) = (
        settings.client_output_buffer_limits,
        super::special::default_output_limits(),
    );
    if limits.replica == default.replica && limits.pubsub == default.pubsub {
        return Verdict::Works;
    }
    Verdict::Nothing("there are no replicas and no subscribers yet")
}
