//! The import table: which module of `src/` may see which. It stands in ARCHITECTURE.md and is read
//! there.
//!
//! Reads `crate::name`, `crate::{...}` and `super::` paths that reach the crate's root. Unit tests
//! are free. Every module may import `limits`.

use super::source::{Source, closing_brace, line_number, words};

/// The table: a module and what it may import besides itself, `None` for everything.
pub struct Layers {
    rows: Vec<(String, Option<Vec<String>>)>,
}

/// The heading of the section that holds the table.
const HEADING: &str = "Who may see whom";

impl Layers {
    /// The table of a page; what cannot be understood is a complaint.
    pub fn read(page: &str) -> Result<Self, String> {
        let section = page
            .split("\n## ")
            .find(|section| section.starts_with(HEADING));
        let section = section.ok_or(format!("no section `{HEADING}`"))?;
        let lines = section.lines().filter(|line| line.starts_with('|'));
        let mut layers = Self { rows: Vec::new() };
        // The first two lines are the head.
        for line in lines.skip(2) {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            let [_, modules, imports, ..] = cells[..] else {
                return Err(format!("not a row: {line}"));
            };
            let allowed = layers.allowed(imports)?;
            for module in modules.split(", ") {
                layers.rows.push((module.to_string(), allowed.clone()));
            }
        }
        match layers.rows.is_empty() {
            true => Err(format!("no table under `{HEADING}`")),
            false => Ok(layers),
        }
    }

    /// What a cell allows: `nothing`, `everything`, `all above`, or names of rows above.
    fn allowed(&self, cell: &str) -> Result<Option<Vec<String>>, String> {
        let above = || self.rows.iter().map(|(name, _)| name.clone());
        match cell {
            "nothing" => Ok(Some(Vec::new())),
            "everything" => Ok(None),
            "all above" => Ok(Some(above().collect())),
            names => {
                let names: Vec<String> = names.split(", ").map(ToString::to_string).collect();
                match names
                    .iter()
                    .find(|name| !above().any(|known| known == **name))
                {
                    Some(name) => Err(format!("`{name}` is no row above it")),
                    None => Ok(Some(names)),
                }
            }
        }
    }

    /// Rows about modules that are not there.
    pub fn without_module(&self, sources: &[Source]) -> Vec<String> {
        let there = |name: &str| sources.iter().any(|source| module_of(&source.path) == name);
        let rows = self.rows.iter().filter(|(name, _)| !there(name));
        rows.map(|(name, _)| format!("ARCHITECTURE.md: there is no module `{name}`"))
            .collect()
    }
}

/// Everyone's imports that the table does not allow.
pub fn imports(layers: &Layers, sources: &[Source]) -> Vec<String> {
    let mut complaints = Vec::new();
    for source in sources {
        let (module, path) = (module_of(&source.path), &source.path);
        let Some((_, allowed)) = layers.rows.iter().find(|(name, _)| name == module) else {
            complaints.push(format!("{path}: module `{module}` is not in the table"));
            continue;
        };
        let Some(allowed) = allowed else {
            continue;
        };
        for (at, name) in imported(source) {
            if name != module && name != "limits" && !allowed.contains(&name) {
                let line = line_number(&source.shipped, at);
                complaints.push(format!("{path}: line {line}: {module} must not see {name}"));
            }
        }
    }
    complaints
}

/// The top-level module of a file.
fn module_of(path: &str) -> &str {
    let inside = path.strip_prefix("src/").unwrap_or(path);
    let first = inside.split('/').next().unwrap_or(inside);
    first.trim_end_matches(".rs")
}

/// How many modules lie between a file and the crate's root: 1 for `src/store/mod.rs`.
fn depth_of(path: &str) -> usize {
    let inside = path.trim_start_matches("src/").trim_end_matches(".rs");
    inside.trim_end_matches("/mod").split('/').count()
}

/// Top-level modules that the file names, each with its place.
fn imported(source: &Source) -> Vec<(usize, String)> {
    let code = &source.shipped;
    let mut found = Vec::new();
    for at in words(code, "crate") {
        if let Some(rest) = code[at + "crate".len()..].strip_prefix("::") {
            let names = first_names(rest);
            found.extend(names.into_iter().map(|name| (at, name)));
        }
    }
    let depth = depth_of(&source.path);
    for at in words(code, "super") {
        // Only the first `super` of a path begins it.
        if code[..at].ends_with("super::") {
            continue;
        }
        let mut rest = &code[at..];
        let mut climbed = 0;
        while let Some(after) = rest.strip_prefix("super::") {
            rest = after;
            climbed += 1;
        }
        if climbed == depth {
            found.extend(first_names(rest).into_iter().map(|name| (at, name)));
        }
    }
    found
}

/// The first names of a path: one, or several for a group in braces. Types at the root are skipped.
fn first_names(rest: &str) -> Vec<String> {
    let group = match rest.starts_with('{') {
        true => &rest[1..closing_brace(rest, 0).unwrap_or(rest.len())],
        false => rest,
    };
    let mut names = Vec::new();
    let mut depth = 0_usize;
    let mut name = String::new();
    let mut taking = true;
    for character in group.chars() {
        match character {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            ',' if depth == 0 && rest.starts_with('{') => {
                names.push(std::mem::take(&mut name));
                taking = true;
            }
            _ if character.is_alphanumeric() || character == '_' => {
                if taking {
                    name.push(character);
                }
            }
            _ if name.is_empty() => {}
            _ => taking = false,
        }
        if !taking && !rest.starts_with('{') {
            break;
        }
    }
    names.push(name);
    names.retain(|name| name.starts_with(char::is_lowercase));
    names
}
