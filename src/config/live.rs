//! CONFIG GET and CONFIG SET on a `Config`.
//!
//! SET is all or nothing: every pair is checked and stored on a copy, then the caller's `apply`
//! acts (listening on a new port, changing the directory), and only then the copy takes the place
//! of the original. Error texts are Redis's, code included, without the leading `-`.

use super::directive::{
    AT_START, DENY_LOADING, Directive, HIDDEN, How, IMMUTABLE, PROTECTED, WORDS,
};
use super::effect::{Verdict, WAY_OUT};
use super::{Config, find, rows};
use crate::resp::glob_match;

/// Who asks for a change, and when.
#[derive(Debug, Clone, Copy, Default)]
pub struct Origin {
    /// The client came over loopback or a unix socket.
    pub local: bool,
    /// The data set is being loaded.
    pub loading: bool,
}

/// The name that a client gave, the row, and the new value.
type Change<'a> = (&'a str, &'static Directive, &'a str);

impl Config {
    /// The directives that fit the patterns, each name once; aliases count as names of their own.
    #[must_use]
    pub fn get(&self, patterns: &[&[u8]]) -> Vec<(String, String)> {
        let mut found: Vec<(String, String)> = Vec::new();
        let mut add = |name: &str, row: &Directive| {
            if !found
                .iter()
                .any(|(known, _)| known.eq_ignore_ascii_case(name))
            {
                found.push((name.to_string(), row.print(self)));
            }
        };
        for pattern in patterns {
            if !pattern
                .iter()
                .any(|byte| matches!(byte, b'[' | b'*' | b'?'))
            {
                // A plain name also finds hidden rows and is echoed as it was written.
                if let Ok(name) = std::str::from_utf8(pattern)
                    && let Some(row) = find(name)
                {
                    add(name, row);
                }
                continue;
            }
            for row in rows().filter(|row| !row.has(HIDDEN)) {
                row.names()
                    .filter(|name| glob_match(pattern, name.as_bytes(), true))
                    .for_each(|name| add(name, row));
            }
        }
        found
    }

    /// CONFIG SET for a remote client, with nothing to apply; see `set_as`.
    ///
    /// # Errors
    /// The error reply's text; nothing has changed then.
    pub fn set(&mut self, pairs: &[(&[u8], &[u8])]) -> Result<Vec<&'static str>, String> {
        self.set_as(Origin::default(), pairs, &mut |_, _| Ok(()))
    }

    /// CONFIG SET: returns the names of the rows whose value has changed.
    ///
    /// `apply` is called once per changed row with the whole new configuration, before it takes
    /// effect; its error is the reason that the client reads. A caller that had applied earlier
    /// rows of the same call by then undoes them itself.
    ///
    /// # Errors
    /// The error reply's text; `self` is unchanged then.
    pub fn set_as(
        &mut self,
        origin: Origin,
        pairs: &[(&[u8], &[u8])],
        apply: &mut dyn FnMut(&'static str, &Config) -> Result<(), String>,
    ) -> Result<Vec<&'static str>, String> {
        let changes = self.permitted(origin, pairs)?;
        let mut next = self.clone();
        for (name, row, value) in &changes {
            let words: Vec<&str> = match value {
                &"" if row.has(WORDS) => Vec::new(),
                value if row.has(WORDS) => value.split(' ').collect(),
                value => vec![value],
            };
            row.set(&mut next, &words, How::Replace)
                .map_err(|reason| failed(&name.to_ascii_lowercase(), &reason))?;
        }
        let mut changed = Vec::new();
        for (name, row, _) in &changes {
            if row.print(self) != row.print(&next) {
                supported(row, &next)
                    .map_err(|reason| failed(&name.to_ascii_lowercase(), &reason))?;
                apply(row.name, &next)
                    .map_err(|reason| failed(&name.to_ascii_lowercase(), &reason))?;
                changed.push(row.name);
            }
        }
        *self = next;
        Ok(changed)
    }

    /// The rows of the pairs, if this client may set all of them now.
    fn permitted<'a>(
        &self,
        origin: Origin,
        pairs: &[(&'a [u8], &'a [u8])],
    ) -> Result<Vec<Change<'a>>, String> {
        let mut changes: Vec<Change<'a>> = Vec::new();
        for (name, value) in pairs {
            let known = std::str::from_utf8(name)
                .ok()
                .and_then(|name| Some((name, find(name)?)));
            let Some((name, row)) = known else {
                let name = String::from_utf8_lossy(name);
                return Err(format!(
                    "ERR Unknown option or number of arguments for CONFIG SET - '{name}'"
                ));
            };
            let value = std::str::from_utf8(value)
                .map_err(|_| failed(name, "argument must be UTF-8 text"))?;
            if row.has(IMMUTABLE) || (row.has(AT_START) && row.print(self) != value) {
                return Err(failed(name, "can't set immutable config"));
            }
            if row.has(PROTECTED) && !self.enable_protected_configs.allows(origin.local) {
                return Err(failed(name, "can't set protected config"));
            }
            if row.has(DENY_LOADING) && origin.loading {
                return Err("LOADING Redis is loading the dataset in memory".to_string());
            }
            // A name and its alias may stand side by side, as in Redis; the last one wins.
            if changes
                .iter()
                .any(|(other, _, _)| other.eq_ignore_ascii_case(name))
            {
                return Err(failed(name, "duplicate parameter"));
            }
            changes.push((name, row, value));
        }
        Ok(changes)
    }
}

/// Refuses what should not be relied on.
fn supported(row: &Directive, next: &Config) -> Result<(), String> {
    match row.verdict(next) {
        Verdict::Unsafe(reason) if !next.ignore_unsupported => {
            Err(format!("this is not supported: {reason}; {WAY_OUT}"))
        }
        Verdict::Works | Verdict::Nothing(_) | Verdict::Unsafe(_) => Ok(()),
    }
}

fn failed(name: &str, reason: &str) -> String {
    format!("ERR CONFIG SET failed (possibly related to argument '{name}') - {reason}")
}
