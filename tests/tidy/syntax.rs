//! A source file as the parser sees it: functions and what they call, structs, constants, literals.
//!
//! Plain data, so that the rules are pure functions over it and a snippet is enough for their
//! controls. Tests are left out: items under `#[cfg(test)]` and whole files of test modules.
//! `reader.rs` fills it in.

use super::source::Source;

/// What one file holds.
#[derive(Default)]
pub struct Syntax {
    pub path: String,
    pub functions: Vec<Function>,
    pub structs: Vec<Struct>,
    pub imports: Vec<Import>,
    pub constants: Vec<Constant>,
    /// Values of string and byte string literals, with their lines.
    pub literals: Vec<(String, usize)>,
    pub public: Vec<Public>,
}

/// A function with a body, free or in an `impl` block.
#[derive(Default)]
pub struct Function {
    pub name: String,
    /// The type of the `impl` block.
    pub owner: Option<String>,
    /// `pub` or `pub(...)`.
    pub public: bool,
    pub first_line: usize,
    pub last_line: usize,
    pub returns: Option<String>,
    /// What names stand for: parameters and what `let`, `for`, `if let` and closures bind.
    pub names: Vec<(String, Meaning)>,
    pub calls: Vec<Call>,
}

/// What a name stands for.
pub enum Meaning {
    /// A value of this type.
    Type(String),
    /// What this expression gives.
    Value(Place),
}

/// An expression, as far as it tells whose method is called.
#[derive(Clone)]
pub enum Place {
    Itself,
    Name(String),
    Field(Box<Place>, String),
    Method(Box<Place>, String),
    Function(Vec<String>),
    Other,
}

/// A call in a function's body.
pub enum Call {
    /// `place.name(...)`
    Method(Place, String),
    /// `a::b::name(...)`
    Path(Vec<String>),
    /// What is called is the value of an expression: a row's function.
    Value,
}

pub struct Struct {
    pub name: String,
    pub fields: Vec<Field>,
}

pub struct Field {
    pub name: String,
    /// The type's last name, without references and containers.
    pub kind: String,
    /// `pub` or `pub(...)`.
    pub public: bool,
}

/// `use path as alias;` an alias of `*` stands for all names of the module.
pub struct Import {
    pub alias: String,
    pub path: Vec<String>,
}

/// A constant of an integer type.
pub struct Constant {
    pub name: String,
    pub line: usize,
}

/// A function, a method or a constant that is `pub` without restriction. Types are not listed: what
/// a public function returns is public, whether or not anybody names it.
pub struct Public {
    pub name: String,
    pub line: usize,
}

impl Syntax {
    /// The file's syntax; test files have none of their own.
    pub fn of(source: &Source) -> Self {
        let mut syntax = super::reader::read(source);
        syntax.path.clone_from(&source.path);
        syntax
    }

    /// Parses all of them.
    pub fn all(sources: &[Source]) -> Vec<Self> {
        sources.iter().map(Self::of).collect()
    }

    /// `src/shard/home/mod.rs` is `["shard", "home"]`.
    pub fn module(&self) -> Vec<&str> {
        let inside = self.path.trim_start_matches("src/").trim_end_matches(".rs");
        let inside = inside.trim_end_matches("/mod");
        inside.split('/').collect()
    }
}

impl Call {
    /// The name that is called, if it has one.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Method(_, name) => Some(name),
            Self::Path(path) => path.last().map(String::as_str),
            Self::Value => None,
        }
    }
}
