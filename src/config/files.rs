//! Where `load` reads files from, and the glob of `include`.
//!
//! `Source` is the disk for main and a map for tests and fuzzing. Nothing here interprets a file.

use std::io;
use std::path::{Component, Path, PathBuf};

use crate::resp::glob_match;

/// The files that a load may read.
pub trait Source {
    /// A whole file.
    ///
    /// # Errors
    /// Whatever the file system says.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;

    /// The names in a directory, in any order; empty when it cannot be read.
    fn names(&self, directory: &Path) -> Vec<String>;

    /// All of standard input.
    ///
    /// # Errors
    /// Whatever the system says.
    fn standard_input(&self) -> io::Result<Vec<u8>>;

    /// The directory against which relative paths are meant.
    fn current_directory(&self) -> PathBuf;
}

/// The real file system.
#[derive(Debug, Clone, Copy, Default)]
pub struct Disk;

#[allow(
    clippy::disallowed_methods,
    reason = "the config file is read before there is an `Io`"
)]
impl Source for Disk {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        std::fs::read(path)
    }

    fn names(&self, directory: &Path) -> Vec<String> {
        let directory = if directory.as_os_str().is_empty() {
            Path::new(".")
        } else {
            directory
        };
        let Ok(entries) = std::fs::read_dir(directory) else {
            return Vec::new();
        };
        entries
            .flatten()
            .filter_map(|entry| entry.file_name().into_string().ok())
            .collect()
    }

    fn standard_input(&self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        io::Read::read_to_end(&mut io::stdin(), &mut bytes)?;
        Ok(bytes)
    }

    fn current_directory(&self) -> PathBuf {
        std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/"))
    }
}

/// True when `include` means a pattern.
#[must_use]
pub(super) fn is_pattern(path: &str) -> bool {
    path.contains(['*', '?', '['])
}

/// The paths that fit a pattern, sorted; hidden files only where the pattern names the dot.
#[must_use]
pub(super) fn expand(source: &dyn Source, pattern: &str) -> Vec<PathBuf> {
    let mut found = vec![PathBuf::new()];
    for component in Path::new(pattern).components() {
        let name = component.as_os_str().to_string_lossy();
        let literal = !matches!(component, Component::Normal(_)) || !is_pattern(&name);
        found = found
            .into_iter()
            .flat_map(|base| {
                let names = if literal {
                    vec![name.to_string()]
                } else {
                    matching(source, &base, &name)
                };
                names.into_iter().map(move |name| base.join(name))
            })
            .collect();
    }
    found.retain(|path| {
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        source
            .names(path.parent().unwrap_or(Path::new("")))
            .iter()
            .any(|known| known == name)
    });
    found.sort();
    found
}

fn matching(source: &dyn Source, directory: &Path, pattern: &str) -> Vec<String> {
    let mut names = source.names(directory);
    names.retain(|name| {
        (!name.starts_with('.') || pattern.starts_with('.'))
            && glob_match(pattern.as_bytes(), name.as_bytes(), false)
    });
    names
}
