//! The configuration: one table of directives behind the config file, the command line and CONFIG.
//!
//! A directive is a row in `config/table/`; the row parses, checks, stores, prints and documents
//! itself. `load` reads the command line and files at start, `live` is CONFIG GET and SET,
//! `rewrite` is CONFIG REWRITE. Owned by main at start, then cloned to whoever needs it. Applies
//! nothing to the server and does no I/O but through the `Source` that `load` is given.

pub mod choice;
mod command_line;
mod directive;
mod effect;
pub mod events;
mod files;
pub mod line;
mod live;
mod load;
mod memory;
mod rewrite;
pub mod settings;
mod special;
mod table;

use std::collections::BTreeMap;

pub use choice::Choice;
pub use command_line::{usage, version};
pub use directive::{Directive, Value};
pub use effect::{Effect, Verdict};
pub use files::{Disk, Source};
pub use live::Origin;
pub use load::{Action, LoadError, Loaded, load, load_text, load_with};
pub use rewrite::{SIGNATURE, rewrite, rewrite_with};
pub use settings::{EventClasses, OutputLimit, OutputLimits, SaveRule, Settings};
pub use table::{find, is_sensitive, rows};

/// The values of all directives. Reading a field is `config.port`; writing goes through the table.
#[derive(Debug, Clone)]
pub struct Config {
    settings: Settings,
    /// Values of rows without a field, where they differ from the default.
    kept: BTreeMap<&'static str, Value>,
}

impl Default for Config {
    fn default() -> Self {
        let mut config = Self {
            settings: Settings::default(),
            kept: BTreeMap::new(),
        };
        for row in rows() {
            row.reset(&mut config);
        }
        config
    }
}

impl std::ops::Deref for Config {
    type Target = Settings;

    fn deref(&self) -> &Settings {
        &self.settings
    }
}

impl Config {
    /// The printed value of any directive, by name or alias; None when there is no such directive.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<String> {
        find(name).map(|row| row.print(self))
    }
}

#[cfg(test)]
mod tests;
