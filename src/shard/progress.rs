//! What is in progress on a shard, over all its rooms, and a configuration that takes effect in
//! them.
//!
//! For the tick, which asks whether it may sleep, and for tests, which ask whether anything was
//! left behind. Runs no command.

use std::sync::Arc;

use super::Core;
use super::core::thresholds;
use crate::config::Config;
use crate::route::ShardId;

impl Core {
    /// True while there is something to do without waiting.
    #[must_use]
    pub(super) fn has_work(&self) -> bool {
        assert!(
            self.transactions.participants.is_settled(),
            "whoever sets a transaction free lets it go on"
        );
        !self.ready.is_empty() || self.mail.has_own() || !self.output.is_empty()
    }

    /// What is under way, by name; nothing is once every client has gone.
    #[must_use]
    pub fn leftovers(&self) -> [(&'static str, usize); 10] {
        let transactions = &self.transactions;
        [
            ("locks", transactions.participants.locking()),
            ("participants", transactions.participants.len()),
            ("coordinated transactions", transactions.coordinator.len()),
            ("commands behind others", transactions.behind.len()),
            ("queries", self.queries.pending()),
            (
                "blocked clients",
                usize::from(!transactions.waits.is_empty()),
            ),
            ("watches", usize::from(!transactions.watches.is_empty())),
            ("monitors", self.monitors.len()),
            ("clients", self.clients.len()),
            ("messages", self.mail.waiting()),
        ]
    }

    /// True while some client monitors.
    #[must_use]
    pub fn is_monitored(&self) -> bool {
        !self.monitors.is_empty()
    }

    /// Uses a configuration from now on, unless a later one came first.
    pub fn configure(&mut self, version: u64, config: Arc<Config>) {
        if version <= self.settings.version {
            return;
        }
        assert!(
            config.databases == self.settings.config.databases,
            "the databases are those that the server began with"
        );
        self.settings.version = version;
        if self.id() == ShardId::FIRST && config.loglevel != self.settings.config.loglevel {
            crate::base::log::set_level(config.loglevel.into());
        }
        self.metrics.configure(thresholds(&config));
        self.settings.config = config;
        // A new `maxmemory` is held against what is used now.
        self.publish_memory();
        self.update_wants();
    }
}
