//! Error replies: the client's fault or a limit.
//!
//! An `Error` is the text after the `-`, code first, exactly as Redis words it, because clients
//! match on it. It never stands for a bug (that is `assert!`) nor for the environment (that is
//! `base::fatal`).

use std::borrow::Cow;
use std::fmt;

/// The text of an error reply, without the leading `-` and the line end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error(Cow<'static, str>);

impl Error {
    pub const SYNTAX: Error = Error::new("ERR syntax error");
    pub const WRONG_TYPE: Error =
        Error::new("WRONGTYPE Operation against a key holding the wrong kind of value");
    pub const NOT_INTEGER: Error = Error::new("ERR value is not an integer or out of range");
    pub const NOT_I32: Error =
        Error::new("ERR value is out of range, value must between -2147483648 and 2147483647");
    pub const NOT_FLOAT: Error = Error::new("ERR value is not a valid float");
    pub const OUT_OF_RANGE: Error = Error::new("ERR index out of range");
    pub const NO_SUCH_KEY: Error = Error::new("ERR no such key");
    pub const SAME_OBJECT: Error = Error::new("ERR source and destination objects are the same");
    pub const STRING_TOO_LONG: Error =
        Error::new("ERR string exceeds maximum allowed size (proto-max-bulk-len)");
    pub const OUT_OF_MEMORY: Error =
        Error::new("OOM command not allowed when used memory > 'maxmemory'.");

    /// A fixed text.
    #[must_use]
    pub const fn new(text: &'static str) -> Self {
        Self(Cow::Borrowed(text))
    }

    /// `ERR wrong number of arguments for 'name' command`; subcommands are named `container|sub`.
    #[must_use]
    pub fn arity(name: &str) -> Self {
        Self::from(format!(
            "ERR wrong number of arguments for '{name}' command"
        ))
    }

    /// The text, code first.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0
    }

    /// The code that `errorstats` counts by: the first word.
    #[must_use]
    pub fn code(&self) -> &str {
        self.0.split(' ').next().unwrap_or("ERR")
    }

    /// The code of an encoded reply, if that is an error.
    #[must_use]
    pub fn code_of(reply: &[u8]) -> Option<&str> {
        let text = reply.strip_prefix(b"-")?;
        let code = text.split(|byte| matches!(byte, b' ' | b'\r')).next()?;
        std::str::from_utf8(code).ok()
    }
}

impl From<String> for Error {
    fn from(text: String) -> Self {
        Self(Cow::Owned(text))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}
