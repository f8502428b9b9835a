//! Builders of rows, and the bridge between a field's type and a row's value type.
//!
//! All that a file in `config/table/` needs. Everything is `const`: the table exists before main.

use super::super::choice::{Choice, Names};
use super::{Check, Directive, Effect, Field, Kind, Special, Unit};

/// A field's type as the row's value type. The row's range is the field's range or narrower.
pub trait Stored<T> {
    fn load(&self) -> T;
    fn store(value: T) -> Self;
}

impl Stored<bool> for bool {
    fn load(&self) -> bool {
        *self
    }
    fn store(value: bool) -> Self {
        value
    }
}

impl Stored<String> for String {
    fn load(&self) -> String {
        self.clone()
    }
    fn store(value: String) -> Self {
        value
    }
}

impl Stored<u32> for u32 {
    fn load(&self) -> u32 {
        *self
    }
    fn store(value: u32) -> Self {
        value
    }
}

impl<C: Choice> Stored<u32> for C {
    fn load(&self) -> u32 {
        self.number()
    }
    fn store(value: u32) -> Self {
        C::from_number(value)
    }
}

macro_rules! stored_number {
    ($($number:ty),*) => {$(
        impl Stored<i128> for $number {
            fn load(&self) -> i128 {
                i128::from(*self)
            }
            fn store(value: i128) -> Self {
                Self::try_from(value).expect("the row's range fits the field")
            }
        }
    )*};
}
stored_number!(u16, u32, u64, i32, i64);

/// The accessors of a field of `Settings`.
macro_rules! field {
    ($name:ident) => {
        Some($crate::config::directive::Field {
            name: stringify!($name),
            read: |settings| $crate::config::directive::Stored::load(&settings.$name),
            write: |settings, value| {
                settings.$name = $crate::config::directive::Stored::store(value)
            },
        })
    };
}
pub(in crate::config) use field;

const fn row(name: &'static str, kind: Kind) -> Directive {
    Directive {
        name,
        aliases: &[],
        kind,
        flags: 0,
        effect: Effect::Works,
    }
}

pub const fn boolean(name: &'static str, default: bool, field: Option<Field<bool>>) -> Directive {
    row(name, Kind::Bool { default, field })
}

pub const fn integer(
    name: &'static str,
    default: i128,
    low: i128,
    high: i128,
    field: Option<Field<i128>>,
) -> Directive {
    row(
        name,
        Kind::Number {
            default,
            low,
            high,
            unit: Unit::Integer,
            field,
        },
    )
}

pub const fn number(
    name: &'static str,
    unit: Unit,
    default: i128,
    low: i128,
    high: i128,
    field: Option<Field<i128>>,
) -> Directive {
    row(
        name,
        Kind::Number {
            default,
            low,
            high,
            unit,
            field,
        },
    )
}

pub const fn choices(
    name: &'static str,
    names: Names,
    default: u32,
    field: Option<Field<u32>>,
) -> Directive {
    row(
        name,
        Kind::Choice {
            default,
            names,
            field,
        },
    )
}

pub const fn text(
    name: &'static str,
    default: &'static str,
    field: Option<Field<String>>,
) -> Directive {
    row(
        name,
        Kind::Text {
            default,
            check: None,
            field,
        },
    )
}

pub const fn special(name: &'static str, special: Special) -> Directive {
    row(name, Kind::Special(special))
}

impl Directive {
    pub const fn alias(mut self, aliases: &'static [&'static str]) -> Self {
        self.aliases = aliases;
        self
    }

    pub const fn flags(mut self, flags: u8) -> Self {
        self.flags |= flags;
        self
    }

    /// Marks a row that is kept and answered but changes nothing, with the reason.
    pub const fn inert(self, reason: &'static str) -> Self {
        self.effect(Effect::Nothing(reason))
    }

    /// The same where whoever relies on it could lose data or let somebody in.
    pub const fn refused(self, reason: &'static str) -> Self {
        self.effect(Effect::Unsafe(reason))
    }

    pub const fn effect(mut self, effect: Effect) -> Self {
        self.effect = effect;
        self
    }

    pub const fn check(mut self, check: Check) -> Self {
        if let Kind::Text { default, field, .. } = self.kind {
            self.kind = Kind::Text {
                default,
                check: Some(check),
                field,
            };
        }
        self
    }
}
