//! The start: command line, config file and standard input become a `Config`.
//!
//! As in redis-server all three are one text: the file, then standard input, then one line per
//! `--directive`, so later ones override. Errors have Redis's shape and name the line. Owned by
//! main, used once; reads files only through `Source`, and neither prints nor exits.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use super::command_line::{self, CommandLine};
use super::directive::{Directive, How, WORDS};
use super::effect::{Verdict, WAY_OUT};
use super::files::{Disk, Source, expand, is_pattern};
use super::table::{NO_MODULES, NO_USERS};
use super::{Config, find, line, rows};
use crate::limits::INCLUDE_DEPTH_MAX;

/// What the command line asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Start the server.
    Serve,
    /// Print `usage::version` and exit.
    Version,
    /// Print `usage::usage` and exit.
    Help,
    /// Look for what makes the server slow on this machine, print it and exit.
    CheckSystem,
    /// Verify the files in a directory and exit.
    Check(PathBuf),
    /// Print which shard would run where, on this machine or one of hwloc's synthetic ones, and
    /// exit.
    ShowPlacement(Option<String>),
}

/// The outcome of a load.
#[derive(Debug, Clone)]
pub struct Loaded {
    pub config: Config,
    pub action: Action,
    /// One line each for the log: directives whose values have no effect.
    pub notes: Vec<String>,
    /// The absolute path of the config file, for CONFIG REWRITE and INFO.
    pub config_file: Option<PathBuf>,
    /// The words of each `user` line, without the directive's name.
    pub users: Vec<Vec<String>>,
    /// The words of each `loadmodule` line: path and arguments.
    pub modules: Vec<Vec<String>>,
    /// Settings of modules: `module.name` and the value.
    pub module_settings: Vec<(String, String)>,
    /// Old and new name of each `rename-command` line; an empty new name removes the command.
    pub renamed_commands: Vec<(String, String)>,
    /// Where each of them stands.
    renamed_at: Vec<Place>,
}

impl Loaded {
    /// The refusal of a `rename-command` line, by its number in `renamed_commands`; which commands
    /// there are is not known here.
    #[must_use]
    pub fn not_renamed(&self, line: usize, reason: &str) -> LoadError {
        LoadError(format!(
            "{}{}",
            head(),
            self.renamed_at[line].refuse(reason)
        ))
    }
}

/// Why the start must fail: the whole text for standard error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadError(String);

impl LoadError {
    /// A fault of the configuration that no line shows by itself.
    #[must_use]
    pub fn without_line(reason: &str) -> Self {
        Self(format!("{}{reason}\n", head()))
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for LoadError {}

/// Loads from the real file system; `args` come without the program's name.
///
/// # Errors
/// The first thing that is wrong, as text for standard error.
pub fn load(args: &[String]) -> Result<Loaded, LoadError> {
    load_with(&Disk, args)
}

/// The same from any source of files.
///
/// # Errors
/// The first thing that is wrong, as text for standard error.
pub fn load_with(source: &dyn Source, args: &[String]) -> Result<Loaded, LoadError> {
    let CommandLine {
        action,
        file,
        standard_input,
        options,
    } = command_line::parse(args);
    let mut loading = Loading::new(source, action);
    if matches!(
        loading.loaded.action,
        Action::Version | Action::Help | Action::CheckSystem
    ) {
        return Ok(loading.loaded);
    }
    let mut text = Vec::new();
    if let Some(file) = file {
        let path: PathBuf = source.current_directory().join(file).components().collect();
        text = read(source, &path)?;
        loading.loaded.config_file = Some(path);
    }
    if standard_input {
        let read = source.standard_input();
        text.extend(read.map_err(|error| {
            LoadError(format!("Fatal error, can't read standard input: {error}\n"))
        })?);
    }
    if !options.is_empty() {
        text.push(b'\n');
        text.extend_from_slice(options.as_bytes());
    }
    loading.text(&text, None, 0)?;
    loading.finish()
}

/// A config file's text alone, as a test or a fuzzer has it.
///
/// # Errors
/// The first thing that is wrong.
pub fn load_text(source: &dyn Source, text: &[u8]) -> Result<Loaded, LoadError> {
    let mut loading = Loading::new(source, Action::Serve);
    loading.text(text, None, 0)?;
    loading.finish()
}

fn read(source: &dyn Source, path: &Path) -> Result<Vec<u8>, LoadError> {
    source.read(path).map_err(|error| {
        let reason = error.to_string();
        let reason = reason.split(" (os error").next().unwrap_or_default();
        LoadError(format!(
            "Fatal error, can't open config file '{}': {reason}\n",
            path.display()
        ))
    })
}

struct Loading<'a> {
    source: &'a dyn Source,
    loaded: Loaded,
    /// Rows that a line has set, by name, each with its last line.
    seen: BTreeMap<&'static str, Place>,
    /// Lines outside the table that ask for what is not supported, and what that is.
    unsupported: Vec<(Place, &'static str)>,
}

/// A line of configuration, for errors.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    number: usize,
    text: String,
    /// The file, when it was included.
    file: Option<PathBuf>,
}

impl Place {
    fn refuse(&self, reason: &str) -> String {
        let Self { number, text, file } = self;
        let file = file
            .as_ref()
            .map(|path| format!(" of '{}'", path.display()))
            .unwrap_or_default();
        format!("Reading the configuration file, at line {number}{file}\n>>> '{text}'\n{reason}\n")
    }
}

/// Why a line is refused; a failed include already carries its own text.
enum Refusal {
    Line(String),
    Include(LoadError),
}

impl From<String> for Refusal {
    fn from(reason: String) -> Self {
        Self::Line(reason)
    }
}

impl From<&str> for Refusal {
    fn from(reason: &str) -> Self {
        Self::Line(reason.to_string())
    }
}

impl<'a> Loading<'a> {
    fn new(source: &'a dyn Source, action: Action) -> Self {
        let mut config = Config::default();
        config.settings.dir = source.current_directory().to_string_lossy().into_owned();
        let loaded = Loaded {
            config,
            action,
            notes: Vec::new(),
            config_file: None,
            users: Vec::new(),
            modules: Vec::new(),
            module_settings: Vec::new(),
            renamed_commands: Vec::new(),
            renamed_at: Vec::new(),
        };
        Self {
            source,
            loaded,
            seen: BTreeMap::new(),
            unsupported: Vec::new(),
        }
    }

    /// All lines of a text; `file` names it in errors when it was included.
    fn text(&mut self, text: &[u8], file: Option<&Path>, depth: usize) -> Result<(), LoadError> {
        for (index, text) in text.split(|byte| *byte == b'\n').enumerate() {
            let text = line::trim(text);
            if text.is_empty() || text[0] == b'#' {
                continue;
            }
            let place = Place {
                number: index + 1,
                text: String::from_utf8_lossy(text).into_owned(),
                file: file.map(Path::to_path_buf),
            };
            match self.line(text, &place, depth) {
                Ok(()) => {}
                Err(Refusal::Include(error)) => return Err(error),
                Err(Refusal::Line(reason)) => {
                    return Err(LoadError(format!("{}{}", head(), place.refuse(&reason))));
                }
            }
        }
        Ok(())
    }

    fn line(&mut self, text: &[u8], place: &Place, depth: usize) -> Result<(), Refusal> {
        let words = line::split(text).ok_or("Unbalanced quotes in configuration line")?;
        let words: Option<Vec<String>> = words
            .into_iter()
            .map(|word| String::from_utf8(word).ok())
            .collect();
        let words = words.ok_or("the line is not UTF-8 text")?;
        let Some((name, values)) = words.split_first() else {
            return Ok(());
        };
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        match find(name) {
            Some(row) => Ok(self.row(row, &values, place)?),
            None => self.outside_table(&name.to_ascii_lowercase(), &values, place, depth),
        }
    }

    fn row(
        &mut self,
        row: &'static Directive,
        values: &[&str],
        place: &Place,
    ) -> Result<(), String> {
        let how = match self.seen.insert(row.name, place.clone()) {
            None => How::Replace,
            Some(_) => How::Add,
        };
        let config = &mut self.loaded.config;
        match values {
            // One word may hold several, as in `--save "60 1"`.
            [word] if row.has(WORDS) && !word.is_empty() => {
                let words = line::split(word.as_bytes())
                    .ok_or("Unbalanced quotes in configuration line")?;
                let words: Vec<_> = words
                    .iter()
                    .map(|word| String::from_utf8_lossy(word))
                    .collect();
                row.set(
                    config,
                    &words.iter().map(AsRef::as_ref).collect::<Vec<_>>(),
                    how,
                )
            }
            [_] => row.set(config, values, how),
            _ if row.has(WORDS) => row.set(config, values, how),
            _ => Err("wrong number of arguments".to_string()),
        }
    }

    fn outside_table(
        &mut self,
        name: &str,
        values: &[&str],
        place: &Place,
        depth: usize,
    ) -> Result<(), Refusal> {
        let mut unsupported = |reason: &'static str| self.unsupported.push((place.clone(), reason));
        let owned = || values.iter().map(ToString::to_string).collect::<Vec<_>>();
        match (name, values) {
            // Directives that Redis itself only tolerates by now.
            (
                "list-max-ziplist-entries" | "list-max-ziplist-value" | "lua-replicate-commands",
                [_],
            )
            | ("sentinel", []) => {}
            ("include", [path]) => self.include(path, depth)?,
            ("rename-command", [from, to]) => {
                self.loaded.renamed_at.push(place.clone());
                self.loaded
                    .renamed_commands
                    .push(((*from).to_string(), (*to).to_string()));
            }
            ("user", [_, ..]) => {
                unsupported(NO_USERS);
                self.loaded.users.push(owned());
            }
            ("loadmodule", [_, ..]) => {
                unsupported(NO_MODULES);
                self.loaded.modules.push(owned());
            }
            ("sentinel", _) => return Err("sentinel directive while not in sentinel mode".into()),
            (name, []) if name.contains('.') => {
                return Err("Module config specified without value".into());
            }
            (name, values) if name.contains('.') => {
                unsupported(NO_MODULES);
                self.loaded
                    .module_settings
                    .push((name.to_string(), values.join(" ")));
            }
            (name, _) => {
                let near = nearest(name)
                    .map(|near| format!("\nDid you mean '{near}'?"))
                    .unwrap_or_default();
                return Err(format!("Bad directive or wrong number of arguments{near}").into());
            }
        }
        Ok(())
    }

    fn include(&mut self, path: &str, depth: usize) -> Result<(), Refusal> {
        if depth >= INCLUDE_DEPTH_MAX {
            return Err(format!("include goes deeper than {INCLUDE_DEPTH_MAX} files").into());
        }
        let path = Path::new(&self.loaded.config.dir).join(path);
        let paths = match path.to_str() {
            Some(pattern) if is_pattern(pattern) => expand(self.source, pattern),
            _ => vec![path],
        };
        for path in paths {
            let text = read(self.source, &path).map_err(Refusal::Include)?;
            self.text(&text, Some(&path), depth + 1)
                .map_err(Refusal::Include)?;
        }
        Ok(())
    }

    /// Checks that need all lines, and the notes.
    fn finish(mut self) -> Result<Loaded, LoadError> {
        let config = &self.loaded.config;
        if config.replicaof.is_some()
            && config
                .text("cluster-enabled")
                .is_some_and(|value| value == "yes")
        {
            return Err(LoadError::without_line(
                "replicaof directive not allowed in cluster mode",
            ));
        }
        let refused = self.refused();
        if !refused.is_empty() && !config.ignore_unsupported {
            return Err(LoadError(format!("{}{}", head(), refused.concat())));
        }
        // Only the name: behind `user` stand passwords.
        let outside = self.unsupported.iter().map(|(place, reason)| {
            let name = place.text.split_whitespace().next().unwrap_or_default();
            format!("`{name}` has no effect: {reason}")
        });
        let notes = rows().filter_map(|row| row.note(config)).chain(outside);
        self.loaded.notes = notes.collect();
        self.loaded.notes.dedup();
        Ok(self.loaded)
    }

    /// The lines that ask for what is not supported and should not be relied on.
    fn refused(&self) -> Vec<String> {
        let config = &self.loaded.config;
        let refuse = |place: &Place, reason: &str| {
            place.refuse(&format!("This is not supported: {reason}; {WAY_OUT}"))
        };
        let rows = self.seen.iter().filter_map(|(name, place)| {
            let row = find(name).expect("only rows are kept as seen");
            match row.verdict(config) {
                Verdict::Unsafe(reason) => Some(refuse(place, reason)),
                Verdict::Works | Verdict::Nothing(_) => None,
            }
        });
        let outside = self.unsupported.iter();
        rows.chain(outside.map(|(place, reason)| refuse(place, reason)))
            .collect()
    }
}

fn head() -> String {
    format!(
        "\n*** FATAL CONFIG FILE ERROR (Cairn {}) ***\n",
        env!("CARGO_PKG_VERSION")
    )
}

/// The known name that is fewest edits away, if few enough to be a slip of the pen.
fn nearest(name: &str) -> Option<&'static str> {
    const OUTSIDE_TABLE: [&str; 4] = ["include", "user", "loadmodule", "rename-command"];
    let known = rows().flat_map(Directive::names).chain(OUTSIDE_TABLE);
    let most = (name.len() / 3).max(1);
    // Then it is the number of arguments that is wrong.
    if OUTSIDE_TABLE.contains(&name) {
        return None;
    }
    known
        .filter(|known| known.len().abs_diff(name.len()) <= most)
        .map(|known| (edits(name.as_bytes(), known.as_bytes()), known))
        .filter(|(distance, _)| *distance <= most)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}

/// Levenshtein distance, one row of the matrix at a time.
fn edits(from: &[u8], to: &[u8]) -> usize {
    let mut distances: Vec<usize> = (0..=to.len()).collect();
    for (row, left) in from.iter().enumerate() {
        let mut diagonal = row;
        distances[0] = row + 1;
        for (column, right) in to.iter().enumerate() {
            let replace = diagonal + usize::from(left != right);
            diagonal = distances[column + 1];
            distances[column + 1] = replace.min(diagonal + 1).min(distances[column] + 1);
        }
    }
    distances[to.len()]
}
