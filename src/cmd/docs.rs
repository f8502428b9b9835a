//! What clients read about a command: `Docs`, and the syntax of its arguments as a tree.
//!
//! The model is that of COMMAND DOCS, which prints it as it is; `redis-cli` makes its help and its
//! hints from it, the tests make commands from it. Every row refers to one `Docs`; those of a
//! family stand in its
//! `docs.rs`. Nothing here is looked at while a command runs.

/// What is known of a command beyond what the server needs to run it.
#[derive(Debug)]
pub struct Docs {
    pub summary: &'static str,
    /// The version of Redis (or Valkey) that brought it.
    pub since: &'static str,
    /// Empty where there is nothing to say.
    pub complexity: &'static str,
    pub deprecated: Option<Deprecated>,
    /// Versions, and what they changed.
    pub history: &'static [(&'static str, &'static str)],
    /// What a cluster's client or proxy should know, as COMMAND INFO prints it.
    pub tips: &'static [&'static str],
    /// Without the command's own name.
    pub arguments: &'static [Argument],
}

/// A command that one should not use any more.
#[derive(Debug)]
pub struct Deprecated {
    pub since: &'static str,
    pub replaced_by: &'static str,
}

impl Docs {
    /// A command without arguments, of which there is nothing else to say.
    #[must_use]
    pub const fn new(summary: &'static str, since: &'static str, complexity: &'static str) -> Self {
        Self {
            summary,
            since,
            complexity,
            deprecated: None,
            history: &[],
            tips: &[],
            arguments: &[],
        }
    }

    #[must_use]
    pub const fn deprecated(mut self, since: &'static str, replaced_by: &'static str) -> Self {
        self.deprecated = Some(Deprecated { since, replaced_by });
        self
    }

    #[must_use]
    pub const fn history(mut self, history: &'static [(&'static str, &'static str)]) -> Self {
        self.history = history;
        self
    }

    #[must_use]
    pub const fn tips(mut self, tips: &'static [&'static str]) -> Self {
        self.tips = tips;
        self
    }

    #[must_use]
    pub const fn arguments(mut self, arguments: &'static [Argument]) -> Self {
        self.arguments = arguments;
        self
    }
}

/// What an argument is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Key,
    String,
    Integer,
    Double,
    Pattern,
    UnixTime,
    /// A word that stands for itself.
    PureToken,
    /// One of the nested arguments.
    OneOf,
    /// All of the nested arguments, one after the other.
    Block,
}

impl Kind {
    /// As COMMAND DOCS names it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::String => "string",
            Self::Integer => "integer",
            Self::Double => "double",
            Self::Pattern => "pattern",
            Self::UnixTime => "unix-time",
            Self::PureToken => "pure-token",
            Self::OneOf => "oneof",
            Self::Block => "block",
        }
    }
}

/// How often an argument may stand in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeats {
    Never,
    /// Behind its token, where it has one, which stands once.
    Value,
    /// Each time with its token.
    WithToken,
}

/// One argument: a value, a token, or several of them that belong together.
#[derive(Debug, Clone, Copy)]
pub struct Argument {
    pub name: &'static str,
    pub kind: Kind,
    /// Which of the row's key specs finds it.
    pub key_spec: Option<u8>,
    /// The word in front of it.
    pub token: Option<&'static str>,
    pub since: Option<&'static str>,
    pub deprecated_since: Option<&'static str>,
    pub optional: bool,
    pub repeats: Repeats,
    pub arguments: &'static [Argument],
}

const fn argument(name: &'static str, kind: Kind) -> Argument {
    Argument {
        name,
        kind,
        key_spec: None,
        token: None,
        since: None,
        deprecated_since: None,
        optional: false,
        repeats: Repeats::Never,
        arguments: &[],
    }
}

/// A key that the row's key spec of this number finds.
#[must_use]
pub const fn key(name: &'static str, key_spec: u8) -> Argument {
    argument(name, Kind::Key).key_spec(key_spec)
}

#[must_use]
pub const fn string(name: &'static str) -> Argument {
    argument(name, Kind::String)
}

#[must_use]
pub const fn integer(name: &'static str) -> Argument {
    argument(name, Kind::Integer)
}

#[must_use]
pub const fn double(name: &'static str) -> Argument {
    argument(name, Kind::Double)
}

#[must_use]
pub const fn pattern(name: &'static str) -> Argument {
    argument(name, Kind::Pattern)
}

#[must_use]
pub const fn unix_time(name: &'static str) -> Argument {
    argument(name, Kind::UnixTime)
}

/// A word that stands for itself.
#[must_use]
pub const fn flag(name: &'static str, token: &'static str) -> Argument {
    argument(name, Kind::PureToken).token(token)
}

/// One of these.
#[must_use]
pub const fn one_of(name: &'static str, arguments: &'static [Argument]) -> Argument {
    Argument {
        arguments,
        ..argument(name, Kind::OneOf)
    }
}

/// All of these, one after the other.
#[must_use]
pub const fn block(name: &'static str, arguments: &'static [Argument]) -> Argument {
    Argument {
        arguments,
        ..argument(name, Kind::Block)
    }
}

impl Argument {
    /// Behind this word.
    #[must_use]
    pub const fn token(mut self, token: &'static str) -> Self {
        self.token = Some(token);
        self
    }

    /// Found by the row's key spec of this number, although it is no key itself.
    #[must_use]
    pub const fn key_spec(mut self, key_spec: u8) -> Self {
        self.key_spec = Some(key_spec);
        self
    }

    #[must_use]
    pub const fn since(mut self, version: &'static str) -> Self {
        self.since = Some(version);
        self
    }

    #[must_use]
    pub const fn deprecated_since(mut self, version: &'static str) -> Self {
        self.deprecated_since = Some(version);
        self
    }

    /// May be left out.
    #[must_use]
    pub const fn optional(mut self) -> Self {
        self.optional = true;
        self
    }

    /// Once or several times.
    #[must_use]
    pub const fn multiple(mut self) -> Self {
        self.repeats = Repeats::Value;
        self
    }

    // public: GET pattern of SORT is such an argument.
    /// Once or several times, each time behind its token.
    #[must_use]
    pub const fn multiple_token(mut self) -> Self {
        self.repeats = Repeats::WithToken;
        self
    }
}
