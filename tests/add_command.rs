//! "How to add a command", followed to the letter: the page's blocks, and nothing else, make a
//! command.
//!
//! The repository is copied, each block goes where the page says, and the copy must build, serve
//! the transcript that the page adds, and keep the rules of the house. A target of its own, since
//! it builds the server once more: `cargo test --test add_command`.

#![allow(
    clippy::disallowed_methods,
    reason = "copies the tree and runs the build"
)]

mod harness;
#[path = "wire/transcript.rs"]
#[allow(dead_code, reason = "another binary plays many of them")]
mod transcript;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use harness::server::Server;
use transcript::{Pace, Transcript};

/// Where the page is, and the section of it that is followed.
const PAGE: &str = "src/ARCHITECTURE.md";
const HEADING: &str = "## How to add a command";
/// Directories that are no part of the repository.
const LEFT_OUT: [&str; 3] = ["target", ".git", ".cache"];
/// A reply of the transcript may take so long.
const REPLY_LIMIT: Duration = Duration::from_secs(10);

/// What the page adds: a block of text, and where it goes.
#[derive(Debug, PartialEq, Eq)]
struct Addition {
    path: String,
    /// Before the first line that is this; None makes the file.
    before: Option<String>,
    text: String,
}

/// The additions of a page: ``In `path`, before `line`:`` or ``In a new file `path`:``, each with a
/// fence.
fn additions(page: &str) -> Vec<Addition> {
    let section = page.split(HEADING).nth(1).unwrap_or_default();
    let section = section.split("\n## ").next().unwrap_or_default();
    let mut additions = Vec::new();
    let mut place: Option<(String, Option<String>)> = None;
    let mut lines = section.lines();
    while let Some(line) = lines.next() {
        if line.starts_with("In ") && line.ends_with(':') {
            let mut quoted = line.split('`').skip(1).step_by(2).map(str::to_string);
            let path = quoted.next().expect("a place names a file");
            place = Some((path, quoted.next()));
        } else if line.starts_with("```") {
            let text: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            if let Some((path, before)) = place.take() {
                let text = format!("{}\n", text.join("\n"));
                additions.push(Addition { path, before, text });
            }
        }
    }
    additions
}

/// Puts an addition into the tree.
fn apply(tree: &Path, addition: &Addition) -> Result<(), String> {
    let path = tree.join(&addition.path);
    let Some(anchor) = &addition.before else {
        assert!(!path.exists(), "{}: is not new", addition.path);
        return fs::write(&path, &addition.text).map_err(|error| error.to_string());
    };
    let old = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", addition.path))?;
    let mut new = String::new();
    let mut found = false;
    for line in old.lines() {
        if line == anchor && !found {
            found = true;
            new.push_str(&addition.text);
        }
        new.push_str(line);
        new.push('\n');
    }
    if !found {
        return Err(format!("{}: there is no line `{anchor}`", addition.path));
    }
    fs::write(&path, new).map_err(|error| error.to_string())
}

/// Copies the repository; files that have not changed keep their times, so that builds go on from
/// the last.
fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)?.flatten() {
        let name = entry.file_name();
        if LEFT_OUT.iter().any(|left| name == *left) {
            continue;
        }
        let (source, target) = (entry.path(), to.join(&name));
        let kind = entry.file_type()?;
        if kind.is_dir() {
            copy(&source, &target)?;
        } else if kind.is_file() {
            fs::copy(&source, &target)?;
            let modified = entry.metadata()?.modified()?;
            fs::File::options()
                .write(true)
                .open(&target)?
                .set_modified(modified)?;
        }
    }
    Ok(())
}

/// Runs cargo in the copy.
fn cargo(tree: &Path, arguments: &[&str]) -> Result<(), String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(arguments)
        .env("CARGO_NET_OFFLINE", "true")
        .env("CARGO_TARGET_DIR", tree.with_file_name("target"))
        .current_dir(tree)
        .output()
        .map_err(|error| error.to_string())?;
    match output.status.success() {
        true => Ok(()),
        false => Err(format!(
            "cargo {arguments:?}:\n{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        )),
    }
}

#[test]
fn the_page_adds_a_command() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join(PAGE)).expect("the page is there");
    let additions = additions(&page);
    let scratch: PathBuf = Path::new(env!("CARGO_TARGET_TMPDIR")).join("add-command");
    let tree = scratch.join("tree");
    if tree.exists() {
        fs::remove_dir_all(&tree).expect("the last copy can be removed");
    }
    copy(root, &tree).expect("the tree can be copied");
    let transcripts: Vec<&Addition> = additions
        .iter()
        .filter(|it| it.path.starts_with("tests/wire/"))
        .collect();
    let [transcript] = transcripts[..] else {
        panic!("the page adds one transcript: {additions:?}");
    };
    // The control: without the additions the transcript fails.
    let played = |binary: &Path| {
        let server = Server::start(binary, &["--save", "", "--shards", "2"], &scratch)?;
        Transcript::parse("the page's", &transcript.text)?.play(&server, Pace::Whole, REPLY_LIMIT)
    };
    let before = played(Path::new(env!("CARGO_BIN_EXE_cairn-server")));
    assert!(before.is_err_and(|reason| reason.contains("unknown command")));
    for addition in &additions {
        apply(&tree, addition).unwrap_or_else(|reason| panic!("{reason}"));
    }
    cargo(&tree, &["fmt", "--check"]).unwrap_or_else(|reason| panic!("{reason}"));
    cargo(&tree, &["build", "--locked"]).unwrap_or_else(|reason| panic!("{reason}"));
    played(&scratch.join("target/debug/cairn-server")).unwrap_or_else(|reason| panic!("{reason}"));
    cargo(&tree, &["test", "--locked", "--test", "tidy"])
        .unwrap_or_else(|reason| panic!("{reason}"));
}

#[test]
fn blocks_are_found() {
    let page = format!(
        "# A\n{HEADING}\n\nText:\n```\nnot a block\n```\nIn `src/a.rs`, before `];`:\n\n```rust\n    row,\n```\n\
         In a new file `tests/wire/a.txt`:\n```text\n> A\n\n< B\n```\n## Next\nIn `src/b.rs`, before `x`:\n```\nno\n```\n"
    );
    let addition = |path: &str, before: Option<&str>, text: &str| Addition {
        path: path.to_string(),
        before: before.map(str::to_string),
        text: text.to_string(),
    };
    let wanted = [
        addition("src/a.rs", Some("];"), "    row,\n"),
        addition("tests/wire/a.txt", None, "> A\n\n< B\n"),
    ];
    assert_eq!(additions(&page), wanted);
    assert!(additions("# A\n\n## Other\n").is_empty());
}
