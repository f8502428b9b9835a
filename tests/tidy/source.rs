//! A source file, read lightly: what is code, what is comment, what is test.
//!
//! No full parser: comments and the insides of literals are blanked, so that a search for words and
//! braces finds code only. Positions and line numbers stay those of the file.

use std::fs;
use std::path::Path;

/// Directories that hold nothing of ours.
const LEFT_OUT: [&str; 3] = ["target", ".git", ".cache"];

/// One file of Rust.
#[derive(Clone)]
pub struct Source {
    /// Relative to the repository, with `/`.
    pub path: String,
    pub text: String,
    /// The text with comments and literals' insides replaced by blanks.
    pub code: String,
    /// As `code`, and test modules blanked too.
    pub shipped: String,
}

impl Source {
    pub fn new(path: &str, text: &str) -> Self {
        let code = blank_literals(text);
        let shipped = blank_tests(&code);
        Self {
            path: path.to_string(),
            text: text.to_string(),
            code,
            shipped,
        }
    }

    /// All `.rs` files under `root/directory`; files of modules declared `#[cfg(test)]` have no
    /// shipped code.
    pub fn read_tree(root: &Path, directory: &str) -> Vec<Self> {
        let mut sources = Vec::new();
        walk(&root.join(directory), &mut |path, name| {
            if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(path).unwrap_or_default();
                sources.push(Self::new(&format!("{directory}/{name}"), &text));
            }
        });
        sources.sort_by(|left, right| left.path.cmp(&right.path));
        let test_files: Vec<String> = sources.iter().flat_map(Self::test_modules).collect();
        for source in &mut sources {
            let stem = source.path.trim_end_matches(".rs").trim_end_matches("/mod");
            let test = |module: &String| {
                stem == module
                    || stem
                        .strip_prefix(module.as_str())
                        .is_some_and(|rest| rest.starts_with('/'))
            };
            // A test file's own modules are called so.
            if stem.ends_with("_tests") || test_files.iter().any(test) {
                source.shipped = blank(&source.code);
            }
        }
        sources
    }

    /// Lines that hold shipped code: no comment, no blank, no test.
    pub fn code_lines(&self) -> usize {
        self.shipped
            .lines()
            .filter(|line| !line.trim().is_empty())
            .count()
    }

    /// The directory of the file's own submodules, as a path without `.rs`.
    fn submodules(&self) -> String {
        let stem = self.path.trim_end_matches(".rs");
        let stem = stem
            .strip_suffix("/mod")
            .or(stem.strip_suffix("/lib"))
            .unwrap_or(stem);
        stem.to_string()
    }

    /// Paths without `.rs` of the modules declared here as `#[cfg(test)] mod name;`, or with a
    /// `#[path]` between.
    fn test_modules(&self) -> Vec<String> {
        let mut modules = Vec::new();
        for (at, attribute) in self.code.match_indices("#[cfg(test)]") {
            let rest = self.code[at + attribute.len()..].trim_start();
            let visible = ["pub(crate) ", "pub(super) ", "pub "];
            let visible = visible.iter().find_map(|public| rest.strip_prefix(public));
            let visible = visible.unwrap_or(rest);
            if rest.starts_with("#[path = \"") {
                // Literals are blanked in the code, and stand in the text at the same place.
                let place = self.code.len() - rest.len() + "#[path = \"".len();
                let file = self.text[place..].split('"').next().unwrap_or_default();
                let directory = self.path.rsplit_once('/').map_or("", |(before, _)| before);
                modules.push(format!("{directory}/{}", file.trim_end_matches(".rs")));
                continue;
            }
            let declared = visible
                .strip_prefix("mod ")
                .and_then(|rest| rest.split_once([';', '{', '\n']));
            if let Some((name, after)) = declared
                && !visible[..visible.len() - after.len()].ends_with('{')
            {
                modules.push(format!("{}/{}", self.submodules(), name.trim()));
            }
        }
        modules
    }
}

/// The number, from 1, of the line that holds byte `at`.
pub fn line_number(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

/// Places where `word` stands as a whole word.
pub fn words<'a>(text: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let part = |character: char| character.is_alphanumeric() || character == '_';
    text.match_indices(word)
        .map(|(at, _)| at)
        .filter(move |&at| {
            !text[..at].ends_with(part) && !text[at + word.len()..].starts_with(part)
        })
}

/// Where the brace that is open at `start` (the byte of `{`) closes: the byte of `}`.
pub fn closing_brace(code: &str, start: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, byte) in code.bytes().enumerate().skip(start) {
        match byte {
            b'{' => depth += 1,
            b'}' if depth == 1 => return Some(at),
            b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    None
}

/// Calls `visit` with each file's path and its name relative to `directory`.
pub fn walk(directory: &Path, visit: &mut dyn FnMut(&Path, &str)) {
    walk_below(directory, "", visit);
}

fn walk_below(directory: &Path, prefix: &str, visit: &mut dyn FnMut(&Path, &str)) {
    let Ok(entries) = fs::read_dir(directory) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if LEFT_OUT.contains(&name.as_str()) {
            continue;
        }
        let path = entry.path();
        let full = format!("{prefix}{name}");
        // A link may lead out of the repository, or in circles.
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => walk_below(&path, &format!("{full}/"), visit),
            Ok(kind) if kind.is_file() => visit(&path, &full),
            _ => {}
        }
    }
}

/// All characters but line ends become blanks.
fn blank(text: &str) -> String {
    text.bytes()
        .map(|byte| if byte == b'\n' { '\n' } else { ' ' })
        .collect()
}

/// Blanks comments and the insides of string and character literals, byte for byte.
fn blank_literals(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut code = String::with_capacity(text.len());
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let end = at + literal_len(rest, at.checked_sub(1).map(|before| bytes[before]));
        if end == at {
            code.push(if bytes[at].is_ascii() {
                char::from(bytes[at])
            } else {
                ' '
            });
            at += 1;
        } else {
            let quotes = rest[0] == b'"' || rest[0] == b'\'';
            for (index, byte) in bytes.iter().enumerate().take(end).skip(at) {
                let edge = quotes && (index == at || index + 1 == end);
                code.push(if edge || *byte == b'\n' {
                    char::from(*byte)
                } else {
                    ' '
                });
            }
            at = end;
        }
    }
    code
}

/// The length of the comment or literal that begins here; 0 for code.
fn literal_len(rest: &[u8], before: Option<u8>) -> usize {
    let word = before.is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    match rest {
        [b'/', b'/', ..] => rest
            .iter()
            .position(|byte| *byte == b'\n')
            .unwrap_or(rest.len()),
        [b'/', b'*', ..] => block_comment_len(rest),
        [b'"', ..] => quoted_len(rest),
        [b'r' | b'b', b'r' | b'#' | b'"', ..] if !word => raw_len(rest),
        [b'\'', b'\\', ..] => {
            let close = rest.iter().skip(3).position(|byte| *byte == b'\'');
            close.map_or(rest.len(), |close| close + 4)
        }
        [b'\'', ..] => {
            // A character is closed right after; a lifetime is not.
            let text = std::str::from_utf8(&rest[1..rest.len().min(6)]);
            let text = text.unwrap_or_else(|error| {
                std::str::from_utf8(&rest[1..=error.valid_up_to()]).unwrap_or_default()
            });
            let len = text.chars().next().map_or(0, char::len_utf8);
            if len > 0 && rest.get(1 + len) == Some(&b'\'') {
                len + 2
            } else {
                0
            }
        }
        _ => 0,
    }
}

fn block_comment_len(rest: &[u8]) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < rest.len() {
        match rest[at..] {
            [b'/', b'*', ..] => {
                depth += 1;
                at += 2;
            }
            [b'*', b'/', ..] => {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    return at;
                }
            }
            _ => at += 1,
        }
    }
    rest.len()
}

fn quoted_len(rest: &[u8]) -> usize {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

/// `r"..."`, `r#"..."#`, `br"..."`; 0 when the letters begin something else.
fn raw_len(rest: &[u8]) -> usize {
    let letters = rest
        .iter()
        .take(2)
        .take_while(|byte| matches!(byte, b'r' | b'b'))
        .count();
    if !rest[..letters].contains(&b'r') {
        return 0;
    }
    let hashes = rest[letters..]
        .iter()
        .take_while(|byte| **byte == b'#')
        .count();
    if rest.get(letters + hashes) != Some(&b'"') {
        return 0;
    }
    let close: Vec<u8> = [b"\"".to_vec(), vec![b'#'; hashes]].concat();
    let start = letters + hashes + 1;
    let found = rest[start..]
        .windows(close.len())
        .position(|window| window == close);
    found.map_or(rest.len(), |found| start + found + close.len())
}

/// Blanks inline modules that are declared `#[cfg(test)]`.
fn blank_tests(code: &str) -> String {
    let mut shipped = code.to_string();
    for (at, attribute) in code.match_indices("#[cfg(test)]") {
        let after = at + attribute.len();
        let Some(open) = code[after..].find(['{', ';']).map(|offset| after + offset) else {
            continue;
        };
        let end = match code.as_bytes()[open] {
            b'{' => closing_brace(code, open).unwrap_or(code.len() - 1),
            _ => open,
        };
        shipped.replace_range(at..=end, &blank(&code[at..=end]));
    }
    shipped
}
