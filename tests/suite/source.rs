//! Fetches the source package that carries Redis's tests, with a private apt configuration.
//!
//! The system's own package lists and sources stay as they are: the Debian sources it has are read
//! and written again as `deb-src` into the cache directory. Runs once; a complete tree is kept.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The release whose tests we run.
const VERSION: &str = "7.0.15";

/// The unpacked and patched source tree, downloaded on first use.
pub fn redis_tree(scratch: &Path) -> Result<PathBuf, String> {
    let directory = scratch.join("apt");
    let packages = directory.join("packages");
    let tree = packages.join(format!("redis-{VERSION}"));
    let complete = directory.join("complete");
    if complete.exists() && tree.join("runtest").exists() {
        return Ok(tree);
    }
    // A half unpacked tree from an interrupted run would be taken for a whole one.
    let _ = fs::remove_dir_all(&directory);
    let make = |path: PathBuf| fs::create_dir_all(&path).map_err(|error| error.to_string());
    make(packages.clone())?;
    make(directory.join("sources.list.d"))?;
    make(directory.join("lists/partial"))?;
    make(directory.join("cache/archives/partial"))?;
    write(&directory.join("apt.conf"), &configuration(&directory))?;
    write(
        &directory.join("sources.list.d/source.sources"),
        &stanzas()?,
    )?;

    println!("suite: fetching the source package of Redis {VERSION}");
    // A mirror that lacks one of the suites makes this fail; what counts is the next step.
    let _ = apt(&directory, &packages, &["update", "-q"]);
    apt(&directory, &packages, &["source", "-q", "redis"])?;
    if !tree.join("runtest").exists() {
        return Err(format!(
            "apt's source package of redis is not {VERSION}: Debian 12 is needed"
        ));
    }
    write(&complete, "")?;
    Ok(tree)
}

fn configuration(directory: &Path) -> String {
    let directory = directory.display();
    format!(
        "Dir::Etc::sourcelist \"/dev/null\";\n\
         Dir::Etc::sourceparts \"{directory}/sources.list.d\";\n\
         Dir::State::Lists \"{directory}/lists\";\n\
         Dir::Cache \"{directory}/cache\";\n\
         APT::Sandbox::User \"root\";\n"
    )
}

/// The system's Debian sources as `deb-src` stanzas; other vendors' sources are left out.
fn stanzas() -> Result<String, String> {
    let mut text = String::new();
    let mut files = vec![PathBuf::from("/etc/apt/sources.list")];
    if let Ok(entries) = fs::read_dir("/etc/apt/sources.list.d") {
        files.extend(entries.flatten().map(|entry| entry.path()));
    }
    for file in files {
        let Ok(content) = fs::read_to_string(&file) else {
            continue;
        };
        match file.extension().and_then(|extension| extension.to_str()) {
            Some("sources") => text.push_str(&from_stanzas(&content)),
            Some("list") => text.push_str(&from_lines(&content)),
            _ => {}
        }
    }
    match text.is_empty() {
        true => Err("no Debian source in /etc/apt to fetch the test suite from".to_string()),
        false => Ok(text),
    }
}

/// Stanzas of a `.sources` file.
fn from_stanzas(content: &str) -> String {
    let mut text = String::new();
    for stanza in content.split("\n\n") {
        let lines: Vec<&str> = stanza
            .lines()
            .filter(|line| !line.starts_with('#'))
            .collect();
        let field = |name: &str| lines.iter().find(|line| line.starts_with(name));
        let binary = field("Types:").is_some_and(|line| line.split(' ').any(|word| word == "deb"));
        let debian = field("URIs:").is_some_and(|line| line.contains("debian"));
        if !binary || !debian || field("Enabled: no").is_some() {
            continue;
        }
        for line in &lines {
            text.push_str(if line.starts_with("Types:") {
                "Types: deb-src"
            } else {
                line
            });
            text.push('\n');
        }
        text.push('\n');
    }
    text
}

/// Lines `deb [options] uri suite component...` of a `.list` file, as stanzas.
fn from_lines(content: &str) -> String {
    let mut text = String::new();
    for line in content.lines() {
        let Some(rest) = line.trim().strip_prefix("deb ") else {
            continue;
        };
        let (options, rest) = match rest
            .trim()
            .strip_prefix('[')
            .and_then(|rest| rest.split_once(']'))
        {
            Some((options, rest)) => (options, rest),
            None => ("", rest),
        };
        let words: Vec<&str> = rest.split_whitespace().collect();
        let [uri, suite, components @ ..] = words.as_slice() else {
            continue;
        };
        if !uri.contains("debian") {
            continue;
        }
        let components = components.join(" ");
        for (field, value) in [
            ("Types", "deb-src"),
            ("URIs", uri),
            ("Suites", suite),
            ("Components", &components),
        ] {
            text.extend([field, ": ", value, "\n"]);
        }
        for option in options.split_whitespace() {
            if let Some(key) = option.strip_prefix("signed-by=") {
                text.extend(["Signed-By: ", key, "\n"]);
            }
        }
        text.push('\n');
    }
    text
}

fn apt(directory: &Path, at: &Path, arguments: &[&str]) -> Result<(), String> {
    let output = Command::new("apt-get")
        .args(arguments)
        .env("APT_CONFIG", directory.join("apt.conf"))
        .current_dir(at)
        .output()
        .map_err(|error| format!("apt-get: {error}"))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(format!(
            "apt-get {}: {}\n{}{}",
            arguments.join(" "),
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        )),
    }
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}
