//! What a row of the table is: a name, a kind of value, a default, flags, and where the value
//! lives.
//!
//! A row can parse, check, store and print its value; errors carry Redis's words. Rows are data:
//! the builders at the end are all that a table file uses. Does no I/O and applies nothing to the
//! server.

mod build;

pub use super::effect::Effect;
pub(super) use build::field;
pub use build::{Stored, boolean, choices, integer, number, special, text};

use super::Config;
use super::choice::{self, Names};
use super::memory;
use super::settings::Settings;

/// A value on its way between text and field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    Bool(bool),
    Number(i128),
    Choice(u32),
    Text(String),
}

/// Where a typed value lives.
#[derive(Debug)]
pub struct Field<T: 'static> {
    /// The field's name in `Settings`; a test looks for those who read it.
    pub name: &'static str,
    pub read: fn(&Settings) -> T,
    pub write: fn(&mut Settings, T),
}

// Derived, these would ask T to be Copy; the field holds functions only.
impl<T> Clone for Field<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Field<T> {}

/// How a number is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    Integer,
    /// Bytes, with the suffixes of `memory::parse`.
    Memory,
    /// Bytes, or a percentage that is stored negative.
    MemoryOrPercent,
    Octal,
}

/// Refuses a text with a reason.
type Check = fn(&str) -> Result<(), String>;

/// A directive with a syntax of its own.
#[derive(Debug, Clone, Copy)]
pub struct Special {
    pub default: &'static [&'static str],
    /// Takes the words; `first` is false when an earlier line of the same load has set the
    /// directive.
    pub set: fn(&mut Settings, words: &[&str], how: How) -> Result<(), String>,
    /// The value as CONFIG GET prints it.
    pub get: fn(&Settings) -> String,
    /// The lines of a config file, without the name, and whether each must be there even if it was
    /// not.
    pub lines: fn(&Settings) -> Vec<(String, bool)>,
}

/// Where a value comes from; only `save` cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// CONFIG SET, or the first line of a load that names the directive: replaces.
    Replace,
    /// A further line of the same load: adds where the directive is a list.
    Add,
}

#[derive(Debug, Clone, Copy)]
pub enum Kind {
    Bool {
        default: bool,
        field: Option<Field<bool>>,
    },
    Number {
        default: i128,
        low: i128,
        high: i128,
        unit: Unit,
        field: Option<Field<i128>>,
    },
    Choice {
        default: u32,
        names: Names,
        field: Option<Field<u32>>,
    },
    Text {
        default: &'static str,
        check: Option<Check>,
        field: Option<Field<String>>,
    },
    Special(Special),
}

/// Only at start; CONFIG SET refuses it.
pub(super) const IMMUTABLE: u8 = 1;
/// Only at start, but CONFIG SET to the present value is accepted, so that writing back CONFIG GET
/// works.
pub(super) const AT_START: u8 = 1 << 1;
/// Takes several words.
pub const WORDS: u8 = 1 << 2;
/// The value is a secret: never logged, hidden from SLOWLOG and MONITOR.
pub(super) const SENSITIVE: u8 = 1 << 3;
/// CONFIG GET shows it only by its full name.
pub(super) const HIDDEN: u8 = 1 << 4;
/// CONFIG SET needs `enable-protected-configs`.
pub(super) const PROTECTED: u8 = 1 << 5;
/// CONFIG SET is refused while the data set is loading.
pub(super) const DENY_LOADING: u8 = 1 << 6;

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub struct Directive {
    pub name: &'static str,
    pub aliases: &'static [&'static str],
    pub kind: Kind,
    pub flags: u8,
    /// What setting it comes to.
    pub effect: Effect,
}

impl Directive {
    /// True when all of `flags` are set.
    #[must_use]
    pub const fn has(&self, flags: u8) -> bool {
        self.flags & flags == flags
    }

    /// True for the name and every alias, ignoring case.
    #[must_use]
    pub(super) fn is_named(&self, name: &str) -> bool {
        self.names().any(|known| known.eq_ignore_ascii_case(name))
    }

    /// The name and the aliases.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + use<> {
        std::iter::once(self.name).chain(self.aliases.iter().copied())
    }

    /// Sets the value from words; the error is the reason in Redis's words.
    ///
    /// # Errors
    /// When the words are no value of this directive; then `config` is unchanged.
    pub fn set(&self, config: &mut Config, words: &[&str], how: How) -> Result<(), String> {
        if let Kind::Special(special) = &self.kind {
            return (special.set)(&mut config.settings, words, how);
        }
        let value = self.parse(words)?;
        self.store(config, value);
        Ok(())
    }

    /// Puts the default in place.
    pub(super) fn reset(&self, config: &mut Config) {
        match &self.kind {
            Kind::Special(special) => {
                (special.set)(&mut config.settings, special.default, How::Replace)
                    .expect("defaults of the table are valid, a test sets them all");
            }
            _ => self.store(config, self.default_value()),
        }
    }

    /// The value as CONFIG GET prints it.
    #[must_use]
    pub fn print(&self, config: &Config) -> String {
        match &self.kind {
            Kind::Special(special) => (special.get)(&config.settings),
            _ => self.print_value(&self.value(config)),
        }
    }

    /// A value as CONFIG GET prints it.
    #[must_use]
    pub(super) fn print_value(&self, value: &Value) -> String {
        match (&self.kind, value) {
            (_, Value::Bool(value)) => (if *value { "yes" } else { "no" }).to_string(),
            (
                Kind::Number {
                    unit: Unit::Octal, ..
                },
                Value::Number(value),
            ) => format!("{value:o}"),
            (
                Kind::Number {
                    unit: Unit::MemoryOrPercent,
                    ..
                },
                Value::Number(value),
            ) if *value < 0 => {
                format!("{}%", -value)
            }
            (_, Value::Number(value)) => value.to_string(),
            (Kind::Choice { names, .. }, Value::Choice(value)) => {
                choice::print(names, *value, self.has(WORDS))
            }
            (_, Value::Text(text)) => text.clone(),
            (_, Value::Choice(_)) => unreachable!("only choice rows hold choices"),
        }
    }

    /// The default of a row that is not special.
    #[must_use]
    pub(super) fn default_value(&self) -> Value {
        match &self.kind {
            Kind::Bool { default, .. } => Value::Bool(*default),
            Kind::Number { default, .. } => Value::Number(*default),
            Kind::Choice { default, .. } => Value::Choice(*default),
            Kind::Text { default, .. } => Value::Text((*default).to_string()),
            Kind::Special(_) => unreachable!("special rows print themselves"),
        }
    }

    /// The present value of a row that is not special.
    #[must_use]
    pub fn value(&self, config: &Config) -> Value {
        let settings = &config.settings;
        match &self.kind {
            Kind::Bool {
                field: Some(field), ..
            } => Value::Bool((field.read)(settings)),
            Kind::Number {
                field: Some(field), ..
            } => Value::Number((field.read)(settings)),
            Kind::Choice {
                field: Some(field), ..
            } => Value::Choice((field.read)(settings)),
            Kind::Text {
                field: Some(field), ..
            } => Value::Text((field.read)(settings)),
            _ => config
                .kept
                .get(self.name)
                .cloned()
                .unwrap_or_else(|| self.default_value()),
        }
    }

    fn store(&self, config: &mut Config, value: Value) {
        let settings = &mut config.settings;
        match (&self.kind, value) {
            (
                Kind::Bool {
                    field: Some(field), ..
                },
                Value::Bool(value),
            ) => (field.write)(settings, value),
            (
                Kind::Number {
                    field: Some(field), ..
                },
                Value::Number(value),
            ) => (field.write)(settings, value),
            (
                Kind::Choice {
                    field: Some(field), ..
                },
                Value::Choice(value),
            ) => (field.write)(settings, value),
            (
                Kind::Text {
                    field: Some(field), ..
                },
                Value::Text(value),
            ) => (field.write)(settings, value),
            (_, value) => {
                config.kept.insert(self.name, value);
            }
        }
    }

    fn parse(&self, words: &[&str]) -> Result<Value, String> {
        if let Kind::Choice { names, .. } = &self.kind {
            return choice::parse(names, words, self.has(WORDS))
                .map(Value::Choice)
                .ok_or_else(|| {
                    let names: Vec<&str> = names.iter().map(|(name, _)| *name).collect();
                    format!(
                        "argument(s) must be one of the following: {}",
                        names.join(", ")
                    )
                })
                .and_then(|value| self.check_shutdown(value));
        }
        let [word] = words else {
            return Err("wrong number of arguments".to_string());
        };
        match &self.kind {
            Kind::Bool { .. } if word.eq_ignore_ascii_case("yes") => Ok(Value::Bool(true)),
            Kind::Bool { .. } if word.eq_ignore_ascii_case("no") => Ok(Value::Bool(false)),
            Kind::Bool { .. } => Err("argument must be 'yes' or 'no'".to_string()),
            Kind::Number {
                low, high, unit, ..
            } => parse_number(word, *low, *high, *unit).map(Value::Number),
            Kind::Text { check, .. } => {
                if let Some(check) = check {
                    check(word)?;
                }
                Ok(Value::Text((*word).to_string()))
            }
            Kind::Choice { .. } | Kind::Special(_) => unreachable!("handled before"),
        }
    }

    fn check_shutdown(&self, value: Value) -> Result<Value, String> {
        const BOTH: u32 = choice::SHUTDOWN_SAVE | choice::SHUTDOWN_NOSAVE;
        match value {
            Value::Choice(flags) if self.has(WORDS) && flags & BOTH == BOTH => {
                Err("shutdown options SAVE and NOSAVE can't be used simultaneously".to_string())
            }
            value => Ok(value),
        }
    }
}

fn parse_number(word: &str, low: i128, high: i128, unit: Unit) -> Result<i128, String> {
    let percent = || {
        let number = crate::resp::parse_i64(word.strip_suffix('%')?.as_bytes())?;
        (number >= 0).then_some(-i128::from(number))
    };
    let bytes = |amount: u128| i128::try_from(amount).unwrap_or(i128::MAX);
    let number = match unit {
        Unit::Integer => crate::resp::parse_i64(word.as_bytes()).map(i128::from),
        Unit::Memory => memory::parse(word).map(bytes),
        Unit::MemoryOrPercent => memory::parse(word).map(bytes).or_else(percent),
        Unit::Octal => i128::from_str_radix(word, 8).ok(),
    };
    let Some(number) = number else {
        let what = match unit {
            Unit::Integer => "argument couldn't be parsed into an integer",
            Unit::Memory => "argument must be a memory value",
            Unit::MemoryOrPercent => "argument must be a memory or percent value",
            Unit::Octal => "argument couldn't be parsed as an octal number",
        };
        return Err(what.to_string());
    };
    if (low..=high).contains(&number) {
        return Ok(number);
    }
    Err(match unit {
        Unit::MemoryOrPercent if number < 0 => {
            format!("percentage argument must be less or equal to {}", -low)
        }
        Unit::Octal => format!("argument must be between {low:o} and {high:o} inclusive"),
        _ => format!("argument must be between {low} and {high} inclusive"),
    })
}
